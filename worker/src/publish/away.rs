//! Jobs whose records are on their way to Kafka: nothing is done for them any more, so they hold no place on the line.
//!
//! Publisher and consumer share the count; neither waits for the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

/// Counts them, and wakes whoever waits for places when so many have become free that it is worth it.
pub(crate) struct Away {
    now: AtomicUsize,
    /// All jobs begun and not finished, as the consumer last said.
    in_flight: AtomicUsize,
    /// Since the start.
    sent: AtomicUsize,
    /// When this many were sent, the bell rings.
    ring_at: AtomicUsize,
    bell: Sender<()>,
}

// === impl Away ===

impl Away {
    pub(crate) fn new() -> (Arc<Self>, Receiver<()>) {
        let (bell, rung) = bounded(1);
        let away = Self {
            now: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            sent: AtomicUsize::new(0),
            ring_at: AtomicUsize::new(0),
            bell,
        };
        (Arc::new(away), rung)
    }

    /// A job's records are with the producer.
    pub(crate) fn sent(&self) {
        self.now.fetch_add(1, Ordering::Relaxed);
        let sent = self.sent.fetch_add(1, Ordering::Relaxed) + 1;
        if sent == self.ring_at.load(Ordering::Relaxed) {
            // One ring is as good as two.
            let _ = self.bell.try_send(());
        }
    }

    /// A job's records are acknowledged, and it is known to be finished.
    pub(crate) fn back(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many jobs are begun and not finished, on the line or away.
    pub(crate) fn are_in_flight(&self, jobs: usize) {
        self.in_flight.store(jobs, Ordering::Relaxed);
    }

    /// Whether others are on the line, as far as is known.
    pub(crate) fn will_be_more(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) > self.now()
    }

    pub(crate) fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// Lets the bell ring when `jobs` more are sent.
    ///
    /// It may be missed by a hair where they are sent meanwhile: their acknowledgements come soon, and wake as well.
    pub(crate) fn ring_after(&self, jobs: usize) {
        let at = self.sent.load(Ordering::Relaxed) + jobs;
        self.ring_at.store(at, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rings_once_so_many_are_sent() {
        let (away, rung) = Away::new();
        away.sent();
        away.ring_after(2);
        away.sent();
        assert!(rung.try_recv().is_err());
        away.sent();
        assert!(rung.try_recv().is_ok());
        away.sent();
        assert!(rung.try_recv().is_err());
        away.back();
        assert_eq!(away.now(), 3);
    }
}
