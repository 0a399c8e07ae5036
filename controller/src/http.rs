//! The controller's own server: dashboard, API, metrics, health. It only reads.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use futures::stream::{self, Stream, StreamExt as _};
use rust_embed::RustEmbed;
use serde::Deserialize;
use tokio_stream::wrappers::BroadcastStream;

use crate::metrics;
use crate::view::{Board, Update};

/// Nothing from elsewhere, nothing inline: the page is served from here alone.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self'; img-src 'self' data:; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const DECISIONS_SHOWN: usize = 200;
/// Proxies close streams that are silent for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

#[derive(RustEmbed)]
#[folder = "dashboard/dist/"]
struct Dashboard;

/// The server's routes.
pub(crate) fn router(board: Arc<Board>) -> Router {
    Router::new()
        .route("/api/v1/state", get(state))
        .route("/api/v1/history", get(history))
        .route("/api/v1/decisions", get(decisions))
        .route("/api/v1/events", get(events))
        .route("/metrics", get(metrics))
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .fallback(page)
        .with_state(board)
}

async fn state(State(board): State<Arc<Board>>) -> Response {
    match board.state() {
        Some(state) => Json(&*state).into_response(),
        None => not_yet(),
    }
}

fn not_yet() -> Response {
    let problem =
        serde_json::json!({"error": "nothing has been observed yet", "code": "NothingObserved"});
    (StatusCode::SERVICE_UNAVAILABLE, Json(problem)).into_response()
}

#[derive(Deserialize)]
struct Selection {
    policy: Option<String>,
    limit: Option<usize>,
}

async fn history(State(board): State<Arc<Board>>, Query(asked): Query<Selection>) -> Response {
    if let Some(unknown) = unknown_policy(&board, &asked) {
        return unknown;
    }
    Json(board.history()).into_response()
}

async fn decisions(State(board): State<Arc<Board>>, Query(asked): Query<Selection>) -> Response {
    if let Some(unknown) = unknown_policy(&board, &asked) {
        return unknown;
    }
    let decisions = board.decisions(asked.limit.unwrap_or(DECISIONS_SHOWN));
    Json(
        decisions
            .iter()
            .map(|decision| &**decision)
            .collect::<Vec<_>>(),
    )
    .into_response()
}

fn unknown_policy(board: &Board, asked: &Selection) -> Option<Response> {
    let name = asked.policy.as_ref()?;
    let state = board.state()?;
    if state.policies.iter().any(|policy| policy.name == *name) {
        return None;
    }
    let problem = serde_json::json!({"error": format!("no policy is called {name}"), "code": "UnknownPolicy"});
    Some((StatusCode::NOT_FOUND, Json(problem)).into_response())
}

async fn events(
    State(board): State<Arc<Board>>,
    headers: HeaderMap,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok());
    let (missed, updates) = board.follow(last);
    let first = board.state().map(Update::State);
    let missed = missed.into_iter().map(Update::Decision);
    let begin = stream::iter(first.into_iter().chain(missed));
    // A reader that fell behind goes on with what is newest: every state is whole.
    let live = BroadcastStream::new(updates).filter_map(|update| async { update.ok() });
    let events = begin.chain(live).map(|update| Ok(event(&update)));
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

fn event(update: &Update) -> Event {
    let made = match update {
        Update::State(state) => Event::default().event("state").json_data(&**state),
        Update::Decision(decision) => {
            let event = Event::default()
                .event("decision")
                .id(decision.id.to_string());
            event.json_data(&**decision)
        }
    };
    made.unwrap_or_else(|error| Event::default().comment(format!("not shown: {error}")))
}

async fn metrics(State(board): State<Arc<Board>>) -> Response {
    let Some(state) = board.state() else {
        return not_yet();
    };
    match metrics::render(&state) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn ready(State(board): State<Arc<Board>>) -> Response {
    match board.is_ready() {
        true => "ok\n".into_response(),
        false => (
            StatusCode::SERVICE_UNAVAILABLE,
            "nothing has been observed yet\n",
        )
            .into_response(),
    }
}

async fn page(uri: Uri) -> Response {
    let path = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let Some(file) = Dashboard::get(path) else {
        return (
            StatusCode::NOT_FOUND,
            "there is nothing here; the dashboard is at /\n",
        )
            .into_response();
    };
    let kind = HeaderValue::from_str(file.metadata.mimetype());
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (header::CONTENT_TYPE, kind),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(CONTENT_SECURITY_POLICY),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("no-referrer"),
        ),
        // The files' names do not change with their content.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, file.data).into_response()
}
