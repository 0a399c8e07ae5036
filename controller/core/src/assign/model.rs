//! The problem in whole numbers: what each partition asks for, what each worker can do, where everybody would be level.

use crate::assign::{Partition, Problem};
use crate::snapshot::WorkerPhase;

/// Nobody's number.
pub(super) const NOBODY: u32 = u32::MAX;
/// Least and most that is looked ahead, milliseconds. Less than a minute is noise; more than an hour says no more than
/// that the fleet does not keep up.
const HORIZON_MIN_MS: u64 = 60_000;
/// See `HORIZON_MIN_MS`.
const HORIZON_MAX_MS: u64 = 3_600_000;
/// An empty partition counts as this part of a mean one: it may be full tomorrow, and somebody must have it.
const FLOOR_PART: u64 = 16;
/// What a lag counts at most, jobs: with it every sum below stays within 64 bits.
const LAG_MAX: u64 = 1 << 50;
/// What an arrival rate counts at most, thousandths of a job per second.
const ARRIVALS_MAX: u64 = 1 << 40;
/// What all work together comes to at most, thousandths of a job.
const WORK_SUM_MAX: u64 = 1 << 62;
/// Bits behind the point of `Model::inverse`.
const INVERSE_BITS: u32 = 32;
const MICROS: u64 = 1_000_000;

/// The problem in whole numbers.
pub(super) struct Model {
    /// By partition: what there is and comes over the horizon, thousandths of a job; never 0.
    pub(super) work: Vec<u64>,
    /// By partition: its class.
    pub(super) class: Vec<u8>,
    /// By partition: whether its lag is known.
    pub(super) is_known: Vec<bool>,
    /// Who may have partitions, in order.
    pub(super) takers: Vec<u32>,
    /// By worker: thousandths of a job per second; 0 where it may have none.
    speed: Vec<u64>,
    /// By worker: microseconds per thousandth of a job, so that no division stands in a loop.
    inverse: Vec<u64>,
}

/// What is not known of a partition counts as the mean of those of which it is.
struct Means {
    lag: u64,
    arrivals_milli: u64,
}

// === impl Model ===

impl Model {
    pub(super) fn of(problem: &Problem) -> Self {
        let speed: Vec<u64> = problem
            .workers
            .iter()
            .map(|worker| match worker.phase {
                // A worker that was measured at nothing is still better than nobody.
                WorkerPhase::Ready => worker.rate.milli().clamp(1, ARRIVALS_MAX),
                WorkerPhase::Starting | WorkerPhase::Draining | WorkerPhase::Stopped => 0,
            })
            .collect();
        let inverse = speed
            .iter()
            .map(|speed| {
                (MICROS << INVERSE_BITS)
                    .checked_div(*speed)
                    .unwrap_or(u64::MAX)
            })
            .collect();
        let takers = (0..).zip(&speed).filter(|(_, speed)| **speed > 0);
        let horizon = horizon_ms(problem);
        let mut work = works(&problem.partitions, horizon);
        let count = u64::try_from(work.len()).unwrap_or(u64::MAX).max(1);
        let floor = work.iter().sum::<u64>() / (FLOOR_PART * count) + 1;
        for work in &mut work {
            *work = (*work).max(floor);
        }
        Self {
            work,
            class: problem.partitions.iter().map(|p| p.class).collect(),
            is_known: problem.partitions.iter().map(|p| p.lag.is_some()).collect(),
            takers: takers.map(|(worker, _)| worker).collect(),
            speed,
            inverse,
        }
    }

    /// Whether a worker may have partitions; nobody may not.
    pub(super) fn takes(&self, worker: u32) -> bool {
        self.speed.get(at(worker)).is_some_and(|speed| *speed > 0)
    }

    /// Number of workers, those that may have nothing among them.
    pub(super) fn workers(&self) -> usize {
        self.speed.len()
    }

    /// How long `worker` has to do for `work`, microseconds.
    pub(super) fn busy_us(&self, worker: u32, work: u64) -> u64 {
        let busy = (u128::from(work) * u128::from(self.inverse[at(worker)])) >> INVERSE_BITS;
        u64::try_from(busy).unwrap_or(u64::MAX)
    }

    /// How long two workers have to do for `work` if they share it as well as can be, microseconds.
    pub(super) fn shared_us(&self, one: u32, other: u32, work: u64) -> u64 {
        let speed = u128::from(self.speed[at(one)]) + u128::from(self.speed[at(other)]);
        let busy = (u128::from(work) * u128::from(MICROS)).checked_div(speed);
        u64::try_from(busy.unwrap_or(0)).unwrap_or(u64::MAX)
    }

    /// Workers that may have partitions, the fastest first.
    pub(super) fn fastest(&self) -> Vec<u32> {
        let mut takers = self.takers.clone();
        takers.sort_by_key(|worker| (self.inverse[at(*worker)], *worker));
        takers
    }

    /// Whether `slower` is slower than `faster` by more than a sixteenth.
    pub(super) fn differ(&self, faster: u32, slower: u32) -> bool {
        self.speed[at(slower)] < self.speed[at(faster)] / 16 * 15
    }

    /// How long everybody would have to do if `work` could be split at will, microseconds.
    ///
    /// Partitions cannot: the k largest occupy the k fastest workers at least. Where that takes longer than the rest
    /// takes the others, they are hot and set aside, so that they do not hide how uneven the others are. So the level
    /// is the least, over k, of what is left of the work over what is left of the rates: of the loads of the best
    /// schedule of work that may be interrupted (Horvath, Lam and Sethi 1977), the smallest.
    pub(super) fn level_us(&self, work: &[u64]) -> u64 {
        let mut left: u128 = work.iter().copied().map(u128::from).sum();
        let mut speed: u128 = self.speed.iter().copied().map(u128::from).sum();
        let level_us = |left: u128, speed: u128| {
            let level = (left * u128::from(MICROS)).checked_div(speed);
            u64::try_from(level.unwrap_or(0)).unwrap_or(u64::MAX)
        };
        let mut level = level_us(left, speed);
        let largest = work.iter().copied().max().unwrap_or(0);
        let slowest = self
            .takers
            .iter()
            .map(|worker| self.busy_us(*worker, largest));
        // Where any worker could have the largest alone, none is hot; else only as many can be as there are workers.
        if slowest.max().is_none_or(|busy_us| busy_us <= level) {
            return level;
        }
        let mut works = work.to_vec();
        let most = self.takers.len() - 1;
        if most < works.len() {
            works.select_nth_unstable_by(most, |a, b| b.cmp(a));
            works.truncate(most);
        }
        works.sort_unstable_by(|a, b| b.cmp(a));
        for (largest, worker) in works.into_iter().zip(self.fastest()).take(most) {
            left -= u128::from(largest);
            speed -= u128::from(self.speed[at(worker)]);
            level = level.min(level_us(left, speed));
        }
        level
    }
}

/// A worker's number as a place in a list.
pub(super) fn at(number: u32) -> usize {
    // Not `as`: nothing here may be cut off in silence.
    usize::try_from(number).unwrap_or(usize::MAX)
}

// === horizon and work ===

/// How far is looked ahead, milliseconds: until the fleet would be done if work could be split at will.
///
/// `Σ lag ÷ (Σ rate − Σ arrivals)`. At that time a worker is done if and only if `lag + arrivals × horizon` of its
/// partitions is no more than it does by then, which is linear where `lag ÷ (rate − arrivals)` is not; and where all
/// are done just then, both have the same best answer.
pub(super) fn horizon_ms(problem: &Problem) -> u64 {
    let means = Means::of(&problem.partitions);
    let (mut lag, mut arrivals) = (0_u128, 0_u128);
    for partition in &problem.partitions {
        lag += u128::from(means.lag(partition));
        arrivals += u128::from(means.arrivals_milli(partition));
    }
    let ready = problem.workers.iter();
    let ready = ready.filter(|worker| worker.phase == WorkerPhase::Ready);
    let speed: u128 = ready.map(|worker| u128::from(worker.rate.milli())).sum();
    let Some(spare) = speed.checked_sub(arrivals).filter(|spare| *spare > 0) else {
        return HORIZON_MAX_MS;
    };
    let horizon = u64::try_from(lag * u128::from(MICROS) / spare).unwrap_or(u64::MAX);
    horizon.clamp(HORIZON_MIN_MS, HORIZON_MAX_MS)
}

/// What each partition asks for within `horizon_ms`, thousandths of a job; their sum fits into 62 bits.
pub(super) fn works(partitions: &[Partition], horizon_ms: u64) -> Vec<u64> {
    let means = Means::of(partitions);
    let count = u64::try_from(partitions.len()).unwrap_or(u64::MAX).max(1);
    let most = WORK_SUM_MAX / count;
    let horizon_ms = horizon_ms.min(HORIZON_MAX_MS);
    partitions
        .iter()
        .map(|partition| {
            let comes = means.arrivals_milli(partition) * horizon_ms / 1_000;
            (means.lag(partition) * 1_000 + comes).min(most)
        })
        .collect()
}

// === impl Means ===

impl Means {
    fn of(partitions: &[Partition]) -> Self {
        let lags = partitions.iter().filter_map(|partition| partition.lag);
        let arrivals = partitions.iter().filter_map(|partition| partition.arrivals);
        Self {
            lag: mean(lags.map(|lag| lag.min(LAG_MAX))),
            arrivals_milli: mean(arrivals.map(|rate| rate.milli().min(ARRIVALS_MAX))),
        }
    }

    fn lag(&self, partition: &Partition) -> u64 {
        partition.lag.map_or(self.lag, |lag| lag.min(LAG_MAX))
    }

    fn arrivals_milli(&self, partition: &Partition) -> u64 {
        partition
            .arrivals
            .map_or(self.arrivals_milli, |rate| rate.milli().min(ARRIVALS_MAX))
    }
}

fn mean(values: impl Iterator<Item = u64>) -> u64 {
    let (mut sum, mut count) = (0_u128, 0_u128);
    for value in values {
        sum += u128::from(value);
        count += 1;
    }
    u64::try_from(sum / count.max(1)).unwrap_or(u64::MAX)
}
