//! How long machines take from launch to ready: what was seen, what was told, and what that says of one that boots.

use std::collections::VecDeque;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::supply::millis;

/// Boots that are remembered; older ones are forgotten, so that a new image is noticed.
const BOOTS_MAX: usize = 48;
/// What was told weighs as much as this many boots that were seen.
const TOLD_WEIGHT: u64 = 4;
/// Mean of each eighth of all boots, the quickest first, in thousandths of the told time.
///
/// A lognormal law with σ = 0.48, whose 95 % quantile is 2.2 times its median: cloud GPU machines from order to first
/// image, 190 s and 420 s (docs/decisions/0005-deciding.md).
const TOLD_SHAPE: [u64; 8] = [461, 651, 790, 928, 1_080, 1_269, 1_543, 2_265];

/// Longest time that a machine is reckoned to work, milliseconds: no deadline is longer than a day.
const LEAD_MAX: u64 = 86_400_000;

/// What was seen of one pool's boots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BootBelief {
    /// Milliseconds, oldest first.
    seen: VecDeque<u64>,
}

/// A law of boot times: weighted points, ascending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BootLaw {
    /// Milliseconds, and weight.
    points: Vec<(i64, u64)>,
}

/// The same for a machine that boots already for some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BootLawGiven<'a> {
    points: std::borrow::Cow<'a, [(i64, u64)]>,
    weight: u64,
}

// === impl BootBelief ===

impl BootBelief {
    /// A machine was ready this long after its launch.
    pub(crate) fn learn(&mut self, took: SignedDuration) {
        self.push(millis(took).max(0).unsigned_abs());
    }

    /// A machine was given up `after` its launch and was not ready: it would have taken longer.
    ///
    /// Counted as the middle of those boots that take longer, so that giving up slow ones does not look like quickness.
    pub(crate) fn learn_cut(&mut self, after: SignedDuration, told: SignedDuration) {
        let law = self.law(told);
        let given = law.given(millis(after));
        self.push(given.quantile(500).unsigned_abs());
    }

    fn push(&mut self, ms: u64) {
        self.seen.push_back(ms);
        if self.seen.len() > BOOTS_MAX {
            self.seen.pop_front();
        }
    }

    /// What to expect, `told` being the middle of what the policy says.
    pub(crate) fn law(&self, told: SignedDuration) -> BootLaw {
        let told = millis(told).max(0);
        let shape = TOLD_SHAPE.len() as u64;
        let mut points: Vec<(i64, u64)> = TOLD_SHAPE
            .iter()
            .map(|thousandths| (told * thousandths.cast_signed() / 1_000, TOLD_WEIGHT))
            .collect();
        points.extend(self.seen.iter().map(|ms| (ms.cast_signed(), shape)));
        points.sort_unstable();
        BootLaw { points }
    }
}

// === impl BootLaw ===

impl BootLaw {
    /// What is left of it for a machine that is not ready `age` milliseconds after its launch.
    ///
    /// One that is slower than all that is known is expected to take a quarter of its age longer.
    pub(crate) fn given(&self, age: i64) -> BootLawGiven<'_> {
        let first = self.points.partition_point(|(ms, _)| *ms <= age);
        let left = &self.points[first..];
        let points = if left.is_empty() {
            std::borrow::Cow::Owned(vec![(age + age / 4, 1)])
        } else {
            std::borrow::Cow::Borrowed(left)
        };
        let weight = points.iter().map(|(_, weight)| weight).sum();
        BootLawGiven { points, weight }
    }

    /// The mean, milliseconds.
    pub(crate) fn mean(&self) -> i64 {
        let weight: i64 = self
            .points
            .iter()
            .map(|(_, weight)| weight.cast_signed())
            .sum();
        let sum: i64 = self
            .points
            .iter()
            .map(|(ms, weight)| ms * weight.cast_signed())
            .sum();
        sum / weight.max(1)
    }

    /// Milliseconds within which so many thousandths of all boots are over.
    pub(crate) fn quantile(&self, thousandths: u64) -> i64 {
        self.given(-1).quantile(thousandths)
    }
}

// === impl BootLawGiven ===

impl BootLawGiven<'_> {
    /// For how long such a machine will have worked `since` milliseconds after its launch: mean and standard deviation.
    pub(crate) fn lead(&self, since: i64) -> (u64, u64) {
        // Milliseconds of days, squared, times a few hundred: far below what 64 bits hold.
        let (mut sum, mut squares) = (0u64, 0u64);
        for (ms, weight) in self.points.iter() {
            if *ms >= since {
                break;
            }
            let worked = since.abs_diff(*ms).min(LEAD_MAX);
            sum += worked * weight;
            squares += worked * worked * weight;
        }
        let mean = sum / self.weight;
        let variance = (squares / self.weight).saturating_sub(mean * mean);
        (mean, variance.isqrt())
    }

    fn quantile(&self, thousandths: u64) -> i64 {
        let mut passed = 0;
        for (ms, weight) in self.points.iter() {
            passed += weight;
            if passed * 1_000 >= self.weight * thousandths {
                return *ms;
            }
        }
        self.points.last().map_or(0, |(ms, _)| *ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: i64) -> SignedDuration {
        SignedDuration::from_secs(seconds)
    }

    #[test]
    fn what_is_told_has_a_spread_and_gives_way_to_what_is_seen() {
        let mut belief = BootBelief::default();
        let told = belief.law(seconds(190));
        assert!((200_000..220_000).contains(&told.mean()), "{}", told.mean());
        assert!(told.quantile(950) > 380_000);
        for _ in 0..20 {
            belief.learn(seconds(60));
        }
        let learned = belief.law(seconds(190));
        assert!(learned.mean() < 100_000, "{}", learned.mean());
        assert_eq!(learned.quantile(500), 60_000);
    }

    #[test]
    fn a_machine_that_is_late_is_expected_later() {
        let law = BootBelief::default().law(seconds(100));
        let mut last = u64::MAX;
        for age in [0, 60_000, 100_000, 150_000, 500_000] {
            let (lead, _) = law.given(age).lead(age + 300_000);
            // Time that it may work in the next 300 s.
            assert!(age == 0 || lead > 0, "{age}");
            last = last.min(lead);
        }
        let (lead, spread) = law.given(1_000_000).lead(1_100_000);
        assert_eq!((lead, spread), (0, 0), "a quarter of its age longer");
    }

    #[test]
    fn machines_that_were_given_up_count_as_slow() {
        let mut belief = BootBelief::default();
        for _ in 0..10 {
            belief.learn_cut(seconds(150), seconds(100));
        }
        assert!(belief.law(seconds(100)).mean() > 130_000);
    }
}
