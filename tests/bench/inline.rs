//! The plumbing alone: small images inside their jobs, and a backend that answers at once.
//!
//! Everything that a job needs but its models and a network is done: read, decoded, batched, answered, acknowledged,
//! committed. Broker and worker share the cores.

use std::{
    collections::BTreeSet,
    io::Cursor,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use rdkafka::{
    consumer::BaseConsumer,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use spillway_tests::{Process, Signal, blank_model_set, require_program};
use spillway_wire::{ImageSource, Job, JobResult, Outcome, topics};
use tokio::runtime::Runtime;

use crate::{
    bed::Bed,
    line,
    report::{Report, cores},
    sampling::{Sampling, Spent, metrics, show_stages, show_threads, spent_until, value},
};

/// Half a minute at the goal.
const JOBS: usize = 300_000;
/// Left out at the beginning, while the worker starts and the broker compiles, and at the end.
const WARM_UP: usize = 100_000;
const COOL_DOWN: usize = 10_000;
const PARTITIONS: i32 = 8;
/// Images, each of its own pixels.
const IMAGES: usize = 64;
/// Pixels of an image's side.
const SIDE: u32 = 16;
const REQUEST_MAX: Duration = Duration::from_secs(30);
const DONE_MAX: Duration = Duration::from_secs(300);
const STOP_MAX: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_secs(1);

const JOBS_TOPIC: &str = "bench-inline-jobs";
const RESULTS_TOPIC: &str = "bench-inline-results";
const GROUP: &str = "bench-inline";

/// What the plumbing did.
pub(crate) struct Plumbing {
    /// Jobs per second.
    rate: f64,
    counted: usize,
    window_ms: f64,
    spent: Spent,
    batch: f64,
}

/// Fills a topic, starts a worker on it and follows it until all is done.
pub(crate) fn measure(bed: &Bed<'_>, runtime: &Runtime) -> anyhow::Result<Plumbing> {
    let dead_letters = topics::dead_letters(JOBS_TOPIC);
    // The broker's clock says when a result arrived, so that nobody has to read along.
    let by_arrival = [("message.timestamp.type", "LogAppendTime")];
    let compact = [("cleanup.policy", "compact")];
    runtime.block_on(line::topics(
        bed,
        &[
            (JOBS_TOPIC, PARTITIONS, &[]),
            (&dead_letters, 1, &[]),
            (RESULTS_TOPIC, PARTITIONS, &by_arrival),
            ("bench-inline-workers", 1, &compact),
            ("bench-inline-control", 1, &compact),
        ],
    ))?;
    fill(bed)?;
    let models = tempfile::tempdir()?;
    blank_model_set(models.path(), (SIDE, SIDE))?;

    let mut worker = start(bed, models.path())?;
    let sampling = Sampling::start(&[worker.id()], bed.broker);
    let done = all_done(bed, &mut worker);
    let samples = sampling.end()?;
    done?;
    let metrics = runtime.block_on(metrics(&worker))?;
    worker.signal(Signal::Term);
    ensure!(worker.wait(STOP_MAX).success(), "the worker failed");
    line::committed_to_the_end(bed, GROUP, JOBS_TOPIC)?;

    let arrivals = arrivals(bed)?;
    let (first, last) = (WARM_UP, arrivals.len() - COOL_DOWN);
    let (from_ms, to_ms) = (arrivals[first] as f64, arrivals[last] as f64);
    let counted = last - first;
    show_stages(&metrics);
    show_threads(&samples, from_ms, to_ms, counted);
    Ok(Plumbing {
        rate: counted as f64 * 1e3 / (to_ms - from_ms),
        counted,
        window_ms: to_ms - from_ms,
        spent: spent_until(&samples, to_ms).minus(spent_until(&samples, from_ms)),
        batch: value(&metrics, "spillway_batch_size_sum")
            / value(&metrics, "spillway_batch_size_count"),
    })
}

// === impl Plumbing ===

impl Plumbing {
    pub(crate) fn report(&self, report: &mut Report) -> anyhow::Result<()> {
        let window = format!(
            "{} of {JOBS} inline PNG images of {SIDE} x {SIDE} pixels, {:.1} s, --device none, a model of that size, \
             mean batch {:.1}",
            self.counted,
            self.window_ms / 1e3,
            self.batch
        );
        let jobs = self.counted as f64;
        let Spent {
            worker,
            broker,
            machine,
            ..
        } = self.spent;
        let all_ms = self.window_ms * cores() as f64;
        let others = ((machine - worker - broker) / all_ms).max(0.0);
        for (name, value, unit, how) in [
            ("inline_rate", self.rate, "jobs/s", window),
            (
                "inline_free_cores_rate",
                self.rate / (1.0 - others),
                "jobs/s",
                format!(
                    "inline_rate ÷ the share of the cores that nothing else used ({others:.2} did)"
                ),
            ),
            (
                "inline_worker_cpu",
                worker * 1e3 / jobs,
                "us/job",
                "CPU time of the worker in that window".to_owned(),
            ),
            (
                "inline_broker_cpu",
                broker * 1e3 / jobs,
                "us/job",
                "CPU time of the broker in that window".to_owned(),
            ),
        ] {
            report.figure(name, value, unit, how)?;
        }
        Ok(())
    }
}

/// A picture that no other job of the 64 has.
fn image(number: usize) -> anyhow::Result<Vec<u8>> {
    let image = image::RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let at = (x * 31 + y * 17) as usize + number * 7;
        image::Rgb([at as u8, (at / 3) as u8, (number * 4) as u8])
    });
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, image::ImageFormat::Png)?;
    Ok(file.into_inner())
}

fn fill(bed: &Bed<'_>) -> anyhow::Result<()> {
    let images: Vec<Vec<u8>> = (0..IMAGES).map(image).collect::<anyhow::Result<_>>()?;
    let producer: ThreadedProducer<DefaultProducerContext> = line::client(bed)
        .set("linger.ms", "20")
        .set("compression.type", "lz4")
        .create()?;
    for number in 0..JOBS {
        let now = Timestamp::now().as_millisecond();
        let image = ImageSource::Inline(images[number % IMAGES].clone());
        let job = Job::new(format!("inline-{number}"), now, image);
        let value = job.encode();
        let mut record = BaseRecord::<str, [u8]>::to(JOBS_TOPIC)
            .partition(i32::try_from(number)? % PARTITIONS)
            .key(&job.id)
            .payload(&value);
        while let Err((error, same)) = producer.send(record) {
            let is_full = error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
            ensure!(is_full, "a job was not taken: {error}");
            record = same;
            thread::sleep(Duration::from_millis(10));
        }
    }
    producer.flush(REQUEST_MAX)?;
    Ok(())
}

fn start(bed: &Bed<'_>, models: &Path) -> anyhow::Result<Process> {
    let mut command = require_program("spillway-worker").context("spillway-worker is not built")?;
    command
        .args(["run", "--brokers", bed.brokers, "--group", GROUP])
        .args(["--topic", JOBS_TOPIC, "--results-topic", RESULTS_TOPIC])
        .args(["--workers-topic", "bench-inline-workers"])
        .args(["--control-topic", "bench-inline-control"])
        .arg("--model-set")
        .arg(models)
        .args(["--device", "none", "--worker-id", "bench-inline"])
        .args(["--listen", "127.0.0.1:0"]);
    Process::spawn("worker", command)
}

/// Waits until there are as many results as jobs; asks seldom, for it costs time of the same cores.
fn all_done(bed: &Bed<'_>, worker: &mut Process) -> anyhow::Result<()> {
    let consumer: BaseConsumer = line::client(bed).set("group.id", "bench-look").create()?;
    let until = Instant::now() + DONE_MAX;
    loop {
        let done = line::ends(&consumer, RESULTS_TOPIC)?
            .into_iter()
            .sum::<i64>();
        if usize::try_from(done)? >= JOBS {
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

/// When each result arrived, in order; each job has exactly one, and it is good.
fn arrivals(bed: &Bed<'_>) -> anyhow::Result<Vec<i64>> {
    let mut arrivals = Vec::with_capacity(JOBS);
    let mut answered = BTreeSet::new();
    for (at_ms, result) in line::results(bed, RESULTS_TOPIC, JOBS)? {
        arrivals.push(at_ms);
        let result: JobResult = serde_json::from_slice(&result)?;
        ensure!(result.outcome == Outcome::Success, "{result:?}");
        answered.insert(result.job_id);
    }
    ensure!(
        answered.len() == JOBS,
        "{} jobs have a result",
        answered.len()
    );
    arrivals.sort_unstable();
    Ok(arrivals)
}
