//! What is said of a policy in the cluster: its status whenever that changed, and an event for each decision.

use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use spillway_core::{Machine, Plan, Policy, Reason, Snapshot, spoken};
use spillway_kube::{Condition, Events, Policies, PolicyStatus, SeenPolicy};
use tokio::sync::{mpsc, watch};
use tracing::debug;

use super::conflict;
use crate::leadership::Leadership;
use crate::metrics::NotInForce;

/// Decisions that wait to be told; beyond it the newest are left out.
const EVENTS_MAX: usize = 32;
/// The longest that a write may take before the next one is tried.
const WRITE_DEADLINE: Duration = Duration::from_secs(5);

/// Tells the cluster, beside the loop: a slow API server holds up no decision.
pub(crate) struct Teller {
    generation: i64,
    leader: String,
    before: std::sync::Mutex<Vec<Condition>>,
    status: watch::Sender<PolicyStatus>,
    decisions: mpsc::Sender<Decision>,
}

struct Decision {
    reason: &'static str,
    action: &'static str,
    note: String,
}

// === impl Teller ===

impl Teller {
    pub(crate) fn begin(
        policies: Policies,
        events: Events,
        seen: &SeenPolicy,
        identity: &str,
        leadership: &Arc<Leadership>,
    ) -> Self {
        let (status, statuses) = watch::channel(PolicyStatus::default());
        let (decisions, waiting) = mpsc::channel(EVENTS_MAX);
        let leads = Arc::downgrade(leadership);
        tokio::spawn(write_statuses(policies, statuses, leads.clone()));
        tokio::spawn(write_events(events, waiting, leads));
        Self {
            generation: seen.generation,
            leader: identity.to_owned(),
            before: std::sync::Mutex::new(seen.status.conditions.clone()),
            status,
            decisions,
        }
    }

    /// Tells of one tick.
    pub(crate) fn tell(
        &self,
        policy: &Policy,
        snapshot: &Snapshot,
        plan: &Plan,
        not_in_force: Option<&NotInForce>,
    ) {
        let mut before = self
            .before
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // Of a newer version that is wrong, what is wrong is said; all else is of the one in force.
        let newest = not_in_force.and_then(|it| it.generation);
        let generation = newest.unwrap_or(self.generation);
        let invalid = not_in_force.map(|it| it.problems.as_str());
        let said = said_of(policy, snapshot, plan, invalid);
        let conditions: Vec<Condition> = said
            .into_iter()
            .map(|said| said.condition(generation, &before))
            .collect();
        before.clone_from(&conditions);
        let pools = &plan.numbers.pools;
        let base = pools.get(&policy.base().name);
        let replicas = snapshot.base.as_ref().and_then(|base| base.as_ref().ok());
        let bought = policy
            .pools()
            .iter()
            .filter_map(|pool| pools.get(&pool.name));
        let bought: u64 = bought.map(|it| it.booting + it.ready + it.draining).sum();
        let ready = base.map_or(0, |base| base.ready);
        let before = self.status.borrow().decision.clone();
        // What is only looked at again each second is no decision.
        let decision = match plan.actions.is_empty() && plan.hold.is_none() {
            true => before.or_else(|| Some(plan.sentence())),
            false => Some(plan.sentence()),
        };
        let status = PolicyStatus {
            observed_generation: Some(generation),
            conditions,
            backlog: plan.numbers.backlog.map(whole),
            eta: plan.numbers.drain_eta.map(rough),
            base: Some(format!("{ready}/{}", policy.base().max)),
            base_replicas: replicas.map(|base| i32::try_from(base.replicas).unwrap_or(i32::MAX)),
            burst: Some(i32::try_from(bought).unwrap_or(i32::MAX)),
            price_per_hour: Some(plan.numbers.cost_per_hour.0.round_dp(2).to_string()),
            late: Some(whole(plan.numbers.late)),
            decision,
            leader: Some(self.leader.clone()),
            forgotten: None,
            orders: None,
        };
        self.status.send_if_modified(|last| {
            let is_new = *last != status;
            *last = status;
            is_new
        });
        if let Some(first) = plan.actions.first() {
            let decision = Decision {
                reason: first.why().code(),
                action: first.verb(),
                note: plan.sentence(),
            };
            // Too many at once: the journal and the status have them all.
            let _ = self.decisions.try_send(decision);
        }
    }
}

async fn write_statuses(
    policies: Policies,
    mut statuses: watch::Receiver<PolicyStatus>,
    leads: Weak<Leadership>,
) {
    while statuses.changed().await.is_ok() && is_held(&leads) {
        let status = statuses.borrow_and_update().clone();
        match tokio::time::timeout(WRITE_DEADLINE, policies.tell(&status)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "status was not written, the next one will be"),
            Err(_) => debug!("status was not written in time, the next one will be"),
        }
    }
}

async fn write_events(
    events: Events,
    mut waiting: mpsc::Receiver<Decision>,
    leads: Weak<Leadership>,
) {
    while let Some(decision) = waiting.recv().await {
        if !is_held(&leads) {
            return;
        }
        let told = events.tell(decision.reason, decision.action, &decision.note);
        match tokio::time::timeout(WRITE_DEADLINE, told).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(%error, "event was not written"),
            Err(_) => debug!("event was not written in time"),
        }
    }
}

fn is_held(leads: &Weak<Leadership>) -> bool {
    leads.upgrade().is_some_and(|leads| leads.is_held())
}

/// What is said of a policy that does not pass the lint; of everything else nothing changes.
pub(super) fn invalid(seen: &SeenPolicy, problems: &str) -> PolicyStatus {
    let mut status = seen.status.clone();
    let before = &seen.status.conditions;
    let made = [
        said(
            "Ready",
            false,
            "Invalid",
            "the policy does not pass the lint",
        ),
        said("Validated", false, "Invalid", problems),
    ];
    let made = made.map(|said| said.condition(seen.generation, before));
    status
        .conditions
        .retain(|it| it.type_ != "Ready" && it.type_ != "Validated");
    status.conditions.splice(0..0, made);
    status.observed_generation = Some(seen.generation);
    status
}

/// What is said of a policy whose group another has; of everything else nothing changes.
pub(super) fn conflicting(seen: &SeenPolicy, why: &str) -> PolicyStatus {
    let mut status = seen.status.clone();
    let before = &seen.status.conditions;
    let made = [
        said("Ready", false, conflict::CONDITION, why),
        said("Validated", true, "Valid", ""),
        said(conflict::CONDITION, true, "GroupTaken", why),
    ];
    let made = made.map(|said| said.condition(seen.generation, before));
    let others = ["Ready", "Validated", conflict::CONDITION];
    status
        .conditions
        .retain(|it| !others.contains(&it.type_.as_str()));
    status.conditions.splice(0..0, made);
    status.observed_generation = Some(seen.generation);
    status
}

/// One condition, before it is known when it became so.
struct Said {
    kind: &'static str,
    is_so: bool,
    reason: &'static str,
    message: String,
}

fn said(kind: &'static str, is_so: bool, reason: &'static str, message: &str) -> Said {
    Said {
        kind,
        is_so,
        reason,
        message: message.to_owned(),
    }
}

/// Every condition; `invalid`: what is wrong with a newer version of the policy.
fn said_of(policy: &Policy, snapshot: &Snapshot, plan: &Plan, invalid: Option<&str>) -> Vec<Said> {
    let reachable = |kind, error: Option<&String>| match error {
        None => said(kind, true, "Reachable", ""),
        Some(why) => said(kind, false, "Unreachable", why),
    };
    let kafka = snapshot
        .backlog
        .as_ref()
        .err()
        .or(snapshot.workers.as_ref().err());
    let mut parts = vec![
        match invalid {
            None => said("Validated", true, "Valid", ""),
            Some(problems) => said("Validated", false, "Invalid", problems),
        },
        reachable("KafkaReachable", kafka),
    ];
    if policy.base_workload().is_some() {
        let base = snapshot.base.as_ref().and_then(|base| base.as_ref().err());
        parts.push(reachable("BaseReachable", base));
    }
    let mut machines = snapshot.instances.iter().map(|it| &it.machine);
    let cloud: Option<&Result<Machine, String>> = machines.find(|machine| machine.is_err());
    parts.push(reachable(
        "CloudReachable",
        cloud.and_then(|machine| machine.as_ref().err()),
    ));
    let missing = parts.iter().find(|part| !part.is_so);
    let ready = match missing {
        None => said("Ready", true, "Ready", ""),
        Some(part) => said(
            "Ready",
            false,
            part.reason,
            &format!("{}: {}", part.kind, part.message),
        ),
    };
    let late = plan.numbers.late;
    let risk = match late {
        0 => said("DeadlineAtRisk", false, "InTime", ""),
        _ => said(
            "DeadlineAtRisk",
            true,
            "Late",
            &format!("about {late} jobs will be late"),
        ),
    };
    let budget = match budget_trouble(plan) {
        Some(reason) => said("BudgetExhausted", true, reason.code(), &reason.to_string()),
        None => said("BudgetExhausted", false, "WithinBudget", ""),
    };
    let alone = said(conflict::CONDITION, false, "Alone", "");
    std::iter::once(ready)
        .chain(parts)
        .chain([risk, budget, alone])
        .collect()
}

/// What a budget stands in the way of, or what stands against it: what runs over comes first.
fn budget_trouble(plan: &Plan) -> Option<&Reason> {
    let of = |wanted: fn(&Reason) -> bool| plan.reasons.iter().find(|it| wanted(it));
    of(|it| matches!(it, Reason::BudgetOverrun { .. })).or_else(|| {
        of(|it| {
            matches!(
                it,
                Reason::BudgetPerDay { .. } | Reason::BudgetPerHour { .. }
            )
        })
    })
}

// === impl Said ===

impl Said {
    fn condition(self, generation: i64, before: &[Condition]) -> Condition {
        let status = if self.is_so { "True" } else { "False" };
        let last = before
            .iter()
            .find(|it| it.type_ == self.kind && it.status == status);
        Condition {
            type_: self.kind.to_owned(),
            status: status.to_owned(),
            reason: self.reason.to_owned(),
            message: self.message,
            observed_generation: Some(generation),
            last_transition_time: last.map_or_else(
                || Time(Timestamp::now()),
                |it| it.last_transition_time.clone(),
            ),
        }
    }
}

/// Whole seconds below a minute, tens above: a status that changes every second is read by nobody.
fn rough(eta: SignedDuration) -> String {
    let seconds = eta.as_secs();
    let step = if seconds < 60 { 1 } else { 10 };
    spoken(SignedDuration::from_secs(seconds / step * step))
}

fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_keeps_the_time_at_which_it_became_so() {
        let first = said("Ready", true, "Ready", "").condition(1, &[]);
        let again = said("Ready", true, "Ready", "").condition(2, std::slice::from_ref(&first));
        assert_eq!(again.last_transition_time, first.last_transition_time);
        assert_eq!(again.observed_generation, Some(2));
    }

    fn tick(reasons: Vec<Reason>) -> (Policy, Snapshot, Plan) {
        let text = include_str!("../../../policies/recognition.yaml");
        let policy = crate::policy_file::parse("p", text).unwrap();
        let at = Timestamp::UNIX_EPOCH;
        let mut plan = spillway_core::Planner::new(policy.clone()).plan(at);
        plan.reasons = reasons;
        let snapshot = Snapshot {
            taken_at: at,
            backlog: Err("not asked".to_owned()),
            workers: Ok(Vec::new()),
            instances: Vec::new(),
            next_intent: 1,
            base: None,
            orders: spillway_core::Orders::default(),
        };
        (policy, snapshot, plan)
    }

    /// Whether a condition holds, its reason and its message.
    fn found(said: &[Said], kind: &str) -> (bool, &'static str, String) {
        let said = said.iter().find(|it| it.kind == kind).unwrap();
        (said.is_so, said.reason, said.message.clone())
    }

    #[test]
    fn a_budget_that_is_run_over_is_a_condition_with_its_numbers() {
        let dollars = |text: &str| spillway_core::Dollars(text.parse().unwrap());
        let (spent, budget) = (dollars("2.13"), dollars("2"));
        let overrun = Reason::BudgetOverrun {
            spent,
            ahead: dollars("0.4"),
            budget,
        };
        let refused = Reason::BudgetPerDay { spent, budget };
        let (policy, snapshot, plan) = tick(vec![refused.clone(), overrun]);
        let said = said_of(&policy, &snapshot, &plan, None);
        let (is_so, reason, message) = found(&said, "BudgetExhausted");
        assert_eq!((is_so, reason), (true, "BudgetOverrun"));
        assert!(
            message.contains("$2.13") && message.contains("$0.40"),
            "{message}"
        );

        let (policy, snapshot, plan) = tick(vec![refused]);
        let said = said_of(&policy, &snapshot, &plan, None);
        assert_eq!(found(&said, "BudgetExhausted").1, "BudgetPerDay");
        let (policy, snapshot, plan) = tick(Vec::new());
        let said = said_of(&policy, &snapshot, &plan, None);
        let (is_so, reason, _) = found(&said, "BudgetExhausted");
        assert_eq!((is_so, reason), (false, "WithinBudget"));
    }

    #[test]
    fn a_newer_policy_that_is_wrong_stays_told_from_tick_to_tick() {
        let (policy, snapshot, plan) = tick(Vec::new());
        let said = said_of(&policy, &snapshot, &plan, Some("spec.mode: is no mode"));
        let wrong = (false, "Invalid", "spec.mode: is no mode".to_owned());
        assert_eq!(found(&said, "Validated"), wrong);
        let (is_ready, reason, why) = found(&said, "Ready");
        assert_eq!((is_ready, reason), (false, "Invalid"));
        assert!(why.contains("spec.mode"), "{why}");
    }
}
