//! From a trace and a world to the bound.

use super::demand::{self, Arrivals, Demand};
use super::periods::periods;
use super::programme::least_cost;
use super::terms::Terms;
use super::{BOUND_STEP_SECONDS, Bound, BoundError, BoundPeriod, Realised};
use crate::spec::WorldSpec;

/// What no policy can beat on this trace in this world; in the world as it came out, where that is given.
///
/// `arrivals` are jobs by bin of `bin_seconds`, uniform inside it, as scaled to the world.
/// Without `realised` all comes out as `spec` says: its rates, the mean of its boot law, stock and base always there.
/// Jobs that are late whatever is bought are counted in [`Bound::slack_jobs`]; the cost is the least of those plans that
/// are not later than that at any time.
///
/// Left out, so that the bound is lower than it might be: whole machines, least billed times, the wait for a boot, who
/// reads which partition, and `burst_max` where stock runs out.
///
/// # Errors
/// `Input` if the inputs contradict each other or are no amounts; `Unsolved` if HiGHS found no optimum.
pub fn bound(
    arrivals: &[f64],
    bin_seconds: f64,
    spec: &WorldSpec,
    realised: Option<&Realised>,
) -> Result<Bound, BoundError> {
    let arrivals = Arrivals {
        jobs: arrivals,
        bin_seconds,
    };
    let steps = demand::steps(arrivals, spec.drain_within)?;
    let terms = Terms::new(spec, realised, steps)?;
    let demand = Demand::new(arrivals, spec.drain_within, &terms)?;
    let mut bound = Bound {
        cost: 0.0,
        slack_jobs: demand.slack_jobs,
        periods: Vec::new(),
    };
    for steps in periods(&terms, &demand) {
        let (from, until) = (seconds(steps.start - 1), seconds(steps.end - 1));
        let cost = least_cost(&terms, &demand, steps).map_err(|why| BoundError::Unsolved {
            from,
            until,
            why,
        })?;
        bound.cost += cost;
        bound.periods.push(BoundPeriod { from, until, cost });
    }
    Ok(bound)
}

#[expect(clippy::cast_precision_loss, reason = "steps of two years at the most")]
fn seconds(steps: usize) -> f64 {
    steps as f64 * BOUND_STEP_SECONDS
}
