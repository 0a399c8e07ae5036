//! Which sizes are tried, and what each comes to.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use spillway_sim::{RealPlanner, Run, Scale, Trace, WorldSpec};

use crate::parallel;

/// Sizes of the coarse grid, beside 0.
const COARSE: u32 = 12;
/// Sizes on each side of the least that are tried one by one; beyond, every second and so on.
const FINE: u32 = 12;

/// What is to be sized.
pub(super) struct Question {
    pub(super) world: WorldSpec,
    pub(super) trace: Trace,
    pub(super) scale: Scale,
    /// Seconds.
    pub(super) deadlines: Vec<f64>,
    pub(super) base_max: u32,
    pub(super) late_max: f64,
    pub(super) seeds: Vec<u64>,
}

/// What it comes to. Money is dollars over the load's length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Sizing {
    pub(super) trace: String,
    pub(super) world: String,
    pub(super) scale: String,
    pub(super) days: f64,
    pub(super) price_per_worker_hour: f64,
    pub(super) late_share_max: f64,
    /// Between two sizes of the coarse grid, workers.
    pub(super) coarse_step: u32,
    pub(super) deadlines: Vec<Deadline>,
}

/// What it comes to with one deadline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Deadline {
    pub(super) drain_within_seconds: f64,
    /// By number of base workers.
    pub(super) sizes: Vec<Size>,
    /// The least total among sizes that are not late; none where all are.
    pub(super) best: Option<Size>,
    /// What the total is above the least with one worker more; none where it was not tried.
    pub(super) one_more: Option<f64>,
    /// The same with one fewer; none where there is none, or it was late.
    pub(super) one_fewer: Option<f64>,
}

/// One number of base workers; means over the seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Size {
    pub(super) base_workers: u32,
    pub(super) base_cost: f64,
    pub(super) burst_cost: f64,
    pub(super) total_cost: f64,
    pub(super) late_share: f64,
    pub(super) launches: f64,
}

/// One run: number of base workers, deadline in seconds, seed.
type Job = (u32, f64, u64);

// === impl Question ===

impl Question {
    pub(super) fn answer(&self) -> Sizing {
        let step = self.base_max.div_ceil(COARSE).max(1);
        let coarse: BTreeSet<u32> = (0..self.base_max)
            .step_by(step as usize)
            .chain([self.base_max])
            .collect();
        let wanted: Vec<(f64, BTreeSet<u32>)> = self
            .deadlines
            .iter()
            .map(|deadline| (*deadline, coarse.clone()))
            .collect();
        let mut found = self.sizes(&wanted);
        let finer: Vec<(f64, BTreeSet<u32>)> = self
            .deadlines
            .iter()
            .zip(&found)
            .map(|(deadline, sizes)| (*deadline, self.around_the_least(sizes, step)))
            .collect();
        for (sizes, more) in found.iter_mut().zip(self.sizes(&finer)) {
            sizes.extend(more);
            sizes.sort_by_key(|size| size.base_workers);
        }
        let deadlines = self.deadlines.iter().zip(found);
        Sizing {
            trace: self.trace.name().to_owned(),
            world: self.world.name.clone(),
            scale: self.scale.rule.to_string(),
            days: self.trace.duration() / 86_400.0,
            price_per_worker_hour: self.world.base.price,
            late_share_max: self.late_max,
            coarse_step: step,
            deadlines: deadlines
                .map(|(deadline, sizes)| Deadline::of(*deadline, sizes, self.late_max))
                .collect(),
        }
    }

    /// Numbers between the neighbours of the least that were not tried yet.
    fn around_the_least(&self, sizes: &[Size], step: u32) -> BTreeSet<u32> {
        let Some(best) = least(sizes, self.late_max) else {
            return BTreeSet::new();
        };
        let from = best.base_workers.saturating_sub(step);
        let until = (best.base_workers + step).min(self.base_max + 1);
        let stride = step.div_ceil(FINE) as usize;
        let next_to = [best.base_workers.saturating_sub(1), best.base_workers + 1];
        let mut finer: BTreeSet<u32> = (from..=until).step_by(stride).chain(next_to).collect();
        finer.retain(|workers| sizes.iter().all(|size| size.base_workers != *workers));
        finer
    }

    /// The sizes that are wanted, by deadline.
    fn sizes(&self, wanted: &[(f64, BTreeSet<u32>)]) -> Vec<Vec<Size>> {
        let mut jobs: Vec<Job> = Vec::new();
        for (deadline, workers) in wanted {
            for workers in workers {
                jobs.extend(self.seeds.iter().map(|seed| (*workers, *deadline, *seed)));
            }
        }
        // Fewer base workers buy more machines, and those take the time.
        let weight = |job: &Job| -f64::from(job.0);
        let runs = parallel::each("runs", &jobs, weight, |job| self.run(*job));
        let mut runs = runs.chunks(self.seeds.len().max(1)).map(mean);
        wanted
            .iter()
            .map(|(_, workers)| runs.by_ref().take(workers.len()).collect())
            .collect()
    }

    fn run(&self, (workers, deadline, seed): Job) -> Size {
        let mut spec = self.world.clone();
        spec.base.workers = workers;
        spec.drain_within = deadline;
        let run = Run {
            spec: &spec,
            trace: &self.trace,
            scale: self.scale,
            seed,
            points_max: 0,
        };
        let outcome = run.decided_by(&mut RealPlanner::new(&spec));
        Size {
            base_workers: workers,
            base_cost: outcome.base_cost,
            burst_cost: outcome.burst_cost,
            total_cost: outcome.base_cost + outcome.burst_cost,
            late_share: outcome.late_share(),
            launches: f64::from(u32::try_from(outcome.launches).unwrap_or(u32::MAX)),
        }
    }
}

// === impl Deadline ===

impl Deadline {
    fn of(drain_within_seconds: f64, sizes: Vec<Size>, late_max: f64) -> Self {
        let best = least(&sizes, late_max);
        let beside = |workers: Option<u32>| {
            let size = sizes
                .iter()
                .find(|size| Some(size.base_workers) == workers)?;
            (size.late_share <= late_max)
                .then(|| size.total_cost - best.map_or(0.0, |best| best.total_cost))
        };
        Self {
            one_more: best.and_then(|best| beside(best.base_workers.checked_add(1))),
            one_fewer: best.and_then(|best| beside(best.base_workers.checked_sub(1))),
            drain_within_seconds,
            sizes,
            best,
        }
    }
}

fn least(sizes: &[Size], late_max: f64) -> Option<Size> {
    sizes
        .iter()
        .filter(|size| size.late_share <= late_max)
        .min_by(|a, b| a.total_cost.total_cmp(&b.total_cost))
        .copied()
}

fn mean(runs: &[Size]) -> Size {
    let count = f64::from(u32::try_from(runs.len()).unwrap_or(u32::MAX));
    let mean = |of: fn(&Size) -> f64| runs.iter().map(of).sum::<f64>() / count;
    Size {
        base_workers: runs[0].base_workers,
        base_cost: mean(|size| size.base_cost),
        burst_cost: mean(|size| size.burst_cost),
        total_cost: mean(|size| size.total_cost),
        late_share: mean(|size| size.late_share),
        launches: mean(|size| size.launches),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and `as` saturates"
)]
pub(super) fn at_least(number: f64) -> u32 {
    number.ceil() as u32
}
