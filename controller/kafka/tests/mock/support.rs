//! A mock cluster and the clients that tests need around it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    mocking::MockCluster,
    producer::{DefaultProducerContext, FutureProducer, FutureRecord},
};
use spillway_core::{BacklogReading, Offsets};
use spillway_kafka::{Cluster, KafkaConfig};

/// Long enough for a machine whose cores are all busy; a passing test waits far shorter.
pub(crate) const SOON: Duration = Duration::from_secs(30);
/// Deadline of one look.
pub(crate) const LOOK: Duration = Duration::from_secs(5);

/// A mock cluster of its own.
pub(crate) struct Mock {
    pub(crate) brokers: MockCluster<'static, DefaultProducerContext>,
    pub(crate) cluster: Arc<Cluster>,
}

// === impl Mock ===

impl Mock {
    pub(crate) fn start(brokers: i32) -> Self {
        let brokers = MockCluster::new(brokers).unwrap();
        let config = KafkaConfig::new(brokers.bootstrap_servers());
        Self {
            cluster: Cluster::new(config).unwrap(),
            brokers,
        }
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers.bootstrap_servers());
        config
    }

    /// Writes `count` records to a partition.
    pub(crate) async fn produce(&self, topic: &str, partition: i32, count: usize) {
        let producer: FutureProducer = self.client().create().unwrap();
        for _ in 0..count {
            let record = FutureRecord::<str, str>::to(topic)
                .partition(partition)
                .payload("x");
            producer.send(record, SOON).await.unwrap();
        }
    }

    /// Writes one record as it is.
    pub(crate) async fn put(&self, topic: &str, key: Option<&str>, value: Option<&[u8]>) {
        let producer: FutureProducer = self.client().create().unwrap();
        let mut record = FutureRecord::<str, [u8]>::to(topic).partition(0);
        record.key = key;
        record.payload = value;
        producer.send(record, SOON).await.unwrap();
    }

    /// Commits as a consumer of the group does.
    pub(crate) fn commit(&self, group: &str, topic: &str, partition: i32, offset: i64) {
        let consumer: BaseConsumer = self
            .client()
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let mut offsets = TopicPartitionList::new();
        offsets
            .add_partition_offset(topic, partition, Offset::Offset(offset))
            .unwrap();
        consumer.commit(&offsets, CommitMode::Sync).unwrap();
    }

    /// Every record of a partition, oldest first: key and value.
    pub(crate) fn records(
        &self,
        topic: &str,
        count: usize,
    ) -> Vec<(Option<String>, Option<Vec<u8>>)> {
        use rdkafka::Message;
        let consumer: BaseConsumer = self.client().set("group.id", "reader").create().unwrap();
        let mut from = TopicPartitionList::new();
        from.add_partition_offset(topic, 0, Offset::Beginning)
            .unwrap();
        consumer.assign(&from).unwrap();
        let mut records = Vec::new();
        let deadline = Instant::now() + SOON;
        while records.len() < count {
            assert!(Instant::now() < deadline, "{} of {count}", records.len());
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                let message = message.unwrap();
                records.push((
                    message
                        .key()
                        .map(|key| String::from_utf8_lossy(key).into_owned()),
                    message.payload().map(<[u8]>::to_vec),
                ));
            }
        }
        records
    }
}

/// Asks until `look` gives something; panics with `what` and the last refusal after `deadline`.
pub(crate) async fn eventually<T, F>(
    deadline: Duration,
    what: &str,
    mut look: impl FnMut() -> F,
) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let until = Instant::now() + deadline;
    loop {
        match look().await {
            Ok(seen) => return seen,
            Err(last) if Instant::now() >= until => {
                panic!("not within {deadline:?}: {what}; last: {last}")
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// The offsets of one partition in a reading.
pub(crate) fn offsets(reading: &BacklogReading, topic: &str, partition: i32) -> Offsets {
    reading
        .partitions
        .iter()
        .find(|found| found.id.topic == topic && found.id.partition == partition)
        .unwrap_or_else(|| panic!("{topic}/{partition} is not in {reading:?}"))
        .offsets
        .clone()
        .unwrap_or_else(|why| panic!("{topic}/{partition}: {why}"))
}

/// Lag by partition, if every one was read.
pub(crate) fn lags(reading: &BacklogReading) -> Result<Vec<u64>, String> {
    if reading.partitions.is_empty() || !reading.missing.is_empty() {
        return Err(format!("{reading:?}"));
    }
    reading
        .partitions
        .iter()
        .map(|partition| partition.offsets.clone().map(|offsets| offsets.lag()))
        .collect()
}
