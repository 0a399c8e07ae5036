//! Arrivals: how many jobs had arrived by when, and when those that wait are due.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::supply::millis;
use crate::units::Rate;

/// Points kept of the arrival history; the newest are exact, older ones are joined.
const POINTS_MAX: usize = 512;

/// How many jobs had arrived by when: the recent past of one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrivals {
    /// Milliseconds of the epoch, and all jobs that had arrived by then; both grow.
    points: VecDeque<(i64, u64)>,
}

/// Asks for ascending times, so that each answer begins where the last one ended.
pub(crate) struct Walk<'a> {
    arrivals: &'a Arrivals,
    after: usize,
}

// === impl Arrivals ===

impl Arrivals {
    /// Takes in that `arrived` jobs had arrived by `at`; forgets what is older than `keep`.
    pub(crate) fn observe(&mut self, at: Timestamp, arrived: u64, keep: SignedDuration) {
        let at = at.as_millisecond();
        if self.points.back().is_some_and(|(last, _)| at <= *last) {
            return;
        }
        self.points.push_back((at, arrived));
        // The point before the window stays: arrivals of the window are counted from it.
        while self.points.len() > 2 && self.points[1].0 < at - millis(keep) {
            self.points.pop_front();
        }
        if self.points.len() > POINTS_MAX {
            self.thin();
        }
    }

    /// Joins pairs of points in the older half; what came between them is taken as spread evenly.
    fn thin(&mut self) {
        let half = self.points.len() / 2;
        let mut kept = VecDeque::with_capacity(POINTS_MAX + 1);
        for (i, point) in self.points.iter().enumerate() {
            if i >= half || i % 2 == 0 {
                kept.push_back(*point);
            }
        }
        self.points = kept;
    }

    /// When the newest look was, and all jobs that had arrived by then; none before the first.
    #[must_use]
    pub fn newest(&self) -> Option<(Timestamp, u64)> {
        let (at, arrived) = *self.points.back()?;
        Some((Timestamp::from_millisecond(at).ok()?, arrived))
    }

    /// Jobs that had arrived by `at`, evenly between two looks; the newest count after the last.
    ///
    /// Jobs that were there at the first look count as arrived then: they may be older.
    #[must_use]
    pub fn by(&self, at: Timestamp) -> u64 {
        let at = at.as_millisecond();
        self.between(at, self.points.partition_point(|(seen, _)| *seen <= at))
    }

    /// The same for ascending times.
    pub(crate) fn walk(&self) -> Walk<'_> {
        Walk {
            arrivals: self,
            after: 0,
        }
    }

    /// Jobs by `at`, which is before point `after` and not before the one before it.
    fn between(&self, at: i64, after: usize) -> u64 {
        let Some((from, count)) = after.checked_sub(1).map(|before| self.points[before]) else {
            return 0;
        };
        let Some((to, next)) = self.points.get(after) else {
            return count;
        };
        let (part, whole) = (at.abs_diff(from), to.abs_diff(from).max(1));
        let more = next - count;
        count
            + match more.checked_mul(part) {
                Some(product) => product / whole,
                None => u64::try_from(u128::from(more) * u128::from(part) / u128::from(whole))
                    .unwrap_or(more),
            }
    }

    /// Arrival rate over the last `window`; none before two looks.
    #[must_use]
    pub fn rate(&self, window: SignedDuration) -> Option<Rate> {
        let (last_at, last) = *self.points.back()?;
        let (first_at, _) = *self.points.front()?;
        let since = first_at.max(last_at - millis(window));
        let after = self.points.partition_point(|(seen, _)| *seen <= since);
        let span = SignedDuration::from_millis(last_at - since);
        (since < last_at).then(|| Rate::of(last - self.between(since, after), span))
    }

    /// How much older the oldest of `more` youngest jobs is than the oldest of `fewer`.
    pub(crate) fn between_ages(&self, fewer: u64, more: u64) -> SignedDuration {
        let (Some(younger), Some(older)) = (self.arrived_at(fewer), self.arrived_at(more)) else {
            return SignedDuration::ZERO;
        };
        SignedDuration::from_millis((younger - older).max(0))
    }

    /// When the oldest of the `backlog` youngest jobs arrived, evenly between two looks; milliseconds of the epoch.
    fn arrived_at(&self, backlog: u64) -> Option<i64> {
        let (_, arrived) = *self.points.back()?;
        let done = arrived.saturating_sub(backlog);
        let after = self.points.partition_point(|(_, count)| *count <= done);
        let Some(&(to, next)) = self.points.get(after) else {
            return self.points.back().map(|(at, _)| *at);
        };
        let (from, count) = *self.points.get(after.checked_sub(1)?)?;
        let part = u128::from(done - count) * u128::from(to.abs_diff(from));
        let into = part / u128::from((next - count).max(1));
        Some(from + i64::try_from(into).unwrap_or(0))
    }

    /// When the oldest of the `backlog` youngest jobs arrived, to the look; none if there is no backlog.
    #[must_use]
    pub fn oldest(&self, backlog: u64) -> Option<Timestamp> {
        let (_, arrived) = *self.points.back()?;
        if backlog == 0 {
            return None;
        }
        let done = arrived.saturating_sub(backlog);
        let first = self.points.partition_point(|(_, count)| *count <= done);
        let (at, _) = self.points.get(first.saturating_sub(1))?;
        Timestamp::from_millisecond(*at).ok()
    }
}

// === impl Walk ===

impl Walk<'_> {
    /// Jobs that had arrived by `at`, milliseconds of the epoch; not before the time asked for last.
    pub(crate) fn by(&mut self, at: i64) -> u64 {
        let points = &self.arrivals.points;
        while points.get(self.after).is_some_and(|(seen, _)| *seen <= at) {
            self.after += 1;
        }
        self.arrivals.between(at, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seconds(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    #[test]
    fn arrivals_are_spread_evenly_between_two_looks() {
        let mut arrivals = Arrivals::default();
        for (second, arrived) in [(0, 50), (10, 150), (20, 150), (30, 450)] {
            arrivals.observe(at(second), arrived, seconds(600));
        }
        let cases = [(-1, 0), (0, 50), (5, 100), (15, 150), (25, 300), (99, 450)];
        for (second, count) in cases {
            assert_eq!(arrivals.by(at(second)), count, "by {second} s");
        }
        assert_eq!(arrivals.rate(seconds(10)), Some(Rate::from_milli(30_000)));
        assert_eq!(arrivals.oldest(0), None);
        assert_eq!(arrivals.oldest(300), Some(at(20)));
        assert_eq!(arrivals.oldest(400), Some(at(0)));
        assert_eq!(arrivals.oldest(999), Some(at(0)), "older than was watched");
    }

    #[test]
    fn a_long_history_is_thinned_without_losing_jobs() {
        let mut arrivals = Arrivals::default();
        for second in 0..2_000u32 {
            arrivals.observe(at(second.into()), u64::from(second) * 3, seconds(3_600));
        }
        assert!(arrivals.points.len() <= POINTS_MAX);
        assert_eq!(arrivals.by(at(700)), 2_100);
        assert_eq!(arrivals.newest(), Some((at(1_999), 5_997)));
    }
}
