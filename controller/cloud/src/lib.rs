//! Providers: how machines are launched, listed and terminated, wherever they are.
//!
//! ```text
//!  executor ── LaunchRequest ─▶ Provider ─▶ process · fake · (OCI, GCE, Azure, AWS)
//!           ◀─ Instance ───────
//! ```
//!
//! Adapters translate and decide nothing. Deliberately absent: Kafka, Kubernetes, policies, retries of launches.
#![deny(unsafe_code)]

pub mod conformance;
pub mod fake;
pub mod process;
mod provider;
pub mod tags;
pub mod user_data;

pub use provider::{
    BoxFuture, CloudError, Fault, Instance, InstanceState, LaunchError, LaunchRequest, Provider,
    UserData, WorkerSpec,
};
pub use spillway_core::Scope;
