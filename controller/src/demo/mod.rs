//! The main job on one machine: an embedded Kafka, an image server, the controller and real workers;
//! a steady load, a surprise burst, machines bought and given back, and a summary that can be checked.
//!
//! ```text
//!  load ─▶ Kafka ─▶ workers ─▶ Kafka ─▶ judge ─▶ report
//!           ▲ lag     ▲ process provider
//!           └──── controller (a process of its own, kept alive)
//! ```

mod broker;
mod child;
mod costs;
mod images;
mod judge;
mod load;
mod origin;
mod policy;
mod report;
mod screen;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use spillway_cloud::process::{Process, ProcessConfig};
use spillway_core::{BASE_POOL, Policy};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::explain;
use crate::intents::IntentStore;
use crate::policy_file;
use broker::Broker;
use child::Controller;
use costs::{Costs, instances_per_intent_max};
use images::Pictures;
use judge::Judge;
use load::Load;
use report::Report;
use screen::{Scene, Screen};

/// Workers must be ready within this; a machine that is this slow is no place for a demo.
const READY_DEADLINE: Duration = Duration::from_secs(120);
/// Steady load alone, so that its latency can be measured.
const STEADY_ALONE: Duration = Duration::from_secs(15);
/// Beyond the deadline, what is still missing is lost.
const ANSWERS_PATIENCE: Duration = Duration::from_secs(120);
/// After the burst, bought machines must be given back within this.
const GIVE_BACK_DEADLINE: Duration = Duration::from_secs(90);
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The demo's command line.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End after one burst instead of going on until Ctrl-C.
    #[arg(long)]
    once: bool,
    /// Write the summary as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Use the Kafka at this address instead of the embedded one.
    #[arg(long, value_name = "HOST:PORT")]
    kafka: Option<String>,
    /// Jobs of the burst.
    #[arg(long, default_value_t = 3_000)]
    burst: u64,
    /// Steady jobs a second; the base can do twice the limit of a worker.
    #[arg(long, default_value_t = 6.0)]
    steady: f64,
    /// Images a second that each worker is held to, so that several fit on a small machine.
    #[arg(long, default_value_t = 6.0, value_name = "RATE")]
    worker_rate: f64,
    /// Every job is done this long after it arrived.
    #[arg(long, default_value = "150s", value_name = "DURATION")]
    drain_within: String,
    /// Distinct images that are drawn and served.
    #[arg(long, default_value_t = 240)]
    images: u64,
    /// What the images are drawn from; other seeds give other images.
    #[arg(long, default_value_t = 7)]
    seed: u64,
    /// The workers' model set.
    #[arg(
        long,
        env = "SPILLWAY_MODEL_SET",
        default_value = "worker/models/demo",
        value_name = "DIR"
    )]
    model_set: PathBuf,
    /// The worker's program; by default `spillway-worker` beside this one.
    #[arg(long, env = "SPILLWAY_WORKER", value_name = "FILE")]
    worker: Option<PathBuf>,
    /// Where to serve the dashboard.
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: std::net::SocketAddr,
    /// Folder for the controller's state; a temporary one that is removed after a good run if not given.
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// A line now and then instead of a live screen.
    #[arg(long)]
    plain: bool,
}

/// A run, as it goes.
struct Run {
    args: DemoArgs,
    id: String,
    policy: Policy,
    state: PathBuf,
    owner: String,
    began: Instant,
    listen: std::net::SocketAddr,
    screen: Screen,
    load: Arc<Load>,
    judge: Judge,
    controller: Controller,
    http: reqwest::Client,
    /// The policy's state as last read, and the most memory that the controller was seen with.
    latest: Option<Value>,
    memory_max: Option<u64>,
}

/// Runs the demo.
///
/// # Errors
/// When it cannot begin; a run that went wrong is a failing exit code.
pub(crate) async fn run(args: DemoArgs) -> anyhow::Result<ExitCode> {
    let id = format!("demo-{:x}", Timestamp::now().as_second());
    let state = args
        .state
        .clone()
        .unwrap_or_else(|| std::env::temp_dir().join(format!("spillway-{id}")));
    std::fs::create_dir_all(&state)?;
    let is_temporary = args.state.is_none();
    let mut run = Run::begin(args, id, state.clone()).await?;
    let mut burst_began = None;
    let went = tokio::select! {
        went = run.through(&mut burst_began) => went,
        () = crate::cli::stop_signal() => Ok(false),
    };
    let report = run.end(burst_began).await?;
    let is_complete = matches!(went, Ok(true));
    let mut failures = report.failures(is_complete);
    if let Err(error) = went {
        failures.insert(0, format!("{error:#}"));
    }
    writeln!(std::io::stdout(), "\n{report}")?;
    if failures.is_empty() {
        if is_temporary {
            std::fs::remove_dir_all(&state)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    for failure in &failures {
        writeln!(std::io::stdout(), "  FAILED               {failure}")?;
    }
    writeln!(
        std::io::stdout(),
        "  what happened        {}",
        state.display()
    )?;
    Ok(ExitCode::FAILURE)
}

// === impl Run ===

impl Run {
    async fn begin(args: DemoArgs, id: String, state: PathBuf) -> anyhow::Result<Self> {
        let say = |what: &str| writeln!(std::io::stdout(), "{what}");
        say(&format!(
            "drawing {} images",
            args.images + args.images.div_ceil(3)
        ))?;
        let pictures = Arc::new(Pictures::draw(args.seed, args.images).await?);
        let origin = origin::serve(Arc::clone(&pictures)).await?;
        let jobs_topic = format!("spillway.jobs.{id}");
        say(if args.kafka.is_some() {
            "preparing Kafka"
        } else {
            "starting the embedded Kafka"
        })?;
        let broker = Broker::ready(args.kafka.clone(), &jobs_topic).await?;
        let brokers = broker.address.clone();
        let text = policy::text(&args, &id, &brokers, &jobs_topic, origin)?;
        let policy_path = state.join("policy.yaml");
        std::fs::write(&policy_path, &text)?;
        let policy = policy_file::load(&policy_path)
            .map_err(|report| anyhow::anyhow!("{}", report.for_terminal()))?;
        let load = Load::new(
            &broker,
            Arc::clone(&pictures),
            origin,
            jobs_topic,
            id.clone(),
        )?;
        let judge = Judge::begin(&brokers, &id, pictures, Arc::clone(&load.ledger))?;
        let worker = crate::cli::worker_command(args.worker.clone())?;
        let worker = worker
            .into_iter()
            .next()
            .context("the worker has no program")?;
        let listen = free_port(args.listen)?;
        let owner = id.clone();
        say(&format!(
            "starting the controller; dashboard at http://{listen}/"
        ))?;
        let controller =
            Controller::start(state.clone(), policy_path, worker, owner.clone(), listen)?;
        // The broker lives as long as the process: workers drain to it until the very end.
        std::mem::forget(broker);
        Ok(Self {
            screen: Screen::open(!args.plain),
            args,
            id,
            policy,
            state,
            owner,
            began: Instant::now(),
            listen,
            load: Arc::new(load),
            judge,
            controller,
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(Duration::from_secs(2))
                .build()?,
            latest: None,
            memory_max: None,
        })
    }

    /// The story; true when it was told to its end. Says when the burst began.
    async fn through(&mut self, burst_began: &mut Option<i64>) -> anyhow::Result<bool> {
        self.until(
            "workers start",
            READY_DEADLINE,
            "the base workers share the jobs",
            |run| run.ready(BASE_POOL) >= run.base_workers() && run.has_everyone_partitions(),
        )
        .await?;
        let steady = Arc::clone(&self.load);
        let rate = self.args.steady;
        let steady = tokio::spawn(async move { steady.steady(rate).await });
        self.for_a_while("steady load", STEADY_ALONE).await?;
        let burst = Arc::clone(&self.load);
        let count = self.args.burst;
        let burst = tokio::spawn(async move { burst.burst(count).await });
        self.until(
            "the burst arrives",
            ANSWERS_PATIENCE,
            "the burst is sent",
            |_| burst.is_finished(),
        )
        .await?;
        *burst_began = Some(burst.await??);
        let patience = self.policy.drain_within().unsigned_abs() + ANSWERS_PATIENCE;
        self.until(
            "the burst is drained",
            patience,
            "every job of the burst is answered",
            |run| {
                let ledger = run
                    .load
                    .ledger
                    .lock()
                    .expect("nothing panics while holding the ledger");
                ledger
                    .values()
                    .all(|sent| sent.part == load::Part::Steady || sent.answers > 0)
            },
        )
        .await?;
        self.until(
            "machines go back",
            GIVE_BACK_DEADLINE,
            "every machine is given back",
            |run| run.burst_machines() == Some(0),
        )
        .await?;
        if !self.args.once {
            // Until Ctrl-C, which drops this future.
            self.for_a_while("steady load", Duration::MAX).await?;
        }
        steady.abort();
        self.until(
            "last answers",
            ANSWERS_PATIENCE,
            "every job is answered",
            |run| {
                let ledger = run
                    .load
                    .ledger
                    .lock()
                    .expect("nothing panics while holding the ledger");
                ledger.values().all(|sent| sent.answers > 0)
            },
        )
        .await?;
        Ok(true)
    }

    async fn for_a_while(&mut self, stage: &str, time: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        let over = move |_: &Self| began.elapsed() >= time;
        self.until(stage, Duration::MAX, "never said", over).await
    }

    async fn until(
        &mut self,
        stage: &str,
        deadline: Duration,
        what: &str,
        is_so: impl Fn(&Self) -> bool,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.controller.keep_alive()?;
            self.look().await;
            self.show(stage)?;
            if is_so(self) {
                return Ok(());
            }
            let waited = began.elapsed();
            anyhow::ensure!(
                waited < deadline,
                "not within {} s: {what}",
                deadline.as_secs()
            );
        }
    }

    async fn look(&mut self) {
        let url = format!("http://{}/api/v1/state", self.listen);
        let state = async {
            self.http
                .get(url)
                .send()
                .await?
                .error_for_status()?
                .json::<Value>()
                .await
        };
        // While the controller starts, or starts again, nothing answers, and nothing is shown as new.
        self.latest = state
            .await
            .ok()
            .and_then(|state| state["policies"].get(0).cloned());
        let memory = self.controller.pid().and_then(resident_bytes);
        self.memory_max = self.memory_max.max(memory);
    }

    fn show(&mut self, stage: &str) -> anyhow::Result<()> {
        let verdict = self.judge.verdict();
        let sent = self
            .load
            .ledger
            .lock()
            .expect("nothing panics while holding the ledger")
            .len();
        let note = format!(
            "each worker is held to {} images/s, so that all fit on this machine",
            self.args.worker_rate
        );
        self.screen.show(&Scene {
            stage,
            since: self.began.elapsed(),
            policy: self.latest.as_ref(),
            verdict: &verdict,
            sent,
            dashboard: &format!("dashboard: http://{}/", self.listen),
            note: &note,
        })
    }

    fn pools(&self) -> Option<&Vec<Value>> {
        self.latest.as_ref()?.get("pools")?.as_array()
    }

    fn ready(&self, pool: &str) -> u64 {
        let of_pool = self
            .pools()
            .into_iter()
            .flatten()
            .find(|it| it["name"] == pool);
        of_pool.and_then(|it| it["ready"].as_u64()).unwrap_or(0)
    }

    /// Whether every worker has its share: the group's first rebalances are over.
    fn has_everyone_partitions(&self) -> bool {
        let workers = self
            .latest
            .as_ref()
            .and_then(|it| it.get("workers")?.as_array());
        workers.is_some_and(|all| all.iter().all(|it| it["partitions"].as_u64() > Some(0)))
    }

    fn base_workers(&self) -> u64 {
        u64::from(self.policy.base().max)
    }

    /// Bought machines that still cost; none while that is unknown.
    fn burst_machines(&self) -> Option<u64> {
        let pools = self.pools()?.iter().filter(|it| it["kind"] == "burst");
        let count = |pool: &Value, field: &str| pool[field].as_u64().unwrap_or(0);
        Some(
            pools
                .map(|it| count(it, "booting") + count(it, "ready") + count(it, "draining"))
                .sum(),
        )
    }

    /// Ends everything, cleanly, and sums up.
    async fn end(mut self, burst_began: Option<i64>) -> anyhow::Result<Report> {
        let _ = self.show("ending");
        self.screen.close();
        let seconds = self.began.elapsed().as_secs_f64();
        let left = self.burst_machines();
        let restarts = self.controller.restarts;
        let ended = self.controller.end().await;
        // Whatever the controller could not end is ended here, and counted.
        let program = std::env::current_exe()?.display().to_string();
        let machines = self.state.join("machines");
        let config = ProcessConfig::new(&machines, &self.owner, [program, "machine".to_owned()]);
        let processes_left = Process::new(config)?
            .terminate_all(Duration::from_secs(15))
            .await?;
        ended?;
        let verdict = self.judge.verdict();
        let ledger = self
            .load
            .ledger
            .lock()
            .expect("nothing panics while holding the ledger");
        let costs = Costs::of(
            &self.policy,
            &IntentStore::open(self.state.join("intents"))?,
        );
        let report = Report {
            jobs: 0,
            jobs_steady: 0,
            jobs_burst: 0,
            results: 0,
            lost: 0,
            duplicates: 0,
            errors_by_reason: Default::default(),
            unexpected_outcomes: 0,
            unexpected_examples: Vec::new(),
            labels_correct_ratio: None,
            faces_correct_ratio: None,
            logos_correct_ratio: None,
            drain_deadline_seconds: self.policy.drain_within().as_secs_f64(),
            drain_seconds: None,
            burst_instances_launched: costs.burst_launched,
            burst_instances_left: left.unwrap_or(0),
            processes_left: processes_left as u64,
            instances_per_intent_max: instances_per_intent_max(&machines)?,
            controller_restarts: restarts,
            cost_dollars: costs.base + costs.burst,
            cost_dollars_base: costs.base,
            cost_dollars_burst: costs.burst,
            cost_dollars_all_burst: costs.burst + costs.base_as_burst,
            latency_ms: None,
            latency_ms_during_burst: None,
            controller_memory_bytes_max: self.memory_max,
            images_per_second_per_worker: self.args.worker_rate,
            kafka: if self.args.kafka.is_some() {
                "external"
            } else {
                "embedded"
            },
            seconds,
            decisions: explain::decisions(&self.state.join("journal"), 10_000)?,
        };
        let report = report.judged(&ledger, &verdict, burst_began);
        if let Some(path) = &self.args.report {
            std::fs::write(path, serde_json::to_vec_pretty(&report)?)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        tracing::debug!(run = self.id, "ended");
        Ok(report)
    }
}

/// The address asked for, or the same with a free port if that one is taken.
fn free_port(asked: std::net::SocketAddr) -> anyhow::Result<std::net::SocketAddr> {
    let listener = std::net::TcpListener::bind(asked)
        .or_else(|_| std::net::TcpListener::bind((asked.ip(), 0)))
        .context("there is no free port for the dashboard")?;
    Ok(listener.local_addr()?)
}

/// Resident memory of a process, bytes; none if it is gone.
fn resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1_024)
}
