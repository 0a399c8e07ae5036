//! How fast each worker is, from its own counters: machines of one pool differ. Pure.

use std::collections::BTreeMap;

use spillway_core::Rate;
use spillway_wire::Heartbeat;

/// The pool's rate weighs as much as this much saturated work of the worker, milliseconds.
const PRIOR_MS: u64 = 20_000;
/// Evidence is halved beyond this much saturated work, so that a worker that changed is noticed.
const EVIDENCE_MAX_MS: u64 = 300_000;

/// What is known of each worker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Speeds(BTreeMap<String, Speed>);

#[derive(Debug, Clone, Default)]
struct Speed {
    boot_id: String,
    counted: (u64, u64),
    images: u64,
    ms: u64,
}

// === impl Speeds ===

impl Speeds {
    /// Learns from heartbeats; what is not among them is forgotten.
    pub(crate) fn learn<'a>(&mut self, beats: impl Iterator<Item = &'a Heartbeat>) {
        let mut known = std::mem::take(&mut self.0);
        for beat in beats {
            let speed = known.remove(&beat.worker).unwrap_or_default();
            self.0.insert(beat.worker.clone(), speed.after(beat));
        }
    }

    /// What to count on from `worker`, of a pool whose workers do `pool`.
    pub(crate) fn rate(&self, worker: &str, pool: Rate) -> Rate {
        let (images, ms) = self.0.get(worker).map_or((0, 0), |it| (it.images, it.ms));
        // Thousandths of an image per second are images per 1,000,000 ms.
        let prior = u128::from(pool.milli()) * u128::from(PRIOR_MS);
        let seen = u128::from(images) * 1_000_000;
        let milli = (prior + seen) / u128::from(PRIOR_MS + ms);
        Rate::from_milli(u64::try_from(milli).unwrap_or(u64::MAX))
    }
}

// === impl Speed ===

impl Speed {
    fn after(mut self, beat: &Heartbeat) -> Self {
        if self.boot_id != beat.boot_id {
            self.boot_id.clone_from(&beat.boot_id);
            self.counted = (0, 0);
        }
        let now = (beat.counters.saturated_images, beat.counters.saturated_ms);
        self.images += now.0.saturating_sub(self.counted.0);
        self.ms += now.1.saturating_sub(self.counted.1);
        self.counted = now;
        // A worker that was seen for the first time brings all that it did.
        while self.ms > EVIDENCE_MAX_MS {
            self.images /= 2;
            self.ms /= 2;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::tests::beat;

    fn rate_after(speeds: &mut Speeds, images: u64, ms: u64) -> u64 {
        let mut beat = beat("a");
        beat.counters.saturated_images = images;
        beat.counters.saturated_ms = ms;
        speeds.learn([&beat].into_iter());
        speeds.rate("a", Rate::from_milli(40_000)).milli()
    }

    #[test]
    fn a_worker_is_measured_while_busy_and_has_its_pools_rate_before() {
        let mut speeds = Speeds::default();
        assert_eq!(speeds.rate("a", Rate::from_milli(40_000)).milli(), 40_000);
        assert_eq!(
            rate_after(&mut speeds, 400, 20_000),
            30_000,
            "half and half"
        );
        assert_eq!(rate_after(&mut speeds, 400, 20_000), 30_000, "nothing new");
        let measured = rate_after(&mut speeds, 20_400, 1_020_000);
        assert!((20_000..21_500).contains(&measured), "{measured}");
    }
}
