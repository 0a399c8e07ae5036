//! Slip: how much later than planned work gets done, learned from how it went before.
//!
//! Machines are taken back, base workers fall ill, partitions stand still, rates disappoint. Whatever it is, it shows in
//! one figure: what those that were there should have done by some time, against what was done. The 97 % quantile of
//! that delay is kept back of every deadline, so a quiet world pays for nothing and a rough one is ready.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::supply::millis;
use crate::units::Rate;

/// Work is judged this share of the deadline later: 300 s of 900 s.
pub(crate) const HORIZON_SHARE: i32 = 3;
/// A judgement is made this often in a deadline: every 15 s of 900 s.
const EVERY_SHARE: i32 = 60;
/// Steps of the quantile, thousandths of the deadline: 97 of 100 judgements are below where it rests.
const STEP_UP: i64 = 10_000;
const STEP_DOWN: i64 = 310;
/// Most that is kept back, thousandths of the deadline.
const SLIP_MAX: i64 = 250;
const PENDING_MAX: usize = 128;

/// What is learned of one group of workers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Slip {
    /// Millionths of the deadline.
    quantile: i64,
    pending: VecDeque<Expected>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Expected {
    at: Timestamp,
    /// Jobs that will have been done by the horizon.
    done: u64,
    rate: Rate,
}

// === impl Slip ===

impl Slip {
    /// What to keep back of `deadline`.
    pub(crate) fn reserve(&self, deadline: SignedDuration) -> SignedDuration {
        let ms = millis(deadline).saturating_mul(self.quantile) / 1_000_000;
        SignedDuration::from_millis(ms)
    }

    /// Whether a judgement is due at `at`.
    pub(crate) fn is_due(&self, at: Timestamp, deadline: SignedDuration) -> bool {
        let last = self.pending.back();
        last.is_none_or(|last| at.duration_since(last.at) >= deadline / EVERY_SHARE)
    }

    /// Nothing waits: who has nothing to do cannot be late.
    pub(crate) fn idle(&mut self) {
        self.pending.clear();
    }

    /// Judges what was expected a horizon ago by what is `done` now.
    pub(crate) fn judge(&mut self, at: Timestamp, done: u64, deadline: SignedDuration) {
        let horizon = deadline / HORIZON_SHARE;
        while let Some(expected) = self.pending.front() {
            if at.duration_since(expected.at) < horizon {
                break;
            }
            // Judged a little late: what was done since then is no merit.
            let since = at.duration_since(expected.at + horizon);
            let missing = (expected.done + expected.rate.jobs_in(since)).saturating_sub(done);
            let late = expected
                .rate
                .time_for(missing)
                .unwrap_or(horizon)
                .min(horizon);
            let late = millis(late).saturating_mul(1_000_000) / millis(deadline).max(1);
            let step = if late > self.quantile {
                STEP_UP.min(late - self.quantile)
            } else {
                -STEP_DOWN
            };
            self.quantile = (self.quantile + step).clamp(0, SLIP_MAX * 1_000);
            self.pending.pop_front();
        }
    }

    /// A machine that does `rate` is given back at `now`: it will not do what was expected of it.
    pub(crate) fn released(&mut self, now: Timestamp, rate: Rate, deadline: SignedDuration) {
        let horizon = deadline / HORIZON_SHARE;
        for expected in &mut self.pending {
            let left = (expected.at + horizon).duration_since(now);
            expected.done = expected.done.saturating_sub(rate.jobs_in(left));
            expected.rate = expected.rate.minus(rate);
        }
    }

    /// Notes what is expected to be done a horizon after `at`.
    pub(crate) fn expect(&mut self, at: Timestamp, done: u64, rate: Rate) {
        if self.pending.len() < PENDING_MAX && rate > Rate::ZERO {
            self.pending.push_back(Expected { at, done, rate });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: SignedDuration = SignedDuration::from_secs(900);

    /// Works for hours at a rate that is a share of what is expected, in percent.
    fn learned(percent: u64) -> SignedDuration {
        let mut slip = Slip::default();
        let rate = Rate::from_milli(100_000);
        for tick in 0..2_000u64 {
            let second = i64::try_from(tick * 15).unwrap();
            let at = Timestamp::from_second(second).unwrap();
            let done = tick * 15 * percent;
            slip.judge(at, done, DEADLINE);
            assert!(slip.is_due(at, DEADLINE));
            slip.expect(at, done + 30_000, rate);
        }
        slip.reserve(DEADLINE)
    }

    #[test]
    fn what_is_kept_back_is_what_was_late() {
        assert_eq!(learned(100), SignedDuration::ZERO);
        let reserve = learned(80).as_secs();
        assert!(
            (55..65).contains(&reserve),
            "a fifth of 300 s, not {reserve} s"
        );
    }

    #[test]
    fn who_idles_is_not_late() {
        let mut slip = Slip::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        slip.expect(at(0), 30_000, Rate::from_milli(100_000));
        slip.idle();
        slip.judge(at(400), 0, DEADLINE);
        assert_eq!(slip.reserve(DEADLINE), SignedDuration::ZERO);
    }
}
