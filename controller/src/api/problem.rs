//! What a caller is told when something is not done: problem details (RFC 9457) with a code for programs.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::policy_file::PlacedProblem;

/// Why a request was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Code {
    /// The body is not JSON of the shape that is asked for.
    InvalidBody,
    /// A field has a value that it may not have.
    InvalidField,
    /// The query has a value that it may not have.
    InvalidQuery,
    /// It is not known who asks.
    Unauthenticated,
    /// Whoever asks may not do this.
    Forbidden,
    /// It comes from another site's page.
    CrossSite,
    /// No policy of that name is served here.
    UnknownPolicy,
    /// There is no decision of that number.
    UnknownDecision,
    /// There is no machine of that intent.
    UnknownInstance,
    /// The policy buys from no pool of that name.
    UnknownPool,
    /// There is no such path.
    NoSuchPath,
    /// The path has no such method.
    NoSuchMethod,
    /// It is of the base, or on its way out already.
    NotDrainable,
    /// Nothing is paused.
    NotPaused,
    /// The pool is not overridden.
    NotOverridden,
    /// The body is larger than it may be.
    TooLarge,
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// The policy does not pass the lint.
    InvalidPolicy,
    /// One is being done already.
    Busy,
    /// No look has ended yet.
    NothingObserved,
    /// Another replica leads, and it cannot be reached.
    NoLeader,
    /// So many streams are open already.
    TooManyStreams,
    /// The history cannot be read now.
    HistoryFailed,
    /// The order could not be written down, and does not hold.
    NotWritten,
    /// Whoever says who may do what does not answer.
    AccessUnknown,
}

/// Why a request was not done, for programs and people.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    pub(crate) detail: String,
    pub(crate) field: Option<String>,
    pub(crate) problems: Option<Vec<PlacedProblem>>,
    /// Whole seconds.
    pub(crate) retry_after: Option<u64>,
    /// Whether a bearer token would help.
    pub(crate) wants_token: bool,
}

/// The body of a problem, `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    /// For people.
    detail: String,
    code: Code,
    /// The field at fault, as `/reason`.
    field: Option<String>,
    /// What is wrong with a policy.
    problems: Option<Vec<PlacedProblem>>,
}

// === impl Code ===

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Self::InvalidBody | Self::InvalidField | Self::InvalidQuery => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::CrossSite => StatusCode::FORBIDDEN,
            Self::UnknownPolicy
            | Self::UnknownDecision
            | Self::UnknownInstance
            | Self::UnknownPool
            | Self::NoSuchPath => StatusCode::NOT_FOUND,
            Self::NoSuchMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotDrainable | Self::NotPaused | Self::NotOverridden => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidPolicy => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Busy => StatusCode::TOO_MANY_REQUESTS,
            Self::NothingObserved
            | Self::NoLeader
            | Self::TooManyStreams
            | Self::HistoryFailed
            | Self::NotWritten
            | Self::AccessUnknown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The name that programs see.
    pub(crate) fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => String::new(),
        }
    }
}

// === impl Problem ===

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            field: None,
            problems: None,
            retry_after: None,
            wants_token: false,
        }
    }

    /// A problem of one field of the body.
    pub(crate) fn field(field: &str, detail: impl Into<String>) -> Self {
        Self {
            field: Some(format!("/{field}")),
            ..Self::new(Code::InvalidField, detail)
        }
    }

    pub(crate) fn query(detail: impl Into<String>) -> Self {
        Self::new(Code::InvalidQuery, detail)
    }

    /// The same, which may be gone after so many seconds.
    #[must_use]
    pub(crate) fn retry_after(self, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..self
        }
    }

    pub(crate) fn nothing_observed() -> Self {
        Self::new(Code::NothingObserved, "nothing has been observed yet").retry_after(1)
    }

    pub(crate) fn history(error: &anyhow::Error) -> Self {
        tracing::warn!(error = format!("{error:#}"), "history could not be read");
        Self::new(Code::HistoryFailed, "the history cannot be read now").retry_after(1)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let body = ProblemBody {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: self.detail,
            code: self.code,
            field: self.field,
            problems: self.problems,
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.wants_token {
            let ask = HeaderValue::from_static("Bearer realm=\"spillway\"");
            headers.insert(header::WWW_AUTHENTICATE, ask);
        }
        response
    }
}
