//! Requests with a bearer token, and how such tokens are got.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request, Url};
use serde::Deserialize;
use serde_json::Value;

use crate::memory::Token;
use crate::refusal::{Complaint, Trouble};
use crate::rest::Answer;
use crate::secret::Secret;

/// A form, posted.
pub(crate) fn form(url: Url, fields: &[(&str, &str)]) -> Request {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let mut request = Request::new(Method::POST, url);
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, kind);
    *request.body_mut() = Some(body.into());
    request
}

/// A request with a JSON body, or with none.
pub(crate) fn json(method: Method, url: Url, body: Option<&Value>) -> Request {
    let mut request = Request::new(method, url);
    let kind = HeaderValue::from_static("application/json");
    request.headers_mut().insert(CONTENT_TYPE, kind);
    *request.body_mut() = body.map(|body| body.to_string().into());
    request
}

/// Puts the token on a request.
pub(crate) fn authorize(request: &mut Request, token: &Secret) -> Result<(), Trouble> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.expose()));
    let mut value = value.map_err(|_| Trouble::Denied {
        why: "the token fits no header".into(),
    })?;
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    Ok(())
}

/// The token in a token service's answer.
pub(crate) fn issued(
    answer: &Answer,
    now: Timestamp,
    complaint: impl Fn(&Answer) -> Complaint,
) -> Result<Token, Trouble> {
    #[derive(Deserialize)]
    struct Issued {
        access_token: String,
        expires_in: Value,
    }
    if !answer.is_success() {
        return Err(refused(complaint(answer)));
    }
    let issued: Issued = answer.json()?;
    // A number, or the same as text.
    let seconds = match &issued.expires_in {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    let seconds = seconds.ok_or_else(|| answer.garbled("expires_in is no number"))?;
    Ok(Token::new(
        issued.access_token,
        now,
        Duration::from_secs(seconds),
    ))
}

/// A token service that refuses will refuse again; one that is ill may get well.
pub(crate) fn refused(complaint: Complaint) -> Trouble {
    match complaint.status {
        400..=428 | 430..=499 => Trouble::Denied {
            why: complaint.to_string(),
        },
        _ => complaint.into(),
    }
}
