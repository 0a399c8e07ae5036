//! A base in Kubernetes, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Pods of a Deployment or a StatefulSet, whose scale the controller owns: exactly one of the two.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BaseKubernetes {
    /// The Deployment's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// The StatefulSet's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stateful_set: Option<String>,
    /// Its namespace; the policy's own if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// How many pods there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicas: Option<Replicas>,
}

/// How many pods there may be.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Replicas {
    /// Always there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<u32>,
    /// There when the others would miss the objective, before anything is bought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
}
