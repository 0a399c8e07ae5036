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
mod client;
mod commit;
mod group;
mod leave;
mod put_off;
mod source;

use std::collections::{BTreeSet, VecDeque};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, select};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use spillway_wire::Partition;
use tokio::sync::mpsc;
use tracing::{debug, error, info, warn};

use crate::attempts::{Attempts, JobKey};
use crate::config::{Config, Limits};
use crate::crash::{self, Step};
use crate::drain::Stop;
use crate::ffi::CommitQueue;
use crate::intake::{Meter, Pace};
use crate::ledger::{Begin, Commit, Ticket};
use crate::publish::{Away, Completion};
use crate::stats::Stats;
use crate::told::Told;
use crate::work::Record;
use assigned::{LEAVING_COMMIT_EVERY, Seat};
pub(crate) use client::{park, properties};
pub(crate) use commit::{commit_of, list};
use group::{Group, Shared};
use put_off::PutOff;
use source::SourceWatch;

/// Longest time between two polls.
const POLL_MAX: Duration = Duration::from_millis(100);
/// How long a poll waits for a record while there is room; results wait as long for their commit at most.
const POLL_WAIT: Duration = Duration::from_millis(20);
/// How often commits are made while there is something to commit.
const COMMIT_EVERY: Duration = Duration::from_millis(250);
/// How soon it is looked for the answer of one that is on its way, where nothing else happens.
const ANSWER_LOOK: Duration = Duration::from_millis(5);
/// Finished jobs after which one is made at once.
const COMMIT_AFTER: usize = 256;
/// Most jobs that the models are done with, and whose results are not yet acknowledged or whose offsets not yet committed:
/// what a kill repeats beyond what is being worked on. They hold nothing but their places in the ledger.
pub(crate) const UNCOMMITTED_MAX: usize = 1_024;
/// Share of all places of which so many are taken at once.
const PLACES_SHARE: usize = 4;
/// So many records are read and not begun before intake is paused: pausing drops what librdkafka has prefetched. One
/// more may come from each partition that has not delivered anything yet.
const PARKED_MAX: usize = 8;
/// Longest wait for a rebalance to let the last commit pass, beyond the session timeout that it may take.
const LAST_COMMIT_GRACE: Duration = Duration::from_secs(1);
/// How much longer than its time a job may be in flight before it is clear that it will never end by itself, and how
/// often that is looked for. Longer than librdkafka tries to send a result (`message.timeout.ms`, 5 minutes): while the
/// brokers are away nobody's job is to blame.
const NEVER_ENDS_AFTER: Duration = Duration::from_secs(360);
const NEVER_ENDS_LOOK: Duration = Duration::from_secs(1);
/// Tries to read what was committed when partitions are assigned, and the wait of each.
const COMMITTED_TRIES: usize = 3;
const COMMITTED_WAIT: Duration = Duration::from_secs(5);

/// Owns the consumer.
pub(crate) struct Consume {
    // Dropped before the consumer, which it holds too.
    _watch: SourceWatch,
    consumer: Member,
    shared: Arc<Shared>,
    /// What the controller assigns; none where Kafka does.
    seat: Option<Seat>,
    stop: Arc<Stop>,
    jobs: mpsc::Sender<Record>,
    in_flight_max: usize,
    places_free: Receiver<()>,
    /// So many places must be free before it is woken for them: being woken costs more than a small job.
    places_at_once: usize,
    pace: Option<Pace>,
    meter: Meter,
    parked: VecDeque<Parked>,
    attempts: Arc<Attempts>,
    group: String,
    put_off: PutOff,
    /// What may have ended an earlier process, and waits until nothing else is in flight.
    suspect: Option<Parked>,
    /// Whether such a one is in flight.
    is_alone: bool,
    /// Partitions that have delivered a record since they were assigned.
    read: BTreeSet<Partition>,
    polled: Instant,
    committed: Instant,
    last_commit_wait: Duration,
    job_max: Duration,
    /// When it was last looked whether a job never ends.
    looked: Instant,
}

/// The consumer, which hears what becomes of commits until it ends.
struct Member {
    consumer: Arc<BaseConsumer<Group>>,
    shared: Arc<Shared>,
}

/// A record that was read and not begun.
pub(crate) struct Parked {
    pub(crate) partition: Partition,
    pub(crate) offset: i64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) at_ms: Option<i64>,
    /// Not to be begun before.
    due_ms: Option<i64>,
}

/// Channels and counters of the consumer's thread.
pub(crate) struct Ends {
    pub(crate) jobs: mpsc::Sender<Record>,
    pub(crate) completions: Receiver<Completion>,
    pub(crate) away: Arc<Away>,
    /// Rings when places on the line have become free.
    pub(crate) places_free: Receiver<()>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) stop: Arc<Stop>,
    /// What the controller assigns; none where Kafka does.
    pub(crate) told: Option<Arc<Told>>,
    pub(crate) attempts: Arc<Attempts>,
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

// === impl Parked ===

impl Parked {
    /// The record, once it is begun.
    pub(crate) fn record(self, ticket: Ticket, job: JobKey, attempts: u64, now: Instant) -> Record {
        Record {
            ticket,
            job,
            attempts,
            key: self.key,
            value: self.value,
            headers: self.headers,
            at_ms: self.at_ms,
            received: now,
        }
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
            job_max,
            ..
        } = config.limits;
        let shared = Arc::new(Shared::new(
            ends.completions,
            ends.away,
            ends.stats,
            ends.attempts.clone(),
        ));
        let group = Group::new(shared.clone(), config.kafka.session_timeout);
        let consumer: BaseConsumer<Group> =
            properties(&config.kafka, &config.identity.worker, in_flight_max)
                .create_with_context(group)
                .context("the consumer cannot be set up")?;
        let consumer = Member::new(consumer, shared.clone());
        let seat = ends
            .told
            .map(|told| Seat::new(told, config.kafka.jobs.clone(), now));
        if seat.is_none() {
            let retries = config.kafka.retries.topics(&config.kafka.jobs);
            let topics = config.kafka.jobs.iter().chain(&retries);
            let topics: Vec<&str> = topics.map(String::as_str).collect();
            consumer
                .subscribe(&topics)
                .context("the topics cannot be subscribed to")?;
        }
        let watch = SourceWatch::begin(&consumer, config.kafka.jobs.clone(), &shared.stats)
            .context("a thread cannot be started")?;
        Ok(Self {
            _watch: watch,
            consumer,
            shared,
            seat,
            stop: ends.stop,
            jobs: ends.jobs,
            in_flight_max,
            places_free: ends.places_free,
            places_at_once: (in_flight_max / PLACES_SHARE).max(1),
            pace: images_per_second_max.map(|limit| Pace::new(now, limit)),
            meter: Meter::new(now),
            parked: VecDeque::new(),
            attempts: ends.attempts,
            group: config.kafka.group.clone(),
            put_off: PutOff::default(),
            suspect: None,
            is_alone: false,
            read: BTreeSet::new(),
            polled: now,
            committed: now,
            last_commit_wait: config.kafka.session_timeout + LAST_COMMIT_GRACE,
            job_max,
            looked: now,
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
        self.end_with_what_never_ends(now);
        self.book(now);
        self.commit_when_due(now)?;
        while let Ok(completion) = self.shared.completions.try_recv() {
            self.shared.absorb(&completion);
        }
        let has_room = self.may_begin() && self.has_room();
        let due = self.pace.as_ref().map_or(now, Pace::due);
        if has_room && due <= now {
            let next = match self.suspect.take() {
                Some(suspect) => Some(suspect),
                None if self.seat.is_some() => self.next_assigned()?,
                None => self.next_parked()?,
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
        if !self.shared.is_answered() {
            // What is not yet committed may be what there is no room for.
            until = until.min(now + ANSWER_LOOK);
        }
        self.book(now);
        if !has_room {
            self.shared.away.ring_after(self.places_at_once);
        }
        select! {
            recv(self.shared.completions) -> completion => match completion {
                Ok(completion) => self.shared.absorb(&completion),
                Err(_) => anyhow::bail!("the line has ended"),
            },
            recv(self.places_free) -> _ => {}
            default(until.saturating_duration_since(Instant::now())) => {}
        }
        Ok(())
    }

    /// Ends the process for a job that is lost in it, whatever holds it: nothing else of the job would ever be heard, and
    /// its offset would never be committed. It is tried again alone, and set aside after its last attempt.
    fn end_with_what_never_ends(&mut self, now: Instant) {
        if now.duration_since(self.looked) < NEVER_ENDS_LOOK {
            return;
        }
        self.looked = now;
        let given = self.job_max.saturating_add(NEVER_ENDS_AFTER);
        let begun_before = now.checked_sub(given);
        let lost = begun_before.and_then(|moment| self.shared.ledger().begun_before(moment));
        if let Some((partition, offset)) = lost {
            error!(
                topic = partition.topic,
                partition = partition.partition,
                offset,
                "a job never ends, the process does"
            );
            self.attempts
                .blame(JobKey::new(&self.group, &partition, offset));
            self.stop.fail("a job never ended");
        }
    }

    /// Whether jobs may be begun and offsets committed.
    fn stands(&self) -> bool {
        self.seat.as_ref().is_none_or(Seat::stands)
    }

    fn has_room(&self) -> bool {
        let away = self.shared.away.now();
        let ledger = self.shared.ledger();
        let in_flight = ledger.in_flight();
        if self.is_alone || self.suspect.is_some() {
            return in_flight == 0;
        }
        // What was begun for partitions that were taken away may still lie there.
        let has_place = self.jobs.capacity() > 0;
        has_place
            && in_flight < self.in_flight_max + away
            && away + ledger.uncommitted() < UNCOMMITTED_MAX
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
        self.shared.away.are_in_flight(in_flight);
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
        let mut paused = self.shared.paused();
        let read = paused.extract_if(.., |partition| !self.put_off.has(partition));
        let read: Vec<Partition> = read.collect();
        if !read.is_empty() {
            self.consumer.resume(&group::unset(&read))?;
        }
        Ok(())
    }

    /// Follows what the last poll changed of the assignment, before any record of it is begun.
    fn settle(&mut self) {
        let (assigned, revoked) = self.shared.take_changes();
        if !revoked.is_empty() {
            let is_revoked = |parked: &Parked| revoked.contains(&parked.partition);
            self.parked.retain(|parked| !is_revoked(parked));
            self.put_off.forget(&revoked);
            self.suspect.take_if(|parked| is_revoked(parked));
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
                    return committed.elements().iter().filter_map(commit_of).collect();
                }
                Err(error) => warn!(%error, "committed offsets could not be read"),
            }
        }
        Vec::new()
    }

    fn begin(&mut self, now: Instant, parked: Parked) -> anyhow::Result<()> {
        let job = JobKey::new(&self.group, &parked.partition, parked.offset);
        let attempts = self.attempts.of(job);
        self.is_alone = attempts > 0;
        if self.is_alone && self.shared.ledger().in_flight() > 0 {
            self.suspect = Some(parked);
            return Ok(());
        }
        let mut ledger = self.shared.ledger();
        let begun = ledger.begin(now, &parked.partition, parked.offset);
        drop(ledger);
        let Begin::Take(ticket) = begun else {
            debug!(offset = parked.offset, ?begun, "record not taken");
            return Ok(());
        };
        if let Some(pace) = &mut self.pace {
            pace.taken(now);
        }
        if attempts > 0 {
            warn!(
                topic = parked.partition.topic,
                partition = parked.partition.partition,
                offset = parked.offset,
                count = attempts,
                "job tried again, alone"
            );
        }
        let record = parked.record(ticket, job, attempts, now);
        // It was looked before whether there is a place.
        self.jobs
            .try_send(record)
            .map_err(|_| anyhow::anyhow!("the line has ended"))?;
        crash::point(Step::Begun);
        Ok(())
    }

    fn commit_when_due(&mut self, now: Instant) -> anyhow::Result<()> {
        let every = match &self.seat {
            Some(seat) if seat.is_leaving() => LEAVING_COMMIT_EVERY,
            Some(_) | None => COMMIT_EVERY,
        };
        let is_much =
            || self.shared.is_answered() && self.shared.ledger().finished() >= COMMIT_AFTER;
        let is_due = now.duration_since(self.committed) >= every || is_much();
        if !is_due {
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
}
