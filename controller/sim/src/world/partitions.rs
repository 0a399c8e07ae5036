//! A queue per partition, each read by one worker: skew, moves, and silence cost capacity.
//!
//! A partition's level is how far it has come, in jobs of the whole trace: it has served `weight · level` of its own
//! jobs. All levels would be one in a single queue.

use std::collections::{BTreeMap, VecDeque};

use spillway_core::Rate;

use super::assign::{Assign, Load, Speed, by_count, weighted};
use super::fleet::{Fleet, Machine, Work};
use super::history::History;
use super::share::{Share, equal_shares, oldest_first};
use super::waits::{NOTHING, Step, Waits};
use crate::spec::{AssignmentRule, PartitionTrouble, ReadOrder, WorldSpec};
use crate::trace::Arrived;

/// Who has what is looked at again this often while jobs wait, seconds.
const REVIEW_EVERY: f64 = 60.0;
/// After a silence of so long a lost worker's partitions are given away, seconds.
const SILENCE: f64 = 10.0;
/// A worker's own rate is believed after so many saturated seconds; until then its offer's.
const MEASURED_AFTER: f64 = 30.0;

/// A fluid queue per partition.
pub(super) struct Partitioned {
    trouble: PartitionTrouble,
    assign: Assign,
    weights: Vec<f64>,
    levels: Vec<f64>,
    /// Who reads it: a machine's number.
    owner: Vec<Option<u64>>,
    /// It stands still until then.
    paused_until: Vec<f64>,
    /// Levels by when, as far back as a reading may be old.
    past: VecDeque<(f64, Vec<f64>)>,
    past_max: usize,
    served: f64,
    review_at: f64,
    /// Who may read, in order.
    workers: Vec<u64>,
    /// The partitions of each worker: `owner`, turned round.
    readers: BTreeMap<u64, Vec<usize>>,
    hint: usize,
    // Reused from step to step.
    shares: Vec<Share>,
}

// === impl Partitioned ===

impl Partitioned {
    pub(super) fn new(
        spec: &WorldSpec,
        trouble: PartitionTrouble,
        history: &History,
        past_max: usize,
    ) -> Self {
        let partitions = spec.partitions.max(1);
        let levels = vec![0.0; partitions as usize];
        Self {
            trouble,
            assign: match trouble.assignment {
                AssignmentRule::Weighted => weighted,
                AssignmentRule::Group => by_count,
            },
            weights: history.weights(partitions, trouble.zipf),
            owner: vec![None; levels.len()],
            paused_until: vec![0.0; levels.len()],
            past: VecDeque::from([(0.0, levels.clone())]),
            past_max: past_max.max(2),
            levels,
            served: 0.0,
            review_at: 0.0,
            workers: Vec::new(),
            readers: BTreeMap::new(),
            hint: 0,
            shares: Vec::new(),
        }
    }

    pub(super) fn served(&self) -> f64 {
        self.served
    }

    /// Serves for one step. Returns what could have been served, jobs.
    pub(super) fn step(
        &mut self,
        step: &Step<'_>,
        spec: &WorldSpec,
        fleet: &mut Fleet,
        waits: &mut Waits,
    ) -> f64 {
        self.deal(step, spec, fleet);
        let readers = std::mem::take(&mut self.readers);
        let mut capacity = 0.0;
        for machine in &mut fleet.machines {
            capacity += machine.rate * machine.active(step.from, step.until);
            let work = match readers.get(&machine.id) {
                Some(partitions) => self.serve(step, machine, partitions, waits),
                None => Work::default(),
            };
            self.served += work.done;
            machine.worked(work);
        }
        self.readers = readers;
        let least = self.levels.iter().copied().fold(f64::INFINITY, f64::min);
        if step.arrived_by[1] - least > NOTHING {
            let oldest = step.arrived.when(least, &mut self.hint);
            waits.max = waits.max.max(step.until - oldest);
        }
        self.remember(step.until);
        capacity
    }

    /// One worker serves its partitions for one step.
    fn serve(
        &mut self,
        step: &Step<'_>,
        machine: &Machine,
        partitions: &[usize],
        waits: &mut Waits,
    ) -> Work {
        let [before, after] = step.arrived_by;
        self.shares.clear();
        let (mut waiting, mut work, mut begins) = (0.0, 0.0, f64::INFINITY);
        for partition in partitions {
            let paused_until = self.paused_until[*partition];
            if paused_until >= step.until {
                continue;
            }
            let (weight, level) = (self.weights[*partition], self.levels[*partition]);
            begins = begins.min(paused_until);
            waiting += weight * (before - level).max(0.0);
            work += weight * (after - level);
            self.shares.push(Share {
                partition: *partition,
                weight,
                level,
                to: after,
            });
        }
        let active = machine.active(step.from.max(begins), step.until);
        let capacity = machine.rate * active;
        if capacity <= 0.0 || work <= 0.0 {
            return Work::default();
        }
        // Sums over partitions are not exact: what is nearly all is all.
        let is_emptied = work <= capacity + NOTHING;
        if !is_emptied {
            match self.trouble.order {
                ReadOrder::OldestFirst => oldest_first(&mut self.shares, capacity),
                ReadOrder::EqualShares => equal_shares(&mut self.shares, capacity),
            }
        }
        if is_emptied && waiting > NOTHING {
            let began = step.from.max(begins).max(machine.ready_at);
            let done_at = began + waiting / machine.rate;
            waits.max = waits.max.max(step.last_wait(done_at));
        }
        let done = self.advance(step, waits);
        // The share of the step before its input is empty for the first time.
        let saturated = if !is_emptied {
            1.0
        } else if waiting > NOTHING {
            let arriving = work - waiting;
            (waiting / (capacity - arriving).max(waiting)).min(done / capacity)
        } else {
            0.0
        };
        Work {
            done,
            saturated_done: capacity * saturated,
            saturated: active * saturated,
        }
    }

    /// Moves the partitions of `shares` to their new levels. Returns the jobs done.
    fn advance(&mut self, step: &Step<'_>, waits: &mut Waits) -> f64 {
        let (mut done, mut weighted_level) = (0.0, 0.0);
        for share in &self.shares {
            let jobs = share.weight * (share.to - share.level);
            if jobs <= 0.0 {
                continue;
            }
            done += jobs;
            weighted_level += jobs * f64::midpoint(share.level, share.to);
            if step.due_by[1] > share.level {
                waits.late += jobs * step.late_share([share.level, share.to]);
            }
            self.levels[share.partition] = share.to;
        }
        if done > 0.0 {
            let [before, after] = step.arrived_by;
            let level = weighted_level / done;
            // On the mean of the step: what arrives in it and is served in it has not waited.
            let middle = f64::midpoint(step.from, step.until);
            let wait = if level < f64::midpoint(before, after) - NOTHING {
                (middle - step.arrived.when_sought(level)).max(0.0)
            } else {
                0.0
            };
            waits.served(done, wait);
        }
        done
    }

    /// Deals partitions out anew where workers came or went, and now and then while jobs wait.
    fn deal(&mut self, step: &Step<'_>, spec: &WorldSpec, fleet: &mut Fleet) {
        let now = step.from;
        let lost = std::mem::take(&mut fleet.losses);
        let readers = fleet.machines.iter();
        let readers: Vec<&Machine> = readers
            .filter(|machine| machine.ready_at <= now && machine.drains_from.is_none())
            .collect();
        let is_same = readers
            .iter()
            .map(|machine| machine.id)
            .eq(self.workers.iter().copied());
        let waiting = step.arrived_by[0] - self.served;
        let is_due = self.trouble.assignment == AssignmentRule::Weighted && now >= self.review_at;
        if is_same && !(is_due && waiting > 1.0) {
            return;
        }
        self.review_at = now + REVIEW_EVERY;
        self.workers = readers.iter().map(|machine| machine.id).collect();
        let places: BTreeMap<u64, usize> = self.workers.iter().copied().zip(0..).collect();
        let present: Vec<Option<usize>> = self
            .owner
            .iter()
            .map(|owner| owner.and_then(|owner| places.get(&owner).copied()))
            .collect();
        let speeds: Vec<Speed> = readers
            .iter()
            .map(|machine| (machine.id, measured(spec, machine)))
            .collect();
        let owners = (self.assign)(&self.loads(step), &speeds, &present);
        let owners = owners
            .into_iter()
            .map(|place| place.map(|place| speeds[place].0));
        self.hand_over(now, owners, &lost);
        for machine in &mut fleet.machines {
            let partitions = self.readers.get(&machine.id).map_or(0, Vec::len);
            machine.partitions = u32::try_from(partitions).unwrap_or(u32::MAX);
        }
    }

    /// Gives partitions to their new owners: whatever moves stands still for a while.
    fn hand_over(
        &mut self,
        now: f64,
        owners: impl Iterator<Item = Option<u64>>,
        lost: &[(u64, f64)],
    ) {
        self.readers.clear();
        for (partition, owner) in owners.enumerate() {
            if let Some(owner) = owner {
                self.readers.entry(owner).or_default().push(partition);
            }
            let before = std::mem::replace(&mut self.owner[partition], owner);
            // The very first deal moves nothing.
            if owner == before || now <= 0.0 {
                continue;
            }
            let silent = before.and_then(|before| lost.iter().find(|lost| lost.0 == before));
            let free_at = silent.map_or(now, |(_, at)| now.max(at + SILENCE));
            self.paused_until[partition] = free_at + self.trouble.move_pause;
        }
    }

    fn loads(&self, step: &Step<'_>) -> Vec<Load> {
        let [before, after] = step.arrived_by;
        let arrivals = (after - before) / (step.until - step.from);
        let loads = self.weights.iter().zip(&self.levels);
        loads
            .map(|(weight, level)| {
                let lag = whole(weight * (before - level).max(0.0));
                (lag, Rate::from_milli(whole(weight * arrivals * 1_000.0)))
            })
            .collect()
    }

    fn remember(&mut self, now: f64) {
        let mut levels = if self.past.len() < self.past_max {
            Vec::new()
        } else {
            self.past
                .pop_front()
                .map_or_else(Vec::new, |(_, levels)| levels)
        };
        levels.clone_from(&self.levels);
        self.past.push_back((now, levels));
    }

    /// Ends and committed offsets as they were at `at`.
    pub(super) fn read(
        &self,
        at: f64,
        arrived: &Arrived,
        end: &mut [Option<u64>],
        committed: &mut [Option<u64>],
    ) {
        let written = arrived.by(at);
        let after = self.past.partition_point(|point| point.0 <= at);
        let before = &self.past[after.saturating_sub(1)];
        let later = self.past.get(after).unwrap_or(before);
        let between = later.0 - before.0;
        let share = if between > 0.0 {
            ((at - before.0) / between).clamp(0.0, 1.0)
        } else {
            0.0
        };
        for (partition, weight) in self.weights.iter().enumerate() {
            let (from, to) = (before.1[partition], later.1[partition]);
            let level = (from + (to - from) * share).min(written);
            end[partition] = Some(whole(weight * written + NOTHING));
            committed[partition] = Some(whole(weight * level + NOTHING));
        }
    }
}

/// What a worker was seen to do while it was busy; what its offer is said to do until then.
fn measured(spec: &WorldSpec, machine: &Machine) -> Rate {
    let told = machine
        .offer
        .map_or(spec.base.rate, |offer| spec.offers[offer].rate);
    let rate = if machine.work.saturated > MEASURED_AFTER {
        machine.work.saturated_done / machine.work.saturated
    } else {
        told
    };
    Rate::from_milli(whole(rate * 1_000.0))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and `as` saturates"
)]
fn whole(number: f64) -> u64 {
    number as u64
}
