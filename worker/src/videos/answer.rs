//! The answer to a video itself: a result under its id that no model gives. Pure.

use std::time::Duration;

use spillway_wire::{
    ImageSource, JobResult, Outcome, SCHEMA, TimingsMs, UnixMs, VIDEO_SUBSET, Video, VideoInfo,
    result_id,
};

use super::plan::SEGMENT_MS;
use super::probe::Film;
use crate::work::{Failure, Record};

/// What is known of a video, more and more of it.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) film: Option<Film>,
    pub(super) blake3: String,
    pub(super) bytes: u64,
    pub(super) length_ms: u64,
    /// Frames sent, by segment.
    pub(super) frames: Vec<u32>,
    /// When the last one is shown.
    pub(super) last_ms: Option<u64>,
    pub(super) is_cut: bool,
    pub(super) fetching: Duration,
    pub(super) decoding: Duration,
}

// === impl Known ===

impl Known {
    /// What is said of it; none before it could be read. `is_whole`: nothing failed.
    fn info(&self, is_whole: bool) -> Option<VideoInfo> {
        let film = self.film.as_ref()?;
        Some(VideoInfo {
            width: film.width,
            height: film.height,
            duration_ms: match is_whole && !self.is_cut {
                true => self.length_ms,
                false => self.last_ms.unwrap_or(0).min(self.length_ms),
            },
            blake3: self.blake3.clone(),
            format: film.format(),
            bytes: self.bytes,
            frames: self.frames.clone(),
            segment_ms: SEGMENT_MS as u32,
            is_cut: self.is_cut,
        })
    }

    /// The video's result. A failure after some frames were sent leaves those: it is partial.
    pub(super) fn result(
        &self,
        video: &Video,
        failure: Option<&Failure>,
        worker: &str,
        total: Duration,
        now_ms: UnixMs,
    ) -> JobResult {
        let has_frames = self.frames.iter().any(|frames| *frames > 0);
        let outcome = match failure {
            None => Outcome::Success,
            Some(_) if has_frames => Outcome::Partial,
            Some(_) => Outcome::Error,
        };
        let ms = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        JobResult {
            schema: SCHEMA,
            result_id: result_id(&video.id, ""),
            job_id: video.id.clone(),
            tenant: video.tenant.clone(),
            subset: VIDEO_SUBSET.to_owned(),
            model_set: String::new(),
            worker: worker.to_owned(),
            outcome,
            image: None,
            frame: None,
            video: match outcome {
                Outcome::Success | Outcome::Partial => self.info(failure.is_none()),
                Outcome::Error => None,
            },
            labels: Vec::new(),
            faces: Vec::new(),
            logos: Vec::new(),
            objects: Vec::new(),
            error: failure.map(Failure::to_wire),
            timings_ms: TimingsMs {
                fetch: ms(self.fetching),
                decode: ms(self.decoding),
                queue: 0,
                infer: 0,
                total: ms(total),
            },
            created_at_ms: video.created_at_ms,
            finished_at_ms: now_ms,
        }
    }
}

/// What a record that is no video is called in its result.
pub(super) fn stand_in(record: &Record, now_ms: UnixMs) -> Video {
    let key = record.key.as_deref();
    let id = match key.and_then(|key| std::str::from_utf8(key).ok()) {
        Some(key) if !key.is_empty() && key.len() <= 256 => key.to_owned(),
        _ => record.origin(),
    };
    let created_at_ms = record.at_ms.unwrap_or(now_ms);
    Video::new(id, created_at_ms, ImageSource::Inline(Vec::new()))
}

#[cfg(test)]
mod tests {
    use spillway_wire::{Reason, Stage};

    use super::super::container::Container;
    use super::*;

    #[test]
    fn what_was_sent_before_a_failure_is_said() {
        let video = Video::new("v", 5, ImageSource::Object("v".into()));
        let failure = Failure::new(Stage::Decode, Reason::CorruptImage, "no");
        let mut known = Known {
            length_ms: 130_000,
            ..Known::default()
        };
        let result = |known: &Known, failure: Option<&Failure>| {
            let result = known.result(&video, failure, "w", Duration::ZERO, 9);
            let said = result.video.map(|it| (it.frames, it.duration_ms));
            (result.outcome, said)
        };
        assert_eq!(result(&known, Some(&failure)), (Outcome::Error, None));
        known.film = Some(Film {
            container: Container::Mov,
            stream: 0,
            codec: "h264".into(),
            width: 4,
            height: 2,
            start_us: 0,
        });
        assert_eq!(result(&known, Some(&failure)), (Outcome::Error, None));
        known.frames = vec![60];
        known.last_ms = Some(59_000);
        let partial = Some((vec![60], 59_000));
        assert_eq!(result(&known, Some(&failure)), (Outcome::Partial, partial));
        known.frames = vec![60, 60, 10];
        let whole = Some((vec![60, 60, 10], 130_000));
        assert_eq!(result(&known, None), (Outcome::Success, whole));
        known.is_cut = true;
        assert_eq!(result(&known, None).1.unwrap().1, 59_000);
    }
}
