//! Supply: what those that run and those that boot can do by when, with how sure that is.
//!
//! ```text
//! jobs
//!  │            ╱ mean        due(x) ≤ mean(x) − confidence · deviation(x), at every point of the grid
//!  │         ╱ ╱ ─ deviation
//!  │      ╱╱
//!  └────┴────────────▶ time     a machine that boots adds rate · E[(x − ready)⁺], given how long it boots already
//! ```
//!
//! Whole milliseconds and thousandths of jobs throughout: the same sums on every machine.

use jiff::{SignedDuration, Timestamp};

use crate::belief::BootLaw;
use crate::units::Rate;

/// Times at which due and supply are compared, counted from the look at Kafka that both start from.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    /// The look.
    pub(crate) origin: Timestamp,
    /// Milliseconds after it, ascending.
    pub(crate) points: Vec<i64>,
}

/// What a set of machines does by each point of a grid.
#[derive(Debug, Clone)]
pub(crate) struct Supply {
    /// Expected jobs, thousandths.
    mean: Vec<u64>,
    /// Variance, jobs².
    variance: Vec<u64>,
    /// The rate once everybody works.
    rate: Rate,
}

/// What one machine adds at each point of a grid.
#[derive(Debug, Clone)]
pub(crate) struct Share {
    mean: Vec<u64>,
    variance: Vec<u64>,
    rate: Rate,
}

// === impl Grid ===

impl Grid {
    /// `per_deadline` points to a deadline and as many at the same distance as `beyond` takes.
    pub(crate) fn new(
        origin: Timestamp,
        deadline: SignedDuration,
        per_deadline: i64,
        beyond: SignedDuration,
    ) -> Self {
        let step = (millis(deadline) / per_deadline).max(1);
        let count = per_deadline + millis(beyond) / step;
        Self {
            origin,
            points: (1..=count).map(|i| i * step).collect(),
        }
    }

    /// The time of a point.
    pub(crate) fn at(&self, point: usize) -> Timestamp {
        self.origin + SignedDuration::from_millis(self.points[point])
    }
}

// === impl Supply ===

impl Supply {
    pub(crate) fn none(grid: &Grid) -> Self {
        Self {
            mean: vec![0; grid.points.len()],
            variance: vec![0; grid.points.len()],
            rate: Rate::ZERO,
        }
    }

    pub(crate) fn add(&mut self, share: &Share, count: u64) {
        for (sum, jobs) in self.mean.iter_mut().zip(&share.mean) {
            *sum = sum.saturating_add(jobs.saturating_mul(count));
        }
        for (sum, square) in self.variance.iter_mut().zip(&share.variance) {
            *sum = sum.saturating_add(square.saturating_mul(count));
        }
        self.rate = self.rate.plus(share.rate.times(count));
    }

    pub(crate) fn remove(&mut self, share: &Share) {
        for (sum, jobs) in self.mean.iter_mut().zip(&share.mean) {
            *sum = sum.saturating_sub(*jobs);
        }
        for (sum, square) in self.variance.iter_mut().zip(&share.variance) {
            *sum = sum.saturating_sub(*square);
        }
        self.rate = self.rate.minus(share.rate);
    }

    /// Expected jobs by a point.
    pub(crate) fn expected(&self, point: usize) -> u64 {
        self.mean[point] / 1_000
    }

    /// Jobs to count on by a point: the expected ones less `confidence` thousandths of a standard deviation.
    pub(crate) fn sure(&self, point: usize, confidence: u64) -> u64 {
        let variance = self.variance[point];
        if variance == 0 {
            return self.expected(point);
        }
        let deviation = variance.isqrt();
        self.expected(point)
            .saturating_sub(deviation.saturating_mul(confidence) / 1_000)
    }

    /// Whether `due` jobs are surely done by a point: [`Self::sure`] compared without its root.
    pub(crate) fn meets(&self, point: usize, confidence: u64, due: u64) -> bool {
        let Some(spare) = self.expected(point).checked_sub(due) else {
            return false;
        };
        let variance = self.variance[point];
        let wanted = u128::from(variance) * u128::from(confidence) * u128::from(confidence);
        variance == 0 || u128::from(spare) * u128::from(spare) * 1_000_000 >= wanted
    }

    /// The rate once everybody works.
    pub(crate) fn rate(&self) -> Rate {
        self.rate
    }

    /// How long after the grid's origin `backlog` jobs are expected to be done; none if nobody works.
    pub(crate) fn time_for(&self, grid: &Grid, backlog: u64) -> Option<SignedDuration> {
        if backlog == 0 {
            return Some(SignedDuration::ZERO);
        }
        let wanted = backlog.saturating_mul(1_000);
        let point = self.mean.partition_point(|jobs| *jobs < wanted);
        let (from, before) = match point.checked_sub(1) {
            Some(last) => (grid.points[last], self.mean[last]),
            None => (0, 0),
        };
        let Some(reached) = self.mean.get(point).copied() else {
            // Beyond what is looked at everybody works.
            let left = (wanted - before).div_ceil(1_000);
            return Some(SignedDuration::from_millis(from) + self.rate.time_for(left)?);
        };
        let span = u128::from(grid.points[point].abs_diff(from));
        let part = u128::from(wanted - before) * span / u128::from((reached - before).max(1));
        Some(SignedDuration::from_millis(
            from + i64::try_from(part).unwrap_or(i64::MAX),
        ))
    }
}

// === impl Share ===

impl Share {
    /// A worker that works now.
    pub(crate) fn ready(grid: &Grid, rate: Rate) -> Self {
        let milli = |ms: &i64| jobs_milli(rate, ms.unsigned_abs());
        Self {
            mean: grid.points.iter().map(milli).collect(),
            variance: vec![0; grid.points.len()],
            rate,
        }
    }

    /// A worker that works since `from`, which may be after the grid's origin.
    pub(crate) fn since(grid: &Grid, rate: Rate, from: Timestamp) -> Self {
        let idle = millis(from.duration_since(grid.origin)).max(0);
        let milli = |ms: &i64| jobs_milli(rate, (ms - idle).max(0).unsigned_abs());
        Self {
            mean: grid.points.iter().map(milli).collect(),
            variance: vec![0; grid.points.len()],
            rate,
        }
    }

    /// A worker that works now and ends at `until`.
    pub(crate) fn until(grid: &Grid, rate: Rate, until: Timestamp) -> Self {
        let last = millis(until.duration_since(grid.origin)).max(0);
        let milli = |ms: &i64| jobs_milli(rate, (*ms).min(last).unsigned_abs());
        Self {
            mean: grid.points.iter().map(milli).collect(),
            variance: vec![0; grid.points.len()],
            // It adds nothing to what there will be.
            rate: Rate::ZERO,
        }
    }

    /// A machine that was launched at `launched_at` and is not ready at `now`; a new one has both the same.
    pub(crate) fn booting(
        grid: &Grid,
        rate: Rate,
        law: &BootLaw,
        launched_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let age = millis(now.duration_since(launched_at)).max(0);
        let since = millis(grid.origin.duration_since(launched_at));
        let law = law.given(age);
        let mut mean = Vec::with_capacity(grid.points.len());
        let mut variance = Vec::with_capacity(grid.points.len());
        // Thousandths of jobs a second, squared, times milliseconds², are 10⁻¹² jobs².
        let square = u128::from(rate.milli()) * u128::from(rate.milli());
        for (lead, spread) in law.leads(grid.points.iter().map(|point| point + since)) {
            mean.push(jobs_milli(rate, lead));
            let jobs = square.saturating_mul(spread) / 1_000_000_000_000;
            variance.push(u64::try_from(jobs).unwrap_or(u64::MAX));
        }
        Self {
            mean,
            variance,
            rate,
        }
    }

    /// Expected jobs by a point.
    pub(crate) fn expected(&self, point: usize) -> u64 {
        self.mean[point] / 1_000
    }

    /// For how long it is expected to have worked by a point, milliseconds.
    pub(crate) fn lead_ms(&self, point: usize) -> u64 {
        self.mean[point].saturating_mul(1_000) / self.rate.milli().max(1)
    }
}

/// Thousandths of jobs done in `ms` milliseconds.
fn jobs_milli(rate: Rate, ms: u64) -> u64 {
    match rate.milli().checked_mul(ms) {
        Some(product) => product / 1_000,
        None => u64::MAX / 1_000,
    }
}

pub(crate) fn millis(span: SignedDuration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::belief::BootBelief;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn grid() -> Grid {
        Grid::new(
            at(0),
            SignedDuration::from_secs(100),
            10,
            SignedDuration::ZERO,
        )
    }

    fn rate(per_second: u64) -> Rate {
        Rate::from_milli(per_second * 1_000)
    }

    #[test]
    fn those_that_boot_count_from_when_they_are_expected() {
        let grid = grid();
        let law = BootBelief::default().law(SignedDuration::from_secs(20));
        let mut supply = Supply::none(&grid);
        supply.add(&Share::ready(&grid, rate(10)), 2);
        assert_eq!(supply.expected(9), 2_000);
        assert_eq!(supply.sure(9, 3_000), 2_000, "no doubt about what runs");
        let booting = Share::booting(&grid, rate(10), &law, at(0), at(0));
        supply.add(&booting, 1);
        let more = supply.expected(9) - 2_000;
        assert!(
            (700..850).contains(&more),
            "{more} jobs in 100 s less a boot of about 20 s"
        );
        assert!(supply.sure(9, 1_000) < supply.expected(9));
        let overdue = Share::booting(&grid, rate(10), &law, at(-200), at(0));
        assert!(
            overdue.expected(9) < 600,
            "long overdue: nobody knows when it comes"
        );
        supply.remove(&booting);
        assert_eq!(supply.expected(9), 2_000);
    }

    #[test]
    fn a_drain_takes_as_long_as_is_expected() {
        let grid = grid();
        let mut supply = Supply::none(&grid);
        assert_eq!(supply.time_for(&grid, 0), Some(SignedDuration::ZERO));
        assert_eq!(supply.time_for(&grid, 1), None, "nobody works");
        supply.add(&Share::ready(&grid, rate(10)), 1);
        let secs = |jobs| supply.time_for(&grid, jobs).map(|span| span.as_secs());
        assert_eq!(secs(50), Some(5));
        assert_eq!(secs(250), Some(25));
        assert_eq!(secs(2_000), Some(200), "beyond what is looked at");
    }
}
