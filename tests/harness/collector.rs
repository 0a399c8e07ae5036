//! A collector of traces: takes what programs export by OTLP over HTTP, with the published messages.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use anyhow::Context;
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{Span, span::SpanKind, status::StatusCode as SpanStatus},
};
use prost::Message as _;
use tokio::{net::TcpListener, sync::oneshot};

/// A collector that ends when it is dropped.
pub struct Collector {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<SeenSpan>>>,
    _stop: oneshot::Sender<()>,
}

/// A span, as a collector has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenSpan {
    /// `service.name` of whoever made it.
    pub service: String,
    /// Its name.
    pub name: String,
    /// `Server`, `Producer` and so on.
    pub kind: String,
    /// Hex, 32 digits.
    pub trace: String,
    /// Hex, 16 digits.
    pub id: String,
    /// The id of the span that it is a part of; empty for the first of a trace.
    pub parent: String,
    /// The ids of spans that it is linked to.
    pub links: Vec<String>,
    /// What it says of itself, as text.
    pub attributes: BTreeMap<String, String>,
    /// Whether it says that it failed.
    pub failed: bool,
    /// When it began, nanoseconds since the epoch.
    pub began: u64,
    /// When it ended.
    pub ended: u64,
}

// === impl Collector ===

impl Collector {
    /// One that takes everything.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn start() -> anyhow::Result<Self> {
        Self::answering(take)
    }

    /// One that accepts connections and requests, and never answers.
    ///
    /// # Errors
    /// If it cannot listen.
    pub fn hung() -> anyhow::Result<Self> {
        Self::answering(hang)
    }

    fn answering<F, T>(answer: F) -> anyhow::Result<Self>
    where
        F: axum::handler::Handler<T, Arc<Mutex<Vec<SeenSpan>>>>,
        T: 'static,
    {
        let seen: Arc<Mutex<Vec<SeenSpan>>> = Arc::default();
        let router = Router::new()
            .route("/v1/traces", post(answer))
            .with_state(Arc::clone(&seen));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let listener =
            std::net::TcpListener::bind(("127.0.0.1", 0)).context("the collector cannot listen")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("a runtime is there");
                tokio::select! {
                    _ = axum::serve(listener, router) => {}
                    _ = stopped => {}
                }
            });
        });
        Ok(Self {
            address,
            seen,
            _stop: stop,
        })
    }

    /// Where it is, as programs are told.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every span so far.
    #[must_use]
    pub fn spans(&self) -> Vec<SeenSpan> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

async fn take(State(seen): State<Arc<Mutex<Vec<SeenSpan>>>>, body: Bytes) -> Response {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    for of_resource in request.resource_spans {
        let service = service(of_resource.resource.as_ref());
        let scopes = of_resource.scope_spans.into_iter();
        let spans = scopes.flat_map(|scope| scope.spans);
        seen.extend(spans.map(|span| SeenSpan::of(service.clone(), span)));
    }
    let answer = ExportTraceServiceResponse::default().encode_to_vec();
    ([(header::CONTENT_TYPE, "application/x-protobuf")], answer).into_response()
}

async fn hang(State(_): State<Arc<Mutex<Vec<SeenSpan>>>>, _: Bytes) -> Response {
    std::future::pending().await
}

fn service(resource: Option<&Resource>) -> String {
    let attributes = resource.map(|it| texts(&it.attributes));
    let name = attributes.and_then(|mut it| it.remove("service.name"));
    name.unwrap_or_default()
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let texts = attributes.iter().map(|attribute| {
        let value = attribute.value.as_ref();
        (attribute.key.clone(), value.map(text).unwrap_or_default())
    });
    texts.collect()
}

fn text(value: &AnyValue) -> String {
    match &value.value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

// === impl SeenSpan ===

impl SeenSpan {
    fn of(service: String, span: Span) -> Self {
        let status = span.status.as_ref();
        Self {
            service,
            kind: format!("{:?}", SpanKind::try_from(span.kind).unwrap_or_default()),
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
            links: span.links.iter().map(|link| hex(&link.span_id)).collect(),
            attributes: texts(&span.attributes),
            failed: status.is_some_and(|it| it.code == SpanStatus::Error as i32),
            began: span.start_time_unix_nano,
            ended: span.end_time_unix_nano,
            name: span.name,
        }
    }

    /// An attribute; empty where it says nothing of that.
    #[must_use]
    pub fn says(&self, name: &str) -> &str {
        self.attributes.get(name).map_or("", String::as_str)
    }
}
