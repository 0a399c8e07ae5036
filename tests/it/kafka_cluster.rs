//! Lag on a cluster of three real brokers, of which one stands still: what is not known is never wrong and never
//! nothing, and it is known again as soon as Kafka has put somebody else in its place.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use rdkafka::{
    Message,
    consumer::{BaseConsumer, CommitMode, Consumer},
};
use spillway_core::{BacklogReading, Committed};
use spillway_kafka::{BacklogSource, Cluster, GroupLag, KafkaConfig};
use spillway_tests::{Kafka, Signal, Topic, eventually, eventually_async, require_kafka};
use tokio::sync::{Mutex, MutexGuard};

const SOON: Duration = Duration::from_secs(90);
/// Deadline of one look while all brokers are there.
const LOOK: Duration = Duration::from_secs(10);
/// Deadline of one look while one stands still.
const SHORT_LOOK: Duration = Duration::from_secs(2);
/// Partitions of the topic of all offsets, as the harness sets them.
const OFFSETS_PARTITIONS: i32 = 4;

/// The cluster, for one test at a time: each makes a broker stand still.
async fn cluster() -> Option<(&'static Kafka, MutexGuard<'static, ()>)> {
    static CLUSTER: OnceLock<Kafka> = OnceLock::new();
    static TURN: Mutex<()> = Mutex::const_new(());
    require_kafka()?;
    let turn = TURN.lock().await;
    let kafka = CLUSTER.get_or_init(|| Kafka::start_cluster(3).unwrap());
    Some((kafka, turn))
}

fn lag_of(kafka: &Kafka, group: &str, topic: &Topic, deadline: Duration) -> GroupLag {
    let cluster: Arc<Cluster> = Cluster::new(KafkaConfig::new(kafka.brokers())).unwrap();
    GroupLag::new(cluster, group, [topic.name()], deadline).unwrap()
}

/// Lag by partition; none where it is unknown.
fn known(reading: &BacklogReading) -> Vec<Option<u64>> {
    let lags = reading.partitions.iter();
    lags.map(|read| read.offsets.as_ref().ok().map(|offsets| offsets.lag()))
        .collect()
}

/// Reads until every lag is known; what is known before must be true.
async fn all_known(source: &GroupLag, truth: &[u64]) -> Duration {
    let began = Instant::now();
    eventually_async(SOON, "every lag is known", || async {
        let reading = source.read().await;
        let lags = known(&reading);
        for (lag, truth) in lags.iter().zip(truth) {
            assert!(lag.is_none_or(|lag| lag == *truth), "{lags:?} {truth:?}");
        }
        match lags.len() == truth.len() && lags.iter().all(Option::is_some) {
            true => Ok(()),
            false => Err(format!("{reading:?}")),
        }
    })
    .await;
    began.elapsed()
}

/// What KEDA 2.21's formula makes of what could be read: a partition that is missing counts as nothing.
fn keda(reading: &BacklogReading) -> i64 {
    let read = reading
        .partitions
        .iter()
        .filter_map(|it| it.offsets.as_ref().ok());
    let lags = read.map(|offsets| match offsets.committed {
        Committed::Never => 1,
        Committed::At(at) => i64::try_from(offsets.end).unwrap() - i64::try_from(at).unwrap(),
    });
    lags.sum::<i64>().max(0)
}

/// The broker that answers for a group: of the leaders of the topic of all offsets, that of the group's partition.
fn coordinator(kafka: &Kafka, group: &str) -> i32 {
    let hash = group.encode_utf16().fold(0_i32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(i32::from(unit))
    });
    let partition = hash.checked_abs().unwrap_or(0) % OFFSETS_PARTITIONS;
    let client: BaseConsumer = kafka.client().create().unwrap();
    eventually(SOON, "the topic of all offsets has leaders", || {
        let metadata = client.fetch_metadata(Some("__consumer_offsets"), LOOK);
        let metadata = metadata.map_err(|error| error.to_string())?;
        let partitions = metadata.topics().first().ok_or("no topic")?.partitions();
        let found = partitions.iter().find(|it| it.id() == partition);
        let leader = found.map(|it| it.leader()).filter(|leader| *leader > 0);
        leader.ok_or_else(|| format!("{} partitions", partitions.len()))
    })
}

#[tokio::test]
async fn a_partition_whose_leader_stands_still_is_read_from_the_next() {
    let Some((kafka, _turn)) = cluster().await else {
        return;
    };
    let group = kafka.name("group");
    let topic = kafka
        .topic_on("leader", &[&[1, 2, 3], &[2, 3, 1], &[3, 1, 2]])
        .await;
    for (partition, count) in [(0, 7), (1, 5), (2, 9)] {
        topic.produce(partition, count).await;
        topic.commit(&group, partition, 2);
    }
    let truth = [5, 3, 7];
    all_known(&lag_of(kafka, &group, &topic, LOOK), &truth).await;

    // Not the one that answers for the group: that is another test.
    let away = if coordinator(kafka, &group) == 1 {
        2
    } else {
        1
    };
    let source = lag_of(kafka, &group, &topic, SHORT_LOOK);
    all_known(&source, &truth).await;
    kafka.signal_broker(away, Signal::Stop);
    let took = all_known(&source, &truth).await;
    eprintln!(
        "known again {:.1} s after broker {away} stood still",
        took.as_secs_f64()
    );
    kafka.signal_broker(away, Signal::Continue);
    all_known(&source, &truth).await;
}

#[tokio::test]
async fn a_broker_that_is_down_hides_its_own_partitions_alone() {
    let Some((kafka, _turn)) = cluster().await else {
        return;
    };
    let group = kafka.name("group");
    let topic = kafka.topic_on("alone", &[&[1], &[2], &[3]]).await;
    for partition in 0..3 {
        topic.produce(partition, 10).await;
        topic.commit(&group, partition, 4);
    }
    let truth = [6, 6, 6];
    let away = if coordinator(kafka, &group) == 1 {
        2
    } else {
        1
    };
    let source = lag_of(kafka, &group, &topic, SHORT_LOOK);
    all_known(&source, &truth).await;
    kafka.signal_broker(away, Signal::Stop);
    let reading = eventually_async(
        SOON,
        "its partition is unknown, the others are known",
        || async {
            let reading = source.read().await;
            let lags = known(&reading);
            let hidden = usize::try_from(away - 1).unwrap();
            let is_so = lags.len() == 3
                && (0..3).all(|partition| lags[partition] == (partition != hidden).then_some(6));
            if is_so {
                Ok(reading)
            } else {
                Err(format!("{reading:?}"))
            }
        },
    )
    .await;
    assert_eq!(
        keda(&reading),
        12,
        "what is missing counts as nothing there"
    );
    kafka.signal_broker(away, Signal::Continue);
    all_known(&source, &truth).await;
}

#[tokio::test]
async fn a_groups_offsets_are_read_from_its_next_coordinator() {
    let Some((kafka, _turn)) = cluster().await else {
        return;
    };
    let group = kafka.name("group");
    let topic = kafka
        .topic_on("coordinator", &[&[1, 2, 3], &[2, 3, 1]])
        .await;
    topic.produce(0, 8).await;
    topic.produce(1, 8).await;
    topic.commit(&group, 0, 3);
    topic.commit(&group, 1, 8);
    // The next coordinator knows all commits but perhaps the last: of that one only the first was told that all have it.
    topic.commit(&group, 1, 8);
    let truth = [5, 0];
    let source = lag_of(kafka, &group, &topic, SHORT_LOOK);
    all_known(&source, &truth).await;
    let first = coordinator(kafka, &group);
    kafka.signal_broker(first, Signal::Stop);
    let took = all_known(&source, &truth).await;
    eprintln!(
        "known again {:.1} s after coordinator {first} stood still",
        took.as_secs_f64()
    );
    kafka.signal_broker(first, Signal::Continue);
    all_known(&source, &truth).await;
}

#[tokio::test]
async fn a_group_of_the_new_protocol_reads_like_any_other() {
    let Some((kafka, _turn)) = cluster().await else {
        return;
    };
    let group = kafka.name("group");
    let topic = kafka.topic_on("protocol", &[&[1, 2, 3], &[2, 3, 1]]).await;
    topic.produce(0, 30).await;
    topic.produce(1, 20).await;
    let consumer: BaseConsumer = kafka
        .client()
        .set("group.id", &group)
        .set("group.protocol", "consumer")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    consumer.subscribe(&[topic.name()]).unwrap();
    let mut seen = 0;
    let until = Instant::now() + SOON;
    while seen < 50 {
        assert!(Instant::now() < until, "read {seen} of 50");
        let Some(message) = consumer.poll(Duration::from_millis(200)) else {
            continue;
        };
        let message = message.unwrap();
        seen += 1;
        // A member commits with its epoch; partition 1 is done, of partition 0 ten are left.
        if message.partition() == 1 || message.offset() < 20 {
            consumer.commit_message(&message, CommitMode::Sync).unwrap();
        }
    }
    let source = lag_of(kafka, &group, &topic, LOOK);
    all_known(&source, &[10, 0]).await;
    let reading = source.read().await;
    assert_eq!(keda(&reading), 10);
    drop(consumer);
    all_known(&source, &[10, 0]).await;
}
