//! A run as one row of a table.

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// A run as one row of a table. Times are seconds, money is dollars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// The trace's name.
    pub trace: String,
    /// The policy's, or the baseline's name.
    pub policy: String,
    /// The world's name.
    pub world: String,
    /// The run's seed.
    pub seed: u64,
    /// The rule that the trace was scaled by.
    pub scale: String,
    /// What bought machines cost.
    pub burst_cost: f64,
    /// What the base costs over the trace's length.
    pub base_cost: f64,
    /// What no policy can beat, of bought machines; none until it was reckoned.
    pub bound: Option<f64>,
    /// `burst_cost ÷ bound`; none without a bound, or where it is 0.
    pub ratio: Option<f64>,
    /// Share of all jobs that were late or never served, 0..1.
    pub late_share: f64,
    /// The longest that a job waited.
    pub wait_max_seconds: f64,
    /// The wait of the median job.
    pub wait_p50_seconds: f64,
    /// Machines launched.
    pub launches: u64,
    /// Machines given back before they were ready or within ten minutes of it: bought in vain.
    pub reversals: u64,
    /// Whether bought machines ever cost more an hour than the policy's budget; never without one.
    pub budget_exceeded: bool,
    /// Rules of its own checker that the planner's plans broke.
    pub violations: u64,
}

impl Score {
    /// The row of a run, under a budget of so many dollars an hour, if there is one.
    #[must_use]
    pub fn of(outcome: &Outcome, budget_per_hour: Option<f64>) -> Self {
        Self {
            trace: outcome.trace.clone(),
            policy: outcome.policy.clone(),
            world: outcome.world.clone(),
            seed: outcome.seed,
            scale: outcome.scale.rule.to_string(),
            burst_cost: outcome.burst_cost,
            base_cost: outcome.base_cost,
            bound: None,
            ratio: None,
            late_share: outcome.late_share(),
            wait_max_seconds: outcome.wait_max,
            wait_p50_seconds: outcome.wait_p50,
            launches: outcome.launches,
            reversals: outcome.reversals,
            // Prices are decimals and sums of them are not: a millionth of a dollar is no excess.
            budget_exceeded: budget_per_hour
                .is_some_and(|budget| outcome.price_max > budget + 1e-6),
            violations: outcome.violations,
        }
    }

    /// The same with a bound and the ratio to it.
    #[must_use]
    pub fn against(self, bound: f64) -> Self {
        let ratio = (bound > 0.0).then(|| self.burst_cost / bound);
        Self {
            bound: Some(bound),
            ratio,
            ..self
        }
    }
}
