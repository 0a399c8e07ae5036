//! What people and programs are shown: the state of every policy, its decisions.
//!
//! These types are the API (docs/decisions/0011-operators-api.md): `snake_case`, seconds and dollars as numbers, unknown as
//! null and never as zero.

mod board;
mod chronicle;
mod numbers;
mod rates;
mod scene;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use spillway_core::Reason;
use utoipa::ToSchema;

pub(crate) use board::{Board, Followed, Lead, Standing, Update};
pub(crate) use chronicle::Chronicle;
pub(crate) use scene::Scene;

/// Everything that is shown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct StateView {
    pub(crate) at: Timestamp,
    pub(crate) version: &'static str,
    pub(crate) policies: Vec<PolicyView>,
}

/// One policy, now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PolicyView {
    pub(crate) name: String,
    /// Null outside of a cluster.
    pub(crate) namespace: Option<String>,
    /// `Enforce` or `Recommend`.
    pub(crate) mode: &'static str,
    /// `Paused`, `Holding`, `AtRisk`, `Overridden`, `Bursting` or `Steady`: the first that applies.
    pub(crate) status: &'static str,
    /// 12 hex digits of the policy's hash.
    pub(crate) revision: String,
    /// What is wrong with a newer version of the policy, which is not in force; null if there is none.
    pub(crate) policy_problem: Option<String>,
    pub(crate) drain_within_seconds: f64,
    pub(crate) objectives: Vec<ObjectiveView>,
    pub(crate) backlog: Option<u64>,
    pub(crate) partitions: u64,
    pub(crate) partitions_known: u64,
    pub(crate) partitions_max_lag: Option<u64>,
    pub(crate) oldest_age_seconds: Option<f64>,
    pub(crate) arrival_rate: Option<f64>,
    pub(crate) service_rate: f64,
    pub(crate) service_rate_soon: f64,
    /// Null: never, or unknown.
    pub(crate) drain_eta_seconds: Option<f64>,
    pub(crate) late_jobs: u64,
    pub(crate) sentence: String,
    pub(crate) hold: Option<ReasonView>,
    pub(crate) reasons: Vec<ReasonView>,
    pub(crate) last_decision: Option<DecisionHead>,
    pub(crate) cost_per_hour: f64,
    pub(crate) burst_cost_per_hour: f64,
    pub(crate) cost_total: f64,
    pub(crate) base_cost_total: f64,
    pub(crate) burst_cost_total: f64,
    pub(crate) budget: BudgetView,
    pub(crate) pause: Option<OrderInForce>,
    pub(crate) overrides: Vec<OrderInForce>,
    pub(crate) leader: LeaderView,
    #[serde(rename = "loop")]
    pub(crate) ticking: LoopView,
    /// Machines with our tags and without an intent; null if no provider could be asked.
    pub(crate) orphans: Option<u64>,
    pub(crate) signal_age_seconds: SignalAges,
    pub(crate) pools: Vec<PoolView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) workers: Option<Vec<WorkerView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lags: Option<Vec<LagView>>,
}

/// When every job of a topic is to be done after it arrived.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ObjectiveView {
    pub(crate) topic: String,
    pub(crate) drain_within_seconds: f64,
}

/// A decision's number and sentence.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct DecisionHead {
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    pub(crate) sentence: String,
}

/// What burst may cost and has cost, dollars; null where there is no limit.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct BudgetView {
    pub(crate) per_hour: Option<f64>,
    pub(crate) per_day: Option<f64>,
    /// Since midnight UTC.
    pub(crate) spent_today: f64,
    pub(crate) used_hour_share: Option<f64>,
    pub(crate) used_day_share: Option<f64>,
}

/// Something that somebody ordered and that holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct OrderInForce {
    pub(crate) id: u64,
    /// `pause`, `override` or `drain`.
    pub(crate) kind: String,
    pub(crate) pool: Option<String>,
    /// `fixed` or `floor`.
    pub(crate) shape: Option<String>,
    pub(crate) workers: Option<u32>,
    pub(crate) intent: Option<String>,
    pub(crate) by: String,
    pub(crate) reason: String,
    pub(crate) at: Timestamp,
    pub(crate) until: Option<Timestamp>,
}

/// Who leads.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LeaderView {
    pub(crate) is_leader: bool,
    pub(crate) token: u64,
    pub(crate) since: Timestamp,
    pub(crate) identity: Option<String>,
}

/// How the loop goes.
#[derive(Debug, Clone, Copy, Default, Serialize, ToSchema)]
pub(crate) struct LoopView {
    /// The last tick, from the look to the last step begun.
    pub(crate) tick_seconds: f64,
    pub(crate) ticks: u64,
}

/// How old what is shown is; null if it was never seen.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SignalAges {
    pub(crate) backlog: Option<f64>,
    pub(crate) workers: Option<f64>,
}

/// A reason: its code and its sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct ReasonView {
    pub(crate) code: String,
    pub(crate) text: String,
    pub(crate) trouble: bool,
    /// The pool that it is about.
    pub(crate) pool: Option<String>,
}

/// One pool, now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct PoolView {
    pub(crate) name: String,
    /// `base` or `burst`.
    pub(crate) kind: &'static str,
    /// `OnDemand` or `Spot`; null for the base.
    pub(crate) market: Option<&'static str>,
    pub(crate) cloud: String,
    pub(crate) region: String,
    pub(crate) zone: String,
    pub(crate) machine: String,
    pub(crate) desired: u32,
    pub(crate) booting: u64,
    pub(crate) ready: u64,
    pub(crate) draining: u64,
    pub(crate) max: u32,
    pub(crate) rate_per_worker: f64,
    /// The low quantile that plans are made with.
    pub(crate) rate_counted_on: f64,
    pub(crate) measured: bool,
    pub(crate) price_per_hour: f64,
    pub(crate) dollars_per_million: Option<f64>,
    pub(crate) boot_seconds: f64,
    pub(crate) cost_total: f64,
    /// Null until the history was asked.
    pub(crate) cost_today: Option<f64>,
    /// Interruptions of one machine; null for what is not on the spot market.
    pub(crate) interruptions_per_1000_hours: Option<u64>,
    /// What stands against asking it now.
    pub(crate) blocked: Option<BlockView>,
}

/// A pool that gave no machine lately.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct BlockView {
    pub(crate) until: Timestamp,
    pub(crate) why: String,
}

/// One machine and its worker, now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct WorkerView {
    pub(crate) id: String,
    pub(crate) pool: String,
    /// `booting`, `starting`, `ready`, `draining` or `stopped`.
    pub(crate) phase: &'static str,
    pub(crate) age_seconds: f64,
    pub(crate) images_done: Option<u64>,
    /// Images per second.
    pub(crate) rate: Option<f64>,
    pub(crate) in_flight: Option<u64>,
    pub(crate) partitions: Option<usize>,
    pub(crate) cost: f64,
    pub(crate) price_per_hour: f64,
    pub(crate) last_seen_seconds: Option<f64>,
    pub(crate) intent: Option<String>,
    /// The provider's id.
    pub(crate) instance: Option<String>,
    pub(crate) is_burst: bool,
    pub(crate) can_drain: bool,
    pub(crate) market: Option<&'static str>,
    pub(crate) cloud: String,
    pub(crate) region: String,
    pub(crate) zone: String,
    pub(crate) machine: String,
    pub(crate) gpu: Option<String>,
    /// A pod's name, where its machine is one.
    pub(crate) node: Option<String>,
    pub(crate) launched_at: Option<Timestamp>,
    /// Of the last seconds, 0..1.
    pub(crate) busy_share: Option<f64>,
    pub(crate) images_per_dollar: Option<f64>,
    pub(crate) dollars_per_million: Option<f64>,
    /// Until its billing minimum is over; 0 after it; null for what is not billed.
    pub(crate) billing_boundary_seconds: Option<f64>,
    pub(crate) model_set: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) latency_p50_seconds: Option<f64>,
    pub(crate) latency_p99_seconds: Option<f64>,
    pub(crate) interruption_at: Option<Timestamp>,
    pub(crate) ordered_drain: Option<OrderInForce>,
}

/// One partition's lag; null if unknown.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct LagView {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) lag: Option<u64>,
    /// Who says that it reads it.
    pub(crate) owner: Option<String>,
    /// Jobs wait, somebody reads it, and nothing was committed for a minute.
    pub(crate) is_stuck: bool,
}

/// A plan that did something, or whose reasons are not those of the one before.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Decision {
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    pub(crate) policy: String,
    #[serde(default)]
    pub(crate) revision: String,
    /// `Recommend`: nothing of it was carried out.
    #[serde(default)]
    pub(crate) mode: String,
    pub(crate) sentence: String,
    pub(crate) actions: Vec<ActionView>,
    pub(crate) reasons: Vec<ReasonView>,
    pub(crate) hold: Option<ReasonView>,
    /// What the checker refused; then nothing was carried out.
    #[serde(default)]
    pub(crate) violations: Vec<String>,
    /// Machines by pool.
    #[serde(default)]
    pub(crate) desired: BTreeMap<String, u32>,
    /// Every pool that could have been bought, the cheapest first.
    #[serde(default)]
    pub(crate) alternatives: Vec<Alternative>,
    /// What it was decided upon.
    #[schema(value_type = BTreeMap<String, Object>)]
    pub(crate) numbers: BTreeMap<String, Value>,
}

/// One step of a decision.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct ActionView {
    pub(crate) verb: String,
    pub(crate) intent: String,
    pub(crate) pool: String,
    pub(crate) code: String,
    pub(crate) why: String,
    /// Pods before and after, of `ScaleBase`.
    #[serde(default)]
    pub(crate) from: Option<u32>,
    #[serde(default)]
    pub(crate) to: Option<u32>,
    /// Null while it runs, or if it is not known.
    #[serde(default)]
    pub(crate) outcome: Option<OutcomeView>,
}

/// How a step ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct OutcomeView {
    pub(crate) at: Timestamp,
    /// `Done`, `NotLaunched`, `Unknown` or `Failed`.
    pub(crate) outcome: String,
    pub(crate) detail: Option<String>,
}

/// A pool that was chosen, or why it was not.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(crate) struct Alternative {
    pub(crate) pool: String,
    pub(crate) dollars_per_million: Option<f64>,
    pub(crate) boot_seconds: f64,
    pub(crate) price_per_hour: f64,
    pub(crate) rate_counted_on: f64,
    pub(crate) running: u64,
    pub(crate) max: u32,
    pub(crate) launched: u64,
    /// `Chosen`, `NotNeeded`, `Dearer`, `Blocked`, `PoolMax`, `BurstMax`, `PartitionCap`, `Budget`, `TooLate` or `Held`.
    pub(crate) verdict: String,
    pub(crate) why: String,
}

// === impl ReasonView ===

impl ReasonView {
    pub(crate) fn of(reason: &Reason) -> Self {
        Self {
            code: reason.code().to_owned(),
            text: reason.to_string(),
            trouble: reason.is_trouble(),
            pool: reason.pool().map(str::to_owned),
        }
    }
}

// === impl OutcomeView ===

impl OutcomeView {
    pub(crate) fn of(at: Timestamp, outcome: &spillway_core::Outcome) -> Self {
        use spillway_core::Outcome;
        let (name, detail) = match outcome {
            Outcome::Done => ("Done", None),
            Outcome::NotLaunched { fault, scope, .. } => {
                let detail = format!(
                    "{} in its {}",
                    fault.as_str(),
                    format!("{scope:?}").to_lowercase()
                );
                ("NotLaunched", Some(detail))
            }
            Outcome::Unknown { why } => ("Unknown", Some(why.clone())),
            Outcome::Failed { why } => ("Failed", Some(why.clone())),
        };
        Self {
            at,
            outcome: name.to_owned(),
            detail,
        }
    }
}
