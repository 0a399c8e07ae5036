//! Ten thousand partitions and a thousand groups on one real broker.

use std::{
    io::Write as _,
    net::TcpListener,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use rdkafka::{
    Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
};
use spillway_core::BacklogReading;
use spillway_kafka::{BacklogSource, Cluster, GroupLag, KafkaConfig, TopicSpec};
use spillway_tests::{Kafka, Process, Topic, eventually, require_kafka, require_program};
use spillway_wire::topics;

use crate::report::Report;

/// Set for the child that looks at many groups: where the broker is.
pub(crate) const CHILD: &str = "SPILLWAY_BENCH_GROUPS_AT";
/// A request for 10,000 partitions is refused as too large, and so is a topic of them: two of 5,000.
const PARTITIONS: i32 = 5_000;
const READS: usize = 30;
/// Partitions that are read one by one, as other tools do, for comparison.
const ONE_BY_ONE: i32 = 200;
/// Changes until a decision: the p99 of so few is the largest.
const CHANGES: usize = 30;
const GROUPS: usize = 1_000;
const GROUP: &str = "bench-many";
const LOOK: Duration = Duration::from_secs(30);
const SOON: Duration = Duration::from_secs(300);

/// Measures what was asked for.
pub(crate) async fn measure(
    report: &mut Report,
    is_asked: &impl Fn(&str) -> bool,
) -> anyhow::Result<()> {
    require_kafka().context("no Kafka")?;
    let kafka = Kafka::start_large()?;
    if is_asked("groups") {
        groups(report, &kafka).await?;
    }
    if !is_asked("lag") && !is_asked("decision") {
        return Ok(());
    }
    let many = [
        kafka.topic("many", PARTITIONS).await,
        kafka.topic("many", PARTITIONS).await,
    ];
    for topic in &many {
        commit_all(&kafka, topic)?;
    }
    if is_asked("lag") {
        lag(report, &kafka, &many).await?;
    }
    if is_asked("decision") {
        decision(report, &kafka, &many).await?;
    }
    Ok(())
}

/// Commits the beginning of every partition, so that each has an offset to be read.
fn commit_all(kafka: &Kafka, topic: &Topic) -> anyhow::Result<()> {
    let mut offsets = TopicPartitionList::new();
    offsets.add_partition_range(topic.name(), 0, PARTITIONS - 1);
    offsets.set_all_offsets(Offset::Offset(0))?;
    let consumer: BaseConsumer = kafka.client().set("group.id", GROUP).create()?;
    Ok(consumer.commit(&offsets, CommitMode::Sync)?)
}

fn is_whole(reading: &BacklogReading, count: usize) -> bool {
    reading.partitions.len() == count && reading.partitions.iter().all(|it| it.offsets.is_ok())
}

async fn lag(report: &mut Report, kafka: &Kafka, many: &[Topic; 2]) -> anyhow::Result<()> {
    let cluster = Cluster::new(KafkaConfig::new(kafka.brokers()))?;
    let names = many.iter().map(Topic::name);
    let source = GroupLag::new(cluster, GROUP, names, LOOK)?;
    let count = usize::try_from(2 * PARTITIONS)?;
    ensure!(
        is_whole(&source.read().await, count),
        "the first look is not whole"
    );
    let mut took = Vec::new();
    for _ in 0..READS {
        let began = Instant::now();
        let reading = source.read().await;
        took.push(began.elapsed().as_secs_f64());
        ensure!(is_whole(&reading, count), "a look is not whole");
    }
    took.sort_by(f64::total_cmp);
    let (median, max) = (took[READS / 2], took[READS - 1]);

    let consumer: BaseConsumer = kafka.client().set("group.id", GROUP).create()?;
    let began = Instant::now();
    for partition in 0..ONE_BY_ONE {
        consumer.fetch_watermarks(many[0].name(), partition, LOOK)?;
    }
    let one_by_one =
        began.elapsed().as_secs_f64() * f64::from(2 * PARTITIONS) / f64::from(ONE_BY_ONE);
    let how = format!("of {READS} looks at {count} partitions of one broker, all with a commit");
    report.figure("lag_10000_median", median, "s", format!("median {how}"))?;
    report.figure("lag_10000_max", max, "s", format!("largest {how}"))?;
    report.figure(
        "lag_10000_ratio",
        median / one_by_one,
        "ratio",
        format!("over {one_by_one:.1} s for both ends of each partition by itself, from {ONE_BY_ONE} of them"),
    )
}

/// From the last record's acknowledgement until a plan has it in its backlog.
async fn decision(report: &mut Report, kafka: &Kafka, many: &[Topic; 2]) -> anyhow::Result<()> {
    let cluster = Cluster::new(KafkaConfig::new(kafka.brokers()))?;
    let specs = [topics::WORKERS, topics::CONTROL].map(|name| TopicSpec::compacted(name, 1));
    cluster.ensure(&specs, SOON).await?;
    let folder = tempfile::tempdir()?;
    let policy = folder.path().join("policy.yaml");
    std::fs::write(
        &policy,
        format!(
            "apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {{name: many}}
spec:
  source:
    kafka:
      bootstrapServers: [\"{}\"]
      consumerGroup: {GROUP}
      topics: [{{name: {}}}, {{name: {}}}]
  objective: {{drainWithin: 15m}}
  base: {{static: {{workers: 3}}, pricePerWorkerHour: 0.64, throughputPerWorker: 40}}
",
            kafka.brokers(),
            many[0].name(),
            many[1].name()
        ),
    )?;
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut command = require_program("spillway").context("spillway is not built")?;
    command
        .args(["run", "--listen", &address.to_string(), "--policy"])
        .arg(&policy)
        .arg("--state")
        .arg(folder.path().join("state"));
    let _controller = Process::spawn("controller", command)?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let seen = async || -> Option<u64> {
        let answer = http
            .get(format!("http://{address}/api/v1/state"))
            .send()
            .await
            .ok()?;
        let state: serde_json::Value = answer.json().await.ok()?;
        state["policies"][0]["backlog"].as_u64()
    };
    let until = Instant::now() + SOON;
    while seen().await.is_none() {
        ensure!(Instant::now() < until, "the controller knows no backlog");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut waiting = seen().await.unwrap_or(0);
    let mut took = Vec::new();
    for change in 0..CHANGES {
        // Not in step with the ticks.
        tokio::time::sleep(Duration::from_millis(u64::try_from(change * 337 % 1_000)?)).await;
        many[change % 2].produce(i32::try_from(change)?, 40).await;
        waiting += 40;
        let began = Instant::now();
        while seen().await != Some(waiting) {
            ensure!(began.elapsed() < SOON, "the change was never seen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        took.push(began.elapsed().as_secs_f64());
    }
    took.sort_by(f64::total_cmp);
    let how = format!(
        "of {CHANGES} changes at 10,000 partitions: acknowledged, until a plan shows it over HTTP"
    );
    report.figure(
        "change_to_decision_10000_median",
        took[CHANGES / 2],
        "s",
        format!("median {how}"),
    )?;
    report.figure(
        "change_to_decision_10000_p99",
        took[CHANGES - 1],
        "s",
        format!("largest {how}"),
    )
}

/// A process of its own reads a thousand groups with one client, and says what it needs.
async fn groups(report: &mut Report, kafka: &Kafka) -> anyhow::Result<()> {
    let topic = kafka.topic("groups", 4).await;
    topic.produce(0, 10).await;
    let output = Command::new(std::env::current_exe()?)
        .env(CHILD, format!("{} {}", kafka.brokers(), topic.name()))
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let numbers: Vec<f64> = said
        .split_whitespace()
        .filter_map(|it| it.parse().ok())
        .collect();
    let [megabytes, seconds] = numbers[..] else {
        anyhow::bail!("the child said {said}");
    };
    let how = format!(
        "one process that reads the lag of {GROUPS} groups, each over 4 partitions, ten times"
    );
    report.figure(
        "groups_1000_memory",
        megabytes,
        "MB",
        format!(
            "resident memory of {how}; a controller has one policy, so this is the reading alone"
        ),
    )?;
    report.figure(
        "groups_1000_look",
        seconds,
        "s",
        format!("the last look at all of them, by {how}"),
    )
}

/// What the child does: looks at all groups ten times, and prints megabytes and seconds.
pub(crate) fn look_at_groups(at: &str) -> anyhow::Result<()> {
    let (brokers, topic) = at.split_once(' ').context("no topic")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(16)
        .enable_all()
        .build()?;
    let cluster = Cluster::new(KafkaConfig::new(brokers))?;
    let sources: Vec<GroupLag> = (0..GROUPS)
        .map(|group| GroupLag::new(cluster.clone(), &format!("bench-{group}"), [topic], LOOK))
        .collect::<Result<_, _>>()?;
    let mut took = 0.0;
    eventually(SOON, "every group is read", || {
        let mut looks = 0;
        for _ in 0..10 {
            let began = Instant::now();
            let readings = runtime.block_on(futures::future::join_all(
                sources.iter().map(GroupLag::read),
            ));
            took = began.elapsed().as_secs_f64();
            looks += usize::from(readings.iter().all(|reading| is_whole(reading, 4)));
        }
        match looks {
            9.. => Ok(()),
            _ => Err(format!("{looks} of 10 looks were whole")),
        }
    });
    let status = std::fs::read_to_string("/proc/self/status")?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes: f64 = resident
        .and_then(|it| it.split_whitespace().next())
        .context("no VmRSS")?
        .parse()?;
    writeln!(std::io::stdout(), "{:.1} {took:.3}", kilobytes / 1e3)?;
    Ok(())
}
