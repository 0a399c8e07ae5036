//! One queue that all workers share: the world without the trouble of partitions.

use std::collections::VecDeque;

use super::fleet::{Fleet, Work};
use super::waits::{NOTHING, Step, Waits};
use crate::trace::Arrived;

/// A fluid queue, oldest first.
pub(super) struct Pooled {
    /// Jobs ever served.
    served: f64,
    /// Jobs served by when, as far back as a reading may be old.
    past: VecDeque<(f64, f64)>,
    past_max: usize,
    /// How long the oldest job has waited, at the latest step's end.
    wait: f64,
    hint: usize,
}

// === impl Pooled ===

impl Pooled {
    /// Empty; `past_max` steps are remembered for readings that are old.
    pub(super) fn new(past_max: usize) -> Self {
        Self {
            served: 0.0,
            past: VecDeque::from([(0.0, 0.0)]),
            past_max,
            wait: 0.0,
            hint: 0,
        }
    }

    pub(super) fn served(&self) -> f64 {
        self.served
    }

    /// Serves for one step. Returns what could have been served, jobs.
    pub(super) fn step(&mut self, step: &Step<'_>, fleet: &mut Fleet, waits: &mut Waits) -> f64 {
        let machines = fleet.machines.iter();
        let capacity: f64 = machines
            .map(|machine| machine.rate * machine.active(step.from, step.until))
            .sum();
        let [before, after] = step.arrived_by;
        let waiting = before - self.served;
        let work = after - self.served;
        let is_emptied = work <= capacity;
        let level = if is_emptied {
            after
        } else {
            self.served + capacity
        };
        let used = if capacity > 0.0 {
            (level - self.served) / capacity
        } else {
            0.0
        };
        // The share of the step before the queue is empty for the first time.
        let saturated = if !is_emptied {
            1.0
        } else if waiting > NOTHING {
            (waiting / (capacity - (after - before)).max(waiting)).min(used)
        } else {
            0.0
        };
        for machine in &mut fleet.machines {
            let active = machine.active(step.from, step.until);
            machine.worked(Work {
                done: machine.rate * active * used,
                saturated_done: machine.rate * active * saturated,
                saturated: active * saturated,
            });
        }
        if is_emptied && waiting > NOTHING {
            let done_at = step.from + waiting / capacity * (step.until - step.from);
            waits.max = waits.max.max(step.last_wait(done_at));
        }
        self.account(step, level, waits);
        self.served = level;
        if self.past.len() == self.past_max {
            self.past.pop_front();
        }
        self.past.push_back((step.until, level));
        capacity
    }

    fn account(&mut self, step: &Step<'_>, level: f64, waits: &mut Waits) {
        let jobs = level - self.served;
        let wait = if step.arrived_by[1] - level > NOTHING {
            step.until - step.arrived.when(level, &mut self.hint)
        } else {
            0.0
        };
        if jobs > 0.0 {
            waits.late += jobs * step.late_share([self.served, level]);
            waits.served(jobs, f64::midpoint(self.wait, wait));
        }
        waits.max = waits.max.max(wait);
        self.wait = wait;
    }

    /// Ends and committed offsets as they were at `at`: everything is spread evenly.
    pub(super) fn read(
        &self,
        at: f64,
        arrived: &Arrived,
        end: &mut [Option<u64>],
        committed: &mut [Option<u64>],
    ) {
        let written = arrived.by(at);
        spread(written, end);
        spread(self.served_by(at).min(written), committed);
    }

    fn served_by(&self, at: f64) -> f64 {
        let after = self.past.partition_point(|point| point.0 <= at);
        let Some(&(from, before)) = after.checked_sub(1).and_then(|place| self.past.get(place))
        else {
            return self.past[0].1;
        };
        let Some(&(until, level)) = self.past.get(after) else {
            return before;
        };
        before + (level - before) * (at - from) / (until - from)
    }
}

/// Whole jobs over partitions, so that they add up.
fn spread(jobs: f64, to: &mut [Option<u64>]) {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and `as` saturates"
    )]
    let jobs = (jobs + NOTHING) as u64;
    let partitions = to.len() as u64;
    let (each, more) = (jobs / partitions, jobs % partitions);
    for (place, count) in (0..).zip(to) {
        *count = Some(each + u64::from(place < more));
    }
}
