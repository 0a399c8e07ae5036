//! A plan: what should be, the steps there, and why; a value that can be printed, stored and replayed.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::reason::Reason;
use crate::snapshot::IntentId;
use crate::units::{Dollars, Rate};

/// What to do at one moment. It leaves no meaningful choice to the executor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The moment it was made for.
    pub at: Timestamp,
    /// Steps, in the order in which they are to be started.
    pub actions: Vec<Action>,
    /// Machines that each pool should have.
    pub desired: BTreeMap<String, u32>,
    /// Everything that led here, the most telling first.
    pub reasons: Vec<Reason>,
    /// Set where nothing was decided about burst, because too little is known.
    pub hold: Option<Reason>,
    /// What it was decided upon.
    pub numbers: Numbers,
    /// When to plan again at the latest.
    pub wake_at: Timestamp,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do")]
pub enum Action {
    /// Write the intent down, then launch one machine of the pool. For an intent that is written already:
    /// the same request again, which never makes a second machine.
    Launch {
        intent: IntentId,
        pool: String,
        why: Reason,
    },
    /// Note that an intent's machine runs after all.
    Adopt { intent: IntentId, why: Reason },
    /// Tell the worker to finish and stop. From here on the machine is for good on its way out.
    Drain {
        intent: IntentId,
        drain_by: Timestamp,
        why: Reason,
    },
    /// End the machine.
    Terminate { intent: IntentId, why: Reason },
    /// The machine is proven gone: close the intent.
    Close { intent: IntentId, why: Reason },
    /// Tell the workload of the base to have this many pods.
    ScaleBase {
        replicas: u32,
        /// Pods that go first when it shrinks, in this order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        victims: Vec<String>,
        why: Reason,
    },
}

/// What a plan was decided upon, and what it means for the objective.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbers {
    /// Jobs that wait, as far as is known; none if nothing is known.
    pub backlog: Option<u64>,
    /// Partitions whose lag is known, and all of them.
    pub partitions_known: u64,
    /// All partitions of the group's topics.
    pub partitions: u64,
    /// How long the oldest waiting job has waited, as far as it was watched.
    pub oldest_age: Option<SignedDuration>,
    /// Jobs arriving per second.
    pub arrival_rate: Option<Rate>,
    /// What the workers that are ready can do together.
    pub service_rate: Rate,
    /// The same, with those that boot.
    pub service_rate_soon: Rate,
    /// How long until what waits now is done; none if never, or unknown.
    pub drain_eta: Option<SignedDuration>,
    /// The objective.
    pub drain_within: SignedDuration,
    /// Jobs that will be late with what this plan leads to.
    pub late: u64,
    /// Workers of each pool, by phase.
    pub pools: BTreeMap<String, PoolNumbers>,
    /// What all machines cost an hour now, the base's among them.
    pub cost_per_hour: Dollars,
    /// Of this, what was bought.
    pub burst_cost_per_hour: Dollars,
}

/// Workers of one pool, by phase, and what is believed of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolNumbers {
    /// Ordered or starting.
    pub booting: u64,
    /// Taking jobs.
    pub ready: u64,
    /// On their way out.
    pub draining: u64,
    /// Service rate of one worker, mean belief.
    pub rate_mean: Rate,
    /// Service rate of one worker that is counted on.
    pub rate_low: Rate,
    /// Whether the rate was measured.
    pub measured: bool,
    /// From the order to ready, nine in ten.
    pub boot_high: SignedDuration,
}

/// What stood against a launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    Invalid,
}

/// How far a refusal reaches, from the widest to the narrowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Everything of this cloud.
    Cloud,
    /// Everything in this region.
    Region,
    /// Everything in this zone.
    Zone,
    /// This market, spot or on demand, in this region.
    Market,
    /// This machine type in this region, in this market.
    Machine,
    /// This machine type in this zone, in this market.
    Offer,
    /// This pool alone.
    Pool,
}

/// How an action ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// As intended.
    Done,
    /// Surely nothing was launched: the pool is blocked for a while.
    NotLaunched {
        /// What stood against it.
        fault: Fault,
        /// How far that reaches.
        scope: Scope,
        /// When asking again makes sense, where the provider said so.
        retry_after: Option<SignedDuration>,
    },
    /// It may have worked: the next look at the provider will show it.
    Unknown {
        /// What went wrong.
        why: String,
    },
    /// It did not work and will be tried again.
    Failed {
        /// What went wrong.
        why: String,
    },
}

// === impl Fault ===

impl Fault {
    /// The name in metrics, journals and on the dashboard.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoCapacity => "NoCapacity",
            Self::Quota => "Quota",
            Self::Throttled => "Throttled",
            Self::Denied => "Denied",
            Self::Invalid => "Invalid",
        }
    }
}

// === impl Action ===

impl Action {
    /// The intent it is about; for the base as a whole, what stands for it.
    #[must_use]
    pub fn intent(&self) -> &IntentId {
        match self {
            Self::Launch { intent, .. }
            | Self::Adopt { intent, .. }
            | Self::Drain { intent, .. }
            | Self::Terminate { intent, .. }
            | Self::Close { intent, .. } => intent,
            Self::ScaleBase { .. } => IntentId::of_base(),
        }
    }

    /// Why.
    #[must_use]
    pub fn why(&self) -> &Reason {
        match self {
            Self::Launch { why, .. }
            | Self::Adopt { why, .. }
            | Self::Drain { why, .. }
            | Self::Terminate { why, .. }
            | Self::Close { why, .. }
            | Self::ScaleBase { why, .. } => why,
        }
    }

    /// The verb, as it stands in journals, metrics and on the dashboard.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Launch { .. } => "Launch",
            Self::Adopt { .. } => "Adopt",
            Self::Drain { .. } => "Drain",
            Self::Terminate { .. } => "Terminate",
            Self::Close { .. } => "Close",
            Self::ScaleBase { .. } => "ScaleBase",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.verb(), self.intent(), self.why())
    }
}

// === impl Plan ===

impl Plan {
    /// The plan in one sentence: what is done and why, or why nothing is.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut done = Vec::new();
        for action in &self.actions {
            if let Action::ScaleBase { replicas, .. } = action {
                done.push(format!("Setting the base to {replicas}"));
            }
        }
        for (verb, name) in [("Launch", "Launching"), ("Drain", "Giving back")] {
            let mut pools: BTreeMap<&str, u64> = BTreeMap::new();
            for action in self.actions.iter().filter(|action| action.verb() == verb) {
                let intent = action.intent().as_str();
                let pool = intent.rsplit_once('-').map_or(intent, |(pool, _)| pool);
                *pools.entry(pool).or_default() += 1;
            }
            if !pools.is_empty() {
                let pools: Vec<String> = pools
                    .iter()
                    .map(|(pool, count)| format!("{count} × {pool}"))
                    .collect();
                done.push(format!("{name} {}", pools.join(" and ")));
            }
        }
        // Of a purchase every pool is named; of rest the two most telling reasons are enough.
        let shown = if done.is_empty() { 2 } else { 4 };
        let why = self.hold.iter().chain(&self.reasons).take(shown);
        let why: Vec<String> = why.map(Reason::to_string).collect();
        let why = why.join("; ");
        match (done.is_empty(), &self.hold) {
            (false, _) => format!("{}: {why}.", done.join(", ")),
            (true, Some(_)) => format!("Holding: {why}."),
            (true, None) => format!("Nothing to do: {why}."),
        }
    }
}
