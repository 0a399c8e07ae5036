//! Moving jobs and images without looking at them: consume, fetch, publish, in the barest loop.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use futures::future::try_join_all;
use rdkafka::{
    ClientConfig, Message, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use spillway_wire::{ImageSource, Job};
use tokio::runtime::Runtime;

use crate::{bed::Bed, cpu, line};

/// How it is measured.
pub(crate) const HOW: &str = "rdkafka consumer, HTTP GET of 32 images at once, rdkafka producer of the line's own \
                              results; CPU time of this loop, the origin and the broker over 16,000 jobs";

/// Jobs before those that are counted.
const WARM_UP: usize = 4_000;
const JOBS: usize = 16_000;
/// Images fetched at once, and jobs for a commit: as the worker's defaults come to.
const CHUNK: usize = 32;
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// A loop on topics of its own.
struct Bare<'a> {
    runtime: &'a Runtime,
    consumer: BaseConsumer,
    producer: ThreadedProducer<DefaultProducerContext>,
    http: reqwest::Client,
    to: String,
}

/// Lets the broker do its work for a while, so that its code is compiled before anything is measured.
pub(crate) fn warm_up(bed: &Bed<'_>, runtime: &Runtime) -> anyhow::Result<()> {
    let bare = Bare::begin(bed, runtime, "bench-warm-up", WARM_UP)?;
    bare.run(WARM_UP, &[vec![b' '; 1_024]])
}

/// CPU milliseconds per image of loop, origin and broker.
pub(crate) fn measure(
    bed: &Bed<'_>,
    runtime: &Runtime,
    results: &[Vec<u8>],
) -> anyhow::Result<f64> {
    let bare = Bare::begin(bed, runtime, "bench-bare", WARM_UP + JOBS)?;
    bare.run(WARM_UP, results)?;
    let before = spent(bed)?;
    bare.run(JOBS, results)?;
    let ms = (spent(bed)? - before) / JOBS as f64;
    eprintln!("fetch and publish: {ms:.3} ms per image");
    Ok(ms)
}

// === impl Bare ===

impl<'a> Bare<'a> {
    /// Makes the topics, with `count` jobs waiting.
    fn begin(
        bed: &Bed<'_>,
        runtime: &'a Runtime,
        name: &str,
        count: usize,
    ) -> anyhow::Result<Self> {
        let (from, to) = (format!("{name}-jobs"), format!("{name}-results"));
        runtime.block_on(line::topics(bed, &[(&from, 8, &[]), (&to, 8, &[])]))?;
        runtime.block_on(line::preload(bed, &from, count, &bed.images()))?;
        let consumer: BaseConsumer = client(bed)
            .set("group.id", name)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("queued.min.messages", "128")
            .create()?;
        consumer.subscribe(&[&from])?;
        let producer = client(bed)
            .set("compression.type", "lz4")
            .set("linger.ms", "5")
            .set("enable.idempotence", "true")
            .create()?;
        Ok(Self {
            runtime,
            consumer,
            producer,
            http: reqwest::Client::builder().no_proxy().build()?,
            to,
        })
    }

    /// Moves at least `count` jobs and waits until their results are acknowledged.
    fn run(&self, count: usize, results: &[Vec<u8>]) -> anyhow::Result<()> {
        let mut done = 0;
        while done < count {
            done += self.chunk(results)?;
        }
        self.producer.flush(SILENCE_MAX)?;
        Ok(())
    }

    fn chunk(&self, results: &[Vec<u8>]) -> anyhow::Result<usize> {
        let (addresses, offsets) = jobs(&self.consumer)?;
        let fetches = addresses.iter().map(|address| fetched(&self.http, address));
        let images = self.runtime.block_on(try_join_all(fetches))?;
        for (index, bytes) in images.iter().enumerate() {
            ensure!(!bytes.is_empty(), "an image is empty");
            let record = BaseRecord::<str, [u8]>::to(&self.to)
                .key(&addresses[index])
                .payload(&results[index % results.len()]);
            self.producer
                .send(record)
                .map_err(|(error, _)| error)
                .context("a result was not taken")?;
        }
        self.consumer.commit(&offsets, CommitMode::Async)?;
        Ok(images.len())
    }
}

async fn fetched(http: &reqwest::Client, address: &str) -> reqwest::Result<Vec<u8>> {
    let answer = http.get(address).send().await?.error_for_status()?;
    Ok(answer.bytes().await?.into())
}

/// CPU milliseconds of this process, in which the origin runs, and of the broker.
fn spent(bed: &Bed<'_>) -> anyhow::Result<f64> {
    Ok(cpu::process_ms(std::process::id())? + cpu::process_ms(bed.broker)?)
}

/// The addresses of the next jobs, and what to commit for them.
fn jobs(consumer: &BaseConsumer) -> anyhow::Result<(Vec<String>, TopicPartitionList)> {
    let until = Instant::now() + SILENCE_MAX;
    let mut addresses = Vec::with_capacity(CHUNK);
    let mut next = BTreeMap::new();
    while addresses.len() < CHUNK {
        ensure!(Instant::now() < until, "no jobs for {SILENCE_MAX:?}");
        let Some(message) = consumer.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message?;
        let job = Job::decode(message.payload().context("a job is empty")?)?;
        let ImageSource::Uri(address) = job.image else {
            anyhow::bail!("a job without an address");
        };
        addresses.push(address);
        next.insert(
            (message.topic().to_owned(), message.partition()),
            message.offset() + 1,
        );
    }
    let mut offsets = TopicPartitionList::new();
    for ((topic, partition), offset) in next {
        offsets.add_partition_offset(&topic, partition, rdkafka::Offset::Offset(offset))?;
    }
    Ok((addresses, offsets))
}

fn client(bed: &Bed<'_>) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bed.brokers);
    config
}
