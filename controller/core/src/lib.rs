//! The decision: what to launch, keep and give back so that a backlog is cleared on time for the least money.
//!
//! ```text
//!  observe(snapshot) ──────┐
//!  started(action) ────────┼─▶ Planner ── plan(now) ─▶ Plan ── check(policy, snapshot, plan) ─▶ executor
//!  finished(now, outcome) ─┘
//! ```
//!
//! Deliberately absent: clocks, network, files, async, randomness, hash order. Time is an argument.
//! Planning cannot fail; it can hold, with a reason.
#![forbid(unsafe_code)]

mod arrivals;
pub mod assign;
mod backlog;
mod belief;
mod budget;
mod check;
mod cost;
mod effect;
mod forecast;
mod market;
mod orders;
mod plan;
mod planner;
mod policy;
mod reason;
mod slip;
mod snapshot;
mod supply;
mod units;

pub use arrivals::Arrivals;
pub use backlog::{
    BacklogReading, Committed, Lag, LagTracker, Offsets, PartitionId, PartitionReading,
};
pub use belief::Beliefs;
pub use budget::midnight;
pub use check::{Violation, check};
pub use cost::billed;
pub use orders::{Given, Orders, Override, Pause, Shape};
pub use plan::{Action, Fault, Numbers, Outcome, Plan, PoolNumbers, Scope};
pub use planner::Planner;
pub use policy::{
    AssignmentMode, BASE_POOL, Limits, Market, Mode, Place, Policy, Pool, Problem, ProviderKind,
    TopicClass, Window, Workload, WorkloadKind, clouds, raw,
};
pub use reason::Reason;
pub use snapshot::{
    IntentId, Machine, Progress, SeenBase, SeenInstance, SeenPod, SeenWorker, Snapshot, WorkerPhase,
};
pub use units::{Dollars, Rate, spoken};
