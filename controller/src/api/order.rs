//! Orders: pause, resume, override, release, drain. Each is written down before it is followed, refused ones too.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use spillway_core::{BASE_POOL, IntentId, Shape};
use utoipa::ToSchema;

use super::App;
use super::auth::{Caller, must_operate};
use super::problem::{Code, Problem, ProblemBody};
use crate::intents::State as IntentState;
use crate::orders::{By, Order, OrderError, OrderView};
use crate::view::{Lead, OrderInForce};

/// Characters of a reason.
const REASON_MAX: usize = 500;
/// Seconds after which an order ends by itself: a minute to a week.
const EXPIRES: std::ops::RangeInclusive<i64> = 60..=604_800;
/// Machines of an override.
const WORKERS_MAX: u32 = 10_000;
/// Refused orders that are written down a minute: a flood of them must not push history out.
const REFUSALS_MAX: u32 = 60;

/// How many refused orders were written down this minute.
#[derive(Default)]
pub(super) struct Refusals {
    minute: AtomicI64,
    noted: AtomicU32,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PauseBody {
    /// 1 to 500 characters.
    reason: String,
    /// 60 to 604,800.
    expires_in_seconds: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonBody {
    /// 1 to 500 characters.
    reason: String,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OverrideBody {
    pool: String,
    #[schema(value_type = String)]
    shape: Shape,
    /// 0 to 10,000.
    workers: u32,
    /// 1 to 500 characters.
    reason: String,
    /// 60 to 604,800.
    expires_in_seconds: i64,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReleaseBody {
    pool: String,
    /// 1 to 500 characters.
    reason: String,
}

/// The number of an order that ended another.
#[derive(Serialize, ToSchema)]
pub(super) struct OrderNumber {
    id: u64,
}

// === impl Refusals ===

impl Refusals {
    /// Whether another one may be written down.
    fn take(&self, now: Timestamp) -> bool {
        let minute = now.as_second().div_euclid(60);
        if self.minute.swap(minute, Ordering::Relaxed) != minute {
            self.noted.store(0, Ordering::Relaxed);
        }
        self.noted.fetch_add(1, Ordering::Relaxed) < REFUSALS_MAX
    }
}

/// Leaves everything as it is.
#[utoipa::path(
    post,
    path = "/api/v1/policies/{policy}/pause",
    params(("policy" = String, Path)),
    request_body = PauseBody,
    responses(
        (status = 200, body = OrderInForce),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn pause(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(policy): Path<String>,
    sent: Sent,
) -> Result<Json<OrderInForce>, Problem> {
    let desk = Desk::new(&app, &caller, &policy)?;
    let sent: PauseBody = body(sent)?;
    let until = expires(desk.now, sent.expires_in_seconds)?;
    let view = desk.give(Order::Pause { until }, sent.reason).await?;
    Ok(Json(view.in_force()))
}

/// Ends a pause.
#[utoipa::path(
    post,
    path = "/api/v1/policies/{policy}/resume",
    params(("policy" = String, Path)),
    request_body = ReasonBody,
    responses(
        (status = 200, body = OrderNumber),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn resume(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(policy): Path<String>,
    sent: Sent,
) -> Result<Json<OrderNumber>, Problem> {
    let desk = Desk::new(&app, &caller, &policy)?;
    let sent: ReasonBody = body(sent)?;
    let view = desk.give(Order::Resume, sent.reason).await?;
    Ok(Json(OrderNumber { id: view.id }))
}

/// Says how many machines a pool has.
#[utoipa::path(
    post,
    path = "/api/v1/policies/{policy}/override",
    params(("policy" = String, Path)),
    request_body = OverrideBody,
    responses(
        (status = 200, body = OrderInForce),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn override_pool(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(policy): Path<String>,
    sent: Sent,
) -> Result<Json<OrderInForce>, Problem> {
    let desk = Desk::new(&app, &caller, &policy)?;
    let sent: OverrideBody = body(sent)?;
    let until = expires(desk.now, sent.expires_in_seconds)?;
    desk.has_pool(&sent.pool)?;
    if sent.workers > WORKERS_MAX {
        return Err(Problem::field(
            "workers",
            format!("is at most {WORKERS_MAX}"),
        ));
    }
    let order = Order::Override {
        pool: sent.pool,
        shape: sent.shape,
        workers: sent.workers,
        until,
    };
    let view = desk.give(order, sent.reason).await?;
    Ok(Json(view.in_force()))
}

/// Ends an override.
#[utoipa::path(
    post,
    path = "/api/v1/policies/{policy}/release",
    params(("policy" = String, Path)),
    request_body = ReleaseBody,
    responses(
        (status = 200, body = OrderNumber),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn release(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path(policy): Path<String>,
    sent: Sent,
) -> Result<Json<OrderNumber>, Problem> {
    let desk = Desk::new(&app, &caller, &policy)?;
    let sent: ReleaseBody = body(sent)?;
    let view = desk
        .give(Order::Release { pool: sent.pool }, sent.reason)
        .await?;
    Ok(Json(OrderNumber { id: view.id }))
}

/// Sends one bought machine away.
#[utoipa::path(
    post,
    path = "/api/v1/policies/{policy}/instances/{intent}/drain",
    params(("policy" = String, Path), ("intent" = String, Path)),
    request_body = ReasonBody,
    responses(
        (status = 202, body = OrderInForce),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn drain(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Path((policy, intent)): Path<(String, String)>,
    sent: Sent,
) -> Result<Response, Problem> {
    let desk = Desk::new(&app, &caller, &policy)?;
    let sent: ReasonBody = body(sent)?;
    let found = desk.lead.intents.get(&IntentId::from(intent.clone()));
    let Some(found) = found.filter(|found| !found.is_closed()) else {
        let told = format!("there is no machine of the intent {intent}");
        return Err(Problem::new(Code::UnknownInstance, told));
    };
    let is_launched = matches!(found.state, IntentState::Launched { .. });
    if found.pool == BASE_POOL || !is_launched {
        let told = format!("{intent} is of the base, does not run yet or is on its way out");
        return Err(Problem::new(Code::NotDrainable, told));
    }
    let order = Order::Drain {
        intent,
        pool: found.pool,
    };
    let view = desk.give(order, sent.reason).await?;
    Ok((StatusCode::ACCEPTED, Json(view.in_force())).into_response())
}

/// Where one order is given.
struct Desk<'a> {
    app: &'a App,
    caller: &'a Caller,
    lead: Arc<Lead>,
    now: Timestamp,
}

impl<'a> Desk<'a> {
    fn new(app: &'a App, caller: &'a Caller, policy: &str) -> Result<Self, Problem> {
        let (lead, _) = app.shown(Some(policy))?;
        Ok(Self {
            app,
            caller,
            lead,
            now: Timestamp::now(),
        })
    }

    fn has_pool(&self, name: &str) -> Result<(), Problem> {
        if self
            .lead
            .policy
            .pools()
            .iter()
            .any(|pool| pool.name == name)
        {
            return Ok(());
        }
        let told = format!("the policy buys from no pool called {name}");
        Err(Problem {
            field: Some("/pool".to_owned()),
            ..Problem::new(Code::UnknownPool, told)
        })
    }

    /// Writes an order down and lets it hold; refused ones are written down too.
    async fn give(&self, order: Order, reason: String) -> Result<OrderView, Problem> {
        let reason = reason.trim().to_owned();
        let length = reason.chars().count();
        if length == 0 || length > REASON_MAX {
            let told = format!("is 1 to {REASON_MAX} characters, not {length}");
            return Err(Problem::field("reason", told));
        }
        // It is shown in terminals too.
        if reason.chars().any(char::is_control) {
            let told = "holds characters that are not text";
            return Err(Problem::field("reason", told));
        }
        let by = By {
            user: self.caller.name(),
            known_by: self.caller.known_by,
            from: self.caller.from.to_string(),
            reason,
        };
        let may = must_operate(&self.app.auth, self.caller);
        if let Err(problem) = &may
            && !self.app.refusals.take(self.now)
        {
            return Err(problem.clone());
        }
        let id = self.app.board.history().next_id();
        let given = match may {
            Ok(()) => {
                let at = (id, self.now);
                self.lead
                    .orders
                    .give(&order, &by, at)
                    .await
                    .map_err(Problem::from)
            }
            Err(problem) => Err(problem),
        };
        let refusal = given.as_ref().err().map(|problem| problem.code.name());
        let policy = self.lead.policy.name();
        let view = order.view(id, self.now, policy, &by, refusal.as_deref());
        tracing::info!(
            kind = view.kind,
            by = view.by,
            reason = view.reason,
            refusal,
            "ordered"
        );
        self.lead.orders.note(view.clone());
        self.app.board.tell(&view);
        given.map(|()| view)
    }
}

impl From<OrderError> for Problem {
    fn from(error: OrderError) -> Self {
        let code = match &error {
            OrderError::NotPaused => Code::NotPaused,
            OrderError::NotOverridden => Code::NotOverridden,
            OrderError::TooMany => Code::Busy,
            OrderError::NotWritten(source) => {
                tracing::warn!(error = format!("{source:#}"), "order was not written");
                Code::NotWritten
            }
        };
        Self::new(code, error.to_string())
    }
}

fn expires(now: Timestamp, seconds: i64) -> Result<Timestamp, Problem> {
    if !EXPIRES.contains(&seconds) {
        let told = format!("is {} to {} seconds", EXPIRES.start(), EXPIRES.end());
        return Err(Problem::field("expires_in_seconds", told));
    }
    Ok(now + SignedDuration::from_secs(seconds))
}

/// A body as it came, or why it did not.
pub(super) type Sent = Result<Bytes, BytesRejection>;

/// A body of JSON.
///
/// # Errors
/// When it is another, or too large.
pub(super) fn body<T: DeserializeOwned>(sent: Sent) -> Result<T, Problem> {
    let sent = sent.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Code::TooLarge, "the body is larger than it may be")
        }
        _ => Problem::new(Code::InvalidBody, rejection.body_text()),
    })?;
    serde_json::from_slice(&sent)
        .map_err(|error| Problem::new(Code::InvalidBody, error.to_string()))
}
