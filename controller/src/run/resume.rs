//! What a loop begins with: what an earlier one in this process has learned, and what was spent today, whoever spent it.

use jiff::Timestamp;
use spillway_core::{Planner, Policy};

use crate::intents::IntentStore;

/// The planner of a loop that begins at `now` under `policy`.
///
/// A process that begins has watched nothing, and another may have led before it. Intents outlive both and say when each
/// machine ran and at what price: so the budget of a day holds across restarts and leaders.
pub(super) fn resume(
    learned: Option<Planner>,
    (policy, shadow): (Policy, Option<Policy>),
    intents: &IntentStore,
    now: Timestamp,
) -> Planner {
    let planner = match learned {
        Some(learned) => learned.under(policy),
        None => Planner::new(policy),
    };
    planner
        .beside(shadow)
        .recalling(now, intents.spent_today(now))
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use jiff::SignedDuration;
    use spillway_core::{
        Action, BacklogReading, Committed, IntentId, Machine, Offsets, PartitionId,
        PartitionReading, Plan, Reason, SeenInstance, Snapshot,
    };

    use super::*;
    use crate::history::{History, Keep};
    use crate::intents::State;
    use crate::intents::testing::intent;
    use crate::journal::{Event, Journal, replay};
    use crate::policy::simulate;
    use crate::policy_file;

    const BURST: u64 = 10_000;
    const POLICY: &str = "apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {name: recognition}
spec:
  source:
    kafka:
      bootstrapServers: [\"kafka:9092\"]
      consumerGroup: workers
      topics: [{name: spillway.jobs}]
  objective: {drainWithin: 15m}
  base: {static: {workers: 1}, pricePerWorkerHour: 0.64, throughputPerWorker: 20}
  burst:
    maxWorkers: 4
    pools: [{name: near, provider: {process: {}}, pricePerHour: 3.60, bootTime: 8s, throughputPerWorker: 30, max: 4}]
  budget: {perDay: 2.00}
";

    /// So many jobs wait in each of eight partitions; machines that are bought run.
    fn snapshot(at: Timestamp, intents: &IntentStore, waiting: u64) -> Snapshot {
        let partition = |number| PartitionReading {
            id: PartitionId::new("spillway.jobs", number),
            offsets: Ok(Offsets {
                log_start: 0,
                end: waiting,
                committed: Committed::At(0),
            }),
        };
        let instances = intents.open_intents().into_iter().filter_map(|intent| {
            Some(SeenInstance {
                progress: intent.progress()?,
                intent: intent.id,
                pool: intent.pool,
                machine: Ok(Machine::Running),
            })
        });
        Snapshot {
            taken_at: at,
            backlog: Ok(BacklogReading {
                taken_at: at,
                partitions: (0..8).map(partition).collect(),
                missing: Vec::new(),
            }),
            workers: Ok(Vec::new()),
            instances: instances.collect(),
            next_intent: intents.next_number(),
            base: None,
            orders: spillway_core::Orders::default(),
        }
    }

    /// A new part of the journal, which begins with `planner`.
    fn part(folder: &Path, planner: &Planner) -> (Journal, Arc<History>) {
        let journal = folder.join("journal");
        // What happens here is of some day long ago.
        let keep = Keep {
            days: 36_500,
            ..Keep::default()
        };
        let history = History::open(&journal, keep).unwrap();
        let begun = Journal::begin(journal, Arc::clone(&history), planner).unwrap();
        (begun, history)
    }

    fn launches(plan: &Plan) -> Vec<&IntentId> {
        let actions = plan.actions.iter();
        let launches = actions.filter(|action| matches!(action, Action::Launch { .. }));
        launches.map(Action::intent).collect()
    }

    fn spent(plan: &Plan) -> Vec<&Reason> {
        let reasons = plan.reasons.iter();
        reasons
            .filter(|reason| matches!(reason, Reason::BudgetPerDay { .. }))
            .collect()
    }

    #[tokio::test]
    async fn a_restart_from_the_journal_changes_no_decision_what_was_spent_today_is_still_counted()
    {
        let folder = tempfile::tempdir().unwrap();
        let policy = policy_file::parse("made", POLICY).unwrap_or_else(|it| panic!("{it:?}"));
        let begin: Timestamp = "2026-03-04T09:00:00Z".parse().unwrap();
        let minute = SignedDuration::from_mins;
        let store = || IntentStore::open(folder.path().join("intents")).unwrap();
        let intents = store();
        let mut first = resume(None, (policy.clone(), None), &intents, begin);
        // One machine runs for 26 minutes and is gone: $1.56 of $2. Another would need $0.90 until the deadline.
        for at in 0..=30 {
            let now = begin + minute(at);
            let launched = State::Launched {
                instance: "i".into(),
                at: begin,
            };
            if at == 0 {
                intents.write(intent(1, launched.clone())).await.unwrap();
            }
            first.observe(snapshot(now, &intents, 0));
            if at == 26 {
                let over = intent(1, launched).closed(now, "over".into());
                intents.write(over).await.unwrap();
            }
        }
        // Then far more waits than the base can do in time.
        let now = begin + minute(31);
        first.observe(snapshot(now, &intents, BURST));
        let before = first.plan(now);
        assert_eq!(launches(&before).len(), 0);
        assert_eq!(spent(&before).len(), 1, "{:?}", before.reasons);

        drop(intents);
        let intents = store();
        let seen = snapshot(now, &intents, BURST);
        let mut forgetful = Planner::new(policy.clone());
        forgetful.observe(seen.clone());
        assert_ne!(launches(&forgetful.plan(now)).len(), 0, "it would buy");

        let mut second = resume(None, (policy.clone(), None), &intents, now);
        let (mut journal, history) = part(folder.path(), &second);
        second.observe(seen.clone());
        let after = second.plan(now);
        assert_eq!(launches(&after), launches(&before));
        assert_eq!(spent(&after), spent(&before));
        assert_eq!(second.spent_today(now), first.spent_today(now));
        let events = |seen: Snapshot, plan: Plan| {
            let snapshot = Box::new(seen);
            let planned = Event::Planned {
                plan: Box::new(plan),
                violations: Vec::new(),
                decision: None,
            };
            [Event::Observed { snapshot }, planned]
        };
        for event in &events(seen, after) {
            journal.write(event).unwrap();
        }
        journal.flush(&second).unwrap();
        drop(journal);
        history.flush();
        drop(history);
        // Another part, which begins in the middle of it all.
        let (mut journal, history) = part(folder.path(), &second);
        let now = now + minute(1);
        let seen = snapshot(now, &intents, BURST);
        second.observe(seen.clone());
        for event in &events(seen, second.plan(now)) {
            journal.write(event).unwrap();
        }
        journal.flush(&second).unwrap();
        history.flush();
        let journal = folder.path().join("journal");
        // Under another policy, or what is taken for one: it knows what was spent as well.
        for other in [None, Some(&policy)] {
            let replayed = replay(&journal, other).unwrap();
            assert_eq!((replayed.plans, replayed.different), (2, 0), "{other:?}");
        }
        let simulated = simulate(&journal, &policy, 1).unwrap();
        assert_eq!((simulated.plans, simulated.different), (2, 0));
    }

    #[tokio::test]
    async fn what_runs_counts_into_the_hour_whoever_bought_it() {
        let folder = tempfile::tempdir().unwrap();
        let text = POLICY.replace("perDay: 2.00", "perHour: 4.00");
        let policy = policy_file::parse("made", &text).unwrap_or_else(|it| panic!("{it:?}"));
        let now: Timestamp = "2026-03-04T09:00:00Z".parse().unwrap();
        let intents = IntentStore::open(folder.path().to_owned()).unwrap();
        let runs = State::Launched {
            instance: "i".into(),
            at: now - SignedDuration::from_mins(1),
        };
        intents.write(intent(1, runs)).await.unwrap();
        let mut planner = resume(None, (policy, None), &intents, now);
        planner.observe(snapshot(now, &intents, BURST));
        let plan = planner.plan(now);
        let is_named = |reason: &Reason| matches!(reason, Reason::BudgetPerHour { .. });
        assert_eq!(launches(&plan).len(), 0);
        assert!(plan.reasons.iter().any(is_named), "{:?}", plan.reasons);
    }
}
