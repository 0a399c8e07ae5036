//! Alerts in a real Prometheus that scrapes our real programs, while what they warn of is really done.
//!
//! The rules are those that the chart ships, expressions and thresholds as they are. Only time is shortened: what is to
//! last minutes lasts seconds here, and what looks back an hour looks back [`BACK`].

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use spillway_tests::{Kafka, Process, Signal, eventually_async, require_kafka, require_program};

use spillway_wire::{ImageSource, Job, topics};

use crate::{Controller, Machines, SOON, fixed_topics};

/// How long an alert's reason lasts before it fires.
const LASTS: &str = "2s";
/// How far back rates look.
const BACK: &str = "[20s]";
/// Jobs in one partition, more than the skew's alert wants.
const SKEWED: usize = 11_000;
const PARTITIONS: i32 = 12;
/// One more than there are partitions.
const CROWD: i32 = PARTITIONS + 1;

/// What fires because of how three policies are run.
const RUN_BADLY: [&str; 8] = [
    "SpillwayDrainEtaAboveObjective",
    "SpillwayBasePoolShort",
    "SpillwayWorkerStuckStarting",
    "SpillwayWorkersExceedPartitions",
    "SpillwayPartitionSkew",
    "SpillwayBudgetNearlySpent",
    "SpillwayBudgetExhausted",
    "SpillwayTwoLeaders",
];
/// What fires because of what is sent to a worker.
const SENT_BADLY: [&str; 3] = [
    "SpillwayDeadLetters",
    "SpillwayWorkerErrors",
    "SpillwayFetchFailing",
];
/// What fires when Kafka stands still.
const KAFKA_STANDS_STILL: [&str; 2] = ["SpillwaySignalStale", "SpillwayGatewayFailing"];
/// What fires when a controller is killed.
const CONTROLLER_KILLED: [&str; 1] = ["SpillwayNoLeader"];

/// Prometheus with the chart's rules.
struct Prometheus {
    process: Process,
    url: String,
    _folder: tempfile::TempDir,
}

// === impl Prometheus ===

impl Prometheus {
    /// `None`, with the reason printed, where it is not installed.
    fn is_there() -> bool {
        if Command::new("prometheus").arg("--version").output().is_ok() {
            return true;
        }
        let why = "there is no prometheus; tests/testbed/packages.sh rules installs it";
        assert!(std::env::var_os("CI").is_none(), "CI must run this: {why}");
        eprintln!("skipped: {why}");
        false
    }

    /// Scrapes `targets`, each an address and the pod that it stands for.
    fn start(targets: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = format!(
            "global: {{scrape_interval: 2s, scrape_timeout: 2s, evaluation_interval: 1s}}\n\
             rule_files: [{}]\n\
             scrape_configs:\n\
             - job_name: spillway\n\
             \x20 static_configs:\n",
            folder.path().join("rules.yaml").display()
        );
        for (address, pod) in targets {
            writeln!(
                config,
                "  - {{targets: [\"{address}\"], labels: {{namespace: shop, pod: {pod}}}}}"
            )
            .unwrap();
        }
        fs::write(folder.path().join("prometheus.yaml"), config).unwrap();
        fs::write(folder.path().join("rules.yaml"), rules().to_string()).unwrap();
        // Free a moment ago.
        let listen = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listen.local_addr().unwrap();
        drop(listen);
        let mut command = Command::new("prometheus");
        command
            .arg("--config.file")
            .arg(folder.path().join("prometheus.yaml"))
            .arg("--storage.tsdb.path")
            .arg(folder.path().join("data"))
            .arg(format!("--web.listen-address={address}"));
        Self {
            process: Process::spawn("prometheus", command).unwrap(),
            url: format!("http://{address}"),
            _folder: folder,
        }
    }

    /// Names of the alerts that fire.
    async fn firing(&self) -> Result<BTreeSet<String>, String> {
        let answer = reqwest::get(format!("{}/api/v1/alerts", self.url)).await;
        let answer = answer.map_err(|error| error.to_string())?;
        let answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        let alerts = answer["data"]["alerts"].as_array();
        let alerts = alerts.ok_or_else(|| answer.to_string())?.iter();
        let firing = alerts.filter(|alert| alert["state"] == "firing");
        let names = firing.map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned());
        Ok(names.collect())
    }

    /// Waits until none of these fires: a busy machine may have been taken for one that fails.
    async fn is_silent(&self, alerts: &[&str]) {
        eventually_async(SOON, "they keep silent", || async {
            let firing = self.firing().await?;
            let early: Vec<_> = alerts.iter().filter(|it| firing.contains(**it)).collect();
            match early.is_empty() {
                true => Ok(()),
                false => Err(format!("without a reason: {early:?}")),
            }
        })
        .await;
    }

    /// Waits until all of these fire.
    async fn fires(&mut self, alerts: &[&str]) {
        let began = std::time::Instant::now();
        assert!(self.process.is_running(), "{}", self.process.log());
        eventually_async(SOON, "they fire", || async {
            let firing = self.firing().await?;
            let silent: Vec<_> = alerts.iter().filter(|it| !firing.contains(**it)).collect();
            match silent.is_empty() {
                true => Ok(()),
                false => Err(format!("silent: {silent:?}; firing: {firing:?}")),
            }
        })
        .await;
        eprintln!(
            "fire after {:.0} s: {alerts:?}",
            began.elapsed().as_secs_f64()
        );
    }
}

/// The chart's rules, in a hurry.
fn rules() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/spillway/files/alerts.yaml");
    let text = fs::read_to_string(path).unwrap();
    let text = text
        .replace("$NAMESPACE", "shop")
        .replace("$POLICY", "crowded");
    let mut rules: Value = serde_yaml::from_str(&text).unwrap();
    for group in rules["groups"].as_array_mut().unwrap() {
        for rule in group["rules"].as_array_mut().unwrap() {
            let rule = rule.as_object_mut().unwrap();
            rule.remove("forEachPolicy");
            rule.insert("for".to_owned(), json!(LASTS));
            let mut expression = rule["expr"].as_str().unwrap().to_owned();
            for back in ["[5m]", "[10m]", "[30m]", "[1h]"] {
                expression = expression.replace(back, BACK);
            }
            rule.insert("expr".to_owned(), json!(expression));
        }
    }
    rules
}

pub(super) fn policy(name: &str, kafka: &Kafka, topic: &str, rest: &str) -> String {
    format!(
        "apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {{name: {name}}}
spec:
  source:
    kafka:
      bootstrapServers: [\"{}\"]
      consumerGroup: {name}
      topics: [{{name: {topic}}}]
  objective: {{drainWithin: 60s}}
  behavior: {{staleAfter: 5s}}
{rest}",
        kafka.brokers()
    )
}

/// A program that starts and never gets to work.
pub(super) fn idler(folder: &Path) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("worker");
    fs::write(&path, "#!/bin/sh\nexec sleep 600\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// Controllers of three policies that are run badly, the first of which is killed later.
async fn controllers(kafka: &Kafka, folder: &Path) -> Vec<Controller> {
    let skewed = kafka.topic("skewed", PARTITIONS).await;
    skewed.produce(0, SKEWED).await;
    let waiting = kafka.topic("waiting", PARTITIONS).await;
    waiting.produce(0, SKEWED).await;
    let idler = idler(folder);
    let worker = ["--worker", &idler];
    // More workers than partitions, none of which comes up, and one partition that has it all.
    let crowded = format!(
        "  base:
    process: {{workers: {CROWD}}}
    pricePerWorkerHour: 0.64
    throughputPerWorker: 40
"
    );
    let crowded = policy("crowded", kafka, skewed.name(), &crowded);
    // One dollar a second of 21 a day, for machines that do nothing: it is bought if 20 are left.
    let spent = "  base:
    process: {workers: 1}
    pricePerWorkerHour: 0.64
    throughputPerWorker: 40
  burst:
    maxWorkers: 1
    pools:
      - name: cloud
        provider: {process: {}}
        pricePerHour: 3600
        billingMinimum: 1s
        bootTime: 2s
        throughputPerWorker: 40
        max: 1
  budget: {perDay: 21}
";
    let spent = policy("spent", kafka, waiting.name(), spent)
        .replace("drainWithin: 60s", "drainWithin: 20s");
    let twice = "  base:
    static: {workers: 1}
    pricePerWorkerHour: 0.64
    throughputPerWorker: 40
";
    let twice = policy("twice", kafka, waiting.name(), twice);
    let start = |name: &str, policy: &str, more: &[&str]| {
        Controller::start(name, policy, &folder.join(name), more)
    };
    vec![
        start("crowded", &crowded, &worker),
        start("spent", &spent, &worker),
        // Each leads by the lock of its own folder: what a copied installation does.
        start("twice", &twice, &[]),
        start("twice-again", &twice, &[]),
    ]
}

/// A gateway with the address that its metrics are at.
async fn gateway(kafka: &Kafka, folder: &Path) -> (Process, String, String) {
    let program = || require_program("spillway-gateway").expect("it was there just now");
    let secret = folder.join("secret");
    assert!(
        program()
            .arg("secret")
            .arg(&secret)
            .status()
            .unwrap()
            .success()
    );
    let store = folder.join("store");
    fs::create_dir(&store).unwrap();
    let (jobs, results) = (kafka.topic("api", 1).await, kafka.topic("results", 1).await);
    let mut command = program();
    command
        .arg("run")
        .args(["--brokers", kafka.brokers(), "--group", "gateways"])
        .args(["--jobs-topic", jobs.name()])
        .args(["--results-topic", results.name()])
        .args([
            "--listen",
            "127.0.0.1:0",
            "--operator-listen",
            "127.0.0.1:0",
        ])
        .arg("--open")
        .arg("--secret-file")
        .arg(secret)
        .arg("--object-store")
        .arg(store)
        .arg("--model-set")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../worker/models/demo"))
        .env("NO_COLOR", "1");
    let process = Process::spawn("gateway", command).unwrap();
    let said = |words: &str| {
        let log = process.log();
        let said = log.split(words).nth(1);
        let said = said.and_then(|said| said.split_whitespace().next());
        said.map(str::to_owned).ok_or(log)
    };
    let api = eventually_async(SOON, "it listens", || async { said("listening address=") }).await;
    let operators = eventually_async(SOON, "it tells operators", || async {
        said("operator_address=")
    })
    .await;
    eventually_async(SOON, "the gateway is ready", || async {
        let answer = reqwest::get(format!("http://{operators}/readyz")).await;
        match answer.map_err(|error| error.to_string())?.status().as_u16() {
            200 => Ok(()),
            status => Err(status.to_string()),
        }
    })
    .await;
    (process, api, operators)
}

/// A worker without models, so that it starts at once, with the address that its metrics are at; and what goes on being
/// sent to it: seven jobs, of which one is none and two name an image that nobody may fetch.
async fn worker(kafka: &Kafka) -> (Process, String, tokio::task::JoinHandle<()>) {
    let jobs = kafka.topic("lab", 1).await;
    let _dead_letters = kafka.topic_beside(&topics::dead_letters(jobs.name())).await;
    let results = kafka.topic("lab-results", 1).await;
    let listen = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listen.local_addr().unwrap().to_string();
    drop(listen);
    let mut command = require_program("spillway-worker").expect("it was there just now");
    command
        .arg("run")
        .args(["--brokers", kafka.brokers(), "--group", "lab"])
        .args(["--topic", jobs.name(), "--results-topic", results.name()])
        .args(["--device", "none", "--pool", "lab", "--worker-id", "w1"])
        .arg("--model-set")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../worker/models/demo"))
        .args(["--listen", &address]);
    let process = Process::spawn("worker", command).unwrap();
    let sending = tokio::spawn(async move {
        let mut file = std::io::Cursor::new(Vec::new());
        let image = image::RgbImage::from_pixel(16, 12, image::Rgb([40, 90, 160]));
        image.write_to(&mut file, image::ImageFormat::Png).unwrap();
        let image = file.into_inner();
        for round in 0.. {
            for number in 0..7 {
                let id = format!("{round}-{number}");
                let source = match number {
                    1 | 2 => ImageSource::Uri("http://127.0.0.1:9/image.png".to_owned()),
                    _ => ImageSource::Inline(image.clone()),
                };
                let now_ms = jiff::Timestamp::now().as_millisecond();
                let job = match number {
                    0 => b"no job".to_vec(),
                    _ => Job::new(&id, now_ms, source).encode(),
                };
                jobs.put(&id, Some(&job)).await;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    (process, address, sending)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_fire_when_what_they_warn_of_is_really_done() {
    let programs = ["spillway", "spillway-gateway", "spillway-worker"];
    if require_kafka().is_none()
        || !Prometheus::is_there()
        || programs.iter().any(|it| require_program(it).is_none())
    {
        return;
    }
    let folder = tempfile::Builder::new()
        .prefix("spillway-alerts-")
        .tempdir()
        .unwrap();
    let kafka = Kafka::start().unwrap();
    fixed_topics(&kafka).await;
    let _machines = Machines(folder.path().to_owned());
    let mut controllers = controllers(&kafka, folder.path()).await;
    let (_gateway, api, operators) = gateway(&kafka, folder.path()).await;
    let (_worker, worker_address, sending) = worker(&kafka).await;
    let mut targets: Vec<(&str, &str)> = controllers
        .iter()
        .map(|it| it.address())
        .zip(["crowded-0", "spent-0", "twice-0", "twice-1"])
        .collect();
    targets.extend([
        (operators.as_str(), "gateway-0"),
        (&worker_address, "worker-0"),
    ]);
    let mut prometheus = Prometheus::start(&targets);

    prometheus.fires(&RUN_BADLY).await;
    prometheus.fires(&SENT_BADLY).await;
    sending.abort();
    prometheus
        .is_silent(&[&KAFKA_STANDS_STILL[..], &CONTROLLER_KILLED].concat())
        .await;

    kafka.signal(Signal::Stop);
    let asking = tokio::spawn(async move {
        let client = reqwest::Client::new();
        loop {
            let image = json!({"images": [{"inline": "AAAA"}]});
            let sent = client
                .post(format!("http://{api}/v1/recognize"))
                .json(&image);
            tokio::spawn(sent.send());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    prometheus.fires(&KAFKA_STANDS_STILL).await;
    asking.abort();

    controllers[0].process.signal(Signal::Kill);
    prometheus.fires(&CONTROLLER_KILLED).await;
    kafka.signal(Signal::Continue);
}
