//! What the apiserver takes and refuses, by the kinds that this build defines.

use std::path::Path;

use serde_json::{Value, json};
use spillway_core::{Policy, raw};
use spillway_tests::require_kube;

use crate::world::{POLICY, Workload, install_definitions, policy, spillway};

#[test]
fn what_the_lint_refuses_the_apiserver_refuses_in_the_same_words() {
    let Some(kube) = require_kube() else { return };
    install_definitions(&kube);
    let space = kube.namespace("lint");
    let good = policy("kafka:9092", "jobs", Workload::Deployment);
    space.apply(&good).unwrap();
    let wrong: Vec<(&str, Value)> = vec![
        ("/spec/mode", json!("Maybe")),
        ("/spec/objective/drainWithin", json!("15 parsecs")),
        ("/spec/objective/drainWithin", Value::Null),
        ("/spec/source/kafka/bootstrapServers", json!([])),
        ("/spec/source/kafka/bootstrapServers/0", json!("kafka")),
        ("/spec/source/kafka/consumerGroup", json!("")),
        ("/spec/source/kafka/topics", json!([])),
        ("/spec/source/kafka/assignment", json!("Random")),
        ("/spec/base/pricePerWorkerHour", json!(-1)),
        ("/spec/base/throughputPerWorker", json!(0)),
        ("/spec/base/kubernetes", Value::Null),
        ("/spec/base/process", json!({"workers": 1})),
        ("/spec/base/kubernetes/deployment", Value::Null),
        ("/spec/base/kubernetes/statefulSet", json!("second")),
        ("/spec/base/kubernetes/replicas/min", json!(9)),
        ("/spec/base/kubernetes/replicas/max", json!(0)),
        ("/spec/base/kubernetes/replicas/max", Value::Null),
        ("/spec/burst/maxWorkers", json!(20_000)),
        ("/spec/burst/pools", json!([])),
        ("/spec/burst/pools/0/name", json!("base")),
        ("/spec/burst/pools/0/name", json!("Near")),
        ("/spec/burst/pools/0/provider", json!({})),
        ("/spec/burst/pools/0/market", json!("Auction")),
        ("/spec/burst/pools/0/max", json!(0)),
        ("/spec/burst/pools/0/pricePerHour", Value::Null),
        ("/spec/behavior/sooner", json!(95)),
    ];
    for (pointer, value) in wrong {
        let bad = changed(&good, pointer, value);
        let written: raw::ScalingPolicy = serde_json::from_value(bad.clone()).unwrap();
        let problems = Policy::check(&written).unwrap_err();
        let refused = space
            .apply(&bad)
            .expect_err(&format!("{pointer} was taken: {bad}"));
        for problem in &problems {
            assert!(refused.contains(&problem.message), "{problem:?}\n{refused}");
            assert!(refused.contains(&problem.path), "{problem:?}\n{refused}");
        }
    }
    let unknown = changed(&good, "/spec/base/kubernetes/replicaz", json!(3));
    let refused = space.apply(&unknown).unwrap_err();
    assert!(
        refused.contains("unknown field \"spec.base.kubernetes.replicaz\""),
        "{refused}"
    );
    // The floor is what `kubectl scale` moves.
    space
        .kubectl(&["scale", "scalingpolicy", POLICY, "--replicas=2"])
        .unwrap();
    let scaled = space.get(&["scalingpolicy", POLICY]).unwrap();
    assert_eq!(scaled["spec"]["base"]["kubernetes"]["replicas"]["min"], 2);
}

/// `document` with another value at a place; null takes it out.
fn changed(document: &Value, pointer: &str, value: Value) -> Value {
    let mut changed = document.clone();
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    let parent = changed.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Array(items), value) => items[field.parse::<usize>().unwrap()] = value,
        (Value::Object(fields), Value::Null) => drop(fields.remove(field)),
        (Value::Object(fields), value) => drop(fields.insert(field.to_owned(), value)),
        (other, _) => panic!("{pointer} is in {other}"),
    }
    changed
}

#[test]
fn what_is_a_duration_is_the_same_here_and_there() {
    let Some(kube) = require_kube() else { return };
    install_definitions(&kube);
    let space = kube.namespace("durations");
    let good = policy("kafka:9092", "jobs", Workload::Deployment);
    // The list that the lint's own test has.
    let known = include_str!("../../../controller/core/src/policy/testdata/durations.json");
    let known: Value = serde_json::from_str(known).unwrap();
    let with = |text: &str| changed(&good, "/spec/objective/drainWithin", json!(text));
    for text in known["taken"].as_object().unwrap().keys() {
        let applied = space.apply(&with(text));
        assert!(applied.is_ok(), "{text:?}: {applied:?}");
    }
    for text in known["refused"].as_array().unwrap() {
        let text = text.as_str().unwrap();
        let refused = space.apply(&with(text)).expect_err(text);
        let sentence = format!("`{text}` is not a duration");
        assert!(refused.contains(&sentence), "{text:?}: {refused}");
    }
}

#[test]
fn the_chart_has_the_definitions_that_this_build_makes() {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/spillway/files/crds.yaml");
    let written = std::fs::read_to_string(chart).unwrap();
    assert_eq!(
        written,
        spillway(&["crd"]),
        "run `spillway crd > charts/spillway/files/crds.yaml`"
    );
}
