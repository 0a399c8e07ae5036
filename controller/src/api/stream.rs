//! `/api/v1/events`: the state as it changes, decisions and orders, as server-sent events.
//!
//! Each event is made once for all readers. A reader that falls behind is told so and closed; it comes back with
//! `Last-Event-ID` and is given from the history what it missed.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;

use super::problem::{Code, Problem, ProblemBody};
use super::{App, query};
use crate::history::{Filter, Stored};
use crate::view::{Board, Followed, Standing, Update};

/// Streams at once.
pub(super) const STREAMS_MAX: usize = 256;
/// Missed decisions and orders that a reader is given; older ones it asks for itself.
const REPLAY_MAX: u32 = 5_000;
/// Proxies close streams that are silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Frames that wait for the connection to take them.
const FRAMES_MAX: usize = 4;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StreamQuery {
    policy: Option<String>,
    /// The same as the header `Last-Event-ID`.
    last_event_id: Option<u64>,
}

/// A stream's place, given back when it ends.
struct Open(Arc<Board>);

impl Open {
    fn take(board: &Arc<Board>) -> Option<Self> {
        let open = board.streams.fetch_add(1, Ordering::Relaxed);
        let taken = Self(Arc::clone(board));
        // Dropping it gives the place back.
        (open < STREAMS_MAX).then_some(taken)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The state, decisions and orders as they come.
#[utoipa::path(
    get,
    path = "/api/v1/events",
    params(StreamQuery, ("Last-Event-ID" = Option<u64>, Header)),
    responses(
        (status = 200, content_type = "text/event-stream", body = String),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let asked: StreamQuery = query(&uri)?;
    let (lead, _) = app.shown(asked.policy.as_deref())?;
    let sent = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let last = sent
        .and_then(|id| id.trim().parse().ok())
        .or(asked.last_event_id);
    let Some(open) = Open::take(&app.board) else {
        let told = format!("{STREAMS_MAX} streams are open already");
        return Err(Problem::new(Code::TooManyStreams, told).retry_after(5));
    };
    // Followed before the history is read: what comes in between is in both, and sent once.
    let followed = app.board.follow();
    let missed = match last {
        Some(last) => {
            let policy = lead.policy.name().to_owned();
            missed(&app, policy, last).await?
        }
        None => Missed::default(),
    };
    let (frames, receiver) = mpsc::channel(FRAMES_MAX);
    tokio::spawn(async move {
        let board = Arc::clone(&open.0);
        let reader = Reader { frames, board };
        reader.feed(followed, missed).await;
        drop(open);
    });
    let body = Body::from_stream(ReceiverStream::new(receiver).map(Ok::<Bytes, Infallible>));
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, body).into_response())
}

/// What a reader missed, oldest first.
#[derive(Default)]
struct Missed {
    entries: Vec<Stored>,
    from: Option<u64>,
    left_out: u64,
}

async fn missed(app: &App, policy: String, last: u64) -> Result<Missed, Problem> {
    let filter = Filter {
        policy: Some(policy),
        told_after: Some(last),
        limit: REPLAY_MAX + 1,
        ..Filter::default()
    };
    let count = filter.clone();
    let (mut entries, all) = app
        .history(move |history| Ok((history.entries(&filter)?, history.count(&count)?)))
        .await?;
    entries.truncate(REPLAY_MAX as usize);
    entries.reverse();
    Ok(Missed {
        from: Some(last),
        left_out: all.saturating_sub(entries.len() as u64),
        entries,
    })
}

/// One reader's end of a stream.
struct Reader {
    frames: mpsc::Sender<Bytes>,
    board: Arc<Board>,
}

impl Reader {
    /// Sends until the reader goes, falls behind, or this process no longer leads.
    async fn feed(self, followed: Followed, missed: Missed) {
        let Followed { state, mut updates } = followed;
        // Not what the reader says: after another leader, that is of another history.
        let mut newest = 0;
        if let Some(state) = state
            && !self.send(state.frame).await
        {
            return;
        }
        if let Some(from) = missed.from {
            for stored in &missed.entries {
                newest = newest.max(stored.told);
                let frame =
                    Update::new(stored.kind.as_str(), Some(stored.told), &stored.data).frame;
                if !self.send(frame).await {
                    return;
                }
            }
            let told = json!({
                "from": from, "to": newest.max(from), "count": missed.entries.len(), "left_out": missed.left_out,
            });
            if !self.send(Update::new("replayed", None, &told).frame).await {
                return;
            }
        }
        loop {
            let update = match tokio::time::timeout(KEEP_ALIVE, updates.recv()).await {
                Err(_) => Update {
                    id: None,
                    frame: Bytes::from_static(b":\n\n"),
                },
                Ok(Ok(update)) => update,
                Ok(Err(RecvError::Lagged(missed))) => {
                    self.board.streams_dropped.fetch_add(1, Ordering::Relaxed);
                    return self
                        .drop_with(json!({"reason": "slow", "missed": missed}))
                        .await;
                }
                Ok(Err(RecvError::Closed)) => {
                    return self
                        .drop_with(json!({"reason": "stopping", "missed": 0}))
                        .await;
                }
            };
            if !matches!(self.board.standing(), Standing::Leads(_)) {
                return self
                    .drop_with(json!({"reason": "moved", "missed": 0}))
                    .await;
            }
            // Seen in the history already.
            if update.id.is_some_and(|id| id <= newest) {
                continue;
            }
            if !self.send(update.frame).await {
                return;
            }
        }
    }

    /// Whether the reader still takes something.
    async fn send(&self, frame: Bytes) -> bool {
        self.frames.send(frame).await.is_ok()
    }

    async fn drop_with(self, told: Value) {
        // Whoever is gone already needs no farewell.
        let _ = self.send(Update::new("dropped", None, &told).frame).await;
    }
}
