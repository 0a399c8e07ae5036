//! What burst has cost today, for the budget of a day.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::units::Dollars;

const DAY_SECONDS: i64 = 86_400;

/// What was spent since midnight UTC, as far as it was watched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    at: Option<Timestamp>,
    today: Dollars,
}

// === impl Ledger ===

impl Ledger {
    /// All bought machines cost `per_hour` since the last look.
    pub(crate) fn observe(&mut self, at: Timestamp, per_hour: Dollars) {
        if let Some(before) = self.at {
            let midnight = midnight(at);
            if before < midnight {
                self.today = Dollars::ZERO;
            }
            let span = at.duration_since(before.max(midnight));
            if per_hour > Dollars::ZERO && span.is_positive() {
                self.today = self.today.plus(Dollars::per_hour_over(per_hour, span));
            }
        }
        self.at = Some(at);
    }

    /// Takes in what others know to have been spent on the day of `at` until then: a process that begins watched none of it.
    ///
    /// The larger of the two counts: what was watched may have cost more than its intents say, by the time until a
    /// machine that was never launched was known to be none.
    pub(crate) fn recall(&mut self, at: Timestamp, spent: Dollars) {
        self.today = spent.max(self.today(at));
        self.at = Some(at);
    }

    /// What was spent on the day of `now`.
    pub(crate) fn today(&self, now: Timestamp) -> Dollars {
        match self.at {
            Some(at) if at >= midnight(now) => self.today,
            _ => Dollars::ZERO,
        }
    }
}

/// When the day (UTC) of `at` began.
#[must_use]
pub fn midnight(at: Timestamp) -> Timestamp {
    let second = at.as_second().div_euclid(DAY_SECONDS) * DAY_SECONDS;
    Timestamp::from_second(second).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_midnight() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let price = Dollars("3.6".parse().unwrap());
        let mut ledger = Ledger::default();
        ledger.observe(at(86_000), price);
        ledger.observe(at(86_300), price);
        assert_eq!(ledger.today(at(86_399)), Dollars("0.3".parse().unwrap()));
        assert_eq!(ledger.today(at(86_400)), Dollars::ZERO, "a new day");
        ledger.observe(at(86_410), price);
        assert_eq!(ledger.today(at(86_420)), Dollars("0.01".parse().unwrap()));
    }

    #[test]
    fn what_others_know_counts_from_then_on_and_never_takes_back_what_was_seen() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let dollars = |text: &str| Dollars(text.parse().unwrap());
        let mut ledger = Ledger::default();
        ledger.recall(at(86_500), dollars("0.2"));
        ledger.observe(at(86_510), dollars("3.6"));
        assert_eq!(ledger.today(at(86_520)), dollars("0.21"));
        ledger.recall(at(86_520), dollars("0.1"));
        assert_eq!(ledger.today(at(86_520)), dollars("0.21"));
        assert_eq!(ledger.today(at(2 * 86_400)), Dollars::ZERO, "a new day");
    }
}
