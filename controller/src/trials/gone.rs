//! Nobody is left: a controller that never comes back, and a Kafka that is away for longer than a lease.
//!
//! Here the made workers keep their leases; that real ones do is shown by `tests/it/clouds_gone.rs`.

use jiff::{SignedDuration, Timestamp};
use spillway_emulators::CloudKind;
use spillway_emulators::state::Why;

use super::closing;
use super::crash::{LATE, TIME, points, scenario};
use super::made::CLOUDS;
use super::stage::{End, Stage};

/// Deaths that are tried for each cloud.
const DEATHS: usize = 24;
/// From a lease's end to the bill's: a look, and what the cloud takes to end a machine.
const SLACK: SignedDuration = SignedDuration::from_secs(10);

/// The latest end of a bill; the machine whose bill goes on, if there is one.
fn bills_end(stage: &Stage, kind: CloudKind) -> Result<Option<Timestamp>, String> {
    let bills = stage.made.world.with(kind, |cloud, now| cloud.bills(now));
    let ends = bills.into_iter().map(|bill| bill.until.ok_or(bill.id));
    ends.collect::<Result<Vec<_>, _>>()
        .map(|ends| ends.into_iter().max())
}

#[test]
fn every_bill_ends_with_its_lease_when_no_controller_comes_back() {
    let mut died = 0;
    let mut longest = SignedDuration::ZERO;
    for kind in CLOUDS {
        let passed = points(kind).len();
        for point in (1..=passed).step_by((passed / DEATHS).max(1)) {
            let mut stage = scenario(kind);
            stage.made.state().late_after = Some(LATE);
            let point = u64::try_from(point).unwrap();
            if stage.live(Some(point), TIME, SignedDuration::ZERO).0 != End::Died {
                continue;
            }
            died += 1;
            let gone_at = stage.made.time.now();
            let most = stage.policy.dead_man_lease() + LATE + SLACK;
            stage.idle(most);
            match bills_end(&stage, kind) {
                Ok(last) => {
                    let after = last.map(|last| last.duration_since(gone_at));
                    longest = longest.max(after.unwrap_or_default());
                }
                Err(id) => panic!("{}, point {point}: {id} costs on", kind.as_str()),
            }
        }
    }
    closing(format_args!(
        "{died} controllers gone for ever; the last bill ended {longest:#} later at most"
    ));
    assert!(died >= DEATHS * CLOUDS.len() / 2, "{died} deaths");
}

/// How many machines ended themselves while Kafka was away for so long.
fn ended_themselves(kind: CloudKind, away: SignedDuration) -> usize {
    let mut stage = scenario(kind);
    {
        let from = stage.made.time.now() + SignedDuration::from_secs(40);
        let mut state = stage.made.state();
        // More than is done by then.
        state.arrivals.push((from, 40_000));
        state.away.push((from, from + away));
    }
    let (end, _) = stage.live(None, TIME, SignedDuration::ZERO);
    assert_eq!(end, End::Rest, "{}: {}", kind.as_str(), stage.left_now());
    stage.made.world.with(kind, |cloud, _| {
        let machines = cloud.machines.values();
        let ends = machines.filter_map(|machine| machine.ending.as_ref());
        ends.filter(|end| end.why == Why::Itself).count()
    })
}

#[test]
fn a_kafka_away_for_less_than_a_lease_ends_nothing_and_one_away_for_longer_every_machine() {
    for kind in CLOUDS {
        let lease = scenario(kind).policy.dead_man_lease();
        assert_eq!(ended_themselves(kind, lease / 2), 0, "{}", kind.as_str());
        let ended = ended_themselves(kind, lease + lease);
        assert!(ended > 0, "{}: {ended}", kind.as_str());
    }
}
