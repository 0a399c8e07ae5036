use std::time::Duration;

use spillway_kafka::{Fleet, FleetSnapshot};
use spillway_wire::{Counters, Heartbeat, Phase, SCHEMA};

use crate::support::{Mock, SOON, eventually};

const TOPIC: &str = "spillway.workers";

fn heartbeat(worker: &str, images_done: u64) -> Heartbeat {
    Heartbeat {
        schema: SCHEMA,
        worker: worker.into(),
        instance: None,
        pool: "base".into(),
        boot_id: "boot-1".into(),
        phase: Phase::Ready,
        started_at_ms: 0,
        at_ms: 1,
        partitions: vec![],
        in_flight: 0,
        counters: Counters {
            images_done,
            ..Counters::default()
        },
        latency_ms: Default::default(),
        model_set: "set".into(),
        gpu: None,
        interruption_at_ms: None,
        group: None,
        assigned_in: None,
        control_token: 0,
        control_epoch: 0,
        version: "0".into(),
    }
}

/// What is seen of the fleet: each worker and what it has done.
fn seen(snapshot: &FleetSnapshot) -> Vec<(&str, u64)> {
    snapshot
        .workers
        .iter()
        .map(|seen| {
            (
                seen.heartbeat.worker.as_str(),
                seen.heartbeat.counters.images_done,
            )
        })
        .collect()
}

async fn sees(fleet: &Fleet, what: &str, expected: &[(&str, u64)]) -> FleetSnapshot {
    eventually(SOON, what, || async {
        let snapshot = fleet.snapshot();
        match snapshot.caught_up && seen(&snapshot) == expected {
            true => Ok(snapshot),
            false => Err(format!("{snapshot:?}")),
        }
    })
    .await
}

#[tokio::test]
async fn the_fleet_is_what_the_last_heartbeats_say() {
    let mock = Mock::start(1);
    mock.brokers.create_topic(TOPIC, 1, 1).unwrap();
    let put = |worker: &'static str, done| {
        let value = heartbeat(worker, done).encode();
        let mock = &mock;
        async move { mock.put(TOPIC, Some(worker), Some(&value)).await }
    };
    put("a", 1).await;
    put("b", 5).await;
    put("a", 2).await;

    let fleet = Fleet::follow(mock.cluster.clone(), TOPIC).unwrap();
    let first = fleet.snapshot();
    assert!(
        !first.caught_up || !first.workers.is_empty(),
        "unread is unknown, not empty"
    );
    let snapshot = sees(&fleet, "both workers", &[("a", 2), ("b", 5)]).await;
    assert!(snapshot.contact_age.unwrap() < SOON);
    assert!(snapshot.workers[0].record_at <= snapshot.workers[0].received_at);

    put("a", 3).await;
    sees(&fleet, "a newer heartbeat", &[("a", 3), ("b", 5)]).await;

    fleet.bury("a").await.unwrap();
    sees(&fleet, "a is buried", &[("b", 5)]).await;
    put("a", 0).await;
    sees(&fleet, "a is back", &[("a", 0), ("b", 5)]).await;
}

#[tokio::test]
async fn records_that_are_no_heartbeats_are_passed_over() {
    let mock = Mock::start(1);
    mock.brokers.create_topic(TOPIC, 1, 1).unwrap();
    let good = heartbeat("a", 1).encode();
    mock.put(TOPIC, Some("a"), Some(b"not json")).await;
    mock.put(TOPIC, Some("b"), Some(&good)).await;
    mock.put(TOPIC, None, Some(&good)).await;
    mock.put(TOPIC, Some("a"), Some(&good)).await;
    let fleet = Fleet::follow(mock.cluster.clone(), TOPIC).unwrap();
    sees(&fleet, "the one good heartbeat", &[("a", 1)]).await;
}

#[tokio::test]
async fn an_empty_topic_is_a_known_empty_fleet_and_no_topic_is_an_unknown_one() {
    let mock = Mock::start(1);
    mock.brokers.create_topic(TOPIC, 2, 1).unwrap();
    let known = Fleet::follow(mock.cluster.clone(), TOPIC).unwrap();
    let unknown = Fleet::follow(mock.cluster.clone(), "elsewhere").unwrap();
    sees(&known, "an empty fleet", &[]).await;
    let snapshot = unknown.snapshot();
    assert!(!snapshot.caught_up, "{snapshot:?}");
    assert_eq!(snapshot.contact_age, None);

    mock.brokers.create_topic("elsewhere", 1, 1).unwrap();
    sees(&unknown, "the topic that was made later", &[]).await;
}

#[tokio::test]
async fn contact_ages_while_the_brokers_are_away_and_is_young_again_afterwards() {
    let mock = Mock::start(1);
    mock.brokers.create_topic(TOPIC, 1, 1).unwrap();
    let value = heartbeat("a", 1).encode();
    mock.put(TOPIC, Some("a"), Some(&value)).await;
    let fleet = Fleet::follow(mock.cluster.clone(), TOPIC).unwrap();
    sees(&fleet, "the worker", &[("a", 1)]).await;

    mock.brokers.broker_down(1).unwrap();
    let age = |older: bool| {
        let fleet = &fleet;
        move || async move {
            let age = fleet.snapshot().contact_age;
            match age.is_some_and(|age| (age > Duration::from_secs(4)) == older) {
                true => Ok(()),
                false => Err(format!("{age:?}")),
            }
        }
    };
    eventually(SOON, "contact is old", age(true)).await;
    assert_eq!(seen(&fleet.snapshot()), [("a", 1)], "what was known stays");
    mock.brokers.broker_up(1).unwrap();
    eventually(SOON, "contact is young, though nobody speaks", age(false)).await;
}
