//! Kubernetes: how long after a burst the base's scale changes, in how many steps, and to how many exactly.
//!
//! ```text
//!  SPILLWAY_BENCH_SECONDS=360   how long bursts are sent into 64 partitions
//! ```
//!
//! A real API server and a real broker. Each burst meets a controller that began anew: one that had seen those before
//! would rightly keep the base filled. A quota keeps pods from being made, since what is measured ends with the scale.
#![allow(
    clippy::unwrap_used,
    reason = "what goes wrong ends it, with the place"
)]

mod report;
#[path = "../it/kube/world.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod world;

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer as _},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::{Value, json};
use spillway_tests::{
    Kafka, Kube, Namespace, Process, Signal, Topic, require_kafka, require_kube, require_program,
};
use spillway_wire::topics;

use report::Report;
use world::{ACCOUNT, POLICY};

/// Partitions, and bursts into as many of them: the first for the number alone.
const FEW: (i32, usize) = (24, 3);
const MANY: i32 = 64;
const SECONDS: u64 = 360;
/// Jobs for each partition: far more than one worker can do in time.
const JOBS: usize = 40;
const GROUP: &str = "bench-kube";
/// The base's most is no limit: partitions are.
const BASE_MAX: u32 = 100;
const SOON: Duration = Duration::from_secs(60);
/// After a scale has changed, a second step would come within this.
const SETTLES: Duration = Duration::from_millis(1_500);

/// A namespace with a base of one, a topic, and what was seen of the scale.
struct Bed {
    kafka: Kafka,
    jobs: Topic,
    partitions: i32,
    space: Namespace,
    folder: tempfile::TempDir,
    scales: Scales,
    sent: i64,
}

/// Every scale that a watch has shown, and when.
struct Scales {
    seen: Arc<Mutex<Vec<(Instant, u32)>>>,
    watch: Child,
}

/// What became of one burst.
struct Burst {
    seconds: f64,
    steps: Vec<u32>,
}

fn main() -> anyhow::Result<()> {
    let seconds = std::env::var("SPILLWAY_BENCH_SECONDS");
    let seconds = seconds.map_or(Ok(SECONDS), |seconds| seconds.parse())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut report = Report::begin("kube")?;
    runtime.block_on(measure(&mut report, Duration::from_secs(seconds)))?;
    report.finish()
}

async fn measure(report: &mut Report, time: Duration) -> anyhow::Result<()> {
    let kube = require_kube().context("no Kubernetes")?;
    require_kafka().context("no Kafka")?;
    require_program("spillway").context("spillway is not built")?;
    world::install_definitions(&kube);

    let mut few = Bed::begin(&kube, FEW.0).await?;
    let mut of_few = Vec::new();
    for number in 0..FEW.1 {
        of_few.push(few.burst(number).await?);
    }
    drop(few);
    let mut many = Bed::begin(&kube, MANY).await?;
    let mut of_many = Vec::new();
    let began = Instant::now();
    while began.elapsed() < time {
        of_many.push(many.burst(of_many.len()).await?);
    }
    tell(report, &of_few, &of_many)
}

fn tell(report: &mut Report, few: &[Burst], many: &[Burst]) -> anyhow::Result<()> {
    let mut took: Vec<f64> = many.iter().map(|burst| burst.seconds).collect();
    took.sort_by(f64::total_cmp);
    let count = took.len();
    let at = |share: f64| took[((count as f64 * share).ceil() as usize).clamp(1, count) - 1];
    let how = format!(
        "of {count} bursts of {JOBS} jobs into each of {MANY} partitions: the last record is acknowledged, until a watch \
         shows the Deployment's changed scale"
    );
    let off = |bursts: &[Burst], wanted: i32| {
        let ends = bursts.iter().filter_map(|burst| burst.steps.last());
        let off = ends.map(|end| f64::from(*end) - f64::from(wanted));
        off.map(f64::abs).fold(0.0, f64::max)
    };
    let steps = many.iter().chain(few).map(|burst| burst.steps.len());
    let steps = steps.max().unwrap_or(0) as f64;
    report.figure(
        "burst_to_scale_median",
        at(0.5),
        "s",
        format!("median {how}"),
    )?;
    report.figure("burst_to_scale_p99", at(0.99), "s", format!("p99 {how}"))?;
    report.figure("burst_to_scale_max", at(1.0), "s", format!("largest {how}"))?;
    report.figure(
        "bursts",
        count as f64,
        "bursts",
        "as many as fit into the time",
    )?;
    report.figure(
        "scale_steps_max",
        steps,
        "steps",
        "changes of the scale after one burst, from 1 to where it stayed",
    )?;
    report.figure(
        "scale_off_24",
        off(few, FEW.0),
        "replicas",
        format!(
            "between 24 and where the scale went with 24 partitions, of {} bursts",
            few.len()
        ),
    )?;
    report.figure(
        "scale_off_64",
        off(many, MANY),
        "replicas",
        format!("between 64 and where the scale went with 64 partitions, of {count} bursts"),
    )
}

// === impl Bed ===

impl Bed {
    async fn begin(kube: &'static Kube, partitions: i32) -> anyhow::Result<Self> {
        let kafka = Kafka::start()?;
        let jobs = kafka.topic("jobs", partitions).await;
        kafka.topic_beside(topics::WORKERS).await;
        kafka.topic_beside(topics::CONTROL).await;
        let space = kube.namespace("bench");
        world::grant(kube, &space);
        let apply = |document: Value| space.apply(&document).map_err(anyhow::Error::msg);
        apply(json!({
            "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "no-pods"},
            "spec": {"hard": {"pods": "1"}}
        }))?;
        let labels = json!({"app": "worker"});
        apply(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "worker"},
            "spec": {"selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "worker", "image": "spillway-worker:it"}]}
            }}
        }))?;
        apply(policy(kafka.brokers(), jobs.name()))?;
        let bed = Self {
            scales: Scales::watch(&space)?,
            kafka,
            jobs,
            partitions,
            space,
            folder: tempfile::tempdir()?,
            sent: 0,
        };
        // Where nothing was ever committed a group begins at the end, which is no backlog.
        bed.commit()?;
        Ok(bed)
    }

    /// Sends one burst to a controller that has seen none, and says what it did; everything is as before then.
    async fn burst(&mut self, number: usize) -> anyhow::Result<Burst> {
        let mut controller = self.controller()?;
        self.controller_is_quiet().await?;
        // Not in step with the ticks.
        let pause = u64::try_from(number * 337 % 1_000)?;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let before = self.scales.count();
        let acknowledged = self.send().await?;
        let until = Instant::now() + SOON;
        while self.scales.count() == before {
            ensure!(
                Instant::now() < until,
                "no scale changed: {}",
                controller.log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(SETTLES).await;
        let steps = self.scales.since(before);
        controller.signal(Signal::Term);
        controller.wait(SOON);
        self.commit()?;
        let scale = ["scale", "deployment/worker", "--replicas=1"];
        self.space.kubectl(&scale).map_err(anyhow::Error::msg)?;
        while self.scales.last() != Some(1) {
            ensure!(Instant::now() < until + SOON, "the scale did not go back");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (changed, _) = steps[0];
        Ok(Burst {
            seconds: changed
                .saturating_duration_since(acknowledged)
                .as_secs_f64(),
            steps: steps.into_iter().map(|(_, scale)| scale).collect(),
        })
    }

    fn controller(&self) -> anyhow::Result<Process> {
        // That of the one before says where it was.
        let _ = std::fs::remove_file(self.folder.path().join("address"));
        let mut command = require_program("spillway").context("spillway is not built")?;
        command
            .args(["run", "--kubernetes", POLICY, "--listen", "127.0.0.1:0"])
            .arg("--state")
            .arg(self.folder.path())
            .env("KUBECONFIG", self.space.kubeconfig_of(ACCOUNT));
        Process::spawn("controller", command)
    }

    /// Waits until it leads, has looked, and sees that nothing waits.
    async fn controller_is_quiet(&self) -> anyhow::Result<()> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        let state = async || -> Option<Value> {
            let address = std::fs::read_to_string(self.folder.path().join("address")).ok()?;
            let url = format!("http://{address}/api/v1/state");
            http.get(url).send().await.ok()?.json().await.ok()
        };
        let until = Instant::now() + SOON;
        loop {
            let seen = state().await.unwrap_or_default();
            if seen["policies"][0]["backlog"] == 0 {
                return Ok(());
            }
            ensure!(Instant::now() < until, "the controller sees {seen}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Sends a burst; when the last of its records was acknowledged.
    async fn send(&mut self) -> anyhow::Result<Instant> {
        let producer: FutureProducer = self.kafka.client().set("linger.ms", "1").create()?;
        let mut waiting = Vec::new();
        for number in 0..JOBS {
            for partition in 0..self.partitions {
                let key = number.to_string();
                let record = FutureRecord::to(self.jobs.name())
                    .partition(partition)
                    .key(&key)
                    .payload("a job");
                let sent = producer.send_result(record).map_err(|(error, _)| error);
                waiting.push(sent?);
            }
        }
        for delivery in waiting {
            delivery.await?.map_err(|(error, _)| error)?;
        }
        self.sent += i64::try_from(JOBS)?;
        Ok(Instant::now())
    }

    /// Commits all that was sent, as workers would.
    fn commit(&self) -> anyhow::Result<()> {
        let mut offsets = TopicPartitionList::new();
        offsets.add_partition_range(self.jobs.name(), 0, self.partitions - 1);
        offsets.set_all_offsets(Offset::Offset(self.sent))?;
        let consumer: BaseConsumer = self.kafka.client().set("group.id", GROUP).create()?;
        Ok(consumer.commit(&offsets, CommitMode::Sync)?)
    }
}

fn policy(brokers: &str, topic: &str) -> Value {
    json!({
        "apiVersion": "spillway.dev/v1alpha1", "kind": "ScalingPolicy", "metadata": {"name": POLICY},
        "spec": {
            "source": {"kafka": {
                "bootstrapServers": [brokers], "consumerGroup": GROUP, "topics": [{"name": topic}]
            }},
            "objective": {"drainWithin": "2m"},
            "base": {
                "kubernetes": {"deployment": "worker", "replicas": {"min": 1, "max": BASE_MAX}},
                "pricePerWorkerHour": 0.64, "throughputPerWorker": 4
            }
        }
    })
}

// === impl Scales ===

impl Scales {
    fn watch(space: &Namespace) -> anyhow::Result<Self> {
        let path = "jsonpath={.spec.replicas}{\"\\n\"}";
        let arguments = ["get", "deployment", "worker", "--watch", "--output", path];
        let mut watch = space
            .kubectl_command(&arguments)
            .stdout(Stdio::piped())
            .stdin(Stdio::null())
            .spawn()?;
        let seen: Arc<Mutex<Vec<(Instant, u32)>>> = Arc::default();
        let lines = BufReader::new(watch.stdout.take().context("no output")?).lines();
        let notes = Arc::clone(&seen);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Ok(scale) = line.trim().parse::<u32>() else {
                    continue;
                };
                let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
                // Its status changes too.
                if notes.last().is_none_or(|(_, last)| *last != scale) {
                    notes.push((Instant::now(), scale));
                }
            }
        });
        Ok(Self { seen, watch })
    }

    fn since(&self, count: usize) -> Vec<(Instant, u32)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen[count..].to_vec()
    }

    fn count(&self) -> usize {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    fn last(&self) -> Option<u32> {
        self.since(0).last().map(|(_, scale)| *scale)
    }
}

impl Drop for Scales {
    fn drop(&mut self) {
        let _ = self.watch.kill();
        let _ = self.watch.wait();
    }
}
