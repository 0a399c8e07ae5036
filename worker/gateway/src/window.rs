//! Which results may be committed: those before which everything is stored. No clock, no Kafka.

use std::collections::BTreeMap;

/// What is read and not yet committed, by partition.
#[derive(Debug, Default)]
pub(crate) struct Window {
    partitions: BTreeMap<i32, Reading>,
}

/// One partition: its epoch, so that what belongs to an earlier ownership does not count for this one.
#[derive(Debug, Default)]
struct Reading {
    epoch: u64,
    /// Whether each offset that was read is stored.
    offsets: BTreeMap<i64, bool>,
    committable: Option<i64>,
}

/// A result on its way into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) partition: i32,
    epoch: u64,
    offset: i64,
}

// === impl Window ===

impl Window {
    /// Notes that a partition is owned from now on.
    pub(crate) fn assign(&mut self, partition: i32, epoch: u64) {
        let reading = Reading {
            epoch,
            ..Reading::default()
        };
        self.partitions.insert(partition, reading);
    }

    /// Forgets a partition.
    pub(crate) fn revoke(&mut self, partition: i32) {
        self.partitions.remove(&partition);
    }

    /// Notes that a record was read; none if its partition is not owned.
    pub(crate) fn read(&mut self, partition: i32, offset: i64) -> Option<Ticket> {
        let reading = self.partitions.get_mut(&partition)?;
        reading.offsets.insert(offset, false);
        Some(Ticket {
            partition,
            epoch: reading.epoch,
            offset,
        })
    }

    /// Whether a record's partition is still owned as it was when the record was read.
    pub(crate) fn owns(&self, ticket: Ticket) -> bool {
        let reading = self.partitions.get(&ticket.partition);
        reading.is_some_and(|reading| reading.epoch == ticket.epoch)
    }

    /// Notes that a record needs nothing more.
    pub(crate) fn stored(&mut self, ticket: Ticket) {
        let reading = self.partitions.get_mut(&ticket.partition);
        let Some(reading) = reading.filter(|reading| reading.epoch == ticket.epoch) else {
            return;
        };
        reading.offsets.insert(ticket.offset, true);
        while let Some(first) = reading.offsets.first_entry()
            && *first.get()
        {
            reading.committable = Some(first.key() + 1);
            first.remove();
        }
    }

    /// Records that are read and not stored, of some partitions or of all.
    pub(crate) fn unstored(&self, of: Option<&[i32]>) -> usize {
        self.partitions
            .iter()
            .filter(|(partition, _)| of.is_none_or(|of| of.contains(partition)))
            .map(|(_, reading)| reading.offsets.len())
            .sum()
    }

    /// The next offset of every partition in which there is something new to commit.
    pub(crate) fn take_committable(&mut self) -> Vec<(i32, i64)> {
        self.partitions
            .iter_mut()
            .filter_map(|(partition, reading)| Some((*partition, reading.committable.take()?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_never_passes_what_is_not_stored() {
        let mut window = Window::default();
        window.assign(3, 1);
        let tickets: Vec<Ticket> = (10..14)
            .map(|offset| window.read(3, offset).unwrap())
            .collect();
        window.stored(tickets[1]);
        window.stored(tickets[3]);
        assert_eq!(window.take_committable(), []);
        window.stored(tickets[0]);
        assert_eq!(window.take_committable(), [(3, 12)]);
        assert_eq!(window.take_committable(), [], "only what is new");
        window.stored(tickets[2]);
        assert_eq!(window.take_committable(), [(3, 14)]);
        assert_eq!(window.unstored(None), 0);
    }

    #[test]
    fn what_was_read_in_an_earlier_ownership_commits_nothing() {
        let mut window = Window::default();
        window.assign(0, 1);
        let old = window.read(0, 5).unwrap();
        window.revoke(0);
        window.stored(old);
        window.assign(0, 2);
        let new = window.read(0, 4).unwrap();
        window.stored(old);
        assert_eq!(window.take_committable(), []);
        window.stored(new);
        assert_eq!(window.take_committable(), [(0, 5)]);
        assert_eq!(window.read(7, 1), None, "never assigned");
    }
}
