//! Commits: one on its way at a time, and each has its answer.
//!
//! They are handed over on the thread that polls, which also gives partitions back. So each is with librdkafka before the
//! release of its partitions is, and librdkafka joins its group again only when every commit that it has is answered:
//! none can reach the broker after somebody else has the partitions.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};
use spillway_wire::Partition;
use tracing::{debug, warn};

use super::group::{Group, Shared};
use crate::crash::{self, Step};
use crate::ledger::Commit;

/// What became of a commit that was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Commits {
    /// Everything is committed.
    Done,
    /// The group rebalances, or there is no answer yet: it may pass later.
    Later,
    /// It will not pass.
    Refused,
}

// === impl Shared ===

impl Shared {
    /// Takes in what became of the commit that is on its way.
    pub(super) fn hear(&self) {
        self.hear_for(Duration::ZERO);
    }

    /// Commits what is new without waiting, unless a commit is on its way.
    pub(super) fn commit(&self, consumer: &BaseConsumer<Group>) {
        self.hear();
        // What is lost another may have by now: its offsets are no longer ours to write.
        if !self.is_answered() || consumer.assignment_lost() {
            return;
        }
        let commits = self.ledger().committable();
        if commits.is_empty() {
            self.is_refused.store(false, Ordering::Relaxed);
            let mut ledger = self.ledger();
            ledger.handed_over(&commits);
            ledger.acknowledged();
            return;
        }
        self.hand_over(consumer, &commits);
    }

    /// Commits everything, of some partitions or of all, and waits for the answer.
    ///
    /// Where it fails, whoever has the partitions next repeats what is not committed.
    pub(super) fn commit_now(
        &self,
        consumer: &BaseConsumer<Group>,
        of: Option<&[Partition]>,
        wait: Duration,
    ) -> Commits {
        let until = Instant::now() + wait;
        // Two on their way could arrive the wrong way round, where the first is tried again.
        self.hear_for(wait);
        if !self.is_answered() {
            return Commits::Later;
        }
        let mut commits = self.ledger().committable();
        commits.retain(|commit| of.is_none_or(|of| of.contains(&commit.partition)));
        if commits.is_empty() {
            return Commits::Done;
        }
        self.hand_over(consumer, &commits);
        match self.hear_for(until.saturating_duration_since(Instant::now())) {
            Some(Ok(())) => Commits::Done,
            Some(Err(error)) if !is_rebalance(&error) => Commits::Refused,
            // There is nowhere to commit any more.
            None if self.is_answered() => Commits::Refused,
            Some(Err(_)) | None => Commits::Later,
        }
    }

    /// Whether all that there is to commit of some partitions is committed and acknowledged.
    pub(super) fn is_committed(&self, of: &[Partition]) -> bool {
        let commits = self.ledger().committable();
        let mut of_these = commits.iter().filter(|it| of.contains(&it.partition));
        self.is_answered() && of_these.next().is_none()
    }

    /// Whether no commit is on its way.
    pub(super) fn is_answered(&self) -> bool {
        !self.is_committing.load(Ordering::Relaxed)
    }

    /// Gives a commit to librdkafka; for the ledger it is done until its answer says otherwise.
    fn hand_over(&self, consumer: &BaseConsumer<Group>, commits: &[Commit]) {
        let queue = self.queue();
        let Some(queue) = &*queue else {
            return;
        };
        match queue.commit(consumer, &list(commits)) {
            Ok(()) => {
                self.is_committing.store(true, Ordering::Relaxed);
                self.ledger().handed_over(commits);
                crash::point(Step::Committing);
            }
            Err(error) => self.refused(&error),
        }
    }

    /// Waits for the answer of the commit that is on its way, where there is one.
    fn hear_for(&self, wait: Duration) -> Option<KafkaResult<()>> {
        if self.is_answered() {
            return None;
        }
        let answer = self.queue().as_ref()?.answer(wait)?;
        self.is_committing.store(false, Ordering::Relaxed);
        self.is_refused.store(answer.is_err(), Ordering::Relaxed);
        match &answer {
            Ok(()) => {
                crash::point(Step::Committed);
                self.stats.committed();
                self.ledger().acknowledged();
            }
            Err(error) => self.refused(error),
        }
        Some(answer)
    }

    /// Everything is to be committed again.
    ///
    /// A group that rebalances refuses commits: that is its ordinary way.
    fn refused(&self, error: &KafkaError) {
        if is_rebalance(error) {
            debug!(%error, "commit waits for the rebalance");
        } else {
            warn!(%error, "commit failed");
        }
        self.stats.commit_failed();
        self.ledger().commit_failed();
    }
}

/// Whether a commit was refused because the group rebalances.
fn is_rebalance(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::RebalanceInProgress | RDKafkaErrorCode::IllegalGeneration)
    )
}

/// Commits as librdkafka writes them.
pub(crate) fn list(commits: &[Commit]) -> TopicPartitionList {
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
pub(crate) fn commit_of(element: &TopicPartitionListElem<'_>) -> Option<Commit> {
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
