//! The base in Kubernetes: filled before anything is bought, back at its floor when that is enough.
//!
//! Its machines stand there, busy or idle, so it costs nothing at the margin: there is no best number between the floor
//! and the most (docs/decisions/0008-kubernetes.md). Each way is one step.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Planner;
use super::burst::{CONFIDENCE, Desk};
use super::fleet::{Member, Phase};
use super::load::{Ahead, Known};
use crate::plan::{Action, Outcome, Plan};
use crate::policy::{BASE_POOL, Workload};
use crate::reason::Reason;
use crate::snapshot::{IntentId, SeenBase, SeenPod, SeenWorker, Snapshot, WorkerPhase};
use crate::supply::{Share, Supply, millis};

/// After a scale could not be written it is left alone for this long, and bought for as if it could not grow.
const REFUSED_FOR: SignedDuration = SignedDuration::from_secs(15);

/// A base worker costs nothing more, so it is started for what is due after it has worked for this share of the deadline,
/// and for whatever a machine would be bought for: none is bought while there is room.
const BASE_LEAD_SHARE: u64 = 15;

/// A pod may be silent for this long at least, or for two boots of nine in ten.
const SILENT_MAX: SignedDuration = SignedDuration::from_mins(2);

/// What is remembered of the base workload.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BaseMemory {
    /// When it was last raised.
    raised_at: Option<Timestamp>,
    /// Since when it has had fewer pods than it was told to have.
    short_since: Option<Timestamp>,
    refused: Option<Refused>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Refused {
    until: Timestamp,
    why: String,
}

// === impl BaseMemory ===

impl BaseMemory {
    pub(super) fn observe(&mut self, snapshot: &Snapshot) {
        let Some(Ok(base)) = &snapshot.base else {
            return;
        };
        if u64::from(base.replicas) > base.staying().count() as u64 {
            self.short_since.get_or_insert(snapshot.taken_at);
        } else {
            self.short_since = None;
        }
    }

    pub(super) fn started(&mut self, at: Timestamp, why: &Reason) {
        if matches!(why, Reason::BaseFilled { .. } | Reason::BaseMissing { .. }) {
            self.raised_at = Some(at);
        }
    }

    pub(super) fn finished(&mut self, now: Timestamp, outcome: &Outcome) {
        self.refused = match outcome {
            Outcome::Failed { why } => Some(Refused {
                until: now + REFUSED_FOR,
                why: why.clone(),
            }),
            _ => None,
        };
    }
}

// === impl SeenBase ===

impl SeenBase {
    /// Pods that are not being deleted.
    fn staying(&self) -> impl Iterator<Item = &SeenPod> {
        self.pods.iter().filter(|pod| !pod.is_leaving)
    }
}

// === impl Planner ===

impl Planner {
    /// Base workers that are asked for and have said nothing yet, as members that boot; those that take too long are
    /// none. Workers whose pod is being deleted leave, whatever they say.
    pub(super) fn add_base_pods(
        &self,
        snapshot: &Snapshot,
        members: &mut Vec<Member>,
        now: Timestamp,
    ) {
        let Some(Ok(base)) = &snapshot.base else {
            return;
        };
        let heard: BTreeMap<&str, &SeenWorker> = snapshot
            .workers
            .iter()
            .flatten()
            .filter(|worker| worker.phase != WorkerPhase::Stopped && Member::is_heard(worker, now))
            .map(|worker| (worker.id.as_str(), worker))
            .collect();
        let silent = base
            .staying()
            .filter(|pod| !heard.contains_key(pod.name.as_str()));
        let mut booting: Vec<Timestamp> = silent.map(|pod| pod.created_at).collect();
        let told = self.told_replicas(base);
        let absent = u64::from(told).saturating_sub(base.staying().count() as u64);
        let since = self.base.short_since.unwrap_or(now);
        booting.extend((0..absent).map(|_| since));
        let timeout = self.base_timeout();
        booting.retain(|since| now.duration_since(*since) <= timeout);
        members.extend(booting.into_iter().map(|launched_at| Member {
            intent: None,
            pool: BASE_POOL.to_owned(),
            phase: Phase::Booting,
            launched_at,
            ready_at: None,
            partitions: 0,
        }));
    }

    /// After this long a pod that says nothing is not counted upon. Nothing is done to it: once it speaks, it counts.
    fn base_timeout(&self) -> SignedDuration {
        (self.boot_high(self.policy.base()) * 2).max(SILENT_MAX)
    }

    /// The replicas it was last told to have: a step that is under way counts when it raises.
    fn told_replicas(&self, base: &SeenBase) -> u32 {
        match self.in_flight.get(IntentId::of_base()) {
            Some(Action::ScaleBase { replicas, .. }) => base.replicas.max(*replicas),
            _ => base.replicas,
        }
    }

    /// Brings a scale that somebody else set back between the policy's floor and most, whatever the load.
    pub(super) fn keep_base_in_range(&self, snapshot: &Snapshot, plan: &mut Plan, now: Timestamp) {
        let Some(workload) = self.policy.base_workload() else {
            return;
        };
        let seen = match &snapshot.base {
            Some(Ok(seen)) => seen,
            other => {
                let unread = "it was not looked at".to_owned();
                let why = other.as_ref().and_then(|seen| seen.as_ref().err());
                let why = why.cloned().unwrap_or(unread);
                plan.reasons.push(Reason::BaseUnknown { why });
                return;
            }
        };
        self.tell_of_silent_pods(snapshot, seen, plan, now);
        let is_planned = plan
            .actions
            .iter()
            .any(|action| matches!(action, Action::ScaleBase { .. }));
        if is_planned {
            return;
        }
        plan.desired
            .insert(BASE_POOL.to_owned(), self.told_replicas(seen));
        if let Some(why) = self.base_refused(now) {
            plan.reasons.push(why);
            return;
        }
        if self.in_flight.contains_key(IntentId::of_base()) {
            return;
        }
        let least = self.policy.limits(now).base_min;
        let replicas = seen.replicas.clamp(least, workload.max);
        if replicas != seen.replicas {
            let why = if replicas > seen.replicas {
                Reason::BaseMissing {
                    alive: seen.replicas.into(),
                    wanted: replicas.into(),
                }
            } else {
                Reason::BaseAboveMax {
                    replicas: seen.replicas,
                    max: workload.max,
                }
            };
            let victims = self.victims(snapshot, seen, replicas, now);
            scale(plan, replicas, victims, why);
        }
    }

    fn tell_of_silent_pods(
        &self,
        snapshot: &Snapshot,
        seen: &SeenBase,
        plan: &mut Plan,
        now: Timestamp,
    ) {
        let Ok(workers) = &snapshot.workers else {
            return;
        };
        let timeout = self.base_timeout();
        let is_silent = |pod: &&SeenPod| {
            let mut own = workers.iter().filter(|worker| worker.id == pod.name);
            now.duration_since(pod.created_at) > timeout
                && !own.any(|worker| Member::is_heard(worker, now))
        };
        let pods = seen.staying().filter(is_silent).count() as u64;
        if pods > 0 {
            plan.reasons.push(Reason::BaseSilent { pods });
        }
    }

    /// Who goes when only `replicas` stay: those that say nothing, then those with least to hand over.
    pub(super) fn victims(
        &self,
        snapshot: &Snapshot,
        seen: &SeenBase,
        replicas: u32,
        now: Timestamp,
    ) -> Vec<String> {
        let workers: BTreeMap<&str, &SeenWorker> = snapshot
            .workers
            .iter()
            .flatten()
            .filter(|worker| Member::is_heard(worker, now))
            .map(|worker| (worker.id.as_str(), worker))
            .collect();
        let mut pods: Vec<&SeenPod> = seen.staying().collect();
        pods.sort_by_key(|pod| {
            let load = workers.get(pod.name.as_str());
            let load = load.map(|worker| (worker.in_flight, worker.partitions));
            (load, Reverse(pod.created_at), pod.name.as_str())
        });
        let going = pods.len().saturating_sub(replicas as usize);
        let going = pods.into_iter().take(going);
        going.map(|pod| pod.name.clone()).collect()
    }

    fn base_refused(&self, now: Timestamp) -> Option<Reason> {
        let refused = self.base.refused.as_ref().filter(|it| now < it.until)?;
        Some(Reason::BaseRefused {
            why: refused.why.clone(),
        })
    }

    /// The base workload, as far as its scale may be set now.
    fn scalable<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        now: Timestamp,
    ) -> Option<(&'a Workload, &'a SeenBase)> {
        let workload = self.policy.base_workload()?;
        let Some(Ok(seen)) = &snapshot.base else {
            return None;
        };
        let is_free = !self.in_flight.contains_key(IntentId::of_base());
        (is_free && self.base_refused(now).is_none()).then_some((workload, seen))
    }
}

// === impl Desk ===

impl Desk<'_> {
    /// Fills the base where what runs and boots misses something that a new base worker can still do.
    ///
    /// Adds to `supply` what its new workers will do.
    pub(super) fn fill_base(&mut self, supply: &mut Supply, snapshot: &Snapshot, plan: &mut Plan) {
        let Some((workload, seen)) = self.planner.scalable(snapshot, self.now) else {
            return;
        };
        let free = self.partitions.saturating_sub(self.fleet.placed_burst());
        let most = workload.max.min(u32::try_from(free).unwrap_or(u32::MAX));
        let most = most.max(self.limits.base_min);
        if seen.replicas >= most {
            return;
        }
        let base = self.planner.policy.base();
        let law = self.planner.beliefs.boot(base);
        let rate = self.planner.beliefs.rate_low(base);
        let new = Share::booting(&self.grid, rate, &law, self.now, self.now);
        let expected = self.expected();
        let Some(point) = self.first_missed(supply, &expected, &new) else {
            return;
        };
        plan.reasons.push(Reason::DeadlineEndangered {
            due: expected[point],
            within: self.grid.at(point).duration_since(self.now),
            done_by_then: supply.sure(point, CONFIDENCE),
        });
        let from = seen.replicas;
        let why = Reason::BaseFilled { from, to: most };
        plan.reasons.push(why.clone());
        if u64::from(workload.max) > free {
            let partitions = self.partitions;
            plan.reasons.push(Reason::PartitionCap { partitions });
        }
        scale(plan, most, Vec::new(), why);
        self.base_added = u64::from(most - from);
        supply.add(&new, self.base_added);
    }

    /// Takes the base back to its floor, once that alone does everything.
    pub(super) fn lower_base(&self, known: &Known, snapshot: &Snapshot, plan: &mut Plan) {
        let Some((_, seen)) = self.planner.scalable(snapshot, self.now) else {
            return;
        };
        // What is bought goes first; and what was just raised would have booted for nothing.
        let base = self.planner.policy.base();
        let boot = SignedDuration::from_millis(self.planner.beliefs.boot(base).mean());
        let raised_at = self.planner.base.raised_at;
        let is_settled = raised_at.is_none_or(|at| self.now >= at + boot * 2);
        let is_quiet = plan.actions.is_empty() && self.planner.in_flight.is_empty();
        let least = self.limits.base_min;
        if seen.replicas <= least || self.fleet.placed_burst() > 0 || !is_quiet || !is_settled {
            return;
        }
        let Some(arriving) = plan.numbers.arrival_rate else {
            return;
        };
        let members = self.fleet.members.iter();
        let ready = members.filter(|it| it.pool == BASE_POOL && it.phase == Phase::Ready);
        let floor = u64::from(least);
        if (ready.count() as u64) < floor {
            return;
        }
        let rate = self.planner.beliefs.rate_low(base);
        let mut rest = Supply::none(&self.grid);
        let share = Share::ready(&self.grid, rate);
        rest.add(&share, floor);
        let held = self.load.due(&self.grid, Ahead::Held);
        let is_enough = self.is_enough(&rest, &held, base)
            && self.is_dealt_evenly(&rest, &known.lags, arriving, floor, base)
            && self.first_missed(&rest, &self.expected(), &share).is_none();
        if is_enough {
            let why = Reason::BaseLowered {
                from: seen.replicas,
                to: least,
                arriving,
                without: rest.rate(),
            };
            plan.reasons.insert(0, why.clone());
            let victims = self.planner.victims(snapshot, seen, least, self.now);
            scale(plan, least, victims, why);
        }
    }

    /// What is due of what waits and of what is expected.
    fn expected(&self) -> Vec<u64> {
        let due = self.load.due(&self.grid, Ahead::Nothing);
        if !self.load.is_more_expected() {
            return due;
        }
        let expected = self.load.due(&self.grid, Ahead::Forecast);
        due.into_iter()
            .zip(expected)
            .map(|(due, expected)| due.max(expected))
            .collect()
    }

    /// The first point by which more is due than is surely done, of those that a worker like `new` can still change, or for
    /// which a machine would be bought.
    fn first_missed(&self, supply: &Supply, due: &[u64], new: &Share) -> Option<usize> {
        let lead = millis(self.planner.policy.drain_within()).unsigned_abs() / BASE_LEAD_SHARE;
        (0..due.len()).find(|&point| {
            due[point] > 0
                && !supply.meets(point, CONFIDENCE, due[point])
                && (new.lead_ms(point) >= lead || point >= self.reachable())
        })
    }
}

fn scale(plan: &mut Plan, replicas: u32, victims: Vec<String>, why: Reason) {
    plan.desired.insert(BASE_POOL.to_owned(), replicas);
    plan.actions.push(Action::ScaleBase {
        replicas,
        victims,
        why,
    });
}
