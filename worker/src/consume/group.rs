//! What happens when the group gives and takes partitions, and how commits are made.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};
use spillway_wire::Partition;
use tracing::{debug, info, warn};

use crate::ledger::{Commit, Ledger};
use crate::publish::Completion;
use crate::stats::{Done, Stats};

/// Longest wait for what is in flight in partitions that are taken away.
const REVOKE_WAIT_MAX: Duration = Duration::from_secs(10);
/// Longest try to commit what was in flight: a broker that refuses until the revocation is over refuses for ever.
const REVOKE_COMMIT_MAX: Duration = Duration::from_millis(300);
/// How long a commit may be without an answer: a rebalance can swallow it, and then it is made again.
const COMMIT_PATIENCE: Duration = Duration::from_secs(3);
/// How long before a commit that a rebalance refused is tried again.
const RECOMMIT_AFTER: Duration = Duration::from_millis(100);

/// What the consumer's thread and its rebalance callback, which runs inside a poll, both need.
pub(super) struct Shared {
    ledger: Mutex<Ledger>,
    pub(super) completions: Receiver<Completion>,
    pub(super) stats: Arc<Stats>,
    pub(super) is_saturated: AtomicBool,
    pub(super) commit_failed: AtomicBool,
    /// Whether the last commit that was answered was refused.
    pub(super) is_refused: AtomicBool,
    /// Since when a commit is on its way; during a rebalance librdkafka holds them back, and they would pile up.
    committing_since: Mutex<Option<Instant>>,
    /// Partitions that are paused.
    paused: Mutex<BTreeSet<Partition>>,
    /// Assigned and revoked since the last poll.
    changes: Mutex<(Vec<Partition>, Vec<Partition>)>,
}

/// Follows rebalances.
pub(super) struct Group {
    shared: Arc<Shared>,
    revoke_wait: Duration,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(completions: Receiver<Completion>, stats: Arc<Stats>) -> Self {
        Self {
            ledger: Mutex::default(),
            completions,
            stats,
            is_saturated: AtomicBool::new(false),
            commit_failed: AtomicBool::new(false),
            is_refused: AtomicBool::new(false),
            committing_since: Mutex::default(),
            paused: Mutex::default(),
            changes: Mutex::default(),
        }
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn paused(&self) -> MutexGuard<'_, BTreeSet<Partition>> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Finishes a job, unless it belongs to an earlier assignment.
    pub(super) fn absorb(&self, completion: &Completion) {
        if !self.ledger().finish(&completion.ticket) {
            return;
        }
        let done = Done {
            outcome: completion.outcome,
            reason: completion.reason,
            timings_ms: completion.timings_ms,
            is_saturated: self.is_saturated.load(Ordering::Relaxed),
        };
        self.stats.done(Instant::now(), done);
    }

    /// Notes what became of a commit.
    pub(super) fn answered(&self, result: KafkaResult<()>) {
        *self.committing_since() = None;
        self.is_refused.store(result.is_err(), Ordering::Relaxed);
        if let Err(error) = result {
            tell(&error);
            self.commit_failed.store(true, Ordering::Relaxed);
        }
    }

    /// Takes what is new for a commit; none while one is on its way, or where there is nothing.
    pub(super) fn begin_commit(&self) -> Option<Vec<Commit>> {
        if self.committing_since().is_some() {
            return None;
        }
        let commits = self.ledger().committable();
        if commits.is_empty() {
            self.is_refused.store(false, Ordering::Relaxed);
            return None;
        }
        *self.committing_since() = Some(Instant::now());
        let mut ledger = self.ledger();
        commits.iter().for_each(|commit| ledger.committed(commit));
        Some(commits)
    }

    /// Partitions that the last polls gave and took.
    pub(super) fn take_changes(&self) -> (Vec<Partition>, Vec<Partition>) {
        std::mem::take(&mut *self.changes())
    }

    /// Lets everything go; returns how many jobs were in flight.
    pub(super) fn revoke_all(&self) -> usize {
        let mut ledger = self.ledger();
        let partitions = ledger.partitions();
        partitions
            .iter()
            .map(|partition| ledger.revoke(partition))
            .sum()
    }

    fn committing_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.committing_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn changes(&self) -> MutexGuard<'_, (Vec<Partition>, Vec<Partition>)> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Group ===

impl Group {
    pub(super) fn new(shared: Arc<Shared>, session_timeout: Duration) -> Self {
        Self {
            shared,
            revoke_wait: REVOKE_WAIT_MAX.min(session_timeout / 3),
        }
    }

    /// Finishes what is in flight, bounded; commits; and forgets the partitions.
    fn give_back(&self, consumer: &BaseConsumer<Self>, partitions: Vec<Partition>) {
        let deadline = Instant::now() + self.revoke_wait;
        while self.shared.ledger().in_flight_of(&partitions) > 0 {
            match self.shared.completions.recv_deadline(deadline) {
                Ok(completion) => self.shared.absorb(&completion),
                Err(_) => break,
            }
        }
        let deadline = deadline.min(Instant::now() + REVOKE_COMMIT_MAX);
        commit_now(consumer, &self.shared, Some(&partitions), deadline);
        let mut ledger = self.shared.ledger();
        let unfinished: usize = partitions
            .iter()
            .map(|partition| ledger.revoke(partition))
            .sum();
        drop(ledger);
        self.forget_pause(consumer, &partitions);
        info!(count = partitions.len(), unfinished, "partitions revoked");
        self.shared.changes().1.extend(partitions);
    }
}

impl Group {
    /// A partition stays paused when it is given back, and would be when it comes again.
    fn forget_pause(&self, consumer: &BaseConsumer<Self>, partitions: &[Partition]) {
        let mut paused = self.shared.paused();
        let given: Vec<&Partition> = partitions.iter().filter(|it| paused.remove(it)).collect();
        if !given.is_empty()
            && let Err(error) = consumer.resume(&unset(given))
        {
            warn!(%error, "partitions could not be resumed");
        }
    }
}

impl ClientContext for Group {
    fn error(&self, error: KafkaError, reason: &str) {
        warn!(%error, reason, "consumer had an error");
    }
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(list) = rebalance {
            self.give_back(consumer, partitions(list));
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            self.shared.changes().0.extend(partitions(list));
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        self.shared.answered(result);
    }
}

/// Commits what is new without waiting, unless a commit is on its way.
pub(super) fn commit(consumer: &BaseConsumer<Group>, shared: &Shared) {
    let since = *shared.committing_since();
    match since {
        Some(since) if since.elapsed() < COMMIT_PATIENCE => return,
        Some(_) => shared.ledger().commit_failed(),
        None => {}
    }
    let commits = shared.ledger().committable();
    if commits.is_empty() {
        return;
    }
    match consumer.commit(&list(&commits), CommitMode::Async) {
        Ok(()) => {
            *shared.committing_since() = Some(Instant::now());
            let mut ledger = shared.ledger();
            commits.iter().for_each(|commit| ledger.committed(commit));
        }
        Err(error) => {
            tell(&error);
            shared.stats.commit_failed();
        }
    }
}

/// Whether all that there is to commit of some partitions is committed and acknowledged.
pub(super) fn is_committed(shared: &Shared, of: &[Partition]) -> bool {
    let has_failed = shared.commit_failed.load(Ordering::Relaxed);
    let commits = shared.ledger().committable();
    let mut of_these = commits.iter().filter(|it| of.contains(&it.partition));
    is_answered(shared) && !has_failed && of_these.next().is_none()
}

/// Whether no commit is on its way.
pub(super) fn is_answered(shared: &Shared) -> bool {
    shared.committing_since().is_none()
}

/// A group that rebalances refuses commits, which are then made again: that is its ordinary way.
fn tell(error: &KafkaError) {
    if is_rebalance(error) {
        debug!(%error, "commit waits for the rebalance");
    } else {
        warn!(%error, "commit failed");
    }
}

/// What became of a commit that was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commits {
    /// Everything is committed.
    Done,
    /// The group rebalances: it may pass later.
    Later,
    /// It will not pass.
    Refused,
}

/// Commits everything, of some partitions or of all, and waits for it; tries again until `deadline` while the group
/// rebalances.
///
/// What was committed without waiting is committed again, since its answer may not be there yet.
/// Where it fails, whoever has the partitions next repeats what is not committed.
pub(super) fn commit_now(
    consumer: &BaseConsumer<Group>,
    shared: &Shared,
    of: Option<&[Partition]>,
    deadline: Instant,
) -> Commits {
    let commits = {
        let mut ledger = shared.ledger();
        ledger.commit_failed();
        let mut commits = ledger.committable();
        commits.retain(|commit| of.is_none_or(|of| of.contains(&commit.partition)));
        commits
    };
    if commits.is_empty() {
        return Commits::Done;
    }
    let list = list(&commits);
    while let Err(error) = consumer.commit(&list, CommitMode::Sync) {
        tell(&error);
        shared.stats.commit_failed();
        if !is_rebalance(&error) {
            return Commits::Refused;
        }
        if Instant::now() + RECOMMIT_AFTER >= deadline {
            return Commits::Later;
        }
        std::thread::sleep(RECOMMIT_AFTER);
    }
    let mut ledger = shared.ledger();
    commits.iter().for_each(|commit| ledger.committed(commit));
    Commits::Done
}

/// Whether a commit was refused because the group rebalances.
fn is_rebalance(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::RebalanceInProgress | RDKafkaErrorCode::IllegalGeneration)
    )
}

/// Partitions without an offset.
pub(super) fn unset<'a>(partitions: impl IntoIterator<Item = &'a Partition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for Partition { topic, partition } in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

/// Commits as librdkafka writes them.
pub(super) fn list(commits: &[Commit]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(commits.len());
    for Commit {
        partition,
        offset,
        metadata,
    } in commits
    {
        let mut element = list.add_partition(&partition.topic, partition.partition);
        element
            .set_offset(Offset::Offset(*offset))
            .expect("a plain offset is valid");
        if !metadata.is_empty() {
            element.set_metadata(metadata);
        }
    }
    list
}

/// The committed offset of a partition, where there is one.
pub(super) fn commit_of(element: &TopicPartitionListElem<'_>) -> Option<Commit> {
    let Offset::Offset(offset) = element.offset() else {
        return None;
    };
    // The client panics on metadata that is no text, which anybody with write access could leave there.
    let metadata = catch_unwind(AssertUnwindSafe(|| element.metadata().to_owned()));
    Some(Commit {
        partition: Partition {
            topic: element.topic().to_owned(),
            partition: element.partition(),
        },
        offset,
        metadata: metadata.unwrap_or_default(),
    })
}

fn partitions(list: &TopicPartitionList) -> Vec<Partition> {
    list.elements()
        .iter()
        .map(|element| Partition {
            topic: element.topic().to_owned(),
            partition: element.partition(),
        })
        .collect()
}
