//! What waits: one queue, or one per partition where that makes trouble.

use super::fleet::Fleet;
use super::history::History;
use super::partitions::Partitioned;
use super::pooled::Pooled;
use super::waits::{Step, Waits};
use crate::spec::WorldSpec;
use crate::trace::Arrived;

/// Steps that are remembered at most, whatever a description says of old readings.
const PAST_MAX: usize = 10_000;

/// What waits.
pub(super) enum Queue {
    /// Everybody serves everything.
    Pooled(Pooled),
    /// A partition is read by one worker.
    Partitioned(Box<Partitioned>),
}

// === impl Queue ===

impl Queue {
    /// Nothing waits; steps last `step` seconds.
    pub(super) fn new(spec: &WorldSpec, history: &History, step: f64) -> Self {
        let old = spec.troubles.signal.map_or(0.0, |signal| signal.old_max);
        let age_max = spec.signal_delay.max(old);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and `as` saturates"
        )]
        let past_max = ((age_max / step).ceil() as usize).min(PAST_MAX) + 2;
        match spec.troubles.partitions {
            None => Self::Pooled(Pooled::new(past_max)),
            Some(trouble) => {
                let queue = Partitioned::new(spec, trouble, history, past_max);
                Self::Partitioned(Box::new(queue))
            }
        }
    }

    /// Jobs ever served.
    pub(super) fn served(&self) -> f64 {
        match self {
            Self::Pooled(queue) => queue.served(),
            Self::Partitioned(queue) => queue.served(),
        }
    }

    /// Serves for one step. Returns what could have been served, jobs.
    pub(super) fn step(
        &mut self,
        step: &Step<'_>,
        spec: &WorldSpec,
        fleet: &mut Fleet,
        waits: &mut Waits,
    ) -> f64 {
        match self {
            Self::Pooled(queue) => queue.step(step, fleet, waits),
            Self::Partitioned(queue) => queue.step(step, spec, fleet, waits),
        }
    }

    /// Ends and committed offsets as they were at `at`.
    pub(super) fn read(
        &self,
        at: f64,
        arrived: &Arrived,
        end: &mut [Option<u64>],
        committed: &mut [Option<u64>],
    ) {
        match self {
            Self::Pooled(queue) => queue.read(at, arrived, end, committed),
            Self::Partitioned(queue) => queue.read(at, arrived, end, committed),
        }
    }
}
