//! The API key of a request.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use spillway_wire::{TraceParent, header_names};

use crate::app::App;
use crate::problem::Problem;
use crate::tenants::{Scope, Tenant};

const HEADER: &str = "x-goog-api-key";
/// Longer ones are no keys of ours, and are not hashed.
const KEY_MAX: usize = 256;

/// The tenant that a request comes from, if it may do that.
///
/// # Errors
/// When it may not.
pub(super) fn authorize(app: &App, parts: &Parts, scope: Scope) -> Result<Arc<Tenant>, Problem> {
    let query = parts.uri.query().unwrap_or_default();
    let key = of_headers(&parts.headers).or_else(|| of_query(query));
    let now = jiff::Timestamp::now();
    app.tenants.authorize(key.as_deref(), scope, now)
}

fn of_headers(headers: &HeaderMap) -> Option<String> {
    if let Some(key) = headers.get(HEADER) {
        return text(key.as_bytes());
    }
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    match scheme.eq_ignore_ascii_case("bearer") {
        true => text(key.trim().as_bytes()),
        false => None,
    }
}

fn of_query(query: &str) -> Option<String> {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let (_, key) = pairs.find(|(name, _)| name == "key")?;
    text(key.as_bytes())
}

/// A key is taken as it is; one that cannot be one becomes one that nobody has.
fn text(bytes: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    let is_sane = !text.is_empty() && text.len() <= KEY_MAX;
    Some(if is_sane {
        text.to_owned()
    } else {
        String::new()
    })
}

/// The trace that a request belongs to.
pub(super) fn trace(headers: &HeaderMap) -> Option<TraceParent> {
    let value = headers.get(header_names::TRACEPARENT)?;
    TraceParent::parse(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_clients_put_it() {
        let headers = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            headers
        };
        let some = |key: &str| Some(key.to_owned());
        assert_eq!(of_headers(&headers("x-goog-api-key", "a")), some("a"));
        assert_eq!(of_headers(&headers("authorization", "Bearer a")), some("a"));
        assert_eq!(
            of_headers(&headers("authorization", "bearer  a ")),
            some("a")
        );
        assert_eq!(of_headers(&headers("authorization", "Basic a")), None);
        assert_eq!(of_headers(&HeaderMap::new()), None);
        assert_eq!(of_query("$alt=json&key=a%2Bb"), some("a+b"));
        assert_eq!(of_query("monkey=a"), None);
        let long = "k".repeat(KEY_MAX + 1);
        assert_eq!(of_query(&format!("key={long}")), some(""));
    }
}
