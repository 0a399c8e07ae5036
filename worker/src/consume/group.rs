//! What happens when the group gives and takes partitions.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use spillway_wire::Partition;
use tracing::{info, warn};

use super::commit::Commits;
use crate::attempts::Attempts;
use crate::crash::{self, Step};
use crate::ffi::CommitQueue;
use crate::ledger::Ledger;
use crate::publish::{Away, Completion};
use crate::stats::{Done, Stats};

/// Longest wait for what is in flight in partitions that are taken away.
const REVOKE_WAIT_MAX: Duration = Duration::from_secs(10);
/// Longest try to commit what was in flight: a broker that refuses until the revocation is over refuses for ever.
const REVOKE_COMMIT_MAX: Duration = Duration::from_millis(300);
/// Longest wait for the answer of one try.
const REVOKE_ANSWER_MAX: Duration = Duration::from_secs(3);
/// How long before a commit that a rebalance refused is tried again.
const RECOMMIT_AFTER: Duration = Duration::from_millis(100);

/// What the consumer's thread and its rebalance callback, which runs inside a poll, both need.
pub(super) struct Shared {
    ledger: Mutex<Ledger>,
    attempts: Arc<Attempts>,
    pub(super) completions: Receiver<Completion>,
    pub(super) away: Arc<Away>,
    pub(super) stats: Arc<Stats>,
    pub(super) is_saturated: AtomicBool,
    /// Where commits go; none before there is a consumer, and when it ends.
    queue: Mutex<Option<CommitQueue>>,
    /// Whether a commit is on its way.
    pub(super) is_committing: AtomicBool,
    /// Whether the last commit that was answered was refused.
    pub(super) is_refused: AtomicBool,
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
    pub(super) fn new(
        completions: Receiver<Completion>,
        away: Arc<Away>,
        stats: Arc<Stats>,
        attempts: Arc<Attempts>,
    ) -> Self {
        Self {
            attempts,
            ledger: Mutex::default(),
            completions,
            away,
            stats,
            is_saturated: AtomicBool::new(false),
            queue: Mutex::default(),
            is_committing: AtomicBool::new(false),
            is_refused: AtomicBool::new(false),
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
        self.away.back();
        if !self.ledger().finish(&completion.ticket) {
            return;
        }
        crash::point(Step::Finished);
        self.attempts.settled(completion.job);
        let Some(outcome) = completion.outcome else {
            return self.stats.put_off();
        };
        let done = Done {
            outcome,
            reason: completion.reason,
            timings_ms: completion.timings_ms,
            is_saturated: self.is_saturated.load(Ordering::Relaxed),
        };
        self.stats.done(Instant::now(), done);
    }

    /// Where commits go from now on.
    pub(super) fn open(&self, queue: CommitQueue) {
        *self.queue() = Some(queue);
    }

    /// No commit is made any more; the answer of one that is on its way is not heard.
    pub(super) fn close(&self) {
        *self.queue() = None;
    }

    pub(super) fn queue(&self) -> MutexGuard<'_, Option<CommitQueue>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
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
        // What is lost another may have by now: neither is it waited for, nor committed.
        let is_lost = consumer.assignment_lost();
        if !is_lost {
            self.finish(consumer, &partitions);
        }
        let mut ledger = self.shared.ledger();
        let unfinished: usize = partitions
            .iter()
            .map(|partition| ledger.revoke(partition))
            .sum();
        drop(ledger);
        self.forget_pause(consumer, &partitions);
        info!(
            count = partitions.len(),
            unfinished, is_lost, "partitions revoked"
        );
        self.shared.stats.abandoned(unfinished);
        self.shared.changes().1.extend(partitions);
    }

    fn finish(&self, consumer: &BaseConsumer<Self>, partitions: &[Partition]) {
        let deadline = Instant::now() + self.revoke_wait;
        while self.shared.ledger().in_flight_of(partitions) > 0 {
            match self.shared.completions.recv_deadline(deadline) {
                Ok(completion) => self.shared.absorb(&completion),
                Err(_) => break,
            }
        }
        crash::point(Step::Revoking);
        let deadline = deadline.min(Instant::now() + REVOKE_COMMIT_MAX);
        let (of, wait) = (Some(partitions), REVOKE_ANSWER_MAX);
        while self.shared.commit_now(consumer, of, wait) == Commits::Later
            && Instant::now() + RECOMMIT_AFTER < deadline
        {
            std::thread::sleep(RECOMMIT_AFTER);
        }
    }

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
}

/// Partitions without an offset.
pub(super) fn unset<'a>(partitions: impl IntoIterator<Item = &'a Partition>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for Partition { topic, partition } in partitions {
        list.add_partition(topic, *partition);
    }
    list
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
