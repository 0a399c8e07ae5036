//! Messages between clients, workers and the controller: what travels on Kafka topics and in the API.
//!
//! ```text
//! spillway.jobs ─▶ Job ─▶ worker ─▶ JobResult ─▶ spillway.results
//!       ▲                  │  ▲
//! spillway.videos ─▶ Video │  │      (a worker makes a job of each frame)
//!                          │  │
//!                Heartbeat ▼  │ Control
//!              spillway.workers  spillway.control   (both compacted, keyed by worker id)
//! ```
//!
//! Values are JSON in `snake_case`; unknown fields are ignored, so a reader of version N reads N − 1 and N + 1.
//! Deliberately absent: Kafka itself, clocks, files. This crate only says what a message means.
#![forbid(unsafe_code)]

mod control;
mod headers;
mod heartbeat;
mod job;
mod result;
pub mod topics;
mod video;

pub use control::{Control, DesiredState};
pub use headers::{Headers, TraceParent, elapsed_ms, names as header_names};
pub use heartbeat::{Counters, Heartbeat, InstanceRef, LatencyQuantiles, Partition, Phase};
pub use job::{DecodeError, Feature, INLINE_BYTES_MAX, ImageSource, Job};
pub use result::{
    Attribute, Bounds, Face, ImageInfo, JobError, JobResult, Label, Logo, ObjectBox, Outcome,
    Reason, Stage, TimingsMs, VIDEO_SUBSET, result_id,
};
pub use video::{FRAMES_MAX, Frame, Sampling, SamplingRule, Video, VideoInfo, frame_id};

/// The version that this build writes into every record's `schema`.
pub const SCHEMA: u32 = 1;

/// Milliseconds since the Unix epoch, UTC: how every moment is written on the wire.
pub type UnixMs = i64;
