//! Floors by the clock: machines that a window of the schedule wants there, whatever waits.
//!
//! They come after everything was reckoned as ever, and before what people order; caps and budgets hold for them too.

use super::orders::Change;
use crate::plan::{Action, Plan};
use crate::policy::Pool;
use crate::reason::Reason;
use crate::snapshot::IntentId;

// === impl Change ===

impl Change<'_> {
    /// Makes the plan lead to as many bought machines as the schedule wants at least, the cheapest, or as near as caps
    /// allow.
    pub(super) fn keep_floor(&self, plan: &mut Plan, next_intent: &mut u64) {
        let (least, Some(window)) = self.limits.burst_min.clone() else {
            return;
        };
        let why = Reason::Scheduled {
            window,
            workers: least,
        };
        let least = u64::from(least);
        let mut pools: Vec<&Pool> = self.planner.policy.pools().iter().collect();
        pools.sort_by_cached_key(|pool| {
            pool.dollars_per_million(self.planner.beliefs.rate_low(pool))
        });
        let mut missing =
            least.saturating_sub(pools.iter().map(|pool| self.leads_to(pool, plan)).sum());
        let changes_something = missing > 0;
        // Nothing is given back that would be bought again at once.
        for pool in &pools {
            while missing > 0 && self.take_back(pool, plan, "Drain") {
                *plan.desired.entry(pool.name.clone()).or_default() += 1;
                missing -= 1;
            }
        }
        match changes_something {
            true => plan.reasons.insert(0, why.clone()),
            false => plan.reasons.push(why.clone()),
        }
        for pool in pools {
            while missing > 0 {
                if let Some(cap) = self.cap(pool, plan) {
                    plan.reasons.push(cap);
                    break;
                }
                plan.actions.push(Action::Launch {
                    intent: IntentId::new(&pool.name, *next_intent),
                    pool: pool.name.clone(),
                    why: why.clone(),
                });
                *plan.desired.entry(pool.name.clone()).or_default() += 1;
                *next_intent += 1;
                missing -= 1;
            }
        }
    }
}
