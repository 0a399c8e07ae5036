//! A policy as trusted: private fields, one way in, nothing downstream checks again.

mod check;
pub mod clouds;
mod duration;
pub mod raw;
mod schedule;
mod workload;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::snapshot::{Machine, Snapshot};
use crate::units::{Dollars, Rate};

pub use schedule::{Limits, Window};
pub use workload::{Workload, WorkloadKind};

/// Name of the pool that the base workers belong to.
pub const BASE_POOL: &str = "base";

/// What a person wants of a group of workers, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    name: String,
    bootstrap_servers: Vec<String>,
    consumer_group: String,
    assignment: AssignmentMode,
    topics: Vec<TopicClass>,
    drain_within: SignedDuration,
    base: Pool,
    base_kept: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base_workload: Option<Workload>,
    burst_max: u32,
    join_servers: Vec<String>,
    #[serde(default)]
    join: clouds::Join,
    pools: Vec<Pool>,
    budget_per_hour: Option<Dollars>,
    budget_per_day: Option<Dollars>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    schedule: Vec<Window>,
    mode: Mode,
    reserve: SignedDuration,
    sooner: u32,
    stale_after: SignedDuration,
    drain_timeout: SignedDuration,
    dead_man_lease: SignedDuration,
}

/// Whether plans are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// They are.
    Enforce,
    /// They are made, told and written down; nothing is launched, drained or ended.
    Recommend,
}

/// Who deals the partitions out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssignmentMode {
    /// The controller, by speed and load.
    Weighted,
    /// Kafka's assignor, the same number to everyone.
    Group,
}

/// How a machine is bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Market {
    /// Ours until it is given back.
    OnDemand,
    /// Cheaper, and its provider may take it back.
    Spot,
}

/// Where machines stand: pools that share a part share what is refused there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// `aws`, `oci`, `gcp`, `azure`, `process`.
    pub cloud: String,
    /// The cloud's region.
    pub region: String,
    /// The region's zone; empty where the provider chooses.
    pub zone: String,
    /// The machine type.
    pub machine: String,
}

/// A topic of jobs of one class; classes are served in the order of the policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicClass {
    /// Its name.
    pub name: String,
    /// Every job in it is done this long after it arrived.
    pub drain_within: SignedDuration,
}

/// Like workers that grow and shrink together: the base, or one offer of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its name; no two alike.
    pub name: String,
    /// Who sells its machines.
    pub provider: ProviderKind,
    /// Where its machines stand, as far as refusals reach.
    pub place: Place,
    /// How its machines are bought.
    pub market: Market,
    /// What bringing a million images there costs.
    pub transfer_per_million: Dollars,
    /// What one machine costs an hour.
    pub price_per_hour: Dollars,
    /// The least time that a machine is billed for.
    pub billing_minimum: SignedDuration,
    /// From the order to the first job, until measured.
    pub boot_time: SignedDuration,
    /// What one worker does, until measured.
    pub throughput: Rate,
    /// Most machines.
    pub max: u32,
    /// Environment of its workers.
    pub environment: BTreeMap<String, String>,
}

/// Who sells a pool's machines, with what only that provider needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderKind {
    /// Processes on the controller's machine.
    Process {
        /// How long a machine pretends to boot.
        boot_delay: SignedDuration,
    },
    /// AWS.
    Aws(Box<clouds::Aws>),
    /// Microsoft Azure.
    Azure(Box<clouds::Azure>),
    /// Google Cloud.
    Gcp(Box<clouds::Gcp>),
    /// Oracle Cloud.
    Oci(Box<clouds::Oci>),
    /// Nobody: the workers are there by themselves.
    Static,
}

/// One thing that is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Problem {
    /// Where, as `spec.burst.pools[0].max`; empty for the document itself.
    pub path: String,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What to do about it, if that can be said.
    pub help: Option<String>,
}

// === impl ProviderKind ===

impl ProviderKind {
    /// Whether its machines are in a cloud.
    #[must_use]
    pub fn is_cloud(&self) -> bool {
        match self {
            Self::Aws(_) | Self::Azure(_) | Self::Gcp(_) | Self::Oci(_) => true,
            Self::Process { .. } | Self::Static => false,
        }
    }

    /// The cloud's API, where the policy says that it is not at its usual address.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Aws(aws) => aws.endpoint.as_deref(),
            Self::Azure(azure) => azure.endpoint.as_deref(),
            Self::Gcp(gcp) => gcp.endpoint.as_deref(),
            Self::Oci(oci) => oci.endpoint.as_deref(),
            Self::Process { .. } | Self::Static => None,
        }
    }
}

// === impl Pool ===

impl Pool {
    /// What a million images cost there at a rate, transfer included.
    #[must_use]
    pub fn dollars_per_million(&self, rate: Rate) -> Dollars {
        // Thousandths of a job per second, so 3.6 jobs an hour each; a rate of zero would cost without end.
        let jobs_per_hour = Decimal::from(rate.milli().max(1)) * Decimal::new(36, 1);
        let work = self.price_per_hour.0 * Decimal::from(1_000_000) / jobs_per_hour;
        Dollars(work + self.transfer_per_million.0)
    }
}

// === impl Place ===

impl Place {
    /// This machine, as the `process` provider sells it: a stock of its own for each pool.
    fn here(pool: &str) -> Self {
        Self {
            cloud: "process".to_owned(),
            region: String::new(),
            zone: String::new(),
            machine: pool.to_owned(),
        }
    }
}

// === impl Policy ===

impl Policy {
    /// Makes a trusted policy of one as written.
    ///
    /// # Errors
    /// Everything that is wrong, at once, in the order of the document's shape.
    pub fn check(raw: &raw::ScalingPolicy) -> Result<Self, Vec<Problem>> {
        check::policy(raw)
    }

    /// How it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Brokers of the source.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &[String] {
        &self.bootstrap_servers
    }

    /// Brokers as bought machines reach them.
    #[must_use]
    pub fn join_servers(&self) -> &[String] {
        &self.join_servers
    }

    /// What machines in clouds need beside that.
    #[must_use]
    pub fn join(&self) -> &clouds::Join {
        &self.join
    }

    /// The workers' consumer group.
    #[must_use]
    pub fn consumer_group(&self) -> &str {
        &self.consumer_group
    }

    /// What the group reads, in order of priority.
    #[must_use]
    pub fn topics(&self) -> &[TopicClass] {
        &self.topics
    }

    /// Who deals the partitions out.
    #[must_use]
    pub fn assignment(&self) -> AssignmentMode {
        self.assignment
    }

    /// Whether plans are carried out.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Every job is done this long after it arrived, unless its topic says otherwise.
    #[must_use]
    pub fn drain_within(&self) -> SignedDuration {
        self.drain_within
    }

    /// What is kept back of each deadline, for what no plan sees: rebalances, late readings, neighbours.
    #[must_use]
    pub fn reserve(&self) -> SignedDuration {
        self.reserve
    }

    /// How much sooner than needed a burst is to be done, in percent of the deadline.
    #[must_use]
    pub fn sooner(&self) -> u32 {
        self.sooner
    }

    /// The workers that are always there.
    #[must_use]
    pub fn base(&self) -> &Pool {
        &self.base
    }

    /// Whether the controller keeps the base workers alive itself.
    #[must_use]
    pub fn keeps_base(&self) -> bool {
        self.base_kept
    }

    /// The workload that the base workers are pods of, where the controller sets how many.
    #[must_use]
    pub fn base_workload(&self) -> Option<&Workload> {
        self.base_workload.as_ref()
    }

    /// Most bought workers over all pools, at any time.
    #[must_use]
    pub fn burst_max(&self) -> u32 {
        self.burst_max
    }

    /// Where machines can be bought.
    #[must_use]
    pub fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// The pool of that name, the base among them.
    #[must_use]
    pub fn pool(&self, name: &str) -> Option<&Pool> {
        std::iter::once(&self.base)
            .chain(&self.pools)
            .find(|pool| pool.name == name)
    }

    /// What machines of these pools cost an hour, the base's left out.
    pub(crate) fn burst_price_of<'a>(&self, pools: impl Iterator<Item = &'a str>) -> Dollars {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for pool in pools {
            *counts.entry(pool).or_default() += 1;
        }
        self.pools.iter().fold(Dollars::ZERO, |sum, pool| {
            let count = counts.get(pool.name.as_str()).copied().unwrap_or(0);
            if count == 0 {
                return sum;
            }
            sum.plus(Dollars(pool.price_per_hour.0 * Decimal::from(count)))
        })
    }

    /// What all bought machines that a snapshot shows cost an hour.
    pub(crate) fn burst_price(&self, snapshot: &Snapshot) -> Dollars {
        let costing = snapshot
            .instances
            .iter()
            .filter(|instance| instance.machine != Ok(Machine::Terminated));
        self.burst_price_of(costing.map(|instance| instance.pool.as_str()))
    }

    /// The most that burst may cost an hour.
    #[must_use]
    pub fn budget_per_hour(&self) -> Option<Dollars> {
        self.budget_per_hour
    }

    /// The most that burst may cost a day (UTC).
    #[must_use]
    pub fn budget_per_day(&self) -> Option<Dollars> {
        self.budget_per_day
    }

    /// A reading older than this is not acted upon.
    #[must_use]
    pub fn stale_after(&self) -> SignedDuration {
        self.stale_after
    }

    /// How long a worker may take to finish what it has.
    #[must_use]
    pub fn drain_timeout(&self) -> SignedDuration {
        self.drain_timeout
    }

    /// How long a bought machine lives without a word from its controller.
    #[must_use]
    pub fn dead_man_lease(&self) -> SignedDuration {
        self.dead_man_lease
    }
}
