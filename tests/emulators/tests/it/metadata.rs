//! What a machine learns of itself, asked as its start script and its worker ask.

use jiff::Timestamp;
use spillway_emulators::{Asked, CloudKind, Reply, metadata};

use crate::wire::{GROUP, PROJECT, Wanted, Wire, zone};

/// A world with one machine that asks.
fn one(kind: CloudKind) -> Wire {
    let wire = Wire::new();
    wire.launch(kind, &Wanted::named("one"));
    wire
}

fn ask(wire: &Wire, kind: CloudKind, target: &str) -> Reply {
    let asked = Asked::new("GET", target);
    let asked = match kind {
        CloudKind::Aws => asked.header("x-aws-ec2-metadata-token", "imds-token"),
        CloudKind::Oci => asked.header("authorization", "Bearer Oracle"),
        CloudKind::Gce => asked.header("metadata-flavor", "Google"),
        CloudKind::Azure => asked.header("metadata", "true"),
    };
    wire.world.with(kind, |cloud, now| {
        let number = *cloud.machines.keys().next().unwrap();
        metadata::answer(cloud, now, number, &asked)
    })
}

#[test]
fn a_machine_learns_who_it_is() {
    let cases = [
        (CloudKind::Aws, "/latest/meta-data/instance-type", "gpu-1"),
        (CloudKind::Oci, "/opc/v2/instance/displayName", "one"),
        (CloudKind::Gce, "/computeMetadata/v1/instance/name", "one"),
        (
            CloudKind::Azure,
            "/metadata/instance/compute/name?api-version=2021-02-01&format=text",
            "one",
        ),
    ];
    for (kind, target, says) in cases {
        let wire = one(kind);
        assert_eq!(ask(&wire, kind, target).text(), says, "{kind:?}");
        let bare = wire.world.with(kind, |cloud, now| {
            let number = *cloud.machines.keys().next().unwrap();
            metadata::answer(cloud, now, number, &Asked::new("GET", target))
        });
        assert!(bare.status >= 400, "{kind:?}: not without its header");
    }
}

#[test]
fn google_and_azure_tell_of_an_interruption() {
    let interrupt = |wire: &Wire, kind| {
        let id = wire.alive(kind).pop().unwrap();
        wire.world
            .with(kind, |cloud, now| assert!(cloud.interrupt(now, &id, 30)));
    };
    let wire = one(CloudKind::Gce);
    let preempted = || {
        ask(
            &wire,
            CloudKind::Gce,
            "/computeMetadata/v1/instance/preempted",
        )
        .text()
    };
    assert_eq!(preempted(), "FALSE");
    interrupt(&wire, CloudKind::Gce);
    assert_eq!(preempted(), "TRUE");

    let wire = one(CloudKind::Azure);
    let target = "/metadata/scheduledevents?api-version=2020-07-01";
    let events = || ask(&wire, CloudKind::Azure, target).value()["Events"].clone();
    assert_eq!(events().as_array().unwrap().len(), 0);
    interrupt(&wire, CloudKind::Azure);
    let event = events()[0].clone();
    assert_eq!(
        (event["EventType"].as_str(), event["Resources"][0].as_str()),
        (Some("Preempt"), Some("one"))
    );
    let at = event["NotBefore"].as_str().unwrap();
    assert!(at.ends_with(" GMT"), "{at}");
    let at: Timestamp = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(at)
        .unwrap();
    assert_eq!(at.duration_since(wire.world.now()).as_secs(), 30);
    wire.pass(30);
    assert_eq!(
        wire.alive(CloudKind::Azure).len(),
        0,
        "and then it is taken"
    );
}

#[test]
fn a_machine_ends_itself_by_its_own_identity() {
    let cases = [
        (
            CloudKind::Gce,
            "/computeMetadata/v1/instance/service-accounts/default/token",
            format!("{PROJECT}/zones/{}/instances/one", zone(CloudKind::Gce, 0)),
        ),
        (
            CloudKind::Azure,
            "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/",
            format!("{GROUP}/one?api-version=2024-07-01&forceDeletion=true"),
        ),
    ];
    for (kind, token, target) in cases {
        let wire = one(kind);
        let token = ask(&wire, kind, token).value()["access_token"].clone();
        let delete = |token: &str| {
            let asked = Asked::new("DELETE", &target);
            wire.world.ask(
                kind,
                &asked.header("authorization", format!("Bearer {token}")),
            )
        };
        assert_eq!(delete("of-nobody").status, 401, "{kind:?}");
        assert!(delete(token.as_str().unwrap()).status < 300, "{kind:?}");
        assert_eq!(wire.alive(kind).len(), 0, "{kind:?}");
    }
}
