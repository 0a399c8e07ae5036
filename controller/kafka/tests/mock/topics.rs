use std::time::{Duration, Instant};

use spillway_kafka::{Cluster, EnsureError, KafkaConfig, TopicSpec};

use crate::support::{LOOK, Mock};

#[tokio::test]
async fn topics_that_exist_are_left_as_they_are() {
    let mock = Mock::start(1);
    mock.brokers.create_topic("jobs", 3, 1).unwrap();
    let ensured = mock
        .cluster
        .ensure(&[TopicSpec::new("jobs", 12)], LOOK)
        .await
        .unwrap();
    assert_eq!(ensured.created, Vec::<String>::new());
    assert_eq!(ensured.left["jobs"], 3);
}

#[tokio::test]
async fn an_unreachable_cluster_is_told_within_the_deadline() {
    let cluster = Cluster::new(KafkaConfig::new("127.0.0.1:1")).unwrap();
    let started = Instant::now();
    let error = cluster
        .ensure(
            &[TopicSpec::compacted("workers", 1)],
            Duration::from_secs(1),
        )
        .await
        .unwrap_err();
    assert!(
        matches!(error, EnsureError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(started.elapsed() < LOOK, "{:?}", started.elapsed());
}
