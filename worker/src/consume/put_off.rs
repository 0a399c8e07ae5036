//! Records that are read and not yet due: they wait, and the rest of their partition with them.

use std::collections::{BTreeMap, VecDeque};

use rdkafka::consumer::Consumer as _;
use spillway_wire::Partition;

use super::{Consume, Parked, group};
use crate::work::now_ms;

/// What waits, by partition, in order; never an empty list.
///
/// A partition of which something waits is not read, so that is at most what was read of it before: a few records.
#[derive(Default)]
pub(super) struct PutOff(BTreeMap<Partition, VecDeque<Parked>>);

// === impl Parked ===

impl Parked {
    pub(super) fn is_due(&self) -> bool {
        self.due_ms.is_none_or(|due_ms| due_ms <= now_ms())
    }
}

// === impl PutOff ===

impl PutOff {
    pub(super) fn has(&self, partition: &Partition) -> bool {
        self.0.contains_key(partition)
    }

    pub(super) fn forget(&mut self, partitions: &[Partition]) {
        partitions.iter().for_each(|partition| {
            self.0.remove(partition);
        });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// A record that has become due.
    fn pop(&mut self) -> Option<Parked> {
        let waiting = self.0.iter();
        let mut due = waiting.filter(|(_, waiting)| waiting.front().is_some_and(Parked::is_due));
        let partition = due.next()?.0.clone();
        let waiting = self.0.get_mut(&partition)?;
        let parked = waiting.pop_front();
        if waiting.is_empty() {
            self.0.remove(&partition);
        }
        parked
    }
}

// === impl Consume ===

impl Consume {
    /// The next record that is due, of those that were read.
    pub(super) fn next_parked(&mut self) -> anyhow::Result<Option<Parked>> {
        if let Some(parked) = self.put_off.pop() {
            return Ok(Some(parked));
        }
        while let Some(parked) = self.parked.pop_front() {
            let is_behind = self.put_off.has(&parked.partition);
            if !is_behind && parked.is_due() {
                return Ok(Some(parked));
            }
            if !is_behind {
                // It has delivered a record: it may be paused.
                self.consumer.pause(&group::unset([&parked.partition]))?;
                self.shared.paused().insert(parked.partition.clone());
            }
            let waiting = self.put_off.0.entry(parked.partition.clone());
            waiting.or_default().push_back(parked);
        }
        Ok(None)
    }
}
