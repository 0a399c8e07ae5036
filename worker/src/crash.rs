//! Ends at a named step of a job's way, so that each can be tried out.
//!
//! Only in builds with debug assertions, and only when `SPILLWAY_CRASH_AT=step:count` says so: at the count-th time that
//! the step is passed. The end is like SIGKILL's: nothing is finished, nothing is cleaned up.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};

const VARIABLE: &str = "SPILLWAY_CRASH_AT";

/// A moment between two things that must both happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The job is in the ledger and on the line.
    Begun,
    /// It is decoded.
    Decoded,
    /// The models have answered.
    Inferred,
    /// Its result is with the producer.
    Sent,
    /// Kafka has its result, and nobody knows yet.
    Acknowledged,
    /// The ledger knows.
    Finished,
    /// Its offset is with librdkafka.
    Committing,
    /// Kafka has its offset.
    Committed,
    /// A partition is being taken, what was in flight for it is finished, and not committed.
    Revoking,
    /// Everything is committed, and the group not left.
    Leaving,
}

// === impl Step ===

impl Step {
    fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Decoded => "decoded",
            Self::Inferred => "inferred",
            Self::Sent => "sent",
            Self::Acknowledged => "acknowledged",
            Self::Finished => "finished",
            Self::Committing => "committing",
            Self::Committed => "committed",
            Self::Revoking => "revoking",
            Self::Leaving => "leaving",
        }
    }
}

/// Passes a step.
pub(crate) fn point(step: Step) {
    if !cfg!(debug_assertions) {
        return;
    }
    static AT: OnceLock<Option<(String, AtomicI64)>> = OnceLock::new();
    let at = AT.get_or_init(|| {
        let asked = std::env::var(VARIABLE).ok()?;
        let (step, count) = asked.split_once(':')?;
        Some((step.to_owned(), AtomicI64::new(count.parse().ok()?)))
    });
    if let Some((name, count)) = at
        && name == step.name()
        && count.fetch_sub(1, Ordering::Relaxed) == 1
    {
        std::process::abort();
    }
}
