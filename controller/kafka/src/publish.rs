//! Writing keyed records of compacted topics: the one producer of a cluster.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use rdkafka::{
    ClientConfig,
    error::{KafkaError, RDKafkaErrorCode},
    message::{self, Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord, Producer},
};
use tracing::warn;

use crate::{
    config::{ConfigError, Context},
    read::Record,
};

/// How long a record may take to be acknowledged before it counts as not written.
///
/// Far below a worker's lease: the next tick writes what is desired then.
const DELIVERY_MAX: Duration = Duration::from_secs(5);
/// How long to wait for a place in librdkafka's queue, which is never long.
const QUEUE_WAIT_MAX: Duration = Duration::from_secs(1);

/// Where a record landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Partition, from 0.
    pub partition: i32,
    /// Offset in it.
    pub offset: u64,
    /// The record's Kafka timestamp, from which leases count; none if the broker told none.
    pub at: Option<Timestamp>,
}

/// Why a record was not acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// No acknowledgement in time: it may be written or not. Write what is desired again; repeats are harmless.
    #[error("{topic} was not reached in time")]
    Unreachable {
        /// The topic.
        topic: String,
        /// What librdkafka said.
        #[source]
        source: KafkaError,
    },
    /// Surely not written, and repeating will not help: rights, a missing topic, a record that is too large.
    #[error("{topic} refused a record")]
    Refused {
        /// The topic.
        topic: String,
        /// What the broker said.
        #[source]
        source: KafkaError,
    },
    /// Surely not written: too many records wait already. Try in a moment.
    #[error("too many records wait to be written to {topic}")]
    Busy {
        /// The topic.
        topic: String,
    },
    /// The client had broken down and could not be made anew.
    #[error("the producer broke down")]
    Broken(#[source] ConfigError),
}

/// One idempotent producer, replaced when it breaks down for good.
pub(crate) struct Publisher {
    config: ClientConfig,
    context: Context,
    producer: Mutex<FutureProducer<Context>>,
}

// === impl Publisher ===

impl Publisher {
    pub(crate) fn new(mut config: ClientConfig, context: Context) -> Result<Self, ConfigError> {
        config
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", "0")
            // The broker's limit is the one that counts; ours must not be the smaller.
            .set("message.max.bytes", "2000000")
            .set("message.timeout.ms", DELIVERY_MAX.as_millis().to_string());
        Ok(Self {
            producer: Mutex::new(config.create_with_context(context.clone())?),
            context,
            config,
        })
    }

    /// Writes `value` under `key`, or a tombstone, and waits for the acknowledgement of all replicas.
    pub(crate) async fn write(
        &self,
        topic: &str,
        key: &str,
        value: Option<&[u8]>,
    ) -> Result<Written, WriteError> {
        let mut record = FutureRecord::to(topic).key(key.as_bytes());
        record.payload = value;
        self.send(record).await
    }

    /// Writes a record as it was read elsewhere: key, value and headers; the key says to which partition.
    pub(crate) async fn copy(&self, topic: &str, record: &Record) -> Result<Written, WriteError> {
        let headers = OwnedHeaders::new_with_capacity(record.headers.len());
        let headers = record
            .headers
            .iter()
            .fold(headers, |headers, (key, value)| {
                let value = Some(value);
                headers.insert(Header { key, value })
            });
        let mut copy = FutureRecord::to(topic).headers(headers);
        copy.key = record.key.as_deref();
        copy.payload = record.value.as_deref();
        self.send(copy).await
    }

    async fn send(&self, record: FutureRecord<'_, [u8], [u8]>) -> Result<Written, WriteError> {
        let producer = self.producer().map_err(WriteError::Broken)?;
        let topic = record.topic;
        match producer.send(record, QUEUE_WAIT_MAX).await {
            Ok(delivery) => Ok(Written {
                partition: delivery.partition,
                offset: u64::try_from(delivery.offset).unwrap_or_default(),
                at: millis(delivery.timestamp),
            }),
            Err((source, _)) => Err(WriteError::new(topic, source)),
        }
    }

    fn producer(&self) -> Result<FutureProducer<Context>, ConfigError> {
        let mut producer = self.producer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, why)) = producer.client().fatal_error() {
            warn!(error = %code, reason = why, "replaced a producer that broke down");
            *producer = self.config.create_with_context(self.context.clone())?;
        }
        Ok(producer.clone())
    }
}

fn millis(timestamp: message::Timestamp) -> Option<Timestamp> {
    timestamp
        .to_millis()
        .and_then(|ms| Timestamp::from_millisecond(ms).ok())
}

// === impl WriteError ===

impl WriteError {
    fn new(topic: &str, source: KafkaError) -> Self {
        use RDKafkaErrorCode as Code;
        let topic = topic.to_owned();
        match source.rdkafka_error_code() {
            Some(Code::QueueFull) => Self::Busy { topic },
            Some(
                Code::TopicAuthorizationFailed
                | Code::ClusterAuthorizationFailed
                | Code::UnknownTopic
                | Code::UnknownTopicOrPartition
                | Code::InvalidTopic
                | Code::UnknownPartition
                | Code::MessageSizeTooLarge
                | Code::InvalidRecord
                | Code::PolicyViolation,
            ) => Self::Refused { topic, source },
            _ => Self::Unreachable { topic, source },
        }
    }

    /// A label for metrics and logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Refused { .. } => "refused",
            Self::Busy { .. } => "busy",
            Self::Broken(_) => "broken",
        }
    }
}
