//! Telling that the budget of a day does not hold, by machines that run already.
//!
//! A budget bounds what is bought: nothing is, if with all that runs until the deadline it would not fit. What runs may
//! still be needed for longer than was thought, and is not given back for a budget: its work waits, and would be late.

use jiff::{SignedDuration, Timestamp};

use super::Planner;
use crate::budget::midnight;
use crate::plan::Plan;
use crate::reason::Reason;
use crate::units::Dollars;

const DAY: SignedDuration = SignedDuration::from_hours(24);

// === impl Planner ===

impl Planner {
    /// Says that the budget of the day is spent, or will be by what runs before it can be given back.
    pub(super) fn tell_overrun(&self, plan: &mut Plan, now: Timestamp) {
        let Some(budget) = self.policy.budget_per_day() else {
            return;
        };
        let spent = self.ledger.today(now);
        let numbers = &plan.numbers;
        let needed = numbers.drain_eta.unwrap_or(numbers.drain_within);
        let of_today = (midnight(now) + DAY).duration_since(now);
        let ahead = Dollars::per_hour_over(numbers.burst_cost_per_hour, needed.min(of_today));
        // A budget of nothing is a wish, and no news before something was spent.
        let is_spent = spent >= budget && spent > Dollars::ZERO;
        if is_spent || (ahead > Dollars::ZERO && spent.plus(ahead) > budget) {
            plan.reasons.push(Reason::BudgetOverrun {
                spent,
                ahead,
                budget,
            });
        }
    }
}
