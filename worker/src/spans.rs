//! The trace of a job: a span of its own, which belongs to whoever sent it, and one for each stage it went through.
//!
//! ```text
//! process spillway.jobs
//! ├─ fetch, decode, queue, infer ─linked─▶ infer batch, which belongs to the first traced job of the batch
//! └─ send spillway.results
//! ```
//!
//! Of a job that is not sampled nothing is made after its beginning, and without a tracer nothing at all.

use spillway_telemetry::{Begin, Clock, KeyValue, Parent, Span, SpanKind, tracer};
use spillway_wire::{Outcome, Reason, TraceParent};

use crate::work::{Framed, Record, Spent, Stint};

/// The span of a job that is sampled.
#[derive(Debug)]
pub(crate) struct JobTrace {
    span: Span,
    clock: Clock,
    /// The batch that it ran in, and its images.
    batch: Option<(Parent, usize)>,
}

/// The span of a job that waits until Kafka has its result, and that of the wait; both end when this is dropped.
#[derive(Debug)]
pub(crate) struct Sending {
    // Dropped in this order: the part before the whole.
    send: Span,
    _job: Span,
}

// === impl JobTrace ===

impl JobTrace {
    /// Begins with a record's arrival; none where nobody asked for traces, or not for this one.
    pub(crate) fn begin(record: &Record, job: &str, group: &str) -> Option<Box<Self>> {
        let tracer = tracer()?;
        let clock = Clock::now();
        let parent = record.trace().and_then(|it| Parent::parse(it.as_str()));
        let partition = &record.ticket.assignment.partition;
        let begin = Begin::new(format!("process {}", partition.topic), parent.as_ref())
            .kind(SpanKind::Consumer)
            .at(clock.at(record.received));
        let mut span = tracer.begin(begin);
        if !span.is_recorded() {
            return None;
        }
        for attribute in [
            KeyValue::new("messaging.system", "kafka"),
            KeyValue::new("messaging.operation.name", "process"),
            KeyValue::new("messaging.operation.type", "process"),
            KeyValue::new("messaging.destination.name", partition.topic.clone()),
            KeyValue::new(
                "messaging.destination.partition.id",
                partition.partition.to_string(),
            ),
            KeyValue::new("messaging.consumer.group.name", group.to_owned()),
            KeyValue::new("messaging.kafka.offset", record.ticket.offset),
            KeyValue::new("messaging.message.id", job.to_owned()),
        ] {
            span.set(attribute);
        }
        Some(Box::new(Self {
            span,
            clock,
            batch: None,
        }))
    }

    /// Ends its part here: tells the stages, says what became of it, and goes on until Kafka has what it came to.
    pub(crate) fn send(
        mut self: Box<Self>,
        spent: &Spent,
        to: &str,
        outcome: Option<Outcome>,
        error: Option<Reason>,
    ) -> Box<Sending> {
        self.stages(spent);
        let outcome = match outcome {
            Some(Outcome::Success) => "success",
            Some(Outcome::Partial) => "partial",
            Some(Outcome::Error) => "error",
            None => "retry",
        };
        self.span.set(KeyValue::new("spillway.outcome", outcome));
        if let Some(reason) = error {
            self.span.fail(reason.as_str());
        }
        let parent = self.span.parent();
        let attributes = vec![
            KeyValue::new("messaging.system", "kafka"),
            KeyValue::new("messaging.operation.name", "send"),
            KeyValue::new("messaging.operation.type", "send"),
            KeyValue::new("messaging.destination.name", to.to_owned()),
        ];
        let begin = Begin::new(format!("send {to}"), Some(&parent))
            .kind(SpanKind::Producer)
            .with(attributes);
        let tracer = tracer().expect("this span has one");
        Box::new(Sending {
            send: tracer.begin(begin),
            _job: self.span,
        })
    }

    fn stages(&self, spent: &Spent) {
        let parent = self.span.parent();
        self.stage("fetch", &parent, spent.fetch);
        self.stage("decode", &parent, spent.decode);
        let waited = spent.decode.end().zip(spent.infer.began);
        if let Some((from, until)) = waited {
            let took = until.saturating_duration_since(from);
            let began = Some(from);
            self.stage("queue", &parent, Stint { began, took });
        }
        self.stage("infer", &parent, spent.infer);
    }

    fn stage(&self, name: &'static str, parent: &Parent, stint: Stint) {
        let (Some(began), Some(ended), Some(tracer)) = (stint.began, stint.end(), tracer()) else {
            return;
        };
        let mut begin = Begin::new(name, Some(parent)).at(self.clock.at(began));
        if let (Some((batch, images)), "infer") = (&self.batch, name) {
            begin.links.push(batch.clone());
            let images = i64::try_from(*images).unwrap_or(i64::MAX);
            begin
                .attributes
                .push(KeyValue::new("spillway.batch.images", images));
        }
        tracer.tell(begin, self.clock.at(ended));
    }
}

/// The span of a batch that runs now, which the spans of its jobs are linked to; none where no job of it is traced.
///
/// A batch belongs to many traces. It is told in that of its first traced job, so that it is there whenever a link
/// leads to it.
pub(crate) fn batch(batch: &mut [Framed], model_set: &str) -> Option<Span> {
    let first = batch.iter().find_map(|it| it.work.trace.as_ref())?;
    let images = batch.len();
    let attributes = vec![
        KeyValue::new("spillway.batch.images", i64::try_from(images).ok()?),
        KeyValue::new("spillway.model_set", model_set.to_owned()),
    ];
    let parent = first.span.parent();
    let begin = Begin::new("infer batch", Some(&parent)).with(attributes);
    let span = tracer()?.begin(begin);
    for framed in batch {
        if let Some(trace) = &mut framed.work.trace {
            trace.batch = Some((span.parent(), images));
        }
    }
    Some(span)
}

// === impl Sending ===

impl Sending {
    /// What is written of a result, so that whoever reads it can go on.
    pub(crate) fn traceparent(&self) -> Option<TraceParent> {
        TraceParent::parse(self.send.parent().traceparent().as_bytes())
    }
}
