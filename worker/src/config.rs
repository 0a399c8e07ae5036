//! What the line needs to know, checked.

use std::path::PathBuf;
use std::time::Duration;

use rdkafka::ClientConfig;
use spillway_wire::InstanceRef;

use crate::batch::BatchLimits;
use crate::decode::Isolation;
use crate::fetch::Sources;
use crate::retry::Tiers;
use crate::videos::Settings;

/// How this process reaches its surroundings, and its limits.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) kafka: Kafka,
    pub(crate) identity: Identity,
    pub(crate) sources: Sources,
    pub(crate) limits: Limits,
    /// Where it is written what is being worked on, for the next process; none: every process begins anew.
    pub(crate) attempts_file: Option<PathBuf>,
    /// Touched whenever a control record renews the lease.
    pub(crate) lease_file: Option<PathBuf>,
    /// How it goes through videos; none where it takes none.
    pub(crate) videos: Option<Settings>,
}

/// Topics, group and client.
#[derive(Debug, Clone)]
pub(crate) struct Kafka {
    /// Given to librdkafka for every client.
    pub(crate) properties: Vec<(String, String)>,
    pub(crate) group: String,
    /// Whether the group knows this worker by its id, so that a restart within the session moves nothing.
    pub(crate) is_static_member: bool,
    pub(crate) jobs: Vec<String>,
    /// What is tried again, and when; each wait has a topic beside each of `jobs`.
    pub(crate) retries: Tiers,
    pub(crate) results: String,
    pub(crate) workers: String,
    pub(crate) control: String,
    pub(crate) session_timeout: Duration,
    pub(crate) assignment: Assignment,
}

/// Who says which partitions this worker reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Assignment {
    /// Kafka's group protocol.
    Group,
    /// The controller, by control records.
    Weighted,
}

/// Who this worker is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) worker: String,
    pub(crate) pool: String,
    pub(crate) instance: Option<InstanceRef>,
    pub(crate) boot_id: String,
}

/// Bounds of the line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Most jobs that are taken and not finished.
    pub(crate) in_flight_max: usize,
    pub(crate) images_per_second_max: Option<f64>,
    pub(crate) infer_threads: usize,
    pub(crate) decode_threads: usize,
    /// Which files are decoded in a process of their own.
    pub(crate) isolation: Isolation,
    /// Most bytes of the cache of contents; 0 for none.
    pub(crate) content_cache_bytes: usize,
    pub(crate) batch: BatchLimits,
    /// How often each thread of the models compares their answers to golden inputs again.
    pub(crate) canary_every: Duration,
    /// Share of the last jobs that may be set aside before the worker stops.
    pub(crate) dead_letters_max: f64,
    /// Longest time that one image's decoding, or one batch in the models, may take before the process ends.
    pub(crate) hang_max: Duration,
    /// Longest time from a job's beginning to its end.
    pub(crate) job_max: Duration,
    /// How long a drain may take that does not say so itself.
    pub(crate) drain_timeout: Duration,
}

// === impl Kafka ===

impl Kafka {
    /// The properties that every client has.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config
    }
}
