//! What has arrived and what must be done, by step.

use super::terms::Terms;
use super::{BOUND_STEP_SECONDS, BoundError};

/// What must be done is held below what can be done by so many jobs, so that rounding makes no programme unsolvable.
const ROUNDING_JOBS: f64 = 1e-3;
/// Most steps of a trace: two years. More is an input in the wrong unit.
const STEPS_MAX: f64 = 1_051_200.0;

/// Arrivals of a trace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrivals<'a> {
    /// Jobs by bin, uniform inside it.
    pub(super) jobs: &'a [f64],
    /// Width of a bin, seconds.
    pub(super) bin_seconds: f64,
}

/// Jobs by time; entry `t` is for the time `t` steps after the trace's beginning.
#[derive(Debug, Clone)]
pub(super) struct Demand {
    /// Jobs that have arrived.
    pub(super) arrived: Vec<f64>,
    /// Jobs that must be done: those that are then as old as may be, less what cannot be done in time.
    pub(super) due: Vec<f64>,
    /// Jobs that are late whatever is bought.
    pub(super) slack_jobs: f64,
}

/// Steps from the trace's beginning until its last job is due.
///
/// # Errors
/// `Input` if that is no number of steps, or one of more than two years.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a number of steps, held within bounds"
)]
pub(super) fn steps(arrivals: Arrivals<'_>, drain_within: f64) -> Result<usize, BoundError> {
    let seconds = arrivals.jobs.len() as f64 * arrivals.bin_seconds + drain_within;
    let steps = (seconds / BOUND_STEP_SECONDS).ceil();
    if !(arrivals.bin_seconds > 0.0 && drain_within >= 0.0 && steps <= STEPS_MAX) {
        return Err(BoundError::Input(format!(
            "a trace of {seconds} s in bins of {} s",
            arrivals.bin_seconds
        )));
    }
    Ok(steps as usize)
}

// === impl Demand ===

impl Demand {
    /// Reckons what must be done, and what cannot be.
    ///
    /// Lateness is minimised first, by holding all that can be had all the time: this serves at least as much by every
    /// time as any plan, so no plan is less late at any time, and the programme can always keep to what is left.
    ///
    /// # Errors
    /// `Input` if an arrival is negative or no number.
    pub(super) fn new(
        arrivals: Arrivals<'_>,
        drain_within: f64,
        terms: &Terms,
    ) -> Result<Self, BoundError> {
        let by_bin = cumulative(arrivals.jobs)?;
        let at = |seconds: f64| arrived_by(&by_bin, seconds / arrivals.bin_seconds);
        let everything = terms.everything();
        let times = || (0..everything.len()).map(seconds_of);
        let arrived: Vec<_> = times().map(at).collect();
        let mut due: Vec<_> = times().map(|time| at(time - drain_within)).collect();

        let mut slack_jobs = 0.0;
        let mut served = 0.0_f64;
        let mut before = Missed::default();
        for t in 1..arrived.len() {
            served = arrived[t].min(served + everything[t]);
            let now = Missed::new(due[t], served);
            slack_jobs += now.late_since(before);
            before = now;
            if served < due[t] {
                due[t] = (served - ROUNDING_JOBS).max(due[t - 1]);
            }
        }
        Ok(Self {
            arrived,
            due,
            slack_jobs,
        })
    }
}

/// Where a plan stands against what is due.
#[derive(Debug, Clone, Copy, Default)]
struct Missed {
    /// Jobs that must be done by now.
    due: f64,
    /// Of these, how many are not; negative where more is done.
    missed: f64,
}

// === impl Missed ===

impl Missed {
    fn new(due: f64, served: f64) -> Self {
        let missed = due - served;
        Self {
            due,
            missed: if missed.abs() < ROUNDING_JOBS {
                0.0
            } else {
                missed
            },
        }
    }

    /// Of the jobs that became due since `before`, those that were not done when they did: the share of the step during
    /// which something was missed, both being straight lines.
    fn late_since(self, before: Self) -> f64 {
        let became_due = self.due - before.due;
        let (first, last) = (before.missed, self.missed);
        match (first > 0.0, last > 0.0) {
            (false, false) => 0.0,
            (true, true) => became_due,
            (false, true) => became_due * last / (last - first),
            (true, false) => became_due * first / (first - last),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "held below STEPS_MAX")]
fn seconds_of(step: usize) -> f64 {
    step as f64 * BOUND_STEP_SECONDS
}

/// Jobs that have arrived by the end of each bin, from 0 on.
fn cumulative(jobs: &[f64]) -> Result<Vec<f64>, BoundError> {
    let mut all = 0.0;
    let mut by_bin = vec![0.0];
    for (bin, jobs) in jobs.iter().enumerate() {
        if !(jobs.is_finite() && *jobs >= 0.0) {
            return Err(BoundError::Input(format!("{jobs} arrivals in bin {bin}")));
        }
        all += jobs;
        by_bin.push(all);
    }
    Ok(by_bin)
}

/// Jobs that have arrived after so many bins.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and the number of bins"
)]
fn arrived_by(by_bin: &[f64], bins: f64) -> f64 {
    if bins <= 0.0 {
        return 0.0;
    }
    let whole = bins.floor() as usize;
    match (by_bin.get(whole), by_bin.get(whole + 1)) {
        (Some(from), Some(until)) => from + (until - from) * bins.fract(),
        _ => by_bin[by_bin.len() - 1],
    }
}
