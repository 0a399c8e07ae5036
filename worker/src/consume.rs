//! The thread that owns the consumer: it always polls, takes jobs in as fast as they can be held, and commits.
//!
//! ```text
//!            poll ≤ 100 ms        begin                   finish
//! Kafka ─────────────────▶ parked ─────▶ ledger ─▶ … ─▶ completions ─▶ ledger ─▶ commit
//!                          (≤ 8)         in flight ≤ max
//! ```
//!
//! Which partitions it reads is said by Kafka's group protocol (`group.rs`) or by the controller (`assigned.rs`).
//! Deliberately absent: automatic commits. An offset moves only when the ledger says so.

mod assigned;
mod commit;
mod group;

use std::collections::{BTreeSet, VecDeque};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use spillway_wire::{Partition, Phase};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

use crate::config::{Assignment, Config, Kafka, Limits};
use crate::drain::Stop;
use crate::ffi::CommitQueue;
use crate::intake::{Meter, Pace};
use crate::ledger::{Begin, Commit};
use crate::publish::Completion;
use crate::stats::Stats;
use crate::told::Told;
use crate::work::{Record, now_ms};
use assigned::{LEAVING_COMMIT_EVERY, Seat};
use commit::Commits;
use group::{Group, Shared};

/// Longest time between two polls.
const POLL_MAX: Duration = Duration::from_millis(100);
/// How long a poll waits for a record while there is room; results wait as long for their commit at most.
const POLL_WAIT: Duration = Duration::from_millis(20);
/// Records of a partition that are read ahead, where each has a queue of its own.
const ASSIGNED_PREFETCH: usize = 64;
/// How often commits are made while there is something to commit.
const COMMIT_EVERY: Duration = Duration::from_millis(250);
/// So many records are read and not begun before intake is paused: pausing drops what librdkafka has prefetched. One
/// more may come from each partition that has not delivered anything yet.
const PARKED_MAX: usize = 8;
/// Longest wait for a rebalance to let the last commit pass, beyond the session timeout that it may take.
const LAST_COMMIT_GRACE: Duration = Duration::from_secs(1);
/// Tries to read what was committed when partitions are assigned, and the wait of each.
const COMMITTED_TRIES: usize = 3;
const COMMITTED_WAIT: Duration = Duration::from_secs(5);

/// Owns the consumer.
pub(crate) struct Consume {
    consumer: Member,
    shared: Arc<Shared>,
    /// What the controller assigns; none where Kafka does.
    seat: Option<Seat>,
    stop: Arc<Stop>,
    jobs: mpsc::Sender<Record>,
    in_flight_max: usize,
    pace: Option<Pace>,
    meter: Meter,
    parked: VecDeque<Parked>,
    /// Partitions that have delivered a record since they were assigned.
    read: BTreeSet<Partition>,
    polled: Instant,
    committed: Instant,
    last_commit_wait: Duration,
}

/// The consumer, which hears what becomes of commits until it ends.
struct Member {
    consumer: Arc<BaseConsumer<Group>>,
    shared: Arc<Shared>,
}

/// A record that was read and not begun.
struct Parked {
    partition: Partition,
    offset: i64,
    key: Option<Vec<u8>>,
    value: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    at_ms: Option<i64>,
}

/// Channels and counters of the consumer's thread.
pub(crate) struct Ends {
    pub(crate) jobs: mpsc::Sender<Record>,
    pub(crate) completions: Receiver<Completion>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) stop: Arc<Stop>,
    /// What the controller assigns; none where Kafka does.
    pub(crate) told: Option<Arc<Told>>,
}

// === impl Member ===

impl Member {
    fn new(consumer: BaseConsumer<Group>, shared: Arc<Shared>) -> Self {
        shared.open(CommitQueue::new(&consumer));
        Self {
            consumer: Arc::new(consumer),
            shared,
        }
    }
}

impl Deref for Member {
    type Target = Arc<BaseConsumer<Group>>;

    fn deref(&self) -> &Self::Target {
        &self.consumer
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.shared.close();
    }
}

// === impl Consume ===

impl Consume {
    /// Joins the group, or begins to follow the controller.
    ///
    /// # Errors
    /// If a property is not one of librdkafka's.
    pub(crate) fn join(config: &Config, ends: Ends) -> anyhow::Result<Self> {
        let now = Instant::now();
        let Limits {
            in_flight_max,
            images_per_second_max,
            ..
        } = config.limits;
        let shared = Arc::new(Shared::new(ends.completions, ends.stats));
        let group = Group::new(shared.clone(), config.kafka.session_timeout);
        let consumer: BaseConsumer<Group> =
            properties(&config.kafka, &config.identity.worker, in_flight_max)
                .create_with_context(group)
                .context("the consumer cannot be set up")?;
        let consumer = Member::new(consumer, shared.clone());
        let seat = ends.told.map(|told| Seat::new(told, now));
        if seat.is_none() {
            let topics: Vec<&str> = config.kafka.jobs.iter().map(String::as_str).collect();
            consumer
                .subscribe(&topics)
                .context("the topics cannot be subscribed to")?;
        }
        Ok(Self {
            consumer,
            shared,
            seat,
            stop: ends.stop,
            jobs: ends.jobs,
            in_flight_max,
            pace: images_per_second_max.map(|limit| Pace::new(now, limit)),
            meter: Meter::new(now),
            parked: VecDeque::new(),
            read: BTreeSet::new(),
            polled: now,
            committed: now,
            last_commit_wait: config.kafka.session_timeout + LAST_COMMIT_GRACE,
        })
    }

    /// Takes jobs until asked to stop, then finishes what is in flight and leaves the group.
    ///
    /// # Errors
    /// When the consumer can no longer consume: the process must end.
    pub(crate) fn run(mut self) -> anyhow::Result<()> {
        while !self.stop.is_asked() {
            self.turn()?;
        }
        self.drain()
    }

    fn turn(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        self.follow(now)?;
        self.look_ahead()?;
        self.book(now);
        self.commit_when_due(now)?;
        while let Ok(completion) = self.shared.completions.try_recv() {
            self.shared.absorb(&completion);
        }
        let has_room = self.may_begin() && self.shared.ledger().in_flight() < self.in_flight_max;
        let due = self.pace.as_ref().map_or(now, Pace::due);
        if has_room && due <= now {
            let next = match self.seat {
                Some(_) => self.next_assigned()?,
                None => self.parked.pop_front(),
            };
            return match next {
                Some(parked) => self.begin(now, parked),
                None => {
                    self.resume()?;
                    self.poll(POLL_WAIT)
                }
            };
        }
        let is_empty = self.seat.is_none() && self.parked.is_empty();
        if is_empty || now.duration_since(self.polled) >= POLL_MAX {
            // Looks one record ahead: only so is it known whether input is empty.
            self.poll(Duration::ZERO)?;
        }
        let mut until = self.polled + self.poll_every();
        if has_room {
            until = until.min(due);
        }
        self.book(now);
        match self.shared.completions.recv_deadline(until) {
            Ok(completion) => self.shared.absorb(&completion),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the line has ended"),
        }
        Ok(())
    }

    /// Whether jobs may be begun and offsets committed.
    fn stands(&self) -> bool {
        self.seat.as_ref().is_none_or(Seat::stands)
    }

    fn may_begin(&self) -> bool {
        // One whose commits are refused would do for nothing whatever it did.
        let is_refused = self.shared.is_refused.load(Ordering::Relaxed);
        self.seat.is_none() || (!is_refused && self.stands())
    }

    /// Longest time between two polls: while a partition waits to be given back, its commit's answer is waited for.
    fn poll_every(&self) -> Duration {
        match &self.seat {
            Some(seat) if seat.is_leaving() => POLL_WAIT,
            Some(_) | None => POLL_MAX,
        }
    }

    /// Notes how the load is.
    fn book(&mut self, now: Instant) {
        let in_flight = self.shared.ledger().in_flight();
        let is_saturated = match &self.seat {
            Some(seat) => seat.has_waiting() && self.may_begin(),
            None => !self.parked.is_empty(),
        };
        self.meter.observe(now, in_flight > 0, is_saturated);
        self.shared
            .is_saturated
            .store(is_saturated, Ordering::Relaxed);
        let stats = &self.shared.stats;
        stats.spent(self.meter.busy, self.meter.saturated);
        stats.polled(self.polled, in_flight);
    }

    fn poll(&mut self, wait: Duration) -> anyhow::Result<()> {
        let polled = self.consumer.poll(wait);
        self.polled = Instant::now();
        let record = match polled {
            Some(Ok(message)) => Some(park(&message)),
            Some(Err(error)) => {
                self.judge(&error)?;
                None
            }
            None => None,
        };
        self.settle();
        match (record, &mut self.seat) {
            (Some(record), Some(seat)) => seat.keep(record),
            (Some(record), None) => {
                self.read.insert(record.partition.clone());
                self.parked.push_back(record);
            }
            (None, _) => {}
        }
        if self.parked.len() >= PARKED_MAX {
            self.pause()?;
        }
        Ok(())
    }

    /// Pauses what has delivered a record.
    ///
    /// Not what was only just assigned: a pause that overtakes the start of a partition makes librdkafka forget where
    /// to start, and nothing is ever read from it (confluentinc/librdkafka#2190).
    fn pause(&self) -> anyhow::Result<()> {
        let mut paused = self.shared.paused();
        let new: Vec<Partition> = self.read.difference(&paused).cloned().collect();
        if !new.is_empty() {
            self.consumer.pause(&group::unset(&new))?;
            paused.extend(new);
            debug!(count = self.parked.len(), "intake paused");
        }
        Ok(())
    }

    fn resume(&self) -> anyhow::Result<()> {
        let paused = std::mem::take(&mut *self.shared.paused());
        if !paused.is_empty() {
            self.consumer.resume(&group::unset(&paused))?;
        }
        Ok(())
    }

    /// Follows what the last poll changed of the assignment, before any record of it is begun.
    fn settle(&mut self) {
        let (assigned, revoked) = self.shared.take_changes();
        if !revoked.is_empty() {
            self.parked
                .retain(|parked| !revoked.contains(&parked.partition));
            self.read.retain(|partition| !revoked.contains(partition));
        }
        if !assigned.is_empty() {
            let committed = self.committed_offsets(&assigned);
            let mut ledger = self.shared.ledger();
            for partition in &assigned {
                let known = committed
                    .iter()
                    .find(|commit| commit.partition == *partition);
                ledger.assign(
                    partition.clone(),
                    known.map(|commit| (commit.offset, commit.metadata.as_str())),
                );
            }
        }
        if !assigned.is_empty() || !revoked.is_empty() {
            let partitions = self.shared.ledger().partitions();
            info!(count = partitions.len(), "partitions assigned");
            self.shared.stats.assigned(partitions);
        }
    }

    /// What the group has committed of some partitions; nothing where it cannot be read, which repeats some jobs.
    fn committed_offsets(&self, partitions: &[Partition]) -> Vec<Commit> {
        let list = group::unset(partitions);
        for _ in 0..COMMITTED_TRIES {
            match self
                .consumer
                .committed_offsets(list.clone(), COMMITTED_WAIT)
            {
                Ok(committed) => {
                    return committed
                        .elements()
                        .iter()
                        .filter_map(commit::commit_of)
                        .collect();
                }
                Err(error) => warn!(%error, "committed offsets could not be read"),
            }
        }
        Vec::new()
    }

    fn begin(&mut self, now: Instant, parked: Parked) -> anyhow::Result<()> {
        let begun = self.shared.ledger().begin(&parked.partition, parked.offset);
        let Begin::Take(ticket) = begun else {
            debug!(offset = parked.offset, ?begun, "record not taken");
            return Ok(());
        };
        if let Some(pace) = &mut self.pace {
            pace.taken(now);
        }
        let record = Record {
            ticket,
            key: parked.key,
            value: parked.value,
            headers: parked.headers,
            at_ms: parked.at_ms,
            received: now,
        };
        // There is a place for every job that may be in flight.
        self.jobs
            .try_send(record)
            .map_err(|_| anyhow::anyhow!("the line has ended"))
    }

    fn commit_when_due(&mut self, now: Instant) -> anyhow::Result<()> {
        let every = match &self.seat {
            Some(seat) if seat.is_leaving() => LEAVING_COMMIT_EVERY,
            Some(_) | None => COMMIT_EVERY,
        };
        if now.duration_since(self.committed) < every {
            return Ok(());
        }
        self.committed = now;
        if self.stands() {
            self.shared.commit(&self.consumer);
        }
        match self.consumer.client().fatal_error() {
            Some((code, why)) => anyhow::bail!("the consumer failed: {code}: {why}"),
            None => Ok(()),
        }
    }

    /// Ends the process for errors after which a consumer stays silent for ever.
    fn judge(&self, error: &KafkaError) -> anyhow::Result<()> {
        let is_over = matches!(error, KafkaError::MessageConsumptionFatal(_))
            || error.rdkafka_error_code() == Some(RDKafkaErrorCode::PollExceeded);
        anyhow::ensure!(!is_over, "the consumer failed: {error}");
        warn!(%error, "consumer had an error");
        Ok(())
    }

    /// Finishes what is in flight, commits and leaves; at the end of its time it abandons the rest.
    fn drain(mut self) -> anyhow::Result<()> {
        let (stats, stop) = (self.shared.stats.clone(), self.stop.clone());
        stats.enter(Phase::Draining);
        info!(count = self.shared.ledger().in_flight(), "draining");
        // Not begun, so it stays in Kafka.
        self.parked.clear();
        self.stop_reading_all()?;
        let mut paused: Vec<Partition> = Vec::new();
        loop {
            let in_flight = self.shared.ledger().in_flight();
            let is_over = stop.by_ms().is_some_and(|by| now_ms() >= by);
            if in_flight == 0 || is_over {
                break;
            }
            let assigned = self.shared.ledger().partitions();
            if self.seat.is_none() && paused != assigned {
                self.consumer.pause(&self.consumer.assignment()?)?;
                paused = assigned;
            }
            self.poll(Duration::ZERO)?;
            self.parked.clear();
            let now = Instant::now();
            self.follow(now)?;
            self.book(now);
            self.commit_when_due(now)?;
            if let Ok(completion) = self.shared.completions.recv_timeout(POLL_WAIT) {
                self.shared.absorb(&completion);
            }
        }
        self.leave()
    }

    fn leave(mut self) -> anyhow::Result<()> {
        while let Ok(completion) = self.shared.completions.try_recv() {
            self.shared.absorb(&completion);
        }
        // Without a result that Kafka has acknowledged nothing more is committed, but what is finished is. A group that
        // rebalances takes no commit until it is over, and it goes on only while its members poll.
        let deadline = Instant::now() + self.last_commit_wait;
        let shared = self.shared.clone();
        let has_commits = || !shared.ledger().committable().is_empty();
        let is_held_up =
            |consume: &Self| !consume.shared.is_answered() || (has_commits() && !consume.stands());
        while is_held_up(&self) && Instant::now() < deadline {
            self.follow(Instant::now())?;
            self.poll(POLL_WAIT)?;
            self.parked.clear();
        }
        while self.stands()
            && shared.commit_now(&self.consumer, None, POLL_MAX) == Commits::Later
            && Instant::now() < deadline
        {
            self.poll(POLL_MAX)?;
            self.parked.clear();
        }
        let abandoned = self.shared.revoke_all();
        if abandoned > 0 {
            warn!(
                count = abandoned,
                "jobs abandoned, they will be redelivered"
            );
            self.shared.stats.abandoned(abandoned);
        }
        self.shared.stats.polled(Instant::now(), 0);
        match self.seat.take() {
            Some(seat) => seat.end(),
            None => self.shared.stats.assigned(Vec::new()),
        }
        // Dropping the consumer closes it: it leaves the group.
        drop(self.consumer);
        info!("left the group");
        Ok(())
    }
}

fn properties(kafka: &Kafka, worker: &str, in_flight_max: usize) -> rdkafka::ClientConfig {
    let mut config = kafka.client();
    let session_ms = kafka.session_timeout.as_millis().to_string();
    // Four in a session, and at most the default: how soon a member hears of a rebalance hangs on it.
    let heartbeat_ms = (kafka.session_timeout.as_millis() / 4)
        .clamp(100, 3_000)
        .to_string();
    // Twice what is in flight: the default of 100,000 records would hide the backlog from everybody else.
    let prefetch = (2 * in_flight_max).to_string();
    // Where each partition has a queue of its own, these hold for each.
    let (prefetch, prefetch_kbytes, fetch_bytes) = match kafka.assignment {
        Assignment::Group => (prefetch, "65536", "1048576"),
        Assignment::Weighted => (ASSIGNED_PREFETCH.to_string(), "256", "262144"),
    };
    for (key, value) in [
        ("group.id", kafka.group.as_str()),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "earliest"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("session.timeout.ms", &session_ms),
        ("heartbeat.interval.ms", &heartbeat_ms),
        ("queued.min.messages", &prefetch),
        ("queued.max.messages.kbytes", prefetch_kbytes),
        ("fetch.message.max.bytes", fetch_bytes),
        ("fetch.queue.backoff.ms", "50"),
        ("fetch.wait.max.ms", "100"),
    ] {
        config.set(key, value);
    }
    if kafka.is_static_member && kafka.assignment == Assignment::Group {
        config.set("group.instance.id", worker);
    }
    config
}

fn park(message: &BorrowedMessage<'_>) -> Parked {
    let headers = message.headers().map(|headers| {
        headers
            .iter()
            .map(|header| {
                (
                    header.key.to_owned(),
                    header.value.unwrap_or_default().to_vec(),
                )
            })
            .collect()
    });
    Parked {
        partition: Partition {
            topic: message.topic().to_owned(),
            partition: message.partition(),
        },
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().unwrap_or_default().to_vec(),
        headers: headers.unwrap_or_default(),
        at_ms: message.timestamp().to_millis(),
    }
}
