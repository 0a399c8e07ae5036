//! The controller dies at every point of a scenario with launches, a fail-over and a scale-in, once for each point.
//!
//! Always: one machine at most for an intent, none without an open intent for more than a minute, the same end.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use spillway_emulators::CloudKind;
use spillway_emulators::faults::{Call, Fault, Place, Trouble};

use super::made::CLOUDS;
use super::points::counted;
use super::stage::{End, Stage};
use super::{PoolSpec, asked_for, closing, policy};

/// The longest that the scenario takes, deaths and all.
pub(super) const TIME: SignedDuration = SignedDuration::from_mins(15);
/// From a death to the next start.
const PAUSE: SignedDuration = SignedDuration::from_secs(2);
/// A request of the dead arrives so long after its death: the next one has begun by then.
pub(super) const LATE: SignedDuration = SignedDuration::from_secs(5);
/// Of the points that are alike in every turn of the loop, `make test` tries one in so many.
const TURNS_IN_TEST: u64 = 12;

/// Launches in a zone that is full, a fail-over to the next, machines that work, and their way out.
pub(super) fn scenario(kind: CloudKind) -> Stage {
    let cheap = PoolSpec {
        name: "cheap",
        kind,
        zone: 0,
        cents_per_hour: 50,
        max: 4,
        rate: 60,
    };
    let dear = PoolSpec {
        name: "dear",
        kind,
        zone: 1,
        cents_per_hour: 90,
        max: 4,
        rate: 60,
    };
    let full = Trouble::NoCapacity {
        place: Place::Answer,
    };
    let full = Fault::always(Call::Launch, full)
        .zone(cheap.place())
        .after(1);
    let stage = Stage::new(&policy(&[cheap, dear], 6, 20));
    stage.made.world.with(kind, |cloud, _| {
        cloud.delays.boot_ms = 8_000;
        cloud.delays.hidden_ms = 3_000;
        cloud.delays.operation_ms = 1_000;
        cloud.delays.end_ms = 4_000;
        cloud.delays.shown_ms = 60_000;
        cloud.faults.add(full);
    });
    let now = stage.made.time.now();
    let mut state = stage.made.state();
    state.arrivals.push((now, 10_000));
    state.base_rate = 20;
    state.rates = BTreeMap::from([("cheap".to_owned(), 60), ("dear".to_owned(), 60)]);
    drop(state);
    stage
}

/// The points of a life that nothing ends.
pub(super) fn points(kind: CloudKind) -> Vec<&'static str> {
    let mut stage = scenario(kind);
    let (end, passed) = stage.live(None, TIME, PAUSE);
    assert_eq!(end, End::Rest, "{kind:?}: {}", stage.left_now());
    let launched = stage.made.world.with(kind, |cloud, _| cloud.machines.len());
    assert!(
        launched >= 3,
        "{kind:?}: a scenario with launches, not {launched}"
    );
    let zones = stage.made.world.with(kind, |cloud, _| {
        let machines = cloud.machines.values();
        machines
            .map(|machine| machine.offer.zone.clone())
            .collect::<std::collections::BTreeSet<_>>()
    });
    assert_eq!(zones.len(), 2, "{kind:?}: a scenario with a fail-over");
    passed
}

/// Dies at a point, and lives on.
fn dies_at(kind: CloudKind, point: u64, is_late: bool) -> Result<(), String> {
    let mut stage = scenario(kind);
    stage.made.state().late_after = is_late.then_some(LATE);
    let (end, _) = stage.live(Some(point), TIME, PAUSE);
    let end = match end {
        End::Died => stage.live(None, TIME, PAUSE).0,
        // It was at rest before it came to this point.
        other => other,
    };
    if end == End::Rest {
        Ok(())
    } else {
        Err(format!("{end:?}: {}", stage.left_now()))
    }
}

/// Whether it comes again and again: looks, the journal, and the control topic's records.
fn is_of_every_turn(what: &str) -> bool {
    ["list", "look", "journal", "control", "burial"]
        .iter()
        .any(|kind| what.starts_with(kind))
}

/// Whether the request that was about to be sent may still arrive, and changes something.
fn may_be_late(what: &str) -> bool {
    matches!(what, "launch, before" | "terminate, before")
}

#[test]
fn a_controller_that_dies_at_any_point_leaves_one_machine_per_intent_and_the_same_end() {
    let every = asked_for("SPILLWAY_TRIAL_TURNS", TURNS_IN_TEST);
    let (mut tried, mut worlds, mut all) = (0_u64, 0_u64, 0);
    for kind in CLOUDS {
        let passed = points(kind);
        println!(
            "{}: {} points: {:?}",
            kind.as_str(),
            passed.len(),
            counted(&passed)
        );
        all += passed.len();
        for (number, what) in (1..).zip(&passed) {
            if is_of_every_turn(what) && number % every != 0 {
                continue;
            }
            let ways: &[bool] = if may_be_late(what) {
                &[false, true]
            } else {
                &[false]
            };
            for is_late in ways {
                if let Err(why) = dies_at(kind, number, *is_late) {
                    panic!(
                        "{}, point {number} ({what}), late: {is_late}: {why}",
                        kind.as_str()
                    );
                }
                worlds += 1;
            }
            tried += 1;
        }
    }
    closing(format_args!(
        "died at {tried} of {all} points, in {worlds} worlds, for {} clouds",
        CLOUDS.len()
    ));
}
