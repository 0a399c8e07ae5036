//! The chart and the compose file ask our programs only for what they have.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;
use spillway_tests::require_program;

use crate::helm::{self, list, pod};

/// What `program run --help` says.
pub(crate) fn help(program: &str) -> Option<String> {
    let mut command = require_program(program)?;
    let output = command.args(["run", "--help"]).output().unwrap();
    assert!(output.status.success(), "{}", helm::text(&output));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// Variables of a container that are meant for our programs and that `help` does not name.
fn unknown_variables(container: &Value, help: &str) -> Vec<String> {
    let names = list(&container["env"])
        .iter()
        .map(|it| it["name"].as_str().unwrap());
    names
        .filter(|name| name.starts_with("SPILLWAY_"))
        // One whose value is a secret is named without it.
        .filter(|name| {
            !["=", "]"]
                .iter()
                .any(|end| help.contains(&format!("[env: {name}{end}")))
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_kinds_are_those_that_the_controller_knows() {
    let Some(mut command) = require_program("spillway") else {
        return;
    };
    let output = command.arg("crd").output().unwrap();
    assert!(output.status.success(), "{}", helm::text(&output));
    let made = String::from_utf8(output.stdout).unwrap();
    let kept = fs::read_to_string(helm::chart().join("files/crds.yaml")).unwrap();
    assert!(
        kept == made,
        "make them anew: spillway crd > charts/spillway/files/crds.yaml"
    );
}

#[test]
fn every_variable_and_argument_is_an_option() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    let mut seen = BTreeSet::new();
    for values in helm::values_files() {
        for object in helm::template_of(&helm, &values) {
            let Some((_, spec)) = pod(&object) else {
                continue;
            };
            for container in list(&spec["containers"]) {
                let program = match container["name"].as_str().unwrap() {
                    "controller" => "spillway",
                    "worker" => "spillway-worker",
                    "gateway" => "spillway-gateway",
                    _ => continue,
                };
                let Some(help) = help(program) else {
                    return;
                };
                seen.insert(program);
                let unknown = unknown_variables(container, &help);
                assert_eq!(unknown, Vec::<String>::new(), "{program}");
                for argument in list(&container["args"]) {
                    let argument = argument.as_str().unwrap();
                    let option = argument.split('=').next().unwrap();
                    let is_known =
                        option == "run" || help.split([' ', '\n']).any(|word| word == option);
                    assert!(is_known, "{program} has no {argument}");
                }
            }
        }
    }
    assert_eq!(seen.len(), 3);
}
