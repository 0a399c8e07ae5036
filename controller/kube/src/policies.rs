//! A policy as an object: what is wanted, as it changes, and what is said of it.

use futures::{Stream, StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::api::{ListParams, Patch, PatchParams};
use kube::core::Object;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::crd::{self, Forgotten, PolicyStatus};
use crate::error::KubeError;

type PolicyObject = Object<Value, PolicyStatus>;

/// One policy in a cluster.
pub struct Policies {
    api: Api<PolicyObject>,
    namespace: String,
    name: String,
}

/// A policy as it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenPolicy {
    /// The document as it would stand in a file.
    pub document: Value,
    /// Raised with every change of what is wanted.
    pub generation: i64,
    /// What was last said of it.
    pub status: PolicyStatus,
    /// Whether it is being deleted.
    pub is_leaving: bool,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// What events about it point to.
    pub reference: ObjectReference,
}

// === impl Policies ===

impl Policies {
    /// The policy `name` in `namespace`.
    #[must_use]
    pub fn new(client: &Client, namespace: &str, name: &str) -> Self {
        Self {
            api: Api::namespaced_with(client.clone(), namespace, &crd::scaling_policy()),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Reads it once.
    ///
    /// # Errors
    /// `Missing` when there is none of that name.
    pub async fn read(&self) -> Result<SeenPolicy, KubeError> {
        let object = self.api.get(&self.name).await.map_err(KubeError::of)?;
        Ok(self.seen(object))
    }

    /// Every policy of the namespace, itself among them.
    ///
    /// # Errors
    /// When they could not be read: none of it means that there are no others.
    pub async fn all(&self) -> Result<Vec<SeenPolicy>, KubeError> {
        let listed = self.api.list(&ListParams::default()).await;
        let objects = listed.map_err(KubeError::of)?.items;
        Ok(objects.into_iter().map(|it| self.seen(it)).collect())
    }

    /// It, now and whenever it changes; none while there is none. Goes on after errors, with a growing pause.
    pub fn follow(&self) -> impl Stream<Item = Option<SeenPolicy>> + Send + '_ {
        watcher::watch_object(self.api.clone(), &self.name)
            .default_backoff()
            .inspect_err(|error| tracing::warn!(%error, "policy could not be watched"))
            .filter_map(|seen| async { seen.ok() })
            .map(|object| object.map(|object| self.seen(object)))
    }

    /// Writes what is said of it.
    ///
    /// # Errors
    /// As the API server says; the next tick writes it again.
    pub async fn tell(&self, status: &PolicyStatus) -> Result<(), KubeError> {
        let mut status = json!(status);
        // These are written apart, and null would erase them.
        if let Value::Object(fields) = &mut status {
            fields.remove("forgotten");
            fields.remove("orders");
        }
        self.patch(&json!({"status": status})).await
    }

    /// Writes what is left of intents that are forgotten.
    ///
    /// # Errors
    /// As the API server says; then they are not forgotten yet.
    pub async fn remember(&self, forgotten: &Forgotten) -> Result<(), KubeError> {
        self.patch(&json!({"status": {"forgotten": forgotten}}))
            .await
    }

    /// Writes what people have ordered, as JSON.
    ///
    /// # Errors
    /// As the API server says; then the order does not hold.
    pub async fn remember_orders(&self, orders: &str) -> Result<(), KubeError> {
        self.patch(&json!({"status": {"orders": orders}})).await
    }

    async fn patch(&self, patch: &Value) -> Result<(), KubeError> {
        let params = PatchParams::default();
        self.api
            .patch_status(&self.name, &params, &Patch::Merge(patch))
            .await
            .map(drop)
            .map_err(KubeError::of)
    }

    fn seen(&self, object: PolicyObject) -> SeenPolicy {
        let (group, version) = (crd::GROUP, crd::VERSION);
        let api_version = format!("{group}/{version}");
        SeenPolicy {
            document: json!({
                "apiVersion": api_version,
                "kind": crd::POLICY_KIND,
                "metadata": {"name": object.name_any()},
                "spec": object.spec,
            }),
            generation: object.metadata.generation.unwrap_or(0),
            status: object.status.unwrap_or_default(),
            is_leaving: object.metadata.deletion_timestamp.is_some(),
            created_at: object.metadata.creation_timestamp.as_ref().map(|it| it.0),
            reference: ObjectReference {
                api_version: Some(api_version),
                kind: Some(crd::POLICY_KIND.to_owned()),
                name: object.metadata.name.clone(),
                namespace: Some(self.namespace.clone()),
                uid: object.metadata.uid,
                ..ObjectReference::default()
            },
        }
    }
}
