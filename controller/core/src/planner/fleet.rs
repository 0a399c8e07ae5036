//! The fleet as the planner sees it: every machine's phase, and what is to be done about single machines.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Planner;
use crate::plan::{Action, Numbers, Plan, PoolNumbers};
use crate::policy::{BASE_POOL, Pool};
use crate::reason::Reason;
use crate::snapshot::{
    IntentId, Machine, Progress, SeenInstance, SeenWorker, Snapshot, WorkerPhase,
};
use crate::units::{Dollars, Rate};
use crate::work::Supply;

/// A machine that was launched may be missing in its provider's list for this long.
const LIST_LAG: SignedDuration = SignedDuration::from_secs(60);
/// A worker that was ready and is silent for this long is lost: five heartbeats and a rebalance.
const SILENCE_MAX: SignedDuration = SignedDuration::from_secs(30);
/// A worker counts as working only while its last heartbeat is younger than this: five heartbeats.
const FRESH: SignedDuration = SignedDuration::from_secs(10);
/// A machine whose worker is not ready after five times its boot time, and at least this, is lost.
const BOOT_TIMEOUT_MIN: SignedDuration = SignedDuration::from_mins(2);
/// An order to terminate is given again while the machine is still there.
const REPEAT_TERMINATE: SignedDuration = SignedDuration::from_secs(15);
/// What a worker may take beyond its drain's end, before its machine is ended.
const DRAIN_GRACE: SignedDuration = SignedDuration::from_secs(5);

/// Every machine and worker, with its phase.
pub(super) struct Fleet {
    pub(super) members: Vec<Member>,
}

/// A machine with its worker, or a worker that nobody launched.
pub(super) struct Member {
    pub(super) intent: Option<IntentId>,
    pub(super) pool: String,
    pub(super) phase: Phase,
    pub(super) launched_at: Timestamp,
    pub(super) partitions: u32,
}

/// What a member is doing, and what that asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Written, and nothing is known of a machine.
    Launching,
    /// Costs, does not work yet.
    Booting { ready_at: Timestamp },
    /// Works.
    Ready,
    /// On its way out.
    Leaving,
    /// To be ended at once.
    Lost { why: Reason },
    /// Proven gone.
    Gone,
}

// === impl Fleet ===

impl Fleet {
    pub(super) fn of(planner: &Planner, snapshot: &Snapshot, now: Timestamp) -> Self {
        let workers = snapshot.workers_by_intent();
        let mut members: Vec<Member> = snapshot
            .instances
            .iter()
            .map(|instance| {
                let worker = workers.get(&instance.intent).copied();
                Member {
                    intent: Some(instance.intent.clone()),
                    pool: instance.pool.clone(),
                    phase: planner.phase(instance, worker, snapshot.workers.is_ok(), now),
                    launched_at: instance.launched_at(),
                    partitions: worker.map_or(0, |worker| worker.partitions),
                }
            })
            .collect();
        let fixed = snapshot
            .workers
            .iter()
            .flatten()
            .filter(|worker| worker.intent.is_none());
        members.extend(fixed.filter_map(|worker| Member::without_intent(planner, worker, now)));
        members.extend(planner.launching(snapshot, now));
        Self { members }
    }

    /// Machines of `pool` that work, boot or are being launched.
    pub(super) fn alive(&self, pool: &str) -> u64 {
        self.members
            .iter()
            .filter(|member| member.pool == pool && member.is_alive())
            .count() as u64
    }

    /// Machines that cost: those that leave among them.
    pub(super) fn costing(&self) -> impl Iterator<Item = &Member> {
        self.members
            .iter()
            .filter(|member| !matches!(member.phase, Phase::Gone))
    }

    /// What all that work and boot can do, with the rates that can be counted on.
    pub(super) fn supply(&self, planner: &Planner, now: Timestamp) -> Supply {
        let mut supply = Supply::default();
        for member in &self.members {
            if let Some((from, rate)) = member.supply(planner, now) {
                supply.add(from, rate);
            }
        }
        supply
    }
}

// === impl Member ===

impl Member {
    /// A worker that nobody launched: part of the base, seen by its heartbeats.
    fn without_intent(planner: &Planner, worker: &SeenWorker, now: Timestamp) -> Option<Self> {
        let is_fresh = now.duration_since(worker.last_seen) <= FRESH;
        let phase = match worker.phase {
            WorkerPhase::Ready if is_fresh => Phase::Ready,
            WorkerPhase::Starting if is_fresh => Phase::Booting {
                ready_at: planner
                    .beliefs
                    .ready_at(planner.policy.base(), worker.last_seen, now),
            },
            WorkerPhase::Draining if is_fresh => Phase::Leaving,
            _ => return None,
        };
        Some(Self {
            intent: None,
            pool: BASE_POOL.to_owned(),
            phase,
            launched_at: worker.last_seen,
            partitions: worker.partitions,
        })
    }

    pub(super) fn is_alive(&self) -> bool {
        matches!(
            self.phase,
            Phase::Launching | Phase::Booting { .. } | Phase::Ready
        )
    }

    /// From when it does how much; none if it does nothing any more.
    pub(super) fn supply(&self, planner: &Planner, now: Timestamp) -> Option<(Timestamp, Rate)> {
        let pool = planner.policy.pool(&self.pool)?;
        let rate = planner.beliefs.rate_low(pool);
        match self.phase {
            Phase::Ready => Some((now, rate)),
            Phase::Booting { ready_at } => Some((ready_at, rate)),
            Phase::Launching => Some((planner.beliefs.ready_at(pool, self.launched_at, now), rate)),
            Phase::Leaving | Phase::Lost { .. } | Phase::Gone => None,
        }
    }
}

// === impl Planner ===

impl Planner {
    fn phase(
        &self,
        instance: &SeenInstance,
        worker: Option<&SeenWorker>,
        are_workers_known: bool,
        now: Timestamp,
    ) -> Phase {
        let booting = |pool: Option<&Pool>, at: Timestamp| Phase::Booting {
            ready_at: pool.map_or(now, |pool| self.beliefs.ready_at(pool, at, now)),
        };
        let pool = self.policy.pool(&instance.pool);
        match (&instance.progress, &instance.machine) {
            (Progress::Written { .. }, Ok(Machine::Terminated)) => Phase::Gone,
            (Progress::Written { at }, Ok(Machine::Booting | Machine::Running)) => {
                booting(pool, *at)
            }
            (Progress::Written { .. }, _) => Phase::Launching,
            (_, Ok(Machine::Terminated)) => Phase::Gone,
            (
                Progress::Retiring {
                    terminating: true, ..
                },
                Ok(Machine::NotListed),
            ) => Phase::Gone,
            (Progress::Retiring { .. }, _) => Phase::Leaving,
            (Progress::Launched { at }, Ok(Machine::NotListed)) => {
                if now.duration_since(*at) > LIST_LAG {
                    Phase::Gone
                } else {
                    booting(pool, *at)
                }
            }
            (Progress::Launched { .. }, Ok(Machine::Terminating)) => Phase::Leaving,
            (Progress::Launched { at }, _) => match (pool, worker) {
                (None, _) => Phase::Lost {
                    why: Reason::PoolRemoved {
                        pool: instance.pool.clone(),
                    },
                },
                (Some(pool), None) => self.still_booting(pool, *at, are_workers_known, now),
                (Some(pool), Some(worker)) => match worker.phase {
                    WorkerPhase::Starting => self.still_booting(pool, *at, are_workers_known, now),
                    WorkerPhase::Stopped => Phase::Lost {
                        why: Reason::WorkerStopped,
                    },
                    WorkerPhase::Draining => Phase::Leaving,
                    WorkerPhase::Ready => {
                        let silence = now.duration_since(worker.last_seen);
                        if are_workers_known && silence > SILENCE_MAX {
                            Phase::Lost {
                                why: Reason::WorkerSilent { silence },
                            }
                        } else {
                            Phase::Ready
                        }
                    }
                },
            },
        }
    }

    fn still_booting(
        &self,
        pool: &Pool,
        launched_at: Timestamp,
        are_workers_known: bool,
        now: Timestamp,
    ) -> Phase {
        let age = now.duration_since(launched_at);
        let timeout = (self.beliefs.boot_high(pool) * 5).max(BOOT_TIMEOUT_MIN);
        if are_workers_known && age > timeout {
            return Phase::Lost {
                why: Reason::BootTimedOut { after: age },
            };
        }
        Phase::Booting {
            ready_at: self.beliefs.ready_at(pool, launched_at, now),
        }
    }

    /// Launches that were started and of which the snapshot knows nothing yet.
    fn launching(&self, snapshot: &Snapshot, now: Timestamp) -> Vec<Member> {
        let is_known =
            |intent: &IntentId| snapshot.instances.iter().any(|seen| seen.intent == *intent);
        self.in_flight
            .values()
            .filter_map(|action| match action {
                Action::Launch { intent, pool, .. } if !is_known(intent) => Some(Member {
                    intent: Some(intent.clone()),
                    pool: pool.clone(),
                    phase: Phase::Launching,
                    launched_at: now,
                    partitions: 0,
                }),
                _ => None,
            })
            .collect()
    }

    /// What single machines ask for, whatever the load.
    pub(super) fn settle_intents(&self, fleet: &Fleet, plan: &mut Plan, now: Timestamp) {
        let Some(snapshot) = &self.latest else {
            return;
        };
        let workers = snapshot.workers_by_intent();
        for (instance, member) in snapshot.instances.iter().zip(&fleet.members) {
            if self.in_flight.contains_key(&instance.intent) {
                continue;
            }
            let worker = workers.get(&instance.intent).copied();
            if let Some(action) = self.settle(instance, member, worker, now) {
                plan.actions.push(action);
            }
        }
    }

    fn settle(
        &self,
        instance: &SeenInstance,
        member: &Member,
        worker: Option<&SeenWorker>,
        now: Timestamp,
    ) -> Option<Action> {
        let intent = instance.intent.clone();
        match (&member.phase, &instance.progress) {
            (Phase::Gone, _) => Some(Action::Close {
                intent,
                why: Reason::MachineGone,
            }),
            (Phase::Lost { why }, _) => Some(Action::Terminate {
                intent,
                why: why.clone(),
            }),
            (Phase::Launching, _) => {
                // Only a look that succeeded proves that nothing runs; then the same request goes out again.
                let is_absent = instance.machine == Ok(Machine::NotListed);
                let pool = self.policy.pool(&instance.pool)?;
                (is_absent && self.blocked(pool, now).is_none()).then(|| Action::Launch {
                    intent,
                    pool: instance.pool.clone(),
                    why: Reason::LaunchAgain,
                })
            }
            (Phase::Booting { .. }, Progress::Written { .. }) => Some(Action::Adopt {
                intent,
                why: Reason::Adopted,
            }),
            (
                _,
                Progress::Retiring {
                    drain_by,
                    terminating: false,
                    launched_at: _,
                },
            ) => {
                let has_stopped = worker.is_some_and(|worker| worker.phase == WorkerPhase::Stopped);
                if has_stopped {
                    return Some(Action::Terminate {
                        intent,
                        why: Reason::WorkerStopped,
                    });
                }
                let is_over = now >= *drain_by + DRAIN_GRACE;
                let after = self.policy.drain_timeout();
                is_over.then_some(Action::Terminate {
                    intent,
                    why: Reason::DrainTimedOut { after },
                })
            }
            (
                Phase::Leaving,
                Progress::Retiring {
                    terminating: true,
                    drain_by: ordered_at,
                    ..
                },
            ) => {
                // An order may be lost: it is repeated until the machine is seen to be gone.
                let is_due = now >= *ordered_at + REPEAT_TERMINATE;
                let is_alive = matches!(instance.machine, Ok(Machine::Booting | Machine::Running));
                (is_due && is_alive).then_some(Action::Terminate {
                    intent,
                    why: Reason::StillThere,
                })
            }
            _ => None,
        }
    }

    /// Counts workers and money.
    pub(super) fn count(&self, fleet: &Fleet, numbers: &mut Numbers, now: Timestamp) {
        let mut pools: BTreeMap<String, PoolNumbers> = BTreeMap::new();
        for pool in std::iter::once(self.policy.base()).chain(self.policy.pools()) {
            pools.insert(
                pool.name.clone(),
                PoolNumbers {
                    rate_mean: self.beliefs.rate_mean(pool),
                    rate_low: self.beliefs.rate_low(pool),
                    measured: self.beliefs.is_measured(pool),
                    boot_high: self.beliefs.boot_high(pool),
                    ..PoolNumbers::default()
                },
            );
        }
        for member in fleet.costing() {
            let pool = pools.entry(member.pool.clone()).or_default();
            match member.phase {
                Phase::Launching | Phase::Booting { .. } => pool.booting += 1,
                Phase::Ready => pool.ready += 1,
                Phase::Leaving | Phase::Lost { .. } | Phase::Gone => pool.draining += 1,
            }
        }
        let supply = fleet.supply(self, now);
        numbers.service_rate_soon = supply.rate();
        numbers.service_rate = pools.values().fold(Rate::ZERO, |sum, pool| {
            sum.plus(pool.rate_low.times(pool.ready))
        });
        numbers.burst_cost_per_hour = self.burst_cost_per_hour(fleet);
        let base = self.policy.base();
        let base_workers = pools
            .get(&base.name)
            .map_or(0, |base| base.booting + base.ready);
        let base_cost = base.price_per_hour.0 * rust_decimal::Decimal::from(base_workers);
        numbers.cost_per_hour = numbers.burst_cost_per_hour.plus(Dollars(base_cost));
        numbers.pools = pools;
    }

    /// What all bought machines cost an hour, those that leave among them.
    pub(super) fn burst_cost_per_hour(&self, fleet: &Fleet) -> Dollars {
        fleet.costing().fold(Dollars::ZERO, |sum, member| {
            let pool = self
                .policy
                .pool(&member.pool)
                .filter(|pool| pool.name != BASE_POOL);
            pool.map_or(sum, |pool| sum.plus(pool.price_per_hour))
        })
    }
}
