//! What our programs tell of themselves beside their metrics: logs to stderr, and traces by OTLP.
//!
//! ```text
//! Tracer::begin ─▶ Span ─ends─▶ queue (bounded) ─▶ one thread: batches ─OTLP/HTTP─▶ collector
//! ```
//!
//! Without an address there is no [`tracer`], and nothing of this costs more than asking for it.
//! **Invariant:** whoever ends a span never waits; what does not fit into the queue is dropped and counted.
//! Deliberately absent: what a span is called and says, which its program knows, and any transport but HTTP.
#![forbid(unsafe_code)]

mod config;
mod counts;
mod export;
mod logs;
mod trace;

pub use config::{StartError, TraceArgs};
pub use counts::{Counts, counts};
pub use export::Exporting;
pub use logs::LogFormat;
pub use trace::{Begin, Clock, Parent, Span, Tracer, current, tracer, within};

/// A name and a value of a span.
pub use opentelemetry::KeyValue;
/// Which side of a call a span is.
pub use opentelemetry::trace::SpanKind;
