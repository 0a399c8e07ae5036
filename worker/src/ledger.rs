//! Which offsets are begun, finished and so committable. Pure: time comes in, no Kafka.
//!
//! **Invariant:** a commit never passes an offset that was begun and is not finished.
//! **Invariant:** what finishes for an earlier assignment changes nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use spillway_wire::Partition;

use crate::offsets::FinishedAbove;

/// One partition, from when it is assigned until it is revoked.
#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) partition: Partition,
    epoch: u64,
    revoked: AtomicBool,
}

/// Stands for one begun job: whoever ends it hands it back to the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) assignment: Arc<Assignment>,
    pub(crate) offset: i64,
}

/// What is to be committed for one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) partition: Partition,
    /// The next offset the group shall read.
    pub(crate) offset: i64,
    /// What is finished above it.
    pub(crate) metadata: String,
}

/// What to do with a record.
#[derive(Debug)]
pub(crate) enum Begin {
    /// Work on it.
    Take(Ticket),
    /// An earlier run has finished it.
    AlreadyFinished,
    /// Its partition is not ours.
    NotAssigned,
}

/// The offsets of all partitions that are assigned now.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    tracks: BTreeMap<Partition, Track>,
    epochs: u64,
    /// Finished since the last commit.
    finished: usize,
    /// Finished before it and after the last one that was acknowledged.
    handed: usize,
}

#[derive(Debug)]
struct Track {
    assignment: Arc<Assignment>,
    /// Begun and not finished, and since when.
    pending: BTreeMap<i64, Instant>,
    /// After the last one begun; none before the first.
    next: Option<i64>,
    /// What an earlier run had finished out of order.
    restored: FinishedAbove,
    committed: Option<(i64, String)>,
}

// === impl Assignment ===

impl Assignment {
    /// Whether work for it is in vain: another worker has the partition, or will have it.
    pub(crate) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Relaxed)
    }
}

// === impl Ledger ===

impl Ledger {
    /// Takes a partition in; `committed` is its committed offset and metadata, where there is one.
    pub(crate) fn assign(&mut self, partition: Partition, committed: Option<(i64, &str)>) {
        self.epochs += 1;
        let restored = committed.map_or_else(FinishedAbove::default, |(offset, metadata)| {
            FinishedAbove::decode(offset, metadata)
        });
        let track = Track {
            assignment: Arc::new(Assignment {
                partition: partition.clone(),
                epoch: self.epochs,
                revoked: AtomicBool::new(false),
            }),
            pending: BTreeMap::new(),
            next: None,
            restored,
            committed: committed.map(|(offset, metadata)| (offset, metadata.to_owned())),
        };
        if let Some(earlier) = self.tracks.insert(partition, track) {
            earlier.assignment.revoked.store(true, Ordering::Relaxed);
        }
    }

    /// Lets a partition go; what is still in flight for it will change nothing.
    ///
    /// Returns how many jobs that are.
    pub(crate) fn revoke(&mut self, partition: &Partition) -> usize {
        let Some(track) = self.tracks.remove(partition) else {
            return 0;
        };
        track.assignment.revoked.store(true, Ordering::Relaxed);
        track.pending.len()
    }

    /// Begins the record at `offset`.
    ///
    /// Offsets of a partition come in ascending order. One that goes back means that the partition was made anew
    /// or rewound: what was known of it is forgotten, and what is in flight for it will change nothing.
    pub(crate) fn begin(&mut self, now: Instant, partition: &Partition, offset: i64) -> Begin {
        let Some(track) = self.tracks.get_mut(partition) else {
            return Begin::NotAssigned;
        };
        if track.next.is_some_and(|next| offset < next) {
            self.assign(partition.clone(), None);
            return self.begin(now, partition, offset);
        }
        track.next = Some(offset + 1);
        if track.restored.contains(offset) {
            return Begin::AlreadyFinished;
        }
        track.pending.insert(offset, now);
        Begin::Take(Ticket {
            assignment: track.assignment.clone(),
            offset,
        })
    }

    /// Notes that a job is finished; false where it belongs to an earlier assignment.
    pub(crate) fn finish(&mut self, ticket: &Ticket) -> bool {
        let Some(track) = self.tracks.get_mut(&ticket.assignment.partition) else {
            return false;
        };
        let is_ours = track.assignment.epoch == ticket.assignment.epoch
            && track.pending.remove(&ticket.offset).is_some();
        self.finished += usize::from(is_ours);
        is_ours
    }

    /// What is to be committed: partitions where it differs from the last commit.
    pub(crate) fn committable(&self) -> Vec<Commit> {
        self.tracks
            .values()
            .filter_map(|track| {
                let (offset, metadata) = track.position()?;
                let is_new = track.committed.as_ref() != Some(&(offset, metadata.clone()));
                is_new.then(|| Commit {
                    partition: track.assignment.partition.clone(),
                    offset,
                    metadata,
                })
            })
            .collect()
    }

    /// Notes that `commits` are on their way to Kafka; none where there was nothing to commit.
    pub(crate) fn handed_over(&mut self, commits: &[Commit]) {
        for commit in commits {
            if let Some(track) = self.tracks.get_mut(&commit.partition) {
                track.committed = Some((commit.offset, commit.metadata.clone()));
            }
        }
        self.handed += std::mem::take(&mut self.finished);
    }

    /// Notes that what was on its way is committed.
    pub(crate) fn acknowledged(&mut self) {
        self.handed = 0;
    }

    /// Notes that a commit failed: everything is to be committed again.
    pub(crate) fn commit_failed(&mut self) {
        for track in self.tracks.values_mut() {
            track.committed = None;
        }
        self.finished += std::mem::take(&mut self.handed);
    }

    /// Jobs finished since the last commit: it is worth another.
    pub(crate) fn finished(&self) -> usize {
        self.finished
    }

    /// Jobs that a kill would repeat although they are finished; at most so many, since some may be given back by now.
    pub(crate) fn uncommitted(&self) -> usize {
        self.finished + self.handed
    }

    /// Jobs begun and not finished.
    pub(crate) fn in_flight(&self) -> usize {
        self.tracks.values().map(|track| track.pending.len()).sum()
    }

    /// Jobs begun and not finished in some partitions.
    pub(crate) fn in_flight_of(&self, partitions: &[Partition]) -> usize {
        partitions
            .iter()
            .filter_map(|partition| self.tracks.get(partition))
            .map(|track| track.pending.len())
            .sum()
    }

    /// A job that was begun before `moment` and is not finished, if there is one.
    pub(crate) fn begun_before(&self, moment: Instant) -> Option<(Partition, i64)> {
        self.tracks.values().find_map(|track| {
            // Offsets are begun in their order: the first is the oldest.
            let (offset, begun) = track.pending.first_key_value()?;
            (*begun < moment).then(|| (track.assignment.partition.clone(), *offset))
        })
    }

    /// What is assigned.
    pub(crate) fn partitions(&self) -> Vec<Partition> {
        self.tracks.keys().cloned().collect()
    }
}

// === impl Track ===

impl Track {
    /// Offset to commit and its metadata; none before anything was begun.
    fn position(&self) -> Option<(i64, String)> {
        let next = self.next?;
        let Some((&first, _)) = self.pending.first_key_value() else {
            let offset = self.restored.skip(next);
            let mut above = FinishedAbove::default();
            self.restored
                .from(offset)
                .for_each(|range| above.push(range));
            return Some((offset, above.encode(offset)));
        };
        let mut above = FinishedAbove::default();
        let mut from = first;
        for &pending in self.pending.keys() {
            above.push(from..pending);
            from = pending + 1;
        }
        above.push(from..next);
        self.restored.from(next).for_each(|range| above.push(range));
        Some((first, above.encode(first)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn partition() -> Partition {
        Partition {
            topic: "jobs".into(),
            partition: 0,
        }
    }

    fn take(ledger: &mut Ledger, offset: i64) -> Ticket {
        match ledger.begin(Instant::now(), &partition(), offset) {
            Begin::Take(ticket) => ticket,
            other => panic!("offset {offset} should be taken, got {other:?}"),
        }
    }

    fn offset(ledger: &Ledger) -> Option<i64> {
        ledger.committable().first().map(|commit| commit.offset)
    }

    #[test]
    fn only_the_contiguous_prefix_is_committed() {
        let mut ledger = Ledger::default();
        ledger.assign(partition(), None);
        assert_eq!(offset(&ledger), None);
        let tickets: Vec<Ticket> = (10..14).map(|at| take(&mut ledger, at)).collect();
        let table = [(1, Some(10)), (2, Some(10)), (0, Some(13)), (3, Some(14))];
        for (finished, commits) in table {
            assert!(ledger.finish(&tickets[finished]));
            assert_eq!(
                offset(&ledger),
                commits,
                "after {finished} of 0..4 finished"
            );
        }
        assert_eq!(ledger.in_flight(), 0);
    }

    #[test]
    fn what_is_committed_is_not_committed_again_unless_it_failed() {
        let mut ledger = Ledger::default();
        ledger.assign(partition(), None);
        let ticket = take(&mut ledger, 0);
        ledger.finish(&ticket);
        let commits = ledger.committable();
        assert_eq!((ledger.finished(), ledger.uncommitted()), (1, 1));
        ledger.handed_over(&commits);
        assert_eq!((ledger.finished(), ledger.uncommitted()), (0, 1));
        assert_eq!(ledger.committable(), vec![]);
        ledger.commit_failed();
        assert_eq!((ledger.finished(), ledger.uncommitted()), (1, 1));
        assert_eq!(ledger.committable(), commits);
        ledger.handed_over(&commits);
        ledger.acknowledged();
        assert_eq!((ledger.finished(), ledger.uncommitted()), (0, 0));
    }

    #[test]
    fn gaps_in_the_log_do_not_stop_commits() {
        let mut ledger = Ledger::default();
        ledger.assign(partition(), None);
        for at in [3, 7, 20] {
            let ticket = take(&mut ledger, at);
            ledger.finish(&ticket);
        }
        assert_eq!(offset(&ledger), Some(21));
    }

    #[test]
    fn a_restart_repeats_only_what_was_not_finished() {
        let mut first = Ledger::default();
        first.assign(partition(), None);
        let tickets: Vec<Ticket> = (0..10).map(|at| take(&mut first, at)).collect();
        for finished in [1, 2, 3, 5, 9] {
            first.finish(&tickets[finished]);
        }
        let commit = first.committable().remove(0);
        assert_eq!(commit.offset, 0);

        let mut second = Ledger::default();
        second.assign(partition(), Some((commit.offset, &commit.metadata)));
        let repeated: Vec<i64> = (0..10)
            .filter(|&at| {
                matches!(
                    second.begin(Instant::now(), &partition(), at),
                    Begin::Take(_)
                )
            })
            .collect();
        assert_eq!(repeated, vec![0, 4, 6, 7, 8]);
    }

    #[test]
    fn what_was_restored_and_not_read_again_stays_in_the_metadata() {
        let mut above = FinishedAbove::default();
        above.push(5..8);
        let mut ledger = Ledger::default();
        ledger.assign(partition(), Some((3, &above.encode(3))));
        let ticket = take(&mut ledger, 3);
        ledger.finish(&ticket);
        let commit = ledger.committable().remove(0);
        assert_eq!(commit.offset, 4);
        assert_eq!(FinishedAbove::decode(4, &commit.metadata), above);
        let ticket = take(&mut ledger, 4);
        ledger.finish(&ticket);
        assert_eq!(
            offset(&ledger),
            Some(8),
            "restored offsets need not be read again"
        );
    }

    #[test]
    fn results_of_an_earlier_assignment_stop_here() {
        let mut ledger = Ledger::default();
        ledger.assign(partition(), None);
        let late = take(&mut ledger, 0);
        assert_eq!(ledger.revoke(&partition()), 1);
        assert!(late.assignment.is_revoked());
        assert!(!ledger.finish(&late));
        ledger.assign(partition(), None);
        let again = take(&mut ledger, 0);
        assert!(!ledger.finish(&late));
        assert_eq!(offset(&ledger), Some(0));
        assert!(ledger.finish(&again));
        assert!(matches!(
            ledger.begin(
                Instant::now(),
                &Partition {
                    topic: "other".into(),
                    partition: 0
                },
                0
            ),
            Begin::NotAssigned
        ));
    }

    #[test]
    fn a_partition_made_anew_is_read_from_its_start() {
        let mut ledger = Ledger::default();
        ledger.assign(partition(), None);
        let before = take(&mut ledger, 100);
        let after = take(&mut ledger, 0);
        assert!(!ledger.finish(&before));
        assert_eq!(offset(&ledger), Some(0));
        assert!(ledger.finish(&after));
        assert_eq!(offset(&ledger), Some(1));
    }

    #[test]
    fn what_never_ends_is_told_apart_and_holds_up_nothing_behind_it() {
        let start = Instant::now();
        let mut ledger = Ledger::default();
        ledger.assign(partition(), None);
        let Begin::Take(_) = ledger.begin(start, &partition(), 0) else {
            panic!("it should be taken");
        };
        let later = start + Duration::from_secs(1);
        for at in 1..20_000 {
            let Begin::Take(ticket) = ledger.begin(later, &partition(), at) else {
                panic!("{at} should be taken");
            };
            ledger.finish(&ticket);
        }
        assert_eq!(ledger.begun_before(start), None);
        assert_eq!(ledger.begun_before(later), Some((partition(), 0)));
        let commit = ledger.committable().remove(0);
        let above = FinishedAbove::decode(0, &commit.metadata);
        assert!((1..20_000).all(|at| above.contains(at)), "none is repeated");
    }

    proptest! {
        #[test]
        fn a_commit_never_passes_an_unfinished_offset(
            order in Just((0..60_usize).collect::<Vec<_>>()).prop_shuffle(),
            finished in 0..60_usize,
        ) {
            let mut ledger = Ledger::default();
            ledger.assign(partition(), None);
            let tickets: Vec<Ticket> = (0..60).map(|at| take(&mut ledger, at)).collect();
            for &index in &order[..finished] {
                ledger.finish(&tickets[index]);
                let commit = ledger.committable().remove(0);
                let above = FinishedAbove::decode(commit.offset, &commit.metadata);
                let first = (0..60).find(|at| ledger.tracks[&partition()].pending.contains_key(at));
                prop_assert_eq!(commit.offset, first.unwrap_or(60));
                for at in commit.offset..60 {
                    let is_pending = ledger.tracks[&partition()].pending.contains_key(&at);
                    prop_assert_eq!(above.contains(at), !is_pending);
                }
            }
        }
    }
}
