//! The base: the scale of a Deployment or a StatefulSet, and its pods.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v1::{Scale, ScaleSpec};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client};
use spillway_core::{SeenBase, SeenPod, Workload, WorkloadKind};

use crate::error::KubeError;

/// Says which pods go first when a Deployment shrinks: the cheapest.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";
/// Below every pod that says nothing, which counts as 0.
const FIRST_COST: i64 = -1_000_000;

/// A workload whose scale is ours.
pub struct Base {
    workload: Workload,
    deployments: Api<Deployment>,
    stateful_sets: Api<StatefulSet>,
    pods: Api<Pod>,
    /// Version of the scale at the last look: what is decided upon it is written only while it still holds.
    version: Mutex<Option<String>>,
}

// === impl Base ===

impl Base {
    /// A workload, in `namespace` unless it names its own.
    #[must_use]
    pub fn new(client: &Client, namespace: &str, workload: Workload) -> Self {
        let namespace = workload.namespace.as_deref().unwrap_or(namespace);
        Self {
            deployments: Api::namespaced(client.clone(), namespace),
            stateful_sets: Api::namespaced(client.clone(), namespace),
            pods: Api::namespaced(client.clone(), namespace),
            workload,
            version: Mutex::new(None),
        }
    }

    /// Looks at its scale and its pods.
    ///
    /// # Errors
    /// When either could not be read: then nothing is known, not even its size.
    pub async fn look(&self) -> Result<SeenBase, KubeError> {
        let scale = self.scale().await?;
        let selector = scale.status.as_ref().and_then(|it| it.selector.clone());
        let selector = selector.filter(|selector| !selector.is_empty());
        let Some(selector) = selector else {
            // Without it every pod of the namespace would be taken for one of the base.
            let name = &self.workload.name;
            return Err(KubeError::Unknown(format!(
                "the scale of {name} has no selector yet"
            )));
        };
        let pods = self
            .pods
            .list(&ListParams::default().labels(&selector))
            .await
            .map_err(KubeError::of)?;
        self.remember(&scale);
        Ok(SeenBase {
            replicas: replicas(&scale),
            pods: pods.items.iter().filter_map(seen_pod).collect(),
        })
    }

    /// Tells it to have `replicas` pods, if its scale is as it was at the last look; `victims` are to go first, in
    /// this order.
    ///
    /// # Errors
    /// `Conflict` when somebody has changed it since.
    pub async fn set(&self, replicas: u32, victims: &[String]) -> Result<(), KubeError> {
        let version = self.version().clone();
        for (rank, victim) in (0i64..).zip(victims) {
            let cost = (FIRST_COST + rank).to_string();
            let patch = serde_json::json!({"metadata": {"annotations": {DELETION_COST: cost}}});
            let params = PatchParams::default();
            match self
                .pods
                .patch(victim, &params, &Patch::Merge(&patch))
                .await
            {
                Ok(_) => {}
                // It is gone already.
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(KubeError::of(error)),
            }
        }
        let scale = Scale {
            metadata: ObjectMeta {
                name: Some(self.workload.name.clone()),
                namespace: self.deployments.namespace().map(str::to_owned),
                resource_version: version,
                ..ObjectMeta::default()
            },
            spec: Some(ScaleSpec {
                replicas: Some(i32::try_from(replicas).unwrap_or(i32::MAX)),
            }),
            status: None,
        };
        let (name, params) = (&self.workload.name, PostParams::default());
        let written = match self.workload.kind {
            WorkloadKind::Deployment => self.deployments.replace_scale(name, &params, &scale).await,
            WorkloadKind::StatefulSet => {
                self.stateful_sets
                    .replace_scale(name, &params, &scale)
                    .await
            }
        };
        self.remember(&written.map_err(KubeError::of)?);
        Ok(())
    }

    async fn scale(&self) -> Result<Scale, KubeError> {
        let name = &self.workload.name;
        let scale = match self.workload.kind {
            WorkloadKind::Deployment => self.deployments.get_scale(name).await,
            WorkloadKind::StatefulSet => self.stateful_sets.get_scale(name).await,
        };
        scale.map_err(KubeError::of)
    }

    fn remember(&self, scale: &Scale) {
        *self.version() = scale.metadata.resource_version.clone();
    }

    fn version(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.version.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replicas(scale: &Scale) -> u32 {
    let replicas = scale.spec.as_ref().and_then(|spec| spec.replicas);
    u32::try_from(replicas.unwrap_or(0)).unwrap_or(0)
}

/// A pod, unless it has ended: an evicted one stays listed and does nothing more.
fn seen_pod(pod: &Pod) -> Option<SeenPod> {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Failed" | "Succeeded")) {
        return None;
    }
    let conditions = status.and_then(|status| status.conditions.as_ref());
    let is_ready = conditions
        .into_iter()
        .flatten()
        .any(|it| it.type_ == "Ready" && it.status == "True");
    let created = pod.metadata.creation_timestamp.as_ref();
    Some(SeenPod {
        name: pod.metadata.name.clone()?,
        created_at: created.map_or(Timestamp::UNIX_EPOCH, |at| at.0),
        is_ready,
        is_leaving: pod.metadata.deletion_timestamp.is_some(),
    })
}
