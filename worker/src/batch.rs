//! Which decoded images run together. Pure: time comes in, batches go out.

use std::time::{Duration, Instant};

/// When a batch is full or due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchLimits {
    /// Most images of a batch.
    pub(crate) images_max: usize,
    /// Most cost of a batch, in microseconds of the backend; one image alone may cost more.
    pub(crate) cost_max_us: u64,
    /// Longest time that the oldest image waits for company.
    pub(crate) wait_max: Duration,
}

/// Collects items until they make a batch.
#[derive(Debug)]
pub(crate) struct Batcher<T> {
    limits: BatchLimits,
    items: Vec<T>,
    cost_us: u64,
    oldest: Option<Instant>,
}

// === impl Batcher ===

impl<T> Batcher<T> {
    pub(crate) fn new(limits: BatchLimits) -> Self {
        Self {
            limits,
            items: Vec::with_capacity(limits.images_max),
            cost_us: 0,
            oldest: None,
        }
    }

    /// Adds an item; returns the batch before it, where both do not fit together.
    pub(crate) fn push(&mut self, now: Instant, item: T, cost_us: u64) -> Option<Vec<T>> {
        let is_too_much =
            !self.items.is_empty() && self.cost_us + cost_us > self.limits.cost_max_us;
        let full = is_too_much.then(|| self.take());
        self.items.push(item);
        self.cost_us += cost_us;
        self.oldest.get_or_insert(now);
        full
    }

    /// The batch, if it is full or its oldest item has waited long enough.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Vec<T>> {
        let is_full = self.items.len() >= self.limits.images_max
            || (!self.items.is_empty() && self.cost_us >= self.limits.cost_max_us);
        let is_late = self.deadline().is_some_and(|deadline| now >= deadline);
        (is_full || is_late).then(|| self.take())
    }

    /// When the batch is due, full or not; none while there is nothing in it.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.oldest.map(|oldest| oldest + self.limits.wait_max)
    }

    /// Whatever is there.
    pub(crate) fn take(&mut self) -> Vec<T> {
        self.cost_us = 0;
        self.oldest = None;
        std::mem::replace(&mut self.items, Vec::with_capacity(self.limits.images_max))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits() -> BatchLimits {
        BatchLimits {
            images_max: 4,
            cost_max_us: 100,
            wait_max: Duration::from_millis(10),
        }
    }

    #[test]
    fn a_batch_is_due_when_full_by_count_by_cost_or_by_time() {
        let start = Instant::now();
        let late = start + Duration::from_millis(10);
        let cases: [(&str, &[u64], Instant, usize); 5] = [
            ("nothing is never due", &[], late, 0),
            ("one waits for company", &[1], start, 0),
            ("one does not wait for ever", &[1], late, 1),
            ("four are full", &[1, 1, 1, 1], start, 4),
            ("two dear ones are full", &[50, 50], start, 2),
        ];
        for (name, costs, now, due) in cases {
            let mut batcher = Batcher::new(limits());
            for &cost in costs {
                assert_eq!(batcher.push(start, cost, cost), None, "{name}");
            }
            assert_eq!(
                batcher.due(now).map_or(0, |batch| batch.len()),
                due,
                "{name}"
            );
        }
    }

    #[test]
    fn the_wait_counts_from_the_oldest_item() {
        let start = Instant::now();
        let mut batcher = Batcher::new(limits());
        assert_eq!(batcher.deadline(), None);
        batcher.push(start, 1, 1);
        batcher.push(start + Duration::from_millis(9), 2, 1);
        assert_eq!(batcher.deadline(), Some(start + Duration::from_millis(10)));
        batcher.take();
        assert_eq!(batcher.deadline(), None);
    }

    proptest! {
        #[test]
        fn batches_hold_their_limits_and_lose_nothing(
            costs in proptest::collection::vec(0..150_u64, 0..100),
        ) {
            let now = Instant::now();
            let mut batcher = Batcher::new(limits());
            let mut batches = Vec::new();
            for (index, &cost) in costs.iter().enumerate() {
                batches.extend(batcher.push(now, (index, cost), cost));
                batches.extend(batcher.due(now));
            }
            batches.push(batcher.take());
            for batch in &batches {
                let cost: u64 = batch.iter().map(|(_, cost)| cost).sum();
                prop_assert!(batch.len() <= 4);
                prop_assert!(cost <= 100 || batch.len() == 1, "{:?}", batch);
            }
            let order: Vec<usize> = batches.concat().iter().map(|(index, _)| *index).collect();
            prop_assert_eq!(order, (0..costs.len()).collect::<Vec<_>>());
        }
    }
}
