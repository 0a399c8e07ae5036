//! Why something was done, limited or left: a code for machines, a sentence with the numbers for people.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::orders::Shape;
use crate::units::{Dollars, Rate, spoken};

/// Why something was done, limited or left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code")]
pub enum Reason {
    // --- holds
    /// No snapshot yet.
    NothingObserved,
    /// The snapshot is too old to act upon.
    SnapshotStale {
        age: SignedDuration,
        stale_after: SignedDuration,
    },
    /// No partition's lag is known.
    BacklogUnknown { why: String },
    /// Some partitions' lag is unknown: enough to buy for what is known, never to give back.
    BacklogPartial {
        unknown: u64,
        partitions: u64,
        why: String,
    },
    /// The heartbeats could not be read: who works is unknown.
    FleetUnknown { why: String },
    /// Arrivals have not been watched for long enough to give machines back.
    ArrivalsUnknown,
    // --- orders
    /// Somebody ordered that all be left as it is.
    Paused {
        by: String,
        until: Timestamp,
        reason: String,
    },
    /// Somebody ordered how many machines a pool has.
    Overridden {
        pool: String,
        shape: Shape,
        workers: u32,
        by: String,
        until: Timestamp,
        reason: String,
    },
    /// The schedule wants at least so many bought machines now.
    Scheduled { window: String, workers: u32 },
    /// Somebody ordered that this machine go.
    Ordered { by: String, reason: String },
    // --- enough
    /// The workers there are clear the backlog in time, and no burst runs.
    BaseSuffices {
        backlog: u64,
        eta: SignedDuration,
        deadline: SignedDuration,
    },
    /// With those that run and boot the backlog is cleared in time.
    FleetSuffices {
        backlog: u64,
        eta: Option<SignedDuration>,
        running: u64,
        booting: u64,
    },
    /// Without this one the deadline would be in danger again.
    StillNeeded {
        needed: u64,
        arriving: Rate,
        without: Rate,
    },
    /// Giving it back now saves nothing: it is paid for until its billing minimum ends.
    PaidFor { pool: String, left: SignedDuration },
    // --- buying
    /// What runs and boots cannot do what is due by then.
    DeadlineEndangered {
        due: u64,
        within: SignedDuration,
        done_by_then: u64,
    },
    /// Chosen as the cheapest way to do what is missing.
    Cheapest {
        pool: String,
        count: u64,
        per_million: Dollars,
        boot: SignedDuration,
    },
    /// It was not chosen: what is due by then costs more with it, as much of it as a new machine does by then.
    Dearer {
        pool: String,
        within: SignedDuration,
        per_million: Dollars,
        more: Dollars,
    },
    /// It was not chosen: a new machine would do nothing of what is due by then.
    TooSlow {
        pool: String,
        within: SignedDuration,
        boot: SignedDuration,
    },
    /// A machine that does the same for less, for one that runs: it pays for its boot within the deadline.
    Cheaper {
        pool: String,
        instead: String,
        per_million: Dollars,
        instead_per_million: Dollars,
    },
    /// The base grows to its most before anything is bought: it costs nothing more.
    BaseFilled { from: u32, to: u32 },
    /// A base worker is missing.
    BaseMissing { alive: u64, wanted: u64 },
    // --- caps
    /// The pool may not have more machines.
    PoolMax { pool: String, max: u32 },
    /// The policy may not have more burst workers.
    BurstMax {
        max: u32,
        /// The window of the schedule that allows no more now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window: Option<String>,
    },
    /// More workers than partitions cannot help: one partition is read by one worker.
    PartitionCap { partitions: u64 },
    /// Another machine would cost more an hour than the budget allows.
    BudgetPerHour { spending: Dollars, budget: Dollars },
    /// With what runs until the deadline, another machine would cost more today than the budget allows.
    BudgetPerDay { spent: Dollars, budget: Dollars },
    /// Today's budget is spent, or will be by what runs until it can be given back.
    BudgetOverrun {
        spent: Dollars,
        ahead: Dollars,
        budget: Dollars,
    },
    /// The pool gave no machine lately.
    PoolBlocked {
        pool: String,
        until: Timestamp,
        why: String,
    },
    /// The last machines that were bought brought nothing: whatever is in the way, more of them do not help.
    Ineffective {
        added: Rate,
        gained: Rate,
        until: Timestamp,
    },
    /// No pool can do any of what is due in time.
    NoPoolInTime { within: SignedDuration },
    /// Jobs that will be late with all that can be done.
    DeadlineAtRisk { late: u64 },
    /// The workload of the base could not be looked at: its size is left as it is.
    BaseUnknown { why: String },
    /// The scale of the base could not be set a moment ago.
    BaseRefused { why: String },
    /// Pods of the base that say nothing, ready or not, do no work.
    BaseSilent { pods: u64 },
    // --- ending
    /// The floor of the base does it alone.
    BaseLowered {
        from: u32,
        to: u32,
        arriving: Rate,
        without: Rate,
    },
    /// Somebody raised the base above the policy's most.
    BaseAboveMax { replicas: u32, max: u32 },
    /// The rest of the fleet does it alone.
    NoLongerNeeded {
        arriving: Rate,
        without: Rate,
        backlog: u64,
    },
    /// It said that it has stopped.
    WorkerStopped,
    /// It did not finish in the time it had.
    DrainTimedOut { after: SignedDuration },
    /// It has not been heard of.
    WorkerSilent { silence: SignedDuration },
    /// Its worker never became ready.
    BootTimedOut { after: SignedDuration },
    /// It was told to end and is still there.
    StillThere,
    /// The provider shows that it is gone.
    MachineGone,
    /// A launch whose outcome was unknown turned out to have worked.
    Adopted,
    /// A launch whose outcome was unknown turned out to have failed: the same request again.
    LaunchAgain,
    /// Its controller ends and was told to end its machines first.
    ControllerEnded,
    /// The policy no longer has its pool.
    PoolRemoved { pool: String },
    /// A policy that is tried out would have another number of machines after its plan.
    ShadowDiffers {
        policy: String,
        pool: String,
        desired: u32,
        instead: u32,
    },
}

// === impl Reason ===

impl Reason {
    /// The code, as it stands in journals, metrics and on the dashboard.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingObserved => "NothingObserved",
            Self::SnapshotStale { .. } => "SnapshotStale",
            Self::BacklogUnknown { .. } => "BacklogUnknown",
            Self::BacklogPartial { .. } => "BacklogPartial",
            Self::FleetUnknown { .. } => "FleetUnknown",
            Self::ArrivalsUnknown => "ArrivalsUnknown",
            Self::Paused { .. } => "Paused",
            Self::Overridden { .. } => "Overridden",
            Self::Scheduled { .. } => "Scheduled",
            Self::Ordered { .. } => "Ordered",
            Self::BaseSuffices { .. } => "BaseSuffices",
            Self::FleetSuffices { .. } => "FleetSuffices",
            Self::StillNeeded { .. } => "StillNeeded",
            Self::PaidFor { .. } => "PaidFor",
            Self::DeadlineEndangered { .. } => "DeadlineEndangered",
            Self::Cheapest { .. } => "Cheapest",
            Self::Dearer { .. } => "Dearer",
            Self::TooSlow { .. } => "TooSlow",
            Self::Cheaper { .. } => "Cheaper",
            Self::BaseFilled { .. } => "BaseFilled",
            Self::BaseMissing { .. } => "BaseMissing",
            Self::BaseUnknown { .. } => "BaseUnknown",
            Self::BaseRefused { .. } => "BaseRefused",
            Self::BaseSilent { .. } => "BaseSilent",
            Self::BaseLowered { .. } => "BaseLowered",
            Self::BaseAboveMax { .. } => "BaseAboveMax",
            Self::PoolMax { .. } => "PoolMax",
            Self::BurstMax { .. } => "BurstMax",
            Self::PartitionCap { .. } => "PartitionCap",
            Self::BudgetPerHour { .. } => "BudgetPerHour",
            Self::BudgetPerDay { .. } => "BudgetPerDay",
            Self::BudgetOverrun { .. } => "BudgetOverrun",
            Self::PoolBlocked { .. } => "PoolBlocked",
            Self::Ineffective { .. } => "Ineffective",
            Self::NoPoolInTime { .. } => "NoPoolInTime",
            Self::DeadlineAtRisk { .. } => "DeadlineAtRisk",
            Self::NoLongerNeeded { .. } => "NoLongerNeeded",
            Self::WorkerStopped => "WorkerStopped",
            Self::DrainTimedOut { .. } => "DrainTimedOut",
            Self::WorkerSilent { .. } => "WorkerSilent",
            Self::BootTimedOut { .. } => "BootTimedOut",
            Self::StillThere => "StillThere",
            Self::MachineGone => "MachineGone",
            Self::Adopted => "Adopted",
            Self::LaunchAgain => "LaunchAgain",
            Self::ControllerEnded => "ControllerEnded",
            Self::PoolRemoved { .. } => "PoolRemoved",
            Self::ShadowDiffers { .. } => "ShadowDiffers",
        }
    }

    /// The pool that it is about, if it is about one.
    #[must_use]
    pub fn pool(&self) -> Option<&str> {
        match self {
            Self::PaidFor { pool, .. }
            | Self::Cheapest { pool, .. }
            | Self::Cheaper { pool, .. }
            | Self::PoolMax { pool, .. }
            | Self::PoolBlocked { pool, .. }
            | Self::Overridden { pool, .. }
            | Self::PoolRemoved { pool } => Some(pool),
            _ => None,
        }
    }

    /// Whether it says that something is in the way of the objective, rather than that all is well.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        matches!(
            self,
            Self::SnapshotStale { .. }
                | Self::BacklogUnknown { .. }
                | Self::BacklogPartial { .. }
                | Self::FleetUnknown { .. }
                | Self::PoolMax { .. }
                | Self::BurstMax { .. }
                | Self::PartitionCap { .. }
                | Self::BudgetPerHour { .. }
                | Self::BudgetPerDay { .. }
                | Self::BudgetOverrun { .. }
                | Self::PoolBlocked { .. }
                | Self::Ineffective { .. }
                | Self::NoPoolInTime { .. }
                | Self::DeadlineAtRisk { .. }
                | Self::WorkerSilent { .. }
                | Self::BootTimedOut { .. }
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingObserved => f.write_str("nothing has been observed yet"),
            Self::SnapshotStale { age, stale_after } => write!(
                f,
                "what was observed is {} old, more than the {} that may be acted upon",
                spoken(*age),
                spoken(*stale_after)
            ),
            Self::BacklogUnknown { why } => write!(f, "the backlog is unknown ({why})"),
            Self::BacklogPartial {
                unknown,
                partitions,
                why,
            } => {
                write!(
                    f,
                    "the lag of {unknown} of {partitions} partitions is unknown ({why})"
                )
            }
            Self::FleetUnknown { why } => write!(f, "who is working is unknown ({why})"),
            Self::Paused { by, until, reason } => {
                write!(f, "{by} ordered a pause until {until:.0} ({reason})")
            }
            Self::Overridden {
                pool,
                shape,
                workers,
                by,
                until,
                reason,
            } => write!(
                f,
                "{by} ordered {shape} {workers} × {pool} until {until:.0} ({reason})"
            ),
            Self::Scheduled { window, workers } => {
                write!(f, "{window} wants at least {workers} bought machines now")
            }
            Self::Ordered { by, reason } => write!(f, "{by} ordered it ({reason})"),
            Self::ArrivalsUnknown => f.write_str("arrivals have not been watched for long enough"),
            Self::BaseSuffices { backlog: 0, .. } => f.write_str("nothing waits, the base does it"),
            Self::BaseSuffices {
                backlog,
                eta,
                deadline,
            } => write!(
                f,
                "the base clears {backlog} waiting jobs in {}, {} are allowed",
                spoken(*eta),
                spoken(*deadline)
            ),
            Self::FleetSuffices {
                backlog,
                eta,
                running,
                booting,
            } => {
                write!(
                    f,
                    "{running} running and {booting} starting workers clear {backlog} jobs"
                )?;
                match eta {
                    Some(eta) => write!(f, " in {}", spoken(*eta)),
                    None => f.write_str(" as they fall due"),
                }
            }
            Self::StillNeeded {
                needed,
                arriving,
                without,
            } => write!(
                f,
                "{needed} burst workers are still needed: one fewer would do {without} while {arriving} arrive"
            ),
            Self::PaidFor { pool, left } => {
                write!(f, "{pool} is paid for another {} anyway", spoken(*left))
            }
            Self::DeadlineEndangered {
                due,
                within,
                done_by_then,
            } => write!(
                f,
                "{due} jobs are due within {}, what runs and starts does {done_by_then} by then",
                spoken(*within)
            ),
            Self::Cheapest {
                pool,
                count,
                per_million,
                boot,
            } => write!(
                f,
                "{count} × {pool} is the cheapest that comes in time ({per_million} per million jobs, ready in {})",
                spoken(*boot)
            ),
            Self::Dearer {
                pool,
                within,
                per_million,
                more,
            } => write!(
                f,
                "{pool} was dearer: {per_million} per million jobs done within {}, {more} more",
                spoken(*within)
            ),
            Self::TooSlow { pool, within, boot } => write!(
                f,
                "{pool} is ready in {} and would do nothing within {}",
                spoken(*boot),
                spoken(*within)
            ),
            Self::Cheaper {
                pool,
                instead,
                per_million,
                instead_per_million,
            } => write!(
                f,
                "{pool} does for {per_million} per million jobs what {instead} does for {instead_per_million}"
            ),
            Self::BaseFilled { from, to } => write!(
                f,
                "the base goes from {from} to {to} workers before anything is bought"
            ),
            Self::BaseUnknown { why } => write!(f, "the base workload cannot be read ({why})"),
            Self::BaseRefused { why } => write!(f, "the base could not be scaled ({why})"),
            Self::BaseSilent { pods } => {
                write!(f, "{pods} base pods say nothing and count as no capacity")
            }
            Self::BaseLowered {
                from,
                to,
                arriving,
                without,
            } => write!(
                f,
                "the base goes back from {from} to {to} workers, which do {without} while {arriving} arrive"
            ),
            Self::BaseAboveMax { replicas, max } => {
                write!(f, "the base has {replicas} replicas, {max} are allowed")
            }
            Self::BaseMissing { alive, wanted } => {
                write!(f, "{alive} of {wanted} base workers are there")
            }
            Self::PoolMax { pool, max } => write!(f, "{pool} has all its {max} machines"),
            Self::BurstMax { max, window: None } => write!(f, "burst has all its {max} workers"),
            Self::BurstMax {
                max,
                window: Some(window),
            } => write!(f, "burst has all the {max} workers that {window} allows"),
            Self::PartitionCap { partitions } => {
                write!(f, "more workers than {partitions} partitions cannot help")
            }
            Self::BudgetPerHour { spending, budget } => {
                write!(
                    f,
                    "{spending} an hour of {budget} are spent, another machine is too much"
                )
            }
            Self::BudgetPerDay { spent, budget } => write!(
                f,
                "{spent} of today's {budget} are spent, another machine is too much"
            ),
            Self::BudgetOverrun {
                spent,
                ahead,
                budget,
            } if *ahead > Dollars::ZERO => write!(
                f,
                "{spent} of today's {budget} are spent, and what runs costs about {ahead} more until it can be given back"
            ),
            Self::BudgetOverrun { spent, budget, .. } => write!(
                f,
                "{spent} of today's {budget} are spent: nothing is bought before midnight UTC"
            ),
            Self::PoolBlocked { pool, why, .. } => {
                write!(f, "{pool} gave no machine lately ({why})")
            }
            Self::Ineffective { added, gained, .. } => write!(
                f,
                "the last machines should have done {added} and brought {gained}: more would not help"
            ),
            Self::NoPoolInTime { within } => {
                write!(f, "no pool has a machine ready within {}", spoken(*within))
            }
            Self::DeadlineAtRisk { late } => write!(f, "about {late} jobs will be late"),
            Self::NoLongerNeeded {
                arriving,
                without,
                backlog,
            } => write!(
                f,
                "the others do {without} while {arriving} arrive and {backlog} wait"
            ),
            Self::WorkerStopped => f.write_str("its worker has finished and stopped"),
            Self::DrainTimedOut { after } => {
                write!(f, "its worker did not finish within {}", spoken(*after))
            }
            Self::WorkerSilent { silence } => {
                write!(f, "its worker has been silent for {}", spoken(*silence))
            }
            Self::BootTimedOut { after } => {
                write!(f, "its worker was not ready after {}", spoken(*after))
            }
            Self::StillThere => f.write_str("it was told to end and is still there"),
            Self::MachineGone => f.write_str("its machine is gone"),
            Self::Adopted => f.write_str("its launch turned out to have worked"),
            Self::LaunchAgain => f.write_str("its launch turned out to have failed"),
            Self::ControllerEnded => f.write_str("its controller ends"),
            Self::PoolRemoved { pool } => write!(f, "the policy no longer has the pool {pool}"),
            Self::ShadowDiffers {
                policy,
                pool,
                desired,
                instead,
            } => write!(
                f,
                "{policy}, which is only tried out, would have {desired} of {pool}, not {instead}"
            ),
        }
    }
}
