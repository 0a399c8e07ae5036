//! The command line.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use spillway_telemetry::{Exporting, LogFormat, TraceArgs};

use crate::api::AppConfig;
use crate::cluster::{ClusterConfig, Controllers, Leave};
use crate::history::Keep;
use crate::intents::CLOSED_MAX;
use crate::kafka_args::KafkaArgs;
use crate::run::RunConfig;
use crate::{
    backtest, cluster, demo, dlq, doctor, explain, journal, market, policy, policy_file, run, size,
    top, topics,
};

/// Clears an image-recognition backlog on time for the least money.
///
/// Begin with `spillway demo`: it needs nothing but this program and `spillway-worker` beside it.
#[derive(Debug, Parser)]
#[command(name = "spillway", version, max_term_width = 110)]
pub(crate) struct Cli {
    /// How to write logs, which go to stderr; RUST_LOG filters them.
    #[arg(long, env = "SPILLWAY_LOG", value_enum, default_value_t = LogFormat::Text, global = true)]
    log: LogFormat,
    #[command(subcommand)]
    command: Command,
}

mod operators;

use operators::{ApiArgs, ApiTokenArgs, ExportArgs, ReferenceCommand};

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the controller for one policy until SIGTERM or SIGINT.
    ///
    /// Its machines stay when it ends, and the next controller on the same state folder finds them.
    Run(Box<RunArgs>),
    /// Shows the main job on this machine: a burst of real images, real workers, bought and given back.
    ///
    /// Starts an embedded Kafka, an image server, the controller and its workers; about three minutes with --once.
    Demo(Box<demo::DemoArgs>),
    Backtest(Box<backtest::BacktestArgs>),
    Size(Box<size::SizeArgs>),
    Market(Box<market::MarketArgs>),
    Doctor(doctor::DoctorArgs),
    /// Works with policy files.
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Makes the topics that policies need, or shows what differs.
    #[command(subcommand)]
    Topics(topics::TopicsCommand),
    /// Looks at dead letters, and sends their jobs again.
    #[command(subcommand)]
    Dlq(dlq::DlqCommand),
    /// Tells from the journal what was decided, and why.
    Explain(ExplainArgs),
    /// Makes every plan of a journal again and compares them byte for byte.
    ///
    /// With --policy: what another policy would have decided on the same observations.
    Replay(ReplayArgs),
    /// Shows a running controller in a terminal: overview, fleet and decisions, over its API.
    Top(top::TopArgs),
    /// Makes a token for the API: prints it, and the line for `--api-tokens`.
    ApiToken(ApiTokenArgs),
    /// Prints the journal, as `replay` and `policy simulate` read it, one event a line.
    Export(ExportArgs),
    /// Prints a page of the reference, made from the code.
    #[command(hide = true, subcommand)]
    Reference(ReferenceCommand),
    /// Prints the JSON schema of policies, for editors.
    Schema,
    /// Prints the definitions of ScalingPolicy and BurstInstance for `kubectl apply`.
    Crd,
    /// Is a machine of the `process` provider; started by it alone.
    #[command(hide = true)]
    Machine {
        #[arg(long)]
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The policy file.
    #[arg(long, env = "SPILLWAY_POLICY", value_name = "FILE")]
    policy: Option<PathBuf>,
    #[command(flatten)]
    cluster: ClusterArgs,
    #[command(flatten)]
    api: ApiArgs,
    #[command(flatten)]
    kafka: KafkaArgs,
    /// Folder of intents, journal and machines; one controller at a time has it.
    #[arg(
        long,
        env = "SPILLWAY_STATE",
        value_name = "DIR",
        default_value = "spillway-state"
    )]
    state: PathBuf,
    /// Where to serve the dashboard, the API and metrics; port 0 takes a free one.
    #[arg(
        long,
        env = "SPILLWAY_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDR"
    )]
    listen: SocketAddr,
    /// Whose machines these are: in the tags of each, so that no other controller touches them.
    #[arg(long, env = "SPILLWAY_OWNER", default_value = "spillway")]
    owner: String,
    /// The worker's program; by default `spillway-worker` beside this one.
    #[arg(long, env = "SPILLWAY_WORKER", value_name = "FILE")]
    worker: Option<PathBuf>,
    /// A policy to try out beside it: what it would do otherwise stands among the reasons of each decision, and is not done.
    #[arg(long, env = "SPILLWAY_SHADOW", value_name = "FILE")]
    shadow: Option<PathBuf>,
    /// End all machines with the controller instead of leaving them for the next one.
    #[arg(long)]
    terminate_on_exit: bool,
    /// Intents of machines that are gone (objects, in a cluster) that are kept one by one; of older ones the sum of costs.
    #[arg(long, env = "SPILLWAY_CLOSED_MAX", default_value_t = CLOSED_MAX, value_parser = closed_max)]
    closed_max: usize,
    /// End also when standard input closes: for a parent whose death must end the controller.
    #[arg(long, hide = true)]
    until_stdin_closes: bool,
    #[command(flatten)]
    traces: TraceArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "In a cluster")]
struct ClusterArgs {
    /// The ScalingPolicy of that name in a cluster, instead of a file: with a lease, and intents as objects.
    #[arg(
        long,
        env = "SPILLWAY_KUBERNETES",
        value_name = "NAME",
        conflicts_with = "policy"
    )]
    kubernetes: Option<String>,
    /// Its namespace; by default that of the pod or of the kubeconfig.
    #[arg(long, env = "SPILLWAY_NAMESPACE")]
    namespace: Option<String>,
    /// Name of this replica in the lease; by default that of the host, and the process's id.
    #[arg(long, env = "SPILLWAY_IDENTITY")]
    identity: Option<String>,
    /// Where other replicas reach this one, as `10.0.0.7:8080`: they forward to whoever leads.
    #[arg(long, env = "SPILLWAY_ADVERTISE", value_name = "ADDR")]
    advertise: Option<String>,
    /// How long a leader may be silent before another replica takes over, seconds.
    #[arg(long, env = "SPILLWAY_LEASE_SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(2..=600))]
    lease_seconds: u64,
    /// Drain and give back every bought machine within so many seconds and end, instead of running: for whoever
    /// uninstalls. What it cannot reach ends by its dead-man lease.
    #[arg(long, value_name = "SECONDS", requires = "kubernetes", value_parser = clap::value_parser!(u64).range(1..=3_600))]
    leave: Option<u64>,
    /// Before that, tell the Deployment or StatefulSet of the controllers to have no pods, so that this one leads.
    #[arg(long, value_name = "KIND/NAME", requires = "leave")]
    leave_after: Option<Controllers>,
    /// Folder of the machines of the `process` provider, which replicas on one host share; by default the state folder.
    #[arg(long, env = "SPILLWAY_MACHINES", value_name = "DIR")]
    machines: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ExplainArgs {
    /// The controller's state folder.
    #[arg(
        long,
        env = "SPILLWAY_STATE",
        value_name = "DIR",
        default_value = "spillway-state"
    )]
    state: PathBuf,
    /// Only the newest so many decisions.
    #[arg(long, default_value_t = 20)]
    last: usize,
    /// Print JSON, one decision a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    /// The controller's state folder.
    #[arg(
        long,
        env = "SPILLWAY_STATE",
        value_name = "DIR",
        default_value = "spillway-state"
    )]
    state: PathBuf,
    /// Decide by this policy instead of the recorded one.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

// === impl Cli ===

impl Cli {
    pub(crate) fn run(self) -> ExitCode {
        // Before any thread exists: a machine starts its worker from a process with one thread.
        if let Command::Machine { dir } = &self.command {
            return ExitCode::from(spillway_cloud::process::machine::run(dir));
        }
        self.log.start("info,librdkafka=error,rdkafka=error");
        match self.command.run() {
            Ok(code) => code,
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "error: {error:#}");
                ExitCode::FAILURE
            }
        }
    }
}

// === impl Command ===

impl Command {
    fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Run(args) => args.run(),
            Self::Demo(args) => block_on(demo::run(*args))?,
            Self::Backtest(args) => args.run(),
            Self::Size(args) => args.run(),
            Self::Market(args) => args.run(),
            Self::Doctor(args) => block_on(args.run())?,
            Self::Policy(command) => command.run(),
            Self::Topics(command) => block_on(command.run())?,
            Self::Dlq(command) => block_on(command.run())?,
            Self::Explain(args) => {
                explain::print(&args.state.join("journal"), args.last, args.json)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Replay(args) => args.run(),
            Self::Top(args) => block_on(top::run(args))?,
            Self::ApiToken(args) => args.run(),
            Self::Export(args) => args.run(),
            Self::Reference(page) => page.run(),
            Self::Schema => {
                let schema = serde_json::to_string_pretty(&policy_file::schema())?;
                writeln!(std::io::stdout(), "{schema}")?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Crd => {
                write!(std::io::stdout(), "{}", cluster::definitions()?)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Machine { .. } => unreachable!("a machine is started before everything else"),
        }
    }
}

// === impl RunArgs ===

impl RunArgs {
    fn run(self) -> anyhow::Result<ExitCode> {
        let until_stdin_closes = self.until_stdin_closes;
        let stop = async move {
            tokio::select! {
                () = stop_signal() => {}
                () = stdin_closed(), if until_stdin_closes => {}
            }
        };
        // Whether it is needed is known with the policy.
        let worker_command = named_worker(self.worker)?;
        let shadow = match self.shadow.as_deref().map(policy_file::load).transpose() {
            Ok(shadow) => shadow,
            Err(report) => return Ok(report.show()),
        };
        let exporting = self
            .traces
            .start("spillway-controller", &self.cluster.identity())?;
        let app = self.api.config();
        let keep = self.api.keep();
        let under = |policy: spillway_core::Policy, manifest: String| RunConfig {
            policy,
            manifest,
            shadow: shadow.clone(),
            kafka: self.kafka.clone(),
            owner: self.owner.clone(),
            state: self.state.clone(),
            machines: self
                .cluster
                .machines
                .clone()
                .unwrap_or_else(|| self.state.clone()),
            listen: self.listen,
            app: app.clone(),
            keep,
            worker_command: worker_command.clone(),
            terminate_on_exit: self.terminate_on_exit,
            closed_max: self.closed_max,
        };
        if let Some(name) = &self.cluster.kubernetes {
            let mut config = self.cluster.config(name, self.listen, &self.state);
            config.app = app.clone();
            config.keep = keep;
            let ran = block_on(cluster::run(config, under, stop));
            end_traces(exporting);
            ran??;
            return Ok(ExitCode::SUCCESS);
        }
        let Some(file) = &self.policy else {
            anyhow::bail!("name a policy: --policy FILE, or --kubernetes NAME in a cluster");
        };
        let policy = match policy_file::load(file) {
            Ok(policy) => policy,
            Err(report) => return Ok(report.show()),
        };
        let manifest = std::fs::read_to_string(file)?;
        let ran = block_on(run::run(under(policy, manifest), file, stop));
        end_traces(exporting);
        ran??;
        Ok(ExitCode::SUCCESS)
    }
}

// === impl ClusterArgs ===

impl ClusterArgs {
    /// A name that no other controller has.
    fn identity(&self) -> String {
        let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let identity = || format!("{}-{}", host().trim(), std::process::id());
        self.identity.clone().unwrap_or_else(identity)
    }

    fn config(&self, policy: &str, listen: SocketAddr, state: &Path) -> ClusterConfig {
        ClusterConfig {
            policy: policy.to_owned(),
            namespace: self.namespace.clone(),
            identity: self.identity(),
            lease: std::time::Duration::from_secs(self.lease_seconds),
            listen,
            advertise: self.advertise.clone(),
            app: AppConfig::default(),
            keep: Keep::default(),
            state: state.to_owned(),
            leave: self.leave.map(|seconds| Leave {
                within: std::time::Duration::from_secs(seconds),
                after: self.leave_after.clone(),
            }),
        }
    }
}

// === impl ReplayArgs ===

impl ReplayArgs {
    fn run(self) -> anyhow::Result<ExitCode> {
        let policy = match self.policy.as_deref().map(policy_file::load).transpose() {
            Ok(policy) => policy,
            Err(report) => return Ok(report.show()),
        };
        let replayed = journal::replay(&self.state.join("journal"), policy.as_ref())?;
        let mut out = std::io::stdout();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&replayed)?)?;
        } else if replayed.different == 0 {
            writeln!(out, "{} plans, all the same", replayed.plans)?;
        } else {
            let first = replayed
                .first_difference
                .map(|at| format!(", the first at {at}"));
            let first = first.unwrap_or_default();
            writeln!(
                out,
                "{} plans, {} different{first}",
                replayed.plans, replayed.different
            )?;
        }
        let is_as_recorded = replayed.different == 0 || policy.is_some();
        Ok(if is_as_recorded {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn closed_max(text: &str) -> Result<usize, String> {
    let count: usize = text.parse().map_err(|_| "not a number".to_owned())?;
    match count {
        1..=100_000 => Ok(count),
        _ => Err("must be from 1 to 100000".to_owned()),
    }
}

/// Sends what is left, for a few seconds at most.
fn end_traces(exporting: Option<Exporting>) {
    if let Some(exporting) = exporting {
        exporting.end();
    }
}

/// Program and arguments of a worker.
///
/// # Errors
/// When there is no such program.
pub(crate) fn worker_command(program: Option<PathBuf>) -> anyhow::Result<Vec<String>> {
    let command = named_worker(program)?;
    run::require_worker(&command)?;
    Ok(command)
}

/// Program and arguments of a worker, which need not be there.
fn named_worker(program: Option<PathBuf>) -> anyhow::Result<Vec<String>> {
    let program = match program {
        Some(program) => program,
        None => beside("spillway-worker")?,
    };
    let program = std::path::absolute(&program)?;
    Ok(vec![program.display().to_string(), "run".to_owned()])
}

fn beside(name: &str) -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("cannot find this program")?;
    Ok(this.parent().unwrap_or(Path::new(".")).join(name))
}

/// Runs something to its end on a runtime of its own.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let done = runtime.block_on(future);
    // A thread may still wait for standard input: nothing is left that it could do.
    runtime.shutdown_background();
    Ok(done)
}

/// Ends when standard input does.
async fn stdin_closed() {
    let reading = tokio::task::spawn_blocking(|| {
        // Nothing is ever said there: only its end matters, and an error is one.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
    });
    let _ = reading.await;
}

/// Ends with the first SIGTERM or SIGINT.
pub(crate) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).expect("the runtime handles signals");
    let mut interrupt = signal(SignalKind::interrupt()).expect("the runtime handles signals");
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
