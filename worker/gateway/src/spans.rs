//! The spans of a request: one of it, and one of what it sends to Kafka.
//!
//! What a request hands on is the header `traceparent`, so nothing between the two knows of spans.

use axum::extract::Request;
use axum::http::{HeaderValue, Method};
use spillway_telemetry::{Begin, KeyValue, Parent, Span, SpanKind, tracer};
use spillway_wire::{Job, TraceParent, header_names};

/// Begins the span of a request, and makes it what the request belongs to; without a tracer nothing changes.
///
/// `route` is the pattern of its path: paths have ids, and queries have keys.
pub(crate) fn begin(mut request: Request, route: &str) -> (Option<Span>, Request) {
    let Some(tracer) = tracer() else {
        return (None, request);
    };
    let method = known(request.method());
    let headers = request.headers();
    let from = headers
        .get(header_names::TRACEPARENT)
        .and_then(|value| Parent::parse(value.to_str().ok()?));
    let begin = Begin::new(format!("{method} {route}"), from.as_ref())
        .kind(SpanKind::Server)
        .with(vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route.to_owned()),
        ]);
    let span = tracer.begin(begin);
    // Also where it is not recorded: that it is not is part of what is handed on.
    if let Ok(value) = HeaderValue::try_from(span.parent().traceparent()) {
        request
            .headers_mut()
            .insert(header_names::TRACEPARENT, value);
    }
    (Some(span), request)
}

/// A method's name; a client may call one anything.
fn known(method: &Method) -> &'static str {
    let all = [Method::GET, Method::POST, Method::HEAD, Method::OPTIONS];
    let names = ["GET", "POST", "HEAD", "OPTIONS"];
    let found = all.iter().position(|it| it == method);
    found.map_or("_OTHER", |at| names[at])
}

/// Ends the span of a request that was answered.
pub(crate) fn end(span: Option<Span>, status: u16) {
    if let Some(mut span) = span {
        let code = i64::from(status);
        span.set(KeyValue::new("http.response.status_code", code));
        // What a client did wrong is no failure of a server.
        if status >= 500 {
            span.fail(status.to_string());
        }
    }
}

/// Begins the span of jobs that are sent together; none without a tracer.
///
/// The tenant is one of those that an operator named: its name is as good for a span as for a metric.
pub(crate) fn send(topic: &str, jobs: &[Job], trace: Option<&TraceParent>) -> Option<Span> {
    let tracer = tracer()?;
    let parent = trace.and_then(|it| Parent::parse(it.as_str()));
    let begin = Begin::new(format!("send {topic}"), parent.as_ref()).kind(SpanKind::Producer);
    let mut span = tracer.begin(begin);
    if span.is_recorded() {
        let count = i64::try_from(jobs.len()).unwrap_or(i64::MAX);
        for attribute in [
            KeyValue::new("messaging.system", "kafka"),
            KeyValue::new("messaging.operation.name", "send"),
            KeyValue::new("messaging.operation.type", "send"),
            KeyValue::new("messaging.destination.name", topic.to_owned()),
            KeyValue::new("messaging.batch.message_count", count),
        ] {
            span.set(attribute);
        }
        let tenant = jobs.first().map(|job| job.tenant.clone());
        if let Some(tenant) = tenant {
            span.set(KeyValue::new("spillway.tenant", tenant));
        }
    }
    Some(span)
}

/// What is written into records under a span.
pub(crate) fn traceparent(span: Option<&Span>) -> Option<TraceParent> {
    let traceparent = span?.parent().traceparent();
    TraceParent::parse(traceparent.as_bytes())
}
