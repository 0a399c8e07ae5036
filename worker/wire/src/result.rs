//! A result: the one answer to a job from one model subset.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Frame, UnixMs, VideoInfo};

/// The answer of one model subset to one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobResult {
    /// Version of this record.
    pub schema: u32,
    /// [`result_id`] of job and model subset: a repeat carries the same id.
    pub result_id: String,
    /// The job's id.
    pub job_id: String,
    /// The job's tenant.
    pub tenant: String,
    /// Names of the subsets that answered, sorted, joined by `+`: `brands+context+humans`; [`VIDEO_SUBSET`] for a video.
    pub subset: String,
    /// Digest of the model set's subset, hexadecimal BLAKE3 (files, preprocessing, labels, thresholds).
    pub model_set: String,
    /// Which worker answered.
    pub worker: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What is known of the image; none where it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageInfo>,
    /// Which frame of which video it answers; none for an image of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<Frame>,
    /// In the answer to a video itself: what was made of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<VideoInfo>,
    /// Scene and object labels, best first.
    #[serde(default)]
    pub labels: Vec<Label>,
    /// Faces, best first.
    #[serde(default)]
    pub faces: Vec<Face>,
    /// Logos, best first.
    #[serde(default)]
    pub logos: Vec<Logo>,
    /// Localised objects, best first.
    #[serde(default)]
    pub objects: Vec<ObjectBox>,
    /// Why it failed or is partial; none on success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<JobError>,
    /// Where the time went.
    #[serde(default)]
    pub timings_ms: TimingsMs,
    /// The job's `created_at_ms`.
    pub created_at_ms: UnixMs,
    /// When this answer was made.
    pub finished_at_ms: UnixMs,
}

/// The `subset` of the answer to a video itself, which no model gives.
pub const VIDEO_SUBSET: &str = "video";

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Outcome {
    /// Everything asked for is there.
    Success,
    /// Something is there, and `error` says what is missing.
    Partial,
    /// Nothing is there, and `error` says why.
    Error,
}

/// What is known of the image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImageInfo {
    /// Width of the upright image, pixels.
    pub width: u32,
    /// Height of the upright image, pixels.
    pub height: u32,
    /// BLAKE3 of the file, hexadecimal.
    pub blake3: String,
    /// `jpeg`, `png`, `webp`, `gif` or `bmp`, by content.
    pub format: String,
    /// Length of the file, bytes.
    pub bytes: u64,
}

/// A rectangle in the upright image, as shares of its width and height, each 0..1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Bounds {
    /// Left edge.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

/// A label of the whole image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Label {
    /// The label's name in the model set.
    pub name: String,
    /// 0..1.
    pub score: f32,
    /// `scene` or `object`, as the model set declares.
    #[serde(default)]
    pub kind: String,
    /// Names of its parents, nearest first.
    #[serde(default)]
    pub parents: Vec<String>,
}

/// A face.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Face {
    /// Where it is.
    pub bounds: Bounds,
    /// 0..1.
    pub score: f32,
    /// By the attribute's name: `age`, `gender`, `ethnicity`. Only what the model set declares.
    #[serde(default)]
    pub attributes: BTreeMap<String, Attribute>,
}

/// The most likely value of a face's attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Attribute {
    /// One of the values that the model set declares.
    pub value: String,
    /// 0..1.
    pub score: f32,
}

/// A logo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Logo {
    /// Where it is.
    pub bounds: Bounds,
    /// Whose it is.
    pub brand: String,
    /// 0..1.
    pub score: f32,
}

/// An object with its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ObjectBox {
    /// Where it is.
    pub bounds: Bounds,
    /// What it is.
    pub name: String,
    /// 0..1.
    pub score: f32,
}

/// Why a job failed or is partial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct JobError {
    /// In which stage of the line.
    pub stage: Stage,
    /// What kind of failure; stable, for programs.
    pub reason: Reason,
    /// For people.
    pub message: String,
    /// Whether the same job may succeed later.
    pub retryable: bool,
}

/// A stage of the worker's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Stage {
    /// Reading the job's record.
    Receive,
    /// Getting the image's bytes.
    Fetch,
    /// Making pixels of the bytes.
    Decode,
    /// Running the models.
    Infer,
    /// Writing the result.
    Publish,
}

/// What kind of failure a job ended in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Reason {
    /// The record is not a job.
    InvalidJob,
    /// The address may not be contacted: private, link-local, a scheme or port that is not allowed.
    FetchBlocked,
    /// The origin answered that there is nothing (404, 410), or the file does not exist.
    NotFound,
    /// The origin could not be reached or answered with another error.
    FetchFailed,
    /// The origin was too slow.
    FetchTimeout,
    /// More bytes or pixels than the limits allow.
    TooLarge,
    /// Not an image, or not a video, of a format that this worker reads.
    UnsupportedFormat,
    /// An image, or a video, of a known format that cannot be decoded.
    CorruptImage,
    /// The models failed on this image alone.
    ModelFailed,
    /// The worker ended again and again in the midst of this job.
    Crashed,
    /// The job's deadline passed before it was done.
    DeadlineExceeded,
    /// A feature was asked for that this worker's models do not have.
    UnsupportedFeature,
}

/// Where a job's time went, in milliseconds of wall clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TimingsMs {
    /// Getting the bytes.
    pub fetch: u32,
    /// Making and scaling pixels.
    pub decode: u32,
    /// Waiting between stages.
    pub queue: u32,
    /// The models, of the whole batch it was in.
    pub infer: u32,
    /// From received to finished.
    pub total: u32,
}

// === impl JobResult ===

impl JobResult {
    /// Reads a record's value.
    ///
    /// # Errors
    /// When the bytes are not JSON of a result's shape.
    pub fn decode(value: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(value)
    }

    /// The record's value.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a result has only string keys")
    }
}

// === impl Reason ===

impl Reason {
    /// The name on the wire and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJob => "INVALID_JOB",
            Self::FetchBlocked => "FETCH_BLOCKED",
            Self::NotFound => "NOT_FOUND",
            Self::FetchFailed => "FETCH_FAILED",
            Self::FetchTimeout => "FETCH_TIMEOUT",
            Self::TooLarge => "TOO_LARGE",
            Self::UnsupportedFormat => "UNSUPPORTED_FORMAT",
            Self::CorruptImage => "CORRUPT_IMAGE",
            Self::ModelFailed => "MODEL_FAILED",
            Self::Crashed => "CRASHED",
            Self::DeadlineExceeded => "DEADLINE_EXCEEDED",
            Self::UnsupportedFeature => "UNSUPPORTED_FEATURE",
        }
    }

    /// Whether the same job may succeed later without anybody changing it.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::FetchFailed | Self::FetchTimeout)
    }
}

/// Identity of a job's answer by one model subset: equal inputs give equal ids, so repeats are harmless.
///
/// The first 128 bits of BLAKE3 over both, each preceded by its length, hexadecimal.
///
/// ```
/// let id = spillway_wire::result_id("job-1", "subset-digest");
/// assert_eq!(id.len(), 32);
/// assert_ne!(id, spillway_wire::result_id("job-1s", "ubset-digest"));
/// ```
#[must_use]
pub fn result_id(job_id: &str, subset_digest: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in [job_id, subset_digest] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_reads_the_same_on_the_wire_and_in_metrics() {
        for reason in [
            Reason::InvalidJob,
            Reason::FetchBlocked,
            Reason::NotFound,
            Reason::FetchFailed,
            Reason::FetchTimeout,
            Reason::TooLarge,
            Reason::UnsupportedFormat,
            Reason::CorruptImage,
            Reason::ModelFailed,
            Reason::Crashed,
            Reason::DeadlineExceeded,
            Reason::UnsupportedFeature,
        ] {
            let json = serde_json::to_value(reason).unwrap();
            assert_eq!(json, reason.as_str());
        }
    }
}
