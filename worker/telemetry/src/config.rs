//! Where spans go, as options and the variables that all of OpenTelemetry shares say it.

use std::time::Duration;

use clap::Args;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::resource::EnvResourceDetector;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::info;

use crate::export::{Exporting, Limits, Queue};
use crate::trace::{self, Tracer};

/// Samplers that the library knows; of another name it would say nothing and keep all.
const SAMPLERS: [&str; 6] = [
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
];
/// Path of traces below a collector's address.
const TRACES: &str = "v1/traces";

/// Where traces go.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Traces")]
pub struct TraceArgs {
    /// Address of an OpenTelemetry collector, http://HOST:4318, to send traces to by OTLP over HTTP; left out, that of
    /// OTEL_EXPORTER_OTLP_ENDPOINT, and without both there are none. The other OTEL_* variables count too.
    #[arg(long, env = "SPILLWAY_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<String>,
}

/// Why traces cannot be sent.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A variable that nobody can follow.
    #[error("{name}={value}: {must}")]
    Variable {
        /// Of the variable.
        name: &'static str,
        /// As it is.
        value: String,
        /// What it must be.
        must: String,
    },
    /// The address, or what goes with it.
    #[error("traces cannot be exported")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
    /// No thread to send them.
    #[error("traces have no thread")]
    Thread(#[source] std::io::Error),
}

// === impl TraceArgs ===

impl TraceArgs {
    /// Begins to export what `program` does, under the name `instance` that no other process has; none where nobody
    /// asks for it. From then on there is a [`crate::tracer`].
    ///
    /// # Errors
    /// When what is asked for cannot be done. That a collector does not answer is none: it may come later.
    pub fn start(
        &self,
        program: &'static str,
        instance: &str,
    ) -> Result<Option<Exporting>, StartError> {
        let Some(address) = self.address() else {
            return Ok(None);
        };
        check_sampler()?;
        let limits = limits()?;
        let resource = resource(program, instance);
        let mut exporter = SpanExporter::builder().with_http();
        if let Some(endpoint) = &self.otlp_endpoint {
            exporter = exporter.with_endpoint(of_traces(endpoint));
        }
        let exporter = exporter.build().map_err(StartError::Exporter)?;
        let (queue, exporting) =
            Queue::start(exporter, &resource, limits).map_err(StartError::Thread)?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_span_processor(queue)
            .build();
        trace::install(Tracer::new(provider.tracer(program)));
        // Without a name and a password that may stand in it.
        let address = address.rsplit_once('@').map_or(&*address, |(_, host)| host);
        info!(address, "traces are exported");
        Ok(Some(exporting))
    }

    /// Where they go, for people; none if nowhere.
    fn address(&self) -> Option<String> {
        let is_off = variable("OTEL_SDK_DISABLED")
            .is_some_and(|it| it.eq_ignore_ascii_case("true"))
            || variable("OTEL_TRACES_EXPORTER").is_some_and(|it| it == "none");
        let named = || {
            variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
                .or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT"))
        };
        let own = self.otlp_endpoint.clone().filter(|it| !it.is_empty());
        own.or_else(named).filter(|_| !is_off)
    }
}

fn of_traces(endpoint: &str) -> String {
    format!("{}/{TRACES}", endpoint.trim_end_matches('/'))
}

/// A variable; one that is empty counts as left out, as the specification says.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn check_sampler() -> Result<(), StartError> {
    let Some(sampler) = variable("OTEL_TRACES_SAMPLER") else {
        return Ok(());
    };
    if !SAMPLERS.contains(&sampler.as_str()) {
        return Err(StartError::Variable {
            name: "OTEL_TRACES_SAMPLER",
            value: sampler,
            must: format!("must be one of {}", SAMPLERS.join(", ")),
        });
    }
    let share = variable("OTEL_TRACES_SAMPLER_ARG").unwrap_or_default();
    let is_share = share
        .parse::<f64>()
        .is_ok_and(|share| (0.0..=1.0).contains(&share));
    if sampler.ends_with("traceidratio") && !is_share {
        return Err(StartError::Variable {
            name: "OTEL_TRACES_SAMPLER_ARG",
            value: share,
            must: "must be from 0 to 1 with this sampler".to_owned(),
        });
    }
    Ok(())
}

fn limits() -> Result<Limits, StartError> {
    let number = |name, default: u64, least: u64| {
        let Some(value) = variable(name) else {
            return Ok(default);
        };
        let number = value.parse().ok().filter(|number| *number >= least);
        number.ok_or_else(|| StartError::Variable {
            name,
            value,
            must: format!("must be a whole number of at least {least}"),
        })
    };
    let queue_max = number("OTEL_BSP_MAX_QUEUE_SIZE", 2_048, 1)?;
    let batch_max = number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, 1)?;
    Ok(Limits {
        queue_max: usize::try_from(queue_max).unwrap_or(usize::MAX >> 4),
        batch_max: usize::try_from(batch_max.min(queue_max)).unwrap_or(512),
        delay: Duration::from_millis(number("OTEL_BSP_SCHEDULE_DELAY", 5_000, 0)?),
        export_max: Duration::from_millis(number("OTEL_BSP_EXPORT_TIMEOUT", 30_000, 1)?),
    })
}

/// Who says it all: what the variables name stands above what we know.
fn resource(program: &'static str, instance: &str) -> Resource {
    let known = Resource::builder_empty()
        .with_service_name(program)
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance.to_owned()),
        ])
        .with_detector(Box::new(EnvResourceDetector::new()));
    match variable("OTEL_SERVICE_NAME") {
        Some(name) => known.with_service_name(name).build(),
        None => known.build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_traces_follows_any_address() {
        assert_eq!(of_traces("http://a:4318"), "http://a:4318/v1/traces");
        assert_eq!(of_traces("http://a:4318/x/"), "http://a:4318/x/v1/traces");
    }
}
