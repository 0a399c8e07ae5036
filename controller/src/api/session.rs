//! `/api/v1/session`: who a browser is, and a cookie for its token.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::auth::Caller;
use super::problem::{Code, Problem, ProblemBody};
use super::sessions::{cookie, set_cookie};
use super::{App, Peer};

/// Who asks, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionView {
    user: Option<String>,
    /// `open`, `loopback`, `token`, `proxy` or `kubernetes`.
    known_by: &'static str,
    may_read: bool,
    may_operate: bool,
    /// Whether a field for a token makes sense.
    wants_token: bool,
    /// `open`, `token`, `proxy` or `kubernetes`.
    auth: &'static str,
}

/// A token to be traded for a cookie.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenSent {
    token: String,
}

/// Who asks; never refused.
#[utoipa::path(get, path = "/api/v1/session", responses((status = 200, body = SessionView)))]
pub(super) async fn session(
    State(app): State<Arc<App>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
) -> Result<Json<SessionView>, Problem> {
    let caller = app.auth.caller(&headers, peer).await?;
    Ok(Json(shown(&app, &caller)))
}

/// Trades a token for a cookie.
#[utoipa::path(
    post,
    path = "/api/v1/session",
    request_body = TokenSent,
    responses(
        (status = 200, body = SessionView),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn begin(
    State(app): State<Arc<App>>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    sent: super::order::Sent,
) -> Result<Response, Problem> {
    let sent: TokenSent = super::order::body(sent)?;
    let caller = app
        .auth
        .of_token(&sent.token, peer.ip().to_canonical())
        .await?;
    if !app.auth.takes_tokens() || !caller.may_read {
        return Err(Problem {
            wants_token: true,
            ..Problem::new(Code::Unauthenticated, "the token is not known")
        });
    }
    let id = app.auth.sessions.begin(sent.token, Instant::now());
    let id = id.map_err(|error| Problem::history(&anyhow::anyhow!("no random bytes: {error}")))?;
    let cookie = set_cookie(Some(&id), is_secure(&headers));
    Ok(([(header::SET_COOKIE, cookie)], Json(shown(&app, &caller))).into_response())
}

/// Ends the cookie's session.
#[utoipa::path(delete, path = "/api/v1/session", responses((status = 204)))]
pub(super) async fn end(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    app.auth.sessions.end(cookie(&headers));
    let cookie = set_cookie(None, is_secure(&headers));
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, cookie)]).into_response()
}

/// Whether the browser speaks https, to whoever speaks to us.
fn is_secure(headers: &HeaderMap) -> bool {
    let proto = headers.get("x-forwarded-proto");
    let origin = headers.get(header::ORIGIN);
    proto.is_some_and(|it| it.as_bytes().starts_with(b"https"))
        || origin.is_some_and(|it| it.as_bytes().starts_with(b"https:"))
}

fn shown(app: &App, caller: &Caller) -> SessionView {
    SessionView {
        user: caller.user.clone(),
        known_by: caller.known_by,
        may_read: caller.may_read,
        may_operate: caller.may_operate,
        wants_token: app.auth.takes_tokens() && caller.user.is_none(),
        auth: app.auth.kind().as_str(),
    }
}
