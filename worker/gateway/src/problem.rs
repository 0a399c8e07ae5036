//! What a client is told when something is not done: problem details (RFC 9457) with a reason for programs.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::StoreError;

/// Why a request was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Cause {
    /// No API key was given.
    KeyMissing,
    /// The key is unknown or has expired.
    KeyInvalid,
    /// The key may not do this.
    ScopeMissing,
    /// The body is not what its content type says.
    InvalidBody,
    /// A field has a value that it may not have.
    InvalidField,
    /// A header has a value that it may not have.
    InvalidHeader,
    /// The content type is not one that is read here.
    UnsupportedMediaType,
    /// Something is larger than it may be.
    TooLarge,
    /// No model of this installation finds what was asked for.
    UnsupportedFeature,
    /// The idempotency key was used for another request.
    IdempotencyKeyReused,
    /// There is no such path.
    NoSuchPath,
    /// The path has no such method.
    NoSuchMethod,
    /// There is no such job, or it has expired.
    NoSuchJob,
    /// There is no such video, or it has expired.
    NoSuchVideo,
    /// More images a second than the tenant may send.
    RateExceeded,
    /// More images waited for at once than the tenant may have.
    ConcurrencyExceeded,
    /// More images today than the tenant may send.
    QuotaExceeded,
    /// There is more work than can be done before the tenant's deadline.
    Overloaded,
    /// The body did not come in time.
    SlowBody,
    /// Kafka or the object store cannot be used now, or the gateway starts or stops.
    Unavailable,
}

/// Why a request was not done, for programs and people.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) cause: Cause,
    pub(crate) detail: String,
    pub(crate) field: Option<String>,
    /// Whole seconds.
    pub(crate) retry_after: Option<u64>,
}

/// The body of a problem, `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    /// `urn:spillway:problem:` and the reason.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    /// For people.
    detail: String,
    reason: Cause,
    /// Which field of the request is meant, as `images[1].uri`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// After so many seconds it is worth trying again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

// === impl Cause ===

impl Cause {
    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::KeyMissing | Self::KeyInvalid => StatusCode::UNAUTHORIZED,
            Self::ScopeMissing => StatusCode::FORBIDDEN,
            Self::InvalidBody
            | Self::InvalidField
            | Self::InvalidHeader
            | Self::UnsupportedFeature => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::IdempotencyKeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NoSuchPath | Self::NoSuchJob | Self::NoSuchVideo => StatusCode::NOT_FOUND,
            Self::NoSuchMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::RateExceeded
            | Self::ConcurrencyExceeded
            | Self::QuotaExceeded
            | Self::Overloaded => StatusCode::TOO_MANY_REQUESTS,
            Self::SlowBody => StatusCode::REQUEST_TIMEOUT,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The name that programs see.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::KeyMissing => "KEY_MISSING",
            Self::KeyInvalid => "KEY_INVALID",
            Self::ScopeMissing => "SCOPE_MISSING",
            Self::InvalidBody => "INVALID_BODY",
            Self::InvalidField => "INVALID_FIELD",
            Self::InvalidHeader => "INVALID_HEADER",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::TooLarge => "TOO_LARGE",
            Self::UnsupportedFeature => "UNSUPPORTED_FEATURE",
            Self::IdempotencyKeyReused => "IDEMPOTENCY_KEY_REUSED",
            Self::NoSuchPath => "NO_SUCH_PATH",
            Self::NoSuchMethod => "NO_SUCH_METHOD",
            Self::NoSuchJob => "NO_SUCH_JOB",
            Self::NoSuchVideo => "NO_SUCH_VIDEO",
            Self::RateExceeded => "RATE_EXCEEDED",
            Self::ConcurrencyExceeded => "CONCURRENCY_EXCEEDED",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::Overloaded => "OVERLOADED",
            Self::SlowBody => "SLOW_BODY",
            Self::Unavailable => "UNAVAILABLE",
        }
    }
}

// === impl Problem ===

impl Problem {
    pub(crate) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
            field: None,
            retry_after: None,
        }
    }

    /// A problem of one field of the request.
    pub(crate) fn field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(Cause::InvalidField, detail).at(field)
    }

    /// The same problem, with the field at fault.
    #[must_use]
    pub(crate) fn at(self, field: impl Into<String>) -> Self {
        Self {
            field: Some(field.into()),
            ..self
        }
    }

    /// The same problem, which may be gone after so many seconds.
    #[must_use]
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(Cause::Unavailable, detail).retry_after(1)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::warn!(error = %chain(&error), "object store failed");
        Self::unavailable("the object store cannot be used now")
    }
}

/// An error with its sources, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.cause.status();
        let name = self.cause.as_str().to_ascii_lowercase().replace('_', "-");
        let body = ProblemBody {
            kind: format!("urn:spillway:problem:{name}"),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.detail,
            reason: self.cause,
            field: self.field,
            retry_after: self.retry_after,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            let ask = HeaderValue::from_static("Bearer realm=\"spillway\"");
            headers.insert(header::WWW_AUTHENTICATE, ask);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_reads_the_same_everywhere() {
        for cause in [
            Cause::KeyMissing,
            Cause::UnsupportedMediaType,
            Cause::NoSuchJob,
            Cause::NoSuchVideo,
        ] {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.as_str());
        }
    }
}
