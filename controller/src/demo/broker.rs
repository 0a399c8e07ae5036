//! The demo's Kafka: embedded, or one that is there.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use spillway_kafka::{Cluster, KafkaConfig, TopicSpec};
use spillway_wire::topics;

/// Three for each of eight workers, so that a worker with one more than another is not far behind it.
pub(super) const JOB_PARTITIONS: u32 = 24;
const RESULT_PARTITIONS: u32 = 4;
const ENSURE_DEADLINE: Duration = Duration::from_secs(30);

/// A broker with the demo's topics.
pub(super) struct Broker {
    pub(super) address: String,
    pub(super) is_embedded: bool,
    /// Lives as long as this.
    _embedded: Option<MockCluster<'static, DefaultProducerContext>>,
}

// === impl Broker ===

impl Broker {
    /// Starts the embedded broker, or prepares the one at `address`.
    ///
    /// # Errors
    /// When it cannot be had, or does not take the topics.
    pub(super) async fn ready(address: Option<String>, jobs: &str) -> anyhow::Result<Self> {
        let dead_letters = topics::dead_letters(jobs);
        let plain = [
            (jobs, JOB_PARTITIONS),
            (topics::RESULTS, RESULT_PARTITIONS),
            (dead_letters.as_str(), 1),
        ];
        let compacted = [(topics::WORKERS, 1), (topics::CONTROL, 1)];
        let Some(address) = address else {
            let cluster = MockCluster::new(1).context("cannot start the embedded Kafka")?;
            for (topic, partitions) in plain.into_iter().chain(compacted) {
                let partitions = i32::try_from(partitions)?;
                cluster
                    .create_topic(topic, partitions, 1)
                    .context("cannot make a topic")?;
            }
            let address = cluster.bootstrap_servers();
            return Ok(Self {
                address,
                is_embedded: true,
                _embedded: Some(cluster),
            });
        };
        let specs: Vec<TopicSpec> = plain
            .into_iter()
            .map(|(topic, partitions)| TopicSpec::new(topic, partitions))
            .chain(compacted.map(|(topic, partitions)| TopicSpec::compacted(topic, partitions)))
            .collect();
        let cluster: Arc<Cluster> = Cluster::new(KafkaConfig::new(address.clone()))?;
        cluster.ensure(&specs, ENSURE_DEADLINE).await?;
        Ok(Self {
            address,
            is_embedded: false,
            _embedded: None,
        })
    }
}
