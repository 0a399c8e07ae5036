//! Following the workers' heartbeats.
//!
//! One thread reads every partition of the heartbeat topic from its beginning, without joining a group, and keeps
//! the last heartbeat of each worker. Until it has once reached the end of all partitions the fleet is *unknown*,
//! not empty.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, KafkaResult},
    message::BorrowedMessage,
};
use spillway_wire::Heartbeat;
use tracing::{debug, info, warn};

use crate::{
    chain::Chain,
    cluster::{self, Cluster, LayoutError},
    config::{ConfigError, Context},
    publish::{WriteError, Written},
};

/// How long one poll waits, and so how soon the thread sees that it is to end.
const POLL: Duration = Duration::from_millis(100);
/// How often the topic's partitions are looked at: new ones hold heartbeats too.
const LAYOUT_EVERY: Duration = Duration::from_secs(5);
/// The same while there are none.
const LAYOUT_RETRY_EVERY: Duration = Duration::from_millis(500);
/// After this long without a record the partitions' leaders are asked whether they are there.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// How long one such question may take.
const ASK_MAX: Duration = Duration::from_secs(1);

/// How long a burial is remembered: as long as Kafka by default keeps the tombstone itself.
const BURIED_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The workers, as their heartbeats tell.
pub struct Fleet {
    cluster: Arc<Cluster>,
    topic: String,
    shared: Arc<Shared>,
}

/// What is known of the workers at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FleetSnapshot {
    /// Each worker's last heartbeat, by worker id. Not aged out: whether one is too old is for the reader.
    pub workers: Vec<SeenHeartbeat>,
    /// Whether the topic has once been read to its end. Before that the fleet is unknown, not empty.
    pub caught_up: bool,
    /// How long ago the topic's brokers last answered; none if they never have.
    /// If this is long, silent workers mean nothing.
    pub contact_age: Option<Duration>,
}

/// A heartbeat and when it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenHeartbeat {
    /// What the worker said.
    pub heartbeat: Heartbeat,
    /// When this process read it: after a start, all of them are new by this.
    pub received_at: Timestamp,
    /// The record's Kafka timestamp.
    pub record_at: Timestamp,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    stop: AtomicBool,
}

#[derive(Default)]
struct State {
    workers: BTreeMap<String, SeenHeartbeat>,
    /// When each buried worker's tombstone was written, so that an older heartbeat, read later from another
    /// partition, does not bring it back.
    buried: BTreeMap<String, Timestamp>,
    caught_up: bool,
    contact_at: Option<Instant>,
}

/// The thread's own part.
struct Follower {
    consumer: BaseConsumer<Context>,
    topic: String,
    shared: Arc<Shared>,
    /// Partitions that are read, and those whose end has not been reached yet.
    assigned: BTreeSet<i32>,
    behind: BTreeSet<i32>,
    layout_due: Instant,
    asked_at: Instant,
}

// === impl Fleet ===

impl Fleet {
    /// Begins to follow `topic`; ends when the fleet is dropped.
    ///
    /// # Errors
    /// When librdkafka makes no client, never because the cluster is unreachable.
    pub fn follow(cluster: Arc<Cluster>, topic: impl Into<String>) -> Result<Self, ConfigError> {
        let topic = topic.into();
        let mut config = cluster.consumer_config();
        config
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            // A few kilobytes a second are read here; the default holds 64 MB per partition.
            .set("queued.max.messages.kbytes", "4096");
        let now = Instant::now();
        let shared = Arc::new(Shared::default());
        let follower = Follower {
            consumer: config.create_with_context(cluster.context())?,
            topic: topic.clone(),
            shared: Arc::clone(&shared),
            assigned: BTreeSet::new(),
            behind: BTreeSet::new(),
            layout_due: now,
            asked_at: now,
        };
        thread::Builder::new()
            .name("fleet".to_owned())
            .spawn(move || follower.run())
            .map_err(ConfigError::Thread)?;
        Ok(Self {
            cluster,
            topic,
            shared,
        })
    }

    /// What is known now. Waits for nothing.
    #[must_use]
    pub fn snapshot(&self) -> FleetSnapshot {
        let state = self.shared.state();
        FleetSnapshot {
            workers: state.workers.values().cloned().collect(),
            caught_up: state.caught_up,
            contact_age: state.contact_at.map(|at| at.elapsed()),
        }
    }

    /// Removes a worker that is gone for good: a tombstone in the topic, which then takes it from the snapshot.
    ///
    /// # Errors
    /// [`WriteError`]; a repeat is harmless.
    pub async fn bury(&self, worker: &str) -> Result<Written, WriteError> {
        let publisher = self.cluster.publisher();
        publisher
            .write(&self.topic, worker, None)
            .await
            .inspect(|_| info!(worker, "buried a worker"))
            .inspect_err(|error| {
                warn!(worker, kind = error.kind(), error = %Chain(error), "burying failed");
            })
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        // Not joined: closing a client of a cluster that is away takes longer than a caller should wait.
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

// === impl Follower ===

impl Follower {
    fn run(mut self) {
        while !self.shared.stop.load(Ordering::Relaxed) {
            if Instant::now() >= self.layout_due {
                self.look_at_partitions();
            }
            match self.consumer.poll(POLL) {
                Some(event) => {
                    let reached = take(&self.shared, &self.topic, event);
                    if let Some(partition) = reached {
                        self.reached_end(partition);
                    }
                }
                None => self.ask_if_silent(),
            }
        }
        debug!(topic = self.topic, "stopped following the fleet");
    }

    /// Begins to read partitions that are new, and starts over when the topic has been gone.
    fn look_at_partitions(&mut self) {
        let every = match cluster::layout(self.consumer.client(), &self.topic, ASK_MAX) {
            Ok(placed) => {
                let new: BTreeSet<i32> = placed
                    .iter()
                    .map(|placed| placed.partition)
                    .filter(|partition| !self.assigned.contains(partition))
                    .collect();
                if new.is_empty() || self.read_from_beginning(&new) {
                    LAYOUT_EVERY
                } else {
                    LAYOUT_RETRY_EVERY
                }
            }
            Err(error) => {
                debug!(topic = self.topic, %error, "saw no partitions of the fleet");
                if matches!(error, LayoutError::Absent(_)) {
                    self.forget_topic();
                }
                LAYOUT_RETRY_EVERY
            }
        };
        self.layout_due = Instant::now() + every;
    }

    fn read_from_beginning(&mut self, partitions: &BTreeSet<i32>) -> bool {
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for partition in partitions {
            let added = list.add_partition_offset(&self.topic, *partition, Offset::Beginning);
            if let Err(error) = added {
                warn!(topic = self.topic, partition, %error, "partition not followed");
                return false;
            }
        }
        if let Err(error) = self.consumer.incremental_assign(&list) {
            warn!(topic = self.topic, %error, "partitions not followed");
            return false;
        }
        info!(
            topic = self.topic,
            count = partitions.len(),
            "began to follow the fleet"
        );
        self.assigned.extend(partitions);
        self.behind.extend(partitions);
        true
    }

    /// The topic is gone: when it comes back it is another one, and the fleet is unknown until it is read.
    fn forget_topic(&mut self) {
        if self.assigned.is_empty() {
            return;
        }
        warn!(topic = self.topic, "lost the topic of the fleet");
        if let Err(error) = self.consumer.unassign() {
            warn!(topic = self.topic, %error, "partitions not let go");
        }
        self.assigned.clear();
        self.behind.clear();
        *self.shared.state() = State::default();
    }

    fn reached_end(&mut self, partition: i32) {
        self.behind.remove(&partition);
        if self.behind.is_empty() && !self.assigned.is_empty() {
            let mut state = self.shared.state();
            if !state.caught_up {
                state.caught_up = true;
                info!(
                    topic = self.topic,
                    count = state.workers.len(),
                    "knew the fleet"
                );
            }
        }
    }

    /// After a silence, asks every partition's leader for its end: an answer is contact.
    fn ask_if_silent(&mut self) {
        let heard = self.shared.state().contact_at;
        let is_silent = heard.is_none_or(|at| at.elapsed() >= SILENCE_MAX);
        if !is_silent || self.assigned.is_empty() || self.asked_at.elapsed() < POLL * 5 {
            return;
        }
        let all_answer = self.assigned.iter().all(|partition| {
            let ends = self
                .consumer
                .fetch_watermarks(&self.topic, *partition, ASK_MAX);
            ends.is_ok() && !self.shared.stop.load(Ordering::Relaxed)
        });
        self.asked_at = Instant::now();
        if all_answer {
            self.shared.state().contact_at = Some(self.asked_at);
        }
    }
}

/// Takes in what a poll gave; returns the partition whose end it reached, if it did.
fn take(shared: &Shared, topic: &str, event: KafkaResult<BorrowedMessage<'_>>) -> Option<i32> {
    match event {
        Ok(message) => {
            shared.state().observe(&message, Timestamp::now());
            None
        }
        Err(KafkaError::PartitionEOF(partition)) => {
            shared.state().contact_at = Some(Instant::now());
            Some(partition)
        }
        Err(error) => {
            warn!(topic, %error, "reading the fleet failed");
            None
        }
    }
}

// === impl State ===

impl State {
    fn observe(&mut self, message: &BorrowedMessage<'_>, received_at: Timestamp) {
        self.contact_at = Some(Instant::now());
        let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
        let Some(worker) = message.key().and_then(|key| std::str::from_utf8(key).ok()) else {
            warn!(
                topic,
                partition,
                offset,
                reason = "no key",
                "ignored a heartbeat"
            );
            return;
        };
        let record_at = message
            .timestamp()
            .to_millis()
            .and_then(|ms| Timestamp::from_millisecond(ms).ok())
            .unwrap_or(received_at);
        match message.payload().map(Heartbeat::decode) {
            None => self.bury(worker, record_at),
            Some(Ok(heartbeat)) if heartbeat.worker == worker => self.hear(SeenHeartbeat {
                heartbeat,
                received_at,
                record_at,
            }),
            Some(Ok(_)) => {
                warn!(
                    topic,
                    partition,
                    offset,
                    worker,
                    reason = "another worker's key",
                    "ignored a heartbeat"
                );
            }
            Some(Err(error)) => {
                warn!(topic, partition, offset, worker, %error, "ignored a heartbeat");
            }
        }
    }

    /// Keeps a heartbeat unless something newer of the worker is known: after the topic got more partitions, a
    /// worker's records are in two of them, and their order is not that of reading.
    fn hear(&mut self, seen: SeenHeartbeat) {
        let worker = &seen.heartbeat.worker;
        let is_older = |known: Option<Timestamp>| known.is_some_and(|at| at > seen.record_at);
        if is_older(self.workers.get(worker).map(|known| known.record_at))
            || is_older(self.buried.get(worker).copied())
        {
            return;
        }
        self.buried.remove(worker);
        self.workers.insert(worker.clone(), seen);
    }

    fn bury(&mut self, worker: &str, at: Timestamp) {
        if let Some(known) = self.workers.get(worker)
            && known.record_at > at
        {
            return;
        }
        self.workers.remove(worker);
        self.buried
            .retain(|_, buried_at| at.duration_since(*buried_at) < BURIED_KEPT);
        self.buried.insert(worker.to_owned(), at);
    }
}

// === impl Shared ===

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is one insert or assignment: a panic leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
