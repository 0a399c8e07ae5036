//! Stories of classes, budgets, markets and what goes wrong.

use super::*;

/// A policy with an urgent topic before the ordinary one.
fn two_classes() -> Policy {
    policy_with(|spec| {
        let kafka = spec.source.as_mut().unwrap().kafka.as_mut().unwrap();
        let topic = |name: &str, within: Option<&str>| raw::Topic {
            name: Some(name.into()),
            drain_within: within.map(str::to_owned),
        };
        kafka.topics = Some(vec![topic("gold", Some("45s")), topic("jobs", None)]);
    })
}

/// A snapshot of two topics in which `gold` and `jobs` wait.
fn waiting(world: &World, gold: u64, jobs: u64) -> Snapshot {
    let mut snapshot = world.snapshot();
    let partition = |topic: &str, end: u64| PartitionReading {
        id: PartitionId::new(topic, 0),
        offsets: Ok(Offsets {
            log_start: 0,
            end,
            committed: Committed::At(0),
        }),
    };
    let mut partitions = vec![partition("gold", gold), partition("jobs", jobs)];
    // As many as any fleet may have workers.
    for number in 1..40 {
        let id = PartitionId::new("jobs", number);
        let offsets = partition("jobs", 0).offsets;
        partitions.push(PartitionReading { id, offsets });
    }
    snapshot.backlog = Ok(BacklogReading {
        taken_at: world.now,
        partitions,
        missing: vec![],
    });
    snapshot
}

fn bought(plan: &Plan) -> usize {
    let launches = plan
        .actions
        .iter()
        .filter(|action| action.verb() == "Launch");
    launches.count()
}

#[test]
fn each_class_has_its_own_deadline_and_the_urgent_one_goes_first() {
    let plan = |gold: u64, jobs: u64| {
        let mut world = World::begin(two_classes());
        world.now += SignedDuration::from_secs(1);
        let snapshot = waiting(&world, gold, jobs);
        world.planner.observe(snapshot);
        world.planner.plan(world.now)
    };
    assert_eq!(bought(&plan(0, 700)), 0, "the base does it in 90 s");
    assert!(bought(&plan(700, 0)) > 0, "but not in 45 s");
    let both = plan(400, 900);
    assert!(bought(&both) > 0, "the urgent make the rest wait: {both:?}");
}

#[test]
fn a_days_budget_is_kept_and_named() {
    let mut world = World::begin(policy_with(|spec| {
        spec.budget = Some(raw::Budget {
            per_hour: None,
            per_day: Some("0.05".parse().unwrap()),
        });
    }));
    world.arriving = 40;
    world.run(600);
    assert!(world.says("BudgetPerDay"), "{:?}", world.last);
    assert!(world.says("DeadlineAtRisk"), "{:?}", world.last);
    // A machine costs 0.80 an hour: 0.05 are 225 s of one.
    assert!(
        world.launched_ever <= 2 + 3,
        "{} launches",
        world.launched_ever
    );
}

#[test]
fn a_days_budget_that_machines_run_over_is_told_and_takes_none_away() {
    let mut world = World::begin(policy_with(|spec| {
        spec.budget = Some(raw::Budget {
            per_hour: None,
            per_day: Some("0.05".parse().unwrap()),
        });
    }));
    assert!(!world.says("BudgetOverrun"), "{:?}", world.last);
    // One machine is bought for a burst, and then far more comes.
    world.arrived += 1_700;
    world.run_until(120, "a machine works", |world| world.burst() > 0);
    world.arriving = 22;
    world.run_until(900, "it is told", |world| world.says("BudgetOverrun"));
    let said = |world: &World| {
        let reasons = &world.last.as_ref().unwrap().reasons;
        let overrun = reasons.iter().find(|it| it.code() == "BudgetOverrun");
        overrun.map(Reason::to_string).unwrap_or_default()
    };
    assert!(
        said(&world).contains("what runs costs about $"),
        "{}",
        said(&world)
    );
    let budget = "0.05".parse().unwrap();
    let now = world.now;
    assert!(world.planner.spent_today(now).0 < budget, "before it is so");

    let launched = world.launched_ever;
    world.run(600);
    assert!(world.planner.spent_today(world.now).0 > budget);
    assert!(
        world.says("BudgetOverrun") && world.burst() > 0,
        "{:?}",
        world.last
    );
    assert_eq!(world.launched_ever, launched, "nothing more is bought");

    world.arriving = 0;
    world.run_until(900, "all is given back", |world| world.burst() == 0);
    world.run(1);
    assert!(
        said(&world).contains("nothing is bought before midnight"),
        "{}",
        said(&world)
    );
}

#[test]
fn a_machine_that_is_taken_back_is_no_longer_counted_on() {
    let mut world = World::begin(policy_with(|spec| {
        let burst = spec.burst.as_mut().unwrap();
        burst.max_workers = Some(16);
        for pool in burst.pools.as_mut().unwrap() {
            pool.max = Some(8);
        }
    }));
    world.arriving = 10;
    world.arrived += 2_600;
    world.run_until(60, "machines work", |world| world.burst() >= 3);
    world.run(25);
    let before = world.launched_ever;
    let snapshot = {
        let mut snapshot = world.snapshot();
        let until = world.now + SignedDuration::from_secs(5);
        for worker in snapshot.workers.as_mut().unwrap() {
            if worker.pool != BASE_POOL {
                worker.interruption_at = Some(until);
            }
        }
        snapshot.taken_at += SignedDuration::from_millis(1);
        snapshot
    };
    world.planner.observe(snapshot);
    let plan = world.planner.plan(world.now);
    assert!(bought(&plan) > 0, "after {before} launches: {plan:?}");
    assert!(plan.actions.iter().all(|action| action.verb() != "Drain"));
}

#[test]
fn dear_machines_make_way_when_cheap_ones_can_be_had_again() {
    let mut world = World::begin(policy_with(|spec| {
        spec.objective = Some(raw::Objective {
            drain_within: Some("15m".into()),
        });
        spec.burst.as_mut().unwrap().max_workers = Some(10);
    }));
    let far = world.planner.policy().pool("far").unwrap().clone();
    let until = SignedDuration::from_mins(5);
    world.planner.blocks.refused(
        world.now,
        &far,
        (Fault::NoCapacity, Scope::Offer),
        Some(until),
    );
    world.arriving = 40;
    world.arrived += 20_000;
    world.run(200);
    assert!(world.alive("near") >= 3, "{:?}", world.launched);
    assert_eq!(world.alive("far"), 0, "out of stock");
    world.run(400);
    assert!(
        world.alive("far") >= 3,
        "{:?} {:?}",
        world.launched,
        world.last
    );
    assert!(world.alive("near") < world.alive("far"), "{:?}", world.last);
}
