//! Odd states of a group on a real Apache Kafka broker: our lag, next to what KEDA's formula makes of the same offsets.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::{sync::Arc, time::Duration};

use rdkafka::{
    Message,
    consumer::{BaseConsumer, CommitMode, Consumer},
    producer::{BaseProducer, BaseRecord, Producer},
};
use spillway_core::{BacklogReading, Committed, Lag, LagTracker, PartitionId};
use spillway_kafka::{BacklogSource, Cluster, GroupLag, Isolation, KafkaConfig};
use spillway_tests::{Kafka, Topic, eventually, eventually_async, require_kafka};

const SOON: Duration = Duration::from_secs(60);
/// Deadline of one look: long, since the machine that runs the tests may be busy.
const LOOK: Duration = Duration::from_secs(20);

fn lag_of(kafka: &Kafka, group: &str, topic: &Topic) -> GroupLag {
    let cluster: Arc<Cluster> = Cluster::new(KafkaConfig::new(kafka.brokers())).unwrap();
    GroupLag::new(cluster, group, [topic.name()], LOOK).unwrap()
}

/// Sum of the lags, if every partition was read.
fn backlog(reading: &BacklogReading) -> Result<u64, String> {
    if reading.partitions.is_empty() || !reading.missing.is_empty() {
        return Err(format!("{reading:?}"));
    }
    let lags = reading.partitions.iter();
    lags.map(|read| read.offsets.clone().map(|offsets| offsets.lag()))
        .sum()
}

/// What KEDA 2.21's Kafka scaler makes of these offsets with its defaults (`offsetResetPolicy: latest`): one job for a
/// partition without a commit, `end − committed` otherwise, and only the sum is held at 0.
fn keda(reading: &BacklogReading) -> i64 {
    let lags = reading.partitions.iter().map(|read| {
        let offsets = read.offsets.as_ref().unwrap();
        match offsets.committed {
            Committed::Never => 1,
            Committed::At(at) => i64::try_from(offsets.end).unwrap() - i64::try_from(at).unwrap(),
        }
    });
    lags.sum::<i64>().max(0)
}

/// A reading of every partition.
async fn whole(source: &GroupLag) -> BacklogReading {
    eventually_async(SOON, "every partition is read", || async {
        let reading = source.read().await;
        backlog(&reading).map(|_| reading)
    })
    .await
}

/// Both backlogs: ours and KEDA's.
async fn both(source: &GroupLag) -> (u64, i64) {
    let reading = whole(source).await;
    (backlog(&reading).unwrap(), keda(&reading))
}

#[tokio::test]
async fn a_commit_beyond_the_end_hides_no_other_partitions_lag() {
    let Some(kafka) = require_kafka() else { return };
    let (topic, group) = (kafka.topic("beyond", 3).await, kafka.name("group"));
    topic.produce(0, 1_150).await;
    topic.produce(1, 1_150).await;
    topic.produce(2, 10).await;
    topic.commit(&group, 0, 0);
    topic.commit(&group, 1, 0);
    topic.commit(&group, 2, 2_400);
    let source = lag_of(&kafka, &group, &topic);
    assert_eq!(both(&source).await, (2_300, 0));
}

#[tokio::test]
async fn a_group_without_commits_has_all_that_is_there_before_it() {
    let Some(kafka) = require_kafka() else { return };
    let (topic, group) = (kafka.topic("deleted-group", 24).await, kafka.name("group"));
    for partition in 0..24 {
        topic.produce(partition, 100).await;
    }
    let source = lag_of(&kafka, &group, &topic);
    assert_eq!(both(&source).await, (2_400, 24));
}

#[tokio::test]
async fn a_topic_that_was_made_anew_has_what_is_in_it_and_invents_no_arrivals() {
    let Some(kafka) = require_kafka() else { return };
    let (topic, group) = (kafka.topic("anew", 1).await, kafka.name("group"));
    topic.produce(0, 2_000).await;
    topic.commit(&group, 0, 1_900);
    let source = lag_of(&kafka, &group, &topic);
    let mut tracker = LagTracker::default();
    tracker.observe(&whole(&source).await);
    assert_eq!(tracker.arrived(topic.name()), Some(100));

    topic.delete().await;
    let name = topic.name().to_owned();
    eventually_async(SOON, "the topic is gone", || async {
        let reading = source.read().await;
        (!reading.missing.is_empty())
            .then_some(())
            .ok_or_else(|| format!("{reading:?}"))
    })
    .await;
    let again = kafka.topic_beside(&name).await;
    again.produce(0, 1_200).await;
    let reading = eventually_async(SOON, "the new topic is read", || async {
        let reading = source.read().await;
        match backlog(&reading)? {
            0 => Err("nothing yet".to_owned()),
            _ => Ok(reading),
        }
    })
    .await;
    // Kafka forgets a group's offsets of a topic that is deleted.
    assert_eq!((backlog(&reading).unwrap(), keda(&reading)), (1_200, 1));
    tracker.observe(&reading);
    let lags = tracker.lags(reading.taken_at, jiff::SignedDuration::from_secs(30));
    assert_eq!(lags[&PartitionId::new(&name, 0)], Lag::Known(1_200));
}

#[tokio::test]
async fn retention_past_the_commit_counts_only_what_is_left() {
    let Some(kafka) = require_kafka() else { return };
    let (topic, group) = (kafka.topic("retained", 2).await, kafka.name("group"));
    topic.produce(0, 5_000).await;
    topic.produce(1, 10).await;
    topic.commit(&group, 0, 100);
    topic.commit(&group, 1, 10);
    topic.delete_before(0, 4_960).await;
    let source = lag_of(&kafka, &group, &topic);
    assert_eq!(both(&source).await, (40, 4_900));
}

#[tokio::test]
async fn an_open_transaction_is_no_work_yet_and_an_aborted_one_never_is() {
    let Some(kafka) = require_kafka() else { return };
    let (topic, group) = (kafka.topic("transactions", 1).await, kafka.name("group"));
    topic.produce(0, 10).await;
    topic.commit(&group, 0, 10);
    let uncommitted = lag_of(&kafka, &group, &topic);
    let committed = lag_of(&kafka, &group, &topic).with_isolation(Isolation::ReadCommitted);
    assert_eq!(both(&committed).await, (0, 0));

    let mut config = kafka.client();
    config.set("transactional.id", kafka.name("producer"));
    let producer: BaseProducer = config.create().unwrap();
    producer.init_transactions(SOON).unwrap();
    let send = || {
        producer.begin_transaction().unwrap();
        for _ in 0..50 {
            let record = BaseRecord::<str, str>::to(topic.name())
                .partition(0)
                .payload("x");
            producer.send(record).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(SOON).unwrap();
    };
    send();
    assert_eq!(both(&uncommitted).await, (50, 50), "as KEDA counts");
    let reading = whole(&committed).await;
    assert_eq!(backlog(&reading).unwrap(), 0, "nobody may read it yet");

    producer.commit_transaction(SOON).unwrap();
    eventually_async(
        SOON,
        "what is committed is work, its marker among it",
        || async {
            match backlog(&committed.read().await)? {
                51 => Ok(()),
                other => Err(format!("{other}")),
            }
        },
    )
    .await;
    topic.commit(&group, 0, 61);
    send();
    producer.abort_transaction(SOON).unwrap();
    eventually_async(SOON, "the last stable offset has passed", || async {
        match backlog(&committed.read().await)? {
            51 => Ok(()),
            other => Err(format!("{other}")),
        }
    })
    .await;
    // What was aborted stands in the log until a consumer has read over it: here both count too much.
    assert_eq!(both(&uncommitted).await, (51, 51));
}

#[tokio::test]
async fn a_group_of_the_new_protocol_is_read_like_any_other() {
    let Some(kafka) = require_kafka() else { return };
    let (topic, group) = (kafka.topic("new-protocol", 2).await, kafka.name("group"));
    topic.produce(0, 30).await;
    topic.produce(1, 20).await;
    let mut config = kafka.client();
    config
        .set("group.id", &group)
        .set("group.protocol", "consumer")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest");
    let consumer: BaseConsumer = config.create().unwrap();
    consumer.subscribe(&[topic.name()]).unwrap();
    let mut read = 0;
    eventually(SOON, "a member has read forty records", || {
        if let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let message = message.map_err(|error| error.to_string())?;
            assert_eq!(message.topic(), topic.name());
            read += 1;
            if read == 40 {
                consumer.commit_message(&message, CommitMode::Sync).unwrap();
                return Ok(());
            }
        }
        Err(format!("{read} are read"))
    });
    let source = lag_of(&kafka, &group, &topic);
    let reading = whole(&source).await;
    let consumer_sees = topic.seen_by_consumer(&group, 2).unwrap();
    let expected: i64 = consumer_sees
        .iter()
        .map(|(start, end, at)| end - at.unwrap_or(*start))
        .sum();
    assert_eq!(i64::try_from(backlog(&reading).unwrap()).unwrap(), expected);
    assert!(expected < 50, "something was committed: {consumer_sees:?}");
}
