//! How long jobs waited: fluid, oldest first.

use crate::trace::Arrived;

/// Width of the buckets that the median is read from: a second. Longer waits share the last one.
const BUCKETS: usize = 8 * 3_600;

/// Jobs below which nothing waits: sums of millions are not exact.
pub(super) const NOTHING: f64 = 1e-6;

/// A step of the world.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) from: f64,
    pub(super) until: f64,
    pub(super) arrived: &'a Arrived,
    /// Jobs that had arrived by `from` and `until`.
    pub(super) arrived_by: [f64; 2],
    /// The same, as much earlier as a job may wait: whatever of these is not served yet is late.
    pub(super) due_by: [f64; 2],
}

/// Waits of all jobs that were served.
pub(super) struct Waits {
    pub(super) late: f64,
    pub(super) max: f64,
    served: f64,
    buckets: Vec<f64>,
}

// === impl Step ===

impl<'a> Step<'a> {
    pub(super) fn new(arrived: &'a Arrived, drain_within: f64, from: f64, until: f64) -> Self {
        Self {
            from,
            until,
            arrived,
            arrived_by: [arrived.by(from), arrived.by(until)],
            due_by: [
                arrived.by(from - drain_within),
                arrived.by(until - drain_within),
            ],
        }
    }

    /// How long the last job waited of those that were there at the start, if it was done at `done_at`.
    pub(super) fn last_wait(&self, done_at: f64) -> f64 {
        done_at - self.arrived.when_sought(self.arrived_by[0] - NOTHING)
    }

    /// Share of the jobs that were late when all of the first `levels[0]` were served at its start and `levels[1]`
    /// at its end, evenly in between.
    pub(super) fn late_share(&self, levels: [f64; 2]) -> f64 {
        let over = [self.due_by[0] - levels[0], self.due_by[1] - levels[1]];
        match (over[0] > 0.0, over[1] > 0.0) {
            (true, true) => 1.0,
            (false, false) => 0.0,
            (true, false) => over[0] / (over[0] - over[1]),
            (false, true) => over[1] / (over[1] - over[0]),
        }
    }
}

// === impl Waits ===

impl Waits {
    pub(super) fn new() -> Self {
        Self {
            late: 0.0,
            max: 0.0,
            served: 0.0,
            buckets: vec![0.0; BUCKETS],
        }
    }

    /// Takes in that `jobs` were served that waited `wait` seconds on the mean.
    pub(super) fn served(&mut self, jobs: f64, wait: f64) {
        self.served += jobs;
        self.buckets[bucket(wait)] += jobs;
    }

    /// The wait of the median job, seconds.
    pub(super) fn median(&self) -> f64 {
        let mut sum = 0.0;
        for (wait, jobs) in (0_u32..).zip(&self.buckets) {
            sum += jobs;
            if sum > 0.0 && sum * 2.0 >= self.served {
                return f64::from(wait);
            }
        }
        0.0
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and `as` saturates"
)]
fn bucket(wait: f64) -> usize {
    (wait as usize).min(BUCKETS - 1)
}
