//! Bodies that are too large for memory: they go to the object store as they come.

use std::time::Duration;

use axum::body::Body;
use axum::extract::multipart::Field;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, timeout_at};

use super::body;
use crate::app::{App, Videos, now_ms};
use crate::problem::{Cause, Problem};
use crate::store::{PART_BYTES, upload_key};
use crate::tenants::Tenant;

/// Each part of a file has so many times the time of an ordinary body: who is slower holds a place for nothing.
const PART_TIMES: u32 = 4;

/// A body, or a part of a form, piece by piece.
pub(super) enum Pieces<'a> {
    /// A body, and how long its head says that it is.
    Body(Body, Option<u64>),
    Field(Box<Field<'a>>),
}

/// A file that is kept.
pub(super) struct Kept {
    /// Its key, as a job names it.
    pub(super) object: String,
    pub(super) bytes: u64,
    /// BLAKE3 of all of it, hexadecimal.
    pub(super) blake3: String,
    /// When it began to come, Unix ms.
    pub(super) at_ms: i64,
}

/// Whether a body says that it is a video.
pub(super) fn is_video(headers: &HeaderMap) -> bool {
    essence(headers).starts_with("video/")
}

/// The content type without its parameters, in small letters; empty if there is none.
pub(super) fn essence(headers: &HeaderMap) -> String {
    let kind = headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// Keeps a video of at most as many bytes as are allowed.
///
/// # Errors
/// `TooLarge`, `SlowBody`, `InvalidBody` if it breaks off or is empty, `Overloaded` if there are too many at once,
/// `Unavailable`; then nothing is kept.
pub(super) async fn keep(
    app: &App,
    videos: &Videos,
    tenant: &Tenant,
    pieces: Pieces<'_>,
) -> Result<Kept, Problem> {
    let most = videos.upload_bytes_max;
    let too_large = || {
        Problem::new(
            Cause::TooLarge,
            format!("the video is larger than {most} bytes"),
        )
    };
    let mut pieces = match pieces {
        Pieces::Body(body, Some(said)) if said > most => {
            if said <= most.saturating_mul(2) {
                body::discard(body, usize::try_from(said).unwrap_or(usize::MAX)).await;
            }
            return Err(too_large());
        }
        pieces => pieces,
    };
    let _place = videos.uploads.clone().try_acquire_owned().map_err(|_| {
        let detail = "too many videos are uploaded at once";
        Problem::new(Cause::Overloaded, detail).retry_after(5)
    })?;
    let at_ms = now_ms();
    let object = upload_key(&app.ids.upload(&tenant.name, at_ms));
    let mut upload = app.store.begin_upload(&object);
    let (mut hasher, mut bytes) = (blake3::Hasher::new(), 0_u64);
    let pace = app.limits.body_time * PART_TIMES;
    let mut until = Instant::now() + pace;
    while let Some(piece) = pieces.next_before(until).await? {
        let before = bytes;
        bytes += piece.len() as u64;
        if bytes > most {
            return Err(too_large());
        }
        app.metrics.bytes.inc_by(piece.len() as u64);
        hasher.update(&piece);
        upload.push(piece).await?;
        if before / PART_BYTES as u64 != bytes / PART_BYTES as u64 {
            until = Instant::now() + pace;
        }
    }
    if bytes == 0 {
        return Err(Problem::new(Cause::InvalidBody, "the video is empty"));
    }
    upload.finish().await?;
    Ok(Kept {
        object,
        bytes,
        blake3: hasher.finalize().to_hex().to_string(),
        at_ms,
    })
}

// === impl Pieces ===

impl Pieces<'_> {
    pub(super) fn of_body(body: Body, headers: &HeaderMap) -> Self {
        let said = body::said_length(headers).map(|said| said as u64);
        Self::Body(body, said)
    }

    /// All of it, if that is at most `most` bytes.
    pub(super) async fn all(mut self, most: usize, time: Duration) -> Result<Bytes, Problem> {
        let until = Instant::now() + time;
        let mut all = BytesMut::new();
        while let Some(piece) = self.next_before(until).await? {
            if all.len() + piece.len() > most {
                let detail = format!("is larger than {most} bytes");
                return Err(Problem::new(Cause::TooLarge, detail));
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    async fn next_before(&mut self, until: Instant) -> Result<Option<Bytes>, Problem> {
        match timeout_at(until, self.next()).await {
            Ok(next) => next,
            Err(_) => Err(slow()),
        }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        match self {
            Self::Body(body, _) => loop {
                let frame = match body.frame().await {
                    None => return Ok(None),
                    Some(Err(_)) => return Err(broken("the body broke off or is not well framed")),
                    Some(Ok(frame)) => frame,
                };
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            },
            Self::Field(field) => {
                let chunk = field.chunk().await;
                chunk.map_err(|error| broken(&format!("the form cannot be read: {error}")))
            }
        }
    }
}

pub(super) fn slow() -> Problem {
    Problem::new(Cause::SlowBody, "the body did not come in time")
}

fn broken(detail: &str) -> Problem {
    Problem::new(Cause::InvalidBody, detail)
}
