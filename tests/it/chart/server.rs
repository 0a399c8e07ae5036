//! The chart on a real API server: every object is taken, strictly; it installs, upgrades, is tested and goes.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use spillway_tests::{Kube, Namespace, eventually, require_kube};

use crate::helm::{self, list};

/// How long Helm waits.
const WAIT: &str = "120s";
/// And we.
const SOON: Duration = Duration::from_secs(120);

/// A namespace that takes only pods of the restricted standard.
fn restricted(kube: &'static Kube, what: &str) -> Namespace {
    let space = kube.namespace(what);
    let label = "pod-security.kubernetes.io/enforce=restricted";
    space
        .kubectl(&["label", "namespace", space.name(), label])
        .unwrap();
    space
}

fn chart() -> String {
    helm::chart().display().to_string()
}

/// A workload's pod as an object of its own: a workload whose pods are refused is taken all the same.
fn alone(object: &Value) -> Option<Value> {
    let (metadata, spec) = helm::pod(object)?;
    let mut spec = spec.clone();
    // Not there in a dry run, and no matter of security.
    let fields = spec.as_object_mut().unwrap();
    fields.remove("serviceAccountName");
    // A claim that a StatefulSet would make for it.
    let claims = list(&object["spec"]["volumeClaimTemplates"]);
    let claims = claims
        .iter()
        .map(|claim| json!({"name": claim["metadata"]["name"], "emptyDir": {}}));
    if let Some(volumes) = fields.get_mut("volumes").and_then(Value::as_array_mut) {
        volumes.extend(claims);
    }
    Some(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": object["metadata"]["name"], "labels": metadata["labels"]},
        "spec": spec,
    }))
}

#[test]
fn every_object_is_taken_where_pods_are_restricted() {
    let Some(kube) = require_kube() else { return };
    let Some(program) = helm::require("helm") else {
        return;
    };
    let space = restricted(&kube, "dry");
    // What a pod may name and the chart does not make.
    let class = json!({
        "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass",
        "metadata": {"name": "nvidia"}, "handler": "nvidia",
    });
    kube.apply(&class).unwrap();
    for values in helm::values_files() {
        let mut objects = helm::template_of(&program, &values);
        // Kinds of operators that this cluster does not have.
        objects.retain(|object| {
            let version = object["apiVersion"].as_str().unwrap();
            !version.starts_with("monitoring.coreos.com") && !version.starts_with("grafana")
        });
        let pods: Vec<Value> = objects.iter().filter_map(alone).collect();
        assert!(!pods.is_empty());
        for object in objects.iter_mut().chain(&mut pods.clone()) {
            if object["metadata"]["namespace"].is_string() {
                object["metadata"]["namespace"] = json!(space.name());
            }
            let arguments = [
                "--namespace",
                space.name(),
                "apply",
                "--dry-run=server",
                "--validate=strict",
                "-f",
                "-",
            ];
            let taken = kube.kubectl(&arguments, &object.to_string());
            let file = values.file_name().unwrap().display();
            taken.unwrap_or_else(|why| panic!("{file}: {}: {why}", helm::name(object)));
        }
    }
}

#[test]
fn it_installs_upgrades_is_tested_and_goes_and_leaves_its_kinds() {
    let Some(kube) = require_kube() else { return };
    let space = restricted(&kube, "release");
    let chart = chart();
    let helm = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--namespace", space.name()]);
        kube.helm(&all)
            .unwrap_or_else(|why| panic!("helm {arguments:?}: {why}"))
    };
    let said = helm(&["install", "it", &chart, "--wait", "--timeout", WAIT]);
    assert!(
        said.contains("kubectl get scalingpolicies"),
        "the next steps: {said}"
    );

    // What the controller has scaled stays as it is.
    let scale = ["scale", "deployment/it-spillway-worker", "--replicas=3"];
    space.kubectl(&scale).unwrap();
    let set = "workers.drainSeconds=90";
    helm(&[
        "upgrade",
        "it",
        &chart,
        "--set",
        set,
        "--wait",
        "--timeout",
        WAIT,
    ]);
    let workers = space.get(&["deployment", "it-spillway-worker"]).unwrap();
    assert_eq!(workers["spec"]["replicas"], 3, "an upgrade undid the scale");
    let grace = &workers["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
    assert_eq!(*grace, 105);

    thread::scope(|scope| {
        let test = scope.spawn(|| helm(&["test", "it", "--timeout", WAIT]));
        // Pods run nothing here, and so never end by themselves; what this one runs is tried with the images.
        eventually(SOON, "the test's pod ends", || {
            let succeeded = r#"{"status":{"phase":"Succeeded"}}"#;
            let patch = ["patch", "pod", "it-spillway-test", "--subresource=status"];
            let patch = [&patch[..], &["--type=merge", "--patch", succeeded]].concat();
            space.kubectl(&patch)
        });
        test.join().unwrap();
    });
    helm(&["uninstall", "it", "--wait", "--timeout", WAIT]);
    // What the hook's pod runs is tried in tests/it/kube: here it is there, and Helm waits for its end.
    let audit = kube.audit();
    let hooks = audit
        .iter()
        .map(|it| &it["objectRef"])
        .filter(|about| about["namespace"] == space.name() && about["resource"] == "jobs");
    let hooks: BTreeSet<&str> = hooks.filter_map(|it| it["name"].as_str()).collect();
    assert_eq!(hooks, BTreeSet::from(["it-spillway-recognition-leave"]));
    let left = space.get(&["deployments,services,roles,networkpolicies"]);
    assert_eq!(left.unwrap()["items"], json!([]));
    let crds = [
        "get",
        "crd",
        "scalingpolicies.spillway.dev",
        "burstinstances.spillway.dev",
    ];
    kube.kubectl(&crds, "").unwrap();
}
