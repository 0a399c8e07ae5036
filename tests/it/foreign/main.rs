//! A team's own consumers, which send no heartbeats: seen in their group, measured by their commits, and helped by
//! bought machines that run the same consumer. Real Apache Kafka, and a Python loop on Confluent's client.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value;
use spillway_kafka::{BacklogSource, Cluster, GroupLag, KafkaConfig, TopicSpec};
use spillway_tests::{
    Kafka, Process, Signal, Topic, eventually_async, require_kafka, require_program, require_python,
};
use spillway_wire::topics;

const SOON: Duration = Duration::from_secs(180);
const PARTITIONS: i32 = 12;
const GROUP: &str = "teams-own";
/// What each consumer does, and what the policy says of it until it is measured.
const RATE: f64 = 25.0;
const TOLD: f64 = 5.0;

fn here(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The loop as a program of its own, as a team would start it; none where Confluent's client cannot be had.
fn program(folder: &Path) -> Option<PathBuf> {
    let python = require_python("confluent-kafka")?;
    let file = folder.join("consumer");
    let script = format!(
        "#!/bin/sh\nexport JOBS_PER_SECOND={RATE}\nexec {} {}\n",
        python.display(),
        here("it/foreign/loop.py").display()
    );
    fs::write(&file, script).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    Some(file)
}

fn consumer(program: &Path, kafka: &Kafka, jobs: &Topic, name: &str) -> Process {
    let mut command = Command::new(program);
    command
        .env("SPILLWAY_BROKERS", kafka.brokers())
        .env("SPILLWAY_GROUP", GROUP)
        .env("SPILLWAY_TOPICS", jobs.name());
    Process::spawn(name, command).unwrap()
}

fn controller(folder: &Path, program: &Path, kafka: &Kafka, jobs: &Topic) -> Process {
    let policy = folder.join("policy.yaml");
    let text = format!(
        "apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {{name: theirs}}
spec:
  source:
    kafka:
      bootstrapServers: [\"{}\"]
      consumerGroup: {GROUP}
      assignment: Group
      topics: [{{name: {}}}]
  objective: {{drainWithin: 45s}}
  base: {{static: {{workers: 2}}, pricePerWorkerHour: 0.64, throughputPerWorker: {TOLD}}}
  burst:
    maxWorkers: 3
    pools:
      - {{name: more, provider: {{process: {{bootDelay: 1s}}}}, pricePerHour: 1, billingMinimum: 10s, bootTime: 10s, throughputPerWorker: {TOLD}, max: 3}}
  budget: {{perHour: 10}}
  behavior: {{drainTimeout: 5s}}
",
        kafka.brokers(),
        jobs.name()
    );
    fs::write(&policy, text).unwrap();
    let mut command = require_program("spillway").unwrap();
    command
        .args([
            "run",
            "--listen",
            "127.0.0.1:0",
            "--terminate-on-exit",
            "--policy",
        ])
        .arg(policy)
        .arg("--worker")
        .arg(program)
        .arg("--state")
        .arg(folder.join("state"));
    Process::spawn("controller", command).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn consumers_without_heartbeats_are_measured_and_helped() {
    if require_kafka().is_none() || require_program("spillway").is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = program(folder.path()) else {
        return;
    };
    let kafka = Kafka::start().unwrap();
    let cluster = Cluster::new(KafkaConfig::new(kafka.brokers())).unwrap();
    let specs = [topics::WORKERS, topics::CONTROL].map(|name| TopicSpec::compacted(name, 1));
    cluster.ensure(&specs, SOON).await.unwrap();
    let jobs = kafka.topic("theirs", PARTITIONS).await;
    let mut base = ["one", "two"].map(|name| consumer(&program, &kafka, &jobs, name));
    let mut controller = controller(folder.path(), &program, &kafka, &jobs);

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let address = folder.path().join("state/address");
    let state = async || -> Result<Value, String> {
        let address = fs::read_to_string(&address).map_err(|error| error.to_string())?;
        let answer = http
            .get(format!("http://{address}/api/v1/state"))
            .send()
            .await;
        let state: Value = answer
            .map_err(|error| error.to_string())?
            .json()
            .await
            .unwrap();
        Ok(state["policies"][0].clone())
    };
    let pool = |state: &Value, name: &str| -> Value {
        let mut pools = state["pools"].as_array().into_iter().flatten();
        pools
            .find(|it| it["name"] == name)
            .cloned()
            .unwrap_or_default()
    };

    for partition in 0..PARTITIONS {
        jobs.produce(partition, 150).await;
    }
    eventually_async(SOON, "both are seen, and as fast as they are", || async {
        let base = pool(&state().await?, "base");
        let rate = base["rate_per_worker"].as_f64().unwrap_or(0.0);
        let is_so = base["ready"] == 2 && base["measured"] == true && rate > 3.0 * TOLD;
        if is_so { Ok(()) } else { Err(base.to_string()) }
    })
    .await;
    for partition in 0..PARTITIONS {
        jobs.produce(partition, 250).await;
    }
    eventually_async(SOON, "bought machines work with them", || async {
        let more = pool(&state().await?, "more");
        if more["ready"].as_u64() > Some(0) {
            Ok(())
        } else {
            Err(more.to_string())
        }
    })
    .await;
    let source = GroupLag::new(cluster, GROUP, [jobs.name()], Duration::from_secs(20)).unwrap();
    eventually_async(SOON, "every job is done", || async {
        let lags = source.read().await.partitions.into_iter();
        let lag: u64 = lags
            .map(|it| it.offsets.map(|it| it.lag()))
            .sum::<Result<_, _>>()?;
        if lag == 0 {
            Ok(())
        } else {
            Err(format!("lag {lag}"))
        }
    })
    .await;
    eventually_async(SOON, "what was bought is given back", || async {
        let more = pool(&state().await?, "more");
        let count = |field: &str| more[field].as_u64().unwrap_or(1);
        match count("booting") + count("ready") + count("draining") {
            0 => Ok(()),
            _ => Err(more.to_string()),
        }
    })
    .await;
    assert!(
        base.iter_mut().all(Process::is_running),
        "the base is not ours to end"
    );
    controller.signal(Signal::Term);
    assert!(controller.wait(SOON).success(), "{}", controller.log());
}
