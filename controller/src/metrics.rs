//! The controller's metrics, made of the state that is shown: page and metrics cannot disagree.

use std::fmt;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::view::StateView;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ForPolicy {
    policy: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ForPool {
    policy: String,
    pool: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ForWorkers {
    policy: String,
    pool: String,
    state: &'static str,
}

type PerPolicy = Family<ForPolicy, Gauge<f64, AtomicU64>>;
type PerPool = Family<ForPool, Gauge<f64, AtomicU64>>;
type PerState = Family<ForWorkers, Gauge<f64, AtomicU64>>;

/// The state in OpenMetrics' text format. What is unknown has no sample.
///
/// # Errors
/// Never in practice: a string takes every text.
pub(crate) fn render(state: &StateView) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("spillway");
    let backlog = per_policy(&mut registry, "backlog_jobs", "Jobs that wait");
    let oldest = per_policy(
        &mut registry,
        "backlog_oldest_age_seconds",
        "Wait of the oldest job",
    );
    let arriving = per_policy(
        &mut registry,
        "arrival_rate_jobs_per_second",
        "Jobs that arrive",
    );
    let eta = per_policy(
        &mut registry,
        "drain_eta_seconds",
        "Until what waits now is done",
    );
    let objective = per_policy(
        &mut registry,
        "objective_drain_seconds",
        "The policy's deadline",
    );
    let late = per_policy(&mut registry, "late_jobs", "Jobs that will be late");
    let spend = per_policy(
        &mut registry,
        "spend_rate_dollars_per_hour",
        "What all machines cost",
    );
    let cost = PerPool::default();
    registry.register("cost_dollars", "What the pool has cost", cost.clone());
    let rate = PerPool::default();
    let help = "Jobs that one worker of the pool does while busy";
    registry.register("service_rate_jobs_per_second", help, rate.clone());
    let desired = PerPool::default();
    registry.register(
        "workers_desired",
        "Workers that there should be",
        desired.clone(),
    );
    let workers = PerState::default();
    registry.register("workers", "Workers by pool and state", workers.clone());

    for policy in &state.policies {
        let label = ForPolicy {
            policy: policy.name.clone(),
        };
        let set = |family: &PerPolicy, value: Option<f64>| {
            if let Some(value) = value {
                family.get_or_create(&label).set(value);
            }
        };
        #[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
        let jobs = |count: u64| count as f64;
        set(&backlog, policy.backlog.map(jobs));
        set(&oldest, policy.oldest_age_seconds);
        set(&arriving, policy.arrival_rate);
        // With a backlog known and no way to clear it, the answer is never.
        let never = policy.backlog.map(|_| f64::INFINITY);
        set(&eta, policy.drain_eta_seconds.or(never));
        set(&objective, Some(policy.drain_within_seconds));
        set(&late, Some(jobs(policy.late_jobs)));
        set(&spend, Some(policy.cost_per_hour));
        for pool in &policy.pools {
            let label = ForPool {
                policy: policy.name.clone(),
                pool: pool.name.clone(),
            };
            rate.get_or_create(&label).set(pool.rate_per_worker);
            desired.get_or_create(&label).set(f64::from(pool.desired));
            let states = [
                ("booting", pool.booting),
                ("ready", pool.ready),
                ("draining", pool.draining),
            ];
            for (state, count) in states {
                let label = ForWorkers {
                    policy: policy.name.clone(),
                    pool: pool.name.clone(),
                    state,
                };
                workers.get_or_create(&label).set(jobs(count));
            }
        }
        let kinds = [
            ("base", policy.base_cost_total),
            ("burst", policy.burst_cost_total),
        ];
        for (pool, dollars) in kinds {
            let label = ForPool {
                policy: policy.name.clone(),
                pool: pool.to_owned(),
            };
            cost.get_or_create(&label).set(dollars);
        }
    }
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn per_policy(registry: &mut Registry, name: &str, help: &str) -> PerPolicy {
    let family = PerPolicy::default();
    registry.register(name, help, family.clone());
    family
}
