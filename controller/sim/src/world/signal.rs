//! What can be read of Kafka: late, sometimes old, sometimes in part, sometimes not at all.

use super::history::History;
use super::queue::Queue;
use crate::decider::Reading;
use crate::spec::WorldSpec;
use crate::trace::Arrived;

/// Where readings are taken.
pub(super) struct Signal {
    /// Readings so far, those that failed among them.
    readings: u64,
    end: Vec<Option<u64>>,
    committed: Vec<Option<u64>>,
}

// === impl Signal ===

impl Signal {
    pub(super) fn new(spec: &WorldSpec) -> Self {
        let partitions = spec.partitions.max(1) as usize;
        Self {
            readings: 0,
            end: vec![None; partitions],
            committed: vec![None; partitions],
        }
    }

    /// The reading that can be had at `now`.
    pub(super) fn read(
        &mut self,
        spec: &WorldSpec,
        history: &History,
        queue: &Queue,
        arrived: &Arrived,
        now: f64,
    ) -> Option<Reading<'_>> {
        self.readings += 1;
        if history.is_dark(now) {
            return None;
        }
        let mut age = spec.signal_delay;
        let mut unknown = 0.0;
        let mut stream = history.reading(self.readings);
        if let Some(signal) = spec.troubles.signal {
            if stream.uniform() < signal.old_share {
                age = age.max(stream.between(0.0, signal.old_max));
            }
            if stream.uniform() < signal.partial_share {
                unknown = signal.partial_unknown;
            }
        }
        let at = (now - age).max(0.0);
        queue.read(at, arrived, &mut self.end, &mut self.committed);
        if unknown > 0.0 {
            for (end, committed) in self.end.iter_mut().zip(&mut self.committed) {
                if stream.uniform() < unknown {
                    (*end, *committed) = (None, None);
                }
            }
        }
        Some(Reading {
            at,
            end: &self.end,
            committed: &self.committed,
        })
    }
}
