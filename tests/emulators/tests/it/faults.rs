//! Each lie, seen on each cloud's wire.

use spillway_emulators::http::Delivery;
use spillway_emulators::state::Rule;
use spillway_emulators::{Call, CloudKind, Fault, Market, Offer, Phase, Place, Reply, Trouble};

use crate::wire::{GROUP, INSTANCES, PROJECT, Wanted, Wire, zone};

fn befall(wire: &Wire, kind: CloudKind, fault: Fault) {
    wire.world.with(kind, |cloud, _| cloud.faults.add(fault));
}

fn offer(kind: CloudKind) -> Offer {
    Offer {
        shape: "gpu-1".to_owned(),
        zone: zone(kind, 0),
        market: Market::OnDemand,
    }
}

fn is_launched(reply: &Reply) -> bool {
    matches!(reply.status, 200 | 201)
}

#[test]
fn an_answer_that_is_lost_leaves_a_machine_and_a_request_that_is_lost_does_not() {
    for kind in CloudKind::ALL {
        let wire = Wire::new();
        let one = Wanted::named("one");
        befall(
            &wire,
            kind,
            Fault::once(Call::Launch, Trouble::LoseRequest { hold_ms: 7 }),
        );
        befall(
            &wire,
            kind,
            Fault::once(Call::Launch, Trouble::LoseAnswer { hold_ms: 9 }),
        );
        befall(
            &wire,
            kind,
            Fault::once(Call::Launch, Trouble::FailAfter { status: 500 }),
        );

        assert_eq!(
            wire.launch(kind, &one).delivery,
            Delivery::Lost { hold_ms: 7 },
            "{kind:?}"
        );
        assert_eq!(wire.launched_ever(kind), 0, "{kind:?}");
        assert_eq!(
            wire.launch(kind, &one).delivery,
            Delivery::Lost { hold_ms: 9 },
            "{kind:?}"
        );
        assert_eq!(wire.launched_ever(kind), 1, "{kind:?}");
        let broken = wire.launch(kind, &Wanted::named("two"));
        assert_eq!(
            (broken.status, wire.launched_ever(kind)),
            (500, 2),
            "{kind:?}"
        );
    }
}

#[test]
fn capacity_runs_out_in_the_answer_and_comes_back_with_time() {
    for kind in CloudKind::ALL {
        let wire = Wire::new();
        let later = wire.world.now() + jiff::SignedDuration::from_secs(60);
        let rule = |capacity, from| Rule {
            offer: offer(kind),
            price_per_hour: None,
            capacity: Some(capacity),
            from,
        };
        wire.world.with(kind, |cloud, _| {
            cloud.market.rule(rule(1, None));
            cloud.market.rule(rule(2, Some(later)));
        });
        assert!(
            is_launched(&wire.launch(kind, &Wanted::named("one"))),
            "{kind:?}"
        );
        let full = wire.launch(kind, &Wanted::named("two"));
        let (status, says) = match kind {
            CloudKind::Aws => (500, "<Code>InsufficientInstanceCapacity</Code>"),
            CloudKind::Oci => (500, "Out of host capacity"),
            CloudKind::Gce => (503, "ZONE_RESOURCE_POOL_EXHAUSTED"),
            CloudKind::Azure => (409, "SkuNotAvailable"),
        };
        assert_eq!(full.status, status, "{kind:?}");
        assert!(full.text().contains(says), "{kind:?}: {}", full.text());
        wire.pass(60);
        assert!(
            is_launched(&wire.launch(kind, &Wanted::named("three"))),
            "{kind:?}"
        );
        let elsewhere = Wanted {
            zone: 1,
            ..Wanted::named("four")
        };
        assert!(is_launched(&wire.launch(kind, &elsewhere)), "{kind:?}");
    }
}

#[test]
fn capacity_runs_out_late_where_each_cloud_says_so() {
    for kind in CloudKind::ALL {
        let wire = Wire::new();
        wire.world
            .with(kind, |cloud, _| cloud.delays.operation_ms = 10_000);
        let trouble = Trouble::NoCapacity {
            place: Place::Later,
        };
        befall(&wire, kind, Fault::once(Call::Launch, trouble));
        let accepted = wire.launch(kind, &Wanted::named("one"));
        assert!(
            is_launched(&accepted),
            "{kind:?}: the launch itself is accepted"
        );
        let look = || match kind {
            CloudKind::Aws => wire.ec2(&[("Action", "DescribeInstances")]),
            CloudKind::Oci => {
                let work = accepted.get("opc-work-request-id").unwrap();
                let shown = wire.get(kind, &format!("/20160918/workRequests/{work}"));
                let errors = wire.get(kind, &format!("/20160918/workRequests/{work}/errors"));
                Reply::of(
                    200,
                    "text/plain",
                    format!("{}{}", shown.text(), errors.text()),
                )
            }
            CloudKind::Gce => {
                let name = accepted.value()["name"].as_str().unwrap().to_owned();
                let zone = zone(kind, 0);
                wire.get(kind, &format!("{PROJECT}/zones/{zone}/operations/{name}"))
            }
            CloudKind::Azure => {
                let link = accepted.get("azure-asyncoperation").unwrap();
                wire.get(kind, link.strip_prefix("http://127.0.0.1:1").unwrap())
            }
        };
        let (before, after) = match kind {
            CloudKind::Aws => (
                "<name>pending</name>",
                "Server.InsufficientInstanceCapacity",
            ),
            CloudKind::Oci => ("IN_PROGRESS", "Out of host capacity"),
            CloudKind::Gce => ("RUNNING", "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS"),
            CloudKind::Azure => ("InProgress", "ZonalAllocationFailed"),
        };
        assert!(
            look().text().contains(before),
            "{kind:?}: {}",
            look().text()
        );
        wire.pass(10);
        let said = look();
        assert_eq!(said.status, 200, "{kind:?}");
        assert!(said.text().contains(after), "{kind:?}: {}", said.text());
        // Azure alone keeps what came to nothing, until someone deletes it.
        let left = usize::from(kind == CloudKind::Azure);
        assert_eq!(wire.alive(kind).len(), left, "{kind:?}");
        let dollars = wire
            .world
            .with(kind, |cloud, now| cloud.bills(now)[0].dollars);
        assert!(
            dollars.is_zero(),
            "{kind:?}: a failed launch costs {dollars}"
        );
    }
}

#[test]
fn lists_lie_in_every_way() {
    for kind in CloudKind::ALL {
        let wire = Wire::new();
        for name in ["one", "two", "three"] {
            assert!(
                is_launched(&wire.launch(kind, &Wanted::named(name))),
                "{kind:?}"
            );
        }
        wire.world.with(kind, |cloud, _| cloud.page_max = 2);
        assert_eq!(
            wire.listed(kind).unwrap(),
            (owned(&["one", "two", "three"]), 2),
            "{kind:?}"
        );

        befall(&wire, kind, Fault::once(Call::List, Trouble::Empty));
        assert_eq!(wire.listed(kind).unwrap().0, owned(&[]), "{kind:?}");
        befall(
            &wire,
            kind,
            Fault::once(Call::List, Trouble::Truncated { keep: 1 }),
        );
        assert_eq!(wire.listed(kind).unwrap().0, owned(&["one"]), "{kind:?}");
        let broken = Trouble::Answer {
            status: 503,
            code: "Unavailable".to_owned(),
            message: String::new(),
            retry_after: None,
        };
        befall(&wire, kind, Fault::once(Call::List, broken).after(1));
        assert_eq!(
            wire.listed(kind).unwrap_err().status,
            503,
            "{kind:?}: the second page fails"
        );

        wire.world
            .with(kind, |cloud, _| cloud.delays.hidden_ms = 5_000);
        assert!(
            is_launched(&wire.launch(kind, &Wanted::named("late"))),
            "{kind:?}"
        );
        assert_eq!(
            wire.listed(kind).unwrap().0.len(),
            3,
            "{kind:?}: it is hidden at first"
        );
        wire.pass(5);
        assert_eq!(wire.listed(kind).unwrap().0.len(), 4, "{kind:?}");
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn throttling_comes_with_and_without_a_time() {
    for kind in CloudKind::ALL {
        let wire = Wire::new();
        befall(
            &wire,
            kind,
            Fault::once(
                Call::Launch,
                Trouble::Throttled {
                    retry_after: Some(7),
                },
            ),
        );
        befall(
            &wire,
            kind,
            Fault::once(Call::Launch, Trouble::Throttled { retry_after: None }),
        );
        let one = Wanted::named("one");
        let (timed, untimed) = (wire.launch(kind, &one), wire.launch(kind, &one));
        let status = match kind {
            CloudKind::Aws => 503,
            CloudKind::Gce => 403,
            CloudKind::Oci | CloudKind::Azure => 429,
        };
        assert_eq!(
            (timed.status, timed.get("retry-after")),
            (status, Some("7")),
            "{kind:?}"
        );
        assert_eq!(
            (untimed.status, untimed.get("retry-after")),
            (status, None),
            "{kind:?}"
        );
        befall(
            &wire,
            kind,
            Fault::once(Call::Launch, Trouble::Html { status: 502 }),
        );
        assert!(
            wire.launch(kind, &one)
                .text()
                .starts_with("<!doctype html>"),
            "{kind:?}"
        );
        assert_eq!(wire.launched_ever(kind), 0, "{kind:?}");
    }
}

#[test]
fn one_that_is_there_is_said_not_to_be() {
    for kind in CloudKind::ALL {
        let wire = Wire::new();
        let one = Wanted::named("one");
        wire.launch(kind, &one);
        let id = wire.alive(kind).pop().unwrap();
        befall(&wire, kind, Fault::once(Call::Terminate, Trouble::NotFound));
        let status = wire.terminate(kind, &one, &id).status;
        assert_eq!(
            status,
            if kind == CloudKind::Aws { 400 } else { 404 },
            "{kind:?}"
        );
        assert_eq!(wire.alive(kind).len(), 1, "{kind:?}: it lives on");
        befall(&wire, kind, Fault::once(Call::Terminate, Trouble::Lies));
        assert!(wire.terminate(kind, &one, &id).status < 300, "{kind:?}");
        assert_eq!(wire.alive(kind).len(), 1, "{kind:?}: it lives on");
        assert!(wire.terminate(kind, &one, &id).status < 300, "{kind:?}");
        assert_eq!(wire.alive(kind).len(), 0, "{kind:?}");
    }
}

#[test]
fn states_can_be_stuck() {
    for kind in CloudKind::ALL {
        let wire = Wire::new();
        let one = Wanted::named("one");
        befall(
            &wire,
            kind,
            Fault::once(Call::Launch, Trouble::StuckStarting),
        );
        befall(
            &wire,
            kind,
            Fault::once(Call::Terminate, Trouble::StuckEnding),
        );
        wire.launch(kind, &one);
        let phase = || {
            wire.world.with(kind, |cloud, now| {
                cloud.machines.values().next().unwrap().phase(now)
            })
        };
        wire.pass(86_400);
        assert_eq!(phase(), Phase::Starting, "{kind:?}");
        let id = wire.alive(kind).pop().unwrap();
        wire.terminate(kind, &one, &id);
        wire.pass(86_400);
        assert_eq!(phase(), Phase::Ending, "{kind:?}");
    }
}

#[test]
fn a_zone_that_does_not_answer_is_left_out_of_a_list_that_succeeds() {
    let wire = Wire::new();
    wire.launch(CloudKind::Gce, &Wanted::named("one"));
    befall(
        &wire,
        CloudKind::Gce,
        Fault::once(Call::List, Trouble::Unreachable),
    );
    let reply = wire.get(CloudKind::Gce, &format!("{PROJECT}/aggregated/instances"));
    assert_eq!(reply.status, 200);
    let zone = &reply.value()["items"]["zones/us-central1-a"];
    assert_eq!(zone["warning"]["code"], "UNREACHABLE");
    assert!(zone["instances"].is_null());
}

#[test]
fn a_bill_goes_on_while_a_machine_is_merely_stopped_where_the_cloud_does_that() {
    for kind in CloudKind::ALL {
        let wire = Wire::new();
        wire.launch(kind, &Wanted::named("one"));
        wire.pass(3_600);
        wire.world.with(kind, |cloud, now| {
            cloud.shut_down_from_inside(now, *cloud.machines.keys().next().unwrap())
        });
        wire.pass(3_600);
        let dollars = wire
            .world
            .with(kind, |cloud, now| cloud.bills(now)[0].dollars);
        let hours = match kind {
            // The launch said that a shutdown terminates.
            CloudKind::Aws | CloudKind::Gce => 1,
            CloudKind::Oci | CloudKind::Azure => 2,
        };
        assert_eq!(dollars, rust_decimal::Decimal::from(hours), "{kind:?}");
    }
}

#[test]
fn parts_stay_behind_unless_they_are_told_to_go() {
    let wire = Wire::new();
    let one = Wanted::named("one");
    let orphans = |kind| {
        wire.world.with(kind, |cloud, now| {
            let machines = cloud.machines.values();
            machines
                .flat_map(|machine| machine.orphaned_parts(now))
                .count()
        })
    };
    for kind in CloudKind::ALL {
        wire.launch(kind, &one);
        let id = wire.alive(kind).pop().unwrap();
        wire.terminate(kind, &one, &id);
        assert_eq!(orphans(kind), 0, "{kind:?}");
    }
    wire.launch(CloudKind::Oci, &Wanted::named("keeps"));
    let id = wire.alive(CloudKind::Oci).pop().unwrap();
    let target = format!("{INSTANCES}/{id}?preserveBootVolume=true");
    wire.ask(
        CloudKind::Oci,
        spillway_emulators::Asked::new("DELETE", &target),
    );
    assert_eq!(orphans(CloudKind::Oci), 1, "the boot volume");

    let careless = Wanted::named("careless");
    let mut asked = wire.azure_put(&careless);
    let body = String::from_utf8(asked.body).unwrap();
    asked.body = body
        .replace("\"deleteOption\":\"Delete\",", "")
        .replace(",\"deleteOption\":\"Delete\"", "")
        .into_bytes();
    assert_eq!(wire.ask(CloudKind::Azure, asked).status, 201);
    wire.terminate(CloudKind::Azure, &careless, "");
    assert_eq!(orphans(CloudKind::Azure), 2, "interface and disk");
    let disks = GROUP.replace("virtualMachines", "disks?api-version=1");
    assert_eq!(
        wire.get(CloudKind::Azure, &disks).value()["value"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
