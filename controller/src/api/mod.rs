//! The operators' API under `/api/v1` (docs/decisions/0011-operators-api.md).
//!
//! ```text
//!  request ─▶ security headers ─▶ same site? ─▶ leader? (else forwarded) ─▶ who asks? ─▶ handler ─▶ JSON or a problem
//! ```
//!
//! It reads the board and the history, and orders through the order book; it decides nothing.

#![expect(unused_qualifications, reason = "utoipa's macros write them")]

mod auth;
mod cost;
mod document;
mod forward;
mod guard;
mod heat;
mod log;
mod order;
mod problem;
mod read;
mod reviews;
mod session;
mod sessions;
mod stream;
#[cfg(test)]
mod tests;
mod timeline;
mod what_if;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::DefaultBodyLimit;
use axum::http::Uri;
use axum::routing::{get, post};
use axum::{Router, middleware};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use spillway_kube::{Access, Client};
use tokio::sync::Semaphore;

pub(crate) use auth::{AuthConfig, AuthKind, hash_of};
pub(crate) use document::document;
pub(crate) use guard::secured;
pub(crate) use problem::{Code, Problem};

use crate::history::History;
use crate::view::{Board, Lead, StateView};
use auth::Auth;
use forward::Forward;
use reviews::Reviews;

/// Where the API is.
const API: &str = "/api/v1";
/// Reads of the history at once; each blocks a thread.
const READS_MAX: usize = 8;
/// Exports at once: a slow reader holds one for long.
const EXPORTS_MAX: usize = 2;
/// The largest body of an order.
const ORDER_BYTES_MAX: usize = 64 << 10;
/// The largest body of a what-if: a policy of 256 KiB, escaped.
const WHAT_IF_BYTES_MAX: usize = 512 << 10;

/// What the server is told at its start.
#[derive(Debug, Clone, Default)]
pub(crate) struct AppConfig {
    pub(crate) auth: AuthConfig,
}

/// The cluster that a controller lives in.
pub(crate) struct ClusterAccess {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) policy: String,
    /// Name of the lease.
    pub(crate) lease: String,
}

/// What every request is answered with.
pub(crate) struct App {
    pub(crate) board: Arc<Board>,
    auth: Auth,
    forward: Option<Forward>,
    began: Instant,
    listen: SocketAddr,
    reads: Arc<Semaphore>,
    exports: Arc<Semaphore>,
    what_ifs: Arc<Semaphore>,
    refusals: order::Refusals,
}

/// The other end of a connection.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

// === impl App ===

impl App {
    /// # Errors
    /// When what is asked of callers cannot be found out.
    pub(crate) fn new(
        board: Arc<Board>,
        config: &AppConfig,
        listen: SocketAddr,
        cluster: Option<ClusterAccess>,
    ) -> anyhow::Result<Arc<Self>> {
        let reviews = cluster.as_ref().map(|cluster| {
            Reviews::new(Access::new(
                &cluster.client,
                &cluster.namespace,
                &cluster.policy,
            ))
        });
        Ok(Arc::new(Self {
            board,
            auth: Auth::new(&config.auth, reviews)?,
            forward: cluster.map(Forward::new).transpose()?,
            began: Instant::now(),
            listen,
            reads: Arc::new(Semaphore::new(READS_MAX)),
            exports: Arc::new(Semaphore::new(EXPORTS_MAX)),
            what_ifs: Arc::new(Semaphore::new(1)),
            refusals: order::Refusals::default(),
        }))
    }

    /// What is shown and whom to ask about it, of a policy or of the only one.
    ///
    /// # Errors
    /// When nothing was observed yet, or the policy is another.
    fn shown(&self, policy: Option<&str>) -> Result<(Arc<Lead>, Arc<StateView>), Problem> {
        let lead = self.board.lead().ok_or_else(Problem::nothing_observed)?;
        if let Some(policy) = policy
            && policy != lead.policy.name()
        {
            return Err(Problem::new(
                Code::UnknownPolicy,
                format!("no policy is called {policy}"),
            ));
        }
        let state = self.board.state().ok_or_else(Problem::nothing_observed)?;
        Ok((lead, state))
    }

    /// Reads the history where that may block, after all that was noted before.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn history<T: Send + 'static>(
        &self,
        read: impl FnOnce(&History) -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, Problem> {
        let failed = |error: anyhow::Error| Problem::history(&error);
        let turn = Arc::clone(&self.reads).acquire_owned().await;
        let history = Arc::clone(self.board.history());
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            history.flush();
            read(&history)
        });
        reading
            .await
            .map_err(|error| failed(error.into()))?
            .map_err(failed)
    }
}

/// The API's routes.
pub(crate) fn router(app: &Arc<App>) -> Router {
    let guarded = |router: Router<Arc<App>>| {
        router.route_layer(middleware::from_fn_with_state(
            Arc::clone(app),
            guard::authorize,
        ))
    };
    let reading = Router::new()
        .route("/state", get(read::state))
        .route("/policies", get(read::policies))
        .route("/policies/{policy}/manifest", get(read::manifest))
        .route("/fleet", get(read::fleet))
        .route("/market", get(read::market))
        .route("/health", get(read::health))
        .route("/history", get(timeline::last_hour))
        .route("/timeline", get(timeline::timeline))
        .route("/partitions", get(heat::partitions))
        .route("/cost", get(cost::cost))
        .route("/decisions", get(log::decisions))
        .route("/decisions/{id}", get(log::decision))
        .route("/orders", get(log::orders))
        .route("/export", get(log::export))
        .route("/events", get(stream::events))
        .route(
            "/policies/{policy}/what-if",
            post(what_if::what_if).layer(DefaultBodyLimit::max(WHAT_IF_BYTES_MAX)),
        );
    let ordering = Router::new()
        .route("/policies/{policy}/pause", post(order::pause))
        .route("/policies/{policy}/resume", post(order::resume))
        .route("/policies/{policy}/override", post(order::override_pool))
        .route("/policies/{policy}/release", post(order::release))
        .route(
            "/policies/{policy}/instances/{intent}/drain",
            post(order::drain),
        )
        .layer(DefaultBodyLimit::max(ORDER_BYTES_MAX));
    let session = Router::new()
        .route(
            "/session",
            get(session::session)
                .post(session::begin)
                .delete(session::end),
        )
        .route("/openapi.json", get(document::openapi))
        .layer(DefaultBodyLimit::max(ORDER_BYTES_MAX));
    let all = guarded(reading.merge(ordering))
        .merge(session)
        .fallback(guard::no_such_path)
        .method_not_allowed_fallback(guard::no_such_method)
        .layer(middleware::from_fn_with_state(
            Arc::clone(app),
            guard::to_leader,
        ))
        .layer(middleware::from_fn(guard::same_site))
        .layer(middleware::from_fn(guard::no_store))
        .with_state(Arc::clone(app));
    Router::new().nest(API, all)
}

/// A query, as its type says.
///
/// # Errors
/// When it is another.
fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    axum::extract::Query::<T>::try_from_uri(uri)
        .map(|query| query.0)
        .map_err(|error| Problem::query(error.body_text()))
}

/// A time as it is asked for: RFC 3339, `now`, or `-6h` (`s`, `m`, `h`, `d`).
///
/// # Errors
/// What it should be.
pub(crate) fn time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let wrong = || {
        format!(
            "`{}` is no time: say one like 2026-11-25T10:00:00Z, or -6h",
            text.escape_debug()
        )
    };
    if text == "now" {
        return Ok(now);
    }
    let Some(back) = text.strip_prefix('-') else {
        return text.parse().map_err(|_| wrong());
    };
    let unit = back.chars().last().ok_or_else(wrong)?;
    let number = back.strip_suffix(unit).unwrap_or_default();
    // No more than nine digits: whatever follows, no sum overflows.
    let number: i64 = match number.len() {
        1..=9 if number.bytes().all(|it| it.is_ascii_digit()) => {
            number.parse().map_err(|_| wrong())?
        }
        _ => return Err(wrong()),
    };
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    now.checked_sub(SignedDuration::from_secs(number * seconds))
        .map_err(|_| wrong())
}

/// The range that is asked for, `default` until now if nothing is.
///
/// # Errors
/// When it is none.
fn range(
    (from, to): (Option<&str>, Option<&str>),
    default: &str,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Problem> {
    let from =
        time(from.unwrap_or(default), now).map_err(|why| Problem::query(format!("from: {why}")))?;
    let to = time(to.unwrap_or("now"), now).map_err(|why| Problem::query(format!("to: {why}")))?;
    if to <= from {
        return Err(Problem::query("`to` is not after `from`"));
    }
    Ok((from, to))
}
