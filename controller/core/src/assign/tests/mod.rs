//! Tables, properties, quality, hand-over. What they share stands here.

mod fluid;
mod handover;
mod model;
mod properties;
mod quality;
mod reach;
mod tables;

use super::{Partition, Problem, Worker};
use crate::snapshot::WorkerPhase;
use crate::units::Rate;

/// Whole numbers below what is asked for, the same for the same seed.
pub(super) fn dice(mut seed: u64) -> impl FnMut(u64) -> u64 {
    move |sides| {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides.max(1)
    }
}

/// Ready workers of so many jobs per second.
pub(super) fn ready(rates: &[u64]) -> Vec<Worker> {
    rates
        .iter()
        .map(|rate| Worker {
            rate: Rate::from_milli(rate * 1_000),
            phase: WorkerPhase::Ready,
        })
        .collect()
}

/// Partitions of one class with these lags to which nothing comes.
pub(super) fn lags(lags: &[u64]) -> Vec<Partition> {
    lags.iter()
        .map(|lag| Partition {
            class: 0,
            arrivals: Some(Rate::ZERO),
            lag: Some(*lag),
        })
        .collect()
}

/// How many partitions change hands.
pub(super) fn moved(before: &[Option<usize>], after: &[Option<usize>]) -> usize {
    before.iter().zip(after).filter(|(a, b)| a != b).count()
}

/// Lag that each worker has.
pub(super) fn lag_by_worker(problem: &Problem, worker_of: &[Option<usize>]) -> Vec<u64> {
    let mut lags = vec![0; problem.workers.len()];
    for (partition, worker) in problem.partitions.iter().zip(worker_of) {
        if let Some(worker) = worker {
            lags[*worker] += partition.lag.unwrap_or(0);
        }
    }
    lags
}

/// Every rate and lag changed by up to `permille` thousandths, at random.
pub(super) fn shaken(problem: &Problem, permille: u64, seed: u64) -> Problem {
    let mut dice = dice(seed);
    let mut shake = |value: u64| value * (1_000 - permille + dice(2 * permille + 1)) / 1_000;
    let mut shaken = problem.clone();
    for partition in &mut shaken.partitions {
        partition.lag = partition.lag.map(&mut shake);
        let milli = partition.arrivals.map(|rate| shake(rate.milli()));
        partition.arrivals = milli.map(Rate::from_milli);
    }
    for worker in &mut shaken.workers {
        worker.rate = Rate::from_milli(shake(worker.rate.milli()));
    }
    shaken
}
