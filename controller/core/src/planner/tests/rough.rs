//! Stories of what goes wrong around a burst, and of what is told of a decision.

use super::*;

#[test]
fn what_was_known_to_wait_is_bought_for_in_the_dark_and_nothing_is_given_back() {
    let mut world = World::begin(policy_with(|spec| {
        let behavior = spec.behavior.get_or_insert_default();
        behavior.stale_after = Some("5s".to_owned());
    }));
    world.arrived += 2_000;
    world.run(3);
    let before = world.burst();
    assert!(before > 0);
    world.is_dark = true;
    world.run(7);
    assert!(world.says("BacklogUnknown"), "{:?}", world.last);
    assert!(world.burst() >= before, "{:?}", world.last);
    let bought = world.launched_ever;
    let machines = world.machines.values_mut();
    for machine in machines.filter(|machine| machine.pool != BASE_POOL) {
        machine.machine = Machine::Terminated;
    }
    world.run(8);
    assert!(world.launched_ever > bought, "{:?}", world.last);
    // A third of the deadline later nobody knows what still waits.
    world.run(30);
    let bought = world.launched_ever;
    for machine in world.machines.values_mut() {
        machine.machine = Machine::Terminated;
    }
    world.run(5);
    assert_eq!(
        world.launched_ever - bought,
        2,
        "the base: {:?}",
        world.last
    );
}

#[test]
fn machines_that_bring_nothing_are_not_bought_again_and_again() {
    let mut world = World::begin(policy());
    world.most = 16;
    world.arriving = 20;
    world.run_until(900, "it is seen that more do no more", |world| {
        world.says("Ineffective")
    });
    let bought = world.launched_ever;
    world.run(60);
    assert_eq!(world.launched_ever, bought, "{:?}", world.last);
    world.most = u64::MAX;
    world.run_until(600, "tried again, and it helps", |world| {
        world.backlog() == 0
    });
}

#[test]
fn what_else_could_have_been_bought_is_told() {
    let mut world = World::begin(policy());
    world.arrived += 1_400;
    world.run_until(60, "something is bought", |world| world.burst() > 0);
    assert!(world.says("Cheapest"), "{:?}", world.last);
    assert!(world.says("Dearer"), "{:?}", world.last);
}

#[test]
fn a_policy_that_is_tried_out_is_told_of_and_changes_nothing() {
    let hasty = policy_with(|spec| {
        spec.behavior.get_or_insert_default().sooner = Some(60);
    });
    let run = |shadow: Option<Policy>| {
        let mut world = World::begin(policy());
        world.planner = world.planner.clone().beside(shadow);
        world.arriving = 16;
        world.arrived += 700;
        let mut said = 0;
        for _ in 0..200 {
            world.tick();
            said += u64::from(world.says("ShadowDiffers"));
        }
        (said, world.launched, world.done)
    };
    let (without, with) = (run(None), run(Some(hasty)));
    assert_eq!(without.0, 0);
    assert!(with.0 > 0, "it would have bought");
    assert_eq!((without.1, without.2), (with.1, with.2));
    assert_eq!(run(Some(policy())).0, 0, "the same policy does the same");
}
