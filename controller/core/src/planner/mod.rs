//! The planner: what is known, and the order in which it decides.
//!
//! 1. Every intent: adopt, close, end what is lost or finished, so that money stops first.
//! 2. The base: what is missing is launched.
//! 3. Burst: bought where what runs and boots cannot meet a deadline, given back where it can without.

mod burst;
mod fleet;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::backlog::{Lag, LagTracker};
use crate::belief::Beliefs;
use crate::plan::{Action, Numbers, Outcome, Plan};
use crate::policy::{Policy, Pool};
use crate::reason::Reason;
use crate::snapshot::{IntentId, Machine, Snapshot, WorkerPhase};
use crate::work::Arrivals;
use fleet::Fleet;

/// The longest that may pass between two plans.
const TICK: SignedDuration = SignedDuration::from_secs(1);
/// How long a pool that had no capacity is not asked again: what Karpenter found right for a zone.
const NO_CAPACITY_MEMORY: SignedDuration = SignedDuration::from_mins(3);
/// First pause after a machine that died before it was ready; doubles with each further one.
const DIED_EARLY_PAUSE: SignedDuration = SignedDuration::from_secs(2);
/// Longest such pause.
const DIED_EARLY_PAUSE_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Decides. Only `observe`, `started` and `finished` change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planner {
    policy: Policy,
    latest: Option<Snapshot>,
    lags: LagTracker,
    arrivals: Arrivals,
    beliefs: Beliefs,
    /// Steps that were started and have not ended, by intent.
    in_flight: BTreeMap<IntentId, Action>,
    /// Pools not to ask until a time.
    blocks: BTreeMap<String, Block>,
    /// Intents whose worker was ready at some time.
    was_ready: BTreeSet<IntentId>,
    /// Intents whose early death was counted.
    died_early: BTreeSet<IntentId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Block {
    until: Timestamp,
    why: String,
    /// Early deaths in a row.
    deaths: u32,
}

// === impl Planner ===

impl Planner {
    /// A planner that has seen nothing.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            latest: None,
            lags: LagTracker::default(),
            arrivals: Arrivals::default(),
            beliefs: Beliefs::default(),
            in_flight: BTreeMap::new(),
            blocks: BTreeMap::new(),
            was_ready: BTreeSet::new(),
            died_early: BTreeSet::new(),
        }
    }

    /// The policy it follows.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Takes in what was observed. A snapshot older than the latest is ignored.
    pub fn observe(&mut self, snapshot: Snapshot) {
        if self
            .latest
            .as_ref()
            .is_some_and(|latest| snapshot.taken_at < latest.taken_at)
        {
            return;
        }
        if let Ok(reading) = &snapshot.backlog {
            self.lags.observe(reading);
            if !reading.partitions.is_empty() {
                let keep = self.policy.drain_within() * 2;
                self.arrivals
                    .observe(reading.taken_at, self.lags.arrived(), keep);
            }
        }
        self.beliefs.observe(&snapshot);
        self.remember_deaths(&snapshot);
        self.latest = Some(snapshot);
    }

    /// A step was started: until it ends, it is not planned again.
    pub fn started(&mut self, action: &Action) {
        self.in_flight
            .insert(action.intent().clone(), action.clone());
    }

    /// A step has ended.
    pub fn finished(&mut self, now: Timestamp, intent: &IntentId, outcome: &Outcome) {
        let action = self.in_flight.remove(intent);
        if let (Some(Action::Launch { pool, .. }), Outcome::NotLaunched { fault, retry_after }) =
            (action, outcome)
        {
            let block = self.block(&pool, now);
            block.until = block
                .until
                .max(now + retry_after.unwrap_or(NO_CAPACITY_MEMORY));
            block.why.clone_from(fault);
        }
    }

    /// Says what to do at `now`.
    ///
    /// Pure: the same planner and `now` give the same plan; asking changes nothing.
    /// It cannot fail; when it must not act, it holds and says why.
    #[must_use]
    pub fn plan(&self, now: Timestamp) -> Plan {
        let Some(snapshot) = &self.latest else {
            return self.holding(now, Reason::NothingObserved);
        };
        let age = now.duration_since(snapshot.taken_at);
        let stale_after = self.policy.stale_after();
        if age > stale_after {
            return self.holding(now, Reason::SnapshotStale { age, stale_after });
        }
        let fleet = Fleet::of(self, snapshot, now);
        let mut plan = self.holding(now, Reason::NothingObserved);
        plan.hold = None;
        plan.reasons.clear();
        let mut next_intent = snapshot.next_intent;
        self.settle_intents(&fleet, &mut plan, now);
        self.keep_base(&fleet, &mut plan, &mut next_intent, now);
        self.count(&fleet, &mut plan.numbers, now);
        self.decide_burst(&fleet, snapshot, &mut plan, &mut next_intent, now);
        plan
    }

    fn holding(&self, now: Timestamp, why: Reason) -> Plan {
        Plan {
            at: now,
            actions: Vec::new(),
            desired: BTreeMap::new(),
            reasons: Vec::new(),
            hold: Some(why),
            numbers: Numbers {
                drain_within: self.policy.drain_within(),
                ..Numbers::default()
            },
            wake_at: now + TICK,
        }
    }

    /// Launches what the base is short of.
    fn keep_base(&self, fleet: &Fleet, plan: &mut Plan, next_intent: &mut u64, now: Timestamp) {
        let base = self.policy.base();
        plan.desired.insert(base.name.clone(), base.max);
        if !self.policy.keeps_base() {
            return;
        }
        let alive = fleet.alive(&base.name);
        let wanted = u64::from(base.max);
        if alive >= wanted {
            return;
        }
        if let Some(blocked) = self.blocked(base, now) {
            plan.reasons.push(blocked);
            return;
        }
        for missing in alive..wanted {
            plan.actions.push(Action::Launch {
                intent: IntentId::new(&base.name, *next_intent),
                pool: base.name.clone(),
                why: Reason::BaseMissing {
                    alive: missing,
                    wanted,
                },
            });
            *next_intent += 1;
        }
        plan.reasons.push(Reason::BaseMissing { alive, wanted });
    }

    /// What stands against asking this pool now.
    fn blocked(&self, pool: &Pool, now: Timestamp) -> Option<Reason> {
        let block = self
            .blocks
            .get(&pool.name)
            .filter(|block| now < block.until)?;
        Some(Reason::PoolBlocked {
            pool: pool.name.clone(),
            until: block.until,
            why: block.why.clone(),
        })
    }

    fn block(&mut self, pool: &str, now: Timestamp) -> &mut Block {
        self.blocks.entry(pool.to_owned()).or_insert(Block {
            until: now,
            why: String::new(),
            deaths: 0,
        })
    }

    /// Machines that die before they are ready block their pool, ever longer: a broken image must not
    /// buy machine after machine.
    fn remember_deaths(&mut self, snapshot: &Snapshot) {
        for worker in snapshot.workers.as_deref().unwrap_or_default() {
            if let (WorkerPhase::Ready, Some(intent)) = (worker.phase, &worker.intent)
                && self.was_ready.insert(intent.clone())
                && let Some(block) = self.blocks.get_mut(&worker.pool)
            {
                block.deaths = 0;
            }
        }
        let present: BTreeSet<_> = snapshot
            .instances
            .iter()
            .map(|instance| instance.intent.clone())
            .collect();
        self.was_ready.retain(|intent| present.contains(intent));
        self.died_early.retain(|intent| present.contains(intent));
        for instance in &snapshot.instances {
            let is_gone = matches!(instance.machine, Ok(Machine::Terminated));
            let is_early = !instance.is_retiring() && !self.was_ready.contains(&instance.intent);
            if is_gone && is_early && self.died_early.insert(instance.intent.clone()) {
                let now = snapshot.taken_at;
                let block = self.block(&instance.pool, now);
                let pause = DIED_EARLY_PAUSE * (1 << block.deaths.min(12));
                block.deaths += 1;
                block.until = block.until.max(now + pause.min(DIED_EARLY_PAUSE_MAX));
                block.why = format!("{} ended before it was ready", instance.intent);
            }
        }
    }

    /// Lag of every partition whose lag is known, the largest first.
    fn lags_by_size(&self, now: Timestamp) -> Vec<u64> {
        let lags = self.lags.lags(now, self.policy.stale_after());
        let mut sizes: Vec<u64> = lags
            .values()
            .filter_map(|lag| match lag {
                Lag::Known(jobs) | Lag::Stale { jobs, .. } => Some(*jobs),
                Lag::Unknown { .. } => None,
            })
            .collect();
        sizes.sort_unstable_by_key(|size| std::cmp::Reverse(*size));
        sizes
    }

    /// Backlog as far as it is known, and what stands against knowing it all.
    fn backlog(&self, now: Timestamp) -> (Option<u64>, KnownPartitions) {
        let lags = self.lags.lags(now, self.policy.stale_after());
        let mut known = KnownPartitions {
            all: lags.len() as u64,
            ..KnownPartitions::default()
        };
        let mut sum: u64 = 0;
        for lag in lags.values() {
            match lag {
                Lag::Known(jobs) => {
                    known.fresh += 1;
                    sum = sum.saturating_add(*jobs);
                }
                Lag::Stale { jobs, at } => {
                    sum = sum.saturating_add(*jobs);
                    known.why.get_or_insert(format!("last read at {at:.0}"));
                }
                Lag::Unknown { why } => {
                    known.unknown += 1;
                    known.why.get_or_insert(why.clone());
                }
            }
        }
        for (topic, why) in self.lags.missing() {
            known.why.get_or_insert(format!("{topic}: {why}"));
            known.is_topic_missing = true;
        }
        let backlog = (known.all > known.unknown).then_some(sum);
        (backlog, known)
    }
}

/// How much of the backlog is known.
#[derive(Debug, Default)]
struct KnownPartitions {
    all: u64,
    fresh: u64,
    unknown: u64,
    is_topic_missing: bool,
    why: Option<String>,
}

// === impl KnownPartitions ===

impl KnownPartitions {
    fn is_complete(&self) -> bool {
        self.all > 0 && self.fresh == self.all && !self.is_topic_missing
    }
}
