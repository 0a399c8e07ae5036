//! What becomes of a ScaledObject, and what is said of bad ones.

use super::write::{Told, policy};
use super::*;

fn migrated(text: &str, told: &Told) -> write::Migrated {
    let scaled =
        keda::read("keda.yaml", text).unwrap_or_else(|report| panic!("{}", report.plain()));
    let migrated = policy(scaled, told).unwrap();
    if let Err(report) = policy_file::parse("made.yaml", &migrated.text) {
        panic!("{}\n{}", migrated.text, report.plain());
    }
    migrated
}

#[test]
fn a_simple_scaled_object_becomes_a_good_policy() {
    let migrated = migrated(include_str!("testdata/simple.yaml"), &Told::default());
    insta::assert_snapshot!(migrated.text);
}

#[test]
fn what_has_no_counterpart_is_noted() {
    let told = Told {
        drain_within: Some(SignedDuration::from_mins(10)),
        throughput: Some(40.into()),
    };
    let migrated = migrated(include_str!("testdata/rich.yaml"), &told);
    insta::assert_snapshot!(migrated.text);
    for (place, note) in migrated.notes.iter().enumerate() {
        assert!(
            migrated
                .text
                .contains(&format!("#  {}. {note}\n", place + 1)),
            "{note}"
        );
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_its_line() {
    let report = keda::read("bad.yaml", include_str!("testdata/bad.yaml")).unwrap_err();
    insta::assert_snapshot!(report.plain());
}

#[test]
fn what_is_no_scaled_object_says_so() {
    let texts = [
        "",
        "[1, 2]",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n",
        "apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: x}\nspec:\n  scaleTargetRef: {name: y}\n  \
         triggers:\n    - type: cpu\n      metadata: {value: \"60\"}\n",
        "apiVersion: keda.sh/v1alpha1\nkind: [\n",
    ];
    let told: Vec<String> = texts
        .iter()
        .map(|text| keda::read("keda.yaml", text).unwrap_err().plain())
        .collect();
    insta::assert_snapshot!(told.join("\n---\n"));
}

#[test]
fn no_text_of_the_file_escapes_its_place() {
    let hostile = include_str!("testdata/simple.yaml")
        .replace(
            "topic: spillway.jobs",
            "topic: \"jobs}\\n  mode: Recommend #\"",
        )
        .replace(
            "consumerGroup: spillway-workers",
            "consumerGroup: \"a: b # c\"",
        )
        .replace("name: spillway-worker", "name: \"x\\nspec: {}\"");
    let migrated = migrated(&hostile, &Told::default());
    let read = policy_file::parse("made.yaml", &migrated.text).unwrap();
    assert_eq!(read.consumer_group(), "a: b # c");
    assert_eq!(read.topics()[0].name, "jobs}\n  mode: Recommend #");
    assert_eq!(read.mode(), spillway_core::Mode::Enforce);
}

#[test]
fn without_room_above_the_least_nothing_is_bought() {
    let text =
        include_str!("testdata/simple.yaml").replace("maxReplicaCount: 40", "maxReplicaCount: 2");
    let migrated = migrated(&text, &Told::default());
    assert!(
        migrated.text.contains("nothing is bought"),
        "{}",
        migrated.text
    );
}

#[test]
fn what_was_told_must_make_sense() {
    let scaled = || keda::read("keda.yaml", include_str!("testdata/simple.yaml")).unwrap();
    let told = |drain_within, throughput| Told {
        drain_within,
        throughput,
    };
    let error = policy(scaled(), &told(Some(SignedDuration::from_mins(2)), None)).unwrap_err();
    assert!(error.to_string().contains("3m"), "{error}");
    let error = policy(scaled(), &told(None, Some(0.into()))).unwrap_err();
    assert!(error.to_string().contains("above 0"), "{error}");
}
