//! What people order is followed, explained and ends by itself; caps hold for them too.

use super::*;
use crate::orders::{Given, Override, Pause, Shape};

fn given(world: &World) -> Given {
    Given {
        id: 7,
        by: "ada".into(),
        reason: "a trial".into(),
        at: world.now,
    }
}

fn pause(world: &mut World, seconds: i64) {
    world.orders.pause = Some(Pause {
        given: given(world),
        until: world.now + SignedDuration::from_secs(seconds),
    });
}

fn order(world: &mut World, pool: &str, shape: Shape, workers: u32, seconds: i64) {
    let order = Override {
        given: given(world),
        until: world.now + SignedDuration::from_secs(seconds),
        shape,
        workers,
    };
    world.orders.overrides.insert(pool.into(), order);
}

#[test]
fn a_pause_buys_nothing_until_it_ends_by_itself() {
    let mut world = World::begin(policy());
    pause(&mut world, 20);
    world.arrived += 2_600;
    world.run(19);
    assert_eq!(world.launched_ever, 2, "the base alone");
    let last = world.last.as_ref().unwrap();
    assert_eq!(last.hold.as_ref().map(Reason::code), Some("Paused"));
    assert!(last.sentence().contains("ada ordered a pause"), "{last:?}");
    assert!(last.numbers.late > 0, "and what that means is told");
    world.run(2);
    assert!(world.burst() > 0, "{:?}", world.last);
}

#[test]
fn a_pause_gives_nothing_back_but_ends_what_is_dead() {
    let mut world = World::begin(policy());
    world.arrived += 2_600;
    world.run_until(90, "a burst works", |world| world.burst() > 2);
    pause(&mut world, 600);
    let burst = world.burst();
    world.run(240);
    assert_eq!(world.burst(), burst, "nothing waits, and all stay");
    let is_burst = |made: &&MadeMachine| made.pool != BASE_POOL;
    let dead = world
        .machines
        .values()
        .find(is_burst)
        .map(|made| made.pool.clone());
    let dead = dead.unwrap();
    let machine = world.machines.values_mut().find(|made| made.pool == dead);
    machine.unwrap().machine = Machine::Terminated;
    let intents = world.machines.len();
    world.run(2);
    assert_eq!(world.machines.len(), intents - 1, "its intent is closed");
}

#[test]
fn a_floor_is_bought_and_kept_and_goes_when_it_ends() {
    let mut world = World::begin(policy());
    order(&mut world, "near", Shape::Floor, 2, 120);
    world.run(2);
    assert_eq!(world.alive("near"), 2);
    assert!(world.says("Overridden"), "{:?}", world.last);
    world.run(100);
    assert_eq!(world.alive("near"), 2, "nothing waits, and they stay");
    world.run(120);
    assert_eq!(world.alive("near"), 0, "nobody wants them any more");
    assert_eq!(world.launched["near"], 2, "none was bought twice");
}

#[test]
fn exactly_so_many_takes_machines_away_and_allows_no_more() {
    let mut world = World::begin(policy());
    world.arrived += 4_000;
    world.run_until(60, "a burst works", |world| world.alive("far") >= 2);
    order(&mut world, "far", Shape::Fixed, 1, 600);
    world.run(30);
    assert_eq!(world.alive("far"), 1, "{:?}", world.last);
    order(&mut world, "far", Shape::Fixed, 0, 600);
    order(&mut world, "near", Shape::Fixed, 0, 600);
    world.arrived += 4_000;
    world.run(40);
    assert_eq!(world.burst(), 0, "however much waits");
    assert!(world.last.as_ref().unwrap().numbers.late > 0);
}

#[test]
fn caps_hold_for_people_too_and_are_named() {
    let mut world = World::begin(policy());
    order(&mut world, "near", Shape::Floor, 100, 600);
    world.run(3);
    assert_eq!(world.alive("near"), 4, "the pool's most");
    assert!(world.says("PoolMax"), "{:?}", world.last);
    let mut world = World::begin(policy_with(|spec| {
        spec.budget = Some(raw::Budget {
            per_hour: Some("4.50".parse().unwrap()),
            per_day: None,
        });
    }));
    order(&mut world, "near", Shape::Floor, 4, 600);
    world.run(3);
    assert_eq!(world.alive("near"), 2, "two cost $4");
    assert!(world.says("BudgetPerHour"), "{:?}", world.last);
}

#[test]
fn a_machine_that_somebody_sends_away_goes_also_during_a_pause_and_blind() {
    let mut world = World::begin(policy());
    world.arrived += 2_600;
    let works = |made: &MadeMachine| made.pool != BASE_POOL && made.machine == Machine::Running;
    world.run_until(90, "a burst works", |world| {
        world.machines.values().any(works)
    });
    pause(&mut world, 600);
    world.unknown_partitions = true;
    let found = world.machines.iter().find(|(_, made)| works(made));
    let intent = found.map(|(intent, _)| intent.clone()).unwrap();
    let burst = world.burst();
    world.orders.drains.insert(intent.clone(), given(&world));
    world.tick();
    assert!(world.says("Ordered"), "{:?}", world.last);
    world.run(5);
    assert_eq!(world.burst(), burst - 1);
    assert!(!world.machines.contains_key(&intent), "and is closed");
}

#[test]
fn a_base_worker_is_not_sent_away() {
    let mut world = World::begin(policy());
    let intent = world.machines.keys().next().unwrap().clone();
    world.orders.drains.insert(intent.clone(), given(&world));
    world.run(10);
    assert!(world.machines.contains_key(&intent));
}
