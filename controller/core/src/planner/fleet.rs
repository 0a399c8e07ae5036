//! The fleet as the planner sees it: every machine's phase, and what is to be done about single machines.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Planner;
use crate::plan::{Action, Numbers, PoolNumbers};
use crate::policy::{BASE_POOL, Pool};
use crate::reason::Reason;
use crate::snapshot::{
    IntentId, Machine, Progress, SeenInstance, SeenWorker, Snapshot, WorkerPhase,
};
use crate::units::{Dollars, Rate};

/// A machine that was launched may be missing in its provider's list for this long.
const LIST_LAG: SignedDuration = SignedDuration::from_secs(60);
/// A worker that was ready and is silent for this long is lost: five heartbeats and a rebalance.
const SILENCE_MAX: SignedDuration = SignedDuration::from_secs(30);
/// A worker counts as working only while its last heartbeat is younger than this: five heartbeats.
const FRESH: SignedDuration = SignedDuration::from_secs(10);
/// A machine whose worker is not ready after five times its boot time, and at least this, is lost.
const BOOT_TIMEOUT_MIN: SignedDuration = SignedDuration::from_mins(2);
/// Every machine and worker, with its phase.
pub(super) struct Fleet {
    pub(super) members: Vec<Member>,
    /// Machines of each pool that work, boot or are being launched.
    alive: BTreeMap<String, u64>,
    /// Machines of each pool that take a place in its limits: all that are not gone, nor for good on their way out.
    placed: BTreeMap<String, u64>,
}

/// A machine with its worker, or a worker that nobody launched.
pub(super) struct Member {
    pub(super) intent: Option<IntentId>,
    pub(super) pool: String,
    pub(super) phase: Phase,
    pub(super) launched_at: Timestamp,
    /// When it was ready, where that is so short ago that a look at Kafka may be older.
    pub(super) ready_at: Option<Timestamp>,
    pub(super) partitions: u32,
}

/// What a member is doing, and what that asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Written, and nothing is known of a machine.
    Launching,
    /// Costs, does not work yet.
    Booting,
    /// Works.
    Ready,
    /// Works until its provider takes it back.
    Interrupted { until: Timestamp },
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
        let oldest_look = now - planner.dark_max();
        let ready_at = |intent| {
            let at = planner.beliefs.ready_at(intent);
            at.filter(|at| *at > oldest_look)
        };
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
                    ready_at: ready_at(&instance.intent),
                    partitions: worker.map_or(0, |worker| worker.partitions),
                }
            })
            .collect();
        let fixed = snapshot
            .workers
            .iter()
            .flatten()
            .filter(|worker| worker.intent.is_none());
        members.extend(fixed.filter_map(|worker| Member::without_intent(worker, now)));
        planner.add_base_pods(snapshot, &mut members, now);
        members.extend(planner.launching(snapshot, now));
        let alive = counted(members.iter().filter(|member| member.is_alive()));
        let retiring: std::collections::BTreeSet<_> = snapshot
            .instances
            .iter()
            .filter(|instance| instance.is_retiring())
            .map(|instance| Some(&instance.intent))
            .collect();
        let placed = counted(members.iter().filter(|member| {
            member.phase != Phase::Gone && !retiring.contains(&member.intent.as_ref())
        }));
        Self {
            members,
            alive,
            placed,
        }
    }

    /// Machines of `pool` that count against its limit.
    pub(super) fn placed(&self, pool: &str) -> u64 {
        self.placed.get(pool).copied().unwrap_or(0)
    }

    /// The same of all pools that are bought.
    pub(super) fn placed_burst(&self) -> u64 {
        self.placed.values().sum::<u64>() - self.placed(BASE_POOL)
    }

    /// Machines of `pool` that work, boot or are being launched.
    pub(super) fn alive(&self, pool: &str) -> u64 {
        self.alive.get(pool).copied().unwrap_or(0)
    }

    /// The same of all pools.
    pub(super) fn alive_all(&self) -> u64 {
        self.alive.values().sum()
    }

    /// Machines that cost: those that leave among them.
    pub(super) fn costing(&self) -> impl Iterator<Item = &Member> {
        self.members
            .iter()
            .filter(|member| !matches!(member.phase, Phase::Gone))
    }

    /// One of each kind of members that do the same, with how many they are: a large fleet costs no more to reckon with
    /// than a small one.
    pub(super) fn alike(&self) -> impl Iterator<Item = (&Member, u64)> {
        let mut kinds: BTreeMap<(&str, u8, Option<Timestamp>), (&Member, u64)> = BTreeMap::new();
        for member in self.members.iter().filter(|member| member.is_alive()) {
            let (kind, at) = match member.phase {
                Phase::Ready => (0, member.ready_at),
                Phase::Interrupted { until } => (1, Some(until)),
                _ => (2, Some(member.launched_at)),
            };
            kinds
                .entry((&member.pool, kind, at))
                .or_insert((member, 0))
                .1 += 1;
        }
        kinds.into_values()
    }
}

/// How many of each pool.
fn counted<'a>(members: impl Iterator<Item = &'a Member>) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for member in members {
        match counts.get_mut(&member.pool) {
            Some(count) => *count += 1,
            None => _ = counts.insert(member.pool.clone(), 1),
        }
    }
    counts
}

// === impl Member ===

impl Member {
    /// A worker that nobody launched: part of the base, seen by its heartbeats.
    fn without_intent(worker: &SeenWorker, now: Timestamp) -> Option<Self> {
        let is_fresh = Self::is_heard(worker, now);
        let phase = match worker.phase {
            WorkerPhase::Ready if is_fresh => Phase::Ready,
            WorkerPhase::Starting if is_fresh => Phase::Booting,
            WorkerPhase::Draining if is_fresh => Phase::Leaving,
            _ => return None,
        };
        Some(Self {
            intent: None,
            pool: BASE_POOL.to_owned(),
            phase,
            launched_at: worker.last_seen,
            ready_at: None,
            partitions: worker.partitions,
        })
    }

    /// Whether its last heartbeat is young enough to believe that it still does what it said.
    pub(super) fn is_heard(worker: &SeenWorker, now: Timestamp) -> bool {
        now.duration_since(worker.last_seen) <= FRESH
    }

    pub(super) fn is_alive(&self) -> bool {
        matches!(self.phase, Phase::Launching | Phase::Booting | Phase::Ready)
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
        let pool = self.policy.pool(&instance.pool);
        match (&instance.progress, &instance.machine) {
            (Progress::Written { .. }, Ok(Machine::Terminated)) => Phase::Gone,
            (Progress::Written { .. }, Ok(Machine::Booting | Machine::Running)) => Phase::Booting,
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
                    Phase::Booting
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
                        if let Some(until) = worker.interruption_at {
                            return Phase::Interrupted { until };
                        }
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
        let timeout = self.boot_timeout(pool);
        if are_workers_known && age > timeout {
            return Phase::Lost {
                why: Reason::BootTimedOut { after: age },
            };
        }
        Phase::Booting
    }

    /// After this long a machine of `pool` that is not ready is not waited for.
    fn boot_timeout(&self, pool: &Pool) -> SignedDuration {
        (self.boot_high(pool) * 5).max(BOOT_TIMEOUT_MIN)
    }

    /// From launch to ready for a machine of `pool`: nine in ten are quicker.
    pub(super) fn boot_high(&self, pool: &Pool) -> SignedDuration {
        SignedDuration::from_millis(self.beliefs.boot(pool).quantile(900))
    }

    /// Launches that were started and of which the snapshot knows nothing yet.
    fn launching(&self, snapshot: &Snapshot, now: Timestamp) -> Vec<Member> {
        if self.in_flight.is_empty() {
            return Vec::new();
        }
        let seen = snapshot.instances.iter().map(|seen| &seen.intent);
        let seen: std::collections::BTreeSet<_> = seen.collect();
        let is_known = |intent: &IntentId| seen.contains(intent);
        self.in_flight
            .values()
            .filter_map(|action| match action {
                Action::Launch { intent, pool, .. } if !is_known(intent) => Some(Member {
                    intent: Some(intent.clone()),
                    pool: pool.clone(),
                    phase: Phase::Launching,
                    launched_at: now,
                    ready_at: None,
                    partitions: 0,
                }),
                _ => None,
            })
            .collect()
    }

    /// Counts workers and money.
    pub(super) fn count(&self, fleet: &Fleet, numbers: &mut Numbers) {
        let mut pools: BTreeMap<String, PoolNumbers> = BTreeMap::new();
        for pool in std::iter::once(self.policy.base()).chain(self.policy.pools()) {
            pools.insert(
                pool.name.clone(),
                PoolNumbers {
                    rate_mean: self.beliefs.rate_mean(pool),
                    rate_low: self.beliefs.rate_low(pool),
                    measured: self.beliefs.is_measured(pool),
                    boot_high: self.boot_high(pool),
                    ..PoolNumbers::default()
                },
            );
        }
        for member in fleet.costing() {
            let pool = pools.entry(member.pool.clone()).or_default();
            match member.phase {
                Phase::Launching | Phase::Booting => pool.booting += 1,
                Phase::Ready | Phase::Interrupted { .. } => pool.ready += 1,
                Phase::Leaving | Phase::Lost { .. } | Phase::Gone => pool.draining += 1,
            }
        }
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
        self.policy
            .burst_price_of(fleet.costing().map(|member| member.pool.as_str()))
    }
}
