//! The two kinds of objects: what they hold, and the definitions that a cluster needs of them.

mod rules;
mod schema;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::core::{ApiResource, GroupVersionKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spillway_core::raw;

/// Group of both kinds.
pub const GROUP: &str = "spillway.dev";
/// The version that is stored.
pub const VERSION: &str = "v1alpha1";
pub(crate) const POLICY_KIND: &str = "ScalingPolicy";
const INSTANCE_KIND: &str = "BurstInstance";

/// Hundreds of orders with their reasons; an object as a whole may have 1.5 MiB.
const ORDERS_CHARS_MAX: u64 = 262_144;

/// What is said of a policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyStatus {
    /// The generation that the rest is about.
    pub observed_generation: Option<i64>,
    /// Ready, and what it is made of.
    pub conditions: Vec<Condition>,
    /// Jobs that wait.
    pub backlog: Option<i64>,
    /// How long until what waits now is done.
    pub eta: Option<String>,
    /// Base workers that are ready, of those that there may be.
    pub base: Option<String>,
    /// Pods that the base is told to have.
    pub base_replicas: Option<i32>,
    /// Bought machines, those that boot or leave among them.
    pub burst: Option<i32>,
    /// What everything costs an hour now, dollars.
    pub price_per_hour: Option<String>,
    /// Jobs that will be late.
    pub late: Option<i64>,
    /// The last decision in one sentence.
    pub decision: Option<String>,
    /// The controller that leads.
    pub leader: Option<String>,
    /// What intents cost that are no longer kept one by one: the controller's own.
    pub forgotten: Option<Forgotten>,
    /// What people have ordered, as JSON: the controller's own.
    pub orders: Option<String>,
}

/// What is left of intents that were closed long ago.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Forgotten {
    /// The number that the next intent gets at least.
    pub next_number: i64,
    /// Machines that ran.
    pub launched: i64,
    /// Dollars, by pool.
    pub cost: std::collections::BTreeMap<String, String>,
    /// When the day (UTC) began that `spent` is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spent_since: Option<String>,
    /// Dollars that they cost on that day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spent: Option<String>,
}

/// A machine that was decided upon: the exact request. Never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceSpec {
    /// The policy that it is for.
    pub policy: String,
    /// The intent, `<pool>-<number>`; a policy never uses a number twice.
    pub intent: String,
    /// The intent's number.
    pub number: i64,
    /// Where it is bought.
    pub pool: String,
    /// What it costs an hour, dollars.
    pub price_per_hour: String,
    /// The least time that it is billed for.
    pub billing_minimum: String,
    /// Why.
    pub why: String,
    /// When it was written down.
    pub written_at: String,
    /// What its provider is asked for, each time the same.
    pub request: Value,
}

/// How far an instance came.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceStatus {
    /// `Written`, `Launched`, `Retiring` or `Closed`.
    pub phase: Option<String>,
    /// The provider's name for the machine.
    pub instance: Option<String>,
    /// When its billing began.
    pub launched_at: Option<String>,
    /// By when its drain must be over.
    pub drain_by: Option<String>,
    /// Whether its provider was told to end it.
    pub terminating: Option<bool>,
    /// When it was proven gone.
    pub ended_at: Option<String>,
    /// Why it goes or went.
    pub why: Option<String>,
}

// === impl InstanceStatus ===

impl InstanceStatus {
    /// The phase of an intent whose machine is proven gone.
    pub const CLOSED: &str = "Closed";

    pub(crate) fn is_closed(&self) -> bool {
        self.phase.as_deref() == Some(Self::CLOSED)
    }
}

pub(crate) fn scaling_policy() -> ApiResource {
    resource(POLICY_KIND, "scalingpolicies")
}

pub(crate) fn burst_instance() -> ApiResource {
    resource(INSTANCE_KIND, "burstinstances")
}

fn resource(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), plural)
}

/// The definition of `ScalingPolicy`.
#[must_use]
pub fn scaling_policy_crd() -> Value {
    let mut spec = schema::of::<raw::Spec>();
    rules::policy(&mut spec);
    let columns = json!([
        column("Backlog", "integer", ".status.backlog", "Jobs that wait"),
        column(
            "ETA",
            "string",
            ".status.eta",
            "Until what waits now is done"
        ),
        column(
            "Deadline",
            "string",
            ".spec.objective.drainWithin",
            "Every job is done this long after it arrived"
        ),
        column(
            "Base",
            "string",
            ".status.base",
            "Base workers that are ready, of those that there may be"
        ),
        column("Burst", "integer", ".status.burst", "Bought machines"),
        column(
            "$/h",
            "string",
            ".status.pricePerHour",
            "What everything costs an hour now"
        ),
        column(
            "Ready",
            "string",
            ".status.conditions[?(@.type==\"Ready\")].status",
            "Whether everything that it needs is there"
        ),
        column(
            "Age",
            "date",
            ".metadata.creationTimestamp",
            "Since when it is there"
        ),
    ]);
    let mut status = schema::of::<PolicyStatus>();
    status["properties"]["orders"]["maxLength"] = json!(ORDERS_CHARS_MAX);
    let mut version = version(spec, status, columns);
    rules::named(&mut version["schema"]["openAPIV3Schema"]);
    // `kubectl scale` moves the floor of a base in Kubernetes.
    version["subresources"]["scale"] = json!({
        "specReplicasPath": ".spec.base.kubernetes.replicas.min",
        "statusReplicasPath": ".status.baseReplicas",
    });
    let names = json!({
        "kind": POLICY_KIND, "listKind": "ScalingPolicyList",
        "plural": "scalingpolicies", "singular": "scalingpolicy",
        "shortNames": ["spol"], "categories": ["autoscaling"],
    });
    definition(names, version)
}

/// The definition of `BurstInstance`.
#[must_use]
pub fn burst_instance_crd() -> Value {
    let mut spec = schema::of::<InstanceSpec>();
    rules::instance(&mut spec);
    let columns = json!([
        column(
            "Policy",
            "string",
            ".spec.policy",
            "The policy that it is for"
        ),
        column("Pool", "string", ".spec.pool", "Where it is bought"),
        column("Phase", "string", ".status.phase", "How far it came"),
        column(
            "Instance",
            "string",
            ".status.instance",
            "The provider's name for it"
        ),
        column(
            "$/h",
            "string",
            ".spec.pricePerHour",
            "What it costs an hour"
        ),
        column(
            "Age",
            "date",
            ".metadata.creationTimestamp",
            "Since when it is decided upon"
        ),
    ]);
    let version = version(spec, schema::of::<InstanceStatus>(), columns);
    let names = json!({
        "kind": INSTANCE_KIND, "listKind": "BurstInstanceList",
        "plural": "burstinstances", "singular": "burstinstance",
        "shortNames": ["burst"], "categories": ["autoscaling"],
    });
    definition(names, version)
}

fn column(name: &str, kind: &str, path: &str, about: &str) -> Value {
    json!({"name": name, "type": kind, "jsonPath": path, "description": about})
}

fn version(spec: Value, status: Value, columns: Value) -> Value {
    json!({
        "name": VERSION, "served": true, "storage": true,
        "schema": {"openAPIV3Schema": {
            "type": "object", "required": ["spec"],
            "properties": {"spec": spec, "status": status},
        }},
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
    })
}

fn definition(names: Value, version: Value) -> Value {
    let plural = names["plural"].as_str().unwrap_or_default();
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{GROUP}")},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls `each` with every schema node and where it is.
    fn walk(node: &Value, at: &str, each: &mut impl FnMut(&str, &Value)) {
        each(at, node);
        for (name, inner) in node["properties"].as_object().into_iter().flatten() {
            walk(inner, &format!("{at}.{name}"), each);
        }
        for inner in ["items", "additionalProperties"] {
            if node[inner].is_object() {
                walk(&node[inner], &format!("{at}[]"), each);
            }
        }
    }

    fn schema_of(definition: &Value) -> Value {
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
    }

    #[test]
    fn both_schemas_are_structural() {
        for definition in [scaling_policy_crd(), burst_instance_crd()] {
            walk(&schema_of(&definition), "", &mut |at, node| {
                let is_open = node["x-kubernetes-preserve-unknown-fields"] == true;
                assert!(
                    node["type"].is_string() || is_open,
                    "{at} has no type: {node}"
                );
                for banned in [
                    "$ref", "anyOf", "oneOf", "allOf", "nullable", "format", "title",
                ] {
                    assert!(node[banned].is_null(), "{at} has {banned}");
                }
                let is_closed = node["additionalProperties"] == false;
                assert!(!is_closed, "{at} is closed, which Kubernetes refuses");
            });
        }
    }

    /// A rule that was added to a field that no type has would say so here, by a node without a type.
    #[test]
    fn every_rule_is_about_a_field_that_is_there() {
        let mut rules = 0;
        for definition in [scaling_policy_crd(), burst_instance_crd()] {
            walk(&schema_of(&definition), "", &mut |at, node| {
                for rule in node["x-kubernetes-validations"]
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    rules += 1;
                    let field = rule["fieldPath"]
                        .as_str()
                        .map(|it| it.trim_start_matches('.'));
                    if let Some(field) = field {
                        assert!(node["properties"][field].is_object(), "{at}: {rule}");
                    }
                }
            });
        }
        assert!(rules > 50, "{rules}");
    }

    #[test]
    fn money_is_a_number_and_a_duration_a_text() {
        let schema = schema_of(&scaling_policy_crd());
        let spec = &schema["properties"]["spec"]["properties"];
        let pool = &spec["burst"]["properties"]["pools"]["items"]["properties"];
        assert_eq!(pool["pricePerHour"]["type"], "number");
        assert_eq!(pool["bootTime"]["type"], "string");
        assert_eq!(pool["max"]["type"], "integer");
        assert!(
            pool["bootTime"]["pattern"].is_null(),
            "a rule says it better"
        );
    }
}
