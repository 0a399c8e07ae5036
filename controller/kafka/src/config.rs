//! How to reach a Kafka cluster.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext, Statistics,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{IsError, KafkaError, RDKafkaErrorCode},
};
use rdkafka_sys::RDKafkaConfRes;
use tracing::{debug, warn};

/// How the controller shows itself in the broker's logs and quotas.
const CLIENT_ID: &str = "spillway-controller";
/// How long a trouble explains what fails after it: librdkafka says it at each try to connect, a second apart at most.
const TROUBLE_AGE_MAX: Duration = Duration::from_secs(10);

/// Addresses and librdkafka properties of one Kafka cluster.
///
/// `Debug` shows the names of the properties and not their values: among them are passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct KafkaConfig {
    bootstrap_servers: String,
    properties: BTreeMap<String, String>,
}

/// Why a client could not be made: a person must change the configuration.
///
/// It never repeats a property's value, which may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The property does not exist, or its value is not one of it.
    #[error("librdkafka refuses the property {name}: {why}")]
    Property {
        /// The property's name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The properties do not go together, or name something that is not there (a certificate, a key).
    #[error("librdkafka makes no client of these properties: {why}")]
    Client {
        /// What librdkafka said.
        why: String,
    },
    /// A group or topic name that Kafka cannot have.
    #[error("{name:?} is no name for a {what}")]
    Name {
        /// `group` or `topic`.
        what: &'static str,
        /// What was given.
        name: String,
    },
    /// The operating system gave no thread.
    #[error("no thread for the client")]
    Thread(#[source] std::io::Error),
}

/// Sends what librdkafka logs to `tracing`, and keeps why no broker can be reached.
///
/// librdkafka tells that beside its answers, which are silence then: "no answer in time" is no help to somebody whose
/// password is wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Context {
    trouble: Arc<Mutex<Option<(Instant, String)>>>,
}

// === impl KafkaConfig ===

impl KafkaConfig {
    /// The cluster behind `bootstrap_servers`: `host:port`, several with commas.
    #[must_use]
    pub fn new(bootstrap_servers: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            properties: BTreeMap::new(),
        }
    }

    /// The same cluster with one more librdkafka property, as `security.protocol`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.properties.insert(name.into(), value.into());
        self
    }

    /// Where the cluster is.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// What every client of this crate starts from. What a client depends on it sets after this.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("client.id", CLIENT_ID)
            // Not the defaults of 10 s: a broker that was away is wanted back within a tick or two.
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.keepalive.enable", "true");
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
            .set("bootstrap.servers", &self.bootstrap_servers)
            .set_log_level(RDKafkaLogLevel::Warning);
        config
    }
}

impl fmt::Debug for KafkaConfig {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KafkaConfig")
            .field("bootstrap_servers", &self.bootstrap_servers)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .finish()
    }
}

// === impl ConfigError ===

impl From<KafkaError> for ConfigError {
    /// Keeps what can be shown: `KafkaError::ClientConfig` carries the property's value.
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::ClientConfig(result, _, name, _) => Self::Property {
                name,
                why: match result {
                    RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN => "it does not know it",
                    other if other.is_error() => "its value is not valid",
                    _ => "it gave no reason",
                },
            },
            KafkaError::ClientCreation(why) => Self::Client { why },
            other => Self::Client {
                why: other.to_string(),
            },
        }
    }
}

// === impl Context ===

impl Context {
    /// What a person can do something about, if it is why nothing is answered now.
    pub(crate) fn trouble(&self) -> Option<String> {
        // Changed as a whole: a panic leaves nothing half done.
        let kept = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, what) = kept.as_ref()?;
        (at.elapsed() < TROUBLE_AGE_MAX).then(|| what.clone())
    }
}

/// What to do about an error that librdkafka meets while it connects; none for those that pass by themselves.
fn advice(error: &KafkaError) -> Option<&'static str> {
    match error.rdkafka_error_code()? {
        RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed => Some(
            "the login was refused: look at sasl.mechanism, sasl.username and sasl.password in --kafka-config",
        ),
        RDKafkaErrorCode::SSL => Some(
            "no encrypted connection: look at security.protocol, ssl.ca.location and the name in the broker's certificate",
        ),
        RDKafkaErrorCode::Resolve => Some(
            "an address has no entry in DNS: look at bootstrapServers and advertised.listeners",
        ),
        RDKafkaErrorCode::UnsupportedFeature | RDKafkaErrorCode::UnsupportedSASLMechanism => Some(
            "the broker does not know this way to log in: look at security.protocol and sasl.mechanism",
        ),
        _ => None,
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        // Not error: whatever it is, librdkafka tries again, and no person is needed yet.
        match level {
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                debug!(kind = fac, reason = log_message, "librdkafka said");
            }
            _ => warn!(kind = fac, reason = log_message, "librdkafka complained"),
        }
    }

    fn stats(&self, _statistics: Statistics) {}

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(error = %error, reason, "librdkafka met an error");
        if let Some(advice) = advice(&error) {
            let what = format!("{advice} ({})", brief(reason));
            let mut kept = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = Some((Instant::now(), what));
        }
    }
}

impl ConsumerContext for Context {}

/// What librdkafka said, without its counts of repeats.
fn brief(reason: &str) -> &str {
    reason
        .split(" (after ")
        .next()
        .unwrap_or(reason)
        .trim_end_matches(|c: char| c == ':' || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_debug_nor_an_error_shows_a_secret() {
        let config = KafkaConfig::new("broker:9092").with("sasl.password", "hunter2");
        let shown = format!("{config:?}");
        assert!(shown.contains("sasl.password"), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");

        for name in ["security.protocol", "no.such.property"] {
            let error = config
                .clone()
                .with(name, "hunter2")
                .client()
                .create::<rdkafka::consumer::BaseConsumer>()
                .map(|_| ())
                .map_err(ConfigError::from)
                .unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(shown.contains(name), "{shown}");
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
