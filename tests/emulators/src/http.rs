//! A request and its answer as values, so that a cloud is a function from one to the other.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

/// What was asked.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// In capitals.
    pub method: String,
    /// As on the wire, without the query.
    pub path: String,
    /// As on the wire, without the question mark.
    pub query: String,
    /// Names in lower case, in the order of the wire.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Without content-length, which the server adds.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
    /// Whether it reaches whoever asked.
    pub delivery: Delivery,
}

/// Whether an answer arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It does.
    Sent,
    /// The connection is held this long and then closed without a byte.
    Lost {
        /// How long.
        hold_ms: u64,
    },
}

// === impl Asked ===

impl Asked {
    /// A request without headers and body, for tests and for the machines' own calls.
    pub fn new(method: &str, target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            ..Self::default()
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Path and query as on the wire.
    pub fn target(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, self.query)
        }
    }

    /// A header's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(own, _)| own == name);
        named.map(|(_, value)| value.as_str())
    }

    /// The token of `Authorization: Bearer …`.
    pub fn bearer(&self) -> Option<&str> {
        self.get("authorization")?.strip_prefix("Bearer ")
    }

    /// A value of the query, decoded; names are compared in any case, as Azure does and the others do not mind.
    pub fn asked_for(&self, name: &str) -> Option<String> {
        form_urlencoded::parse(self.query.as_bytes())
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.into_owned())
    }

    /// The path's segments, decoded, without empty ones.
    pub fn segments(&self) -> Vec<String> {
        let segments = self.path.split('/').filter(|segment| !segment.is_empty());
        segments
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect()
    }

    /// The body as a form.
    pub fn form(&self) -> BTreeMap<String, String> {
        form_urlencoded::parse(&self.body).into_owned().collect()
    }

    /// The body as a JSON object.
    pub fn json(&self) -> Option<Value> {
        let value: Value = serde_json::from_slice(&self.body).ok()?;
        value.is_object().then_some(value)
    }
}

// === impl Reply ===

impl Reply {
    /// An answer without a body.
    pub fn empty(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            delivery: Delivery::Sent,
        }
    }

    /// A body of some type.
    pub fn of(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut reply = Self::empty(status).with("content-type", content_type);
        reply.body = body.into();
        reply
    }

    /// A JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::of(status, "application/json; charset=utf-8", body.to_string())
    }

    /// What a load balancer in front of the cloud says when the cloud does not.
    pub fn html(status: u16) -> Self {
        let page = format!(
            "<!doctype html>\n<html><head><title>{status}</title></head><body><h1>{status}</h1>\
             <p>The server encountered a temporary error and could not complete your request.</p></body></html>\n"
        );
        Self::of(status, "text/html; charset=utf-8", page)
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Never arrives.
    #[must_use]
    pub fn lost(mut self, hold_ms: u64) -> Self {
        self.delivery = Delivery::Lost { hold_ms };
        self
    }

    /// A header's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        let named = self
            .headers
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null where it is none.
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }
}
