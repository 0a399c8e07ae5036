//! Arrivals over time: how many jobs came in each bin, and what follows from it.

mod read;
mod scale;

pub use read::{Fault, TraceError, TraceProblem};
pub use scale::{Scale, ScaleError, ScaleRule};

/// Seconds in an hour.
const HOUR: f64 = 3_600.0;

/// Arrivals in bins of equal width, without gaps, from second 0 on.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    name: String,
    bin_seconds: f64,
    arrivals: Vec<f64>,
}

/// How many jobs had arrived by when: arrivals are uniform inside a bin, and end with the trace.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrived {
    bin_seconds: f64,
    /// Jobs that had arrived before each bin, and all of them at the end.
    sums: Vec<f64>,
}

// === impl Trace ===

impl Trace {
    /// Reads `t_seconds,arrivals` lines; `name` is what the trace is called from here on.
    ///
    /// # Errors
    /// Every line that is wrong, up to a bound, with its column.
    pub fn from_csv(name: &str, text: &str) -> Result<Self, TraceError> {
        read::trace(name, text)
    }

    /// How it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Width of a bin, seconds.
    #[must_use]
    pub fn bin_seconds(&self) -> f64 {
        self.bin_seconds
    }

    /// Jobs in each bin; finite and not negative.
    #[must_use]
    pub fn arrivals(&self) -> &[f64] {
        &self.arrivals
    }

    /// How long it lasts, seconds.
    #[must_use]
    pub fn duration(&self) -> f64 {
        self.bin_seconds * count(self.arrivals.len())
    }

    /// All its jobs.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.arrivals.iter().sum()
    }

    /// The same shape with `factor` times the jobs: fluid, nothing is drawn anew.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self {
            arrivals: self.arrivals.iter().map(|jobs| jobs * factor).collect(),
            ..self.clone()
        }
    }

    /// How many jobs had arrived by when.
    #[must_use]
    pub fn arrived(&self) -> Arrived {
        let mut sums = Vec::with_capacity(self.arrivals.len() + 1);
        let mut sum = 0.0;
        sums.push(sum);
        for jobs in &self.arrivals {
            sum += jobs;
            sums.push(sum);
        }
        Arrived {
            bin_seconds: self.bin_seconds,
            sums,
        }
    }

    /// Jobs in its largest sliding window of `seconds`; all of them where it is shorter.
    #[must_use]
    pub fn peak(&self, seconds: f64) -> f64 {
        let arrived = self.arrived();
        let starts = (0..self.arrivals.len()).map(|bin| count(bin) * self.bin_seconds);
        starts
            .map(|start| arrived.by(start + seconds) - arrived.by(start))
            .fold(0.0, f64::max)
    }

    /// Jobs in its median hour, of the whole hours from its start; what an hour would hold at its mean rate where it
    /// is shorter than one.
    #[must_use]
    pub fn median_hour(&self) -> f64 {
        let arrived = self.arrived();
        let mut hours = Vec::new();
        let mut start = 0.0;
        while start + HOUR <= self.duration() {
            hours.push(arrived.by(start + HOUR) - arrived.by(start));
            start += HOUR;
        }
        if hours.is_empty() {
            return self.total() * HOUR / self.duration();
        }
        hours.sort_unstable_by(f64::total_cmp);
        let middle = hours.len() / 2;
        if hours.len() % 2 == 1 {
            hours[middle]
        } else {
            f64::midpoint(hours[middle - 1], hours[middle])
        }
    }
}

// === impl Arrived ===

impl Arrived {
    /// Jobs that had arrived by `at`, seconds; nothing before the start, everything after the end.
    #[must_use]
    pub fn by(&self, at: f64) -> f64 {
        let bins = self.sums.len() - 1;
        let place = at / self.bin_seconds;
        if place <= 0.0 {
            return 0.0;
        }
        let bin = whole(place);
        if bin >= bins {
            return self.sums[bins];
        }
        let (before, after) = (self.sums[bin], self.sums[bin + 1]);
        before + (after - before) * (place - count(bin))
    }

    /// When the job arrived that is next after the first `jobs`, seconds; the end where there is none.
    ///
    /// `hint` is a bin not after the answer's and is moved to it: times asked for in order cost one pass in all.
    #[must_use]
    pub fn when(&self, jobs: f64, hint: &mut usize) -> f64 {
        let bins = self.sums.len() - 1;
        while *hint < bins && self.sums[*hint + 1] <= jobs {
            *hint += 1;
        }
        self.inside(jobs, *hint)
    }

    /// The same without a hint.
    #[must_use]
    pub fn when_sought(&self, jobs: f64) -> f64 {
        let bin = self.sums[1..].partition_point(|sum| *sum <= jobs);
        self.inside(jobs, bin)
    }

    fn inside(&self, jobs: f64, bin: usize) -> f64 {
        let bins = self.sums.len() - 1;
        if bin >= bins {
            return count(bins) * self.bin_seconds;
        }
        let (before, after) = (self.sums[bin], self.sums[bin + 1]);
        let share = ((jobs - before) / (after - before)).clamp(0.0, 1.0);
        (count(bin) + share) * self.bin_seconds
    }

    /// All jobs.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.sums[self.sums.len() - 1]
    }
}

/// A number of things as a float; exact far beyond any trace.
#[expect(clippy::cast_precision_loss, reason = "bounded by BINS_MAX")]
fn count(things: usize) -> f64 {
    things as f64
}

/// The whole part of a number that is not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and `as` saturates"
)]
fn whole(number: f64) -> usize {
    number as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(bin_seconds: f64, arrivals: &[f64]) -> Trace {
        Trace {
            name: "made".to_owned(),
            bin_seconds,
            arrivals: arrivals.to_vec(),
        }
    }

    #[test]
    fn jobs_and_times_answer_each_other() {
        let arrived = trace(60.0, &[60.0, 0.0, 120.0]).arrived();
        let cases = [
            (0.0, 0.0),
            (30.0, 30.0),
            (60.0, 60.0),
            (100.0, 60.0),
            (150.0, 120.0),
            (180.0, 180.0),
            (900.0, 180.0),
            (-5.0, 0.0),
        ];
        for (at, jobs) in cases {
            assert!((arrived.by(at) - jobs).abs() < 1e-9, "{at} s");
        }
        let mut hint = 0;
        for (jobs, at) in [
            (0.0, 0.0),
            (30.0, 30.0),
            (60.0, 120.0),
            (120.0, 150.0),
            (180.0, 180.0),
        ] {
            assert!(
                (arrived.when(jobs, &mut hint) - at).abs() < 1e-9,
                "{jobs} jobs"
            );
            assert!((arrived.when_sought(jobs) - at).abs() < 1e-9, "{jobs} jobs");
        }
    }

    #[test]
    fn peaks_slide_and_medians_stand() {
        let mut bins = vec![10.0; 12 * 5];
        bins[11] = 100.0;
        bins[12] = 100.0;
        let peaky = trace(300.0, &bins);
        assert!((peaky.peak(600.0) - 200.0).abs() < 1e-9);
        assert!((peaky.peak(3_600.0) - 300.0).abs() < 1e-9);
        assert!((peaky.median_hour() - 120.0).abs() < 1e-9);
        let short = trace(10.0, &[5.0; 6]);
        assert!((short.median_hour() - 1_800.0).abs() < 1e-9);
    }
}
