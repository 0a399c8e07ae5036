//! What the command line may say.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use spillway_telemetry::{LogFormat, TraceArgs};
use spillway_wire::topics;

use crate::app::JOBS_TOPIC;
use crate::tenants;

/// The recognition API: takes images over HTTP and gRPC, has workers recognize them, answers.
#[derive(Debug, Parser)]
#[command(name = "spillway-gateway", version, max_term_width = 110)]
pub(super) struct Cli {
    /// How to write logs, which go to stderr; RUST_LOG filters them.
    #[arg(long, env = "SPILLWAY_LOG", value_enum, default_value_t = LogFormat::Text, global = true)]
    pub(super) log: LogFormat,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serves until told to stop (SIGTERM, SIGINT); requests that wait are finished first.
    Run(Box<RunArgs>),
    /// Writes a new secret of an installation into a file that does not exist.
    Secret {
        /// Where to.
        file: PathBuf,
    },
    /// Prints a new API key, and the hash of it that goes into the tenants' file.
    Key {
        /// The installation's secret.
        #[arg(long, env = "SPILLWAY_SECRET_FILE", value_name = "PATH")]
        secret_file: PathBuf,
    },
    /// Prints the key that signs what a tenant's webhook is told, as libraries for Standard Webhooks take it.
    WebhookKey {
        /// The installation's secret.
        #[arg(long, env = "SPILLWAY_SECRET_FILE", value_name = "PATH")]
        secret_file: PathBuf,
        /// The tenant's name.
        #[arg(long)]
        tenant: String,
    },
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) kafka: KafkaArgs,
    #[command(flatten)]
    pub(super) access: AccessArgs,
    #[command(flatten)]
    pub(super) limits: LimitArgs,
    /// Folder with the `modelset.yaml` of the workers, or such a file: what can be asked for. Models are not loaded.
    #[arg(long, env = "SPILLWAY_MODEL_SET", value_name = "DIR_OR_YAML")]
    pub(super) model_set: PathBuf,
    /// Object store that gateways and workers share: a folder, or s3://, gs://, az:// with the usual variables.
    #[arg(long, env = "SPILLWAY_OBJECT_STORE", value_name = "DIR_OR_URL")]
    pub(super) object_store: String,
    /// The controller's address, as http://HOST:PORT: its drain ETA decides when to refuse work.
    #[arg(long, env = "SPILLWAY_CONTROLLER", value_name = "URL")]
    pub(super) controller: Option<String>,
    /// File with a token for the controller's API, where that wants one; read anew each time it is asked.
    #[arg(
        long,
        env = "SPILLWAY_CONTROLLER_TOKEN_FILE",
        value_name = "PATH",
        requires = "controller"
    )]
    pub(super) controller_token_file: Option<PathBuf>,
    /// Where to serve; port 0 takes a free one, the log says which.
    #[arg(
        long,
        env = "SPILLWAY_LISTEN",
        default_value = "127.0.0.1:8080",
        value_name = "ADDR"
    )]
    pub(super) listen: SocketAddr,
    /// Where to serve /metrics, /livez and /readyz, and nowhere else, without TLS; beside the API if left out.
    #[arg(long, env = "SPILLWAY_OPERATOR_LISTEN", value_name = "ADDR")]
    pub(super) operator_listen: Option<SocketAddr>,
    /// Certificate chain, PEM; without it there is no TLS.
    #[arg(
        long,
        env = "SPILLWAY_TLS_CERT",
        value_name = "PATH",
        requires = "tls_key"
    )]
    pub(super) tls_cert: Option<PathBuf>,
    /// Key of the certificate, PEM.
    #[arg(
        long,
        env = "SPILLWAY_TLS_KEY",
        value_name = "PATH",
        requires = "tls_cert"
    )]
    pub(super) tls_key: Option<PathBuf>,
    #[command(flatten)]
    pub(super) traces: TraceArgs,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Kafka")]
pub(super) struct KafkaArgs {
    /// Bootstrap servers, HOST:PORT separated by commas.
    #[arg(long, env = "SPILLWAY_BROKERS")]
    pub(super) brokers: String,
    /// Group of the gateways.
    #[arg(
        long,
        env = "SPILLWAY_GATEWAY_GROUP",
        default_value = "spillway-gateway"
    )]
    pub(super) group: String,
    /// Topic of jobs; those of a priority class go to `<topic>.<class>`.
    #[arg(long, env = "SPILLWAY_JOBS_TOPIC", default_value = JOBS_TOPIC)]
    pub(super) jobs_topic: String,
    /// Topic of results.
    #[arg(long, env = "SPILLWAY_RESULTS_TOPIC", default_value = topics::RESULTS)]
    pub(super) results_topic: String,
    /// Topic of what each tenant used, `spillway.usage` for one; left out, it is not told.
    #[arg(long, env = "SPILLWAY_USAGE_TOPIC")]
    pub(super) usage_topic: Option<String>,
    /// Topic of videos, `spillway.videos` for one, which workers with `--videos` read; left out, no videos are taken.
    #[arg(long, env = "SPILLWAY_VIDEOS_TOPIC")]
    pub(super) videos_topic: Option<String>,
    /// How long the group waits for a silent replica before it gives its partitions away.
    #[arg(long, env = "SPILLWAY_SESSION_TIMEOUT", default_value = "10s", value_parser = duration)]
    pub(super) session_timeout: Duration,
    /// Property of librdkafka, KEY=VALUE, for example security.protocol=ssl; may be repeated.
    #[arg(long, env = "SPILLWAY_KAFKA_CONFIG", value_delimiter = ',', value_parser = property)]
    pub(super) kafka_config: Vec<(String, String)>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Access")]
pub(super) struct AccessArgs {
    /// The installation's secret, which all replicas share; `spillway-gateway secret` makes one.
    #[arg(long, env = "SPILLWAY_SECRET_FILE", value_name = "PATH")]
    pub(super) secret_file: PathBuf,
    /// Tenants and the hashes of their keys.
    #[arg(
        long,
        env = "SPILLWAY_TENANTS",
        value_name = "PATH",
        required_unless_present = "open"
    )]
    pub(super) tenants: Option<PathBuf>,
    /// Ask nobody for a key: for a machine of one's own.
    #[arg(long, env = "SPILLWAY_OPEN", conflicts_with = "tenants")]
    pub(super) open: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitArgs {
    /// Longest wait of a request for its answer; then a job is there to be polled.
    #[arg(long, env = "SPILLWAY_WAIT_MAX", default_value = "30s", value_parser = duration)]
    pub(super) wait_max: Duration,
    /// For how long results and uploads can be read.
    #[arg(long, env = "SPILLWAY_RETENTION", default_value = "7d", value_parser = duration)]
    pub(super) retention: Duration,
    /// Longest time for a body to come.
    #[arg(long, env = "SPILLWAY_BODY_TIME", default_value = "30s", value_parser = duration)]
    pub(super) body_time: Duration,
    /// Most MiB of bodies at once; the process may need four times that, since they are decoded and encoded.
    #[arg(long, env = "SPILLWAY_BODY_MEMORY", default_value_t = 128, value_parser = clap::value_parser!(u32).range(64..=65_536))]
    pub(super) body_memory: u32,
    /// Most MiB of one video that is uploaded; it goes to the object store in parts and is not held in memory.
    #[arg(long, env = "SPILLWAY_VIDEO_UPLOAD_MAX", default_value_t = 4_096, value_name = "MIB", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(super) video_upload_max: u32,
    /// Most open connections.
    #[arg(long, env = "SPILLWAY_CONNECTIONS_MAX", default_value_t = 4_096, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(super) connections_max: u32,
    /// How long to go on taking requests after SIGTERM, so that load balancers see that it is not ready.
    #[arg(long, env = "SPILLWAY_DRAIN_GRACE", default_value = "3s", value_parser = duration)]
    pub(super) drain_grace: Duration,
    /// Longest wait, after that, for requests to be answered.
    #[arg(long, env = "SPILLWAY_DRAIN_TIMEOUT", default_value = "25s", value_parser = duration)]
    pub(super) drain_timeout: Duration,
}

fn duration(text: &str) -> Result<Duration, String> {
    tenants::duration(text)
        .ok_or_else(|| "must be a whole number and a unit, as 90s or 15m".to_owned())
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
}
