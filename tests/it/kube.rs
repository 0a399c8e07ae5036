//! The controller on a real Kubernetes control plane and a real Apache Kafka, with the chart's own rights.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Cursor,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::{Value, json};
use spillway_core::{Policy, raw};
use spillway_tests::{
    Kafka, Kube, Kubelet, Namespace, Process, Signal, Topic, eventually, program, require_kube,
    require_program,
};
use spillway_wire::{ImageSource, Job, topics};

/// A handful of workers load their models on a machine that others use too.
const SOON: Duration = Duration::from_secs(240);
/// What only takes requests to the apiserver.
const QUICK: Duration = Duration::from_secs(60);
const ACCOUNT: &str = "it-spillway";
const POLICY: &str = "recognition";
/// Long enough for a busy machine, short enough to be waited for.
const LEASE: &str = "6";
const BASE_MAX: u32 = 3;
const JOBS: usize = 520;

/// A policy with a base of 1 to 3 pods of 4 jobs/s, and machines of this host to buy.
fn policy(brokers: &str, topic: &str) -> Value {
    let models = models();
    json!({
        "apiVersion": "spillway.dev/v1alpha1", "kind": "ScalingPolicy",
        "metadata": {"name": POLICY},
        "spec": {
            "source": {"kafka": {
                "bootstrapServers": [brokers], "consumerGroup": "it-workers", "assignment": "Group",
                "topics": [{"name": topic}]
            }},
            "objective": {"drainWithin": "60s"},
            "base": {
                "kubernetes": {"deployment": "worker", "replicas": {"min": 1, "max": BASE_MAX}},
                "pricePerWorkerHour": 0.64, "throughputPerWorker": 4
            },
            "burst": {"maxWorkers": 2,
                "join": {"environment": environment(&models)},
                "pools": [{
                    "name": "near", "provider": {"process": {}}, "pricePerHour": 2.5, "bootTime": "10s",
                    "billingMinimum": "10s", "throughputPerWorker": 4, "max": 2
                }]},
            // Should the test end early, its machines end by themselves.
            "behavior": {"drainTimeout": "30s", "deadManLease": "30s"}
        }
    })
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../worker/models/demo")
}

fn environment(models: &Path) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("SPILLWAY_MODEL_SET", models.display().to_string()),
        ("SPILLWAY_MAX_IMAGES_PER_SECOND", "4".to_owned()),
        ("SPILLWAY_INFER_THREADS", "1".to_owned()),
        ("SPILLWAY_DECODE_THREADS", "1".to_owned()),
        ("SPILLWAY_LISTEN", "127.0.0.1:0".to_owned()),
    ])
}

fn deployment(brokers: &str, topic: &str) -> Value {
    let mut all = environment(&models());
    all.insert("SPILLWAY_BROKERS", brokers.to_owned());
    all.insert("SPILLWAY_GROUP", "it-workers".to_owned());
    all.insert("SPILLWAY_TOPICS", topic.to_owned());
    let variables = all
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}));
    let mut variables: Vec<Value> = variables.collect();
    let own_name = json!({"fieldRef": {"fieldPath": "metadata.name"}});
    variables.push(json!({"name": "SPILLWAY_WORKER_ID", "valueFrom": own_name}));
    let labels = json!({"app": "worker"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "worker"},
        // No `replicas`: the controller owns the scale.
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "terminationGracePeriodSeconds": 45,
                "nodeSelector": {"spillway.dev/pool": "base"},
                "containers": [{
                    "name": "worker", "image": "spillway-worker:it", "args": ["run"], "env": variables,
                    "resources": {"limits": {"nvidia.com/gpu": 1}}
                }]
            }}
        }
    })
}

/// One test's cluster, broker and base workers.
struct World {
    kafka: Kafka,
    jobs: Topic,
    results: Topic,
    space: Namespace,
    kubelet: Kubelet,
    machines: tempfile::TempDir,
}

// === impl World ===

impl World {
    async fn new(kube: &'static Kube, what: &str) -> Option<Self> {
        require_program("spillway-worker")?;
        // Workers are told apart by topics of fixed names: each test has a broker.
        let kafka = Kafka::start().unwrap();
        let jobs = kafka.topic("jobs", 8).await;
        let results = kafka.topic_beside(topics::RESULTS).await;
        kafka.topic_beside(topics::WORKERS).await;
        kafka.topic_beside(topics::CONTROL).await;
        install_definitions(kube);
        let space = kube.namespace(what);
        grant(kube, &space);
        space
            .apply(&deployment(kafka.brokers(), jobs.name()))
            .unwrap();
        let kubelet = space.kubelet("app=worker", || require_program("spillway-worker"));
        Some(Self {
            kafka,
            jobs,
            results,
            space,
            kubelet,
            machines: tempfile::tempdir().unwrap(),
        })
    }

    fn apply_policy(&self) {
        let policy = policy(self.kafka.brokers(), self.jobs.name());
        self.space.apply(&policy).unwrap();
    }

    /// A controller with the rights of `account`.
    fn controller(&self, identity: &str, account: &str, lease_seconds: &str) -> Process {
        let mut command = require_program("spillway").unwrap();
        command
            .args(["run", "--kubernetes", POLICY, "--listen", "127.0.0.1:0"])
            .args(["--identity", identity, "--lease-seconds", lease_seconds])
            .arg("--state")
            .arg(self.machines.path().join(identity))
            .arg("--machines")
            .arg(self.machines.path())
            .arg("--worker")
            .arg(program("spillway-worker").unwrap())
            .env("KUBECONFIG", self.space.kubeconfig_of(account));
        Process::spawn(identity, command).unwrap()
    }

    async fn send(&self, name: &str, count: usize) {
        for number in 0..count {
            let shade = u8::try_from(number % 256).unwrap();
            let now = jiff::Timestamp::now().as_millisecond();
            let job = Job::new(
                format!("{name}-{number}"),
                now,
                ImageSource::Inline(png(shade)),
            );
            self.jobs.put(&job.id, Some(&job.encode())).await;
        }
    }

    fn answered(&self) -> BTreeSet<String> {
        let records = self.results.records().unwrap();
        records
            .into_iter()
            .filter_map(|record| record.key)
            .collect()
    }

    fn all_answered(&self, count: usize) {
        eventually(SOON, "every job has a result", || {
            let answered = self.answered().len();
            match answered >= count {
                true => Ok(()),
                false => Err(format!("{answered} of {count} have; {}", self.row())),
            }
        });
    }

    fn replicas(&self) -> u64 {
        let deployment = self.space.get(&["deployment", "worker"]).unwrap();
        deployment["spec"]["replicas"].as_u64().unwrap()
    }

    fn instances(&self) -> Vec<Value> {
        let listed = self.space.get(&["burstinstances"]).unwrap();
        listed["items"].as_array().unwrap().clone()
    }

    fn open_instances(&self) -> usize {
        let instances = self.instances();
        let open = instances
            .iter()
            .filter(|it| it["status"]["phase"] != "Closed");
        open.count()
    }

    /// What `kubectl get scalingpolicies` shows.
    fn row(&self) -> String {
        self.space
            .kubectl(&["get", "scalingpolicies"])
            .unwrap_or_default()
    }

    fn leader(&self) -> String {
        let lease = self.space.get(&["lease", "spillway-recognition"]);
        let lease = lease.unwrap_or_default();
        lease["spec"]["holderIdentity"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    fn goes_back(&self) {
        eventually(SOON, "everything goes back", || {
            let seen = (
                self.replicas(),
                self.open_instances(),
                self.kubelet.running(),
            );
            match seen {
                (1, 0, 1) => Ok(()),
                _ => Err(format!(
                    "replicas, machines, pods: {seen:?}; {}",
                    self.row()
                )),
            }
        });
    }

    /// What an account asked of the apiserver: verb, resource, answer, when.
    fn asked(&self, kube: &Kube, account: &str) -> Vec<(String, String, u64, String)> {
        let user = format!("system:serviceaccount:{}:{account}", self.space.name());
        let audit = kube.audit();
        let own = audit.iter().filter(|it| it["user"]["username"] == *user);
        own.map(|it| {
            let reference = &it["objectRef"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let resource = [&reference["resource"], &reference["subresource"]].map(text);
            let resource = resource.join("/").trim_end_matches('/').to_owned();
            let code = it["responseStatus"]["code"].as_u64().unwrap_or(0);
            let at = text(&it["requestReceivedTimestamp"]);
            (text(&it["verb"]), resource, code, at)
        })
        .collect()
    }
}

fn png(shade: u8) -> Vec<u8> {
    let image = image::RgbImage::from_pixel(96, 64, image::Rgb([shade, 90, 160]));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

fn spillway(arguments: &[&str]) -> String {
    let mut command = Command::new(program("spillway").unwrap());
    let output = command.args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn install_definitions(kube: &Kube) {
    let definitions = spillway(&["crd"]);
    let applied = kube.kubectl(&["apply", "--server-side", "-f", "-"], &definitions);
    applied.unwrap_or_else(|error| panic!("{error}"));
    eventually(QUICK, "the definitions are established", || {
        kube.kubectl(&["get", "scalingpolicies,burstinstances", "-A"], "")
    });
}

/// Gives the account the rights of the chart, and nothing else.
fn grant(kube: &Kube, space: &Namespace) {
    let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/spillway");
    let chart = chart.display().to_string();
    let name = format!("serviceAccount.name={ACCOUNT}");
    let rendered = kube.helm(&[
        "template",
        "it",
        &chart,
        "--namespace",
        space.name(),
        "--set",
        &name,
        "--show-only",
        "templates/controller/rbac.yaml",
    ]);
    let rendered = rendered.unwrap();
    for account in [ACCOUNT, "it-second"] {
        space
            .kubectl(&["create", "serviceaccount", account])
            .unwrap();
    }
    let arguments = ["--namespace", space.name(), "apply", "-f", "-"];
    kube.kubectl(&arguments, &rendered).unwrap();
    let role = "--role=it-spillway-controller";
    let second = format!("--serviceaccount={}:it-second", space.name());
    space
        .kubectl(&["create", "rolebinding", "it-second", role, &second])
        .unwrap();
}

#[test]
fn what_the_lint_refuses_the_apiserver_refuses_in_the_same_words() {
    let Some(kube) = require_kube() else { return };
    install_definitions(&kube);
    let space = kube.namespace("lint");
    let good = policy("kafka:9092", "jobs");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_fills_the_base_in_one_step_then_buys_and_everything_goes_back() {
    let Some(kube) = require_kube() else { return };
    let Some(world) = World::new(&kube, "burst").await else {
        return;
    };
    world.apply_policy();
    let mut controller = world.controller("first", ACCOUNT, "15");
    eventually(SOON, "the policy is ready and one worker works", || {
        let row = world.row();
        let is_so = row.contains(&format!("1/{BASE_MAX}")) && row.contains("True");
        if is_so { Ok(()) } else { Err(row) }
    });
    world.send("job", JOBS).await;
    eventually(SOON, "the base is full and machines are bought", || {
        let row = world.row();
        let is_so = world.replicas() == u64::from(BASE_MAX) && world.open_instances() > 0;
        if is_so { Ok(()) } else { Err(row) }
    });
    let row = world.row();
    assert!(
        row.contains("BACKLOG") && row.contains("DEADLINE") && row.contains("60s"),
        "{row}"
    );
    println!("{row}");
    world.all_answered(JOBS);
    world.goes_back();
    assert!(controller.is_running(), "{}", controller.log());
    assert!(!world.instances().is_empty());
    assert_eq!(
        world.kubelet.killed(),
        [""; 0],
        "every drain ended in its grace"
    );
    assert_eq!(
        world.kubelet.counts().1,
        BASE_MAX as usize,
        "never more pods than the most"
    );

    let asked = world.asked(&kube, ACCOUNT);
    let scaled = asked.iter().filter(|(verb, resource, code, _)| {
        verb == "update" && resource == "deployments/scale" && *code == 200
    });
    assert_eq!(scaled.count(), 2, "up in one step, and down in one");
    let denied: Vec<_> = asked
        .iter()
        .filter(|(_, _, code, _)| *code == 403)
        .collect();
    assert!(denied.is_empty(), "{denied:?}");
    let events = world.space.get(&["events.events.k8s.io"]).unwrap();
    let reasons = events["items"].as_array().unwrap().iter();
    let reasons: BTreeSet<&str> = reasons.filter_map(|it| it["reason"].as_str()).collect();
    assert!(
        reasons.contains("BaseFilled") && reasons.contains("BaseLowered"),
        "{reasons:?}"
    );
    controller.signal(Signal::Term);
    assert!(controller.wait(QUICK).success());
    assert_eq!(world.leader(), "", "a leader that ends gives the lease up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_stopped_beyond_its_lease_and_goes_on_does_no_harm() {
    let Some(kube) = require_kube() else { return };
    let Some(world) = World::new(&kube, "leaders").await else {
        return;
    };
    world.apply_policy();
    let accounts = [ACCOUNT, "it-second"];
    let mut replicas = accounts.map(|account| (account, world.controller(account, account, LEASE)));
    eventually(SOON, "one of them leads", || named(&world.leader()));
    world.send("job", JOBS).await;
    for round in 0..3 {
        // Not at the same step each time: a machine is being bought, works, or is given back.
        let wanted = JOBS * round / 3;
        eventually(SOON, "enough is done", || {
            let answered = world.answered().len();
            if answered >= wanted {
                Ok(())
            } else {
                Err(format!("{answered} of {wanted}"))
            }
        });
        let first = eventually(QUICK, "somebody leads", || named(&world.leader()));
        let at = replicas
            .iter()
            .position(|(account, _)| *account == first)
            .unwrap();
        replicas[at].1.signal(Signal::Stop);
        eventually(QUICK, "the other leads", || {
            let leader = world.leader();
            if leader != first {
                named(&leader)
            } else {
                Err(leader)
            }
        });
        let lease = world.space.get(&["lease", "spillway-recognition"]).unwrap();
        let taken_at = lease["spec"]["acquireTime"].as_str().unwrap().to_owned();
        replicas[at].1.signal(Signal::Continue);
        // It finds its lease gone, and ends rather than guess what still holds.
        assert!(
            !replicas[at].1.wait(QUICK).success(),
            "{}",
            replicas[at].1.log()
        );
        for (verb, resource, code, at) in world.asked(&kube, &first) {
            let is_change = ["create", "update", "patch", "delete"].contains(&verb.as_str());
            // A late word on how far an intent came is true, and refused where another has written since.
            let is_word = resource.ends_with("/status") || resource == "events";
            let is_harm = is_change && code < 300 && !is_word;
            assert!(
                !is_harm || at <= taken_at,
                "{first}: {verb} {resource} at {at}, after {taken_at}"
            );
        }
        assert!(world.open_instances() <= 2, "{:?}", world.instances());
        replicas[at].1 = world.controller(&first, &first, LEASE);
    }
    world.all_answered(JOBS);
    world.goes_back();
    let mut intents = BTreeSet::new();
    for instance in world.instances() {
        let intent = instance["spec"]["intent"].as_str().unwrap().to_owned();
        assert!(intents.insert(intent), "no intent is made twice");
    }
}

fn named(leader: &str) -> Result<String, String> {
    if leader.is_empty() {
        Err("nobody".to_owned())
    } else {
        Ok(leader.to_owned())
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
