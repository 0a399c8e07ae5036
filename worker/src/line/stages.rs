//! What fetch, decode and batch do with each job.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use futures::FutureExt as _;
use spillway_wire::{ImageSource, Job, Reason, Stage};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tracing::{debug, error, warn};

use crate::attempts::{ATTEMPTS_MAX, Lane};
use crate::batch::{BatchLimits, Batcher};
use crate::content::ContentCache;
use crate::crash::{self, Step};
use crate::decode::Decoder;
use crate::fetch::Fetcher;
use crate::models::Serving;
use crate::spans::JobTrace;
use crate::stats::Stats;
use crate::work::{
    Ending, Failure, Fetched, Framed, Record, Spent, Stint, Wants, Work, feature_name, now_ms,
};

/// How long a fetch may take, wherever from; the fetcher has its own, shorter limit for what comes over http.
const FETCH_MAX: Duration = Duration::from_secs(60);
/// Most records that are taken from the consumer in one go.
const READ_AT_ONCE: usize = 64;

/// Reads records and gets their images.
pub(super) struct Fetch {
    pub(super) fetcher: Fetcher,
    pub(super) features: Wants,
    /// The consumer group, as traces say it.
    pub(super) group: String,
    /// Longest time of a job.
    pub(super) job_max: Duration,
    /// One for each file that is being fetched or waits for a decoder.
    pub(super) places: Arc<Semaphore>,
    pub(super) fetched: Sender<Fetched>,
    pub(super) endings: Sender<Ending>,
    pub(super) stats: Arc<Stats>,
}

/// Makes frames on one thread.
pub(super) struct Decode {
    pub(super) decoder: Decoder,
    pub(super) lane: Lane,
    pub(super) content: Arc<ContentCache>,
    pub(super) serving: Arc<Serving>,
    pub(super) framed: Sender<Framed>,
    pub(super) endings: Sender<Ending>,
}

// === impl Fetch ===

impl Fetch {
    /// Fetches until there are no more records.
    pub(super) async fn run(self: Arc<Self>, mut records: mpsc::Receiver<Record>) {
        let mut some = Vec::with_capacity(READ_AT_ONCE);
        while records.recv_many(&mut some, READ_AT_ONCE).await > 0 {
            for record in some.drain(..) {
                if !record.ticket.assignment.is_revoked() {
                    self.clone().take(record).await;
                }
            }
        }
    }

    /// Hands an image that came with its job on; begins to fetch any other, once there is a place.
    async fn take(self: Arc<Self>, record: Record) {
        let mut work = match self.read(record) {
            Ok(work) => work,
            Err(ending) => return self.end(ending),
        };
        let nowhere = ImageSource::Inline(Vec::new());
        let source = match std::mem::replace(&mut work.job.image, nowhere) {
            ImageSource::Inline(bytes) => return self.have(work, bytes, None),
            source @ (ImageSource::Uri(_) | ImageSource::Object(_)) => source,
        };
        let Ok(place) = self.places.clone().acquire_owned().await else {
            return;
        };
        tokio::spawn(async move {
            if work.is_revoked() {
                return;
            }
            match self.fetch(work, source).await {
                Ok((work, bytes)) => self.have(work, bytes, Some(place)),
                Err(ending) => self.end(*ending),
            }
        });
    }

    /// Reads a record: work, or its ending where there is nothing to do.
    fn read(&self, record: Record) -> Result<Box<Work>, Ending> {
        let job = Job::decode(&record.value);
        let (job, error) = match job {
            Ok(job) => (job, None),
            Err(error) => (stand_in(&record), Some(error)),
        };
        let features = self.features;
        let job_max = i64::try_from(self.job_max.as_millis()).unwrap_or(i64::MAX);
        let until_ms = now_ms().saturating_add(job_max);
        let trace = JobTrace::begin(&record, &job.id, &self.group);
        let work = Box::new(Work {
            record,
            until_ms: job.deadline_ms.map_or(until_ms, |own| own.min(until_ms)),
            job,
            image: None,
            model_set: None,
            spent: Spent::default(),
            trace,
        });
        if let Some(error) = error {
            let message = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
            let failure = Failure::new(Stage::Receive, Reason::InvalidJob, message);
            return Err(work.fail(failure));
        }
        if work.record.attempts >= ATTEMPTS_MAX {
            let message = format!("the worker ended {ATTEMPTS_MAX} times while it worked on it");
            let failure = Failure::new(Stage::Receive, Reason::Crashed, message);
            return Err(work.fail(failure));
        }
        if work.is_over(now_ms()) {
            return Err(work.expire(Stage::Receive));
        }
        let wants = wants(&work.job, features);
        if wants.and(features).is_empty() {
            let names: Vec<&str> = wants.iter().map(feature_name).collect();
            let message = format!("this worker's models do not find {}", names.join(", "));
            let failure = Failure::new(Stage::Receive, Reason::UnsupportedFeature, message);
            return Err(work.fail(failure));
        }
        Ok(work)
    }

    async fn fetch(
        &self,
        mut work: Box<Work>,
        source: ImageSource,
    ) -> Result<(Box<Work>, Vec<u8>), Box<Ending>> {
        let left = u64::try_from(work.until_ms - now_ms()).unwrap_or(0);
        let left = Duration::from_millis(left).min(FETCH_MAX);
        let began = Instant::now();
        let fetched = whatever_comes(self.fetcher.fetch(source, left), left).await;
        work.spent.fetch = Stint::since(began);
        match fetched {
            Ok(bytes) => Ok((work, bytes)),
            Err(_) if work.is_over(now_ms()) => Err(Box::new(work.expire(Stage::Fetch))),
            Err(failure) => {
                debug!(
                    job = work.job.id,
                    reason = failure.reason.as_str(),
                    "fetch failed"
                );
                Err(Box::new(work.fail(failure)))
            }
        }
    }

    // Neither channel is ever full; they close only when the process ends.

    fn have(&self, work: Box<Work>, bytes: Vec<u8>, place: Option<OwnedSemaphorePermit>) {
        self.stats.fetched(bytes.len());
        let _ = self.fetched.send(Fetched { work, bytes, place });
    }

    fn end(&self, ending: Ending) {
        let _ = self.endings.send(ending);
    }
}

/// What comes of a fetch, even if it never ends or panics: its job must end all the same.
async fn whatever_comes<T>(
    fetch: impl Future<Output = Result<T, Failure>>,
    time: Duration,
) -> Result<T, Failure> {
    let caught = AssertUnwindSafe(fetch).catch_unwind();
    match tokio::time::timeout(time, caught).await {
        Ok(Ok(fetched)) => fetched,
        Ok(Err(_)) => {
            warn!("a fetch panicked");
            let message = "the fetch gave up";
            Err(Failure::new(Stage::Fetch, Reason::FetchFailed, message))
        }
        Err(_) => {
            let message = "the image took too long in all";
            Err(Failure::new(Stage::Fetch, Reason::FetchTimeout, message))
        }
    }
}

/// What a record that is no job is called in its result.
fn stand_in(record: &Record) -> Job {
    let key = record
        .key
        .as_deref()
        .and_then(|key| std::str::from_utf8(key).ok());
    let id = match key {
        Some(key) if !key.is_empty() && key.len() <= 256 => key.to_owned(),
        _ => record.origin(),
    };
    let created_at_ms = record.at_ms.unwrap_or_else(now_ms);
    Job::new(id, created_at_ms, ImageSource::Inline(Vec::new()))
}

/// What a job asks for; nothing named means everything there is.
fn wants(job: &Job, features: Wants) -> Wants {
    if job.features.is_empty() {
        features
    } else {
        Wants::of(job.features.iter().copied())
    }
}

// === impl Decode ===

impl Decode {
    /// Decodes until there is nothing more; a decoded image waits until the batcher has room for it.
    ///
    /// # Panics
    /// If no process for decoding can be had: what needs one must not be decoded without.
    pub(super) fn run(&mut self, fetched: &Receiver<Fetched>, features: Wants) {
        if let Err(error) = self.decoder.prepare() {
            error!(%error, "decoder did not start");
            panic!("no process for decoding can be started: {error}");
        }
        for fetched in fetched {
            if !fetched.work.is_revoked() {
                self.one(fetched, features);
            }
        }
    }

    fn one(&mut self, fetched: Fetched, features: Wants) {
        let Fetched {
            mut work,
            bytes,
            place,
        } = fetched;
        // The ends of both channels go away only when the process does.
        if work.is_over(now_ms()) {
            let _ = self.endings.send(work.expire(Stage::Decode));
            return;
        }
        let began = Instant::now();
        let wants = wants(&work.job, features);
        let kept = self.content.find(&bytes, wants, || self.serving.digest());
        if let Some((image, found, model_set)) = kept {
            work.image = Some(image);
            work.model_set = Some(model_set);
            work.spent.decode = Stint::since(began);
            let _ = self.endings.send(Ending {
                work,
                found: Ok(found),
                lacking: wants.without(features),
            });
            return;
        }
        let job = std::iter::once(work.record.job);
        let decoded = self.lane.at(job, || self.decoder.decode(&bytes));
        drop((bytes, place));
        work.spent.decode = Stint::since(began);
        crash::point(Step::Decoded);
        match decoded {
            Ok(picture) => {
                work.image = Some(picture.info);
                let frame = picture.frame;
                let _ = self.framed.send(Framed { work, frame, wants });
            }
            Err(failure) => {
                debug!(
                    job = work.job.id,
                    reason = failure.reason.as_str(),
                    "decode failed"
                );
                let _ = self.endings.send(work.fail(failure));
            }
        }
    }
}

/// Makes batches until there is nothing more.
pub(super) fn batch(
    framed: &Receiver<Framed>,
    batches: &Sender<Vec<Framed>>,
    serving: &Serving,
    limits: BatchLimits,
) {
    let mut batcher = Batcher::new(limits);
    // Fails only when the process ends.
    let send = |batch: Vec<Framed>| {
        let _ = batches.send(batch);
    };
    loop {
        let received = match batcher.deadline() {
            Some(deadline) => framed.recv_deadline(deadline),
            None => framed.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match received {
            Ok(framed) => {
                let cost_us = serving.costs().of(framed.wants);
                if let Some(full) = batcher.push(Instant::now(), framed, cost_us) {
                    send(full);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let rest = batcher.take();
                if !rest.is_empty() {
                    send(rest);
                }
                return;
            }
        }
        if let Some(due) = batcher.due(Instant::now()) {
            send(due);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fetch_that_panics_or_never_ends_is_a_failure_like_any_other() {
        let time = Duration::from_secs(60);
        let reason = |fetched: Result<(), Failure>| fetched.unwrap_err().reason;
        let panics = async { panic!("a bug") };
        assert_eq!(
            reason(whatever_comes(panics, time).await),
            Reason::FetchFailed
        );
        let (hangs, short) = (std::future::pending(), Duration::from_millis(10));
        assert_eq!(
            reason(whatever_comes(hangs, short).await),
            Reason::FetchTimeout
        );
        let ends = std::future::ready(Ok(()));
        assert_eq!(whatever_comes(ends, time).await, Ok(()));
    }
}
