//! The trace of a tick that decided something, and of the steps and calls that came of it.
//!
//! ```text
//! tick
//! ├─ observe, plan
//! └─ launch | drain | terminate | …     (may end long after the tick)
//!    └─ launch oci                      (the provider's call)
//! ```
//!
//! A tick that only says again what the one before it said has no trace: there is one a second, and the log leaves them
//! out too.

use std::time::SystemTime;

use spillway_core::{Action, Outcome, Plan, Violation};
use spillway_telemetry::{Begin, KeyValue, Parent, Span, SpanKind, current, tracer};

/// When the parts of a tick began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    began: SystemTime,
    observed: SystemTime,
}

/// The span of a tick, which ends when this is dropped; none where nothing is told of it.
#[derive(Debug, Default)]
pub(super) struct TickTrace(Option<Span>);

// === impl Times ===

impl Times {
    /// A tick begins.
    pub(super) fn begin() -> Self {
        let now = SystemTime::now();
        Self {
            began: now,
            observed: now,
        }
    }

    /// It has looked.
    pub(super) fn observed(&mut self) {
        self.observed = SystemTime::now();
    }
}

// === impl TickTrace ===

impl TickTrace {
    /// Of a tick that has decided: what it saw and why it decides so are known now.
    pub(super) fn begin(policy: &str, times: Times, plan: &Plan, violations: &[Violation]) -> Self {
        let Some(tracer) = tracer() else {
            return Self::default();
        };
        let mut span = tracer.begin(Begin::new("tick", None).at(times.began));
        if !span.is_recorded() {
            return Self::default();
        }
        span.set(KeyValue::new("spillway.policy", policy.to_owned()));
        span.set(KeyValue::new("spillway.sentence", plan.sentence()));
        let actions = i64::try_from(plan.actions.len()).unwrap_or(i64::MAX);
        span.set(KeyValue::new("spillway.actions", actions));
        let backlog = plan.numbers.backlog.map(i64::try_from);
        if let Some(Ok(backlog)) = backlog {
            span.set(KeyValue::new("spillway.backlog", backlog));
        }
        if let Some(hold) = &plan.hold {
            span.set(KeyValue::new("spillway.hold", hold.code()));
        }
        if !violations.is_empty() {
            span.fail("plan_refused");
        }
        let parent = span.parent();
        let observe = Begin::new("observe", Some(&parent)).at(times.began);
        tracer.tell(observe, times.observed);
        let plan = Begin::new("plan", Some(&parent)).at(times.observed);
        tracer.tell(plan, SystemTime::now());
        Self(Some(span))
    }

    /// Begins the span of a step.
    pub(super) fn step(&self, action: &Action) -> Option<Span> {
        let parent = self.0.as_ref()?.parent();
        let attributes = vec![
            KeyValue::new("spillway.intent", action.intent().to_string()),
            KeyValue::new("spillway.reason", action.why().code()),
            KeyValue::new("spillway.why", action.why().to_string()),
        ];
        let begin = Begin::new(name_of(action), Some(&parent)).with(attributes);
        Some(tracer()?.begin(begin))
    }
}

fn name_of(action: &Action) -> &'static str {
    match action {
        Action::Launch { .. } => "launch",
        Action::Adopt { .. } => "adopt",
        Action::Drain { .. } => "drain",
        Action::Terminate { .. } => "terminate",
        Action::Close { .. } => "close",
        Action::ScaleBase { .. } => "scale base",
    }
}

/// Ends the span of a step.
pub(super) fn ended(span: Option<Span>, outcome: &Outcome) {
    let Some(mut span) = span else { return };
    match outcome {
        Outcome::Done => {}
        Outcome::NotLaunched { fault, .. } => span.fail(fault.as_str().to_owned()),
        Outcome::Unknown { .. } => span.fail("unknown"),
        Outcome::Failed { .. } => span.fail("failed"),
    }
}

/// Begins the span of a call to a provider; none for one that belongs to no step: every tick lists.
pub(crate) fn call(operation: &'static str, provider: &'static str) -> Option<Span> {
    let parent: Parent = current()?;
    let attributes = vec![
        KeyValue::new("spillway.operation", operation),
        KeyValue::new("spillway.provider", provider),
    ];
    let begin = Begin::new(format!("{operation} {provider}"), Some(&parent))
        .kind(SpanKind::Client)
        .with(attributes);
    Some(tracer()?.begin(begin))
}

/// Ends the span of a call; `outcome` as its metric has it.
pub(crate) fn called(span: Option<Span>, outcome: &str) {
    if let Some(mut span) = span
        && outcome != "ok"
    {
        span.fail(outcome.to_owned());
    }
}
