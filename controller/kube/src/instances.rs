//! Intents as `BurstInstance` objects: one each, made before its machine, with a finalizer until the machine is gone.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kube::api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::Object;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::crd::{self, InstanceSpec, InstanceStatus};
use crate::error::KubeError;

/// Deleting the object waits for this: a machine that costs is never forgotten.
const FINALIZER: &str = "spillway.dev/machine";
const POLICY_LABEL: &str = "spillway.dev/policy";
const POOL_LABEL: &str = "spillway.dev/pool";

type InstanceObject = Object<InstanceSpec, InstanceStatus>;

/// The objects of one policy.
pub struct Instances {
    api: Api<InstanceObject>,
    policy: String,
    /// Version of each object as we last saw or wrote it: a write over another's fails.
    versions: Mutex<BTreeMap<String, String>>,
}

/// An object as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredInstance {
    /// What is wanted; never changes.
    pub spec: InstanceSpec,
    /// How far it came; none right after it was made.
    pub status: Option<InstanceStatus>,
}

// === impl Instances ===

impl Instances {
    /// The objects of `policy` in `namespace`.
    #[must_use]
    pub fn new(client: &Client, namespace: &str, policy: &str) -> Self {
        Self {
            api: Api::namespaced_with(client.clone(), namespace, &crd::burst_instance()),
            policy: policy.to_owned(),
            versions: Mutex::default(),
        }
    }

    /// Reads all of them.
    ///
    /// # Errors
    /// When one cannot be read: its machine may cost.
    pub async fn read(&self) -> Result<Vec<StoredInstance>, KubeError> {
        let labels = format!("{POLICY_LABEL}={}", self.policy);
        let listed = self.api.list(&ListParams::default().labels(&labels)).await;
        let mut stored = Vec::new();
        for object in listed.map_err(KubeError::of)? {
            self.remember(&object.spec.intent.clone(), &object.metadata);
            stored.push(StoredInstance {
                spec: object.spec,
                status: object.status,
            });
        }
        Ok(stored)
    }

    /// Makes the object of a new intent.
    ///
    /// # Errors
    /// `Conflict` when it is there already: another leader has made it.
    pub async fn create(&self, spec: &InstanceSpec) -> Result<(), KubeError> {
        let labels = [(POLICY_LABEL, &self.policy), (POOL_LABEL, &spec.pool)];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.clone()));
        let mut object = InstanceObject::new(
            &self.name(&spec.intent),
            &crd::burst_instance(),
            spec.clone(),
        );
        object.metadata.labels = Some(BTreeMap::from(labels));
        object.metadata.finalizers = Some(vec![FINALIZER.to_owned()]);
        let made = self.api.create(&PostParams::default(), &object).await;
        self.remember(&spec.intent, &made.map_err(KubeError::of)?.metadata);
        Ok(())
    }

    /// Writes how far an intent came; once it is closed, the object may be deleted.
    ///
    /// # Errors
    /// `Conflict` when another leader has written since.
    pub async fn update(&self, intent: &str, status: &InstanceStatus) -> Result<(), KubeError> {
        let version = self.version(intent);
        let patch = json!({"metadata": {"resourceVersion": version}, "status": status});
        let (name, params) = (self.name(intent), PatchParams::default());
        let written = self
            .api
            .patch_status(&name, &params, &Patch::Merge(&patch))
            .await;
        self.remember(intent, &written.map_err(KubeError::of)?.metadata);
        if status.is_closed() {
            self.release(intent).await?;
        }
        Ok(())
    }

    /// Removes a closed intent's object for good.
    ///
    /// # Errors
    /// As the API server says; one that is gone is no error.
    pub async fn remove(&self, intent: &str) -> Result<(), KubeError> {
        self.release(intent).await?;
        let params = DeleteParams::default();
        let deleted = self.api.delete(&self.name(intent), &params).await;
        match deleted.map(drop).map_err(KubeError::of) {
            Ok(()) | Err(KubeError::Missing(_)) => {
                self.versions().remove(intent);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the finalizer away.
    async fn release(&self, intent: &str) -> Result<(), KubeError> {
        let patch = json!({"metadata": {"finalizers": Value::Null}});
        let name = self.name(intent);
        let params = PatchParams::default();
        match self.api.patch(&name, &params, &Patch::Merge(&patch)).await {
            Ok(object) => {
                self.remember(intent, &object.metadata);
                Ok(())
            }
            Err(error) => match KubeError::of(error) {
                // Somebody deleted it, and with the finalizer it went.
                KubeError::Missing(_) => Ok(()),
                error => Err(error),
            },
        }
    }

    fn name(&self, intent: &str) -> String {
        format!("{}-{intent}", self.policy)
    }

    fn version(&self, intent: &str) -> Option<String> {
        self.versions().get(intent).cloned()
    }

    fn remember(&self, intent: &str, metadata: &ObjectMeta) {
        if let Some(version) = &metadata.resource_version {
            self.versions().insert(intent.to_owned(), version.clone());
        }
    }

    fn versions(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.versions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
