//! Reads the topic of videos: always polls, takes one video at a time, and commits how far it is.
//!
//! A partition that has delivered a video is paused until that is done; what others deliver meanwhile is parked, one of
//! each. So nothing but polling is ever in the way of the group, however long a video takes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender};
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use spillway_wire::Partition;
use tracing::{debug, info, warn};

use super::Settings;
use super::checkpoint::Checkpoint;
use super::split::{Event, Task};
use crate::attempts::{Attempts, JobKey};
use crate::config::{Assignment, Config, Kafka};
use crate::consume::{Parked, commit_of, list, park, properties};
use crate::drain::Stop;
use crate::ffi::CommitQueue;
use crate::ledger::{Begin, Commit, Ledger, Ticket};

/// Longest time between two polls, and longest wait for a record.
const POLL_MAX: Duration = Duration::from_millis(100);
/// Longest wait for the answer of a commit where partitions are given back.
const ANSWER_MAX: Duration = Duration::from_secs(3);
/// Tries to read what was committed when partitions are assigned, and the wait of each.
const COMMITTED_TRIES: usize = 3;
const COMMITTED_WAIT: Duration = Duration::from_secs(5);

/// Owns the consumer.
pub(super) struct Intake {
    consumer: Arc<BaseConsumer<Group>>,
    shared: Arc<Shared>,
    stop: Arc<Stop>,
    group: String,
    attempts: Arc<Attempts>,
    tasks: Sender<Task>,
    events: Receiver<Event>,
    /// Read and not begun: at most one of each partition.
    parked: VecDeque<Parked>,
    /// The video that is gone through.
    working: Option<Ticket>,
}

/// What the consumer's thread and its rebalance callback, which runs inside a poll, both need.
#[derive(Default)]
struct Shared(Mutex<State>);

#[derive(Default)]
struct State {
    ledger: Ledger,
    /// What is to be committed, the newest of each partition.
    wanted: BTreeMap<Partition, Commit>,
    /// What is on its way.
    sent: Vec<Commit>,
    /// Where commits go; none before there is a consumer, and when it ends.
    queue: Option<CommitQueue>,
    /// What was committed when a partition was assigned.
    committed: BTreeMap<Partition, Commit>,
    paused: BTreeSet<Partition>,
    /// Assigned and revoked since the last poll.
    assigned: Vec<Partition>,
    revoked: Vec<Partition>,
}

/// Follows rebalances.
struct Group(Arc<Shared>);

// === impl Shared ===

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// Hands over what is to be committed, unless a commit is on its way; waits for an answer so long.
    ///
    /// What is refused is to be committed again, unless there is something newer.
    fn commit(&mut self, consumer: &BaseConsumer<Group>, wait: Duration) {
        self.hear(wait);
        let Some(queue) = &self.queue else { return };
        if !self.sent.is_empty() || self.wanted.is_empty() || consumer.assignment_lost() {
            return;
        }
        let commits: Vec<Commit> = std::mem::take(&mut self.wanted).into_values().collect();
        match queue.commit(consumer, &list(&commits)) {
            Ok(()) => {
                self.sent = commits;
                self.hear(wait);
            }
            Err(error) => self.refused(commits, &error),
        }
    }

    fn hear(&mut self, wait: Duration) {
        if self.sent.is_empty() {
            return;
        }
        let answer = self.queue.as_ref().and_then(|queue| queue.answer(wait));
        match answer {
            None => {}
            Some(Ok(())) => self.sent.clear(),
            Some(Err(error)) => {
                let commits = std::mem::take(&mut self.sent);
                self.refused(commits, &error);
            }
        }
    }

    fn refused(&mut self, commits: Vec<Commit>, error: &KafkaError) {
        debug!(%error, "commit of videos refused");
        let owned = self.ledger.partitions();
        for commit in commits {
            if owned.contains(&commit.partition) {
                self.wanted
                    .entry(commit.partition.clone())
                    .or_insert(commit);
            }
        }
    }

    fn revoke(&mut self, partitions: &[Partition]) {
        for partition in partitions {
            self.ledger.revoke(partition);
            self.wanted.remove(partition);
            self.committed.remove(partition);
        }
        self.revoked.extend_from_slice(partitions);
    }
}

// === impl Group ===

impl ClientContext for Group {
    fn error(&self, error: KafkaError, reason: &str) {
        warn!(%error, reason, "consumer of videos had an error");
    }
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        let Rebalance::Revoke(revoked) = rebalance else {
            return;
        };
        let revoked = partitions(revoked);
        let mut state = self.0.state();
        // What is lost another may have by now.
        if !consumer.assignment_lost() {
            state.commit(consumer, ANSWER_MAX);
        }
        state.revoke(&revoked);
        let paused: Vec<&Partition> = revoked
            .iter()
            .filter(|it| state.paused.remove(it))
            .collect();
        // It stays paused when it is given back, and would be when it comes again.
        if !paused.is_empty()
            && let Err(error) = consumer.resume(&unset(paused))
        {
            warn!(%error, "partitions of videos could not be resumed");
        }
        info!(count = revoked.len(), "partitions of videos revoked");
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(assigned) = rebalance {
            self.0.state().assigned.extend(partitions(assigned));
        }
    }
}

// === impl Intake ===

impl Intake {
    /// Joins the group.
    ///
    /// # Errors
    /// If a property is not one of librdkafka's.
    pub(super) fn join(
        config: &Config,
        settings: &Settings,
        attempts: Arc<Attempts>,
        stop: Arc<Stop>,
        tasks: Sender<Task>,
        events: Receiver<Event>,
    ) -> anyhow::Result<Self> {
        // Kafka deals videos out, whoever deals out jobs: all workers of all groups are in this one.
        let kafka = Kafka {
            group: settings.group.clone(),
            assignment: Assignment::Group,
            ..config.kafka.clone()
        };
        let shared = Arc::new(Shared::default());
        let consumer: BaseConsumer<Group> = properties(&kafka, &config.identity.worker, 1)
            .create_with_context(Group(shared.clone()))
            .context("the consumer of videos cannot be set up")?;
        consumer
            .subscribe(&[&settings.topic])
            .context("the topic of videos cannot be subscribed to")?;
        shared.state().queue = Some(CommitQueue::new(&consumer));
        Ok(Self {
            consumer: Arc::new(consumer),
            shared,
            stop,
            group: settings.group.clone(),
            attempts,
            tasks,
            events,
            parked: VecDeque::new(),
            working: None,
        })
    }

    /// Takes videos until asked to stop, then leaves the group.
    ///
    /// # Errors
    /// When the consumer can no longer consume: the process must end.
    pub(super) fn run(mut self) -> anyhow::Result<()> {
        let ended = loop {
            if self.stop.is_asked() {
                break Ok(());
            }
            if let Err(error) = self.turn() {
                break Err(error);
            }
        };
        // What is gone through is given up; what is known of it is committed.
        while let Ok(event) = self.events.try_recv() {
            self.hear(event)?;
        }
        let mut state = self.shared.state();
        state.commit(&self.consumer, ANSWER_MAX);
        let assigned = state.ledger.partitions();
        state.revoke(&assigned);
        state.queue = None;
        drop(state);
        ended
    }

    fn turn(&mut self) -> anyhow::Result<()> {
        self.begin()?;
        let wait = if self.working.is_some() {
            Duration::ZERO
        } else {
            POLL_MAX
        };
        self.poll(wait)?;
        if self.working.is_some()
            && let Ok(event) = self.events.recv_timeout(POLL_MAX)
        {
            self.hear(event)?;
        }
        self.shared.state().commit(&self.consumer, Duration::ZERO);
        match self.consumer.client().fatal_error() {
            Some((code, why)) => anyhow::bail!("the consumer of videos failed: {code}: {why}"),
            None => Ok(()),
        }
    }

    fn poll(&mut self, wait: Duration) -> anyhow::Result<()> {
        let parked = match self.consumer.poll(wait) {
            Some(Ok(message)) => Some(park(&message)),
            Some(Err(error)) => {
                let is_over = matches!(error, KafkaError::MessageConsumptionFatal(_))
                    || error.rdkafka_error_code() == Some(RDKafkaErrorCode::PollExceeded);
                anyhow::ensure!(!is_over, "the consumer of videos failed: {error}");
                warn!(%error, "consumer of videos had an error");
                None
            }
            None => None,
        };
        self.settle();
        if let Some(parked) = parked {
            // It has delivered, so it may be paused: one that has not must not be (see the consumer of jobs).
            self.consumer.pause(&unset([&parked.partition]))?;
            self.shared.state().paused.insert(parked.partition.clone());
            self.parked.push_back(parked);
        }
        Ok(())
    }

    /// Follows what the last poll changed of the assignment, before any record of it is begun.
    fn settle(&mut self) {
        let mut state = self.shared.state();
        let revoked = std::mem::take(&mut state.revoked);
        let assigned = std::mem::take(&mut state.assigned);
        drop(state);
        self.parked
            .retain(|parked| !revoked.contains(&parked.partition));
        if assigned.is_empty() {
            return;
        }
        info!(count = assigned.len(), "partitions of videos assigned");
        let committed = self.committed(&assigned);
        let mut state = self.shared.state();
        for partition in assigned {
            // Its own metadata says nothing to a ledger.
            state.ledger.assign(partition, None);
        }
        for commit in committed {
            state.committed.insert(commit.partition.clone(), commit);
        }
    }

    /// What the group has committed; nothing where it cannot be read, which repeats some frames.
    fn committed(&self, partitions: &[Partition]) -> Vec<Commit> {
        for _ in 0..COMMITTED_TRIES {
            let asked = unset(partitions);
            match self.consumer.committed_offsets(asked, COMMITTED_WAIT) {
                Ok(committed) => {
                    return committed.elements().iter().filter_map(commit_of).collect();
                }
                Err(error) => warn!(%error, "committed offsets of videos could not be read"),
            }
        }
        Vec::new()
    }

    /// Begins the next video, if none is gone through.
    fn begin(&mut self) -> anyhow::Result<()> {
        if self.working.is_some() {
            return Ok(());
        }
        let Some(parked) = self.parked.pop_front() else {
            return Ok(());
        };
        let (partition, offset) = (parked.partition.clone(), parked.offset);
        let mut state = self.shared.state();
        let Begin::Take(ticket) = state.ledger.begin(Instant::now(), &partition, offset) else {
            return Ok(());
        };
        let committed = state.committed.remove(&partition);
        drop(state);
        let checkpoint = committed
            .filter(|commit| commit.offset == offset)
            .and_then(|commit| Checkpoint::decode(&commit.metadata));
        let job = JobKey::new(&self.group, &partition, offset);
        self.working = Some(ticket.clone());
        let attempts = self.attempts.of(job);
        let record = parked.record(ticket, job, attempts, Instant::now());
        let task = Task { record, checkpoint };
        // There is room for one, and none is gone through.
        self.tasks
            .try_send(task)
            .map_err(|_| anyhow::anyhow!("nobody goes through videos any more"))
    }

    fn hear(&mut self, event: Event) -> anyhow::Result<()> {
        let Some(ticket) = self.working.clone() else {
            return Ok(());
        };
        let partition = ticket.assignment.partition.clone();
        let mut state = self.shared.state();
        let want = |state: &mut State, offset: i64, metadata: String| {
            let commit = Commit {
                partition: partition.clone(),
                offset,
                metadata,
            };
            state.wanted.insert(partition.clone(), commit);
        };
        match event {
            Event::Reached(metadata) => {
                if !ticket.assignment.is_revoked() {
                    want(&mut state, ticket.offset, metadata);
                }
                return Ok(());
            }
            Event::Done => {
                if state.ledger.finish(&ticket) {
                    want(&mut state, ticket.offset + 1, String::new());
                }
            }
            Event::Abandoned => {}
        }
        self.working = None;
        let is_ours = !ticket.assignment.is_revoked();
        if is_ours && state.paused.remove(&partition) {
            self.consumer.resume(&unset([&partition]))?;
        }
        Ok(())
    }
}

/// Partitions without an offset.
fn unset<'a>(partitions: impl IntoIterator<Item = &'a Partition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for Partition { topic, partition } in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

fn partitions(list: &TopicPartitionList) -> Vec<Partition> {
    let elements = list.elements();
    let partitions = elements.iter().map(|element| Partition {
        topic: element.topic().to_owned(),
        partition: element.partition(),
    });
    partitions.collect()
}
