//! Providers: how machines are launched, listed and terminated, wherever they are.
//!
//! ```text
//!  executor ── LaunchRequest ─▶ Provider ─▶ process · fake · oci · gce · azure · (AWS)
//!           ◀─ Instance ───────
//! ```
//!
//! Adapters translate and decide nothing. Deliberately absent: Kafka, Kubernetes, policies, retries of launches.
#![deny(unsafe_code)]

mod azure;
mod bearer;
mod budget;
mod clock;
pub mod conformance;
mod examine;
pub mod fake;
mod gce;
mod memory;
mod oci;
pub mod process;
mod provider;
mod refusal;
mod rest;
#[cfg(test)]
mod samples;
mod secret;
pub mod tags;
pub mod user_data;

pub use azure::{Azure, AzureConfig, AzureCredentials, AzureEndpoints, AzureImage, AzureMachine};
pub use budget::{CallBudget, OverBudget};
pub use clock::Clock;
pub use gce::{Gce, GceAccelerator, GceConfig, GceCredentials, GceEndpoints, GceMachine};
pub use oci::{Oci, OciConfig, OciCredentials, OciEndpoints, OciFlex, OciMachine};
pub use provider::{
    BoxFuture, CloudError, Fault, Finding, Instance, InstanceState, LaunchError, LaunchRequest,
    Provider, Sight, Subject, UserData, WorkerSpec,
};
pub use rest::{Carried, Carrier, CarryError, Net};
pub use secret::Secret;
pub use spillway_core::Scope;

/// How long a launch waits for a refusal that comes late, unless told otherwise.
///
/// Well below what the executor gives a launch in all; a refusal that comes later shows in the list.
pub const LAUNCH_WAIT: std::time::Duration = std::time::Duration::from_secs(20);
