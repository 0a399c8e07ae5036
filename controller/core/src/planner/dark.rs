//! In the dark: what is bought while Kafka does not answer.

use jiff::{SignedDuration, Timestamp};

use super::Planner;
use super::burst::Desk;
use super::fleet::Fleet;
use super::load::Load;
use crate::plan::Plan;
use crate::snapshot::Snapshot;

/// What waited at the last look at Kafka is bought for while that is younger than this share of the deadline: 300 s of
/// 900 s.
const DARK_SHARE: i32 = 3;

// === impl Planner ===

impl Planner {
    /// Buys for what was known to wait when Kafka was last read: it waits still, whatever came since, and machines that
    /// are lost meanwhile leave it undone. Nothing is given back; of what may have come since, only a forecast counts.
    pub(super) fn decide_in_the_dark(
        &self,
        fleet: &Fleet,
        snapshot: &Snapshot,
        plan: &mut Plan,
        next_intent: &mut u64,
        now: Timestamp,
    ) {
        let Some(looked_at) = self.looked_at().filter(|at| now - self.dark_max() < *at) else {
            return;
        };
        let (Some(load), known) = Load::of(self, looked_at) else {
            return;
        };
        if known.is_topic_missing || snapshot.workers.is_err() {
            return;
        }
        let desk = Desk::new(self, fleet, &load, known.partitions, now);
        desk.buy(&desk.supply(), plan, next_intent);
    }

    /// When every topic was last read; none where one never was.
    fn looked_at(&self) -> Option<Timestamp> {
        let looks = self.policy.topics().iter().map(|topic| {
            let source = self.sources.get(&topic.name)?;
            Some(source.arrivals.newest()?.0)
        });
        looks.min().flatten()
    }

    /// How old the last look at Kafka may be to buy for what it showed.
    pub(super) fn dark_max(&self) -> SignedDuration {
        self.policy.drain_within() / DARK_SHARE
    }
}
