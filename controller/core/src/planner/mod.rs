//! The planner: what is known, and the order in which it decides.
//!
//! 1. Every intent: adopt, close, end what is lost or finished, so that money stops first.
//! 2. The base: what is missing is launched.
//! 3. The base in Kubernetes: filled where what runs and boots cannot meet a deadline.
//! 4. Burst: bought where what runs and boots cannot meet a deadline, given back where it can without.
//! 5. Floors of the schedule.
//! 6. Orders of people: a pause leaves 3 and 4 out, overrides and drains change what they came to.

mod base;
mod burst;
mod dark;
mod fleet;
mod load;
mod orders;
mod overrun;
mod release;
mod replace;
mod schedule;
mod settle;
mod tell;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::arrivals::Arrivals;
use crate::backlog::LagTracker;
use crate::belief::{Beliefs, BootLaw};
use crate::budget::Ledger;
use crate::effect::{Effect, Ready};
use crate::forecast::Forecast;
use crate::market::Blocks;
use crate::plan::{Action, Numbers, Outcome, Plan};
use crate::policy::{Policy, Pool};
use crate::reason::Reason;
use crate::slip::{HORIZON_SHARE, Slip};
use crate::snapshot::{IntentId, Machine, Snapshot, WorkerPhase};
use crate::units::{Dollars, Rate};
use base::BaseMemory;
use fleet::{Fleet, Phase};
use load::Load;

/// The longest that may pass between two plans.
const TICK: SignedDuration = SignedDuration::from_secs(1);
/// Decides. Only `observe`, `started` and `finished` change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planner {
    policy: Policy,
    /// A policy that is tried out beside it: what it would do otherwise is told, and not done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shadow: Option<Box<Policy>>,
    latest: Option<Snapshot>,
    lags: LagTracker,
    /// What is followed of each topic.
    sources: BTreeMap<String, Source>,
    beliefs: Beliefs,
    ledger: Ledger,
    slip: Slip,
    #[serde(default)]
    effect: Effect,
    /// Steps that were started and have not ended, by intent.
    in_flight: BTreeMap<IntentId, Action>,
    /// What not to ask for until a time.
    blocks: Blocks,
    /// Intents whose worker was ready at some time.
    was_ready: BTreeSet<IntentId>,
    /// Intents whose early death was counted.
    died_early: BTreeSet<IntentId>,
    #[serde(default)]
    base: BaseMemory,
}

/// What is followed of one topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    arrivals: Arrivals,
    forecast: Forecast,
}

// === impl Planner ===

impl Planner {
    /// The same under another policy: what was learned stays, what was under way is looked at anew.
    #[must_use]
    pub fn under(self, policy: Policy) -> Self {
        Self {
            policy,
            in_flight: BTreeMap::new(),
            ..self
        }
    }

    /// A planner that has seen nothing.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            shadow: None,
            latest: None,
            lags: LagTracker::default(),
            sources: BTreeMap::new(),
            beliefs: Beliefs::default(),
            ledger: Ledger::default(),
            slip: Slip::default(),
            effect: Effect::default(),
            in_flight: BTreeMap::new(),
            blocks: Blocks::default(),
            was_ready: BTreeSet::new(),
            died_early: BTreeSet::new(),
            base: BaseMemory::default(),
        }
    }

    /// The same with a policy that is tried out beside its own: every plan tells what that one would do otherwise, with
    /// the same knowledge and the same machines.
    #[must_use]
    pub fn beside(self, shadow: Option<Policy>) -> Self {
        Self {
            shadow: shadow.map(Box::new),
            ..self
        }
    }

    /// The same, knowing what burst cost on the day (UTC) of `at` until then: whoever begins again has not watched it, and
    /// the budget of a day holds all the same. That of an hour needs no memory: it bounds what runs.
    #[must_use]
    pub fn recalling(mut self, at: Timestamp, spent: Dollars) -> Self {
        self.ledger.recall(at, spent);
        self
    }

    /// Whether it has observed nothing yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.latest.is_none()
    }

    /// The policy it follows.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What it believes of each pool.
    #[must_use]
    pub fn beliefs(&self) -> &Beliefs {
        &self.beliefs
    }

    /// What burst has cost since midnight UTC of `now`, as far as it was watched.
    #[must_use]
    pub fn spent_today(&self, now: Timestamp) -> Dollars {
        self.ledger.today(now)
    }

    /// What stands against asking the pool of that name at `now`.
    #[must_use]
    pub fn refusal(&self, pool: &str, now: Timestamp) -> Option<Reason> {
        self.blocked(self.policy.pool(pool)?, now)
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
                self.follow_arrivals(reading.taken_at);
            }
        }
        self.beliefs.observe(&snapshot);
        self.ledger
            .observe(snapshot.taken_at, self.policy.burst_price(&snapshot));
        self.remember_deaths(&snapshot);
        self.base.observe(&snapshot);
        self.learn_slip(&snapshot);
        self.latest = Some(snapshot);
    }

    fn expect_without(&mut self, intent: &IntentId) {
        let Some(snapshot) = &self.latest else {
            return;
        };
        let workers = snapshot.workers.iter().flatten();
        let mut of_intent = workers.filter(|worker| worker.intent.as_ref() == Some(intent));
        let is_ready = of_intent.any(|worker| worker.phase == WorkerPhase::Ready);
        let instance = snapshot.instances.iter().find(|it| it.intent == *intent);
        let pool = instance.and_then(|instance| self.policy.pool(&instance.pool));
        if let (true, Some(pool)) = (is_ready, pool) {
            let rate = self.beliefs.rate_low(pool);
            self.slip
                .released(snapshot.taken_at, rate, self.policy.drain_within());
        }
    }

    /// Compares what those that were there should have done with what was done.
    fn learn_slip(&mut self, snapshot: &Snapshot) {
        let (Ok(reading), Ok(_)) = (&snapshot.backlog, &snapshot.workers) else {
            return;
        };
        let at = reading.taken_at;
        let (Some(load), known) = Load::of(self, at) else {
            return;
        };
        // A partial reading shows less done than was; the next whole one shows it all.
        if !known.is_complete() {
            return;
        }
        let waiting = load.waiting();
        let done = load.done();
        let deadline = self.policy.drain_within();
        let horizon = deadline / HORIZON_SHARE;
        let fleet = Fleet::of(self, snapshot, snapshot.taken_at);
        let rate = self.ready_rate(&fleet);
        if waiting < rate.jobs_in(horizon / 4) {
            self.slip.idle();
            self.effect.idle();
            return;
        }
        let ready = self.ready_by_pool(&fleet);
        self.effect.observe(at, done, &ready, deadline);
        self.slip.judge(at, done, deadline);
        if self.slip.is_due(at, deadline) {
            self.slip.expect(at, done + rate.jobs_in(horizon), rate);
        }
    }

    fn follow_arrivals(&mut self, at: Timestamp) {
        let floor = self
            .beliefs
            .rate_mean(self.policy.base())
            .times(u64::from(self.policy.base().max));
        for topic in self.policy.topics() {
            let Some(arrived) = self.lags.arrived(&topic.name) else {
                continue;
            };
            if !self.sources.contains_key(&topic.name) {
                self.sources.insert(topic.name.clone(), Source::default());
            }
            let keep = topic.drain_within * 2;
            if let Some(source) = self.sources.get_mut(&topic.name) {
                source.arrivals.observe(at, arrived, keep);
            }
            let rate = self.rate_of(topic);
            if let Some(source) = self.sources.get_mut(&topic.name) {
                let deadline = topic.drain_within;
                source
                    .forecast
                    .observe(&source.arrivals, rate, floor, deadline);
            }
        }
    }

    /// A step was started: until it ends, it is not planned again.
    pub fn started(&mut self, action: &Action) {
        if let Action::Drain { intent, .. } = action {
            self.expect_without(intent);
        }
        if let (Action::ScaleBase { why, .. }, Some(latest)) = (action, &self.latest) {
            self.base.started(latest.taken_at, why);
        }
        self.in_flight
            .insert(action.intent().clone(), action.clone());
    }

    /// A step has ended.
    pub fn finished(&mut self, now: Timestamp, intent: &IntentId, outcome: &Outcome) {
        let action = self.in_flight.remove(intent);
        match action {
            Some(Action::ScaleBase { .. }) => self.base.finished(now, outcome),
            Some(Action::Launch { pool, .. }) => self.sold(now, &pool, outcome),
            _ => {}
        }
    }

    /// Remembers what a provider said to an order.
    fn sold(&mut self, now: Timestamp, pool: &str, outcome: &Outcome) {
        let Some(pool) = self.policy.pool(pool) else {
            return;
        };
        match outcome {
            Outcome::Done => self.blocks.sold(pool),
            Outcome::NotLaunched {
                fault,
                scope,
                retry_after,
            } => self
                .blocks
                .refused(now, pool, (*fault, *scope), *retry_after),
            _ => {}
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
        self.count(&fleet, &mut plan.numbers);
        self.decide_burst(&fleet, snapshot, &mut plan, &mut next_intent, now);
        if snapshot.orders.pause_at(now).is_none() {
            self.keep_base_in_range(snapshot, &mut plan, now);
        }
        self.follow_orders(&fleet, snapshot, &mut plan, &mut next_intent, now);
        self.tell_overrun(&mut plan, now);
        if let Some(shadow) = &self.shadow {
            let differences = self.differences(shadow, &plan, now);
            plan.reasons.extend(differences);
        }
        plan
    }

    /// How many machines of each pool `shadow` would have after its plan, where it is another number than after this one.
    fn differences(&self, shadow: &Policy, plan: &Plan, now: Timestamp) -> Vec<Reason> {
        let other = Self {
            policy: shadow.clone(),
            shadow: None,
            ..self.clone()
        };
        let desired = other.plan(now).desired;
        let pools: BTreeSet<&String> = plan.desired.keys().chain(desired.keys()).collect();
        let differing = pools.into_iter().filter_map(|pool| {
            let count = |desired: &BTreeMap<String, u32>| desired.get(pool).copied().unwrap_or(0);
            let (here, there) = (count(&plan.desired), count(&desired));
            (here != there).then(|| Reason::ShadowDiffers {
                policy: shadow.name().to_owned(),
                pool: pool.clone(),
                desired: there,
                instead: here,
            })
        });
        differing.collect()
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

    /// What all that work can be counted on to do.
    fn ready_rate(&self, fleet: &Fleet) -> Rate {
        let ready = fleet
            .alike()
            .filter(|(member, _)| member.phase == Phase::Ready);
        ready.fold(Rate::ZERO, |sum, (member, count)| {
            let pool = self.policy.pool(&member.pool);
            let rate = pool.map_or(Rate::ZERO, |pool| self.beliefs.rate_low(pool));
            sum.plus(rate.times(count))
        })
    }

    /// Workers of each pool that are ready, and what one of them is believed to do.
    fn ready_by_pool(&self, fleet: &Fleet) -> Ready {
        let mut ready = Ready::new();
        for (member, count) in fleet.alike().filter(|(it, _)| it.phase == Phase::Ready) {
            let pool = self.policy.pool(&member.pool);
            let rate = pool.map_or(Rate::ZERO, |pool| self.beliefs.rate_mean(pool));
            ready.entry(member.pool.clone()).or_insert((0, rate)).0 += count;
        }
        ready
    }

    /// What stands against asking this pool now.
    fn blocked(&self, pool: &Pool, now: Timestamp) -> Option<Reason> {
        let block = self.blocks.of(pool, now)?;
        Some(Reason::PoolBlocked {
            pool: pool.name.clone(),
            until: block.until,
            why: block.why.clone(),
        })
    }

    /// The rate to count on from one worker of `pool`: a low quantile, less what interruptions take.
    ///
    /// Each interruption costs the work of a boot.
    fn counted_rate(&self, pool: &Pool, law: &BootLaw) -> Rate {
        const KILOHOUR_MS: u128 = 3_600_000_000;
        let low = self.beliefs.rate_low(pool);
        let lost = u128::from(self.beliefs.interruptions_per_kilohour(pool))
            * u128::from(law.mean().unsigned_abs());
        if lost == 0 {
            return low;
        }
        let milli = u128::from(low.milli()) * KILOHOUR_MS / (KILOHOUR_MS + lost);
        Rate::from_milli(u64::try_from(milli).unwrap_or(0))
    }

    /// Why another machine of `pool` is too dear, where it is.
    ///
    /// A day's budget must hold what was spent, and everything that runs and the new machine until the deadline.
    fn over_budget(&self, spending: Dollars, pool: &Pool, now: Timestamp) -> Option<Reason> {
        let with = spending.plus(pool.price_per_hour);
        if let Some(budget) = self.policy.budget_per_hour()
            && with > budget
        {
            return Some(Reason::BudgetPerHour { spending, budget });
        }
        let budget = self.policy.budget_per_day()?;
        let spent = self.ledger.today(now);
        let ahead = Dollars::per_hour_over(with, self.policy.drain_within());
        (spent.plus(ahead) > budget).then_some(Reason::BudgetPerDay { spent, budget })
    }

    /// Machines that die before they are ready block their pool, ever longer: a broken image must not
    /// buy machine after machine.
    fn remember_deaths(&mut self, snapshot: &Snapshot) {
        for worker in snapshot.workers.as_deref().unwrap_or_default() {
            if let (WorkerPhase::Ready, Some(intent)) = (worker.phase, &worker.intent)
                && !self.was_ready.contains(intent)
            {
                self.was_ready.insert(intent.clone());
                if let Some(pool) = self.policy.pool(&worker.pool) {
                    self.blocks.worked(pool);
                }
            }
        }
        let present: BTreeSet<_> = snapshot
            .instances
            .iter()
            .map(|instance| &instance.intent)
            .collect();
        self.was_ready.retain(|intent| present.contains(intent));
        self.died_early.retain(|intent| present.contains(intent));
        for instance in &snapshot.instances {
            let is_gone = matches!(instance.machine, Ok(Machine::Terminated));
            let is_early = !instance.is_retiring() && !self.was_ready.contains(&instance.intent);
            if is_gone && is_early && self.died_early.insert(instance.intent.clone()) {
                let why = format!("{} ended before it was ready", instance.intent);
                if let Some(pool) = self.policy.pool(&instance.pool) {
                    self.blocks.died_early(snapshot.taken_at, pool, &why);
                }
            }
        }
    }
}
