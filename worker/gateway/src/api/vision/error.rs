//! Problems as Google's APIs tell them.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::messages::Status;
use crate::problem::{Cause, Problem};

// Codes of `google.rpc.Code`.
pub(super) const INVALID_ARGUMENT: i32 = 3;
pub(super) const DEADLINE_EXCEEDED: i32 = 4;
pub(super) const NOT_FOUND: i32 = 5;
const PERMISSION_DENIED: i32 = 7;
const RESOURCE_EXHAUSTED: i32 = 8;
const ABORTED: i32 = 10;
pub(super) const UNIMPLEMENTED: i32 = 12;
pub(super) const INTERNAL: i32 = 13;
pub(super) const UNAVAILABLE: i32 = 14;
const UNAUTHENTICATED: i32 = 16;

/// A problem of a whole request.
#[derive(Serialize, ToSchema)]
#[schema(as = vision::Error)]
pub(super) struct ErrorBody {
    error: ErrorView,
}

#[derive(Serialize, ToSchema)]
#[schema(as = vision::ErrorView)]
struct ErrorView {
    /// The HTTP status.
    code: u16,
    /// For people.
    message: String,
    /// The name of the code in Google's APIs.
    status: &'static str,
    details: Vec<ErrorInfo>,
}

/// `google.rpc.ErrorInfo`.
#[derive(Serialize, ToSchema)]
#[schema(as = vision::ErrorInfo)]
struct ErrorInfo {
    #[serde(rename = "@type")]
    kind: &'static str,
    reason: Cause,
    domain: &'static str,
}

/// A problem's code and name in Google's APIs, and the HTTP status that goes with them.
fn code(cause: Cause) -> (i32, &'static str, StatusCode) {
    match cause {
        Cause::KeyMissing | Cause::KeyInvalid => {
            (UNAUTHENTICATED, "UNAUTHENTICATED", StatusCode::UNAUTHORIZED)
        }
        Cause::ScopeMissing => (
            PERMISSION_DENIED,
            "PERMISSION_DENIED",
            StatusCode::FORBIDDEN,
        ),
        // Google answers 400 to a body that is too large, too.
        Cause::InvalidBody
        | Cause::InvalidField
        | Cause::InvalidHeader
        | Cause::UnsupportedMediaType
        | Cause::UnsupportedFeature
        | Cause::TooLarge => (
            INVALID_ARGUMENT,
            "INVALID_ARGUMENT",
            StatusCode::BAD_REQUEST,
        ),
        Cause::NoSuchPath | Cause::NoSuchMethod | Cause::NoSuchJob | Cause::NoSuchVideo => {
            (NOT_FOUND, "NOT_FOUND", StatusCode::NOT_FOUND)
        }
        Cause::IdempotencyKeyReused => (ABORTED, "ABORTED", StatusCode::CONFLICT),
        Cause::RateExceeded
        | Cause::ConcurrencyExceeded
        | Cause::QuotaExceeded
        | Cause::Overloaded => (
            RESOURCE_EXHAUSTED,
            "RESOURCE_EXHAUSTED",
            StatusCode::TOO_MANY_REQUESTS,
        ),
        Cause::SlowBody => (
            DEADLINE_EXCEEDED,
            "DEADLINE_EXCEEDED",
            StatusCode::REQUEST_TIMEOUT,
        ),
        Cause::Unavailable => (UNAVAILABLE, "UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn message(problem: &Problem) -> String {
    match &problem.field {
        Some(field) => format!("{field}: {}", problem.detail),
        None => problem.detail.clone(),
    }
}

/// A problem of one image.
pub(super) fn status(problem: &Problem) -> Status {
    Status::new(code(problem.cause).0, message(problem))
}

/// A problem of a whole request, over REST.
pub(super) fn response(problem: &Problem) -> Response {
    let (_, name, status) = code(problem.cause);
    let info = ErrorInfo {
        kind: "type.googleapis.com/google.rpc.ErrorInfo",
        reason: problem.cause,
        domain: "spillway.dev",
    };
    let error = ErrorView {
        code: status.as_u16(),
        message: message(problem),
        status: name,
        details: vec![info],
    };
    let body = ErrorBody { error };
    let mut response = (status, Json(body)).into_response();
    if let Some(seconds) = problem.retry_after {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// A problem of a whole request, over gRPC.
pub(super) fn grpc(problem: &Problem) -> tonic::Status {
    let mut status = tonic::Status::new(code(problem.cause).0.into(), message(problem));
    if let Some(seconds) = problem.retry_after {
        // What gRPC clients know as a server's wish; milliseconds.
        let wish = (seconds * 1_000).to_string();
        if let Ok(wish) = wish.parse() {
            status.metadata_mut().insert("grpc-retry-pushback-ms", wish);
        }
    }
    status
}
