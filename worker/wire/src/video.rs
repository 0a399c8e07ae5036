//! A video: one request to recognize the frames of a video, each of which becomes a [`Job`] of its own.

use serde::{Deserialize, Serialize};

use crate::job::{check_id, default_max_results, default_tenant, schema};
use crate::{DecodeError, Feature, ImageSource, Job, UnixMs};

/// Most frames that one video may ask for.
pub const FRAMES_MAX: u32 = 20_000;

/// One request to recognize the frames of one video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Video {
    /// Version of this record.
    #[serde(default = "schema")]
    pub schema: u32,
    /// Chosen by the producer, 1 to 200 bytes; equal ids give equal ids of frames and results.
    pub id: String,
    /// On whose behalf.
    #[serde(default = "default_tenant")]
    pub tenant: String,
    /// When the producer made it.
    pub created_at_ms: UnixMs,
    /// After this moment the answer is worth nothing; frames inherit it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_ms: Option<UnixMs>,
    /// Where the video is.
    pub video: ImageSource,
    /// Which of its frames are looked at.
    #[serde(default)]
    pub sampling: Sampling,
    /// What to look for in each frame; empty means everything the workers' models can do.
    #[serde(default)]
    pub features: Vec<Feature>,
    /// Most entries per kind in the result of a frame.
    #[serde(default = "default_max_results")]
    pub max_results: u32,
    /// The topic that frames are sent to; none is the worker's own jobs topic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs_topic: Option<String>,
    /// Partition of the results topic to answer on, for the video and its frames; none lets the key decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_partition: Option<i32>,
}

/// Which frames of a video are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// How frames are chosen.
    pub rule: SamplingRule,
    /// Least time between two chosen frames, milliseconds, 40 to 3,600,000; for `interval` the time itself.
    pub every_ms: u32,
    /// For `scene`: how much of the picture has to change, per cent, 1 to 100.
    pub scene_percent: u8,
    /// Most frames of the whole video, 1 to [`FRAMES_MAX`]; what comes after them is not looked at, and the result says so.
    pub frames_max: u32,
}

/// How frames of a video are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum SamplingRule {
    /// One frame every so often.
    #[default]
    Interval,
    /// Frames that stand for themselves in the stream: many times cheaper to decode than all.
    Keyframes,
    /// The first frame, and those in which the picture changes.
    Scene,
}

/// What makes a job a frame of a video; carried over into its result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Frame {
    /// Id of the video.
    pub video_id: String,
    /// Which segment of the video, from 0.
    pub segment: u32,
    /// When the frame is shown, milliseconds from the video's beginning.
    pub at_ms: u64,
    /// Length of the video, milliseconds; none where its file does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// What is known of a video whose frames have all been sent: in the result of the video itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VideoInfo {
    /// Width of the upright picture, pixels.
    pub width: u32,
    /// Height of the upright picture, pixels.
    pub height: u32,
    /// Length, milliseconds, as far as it was looked at.
    pub duration_ms: u64,
    /// BLAKE3 of the file, hexadecimal.
    pub blake3: String,
    /// The container's and the codec's names: `mov,mp4/h264`.
    pub format: String,
    /// Length of the file, bytes.
    pub bytes: u64,
    /// How many frames were sent, by segment: their sum is how many results of frames there will be per subset.
    pub frames: Vec<u32>,
    /// Length of a segment, milliseconds.
    pub segment_ms: u32,
    /// Whether `frames_max` ended it before the video ended.
    pub is_cut: bool,
}

// === impl Video ===

impl Video {
    /// A video with the defaults for everything that is not its identity.
    #[must_use]
    pub fn new(id: impl Into<String>, created_at_ms: UnixMs, video: ImageSource) -> Self {
        Self {
            schema: schema(),
            id: id.into(),
            tenant: default_tenant(),
            created_at_ms,
            deadline_ms: None,
            video,
            sampling: Sampling::default(),
            features: Vec::new(),
            max_results: default_max_results(),
            jobs_topic: None,
            reply_partition: None,
        }
    }

    /// Reads a record's value.
    ///
    /// # Errors
    /// When the bytes are not JSON of a video's shape, or a field is out of its range.
    pub fn decode(value: &[u8]) -> Result<Self, DecodeError> {
        let video: Self = serde_json::from_slice(value).map_err(DecodeError::Shape)?;
        check_id(&video.id, ID_BYTES_MAX, "must have 1 to 200 bytes")?;
        video.sampling.check()?;
        Ok(video)
    }

    /// The record's value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a video has only string keys and finite numbers")
    }

    /// The job of the frame that is shown at `at_ms`: the same frame always has the same id.
    #[must_use]
    pub fn frame(&self, frame: Frame, jpeg: Vec<u8>) -> Job {
        Job {
            tenant: self.tenant.clone(),
            deadline_ms: self.deadline_ms,
            features: self.features.clone(),
            max_results: self.max_results,
            reply_partition: self.reply_partition,
            ..Job::new(
                frame_id(&self.id, frame.segment, frame.at_ms),
                self.created_at_ms,
                ImageSource::Inline(jpeg),
            )
        }
        .of(frame)
    }
}

/// Most bytes of a video's id: its frames' ids are longer.
const ID_BYTES_MAX: usize = 200;

/// Id of a frame's job. Ids of one video sort by the time at which frames are shown.
///
/// ```
/// assert_eq!(spillway_wire::frame_id("v1", 2, 61_500), "v1/0002/000061500");
/// ```
#[must_use]
pub fn frame_id(video_id: &str, segment: u32, at_ms: u64) -> String {
    format!("{video_id}/{segment:04}/{at_ms:09}")
}

// === impl Sampling ===

impl Default for Sampling {
    fn default() -> Self {
        Self {
            rule: SamplingRule::Interval,
            every_ms: 1000,
            scene_percent: 30,
            frames_max: 3600,
        }
    }
}

impl Sampling {
    /// Whether every field is within its range.
    ///
    /// # Errors
    /// Names the field that is not.
    pub fn check(&self) -> Result<(), DecodeError> {
        let field = |field, problem| Err(DecodeError::Field { field, problem });
        if !(40..=3_600_000).contains(&self.every_ms) {
            return field("sampling.every_ms", "must be 40 to 3600000");
        }
        if !(1..=100).contains(&self.scene_percent) {
            return field("sampling.scene_percent", "must be 1 to 100");
        }
        if !(1..=FRAMES_MAX).contains(&self.frames_max) {
            return field("sampling.frames_max", "must be 1 to 20000");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_survives_the_wire_and_has_defaults() {
        let video = Video::new("v", 5, ImageSource::Uri("https://e.com/v.mp4".into()));
        assert_eq!(Video::decode(&video.encode()).unwrap(), video);
        let least = br#"{"id":"v","created_at_ms":5,"video":{"uri":"https://e.com/v.mp4"}}"#;
        assert_eq!(Video::decode(least).unwrap(), video);
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        for (sampling, says) in [
            (r#"{"every_ms":39}"#, "field `sampling.every_ms`"),
            (r#"{"scene_percent":0}"#, "field `sampling.scene_percent`"),
            (r#"{"frames_max":20001}"#, "field `sampling.frames_max`"),
            (r#"{"rules":"scene"}"#, "not a job record"),
        ] {
            let value = format!(
                r#"{{"id":"v","created_at_ms":5,"video":{{"uri":"x"}},"sampling":{sampling}}}"#
            );
            let error = Video::decode(value.as_bytes()).unwrap_err().to_string();
            assert!(
                error.starts_with(says),
                "{error:?} should start with {says:?}"
            );
        }
    }

    #[test]
    fn a_frame_is_a_job_on_the_video_s_behalf() {
        let video = Video {
            tenant: "acme".into(),
            deadline_ms: Some(9),
            reply_partition: Some(3),
            features: vec![Feature::Brands],
            ..Video::new("v", 5, ImageSource::Object("videos/v".into()))
        };
        let frame = Frame {
            video_id: "v".into(),
            segment: 1,
            at_ms: 61_000,
            duration_ms: Some(90_000),
        };
        let job = video.frame(frame.clone(), vec![1, 2]);
        assert_eq!(job.id, "v/0001/000061000");
        assert_eq!(job.frame, Some(frame));
        assert_eq!(
            (job.tenant.as_str(), job.deadline_ms, job.reply_partition),
            ("acme", Some(9), Some(3))
        );
        assert_eq!(Job::decode(&job.encode()).unwrap(), job);
    }
}
