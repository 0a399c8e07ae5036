//! Spans, and how they find their parents.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime};

use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _,
    TraceFlags, TraceId, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span as SdkSpan};

static TRACER: OnceLock<Tracer> = OnceLock::new();

/// Begins spans.
#[derive(Debug)]
pub struct Tracer(SdkTracer);

/// What a span belongs to: where the parts of a trace meet, in this process and in others.
#[derive(Debug, Clone, PartialEq)]
pub struct Parent(SpanContext);

/// A span that begins.
#[derive(Debug)]
pub struct Begin<'a> {
    /// Of few values: no ids.
    pub name: Cow<'static, str>,
    /// Which side of a call it is.
    pub kind: SpanKind,
    /// What it is a part of; none begins a trace.
    pub parent: Option<&'a Parent>,
    /// When it began.
    pub at: SystemTime,
    /// What is known already.
    pub attributes: Vec<KeyValue>,
    /// What it has to do with and is no part of.
    pub links: Vec<Parent>,
}

/// A span; it ends when it is dropped, or at a moment that is named.
#[derive(Debug)]
pub struct Span(SdkSpan);

/// Two clocks at one moment, by which moments of one become moments of the other.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    instant: Instant,
    time: SystemTime,
}

/// What begins spans; none where nobody asked for traces.
#[must_use]
pub fn tracer() -> Option<&'static Tracer> {
    TRACER.get()
}

/// Sets what [`tracer`] gives. A second one is not taken.
pub(crate) fn install(tracer: Tracer) {
    let _ = TRACER.set(tracer);
}

tokio::task_local! {
    static CURRENT: Parent;
}

/// Does something under a span, so that what it calls finds it as [`current`]; without one, just does it.
pub async fn within<T>(parent: Option<Parent>, something: impl Future<Output = T>) -> T {
    match parent {
        Some(parent) => CURRENT.scope(parent, something).await,
        None => something.await,
    }
}

/// The span under which this task runs; none outside of [`within`].
#[must_use]
pub fn current() -> Option<Parent> {
    CURRENT.try_with(Clone::clone).ok()
}

// === impl Tracer ===

impl Tracer {
    pub(crate) fn new(tracer: SdkTracer) -> Self {
        Self(tracer)
    }

    /// A span, which may be one that is not recorded: the sampler says so, or its parent.
    #[must_use]
    pub fn begin(&self, begin: Begin<'_>) -> Span {
        let links = begin.links.into_iter();
        let mut builder = SpanBuilder::from_name(begin.name)
            .with_kind(begin.kind)
            .with_start_time(begin.at)
            .with_attributes(begin.attributes);
        builder.links = Some(links.map(|it| Link::with_context(it.0)).collect());
        let parent = match begin.parent {
            Some(parent) => Context::new().with_remote_span_context(parent.0.clone()),
            None => Context::new(),
        };
        Span(self.0.build_with_context(builder, &parent))
    }

    /// A whole span.
    pub fn tell(&self, begin: Begin<'_>, until: SystemTime) {
        self.begin(begin).end_at(until);
    }
}

// === impl Begin ===

impl<'a> Begin<'a> {
    /// A span inside of this process, from now on.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, parent: Option<&'a Parent>) -> Self {
        Self {
            name: name.into(),
            kind: SpanKind::Internal,
            parent,
            at: SystemTime::now(),
            attributes: Vec::new(),
            links: Vec::new(),
        }
    }

    /// The same, of another kind.
    #[must_use]
    pub fn kind(self, kind: SpanKind) -> Self {
        Self { kind, ..self }
    }

    /// The same, begun at another moment.
    #[must_use]
    pub fn at(self, at: SystemTime) -> Self {
        Self { at, ..self }
    }

    /// The same, which says this of itself.
    #[must_use]
    pub fn with(self, attributes: Vec<KeyValue>) -> Self {
        Self { attributes, ..self }
    }
}

// === impl Parent ===

impl Parent {
    /// Reads the value of a `traceparent` of version 00; none if it is not one.
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let mut parts = traceparent.split('-');
        let (version, trace, span, flags) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if version != "00" || parts.next().is_some() {
            return None;
        }
        let context = SpanContext::new(
            TraceId::from_hex(trace).ok()?,
            SpanId::from_hex(span).ok()?,
            TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
            true,
            TraceState::default(),
        );
        context.is_valid().then_some(Self(context))
    }

    /// As a `traceparent` says it.
    #[must_use]
    pub fn traceparent(&self) -> String {
        format!(
            "00-{}-{}-{:02x}",
            self.0.trace_id(),
            self.0.span_id(),
            self.0.trace_flags()
        )
    }

    /// Whether what belongs to it is recorded.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.0.is_sampled()
    }
}

// === impl Span ===

impl Span {
    /// What its parts name as their parent.
    #[must_use]
    pub fn parent(&self) -> Parent {
        Parent(self.0.span_context().clone())
    }

    /// Whether anything is done with what it says.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.0.is_recording()
    }

    /// Says more of itself.
    pub fn set(&mut self, attribute: KeyValue) {
        self.0.set_attribute(attribute);
    }

    /// Says that it failed; `kind` is one of few values.
    ///
    /// No sentence: those of failures name addresses, which are not to leave this place.
    pub fn fail(&mut self, kind: impl Into<Cow<'static, str>>) {
        self.0
            .set_attribute(KeyValue::new("error.type", kind.into()));
        self.0.set_status(Status::error(""));
    }

    /// Ends it at a moment.
    pub fn end_at(mut self, at: SystemTime) {
        self.0.end_with_timestamp(at);
    }
}

// === impl Clock ===

impl Clock {
    /// Both of them now.
    #[must_use]
    pub fn now() -> Self {
        Self {
            instant: Instant::now(),
            time: SystemTime::now(),
        }
    }

    /// The time of day at `instant`.
    #[must_use]
    pub fn at(&self, instant: Instant) -> SystemTime {
        match instant.checked_duration_since(self.instant) {
            Some(later) => self.time + later,
            None => self.time - self.instant.duration_since(instant),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_comes_out_as_it_went_in() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parent = Parent::parse(good).unwrap();
        assert_eq!(parent.traceparent(), good);
        assert!(parent.is_sampled());
        for bad in [
            "",
            "00",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-xx",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        ] {
            assert_eq!(Parent::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_moment_is_the_same_on_both_clocks() {
        let clock = Clock::now();
        let second = std::time::Duration::from_secs(1);
        assert_eq!(clock.at(clock.instant), clock.time);
        assert_eq!(clock.at(clock.instant + second), clock.time + second);
        assert_eq!(clock.at(clock.instant - second), clock.time - second);
    }
}
