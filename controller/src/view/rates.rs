//! How fast and how busy each worker is, by what its counters did between heartbeats.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use spillway_core::{BacklogReading, PartitionId};
use spillway_wire::Heartbeat;

/// Two heartbeats nearer than this tell too little.
const SPAN_MIN_MS: i64 = 1_500;

/// What was last learned of each worker.
#[derive(Default)]
pub(super) struct Rates {
    seen: BTreeMap<String, Seen>,
}

/// A worker's pace over its last seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Pace {
    /// Images per second.
    pub(super) rate: Option<f64>,
    /// Share of the time in which something was in flight, 0..1.
    pub(super) busy: Option<f64>,
}

/// Counters some seconds ago, and the pace since the ones before.
struct Seen {
    boot_id: String,
    at_ms: i64,
    images: u64,
    busy_ms: u64,
    pace: Pace,
}

/// Since when nothing was committed in each partition.
#[derive(Default)]
pub(super) struct Commits {
    seen: BTreeMap<PartitionId, (u64, Timestamp)>,
}

/// A partition in which jobs wait and nothing is committed for so long is stuck.
const STUCK_AFTER: SignedDuration = SignedDuration::from_secs(60);

// === impl Commits ===

impl Commits {
    /// Takes a reading in. A partition that is unknown in it stays as it was; one without lag begins anew.
    pub(super) fn learn(&mut self, reading: &BacklogReading) {
        let at = reading.taken_at;
        let mut seen = BTreeMap::new();
        for partition in &reading.partitions {
            let before = self.seen.remove(&partition.id);
            let now = match (&partition.offsets, before) {
                (Ok(offsets), Some((position, since)))
                    if offsets.position() == position && offsets.lag() > 0 =>
                {
                    Some((position, since))
                }
                (Ok(offsets), _) => Some((offsets.position(), at)),
                (Err(_), before) => before,
            };
            if let Some(now) = now {
                seen.insert(partition.id.clone(), now);
            }
        }
        self.seen = seen;
    }

    pub(super) fn has_stopped(&self, partition: &PartitionId, now: Timestamp) -> bool {
        let seen = self.seen.get(partition);
        seen.is_some_and(|(_, since)| now.duration_since(*since) >= STUCK_AFTER)
    }
}

// === impl Rates ===

impl Rates {
    /// Takes heartbeats in; who sends none any more is forgotten.
    pub(super) fn learn(&mut self, heartbeats: &[Heartbeat]) {
        let mut seen = BTreeMap::new();
        for beat in heartbeats {
            let before = self
                .seen
                .remove(&beat.worker)
                .filter(|it| it.boot_id == beat.boot_id);
            let now = match before {
                Some(before) if beat.at_ms - before.at_ms < SPAN_MIN_MS => before,
                before => Seen::of(beat, before.as_ref()),
            };
            seen.insert(beat.worker.clone(), now);
        }
        self.seen = seen;
    }

    pub(super) fn of(&self, worker: &str) -> Pace {
        self.seen
            .get(worker)
            .map(|seen| seen.pace)
            .unwrap_or_default()
    }
}

// === impl Seen ===

impl Seen {
    #[expect(clippy::cast_precision_loss, reason = "shown to people only")]
    fn of(beat: &Heartbeat, before: Option<&Self>) -> Self {
        let pace = before.map(|before| {
            let span = (beat.at_ms - before.at_ms) as f64;
            let images = beat.counters.images_done.saturating_sub(before.images) as f64;
            let busy = beat.counters.busy_ms.saturating_sub(before.busy_ms) as f64;
            Pace {
                rate: Some(images * 1_000.0 / span),
                busy: Some((busy / span).clamp(0.0, 1.0)),
            }
        });
        Self {
            boot_id: beat.boot_id.clone(),
            at_ms: beat.at_ms,
            images: beat.counters.images_done,
            busy_ms: beat.counters.busy_ms,
            pace: pace.unwrap_or_default(),
        }
    }
}
