//! How commands reach Kafka beside its address: in the words that workers and gateways have.

use clap::Args;
use spillway_kafka::KafkaConfig;

/// Properties of librdkafka: encryption and login above all.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Kafka")]
pub(crate) struct KafkaArgs {
    /// Property of librdkafka, KEY=VALUE; may be repeated. For example security.protocol=sasl_ssl,
    /// sasl.mechanism=SCRAM-SHA-512, sasl.username, sasl.password, ssl.ca.location=FILE.
    #[arg(
        long,
        env = KAFKA_CONFIG,
        value_delimiter = ',',
        value_name = "KEY=VALUE",
        value_parser = property,
        hide_env_values = true
    )]
    kafka_config: Vec<(String, String)>,
}

/// The variable that workers have their properties from.
pub(crate) const KAFKA_CONFIG: &str = "SPILLWAY_KAFKA_CONFIG";

// === impl KafkaArgs ===

impl KafkaArgs {
    /// The cluster behind some of its brokers.
    pub(crate) fn reach(&self, brokers: &[String]) -> KafkaConfig {
        let config = KafkaConfig::new(brokers.join(","));
        let properties = self.kafka_config.iter();
        properties.fold(config, |config, (key, value)| config.with(key, value))
    }

    /// The properties as a worker's variable says them; none where there are none.
    pub(crate) fn variable(&self) -> Option<String> {
        let said = self.kafka_config.iter();
        let said: Vec<String> = said.map(|(key, value)| format!("{key}={value}")).collect();
        (!said.is_empty()).then(|| said.join(","))
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("must be KEY=VALUE".to_owned()),
    }
}
