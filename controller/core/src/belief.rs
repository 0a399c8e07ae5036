//! What is learned: how fast a pool's workers are and how long its machines take to start, with the uncertainty.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::policy::Pool;
use crate::snapshot::{Snapshot, WorkerPhase};
use crate::units::Rate;

/// The prior weighs as much as this much saturated work of one worker.
const PRIOR_WEIGHT: SignedDuration = SignedDuration::from_secs(20);
/// Evidence is halved when it exceeds this much saturated work, so that a pool that changed is noticed.
const EVIDENCE_MAX: SignedDuration = SignedDuration::from_mins(20);
/// Boot times kept for each pool; older ones are forgotten.
const BOOTS_MAX: usize = 32;
/// Workers whose counters are remembered; more than any policy may have.
const WORKERS_MAX: usize = 20_000;

/// What is learned of every pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beliefs {
    pools: BTreeMap<String, PoolBelief>,
    counters: BTreeMap<String, CountersSeen>,
}

/// What is learned of one pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PoolBelief {
    saturated_images: u64,
    saturated_ms: u64,
    /// From launch to ready, oldest first, milliseconds.
    boots_ms: VecDeque<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CountersSeen {
    boot_id: String,
    saturated_images: u64,
    saturated_ms: u64,
    was_ready: bool,
}

// === impl Beliefs ===

impl Beliefs {
    /// Learns from what changed since the last snapshot.
    pub(crate) fn observe(&mut self, snapshot: &Snapshot) {
        let Ok(workers) = &snapshot.workers else {
            return;
        };
        let launched: BTreeMap<_, _> = snapshot
            .instances
            .iter()
            .map(|instance| (&instance.intent, instance.launched_at()))
            .collect();
        let mut counters = BTreeMap::new();
        for worker in workers.iter().take(WORKERS_MAX) {
            let before = self.counters.remove(&worker.id);
            let before = before.filter(|before| before.boot_id == worker.boot_id);
            let pool = self.pools.entry(worker.pool.clone()).or_default();
            let (images, ms) = before.as_ref().map_or((0, 0), |before| {
                (before.saturated_images, before.saturated_ms)
            });
            pool.learn_rate(
                worker.saturated_images.saturating_sub(images),
                worker.saturated_ms.saturating_sub(ms),
            );
            let was_ready = before.is_some_and(|before| before.was_ready);
            let is_ready = worker.phase == WorkerPhase::Ready;
            let launch = worker
                .intent
                .as_ref()
                .and_then(|intent| launched.get(intent));
            if let (true, false, Some(launch)) = (is_ready, was_ready, launch) {
                // Bounded by the tick: readiness is seen in the heartbeat that reports it.
                pool.learn_boot(worker.last_seen.duration_since(*launch));
            }
            counters.insert(
                worker.id.clone(),
                CountersSeen {
                    boot_id: worker.boot_id.clone(),
                    saturated_images: worker.saturated_images,
                    saturated_ms: worker.saturated_ms,
                    was_ready: was_ready || is_ready,
                },
            );
        }
        self.counters = counters;
    }

    /// Service rate of one worker of `pool`: the mean of what is believed.
    #[must_use]
    pub fn rate_mean(&self, pool: &Pool) -> Rate {
        let (milli_images, ms) = self.evidence(pool);
        Rate::from_milli(quotient(milli_images * 1_000, ms))
    }

    /// Service rate to count on from one worker of `pool`: one time in ten it is lower.
    ///
    /// Jobs done in a given time are taken as Poisson, so a Gamma belief: with `n` jobs seen (the prior's
    /// among them) its 10 % quantile is about `(n − 1.28 √n) ÷ time`. A low quantile and not the mean:
    /// workers believed 5 % too fast cost up to 1.6 times the bound.
    #[must_use]
    pub fn rate_low(&self, pool: &Pool) -> Rate {
        let (milli_images, ms) = self.evidence(pool);
        let spread = (milli_images * 1_000).isqrt() * 128 / 100;
        Rate::from_milli(quotient(milli_images.saturating_sub(spread) * 1_000, ms))
    }

    /// Whether the rate of `pool` was measured, rather than taken from the policy.
    #[must_use]
    pub fn is_measured(&self, pool: &Pool) -> bool {
        self.pools
            .get(&pool.name)
            .is_some_and(|belief| belief.saturated_images > 0)
    }

    /// From launch to ready for a machine of `pool`: nine in ten are quicker.
    ///
    /// The policy's figure counts as two observations.
    #[must_use]
    pub fn boot_high(&self, pool: &Pool) -> SignedDuration {
        let prior = u64::try_from(pool.boot_time.as_millis()).unwrap_or(0);
        let mut boots: Vec<u64> = vec![prior, prior];
        if let Some(belief) = self.pools.get(&pool.name) {
            boots.extend(&belief.boots_ms);
        }
        boots.sort_unstable();
        let at = (boots.len() * 9).div_ceil(10).saturating_sub(1);
        SignedDuration::from_millis(i64::try_from(boots[at]).unwrap_or(i64::MAX))
    }

    /// When a machine of `pool` that was launched at `launched_at` and is not ready at `now` will be.
    ///
    /// Conditioned on its age: one that is overdue is expected to take a quarter of its age longer.
    #[must_use]
    pub fn ready_at(&self, pool: &Pool, launched_at: Timestamp, now: Timestamp) -> Timestamp {
        let expected = launched_at + self.boot_high(pool);
        let age = now.duration_since(launched_at);
        expected.max(now + age / 4)
    }

    /// Jobs seen, in thousandths, and the milliseconds they took, with the prior among them.
    fn evidence(&self, pool: &Pool) -> (u128, u128) {
        let prior_ms = PRIOR_WEIGHT.as_millis().unsigned_abs();
        let prior = u128::from(pool.throughput.milli()) * prior_ms / 1_000;
        let seen = self.pools.get(&pool.name);
        let images = seen.map_or(0, |belief| u128::from(belief.saturated_images));
        let ms = seen.map_or(0, |belief| u128::from(belief.saturated_ms));
        (prior + images * 1_000, prior_ms + ms)
    }
}

// === impl PoolBelief ===

impl PoolBelief {
    fn learn_rate(&mut self, images: u64, ms: u64) {
        self.saturated_images += images;
        self.saturated_ms += ms;
        if u128::from(self.saturated_ms) > EVIDENCE_MAX.as_millis().unsigned_abs() {
            self.saturated_images /= 2;
            self.saturated_ms /= 2;
        }
    }

    fn learn_boot(&mut self, took: SignedDuration) {
        self.boots_ms
            .push_back(u64::try_from(took.as_millis()).unwrap_or(0));
        if self.boots_ms.len() > BOOTS_MAX {
            self.boots_ms.pop_front();
        }
    }
}

fn quotient(dividend: u128, divisor: u128) -> u64 {
    u64::try_from(dividend / divisor.max(1)).unwrap_or(u64::MAX)
}
