//! What became of spans.

use std::sync::LazyLock;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

type Counters = Family<Vec<(&'static str, String)>, Counter>;

/// Spans by what became of them; clones count together.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// Those that a collector took.
    pub exported: Counters,
    /// Those that are lost, by `why`: `full` (they came faster than they could be sent), `failed` (no collector took
    /// them), `ended` (the process did not wait for them).
    pub dropped: Counters,
}

/// Why a span is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Why {
    Full,
    Failed,
    Ended,
}

/// Those of this process.
#[must_use]
pub fn counts() -> &'static Counts {
    static COUNTS: LazyLock<Counts> = LazyLock::new(|| {
        let counts = Counts::default();
        // A series that is there from the start: its first loss is seen as one.
        counts.exported(0);
        for why in [Why::Full, Why::Failed, Why::Ended] {
            counts.dropped(why, 0);
        }
        counts
    });
    &COUNTS
}

// === impl Counts ===

impl Counts {
    /// Adds them to a program's metrics.
    pub fn register(&self, to: &mut Registry) {
        to.register(
            "spans_exported",
            "Spans of traces that a collector took",
            self.exported.clone(),
        );
        to.register(
            "spans_dropped",
            "Spans of traces that are lost",
            self.dropped.clone(),
        );
    }

    pub(crate) fn exported(&self, spans: usize) {
        self.exported.get_or_create(&vec![]).inc_by(spans as u64);
    }

    pub(crate) fn dropped(&self, why: Why, spans: usize) {
        let label = vec![("why", why.as_str().to_owned())];
        self.dropped.get_or_create(&label).inc_by(spans as u64);
    }

    /// How many are lost, for tests and logs.
    pub(crate) fn lost(&self, why: Why) -> u64 {
        let label = vec![("why", why.as_str().to_owned())];
        self.dropped.get_or_create(&label).get()
    }
}

// === impl Why ===

impl Why {
    fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Failed => "failed",
            Self::Ended => "ended",
        }
    }
}
