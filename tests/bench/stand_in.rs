//! A worker that answers at once, and what Kafka alone takes to and from it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    producer::{BaseProducer, BaseRecord},
};
use spillway_wire::{ImageSource, Job, JobResult, Outcome, TimingsMs, result_id};

use crate::load::Measured;

/// Every model, so that an answer is complete.
const SUBSET: &str = "brands+context+humans";
const TRIP_MAX: Duration = Duration::from_secs(30);
/// First trips open connections and are not counted.
const TRIPS_BEFORE: usize = 100;

/// Answers the jobs of several topics, each on a topic of its own.
pub(crate) struct StandIn {
    is_paused: Arc<AtomicBool>,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<anyhow::Result<()>>>,
}

// === impl StandIn ===

impl StandIn {
    /// Of pairs of jobs and results.
    pub(crate) fn start(client: &ClientConfig, topics: &[(&str, &str)]) -> anyhow::Result<Self> {
        let (is_paused, stop) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicBool::new(false)),
        );
        let consumer: BaseConsumer = client
            .clone()
            .set("group.id", "stand-in")
            .set("auto.offset.reset", "earliest")
            .set("fetch.wait.max.ms", "10")
            .create()?;
        let jobs: Vec<&str> = topics.iter().map(|(jobs, _)| *jobs).collect();
        consumer.subscribe(&jobs)?;
        let producer: BaseProducer = client.clone().set("linger.ms", "0").create()?;
        let topics: Vec<(String, String)> = topics
            .iter()
            .map(|(jobs, results)| ((*jobs).to_owned(), (*results).to_owned()))
            .collect();
        let (paused, stopped) = (is_paused.clone(), stop.clone());
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                producer.poll(Duration::ZERO);
                if paused.load(Ordering::Relaxed) {
                    thread::sleep(Duration::from_millis(20));
                    continue;
                }
                let Some(message) = consumer.poll(Duration::from_millis(5)) else {
                    continue;
                };
                let message = message?;
                let results = topics.iter().find(|(jobs, _)| jobs == message.topic());
                let (_, results) = results.context("a topic that was not asked for")?;
                answer(&producer, results, message.payload().unwrap_or_default())?;
            }
            Ok(())
        });
        Ok(Self {
            is_paused,
            stop,
            thread: Some(thread),
        })
    }

    /// Lets jobs lie, or goes on.
    pub(crate) fn pause(&self, is_paused: bool) {
        self.is_paused.store(is_paused, Ordering::Relaxed);
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(Ok(Err(error))) = self.thread.take().map(thread::JoinHandle::join) {
            eprintln!("the stand-in failed: {error:#}");
        }
    }
}

fn answer(producer: &BaseProducer, topic: &str, job: &[u8]) -> anyhow::Result<()> {
    let job = Job::decode(job)?;
    let now = Timestamp::now().as_millisecond();
    let result = JobResult {
        schema: job.schema,
        result_id: result_id(&job.id, SUBSET),
        job_id: job.id,
        tenant: job.tenant,
        subset: SUBSET.to_owned(),
        model_set: "0".repeat(64),
        worker: "stand-in".to_owned(),
        outcome: Outcome::Success,
        image: None,
        frame: None,
        video: None,
        labels: Vec::new(),
        faces: Vec::new(),
        logos: Vec::new(),
        objects: Vec::new(),
        error: None,
        timings_ms: TimingsMs::default(),
        created_at_ms: job.created_at_ms,
        finished_at_ms: now,
    };
    let value = serde_json::to_vec(&result)?;
    let mut record = BaseRecord::to(topic).key(&result.job_id).payload(&value);
    record.partition = job.reply_partition;
    producer.send(record).map_err(|(error, _)| error)?;
    Ok(())
}

/// From a job sent to its result read, one after the other.
pub(crate) fn round_trips(
    client: &ClientConfig,
    jobs: &str,
    results: &str,
    count: usize,
) -> anyhow::Result<Measured> {
    // As the gateway sets them.
    let producer: BaseProducer = client
        .clone()
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("compression.type", "lz4")
        .set("linger.ms", "2")
        .create()?;
    let consumer: BaseConsumer = client
        .clone()
        .set("group.id", "round-trips")
        .set("fetch.wait.max.ms", "10")
        .create()?;
    let mut from = TopicPartitionList::new();
    from.add_partition_offset(results, 0, Offset::Beginning)?;
    consumer.assign(&from)?;
    let mut took_ms = Vec::with_capacity(count);
    for number in 0..TRIPS_BEFORE + count {
        let id = format!("trip-{number}");
        let now = Timestamp::now().as_millisecond();
        let job = Job {
            reply_partition: Some(0),
            ..Job::new(&id, now, ImageSource::Inline(vec![0; 3]))
        };
        let value = job.encode();
        let began = Instant::now();
        let record = BaseRecord::to(jobs).key(&id).payload(&value);
        producer.send(record).map_err(|(error, _)| error)?;
        loop {
            producer.poll(Duration::ZERO);
            if let Some(message) = consumer.poll(Duration::from_millis(1))
                && message?.key() == Some(id.as_bytes())
            {
                break;
            }
            ensure!(began.elapsed() < TRIP_MAX, "{id} did not come back");
        }
        if number >= TRIPS_BEFORE {
            took_ms.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(Measured::of(took_ms))
}
