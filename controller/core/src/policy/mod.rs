//! A policy as trusted: private fields, one way in, nothing downstream checks again.

mod check;
pub mod raw;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::units::{Dollars, Rate};

/// Name of the pool that the base workers belong to.
pub const BASE_POOL: &str = "base";

/// What a person wants of a group of workers, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    name: String,
    bootstrap_servers: Vec<String>,
    consumer_group: String,
    topics: Vec<String>,
    drain_within: SignedDuration,
    base: Pool,
    base_kept: bool,
    burst_max: u32,
    join_servers: Vec<String>,
    pools: Vec<Pool>,
    budget_per_hour: Option<Dollars>,
    stale_after: SignedDuration,
    drain_timeout: SignedDuration,
    dead_man_lease: SignedDuration,
}

/// Like workers that grow and shrink together: the base, or one offer of a provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Its name; no two alike.
    pub name: String,
    /// Who sells its machines.
    pub provider: ProviderKind,
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

    /// The workers' consumer group.
    #[must_use]
    pub fn consumer_group(&self) -> &str {
        &self.consumer_group
    }

    /// What the group reads.
    #[must_use]
    pub fn topics(&self) -> &[String] {
        &self.topics
    }

    /// Every job is done this long after it arrived.
    #[must_use]
    pub fn drain_within(&self) -> SignedDuration {
        self.drain_within
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

    /// Most bought workers over all pools.
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

    /// The most that burst may cost an hour.
    #[must_use]
    pub fn budget_per_hour(&self) -> Option<Dollars> {
        self.budget_per_hour
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
