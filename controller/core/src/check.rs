//! A second opinion on every plan, in production too. It shares no code with the planner.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::plan::{Action, Plan};
use crate::policy::Policy;
use crate::reason::Reason;
use crate::snapshot::{IntentId, Machine, Progress, Snapshot, WorkerPhase};

/// A rule that a plan breaks. Such a plan is not executed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Violation {
    /// More machines of a pool than it may have.
    OverPoolMax {
        pool: String,
        machines: u64,
        max: u32,
    },
    /// More bought machines than the policy may have.
    OverBurstMax { machines: u64, max: u32 },
    /// More dollars an hour than the budget.
    OverBudget { per_hour: Decimal, budget: Decimal },
    /// Two steps for one intent.
    TwoSteps { intent: IntentId },
    /// A launch under a name that another machine has or had.
    IntentReused { intent: IntentId },
    /// A launch into a pool that the policy does not have.
    UnknownPool { pool: String },
    /// A step for an intent that nobody has seen.
    UnknownIntent { intent: IntentId },
    /// A machine given back although the backlog is not known in full.
    ReleasedBlind { intent: IntentId },
    /// A base machine given back for want of work.
    BaseDrained { intent: IntentId },
    /// A machine ended that was not told to drain, is not lost and may be working.
    TerminatedWorking { intent: IntentId },
    /// An intent closed whose machine may still run.
    ClosedRunning { intent: IntentId },
    /// A base scaled that the policy does not scale, or of which nothing is known.
    BaseScaledBlind,
    /// A base outside the policy's floor and most.
    BaseOutOfRange { replicas: u32, min: u32, max: u32 },
    /// More base workers than partitions, where it had fewer.
    BaseOverPartitions { replicas: u32, partitions: u64 },
    /// A base made smaller although the backlog is not known in full, or beside bought machines.
    BaseLoweredEarly { replicas: u32 },
}

/// Lists all that is wrong with `plan`; empty if it may be executed.
#[must_use]
pub fn check(policy: &Policy, snapshot: &Snapshot, plan: &Plan) -> Vec<Violation> {
    let mut violations = Vec::new();
    let seen: BTreeMap<_, _> = snapshot
        .instances
        .iter()
        .map(|instance| (&instance.intent, instance))
        .collect();
    let mut stepped = BTreeSet::new();
    for action in &plan.actions {
        let intent = action.intent();
        if !stepped.insert(intent) {
            violations.push(Violation::TwoSteps {
                intent: intent.clone(),
            });
        }
        if !matches!(action, Action::Launch { .. } | Action::ScaleBase { .. })
            && !seen.contains_key(intent)
        {
            violations.push(Violation::UnknownIntent {
                intent: intent.clone(),
            });
        }
    }
    check_launches(policy, snapshot, plan, &mut violations);
    check_endings(policy, snapshot, plan, &mut violations);
    check_base(policy, snapshot, plan, &mut violations);
    violations
}

fn check_launches(policy: &Policy, snapshot: &Snapshot, plan: &Plan, to: &mut Vec<Violation>) {
    // Everything that may cost after this plan: what is not proven gone, and what is launched.
    let mut machines: BTreeMap<&str, u64> = BTreeMap::new();
    for instance in &snapshot.instances {
        if instance.machine != Ok(Machine::Terminated) && !instance.is_retiring() {
            *machines.entry(&instance.pool).or_default() += 1;
        }
    }
    let mut is_buying = false;
    for action in &plan.actions {
        let Action::Launch { intent, pool, .. } = action else {
            continue;
        };
        if policy.pool(pool).is_none() {
            to.push(Violation::UnknownPool { pool: pool.clone() });
        }
        match snapshot
            .instances
            .iter()
            .find(|instance| instance.intent == *intent)
        {
            Some(known) if !matches!(known.progress, Progress::Written { .. }) => {
                to.push(Violation::IntentReused {
                    intent: intent.clone(),
                });
            }
            Some(_) => {}
            None => {
                *machines.entry(pool).or_default() += 1;
                is_buying |= pool != policy.base().name.as_str();
            }
        }
    }
    // A cap that was lowered below what runs is no fault of a plan that buys nothing.
    if !is_buying {
        return;
    }
    let mut burst = 0;
    let mut per_hour = Decimal::ZERO;
    for pool in policy.pools() {
        let count = machines.get(pool.name.as_str()).copied().unwrap_or(0);
        burst += count;
        per_hour += pool.price_per_hour.0 * Decimal::from(count);
        if count > u64::from(pool.max) {
            to.push(Violation::OverPoolMax {
                pool: pool.name.clone(),
                machines: count,
                max: pool.max,
            });
        }
    }
    let max = policy.limits(plan.at).burst_max.0;
    if burst > u64::from(max) {
        to.push(Violation::OverBurstMax {
            machines: burst,
            max,
        });
    }
    if let Some(budget) = policy.budget_per_hour()
        && per_hour > budget.0
    {
        to.push(Violation::OverBudget {
            per_hour,
            budget: budget.0,
        });
    }
}

fn is_backlog_known(snapshot: &Snapshot) -> bool {
    match &snapshot.backlog {
        Ok(reading) => {
            reading.missing.is_empty()
                && !reading.partitions.is_empty()
                && reading
                    .partitions
                    .iter()
                    .all(|partition| partition.offsets.is_ok())
        }
        Err(_) => false,
    }
}

fn check_base(policy: &Policy, snapshot: &Snapshot, plan: &Plan, to: &mut Vec<Violation>) {
    for action in &plan.actions {
        let Action::ScaleBase { replicas, .. } = action else {
            continue;
        };
        let (Some(workload), Some(Ok(base))) = (policy.base_workload(), &snapshot.base) else {
            to.push(Violation::BaseScaledBlind);
            continue;
        };
        let (replicas, min, max) = (*replicas, workload.min, workload.max);
        if replicas < min || replicas > max {
            to.push(Violation::BaseOutOfRange { replicas, min, max });
        }
        let read = snapshot.backlog.as_ref();
        let partitions = read.map_or(0, |reading| reading.partitions.len() as u64);
        // The floor is what a person wants, whatever there is to read.
        if replicas > base.replicas && replicas > min && u64::from(replicas) > partitions {
            to.push(Violation::BaseOverPartitions {
                replicas,
                partitions,
            });
        }
        let mut instances = snapshot.instances.iter();
        let is_bought =
            instances.any(|it| it.machine != Ok(Machine::Terminated) && !it.is_retiring());
        let is_early = !is_backlog_known(snapshot) || is_bought;
        if replicas < base.replicas && base.replicas <= max && is_early {
            to.push(Violation::BaseLoweredEarly { replicas });
        }
    }
}

fn check_endings(policy: &Policy, snapshot: &Snapshot, plan: &Plan, to: &mut Vec<Violation>) {
    let is_backlog_known = is_backlog_known(snapshot);
    for action in &plan.actions {
        let intent = action.intent();
        let Some(seen) = snapshot
            .instances
            .iter()
            .find(|seen| seen.intent == *intent)
        else {
            continue;
        };
        match action {
            Action::Drain { .. } => {
                if seen.pool == policy.base().name {
                    to.push(Violation::BaseDrained {
                        intent: intent.clone(),
                    });
                }
                // A person may know what is not read here.
                let is_ordered = snapshot.orders.allows_drain(intent, &seen.pool, plan.at);
                if !is_backlog_known && !is_ordered {
                    to.push(Violation::ReleasedBlind {
                        intent: intent.clone(),
                    });
                }
            }
            Action::Terminate { why, .. } => {
                let worker = snapshot.workers.iter().flatten();
                let mut worker = worker.filter(|worker| worker.intent.as_ref() == Some(intent));
                let has_stopped = worker.any(|worker| worker.phase == WorkerPhase::Stopped);
                let drain_is_over = matches!(
                    seen.progress,
                    Progress::Retiring { drain_by, .. } if plan.at >= drain_by
                );
                let is_lost = matches!(
                    why,
                    Reason::WorkerSilent { .. }
                        | Reason::BootTimedOut { .. }
                        | Reason::PoolRemoved { .. }
                );
                if !has_stopped && !drain_is_over && !is_lost {
                    to.push(Violation::TerminatedWorking {
                        intent: intent.clone(),
                    });
                }
            }
            Action::Close { .. } => {
                let runs = matches!(
                    seen.machine,
                    Err(_) | Ok(Machine::Booting | Machine::Running | Machine::Terminating)
                );
                if runs {
                    to.push(Violation::ClosedRunning {
                        intent: intent.clone(),
                    });
                }
            }
            Action::Launch { .. } | Action::Adopt { .. } | Action::ScaleBase { .. } => {}
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OverPoolMax {
                pool,
                machines,
                max,
            } => {
                write!(f, "{machines} machines in {pool}, {max} allowed")
            }
            Self::OverBurstMax { machines, max } => {
                write!(f, "{machines} burst machines, {max} allowed")
            }
            Self::OverBudget { per_hour, budget } => {
                write!(f, "${per_hour} an hour, ${budget} allowed")
            }
            Self::TwoSteps { intent } => write!(f, "two steps for {intent}"),
            Self::IntentReused { intent } => write!(f, "{intent} was launched before"),
            Self::UnknownPool { pool } => write!(f, "no pool is called {pool}"),
            Self::UnknownIntent { intent } => write!(f, "no intent is called {intent}"),
            Self::ReleasedBlind { intent } => write!(f, "{intent} given back on a partial reading"),
            Self::BaseDrained { intent } => write!(f, "{intent} belongs to the base"),
            Self::TerminatedWorking { intent } => write!(f, "{intent} may be working"),
            Self::ClosedRunning { intent } => write!(f, "the machine of {intent} may run"),
            Self::BaseScaledBlind => f.write_str("a base scaled that is not known"),
            Self::BaseOutOfRange { replicas, min, max } => {
                write!(f, "{replicas} base workers, {min} to {max} allowed")
            }
            Self::BaseOverPartitions {
                replicas,
                partitions,
            } => write!(f, "{replicas} base workers for {partitions} partitions"),
            Self::BaseLoweredEarly { replicas } => {
                write!(f, "the base lowered to {replicas} while more may be needed")
            }
        }
    }
}
