//! Bodies: bounded in size, in time, and all together in memory.

use std::time::Duration;

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use tokio::sync::OwnedSemaphorePermit;

use crate::app::App;
use crate::problem::{Cause, Problem};

/// Longest time that is spent on a body that is refused.
const DISCARD_MAX: Duration = Duration::from_secs(5);

/// A body, and the room that it takes until it is dropped.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

/// Reads a body of at most `most` bytes.
///
/// # Errors
/// `TooLarge`, `SlowBody`, `InvalidBody` if it breaks off, `Overloaded` if other bodies leave no room.
pub(super) async fn read(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    most: usize,
) -> Result<Whole, Problem> {
    let too_large = || {
        let detail = format!("the body is larger than {most} bytes");
        Problem::new(Cause::TooLarge, detail)
    };
    let said = said_length(headers);
    if let Some(said) = said.filter(|said| *said > most) {
        if said <= most.saturating_mul(2) {
            discard(body, said).await;
        }
        return Err(too_large());
    }
    let reading = async {
        let mut body = body;
        let mut room: Option<OwnedSemaphorePermit> = None;
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| {
                Problem::new(
                    Cause::InvalidBody,
                    "the body broke off or is not well framed",
                )
            })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if bytes.len() + data.len() > most {
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
            grow(app, &mut room, bytes.len())?;
        }
        Ok((bytes, room))
    };
    match tokio::time::timeout(app.limits.body_time, reading).await {
        Ok(read) => {
            let (bytes, room) = read?;
            app.metrics.bytes.inc_by(bytes.len() as u64);
            Ok(Whole {
                bytes: bytes.freeze(),
                _room: room,
            })
        }
        Err(_) => Err(Problem::new(
            Cause::SlowBody,
            "the body did not come in time",
        )),
    }
}

/// How long a body is to be, where its head says so.
pub(super) fn said_length(headers: &HeaderMap) -> Option<usize> {
    let length = headers.get(CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Reads on without keeping anything, so that a client that only sends sees the answer and not a broken connection.
pub(super) async fn discard(mut body: Body, most: usize) {
    let mut left = most;
    let discarding = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(less) => left = less,
                None => return,
            }
        }
    };
    // How far it came does not matter: the answer is the same.
    let _ = tokio::time::timeout(DISCARD_MAX, discarding).await;
}

/// Takes room for a body that has grown to `length` bytes.
fn grow(app: &App, room: &mut Option<OwnedSemaphorePermit>, length: usize) -> Result<(), Problem> {
    let has = room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
    let lacks = length.div_ceil(1_024).saturating_sub(has);
    let Ok(lacks) = u32::try_from(lacks) else {
        return Err(Problem::new(Cause::TooLarge, "the body is too large"));
    };
    if lacks == 0 {
        return Ok(());
    }
    let more = app.bodies.clone().try_acquire_many_owned(lacks);
    let more = more.map_err(|_| {
        let detail = "other requests leave no room for this body";
        Problem::new(Cause::Overloaded, detail).retry_after(1)
    })?;
    match room {
        Some(room) => room.merge(more),
        None => *room = Some(more),
    }
    Ok(())
}
