//! Who has what, while it is being changed.

use crate::assign::model::{Model, NOBODY, at};

/// Who has what, while it is being changed.
pub(super) struct Deal<'m> {
    pub(super) model: &'m Model,
    /// By partition.
    pub(super) worker_of: Vec<u32>,
    /// By worker: all its work, thousandths of a job.
    pub(super) load: Vec<u64>,
}

/// The partitions of each worker, as rings through one array: moving one allocates nothing.
pub(super) struct Members {
    first: Vec<u32>,
    next: Vec<u32>,
    previous: Vec<u32>,
}

// === impl Deal ===

impl<'m> Deal<'m> {
    /// What is left of `present`: everything with a worker that may have it.
    pub(super) fn kept(model: &'m Model, present: &[Option<usize>]) -> Self {
        let mut deal = Self {
            model,
            worker_of: vec![NOBODY; model.work.len()],
            load: vec![0; model.workers()],
        };
        for ((worker_of, work), present) in deal.worker_of.iter_mut().zip(&model.work).zip(present)
        {
            let worker = present.and_then(|worker| u32::try_from(worker).ok());
            let Some(worker) = worker.filter(|worker| model.takes(*worker)) else {
                continue;
            };
            *worker_of = worker;
            deal.load[at(worker)] += work;
        }
        deal
    }

    /// Partitions without a worker.
    pub(super) fn orphans(&self) -> Vec<u32> {
        let workers = (0..).zip(&self.worker_of);
        let orphans = workers.filter(|(_, worker)| **worker == NOBODY);
        orphans.map(|(partition, _)| partition).collect()
    }

    /// Gives a partition that nobody has to `worker`.
    pub(super) fn give(&mut self, partition: u32, worker: u32) {
        self.worker_of[at(partition)] = worker;
        self.load[at(worker)] += self.model.work[at(partition)];
    }

    /// Takes a partition from the one that has it and gives it to `to`.
    pub(super) fn shift(&mut self, partition: u32, to: u32) {
        let from = self.worker_of[at(partition)];
        self.load[at(from)] -= self.model.work[at(partition)];
        self.give(partition, to);
    }
}

// === impl Members ===

impl Members {
    pub(super) fn of(deal: &Deal<'_>) -> Self {
        let mut members = Self {
            first: vec![NOBODY; deal.load.len()],
            next: vec![NOBODY; deal.worker_of.len()],
            previous: vec![NOBODY; deal.worker_of.len()],
        };
        // Backwards, so that each worker's list is in order.
        for (partition, worker) in (0..)
            .zip(&deal.worker_of)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
        {
            if *worker != NOBODY {
                members.join(partition, *worker);
            }
        }
        members
    }

    /// The partitions of `worker`.
    pub(super) fn each(&self, worker: u32) -> impl Iterator<Item = u32> {
        let mut partition = self.first[at(worker)];
        std::iter::from_fn(move || {
            let this = partition;
            if this == NOBODY {
                return None;
            }
            partition = self.next[at(this)];
            Some(this)
        })
    }

    /// Moves a partition from `from` to `to`.
    pub(super) fn shift(&mut self, partition: u32, from: u32, to: u32) {
        let (previous, next) = (self.previous[at(partition)], self.next[at(partition)]);
        if previous == NOBODY {
            self.first[at(from)] = next;
        } else {
            self.next[at(previous)] = next;
        }
        if next != NOBODY {
            self.previous[at(next)] = previous;
        }
        self.join(partition, to);
    }

    fn join(&mut self, partition: u32, worker: u32) {
        let first = self.first[at(worker)];
        self.next[at(partition)] = first;
        self.previous[at(partition)] = NOBODY;
        if first != NOBODY {
            self.previous[at(first)] = partition;
        }
        self.first[at(worker)] = partition;
    }
}
