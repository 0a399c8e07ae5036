//! Quantities: numbers that know what they count.

use std::fmt;

use jiff::SignedDuration;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;
use serde::{Deserialize, Serialize};

/// Jobs per second, kept as whole thousandths so that comparisons are exact.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Rate(u64);

/// United States dollars.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Dollars(pub Decimal);

// === impl Rate ===

impl Rate {
    /// No jobs at all.
    pub const ZERO: Self = Self(0);

    /// `milli` thousandths of a job per second.
    #[must_use]
    pub fn from_milli(milli: u64) -> Self {
        Self(milli)
    }

    /// Thousandths of a job per second.
    #[must_use]
    pub fn milli(self) -> u64 {
        self.0
    }

    /// `jobs` in `span`, rounded down; zero for an empty or negative span.
    #[must_use]
    pub fn of(jobs: u64, span: SignedDuration) -> Self {
        let Ok(ms) = u128::try_from(span.as_millis()) else {
            return Self::ZERO;
        };
        if ms == 0 {
            return Self::ZERO;
        }
        Self(saturated(u128::from(jobs) * 1_000_000 / ms))
    }

    /// A rate from a decimal number of jobs per second; none if negative or absurdly large.
    #[must_use]
    pub fn from_decimal(per_second: Decimal) -> Option<Self> {
        (per_second * Decimal::ONE_THOUSAND).to_u64().map(Self)
    }

    /// Jobs done in `span` at this rate, rounded down; none before the span begins.
    #[must_use]
    pub fn jobs_in(self, span: SignedDuration) -> u64 {
        let Ok(ms) = u128::try_from(span.as_millis()) else {
            return 0;
        };
        saturated(u128::from(self.0) * ms / 1_000_000)
    }

    /// How long `jobs` take at this rate, rounded up to the millisecond; none at rate zero.
    #[must_use]
    pub fn time_for(self, jobs: u64) -> Option<SignedDuration> {
        if jobs == 0 {
            return Some(SignedDuration::ZERO);
        }
        if self.0 == 0 {
            return None;
        }
        let ms = (u128::from(jobs) * 1_000_000).div_ceil(u128::from(self.0));
        Some(SignedDuration::from_millis(
            i64::try_from(ms).unwrap_or(i64::MAX),
        ))
    }

    /// The sum, at most the largest rate there is.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, at least zero.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This rate `count` times.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// Half of it.
    #[must_use]
    pub fn half(self) -> Self {
        Self(self.0 / 2)
    }

    /// For metrics and pages: jobs per second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "shown to people and metrics only"
        )]
        let milli = self.0 as f64;
        milli / 1000.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, milli) = (self.0 / 1000, self.0 % 1000);
        if whole >= 100 || milli < 50 {
            write!(f, "{}/s", (self.0 + 500) / 1000)
        } else {
            write!(f, "{whole}.{}/s", milli / 100)
        }
    }
}

fn saturated(value: u128) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

// === impl Dollars ===

impl Dollars {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// What `per_hour` comes to over `span`; nothing for a negative span.
    #[must_use]
    pub fn per_hour_over(per_hour: Self, span: SignedDuration) -> Self {
        let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX).max(0);
        Self(per_hour.0 * Decimal::from(ms) / Decimal::from(3_600_000))
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// The difference.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }

    /// For metrics and pages.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0.to_f64().unwrap_or(f64::MAX)
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "${:.2}", self.0)
    }
}

/// A duration as people say it: `1h 5m`, `3m 20s`, `45s`, `0s`.
#[must_use]
pub fn spoken(span: SignedDuration) -> String {
    let seconds = span.as_secs();
    let (sign, seconds) = if seconds < 0 {
        ("-", -seconds)
    } else {
        ("", seconds)
    };
    let (h, m, s) = (seconds / 3600, seconds % 3600 / 60, seconds % 60);
    match (h, m, s) {
        (0, 0, s) => format!("{sign}{s}s"),
        (0, m, 0) => format!("{sign}{m}m"),
        (0, m, s) => format!("{sign}{m}m {s}s"),
        (h, 0, _) => format!("{sign}{h}h"),
        (h, m, _) => format!("{sign}{h}h {m}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_and_its_time_agree() {
        let rate = Rate::from_milli(8_500);
        assert_eq!(rate.jobs_in(SignedDuration::from_secs(10)), 85);
        assert_eq!(rate.time_for(85), Some(SignedDuration::from_secs(10)));
        assert_eq!(Rate::of(85, SignedDuration::from_secs(10)), rate);
        assert_eq!(Rate::ZERO.time_for(1), None);
        assert_eq!(
            Rate::from_milli(1).jobs_in(SignedDuration::from_secs(-5)),
            0
        );
    }

    #[test]
    fn quantities_read_well() {
        let cases = [
            (0, "0/s"),
            (8_500, "8.5/s"),
            (8_000, "8/s"),
            (123_456, "123/s"),
        ];
        for (milli, text) in cases {
            assert_eq!(Rate::from_milli(milli).to_string(), text);
        }
        let cases = [
            (0, "0s"),
            (200, "3m 20s"),
            (180, "3m"),
            (3_900, "1h 5m"),
            (-45, "-45s"),
        ];
        for (seconds, text) in cases {
            assert_eq!(spoken(SignedDuration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn dollars_accrue_by_the_millisecond() {
        let price = Dollars("2.00".parse().unwrap());
        let cost = Dollars::per_hour_over(price, SignedDuration::from_mins(30));
        assert_eq!(cost, Dollars("1".parse().unwrap()));
    }
}
