//! A provider whose calls are counted, and told in the trace of the step that makes them.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use spillway_cloud::{CloudError, Finding, Instance, LaunchError, LaunchRequest, Provider};

use crate::metrics::Metrics;
use crate::run::{Providers, call, called};

struct Counted {
    inner: Arc<dyn Provider>,
    metrics: Arc<Metrics>,
}

/// The same providers, with their calls counted.
pub(crate) fn counted(providers: Providers, metrics: &Arc<Metrics>) -> Providers {
    let counted = providers.into_iter().map(|(pool, inner)| {
        let metrics = Arc::clone(metrics);
        let provider: Arc<dyn Provider> = Arc::new(Counted { inner, metrics });
        (pool, provider)
    });
    counted.collect()
}

impl Counted {
    fn count(&self, operation: &str, outcome: &str) {
        self.metrics.called(self.inner.name(), operation, outcome);
    }
}

impl Provider for Counted {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn account(&self) -> String {
        self.inner.account()
    }

    fn launch<'a>(
        &'a self,
        request: &'a LaunchRequest,
    ) -> BoxFuture<'a, Result<Instance, LaunchError>> {
        async move {
            let span = call("launch", self.inner.name());
            let launched = self.inner.launch(request).await;
            let outcome = match &launched {
                Ok(_) => "ok".to_owned(),
                Err(LaunchError::Unknown(_)) => "unknown".to_owned(),
                Err(LaunchError::NotLaunched { fault, .. }) => snake(&format!("{fault:?}")),
            };
            self.count("launch", &outcome);
            called(span, &outcome);
            launched
        }
        .boxed()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<Instance>, CloudError>> {
        async move {
            let span = call("list", self.inner.name());
            let listed = self.inner.list().await;
            let outcome = outcome(listed.as_ref().err());
            self.count("list", outcome);
            called(span, outcome);
            listed
        }
        .boxed()
    }

    fn examine(&self) -> BoxFuture<'_, Vec<Finding>> {
        self.inner.examine()
    }

    fn terminate<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), CloudError>> {
        async move {
            let span = call("terminate", self.inner.name());
            let ended = self.inner.terminate(id).await;
            let outcome = outcome(ended.as_ref().err());
            self.count("terminate", outcome);
            called(span, outcome);
            ended
        }
        .boxed()
    }
}

fn outcome(error: Option<&CloudError>) -> &'static str {
    match error {
        None => "ok",
        Some(CloudError::Unreachable(_)) => "unreachable",
        Some(CloudError::Throttled { .. }) => "throttled",
        Some(CloudError::Refused { .. }) => "refused",
    }
}

/// The variant's name alone, as labels are written: `NoCapacity` is `no_capacity`.
fn snake(debug: &str) -> String {
    let name = debug.split([' ', '(', '{']).next().unwrap_or_default();
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_words_of_labels() {
        assert_eq!(snake("NoCapacity"), "no_capacity");
        assert_eq!(snake("Invalid { why: \"x\" }"), "invalid");
    }
}
