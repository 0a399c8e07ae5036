//! Traces as they lie in a folder, how they are scaled, and what their bounds must be: for tests and the example alone.
//!
//! Small on purpose: it reads what it needs and knows no other form.

use std::path::Path;

use spillway_sim::WorldSpec;

const EXPECTED: &str = include_str!("reference.csv");

/// Share of the largest hour above which the median hour says how busy a trace is (decision 4, "Scale").
const STEADY_SHARE: f64 = 0.02;
/// Share of the base that the median hour of a steady trace takes.
const STEADY_LOAD: f64 = 0.6;
/// Share of base and offers that the peak ten minutes of a capped trace take.
const CAPPED_LOAD: f64 = 0.8;
/// Jobs of the largest hour of a flash trace.
const FLASH_JOBS: f64 = 2e6;
const HOUR: f64 = 3_600.0;
const TEN_MINUTES: f64 = 600.0;

/// A trace's bound as the reference has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Expected {
    /// The trace's name.
    pub(crate) trace: &'static str,
    /// By which rule it is scaled.
    pub(crate) rule: &'static str,
    /// The bound, dollars.
    pub(crate) dollars: f64,
}

/// A trace, scaled to a world.
#[derive(Debug, Clone)]
pub(crate) struct Trace {
    /// Width of a bin, seconds.
    pub(crate) bin_seconds: f64,
    /// Jobs by bin.
    pub(crate) jobs: Vec<f64>,
    /// By which rule it was scaled.
    pub(crate) rule: &'static str,
    /// By what it was multiplied.
    pub(crate) factor: f64,
}

/// Every trace of the reference, in its order.
pub(crate) fn expected() -> Vec<Expected> {
    EXPECTED
        .lines()
        .filter(|line| !line.starts_with('#'))
        .skip(1)
        .map(|line| {
            let [trace, rule, dollars] = line
                .split(',')
                .collect::<Vec<_>>()
                .try_into()
                .expect("three columns");
            Expected {
                trace,
                rule,
                dollars: dollars.parse().expect("dollars"),
            }
        })
        .collect()
}

// === impl Trace ===

impl Trace {
    /// Reads `NAME.csv` of `folder` and scales it to `spec`.
    #[expect(
        clippy::disallowed_methods,
        reason = "a test's and an example's input; the library itself touches no files"
    )]
    pub(crate) fn read(folder: &Path, name: &str, spec: &WorldSpec) -> std::io::Result<Self> {
        let text = std::fs::read_to_string(folder.join(format!("{name}.csv")))?;
        let rows: Vec<(f64, f64)> = text
            .lines()
            .skip(1)
            .map(|line| {
                let (time, jobs) = line.split_once(',').expect("two columns");
                (
                    time.parse().expect("seconds"),
                    jobs.parse().expect("arrivals"),
                )
            })
            .collect();
        let jobs: Vec<_> = rows.iter().map(|(_, jobs)| *jobs).collect();
        let bin_seconds = rows[1].0 - rows[0].0;
        let (rule, factor) = scale(&jobs, bin_seconds, spec);
        Ok(Self {
            bin_seconds,
            jobs: jobs.iter().map(|jobs| jobs * factor).collect(),
            rule,
            factor,
        })
    }
}

/// Rule and factor of a trace.
///
/// Hours are counted from the trace's beginning; a rest that is no whole hour is left out, unless it is all there is.
fn scale(jobs: &[f64], bin_seconds: f64, spec: &WorldSpec) -> (&'static str, f64) {
    let hour = bins(HOUR, bin_seconds).min(jobs.len());
    let mut hours: Vec<f64> = jobs
        .chunks_exact(hour)
        .map(|bins| bins.iter().sum())
        .collect();
    hours.sort_by(f64::total_cmp);
    let middle = hours.len() / 2;
    let median = if hours.len() % 2 == 1 {
        hours[middle]
    } else {
        f64::midpoint(hours[middle - 1], hours[middle])
    };
    let top_hour = largest(jobs, hour);
    if median <= STEADY_SHARE * top_hour {
        return ("flash", FLASH_JOBS / top_hour);
    }
    let steady = STEADY_LOAD * spec.base_rate() * HOUR / median;
    let peak_rate = largest(jobs, bins(TEN_MINUTES, bin_seconds)) / TEN_MINUTES;
    let most = spec.base_rate() + spec.offers_rate();
    if steady * peak_rate > most {
        return ("capped", CAPPED_LOAD * most / peak_rate);
    }
    ("steady", steady)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small whole number"
)]
fn bins(seconds: f64, bin_seconds: f64) -> usize {
    (seconds / bin_seconds) as usize
}

/// Most jobs in `width` bins on end.
fn largest(jobs: &[f64], width: usize) -> f64 {
    jobs.windows(width)
        .map(|bins| bins.iter().sum())
        .fold(0.0, f64::max)
}
