//! Writing what the controller wants of each worker, and reading what the last leader wanted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::BorrowedMessage,
};
use spillway_wire::Control;
use tracing::{debug, info, warn};

use crate::{
    chain::Chain,
    cluster::{self, Cluster},
    config::{ConfigError, Context},
    publish::{WriteError, Written},
};

/// How long one poll waits while the topic is read.
const POLL: Duration = Duration::from_millis(100);

/// Why the control topic could not be read to its end.
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

/// Writes the control topic: one record per worker, keyed by its id.
pub struct ControlWriter {
    cluster: Arc<Cluster>,
    topic: String,
}

// === impl ControlWriter ===

impl ControlWriter {
    /// A writer of `topic`.
    #[must_use]
    pub fn new(cluster: Arc<Cluster>, topic: impl Into<String>) -> Self {
        Self {
            cluster,
            topic: topic.into(),
        }
    }

    /// Makes `control` what is desired of `worker`; done when every replica has it, within about 6 s.
    ///
    /// # Errors
    /// [`WriteError`]: after `Unreachable` it may be written all the same.
    pub async fn write(&self, worker: &str, control: &Control) -> Result<Written, WriteError> {
        self.send(worker, Some(&control.encode())).await
    }

    /// Removes what was desired of a worker that is gone for good.
    ///
    /// # Errors
    /// [`WriteError`], as with [`Self::write`].
    pub async fn bury(&self, worker: &str) -> Result<Written, WriteError> {
        self.send(worker, None).await
    }

    /// Every record there is, by worker: what a new leader begins from. Of two of one worker the one with the higher
    /// token and epoch counts; what is no control record is left out.
    ///
    /// # Errors
    /// [`ReadError`] when the end of every partition was not reached within `deadline`: then nothing is known.
    pub async fn read(&self, deadline: Duration) -> Result<BTreeMap<String, Control>, ReadError> {
        let (cluster, topic) = (Arc::clone(&self.cluster), self.topic.clone());
        let until = Instant::now() + deadline;
        let unreached = |why: String| ReadError::Unreached {
            topic: self.topic.clone(),
            why,
        };
        tokio::task::spawn_blocking(move || read_to_end(&cluster, &topic, until))
            .await
            .map_err(|error| unreached(error.to_string()))?
    }

    async fn send(&self, worker: &str, value: Option<&[u8]>) -> Result<Written, WriteError> {
        let publisher = self.cluster.publisher();
        publisher
            .write(&self.topic, worker, value)
            .await
            .inspect(|written| {
                debug!(worker, offset = written.offset, "wrote a control record");
            })
            .inspect_err(|error| {
                warn!(worker, kind = error.kind(), error = %Chain(error), "control record failed");
            })
    }
}

fn read_to_end(
    cluster: &Cluster,
    topic: &str,
    until: Instant,
) -> Result<BTreeMap<String, Control>, ReadError> {
    let unreached = |why: String| ReadError::Unreached {
        topic: topic.to_owned(),
        why,
    };
    let mut config = cluster.consumer_config();
    config
        .set("enable.partition.eof", "true")
        .set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer<Context> = config
        .create_with_context(Context)
        .map_err(|error| ReadError::Client(error.into()))?;
    let left = until.saturating_duration_since(Instant::now());
    let placed = cluster::layout(consumer.client(), topic, left)
        .map_err(|error| unreached(error.to_string()))?;
    let mut behind: BTreeSet<i32> = placed.iter().map(|placed| placed.partition).collect();
    let mut list = TopicPartitionList::with_capacity(behind.len());
    for partition in &behind {
        list.add_partition_offset(topic, *partition, Offset::Beginning)
            .map_err(|error| unreached(error.to_string()))?;
    }
    consumer
        .assign(&list)
        .map_err(|error| unreached(error.to_string()))?;
    let mut records = BTreeMap::new();
    while !behind.is_empty() {
        if Instant::now() >= until {
            return Err(unreached("no answer in time".to_owned()));
        }
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => take(&mut records, &message),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                behind.remove(&partition);
            }
            Some(Err(error)) => debug!(topic, %error, "reading control records failed"),
        }
    }
    info!(topic, count = records.len(), "read the control records");
    Ok(records)
}

fn take(records: &mut BTreeMap<String, Control>, message: &BorrowedMessage<'_>) {
    let Some(worker) = message.key().and_then(|key| std::str::from_utf8(key).ok()) else {
        return;
    };
    match message.payload().map(Control::decode) {
        None => {
            records.remove(worker);
        }
        Some(Ok(control)) => {
            let number = |control: &Control| (control.token, control.epoch);
            let known = records.get(worker);
            // A deposed leader's late record is ignored by workers, and here.
            if known.is_none_or(|known| number(known) <= number(&control)) {
                records.insert(worker.to_owned(), control);
            }
        }
        Some(Err(error)) => warn!(worker, %error, "ignored a control record"),
    }
}
