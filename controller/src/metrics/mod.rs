//! The controller's metrics: gauges made of the state that is shown, so that page and metrics cannot disagree, and
//! counters of what happened.

mod gauges;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use spillway_core::Plan;

pub(crate) use table::reference;
use table::{ALL, Kind};

use crate::view::{Board, PolicyView};

const PREFIX: &str = "spillway";
/// Bounds of a tick's duration, seconds: a tick is to take less than one.
const LOOP_BOUNDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// Bounds of a boot, seconds: from a process to a machine with drivers to be installed.
const BOOT_BOUNDS: [f64; 10] = [
    5.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 1_200.0, 2_400.0,
];

type Labels = Vec<(&'static str, String)>;
type Gauges = Family<Labels, Gauge<f64, AtomicU64>>;
type Counters = Family<Labels, Counter>;
type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// What happened since the start.
pub(crate) struct Metrics {
    decisions: Counters,
    holds: Counters,
    violations: Counters,
    cloud_requests: Counters,
    loop_duration: Histograms,
    provision: Histograms,
    /// Machines whose boot was counted, or that were there at the start.
    ready: Mutex<Option<BTreeSet<String>>>,
    not_in_force: Mutex<Option<NotInForce>>,
}

/// The newest version of the policy, where it does not pass the lint and the last good one goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotInForce {
    /// What is wrong with it.
    pub(crate) problems: String,
    /// Its generation, in a cluster.
    pub(crate) generation: Option<i64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            decisions: Family::default(),
            holds: Family::default(),
            violations: Family::default(),
            cloud_requests: Family::default(),
            loop_duration: Family::new_with_constructor(|| Histogram::new(LOOP_BOUNDS)),
            provision: Family::new_with_constructor(|| Histogram::new(BOOT_BOUNDS)),
            ready: Mutex::default(),
            not_in_force: Mutex::default(),
        }
    }
}

// === impl Metrics ===

impl Metrics {
    /// Counts a plan that is carried out, or that the checker refused.
    pub(crate) fn planned(&self, policy: &str, plan: &Plan, is_refused: bool) {
        let of = |more: &[(&'static str, &str)]| -> Labels {
            let policy = std::iter::once(("policy", policy));
            let all = policy.chain(more.iter().copied());
            all.map(|(name, value)| (name, value.to_owned())).collect()
        };
        if let Some(hold) = &plan.hold {
            let labels = of(&[("reason", hold.code())]);
            self.holds.get_or_create(&labels).inc();
        }
        if is_refused {
            self.violations.get_or_create(&of(&[])).inc();
            return;
        }
        for action in &plan.actions {
            let labels = of(&[("action", action.verb()), ("reason", action.why().code())]);
            self.decisions.get_or_create(&labels).inc();
        }
    }

    /// Counts a tick of so many seconds.
    pub(crate) fn ticked(&self, policy: &str, seconds: f64) {
        let labels = vec![("policy", policy.to_owned())];
        self.loop_duration.get_or_create(&labels).observe(seconds);
    }

    /// Counts a call to a provider.
    pub(crate) fn called(&self, cloud: &str, operation: &str, outcome: &str) {
        let labels = vec![
            ("cloud", cloud.to_owned()),
            ("operation", operation.to_owned()),
            ("outcome", outcome.to_owned()),
        ];
        self.cloud_requests.get_or_create(&labels).inc();
    }

    /// Counts the boots of machines that have become ready.
    pub(crate) fn booted(&self, policy: &PolicyView) {
        let workers = policy.workers.iter().flatten();
        let ready: BTreeMap<&String, (&String, f64)> = workers
            .filter(|worker| worker.phase == "ready")
            .filter_map(|it| Some((it.intent.as_ref()?, (&it.pool, it.age_seconds))))
            .collect();
        let mut known = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        // Of those that were ready before this controller, nobody saw the boot.
        if let Some(known) = &*known {
            for (intent, (pool, seconds)) in &ready {
                if !known.contains(*intent) {
                    let labels = vec![("policy", policy.name.clone()), ("pool", (*pool).clone())];
                    self.provision.get_or_create(&labels).observe(*seconds);
                }
            }
        }
        *known = Some(ready.into_keys().cloned().collect());
    }

    /// Notes what is wrong with the newest version of the policy; none if it passes the lint.
    pub(crate) fn policy_is(&self, not_in_force: Option<NotInForce>) {
        let mut kept = self
            .not_in_force
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = not_in_force;
    }

    /// The newest version of the policy, where it is not the one in force.
    pub(crate) fn not_in_force(&self) -> Option<NotInForce> {
        self.not_in_force
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn counters(&self, name: &str) -> Option<&Counters> {
        Some(match name {
            "decisions" => &self.decisions,
            "holds" => &self.holds,
            "violations" => &self.violations,
            "cloud_requests" => &self.cloud_requests,
            "spans_exported" => &spillway_telemetry::counts().exported,
            "spans_dropped" => &spillway_telemetry::counts().dropped,
            _ => return None,
        })
    }

    fn histograms(&self, name: &str) -> Option<&Histograms> {
        Some(match name {
            "loop_duration_seconds" => &self.loop_duration,
            "provision_duration_seconds" => &self.provision,
            _ => return None,
        })
    }
}

/// Everything in OpenMetrics' text format.
///
/// # Errors
/// Never in practice: a string takes every text.
pub(crate) fn render(board: &Board) -> Result<String, fmt::Error> {
    let values = gauges::of(board);
    encoded(board.metrics(), &values)
}

fn encoded(metrics: &Metrics, values: &gauges::Values) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix(PREFIX);
    for metric in ALL {
        let (name, help) = (metric.name, metric.help);
        match metric.kind {
            Kind::Gauge => {
                let family = Gauges::default();
                for (labels, value) in values.of(name) {
                    family.get_or_create(labels).set(*value);
                }
                registry.register(name, help, family);
            }
            Kind::Counter => {
                if let Some(counters) = metrics.counters(name) {
                    registry.register(name, help, counters.clone());
                }
            }
            Kind::Histogram => {
                if let Some(histograms) = metrics.histograms(name) {
                    registry.register(name, help, histograms.clone());
                }
            }
        }
    }
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}
