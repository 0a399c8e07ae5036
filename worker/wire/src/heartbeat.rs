//! A heartbeat: what a worker says of itself, every 2 s and at every change of phase.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::UnixMs;

/// What a worker says of itself. Key: the worker's id; a tombstone when the instance is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Version of this record.
    pub schema: u32,
    /// Stable for the life of the machine or pod.
    pub worker: String,
    /// The machine it runs on; none where nobody launched it by intent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceRef>,
    /// Name of its pool in the policy.
    pub pool: String,
    /// New at every start of the process: counters count from there.
    pub boot_id: String,
    /// What it is doing.
    pub phase: Phase,
    /// When this process started.
    pub started_at_ms: UnixMs,
    /// When this heartbeat was made.
    pub at_ms: UnixMs,
    /// What it is assigned now.
    #[serde(default)]
    pub partitions: Vec<Partition>,
    /// Jobs received and not yet committed.
    pub in_flight: u64,
    /// Counters since `boot_id`.
    pub counters: Counters,
    /// How long its jobs took, over the last minute.
    #[serde(default)]
    pub latency_ms: LatencyQuantiles,
    /// Digest of its model subset.
    pub model_set: String,
    /// Name of its GPU; none on a CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<String>,
    /// When the provider will take the machine back, if it said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interruption_at_ms: Option<UnixMs>,
    /// Consumer group that it reads in; none of a worker that is too old to say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Consumer group whose partitions the controller assigns to it; none where it leaves that to Kafka.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigned_in: Option<String>,
    /// The token of the record that it confirms; the highest that it has followed.
    #[serde(default)]
    pub control_token: u64,
    /// The epoch of the assignment that it confirms: of what it had before, nothing is in flight any more.
    #[serde(default)]
    pub control_epoch: u64,
    /// Version of the program.
    pub version: String,
}

// === impl Heartbeat ===

impl Heartbeat {
    /// Whether its worker reads in `group`; true where it does not say.
    #[must_use]
    pub fn is_of(&self, group: &str) -> bool {
        let said = self.group.as_deref().or(self.assigned_in.as_deref());
        said.is_none_or(|said| said == group)
    }
}

/// The machine that a worker runs on, and the intent that launched it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct InstanceRef {
    /// The intent's id.
    pub intent: String,
    /// The provider's name for the machine.
    pub id: String,
}

/// One partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Partition {
    /// Topic.
    pub topic: String,
    /// Number, from 0.
    pub partition: i32,
}

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Loading and warming its models.
    Starting,
    /// Taking jobs.
    Ready,
    /// Taking no more, finishing what it has.
    Draining,
    /// Everything committed, out of the group; about to exit.
    Stopped,
}

/// Counters since the process started. They only grow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Jobs that ended in a result of any outcome.
    pub images_done: u64,
    /// Of these, jobs that ended in an error, by reason.
    #[serde(default)]
    pub errors: BTreeMap<String, u64>,
    /// Jobs that ended while input was never empty: `saturated_images / saturated_ms` is the service rate.
    pub saturated_images: u64,
    /// Milliseconds during which input was never empty (some partition held a job that was not yet taken).
    pub saturated_ms: u64,
    /// Milliseconds during which at least one job was in flight.
    pub busy_ms: u64,
    /// Bytes of images fetched.
    pub bytes_fetched: u64,
    /// Jobs abandoned at a drain's end: they are redelivered.
    #[serde(default)]
    pub abandoned: u64,
}

/// Quantiles of a job's time from received to published, milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LatencyQuantiles {
    /// Median.
    pub p50: u32,
    /// 99 of 100 are faster.
    pub p99: u32,
}

// === impl Heartbeat ===

impl Heartbeat {
    /// Reads a record's value.
    ///
    /// # Errors
    /// When the bytes are not JSON of a heartbeat's shape.
    pub fn decode(value: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(value)
    }

    /// The record's value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a heartbeat has only string keys")
    }
}
