//! A video: what was made of it, how far it is, what its frames show.
//!
//! ```text
//! frames' results ─▶ store ─┐
//! the video's result ─▶ store ─┴─▶ State: segment after segment into the Tally ─▶ done: one object to read
//! ```
//!
//! A segment is added up once all of its frames have their answer, in its turn; the state is kept after each look, so
//! that no look does again what another has done. Two that look at the same time write the same.

mod seen;
mod tally;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use spillway_wire::{JobError, JobResult, Outcome, VideoInfo};
use utoipa::ToSchema;

use crate::answer::ImageView;
use crate::ids::{FrameAt, Handle, Wants};

pub(crate) use tally::{Summary, Tally};

/// What is known of a video, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// What the video's own result says; none before it came.
    pub(crate) own: Option<Own>,
    /// The first segment that is not added up.
    pub(crate) next: u32,
    /// Frames of the segments before it.
    pub(crate) answered: u32,
    pub(crate) tally: Tally,
    pub(crate) is_done: bool,
    /// How far it was when it ended.
    pub(crate) ended: Option<Progress>,
}

/// What a video's own result says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Own {
    outcome: Outcome,
    info: Option<VideoInfo>,
    error: Option<JobError>,
}

/// Frames of which there is a result, and the subsets that answered.
pub(crate) type SeenFrames = BTreeMap<FrameAt, Wants>;

/// A look at a video.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) state: State,
    pub(crate) progress: Progress,
}

/// A video as far as it is answered.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VideoView {
    /// The video's id, for `GET /v1/videos/{id}`.
    pub(crate) id: String,
    /// When it was accepted, milliseconds since the Unix epoch.
    created_at_ms: i64,
    /// Whether it has ended: then there is either `error` or `response`.
    pub(crate) done: bool,
    progress: Progress,
    /// Why nothing was made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JobError>,
    /// What it shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<VideoAnswer>,
    /// Frames that have an answer, where the request asks for them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) frames: Option<Vec<FrameView>>,
    /// Where the next page begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_page_token: Option<String>,
}

/// How far a video is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Progress {
    /// Frames that all models have answered.
    pub(crate) frames_answered: u32,
    /// How many there are; null until the last of them is sent.
    pub(crate) frames: Option<u32>,
    /// When the last frame with an answer is shown.
    pub(crate) position_ms: u64,
    /// Length of the video; null where it is not known.
    pub(crate) duration_ms: Option<u64>,
    /// How much of it is done, 0..1; null where nothing is known of it.
    pub(crate) share: Option<f64>,
}

/// What was found in a video.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VideoAnswer {
    video: VideoInfo,
    summary: Summary,
    /// Why a part of it was not looked at; null where nothing is missing.
    partial: Option<JobError>,
}

/// What is known of one frame.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FrameView {
    /// When it is shown, milliseconds from the video's beginning.
    pub(crate) at_ms: u64,
    /// Which segment of the video it is in.
    pub(crate) segment: u32,
    #[serde(flatten)]
    pub(crate) answer: ImageView,
}

// === impl Own ===

impl Own {
    /// Of a video's own result.
    pub(crate) fn of(result: JobResult) -> Self {
        Self {
            outcome: result.outcome,
            info: result.video,
            error: result.error,
        }
    }

    /// What was made of the video, unless it failed.
    pub(crate) fn made(&self) -> Option<&VideoInfo> {
        self.info
            .as_ref()
            .filter(|_| self.outcome != Outcome::Error)
    }
}

/// How many frames were sent.
pub(crate) fn frames_of(info: &VideoInfo) -> u32 {
    let frames = info.frames.iter();
    frames.fold(0, |all, of_segment| all.saturating_add(*of_segment))
}

// === impl State ===

impl State {
    /// How many of the segments from the next one on have all their answers, one after the other.
    pub(crate) fn ready(&self, info: &VideoInfo, seen: &SeenFrames, wants: Wants) -> u32 {
        let mut ready = 0;
        let from = usize::try_from(self.next).unwrap_or(usize::MAX);
        for expected in info.frames.iter().skip(from) {
            let segment = self.next + ready;
            if covered(seen, segment, wants) < *expected {
                break;
            }
            ready += 1;
        }
        ready
    }

    /// How far it is, with the frames seen of the segments that are not added up.
    pub(crate) fn progress(
        &self,
        seen: &SeenFrames,
        wants: Wants,
        duration_ms: Option<u64>,
    ) -> Progress {
        let later = seen.range(first_of(self.next)..);
        let mut later = later.filter(|(_, answered)| answered.contains(wants));
        let count = u32::try_from(later.clone().count()).unwrap_or(u32::MAX);
        let info = self.own.as_ref().and_then(|own| own.info.as_ref());
        let frames = info.map(frames_of);
        let duration_ms = info.map(|info| info.duration_ms).or(duration_ms);
        let frames_answered = self.answered.saturating_add(count);
        let position_ms = later.next_back().map(|(at, _)| at.at_ms);
        let position_ms = position_ms.unwrap_or_else(|| self.tally.last_at_ms());
        Progress {
            frames_answered,
            frames,
            position_ms,
            duration_ms,
            share: share(
                self.is_done,
                (frames_answered, frames),
                (position_ms, duration_ms),
            ),
        }
    }
}

fn share(is_done: bool, frames: (u32, Option<u32>), time: (u64, Option<u64>)) -> Option<f64> {
    let share = match (frames, time) {
        _ if is_done => return Some(1.0),
        ((answered, Some(all)), _) if all > 0 => f64::from(answered) / f64::from(all),
        ((_, None), (position, Some(duration))) if duration > 0 => {
            position as f64 / duration as f64
        }
        _ => return None,
    };
    Some(share.clamp(0.0, 1.0))
}

fn first_of(segment: u32) -> FrameAt {
    FrameAt { segment, at_ms: 0 }
}

/// Frames of a segment that the subsets asked for have answered.
fn covered(seen: &SeenFrames, segment: u32, wants: Wants) -> u32 {
    let of_segment = seen.range(first_of(segment)..first_of(segment.saturating_add(1)));
    let covered = of_segment.filter(|(_, answered)| answered.contains(wants));
    u32::try_from(covered.count()).unwrap_or(u32::MAX)
}

// === impl VideoView ===

impl VideoView {
    /// A video of which nothing is known yet.
    pub(crate) fn begun(handle: &Handle) -> Self {
        let look = Look {
            state: State::default(),
            progress: Progress::default(),
        };
        Self::of(handle, look)
    }

    /// What a look showed.
    pub(crate) fn of(handle: &Handle, look: Look) -> Self {
        let Look { state, progress } = look;
        let mut view = Self {
            id: handle.as_str().to_owned(),
            created_at_ms: handle.made_at_ms,
            done: state.is_done,
            progress,
            error: None,
            response: None,
            frames: None,
            next_page_token: None,
        };
        let Some(own) = state.own.filter(|_| state.is_done) else {
            return view;
        };
        let is_failed = own.made().is_none();
        match own.info.filter(|_| !is_failed) {
            Some(video) => {
                view.response = Some(VideoAnswer {
                    video,
                    summary: state.tally.summary(),
                    partial: own.error,
                });
            }
            None => view.error = own.error,
        }
        view
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use spillway_wire::{Feature, VIDEO_SUBSET};

    use super::*;
    use crate::answer::tests::result;
    use crate::ids::Ids;

    /// A video's own result with so many frames in each segment.
    pub(crate) fn own_result(id: &str, frames: &[u32], outcome: Outcome) -> JobResult {
        let mut own = result(id, VIDEO_SUBSET, outcome);
        own.labels.clear();
        own.video = (outcome != Outcome::Error).then(|| VideoInfo {
            width: 1920,
            height: 1080,
            duration_ms: 60_000 * frames.len() as u64,
            blake3: "0".repeat(64),
            format: "mov,mp4/h264".into(),
            bytes: 9,
            frames: frames.to_vec(),
            segment_ms: 60_000,
            is_cut: false,
        });
        own
    }

    fn state(frames: &[u32], outcome: Outcome) -> State {
        State {
            own: Some(Own::of(own_result("v", frames, outcome))),
            ..State::default()
        }
    }

    #[test]
    fn a_segment_is_ready_when_every_frame_has_all_that_was_asked_for() {
        let (humans, both) = (
            Wants::of([Feature::Humans]),
            Wants::of([Feature::Humans, Feature::Brands]),
        );
        let state = state(&[2, 0, 1, 1], Outcome::Success);
        let info = state.own.as_ref().unwrap().made().unwrap();
        let mut seen = SeenFrames::new();
        let mut see = |segment: u32, second: u64, answered: Wants| {
            let at_ms = u64::from(segment) * 60_000 + second * 1_000;
            seen.insert(FrameAt { segment, at_ms }, answered);
            let progress = state.progress(&seen, both, None);
            (state.ready(info, &seen, both), progress.frames_answered)
        };
        assert_eq!(see(0, 0, both), (0, 1));
        assert_eq!(see(2, 1, both), (0, 2), "not in its turn");
        assert_eq!(see(0, 1, humans), (0, 2));
        assert_eq!(see(0, 1, both), (3, 3), "an empty segment holds nothing up");
        let progress = state.progress(&seen, both, None);
        assert_eq!(progress.frames, Some(4));
        assert_eq!(progress.position_ms, 121_000);
        assert_eq!(progress.duration_ms, Some(240_000));
        assert_eq!(progress.share, Some(0.75));
    }

    #[test]
    fn while_frames_are_sent_the_position_says_how_far_it_is() {
        let wants = Wants::of([Feature::Humans]);
        let state = State::default();
        let at = FrameAt {
            segment: 0,
            at_ms: 30_000,
        };
        let seen = SeenFrames::from([(at, wants)]);
        let progress = state.progress(&seen, wants, Some(120_000));
        assert_eq!((progress.frames, progress.share), (None, Some(0.25)));
        let blind = state.progress(&seen, wants, None);
        assert_eq!(blind.share, None, "unknown is not zero");
    }

    #[test]
    fn what_has_ended_has_either_an_error_or_a_response() {
        let handle = Ids::new(b"s").video("acme", 1, Wants::default(), false);
        for (outcome, is_done, expected) in [
            (Outcome::Success, false, (false, false)),
            (Outcome::Success, true, (false, true)),
            (Outcome::Partial, true, (false, true)),
            (Outcome::Error, true, (true, false)),
        ] {
            let state = State {
                is_done,
                ..state(&[1], outcome)
            };
            let progress = Progress::default();
            let view = VideoView::of(&handle, Look { state, progress });
            assert_eq!(view.done, is_done);
            assert_eq!((view.error.is_some(), view.response.is_some()), expected);
            let partial = view.response.and_then(|it| it.partial);
            assert_eq!(partial.is_some(), outcome == Outcome::Partial);
        }
    }
}
