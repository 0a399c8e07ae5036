//! One image at a time on a worker that is otherwise idle: from the job's sending to its result's arrival.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use rdkafka::{
    Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    producer::{BaseProducer, BaseRecord, Producer as _},
};
use spillway_tests::Signal;
use spillway_wire::{ImageSource, Job, JobResult, Outcome, TimingsMs, topics};
use tokio::runtime::Runtime;

use crate::{bed::Bed, line, report::Report};

/// Images, one after the other; the first are not counted.
const IMAGES: usize = 300;
const WARM_UP: usize = 50;
/// Between two, so that each finds the worker idle.
const PAUSE: Duration = Duration::from_millis(20);
const RESULT_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(60);

const JOBS_TOPIC: &str = "bench-single-jobs";
const RESULTS_TOPIC: &str = "bench-single-results";

/// How long each took.
pub(crate) struct Single {
    whole_ms: Vec<f64>,
    stages: Vec<TimingsMs>,
}

/// Starts a worker and sends it one job at a time.
pub(crate) fn measure(bed: &Bed<'_>, runtime: &Runtime) -> anyhow::Result<Single> {
    let dead_letters = topics::dead_letters(JOBS_TOPIC);
    runtime.block_on(line::topics(
        bed,
        &[
            (JOBS_TOPIC, 1, &[]),
            (&dead_letters, 1, &[]),
            (RESULTS_TOPIC, 1, &[]),
        ],
    ))?;
    let mut worker = line::start(bed, JOBS_TOPIC, RESULTS_TOPIC)?;
    let producer: BaseProducer = line::client(bed).set("linger.ms", "0").create()?;
    let consumer: BaseConsumer = line::client(bed)
        .set("group.id", "bench-single-read")
        .set("enable.auto.commit", "false")
        .create()?;
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(RESULTS_TOPIC, 0, Offset::Beginning)?;
    consumer.assign(&from)?;
    let mut single = Single {
        whole_ms: Vec::new(),
        stages: Vec::new(),
    };
    for number in 0..WARM_UP + IMAGES {
        let address = bed.addresses[number % bed.addresses.len()].clone();
        let now = Timestamp::now().as_millisecond();
        let job = Job::new(format!("single-{number}"), now, ImageSource::Uri(address));
        let sent = Instant::now();
        producer
            .send(
                BaseRecord::<str, _>::to(JOBS_TOPIC)
                    .key(&job.id)
                    .payload(&job.encode()),
            )
            .map_err(|(error, _)| error)?;
        producer.flush(RESULT_MAX)?;
        let result =
            next(&consumer).with_context(|| format!("the worker says:\n{}", worker.log()))?;
        let whole_ms = sent.elapsed().as_secs_f64() * 1e3;
        ensure!(result.job_id == job.id, "{result:?} for {}", job.id);
        ensure!(result.outcome == Outcome::Success, "{result:?}");
        if number >= WARM_UP {
            single.whole_ms.push(whole_ms);
            single.stages.push(result.timings_ms);
        }
        thread::sleep(PAUSE);
    }
    worker.signal(Signal::Term);
    ensure!(worker.wait(STOP_MAX).success(), "the worker failed");
    Ok(single)
}

fn next(consumer: &BaseConsumer) -> anyhow::Result<JobResult> {
    let message = consumer.poll(RESULT_MAX).context("no result")??;
    Ok(JobResult::decode(message.payload().unwrap_or_default())?)
}

// === impl Single ===

impl Single {
    pub(crate) fn report(&self, report: &mut Report) -> anyhow::Result<()> {
        let how = format!(
            "{IMAGES} JPEG images by http, one after the other, from the job's sending to its result's arrival at a \
             client of librdkafka"
        );
        report.figure("single_p50", percentile(&self.whole_ms, 50), "ms", &how)?;
        report.figure("single_p99", percentile(&self.whole_ms, 99), "ms", &how)?;
        type Part = (&'static str, fn(&TimingsMs) -> u32);
        let parts: [Part; 4] = [
            ("fetch", |it| it.fetch),
            ("decode", |it| it.decode),
            ("queue", |it| it.queue),
            ("infer", |it| it.infer),
        ];
        for (stage, part) in parts {
            let of: Vec<f64> = self.stages.iter().map(|it| f64::from(part(it))).collect();
            let how = "of the results' own timings, whole milliseconds";
            for percent in [50, 99] {
                let name = format!("single_{stage}_p{percent}");
                report.figure(&name, percentile(&of, percent), "ms", how)?;
            }
        }
        Ok(())
    }
}

/// A percentile; not a number of nothing.
fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(f64::NAN)
}
