//! Scaling a trace to a world: units of published traces differ by a factor of 100,000, so raw counts mean nothing.

use std::fmt;
use std::str::FromStr;

use super::{HOUR, Trace};
use crate::spec::WorldSpec;

/// `steady`: the share of the base's hour that the median hour holds.
const STEADY_SHARE: f64 = 0.6;
/// `flash`: what the largest sliding hour holds, jobs.
const FLASH_HOUR: f64 = 2e6;
/// `capped`: the share of everything that the peak ten minutes take.
const CAPPED_SHARE: f64 = 0.8;
/// `auto`: a median hour above this share of the largest sliding hour is steady.
const STEADY_ABOVE: f64 = 0.02;
/// What `capped` looks at, seconds.
const TEN_MINUTES: f64 = 600.0;

/// How a trace is scaled.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ScaleRule {
    /// `steady` or `flash` by the trace's shape, `capped` where `steady` is more than everything could do.
    Auto,
    /// The median hour holds 60 % of what the base does in an hour.
    Steady,
    /// The largest sliding hour holds two million jobs.
    Flash,
    /// The peak ten minutes are 80 % of what base and offers do together.
    Capped,
    /// So many times.
    Factor(f64),
    /// The largest sliding hour holds so many jobs.
    PeakHour(f64),
    /// The median hour holds so many jobs.
    MedianHour(f64),
}

/// A factor, and the rule that it came from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// The rule that was applied: never `Auto`.
    pub rule: ScaleRule,
    /// What arrivals are multiplied by; finite and above 0.
    pub factor: f64,
}

/// Why a trace cannot be scaled so.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScaleError {
    /// The trace has nothing of what the rule looks at.
    #[error("the trace {trace} has no arrivals that `{rule}` could scale")]
    Nothing {
        /// The trace.
        trace: String,
        /// The rule.
        rule: ScaleRule,
    },
    /// Not a rule.
    #[error(
        "`{text}` is not one of auto, steady, flash, capped, peak-hour=N, median-hour=N, or a factor as x4.2"
    )]
    UnknownRule {
        /// What was written.
        text: String,
    },
}

// === impl Scale ===

impl Scale {
    /// Scales `trace` to `world` by `rule`.
    ///
    /// # Errors
    /// `Nothing` where the trace, or what the rule looks at, is empty, or the factor is no usable number.
    pub fn of(trace: &Trace, world: &WorldSpec, rule: ScaleRule) -> Result<Self, ScaleError> {
        let rule = match rule {
            ScaleRule::Auto => chosen(trace, world),
            rule => rule,
        };
        let factor = factor(trace, world, rule);
        if factor.is_finite() && factor > 0.0 && trace.total() > 0.0 {
            Ok(Self { rule, factor })
        } else {
            let trace = trace.name().to_owned();
            Err(ScaleError::Nothing { trace, rule })
        }
    }
}

fn chosen(trace: &Trace, world: &WorldSpec) -> ScaleRule {
    if trace.median_hour() <= STEADY_ABOVE * trace.peak(HOUR) {
        return ScaleRule::Flash;
    }
    let all = (world.base_rate() + world.offers_rate()) * TEN_MINUTES;
    if trace.peak(TEN_MINUTES) * factor(trace, world, ScaleRule::Steady) > all {
        ScaleRule::Capped
    } else {
        ScaleRule::Steady
    }
}

fn factor(trace: &Trace, world: &WorldSpec, rule: ScaleRule) -> f64 {
    let base_hour = world.base_rate() * HOUR;
    let all = world.base_rate() + world.offers_rate();
    match rule {
        ScaleRule::Auto => f64::NAN,
        ScaleRule::Steady => STEADY_SHARE * base_hour / trace.median_hour(),
        ScaleRule::Flash => FLASH_HOUR / trace.peak(HOUR),
        ScaleRule::Capped => CAPPED_SHARE * all * TEN_MINUTES / trace.peak(TEN_MINUTES),
        ScaleRule::Factor(factor) => factor,
        ScaleRule::PeakHour(jobs) => jobs / trace.peak(HOUR),
        ScaleRule::MedianHour(jobs) => jobs / trace.median_hour(),
    }
}

// === impl ScaleRule ===

impl fmt::Display for ScaleRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Steady => f.write_str("steady"),
            Self::Flash => f.write_str("flash"),
            Self::Capped => f.write_str("capped"),
            Self::Factor(factor) => write!(f, "x{factor}"),
            Self::PeakHour(jobs) => write!(f, "peak-hour={jobs}"),
            Self::MedianHour(jobs) => write!(f, "median-hour={jobs}"),
        }
    }
}

impl FromStr for ScaleRule {
    type Err = ScaleError;

    fn from_str(text: &str) -> Result<Self, ScaleError> {
        let number = |text: &str| {
            text.parse::<f64>()
                .ok()
                .filter(|n| n.is_finite() && *n > 0.0)
        };
        let rule = match text {
            "auto" => Some(Self::Auto),
            "steady" => Some(Self::Steady),
            "flash" => Some(Self::Flash),
            "capped" => Some(Self::Capped),
            _ => match text.split_once('=') {
                Some(("peak-hour", jobs)) => number(jobs).map(Self::PeakHour),
                Some(("median-hour", jobs)) => number(jobs).map(Self::MedianHour),
                Some(_) => None,
                None => number(text.strip_prefix('x').unwrap_or(text)).map(Self::Factor),
            },
        };
        rule.ok_or_else(|| ScaleError::UnknownRule {
            text: text.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(arrivals: &[f64]) -> Trace {
        let lines = arrivals.iter().enumerate();
        let lines: String = lines
            .map(|(i, jobs)| format!("{},{jobs}\n", i * 300))
            .collect();
        Trace::from_csv("made", &format!("t_seconds,arrivals\n{lines}")).unwrap()
    }

    #[test]
    fn the_shape_chooses_the_rule() {
        let mut calm = vec![100.0; 12 * 24];
        let mut peaky = calm.clone();
        peaky[50] = 9_000.0;
        let mut flash = vec![1.0; 12 * 24];
        flash[50] = 2_000.0;
        calm[50] = 200.0;
        let world = WorldSpec::calm();
        let cases = [
            // 320 jobs/s of the base, 3,970 of everything.
            (calm, ScaleRule::Steady, 0.6 * 320.0 * 300.0 / 100.0),
            (peaky, ScaleRule::Capped, 0.8 * 3_970.0 * 600.0 / 9_100.0),
            (flash, ScaleRule::Flash, 2e6 / 2_011.0),
        ];
        for (arrivals, rule, factor) in cases {
            let scale = Scale::of(&trace(&arrivals), &world, ScaleRule::Auto).unwrap();
            assert_eq!(scale.rule, rule);
            assert!(
                (scale.factor / factor - 1.0).abs() < 1e-9,
                "{}",
                scale.factor
            );
        }
    }

    #[test]
    fn rules_read_as_they_are_written() {
        for text in [
            "auto",
            "steady",
            "flash",
            "capped",
            "x4.2",
            "peak-hour=2000000",
            "median-hour=5",
        ] {
            assert_eq!(text.parse::<ScaleRule>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "x",
            "x-1",
            "xNaN",
            "inf",
            "peak-hour=",
            "peak-hour=0",
            "steady=1",
        ] {
            assert!(text.parse::<ScaleRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn nothing_cannot_be_scaled() {
        let world = WorldSpec::calm();
        for rule in [ScaleRule::Auto, ScaleRule::Steady, ScaleRule::Factor(2.0)] {
            assert!(Scale::of(&trace(&[0.0; 24]), &world, rule).is_err());
        }
    }
}
