//! Values: what is written down, what the schema allows, what a person who mistypes is told.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::helm;

fn read(name: &str) -> Value {
    let text = fs::read_to_string(helm::chart().join(name)).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

/// The schema at a reference's end.
fn resolve<'a>(schema: &'a Value, of: &'a Value) -> &'a Value {
    match of["$ref"].as_str() {
        Some(to) => schema.pointer(to.trim_start_matches('#')).unwrap(),
        None => of,
    }
}

/// Paths of the schema's closed objects, down to what is not one.
fn schema_paths(schema: &Value, at: &Value, path: &str, into: &mut BTreeSet<String>) {
    let at = resolve(schema, at);
    let Some(properties) = at["properties"].as_object() else {
        into.insert(path.to_owned());
        return;
    };
    for (name, of) in properties {
        schema_paths(schema, of, &format!("{path}.{name}"), into);
    }
}

/// Paths of the values, as deep as the schema's closed objects go.
fn value_paths(
    schema: &Value,
    at: &Value,
    values: &Value,
    path: &str,
    into: &mut BTreeSet<String>,
) {
    let at = resolve(schema, at);
    let (Some(properties), Some(fields)) = (at["properties"].as_object(), values.as_object())
    else {
        into.insert(path.to_owned());
        return;
    };
    for (name, value) in fields {
        let of = properties.get(name).unwrap_or(&Value::Null);
        value_paths(schema, of, value, &format!("{path}.{name}"), into);
    }
}

#[test]
fn every_way_to_install_lints_strictly() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    for values in helm::values_files() {
        let output = Command::new(&helm)
            .args(["lint", "--strict", "--values"])
            .args([&values, &helm::chart()])
            .output()
            .unwrap();
        let said = helm::text(&output);
        assert!(output.status.success(), "{}: {said}", values.display());
    }
}

#[test]
fn what_is_mistyped_is_refused_in_the_schemas_words() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    for (set, expected) in [
        (
            "controler.replicas=3",
            "additional properties 'controler' not allowed",
        ),
        (
            "workers.gpu.enable=true",
            "at '/workers/gpu': additional properties 'enable' not allowed",
        ),
        (
            "controller.replicas=many",
            "at '/controller/replicas': got string, want integer",
        ),
        (
            "controller.image.digest=sha256:12",
            "at '/controller/image/digest': 'sha256:12' does not match",
        ),
        (
            "workers.models={faces}",
            "value must be one of 'humans', 'brands', 'context'",
        ),
        (
            "kafka.brokers=kafka",
            "at '/kafka/brokers': 'kafka' does not match",
        ),
        (
            "policies={Upper}",
            "at '/policies/0': 'Upper' does not match",
        ),
        (
            "alerts.disabled.SpillwayNothing=true",
            "there is no such alert",
        ),
        ("kafka.secretProperties.a=b", "kafka.secretName is needed"),
        (
            "controller.ingress.enabled=true",
            "controller.ingress.host is needed",
        ),
    ] {
        let said = helm::template(&helm, &["--set", set]).expect_err(set);
        assert!(said.contains(expected), "{set}: {said}");
    }
}

#[test]
fn the_schema_is_closed_but_for_what_parents_share() {
    fn open(at: &Value, path: &str, into: &mut Vec<String>) {
        let Some(fields) = at.as_object() else {
            return;
        };
        let is_schema = fields.get("type").is_some_and(Value::is_string);
        let has_fields = fields.contains_key("properties");
        if is_schema && has_fields && at["additionalProperties"] != Value::Bool(false) {
            into.push(path.to_owned());
        }
        for (name, inner) in fields {
            open(inner, &format!("{path}/{name}"), into);
        }
    }
    let mut found = Vec::new();
    open(&read("values.schema.json"), "", &mut found);
    assert_eq!(found, ["/properties/global"]);
}

#[test]
fn values_and_schema_name_the_same() {
    let schema = read("values.schema.json");
    let (mut allowed, mut written) = (BTreeSet::new(), BTreeSet::new());
    schema_paths(&schema, &schema, "", &mut allowed);
    value_paths(&schema, &schema, &read("values.yaml"), "", &mut written);
    assert_eq!(
        allowed.symmetric_difference(&written).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
}

#[test]
fn every_value_is_used() {
    fn templates(folder: &std::path::Path, into: &mut String) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                templates(&path, into);
            } else {
                into.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut text = String::new();
    templates(&helm::chart().join("templates"), &mut text);
    let schema = read("values.schema.json");
    let mut written = BTreeSet::new();
    value_paths(&schema, &schema, &read("values.yaml"), "", &mut written);
    let words: BTreeSet<&str> = text
        .split(|it: char| !it.is_alphanumeric() && it != '.')
        .flat_map(|word| word.split('.'))
        .collect();
    let unused: Vec<&String> = written
        .iter()
        .filter(|path| !words.contains(path.rsplit('.').next().unwrap()))
        .collect();
    assert_eq!(unused, Vec::<&String>::new());
}
