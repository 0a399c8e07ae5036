//! Lag of a consumer group on a real Apache Kafka broker.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use spillway_core::{BacklogReading, Committed, Lag, LagTracker, Offsets, PartitionId};
use spillway_kafka::{BacklogSource, Cluster, GroupLag, Isolation, KafkaConfig, TopicSpec};
use spillway_tests::{Kafka, Signal, Topic, eventually_async, require_kafka};

const SOON: Duration = Duration::from_secs(60);
/// Deadline of one look: long, since the machine that runs the tests may be busy.
const LOOK: Duration = Duration::from_secs(20);

fn cluster(kafka: &Kafka) -> Arc<Cluster> {
    Cluster::new(KafkaConfig::new(kafka.brokers())).unwrap()
}

fn lag_of(kafka: &Kafka, group: &str, topics: &[&Topic]) -> GroupLag {
    let names = topics.iter().map(|topic| topic.name());
    GroupLag::new(cluster(kafka), group, names, LOOK).unwrap()
}

fn offsets(reading: &BacklogReading, topic: &Topic, partition: i32) -> Offsets {
    let id = PartitionId::new(topic.name(), partition);
    let found = reading.partitions.iter().find(|found| found.id == id);
    let found = found.unwrap_or_else(|| panic!("{id:?} is not in {reading:?}"));
    let offsets = found.offsets.clone();
    offsets.unwrap_or_else(|why| panic!("{id:?}: {why}"))
}

/// Lag by partition, if every one was read.
fn lags(reading: &BacklogReading) -> Result<Vec<u64>, String> {
    if reading.partitions.is_empty() || !reading.missing.is_empty() {
        return Err(format!("{reading:?}"));
    }
    let lags = reading.partitions.iter();
    lags.map(|read| read.offsets.clone().map(|offsets| offsets.lag()))
        .collect()
}

/// The lags of a topic that was just made, once its leaders and the group's coordinator are there.
async fn settled(source: &GroupLag) -> Vec<u64> {
    eventually_async(SOON, "every partition is read", || async {
        lags(&source.read().await)
    })
    .await
}

#[tokio::test]
async fn lag_is_exact_across_produce_and_commit() {
    let Some(kafka) = require_kafka() else { return };
    let topic = kafka.topic("commits", 3).await;
    let group = kafka.name("group");
    let source = lag_of(&kafka, &group, &[&topic]);

    topic.produce(0, 70).await;
    topic.produce(2, 5).await;
    assert_eq!(
        settled(&source).await,
        [70, 0, 5],
        "never committed: all of it"
    );

    topic.commit(&group, 0, 40);
    let reading = source.read().await;
    assert_eq!(lags(&reading).unwrap(), [30, 0, 5]);
    assert_eq!(offsets(&reading, &topic, 0).committed, Committed::At(40));
    assert_eq!(offsets(&reading, &topic, 2).committed, Committed::Never);

    topic.commit(&group, 0, 70);
    topic.commit(&group, 2, 5);
    topic.produce(1, 1).await;
    assert_eq!(lags(&source.read().await).unwrap(), [0, 1, 0]);

    topic.commit(&group, 0, 10);
    assert_eq!(lags(&source.read().await).unwrap(), [60, 1, 0], "rewound");
}

#[tokio::test]
async fn both_isolation_levels_agree_where_there_are_no_transactions() {
    let Some(kafka) = require_kafka() else { return };
    let topic = kafka.topic("isolation", 1).await;
    topic.produce(0, 3).await;
    let source = lag_of(&kafka, &kafka.name("group"), &[&topic]);
    assert_eq!(settled(&source).await, [3]);
    let source = source.with_isolation(Isolation::ReadCommitted);
    assert_eq!(settled(&source).await, [3]);
}

#[tokio::test]
async fn partitions_made_later_are_seen_within_10_s() {
    let Some(kafka) = require_kafka() else { return };
    let topic = kafka.topic("grows", 1).await;
    let source = lag_of(&kafka, &kafka.name("group"), &[&topic]);
    assert_eq!(settled(&source).await, [0]);

    topic.grow(4).await;
    topic.produce(3, 2).await;
    let lags = eventually_async(Duration::from_secs(10), "four partitions", || async {
        let lags = lags(&source.read().await)?;
        if lags.len() == 4 {
            Ok(lags)
        } else {
            Err(format!("{lags:?}"))
        }
    })
    .await;
    assert_eq!(lags, [0, 0, 0, 2]);
}

#[tokio::test]
async fn a_deleted_topic_is_unknown_and_not_zero() {
    let Some(kafka) = require_kafka() else { return };
    let (stays, goes) = (kafka.topic("stays", 1).await, kafka.topic("goes", 2).await);
    let group = kafka.name("group");
    stays.produce(0, 4).await;
    goes.produce(1, 6).await;
    let source = lag_of(&kafka, &group, &[&stays, &goes]);
    let mut tracker = LagTracker::default();
    settled(&source).await;
    tracker.observe(&source.read().await);

    goes.delete().await;
    let reading = eventually_async(SOON, "the topic is missing", || async {
        let reading = source.read().await;
        for read in &reading.partitions {
            let lag = read.offsets.as_ref().map(Offsets::lag);
            assert!(read.id.topic == stays.name() || lag != Ok(0), "{reading:?}");
        }
        match reading.missing.as_slice() {
            [(topic, _)] if topic == goes.name() => Ok(reading),
            _ => Err(format!("{reading:?}")),
        }
    })
    .await;
    assert_eq!(offsets(&reading, &stays, 0).lag(), 4);

    tracker.observe(&reading);
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(10);
    let lag = &tracker.lags(later, jiff::SignedDuration::from_secs(30))
        [&PartitionId::new(goes.name(), 1)];
    assert!(matches!(lag, Lag::Unknown { .. }), "{lag:?}");
    assert!(tracker.missing().contains_key(goes.name()));

    // The broker makes topics that clients ask for; ours does not ask so.
    let again = source.read().await;
    assert_eq!(again.missing.len(), 1, "{again:?}");
}

#[tokio::test]
async fn retention_past_the_commit_takes_no_part_in_the_lag() {
    let Some(kafka) = require_kafka() else { return };
    let topic = kafka.topic("retention", 1).await;
    let group = kafka.name("group");
    topic.produce(0, 100).await;
    topic.commit(&group, 0, 20);
    let source = lag_of(&kafka, &group, &[&topic]);
    assert_eq!(settled(&source).await, [80]);

    topic.delete_before(0, 90).await;
    let reading = source.read().await;
    assert_eq!(
        offsets(&reading, &topic, 0),
        Offsets {
            log_start: 90,
            end: 100,
            committed: Committed::At(20)
        }
    );
    assert_eq!(lags(&reading).unwrap(), [10]);

    let fresh = lag_of(&kafka, &kafka.name("never"), &[&topic]);
    assert_eq!(settled(&fresh).await, [10], "never committed: what is left");
}

#[tokio::test]
async fn a_thousand_partitions_are_read_in_one_look() {
    let Some(kafka) = require_kafka() else { return };
    let topic = kafka.topic("wide", 1_000).await;
    let group = kafka.name("group");
    topic.produce(0, 3).await;
    topic.produce(999, 4).await;
    topic.commit(&group, 999, 1);
    let source = lag_of(&kafka, &group, &[&topic]);
    settled(&source).await;

    let started = Instant::now();
    let lags = lags(&source.read().await).unwrap();
    eprintln!(
        "1,000 partitions read in {} ms",
        started.elapsed().as_millis()
    );
    assert_eq!(lags.len(), 1_000);
    assert_eq!((lags[0], lags[999], lags.iter().sum()), (3, 3, 6_u64));
}

#[tokio::test]
async fn it_agrees_with_what_a_consumer_of_the_group_sees() {
    let Some(kafka) = require_kafka() else { return };
    let topic = kafka.topic("agrees", 5).await;
    let group = kafka.name("group");
    for (partition, (produced, committed)) in [(9, 4), (0, 0), (30, 30), (12, 0), (7, 7)]
        .into_iter()
        .enumerate()
    {
        let partition = i32::try_from(partition).unwrap();
        topic.produce(partition, produced).await;
        if committed > 0 {
            topic.commit(&group, partition, committed);
        }
    }
    topic.delete_before(3, 5).await;
    let source = lag_of(&kafka, &group, &[&topic]);
    settled(&source).await;
    let reading = source.read().await;

    let ours: Vec<(u64, u64, Option<u64>)> = (0..5)
        .map(|partition| offsets(&reading, &topic, partition))
        .map(|read| match read.committed {
            Committed::At(offset) => (read.log_start, read.end, Some(offset)),
            Committed::Never => (read.log_start, read.end, None),
        })
        .collect();
    let unsigned = |offset: i64| u64::try_from(offset).unwrap();
    let theirs: Vec<(u64, u64, Option<u64>)> = topic
        .seen_by_consumer(&group, 5)
        .unwrap()
        .into_iter()
        .map(|(start, end, at)| (unsigned(start), unsigned(end), at.map(unsigned)))
        .collect();
    assert_eq!(ours, theirs);
}

#[tokio::test]
async fn topics_are_made_once_and_left_alone_afterwards() {
    let Some(kafka) = require_kafka() else { return };
    let cluster = cluster(&kafka);
    let (jobs, workers) = (kafka.name("jobs"), kafka.name("workers"));
    let specs = [TopicSpec::new(&jobs, 6), TopicSpec::compacted(&workers, 1)];
    let first = cluster.ensure(&specs, SOON).await.unwrap();
    assert_eq!(first.created, [jobs.clone(), workers.clone()]);

    let again = [TopicSpec::new(&jobs, 60), TopicSpec::compacted(&workers, 1)];
    let second = cluster.ensure(&again, SOON).await.unwrap();
    assert_eq!(second.created, Vec::<String>::new());
    assert_eq!((second.left[&jobs], second.left[&workers]), (6, 1));

    let bad = [TopicSpec::new("no spaces allowed", 1)];
    let error = cluster.ensure(&bad, SOON).await.unwrap_err();
    assert_eq!(error.kind(), "refused", "{error:?}");
}

#[tokio::test]
async fn a_broker_that_stands_still_is_unknown_until_it_goes_on() {
    if require_kafka().is_none() {
        return;
    }
    let kafka = Kafka::start().unwrap(); // its own: the others must go on
    let topic = kafka.topic("pause", 1).await;
    topic.produce(0, 8).await;
    let deadline = Duration::from_secs(2);
    let source = GroupLag::new(cluster(&kafka), "group", [topic.name()], deadline).unwrap();
    assert_eq!(settled(&source).await, [8]);

    kafka.signal(Signal::Stop);
    let started = Instant::now();
    let reading = source.read().await;
    assert!(started.elapsed() < deadline + Duration::from_secs(2));
    assert_eq!(reading.partitions.len(), 1);
    assert!(reading.partitions[0].offsets.is_err(), "{reading:?}");

    kafka.signal(Signal::Continue);
    assert_eq!(settled(&source).await, [8]);
}
