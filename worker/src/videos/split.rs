//! Goes through one video at a time, from its record to its answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use spillway_wire::{Frame, Headers, JobResult, Reason, Stage, TraceParent, Video, topics};
use tokio::runtime::Handle;
use tracing::{info, warn};

use super::answer::{Known, stand_in};
use super::checkpoint::Checkpoint;
use super::look::look;
use super::outbound::{Destination, Outbound, dead_letter_headers};
use super::plan::{Picker, Window, segments, window};
use super::reel::{Blank, Reel};
use super::window::Source;
use super::{Claim, Settings};
use crate::attempts::{ATTEMPTS_MAX, Attempts, JobKey, Lane};
use crate::drain::Stop;
use crate::fetch::{Bounds, Fetcher};
use crate::publish::{Letter, Outbox};
use crate::stats::VideoCounts;
use crate::work::{Failure, Record, now_ms};

/// Longest fetch of a video.
const FETCH_MAX: Duration = Duration::from_secs(30 * 60);
/// How long before a fetch that failed and may pass is tried again, each time; the video's partition waits with it.
const FETCH_WAITS: [Duration; 3] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
];
/// How often it is looked in such a wait whether anybody still wants the video.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A video that is begun.
pub(super) struct Task {
    pub(super) record: Record,
    /// How far an earlier worker came.
    pub(super) checkpoint: Option<Checkpoint>,
}

/// What becomes of it.
pub(super) enum Event {
    /// Everything up to here is acknowledged: text for the commit.
    Reached(String),
    /// Its answer is acknowledged.
    Done,
    /// It is given up: whoever has its partition next goes on from its last checkpoint.
    Abandoned,
}

/// Why work on a video ends before its last segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// Nobody waits for it any more.
    Abandoned,
    /// It is the video's fault, or its origin's.
    Failed(Failure),
    /// It is this worker's fault.
    Unable(String),
}

/// Makes jobs of videos.
pub(super) struct Splitter {
    pub(super) settings: Settings,
    /// Topics of jobs that frames may go to.
    pub(super) jobs: Vec<String>,
    pub(super) results: String,
    pub(super) worker: String,
    pub(super) fetcher: Fetcher,
    pub(super) outbox: Arc<Outbox>,
    pub(super) attempts: Arc<Attempts>,
    pub(super) lane: Lane,
    pub(super) counts: VideoCounts,
    pub(super) stop: Arc<Stop>,
    pub(super) runtime: Handle,
}

/// One video, while it is gone through.
struct Course<'a> {
    splitter: &'a Splitter,
    record: &'a Record,
    video: &'a Video,
    topic: &'a str,
    trace: Option<TraceParent>,
    claim: &'a Claim,
    known: &'a mut Known,
    outbound: Outbound<'a>,
    events: &'a Sender<Event>,
}

// === impl Splitter ===

impl Splitter {
    /// Goes through videos until there are no more.
    pub(super) fn run(self, tasks: &Receiver<Task>, events: &Sender<Event>) {
        for task in tasks {
            let event = self.one(&task, events);
            // The intake is gone only when the process ends.
            let _ = events.send(event);
        }
    }

    fn one(&self, task: &Task, events: &Sender<Event>) -> Event {
        let record = &task.record;
        let claim = Claim::new(Some(record.ticket.assignment.clone()), self.stop.clone());
        let mut known = Known::default();
        let read = Video::decode(&record.value);
        let (video, end) = match read {
            Ok(video) => {
                info!(video = video.id, "video begun");
                let end = self.split(&video, task, &claim, &mut known, events);
                (video, end)
            }
            Err(error) => {
                let message = std::error::Error::source(&error)
                    .map_or_else(|| error.to_string(), |source| format!("{error}: {source}"));
                let failure = Failure::new(Stage::Receive, Reason::InvalidJob, message);
                (stand_in(record, now_ms()), Err(End::Failed(failure)))
            }
        };
        let failure = match end {
            Ok(()) => None,
            Err(End::Failed(failure)) => Some(failure),
            Err(End::Abandoned) => return Event::Abandoned,
            Err(End::Unable(why)) => {
                self.stop.fail(why);
                return Event::Abandoned;
            }
        };
        let total = record.received.elapsed();
        let result = known.result(&video, failure.as_ref(), &self.worker, total, now_ms());
        match self.answer(&video, record, &result, failure.as_ref(), &claim) {
            Ok(()) => Event::Done,
            Err(_) => Event::Abandoned,
        }
    }

    fn split(
        &self,
        video: &Video,
        task: &Task,
        claim: &Claim,
        known: &mut Known,
        events: &Sender<Event>,
    ) -> Result<(), End> {
        let topic = self.topic_of(video)?;
        let mut course = Course {
            splitter: self,
            record: &task.record,
            video,
            topic,
            trace: task.record.trace(),
            claim,
            known,
            outbound: Outbound::new(self.outbox.clone(), claim),
            events,
        };
        course.run(task.checkpoint.as_ref())
    }

    /// The topic that a video's frames go to: only one that this worker reads itself.
    fn topic_of(&self, video: &Video) -> Result<&str, End> {
        let own = &self.jobs;
        let found = match &video.jobs_topic {
            Some(asked) => own.iter().find(|it| *it == asked),
            None => own
                .iter()
                .find(|it| *it == topics::JOBS)
                .or_else(|| own.first()),
        };
        found.map(String::as_str).ok_or_else(|| {
            let message = "field `jobs_topic` names none of this worker's topics of jobs";
            End::Failed(Failure::new(Stage::Receive, Reason::InvalidJob, message))
        })
    }

    /// Writes the video's result, and waits for it.
    fn answer(
        &self,
        video: &Video,
        record: &Record,
        result: &JobResult,
        failure: Option<&Failure>,
        claim: &Claim,
    ) -> Result<(), End> {
        let key = record.key.clone();
        let key = key.unwrap_or_else(|| video.id.clone().into_bytes());
        let mut outbound = Outbound::new(self.outbox.clone(), claim);
        // As with jobs: what nobody can fix by trying again.
        let dead = failure.filter(|it| matches!(it.reason, Reason::InvalidJob | Reason::Crashed));
        if let Some(failure) = dead {
            let (key, origin) = (key.clone(), record.origin());
            outbound.answer(|sent| Letter {
                topic: topics::dead_letters(&self.settings.topic),
                partition: None,
                key,
                value: record.value.clone(),
                headers: dead_letter_headers(record.headers(), failure, &origin),
                sent,
            })?;
        }
        let time = jiff::Timestamp::from_millisecond(result.finished_at_ms).unwrap_or_default();
        let headers =
            Headers::cloud_event(&result.result_id, &self.worker, "result", &time.to_string());
        outbound.answer(|sent| Letter {
            topic: self.results.clone(),
            partition: video.reply_partition,
            key,
            value: result.encode(),
            headers: headers.with_trace(record.trace().as_ref()),
            sent,
        })?;
        outbound.settle()?;
        let reason = failure.map(|it| it.reason);
        self.counts.done(result.outcome, reason);
        let frames: u32 = result.video.iter().flat_map(|it| &it.frames).sum();
        info!(
            video = video.id,
            count = frames,
            reason = reason.map(Reason::as_str),
            error = failure.map(|it| it.message.as_str()),
            elapsed_ms = result.timings_ms.total,
            "video answered"
        );
        Ok(())
    }
}

// === impl Course ===

impl Course<'_> {
    fn run(&mut self, checkpoint: Option<&Checkpoint>) -> Result<(), End> {
        let reel = self.guarded("fetch", Self::fetch)?;
        let (programs, claim) = (&self.splitter.settings.programs, self.claim);
        let (film, length_ms) = self.guarded("look", |_| look(programs, &reel, claim))?;
        self.known.length_ms = length_ms;
        self.known.film = Some(film.clone());
        let mut done = Checkpoint {
            fingerprint: self.fingerprint(&reel),
            ..Checkpoint::default()
        };
        if let Some(earlier) = checkpoint.filter(|it| it.fingerprint == done.fingerprint) {
            info!(
                video = self.video.id,
                segment = earlier.frames.len(),
                "video resumed"
            );
            done = earlier.clone();
        }
        self.known.frames.clone_from(&done.frames);
        self.known.last_ms = done.last_ms;
        let source = Source {
            programs,
            film: &film,
            reel: &reel,
            claim,
        };
        let mut picker = Picker::new(self.video.sampling, done.last_ms);
        let count = segments(self.known.length_ms);
        for segment in done.frames.len() as u32..count {
            let left = self.video.sampling.frames_max.saturating_sub(done.sent());
            let window = window(&self.video.sampling, segment, length_ms);
            if left == 0 && window.is_some() {
                self.known.is_cut = true;
                break;
            }
            self.known.frames.push(0);
            let is_cut = match window {
                None => Ok(false),
                Some(window) => self.guarded(&segment.to_string(), |course| {
                    course.segment(&source, segment, window, left, &mut picker)
                }),
            };
            self.known.last_ms = picker.last_ms();
            self.known.is_cut = is_cut?;
            if self.known.is_cut {
                // No checkpoint says so: who takes over finds it out once more.
                break;
            }
            done.frames.clone_from(&self.known.frames);
            done.last_ms = picker.last_ms();
            // The intake is gone only when the process ends.
            let _ = self.events.send(Event::Reached(done.encode()));
        }
        Ok(())
    }

    /// Works on a part of the video, and says so meanwhile to whoever comes after this process: what ends the process
    /// too often is not begun again.
    ///
    /// By parts: a long video is not to blame for each end of a worker that it outlives.
    fn guarded<T>(
        &mut self,
        part: &str,
        work: impl FnOnce(&mut Self) -> Result<T, End>,
    ) -> Result<T, End> {
        let failed =
            |reason, message: &str| Err(End::Failed(Failure::new(Stage::Decode, reason, message)));
        let now = now_ms();
        if self
            .video
            .deadline_ms
            .is_some_and(|deadline| now >= deadline)
        {
            let message = "the deadline passed before the video was done";
            return failed(Reason::DeadlineExceeded, message);
        }
        let (splitter, ticket) = (self.splitter, &self.record.ticket);
        let group = format!("{}/{part}", splitter.settings.group);
        let key = JobKey::new(&group, &ticket.assignment.partition, ticket.offset);
        if splitter.attempts.of(key) >= ATTEMPTS_MAX {
            splitter.attempts.settled(key);
            let message = format!("the worker ended {ATTEMPTS_MAX} times while it worked on it");
            return failed(Reason::Crashed, &message);
        }
        let worked = splitter.lane.during(key, || work(self));
        if !matches!(worked, Err(End::Abandoned)) {
            splitter.attempts.settled(key);
        }
        worked
    }

    /// Of which file of which video a checkpoint is.
    fn fingerprint(&self, reel: &Reel) -> [u8; 8] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(reel.blake3.as_bytes());
        hasher.update(self.video.id.as_bytes());
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        first
    }

    /// The file, tried again while that may help.
    fn fetch(&mut self) -> Result<Reel, End> {
        let began = Instant::now();
        let mut waits = FETCH_WAITS.iter();
        let reel = loop {
            let failure = match self.fetch_once() {
                Ok(reel) => break reel,
                Err(failure) => failure,
            };
            if self.claim.is_over() {
                return Err(End::Abandoned);
            }
            let Some(wait) = waits.next().filter(|_| failure.reason.is_retryable()) else {
                return Err(End::Failed(failure));
            };
            warn!(
                video = self.video.id,
                reason = failure.reason.as_str(),
                error = failure.message,
                "fetch of a video failed, it is tried again"
            );
            let until = Instant::now() + *wait;
            while Instant::now() < until {
                if self.claim.is_over() {
                    return Err(End::Abandoned);
                }
                std::thread::sleep(LOOK_EVERY);
            }
        };
        self.known.fetching = began.elapsed();
        self.known.blake3 = reel.blake3.to_hex().to_string();
        self.known.bytes = reel.bytes;
        Ok(reel)
    }

    fn fetch_once(&self) -> Result<Reel, Failure> {
        let splitter = self.splitter;
        let unkept = |error: std::io::Error| {
            let message = format!("this worker has no room for a video: {}", error.kind());
            Failure::new(Stage::Fetch, Reason::FetchFailed, message)
        };
        let left_ms = self
            .video
            .deadline_ms
            .map(|deadline| deadline.saturating_sub(now_ms()));
        let left = left_ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
        let bounds = Bounds {
            bytes: splitter.settings.bytes_max,
            time: left.map_or(FETCH_MAX, |left| left.min(FETCH_MAX)),
        };
        let mut blank = Blank::new(&splitter.settings.folder, self.claim).map_err(unkept)?;
        let fetch = splitter
            .fetcher
            .fetch_to(&self.video.video, bounds, &mut blank);
        splitter.runtime.block_on(fetch)?;
        blank.finish().map_err(unkept)
    }

    /// Sends the frames of a segment, and waits until all are acknowledged. Returns whether there are more than may be.
    fn segment(
        &mut self,
        source: &Source<'_>,
        segment: u32,
        window: Window,
        left: u32,
        picker: &mut Picker,
    ) -> Result<bool, End> {
        let began = Instant::now();
        let length_ms = self.known.length_ms;
        let destination = Destination {
            topic: self.topic,
            worker: &self.splitter.worker,
            trace: self.trace.as_ref(),
        };
        let (video, counts) = (self.video, &self.splitter.counts);
        let (outbound, frames) = (&mut self.outbound, &mut self.known.frames);
        let mut send = |at_ms, jpeg| {
            let frame = Frame {
                video_id: video.id.clone(),
                segment,
                at_ms,
                duration_ms: Some(length_ms),
            };
            outbound.frame(video, frame, jpeg, &destination)?;
            counts.frames_sent.inc();
            if let Some(number) = frames.last_mut() {
                *number += 1;
            }
            Ok(())
        };
        let sent = source.frames(window, picker, left, &mut send);
        let settled = self.outbound.settle();
        self.known.decoding += began.elapsed();
        let is_cut = sent?;
        settled?;
        let looked_at = window.to_ms.min(length_ms).saturating_sub(window.from_ms);
        self.splitter
            .counts
            .seconds_gone
            .inc_by(looked_at as f64 / 1e3);
        Ok(is_cut)
    }
}
