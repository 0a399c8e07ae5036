//! The gauges' values, read from what is shown.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::Labels;
use super::table::PARTITIONS_MAX;
use crate::view::{Board, OrderInForce, PolicyView, PoolView, Standing};

/// Values by metric and labels.
#[derive(Debug, Default)]
pub(super) struct Values {
    by_name: BTreeMap<&'static str, Vec<(Labels, f64)>>,
}

// === impl Values ===

impl Values {
    pub(super) fn of(&self, name: &str) -> &[(Labels, f64)] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    #[cfg(test)]
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.by_name.keys().copied()
    }

    /// What is unknown has no sample.
    fn set(&mut self, name: &'static str, labels: Labels, value: Option<f64>) {
        if let Some(value) = value {
            self.by_name.entry(name).or_default().push((labels, value));
        }
    }
}

pub(super) fn of(board: &Board) -> Values {
    let mut values = Values::default();
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    values.set("build_info", version, Some(1.0));
    let alone = |value| Some(value);
    let policy = |name: &str| vec![("policy", name.to_owned())];
    values.set(
        "streams",
        vec![],
        alone(count(board.streams.load(Ordering::Relaxed))),
    );
    let dropped = board.streams_dropped.load(Ordering::Relaxed);
    values.set("streams_dropped", vec![], alone(jobs(dropped)));
    values.set(
        "history_writes_dropped",
        vec![],
        alone(jobs(board.history().dropped())),
    );
    values.set("history_bytes", vec![], board.ledger().bytes.map(jobs));
    let lead = match board.standing() {
        Standing::Leads(lead) => lead,
        // Of the rest, one that stands by would contradict the one that decides.
        Standing::StandsBy { policy: name } => {
            values.set("leader", policy(&name), alone(0.0));
            // But for what it leads with: there was no good version yet.
            if board.metrics().not_in_force().is_some() {
                values.set("policy_valid", policy(&name), alone(0.0));
            }
            return values;
        }
        Standing::Begins => return values,
    };
    values.set("leader", policy(lead.policy.name()), alone(1.0));
    let is_valid = flag(board.metrics().not_in_force().is_none());
    values.set("policy_valid", policy(lead.policy.name()), alone(is_valid));
    let Some(state) = board.state() else {
        return values;
    };
    for policy in &state.policies {
        policy_values(&mut values, policy, state.at);
        let age = board.age().map(|age| age.as_secs_f64());
        values.set("loop_age_seconds", labels(policy), age);
    }
    values
}

fn policy_values(values: &mut Values, policy: &PolicyView, now: Timestamp) {
    let of = || labels(policy);
    let with = |name: &'static str, value: &str| -> Labels {
        vec![("policy", policy.name.clone()), (name, value.to_owned())]
    };
    values.set("backlog_jobs", of(), policy.backlog.map(jobs));
    values.set(
        "backlog_oldest_age_seconds",
        of(),
        policy.oldest_age_seconds,
    );
    values.set("arrival_rate_jobs_per_second", of(), policy.arrival_rate);
    // With a backlog known and no way to clear it, the answer is never.
    let never = policy.backlog.map(|_| f64::INFINITY);
    values.set(
        "drain_eta_seconds",
        of(),
        policy.drain_eta_seconds.or(never),
    );
    values.set(
        "objective_drain_seconds",
        of(),
        Some(policy.drain_within_seconds),
    );
    values.set("late_jobs", of(), Some(jobs(policy.late_jobs)));
    let unknown = policy.partitions.saturating_sub(policy.partitions_known);
    values.set(
        "partitions",
        with("state", "known"),
        Some(jobs(policy.partitions_known)),
    );
    values.set("partitions", with("state", "unknown"), Some(jobs(unknown)));
    values.set(
        "partition_lag_max_jobs",
        of(),
        policy.partitions_max_lag.map(jobs),
    );
    partitions(values, policy);
    values.set(
        "spend_rate_dollars_per_hour",
        of(),
        Some(policy.cost_per_hour),
    );
    values.set(
        "burst_spend_rate_dollars_per_hour",
        of(),
        Some(policy.burst_cost_per_hour),
    );
    values.set(
        "cost_dollars",
        with("pool", "base"),
        Some(policy.base_cost_total),
    );
    values.set(
        "cost_dollars",
        with("pool", "burst"),
        Some(policy.burst_cost_total),
    );
    let budget = &policy.budget;
    values.set("budget_dollars", with("window", "hour"), budget.per_hour);
    values.set("budget_dollars", with("window", "day"), budget.per_day);
    values.set(
        "budget_used_ratio",
        with("window", "hour"),
        budget.used_hour_share,
    );
    values.set(
        "budget_used_ratio",
        with("window", "day"),
        budget.used_day_share,
    );
    let ages = &policy.signal_age_seconds;
    values.set(
        "signal_age_seconds",
        with("signal", "backlog"),
        ages.backlog,
    );
    values.set(
        "signal_age_seconds",
        with("signal", "workers"),
        ages.workers,
    );
    values.set("orphan_instances", of(), policy.orphans.map(jobs));
    let age = |order: &OrderInForce| now.duration_since(order.at).as_secs_f64();
    values.set("paused", of(), Some(flag(policy.pause.is_some())));
    values.set("pause_age_seconds", of(), policy.pause.as_ref().map(age));
    for pool in &policy.pools {
        pool_values(values, policy, pool);
        let mut overrides = policy.overrides.iter();
        let order = overrides.find(|it| it.pool.as_ref() == Some(&pool.name));
        values.set(
            "override_active",
            with("pool", &pool.name),
            Some(flag(order.is_some())),
        );
        values.set(
            "override_age_seconds",
            with("pool", &pool.name),
            order.map(age),
        );
    }
}

fn partitions(values: &mut Values, policy: &PolicyView) {
    let lags = policy.lags.as_deref().unwrap_or_default();
    let stuck = lags.iter().filter(|it| it.is_stuck).count();
    values.set("partitions_stuck", labels(policy), Some(count(stuck)));
    if lags.len() > PARTITIONS_MAX {
        return;
    }
    for lag in lags {
        let labels = vec![
            ("policy", policy.name.clone()),
            ("topic", lag.topic.clone()),
            ("partition", lag.partition.to_string()),
        ];
        values.set("partition_lag_jobs", labels, lag.lag.map(jobs));
    }
}

fn pool_values(values: &mut Values, policy: &PolicyView, pool: &PoolView) {
    let of = || -> Labels { vec![("policy", policy.name.clone()), ("pool", pool.name.clone())] };
    values.set(
        "service_rate_jobs_per_second",
        of(),
        Some(pool.rate_per_worker),
    );
    values.set("workers_desired", of(), Some(f64::from(pool.desired)));
    values.set("pool_blocked", of(), Some(flag(pool.blocked.is_some())));
    for (state, workers) in [
        ("booting", pool.booting),
        ("ready", pool.ready),
        ("draining", pool.draining),
    ] {
        let mut labels = of();
        labels.push(("state", state.to_owned()));
        values.set("workers", labels, Some(jobs(workers)));
    }
    let workers = policy.workers.iter().flatten();
    let ages = workers.filter(|worker| worker.pool == pool.name && worker.intent.is_some());
    let oldest = ages.map(|worker| worker.age_seconds).reduce(f64::max);
    values.set("instance_age_seconds", of(), oldest);
}

fn labels(policy: &PolicyView) -> Labels {
    vec![("policy", policy.name.clone())]
}

fn flag(is_so: bool) -> f64 {
    if is_so { 1.0 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
fn jobs(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "metrics are floating point")]
fn count(of: usize) -> f64 {
    of as f64
}
