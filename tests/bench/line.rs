//! The whole line: one worker, everything that it needs beside it, and what each used meanwhile.

use std::{
    path::Path,
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
    bed::Bed,
    report::root,
    sampling::{Sample, Sampling, Spent, metrics, show_stages, show_threads, spent_until, value},
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
const WORKERS_TOPIC: &str = "bench-workers";
const CONTROL_TOPIC: &str = "bench-control";

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

/// Jobs that wait in a topic, and the topic for their results.
pub(crate) struct Waiting<'a> {
    pub(crate) jobs: &'a str,
    pub(crate) results: &'a str,
    pub(crate) count: usize,
    /// Whose images they are, in turns.
    pub(crate) images: &'a [ImageSource],
}

/// What was seen until all of them were done.
pub(crate) struct Followed {
    pub(crate) samples: Vec<Sample>,
    /// Every result in the order of arrival, as it was published.
    pub(crate) results: Vec<Vec<u8>>,
    /// When the 10th and the 90th percentile of them arrived.
    pub(crate) from_ms: f64,
    pub(crate) to_ms: f64,
    /// How many arrived in between.
    pub(crate) counted: usize,
}

/// Starts a worker on waiting jobs and follows it until all are done.
pub(crate) fn measure(bed: &Bed<'_>, runtime: &Runtime) -> anyhow::Result<Measured> {
    let waiting = Waiting {
        jobs: JOBS_TOPIC,
        results: RESULTS_TOPIC,
        count: JOBS,
        images: &bed.images(),
    };
    runtime.block_on(own_topics(bed))?;
    runtime.block_on(waiting.prepare(bed))?;
    let mut worker = [start(bed, JOBS_TOPIC, RESULTS_TOPIC)?];
    let followed = waiting.follow(bed, &mut worker)?;
    let [mut worker] = worker;
    let metrics = runtime.block_on(metrics(&worker))?;
    worker.signal(Signal::Term);
    ensure!(worker.wait(STOP_MAX).success(), "the worker failed");

    for bytes in &followed.results {
        let result: JobResult = serde_json::from_slice(bytes)?;
        ensure!(result.outcome == Outcome::Success, "{result:?}");
    }
    let Followed { from_ms, to_ms, .. } = followed;
    show_stages(&metrics);
    show_threads(&followed.samples, from_ms, to_ms, followed.counted);
    Ok(Measured {
        rate: followed.rate(),
        counted: followed.counted,
        window_ms: to_ms - from_ms,
        batch: value(&metrics, "spillway_batch_size_sum")
            / value(&metrics, "spillway_batch_size_count"),
        spent: followed.spent(),
        results: followed.results,
    })
}

/// A worker with its defaults on the demo's models.
pub(crate) fn start(bed: &Bed<'_>, jobs: &str, results: &str) -> anyhow::Result<Process> {
    let models = root().join("worker/models/demo");
    start_with(bed, jobs, results, &models, "cpu")
}

/// A worker with its defaults on a model set.
pub(crate) fn start_with(
    bed: &Bed<'_>,
    jobs: &str,
    results: &str,
    models: &Path,
    device: &str,
) -> anyhow::Result<Process> {
    let mut command = require_program("spillway-worker").context("spillway-worker is not built")?;
    command
        .args(["run", "--brokers", bed.brokers, "--group", jobs])
        .args(["--topic", jobs, "--results-topic", results])
        .args(["--workers-topic", WORKERS_TOPIC])
        .args(["--control-topic", CONTROL_TOPIC])
        .arg("--model-set")
        .arg(models)
        .args(["--device", device, "--worker-id", "bench"])
        .args(["--allow-origin", &bed.origin.address().to_string()])
        .args(["--listen", "127.0.0.1:0"]);
    Process::spawn("worker", command)
}

/// Makes the topics of workers themselves.
pub(crate) async fn own_topics(bed: &Bed<'_>) -> anyhow::Result<()> {
    let compact = [("cleanup.policy", "compact")];
    topics(
        bed,
        &[(WORKERS_TOPIC, 1, &compact), (CONTROL_TOPIC, 1, &compact)],
    )
    .await
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
pub(crate) async fn preload(
    bed: &Bed<'_>,
    topic: &str,
    count: usize,
    images: &[ImageSource],
) -> anyhow::Result<()> {
    let producer: FutureProducer = client(bed).set("linger.ms", "20").create()?;
    let jobs: Vec<Job> = (0..count)
        .map(|number| {
            let image = images[number % images.len()].clone();
            let now = Timestamp::now().as_millisecond();
            Job::new(format!("{topic}-{number}"), now, image)
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

/// Where each partition of a topic ends.
pub(crate) fn ends(consumer: &BaseConsumer, topic: &str) -> anyhow::Result<Vec<i64>> {
    (0..PARTITIONS)
        .map(|partition| Ok(consumer.fetch_watermarks(topic, partition, REQUEST_MAX)?.1))
        .collect()
}

/// Whether a group's offsets are where its topic ends.
pub(crate) fn committed_to_the_end(bed: &Bed<'_>, group: &str, topic: &str) -> anyhow::Result<()> {
    let consumer: BaseConsumer = client(bed).set("group.id", group).create()?;
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, PARTITIONS - 1);
    let committed = consumer.committed_offsets(list, REQUEST_MAX)?;
    for (partition, end) in (0..PARTITIONS).zip(ends(&consumer, topic)?) {
        let offset = committed
            .find_partition(topic, partition)
            .map(|element| element.offset());
        ensure!(
            offset == Some(Offset::Offset(end)),
            "partition {partition} ends at {end} and is committed at {offset:?}"
        );
    }
    Ok(())
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

// === impl Waiting ===

impl Waiting<'_> {
    /// Makes the topics, with the jobs in them.
    pub(crate) async fn prepare(&self, bed: &Bed<'_>) -> anyhow::Result<()> {
        // The broker's clock says when a result arrived, so that nobody has to read along.
        let by_arrival = [("message.timestamp.type", "LogAppendTime")];
        topics(
            bed,
            &[
                (self.jobs, PARTITIONS, &[]),
                (&topics::dead_letters(self.jobs), 1, &[]),
                (self.results, PARTITIONS, &by_arrival),
            ],
        )
        .await?;
        preload(bed, self.jobs, self.count, self.images).await
    }

    /// Watches the processes of a worker until there are as many results as jobs.
    pub(crate) fn follow(
        &self,
        bed: &Bed<'_>,
        workers: &mut [Process],
    ) -> anyhow::Result<Followed> {
        let ids: Vec<u32> = workers.iter().map(Process::id).collect();
        let sampling = Sampling::start(&ids, bed.broker);
        let done = self.all_done(bed, workers);
        let samples = sampling.end();
        // First what the worker says, if it ended.
        done?;
        let samples = samples?;
        let mut results = results(bed, self.results, self.count)?;
        results.sort_by_key(|(at_ms, _)| *at_ms);
        let (first, last) = (results.len() / 10, results.len() * 9 / 10);
        let (from_ms, to_ms) = (results[first].0 as f64, results[last].0 as f64);
        Ok(Followed {
            samples,
            results: results.into_iter().map(|(_, bytes)| bytes).collect(),
            from_ms,
            to_ms,
            counted: last - first,
        })
    }

    /// Asks seldom, for it costs time of the same cores.
    fn all_done(&self, bed: &Bed<'_>, workers: &mut [Process]) -> anyhow::Result<()> {
        let consumer: BaseConsumer = client(bed).set("group.id", "bench-look").create()?;
        let until = Instant::now() + DONE_MAX;
        loop {
            let done = ends(&consumer, self.results)?.into_iter().sum::<i64>();
            if usize::try_from(done)? >= self.count {
                return Ok(());
            }
            for worker in workers.iter_mut() {
                ensure!(worker.is_running(), "the worker ended:\n{}", worker.log());
                ensure!(
                    Instant::now() < until,
                    "{done} of {} after {DONE_MAX:?}:\n{}",
                    self.count,
                    worker.log()
                );
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

// === impl Followed ===

impl Followed {
    /// Results per second in the window.
    pub(crate) fn rate(&self) -> f64 {
        self.counted as f64 * 1e3 / (self.to_ms - self.from_ms)
    }

    /// CPU time spent in the window.
    pub(crate) fn spent(&self) -> Spent {
        spent_until(&self.samples, self.to_ms).minus(spent_until(&self.samples, self.from_ms))
    }
}
