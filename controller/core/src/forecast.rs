//! Forecast: how much of the present rate lasts, learned from how much of it lasted before.
//!
//! A rate above what the base does goes on for a minute, or for an hour; which, differs from one source to the next.
//! For each horizon, and by how long the excursion has lasted, one number is learned: the share of `rate × horizon`
//! that arrived in seven cases of ten. It begins at zero, which is no forecast, and moves by what is seen.
//!
//! Deliberately a low share and not the mean: what is bought for arrivals that do not come is wasted, and what is not
//! bought now can still be bought when they wait.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::arrivals::Arrivals;
use crate::supply::millis;
use crate::units::Rate;

/// Horizons, as the deadline divided by these: 60 s, 120 s and 300 s of 900 s.
const HORIZONS: [i64; 3] = [15, 8, 3];
/// An excursion is young, then middling, then lasting: ages as the deadline divided by these.
const AGES: [i64; 3] = [8, 3, 1];
/// Thousandths by which a share moves up when more came, and down when less did: it rests where 3 in 10 are below.
const STEP_UP: i64 = 6;
const STEP_DOWN: i64 = 14;
/// Forecasts that wait to be judged; more are not made.
const PENDING_MAX: usize = 512;
const SHARE_MAX: i64 = 1_500;

/// What is learned of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Forecast {
    /// Thousandths of `rate × horizon`, by age of the excursion and by horizon.
    shares: [[i64; HORIZONS.len()]; AGES.len() + 1],
    since: Option<Timestamp>,
    rate: Rate,
    /// Forecasts made: when, at which rate and age, and how many horizons are judged.
    pending: VecDeque<Made>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Made {
    at: Timestamp,
    arrived: u64,
    rate: Rate,
    age: usize,
    judged: usize,
}

// === impl Forecast ===

impl Forecast {
    /// Judges earlier forecasts and makes one, where `rate` is more than the base does (`floor`).
    pub(crate) fn observe(
        &mut self,
        arrivals: &Arrivals,
        rate: Option<Rate>,
        floor: Rate,
        deadline: SignedDuration,
    ) {
        let Some((now, arrived)) = arrivals.newest() else {
            return;
        };
        self.judge(arrivals, now, deadline);
        self.rate = rate.unwrap_or_default();
        if self.rate <= floor {
            self.since = None;
            return;
        }
        self.since.get_or_insert(now);
        let every = deadline / 200;
        let is_due = self
            .pending
            .back()
            .is_none_or(|last| now.duration_since(last.at) >= every);
        if is_due && self.pending.len() < PENDING_MAX {
            let age = self.age(now, deadline);
            self.pending.push_back(Made {
                at: now,
                arrived,
                rate: self.rate,
                age,
                judged: 0,
            });
        }
    }

    /// Whether anything is expected beyond what waits.
    pub(crate) fn expects_any(&self) -> bool {
        self.since.is_some()
    }

    /// For how long the rate has been above what the base does; zero where it is not.
    pub(crate) fn lasts(&self, now: Timestamp) -> SignedDuration {
        let since = self.since.map(|since| now.duration_since(since));
        since.unwrap_or_default().max(SignedDuration::ZERO)
    }

    /// Jobs to expect within `lead` after the newest look.
    pub(crate) fn jobs(
        &self,
        now: Timestamp,
        lead: SignedDuration,
        deadline: SignedDuration,
    ) -> u64 {
        if self.since.is_none() {
            return 0;
        }
        let shares = &self.shares[self.age(now, deadline)];
        let lead = millis(lead).max(0);
        let (mut from, mut before) = (0, 0);
        for (horizon, share) in HORIZONS.iter().zip(shares) {
            let to = millis(deadline) / horizon;
            // Milliseconds' worth of the present rate.
            let worth = (to * share / 1_000).max(before);
            if lead <= to {
                let within = before + (worth - before) * (lead - from) / (to - from).max(1);
                return self.rate.jobs_in(SignedDuration::from_millis(within));
            }
            (from, before) = (to, worth);
        }
        self.rate.jobs_in(SignedDuration::from_millis(before))
    }

    fn judge(&mut self, arrivals: &Arrivals, now: Timestamp, deadline: SignedDuration) {
        for made in &mut self.pending {
            let age = now.duration_since(made.at);
            while let Some(horizon) = HORIZONS.get(made.judged) {
                let horizon = deadline / i32::try_from(*horizon).unwrap_or(1);
                if age < horizon {
                    break;
                }
                let came = arrivals.by(made.at + horizon).saturating_sub(made.arrived);
                let share = &mut self.shares[made.age][made.judged];
                let expected =
                    u128::from(made.rate.jobs_in(horizon)) * u128::from(share.unsigned_abs());
                let step = if u128::from(came) * 1_000 < expected {
                    -STEP_DOWN
                } else {
                    STEP_UP
                };
                *share = (*share + step).clamp(0, SHARE_MAX);
                made.judged += 1;
            }
        }
        while self
            .pending
            .front()
            .is_some_and(|made| made.judged == HORIZONS.len())
        {
            self.pending.pop_front();
        }
    }

    fn age(&self, now: Timestamp, deadline: SignedDuration) -> usize {
        let age = self
            .since
            .map_or(SignedDuration::ZERO, |since| now.duration_since(since));
        let older = |part: &&i64| age >= deadline / i32::try_from(**part).unwrap_or(1);
        AGES.iter().take_while(older).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: SignedDuration = SignedDuration::from_secs(900);

    /// Bursts of 500 jobs a second for `seconds` each hour over a base that does 100, seen every 15 s; then one minute
    /// into the next burst, what is expected of the next `lead` seconds.
    fn expected(seconds: i64, lead: i64) -> u64 {
        let floor = Rate::from_milli(100_000);
        let (mut forecast, mut arrivals) = (Forecast::default(), Arrivals::default());
        let mut arrived = 0;
        for tick in 0..=12_005i64 {
            let second = tick * 15;
            if second % 3_600 <= seconds && second % 3_600 > 0 {
                arrived += 500 * 15;
            }
            let at = Timestamp::from_second(second).unwrap();
            arrivals.observe(at, arrived, DEADLINE * 2);
            let rate = arrivals.rate(SignedDuration::from_secs(60));
            forecast.observe(&arrivals, rate, floor, DEADLINE);
            if second == 50 * 3_600 + 60 {
                return forecast.jobs(at, SignedDuration::from_secs(lead), DEADLINE);
            }
        }
        unreachable!("the fiftieth burst is among them");
    }

    #[test]
    fn bursts_that_last_are_expected_to_and_short_ones_are_not() {
        let long = expected(1_800, 300);
        assert!(
            (120_000..=160_000).contains(&long),
            "{long} of the 150,000 that come"
        );
        let short = expected(60, 300);
        assert!(short < 20_000, "{short} of the none that come");
    }

    #[test]
    fn nothing_is_expected_before_anything_was_learned_or_while_the_base_does_it() {
        let mut forecast = Forecast::default();
        assert!(!forecast.expects_any());
        let mut arrivals = Arrivals::default();
        for second in 0..100 {
            let at = Timestamp::from_second(second).unwrap();
            arrivals.observe(at, second.unsigned_abs() * 50, DEADLINE);
        }
        let rate = arrivals.rate(SignedDuration::from_secs(60));
        forecast.observe(&arrivals, rate, Rate::from_milli(100_000), DEADLINE);
        assert!(
            !forecast.expects_any(),
            "50 a second are less than the base does"
        );
        forecast.observe(&arrivals, rate, Rate::from_milli(20_000), DEADLINE);
        let now = Timestamp::from_second(99).unwrap();
        assert_eq!(
            forecast.jobs(now, DEADLINE, DEADLINE),
            0,
            "no forecast to begin with"
        );
    }
}
