//! Record headers: CloudEvents attributes in binary mode and W3C trace context.

use crate::UnixMs;

/// Header names.
pub mod names {
    /// CloudEvents: the record's own id.
    pub const CE_ID: &str = "ce_id";
    /// CloudEvents: who made it.
    pub const CE_SOURCE: &str = "ce_source";
    /// CloudEvents: version of the attributes, `1.0`.
    pub const CE_SPECVERSION: &str = "ce_specversion";
    /// CloudEvents: when, RFC 3339.
    pub const CE_TIME: &str = "ce_time";
    /// CloudEvents: what kind of record, `dev.spillway.job.v1`.
    pub const CE_TYPE: &str = "ce_type";
    /// Media type of the value.
    pub const CONTENT_TYPE: &str = "content-type";
    /// W3C trace context.
    pub const TRACEPARENT: &str = "traceparent";
    /// On a job that is tried again: how often it was tried.
    pub const TRIES: &str = "spillway-tries";
    /// On a job that is tried again: not before this moment, Unix milliseconds.
    pub const RETRY_AT: &str = "spillway-retry-at-ms";
    /// On a dead letter, and on a job that is tried again: the reason, as [`crate::Reason::as_str`].
    pub const ERROR_REASON: &str = "spillway-error-reason";
    /// On a dead letter: the message.
    pub const ERROR_MESSAGE: &str = "spillway-error-message";
    /// On a dead letter: `topic/partition/offset` it came from.
    pub const ERROR_ORIGIN: &str = "spillway-error-origin";
}

/// Headers of one record, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, Vec<u8>)>);

/// A W3C `traceparent`: which trace a record belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceParent(String);

// === impl Headers ===

impl Headers {
    /// The CloudEvents attributes of a record in binary mode.
    ///
    /// `kind` is the short type (`job`, `result`, `dead_letter`); `time` is RFC 3339.
    #[must_use]
    pub fn cloud_event(id: &str, source: &str, kind: &str, time: &str) -> Self {
        Self::default()
            .with(names::CE_SPECVERSION, "1.0")
            .with(names::CE_ID, id)
            .with(names::CE_SOURCE, source)
            .with(names::CE_TYPE, format!("dev.spillway.{kind}.v1"))
            .with(names::CE_TIME, time)
            .with(names::CONTENT_TYPE, "application/json")
    }

    /// The same headers and one more.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.0.push((name.to_owned(), value.into()));
        self
    }

    /// The same headers, and the trace if there is one.
    #[must_use]
    pub fn with_trace(self, trace: Option<&TraceParent>) -> Self {
        match trace {
            Some(trace) => self.with(names::TRACEPARENT, trace.0.clone()),
            None => self,
        }
    }

    /// Name and value of each header, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_slice()))
    }
}

// === impl TraceParent ===

impl TraceParent {
    /// Reads a header's value; none if it is not a `traceparent` of version 00.
    ///
    /// ```
    /// # use spillway_wire::TraceParent;
    /// let good = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// assert!(TraceParent::parse(good).is_some());
    /// assert!(TraceParent::parse(b"00-xyz").is_none());
    /// ```
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?;
        let parts: Vec<&str> = text.split('-').collect();
        let [version, trace, span, flags] = parts.as_slice() else {
            return None;
        };
        let is_hex = |part: &str, digits: usize| {
            part.len() == digits && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let is_valid = *version == "00"
            && is_hex(trace, 32)
            && is_hex(span, 16)
            && is_hex(flags, 2)
            && trace.bytes().any(|b| b != b'0')
            && span.bytes().any(|b| b != b'0');
        is_valid.then(|| Self(text.to_owned()))
    }

    /// The header's value.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Milliseconds from `from` to `to`, at least 0, as they are put into timings.
#[must_use]
pub fn elapsed_ms(from: UnixMs, to: UnixMs) -> u32 {
    u32::try_from(to.saturating_sub(from).max(0)).unwrap_or(u32::MAX)
}
