//! What was observed, at one time, maybe stale or partial.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::backlog::BacklogReading;
use crate::orders::Orders;
use crate::policy::BASE_POOL;

/// Name of a persisted decision to launch one machine: `<pool>-<number>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IntentId(String);

/// What was observed of one policy's world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When observing began.
    pub taken_at: Timestamp,
    /// The group's offsets; none if Kafka could not be asked at all.
    pub backlog: Result<BacklogReading, String>,
    /// Every worker that says it is alive; an error until the heartbeats were read to their end once.
    pub workers: Result<Vec<SeenWorker>, String>,
    /// Every intent that is not closed, with what its provider shows.
    pub instances: Vec<SeenInstance>,
    /// The number that the next intent gets.
    pub next_intent: u64,
    /// The workload of the base, where the policy sets its scale; an error if it could not be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Result<SeenBase, String>>,
    /// What people have ordered.
    #[serde(default, skip_serializing_if = "Orders::is_empty")]
    pub orders: Orders,
}

/// The workload of the base, as Kubernetes shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenBase {
    /// Pods that it is told to have.
    pub replicas: u32,
    /// Pods that it has.
    pub pods: Vec<SeenPod>,
}

/// A pod of the base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenPod {
    /// Its name, which is its worker's id.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether Kubernetes calls it ready; only its worker's heartbeats say that it works.
    pub is_ready: bool,
    /// Whether it is being deleted.
    pub is_leaving: bool,
}

/// A worker, as its last heartbeat shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenWorker {
    /// Its id.
    pub id: String,
    /// Its pool.
    pub pool: String,
    /// The intent whose machine it runs on.
    pub intent: Option<IntentId>,
    /// The start of its process that its counters count from.
    pub boot_id: String,
    /// What it is doing.
    pub phase: WorkerPhase,
    /// When its last heartbeat was received.
    pub last_seen: Timestamp,
    /// Jobs done since `boot_id`.
    pub images_done: u64,
    /// Of these, done while input was never empty.
    pub saturated_images: u64,
    /// Milliseconds during which input was never empty.
    pub saturated_ms: u64,
    /// Jobs received and not committed.
    pub in_flight: u64,
    /// Number of partitions it is assigned.
    pub partitions: u32,
    /// When its provider takes its machine back, where it said so.
    #[serde(default)]
    pub interruption_at: Option<Timestamp>,
}

/// What a worker is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WorkerPhase {
    /// Loading and warming its models.
    Starting,
    /// Taking jobs.
    Ready,
    /// Finishing what it has.
    Draining,
    /// Everything committed, out of the group.
    Stopped,
}

/// An intent that is not closed, and its machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenInstance {
    /// The intent.
    pub intent: IntentId,
    /// Its pool.
    pub pool: String,
    /// How far the intent has come.
    pub progress: Progress,
    /// What the provider shows; an error if it could not be asked.
    pub machine: Result<Machine, String>,
}

/// How far an intent has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// Written down; whether a machine runs is not known for sure.
    Written {
        /// When.
        at: Timestamp,
    },
    /// A machine was launched.
    Launched {
        /// When its billing began.
        at: Timestamp,
    },
    /// For good on its way out: it was told to drain.
    Retiring {
        /// When its billing began.
        launched_at: Timestamp,
        /// By when the drain must be over.
        drain_by: Timestamp,
        /// Whether the provider was told to terminate it.
        terminating: bool,
    },
}

/// What a provider shows of an intent's machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Machine {
    /// Nothing with the intent's tag is listed.
    NotListed,
    /// Costs, cannot work yet.
    Booting,
    /// Costs, can work.
    Running,
    /// On its way out.
    Terminating,
    /// Gone for good.
    Terminated,
}

// === impl IntentId ===

impl IntentId {
    /// The intent number `number`, for a machine of `pool`.
    #[must_use]
    pub fn new(pool: &str, number: u64) -> Self {
        Self(format!("{pool}-{number:05}"))
    }

    /// What steps about the base as a whole go by; no intent is called so, since those end in a number.
    #[must_use]
    pub fn of_base() -> &'static Self {
        static BASE: LazyLock<IntentId> = LazyLock::new(|| IntentId(BASE_POOL.to_owned()));
        &BASE
    }

    /// The name, as it stands in tags and files.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for IntentId {
    fn from(name: String) -> Self {
        Self(name)
    }
}

impl fmt::Display for IntentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// The workers by their intent's id, where they were observed.
    #[must_use]
    pub fn workers_by_intent(&self) -> BTreeMap<&IntentId, &SeenWorker> {
        let workers = self.workers.as_deref().unwrap_or_default();
        let mut by_intent = BTreeMap::new();
        for worker in workers {
            if let Some(intent) = &worker.intent {
                by_intent.insert(intent, worker);
            }
        }
        by_intent
    }
}

// === impl SeenInstance ===

impl SeenInstance {
    /// When its billing began, as far as is known.
    #[must_use]
    pub fn launched_at(&self) -> Timestamp {
        match self.progress {
            Progress::Written { at } | Progress::Launched { at } => at,
            Progress::Retiring { launched_at, .. } => launched_at,
        }
    }

    /// Whether it is for good on its way out.
    #[must_use]
    pub fn is_retiring(&self) -> bool {
        matches!(self.progress, Progress::Retiring { .. })
    }
}
