//! What is learned of each pool: how fast its workers are, how long its machines boot, how often they are taken back.

mod boot;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub(crate) use boot::{BootBelief, BootLaw};

use crate::policy::{Market, Pool};
use crate::snapshot::{IntentId, Machine, Progress, Snapshot, WorkerPhase};
use crate::supply::millis;
use crate::units::Rate;

/// The prior weighs as much as this much saturated work of one worker.
const PRIOR_WEIGHT: SignedDuration = SignedDuration::from_secs(20);
/// Evidence is halved when it exceeds this much saturated work, so that a pool that changed is noticed.
const EVIDENCE_MAX: SignedDuration = SignedDuration::from_mins(20);
/// Workers and machines whose last state is remembered; more than any policy may have.
const REMEMBERED_MAX: usize = 20_000;
/// What is believed of a spot market before anything was seen: this many interruptions in this much machine time.
///
/// One in three hours: single spot GPU nodes lost 0.06 to 0.74 an hour in public traces.
const TOLD_INTERRUPTIONS: u64 = 1;
const TOLD_SPOT_TIME: SignedDuration = SignedDuration::from_hours(3);

/// What is learned of every pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beliefs {
    pools: BTreeMap<String, PoolBelief>,
    counters: BTreeMap<String, CountersSeen>,
    machines: BTreeMap<IntentId, MachineSeen>,
    at: Option<Timestamp>,
}

/// What is learned of one pool.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct PoolBelief {
    saturated_images: u64,
    saturated_ms: u64,
    boots: BootBelief,
    interruptions: u64,
    machine_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct CountersSeen {
    boot_id: String,
    saturated_images: u64,
    saturated_ms: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct MachineSeen {
    was_ready: bool,
    #[serde(default)]
    ready_at: Option<Timestamp>,
    was_interrupted: bool,
    was_cut: bool,
}

// === impl Beliefs ===

impl Beliefs {
    /// Learns from what changed since the last snapshot.
    pub(crate) fn observe(&mut self, snapshot: &Snapshot) {
        let elapsed = self.at.map_or(0, |at| {
            millis(snapshot.taken_at.duration_since(at))
                .max(0)
                .unsigned_abs()
        });
        self.at = Some(snapshot.taken_at);
        let Ok(workers) = &snapshot.workers else {
            return;
        };
        let mut counters = BTreeMap::new();
        let mut ready: BTreeMap<&IntentId, Timestamp> = BTreeMap::new();
        let mut interrupted: Vec<&IntentId> = Vec::new();
        for worker in workers.iter().take(REMEMBERED_MAX) {
            let before = self.counters.remove(&worker.id);
            let before = before.filter(|before| before.boot_id == worker.boot_id);
            let (images, ms) = before.map_or((0, 0), |it| (it.saturated_images, it.saturated_ms));
            self.pool(&worker.pool).learn_rate(
                worker.saturated_images.saturating_sub(images),
                worker.saturated_ms.saturating_sub(ms),
            );
            let seen = CountersSeen {
                boot_id: worker.boot_id.clone(),
                saturated_images: worker.saturated_images,
                saturated_ms: worker.saturated_ms,
            };
            counters.insert(worker.id.clone(), seen);
            if let Some(intent) = &worker.intent {
                if worker.phase == WorkerPhase::Ready {
                    // Bounded by the tick: readiness is seen in the heartbeat that reports it.
                    ready.insert(intent, worker.last_seen);
                }
                if worker.interruption_at.is_some() {
                    interrupted.push(intent);
                }
            }
        }
        self.counters = counters;
        self.learn_machines(snapshot, &ready, &interrupted, elapsed);
    }

    fn learn_machines(
        &mut self,
        snapshot: &Snapshot,
        ready: &BTreeMap<&IntentId, Timestamp>,
        interrupted: &[&IntentId],
        elapsed_ms: u64,
    ) {
        let mut machines = BTreeMap::new();
        let mut under_way: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for instance in snapshot.instances.iter().take(REMEMBERED_MAX) {
            let mut seen = self.machines.remove(&instance.intent).unwrap_or_default();
            let pool = self.pool(&instance.pool);
            let age = snapshot.taken_at.duration_since(instance.launched_at());
            if let (false, Some(at)) = (seen.was_ready, ready.get(&instance.intent)) {
                seen.was_ready = true;
                seen.ready_at = Some(*at);
                pool.boots.learn(at.duration_since(instance.launched_at()));
            }
            let is_given_up = matches!(instance.progress, Progress::Retiring { .. });
            if let (false, false, true) = (seen.was_ready, seen.was_cut, is_given_up) {
                seen.was_cut = true;
                pool.boots.learn_cut(age);
            }
            let is_under_way = matches!(instance.machine, Ok(Machine::Running | Machine::Booting));
            if is_under_way && !seen.was_ready && !is_given_up {
                let age = millis(age).max(0).unsigned_abs();
                under_way.entry(&instance.pool).or_default().push(age);
            }
            let is_taken = interrupted.contains(&&instance.intent)
                || (seen.was_ready && !is_given_up && instance.machine == Ok(Machine::Terminated));
            if !seen.was_interrupted && is_taken {
                seen.was_interrupted = true;
                pool.interruptions += 1;
            }
            if matches!(instance.machine, Ok(Machine::Running | Machine::Booting)) {
                pool.machine_ms = pool.machine_ms.saturating_add(elapsed_ms);
            }
            machines.insert(instance.intent.clone(), seen);
        }
        self.machines = machines;
        for (name, belief) in &mut self.pools {
            belief
                .boots
                .see(under_way.remove(name.as_str()).unwrap_or_default());
        }
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

    /// When the machine of `intent` was first seen to be ready; none where it never was.
    pub(crate) fn ready_at(&self, intent: &IntentId) -> Option<Timestamp> {
        self.machines.get(intent)?.ready_at
    }

    /// How long machines of `pool` take from launch to ready.
    pub(crate) fn boot(&self, pool: &Pool) -> BootLaw {
        let belief = self.pools.get(&pool.name);
        let none = BootBelief::default();
        belief
            .map_or(&none, |belief| &belief.boots)
            .law(pool.boot_time)
    }

    /// Interruptions of one machine of `pool` in a thousand hours.
    #[must_use]
    pub fn interruptions_per_kilohour(&self, pool: &Pool) -> u64 {
        let (mut count, mut ms) = (0, 0);
        if pool.market == Market::Spot {
            count += TOLD_INTERRUPTIONS;
            ms += millis(TOLD_SPOT_TIME).unsigned_abs();
        }
        if let (Market::Spot, Some(belief)) = (pool.market, self.pools.get(&pool.name)) {
            count += belief.interruptions;
            ms += belief.machine_ms;
        }
        quotient(u128::from(count) * 3_600_000_000, u128::from(ms))
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

    fn pool(&mut self, name: &str) -> &mut PoolBelief {
        if !self.pools.contains_key(name) {
            self.pools.insert(name.to_owned(), PoolBelief::default());
        }
        self.pools.get_mut(name).expect("it was just put there")
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
}

fn quotient(dividend: u128, divisor: u128) -> u64 {
    u64::try_from(dividend / divisor.max(1)).unwrap_or(u64::MAX)
}
