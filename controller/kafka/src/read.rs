//! Reading a topic once, from somewhere to its end, without a group.

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::{BorrowedMessage, Headers},
};
use tracing::debug;

use crate::{
    cluster::{self, Cluster},
    config::{ConfigError, Context},
    publish::{WriteError, Written},
};

/// How long one poll waits.
const POLL: Duration = Duration::from_millis(100);

/// Why a topic could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The cluster did not answer in time, or has no such topic: try again.
    #[error("{topic} could not be read to its end: {why}")]
    Unreached {
        /// The topic.
        topic: String,
        /// What was missing.
        why: String,
    },
    /// librdkafka makes no client: a person must change the configuration.
    #[error("no client to read with")]
    Client(#[source] ConfigError),
}

/// A record as it lies in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Partition, from 0.
    pub partition: i32,
    /// Offset in it.
    pub offset: u64,
    /// Kafka's timestamp of it, if it has one.
    pub at: Option<Timestamp>,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value; none for a tombstone.
    pub value: Option<Vec<u8>>,
    /// Headers in their order; a name may come twice.
    pub headers: Vec<(String, Vec<u8>)>,
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// At the first record that is still there.
    Beginning,
    /// At the first one that is not older.
    Time(Timestamp),
}

/// How long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Altogether.
    Whole(Duration),
    /// Between two records: however many there are, it goes on while they come.
    Each(Duration),
}

// === impl Cluster ===

impl Cluster {
    /// Shows every record of `topic` to `visit`, up to where each partition ends now, until it breaks off.
    ///
    /// `since`: only records that are not older. Within a partition in order. Gives up when nothing comes for
    /// `patience`. Joins no group and commits nothing.
    ///
    /// # Errors
    /// [`ReadError`]; what was shown before stays shown.
    pub async fn records(
        self: &Arc<Self>,
        topic: &str,
        since: Option<Timestamp>,
        patience: Duration,
        mut visit: impl FnMut(Record) -> ControlFlow<()> + Send + 'static,
    ) -> Result<(), ReadError> {
        let (cluster, name) = (Arc::clone(self), topic.to_owned());
        let from = since.map_or(From::Beginning, From::Time);
        tokio::task::spawn_blocking(move || {
            read_to_end(&cluster, &name, from, Patience::Each(patience), |message| {
                visit(Record::new(message))
            })
        })
        .await
        .map_err(|error| ReadError::Unreached {
            topic: topic.to_owned(),
            why: error.to_string(),
        })?
    }
}

impl Cluster {
    /// Writes a record as it was read: key, value and headers; its key says to which partition.
    ///
    /// # Errors
    /// [`WriteError`]: after `Unreachable` it may be written all the same.
    pub async fn copy(&self, topic: &str, record: &Record) -> Result<Written, WriteError> {
        self.publisher().copy(topic, record).await
    }
}

/// Reads a topic from somewhere to where each partition ends, until `visit` breaks off. Blocks.
pub(crate) fn read_to_end(
    cluster: &Cluster,
    topic: &str,
    from: From,
    patience: Patience,
    mut visit: impl FnMut(&BorrowedMessage<'_>) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let unreached = |why: String| ReadError::Unreached {
        topic: topic.to_owned(),
        why,
    };
    let (Patience::Whole(wait) | Patience::Each(wait)) = patience;
    let mut until = Instant::now() + wait;
    let mut config = cluster.consumer_config();
    config
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer<Context> = config
        .create_with_context(cluster.context())
        .map_err(|error| ReadError::Client(error.into()))?;
    let left = until.saturating_duration_since(Instant::now());
    let placed = cluster::layout(consumer.client(), topic, left)
        .map_err(|error| unreached(cluster.explained(error.to_string())))?;
    let mut behind: BTreeSet<i32> = placed.iter().map(|placed| placed.partition).collect();
    positions(&consumer, topic, &behind, from, until)
        .and_then(|list| consumer.assign(&list))
        .map_err(|error| unreached(cluster.explained(error.to_string())))?;
    while !behind.is_empty() {
        if Instant::now() >= until {
            return Err(unreached(cluster.explained("no answer in time".to_owned())));
        }
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => {
                if let Patience::Each(wait) = patience {
                    until = Instant::now() + wait;
                }
                if visit(&message).is_break() {
                    return Ok(());
                }
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                behind.remove(&partition);
            }
            Some(Err(error)) => debug!(topic, %error, "reading failed, goes on"),
        }
    }
    Ok(())
}

/// Where reading begins in each partition.
fn positions(
    consumer: &BaseConsumer<Context>,
    topic: &str,
    partitions: &BTreeSet<i32>,
    from: From,
    until: Instant,
) -> Result<TopicPartitionList, KafkaError> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    let begin = match from {
        From::Beginning => Offset::Beginning,
        // It takes the time where an offset belongs.
        From::Time(time) => Offset::Offset(time.as_millisecond().max(0)),
    };
    for partition in partitions {
        list.add_partition_offset(topic, *partition, begin)?;
    }
    match from {
        From::Beginning => Ok(list),
        // A partition in which nothing is as new begins at its end.
        From::Time(_) => {
            consumer.offsets_for_times(list, until.saturating_duration_since(Instant::now()))
        }
    }
}

// === impl Record ===

impl Record {
    fn new(message: &BorrowedMessage<'_>) -> Self {
        let at = message.timestamp().to_millis();
        Self {
            partition: message.partition(),
            offset: u64::try_from(message.offset()).unwrap_or_default(),
            at: at.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            key: message.key().map(<[u8]>::to_vec),
            value: message.payload().map(<[u8]>::to_vec),
            headers: message
                .headers()
                .into_iter()
                .flat_map(|headers| headers.iter())
                .map(|header| {
                    let value = header.value.unwrap_or_default().to_vec();
                    (header.key.to_owned(), value)
                })
                .collect(),
        }
    }

    /// A header's value as text; of two with one name, the last.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().rev();
        let (_, value) = found.find(|(header, _)| header == name)?;
        std::str::from_utf8(value).ok()
    }
}
