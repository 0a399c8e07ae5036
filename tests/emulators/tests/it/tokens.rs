//! Each cloud's rules of what is launched twice: by story, and by property.

use std::collections::BTreeMap;

use proptest::prelude::*;
use spillway_emulators::{CloudKind, Phase, Reply};

use crate::wire::{PROJECT, Wanted, Wire, uuid, zone};

const DAY: i64 = 86_400;

fn code(kind: CloudKind, reply: &Reply) -> String {
    let body = reply.value();
    let found = match kind {
        CloudKind::Aws => {
            let text = reply.text();
            let rest = text.split("<Code>").nth(1).unwrap_or_default();
            return rest.split('<').next().unwrap_or_default().to_owned();
        }
        CloudKind::Oci => &body["code"],
        CloudKind::Gce => &body["error"]["errors"][0]["reason"],
        CloudKind::Azure => &body["error"]["code"],
    };
    found.as_str().unwrap_or_default().to_owned()
}

#[test]
fn an_equal_request_gives_the_first_machine_again() {
    for kind in CloudKind::ALL {
        let wire = Wire::new();
        let one = Wanted::named("one");
        wire.launch(kind, &one);
        let again = wire.launch(kind, &one);
        assert_eq!(wire.launched_ever(kind), 1, "{kind:?}");
        // Azure has no token: who asks for a new one of that name is told that there is one.
        let (status, says) = if kind == CloudKind::Azure {
            (412, "PreconditionFailed")
        } else {
            (200, "")
        };
        assert_eq!(
            (again.status, code(kind, &again).as_str()),
            (status, says),
            "{kind:?}"
        );
    }
}

#[test]
fn a_changed_request_under_the_same_token_makes_no_second_machine() {
    for kind in CloudKind::ALL {
        let wire = Wire::new();
        let one = Wanted::named("one");
        wire.launch(kind, &one);
        let changed = Wanted {
            shape: "gpu-8".to_owned(),
            ..one.clone()
        };
        let said = wire.launch(kind, &changed);
        let says = match kind {
            CloudKind::Aws => "IdempotentParameterMismatch",
            CloudKind::Oci => "InvalidParameter",
            CloudKind::Gce => "",
            CloudKind::Azure => "PreconditionFailed",
        };
        assert_eq!(code(kind, &said), says, "{kind:?}");
        assert_eq!(wire.launched_ever(kind), 1, "{kind:?}");
        if kind == CloudKind::Azure {
            let said = wire.ask(kind, wire.azure_put(&changed));
            assert_eq!(
                (said.status, code(kind, &said).as_str()),
                (409, "PropertyChangeNotAllowed")
            );
        }
    }
}

#[test]
fn a_token_whose_machine_is_gone_makes_no_second_one_for_a_day() {
    for kind in [CloudKind::Aws, CloudKind::Oci, CloudKind::Gce] {
        let wire = Wire::new();
        let one = Wanted::named("one");
        wire.launch(kind, &one);
        let id = wire.alive(kind).pop().unwrap();
        wire.terminate(kind, &one, &id);
        wire.pass(DAY - 1);
        let says = match kind {
            CloudKind::Aws => "IdempotentInstanceTerminated",
            CloudKind::Oci => "InvalidatedRetryToken",
            _ => "",
        };
        assert_eq!(code(kind, &wire.launch(kind, &one)), says, "{kind:?}");
        assert_eq!(wire.launched_ever(kind), 1, "{kind:?}");
        wire.pass(1);
        wire.launch(kind, &one);
        // Google's request id stands for its operation for as long as that is kept; here, for ever.
        let ever = if kind == CloudKind::Gce { 1 } else { 2 };
        assert_eq!(wire.launched_ever(kind), ever, "{kind:?}");
    }
}

#[test]
fn an_amazon_token_is_of_one_zone_and_used_up_by_a_failure_too() {
    let kind = CloudKind::Aws;
    let wire = Wire::new();
    let one = Wanted::named("one");
    wire.launch(kind, &one);
    wire.launch(kind, &Wanted { zone: 1, ..one });
    assert_eq!(wire.launched_ever(kind), 2, "another zone, another machine");

    wire.world.with(kind, |cloud, _| {
        cloud
            .market
            .set_quota(spillway_emulators::Market::OnDemand, Some(2))
    });
    let two = Wanted::named("two");
    assert_eq!(code(kind, &wire.launch(kind, &two)), "VcpuLimitExceeded");
    let changed = Wanted {
        shape: "gpu-8".to_owned(),
        ..two.clone()
    };
    assert_eq!(
        code(kind, &wire.launch(kind, &changed)),
        "IdempotentParameterMismatch"
    );
    wire.world.with(kind, |cloud, _| {
        cloud
            .market
            .set_quota(spillway_emulators::Market::OnDemand, None)
    });
    assert_eq!(
        wire.launch(kind, &two).status,
        200,
        "the same request may be tried again"
    );
}

#[test]
fn google_gives_the_old_operation_and_knows_names_by_zone() {
    let kind = CloudKind::Gce;
    let wire = Wire::new();
    let one = Wanted::named("one");
    let first = wire.launch(kind, &one).value();
    assert_eq!(wire.launch(kind, &one).value()["name"], first["name"]);
    let other = Wanted {
        token: uuid("another"),
        ..one.clone()
    };
    let said = wire.launch(kind, &other);
    assert_eq!(
        (said.status, code(kind, &said).as_str()),
        (409, "alreadyExists")
    );
    let elsewhere = Wanted {
        zone: 1,
        ..one.clone()
    };
    assert_eq!(wire.launch(kind, &elsewhere).status, 200);
    assert_eq!(wire.launched_ever(kind), 2, "the same name in two zones");
    let zero = Wanted {
        token: "00000000-0000-0000-0000-000000000000".to_owned(),
        ..Wanted::named("zero")
    };
    assert_eq!(wire.launch(kind, &zero).status, 400);

    let target = format!(
        "{PROJECT}/zones/{}/instances/one?requestId={}",
        zone(kind, 0),
        uuid("delete")
    );
    let delete = || wire.ask(kind, spillway_emulators::Asked::new("DELETE", &target));
    let first = delete().value();
    assert_eq!(first["operationType"], "delete");
    assert_eq!(
        delete().value()["name"],
        first["name"],
        "the same order, not a 404"
    );
}

/// What may happen to a world.
#[derive(Debug, Clone)]
enum Step {
    Launch {
        name: usize,
        token: usize,
        shape: usize,
        zone: usize,
    },
    End {
        which: usize,
    },
    Interrupt {
        which: usize,
    },
    Pass {
        seconds: i64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3_usize, 0..3_usize, 0..2_usize, 0..2_usize)
            .prop_map(|(name, token, shape, zone)| Step::Launch { name, token, shape, zone }),
        2 => (0..8_usize).prop_map(|which| Step::End { which }),
        1 => (0..8_usize).prop_map(|which| Step::Interrupt { which }),
        2 => prop_oneof![1..100_i64, Just(DAY)].prop_map(|seconds| Step::Pass { seconds }),
    ]
}

/// What was seen of a machine, so that it can be seen whether it comes back.
type Seen = BTreeMap<u64, Phase>;

/// Looks at every machine, and says what is wrong with them.
fn wrong(wire: &Wire, kind: CloudKind, seen: &mut Seen) -> Result<(), TestCaseError> {
    wire.world.with(kind, |cloud, now| {
        let bills = cloud.bills(now);
        let mut alive = BTreeMap::new();
        for (machine, bill) in cloud.machines.values().zip(bills) {
            let phase = machine.phase(now);
            let before = seen
                .insert(machine.number, phase)
                .unwrap_or(Phase::Starting);
            prop_assert!(
                before <= phase,
                "{} went from {before:?} to {phase:?}",
                machine.id
            );
            prop_assert_eq!(
                bill.until.is_some(),
                phase == Phase::Gone,
                "the bill of {}",
                machine.id
            );
            if phase != Phase::Gone {
                let key = match kind {
                    CloudKind::Aws | CloudKind::Oci => {
                        (machine.token.clone(), machine.offer.zone.clone())
                    }
                    CloudKind::Gce => (Some(machine.name.clone()), machine.offer.zone.clone()),
                    CloudKind::Azure => (Some(machine.name.clone()), String::new()),
                };
                let other = alive.insert(key.clone(), machine.launched_at);
                // Oracle forgets a token after a day, whatever became of its machine.
                let other = other.filter(|at| {
                    kind != CloudKind::Oci
                        || machine.launched_at.duration_since(*at).as_secs() < DAY
                });
                prop_assert_eq!(other, None, "two machines live under {:?}", key);
            }
        }
        Ok(())
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked for in whatever order, and however it ends: no two machines live under one token or name,
    /// none comes back, and a bill is open exactly as long as its machine is there.
    #[test]
    fn no_two_machines_live_under_one_token(
        kind in prop::sample::select(CloudKind::ALL.to_vec()),
        boot_ms in 0..20_000_u64,
        end_ms in 0..20_000_u64,
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let wire = Wire::new();
        wire.world.with(kind, |cloud, _| {
            cloud.delays.boot_ms = boot_ms;
            cloud.delays.end_ms = end_ms;
        });
        let mut seen = Seen::new();
        for step in steps {
            let before = wire.launched_ever(kind);
            match &step {
                Step::Launch { name, token, shape, zone } => {
                    let wanted = Wanted {
                        token: uuid(&format!("token-{token}")),
                        shape: format!("gpu-{shape}"),
                        zone: *zone,
                        ..Wanted::named(&format!("name-{name}"))
                    };
                    let reply = wire.launch(kind, &wanted);
                    let made = wire.launched_ever(kind) - before;
                    prop_assert!(made <= 1);
                    prop_assert!(made == 0 || matches!(reply.status, 200 | 201), "{}", reply.text());
                }
                Step::End { which } => {
                    let machines = wire.world.with(kind, |cloud, _| cloud.machines.values().cloned().collect::<Vec<_>>());
                    if let Some(machine) = machines.get(*which) {
                        let zone = (0..2).find(|it| zone(kind, *it) == machine.offer.zone).unwrap_or(0);
                        let wanted = Wanted { zone, ..Wanted::named(&machine.name) };
                        wire.terminate(kind, &wanted, &machine.id);
                    }
                }
                Step::Interrupt { which } => {
                    wire.world.with(kind, |cloud, now| {
                        let id = cloud.machines.values().nth(*which).map(|machine| machine.id.clone());
                        id.is_some_and(|id| cloud.interrupt(now, &id, 30))
                    });
                }
                Step::Pass { seconds } => wire.pass(*seconds),
            }
            wrong(&wire, kind, &mut seen)?;
        }
    }
}
