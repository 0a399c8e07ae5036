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
pub mod conformance;
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
pub use gce::{Gce, GceAccelerator, GceConfig, GceCredentials, GceEndpoints, GceMachine};
pub use oci::{Oci, OciConfig, OciCredentials, OciEndpoints, OciFlex, OciMachine};
pub use provider::{
    BoxFuture, CloudError, Fault, Instance, InstanceState, LaunchError, LaunchRequest, Provider,
    UserData, WorkerSpec,
};
pub use rest::Net;
pub use secret::Secret;
pub use spillway_core::Scope;

/// How long a launch waits for a refusal that comes late, unless told otherwise.
///
/// Well below what the executor gives a launch in all; a refusal that comes later shows in the list.
pub const LAUNCH_WAIT: std::time::Duration = std::time::Duration::from_secs(20);
