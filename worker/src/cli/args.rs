//! What the command line may say, and how it becomes a configuration.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use spillway_telemetry::{LogFormat, TraceArgs};
use spillway_wire::{InstanceRef, topics};
use tracing::debug;

use crate::batch::BatchLimits;
use crate::config::{Assignment, Config, Identity, Kafka, Limits};
use crate::decode::{CHILD_COMMAND, Isolation};
use crate::drain::Stop;
use crate::fetch::{EgressProxy, Origin, Sources};
use crate::models::{Recognizer, Subset, Threads, choose, divide};
use crate::notice::{Cloud, Watch};
use crate::retry::{TIERS_MAX, Tier, Tiers};
use crate::stats::Stats;
use crate::videos::{CHILD_COMMAND as VIDEO_CHILD_COMMAND, ChildArgs};
use crate::work::now_ms;
use measuring::{BENCH_EXAMPLE, MODELS_EXAMPLE, VERIFY_EXAMPLE};

mod measuring;
mod models;
mod videos;

pub(super) use measuring::{BenchArgs, ImagesArgs, ModelsArgs, RecognizeArgs, VerifyArgs};
pub(super) use models::ModelArgs;
use videos::VideoArgs;

/// Recognizes images: takes jobs from Kafka, or files from the command line, and runs a model set on them.
#[derive(Debug, Parser)]
#[command(name = "spillway-worker", version, max_term_width = 110)]
pub(super) struct Cli {
    /// How to write logs, which go to stderr; RUST_LOG filters them.
    #[arg(long, env = "SPILLWAY_LOG", value_enum, default_value_t = LogFormat::Text, global = true)]
    pub(super) log: LogFormat,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Takes jobs from Kafka until told to stop (SIGTERM, SIGINT, or a control record).
    ///
    /// Every job ends in one result. Offsets are committed after Kafka has acknowledged the results before them.
    /// A drain finishes what is in flight, commits, leaves the group and exits with 0.
    Run(Box<RunArgs>),
    /// Recognizes image files and prints one JSON result a line, without Kafka.
    Recognize(RecognizeArgs),
    /// Compares what the models find with what is known to be there.
    ///
    /// The folder holds images and a `truth.jsonl`, as the generator of the demo models writes them.
    Evaluate(ImagesArgs),
    /// Measures the CPU time per image of each stage alone, in a bare loop, by the CPU's clock.
    BenchStages(ImagesArgs),
    /// Finds how many images a second this machine does, in which batches, and what a million of them cost.
    ///
    /// Each stage is measured alone (the table), then how the cores are best shared between batches, then all of it
    /// together on all cores. The batch it names is the smallest that costs within 3 % of the best: larger ones only
    /// wait longer. Fetching and Kafka come on top; `make bench NAME=worker` measures them too.
    #[command(after_long_help = BENCH_EXAMPLE)]
    Bench(BenchArgs),
    /// Compares pixels and answers with the Python reference, on your own images.
    ///
    /// Decoders and resizers differ by a level or two, and models notice some of it. This tells how much: pixels by
    /// format and scale, and answers twice, on our own pixels and on those of the reference, so that what the decoder
    /// does is told apart from what the models do. Ends with 1 when anything is beyond the limits.
    #[command(after_long_help = VERIFY_EXAMPLE)]
    Verify(VerifyArgs),
    /// Shows what a model set declares, and checks that it is true: a set that passes here is taken by a worker.
    ///
    /// Every file is compared with its SHA-256 before it is parsed; every model is loaded, run in each batch size, and
    /// compared with the set's golden inputs. What is refused names the model, the file and the reason, and ends with 1.
    #[command(after_long_help = MODELS_EXAMPLE)]
    Models(ModelsArgs),
    /// Decodes what the worker that started it sends.
    #[command(name = CHILD_COMMAND, hide = true)]
    DecodeChild,
    /// Gives up what it may do, and becomes a program that reads a video.
    #[command(name = VIDEO_CHILD_COMMAND, hide = true)]
    VideoChild(ChildArgs),
}

/// How long each division of the cores is tried at start.
const DIVIDE_FOR: Duration = Duration::from_millis(300);

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) models: ModelArgs,
    #[command(flatten)]
    kafka: KafkaArgs,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    sources: SourceArgs,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    videos: VideoArgs,
    #[command(flatten)]
    pub(super) notice: NoticeArgs,
    /// Where to serve /livez, /readyz and /metrics; port 0 takes a free one, the log says which.
    #[arg(
        long,
        env = "SPILLWAY_LISTEN",
        default_value = "127.0.0.1:0",
        value_name = "ADDR"
    )]
    pub(super) listen: SocketAddr,
    /// Longest drain that does not say itself by when it must be over; what is not finished then is redelivered.
    #[arg(long, env = "SPILLWAY_DRAIN_TIMEOUT", default_value = "25s", value_parser = seconds)]
    pub(super) drain_timeout: Duration,
    /// How often to look whether the model set's files have changed; 0s never does. A new set is loaded, warmed and
    /// checked beside the old one, and takes over only if it answers its golden inputs as expected.
    #[arg(long, env = "SPILLWAY_RELOAD_EVERY", default_value = "5s", value_parser = seconds)]
    pub(super) reload_every: Duration,
    /// File in which it is written what is being worked on, so that a job that ends the process again and again is set
    /// aside; it must outlive the process, and be no other worker's.
    #[arg(long, env = "SPILLWAY_ATTEMPTS_FILE", value_name = "PATH")]
    attempts_file: Option<PathBuf>,
    /// File that is touched whenever a control record renews the lease; its time is the record's.
    #[arg(long, env = "SPILLWAY_LEASE_FILE", value_name = "PATH")]
    lease_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) traces: TraceArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Kafka")]
struct KafkaArgs {
    /// Bootstrap servers, HOST:PORT separated by commas.
    #[arg(long, env = "SPILLWAY_BROKERS")]
    brokers: String,
    /// Consumer group. By default `spillway-workers`, and with --models the names of the models after it.
    #[arg(long, env = "SPILLWAY_GROUP")]
    group: Option<String>,
    /// Topic of jobs; may be repeated, the most urgent first.
    #[arg(long = "topic", env = "SPILLWAY_TOPICS", value_delimiter = ',', default_value = topics::JOBS)]
    topics: Vec<String>,
    /// Waits before a job is tried again whose image could not be fetched, as in 10s,1m,10m: five at most, each with a
    /// topic beside each topic of jobs (`spillway.jobs.retry.10s`). Without any, it ends at once.
    #[arg(long, env = "SPILLWAY_RETRY_AFTER", value_delimiter = ',', value_parser = tier, value_name = "WAITS")]
    retry_after: Vec<Tier>,
    /// Topic of results.
    #[arg(long, env = "SPILLWAY_RESULTS_TOPIC", default_value = topics::RESULTS)]
    results_topic: String,
    /// Topic of heartbeats.
    #[arg(long, env = "SPILLWAY_WORKERS_TOPIC", default_value = topics::WORKERS)]
    workers_topic: String,
    /// Topic of control records.
    #[arg(long, env = "SPILLWAY_CONTROL_TOPIC", default_value = topics::CONTROL)]
    control_topic: String,
    /// Who says which partitions this worker reads; all workers of a group must have the same.
    #[arg(long, env = "SPILLWAY_ASSIGNMENT", value_enum, default_value_t = AssignmentArg::Group)]
    assignment: AssignmentArg,
    /// How long the group waits for a silent worker before it gives its partitions away.
    #[arg(long, env = "SPILLWAY_SESSION_TIMEOUT", default_value = "10s", value_parser = seconds)]
    session_timeout: Duration,
    /// Join the group under the worker's id, so that a restart within the session timeout moves nothing.
    #[arg(long, env = "SPILLWAY_STATIC_MEMBER")]
    static_member: bool,
    /// Property of librdkafka, KEY=VALUE, for example security.protocol=ssl; may be repeated.
    #[arg(long, env = "SPILLWAY_KAFKA_CONFIG", value_delimiter = ',', value_parser = property)]
    kafka_config: Vec<(String, String)>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Identity")]
struct IdentityArgs {
    /// Stable name of this worker; by default host name and process id.
    #[arg(long, env = "SPILLWAY_WORKER_ID")]
    worker_id: Option<String>,
    /// Name of its pool in the policy.
    #[arg(long, env = "SPILLWAY_POOL", default_value = "base")]
    pool: String,
    /// Intent by which its machine was launched.
    #[arg(long, env = "SPILLWAY_INTENT", requires = "instance")]
    intent: Option<String>,
    /// The provider's name for its machine.
    #[arg(long, env = "SPILLWAY_INSTANCE", requires = "intent")]
    instance: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Where images come from")]
struct SourceArgs {
    /// Origin, HOST:PORT exactly, that may be contacted although it is private or on another port; may be repeated.
    #[arg(
        long,
        env = "SPILLWAY_ALLOW_ORIGIN",
        value_delimiter = ',',
        value_name = "HOST:PORT"
    )]
    allow_origin: Vec<Origin>,
    /// Proxy, http://HOST:PORT, for all but allowed origins, files and objects; must refuse what is not public itself.
    #[arg(
        long,
        env = "SPILLWAY_EGRESS_PROXY",
        value_name = "URL",
        hide_env_values = true
    )]
    egress_proxy: Option<EgressProxy>,
    /// Folder below which `file:` addresses may point; without it they are refused.
    #[arg(long, env = "SPILLWAY_FILE_ROOT", value_name = "DIR")]
    file_root: Option<PathBuf>,
    /// Object store that gateways and workers share: a folder, or s3://, gs://, az:// with the usual variables.
    #[arg(long, env = "SPILLWAY_OBJECT_STORE", value_name = "DIR_OR_URL")]
    object_store: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Cloud")]
pub(super) struct NoticeArgs {
    /// Whose machine this is, to hear when it is taken back; left out on machines that stay.
    #[arg(long, env = "SPILLWAY_CLOUD", value_enum)]
    cloud: Option<Cloud>,
    /// Address of the cloud's metadata service; by default the one that its machines have.
    #[arg(
        long,
        env = "SPILLWAY_METADATA",
        value_name = "URL",
        requires = "cloud"
    )]
    metadata: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Take no more than so many images a second, so that several workers fit on a small machine.
    #[arg(long, env = "SPILLWAY_MAX_IMAGES_PER_SECOND", value_name = "RATE", value_parser = rate)]
    max_images_per_second: Option<f64>,
    /// Most jobs that are taken and not finished; what waits stays in Kafka.
    #[arg(long, env = "SPILLWAY_IN_FLIGHT_MAX", value_parser = clap::value_parser!(u16).range(1..))]
    in_flight_max: Option<u16>,
    /// Batches that run side by side. By default measured at start on a CPU, which takes about a second; one for a GPU,
    /// and one per core where --max-images-per-second says that the machine is shared.
    #[arg(long, env = "SPILLWAY_INFER_THREADS", value_parser = clap::value_parser!(u16).range(1..=256))]
    infer_threads: Option<u16>,
    /// Cores that each batch is split over, on a CPU; by default measured with --infer-threads, and 1 where that is
    /// given.
    #[arg(long, env = "SPILLWAY_OP_THREADS", requires = "infer_threads", value_parser = clap::value_parser!(u16).range(1..=256))]
    op_threads: Option<u16>,
    /// Threads that decode; by default one for two cores, or one per core for a GPU.
    #[arg(long, env = "SPILLWAY_DECODE_THREADS", value_parser = clap::value_parser!(u16).range(1..=256))]
    decode_threads: Option<u16>,
    /// Which image files are decoded in a process of their own, without files, network or rights.
    #[arg(long, env = "SPILLWAY_ISOLATE_DECODING", value_enum, default_value_t = IsolationArg::Unusual)]
    isolate_decoding: IsolationArg,
    /// Most memory, in MiB, for what was found in images, so that the same bytes are looked at once; 0 for none.
    #[arg(long, env = "SPILLWAY_CONTENT_CACHE", default_value_t = 0, value_name = "MIB",
          value_parser = clap::value_parser!(u16))]
    content_cache: u16,
    /// Most images of a batch; never more than suits the device.
    #[arg(long, env = "SPILLWAY_BATCH_MAX", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..))]
    batch_max: u16,
    /// Most time that a batch may cost the device, as measured at start.
    #[arg(long, env = "SPILLWAY_BATCH_COST_MAX", default_value = "250ms", value_parser = seconds)]
    batch_cost_max: Duration,
    /// How often each thread of the models compares their answers to the set's golden inputs again. Wrong ones bring
    /// back the set before, or else end the worker.
    #[arg(long, env = "SPILLWAY_CANARY_EVERY", default_value = "60s", value_parser = seconds)]
    canary_every: Duration,
    /// Share of the last 200 jobs that may be set aside as dead letters; beyond it the worker stops. 1 never stops it.
    #[arg(long, env = "SPILLWAY_DEAD_LETTERS_MAX", default_value = "0.5", value_parser = share)]
    dead_letters_max: f64,
    /// Longest time that an image's decoding, or a batch in the models, may take; then the process ends, to be started
    /// again.
    #[arg(long, env = "SPILLWAY_HANG_TIMEOUT", default_value = "60s", value_parser = seconds)]
    hang_timeout: Duration,
    /// Longest time that a job may take in this worker, from its beginning to its result; then it ends in
    /// DEADLINE_EXCEEDED.
    #[arg(long, env = "SPILLWAY_JOB_TIMEOUT", default_value = "10m", value_parser = seconds)]
    job_timeout: Duration,
    /// Longest time that an image waits for others to run with.
    #[arg(long, env = "SPILLWAY_BATCH_WAIT", default_value = "10ms", value_parser = seconds)]
    batch_wait: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum IsolationArg {
    /// All but plain JPEG and PNG: sequential JPEG with sound tables, PNG of up to 4 megapixels.
    Unusual,
    /// All; `bench-stages` says what that costs.
    All,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AssignmentArg {
    /// Kafka's group protocol.
    Group,
    /// The controller, by control records.
    Weighted,
}

// === impl RunArgs ===

impl RunArgs {
    /// The configuration of the line for the models that were loaded.
    ///
    /// # Errors
    /// When a part of it cannot be had.
    pub(super) fn config(self, recognizer: &Recognizer) -> anyhow::Result<Config> {
        anyhow::ensure!(
            self.kafka.retry_after.len() <= TIERS_MAX,
            "--retry-after may name {TIERS_MAX} waits"
        );
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let is_cpu = recognizer.backend().gpu().is_none();
        let threads = self.limits.threads(recognizer, is_cpu, cores)?;
        recognizer.backend().split(threads.op);
        Ok(Config {
            limits: self
                .limits
                .limits(is_cpu, cores, threads, self.drain_timeout),
            kafka: self.kafka.config(&recognizer.subset),
            identity: self.identity.config(),
            sources: Sources {
                allowed_origins: self.sources.allow_origin,
                egress_proxy: self.sources.egress_proxy,
                file_root: self.sources.file_root,
                object_store: self.sources.object_store,
            },
            attempts_file: self.attempts_file,
            lease_file: self.lease_file,
            videos: self.videos.settings()?,
        })
    }

    /// # Errors
    /// If what is asked for cannot be had, whatever the models are.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        self.videos.check()
    }
}

impl NoticeArgs {
    /// What looks for the notice, on a machine that may be taken back.
    pub(super) fn watch(&self, stats: &Arc<Stats>, stop: &Arc<Stop>) -> Option<Watch> {
        let cloud = self.cloud?;
        let metadata = self.metadata.as_deref().unwrap_or(cloud.metadata());
        Some(Watch {
            cloud,
            metadata: metadata.trim_end_matches('/').to_owned(),
            every: cloud.every(),
            stats: stats.clone(),
            stop: stop.clone(),
        })
    }

    /// Whether a machine of this cloud hears of it only by being shut down.
    pub(super) fn is_by_shutdown(&self) -> bool {
        self.cloud == Some(Cloud::Oci)
    }
}

impl LimitArgs {
    /// How batches share the cores.
    fn threads(
        &self,
        recognizer: &Recognizer,
        is_cpu: bool,
        cores: usize,
    ) -> anyhow::Result<Threads> {
        if let Some(infer) = self.infer_threads {
            let (infer, op) = (usize::from(infer), self.op_threads.map_or(1, usize::from));
            return Ok(Threads { infer, op });
        }
        let infer = if is_cpu { cores } else { 1 };
        let is_shared = self.max_images_per_second.is_some();
        if !is_cpu || is_shared || cores == 1 || !recognizer.backend().looks() {
            return Ok(Threads { infer, op: 1 });
        }
        let measured = divide(recognizer, cores, DIVIDE_FOR)?;
        for it in &measured {
            let Threads { infer, op } = it.threads;
            let images_per_second = it.images_per_second;
            debug!(
                infer,
                op, images_per_second, "division of the cores measured"
            );
        }
        Ok(choose(&measured).unwrap_or(Threads { infer, op: 1 }))
    }

    fn limits(
        self,
        is_cpu: bool,
        cores: usize,
        threads: Threads,
        drain_timeout: Duration,
    ) -> Limits {
        // On a GPU the many small waits of one batch are hidden by the others in flight.
        let (in_flight, decode) = if is_cpu {
            (64, cores.div_ceil(2))
        } else {
            (1_024, cores)
        };
        let or = |given: Option<u16>, default: usize| given.map_or(default, usize::from);
        Limits {
            in_flight_max: or(self.in_flight_max, in_flight),
            images_per_second_max: self.max_images_per_second,
            infer_threads: threads.infer,
            decode_threads: or(self.decode_threads, decode),
            isolation: match self.isolate_decoding {
                IsolationArg::Unusual => Isolation::Unusual,
                IsolationArg::All => Isolation::All,
            },
            content_cache_bytes: usize::from(self.content_cache) << 20,
            batch: BatchLimits {
                images_max: usize::from(self.batch_max),
                cost_max_us: self.batch_cost_max.as_micros() as u64,
                wait_max: self.batch_wait,
            },
            canary_every: self.canary_every,
            dead_letters_max: self.dead_letters_max,
            hang_max: self.hang_timeout,
            job_max: self.job_timeout,
            drain_timeout,
        }
    }
}

impl KafkaArgs {
    fn config(self, subset: &Subset) -> Kafka {
        let mut properties = vec![("bootstrap.servers".to_owned(), self.brokers)];
        properties.extend(self.kafka_config);
        let group = self.group.unwrap_or_else(|| {
            if subset.is_whole {
                topics::GROUP.to_owned()
            } else {
                format!("{}-{}", topics::GROUP, subset.name.replace('+', "-"))
            }
        });
        Kafka {
            properties,
            group,
            is_static_member: self.static_member,
            jobs: self.topics,
            retries: Tiers::new(self.retry_after),
            results: self.results_topic,
            workers: self.workers_topic,
            control: self.control_topic,
            session_timeout: self.session_timeout,
            assignment: match self.assignment {
                AssignmentArg::Group => Assignment::Group,
                AssignmentArg::Weighted => Assignment::Weighted,
            },
        }
    }
}

impl IdentityArgs {
    fn config(self) -> Identity {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let process = std::process::id();
        let worker = self
            .worker_id
            .unwrap_or_else(|| format!("{}-{process}", host.trim()));
        let boot = format!("{worker}/{process}/{}", now_ms());
        Identity {
            boot_id: blake3::hash(boot.as_bytes()).to_hex()[..16].to_owned(),
            worker,
            pool: self.pool,
            instance: self
                .intent
                .zip(self.instance)
                .map(|(intent, id)| InstanceRef { intent, id }),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let (number, unit) = match (
        text.strip_suffix("ms"),
        text.strip_suffix('s'),
        text.strip_suffix('m'),
    ) {
        (Some(number), ..) => (number, 0.001),
        (None, Some(number), _) => (number, 1.0),
        (None, None, Some(number)) => (number, 60.0),
        (None, None, None) => return Err("must end in ms, s or m, as in 10s".to_owned()),
    };
    let wrong = || "must be a number and a unit, as in 10s".to_owned();
    let number: f64 = number.parse().map_err(|_| wrong())?;
    Duration::try_from_secs_f64(number * unit).map_err(|_| wrong())
}

fn tier(text: &str) -> Result<Tier, String> {
    let wait = seconds(text)?;
    let name = text.to_owned();
    Ok(Tier { name, wait })
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        _ => Err("must be a number above 0".to_owned()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}

fn property(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("must be KEY=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn durations_have_units() {
        let cases = [
            ("10s", Some(10_000)),
            ("250ms", Some(250)),
            ("2m", Some(120_000)),
            ("1.5s", Some(1_500)),
            ("10", None),
            ("-1s", None),
            ("s", None),
        ];
        for (text, ms) in cases {
            let expected = ms.map(Duration::from_millis);
            assert_eq!(seconds(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn origins_are_host_and_port_exactly() {
        for (text, is_good) in [
            ("127.0.0.1:8080", true),
            ("images.test:80", true),
            ("[::1]:9000", true),
            ("images.test", false),
            ("http://images.test:80", false),
            ("a@images.test:80", false),
            ("images.test:80/x", false),
        ] {
            assert_eq!(text.parse::<Origin>().is_ok(), is_good, "{text:?}");
        }
    }
}
