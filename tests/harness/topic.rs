//! A topic of a test's own, and clients around it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer},
    message::{Header, Headers, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};

/// How long any one request may take.
const REQUEST_MAX: Duration = Duration::from_secs(90);

/// A topic. It stays until the broker ends.
pub struct Topic {
    client: ClientConfig,
    name: String,
    producer: FutureProducer,
}

/// A record as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Partition, from 0.
    pub partition: i32,
    /// Offset in it.
    pub offset: i64,
    /// Key, if it is text.
    pub key: Option<String>,
    /// Value; none for a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers with text values; of two with one name, the last.
    pub headers: BTreeMap<String, String>,
}

// === impl Topic ===

impl Topic {
    pub(crate) async fn create(
        client: ClientConfig,
        name: String,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let mut topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
        topic.config = settings.to_vec();
        Self::make(client, &topic).await
    }

    pub(crate) async fn create_on(
        client: ClientConfig,
        name: String,
        replicas: &[&[i32]],
    ) -> anyhow::Result<Self> {
        let partitions = i32::try_from(replicas.len())?;
        let topic = NewTopic::new(&name, partitions, TopicReplication::Variable(replicas));
        Self::make(client, &topic).await
    }

    async fn make(client: ClientConfig, topic: &NewTopic<'_>) -> anyhow::Result<Self> {
        let (name, partitions) = (topic.name.to_owned(), topic.num_partitions);
        let admin: AdminClient<DefaultClientContext> = client.create()?;
        for result in admin.create_topics([topic], &options()).await? {
            result.map_err(|(_, code)| code)?;
        }
        let producer = client
            .clone()
            .set("linger.ms", "5")
            .set("acks", "all")
            .create()?;
        let topic = Self {
            client,
            name,
            producer,
        };
        topic.is_usable(partitions)?;
        Ok(topic)
    }

    /// Waits until every partition answers: a busy broker names a new topic some time before it has its logs, and
    /// a record that comes between is refused for good.
    fn is_usable(&self, partitions: i32) -> anyhow::Result<()> {
        let consumer = self.consumer("it-usable");
        let until = Instant::now() + REQUEST_MAX;
        loop {
            let mut ends = TopicPartitionList::new();
            ends.add_partition_range(&self.name, 0, partitions - 1);
            ends.set_all_offsets(Offset::End)?;
            match consumer.offsets_for_times(ends, Duration::from_secs(5)) {
                Ok(ends) if ends.elements().iter().all(|it| it.error().is_ok()) => return Ok(()),
                last => anyhow::ensure!(
                    Instant::now() < until,
                    "{} cannot be used: {last:?}",
                    self.name
                ),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Writes `count` records to a partition and waits until all are acknowledged.
    ///
    /// # Panics
    /// If one is not.
    pub async fn produce(&self, partition: i32, count: usize) {
        let mut waiting = Vec::with_capacity(count);
        for _ in 0..count {
            let record = FutureRecord::<str, str>::to(&self.name)
                .partition(partition)
                .payload("x");
            waiting.push(
                self.producer
                    .send_result(record)
                    .map_err(|(error, _)| error)
                    .expect("a place in the queue"),
            );
        }
        for delivery in waiting {
            delivery
                .await
                .expect("the producer lives")
                .map_err(|(error, _)| error)
                .expect("the record is acknowledged");
        }
    }

    /// Writes one record to a partition.
    ///
    /// # Panics
    /// If it is not acknowledged.
    pub async fn put_on(&self, partition: i32, key: &str, value: &[u8]) {
        let record = FutureRecord::to(&self.name).key(key).payload(value);
        self.producer
            .send(record.partition(partition), REQUEST_MAX)
            .await
            .map_err(|(error, _)| error)
            .expect("the record is acknowledged");
    }

    /// Writes one record; no value is a tombstone.
    ///
    /// # Panics
    /// If it is not acknowledged.
    pub async fn put(&self, key: &str, value: Option<&[u8]>) {
        self.put_with(key, value, &[]).await;
    }

    /// Writes one record with headers.
    ///
    /// # Panics
    /// If it is not acknowledged.
    pub async fn put_with(&self, key: &str, value: Option<&[u8]>, headers: &[(&str, &str)]) {
        let headers = headers
            .iter()
            .fold(OwnedHeaders::new(), |headers, (key, value)| {
                let value = Some(value.as_bytes());
                headers.insert(Header { key, value })
            });
        let mut record = FutureRecord::<str, [u8]>::to(&self.name)
            .key(key)
            .headers(headers);
        record.payload = value;
        self.producer
            .send(record, REQUEST_MAX)
            .await
            .map_err(|(error, _)| error)
            .expect("the record is acknowledged");
    }

    /// Commits for a group that has no members.
    ///
    /// # Panics
    /// If the broker refuses.
    pub fn commit(&self, group: &str, partition: i32, offset: i64) {
        let mut offsets = TopicPartitionList::new();
        offsets
            .add_partition_offset(&self.name, partition, Offset::Offset(offset))
            .expect("a valid offset");
        self.consumer(group)
            .commit(&offsets, CommitMode::Sync)
            .expect("the commit is taken");
    }

    /// What a consumer sees: `(log start, log end)` of each partition from 0, and where the group is.
    ///
    /// # Errors
    /// When the broker does not answer for all of them.
    pub fn seen_by_consumer(
        &self,
        group: &str,
        partitions: i32,
    ) -> anyhow::Result<Vec<(i64, i64, Option<i64>)>> {
        let consumer = self.consumer(group);
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(&self.name, 0, partitions - 1);
        let committed = consumer.committed_offsets(asked, REQUEST_MAX)?;
        (0..partitions)
            .map(|partition| {
                let (start, end) = consumer.fetch_watermarks(&self.name, partition, REQUEST_MAX)?;
                let found = committed
                    .find_partition(&self.name, partition)
                    .context("the partition is left out")?;
                found.error()?;
                let at = match found.offset() {
                    Offset::Offset(offset) => Some(offset),
                    _ => None,
                };
                Ok((start, end, at))
            })
            .collect()
    }

    /// Reads every record that is there now, in the order of each partition, without a group.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn records(&self) -> anyhow::Result<Vec<Record>> {
        let consumer = self.consumer("it-reader");
        let metadata = consumer.fetch_metadata(Some(&self.name), REQUEST_MAX)?;
        let partitions = metadata.topics().first().context("no topic")?.partitions();
        let mut from = TopicPartitionList::new();
        let mut left = BTreeMap::new();
        for partition in partitions {
            let (start, end) =
                consumer.fetch_watermarks(&self.name, partition.id(), REQUEST_MAX)?;
            if start < end {
                left.insert(partition.id(), end);
                from.add_partition_offset(&self.name, partition.id(), Offset::Beginning)?;
            }
        }
        consumer.assign(&from)?;
        let until = Instant::now() + REQUEST_MAX;
        let mut records = Vec::new();
        while !left.is_empty() {
            anyhow::ensure!(
                Instant::now() < until,
                "records are missing before {left:?}"
            );
            let Some(message) = consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let message = message?;
            if left.get(&message.partition()) == Some(&(message.offset() + 1)) {
                left.remove(&message.partition());
            }
            records.push(Record::new(&message));
        }
        Ok(records)
    }

    /// Gives it more partitions.
    ///
    /// # Panics
    /// If the broker refuses.
    pub async fn grow(&self, partitions: usize) {
        let new = NewPartitions::new(&self.name, partitions);
        for result in self
            .admin()
            .create_partitions([&new], &options())
            .await
            .expect("an answer")
        {
            result.expect("more partitions");
        }
    }

    /// Deletes it.
    ///
    /// # Panics
    /// If the broker refuses.
    pub async fn delete(&self) {
        for result in self
            .admin()
            .delete_topics(&[&self.name], &options())
            .await
            .expect("an answer")
        {
            result.expect("the topic is deleted");
        }
    }

    /// Removes every record of a partition before `offset`, as retention does.
    ///
    /// # Panics
    /// If the broker refuses.
    pub async fn delete_before(&self, partition: i32, offset: i64) {
        let mut before = TopicPartitionList::new();
        before
            .add_partition_offset(&self.name, partition, Offset::Offset(offset))
            .expect("a valid offset");
        let deleted = self
            .admin()
            .delete_records(&before, &options())
            .await
            .expect("an answer");
        for element in deleted.elements() {
            element.error().expect("the records are deleted");
        }
    }

    fn admin(&self) -> AdminClient<DefaultClientContext> {
        self.client.create().expect("an admin client")
    }

    /// A consumer under a group's name that never joins it.
    fn consumer(&self, group: &str) -> BaseConsumer {
        self.client
            .clone()
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .create()
            .expect("a consumer")
    }
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(REQUEST_MAX))
        .operation_timeout(Some(REQUEST_MAX))
}

// === impl Record ===

impl Record {
    fn new(message: &impl Message) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
        Self {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().and_then(text),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message
                .headers()
                .into_iter()
                .flat_map(|headers| headers.iter())
                .filter_map(|header| Some((header.key.to_owned(), text(header.value?)?)))
                .collect(),
        }
    }
}
