//! First stage: what stands without a worker gets one.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::assign::deal::Deal;
use crate::assign::model::at;

/// Gives every partition of `orphans` to the worker that is done with it first: earlier classes first, in each the
/// largest first.
///
/// List scheduling on uniform machines, longest first: at most twice the optimum, a few per cent in practice.
/// Workers of nearly one speed stand in one heap, for among them the one that is done first now is done first with the
/// next partition too; so a partition costs a look at each speed, not at each worker.
pub(super) fn give(deal: &mut Deal<'_>, orphans: &[u32]) {
    let model = deal.model;
    let mut orphans = orphans.to_vec();
    orphans.sort_unstable_by_key(|partition| {
        let work = Reverse(model.work[at(*partition)]);
        (model.class[at(*partition)], work, *partition)
    });
    let mut speeds = heaps(deal);
    for partition in orphans {
        let work = model.work[at(partition)];
        let done_us = |worker: u32| model.busy_us(worker, deal.load[at(worker)] + work);
        let heads = speeds.iter().enumerate().filter_map(|(place, heap)| {
            let Reverse((_, worker)) = heap.peek()?;
            Some((done_us(*worker), *worker, place))
        });
        let Some((_, worker, place)) = heads.min() else {
            return;
        };
        deal.give(partition, worker);
        if let Some(mut head) = speeds[place].peek_mut() {
            head.0.0 = model.busy_us(worker, deal.load[at(worker)]);
        }
    }
}

/// One heap for each speed: who has least to do, first.
fn heaps(deal: &Deal<'_>) -> Vec<BinaryHeap<Reverse<(u64, u32)>>> {
    let model = deal.model;
    let mut heaps: Vec<BinaryHeap<_>> = Vec::new();
    let mut first = None;
    for worker in model.fastest() {
        if first.is_none_or(|first| model.differ(first, worker)) {
            heaps.push(BinaryHeap::new());
            first = Some(worker);
        }
        if let Some(heap) = heaps.last_mut() {
            let busy_us = model.busy_us(worker, deal.load[at(worker)]);
            heap.push(Reverse((busy_us, worker)));
        }
    }
    heaps
}
