//! Records that wait a moment for company: a request costs the broker more than what is in it. Pure: time comes in.

use std::time::{Duration, Instant};

/// Longest wait of a record.
const WAIT_MAX: Duration = Duration::from_millis(20);
/// So many share a request as well as more would.
const COMPANY_MAX: usize = 32;

/// What waits, in order.
#[derive(Debug)]
pub(super) struct Hold<T> {
    items: Vec<T>,
    oldest: Option<Instant>,
}

// === impl Hold ===

impl<T> Hold<T> {
    pub(super) fn new() -> Self {
        Self {
            items: Vec::with_capacity(COMPANY_MAX),
            oldest: None,
        }
    }

    pub(super) fn push(&mut self, now: Instant, item: T) {
        self.items.push(item);
        self.oldest.get_or_insert(now);
    }

    /// When they are due at the latest; none while there are none.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.oldest.map(|oldest| oldest + WAIT_MAX)
    }

    /// What is to be sent now: all, where they are enough, have waited enough, or nobody else `will_come`.
    pub(super) fn due(
        &mut self,
        now: Instant,
        will_come: impl FnOnce() -> bool,
    ) -> impl Iterator<Item = T> {
        let is_due = self.items.len() >= COMPANY_MAX
            || self.deadline().is_some_and(|deadline| now >= deadline)
            || (!self.items.is_empty() && !will_come());
        let count = if is_due { self.items.len() } else { 0 };
        if is_due {
            self.oldest = None;
        }
        self.items.drain(..count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_wait_for_company_and_not_for_ever() {
        let start = Instant::now();
        let due = |count: usize, after: u64, will_come: bool| {
            let mut hold = Hold::new();
            for item in 0..count {
                hold.push(start, item);
            }
            let now = start + Duration::from_millis(after);
            let sent = hold.due(now, || will_come).count();
            assert_eq!(hold.deadline().is_some(), count > sent);
            sent
        };
        assert_eq!(due(0, 0, true), 0, "nothing is there");
        assert_eq!(due(0, 0, false), 0, "nothing is there, and nothing will be");
        assert_eq!(due(3, 1, true), 0, "more will come");
        assert_eq!(due(3, 1, false), 3, "nobody else will come");
        assert_eq!(due(3, 20, true), 3, "they have waited enough");
        assert_eq!(due(32, 0, true), 32, "they are enough");
    }
}
