//! Stories of what holds by the clock. The made world begins at 13:46:40 UTC.

use super::*;

fn window(burst: raw::ScheduledBurst) -> raw::ScheduledWindow {
    raw::ScheduledWindow {
        name: Some("rush".into()),
        cron: Some("48 13 * * *".into()),
        lasts: Some("3m".into()),
        burst: Some(burst),
        ..raw::ScheduledWindow::default()
    }
}

fn at_least(min: u32) -> impl FnOnce(&mut raw::Spec) {
    let burst = raw::ScheduledBurst {
        min: Some(min),
        max: None,
    };
    move |spec| spec.schedule = Some(vec![window(burst)])
}

#[test]
fn a_floor_holds_while_its_window_does() {
    let mut world = World::begin(policy_with(at_least(3)));
    assert_eq!(world.burst(), 0, "not before it begins");
    world.run(90);
    assert_eq!(world.alive("far"), 3, "the cheapest: {:?}", world.last);
    assert!(world.says("Scheduled"), "{:?}", world.last);
    world.run(100);
    assert_eq!(world.burst(), 3, "kept although nothing waits");
    assert_eq!(world.launched_ever, 2 + 3, "and not bought again and again");
    world.run(120);
    assert_eq!(world.burst(), 0, "given back when it ends");
}

#[test]
fn a_floor_keeps_to_caps_and_budgets() {
    let mut world = World::begin(policy_with(|spec| {
        at_least(3)(spec);
        spec.budget = Some(raw::Budget {
            per_hour: Some("1.70".parse().unwrap()),
            per_day: None,
        });
    }));
    world.run(90);
    assert_eq!(world.burst(), 2, "{:?}", world.last);
    assert!(world.says("BudgetPerHour"), "{:?}", world.last);
}

#[test]
fn a_floor_counts_what_is_bought_for_jobs() {
    let mut world = World::begin(policy_with(at_least(3)));
    world.run(75);
    world.arrived += 2_600;
    world.run(20);
    let bought = world.burst();
    assert!(bought > 3, "{:?}", world.last);
    world.run_until(150, "back at the floor", |world| world.burst() == 3);
}

#[test]
fn a_limit_holds_while_its_window_does_and_is_named() {
    let mut world = World::begin(policy_with(|spec| {
        let burst = raw::ScheduledBurst {
            min: None,
            max: Some(1),
        };
        spec.schedule = Some(vec![window(burst)]);
    }));
    world.run(75);
    world.arrived += 8_000;
    world.run(30);
    assert_eq!(world.burst(), 1, "{:?}", world.last);
    assert!(world.says("BurstMax"), "{:?}", world.last);
    let last = world.last.as_ref().unwrap();
    let told = last.reasons.iter().map(ToString::to_string);
    assert!(
        told.into_iter().any(|it| it.contains("rush allows")),
        "{last:?}"
    );
    world.run(180);
    assert!(world.burst() > 1, "{:?}", world.last);
}

#[test]
fn a_pause_goes_before_a_floor() {
    let mut world = World::begin(policy_with(at_least(3)));
    world.orders.pause = Some(crate::orders::Pause {
        given: crate::orders::Given {
            id: 1,
            by: "me".into(),
            reason: "because".into(),
            at: world.now,
        },
        until: world.now + SignedDuration::from_mins(3),
    });
    world.run(100);
    assert_eq!(world.burst(), 0, "{:?}", world.last);
}
