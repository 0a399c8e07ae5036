//! Control: the state that the controller wants a worker to be in. Desired state, not commands.

use serde::{Deserialize, Serialize};

use crate::{Partition, UnixMs};

/// What the controller wants of one worker. Key: the worker's id. Renewed every 60 s or sooner.
///
/// A worker ignores a record whose `token` is lower than one it has followed, so that replay, compaction
/// and a deposed leader are harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// Version of this record.
    pub schema: u32,
    /// The leader's fencing token: grows with every change of leader.
    pub token: u64,
    /// Grows with every change of this worker's assignment.
    #[serde(default)]
    pub epoch: u64,
    /// Consumer group that `partitions` are of; none where they are left to Kafka.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// What it shall consume; none leaves it to Kafka's group protocol.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<Vec<Partition>>,
    /// Work, or finish and stop.
    pub state: DesiredState,
    /// By when a drain must be over: what is not committed then is abandoned and redelivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_by_ms: Option<UnixMs>,
    /// How long the worker may go on without a newer record, counted from this record's Kafka timestamp.
    pub lease_seconds: u32,
}

/// What a worker shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DesiredState {
    /// Take jobs.
    Run,
    /// Take no more, finish, commit, leave, stop.
    Drain,
}

// === impl Control ===

impl Control {
    /// Reads a record's value.
    ///
    /// # Errors
    /// When the bytes are not JSON of a control record's shape.
    pub fn decode(value: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(value)
    }

    /// The record's value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a control record has only string keys")
    }
}
