//! A base whose size the controller sets: pods of a workload in Kubernetes.

use serde::{Deserialize, Serialize};

/// A workload and how many pods it may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// What it is.
    pub kind: WorkloadKind,
    /// Its namespace; none is the policy's own.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Pods that are always there.
    pub min: u32,
    /// Pods that are there when the others would miss the objective.
    pub max: u32,
}

/// Kinds of workloads with a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// Pods that are all alike.
    Deployment,
    /// Pods with numbers, of which the highest goes first.
    StatefulSet,
}
