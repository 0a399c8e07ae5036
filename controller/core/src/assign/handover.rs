//! Hand-over: from who should have what to what each worker is told, without two ever having one partition.
//!
//! ```text
//!  desired ──┐
//!  written ──┼─▶ hand_over ─▶ records to write, partitions that wait, and for whom
//!  heard   ──┘
//!
//!  giver     told epoch 7 without it ──▶ finishes or drops, commits ──▶ confirms 7
//!  receiver                                                              told epoch 4 with it ──▶ reads
//! ```
//!
//! There is no state of its own: what was last written (`spillway.control`) and what the workers last said
//! (`spillway.workers`) is all there is to know, so that a new leader goes on where the old one stopped.
//!
//! # Properties
//!
//! - **(A) One owner.** A partition is given to a worker only when no other may still have it. Who may: whoever was
//!   last told to have it, and whoever has not confirmed what it was last told and said to have it before.
//! - **(B) Silence releases.** A worker that has not been heard for `SILENT_AFTER` is told to have nothing, and what it
//!   had is given away in the same breath. It commits nothing when it wakes (it reads the control topic first), so that
//!   two read one partition for a moment and one commits. This is the only exception to (A).
//! - **(C) One change at a time.** A worker is told something new only after it has confirmed what it was told before
//!   (or is silent). Without this, what was given and taken back between two heartbeats would be known to nobody but
//!   the worker.
//! - **(D) Epochs grow**, past everything the worker was told or has confirmed.
//! - **(E) It ends.** While the workers answer and `desired` stays, everybody is told what is desired after four rounds
//!   of answers at most; then there is nothing to write.
//! - **(F) Asking again changes nothing**: with what it wrote as `written`, it writes nothing more.
//!
//! Deliberately absent: offsets, fencing tokens, leases and drain deadlines; they are the executor's and the worker's.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::backlog::PartitionId;

/// Without a heartbeat for this long, a worker has nothing.
pub const SILENT_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// What a worker was last told to have.
///
/// Last *sent*, whether or not Kafka has answered: a record of which the outcome is unknown is sent again as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Grows with every change.
    pub epoch: u64,
    /// What it shall read.
    pub partitions: BTreeSet<PartitionId>,
}

/// What a worker last said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// The epoch that it confirms: of what it had before, nothing is in flight any more.
    pub epoch: u64,
    /// What it reads.
    pub partitions: BTreeSet<PartitionId>,
    /// How long ago it said so.
    pub silence: SignedDuration,
}

/// What to write, and what waits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Handover {
    /// By worker: its new record; none where the worker is gone and its record shall be, too.
    pub writes: BTreeMap<String, Option<Record>>,
    /// Desired and not told yet.
    pub waits: Vec<Wait>,
}

/// A partition that its next worker is not told to have yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// The partition.
    pub partition: PartitionId,
    /// Who shall have it.
    pub to: String,
    /// Whose confirmation it waits for; `to` itself where that has not confirmed what it was told before.
    pub confirms: String,
}

/// How far a worker is with what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It has what it was told to have.
    Confirmed,
    /// It may still have what it had before.
    Awaited,
    /// It confirms what nobody here has told it: its record was lost, or another leader wrote one.
    Ahead,
    /// It has nothing.
    Silent,
}

/// A worker that answers, what it was told, and what it should have.
struct Told<'a> {
    worker: &'a String,
    answer: Answer,
    record: &'a Record,
    said: &'a Heard,
    wanted: &'a BTreeSet<PartitionId>,
}

static NEVER: Record = Record {
    epoch: 0,
    partitions: BTreeSet::new(),
};
static NOTHING: BTreeSet<PartitionId> = BTreeSet::new();

/// What each worker is to be told next.
///
/// - `desired`: what each worker should have. Named for two workers, a partition goes to the first that can get it.
/// - `written`: what each was last told.
/// - `heard`: what each last said. Who is not in it is gone for good, as a tombstone says; before the heartbeats were
///   read to their end once, this must not be called.
#[must_use]
pub fn hand_over(
    desired: &BTreeMap<String, BTreeSet<PartitionId>>,
    written: &BTreeMap<String, Record>,
    heard: &BTreeMap<String, Heard>,
) -> Handover {
    let mut handover = Handover::default();
    for worker in written.keys().filter(|worker| !heard.contains_key(*worker)) {
        handover.writes.insert(worker.clone(), None);
    }
    let told: Vec<_> = heard
        .iter()
        .map(|(worker, said)| {
            let record = written.get(worker).unwrap_or(&NEVER);
            Told {
                worker,
                answer: answer(record, said),
                record,
                said,
                wanted: desired.get(worker).unwrap_or(&NOTHING),
            }
        })
        .collect();
    let mut may_have = holders(&told);
    for told in told.iter().filter(|told| told.is_open()) {
        let next = match told.answer {
            Answer::Silent => BTreeSet::new(),
            Answer::Confirmed | Answer::Ahead | Answer::Awaited => {
                next(told, &mut may_have, &mut handover.waits)
            }
        };
        let is_new = match told.answer {
            Answer::Silent | Answer::Confirmed => next != told.record.partitions,
            Answer::Ahead => true,
            Answer::Awaited => false,
        };
        if is_new {
            let record = Record {
                epoch: told.record.epoch.max(told.said.epoch) + 1,
                partitions: next,
            };
            handover.writes.insert(told.worker.clone(), Some(record));
        }
    }
    handover
}

impl Told<'_> {
    /// Whether there may be anything to tell it. Of most workers there is not, and nothing is copied.
    fn is_open(&self) -> bool {
        match self.answer {
            Answer::Silent => !self.record.partitions.is_empty(),
            Answer::Ahead => true,
            Answer::Confirmed | Answer::Awaited => self.record.partitions != *self.wanted,
        }
    }
}

/// What each worker should have, by name, where `worker_of` says it by places in these lists, as [`assign`] does.
///
/// Copies every name: for when `worker_of` has changed, not for every tick.
///
/// [`assign`]: crate::assign::assign
#[must_use]
pub fn desired(
    partitions: &[PartitionId],
    workers: &[String],
    worker_of: &[Option<usize>],
) -> BTreeMap<String, BTreeSet<PartitionId>> {
    let mut desired: BTreeMap<String, BTreeSet<PartitionId>> = BTreeMap::new();
    for (partition, worker) in partitions.iter().zip(worker_of) {
        if let Some(worker) = worker.and_then(|worker| workers.get(worker)) {
            let theirs = desired.entry(worker.clone()).or_default();
            theirs.insert(partition.clone());
        }
    }
    desired
}

fn answer(record: &Record, said: &Heard) -> Answer {
    if said.silence >= SILENT_AFTER {
        return Answer::Silent;
    }
    match said.epoch.cmp(&record.epoch) {
        Ordering::Less => Answer::Awaited,
        Ordering::Equal => Answer::Confirmed,
        Ordering::Greater => Answer::Ahead,
    }
}

/// What a worker can be told: of what it has, what it should; of what it lacks, what nobody else may have.
fn next<'a>(
    told: &Told<'a>,
    may_have: &mut BTreeMap<&'a PartitionId, Option<&'a String>>,
    waits: &mut Vec<Wait>,
) -> BTreeSet<PartitionId> {
    let (had, wanted) = (&told.record.partitions, told.wanted);
    let mut next: BTreeSet<_> = had.intersection(wanted).cloned().collect();
    for partition in wanted.difference(had) {
        let other = may_have.get(partition).copied().flatten();
        let confirms = match (other, told.answer) {
            (Some(other), _) => other,
            (None, Answer::Confirmed) => {
                may_have.insert(partition, Some(told.worker));
                next.insert(partition.clone());
                continue;
            }
            (None, Answer::Awaited | Answer::Ahead | Answer::Silent) => told.worker,
        };
        waits.push(Wait {
            partition: partition.clone(),
            to: told.worker.clone(),
            confirms: confirms.clone(),
        });
    }
    next
}

/// Of the partitions that somebody should have and was not told to: who may have them.
///
/// Two may after a silence; then one whose confirmation is awaited is named.
fn holders<'a>(told: &[Told<'a>]) -> BTreeMap<&'a PartitionId, Option<&'a String>> {
    let awake = || told.iter().filter(|told| told.answer != Answer::Silent);
    // Not all partitions: most ticks move few of them, or none.
    let mut holders: BTreeMap<_, _> = awake()
        .filter(|told| told.is_open())
        .flat_map(|told| told.wanted.difference(&told.record.partitions))
        .map(|partition| (partition, None))
        .collect();
    if holders.is_empty() {
        return holders;
    }
    let mut name = |partition: &PartitionId, worker: &'a String| {
        if let Some(holder) = holders.get_mut(partition) {
            *holder = Some(worker);
        }
    };
    for told in awake() {
        for partition in &told.record.partitions {
            name(partition, told.worker);
        }
    }
    for told in awake().filter(|told| told.answer != Answer::Confirmed) {
        for partition in &told.said.partitions {
            name(partition, told.worker);
        }
    }
    holders
}
