//! Work over time: what is due by when, and what the workers there are can do by then.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::units::Rate;

/// Points kept of the arrival history; the newest are exact, older ones are joined.
const POINTS_MAX: usize = 512;

/// How many jobs had arrived by when: the recent past of one group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrivals {
    /// Time, and all jobs that had arrived by then; both grow.
    points: VecDeque<(Timestamp, u64)>,
}

/// Jobs that must be done by a time: of the backlog, counted from its oldest job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// By when.
    pub at: Timestamp,
    /// How many, all that are due earlier among them.
    pub jobs: u64,
}

/// What the workers there are can do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Supply {
    /// From when, how much each, how many: workers that are alike are one entry, so that a large fleet costs no more
    /// to reckon with than a small one.
    parts: Vec<(Timestamp, Rate, u64)>,
}

// === impl Arrivals ===

impl Arrivals {
    /// Takes in that `arrived` jobs had arrived by `at`; forgets what is older than `keep`.
    pub(crate) fn observe(&mut self, at: Timestamp, arrived: u64, keep: SignedDuration) {
        if self.points.back().is_some_and(|(last, _)| at <= *last) {
            return;
        }
        self.points.push_back((at, arrived));
        // The point before the window stays: arrivals of the window are counted from it.
        while self.points.len() > 2 && self.points[1].0 < at - keep {
            self.points.pop_front();
        }
        if self.points.len() > POINTS_MAX {
            self.thin();
        }
    }

    /// Joins pairs of points in the older half. Jobs between keep their count and seem a little older.
    fn thin(&mut self) {
        let half = self.points.len() / 2;
        let mut kept = VecDeque::with_capacity(POINTS_MAX);
        for (i, point) in self.points.iter().enumerate() {
            if i >= half || i % 2 == 0 {
                kept.push_back(*point);
            }
        }
        self.points = kept;
    }

    /// Arrival rate over the last `window`; none before two looks.
    #[must_use]
    pub fn rate(&self, window: SignedDuration) -> Option<Rate> {
        let (last_at, last) = *self.points.back()?;
        let since = last_at - window;
        let first = self.points.iter().rev().find(|(at, _)| *at <= since);
        let (first_at, first) = *first.or(self.points.front())?;
        (first_at < last_at).then(|| Rate::of(last - first, last_at.duration_since(first_at)))
    }

    /// When the oldest of the `backlog` youngest jobs arrived; none if there is no backlog.
    ///
    /// Jobs that were there at the first look count as arrived then: they may be older.
    #[must_use]
    pub fn oldest(&self, backlog: u64) -> Option<Timestamp> {
        self.due(backlog, SignedDuration::ZERO)
            .first()
            .map(|due| due.at)
    }

    /// When the jobs of a backlog are due, each `within` after it arrived; served oldest first.
    ///
    /// A job counts as arrived at the earlier end of the look in which it was first seen.
    #[must_use]
    pub fn due(&self, backlog: u64, within: SignedDuration) -> Vec<Due> {
        let Some((_, arrived)) = self.points.back() else {
            return Vec::new();
        };
        let done = arrived.saturating_sub(backlog);
        let mut due: Vec<Due> = Vec::new();
        let mut earlier = self.points.front().map(|(at, _)| *at);
        for (at, arrived) in &self.points {
            let jobs = arrived.saturating_sub(done);
            let is_new = jobs > due.last().map_or(0, |last| last.jobs);
            if let (true, Some(earlier)) = (is_new, earlier) {
                due.push(Due {
                    at: earlier + within,
                    jobs,
                });
            }
            earlier = Some(*at);
        }
        due
    }
}

// === impl Supply ===

impl Supply {
    /// Adds a worker that does `rate` from `from` on.
    pub(crate) fn add(&mut self, from: Timestamp, rate: Rate) {
        match self.alike(from, rate) {
            Some(at) => self.parts[at].2 += 1,
            None => self.parts.push((from, rate, 1)),
        }
    }

    /// The same without one worker that does `rate` from `from` on.
    #[must_use]
    pub(crate) fn without(&self, from: Timestamp, rate: Rate) -> Self {
        let mut parts = self.parts.clone();
        if let Some(at) = self.alike(from, rate) {
            parts[at].2 -= 1;
        }
        Self { parts }
    }

    fn alike(&self, from: Timestamp, rate: Rate) -> Option<usize> {
        self.parts
            .iter()
            .position(|part| (part.0, part.1) == (from, rate))
    }

    /// Jobs done from `now` until `at`.
    #[must_use]
    pub fn jobs_by(&self, now: Timestamp, at: Timestamp) -> u64 {
        self.parts.iter().fold(0, |jobs: u64, (from, rate, count)| {
            let span = at.duration_since((*from).max(now));
            jobs.saturating_add(rate.times(*count).jobs_in(span))
        })
    }

    /// The rate once everybody works.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.parts.iter().fold(Rate::ZERO, |sum, (_, rate, count)| {
            sum.plus(rate.times(*count))
        })
    }

    /// How long until the `backlog` jobs that wait now are done; none if never.
    ///
    /// Served oldest first, so what arrives meanwhile does not delay them. Workers that boot join one by one.
    #[must_use]
    pub fn drain_eta(&self, now: Timestamp, backlog: u64) -> Option<SignedDuration> {
        let mut parts = self.parts.clone();
        parts.sort_unstable_by_key(|(from, ..)| *from);
        let mut left = backlog;
        let mut at = now;
        let mut rate = Rate::ZERO;
        for i in 0..=parts.len() {
            let until = parts.get(i).map(|(from, ..)| (*from).max(now));
            if let Some(needs) = rate.time_for(left)
                && until.is_none_or(|until| at + needs <= until)
            {
                return Some(at.duration_since(now) + needs);
            }
            let until = until?;
            left = left.saturating_sub(rate.jobs_in(until.duration_since(at)));
            rate = rate.plus(parts[i].1.times(parts[i].2));
            at = until;
        }
        None
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

    fn rate(per_second: u64) -> Rate {
        Rate::from_milli(per_second * 1000)
    }

    #[test]
    fn jobs_are_due_a_deadline_after_they_arrived() {
        let mut arrivals = Arrivals::default();
        for (second, arrived) in [(0, 0), (10, 100), (20, 100), (30, 400)] {
            arrivals.observe(at(second), arrived, seconds(600));
        }
        let due = arrivals.due(350, seconds(60));
        assert_eq!(
            due,
            [
                Due {
                    at: at(60),
                    jobs: 50
                },
                Due {
                    at: at(80),
                    jobs: 350
                }
            ]
        );
        assert_eq!(arrivals.oldest(350), Some(at(0)));
        assert_eq!(arrivals.oldest(0), None);
        assert_eq!(arrivals.rate(seconds(10)), Some(rate(30)));
    }

    #[test]
    fn a_long_history_is_thinned_without_losing_jobs() {
        let mut arrivals = Arrivals::default();
        for second in 0..2_000 {
            arrivals.observe(
                at(second),
                u64::try_from(second).unwrap() * 3,
                seconds(3_600),
            );
        }
        assert!(arrivals.points.len() <= POINTS_MAX);
        assert_eq!(arrivals.due(6_000, seconds(0)).last().unwrap().jobs, 5_997);
    }

    #[test]
    fn a_drain_counts_on_those_who_boot_from_when_they_are_ready() {
        let mut supply = Supply::default();
        supply.add(at(0), rate(10));
        supply.add(at(20), rate(30));
        assert_eq!(supply.jobs_by(at(0), at(30)), 600);
        assert_eq!(supply.drain_eta(at(0), 0), Some(seconds(0)));
        assert_eq!(supply.drain_eta(at(0), 100), Some(seconds(10)));
        assert_eq!(supply.drain_eta(at(0), 600), Some(seconds(30)));
        assert_eq!(Supply::default().drain_eta(at(0), 1), None, "nobody works");
    }
}
