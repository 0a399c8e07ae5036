//! Orders of people: what a pause leaves out, and what overrides and drains change of a plan.
//!
//! They come last, after the floors of the schedule, so that everything before is reckoned as ever. Caps and budgets hold for people too.

use jiff::Timestamp;

use super::Planner;
use super::fleet::{Fleet, Member, Phase};
use crate::orders::{Override, Shape};
use crate::plan::{Action, Plan};
use crate::policy::{BASE_POOL, Limits, Pool};
use crate::reason::Reason;
use crate::snapshot::{IntentId, Snapshot};
use crate::units::Dollars;

/// A plan that is changed for an order.
pub(super) struct Change<'a> {
    pub(super) planner: &'a Planner,
    fleet: &'a Fleet,
    snapshot: &'a Snapshot,
    pub(super) now: Timestamp,
    /// What holds by the schedule.
    pub(super) limits: Limits,
}

// === impl Planner ===

impl Planner {
    /// Follows what people ordered.
    pub(super) fn follow_orders(
        &self,
        fleet: &Fleet,
        snapshot: &Snapshot,
        plan: &mut Plan,
        next_intent: &mut u64,
        now: Timestamp,
    ) {
        let change = Change {
            planner: self,
            fleet,
            snapshot,
            now,
            limits: self.policy.limits(now),
        };
        // A machine that somebody wants gone goes also while everything else is left as it is.
        change.drain_ordered(plan);
        let orders = &snapshot.orders;
        if let Some(pause) = orders.pause_at(now) {
            let why = pause.why();
            match &plan.hold {
                None => plan.hold = Some(why),
                Some(_) => plan.reasons.insert(0, why),
            }
            return;
        }
        change.keep_floor(plan, next_intent);
        for (name, order) in orders.overrides_at(now) {
            if let Some(pool) = self.policy.pools().iter().find(|pool| pool.name == *name) {
                change.size(pool, order, plan, next_intent);
                plan.reasons.insert(0, order.why(name));
            }
        }
    }
}

// === impl Change ===

impl Change<'_> {
    fn drain_ordered(&self, plan: &mut Plan) {
        for (intent, given) in &self.snapshot.orders.drains {
            let member = self.fleet.members.iter();
            let mut member = member.filter(|member| member.intent.as_ref() == Some(intent));
            let Some(member) = member.find(|member| self.may_drain(member)) else {
                continue;
            };
            let is_stepped = plan.actions.iter().any(|action| action.intent() == intent);
            if is_stepped {
                continue;
            }
            self.drain(plan, member, given.why());
            plan.reasons.insert(0, given.why());
        }
    }

    /// Whether it works or boots, was bought, and no step for it is under way.
    fn may_drain(&self, member: &Member) -> bool {
        let is_there = matches!(
            member.phase,
            Phase::Ready | Phase::Booting | Phase::Interrupted { .. }
        );
        let mut instances = self.snapshot.instances.iter();
        let is_launched = instances.any(|instance| {
            Some(&instance.intent) == member.intent.as_ref()
                && matches!(
                    instance.progress,
                    crate::snapshot::Progress::Launched { .. }
                )
        });
        let is_busy = member
            .intent
            .as_ref()
            .is_none_or(|intent| self.planner.in_flight.contains_key(intent));
        is_there && is_launched && !is_busy && member.pool != BASE_POOL
    }

    fn drain(&self, plan: &mut Plan, member: &Member, why: Reason) {
        let Some(intent) = &member.intent else {
            return;
        };
        plan.actions.push(Action::Drain {
            intent: intent.clone(),
            drain_by: self.now + self.planner.policy.drain_timeout(),
            why,
        });
        if let Some(desired) = plan.desired.get_mut(&member.pool) {
            *desired = desired.saturating_sub(1);
        }
    }

    /// Makes the plan lead to as many machines of `pool` as were ordered, or as near as caps allow.
    fn size(&self, pool: &Pool, order: &Override, plan: &mut Plan, next_intent: &mut u64) {
        let wanted = u64::from(order.workers);
        let mut leads_to = self.leads_to(pool, plan);
        while leads_to < wanted && self.take_back(pool, plan, "Drain") {
            leads_to += 1;
        }
        let mut caps = Vec::new();
        while leads_to < wanted {
            if let Some(cap) = self.cap(pool, plan) {
                caps.push(cap);
                break;
            }
            plan.actions.push(Action::Launch {
                intent: IntentId::new(&pool.name, *next_intent),
                pool: pool.name.clone(),
                why: order.why(&pool.name),
            });
            *next_intent += 1;
            leads_to += 1;
        }
        if order.shape == Shape::Fixed {
            while leads_to > wanted && self.take_back(pool, plan, "Launch") {
                leads_to -= 1;
            }
            for member in self.dispensable(pool, plan) {
                if leads_to <= wanted {
                    break;
                }
                self.drain(plan, member, order.why(&pool.name));
                leads_to -= 1;
            }
        }
        let desired = u32::try_from(leads_to).unwrap_or(u32::MAX);
        plan.desired.insert(pool.name.clone(), desired);
        plan.reasons.extend(caps);
    }

    /// Machines of `pool` that there will be once the plan is carried out.
    pub(super) fn leads_to(&self, pool: &Pool, plan: &Plan) -> u64 {
        let drained = plan.actions.iter().filter(|action| {
            matches!(action, Action::Drain { .. })
                && self
                    .member(action)
                    .is_some_and(|member| member.pool == pool.name && member.is_alive())
        });
        (self.fleet.alive(&pool.name) + self.launched(plan, Some(pool)))
            .saturating_sub(drained.count() as u64)
    }

    /// New machines of the plan, of one pool or of all that are bought.
    fn launched(&self, plan: &Plan, of: Option<&Pool>) -> u64 {
        let new = plan.actions.iter().filter(|action| match action {
            Action::Launch { pool, .. } => {
                pool != BASE_POOL && of.is_none_or(|of| of.name == *pool) && self.is_new(action)
            }
            _ => false,
        });
        new.count() as u64
    }

    /// Whether a launch is of a machine that was never asked for.
    fn is_new(&self, action: &Action) -> bool {
        let mut instances = self.snapshot.instances.iter();
        !instances.any(|instance| instance.intent == *action.intent())
    }

    fn member(&self, action: &Action) -> Option<&Member> {
        let mut members = self.fleet.members.iter();
        members.find(|member| member.intent.as_ref() == Some(action.intent()))
    }

    /// Leaves the last step of a kind out that the planner chose for `pool`; says whether there was one.
    pub(super) fn take_back(&self, pool: &Pool, plan: &mut Plan, verb: &str) -> bool {
        let position = plan.actions.iter().rposition(|action| match action {
            Action::Launch { pool: of, .. } => {
                verb == "Launch" && *of == pool.name && self.is_new(action)
            }
            // What somebody ordered to go goes.
            Action::Drain { why, .. } => {
                verb == "Drain"
                    && !matches!(why, Reason::Ordered { .. })
                    && self.member(action).is_some_and(|it| it.pool == pool.name)
            }
            _ => false,
        });
        position.map(|at| plan.actions.remove(at)).is_some()
    }

    /// Machines of `pool` that may go, in the order in which they go: who boots, who has least to hand over, the youngest.
    fn dispensable(&self, pool: &Pool, plan: &Plan) -> Vec<&Member> {
        let stepped = |member: &Member| {
            let mut actions = plan.actions.iter();
            actions.any(|action| Some(action.intent()) == member.intent.as_ref())
        };
        let members = self.fleet.members.iter();
        let mut members: Vec<&Member> = members
            .filter(|member| member.pool == pool.name && member.is_alive())
            .filter(|member| self.may_drain(member) && !stepped(member))
            .collect();
        members.sort_by_key(|member| {
            (
                member.phase == Phase::Ready,
                member.partitions,
                std::cmp::Reverse(member.launched_at),
            )
        });
        members
    }

    /// What stands against another machine of `pool` on top of the plan.
    pub(super) fn cap(&self, pool: &Pool, plan: &Plan) -> Option<Reason> {
        let policy = &self.planner.policy;
        if let Some(blocked) = self.planner.blocked(pool, self.now) {
            return Some(blocked);
        }
        if self.fleet.placed(&pool.name) + self.launched(plan, Some(pool)) >= u64::from(pool.max) {
            return Some(Reason::PoolMax {
                pool: pool.name.clone(),
                max: pool.max,
            });
        }
        let burst = self.fleet.placed_burst() + self.launched(plan, None);
        let (max, window) = &self.limits.burst_max;
        if burst >= u64::from(*max) {
            return Some(Reason::BurstMax {
                max: *max,
                window: window.clone(),
            });
        }
        let partitions = plan.numbers.partitions;
        if partitions > 0 && burst + self.fleet.alive(BASE_POOL) >= partitions {
            return Some(Reason::PartitionCap { partitions });
        }
        let launched = plan.actions.iter().filter_map(|action| match action {
            Action::Launch { pool, .. } if pool != BASE_POOL && self.is_new(action) => {
                policy.pool(pool)
            }
            _ => None,
        });
        let spending = launched.fold(
            self.planner.burst_cost_per_hour(self.fleet),
            |sum: Dollars, pool| sum.plus(pool.price_per_hour),
        );
        self.planner.over_budget(spending, pool, self.now)
    }
}
