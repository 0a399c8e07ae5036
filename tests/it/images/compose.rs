//! The compose file against what there is: images, ports, options, topics, the policy.

use std::fs;

use serde_json::Value;
use spillway_tests::require_program;
use spillway_wire::topics;

use crate::root;

/// Services that run our images, and the programs in them.
const OURS: [(&str, &str); 2] = [("controller", "spillway"), ("worker", "spillway-worker")];

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(root().join(path)).unwrap();
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn compose() -> Value {
    yaml("charts/compose/compose.yaml")
}

fn texts(value: &Value) -> Vec<&str> {
    let values = value.as_array().map_or(&[][..], Vec::as_slice);
    values.iter().map(|it| it.as_str().unwrap()).collect()
}

#[test]
fn images_are_those_that_are_built_and_the_broker_that_is_tested() {
    let compose = compose();
    let chart = yaml("charts/spillway/Chart.yaml");
    let version = chart["appVersion"].as_str().unwrap();
    assert_eq!(version, env!("CARGO_PKG_VERSION"), "the chart's appVersion");
    for (service, _) in OURS {
        let image = format!("localhost/spillway-{service}:{version}");
        assert_eq!(compose["services"][service]["image"], image);
    }
    let pom = fs::read_to_string(root().join("tests/testbed/pom.xml")).unwrap();
    for service in ["kafka", "topics"] {
        let image = compose["services"][service]["image"].as_str().unwrap();
        let kafka = image.strip_prefix("apache/kafka:").unwrap();
        let tested = format!("<kafka.version>{kafka}</kafka.version>");
        assert!(pom.contains(&tested), "{service} runs {kafka}");
    }
}

#[test]
fn options_are_those_that_the_programs_have() {
    let compose = compose();
    for (service, program) in OURS {
        let Some(mut command) = require_program(program) else {
            return;
        };
        let service = &compose["services"][service];
        assert_eq!(texts(&service["command"]), ["run"]);
        let output = command.args(["run", "--help"]).output().unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        for name in service["environment"].as_object().unwrap().keys() {
            assert!(
                help.contains(&format!("[env: {name}=")),
                "{program} has no {name}"
            );
        }
    }
}

#[test]
fn ports_are_those_that_the_images_serve() {
    let compose = compose();
    for (service, _) in OURS {
        let folder = if service == "worker" {
            "worker"
        } else {
            "controller"
        };
        let file = fs::read_to_string(root().join(folder).join("Containerfile")).unwrap();
        let exposed = file
            .lines()
            .find_map(|line| line.strip_prefix("EXPOSE "))
            .unwrap();
        assert!(file.contains(&format!("SPILLWAY_LISTEN=0.0.0.0:{exposed}")));
        for port in texts(&compose["services"][service]["ports"]) {
            // The dashboard knows no users: it is for this machine.
            assert!(port.starts_with("127.0.0.1:"), "{service}: {port}");
            assert!(port.ends_with(&format!(":{exposed}")), "{service}: {port}");
        }
    }
    let listeners = compose["services"]["kafka"]["environment"]["KAFKA_LISTENERS"].to_string();
    for port in texts(&compose["services"]["kafka"]["ports"]) {
        let inner = port.rsplit(':').next().unwrap();
        assert!(listeners.contains(&format!("OUTSIDE://:{inner}")), "{port}");
    }
}

#[test]
fn our_containers_may_write_only_where_they_are_told() {
    let compose = compose();
    for (service, _) in OURS {
        let service = &compose["services"][service];
        assert_eq!(service["read_only"], true);
        assert_eq!(texts(&service["cap_drop"]), ["ALL"]);
        for volume in texts(&service["volumes"]) {
            let (from, to) = volume.split_once(':').unwrap();
            if from.starts_with('.') {
                let file = root().join("charts/compose").join(from);
                assert!(file.is_file(), "{volume}");
                assert!(to.ends_with(":ro"), "{volume}");
            } else {
                assert!(compose["volumes"].get(from).is_some(), "{volume}");
            }
        }
    }
}

#[test]
fn services_wait_for_each_other_and_topics_are_all_made() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    for (name, service) in services {
        let needs = service["depends_on"].as_object().into_iter().flatten();
        for (needed, _) in needs {
            assert!(services.contains_key(needed), "{name} waits for {needed}");
        }
    }
    let script = services["topics"]["command"][0].as_str().unwrap();
    let letters = topics::dead_letters(topics::JOBS);
    for topic in [topics::JOBS, topics::RESULTS, &letters] {
        assert!(script.contains(&format!("--topic {topic} ")), "{topic}");
    }
    for topic in [topics::WORKERS, topics::CONTROL] {
        let line = script
            .lines()
            .find(|line| line.contains(&format!("--topic {topic} ")));
        assert!(line.unwrap().contains("cleanup.policy=compact"), "{topic}");
    }
}

#[test]
fn the_policy_is_good_and_reaches_the_broker() {
    let policy = "charts/compose/policy.yaml";
    let Some(mut command) = require_program("spillway") else {
        return;
    };
    let lint = command
        .args(["policy", "lint"])
        .arg(root().join(policy))
        .output()
        .unwrap();
    assert!(
        lint.status.success(),
        "{}",
        String::from_utf8_lossy(&lint.stderr)
    );
    let compose = compose();
    let advertised = &compose["services"]["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"];
    let inside = advertised
        .as_str()
        .unwrap()
        .split(',')
        .find_map(|it| it.strip_prefix("INSIDE://"));
    let kafka = &yaml(policy)["spec"]["source"]["kafka"];
    assert_eq!(kafka["bootstrapServers"][0].as_str(), inside);
    let worker = &compose["services"]["worker"]["environment"];
    assert_eq!(worker["SPILLWAY_BROKERS"].as_str(), inside);
}
