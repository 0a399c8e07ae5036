//! Reads results on the partitions that this replica owns, hands them to whoever waits, stores them, and only then
//! commits.
//!
//! **Invariant:** an offset is committed only after every result before it is in the store.
//!
//! One thread owns the consumer and polls it; writes to the store run beside it, bounded. While the store does not
//! take them the thread stops reading, and Kafka keeps what waits.

mod group;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::BorrowedMessage;
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use spillway_wire::{JobResult, Outcome, VIDEO_SUBSET};
use tokio::runtime::Handle as Runtime;
use tokio::sync::{Semaphore, watch};
use tracing::{debug, error, info, warn};

use crate::app::{Usage, today};
use crate::book::Book;
use crate::ids::{FrameAt, Handle, Ids, split, split_frame};
use crate::metrics::Metrics;
use crate::pressure::Pressure;
use crate::problem::chain;
use crate::store::{Store, StoreError};
use crate::tenants::Tenants;
use crate::video::frames_of;
use crate::webhook::Wake;
use crate::window::{Ticket, Window};
use group::Group;

/// Results on their way into the store.
const STORING_MAX: usize = 256;
/// Longest wait for a record, so that commits go out and the end is noticed.
const POLL: Duration = Duration::from_millis(50);
const COMMIT_EVERY: Duration = Duration::from_millis(200);
/// Pause before a write that failed is tried again; grows up to the second.
const STORE_AGAIN: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];
/// Longest wait at the end for what is on its way into the store.
const LAST_STORE_MAX: Duration = Duration::from_secs(10);

/// What reading results needs.
pub(crate) struct Replies {
    pub(crate) topic: String,
    pub(crate) ids: Arc<Ids>,
    pub(crate) book: Arc<Book>,
    pub(crate) store: Store,
    pub(crate) pressure: Arc<Pressure>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) hooks: Wake,
    pub(crate) tenants: Arc<Tenants>,
    pub(crate) usage: Arc<Usage>,
}

/// What a result of this installation answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// A job's image of that number.
    Image(usize),
    /// A frame of a video.
    Frame(FrameAt),
    /// A video itself.
    Video,
}

/// What of the results topic is owned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Owned {
    pub(crate) partitions: Vec<i32>,
    /// Partitions of the whole topic.
    pub(crate) of: usize,
}

/// What the thread, its rebalance callback and the writes share.
struct Shared {
    replies: Replies,
    window: Mutex<Window>,
    owned: watch::Sender<Owned>,
    store_failed: AtomicBool,
}

/// Follows the results in the background; ends when told to.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    thread: Mutex<Option<std::thread::JoinHandle<()>>>,
    polled: Arc<Mutex<Instant>>,
}

// === impl Owned ===

impl Owned {
    /// The share of the topic, 0..1.
    pub(crate) fn share(&self) -> f64 {
        match self.of {
            0 => 0.0,
            of => self.partitions.len() as f64 / of as f64,
        }
    }
}

// === impl Reader ===

impl Reader {
    /// Joins the group of the gateways and begins to read.
    ///
    /// # Errors
    /// If a property is not one of librdkafka's, or the topic cannot be subscribed to.
    pub(crate) fn start(
        replies: Replies,
        client: &ClientConfig,
        group: &str,
        session_timeout: Duration,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared {
            replies,
            window: Mutex::default(),
            owned: watch::Sender::new(Owned::default()),
            store_failed: AtomicBool::new(false),
        });
        let topic = shared.replies.topic.clone();
        let consumer: BaseConsumer<Group> = client
            .clone()
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            // A group without offsets is new: what was there before it may hold answers to accepted jobs.
            .set("auto.offset.reset", "earliest")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set(
                "session.timeout.ms",
                session_timeout.as_millis().to_string(),
            )
            .set(
                "heartbeat.interval.ms",
                (session_timeout / 4).as_millis().to_string(),
            )
            .set("fetch.wait.max.ms", "10")
            .set("queued.min.messages", "1000")
            .set("queued.max.messages.kbytes", "16384")
            .create_with_context(Group::new(shared.clone()))
            .context("the consumer cannot be set up")?;
        consumer
            .subscribe(&[&topic])
            .with_context(|| format!("topic {topic}"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let polled = Arc::new(Mutex::new(Instant::now()));
        let run = {
            let (shared, stop, polled) = (shared.clone(), stop.clone(), polled.clone());
            let runtime = Runtime::current();
            move || shared.run(&consumer, &runtime, &stop, &polled)
        };
        let thread = std::thread::Builder::new()
            .name("replies".to_owned())
            .spawn(run)
            .context("no thread for the results")?;
        Ok(Self {
            shared,
            stop,
            thread: Mutex::new(Some(thread)),
            polled,
        })
    }

    /// What is owned now, and every change of it.
    pub(crate) fn owned(&self) -> watch::Receiver<Owned> {
        self.shared.owned.subscribe()
    }

    /// How long ago the consumer was polled.
    pub(crate) fn since_polled(&self) -> Duration {
        let polled = self.polled.lock().unwrap_or_else(PoisonError::into_inner);
        polled.elapsed()
    }

    /// Whether the last write of a result failed.
    pub(crate) fn store_failed(&self) -> bool {
        self.shared.store_failed.load(Ordering::Relaxed)
    }

    /// Leaves the group after storing and committing what was read.
    pub(crate) fn end(&self) {
        self.stop.store(true, Ordering::Release);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            error!("thread of the results panicked");
        }
    }
}

// === impl Shared ===

impl Shared {
    fn run(
        self: &Arc<Self>,
        consumer: &BaseConsumer<Group>,
        runtime: &Runtime,
        stop: &AtomicBool,
        polled: &Mutex<Instant>,
    ) {
        let places = Arc::new(Semaphore::new(STORING_MAX));
        let mut committed = Instant::now();
        while !stop.load(Ordering::Acquire) {
            if committed.elapsed() >= COMMIT_EVERY {
                self.commit(consumer, CommitMode::Async);
                committed = Instant::now();
            }
            // A full store stops the reading, but not the commits.
            let acquire = places.clone().acquire_owned();
            let place = runtime.block_on(async { tokio::time::timeout(POLL, acquire).await });
            let Ok(Ok(place)) = place else {
                continue;
            };
            let message = consumer.poll(POLL);
            *polled.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            match message {
                None => {}
                Some(Err(error)) => warn!(%error, "results could not be read"),
                Some(Ok(message)) => self.take(&message, runtime, place),
            }
        }
        self.settle(None, Instant::now() + LAST_STORE_MAX);
        self.commit(consumer, CommitMode::Sync);
        consumer.unsubscribe();
        info!("results no longer read");
    }

    /// Hands a result to whoever waits, and begins to store it.
    fn take(
        self: &Arc<Self>,
        message: &BorrowedMessage<'_>,
        runtime: &Runtime,
        place: tokio::sync::OwnedSemaphorePermit,
    ) {
        let ticket = self.window().read(message.partition(), message.offset());
        let Some(ticket) = ticket else {
            return;
        };
        let Some((handle, about, result)) = self.ours(message) else {
            self.window().stored(ticket);
            return;
        };
        let Replies {
            book,
            pressure,
            metrics,
            ..
        } = &self.replies;
        let (now, outcome) = (Instant::now(), outcome(result.outcome));
        match about {
            About::Image(image) => {
                book.deliver(handle.as_str(), image, &result);
                pressure.answered(now, Some(message.partition()));
                metrics.answered(&result.tenant, outcome);
            }
            // This replica sent the video, not its frames: they say how fast work is done, and no more.
            About::Frame(_) => {
                pressure.answered(now, None);
                metrics.frame_answered(&result.tenant, outcome);
            }
            About::Video => {}
        }
        let shared = self.clone();
        runtime.spawn(async move {
            shared.store(&handle, about, &result, ticket).await;
            drop(place);
        });
    }

    /// The result, if it answers a job or a video of a gateway of this installation.
    fn ours(&self, message: &BorrowedMessage<'_>) -> Option<(Handle, About, JobResult)> {
        let value = message.payload()?;
        let result = JobResult::decode(value)
            .inspect_err(|error| {
                let (partition, offset) = (message.partition(), message.offset());
                debug!(partition, offset, %error, "record is no result");
            })
            .ok()?;
        let (handle, about) = about(&self.replies.ids, &result)?;
        Some((handle, about, result))
    }

    /// Stores a result, however often that takes, unless its partition is no longer owned.
    async fn store(&self, handle: &Handle, about: About, result: &JobResult, ticket: Ticket) {
        let metrics = &self.replies.metrics;
        let [mut pause, longest] = STORE_AGAIN;
        while let Err(error) = self.put(handle, about, result).await {
            self.store_failed.store(true, Ordering::Relaxed);
            metrics.store_failures.inc();
            warn!(job = result.job_id, error = %chain(&error), "result not stored, tried again");
            if !self.window().owns(ticket) {
                return;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
        self.store_failed.store(false, Ordering::Relaxed);
        metrics.results_stored.inc();
        // A frame alone ends no video: whoever is to be told of one looks at it now and then.
        if handle.notifies && !matches!(about, About::Frame(_)) {
            self.replies.hooks.wake(handle);
        }
        self.window().stored(ticket);
    }

    async fn put(
        &self,
        handle: &Handle,
        about: About,
        result: &JobResult,
    ) -> Result<(), StoreError> {
        let store = &self.replies.store;
        match about {
            About::Image(_) => store.put_result(handle, result).await,
            About::Frame(at) => store.put_frame(handle, at, result).await,
            About::Video => {
                // A repeat finds it there, whichever replica reads it.
                if store.put_own(handle, result).await? {
                    self.charge(result);
                }
                Ok(())
            }
        }
    }

    /// Counts what a video took: it was not known when it was accepted.
    fn charge(&self, result: &JobResult) {
        let Replies {
            metrics,
            tenants,
            usage,
            ..
        } = &self.replies;
        let name = &result.tenant;
        let info = result.video.as_ref();
        let frames = info.map_or(0, |info| u64::from(frames_of(info)));
        let seconds = info.map_or(0, |info| info.duration_ms.div_ceil(1_000));
        metrics.video_answered(name, outcome(result.outcome), seconds);
        let day = today();
        usage.looked_at(&day, name, frames, seconds);
        if let Some(tenant) = tenants.named(name) {
            tenant.meter.charge(&day, frames);
        }
    }

    /// Waits, bounded, until everything that was read of some partitions, or of all, is stored.
    fn settle(&self, of: Option<&[i32]>, deadline: Instant) {
        while self.window().unstored(of) > 0 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn commit(&self, consumer: &BaseConsumer<Group>, mode: CommitMode) {
        let committable = self.window().take_committable();
        if committable.is_empty() {
            return;
        }
        let mut offsets = TopicPartitionList::with_capacity(committable.len());
        for (partition, offset) in committable {
            let topic = &self.replies.topic;
            let offset = Offset::Offset(offset);
            if offsets
                .add_partition_offset(topic, partition, offset)
                .is_err()
            {
                debug!(partition, "offset could not be noted");
            }
        }
        // What is refused is committed with what comes next, or read again by the next owner: a repeat is harmless.
        if let Err(error) = consumer.commit(&offsets, mode) {
            warn!(%error, "commit failed");
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a result answers, if that is of this installation.
fn about(ids: &Ids, result: &JobResult) -> Option<(Handle, About)> {
    let (tenant, job_id) = (&result.tenant, &result.job_id);
    if result.subset == VIDEO_SUBSET {
        // One that says neither what was made nor why nothing was cannot end a video.
        let says = match result.outcome {
            Outcome::Error => result.error.is_some(),
            Outcome::Success | Outcome::Partial => result.video.is_some(),
        };
        let handle = ids.read_video(tenant, job_id).filter(|_| says)?;
        return Some((handle, About::Video));
    }
    if let Some((handle, at)) = split_frame(job_id) {
        return Some((ids.read_video(tenant, handle)?, About::Frame(at)));
    }
    let (handle, image) = split(job_id)?;
    Some((ids.read_job(tenant, handle)?, About::Image(image)))
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "success",
        Outcome::Partial => "partial",
        Outcome::Error => "error",
    }
}

#[cfg(test)]
mod tests {
    use spillway_wire::frame_id;

    use super::*;
    use crate::answer::tests::result;
    use crate::ids::Wants;
    use crate::video::tests::own_result;

    #[test]
    fn a_result_leads_to_what_it_answers_and_to_nobody_else() {
        let ids = Ids::new(b"s");
        let wants = Wants::default();
        let (job, video) = (
            ids.job("acme", 1, wants, 2),
            ids.video("acme", 1, wants, false),
        );
        let of = |job_id: &str| result(job_id, "humans", Outcome::Success);
        let about = |result: &JobResult| about(&ids, result).map(|(_, about)| about);
        assert_eq!(about(&of(&job.job_id(1))), Some(About::Image(1)));
        let at = FrameAt {
            segment: 1,
            at_ms: 61_000,
        };
        let frame = of(&frame_id(video.as_str(), at.segment, at.at_ms));
        assert_eq!(about(&frame), Some(About::Frame(at)));
        for outcome in [Outcome::Success, Outcome::Error] {
            let own = own_result(video.as_str(), &[1], outcome);
            assert_eq!(about(&own), Some(About::Video));
        }
        let silent = JobResult {
            video: None,
            ..own_result(video.as_str(), &[1], Outcome::Success)
        };
        let mute = JobResult {
            error: None,
            ..own_result(video.as_str(), &[1], Outcome::Error)
        };
        let stolen = JobResult {
            tenant: "other".into(),
            ..frame.clone()
        };
        let confused = of(&frame_id(job.as_str(), 0, 0));
        let plain = of(video.as_str());
        for foreign in [silent, mute, stolen, confused, plain, of("j"), of("j.0")] {
            assert_eq!(about(&foreign), None, "{}", foreign.job_id);
        }
    }
}
