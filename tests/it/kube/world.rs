//! One test's cluster, broker and base workers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use spillway_tests::{
    Kafka, Kube, Kubelet, Namespace, Process, Topic, eventually, program, require_program,
};
use spillway_wire::{ImageSource, Job, topics};

/// A handful of workers load their models on a machine that others use too.
pub(crate) const SOON: Duration = Duration::from_secs(240);
/// What only takes requests to the apiserver.
pub(crate) const QUICK: Duration = Duration::from_secs(60);
pub(crate) const ACCOUNT: &str = "it-spillway";
pub(crate) const POLICY: &str = "recognition";
/// Long enough for a busy machine, short enough to be waited for.
pub(crate) const LEASE: [&str; 2] = ["--lease-seconds", "6"];
pub(crate) const BASE_MAX: u32 = 3;
pub(crate) const JOBS: usize = 520;

/// A policy with a base of 1 to 3 pods of 4 jobs/s, and machines of this host to buy.
pub(crate) fn policy(brokers: &str, topic: &str, base: Workload) -> Value {
    let models = models();
    json!({
        "apiVersion": "spillway.dev/v1alpha1", "kind": "ScalingPolicy",
        "metadata": {"name": POLICY},
        "spec": {
            "source": {"kafka": {
                "bootstrapServers": [brokers], "consumerGroup": "it-workers", "topics": [{"name": topic}]
            }},
            "objective": {"drainWithin": "60s"},
            "base": {
                "kubernetes": {base.field(): "worker", "replicas": {"min": 1, "max": BASE_MAX}},
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

/// What the base's pods belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Workload {
    Deployment,
    StatefulSet,
}

// === impl Workload ===

impl Workload {
    /// Its field in a policy.
    fn field(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::StatefulSet => "statefulSet",
        }
    }

    /// Its resource.
    pub(crate) fn resource(self) -> &'static str {
        match self {
            Self::Deployment => "deployments",
            Self::StatefulSet => "statefulsets",
        }
    }

    fn document(self, brokers: &str, topic: &str) -> Value {
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
        // No `replicas`: the controller owns the scale.
        let mut spec = json!({
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {
                "terminationGracePeriodSeconds": 45,
                "nodeSelector": {"spillway.dev/pool": "base"},
                "containers": [{
                    "name": "worker", "image": "spillway-worker:it", "args": ["run"], "env": variables,
                    "resources": {"limits": {"nvidia.com/gpu": 1}}
                }]
            }}
        });
        let kind = match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => {
                spec["podManagementPolicy"] = json!("Parallel");
                "StatefulSet"
            }
        };
        json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "worker"}, "spec": spec})
    }
}

/// One test's cluster, broker and base workers.
pub(crate) struct World {
    kafka: Kafka,
    workload: Workload,
    jobs: Topic,
    results: Topic,
    pub(crate) space: Namespace,
    pub(crate) kubelet: Kubelet,
    machines: tempfile::TempDir,
}

// === impl World ===

impl World {
    pub(crate) async fn new(kube: &'static Kube, workload: Workload) -> Option<Self> {
        require_program("spillway-worker")?;
        // Workers are told apart by topics of fixed names: each test has a broker.
        let kafka = Kafka::start().unwrap();
        let jobs = kafka.topic("jobs", 8).await;
        let results = kafka.topic_beside(topics::RESULTS).await;
        kafka.topic_beside(topics::WORKERS).await;
        kafka.topic_beside(topics::CONTROL).await;
        install_definitions(kube);
        let space = kube.namespace(workload.resource());
        grant(kube, &space);
        space
            .apply(&workload.document(kafka.brokers(), jobs.name()))
            .unwrap();
        let kubelet = space.kubelet("app=worker", || require_program("spillway-worker"));
        Some(Self {
            workload,
            kafka,
            jobs,
            results,
            space,
            kubelet,
            machines: tempfile::tempdir().unwrap(),
        })
    }

    pub(crate) fn workload(&self) -> Workload {
        self.workload
    }

    pub(crate) fn apply_policy(&self) {
        self.apply_policy_as(POLICY);
    }

    /// The same policy under another name.
    pub(crate) fn apply_policy_as(&self, name: &str) {
        let mut policy = policy(self.kafka.brokers(), self.jobs.name(), self.workload);
        policy["metadata"]["name"] = json!(name);
        self.space.apply(&policy).unwrap();
    }

    /// A controller with the rights of `account`.
    pub(crate) fn controller(&self, identity: &str, account: &str, options: &[&str]) -> Process {
        self.controller_under((POLICY, identity, account), options)
    }

    /// A controller of the policy of that name.
    pub(crate) fn controller_of(&self, policy: &str, identity: &str, options: &[&str]) -> Process {
        self.controller_under((policy, identity, ACCOUNT), options)
    }

    fn controller_under(
        &self,
        (policy, identity, account): (&str, &str, &str),
        options: &[&str],
    ) -> Process {
        let mut command = require_program("spillway").unwrap();
        command
            .args(["run", "--kubernetes", policy, "--listen", "127.0.0.1:0"])
            .args(["--identity", identity, "--owner", policy])
            .args(options)
            .arg("--state")
            .arg(self.machines.path().join(identity))
            .arg("--machines")
            .arg(self.machines.path())
            .arg("--worker")
            .arg(program("spillway-worker").unwrap())
            .env("KUBECONFIG", self.space.kubeconfig_of(account));
        Process::spawn(identity, command).unwrap()
    }

    pub(crate) async fn send(&self, name: &str, count: usize) {
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

    pub(crate) fn answered(&self) -> BTreeSet<String> {
        let records = self.results.records().unwrap();
        records
            .into_iter()
            .filter_map(|record| record.key)
            .collect()
    }

    pub(crate) fn all_answered(&self, count: usize) {
        eventually(SOON, "every job has a result", || {
            let answered = self.answered().len();
            match answered >= count {
                true => Ok(()),
                false => Err(format!("{answered} of {count} have; {}", self.row())),
            }
        });
    }

    pub(crate) fn replicas(&self) -> u64 {
        let workload = self
            .space
            .get(&[self.workload.resource(), "worker"])
            .unwrap();
        workload["spec"]["replicas"].as_u64().unwrap()
    }

    pub(crate) fn instances(&self) -> Vec<Value> {
        let listed = self.space.get(&["burstinstances"]).unwrap();
        listed["items"].as_array().unwrap().clone()
    }

    pub(crate) fn open_instances(&self) -> usize {
        let instances = self.instances();
        let open = instances
            .iter()
            .filter(|it| it["status"]["phase"] != "Closed");
        open.count()
    }

    /// What `kubectl get scalingpolicies` shows.
    pub(crate) fn row(&self) -> String {
        self.space
            .kubectl(&["get", "scalingpolicies"])
            .unwrap_or_default()
    }

    pub(crate) fn leader(&self) -> String {
        let lease = self.space.get(&["lease", "spillway-recognition"]);
        let lease = lease.unwrap_or_default();
        lease["spec"]["holderIdentity"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// What a replica answers to a GET.
    pub(crate) fn ask(&self, identity: &str, path: &str) -> Result<String, String> {
        let ask = || -> std::io::Result<String> {
            let address = self.machines.path().join(identity).join("address");
            let address = std::fs::read_to_string(address)?;
            let mut stream = std::net::TcpStream::connect(address.trim())?;
            stream.set_read_timeout(Some(QUICK))?;
            let head =
                format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        ask().map_err(|error| error.to_string())
    }

    /// Orders something of the replica.
    pub(crate) async fn order(
        &self,
        identity: &str,
        what: &str,
        order: Value,
    ) -> Result<(), String> {
        let address = self.machines.path().join(identity).join("address");
        let address = std::fs::read_to_string(address).map_err(|error| error.to_string())?;
        let url = format!("http://{address}/api/v1/policies/{POLICY}/{what}");
        let http = reqwest::Client::builder().no_proxy().build();
        let http = http.map_err(|error| error.to_string())?;
        let request = http.post(url).header("X-Spillway-Request", "1");
        let answer = request.json(&order).send().await;
        let answer = answer.map_err(|error| error.to_string())?;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(answer.text().await.unwrap_or_default()),
        }
    }

    pub(crate) fn goes_back(&self) {
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
    pub(crate) fn asked(&self, kube: &Kube, account: &str) -> Vec<(String, String, u64, String)> {
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

pub(crate) fn spillway(arguments: &[&str]) -> String {
    let mut command = Command::new(program("spillway").unwrap());
    let output = command.args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn install_definitions(kube: &Kube) {
    let definitions = spillway(&["crd"]);
    let applied = kube.kubectl(&["apply", "--server-side", "-f", "-"], &definitions);
    applied.unwrap_or_else(|error| panic!("{error}"));
    eventually(QUICK, "the definitions are established", || {
        kube.kubectl(&["get", "scalingpolicies,burstinstances", "-A"], "")
    });
}

/// Gives the account the rights of the chart, and nothing else.
pub(crate) fn grant(kube: &Kube, space: &Namespace) {
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
