//! Who reads which partition: what each worker is told, kept in step with what the workers say.
//!
//! ```text
//!  loads, speeds ─▶ assign ─▶ desired ─┐
//!  last told (control topic) ──────────┼─▶ hand over ─▶ told ─▶ control topic
//!  heartbeats ─▶ who is silent ────────┘
//! ```
//!
//! The decisions are the core's (`spillway_core::assign`); here is what it is fed with, and what is remembered between
//! ticks. Why so: `docs/decisions/0010-weighted-on-kafka.md`.
//! Deliberately absent: clocks, Kafka, what a record looks like (`control.rs`).

mod hearing;
mod idle;
mod loads;
mod speeds;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use spillway_core::assign::handover::{
    Handover, Heard, Record, SILENT_AFTER, Wait, desired, hand_over,
};
use spillway_core::assign::{Problem, Why, Worker, assign, moves};
use spillway_core::{BacklogReading, Beliefs, PartitionId, Policy, WorkerPhase};
use spillway_kafka::SeenHeartbeat;
use spillway_wire::{Control, Heartbeat, Phase};
use tracing::{error, info, warn};

use hearing::Hearing;
use loads::Loads;
use speeds::Speeds;

/// How often is looked whether partitions should move, where no worker came or went: lags are 5 s old by then, and
/// a move costs 3 s.
const REVIEW_EVERY: SignedDuration = SignedDuration::from_secs(5);

/// Deals partitions out to the workers of one group.
#[derive(Debug)]
pub(crate) struct Assignment {
    token: u64,
    group: String,
    /// What each worker was last told, whether or not Kafka has answered.
    told: BTreeMap<String, Record>,
    /// Who is to read each partition.
    reader: BTreeMap<PartitionId, String>,
    /// The same by worker.
    desired: BTreeMap<String, BTreeSet<PartitionId>>,
    loads: Loads,
    speeds: Speeds,
    hearing: Hearing,
    reviewed: Option<Reviewed>,
    waits: Vec<Wait>,
}

/// What was there at the last review, and when that was.
#[derive(Debug, PartialEq)]
struct Reviewed {
    at: Timestamp,
    workers: Vec<(String, WorkerPhase)>,
    partitions: usize,
}

/// What is seen at one time.
pub(crate) struct Look<'a> {
    pub(crate) now: Timestamp,
    pub(crate) policy: &'a Policy,
    pub(crate) beliefs: &'a Beliefs,
    /// None if Kafka could not be asked.
    pub(crate) backlog: Option<&'a BacklogReading>,
    /// None if heartbeats cannot be read now.
    pub(crate) workers: Option<&'a [SeenHeartbeat]>,
    /// Workers that are to leave, whatever they say.
    pub(crate) retiring: &'a BTreeSet<String>,
}

/// What was told in one tick, for the journal.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Dealt {
    /// Partitions that shall change hands, with the reason.
    pub(crate) moves: Vec<Moved>,
    /// What workers were told.
    pub(crate) told: Vec<Told>,
}

/// A partition that shall change hands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Moved {
    pub(crate) partition: PartitionId,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    pub(crate) why: Cause,
}

/// Why it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Cause {
    /// Nobody had it.
    Unassigned,
    /// Who had it leaves, or is gone.
    WorkerLeaves,
    /// Others are done with it sooner.
    Balance,
}

/// What one worker was told to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) worker: String,
    pub(crate) epoch: u64,
    /// None where the worker is gone, and its record with it.
    pub(crate) partitions: Option<BTreeSet<PartitionId>>,
}

// === impl Assignment ===

impl Assignment {
    /// Goes on where the last leader stopped; `records` is all that the control topic holds.
    pub(crate) fn resume(token: u64, group: &str, records: BTreeMap<String, Control>) -> Self {
        let ours = records
            .into_iter()
            .filter(|(_, record)| record.group.as_deref() == Some(group));
        let mut told = BTreeMap::new();
        for (worker, record) in ours {
            if record.token >= token {
                error!(%worker, token = record.token, "a record has a higher token than ours: workers will not follow until it is removed");
            }
            let partitions = record.partitions.unwrap_or_default().into_iter();
            let partitions = partitions
                .map(|it| PartitionId::new(it.topic, it.partition))
                .collect();
            let epoch = record.epoch;
            told.insert(worker, Record { epoch, partitions });
        }
        let reader: BTreeMap<PartitionId, String> = told
            .iter()
            .flat_map(|(worker, record)| {
                let theirs = record.partitions.iter().cloned();
                theirs.map(move |partition| (partition, worker.clone()))
            })
            .collect();
        info!(%group, token, count = told.len(), "took the assignment over");
        Self {
            token,
            group: group.to_owned(),
            told,
            reader,
            desired: BTreeMap::new(),
            loads: Loads::default(),
            speeds: Speeds::default(),
            hearing: Hearing::default(),
            reviewed: None,
            waits: Vec::new(),
        }
    }

    /// The group whose partitions these are.
    pub(crate) fn group(&self) -> &str {
        &self.group
    }

    /// What each worker was last told.
    pub(crate) fn told(&self) -> &BTreeMap<String, Record> {
        &self.told
    }

    /// Whether a worker reads what this assigns.
    pub(crate) fn has(&self, beat: &Heartbeat) -> bool {
        beat.assigned_in.as_deref() == Some(self.group.as_str())
    }

    /// Looks at everything and says what was told anew; from then on `told` has it.
    pub(crate) fn step(&mut self, look: &Look<'_>) -> Dealt {
        if let Some(reading) = look.backlog {
            self.loads.observe(reading);
        }
        let ours = |seen: &&SeenHeartbeat| self.has(&seen.heartbeat);
        let workers = look
            .workers
            .map(|seen| seen.iter().filter(ours).collect::<Vec<_>>());
        let heard = workers.as_ref().map(|seen| {
            let said = seen.iter();
            said.map(|it| (it.heartbeat.worker.as_str(), it.received_at))
                .collect()
        });
        let silences = self.hearing.silences(look.now, heard);
        let (Some(silences), Some(workers)) = (silences, workers) else {
            return Dealt::default();
        };
        let beats: Vec<&Heartbeat> = workers.iter().map(|seen| &seen.heartbeat).collect();
        if let Some(other) = beats.iter().find(|beat| beat.control_token > self.token) {
            error!(
                worker = other.worker,
                token = other.control_token,
                "a worker follows another leader"
            );
            return Dealt::default();
        }
        self.speeds.learn(beats.iter().copied());
        let alive: Vec<&Heartbeat> = beats
            .iter()
            .copied()
            .filter(|beat| silences[beat.worker.as_str()] < SILENT_AFTER)
            .collect();
        if alive.is_empty() {
            // There is nobody to give anything to.
            return Dealt::default();
        }
        let moves = self.review(look, &alive);
        let heard = beats.iter().map(|beat| {
            let silence = silences[beat.worker.as_str()];
            (beat.worker.clone(), self.heard(beat, silence))
        });
        let handover = hand_over(&self.desired, &self.told, &heard.collect());
        Dealt {
            moves,
            told: self.tell(handover),
        }
    }

    /// Deals anew where it is due; gives what shall move.
    fn review(&mut self, look: &Look<'_>, alive: &[&Heartbeat]) -> Vec<Moved> {
        let phase = |beat: &Heartbeat| match beat.phase {
            _ if look.retiring.contains(&beat.worker) => WorkerPhase::Draining,
            Phase::Starting => WorkerPhase::Starting,
            Phase::Ready => WorkerPhase::Ready,
            Phase::Draining => WorkerPhase::Draining,
            Phase::Stopped => WorkerPhase::Stopped,
        };
        let partitions = self.loads.partitions(look.policy);
        let reviewed = Reviewed {
            at: look.now,
            workers: alive
                .iter()
                .map(|beat| (beat.worker.clone(), phase(beat)))
                .collect(),
            partitions: partitions.len(),
        };
        let counted = self.reviewed.as_ref().map(|last| last.partitions);
        let is_same_count = counted == Some(reviewed.partitions);
        let is_due = self.reviewed.as_ref().is_none_or(|last| {
            let is_other = last.workers != reviewed.workers || !is_same_count;
            is_other || look.now.duration_since(last.at) >= REVIEW_EVERY
        });
        if !is_due {
            return Vec::new();
        }
        let ids = self.loads.ids();
        let names: Vec<String> = alive.iter().map(|beat| beat.worker.clone()).collect();
        let workers = alive.iter().map(|beat| {
            let pool = look.policy.pool(&beat.pool).unwrap_or(look.policy.base());
            Worker {
                rate: self.speeds.rate(&beat.worker, look.beliefs.rate_mean(pool)),
                phase: phase(beat),
            }
        });
        let problem = idle::foresee(Problem {
            partitions,
            workers: workers.collect(),
        });
        let place = |name: &String| names.binary_search(name).ok();
        let present: Vec<Option<usize>> = ids
            .iter()
            .map(|id| self.reader.get(id).and_then(place))
            .collect();
        let next = assign(&problem, &present);
        let changes = moves(&problem, &present, &next);
        self.reviewed = Some(reviewed);
        let of = |index: Option<usize>| index.and_then(|index| names.get(index).cloned());
        let moved: Vec<Moved> = changes
            .into_iter()
            .map(|change| Moved {
                partition: ids[change.partition].clone(),
                from: self.reader.get(&ids[change.partition]).cloned(),
                to: of(change.to),
                why: match change.why {
                    // One that fell silent is not among the workers.
                    Why::Unassigned if self.reader.contains_key(&ids[change.partition]) => {
                        Cause::WorkerLeaves
                    }
                    Why::Unassigned => Cause::Unassigned,
                    Why::WorkerLeaves => Cause::WorkerLeaves,
                    Why::Balance => Cause::Balance,
                },
            })
            .collect();
        if !is_same_count || !moved.is_empty() {
            self.desired = desired(&ids, &names, &next);
            let readers = ids.into_iter().zip(next);
            self.reader = readers
                .filter_map(|(id, worker)| Some((id, of(worker)?)))
                .collect();
        }
        moved
    }

    fn heard(&self, beat: &Heartbeat, silence: SignedDuration) -> Heard {
        let record = self.told.get(&beat.worker).map_or(0, |told| told.epoch);
        // What it confirms under another leader's token may be another record of the same number.
        let is_other = beat.control_token != self.token && beat.control_epoch == record;
        Heard {
            epoch: if is_other {
                record.saturating_sub(1)
            } else {
                beat.control_epoch
            },
            partitions: beat
                .partitions
                .iter()
                .map(|it| PartitionId::new(&it.topic, it.partition))
                .collect(),
            silence,
        }
    }

    fn tell(&mut self, handover: Handover) -> Vec<Told> {
        if self.waits != handover.waits {
            if let Some(wait) = handover.waits.first() {
                let (partition, count) =
                    (String::from(wait.partition.clone()), handover.waits.len());
                info!(%partition, worker = wait.to, confirms = wait.confirms, count, "hand-over waits");
            }
            self.waits = handover.waits;
        }
        let writes = handover.writes.into_iter();
        writes
            .map(|(worker, record)| {
                let epoch = record.as_ref().map_or(0, |record| record.epoch);
                let partitions = record.as_ref().map(|record| record.partitions.clone());
                match record {
                    Some(record) => {
                        self.told.insert(worker.clone(), record);
                    }
                    None => {
                        warn!(%worker, "forgot a worker");
                        self.told.remove(&worker);
                    }
                }
                Told {
                    worker,
                    epoch,
                    partitions,
                }
            })
            .collect()
    }
}

// === impl Dealt ===

impl Dealt {
    pub(crate) fn is_empty(&self) -> bool {
        self.moves.is_empty() && self.told.is_empty()
    }
}
