//! Assignment: which worker reads which partitions, and how a partition goes from one to another.
//!
//! Kafka's assignors deal partitions out by count. In a fleet of unequal machines the slowest then holds everything
//! back, and every change of members is a rebalance. So the controller assigns.
//!
//! # The problem
//!
//! Partitions have a lag and an arrival rate; workers have a rate. Each partition is read by one worker. We want:
//!
//! - **(A) Everybody works.** Every partition has a worker that is ready, if one is; none has one that is not: what a
//!   draining, starting or vanished worker had goes to others.
//! - **(B) Done soonest.** The worker that is done last is done as early as possible; then the second last, and so on.
//! - **(C) Few moves.** A moved partition stands still for about 3 s, so a move must pay for itself. What was measured
//!   may waver, and nothing moves.
//! - **(D) Earlier topics first.** The partitions of each class, and of those before it, are spread so that they would
//!   be done soonest if nothing else were done; as far as (B) and (C) allow.
//! - **(E) Asking again changes nothing**, and the same question has the same answer: whole numbers, no hash order.
//! - **(F) Unknown is not zero.** An unknown lag counts as the mean of those that are known, and a guess moves nothing:
//!   a worker with a partition of unknown lag neither gives nor receives; a partition without a worker still gets one.
//!   (The caller gives the last known lag where there is one.)
//! - **(G) Cheap.** Linear in partitions and workers when nothing changes; a few milliseconds for 10,000 partitions on
//!   1,000 workers when everything does.
//!
//! # One number
//!
//! A worker is done after `Σ lag ÷ (rate − Σ arrivals)`, or never. That is no number to compare and sum. But it is done
//! by a *horizon* if and only if `Σ (lag + arrivals × horizon) ≤ rate × horizon`. So a partition has one number, its
//! **work** `lag + arrivals × horizon`, and a worker has one, how long it is **busy**: `Σ work ÷ rate`. The horizon is
//! when the fleet would be done if work could be split at will (`model::horizon_ms`); then everybody is just busy until
//! the horizon, which is the **level**, and both views have the same optimum. Where the fleet does not keep up, the
//! horizon is an hour and busy is the overload. What remains is the scheduling of jobs on uniform machines: least
//! largest busy, lexicographically, near what is there already.
//!
//! A partition that even the fastest worker needs longer for than the level is hot: it is set aside with that worker,
//! and the level is that of the rest.
//!
//! # The heuristic
//!
//! ```text
//!  present ─▶ keep what may stay ─▶ give the rest ─▶ polish ─▶ settle ─▶ next
//!             deal.rs               give.rs          ╰──── settle.rs, layer.rs
//! ```
//!
//! 1. *Give*: longest first to the worker that is done with it first, class by class.
//! 2. *Polish*: what was just given out is exchanged among workers; it moves anyway.
//! 3. *Settle*: who is busy for a twentieth (and 5 s) longer than the level is relieved of some partitions, who is a
//!    quarter short of it is given some, if that gains a twenty-fifth of it and 3 s. All work first, then the first
//!    class within the limits of all work, and so on, until nothing changes.
//!
//! # Where to look
//!
//! `model.rs` (numbers), the stages above, `reach.rs` (what an assignment delivers, and what none could: for planning),
//! [`handover`] (state between ticks, so that two workers never have one partition), `tests/`. Figures and what was
//! rejected: `docs/decisions/0006-assignment.md`.
//!
//! Deliberately absent: names (places in lists stand for partitions and workers), time, money, where a worker runs.

mod deal;
mod give;
pub mod handover;
mod layer;
mod model;
mod reach;
mod settle;
#[cfg(test)]
mod tests;

pub use reach::{Limit, Reach, Shape, delivered, done_in};

use crate::assign::deal::Deal;
use crate::assign::model::{Model, NOBODY, at};
use crate::snapshot::WorkerPhase;
use crate::units::Rate;

/// Partitions and the workers that may read them. Partitions and workers are called by their places in these lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problem {
    /// Every partition of the group.
    pub partitions: Vec<Partition>,
    /// Every worker that was heard of; the order decides ties, so keep it.
    pub workers: Vec<Worker>,
}

/// A partition, as far as it matters who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Its topic's place in the policy, the most urgent 0.
    pub class: u8,
    /// Jobs that come; none if unknown, which counts as the mean of the known. At most 10⁹ a second count.
    pub arrivals: Option<Rate>,
    /// Jobs that wait, as last known; none if never known. At most 10¹⁵ count.
    pub lag: Option<u64>,
}

/// A worker, as far as it matters what it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Worker {
    /// What to count on from it while busy. One measured at nothing still comes before nobody.
    pub rate: Rate,
    /// Only one that is ready has partitions. Say draining as soon as it is to leave, not when it says so.
    pub phase: WorkerPhase,
}

/// A partition that changes hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    /// Which.
    pub partition: usize,
    /// Who had it; none if nobody.
    pub from: Option<usize>,
    /// Who shall have it; none if nobody may.
    pub to: Option<usize>,
    /// Why.
    pub why: Why,
}

/// Why a partition changes hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Nobody had it.
    Unassigned,
    /// Who had it may have none any more.
    WorkerLeaves,
    /// Others are done with it sooner.
    Balance,
}

/// Who is to read each partition: by partition, its worker; none where no worker is ready.
///
/// `present` is what this gave the last time: who reads it now, or is about to. What is missing there is nobody's.
/// A new leader takes it from what the workers were last told.
#[must_use]
pub fn assign(problem: &Problem, present: &[Option<usize>]) -> Vec<Option<usize>> {
    let model = Model::of(problem);
    let mut deal = Deal::kept(&model, present);
    if !model.takers.is_empty() {
        let aims = settle::aims(&model);
        let orphans = deal.orphans();
        give::give(&mut deal, &orphans);
        settle::polish(&mut deal, &aims[0], &orphans);
        settle::settle(&mut deal, &aims);
    }
    let workers = deal.worker_of.iter();
    workers
        .map(|worker| (*worker != NOBODY).then_some(at(*worker)))
        .collect()
}

/// What changes hands from `present` to `next`, in order of partitions.
#[must_use]
pub fn moves(problem: &Problem, present: &[Option<usize>], next: &[Option<usize>]) -> Vec<Move> {
    let present = present.iter().copied().chain(std::iter::repeat(None));
    let pairs = present.zip(next.iter().copied()).enumerate();
    pairs
        .filter(|(_, (from, to))| from != to)
        .map(|(partition, (from, to))| Move {
            partition,
            from,
            to,
            why: why(problem, from),
        })
        .collect()
}

fn why(problem: &Problem, from: Option<usize>) -> Why {
    let Some(from) = from else {
        return Why::Unassigned;
    };
    let phase = problem.workers.get(from).map(|worker| worker.phase);
    if phase == Some(WorkerPhase::Ready) {
        Why::Balance
    } else {
        Why::WorkerLeaves
    }
}
