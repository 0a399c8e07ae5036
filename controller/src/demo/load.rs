//! The demo's load: steady jobs that the base can carry, and a burst that it cannot.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use spillway_wire::{ImageSource, Job};
use tokio::time::{MissedTickBehavior, interval};

use super::broker::{Broker, JOB_PARTITIONS};
use super::images::Pictures;
use super::origin::Bad;

/// One in so many jobs is a bad one.
const BAD_EVERY: u64 = 100;
/// One in so many jobs carries its image inside.
const INLINE_EVERY: u64 = 4;
/// The embedded broker drops a partition's oldest records beyond about 5 MB: well below that, jobs go by address.
const WAITING_BYTES_MAX: u64 = 3_000_000 * JOB_PARTITIONS as u64;

/// What must come of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Expected {
    /// The truth of a fetched image.
    Remote(usize),
    /// The truth of an image that was sent.
    Inline(usize),
    /// An error of this kind.
    Error(Bad),
}

/// Why a job was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Steady,
    Burst,
}

/// A job that was accepted by Kafka, and what is known of its answer.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) part: Part,
    pub(super) created_at_ms: i64,
    pub(super) expected: Expected,
    /// Bytes that travel inside.
    pub(super) bytes: u64,
    /// Answers that came; more than one are duplicates.
    pub(super) answers: u32,
    pub(super) finished_at_ms: Option<i64>,
}

/// Every job that was sent, by id.
pub(super) type Ledger = Arc<Mutex<BTreeMap<String, Sent>>>;

/// Sends jobs.
pub(super) struct Load {
    pub(super) pictures: Arc<Pictures>,
    pub(super) origin: SocketAddr,
    pub(super) topic: String,
    pub(super) run: String,
    pub(super) ledger: Ledger,
    producer: FutureProducer,
    is_embedded: bool,
}

// === impl Load ===

impl Load {
    /// # Errors
    /// When there is no producer.
    pub(super) fn new(
        broker: &Broker,
        pictures: Arc<Pictures>,
        origin: SocketAddr,
        topic: String,
        run: String,
    ) -> anyhow::Result<Self> {
        let producer = ClientConfig::new()
            .set("bootstrap.servers", &broker.address)
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .create()?;
        Ok(Self {
            pictures,
            origin,
            topic,
            run,
            ledger: Ledger::default(),
            producer,
            is_embedded: broker.is_embedded,
        })
    }

    /// Sends `per_second` jobs a second until it is dropped.
    ///
    /// # Errors
    /// When Kafka takes a job no more.
    pub(super) async fn steady(&self, per_second: f64) -> anyhow::Result<()> {
        let mut ticks = interval(Duration::from_secs_f64(1.0 / per_second));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for number in 0.. {
            ticks.tick().await;
            self.send(Part::Steady, number).await?;
        }
        Ok(())
    }

    /// Sends `count` jobs at once, and says when the first one was made.
    ///
    /// # Errors
    /// When Kafka takes a job no more.
    pub(super) async fn burst(&self, count: u64) -> anyhow::Result<i64> {
        use futures::stream::{self, StreamExt as _, TryStreamExt as _};
        let began = Timestamp::now().as_millisecond();
        let sends = (0..count).map(|number| self.send(Part::Burst, number));
        stream::iter(sends)
            .buffer_unordered(256)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(began)
    }

    async fn send(&self, part: Part, number: u64) -> anyhow::Result<()> {
        let name = match part {
            Part::Steady => "steady",
            Part::Burst => "burst",
        };
        let id = format!("{}-{name}-{number:05}", self.run);
        let (expected, image) = self.choose(part, number);
        let bytes = match &image {
            ImageSource::Inline(bytes) => bytes.len() as u64,
            ImageSource::Uri(_) | ImageSource::Object(_) => 0,
        };
        let created_at_ms = Timestamp::now().as_millisecond();
        let job = Job::new(id.clone(), created_at_ms, image);
        // Before it is sent: its answer may come before the acknowledgement.
        let sent = Sent {
            part,
            created_at_ms,
            expected,
            bytes,
            answers: 0,
            finished_at_ms: None,
        };
        self.jobs().insert(id.clone(), sent);
        let value = job.encode();
        let record = FutureRecord::to(&self.topic).key(&id).payload(&value);
        let delivered = self.producer.send(record, Duration::from_secs(30)).await;
        if let Err((error, _)) = delivered {
            self.jobs().remove(&id);
            return Err(error.into());
        }
        Ok(())
    }

    fn choose(&self, part: Part, number: u64) -> (Expected, ImageSource) {
        if part == Part::Burst && number % BAD_EVERY == BAD_EVERY / 2 {
            let bad = Bad::ALL[(number / BAD_EVERY) as usize % Bad::ALL.len()];
            return (Expected::Error(bad), ImageSource::Uri(bad.uri(self.origin)));
        }
        let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        if number.is_multiple_of(INLINE_EVERY) && self.may_send_inline() {
            let index = spread as usize % self.pictures.inline.len();
            let bytes = self.pictures.inline[index].bytes.to_vec();
            return (Expected::Inline(index), ImageSource::Inline(bytes));
        }
        let index = spread as usize % self.pictures.remote.len();
        let extension = self.pictures.remote[index].extension;
        let uri = format!("http://{}/images/{index}.{extension}", self.origin);
        (Expected::Remote(index), ImageSource::Uri(uri))
    }

    /// Whether the bytes that wait leave room in the embedded broker.
    fn may_send_inline(&self) -> bool {
        if !self.is_embedded {
            return true;
        }
        let jobs = self.jobs();
        let waiting = jobs
            .values()
            .filter(|sent| sent.answers == 0)
            .map(|sent| sent.bytes);
        waiting.sum::<u64>() < WAITING_BYTES_MAX
    }

    fn jobs(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Sent>> {
        self.ledger
            .lock()
            .expect("nothing panics while holding the ledger")
    }
}
