//! What an assignment delivers, and what no assignment could: figures for those who buy workers.

use jiff::SignedDuration;

use crate::assign::model::{horizon_ms, works};
use crate::assign::{Partition, Problem};
use crate::snapshot::WorkerPhase;
use crate::units::Rate;

/// How the work is spread over partitions; from it follows what workers can do with it at best.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Partitions, the largest first.
    largest: Vec<usize>,
    /// Work of the largest, of the two largest, and so on, thousandths of a job.
    sums: Vec<u64>,
}

/// What workers can do with the partitions there are, at best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// What they do together.
    pub delivered: Rate,
    /// What they could do if partitions could be split.
    pub rates: Rate,
    /// Workers that help, the fastest first; those beyond are of no use.
    pub useful: usize,
    /// What stands in the way of the others; none if all help.
    pub limit: Option<Limit>,
}

/// A few partitions that hold more of the work than as many workers can do in their share of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The largest partition.
    pub largest: usize,
    /// Number of partitions that stand in the way, with it; all there are if there are too few of them.
    pub partitions: usize,
    /// Their share of the work, thousandths.
    pub share_permille: u64,
}

// === impl Shape ===

impl Shape {
    /// The work there is and comes within `horizon` (at most an hour: of what is known, lag counts in full).
    #[must_use]
    pub fn within(partitions: &[Partition], horizon: SignedDuration) -> Self {
        let horizon_ms = u64::try_from(horizon.as_millis()).unwrap_or(0);
        let works = works_or_ones(partitions, horizon_ms);
        let mut largest: Vec<_> = (0..works.len()).collect();
        largest.sort_by_key(|partition| std::cmp::Reverse(works[*partition]));
        let mut sum = 0;
        let sums = largest.iter().map(|partition| {
            sum += works[*partition];
            sum
        });
        Self {
            sums: sums.collect(),
            largest,
        }
    }

    /// What workers of `rates` do at best: an upper bound, reached where partitions may move while the work is done.
    ///
    /// The k largest partitions occupy at most k workers, at best the k fastest: for every k,
    /// `delivered × (share of the k largest) ≤ Σ rate of the k fastest` (Horvath, Lam and Sethi 1977: on uniform
    /// machines nothing else stands in the way).
    #[must_use]
    pub fn reach(&self, rates: &[Rate]) -> Reach {
        let mut rates: Vec<_> = rates.iter().map(|rate| u128::from(rate.milli())).collect();
        rates.sort_unstable_by(|a, b| b.cmp(a));
        let all = u128::from(self.sums.last().copied().unwrap_or(0));
        let usable = rates.len().min(self.sums.len());
        let mut fastest: u128 = rates.iter().take(usable).sum();
        let (mut delivered, mut tightest) = (fastest, usable);
        fastest = 0;
        for (k, (rate, sum)) in rates.iter().zip(&self.sums).enumerate().take(usable) {
            fastest += rate;
            let most = (fastest * all).checked_div(u128::from(*sum));
            // Of equal limits the last: it names all partitions that stand in the way.
            if let Some(most) = most.filter(|most| *most <= delivered) {
                (delivered, tightest) = (most, k + 1);
            }
        }
        let mut sum = 0;
        let useful = rates.iter().take_while(|rate| {
            let lacks = sum < delivered;
            sum += **rate;
            lacks
        });
        let useful = useful.count();
        Reach {
            delivered: rate(delivered),
            rates: rate(rates.iter().sum()),
            useful,
            limit: (useful < rates.len()).then(|| self.limit(tightest)),
        }
    }

    /// What one more worker of rate `next` adds to workers of `rates`, at best; zero if it cannot be given a partition.
    #[must_use]
    pub fn adds(&self, rates: &[Rate], next: Rate) -> Rate {
        let mut more = rates.to_vec();
        more.push(next);
        self.reach(&more)
            .delivered
            .minus(self.reach(rates).delivered)
    }

    fn limit(&self, partitions: usize) -> Limit {
        let all = self.sums.last().copied().unwrap_or(0);
        let theirs = partitions
            .checked_sub(1)
            .and_then(|last| self.sums.get(last));
        let theirs = u128::from(theirs.copied().unwrap_or(0)) * 1_000;
        let share = theirs.checked_div(u128::from(all)).unwrap_or(0);
        Limit {
            largest: self.largest.first().copied().unwrap_or(0),
            partitions,
            share_permille: u64::try_from(share).unwrap_or(1_000),
        }
    }
}

// === what an assignment delivers ===

/// The largest rate at which jobs may come, spread as they are now, without any worker falling behind.
///
/// `Σ work ÷ the longest that any worker has to do`: one worker that has too much holds everything back. At most the
/// sum of the rates; zero if a partition with work has no worker that is ready. Where nothing is known of the work,
/// every partition counts the same.
#[must_use]
pub fn delivered(problem: &Problem, worker_of: &[Option<usize>]) -> Rate {
    let works = works_or_ones(&problem.partitions, horizon_ms(problem));
    let all: u128 = works.iter().copied().map(u128::from).sum();
    let mut load = vec![0_u128; problem.workers.len()];
    let workers = worker_of.iter().copied().chain(std::iter::repeat(None));
    for (work, worker) in works.iter().zip(workers).filter(|(work, _)| **work > 0) {
        let Some(load) = worker.and_then(|worker| load.get_mut(worker)) else {
            return Rate::ZERO;
        };
        *load += u128::from(*work);
    }
    let busy = problem
        .workers
        .iter()
        .zip(&load)
        .filter(|(_, load)| **load > 0);
    let least = busy.map(|(worker, load)| match worker.phase {
        WorkerPhase::Ready => u128::from(worker.rate.milli()) * all / load,
        WorkerPhase::Starting | WorkerPhase::Draining | WorkerPhase::Stopped => 0,
    });
    rate(least.min().unwrap_or(0))
}

/// When the last worker is done with its lag and what arrives meanwhile; none if one never is, or a partition with work
/// has no worker that is ready.
///
/// Per worker `Σ lag ÷ (rate − Σ arrivals)`; what is unknown counts as in `assign`.
#[must_use]
pub fn done_in(problem: &Problem, worker_of: &[Option<usize>]) -> Option<SignedDuration> {
    let lags = works(&problem.partitions, 0);
    // Both are linear in the horizon, so that what a second more brings is what arrives in it.
    let arrivals = works(&problem.partitions, 1_000);
    let mut load = vec![(0_u64, 0_u64); problem.workers.len()];
    for (partition, (lag, more)) in lags.iter().zip(&arrivals).enumerate() {
        if *more == 0 {
            continue;
        }
        let worker = worker_of.get(partition).copied().flatten()?;
        let load = load.get_mut(worker)?;
        load.0 += lag;
        load.1 += more - lag;
    }
    let mut longest = SignedDuration::ZERO;
    for (worker, (lag, arrivals)) in problem.workers.iter().zip(load) {
        if lag == 0 && arrivals == 0 {
            continue;
        }
        let is_ready = worker.phase == WorkerPhase::Ready;
        let rate = if is_ready { worker.rate } else { Rate::ZERO };
        if arrivals > rate.milli() {
            return None;
        }
        let spare = rate.minus(Rate::from_milli(arrivals));
        longest = longest.max(spare.time_for(lag.div_ceil(1_000))?);
    }
    Some(longest)
}

fn works_or_ones(partitions: &[Partition], horizon_ms: u64) -> Vec<u64> {
    let mut works = works(partitions, horizon_ms);
    if works.iter().all(|work| *work == 0) {
        works.fill(1);
    }
    works
}

fn rate(milli: u128) -> Rate {
    Rate::from_milli(u64::try_from(milli).unwrap_or(u64::MAX))
}
