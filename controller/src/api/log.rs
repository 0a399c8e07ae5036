//! The log: decisions, orders, and the journal they stand in.

use std::io::Write;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::IntoParams;

use super::problem::{Code, Problem, ProblemBody};
use super::{App, query, time};
use crate::history::{EntryKind, Filter, Stored};
use crate::journal;
use crate::orders::OrderView;
use crate::view::Decision;

const LIMIT: u32 = 200;
const LIMIT_MAX: u32 = 1_000;
/// Pieces of an export that wait for a slow reader.
const PIECES_MAX: usize = 4;
/// Bytes of such a piece.
const PIECE_BYTES: usize = 64 << 10;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct LogQuery {
    policy: Option<String>,
    /// Only older ones than this number.
    before: Option<u64>,
    /// 1 to 1,000; 200 if left out.
    limit: Option<u32>,
    /// A time or `-6h`.
    from: Option<String>,
    to: Option<String>,
    /// With this reason, as `BudgetPerHour`.
    code: Option<String>,
    /// With this step, as `Launch`.
    verb: Option<String>,
    /// About this pool.
    pool: Option<String>,
    /// Only those in the way of the objective, or only the others.
    trouble: Option<bool>,
}

impl LogQuery {
    fn filter(&self, kind: EntryKind) -> Result<Filter, Problem> {
        let now = Timestamp::now();
        let at = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => time(text, now)
                .map(|at| Some(at.as_millisecond()))
                .map_err(|why| Problem::query(format!("{name}: {why}"))),
        };
        let limit = match self.limit.unwrap_or(LIMIT) {
            limit if (1..=LIMIT_MAX).contains(&limit) => limit,
            limit => {
                let told = format!("limit: {limit} is not between 1 and {LIMIT_MAX}");
                return Err(Problem::query(told));
            }
        };
        Ok(Filter {
            policy: None,
            kind: Some(kind),
            before: self.before,
            from_ms: at("from", &self.from)?,
            to_ms: at("to", &self.to)?,
            code: self.code.clone(),
            verb: self.verb.clone(),
            pool: self.pool.clone(),
            trouble: self.trouble,
            limit,
            ..Filter::default()
        })
    }
}

/// Decisions and refusals, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/decisions",
    params(LogQuery),
    responses(
        (status = 200, body = [Decision]),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn decisions(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<Vec<Value>>, Problem> {
    entries(&app, &uri, EntryKind::Decision).await
}

/// Orders, given and refused, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/orders",
    params(LogQuery),
    responses(
        (status = 200, body = [OrderView]),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn orders(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<Vec<Value>>, Problem> {
    entries(&app, &uri, EntryKind::Order).await
}

async fn entries(app: &App, uri: &Uri, kind: EntryKind) -> Result<Json<Vec<Value>>, Problem> {
    let asked: LogQuery = query(uri)?;
    let (lead, _) = app.shown(asked.policy.as_deref())?;
    let filter = Filter {
        policy: Some(lead.policy.name().to_owned()),
        ..asked.filter(kind)?
    };
    let found = app.history(move |history| history.entries(&filter)).await?;
    Ok(Json(found.into_iter().map(|stored| stored.data).collect()))
}

/// One decision.
#[utoipa::path(
    get,
    path = "/api/v1/decisions/{id}",
    params(("id" = u64, Path)),
    responses(
        (status = 200, body = Decision),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn decision(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let (lead, _) = app.shown(None)?;
    let unknown = || {
        let told = format!("there is no decision {id}: it never was, or is forgotten");
        Problem::new(Code::UnknownDecision, told)
    };
    let number: u64 = id.parse().map_err(|_| unknown())?;
    let filter = Filter {
        policy: Some(lead.policy.name().to_owned()),
        kind: Some(EntryKind::Decision),
        id: Some(number),
        limit: 1,
        ..Filter::default()
    };
    let found = app.history(move |history| history.entries(&filter)).await?;
    let stored = found.into_iter().next().ok_or_else(unknown)?;
    Ok(Json(stored.data))
}

/// What an entry says in one sentence.
pub(super) fn sentence(stored: &Stored) -> String {
    match stored.kind {
        EntryKind::Decision => stored.data["sentence"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        EntryKind::Order => serde_json::from_value::<OrderView>(stored.data.clone())
            .map(|order| order.sentence())
            .unwrap_or_default(),
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ExportQuery {
    policy: Option<String>,
    /// A time or `-6h`; everything if left out.
    from: Option<String>,
    to: Option<String>,
}

/// The journal, one event a line: every part that touches the range, whole.
#[utoipa::path(
    get,
    path = "/api/v1/export",
    params(ExportQuery),
    responses(
        (status = 200, content_type = "application/x-ndjson", body = String),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn export(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let asked: ExportQuery = query(&uri)?;
    app.shown(asked.policy.as_deref())?;
    let now = Timestamp::now();
    let (from, to) = super::range((asked.from.as_deref(), asked.to.as_deref()), "-3650d", now)?;
    let Ok(turn) = Arc::clone(&app.exports).try_acquire_owned() else {
        return Err(Problem::new(Code::Busy, "so much is being read already").retry_after(5));
    };
    let folder = app.board.history().folder().to_owned();
    let (pieces, receiver) = mpsc::channel::<std::io::Result<Bytes>>(PIECES_MAX);
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let mut out = std::io::BufWriter::with_capacity(PIECE_BYTES, Pieces(pieces.clone()));
        let written = journal::export(&folder, from, to, &mut out)
            .and_then(|()| out.flush().map_err(anyhow::Error::from));
        if let Err(error) = written {
            // To a reader that is gone nothing can be said; another sees that the answer was cut off.
            let _ = pieces.blocking_send(Err(std::io::Error::other(format!("{error:#}"))));
        }
    });
    let body = Body::from_stream(ReceiverStream::new(receiver));
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"spillway-journal.jsonl\"",
        ),
    ];
    Ok((headers, body).into_response())
}

/// Gives what is written to a reader, piece by piece.
struct Pieces(mpsc::Sender<std::io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        let gone = |_| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        self.0.blocking_send(Ok(piece)).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
