//! The whole line: one worker, everything that it needs beside it, and what each used meanwhile.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use jiff::Timestamp;
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    consumer::{BaseConsumer, Consumer},
    producer::{FutureProducer, FutureRecord},
};
use spillway_tests::{Process, Signal, require_program};
use spillway_wire::{ImageSource, Job, JobResult, Outcome, topics};
use tokio::runtime::Runtime;

use crate::{
    Bed,
    report::root,
    sampling::{Sampling, Spent, metrics, show_stages, show_threads, spent_until, value},
};

/// Enough for half a minute of two cores.
const JOBS: usize = 1_500;
const PARTITIONS: i32 = 8;
const REQUEST_MAX: Duration = Duration::from_secs(30);
const DONE_MAX: Duration = Duration::from_secs(300);
const STOP_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(1);

const JOBS_TOPIC: &str = "bench-jobs";
const RESULTS_TOPIC: &str = "bench-results";

/// A topic: name, partitions, settings.
pub(crate) type TopicSpec<'a> = (&'a str, i32, &'a [(&'a str, &'a str)]);

/// What the line did.
pub(crate) struct Measured {
    /// Images per second in the window.
    pub(crate) rate: f64,
    /// Results that arrived in the window.
    pub(crate) counted: usize,
    pub(crate) window_ms: f64,
    /// CPU time spent in it.
    pub(crate) spent: Spent,
    /// Mean images of a batch, over the whole run.
    pub(crate) batch: f64,
    /// Every result, as it was published.
    pub(crate) results: Vec<Vec<u8>>,
}

/// Starts a worker on waiting jobs and follows it until all are done.
pub(crate) fn measure(bed: &Bed<'_>, runtime: &Runtime) -> anyhow::Result<Measured> {
    let dead_letters = topics::dead_letters(JOBS_TOPIC);
    // The broker's clock says when a result arrived, so that nobody has to read along.
    let by_arrival = [("message.timestamp.type", "LogAppendTime")];
    let compact = [("cleanup.policy", "compact")];
    runtime.block_on(topics(
        bed,
        &[
            (JOBS_TOPIC, PARTITIONS, &[]),
            (&dead_letters, 1, &[]),
            (RESULTS_TOPIC, PARTITIONS, &by_arrival),
            ("bench-workers", 1, &compact),
            ("bench-control", 1, &compact),
        ],
    ))?;
    runtime.block_on(preload(bed, JOBS_TOPIC, JOBS))?;
    let mut worker = start(bed, JOBS_TOPIC, RESULTS_TOPIC)?;
    let sampling = Sampling::start(worker.id(), bed.broker);
    let done = all_done(bed, &mut worker);
    let samples = sampling.end()?;
    done?;
    let metrics = runtime.block_on(metrics(&worker))?;
    worker.signal(Signal::Term);
    ensure!(worker.wait(STOP_MAX).success(), "the worker failed");

    let mut results = results(bed, RESULTS_TOPIC, JOBS)?;
    for (_, bytes) in &results {
        let result: JobResult = serde_json::from_slice(bytes)?;
        ensure!(result.outcome == Outcome::Success, "{result:?}");
    }
    results.sort_by_key(|(at_ms, _)| *at_ms);
    let (first, last) = (results.len() / 10, results.len() * 9 / 10);
    let (from_ms, to_ms) = (results[first].0 as f64, results[last].0 as f64);
    let counted = last - first;
    let window_ms = to_ms - from_ms;
    show_stages(&metrics);
    show_threads(&samples, from_ms, to_ms, counted);
    Ok(Measured {
        rate: counted as f64 * 1e3 / window_ms,
        counted,
        window_ms,
        batch: value(&metrics, "spillway_batch_size_sum")
            / value(&metrics, "spillway_batch_size_count"),
        spent: spent_until(&samples, to_ms).minus(spent_until(&samples, from_ms)),
        results: results.into_iter().map(|(_, bytes)| bytes).collect(),
    })
}

/// A worker with its defaults on the demo's models.
pub(crate) fn start(bed: &Bed<'_>, jobs: &str, results: &str) -> anyhow::Result<Process> {
    let mut command = require_program("spillway-worker").context("spillway-worker is not built")?;
    command
        .args(["run", "--brokers", bed.brokers, "--group", jobs])
        .args(["--topic", jobs, "--results-topic", results])
        .args(["--workers-topic", "bench-workers"])
        .args(["--control-topic", "bench-control"])
        .arg("--model-set")
        .arg(root().join("worker/models/demo"))
        .args(["--device", "cpu", "--worker-id", "bench"])
        .args(["--allow-origin", &bed.origin.address().to_string()])
        .args(["--listen", "127.0.0.1:0"]);
    Process::spawn("worker", command)
}

/// Makes topics.
pub(crate) async fn topics(bed: &Bed<'_>, wanted: &[TopicSpec<'_>]) -> anyhow::Result<()> {
    let admin: AdminClient<DefaultClientContext> = client(bed).create()?;
    let new: Vec<NewTopic<'_>> = wanted
        .iter()
        .map(|(name, partitions, settings)| {
            let mut topic = NewTopic::new(name, *partitions, TopicReplication::Fixed(1));
            topic.config = settings.to_vec();
            topic
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(REQUEST_MAX));
    for result in admin.create_topics(&new, &options).await? {
        result.map_err(|(name, code)| anyhow::anyhow!("topic {name}: {code}"))?;
    }
    Ok(())
}

/// Writes `count` jobs, evenly over eight partitions and the images.
pub(crate) async fn preload(bed: &Bed<'_>, topic: &str, count: usize) -> anyhow::Result<()> {
    let producer: FutureProducer = client(bed).set("linger.ms", "20").create()?;
    let jobs: Vec<Job> = (0..count)
        .map(|number| {
            let address = bed.addresses[number % bed.addresses.len()].clone();
            let now = Timestamp::now().as_millisecond();
            Job::new(format!("{topic}-{number}"), now, ImageSource::Uri(address))
        })
        .collect();
    let sent = jobs.iter().enumerate().map(|(number, job)| {
        let partition = i32::try_from(number).unwrap_or(0) % PARTITIONS;
        let (producer, value) = (&producer, job.encode());
        async move {
            let record = FutureRecord::<str, [u8]>::to(topic)
                .partition(partition)
                .key(&job.id)
                .payload(&value);
            producer
                .send(record, REQUEST_MAX)
                .await
                .map_err(|(error, _)| error)
        }
    });
    try_join_all(sent).await?;
    Ok(())
}

/// Waits until there are as many results as jobs; asks seldom, for it costs time of the same cores.
fn all_done(bed: &Bed<'_>, worker: &mut Process) -> anyhow::Result<()> {
    let consumer: BaseConsumer = client(bed).set("group.id", "bench-look").create()?;
    let until = Instant::now() + DONE_MAX;
    loop {
        let done = (0..PARTITIONS)
            .map(|partition| {
                let (_, end) = consumer.fetch_watermarks(RESULTS_TOPIC, partition, REQUEST_MAX)?;
                Ok(usize::try_from(end)?)
            })
            .sum::<anyhow::Result<usize>>()?;
        if done >= JOBS {
            return Ok(());
        }
        ensure!(worker.is_running(), "the worker ended:\n{}", worker.log());
        ensure!(
            Instant::now() < until,
            "{done} of {JOBS} after {DONE_MAX:?}:\n{}",
            worker.log()
        );
        thread::sleep(LOOK_EVERY);
    }
}

/// `count` results of a topic, each with when the broker got it.
pub(crate) fn results(
    bed: &Bed<'_>,
    topic: &str,
    count: usize,
) -> anyhow::Result<Vec<(i64, Vec<u8>)>> {
    let consumer: BaseConsumer = client(bed)
        .set("group.id", "bench-read")
        .set("enable.auto.commit", "false")
        .create()?;
    let mut from = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        from.add_partition_offset(topic, partition, Offset::Beginning)?;
    }
    consumer.assign(&from)?;
    let until = Instant::now() + DONE_MAX;
    let mut results = Vec::with_capacity(count);
    while results.len() < count {
        ensure!(
            Instant::now() < until,
            "{} of {count} results read",
            results.len()
        );
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message?;
        let at_ms = message.timestamp().to_millis().context("no timestamp")?;
        results.push((at_ms, message.payload().unwrap_or_default().to_vec()));
    }
    Ok(results)
}

pub(crate) fn client(bed: &Bed<'_>) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bed.brokers);
    config
}
