//! The line: stages that share nothing but bounded channels.
//!
//! ```text
//! consume ─▶ fetch ─▶ decode ─▶ batch ─▶ infer ─▶ publish ─▶ (Kafka) ─▶ consume
//! 1 thread   tokio    n threads 1        n        1                     commits
//! ```
//!
//! Draining is dropping: when the consumer's sender goes, each stage finishes what it has and drops its own.
//! Jobs that fail leave the line at once, for the publisher: every job ends in one result.

mod stages;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, bounded};
use spillway_wire::Phase;
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc};
use tracing::{info, warn};

use crate::attempts::Attempts;
use crate::batch::BatchLimits;
use crate::breaker::Breaker;
use crate::config::{Assignment, Config};
use crate::consume::{Consume, Ends, UNCOMMITTED_MAX};
use crate::content::ContentCache;
use crate::control;
use crate::decode::Decoder;
use crate::drain::Stop;
use crate::fetch::Fetcher;
use crate::frame::FramePool;
use crate::heartbeat::Pulse;
use crate::infer::{Alarm, Bench};
use crate::models::Serving;
use crate::publish::{Away, Completion, Outbox, Publisher, Refused, Signature};
use crate::reload::{Shift, Source};
use crate::stats::Stats;
use crate::told::Told;
use crate::videos::{self, Videos};
use crate::work::{Ending, Fetched, Framed, Record, now_ms};
use stages::{Decode, Fetch, batch};

/// Most decoded images that wait for a batch; decoded images are large.
const DECODED_MAX: usize = 32;
/// Batches that wait for a thread: one ahead of the device.
const BATCHES_AHEAD: usize = 1;
/// Fewest and most fetches at once; also how many fetched files may wait for a decoder.
const FETCHES: std::ops::RangeInclusive<usize> = 16..=256;
/// Alarms that may wait: every thread of two crews has one, and the first decides.
const ALARMS_MAX: usize = 512;
/// Longest wait for stages whose work was abandoned.
const ABANDONED_WAIT_MAX: Duration = Duration::from_secs(2);

/// Everything that a running worker is made of.
pub(crate) struct Line {
    pub(crate) config: Config,
    pub(crate) serving: Arc<Serving>,
    /// Where another model set may come from while it works.
    pub(crate) source: Mutex<Option<Source>>,
    pub(crate) stats: Arc<Stats>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) runtime: Runtime,
}

/// The channels between stages, both ends.
struct Channels {
    fetched: (Sender<Fetched>, Receiver<Fetched>),
    framed: (Sender<Framed>, Receiver<Framed>),
    batches: (Sender<Vec<Framed>>, Receiver<Vec<Framed>>),
    endings: (Sender<Ending>, Receiver<Ending>),
}

/// The threads of the stages.
struct Stages<'a> {
    stop: &'a Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
}

// === impl Line ===

impl Line {
    /// Works until asked to stop, on the calling thread and others.
    ///
    /// # Errors
    /// When the line cannot be set up or can no longer work: the process must end.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let attempts = Attempts::open(self.config.attempts_file.as_deref())?;
        attempts.watch(self.config.limits.hang_max);
        let in_flight_max = self.config.limits.in_flight_max;
        let (completed, completions) = bounded(in_flight_max + UNCOMMITTED_MAX);
        let is_weighted = self.config.kafka.assignment == Assignment::Weighted;
        let told = is_weighted.then(|| Arc::new(Told::new(self.stats.clone())));
        let (outbox, refused) = self.outbox(completed, told.clone())?;
        let pulse = Arc::new(self.pulse(outbox.clone()));
        let beating = self.runtime.spawn(pulse.clone().beat());
        let control = control::Follow::new(
            &self.config,
            self.stop.clone(),
            self.stats.clone(),
            told.clone(),
        )?;
        let control = control.start();

        let channels = Channels::new(in_flight_max);
        let mut stages = Stages {
            stop: &self.stop,
            threads: Vec::new(),
        };
        let content = Arc::new(ContentCache::new(
            self.config.limits.content_cache_bytes,
            self.stats.content.clone(),
        ));
        let of_this_run = attempts.clone();
        let (away, places_free) = Away::new();
        let started = self.start(&mut stages, &channels, &content, &attempts);
        let ended = started.and_then(|()| {
            let (jobs, to_fetch) = mpsc::channel(in_flight_max);
            let publisher = Publisher {
                signature: self.signature(),
                outbox: outbox.clone(),
                endings: channels.endings.1.clone(),
                refused,
                tiers: self.config.kafka.retries.clone(),
                breaker: Breaker::new(self.config.limits.dead_letters_max),
                away: away.clone(),
                stop: self.stop.clone(),
            };
            stages.spawn("publish", move || publisher.run());
            self.start_rest(&mut stages, channels, to_fetch, &content, &attempts)?;
            self.start_videos(&mut stages, &outbox, &attempts)?;
            let ends = Ends {
                jobs,
                completions,
                away,
                places_free,
                stats: self.stats.clone(),
                stop: self.stop.clone(),
                told,
                attempts,
            };
            self.consume(ends)
        });
        stages.join();
        self.stats.enter(Phase::Stopped);
        beating.abort();
        pulse.send();
        control.end();
        outbox.flush();
        match self.stop.failure() {
            Some(why) => ended.and(Err(anyhow::anyhow!(why))),
            None => {
                // What was abandoned takes long, no more.
                of_this_run.forgive();
                ended
            }
        }
    }

    fn outbox(
        &self,
        completed: Sender<Completion>,
        told: Option<Arc<Told>>,
    ) -> anyhow::Result<(Arc<Outbox>, Receiver<Refused>)> {
        let kafka = &self.config.kafka;
        let (outbox, refused) = Outbox::new(kafka, completed, self.stop.clone(), told)?;
        outbox.check_topics(&kafka.retries.topics(&kafka.jobs))?;
        Ok((Arc::new(outbox), refused))
    }

    /// Starts the threads that infer, waits until each is warm, and lets them work.
    fn start(
        &self,
        stages: &mut Stages<'_>,
        channels: &Channels,
        content: &Arc<ContentCache>,
        attempts: &Arc<Attempts>,
    ) -> anyhow::Result<()> {
        let threads = self.config.limits.infer_threads;
        let (alarms, to_answer) = bounded::<Alarm>(ALARMS_MAX);
        let bench = Bench {
            batches: channels.batches.1.clone(),
            endings: channels.endings.0.clone(),
            // Two crews at most, and each thread returns one batch before it rests.
            returned: bounded(2 * threads),
            alarms,
            content: content.clone(),
            attempts: attempts.clone(),
            images_max: self.batch_limits().images_max,
            canary_every: self.config.limits.canary_every,
            stats: self.stats.clone(),
            stop: self.stop.clone(),
        };
        let shift = Shift::begin(self.serving.clone(), threads, bench, to_answer)
            .context("the models cannot be run")?;
        let source = self
            .source
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        stages.spawn("models", move || shift.run(source));
        Ok(())
    }

    fn start_rest(
        &self,
        stages: &mut Stages<'_>,
        channels: Channels,
        to_fetch: mpsc::Receiver<Record>,
        content: &Arc<ContentCache>,
        attempts: &Arc<Attempts>,
    ) -> anyhow::Result<()> {
        let limits = self.config.limits;
        let Channels {
            fetched: (fetched, to_decode),
            framed: (framed, to_batch),
            batches: (batches, _),
            endings: (endings, _),
        } = channels;
        let batch_limits = self.batch_limits();
        let recognizer = self.serving.recognizer();
        let serving = self.serving.clone();
        stages.spawn("batch", move || {
            batch(&to_batch, &batches, &serving, batch_limits)
        });

        let pool = FramePool::new(recognizer.subset.frame);
        for _ in 0..limits.decode_threads {
            let decoder =
                Decoder::isolating(pool.clone(), limits.isolation, self.stats.decode.clone())?;
            let mut decode = Decode {
                decoder,
                lane: attempts.lane(1),
                content: content.clone(),
                serving: self.serving.clone(),
                framed: framed.clone(),
                endings: endings.clone(),
            };
            let (to_decode, features) = (to_decode.clone(), recognizer.subset.features);
            stages.spawn("decode", move || decode.run(&to_decode, features));
        }
        let places = (limits.in_flight_max / 2).clamp(*FETCHES.start(), *FETCHES.end());
        let fetch = Fetch {
            fetcher: Fetcher::new(&self.config.sources, self.stats.fetch.clone())?,
            features: recognizer.subset.features,
            group: self.config.kafka.group.clone(),
            job_max: limits.job_max,
            places: Arc::new(Semaphore::new(places)),
            fetched,
            endings,
            stats: self.stats.clone(),
        };
        self.runtime.spawn(Arc::new(fetch).run(to_fetch));
        Ok(())
    }

    /// Starts what goes through videos, beside the line.
    fn start_videos(
        &self,
        stages: &mut Stages<'_>,
        outbox: &Arc<Outbox>,
        attempts: &Arc<Attempts>,
    ) -> anyhow::Result<()> {
        let Some(settings) = &self.config.videos else {
            return Ok(());
        };
        let ends = videos::Ends {
            outbox: outbox.clone(),
            attempts: attempts.clone(),
            stop: self.stop.clone(),
            runtime: self.runtime.handle().clone(),
        };
        let videos = Videos::join(&self.config, settings, &self.stats, ends)?;
        let stop = self.stop.clone();
        stages.spawn("videos", move || {
            if let Err(error) = videos.run() {
                stop.fail(format!("{error:#}"));
            }
        });
        Ok(())
    }

    /// Those that are asked for, as far as they suit the backend.
    fn batch_limits(&self) -> BatchLimits {
        let asked = self.config.limits.batch;
        let images_max = self.serving.recognizer().backend().images_max();
        BatchLimits {
            images_max: asked.images_max.min(images_max),
            ..asked
        }
    }

    /// Joins the group, or follows the controller, and works; returns when the drain is over.
    fn consume(&self, ends: Ends) -> anyhow::Result<()> {
        let consume = Consume::join(&self.config, ends)?;
        if !self.stop.is_asked() {
            self.stats.enter(Phase::Ready);
        }
        info!(group = self.config.kafka.group, "ready");
        consume.run()
    }

    fn signature(&self) -> Signature {
        Signature {
            worker: self.config.identity.worker.clone(),
            subset: self.serving.recognizer().subset.name.clone(),
            serving: self.serving.clone(),
            results_topic: self.config.kafka.results.clone(),
        }
    }

    fn pulse(&self, outbox: Arc<Outbox>) -> Pulse {
        Pulse {
            identity: self.config.identity.clone(),
            topic: self.config.kafka.workers.clone(),
            group: self.config.kafka.group.clone(),
            assigned_in: match self.config.kafka.assignment {
                Assignment::Group => None,
                Assignment::Weighted => Some(self.config.kafka.group.clone()),
            },
            serving: self.serving.clone(),
            gpu: self.serving.recognizer().backend().gpu(),
            started_at_ms: now_ms(),
            stats: self.stats.clone(),
            outbox,
        }
    }
}

// === impl Channels ===

impl Channels {
    fn new(in_flight_max: usize) -> Self {
        Self {
            // Both never fill up: both are bounded by jobs in flight.
            fetched: bounded(in_flight_max),
            endings: bounded(in_flight_max),
            framed: bounded(DECODED_MAX),
            batches: bounded(BATCHES_AHEAD),
        }
    }
}

// === impl Stages ===

impl Stages<'_> {
    /// Starts a stage's thread; its panic ends the worker.
    fn spawn(&mut self, name: &'static str, run: impl FnOnce() + Send + 'static) {
        let stop = self.stop.clone();
        let run = move || {
            if catch_unwind(AssertUnwindSafe(run)).is_err() {
                stop.fail(format!("stage {name} panicked"));
            }
        };
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(run)
            .expect("the system can start a thread");
        self.threads.push(thread);
    }

    /// Waits for all stages; bounded, since what was abandoned may take longer than anyone wants to wait.
    fn join(self) {
        let deadline = Instant::now() + ABANDONED_WAIT_MAX;
        for thread in self.threads {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(5));
            }
            if !thread.is_finished() {
                warn!(stage = thread.thread().name(), "stage left behind");
            }
        }
    }
}

#[cfg(test)]
mod tests;
