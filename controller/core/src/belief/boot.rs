//! How long machines take from launch to ready: what was seen, what was told, and what that says of one that boots.

use std::collections::VecDeque;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::supply::millis;

/// Boots that are remembered; older ones are forgotten, so that a new image is noticed.
const BOOTS_MAX: usize = 48;
/// What was told, corrected by what was seen, weighs as much as this many boots that were seen.
const TOLD_WEIGHT: u64 = 4;
/// Mean of each eighth of all boots, the quickest first, in thousandths of the middle one.
///
/// A lognormal law with σ = 0.48, whose 95 % quantile is 2.2 times its median: cloud GPU machines from order to first
/// image, 190 s and 420 s (docs/decisions/0005-deciding.md).
const TOLD_SHAPE: [u64; 8] = [461, 651, 790, 928, 1_080, 1_269, 1_543, 2_265];
/// The same σ, thousandths.
const TOLD_SIGMA: i64 = 480;
/// By how much what was told may be wrong: steps of a square root of two, thousandths; and how much each is believed
/// before anything is seen, also thousandths: nearly alike within a factor of two, by which the boots of one type differ
/// between regions and images.
const SCALES: [(u64, u64); 9] = [
    (250, 1),
    (354, 20),
    (500, 180),
    (707, 200),
    (1_000, 240),
    (1_414, 200),
    (2_000, 180),
    (2_828, 20),
    (4_000, 1),
];
/// Logarithm of the standard normal law's upper tail at −2, −1.5 … 4, thousandths.
const LOG_TAIL: [i64; 13] = [
    -23, -69, -173, -369, -693, -1_176, -1_841, -2_706, -3_783, -5_082, -6_608, -8_364, -10_360,
];

/// What was seen of one pool's boots.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BootBelief {
    /// Milliseconds, oldest first.
    seen: VecDeque<u64>,
    /// How long machines had booted when they were given up, milliseconds, oldest first.
    #[serde(default)]
    cut: VecDeque<u64>,
    /// How long those boot already that boot now, milliseconds.
    #[serde(default)]
    under_way: Vec<u64>,
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
    pub(crate) fn learn_cut(&mut self, after: SignedDuration) {
        self.cut.push_back(millis(after).max(0).unsigned_abs());
        if self.cut.len() > BOOTS_MAX {
            self.cut.pop_front();
        }
    }

    /// Those that boot now, and for how long already: twenty that are all late say that the twenty-first will be.
    pub(crate) fn see(&mut self, under_way: Vec<u64>) {
        self.under_way = under_way;
        self.under_way.truncate(BOOTS_MAX);
    }

    fn push(&mut self, ms: u64) {
        self.seen.push_back(ms);
        if self.seen.len() > BOOTS_MAX {
            self.seen.pop_front();
        }
    }

    /// What to expect, `told` being the middle of what the policy says.
    ///
    /// How wrong the told time is, is weighed by what was seen (Bayes' rule on [`SCALES`]); the law is that of the told
    /// shape at each of them, and what was seen itself, which has the last word where the shape is another one.
    pub(crate) fn law(&self, told: SignedDuration) -> BootLaw {
        let told = millis(told).max(0);
        let weights = self.weights(told.unsigned_abs());
        let all: u64 = weights.iter().sum();
        let shape = TOLD_SHAPE.len() as u64;
        let mut points: Vec<(i64, u64)> = Vec::new();
        for ((scale, _), weight) in SCALES.iter().zip(weights) {
            // A hundredth of the whole moves nothing.
            if weight * 100 < all {
                continue;
            }
            let middle = told * scale.cast_signed() / 1_000;
            points.extend(TOLD_SHAPE.iter().map(|thousandths| {
                let ms = middle * thousandths.cast_signed() / 1_000;
                (ms, (weight * 100 * TOLD_WEIGHT / all.max(1)).max(1))
            }));
        }
        points.extend(self.seen.iter().map(|ms| (ms.cast_signed(), shape * 100)));
        points.sort_unstable();
        BootLaw { points }
    }

    /// How much each of [`SCALES`] is believed after what was seen.
    fn weights(&self, told: u64) -> [u64; SCALES.len()] {
        let told = log_milli(told.max(1));
        // How far beyond the told middle, in thousandths of the logarithm.
        let beyond = |ms: &u64| log_milli((*ms).max(1)) - told;
        let ended: Vec<i64> = self.seen.iter().map(beyond).collect();
        let open: Vec<i64> = self.cut.iter().chain(&self.under_way).map(beyond).collect();
        let likelihoods = SCALES.map(|(scale, _)| {
            let scale = log_milli(scale) - log_milli(1_000);
            let ended = ended.iter().map(|beyond| {
                let z = (beyond - scale) * 1_000 / TOLD_SIGMA;
                -z * z / 2_000
            });
            let open = open
                .iter()
                .map(|beyond| log_tail((beyond - scale) * 1_000 / TOLD_SIGMA));
            ended.chain(open).sum::<i64>()
        });
        let best = likelihoods.iter().copied().max().unwrap_or_default();
        let mut weights = [0; SCALES.len()];
        for (weight, (likelihood, (_, prior))) in
            weights.iter_mut().zip(likelihoods.iter().zip(SCALES))
        {
            *weight = (prior << 20) >> ((best - likelihood) / LN_2).min(63);
        }
        weights
    }
}

/// ln 2, thousandths.
const LN_2: i64 = 693;

/// The natural logarithm of `number`, thousandths, to within six; of 0 that of 1.
fn log_milli(number: u64) -> i64 {
    let number = number.max(1);
    let whole = i64::from(number.ilog2());
    // What is above the power of two, thousandths; log₂(1 + f) is about f + 0.344 f (1 − f).
    let above = (u128::from(number - (1 << whole)) * 1_000) >> whole;
    let above = i64::try_from(above).unwrap_or(999);
    let part = above + 344 * above * (1_000 - above) / 1_000_000;
    (whole * 1_000 + part) * LN_2 / 1_000
}

/// Logarithm of the normal law's upper tail at `z` thousandths, thousandths.
fn log_tail(z: i64) -> i64 {
    let at = (z.clamp(-2_000, 3_999) + 2_000).unsigned_abs();
    let (place, part) = ((at / 500) as usize, (at % 500).cast_signed());
    LOG_TAIL[place] + (LOG_TAIL[place + 1] - LOG_TAIL[place]) * part / 500
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
    /// For how long such a machine will have worked at each of these times after its launch, ascending, milliseconds:
    /// mean, milliseconds, and variance, milliseconds².
    ///
    /// One pass over times and law: Σ w (x − b) = x Σ w − Σ w b over the boots b that are over at x, and likewise of the
    /// squares.
    pub(crate) fn leads(
        &self,
        times: impl IntoIterator<Item = i64>,
    ) -> impl Iterator<Item = (u64, u128)> {
        let all = i128::from(self.weight.max(1));
        let mut over = self.points.iter().peekable();
        // Milliseconds of days times weights of some thousand; their squares take more than 64 bits.
        let (mut weights, mut boots, mut squares) = (0i128, 0i128, 0i128);
        times.into_iter().map(move |time| {
            while let Some((ms, weight)) = over.next_if(|(ms, _)| *ms < time) {
                let (ms, weight) = (i128::from(*ms), i128::from(*weight));
                weights += weight;
                boots += ms * weight;
                squares += ms * ms * weight;
            }
            let time = i128::from(time);
            let mean = (time * weights - boots) / all;
            let square = (time * time * weights - 2 * time * boots + squares) / all;
            let variance = square - mean * mean;
            let mean = u64::try_from(mean).unwrap_or(0);
            (mean, variance.max(0).unsigned_abs())
        })
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
        assert!((230_000..250_000).contains(&told.mean()), "{}", told.mean());
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
            let (lead, _) = law.given(age).leads([age + 300_000]).next().unwrap();
            // Time that it may work in the next 300 s.
            assert!(age == 0 || lead > 0, "{age}");
            last = last.min(lead);
        }
        let leads: Vec<_> = law.given(1_000_000).leads([1_100_000, 1_300_000]).collect();
        assert_eq!(leads, [(0, 0), (50_000, 0)], "a quarter of its age longer");
    }

    #[test]
    fn machines_that_were_given_up_count_as_slow() {
        let mut belief = BootBelief::default();
        for _ in 0..10 {
            belief.learn_cut(seconds(150));
        }
        assert!(belief.law(seconds(100)).mean() > 150_000);
    }

    #[test]
    fn many_that_are_late_together_say_that_all_will_be() {
        let mut belief = BootBelief::default();
        let before = belief.law(seconds(190)).mean();
        belief.see(vec![100_000; 20]);
        let soon = belief.law(seconds(190)).mean();
        belief.see(vec![350_000; 20]);
        let late = belief.law(seconds(190)).mean();
        assert!(before < soon && soon < 380_000, "{before} {soon}");
        assert!((380_000..900_000).contains(&late), "twice as slow: {late}");
        // Those that ended as told say that nothing is wrong.
        belief.see(Vec::new());
        for took in [110, 150, 190, 230, 320] {
            belief.learn(seconds(took));
        }
        let law = belief.law(seconds(190));
        assert!((190_000..240_000).contains(&law.mean()), "{}", law.mean());
    }

    #[test]
    fn logarithms_are_near_enough() {
        for (number, thousandths) in [(1, 0), (2, 693), (3, 1_099), (190_000, 12_155)] {
            assert!((log_milli(number) - thousandths).abs() <= 6, "{number}");
        }
        assert_eq!(log_tail(0), -693);
        assert_eq!(log_tail(250), -934);
        assert_eq!(log_tail(9_000), log_tail(3_999));
    }
}
