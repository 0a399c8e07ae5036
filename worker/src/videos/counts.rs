//! What videos add to the worker's metrics; clones count together.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use spillway_wire::{Outcome, Reason};

/// Counts videos and what was made of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct VideoCounts {
    pub(crate) videos: Family<OutcomeLabel, Counter>,
    pub(crate) errors: Family<ReasonLabel, Counter>,
    pub(crate) frames: Counter,
    pub(crate) seconds: Counter<f64, AtomicU64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ReasonLabel {
    reason: &'static str,
}

// === impl VideoCounts ===

impl VideoCounts {
    /// Notes that a video has its answer.
    pub(super) fn done(&self, outcome: Outcome, reason: Option<Reason>) {
        let outcome = crate::stats::outcome_name(outcome);
        self.videos.get_or_create(&OutcomeLabel { outcome }).inc();
        if let Some(reason) = reason.map(Reason::as_str) {
            self.errors.get_or_create(&ReasonLabel { reason }).inc();
        }
    }
}
