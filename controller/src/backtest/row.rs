//! A run as one row, and what can be asked of it by name.

use serde::{Deserialize, Serialize};
use spillway_core::Policy;
use spillway_sim::{Life, Outcome};

/// Sums of prices are no decimals: a millionth of a dollar is no excess.
const EXCESS: f64 = 1e-6;
const DAY: f64 = 86_400.0;

/// A run. Times are seconds, money is dollars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Row {
    pub(crate) trace: String,
    pub(crate) policy: String,
    pub(crate) world: String,
    pub(crate) seed: u64,
    /// The rule that the trace was scaled by.
    pub(crate) scale: String,
    /// What bought machines cost.
    pub(crate) burst_cost: f64,
    /// What the base costs over the trace's length.
    pub(crate) base_cost: f64,
    /// What no policy can beat, of bought machines; none until it was asked for.
    pub(crate) bound: Option<f64>,
    /// `burst_cost ÷ bound`; none without a bound, or where it is 0.
    pub(crate) ratio: Option<f64>,
    /// Share of all messages that were late or never served, 0..1.
    pub(crate) late_share: f64,
    /// The same as messages: the made world is fluid, so this is rounded.
    pub(crate) late_messages: u64,
    /// Of `late_share`, what goes beyond what nobody can avoid in this world; none without a bound.
    pub(crate) late_beyond_share: Option<f64>,
    pub(crate) wait_max_seconds: f64,
    pub(crate) wait_p50_seconds: f64,
    pub(crate) launches: u64,
    /// Machines given back before they were ready or within ten minutes of it.
    pub(crate) reversals: u64,
    /// Whether the policy's budget was ever exceeded; never without one.
    pub(crate) budget_exceeded: bool,
    /// Rules of its own checker that the planner's plans broke.
    pub(crate) violations: u64,
}

/// Dollars that bought machines may cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Limits {
    pub(crate) per_hour: Option<f64>,
    pub(crate) per_day: Option<f64>,
}

/// What can be asked of a row by name.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// Whether it is true or false, and so a condition by itself.
    pub(crate) is_truth: bool,
    /// None where it is unknown.
    pub(crate) of: fn(&Row) -> Option<f64>,
}

/// Every field of a row that is a number, and the one that is true or false.
pub(crate) const FIELDS: &[Field] = &[
    number("cost", |row| Some(row.burst_cost)),
    number("burst_cost", |row| Some(row.burst_cost)),
    number("base_cost", |row| Some(row.base_cost)),
    number("bound", |row| row.bound),
    number("ratio", |row| row.ratio),
    number("late_share", |row| Some(row.late_share)),
    number("late_messages", |row| Some(whole(row.late_messages))),
    number("late_beyond_share", |row| row.late_beyond_share),
    number("wait_max_seconds", |row| Some(row.wait_max_seconds)),
    number("wait_p50_seconds", |row| Some(row.wait_p50_seconds)),
    number("launches", |row| Some(whole(row.launches))),
    number("reversals", |row| Some(whole(row.reversals))),
    number("violations", |row| Some(whole(row.violations))),
    number("seed", |row| Some(whole(row.seed))),
    Field {
        name: "budget_exceeded",
        is_truth: true,
        of: |row| Some(f64::from(u8::from(row.budget_exceeded))),
    },
];

const fn number(name: &'static str, of: fn(&Row) -> Option<f64>) -> Field {
    Field {
        name,
        is_truth: false,
        of,
    }
}

// === impl Limits ===

impl Limits {
    pub(crate) fn of(policy: &Policy) -> Self {
        Self {
            per_hour: policy.budget_per_hour().map(|dollars| dollars.to_f64()),
            per_day: policy.budget_per_day().map(|dollars| dollars.to_f64()),
        }
    }

    /// Whether a run went beyond: by what its machines cost an hour at a time, or by what they cost on one day.
    fn are_exceeded(self, outcome: &Outcome) -> bool {
        let hour = self
            .per_hour
            .is_some_and(|most| outcome.price_max > most + EXCESS);
        let day = self
            .per_day
            .is_some_and(|most| dearest_day(&outcome.lives) > most + EXCESS);
        hour || day
    }
}

/// What the dearest day cost. Traces begin at midnight; a machine's cost is spread evenly over its life.
fn dearest_day(lives: &[Life]) -> f64 {
    let mut days = std::collections::BTreeMap::<u64, f64>::new();
    for life in lives {
        let span = (life.ended_at - life.launched_at).max(1.0);
        let mut from = life.launched_at;
        while from < life.launched_at + span {
            let day = day_of(from);
            let until = (life.launched_at + span).min(DAY * (whole(day) + 1.0));
            *days.entry(day).or_default() += life.cost * (until - from) / span;
            from = until;
        }
    }
    days.into_values().fold(0.0, f64::max)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and `as` saturates"
)]
fn day_of(at: f64) -> u64 {
    (at / DAY) as u64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "exact far beyond any count here"
)]
fn whole(count: u64) -> f64 {
    count as f64
}

// === impl Row ===

impl Row {
    pub(crate) fn of(outcome: &Outcome, policy: &str, limits: Limits) -> Self {
        let late = outcome.late.max(0.0);
        let late_share = if outcome.arrived > 0.0 {
            late / outcome.arrived
        } else {
            0.0
        };
        Self {
            trace: outcome.trace.clone(),
            policy: policy.to_owned(),
            world: outcome.world.clone(),
            seed: outcome.seed,
            scale: outcome.scale.rule.to_string(),
            burst_cost: outcome.burst_cost,
            base_cost: outcome.base_cost,
            bound: None,
            ratio: None,
            late_share,
            late_messages: rounded(late),
            late_beyond_share: None,
            wait_max_seconds: outcome.wait_max,
            wait_p50_seconds: outcome.wait_p50,
            launches: outcome.launches,
            reversals: outcome.reversals,
            budget_exceeded: limits.are_exceeded(outcome),
            violations: outcome.violations,
        }
    }

    /// The same with a bound and the ratio to it, `unavoidable` being the share of messages that is late for everybody.
    #[cfg(any(test, feature = "bound"))]
    pub(crate) fn against(self, bound: f64, unavoidable: f64) -> Self {
        let ratio = (bound > 0.0).then(|| self.burst_cost / bound);
        Self {
            bound: Some(bound),
            ratio,
            late_beyond_share: Some((self.late_share - unavoidable).max(0.0)),
            ..self
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and `as` saturates"
)]
fn rounded(messages: f64) -> u64 {
    messages.round() as u64
}

#[cfg(test)]
pub(super) mod tests {
    use spillway_sim::End;

    use super::*;

    pub(in crate::backtest) fn row() -> Row {
        Row {
            trace: "ko".to_owned(),
            policy: "spillway".to_owned(),
            world: "calm".to_owned(),
            seed: 1,
            scale: "capped".to_owned(),
            burst_cost: 8.5,
            base_cost: 5.12,
            bound: None,
            ratio: None,
            late_share: 0.0,
            late_messages: 0,
            late_beyond_share: None,
            wait_max_seconds: 880.0,
            wait_p50_seconds: 3.0,
            launches: 12,
            reversals: 1,
            budget_exceeded: false,
            violations: 0,
        }
    }

    #[test]
    fn a_row_has_the_fields_that_were_promised_and_reads_back() {
        let row = row().against(8.0, 0.0);
        let json = serde_json::to_string(&row).unwrap();
        assert_eq!(serde_json::from_str::<Row>(&json).unwrap(), row);
        let names: Vec<&str> = json.split('"').skip(1).step_by(2).collect();
        let promised = "trace ko policy spillway world calm seed scale capped burst_cost base_cost bound ratio \
            late_share late_messages late_beyond_share wait_max_seconds wait_p50_seconds launches reversals budget_exceeded violations";
        assert_eq!(names.join(" "), promised);
        assert_eq!(row.ratio, Some(8.5 / 8.0));
        assert_eq!(row.against(0.0, 0.0).ratio, None);
    }

    #[test]
    fn what_a_machine_costs_over_midnight_belongs_to_both_days() {
        let life = |launched_at, ended_at, cost| Life {
            machine: 1,
            offer: 0,
            launched_at,
            boot: 0.0,
            rate: 1.0,
            ended_at,
            end: End::Retired,
            done: 0.0,
            cost,
        };
        let lives = [
            life(DAY - 3_600.0, DAY + 3_600.0, 2.0),
            life(0.0, 60.0, 0.5),
        ];
        assert!((dearest_day(&lives) - 1.5).abs() < 1e-9);
        assert!(dearest_day(&[]).abs() < 1e-9);
    }
}
