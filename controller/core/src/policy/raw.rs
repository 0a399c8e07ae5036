//! A policy as written: every field may be missing or wrong; `Policy::check` says what is.

mod clouds;
mod kubernetes;
mod schedule;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use clouds::{
    AwsChoice, AzureChoice, GcpChoice, GpuChoice, ModelSetChoice, OciChoice, SecretFrom,
};
pub use kubernetes::{BaseKubernetes, Replicas};
pub use schedule::{ScheduledBase, ScheduledBurst, ScheduledWindow};

/// What is a duration: the pattern of every field that is one.
pub const DURATION: &str = super::duration::PATTERN;

/// Reads a duration as policies write them: `90s`, `15m`, `1h30m`, `2d`; none if it is not one.
#[must_use]
pub fn duration(text: &str) -> Option<jiff::SignedDuration> {
    super::duration::parse(text)
}

/// What a person wants of a group of workers.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(title = "ScalingPolicy")]
pub struct ScalingPolicy {
    /// `spillway.dev/v1alpha1`.
    pub api_version: Option<String>,
    /// `ScalingPolicy`.
    pub kind: Option<String>,
    /// How it is called.
    pub metadata: Option<Metadata>,
    /// What is wanted.
    pub spec: Option<Spec>,
}

/// How a policy is called.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Metadata {
    /// `[a-z0-9-]`, at most 40 characters.
    pub name: Option<String>,
}

/// What is wanted.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Spec {
    /// `Enforce`, or `Recommend` to plan and tell without doing; `Enforce` if not given.
    pub mode: Option<String>,
    /// Where the jobs are.
    pub source: Option<Source>,
    /// What is promised.
    pub objective: Option<Objective>,
    /// The workers that are always there.
    pub base: Option<Base>,
    /// The machines that are bought when the base would miss the objective.
    pub burst: Option<Burst>,
    /// The most that burst may cost.
    pub budget: Option<Budget>,
    /// Floors and limits at certain times.
    pub schedule: Option<Vec<ScheduledWindow>>,
    /// How cautious to be.
    pub behavior: Option<Behavior>,
}

/// Where the jobs are.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Source {
    /// A consumer group on Kafka.
    pub kafka: Option<KafkaSource>,
}

/// A consumer group on Kafka.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct KafkaSource {
    /// `host:port` of some brokers.
    pub bootstrap_servers: Option<Vec<String>>,
    /// The workers' group.
    pub consumer_group: Option<String>,
    /// Who deals partitions out: `Weighted`, the controller, by speed and load, or `Group`, Kafka; `Group` if not given.
    pub assignment: Option<String>,
    /// What the group reads, in order of priority.
    pub topics: Option<Vec<Topic>>,
}

/// A topic of jobs.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Topic {
    /// Its name.
    pub name: Option<String>,
    /// Its jobs are done this long after they arrived; the objective's if not given.
    #[schemars(regex(pattern = DURATION))]
    pub drain_within: Option<String>,
}

/// What is promised.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Objective {
    /// Every job is done this long after it arrived, burst or not: `15m`.
    #[schemars(regex(pattern = DURATION))]
    pub drain_within: Option<String>,
}

/// The workers that are always there: of one kind.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Base {
    /// Pods of a workload in Kubernetes, between a floor and a most.
    pub kubernetes: Option<BaseKubernetes>,
    /// Processes on the controller's machine, kept alive.
    pub process: Option<BaseProcess>,
    /// Workers that somebody else keeps alive: seen by their heartbeats, never scaled.
    #[serde(rename = "static")]
    pub fixed: Option<BaseStatic>,
    /// What one of them costs, dollars an hour, busy or idle.
    pub price_per_worker_hour: Option<Decimal>,
    /// What one of them does, jobs per second, until measured.
    pub throughput_per_worker: Option<Decimal>,
}

/// Processes on the controller's machine, kept alive.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BaseProcess {
    /// How many.
    pub workers: Option<u32>,
    /// Their environment.
    #[serde(default)]
    pub environment: std::collections::BTreeMap<String, String>,
}

/// Workers that somebody else keeps alive.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BaseStatic {
    /// How many there should be.
    pub workers: Option<u32>,
}

/// The machines that are bought.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Burst {
    /// Most bought workers at any time, over all pools.
    pub max_workers: Option<u32>,
    /// Mean bytes of an image, for what their transfer costs; 100,000 if not given.
    pub bytes_per_image: Option<u64>,
    /// What a machine needs to become a worker.
    pub join: Option<Join>,
    /// Where machines can be bought.
    pub pools: Option<Vec<BurstPool>>,
}

/// What a machine needs to become a worker.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Join {
    /// Kafka as it is reached from there; the source's own address if not given.
    pub bootstrap_servers: Option<Vec<String>>,
    /// The worker's container image by digest, for machines in clouds.
    pub image: Option<String>,
    /// The worker's program on the machines, instead of an image.
    pub binary: Option<String>,
    /// The models, where the worker's program does not bring them along.
    pub model_set: Option<ModelSetChoice>,
    /// Where the worker's secret is: read by the machine's own identity, never sent with it.
    pub secret_from: Option<SecretFrom>,
    /// Environment of every bought worker; no secrets.
    #[serde(default)]
    pub environment: std::collections::BTreeMap<String, String>,
}

/// One place where machines of one kind can be bought.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BurstPool {
    /// `[a-z0-9-]`, at most 40 characters, no two alike.
    pub name: Option<String>,
    /// Who sells them.
    pub provider: Option<ProviderChoice>,
    /// `OnDemand`, or `Spot` where the provider may take machines back; `OnDemand` if not given.
    pub market: Option<String>,
    /// What bringing a gigabyte of images there costs, dollars; 0 if not given.
    #[serde(rename = "transferPerGB")]
    pub transfer_per_gb: Option<Decimal>,
    /// What one machine costs, dollars an hour.
    pub price_per_hour: Option<Decimal>,
    /// The least time that a machine is billed for; `60s` if not given.
    #[schemars(regex(pattern = DURATION))]
    pub billing_minimum: Option<String>,
    /// From the order to the first job, until measured.
    #[schemars(regex(pattern = DURATION))]
    pub boot_time: Option<String>,
    /// What one machine does, jobs per second, until measured.
    pub throughput_per_worker: Option<Decimal>,
    /// Most machines of this pool.
    pub max: Option<u32>,
}

/// Who sells machines: exactly one.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProviderChoice {
    /// Processes on the controller's machine: for trying things out.
    pub process: Option<ProcessChoice>,
    /// AWS.
    pub aws: Option<AwsChoice>,
    /// Microsoft Azure.
    pub azure: Option<AzureChoice>,
    /// Google Cloud.
    pub gcp: Option<GcpChoice>,
    /// Oracle Cloud.
    pub oci: Option<OciChoice>,
}

/// Processes on the controller's machine, as if they were bought.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ProcessChoice {
    /// How long the machine pretends to boot before its worker starts; `0s` if not given.
    #[schemars(regex(pattern = DURATION))]
    pub boot_delay: Option<String>,
}

/// The most that burst may cost.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Budget {
    /// Dollars in any hour: what was spent in the last one and what runs would cost in the next.
    pub per_hour: Option<Decimal>,
    /// Dollars in a day, from midnight to midnight UTC.
    pub per_day: Option<Decimal>,
}

/// How cautious to be.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Behavior {
    /// What is kept back of each deadline for what no plan sees. If not given, 18s where the controller deals
    /// partitions out, and three tenths of the deadline where Kafka does.
    #[schemars(regex(pattern = DURATION))]
    pub reserve: Option<String>,
    /// How much sooner than needed a burst is to be done, in percent of the deadline, 0 to 90; costs more.
    pub sooner: Option<u32>,
    /// A reading older than this is not acted upon; `30s` if not given.
    #[schemars(regex(pattern = DURATION))]
    pub stale_after: Option<String>,
    /// How long a worker may take to finish what it has before it is terminated; `30s` if not given.
    #[schemars(regex(pattern = DURATION))]
    pub drain_timeout: Option<String>,
    /// How long a bought machine lives without a word from its controller; `15m` if not given.
    #[schemars(regex(pattern = DURATION))]
    pub dead_man_lease: Option<String>,
}
