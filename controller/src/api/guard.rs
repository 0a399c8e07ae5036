//! What stands before every handler.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::auth::must_read;
use super::problem::{Code, Problem};
use super::{App, Peer};
use crate::view::Standing;

/// Nothing from elsewhere, nothing inline, in no frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
/// What whoever means an order sends; no page from elsewhere can.
const INTENTION: &str = "x-spillway-request";

/// Puts on every answer what browsers are to refuse.
pub(crate) async fn secured(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Keeps what the API says out of caches.
pub(super) async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let value = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, value);
    response
}

/// Refuses what a page from elsewhere made a browser send.
pub(super) async fn same_site(request: Request, next: Next) -> Response {
    match judge(&request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn judge(request: &Request) -> Result<(), Problem> {
    let is_safe = matches!(*request.method(), Method::GET | Method::HEAD);
    if is_safe {
        return Ok(());
    }
    let headers = request.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let elsewhere = |why: &str| Err(Problem::new(Code::CrossSite, why));
    if let Some(site) = text("sec-fetch-site")
        && site != "same-origin"
        && site != "none"
    {
        return elsewhere("the request comes from another site's page");
    }
    if headers.contains_key("origin") {
        let origin = text("origin").and_then(|origin| origin.split_once("://"));
        let host = text("host");
        if host.is_none() || origin.map(|(_, host)| host) != host {
            return elsewhere("the request comes from another origin");
        }
    }
    if text(INTENTION) != Some("1") {
        return elsewhere("the header `X-Spillway-Request: 1` is missing");
    }
    let kind = text("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if *request.method() != Method::DELETE && !kind.eq_ignore_ascii_case("application/json") {
        let told = "the body must be application/json";
        return Err(Problem::new(Code::UnsupportedMediaType, told));
    }
    Ok(())
}

/// Gives what another replica must answer to it.
pub(super) async fn to_leader(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    match (app.board.standing(), &app.forward) {
        (Standing::StandsBy { .. }, Some(forward)) => match forward.pass(request).await {
            Ok(response) => response,
            Err(problem) => problem.into_response(),
        },
        _ => next.run(request).await,
    }
}

/// Finds out who asks, and refuses who may not look.
pub(super) async fn authorize(
    State(app): State<Arc<App>>,
    Extension(Peer(peer)): Extension<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = match app.auth.caller(request.headers(), peer).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    if let Err(problem) = must_read(&app.auth, &caller) {
        return problem.into_response();
    }
    request.extensions_mut().insert(caller);
    next.run(request).await
}

pub(super) async fn no_such_path() -> Problem {
    Problem::new(
        Code::NoSuchPath,
        "there is nothing here; /api/v1/openapi.json lists what there is",
    )
}

pub(super) async fn no_such_method() -> Problem {
    Problem::new(Code::NoSuchMethod, "this path has no such method")
}
