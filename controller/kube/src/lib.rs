//! Kubernetes: policies and instances as objects, the base's scale, the lease, events.
//!
//! ```text
//!  ScalingPolicy ──▶ Policies: the policy as written, its status
//!  BurstInstance ◀─▶ Instances: intents
//!  Deployment, StatefulSet ◀─▶ Base: its scale and its pods
//!  TokenReview, SubjectAccessReview ◀─ Access: who may look and order
//!  Lease ◀─▶ Candidate ──▶ Leader: who may act, its fencing token, until when
//! ```
//!
//! Translates and decides nothing. What could not be read is an error, never empty.
#![forbid(unsafe_code)]

mod access;
mod base;
mod crd;
mod error;
mod events;
mod instances;
mod lease;
mod policies;

pub use access::{Access, User};
pub use base::Base;
pub use crd::{
    Forgotten, GROUP, InstanceSpec, InstanceStatus, PolicyStatus, VERSION, burst_instance_crd,
    scaling_policy_crd,
};
pub use error::KubeError;
pub use events::Events;
pub use instances::{Instances, StoredInstance};
pub use lease::{Candidate, Holder, Leader, LeaseConfig, leader_address, lease_holder};
pub use policies::{Policies, SeenPolicy};

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
pub use kube::Client;

/// Connects: with the pod's service account in a cluster, with the kubeconfig elsewhere.
///
/// Gives the client and the namespace that is meant where none is named.
///
/// # Errors
/// When neither is there.
pub async fn connect() -> Result<(Client, String), KubeError> {
    connect_in(None).await
}

/// The same in a context of the kubeconfig, where one is named.
///
/// # Errors
/// As [`connect`], or when there is no such context.
pub async fn connect_in(context: Option<&str>) -> Result<(Client, String), KubeError> {
    let config = match context {
        None => kube::Config::infer().await.map_err(KubeError::config)?,
        Some(context) => {
            let options = kube::config::KubeConfigOptions {
                context: Some(context.to_owned()),
                ..Default::default()
            };
            kube::Config::from_kubeconfig(&options)
                .await
                .map_err(KubeError::kubeconfig)?
        }
    };
    let namespace = config.default_namespace.clone();
    let client = Client::try_from(config).map_err(KubeError::of)?;
    Ok((client, namespace))
}
