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

/// The workloads of the controllers, with volumes of their own or without.
fn controllers(objects: &[Value]) -> Vec<&Value> {
    let kinds = ["Deployment", "StatefulSet"];
    let found = kinds.map(|kind| find(objects, kind, "controller"));
    found.concat()
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
        let controllers = controllers(objects);
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
    assert_eq!(controllers(&objects)[0]["spec"]["replicas"], 2);
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
        let controllers = controllers(objects);
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

/// As the controllers do it, with what they reach clouds and Kafka with, and within a bound.
#[test]
fn before_the_chart_goes_a_hook_gives_back_what_was_bought() {
    everywhere(|file, objects| {
        let hooks = find(objects, "Job", "uninstall");
        let controllers = controllers(objects);
        assert_eq!(hooks.len(), controllers.len(), "{file}");
        for (hook, controller) in hooks.into_iter().zip(controllers) {
            let annotations = &hook["metadata"]["annotations"];
            assert_eq!(annotations["helm.sh/hook"], "pre-delete", "{file}");
            let (_, spec) = pod(hook).unwrap();
            let (_, like) = pod(controller).unwrap();
            let container = |spec: &Value| spec["containers"][0].clone();
            let (ours, theirs) = (container(spec), container(like));
            assert_eq!(ours["image"], theirs["image"], "{file}");
            assert_eq!(ours["envFrom"], theirs["envFrom"], "{file}");
            assert_eq!(spec["serviceAccountName"], like["serviceAccountName"]);
            let own = ["SPILLWAY_LISTEN", "SPILLWAY_ADVERTISE", "POD_IP"];
            let is_shared = |it: &&Value| {
                let name = it["name"].as_str().unwrap();
                !own.contains(&name)
                    && !name.starts_with("SPILLWAY_API")
                    && !name.starts_with("SPILLWAY_HISTORY")
                    // Traces are of the loop.
                    && !name.starts_with("SPILLWAY_OTLP")
                    && !name.starts_with("OTEL_")
            };
            let shared = |it: &Value| -> Vec<Value> {
                list(&it["env"]).iter().filter(is_shared).cloned().collect()
            };
            assert_eq!(shared(&ours), shared(&theirs), "{file}");
            let kind = controller["kind"].as_str().unwrap().to_lowercase();
            let name = controller["metadata"]["name"].as_str().unwrap();
            let arguments: Vec<&str> = list(&ours["args"])
                .iter()
                .map(|it| it.as_str().unwrap())
                .collect();
            assert!(
                arguments.contains(&format!("--leave-after={kind}/{name}").as_str()),
                "{file}"
            );
            let leave = arguments.iter().find_map(|it| it.strip_prefix("--leave="));
            let within: u64 = leave.unwrap().parse().unwrap();
            let most = hook["spec"]["activeDeadlineSeconds"].as_u64().unwrap();
            assert!(most >= within + 60, "{file}: it ends by itself before");
        }
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
    let (_, spec) = pod(controllers(&objects)[0]).unwrap();
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

#[test]
fn a_history_that_is_to_last_is_on_a_volume_of_each_controllers_own() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    let by_default = helm::template(&helm, &[]).unwrap();
    let controller = controllers(&by_default)[0];
    assert_eq!(controller["kind"], "Deployment");
    let (_, spec) = pod(controller).unwrap();
    let state = |spec: &Value| {
        let volumes = list(&spec["volumes"]).iter();
        let mut volumes = volumes.filter(|it| it["name"] == "state");
        volumes.next().cloned()
    };
    assert!(state(spec).unwrap()["emptyDir"].is_object());
    let set = "controller.history.persistence.enabled=true,controller.history.megabytes=100";
    let lasting = helm::template(&helm, &["--set", set]).unwrap();
    let controller = controllers(&lasting)[0];
    assert_eq!(controller["kind"], "StatefulSet");
    assert_eq!(
        state(pod(controller).unwrap().1),
        None,
        "the claim's stands for it"
    );
    let claim = &controller["spec"]["volumeClaimTemplates"][0];
    assert_eq!(claim["metadata"]["name"], "state");
    assert_eq!(claim["spec"]["accessModes"], json!(["ReadWriteOnce"]));
    // The history, and the journal's files until they are in it.
    assert_eq!(claim["spec"]["resources"]["requests"]["storage"], "1124Mi");
    assert!(
        claim["spec"]["storageClassName"].is_null(),
        "the cluster's default"
    );
}

/// Who calls the API has no business with metrics and health.
#[test]
fn the_gateways_metrics_and_health_are_on_a_port_that_the_world_does_not_reach() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    let file = helm::values_files()
        .into_iter()
        .find(|it| it.ends_with("gateway-values.yaml"));
    let objects = helm::template_of(&helm, &file.unwrap());
    let (_, spec) = pod(find(&objects, "Deployment", "gateway")[0]).unwrap();
    let container = &spec["containers"][0];
    for probe in ["livenessProbe", "readinessProbe"] {
        assert_eq!(container[probe]["httpGet"]["port"], "operators");
    }
    let ingress = objects.iter().find(|it| {
        it["kind"] == "Ingress"
            && it["metadata"]["name"]
                .as_str()
                .unwrap()
                .ends_with("gateway")
    });
    let backend = &ingress.unwrap()["spec"]["rules"][0]["http"]["paths"][0]["backend"];
    assert_eq!(backend["service"]["port"]["name"], "http");
    let policy = objects.iter().find(|it| {
        it["kind"] == "NetworkPolicy"
            && it["metadata"]["name"]
                .as_str()
                .unwrap()
                .ends_with("gateway")
    });
    for rule in list(&policy.unwrap()["spec"]["ingress"]) {
        let monitoring = rule["from"].to_string().contains("monitoring");
        let port = if monitoring { "operators" } else { "http" };
        assert_eq!(rule["ports"], json!([{"port": port}]), "{rule}");
    }
}
