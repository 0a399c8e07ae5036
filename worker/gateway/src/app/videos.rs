//! From a request to a video that Kafka has, and what is known of it later.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use spillway_wire::{ImageSource, Sampling, TraceParent, Video};
use tokio::sync::Semaphore;
use tracing::warn;

use super::accept::{Claim, hash_of};
use super::{App, now_ms};
use crate::answer::Answer;
use crate::ids::{FrameAt, Handle, Ids, Wants};
use crate::problem::{Cause, Problem, chain};
use crate::quota::Permit;
use crate::store::StoreError;
use crate::tenants::Tenant;
use crate::video::{FrameView, Look, Own, SeenFrames, State};
use crate::webhook::Hook;

/// Longest time that a request adds up a video's frames: what is left is done by the next one.
pub(crate) const LOOK_MAX: Duration = Duration::from_secs(5);
/// Most bytes of results that one page is made of; the frame that goes beyond them ends it.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How videos are taken.
pub(crate) struct Videos {
    pub(crate) topic: String,
    /// Largest file that is uploaded.
    pub(crate) upload_bytes_max: u64,
    /// A place for each upload that is on its way.
    pub(crate) uploads: Arc<Semaphore>,
}

/// A video that is asked about.
pub(crate) struct VideoAsk {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) video: ImageSource,
    /// What makes it the same video: its address, or the hash of a file that came with the request.
    pub(crate) identity: String,
    pub(crate) sampling: Sampling,
    pub(crate) wants: Wants,
    /// Most entries per kind and frame.
    pub(crate) max_results: u32,
    pub(crate) deadline: Duration,
    pub(crate) idempotency_key: Option<String>,
    /// Whether the tenant's webhook is to be told when it is done.
    pub(crate) notify: bool,
    pub(crate) trace: Option<TraceParent>,
}

impl App {
    /// Lets a video in, as one image: how many frames it has nobody knows yet.
    ///
    /// # Errors
    /// As `admit` has them.
    pub(crate) fn admit_video(&self, tenant: &Tenant) -> Result<Permit, Problem> {
        self.admit(tenant, 1, tenant.deadline)
    }

    /// Accepts a video that was let in: when this returns, Kafka has it. Says whether it is no repeat.
    ///
    /// # Errors
    /// With what the client can do about it; then nothing was accepted.
    pub(crate) async fn accept_video(
        &self,
        videos: &Videos,
        ask: &VideoAsk,
    ) -> Result<(Handle, bool), Problem> {
        self.check(&ask.tenant, ask.wants, ask.notify)?;
        let tenant = ask.tenant.name.as_str();
        let key = ask.idempotency_key.as_deref();
        let handle = self.ids.video(tenant, now_ms(), ask.wants, ask.notify);
        let claim = Claim {
            tenant,
            key,
            handle,
            digest: key.map(|_| digest(ask)).unwrap_or_default(),
            read: Ids::read_video,
        };
        let identity = self.identify(claim).await?;
        let handle = identity.handle.clone();
        if !identity.is_sent() {
            if handle.notifies {
                // Before anybody can answer; without an answer nothing is told.
                self.store.put_hook(&Hook::first(&handle), tenant).await?;
            }
            let video = self.video_of(ask, &handle);
            let sent = self
                .jobs
                .send_video(&videos.topic, &video, ask.trace.as_ref());
            sent.await.map_err(|error| {
                warn!(topic = videos.topic, error = %chain(&error), "video not accepted");
                Problem::unavailable("Kafka did not take the request; it is safe to repeat it")
            })?;
            self.note_sent(&identity).await;
        }
        if !identity.is_repeat {
            self.metrics.video_accepted(tenant);
        }
        Ok((handle, !identity.is_repeat))
    }

    fn video_of(&self, ask: &VideoAsk, handle: &Handle) -> Video {
        let deadline_ms = i64::try_from(ask.deadline.as_millis()).unwrap_or(i64::MAX / 2);
        Video {
            tenant: ask.tenant.name.clone(),
            deadline_ms: Some(handle.made_at_ms.saturating_add(deadline_ms)),
            sampling: ask.sampling,
            features: ask.wants.iter().collect(),
            max_results: ask.max_results,
            jobs_topic: Some(self.topic(&ask.tenant)),
            reply_partition: self.reply_partition(),
            ..Video::new(handle.as_str(), handle.made_at_ms, ask.video.clone())
        }
    }

    /// The handle of a tenant's video.
    ///
    /// # Errors
    /// `NoSuchVideo` if it is not the tenant's or has expired.
    pub(crate) fn video(&self, tenant: &str, id: &str, now_ms: i64) -> Result<Handle, Problem> {
        let handle = self.ids.read_video(tenant, id);
        let kept = handle.filter(|handle| self.is_kept(handle, now_ms));
        kept.ok_or_else(|| {
            let detail = "there is no such video, or it has expired";
            Problem::new(Cause::NoSuchVideo, detail)
        })
    }

    /// Looks at a video, and adds up what can be, for about as long as `longest`.
    pub(crate) async fn look_at_video(
        &self,
        handle: &Handle,
        longest: Duration,
    ) -> Result<Look, StoreError> {
        let until = Instant::now() + longest;
        let mut state = self.store.video_state(handle).await?;
        if let Some(progress) = state.ended.clone() {
            return Ok(Look { state, progress });
        }
        let before = state.next;
        if state.own.is_none() {
            state.own = self.store.own(handle).await?.map(Own::of);
        }
        let seen = self.store.seen_frames(handle, state.next).await?;
        self.add_up(handle, &mut state, &seen, until).await?;
        let duration_ms = match state.own {
            Some(_) => None,
            None => self.duration_ms(handle, &seen).await?,
        };
        let progress = state.progress(&seen, handle.wants, duration_ms);
        if state.is_done || state.next > before {
            state.ended = state.is_done.then(|| progress.clone());
            self.store.put_video_state(handle, &state).await?;
        }
        Ok(Look { state, progress })
    }

    /// Adds up the segments that have all their answers, one after the other, until the time is over.
    async fn add_up(
        &self,
        handle: &Handle,
        state: &mut State,
        seen: &SeenFrames,
        until: Instant,
    ) -> Result<(), StoreError> {
        let Some(own) = state.own.clone() else {
            return Ok(());
        };
        let Some(info) = own.made() else {
            state.is_done = true;
            return Ok(());
        };
        let (from, ready) = (state.next, state.ready(info, seen, handle.wants));
        let end = from + ready;
        let wanted = (from..end).filter(|segment| has_frames(info, *segment));
        let frames = self.store.frames(handle, wanted, false, |_| true);
        let mut frames = std::pin::pin!(frames);
        while let Some(frame) = frames.try_next().await? {
            let FrameAt { segment, .. } = frame.at;
            // Only whole segments count: the next look begins with this one.
            if segment > state.next {
                state.next = segment;
                if Instant::now() >= until {
                    return Ok(());
                }
            }
            let view = Answer::of_one(handle.wants, frame.results);
            state.tally.add(frame.at, &view);
            state.answered += 1;
        }
        state.next = end;
        state.is_done = usize::try_from(end).is_ok_and(|end| end >= info.frames.len());
        Ok(())
    }

    /// A video's length, as a frame says it that has its answer.
    async fn duration_ms(
        &self,
        handle: &Handle,
        seen: &SeenFrames,
    ) -> Result<Option<u64>, StoreError> {
        let Some((at, _)) = seen.last_key_value() else {
            return Ok(None);
        };
        let frames = self
            .store
            .frames(handle, [at.segment], false, |it| it == *at);
        let frame = std::pin::pin!(frames).try_next().await?;
        let results = frame.map(|frame| frame.results).unwrap_or_default();
        let durations = results.into_iter().filter_map(|it| it.frame?.duration_ms);
        Ok(durations.max())
    }

    /// A page of a video's frames that have an answer, and whether there are more.
    ///
    /// `after` is the last frame of the page before.
    pub(crate) async fn frames_of_video(
        &self,
        handle: &Handle,
        after: Option<FrameAt>,
        backwards: bool,
        size: usize,
    ) -> Result<(Vec<FrameView>, bool), StoreError> {
        let is_next = move |at: FrameAt| match (after, backwards) {
            (None, _) => true,
            (Some(after), false) => at > after,
            (Some(after), true) => at < after,
        };
        let mut segments = self.store.segments(handle).await?;
        segments.retain(|segment| match (after, backwards) {
            (None, _) => true,
            (Some(after), false) => *segment >= after.segment,
            (Some(after), true) => *segment <= after.segment,
        });
        if backwards {
            segments.reverse();
        }
        let frames = self.store.frames(handle, segments, backwards, is_next);
        let mut frames = std::pin::pin!(frames);
        let (mut page, mut bytes) = (Vec::new(), 0);
        while let Some(frame) = frames.try_next().await? {
            if page.len() >= size || bytes >= PAGE_BYTES_MAX {
                return Ok((page, true));
            }
            bytes += frame.bytes;
            page.push(FrameView {
                at_ms: frame.at.at_ms,
                segment: frame.at.segment,
                answer: Answer::of_one(handle.wants, frame.results),
            });
        }
        Ok((page, false))
    }
}

fn has_frames(info: &spillway_wire::VideoInfo, segment: u32) -> bool {
    let index = usize::try_from(segment).unwrap_or(usize::MAX);
    info.frames.get(index).is_some_and(|frames| *frames > 0)
}

/// Of everything that makes the request, so that a key is not used for another one.
fn digest(ask: &VideoAsk) -> String {
    let VideoAsk {
        sampling, wants, ..
    } = ask;
    hash_of([
        b"video".to_vec(),
        ask.identity.clone().into_bytes(),
        format!("{sampling:?} {wants:?}").into_bytes(),
        ask.max_results.to_le_bytes().to_vec(),
        ask.deadline.as_millis().to_le_bytes().to_vec(),
        vec![u8::from(ask.notify)],
    ])
}
