use std::time::{Duration, Instant};

use spillway_core::Committed;
use spillway_kafka::{BacklogSource, GroupLag, Isolation};

use crate::support::{LOOK, Mock, SOON, eventually, lags, offsets};

fn group_lag(mock: &Mock, group: &str, topics: &[&str]) -> GroupLag {
    GroupLag::new(mock.cluster.clone(), group, topics.iter().copied(), LOOK).unwrap()
}

#[tokio::test]
async fn lag_is_exact_across_produce_and_commit() {
    let mock = Mock::start(1);
    mock.brokers.create_topic("jobs", 3, 1).unwrap();
    let source = group_lag(&mock, "workers", &["jobs"]);

    mock.produce("jobs", 0, 7).await;
    mock.produce("jobs", 2, 5).await;
    assert_eq!(lags(&source.read().await).unwrap(), [7, 0, 5]);

    mock.commit("workers", "jobs", 0, 4);
    mock.commit("workers", "jobs", 2, 5);
    let reading = source.read().await;
    assert_eq!(lags(&reading).unwrap(), [3, 0, 0]);
    assert_eq!(offsets(&reading, "jobs", 0).committed, Committed::At(4));
    assert_eq!(offsets(&reading, "jobs", 1).committed, Committed::Never);

    mock.produce("jobs", 2, 1).await;
    assert_eq!(lags(&source.read().await).unwrap(), [3, 0, 1]);
}

#[tokio::test]
async fn a_group_that_never_committed_has_everything_to_do() {
    let mock = Mock::start(1);
    mock.brokers.create_topic("jobs", 2, 1).unwrap();
    mock.produce("jobs", 1, 9).await;
    mock.commit("another", "jobs", 1, 9);

    let reading = group_lag(&mock, "never-seen", &["jobs"]).read().await;
    assert_eq!(lags(&reading).unwrap(), [0, 9]);
    assert_eq!(offsets(&reading, "jobs", 1).committed, Committed::Never);

    let committed_only = group_lag(&mock, "never-seen", &["jobs"])
        .with_isolation(Isolation::ReadCommitted)
        .read()
        .await;
    assert_eq!(lags(&committed_only).unwrap(), [0, 9]);
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_missing_and_not_zero() {
    let mock = Mock::start(1);
    mock.brokers.create_topic("jobs", 1, 1).unwrap();
    mock.produce("jobs", 0, 2).await;
    let source = group_lag(&mock, "workers", &["jobs", "jobs.gold"]);

    for _ in 0..2 {
        let reading = source.read().await;
        assert_eq!(reading.partitions.len(), 1, "{reading:?}");
        assert_eq!(offsets(&reading, "jobs", 0).lag(), 2);
        let [(topic, why)] = reading.missing.as_slice() else {
            panic!("{reading:?}");
        };
        assert_eq!(topic, "jobs.gold");
        assert!(why.contains("Unknown topic"), "{why}");
    }

    // Asking for it did not make it; once it is made, it is seen.
    mock.brokers.create_topic("jobs.gold", 2, 1).unwrap();
    let lags = eventually(SOON, "the new topic is read", || async {
        lags(&source.read().await)
    })
    .await;
    assert_eq!(lags, [2, 0, 0]);
}

#[tokio::test]
async fn a_dead_cluster_is_unknown_within_the_deadline_and_read_again_afterwards() {
    let mock = Mock::start(1);
    mock.brokers.create_topic("jobs", 2, 1).unwrap();
    mock.produce("jobs", 0, 3).await;
    let deadline = Duration::from_secs(2);
    let source = GroupLag::new(mock.cluster.clone(), "workers", ["jobs"], deadline).unwrap();
    let before = eventually(SOON, "the lag is read", || async {
        lags(&source.read().await)
    })
    .await;
    assert_eq!(before, [3, 0]);

    mock.brokers.broker_down(1).unwrap();
    for _ in 0..2 {
        let started = Instant::now();
        let reading = source.read().await;
        assert!(
            started.elapsed() < deadline + Duration::from_secs(1),
            "took {:?}",
            started.elapsed()
        );
        assert_eq!(reading.partitions.len(), 2, "known partitions stay known");
        for partition in &reading.partitions {
            assert!(partition.offsets.is_err(), "{partition:?}");
        }
    }

    mock.brokers.broker_up(1).unwrap();
    let after = eventually(SOON, "the lag is read again", || async {
        lags(&source.read().await)
    })
    .await;
    assert_eq!(after, [3, 0]);
}

#[tokio::test]
async fn a_cluster_that_never_answered_leaves_every_topic_missing() {
    let mock = Mock::start(1);
    mock.brokers.create_topic("jobs", 2, 1).unwrap();
    mock.brokers.broker_down(1).unwrap();
    let source = GroupLag::new(
        mock.cluster.clone(),
        "workers",
        ["jobs", "jobs.gold"],
        Duration::from_secs(1),
    )
    .unwrap();
    let reading = source.read().await;
    assert_eq!(reading.partitions, []);
    assert_eq!(reading.missing.len(), 2, "{reading:?}");
}

#[tokio::test]
async fn a_dead_broker_costs_only_its_own_partitions() {
    let mock = Mock::start(3);
    mock.brokers.create_topic("jobs", 3, 1).unwrap();
    for (partition, leader) in [(0, 1), (1, 2), (2, 3)] {
        mock.brokers
            .partition_leader("jobs", partition, Some(leader))
            .unwrap();
    }
    let coordinator = rdkafka::mocking::MockCoordinator::Group("workers".into());
    mock.brokers.coordinator(coordinator, 1).unwrap();
    mock.produce("jobs", 0, 4).await;
    mock.produce("jobs", 2, 6).await;
    let source = GroupLag::new(
        mock.cluster.clone(),
        "workers",
        ["jobs"],
        Duration::from_secs(3),
    )
    .unwrap();
    let all = eventually(SOON, "all partitions are read", || async {
        lags(&source.read().await)
    })
    .await;
    assert_eq!(all, [4, 0, 6]);

    mock.brokers.broker_down(2).unwrap();
    let reading = eventually(SOON, "only partition 1 fails", || async {
        let reading = source.read().await;
        let failed: Vec<i32> = reading
            .partitions
            .iter()
            .filter(|partition| partition.offsets.is_err())
            .map(|partition| partition.id.partition)
            .collect();
        match failed.as_slice() {
            [1] => Ok(reading),
            _ => Err(format!("{reading:?}")),
        }
    })
    .await;
    assert_eq!(offsets(&reading, "jobs", 0).lag(), 4);
    assert_eq!(offsets(&reading, "jobs", 2).lag(), 6);
}

/// Looks that end before their broker is back leave requests behind in librdkafka; what becomes of those when it
/// comes back once ended the process (docs/decisions/0015-reading-kafka.md).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_drop_connections_while_they_are_read_harm_nobody() {
    let mock = Mock::start(3);
    mock.brokers.create_topic("jobs", 6, 1).unwrap();
    for partition in 0..6 {
        mock.produce("jobs", partition, 2).await;
        mock.commit("group-0", "jobs", partition, 1);
    }
    let sources: Vec<GroupLag> = (0..8)
        .map(|group| {
            let group = format!("group-{group}");
            let deadline = Duration::from_millis(30);
            GroupLag::new(mock.cluster.clone(), &group, ["jobs"], deadline).unwrap()
        })
        .collect();

    for round in 0..60 {
        let down = round % 3 + 1;
        mock.brokers.broker_down(down).unwrap();
        futures::future::join_all(sources.iter().map(GroupLag::read)).await;
        mock.brokers.broker_up(down).unwrap();
        futures::future::join_all(sources.iter().map(GroupLag::read)).await;
    }

    let patient = group_lag(&mock, "group-0", &["jobs"]);
    let after = eventually(SOON, "the lag is read again", || async {
        lags(&patient.read().await)
    })
    .await;
    assert_eq!(after, [1; 6]);
}

/// The mock answers for a group from any broker, so the move is told by its errors.
#[tokio::test]
async fn a_coordinator_that_is_none_any_more_is_unknown_and_asked_for_anew() {
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    let mock = Mock::start(1);
    mock.brokers.create_topic("jobs", 1, 1).unwrap();
    mock.produce("jobs", 0, 4).await;
    mock.commit("workers", "jobs", 0, 1);
    let source = group_lag(&mock, "workers", &["jobs"]);
    assert_eq!(lags(&source.read().await).unwrap(), [3]);

    for error in [
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE,
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
    ] {
        let moved = [error; 3];
        mock.brokers
            .request_errors(RDKafkaApiKey::OffsetFetch, &moved);
        for _ in moved {
            let read = source.read().await.partitions[0].offsets.clone();
            assert!(read.is_err(), "{error:?}: {read:?}");
        }
        assert_eq!(lags(&source.read().await).unwrap(), [3], "{error:?}");
    }
}

#[tokio::test]
async fn a_partition_whose_leader_moved_is_read_from_the_new_one() {
    let mock = Mock::start(2);
    mock.brokers.create_topic("jobs", 1, 1).unwrap();
    mock.brokers.partition_leader("jobs", 0, Some(1)).unwrap();
    mock.produce("jobs", 0, 4).await;
    let source = group_lag(&mock, "workers", &["jobs"]);
    assert_eq!(lags(&source.read().await).unwrap(), [4]);

    mock.brokers.partition_leader("jobs", 0, Some(2)).unwrap();
    let lags = eventually(SOON, "the new leader is asked", || async {
        lags(&source.read().await)
    })
    .await;
    assert_eq!(lags, [4]);
}

#[tokio::test]
async fn a_partition_without_a_leader_is_unknown_alone() {
    let mock = Mock::start(1);
    mock.brokers.create_topic("jobs", 2, 1).unwrap();
    mock.produce("jobs", 0, 4).await;
    mock.brokers.partition_leader("jobs", 1, None).unwrap();
    let reading = group_lag(&mock, "workers", &["jobs"]).read().await;
    assert_eq!(offsets(&reading, "jobs", 0).lag(), 4);
    let why = reading.partitions[1].offsets.clone().unwrap_err();
    assert!(why.contains("leader"), "{why}");
}

#[tokio::test]
async fn a_refused_look_at_the_group_is_unknown_and_not_never() {
    use rdkafka::{mocking::MockCluster, types::RDKafkaRespErr};
    let mock = Mock::start(1);
    mock.brokers.create_topic("jobs", 1, 1).unwrap();
    mock.produce("jobs", 0, 4).await;
    mock.commit("workers", "jobs", 0, 4);
    let denied = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED];
    let refuse = |brokers: &MockCluster<'_, _>| {
        brokers.request_errors(rdkafka::types::RDKafkaApiKey::OffsetFetch, &denied);
    };
    refuse(&mock.brokers);
    let source = group_lag(&mock, "workers", &["jobs"]);
    let why = source.read().await.partitions[0]
        .offsets
        .clone()
        .unwrap_err();
    assert!(why.contains("committed offset"), "{why}");
    assert_eq!(lags(&source.read().await).unwrap(), [0]);
}

#[test]
fn names_that_kafka_cannot_have_are_refused() {
    let mock = Mock::start(1);
    for (group, topic) in [
        ("", "jobs"),
        ("a\0b", "jobs"),
        ("workers", ""),
        ("workers", "a\0b"),
    ] {
        assert!(
            GroupLag::new(mock.cluster.clone(), group, [topic], LOOK).is_err(),
            "{group:?} {topic:?}"
        );
    }
}
