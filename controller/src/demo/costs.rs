//! What a run's machines cost, and how many there were.

use std::path::Path;

use jiff::Timestamp;
use spillway_core::{BASE_POOL, Policy};

use crate::intents::IntentStore;

/// What a run cost.
pub(super) struct Costs {
    pub(super) base: f64,
    pub(super) burst: f64,
    /// What bought machines would have cost that do the base's work all the time.
    pub(super) base_as_burst: f64,
    pub(super) burst_launched: u64,
}

// === impl Costs ===

impl Costs {
    pub(super) fn of(policy: &Policy, intents: &IntentStore) -> Self {
        let now = Timestamp::now();
        let base = policy.base();
        // The cheapest machine for a job; as many of them as do what one base worker does.
        let per_job = policy
            .pools()
            .iter()
            .map(|pool| pool.price_per_hour.to_f64() / pool.throughput.per_second())
            .fold(f64::INFINITY, f64::min);
        let price_as_burst = per_job * base.throughput.per_second();
        let base_cost = intents.cost(BASE_POOL, now).to_f64();
        let hours = base_cost / base.price_per_hour.to_f64().max(f64::MIN_POSITIVE);
        let all = intents.all();
        let launched = all
            .iter()
            .filter(|it| it.pool != BASE_POOL && it.launched_at().is_some());
        Self {
            base: base_cost,
            burst: policy
                .pools()
                .iter()
                .map(|it| intents.cost(&it.name, now).to_f64())
                .sum(),
            base_as_burst: hours * price_as_burst,
            burst_launched: launched.count() as u64,
        }
    }
}

/// The most machines that any intent ever had: a folder each in the `process` provider's state.
pub(super) fn instances_per_intent_max(machines: &Path) -> anyhow::Result<u64> {
    let mut most = 0;
    for intent in std::fs::read_dir(machines)? {
        let intent = intent?;
        if intent.file_type()?.is_dir() {
            let attempts = std::fs::read_dir(intent.path())?.filter(|it| {
                it.as_ref()
                    .is_ok_and(|it| it.path().join("instance.json").exists())
            });
            most = most.max(attempts.count() as u64);
        }
    }
    Ok(most)
}
