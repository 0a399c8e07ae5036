//! The contract that every provider keeps; `conformance` tests it.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use spillway_core::Scope;

/// A future that a provider returns; boxed, so that providers can be kept together behind `dyn`.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a cloud's machine is given to start with: cloud-init's text, plain, for a request. Never a secret.
///
/// Equal requests give equal texts.
pub type UserData = Arc<dyn Fn(&LaunchRequest) -> String + Send + Sync>;

/// One attempt of an intent: one exact request. Anything that changes is a new attempt with its own token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchRequest {
    /// Whose machines these are: one controller installation. `[a-z0-9-]`, at most 63 characters.
    pub owner: String,
    /// The policy that asked.
    pub policy: String,
    /// The pool in that policy.
    pub pool: String,
    /// The intent's id. `[a-z0-9-]`, at most 63 characters.
    pub intent: String,
    /// From 1; grows with every change of the request.
    pub attempt: u32,
    /// What the machine runs.
    pub worker: WorkerSpec,
    /// How long the machine lives without a renewal of its dead-man lease, from launch on and ever after.
    pub lease: Duration,
}

/// What a machine runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerSpec {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Its environment, beside what the provider adds of the instance's identity. Never a secret.
    pub environment: BTreeMap<String, String>,
}

/// A machine, as its provider shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// The provider's name for it.
    pub id: String,
    /// The intent in its tags.
    pub intent: String,
    /// The attempt in its tags.
    pub attempt: u32,
    /// The policy in its tags.
    pub policy: String,
    /// The pool in its tags.
    pub pool: String,
    /// What it is doing.
    pub state: InstanceState,
    /// When its billing began.
    pub launched_at: Timestamp,
}

/// What a machine is doing, as far as money and work are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum InstanceState {
    /// Costs, cannot work yet.
    Booting,
    /// Costs, can work.
    Running,
    /// On its way out; may still cost.
    Terminating,
    /// Costs nothing and never comes back.
    Terminated,
}

/// What a look at one thing that launches need has shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub subject: Subject,
    /// What was seen.
    pub seen: Sight,
}

/// What launches need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The cloud knows who asks.
    Credentials,
    /// This machine's clock agrees with the cloud's.
    Clock,
    /// Machines may be listed.
    Listing,
    /// Machines may be launched and ended.
    Launching,
    /// The image is there.
    Image,
    /// The subnet is there.
    Subnet,
}

/// What was seen of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Sight {
    /// As it must be.
    Good,
    /// A person must act.
    Bad {
        /// What is wrong.
        why: String,
    },
    /// It could not be looked at.
    Unknown {
        /// Why not.
        why: String,
    },
}

/// A launcher, lister and terminator of machines.
pub trait Provider: Send + Sync {
    /// Its name in policies, logs and metrics.
    fn name(&self) -> &'static str;

    /// What its list shows machines of: providers of one account list the same ones, so that one of them is asked for
    /// all, and any of them can end what another launched.
    fn account(&self) -> String;

    /// Launches one instance for the request.
    ///
    /// Equal requests never make a second instance: while the first lives, it is returned again.
    /// A request whose instance was terminated never makes another one.
    ///
    /// # Errors
    /// `NotLaunched` if surely nothing runs; `Unknown` if something might.
    fn launch<'a>(
        &'a self,
        request: &'a LaunchRequest,
    ) -> BoxFuture<'a, Result<Instance, LaunchError>>;

    /// Lists every instance with our owner tag: all of them or an error, never a part.
    ///
    /// Terminated ones may be listed for a while.
    ///
    /// # Errors
    /// When the list cannot be had in full.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Instance>, CloudError>>;

    /// Looks at what a launch needs, without launching; nothing where there is nothing to look at.
    fn examine(&self) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    /// Ends an instance. Ending one that is gone, or that never was, is a success.
    ///
    /// Success means that the provider took the order, not that the instance is gone: only `list` shows that.
    ///
    /// # Errors
    /// When the order may not have been taken.
    fn terminate<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), CloudError>>;
}

/// Why a launch gave no instance: what the planner can act on, not what the API said.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// Nothing runs: another offer may be tried.
    #[error("not launched: {fault}")]
    NotLaunched {
        /// What stood against it.
        fault: Fault,
        /// How far that reaches.
        scope: Scope,
        /// When asking again makes sense, where the provider said so.
        retry_after: Option<Duration>,
    },
    /// The call may have worked: list before anything else.
    #[error("launch outcome is unknown")]
    Unknown(#[source] Box<dyn StdError + Send + Sync>),
}

/// What stood against a launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// The provider has none of these machines here and now.
    NoCapacity,
    /// The account may not have more.
    Quota,
    /// Too many calls: ask later.
    Throttled,
    /// The credentials may not do this.
    Denied,
    /// The request itself is wrong: it fails the same way again.
    Invalid {
        /// What is wrong with it.
        why: String,
    },
}

/// Why a provider could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum CloudError {
    /// Ask again later.
    #[error("provider could not be asked")]
    Unreachable(#[source] Box<dyn StdError + Send + Sync>),
    /// Too many calls: ask later.
    #[error("provider is throttling")]
    Throttled {
        /// When asking again makes sense, where the provider said so.
        retry_after: Option<Duration>,
    },
    /// Asking again will not help: a person must act.
    #[error("provider refused: {why}")]
    Refused {
        /// What it said.
        why: String,
    },
}

// === impl LaunchRequest ===

impl LaunchRequest {
    /// The launch token: equal requests have equal tokens, and no other does.
    ///
    /// `owner.intent.attempt`; the attempt grows whenever anything else changes.
    #[must_use]
    pub fn token(&self) -> String {
        format!("{}.{}.{}", self.owner, self.intent, self.attempt)
    }
}

// === impl InstanceState ===

impl InstanceState {
    /// Whether it exists, works or costs: everything but terminated.
    #[must_use]
    pub fn is_alive(self) -> bool {
        self != Self::Terminated
    }
}

// === impl Fault ===

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoCapacity => f.write_str("no capacity"),
            Self::Quota => f.write_str("quota"),
            Self::Throttled => f.write_str("throttled"),
            Self::Denied => f.write_str("denied"),
            Self::Invalid { why } => write!(f, "invalid request: {why}"),
        }
    }
}

impl Fault {
    /// What the planner is told of it.
    #[must_use]
    pub fn code(&self) -> spillway_core::Fault {
        match self {
            Self::NoCapacity => spillway_core::Fault::NoCapacity,
            Self::Quota => spillway_core::Fault::Quota,
            Self::Throttled => spillway_core::Fault::Throttled,
            Self::Denied => spillway_core::Fault::Denied,
            Self::Invalid { .. } => spillway_core::Fault::Invalid,
        }
    }
}
