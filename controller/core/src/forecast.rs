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
