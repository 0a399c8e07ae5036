//! What the chart makes: names, security, who runs where, what is left to the controller.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::helm::{self, list, name, pod};

/// Longest name of an object that becomes a label's value.
const NAME_MAX: usize = 63;

/// Runs `look` on the objects of every values file.
fn everywhere(look: impl Fn(&str, &[Value])) {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    for values in helm::values_files() {
        let file = values.file_name().unwrap().to_str().unwrap().to_owned();
        look(&file, &helm::template_of(&helm, &values));
    }
}

fn find<'a>(objects: &'a [Value], kind: &str, component: &str) -> Vec<&'a Value> {
    let is_it = |object: &&Value| {
        object["kind"] == kind
            && object["metadata"]["labels"]["app.kubernetes.io/component"] == component
    };
    objects.iter().filter(is_it).collect()
}

#[test]
fn every_pod_keeps_to_the_restricted_standard() {
    everywhere(|file, objects| {
        let pods: Vec<_> = objects
            .iter()
            .filter_map(|it| Some((name(it), pod(it)?.1)))
            .collect();
        assert!(!pods.is_empty(), "{file}");
        for (name, spec) in pods {
            let at = format!("{file}: {name}");
            let security = &spec["securityContext"];
            assert_eq!(security["runAsNonRoot"], true, "{at}");
            assert_eq!(security["seccompProfile"]["type"], "RuntimeDefault", "{at}");
            assert_eq!(spec["automountServiceAccountToken"], false, "{at}");
            for volume in list(&spec["volumes"]) {
                assert!(volume["hostPath"].is_null(), "{at}: {volume}");
            }
            let containers = list(&spec["containers"]).iter();
            for container in containers.chain(list(&spec["initContainers"])) {
                let security = &container["securityContext"];
                assert_eq!(security["allowPrivilegeEscalation"], false, "{at}");
                assert_eq!(security["readOnlyRootFilesystem"], true, "{at}");
                assert_eq!(security["capabilities"]["drop"], json!(["ALL"]), "{at}");
                assert!(
                    container["resources"]["limits"]["memory"].is_string(),
                    "{at}"
                );
                assert!(
                    container["resources"]["requests"]["cpu"].is_string(),
                    "{at}"
                );
            }
        }
    });
}

#[test]
fn names_fit_and_are_unique() {
    everywhere(|file, objects| {
        let mut seen = BTreeSet::new();
        for object in objects {
            let namespace = object["metadata"]["namespace"].to_string();
            assert!(
                seen.insert((name(object), namespace)),
                "{file}: two of {}",
                name(object)
            );
            let length = object["metadata"]["name"].as_str().unwrap().len();
            assert!(length <= NAME_MAX, "{file}: {}", name(object));
        }
    });
}

#[test]
fn selectors_select_their_pods() {
    everywhere(|file, objects| {
        for object in objects {
            let Some((metadata, _)) = pod(object) else {
                continue;
            };
            let Some(selector) = object["spec"]["selector"]["matchLabels"].as_object() else {
                continue;
            };
            for (label, value) in selector {
                assert_eq!(
                    &metadata["labels"][label],
                    value,
                    "{file}: {}",
                    name(object)
                );
            }
        }
        let controllers = find(objects, "Deployment", "controller");
        let selectors: BTreeSet<String> = controllers
            .iter()
            .map(|it| it["spec"]["selector"].to_string())
            .collect();
        assert_eq!(
            selectors.len(),
            controllers.len(),
            "{file}: each policy has its own"
        );
    });
}

#[test]
fn the_base_pools_size_is_the_controllers_and_its_grace_covers_a_drain() {
    everywhere(|file, objects| {
        for workers in find(objects, "Deployment", "worker") {
            assert!(workers["spec"]["replicas"].is_null(), "{file}");
            let (_, spec) = pod(workers).unwrap();
            let variables = list(&spec["containers"][0]["env"]);
            let drain = variables
                .iter()
                .find(|it| it["name"] == "SPILLWAY_DRAIN_TIMEOUT");
            let drain = drain.unwrap()["value"].as_str().unwrap();
            let drain: u64 = drain.strip_suffix('s').unwrap().parse().unwrap();
            let grace = spec["terminationGracePeriodSeconds"].as_u64().unwrap();
            assert!(
                grace >= drain + 10,
                "{file}: {grace} s for a drain of {drain} s"
            );
        }
        for object in objects {
            assert_ne!(object["kind"], "HorizontalPodAutoscaler", "{file}");
        }
    });
}

#[test]
fn what_a_worker_was_at_outlives_its_container() {
    everywhere(|file, objects| {
        for workers in find(objects, "Deployment", "worker") {
            let (_, spec) = pod(workers).unwrap();
            let container = &spec["containers"][0];
            let kept = list(&container["env"])
                .iter()
                .find(|it| it["name"] == "SPILLWAY_ATTEMPTS_FILE");
            let kept = kept.unwrap()["value"].as_str().unwrap();
            let mount = list(&container["volumeMounts"]).iter().find(|it| {
                let path = it["mountPath"].as_str().unwrap();
                kept.starts_with(&format!("{path}/"))
            });
            let mount = mount.unwrap_or_else(|| panic!("{file}: {kept} is in no volume"));
            assert!(mount["readOnly"].is_null(), "{file}: {mount}");
            let volume = list(&spec["volumes"])
                .iter()
                .find(|it| it["name"] == mount["name"]);
            assert!(volume.unwrap()["emptyDir"].is_object(), "{file}: {mount}");
        }
    });
}

#[test]
fn base_workers_are_pinned_to_gpu_nodes_and_have_one_gpu_each() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    let objects = helm::template(&helm, &[]).unwrap();
    let (_, spec) = pod(find(&objects, "Deployment", "worker")[0]).unwrap();
    assert_eq!(spec["nodeSelector"], json!({"spillway.dev/pool": "base"}));
    let resources = &spec["containers"][0]["resources"];
    for kind in ["requests", "limits"] {
        assert_eq!(resources[kind]["nvidia.com/gpu"], 1);
    }
}

#[test]
fn two_controllers_stand_by_and_move_one_at_a_time() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    let objects = helm::template(&helm, &[]).unwrap();
    assert_eq!(
        find(&objects, "Deployment", "controller")[0]["spec"]["replicas"],
        2
    );
    let budgets = |objects: &[Value]| {
        let budgets = objects
            .iter()
            .filter(|it| it["kind"] == "PodDisruptionBudget");
        budgets.map(name).collect::<Vec<_>>()
    };
    assert_eq!(budgets(&objects).len(), 2, "controllers and workers");
    let one = helm::template(&helm, &["--set", "controller.replicas=1"]).unwrap();
    // A budget on a single pod would only keep its node from being drained.
    assert_eq!(budgets(&one).len(), 1, "workers");
}

/// A controller ends machines with its tag of which it has no intent: two with one tag would end each other's.
#[test]
fn every_policy_has_an_owners_name_of_its_own() {
    everywhere(|file, objects| {
        let mut owners = BTreeSet::new();
        let controllers = find(objects, "Deployment", "controller");
        for controller in &controllers {
            let (_, spec) = pod(controller).unwrap();
            let variables = list(&spec["containers"][0]["env"]);
            let owner = variables.iter().find(|it| it["name"] == "SPILLWAY_OWNER");
            let owner = owner.unwrap()["value"].as_str().unwrap();
            assert!(owner.len() <= NAME_MAX, "{file}: {owner}");
            owners.insert(owner.to_owned());
        }
        assert_eq!(owners.len(), controllers.len(), "{file}");
    });
}

#[test]
fn a_digest_pins_the_image() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    let digest = format!("sha256:{}", "0".repeat(64));
    let set = format!("controller.image.digest={digest},global.imageRegistry=registry.example.com");
    let objects = helm::template(&helm, &["--set", &set]).unwrap();
    let (_, spec) = pod(find(&objects, "Deployment", "controller")[0]).unwrap();
    let image = spec["containers"][0]["image"].as_str().unwrap();
    assert_eq!(
        image,
        format!("registry.example.com/spillway-controller:0.1.0@{digest}")
    );
}

#[test]
fn crds_stay_when_the_chart_goes_unless_told_otherwise() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    let kept = |arguments: &[&str]| {
        let objects = helm::template(&helm, arguments).unwrap();
        let crds = objects
            .iter()
            .filter(|it| it["kind"] == "CustomResourceDefinition");
        crds.map(|it| it["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep")
            .collect::<Vec<_>>()
    };
    assert_eq!(kept(&[]), [true, true]);
    assert_eq!(kept(&["--set", "crds.keep=false"]), [false, false]);
    assert_eq!(kept(&["--set", "crds.enabled=false"]), Vec::<bool>::new());
}

#[test]
fn the_controller_may_do_nothing_outside_its_namespace() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    let objects = helm::template(&helm, &[]).unwrap();
    for object in &objects {
        assert_ne!(object["kind"], "ClusterRoleBinding");
        for rule in list(&object["rules"]) {
            for field in ["apiGroups", "resources", "verbs"] {
                assert!(!list(&rule[field]).contains(&json!("*")), "{rule}");
            }
            assert!(!list(&rule["resources"]).contains(&json!("secrets")));
        }
    }
}
