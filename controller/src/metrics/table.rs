//! Every metric of the controller: what is exported, and the page that tells of it, are made of this table.

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Metric {
    /// Without the prefix, and without what Prometheus adds.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Without those that the scrape adds.
    pub(crate) labels: &'static [&'static str],
    pub(crate) stability: Stability,
    /// A sentence without its full stop.
    pub(crate) help: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Gauge,
    Counter,
    Histogram,
}

/// What a release may change of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stability {
    /// Name, labels and meaning stay within a major version.
    Stable,
    /// May change in a minor version, with a line in the changelog.
    Beta,
    /// May change or go at any time.
    Alpha,
}

/// Partitions up to which each has a series of its own; beyond it only the largest is told.
pub(crate) const PARTITIONS_MAX: usize = 1_000;

const POLICY: &[&str] = &["policy"];
const POOL: &[&str] = &["policy", "pool"];
const WINDOW: &[&str] = &["policy", "window"];
use Kind::{Counter, Gauge, Histogram};
use Stability::{Alpha, Beta, Stable};

const fn metric(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    stability: Stability,
    help: &'static str,
) -> Metric {
    Metric {
        name,
        kind,
        labels,
        stability,
        help,
    }
}

/// All of them, in the order of the page.
#[rustfmt::skip]
pub(crate) const ALL: &[Metric] = &[
    // The objective.
    metric("backlog_jobs", Gauge, POLICY, Stable, "Jobs that wait; no sample while it is unknown"),
    metric("backlog_oldest_age_seconds", Gauge, POLICY, Stable, "Wait of the oldest job"),
    metric("arrival_rate_jobs_per_second", Gauge, POLICY, Stable, "Jobs that arrive"),
    metric("drain_eta_seconds", Gauge, POLICY, Stable, "Until what waits now is done; +Inf if never"),
    metric("objective_drain_seconds", Gauge, POLICY, Stable, "The policy's deadline"),
    metric("late_jobs", Gauge, POLICY, Stable, "Jobs that will be late with all that can be done"),
    metric("partitions", Gauge, &["policy", "state"], Beta, "Partitions of the topics, `known` and `unknown`"),
    metric("partition_lag_max_jobs", Gauge, POLICY, Beta, "The largest lag of a partition"),
    metric("partition_lag_jobs", Gauge, &["policy", "topic", "partition"], Alpha, "Lag of a partition; only while there are at most 1,000 of them"),
    metric("partitions_stuck", Gauge, POLICY, Beta, "Partitions in which jobs wait and nothing was committed for a minute although somebody reads them"),
    // The fleet.
    metric("service_rate_jobs_per_second", Gauge, POOL, Stable, "Jobs that one worker of the pool does while busy"),
    metric("workers", Gauge, &["policy", "pool", "state"], Stable, "Workers by pool and state: `booting`, `ready`, `draining`"),
    metric("workers_desired", Gauge, POOL, Stable, "Workers that there should be"),
    metric("instance_age_seconds", Gauge, POOL, Beta, "Age of the pool's oldest machine; no sample without one"),
    metric("orphan_instances", Gauge, POLICY, Beta, "Machines with our tags of which no intent is known; no sample while no provider can be asked"),
    metric("pool_blocked", Gauge, POOL, Beta, "1 while the pool is not asked because it gave no machine lately"),
    metric("cloud_requests", Counter, &["cloud", "operation", "outcome"], Beta, "Calls to providers: `launch`, `list`, `terminate`, by how they ended"),
    metric("provision_duration_seconds", Histogram, POOL, Beta, "From the order for a machine to its worker being ready"),
    // Money.
    metric("spend_rate_dollars_per_hour", Gauge, POLICY, Stable, "What all machines cost"),
    metric("burst_spend_rate_dollars_per_hour", Gauge, POLICY, Beta, "What bought machines cost"),
    metric("cost_dollars", Gauge, POOL, Stable, "What has been spent so far, for the pools `base` and `burst`"),
    metric("budget_dollars", Gauge, WINDOW, Beta, "The budget for burst, by window: `hour`, `day`; no sample without one"),
    metric("budget_used_ratio", Gauge, WINDOW, Beta, "What burst uses of its budget, 0 to 1: the rate of the hour, what was spent on the day"),
    // Deciding.
    metric("decisions", Counter, &["policy", "action", "reason"], Stable, "Steps begun, by what they do and why"),
    metric("holds", Counter, &["policy", "reason"], Beta, "Plans that held, by why"),
    metric("violations", Counter, POLICY, Beta, "Plans that the checker refused"),
    metric("loop_duration_seconds", Histogram, POLICY, Beta, "A tick, from the look to the last step begun"),
    metric("loop_age_seconds", Gauge, POLICY, Beta, "Since the last tick ended"),
    metric("signal_age_seconds", Gauge, &["policy", "signal"], Beta, "How old what is acted upon is: `backlog`, `workers`; no sample while it is unknown"),
    metric("leader", Gauge, POLICY, Stable, "1 in the replica that decides, 0 in one that stands by"),
    metric("policy_valid", Gauge, POLICY, Beta, "0 while the newest version of the policy does not pass the lint and the last good one goes on"),
    metric("paused", Gauge, POLICY, Stable, "1 while somebody has ordered a pause"),
    metric("pause_age_seconds", Gauge, POLICY, Beta, "Since the pause was ordered; no sample without one"),
    metric("override_active", Gauge, POOL, Stable, "1 while somebody has ordered how many machines the pool has"),
    metric("override_age_seconds", Gauge, POOL, Beta, "Since the override was ordered; no sample without one"),
    // The controller itself.
    metric("build_info", Gauge, &["version"], Stable, "1"),
    metric("history_bytes", Gauge, &[], Beta, "Size of the history"),
    metric("history_writes_dropped", Gauge, &[], Beta, "Writes to the history that were dropped since the start because the disk did not keep up"),
    metric("streams", Gauge, &[], Beta, "Event streams that are open"),
    metric("streams_dropped", Gauge, &[], Beta, "Event streams that were closed since the start because their reader was slow"),
    metric("spans_exported", Counter, &[], Beta, "Spans of traces that a collector took"),
    metric("spans_dropped", Counter, &["why"], Beta, "Spans of traces that are lost: they came too fast (`full`), no collector took them (`failed`), the end did not wait (`ended`)"),
];

// === impl Metric ===

impl Metric {
    /// The names that Prometheus knows its series by.
    pub(crate) fn series(&self) -> Vec<String> {
        let name = format!("{}_{}", super::PREFIX, self.name);
        match self.kind {
            Gauge => vec![name],
            Counter => vec![format!("{name}_total")],
            Histogram => ["bucket", "sum", "count"]
                .iter()
                .map(|suffix| format!("{name}_{suffix}"))
                .collect(),
        }
    }
}

/// The page of the reference.
pub(crate) fn reference() -> String {
    let mut text = String::from(
        "# Metrics of the controller

<!-- Made by `spillway reference metrics`: do not edit. -->

`/metrics` in OpenMetrics' text format, on the same port as the dashboard.
What is unknown has no sample: it is never zero.
A replica that stands by answers too, with `spillway_leader` 0 and nothing of the policy; while no valid one was seen yet, with `spillway_policy_valid` 0 too.

STABLE: name, labels and meaning stay within a major version.
BETA: may change in a minor version, with a line in the changelog.
ALPHA: may change or go at any time.

| Series | Kind | Labels | Stability | What it is |
|---|---|---|---|---|
",
    );
    for metric in ALL {
        let series: Vec<String> = metric
            .series()
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let labels: Vec<String> = metric.labels.iter().map(|it| format!("`{it}`")).collect();
        text.push_str(&format!(
            "| {} | {} | {} | {} | {}. |\n",
            series.join(", "),
            format!("{:?}", metric.kind).to_lowercase(),
            labels.join(", "),
            format!("{:?}", metric.stability).to_uppercase(),
            metric.help
        ));
    }
    text
}
