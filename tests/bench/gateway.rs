//! The recognition API with a stand-in worker that answers at once: what the gateway itself takes.
//!
//! ```text
//!  connections ─▶ spillway-gateway ─▶ jobs ─▶ stand-in ─▶ results ─▶ spillway-gateway ─▶ connections
//!  one client  ─────────────────────▶ jobs ─▶ stand-in ─▶ results ─▶ the same client: the round trip of Kafka
//! ```
//!
//! Everything runs on the same cores: gateway, broker, stand-in, and the connections.

mod hostile;
mod load;
mod report;
mod stand_in;
mod whole;

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use spillway_tests::{Kafka, Process, Topic, require_program};

use load::{Load, Measured};
use report::Report;
use stand_in::StandIn;

/// Connections at once, each with one request at a time.
const CONNECTIONS: [usize; 3] = [1, 64, 512];
/// Requests that wait at once.
const WAITING: usize = 10_000;
/// Round trips of Kafka alone.
const ROUND_TRIPS: usize = 1_500;
const WARM_UP: Duration = Duration::from_secs(2);
const MEASURE: Duration = Duration::from_secs(8);
const START_MAX: Duration = Duration::from_secs(120);
const ANSWER_MAX: Duration = Duration::from_secs(120);
const PARTITIONS: i32 = 4;

/// The gateway, and what it is reached with.
struct Gateway {
    process: Process,
    address: String,
    operators: String,
    key: String,
    _folder: tempfile::TempDir,
}

fn main() -> anyhow::Result<()> {
    let mut report = Report::begin("gateway")?;
    let kafka = Kafka::start_lasting().context("there is no Kafka")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let (jobs, results) = runtime.block_on(async {
        (
            kafka.topic("jobs", PARTITIONS).await,
            kafka.topic("results", PARTITIONS).await,
        )
    });
    let (direct_jobs, direct_results) = runtime.block_on(async {
        (
            kafka.topic("direct-jobs", PARTITIONS).await,
            kafka.topic("direct-results", 1).await,
        )
    });
    let stand_in = StandIn::start(
        &kafka.client(),
        &[
            (jobs.name(), results.name()),
            (direct_jobs.name(), direct_results.name()),
        ],
    )?;
    let mut gateway = Gateway::start(&kafka, &jobs, &results)?;
    runtime.block_on(gateway.is_ready())?;

    let trips = stand_in::round_trips(
        &kafka.client(),
        direct_jobs.name(),
        direct_results.name(),
        ROUND_TRIPS,
    )?;
    let how = format!(
        "a job sent and its result read by one client of librdkafka, with the gateway's settings, {ROUND_TRIPS} one after the other"
    );
    report.figure("round_trip_p50", trips.at(50), "ms", &how)?;
    report.figure("round_trip_p99", trips.at(99), "ms", &how)?;
    for connections in CONNECTIONS {
        let load = gateway.load(connections);
        let measured = runtime.block_on(load.run(WARM_UP, MEASURE))?;
        ensure!(gateway.process.is_running(), "{}", gateway.process.log());
        figures(&mut report, connections, &measured, gateway.memory_mb()?)?;
        if connections == 1 {
            let how = "connections_1_p99 less round_trip_p99 of the same run";
            report.figure("overhead_p99", measured.at(99) - trips.at(99), "ms", how)?;
        }
    }
    runtime.block_on(hostile::measure(&gateway, &mut report))?;
    let waiting = runtime.block_on(waiting(&gateway, &stand_in))?;
    report.figure(
        "waiting_memory",
        waiting,
        "MB",
        format!("resident memory with {WAITING} requests waiting, each on a connection of its own, less that before; all were answered then"),
    )?;
    drop(gateway);
    drop(stand_in);
    runtime.block_on(async {
        let jobs = kafka.topic("whole-jobs", 1).await;
        let results = kafka.topic("whole-results", PARTITIONS).await;
        whole::measure(&kafka, &jobs, &results, &mut report).await
    })?;
    report.finish()
}

fn figures(
    report: &mut Report,
    connections: usize,
    measured: &Measured,
    memory_mb: f64,
) -> anyhow::Result<()> {
    let how = format!(
        "{connections} connections over HTTP/1.1, one request each at a time, an inline image of 3 bytes, {} answers in {:.0} s",
        measured.count(),
        MEASURE.as_secs_f64()
    );
    let name = |what: &str| format!("connections_{connections}_{what}");
    let rate = measured.count() as f64 / MEASURE.as_secs_f64();
    report.figure(&name("rate"), rate, "requests/s", &how)?;
    report.figure(&name("p50"), measured.at(50), "ms", &how)?;
    report.figure(&name("p99"), measured.at(99), "ms", &how)?;
    let how = format!("resident memory after {how}");
    report.figure(&name("memory"), memory_mb, "MB", how)
}

/// What many requests that wait take, MB.
async fn waiting(gateway: &Gateway, stand_in: &StandIn) -> anyhow::Result<f64> {
    stand_in.pause(true);
    let before = gateway.memory_mb()?;
    let load = gateway.load(WAITING);
    let answers = tokio::spawn(load.once());
    let until = Instant::now() + ANSWER_MAX;
    loop {
        let count = gateway.metric("spillway_gateway_waiting_requests").await?;
        if count >= WAITING as f64 {
            break;
        }
        ensure!(Instant::now() < until, "only {count} wait");
        ensure!(!answers.is_finished(), "they do not wait");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let with_all = gateway.memory_mb()?;
    stand_in.pause(false);
    let good = tokio::time::timeout(ANSWER_MAX, answers).await???;
    ensure!(good == WAITING, "{good} of {WAITING} were answered");
    Ok(with_all - before)
}

// === impl Gateway ===

impl Gateway {
    fn start(kafka: &Kafka, jobs: &Topic, results: &Topic) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let program = || require_program("spillway-gateway").context("the gateway is not built");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("store"))?;
        ensure!(
            program()?
                .arg("secret")
                .arg(path("secret"))
                .status()?
                .success()
        );
        let (key, hash) = key(program()?, &path("secret"))?;
        let tenants = format!(
            "apiVersion: spillway.dev/v1alpha1
kind: Tenants
spec:
  tenants:
  - name: bench
    imagesPerSecond: 1000000
    concurrentImages: 1000000
    keys: [{{hash: {hash}}}]
"
        );
        fs::write(path("tenants.yaml"), tenants)?;
        let mut command = program()?;
        command
            .arg("run")
            .args(["--brokers", kafka.brokers()])
            .args([
                "--jobs-topic",
                jobs.name(),
                "--results-topic",
                results.name(),
            ])
            .args([
                "--listen",
                "127.0.0.1:0",
                "--operator-listen",
                "127.0.0.1:0",
            ])
            .args(["--connections-max", "20000", "--wait-max", "120s"])
            .arg("--secret-file")
            .arg(path("secret"))
            .arg("--tenants")
            .arg(path("tenants.yaml"))
            .arg("--object-store")
            .arg(path("store"))
            .arg("--model-set")
            .arg(report::root().join("worker/models/demo"))
            .env("NO_COLOR", "1");
        let process = Process::spawn("gateway", command)?;
        let address = said(&process, "listening address=")?;
        let operators = said(&process, "operator_address=")?;
        Ok(Self {
            process,
            address,
            operators,
            key,
            _folder: folder,
        })
    }

    fn load(&self, connections: usize) -> Load {
        Load {
            address: self.address.clone(),
            key: self.key.clone(),
            connections,
        }
    }

    async fn is_ready(&self) -> anyhow::Result<()> {
        let url = format!("http://{}/readyz", self.operators);
        let until = Instant::now() + START_MAX;
        loop {
            let answer = reqwest::get(&url).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            ensure!(Instant::now() < until, "not ready:\n{}", self.process.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let url = format!("http://{}/metrics", self.operators);
        let text = reqwest::get(url).await?.text().await?;
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        Ok(line.context("no such metric")?.trim().parse()?)
    }

    fn memory_mb(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        let kib: f64 = kib.context("no VmRSS")?.parse()?;
        Ok(kib * 1_024.0 / 1e6)
    }
}

/// What follows `words` in a process's log.
fn said(process: &Process, words: &str) -> anyhow::Result<String> {
    let until = Instant::now() + START_MAX;
    loop {
        let log = process.log();
        let said = log.split(words).nth(1);
        if let Some(said) = said.and_then(|said| said.split_whitespace().next()) {
            return Ok(said.to_owned());
        }
        ensure!(Instant::now() < until, "the gateway did not start:\n{log}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A new key and its hash.
fn key(mut program: Command, secret: &Path) -> anyhow::Result<(String, String)> {
    let printed = program
        .args(["key", "--secret-file"])
        .arg(secret)
        .output()?;
    let text = String::from_utf8(printed.stdout)?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim().to_owned())
            .with_context(|| format!("no {name} in {text}"))
    };
    Ok((value("key:")?, value("hash:")?))
}
