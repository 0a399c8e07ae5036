//! Intents that are not closed, as the controller's store keeps them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use spillway_core::{IntentId, Progress};

use crate::decider::Order;

/// Intents that are not closed.
#[derive(Debug, Default)]
pub(super) struct Book {
    intents: BTreeMap<IntentId, Entry>,
    by_machine: BTreeMap<u64, IntentId>,
    written: u64,
}

/// One intent.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) pool: String,
    pub(super) progress: Progress,
    /// Its machine's number, once it was launched.
    pub(super) machine: Option<u64>,
}

// === impl Book ===

impl Book {
    /// The number that the next intent gets.
    pub(super) fn next_number(&self) -> u64 {
        self.written + 1
    }

    /// Every open intent.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&IntentId, &Entry)> {
        self.intents.iter()
    }

    /// The intent whose machine this is, and its pool.
    pub(super) fn of_machine(&self, machine: u64) -> Option<(&IntentId, &str)> {
        let intent = self.by_machine.get(&machine)?;
        Some((intent, &self.intents.get(intent)?.pool))
    }

    pub(super) fn write(&mut self, intent: &IntentId, pool: &str, now: Timestamp) {
        self.written += 1;
        let entry = Entry {
            pool: pool.to_owned(),
            progress: Progress::Written { at: now },
            machine: None,
        };
        self.intents.insert(intent.clone(), entry);
    }

    pub(super) fn launched(&mut self, intent: &IntentId, machine: u64, now: Timestamp) {
        if let Some(entry) = self.intents.get_mut(intent) {
            entry.progress = Progress::Launched { at: now };
            entry.machine = Some(machine);
            self.by_machine.insert(machine, intent.clone());
        }
    }

    /// Marks an intent as for good on its way out. What there is to tell the world of it.
    pub(super) fn retire(
        &mut self,
        intent: &IntentId,
        drain_by: Timestamp,
        terminating: bool,
    ) -> Option<Order> {
        let entry = self.intents.get_mut(intent)?;
        let (Progress::Written { at: launched_at }
        | Progress::Launched { at: launched_at }
        | Progress::Retiring { launched_at, .. }) = entry.progress;
        entry.progress = Progress::Retiring {
            launched_at,
            drain_by,
            terminating,
        };
        Some(Order::Retire {
            machine: entry.machine?,
        })
    }

    pub(super) fn close(&mut self, intent: &IntentId) {
        if let Some(machine) = self.intents.remove(intent).and_then(|entry| entry.machine) {
            self.by_machine.remove(&machine);
        }
    }
}
