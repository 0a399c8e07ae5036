//! The bound: what no policy can beat, a linear programme over steps of 60 s (docs/decisions/0004-worlds-and-bound.md).
//!
//! ```text
//! arrivals ─▶ demand: arrived, due, by step ─┐
//! spec, realised ─▶ terms: cost, work, limits ┴─▶ periods ─▶ programme (HiGHS) ─▶ dollars
//! ```
//!
//! It holds for every policy that is late only where it must be, in expectation over boots: average a run's machines
//! over each step and sample what was served on the grid. Launches only fall, the feasible set and the cost are
//! convex, and whole machines, least billed times and waiting for a boot only add cost. It holds for bins of any width,
//! since arrivals are taken as the world takes them: uniform inside a bin.
//!
//! Solving takes the cargo feature `bound` (HiGHS: cmake, a C++ compiler, libclang, some four minutes). What goes in
//! and comes out is there without it. Nothing here keeps results: who asks again keeps them.

#[cfg(feature = "bound")]
mod demand;
#[cfg(feature = "bound")]
mod periods;
#[cfg(feature = "bound")]
mod programme;
#[cfg(feature = "bound")]
mod solve;
#[cfg(feature = "bound")]
mod terms;
#[cfg(test)]
#[cfg(feature = "bound")] // apart, so that clippy sees a test
mod tests;

use serde::{Deserialize, Serialize};

#[cfg(feature = "bound")]
pub use solve::bound;

/// Width of a step, seconds.
pub const BOUND_STEP_SECONDS: f64 = 60.0;

/// A world as it came out: what somebody would have known who knew everything.
///
/// Every list is by step of [`BOUND_STEP_SECONDS`] seconds. A list that is too short goes on as it ends; an empty one means that
/// nothing came in the way and all is as the world's description says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Realised {
    /// What the base did, jobs per second, mean of the step.
    pub base_rate: Vec<f64>,
    /// By offer, in the order of the description.
    pub offers: Vec<RealisedOffer>,
}

/// An offer as it came out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RealisedOffer {
    /// What one machine truly did in the mean, jobs per second.
    pub rate: f64,
    /// True mean time from launch to first job, seconds.
    pub boot: f64,
    /// Whether a launch was possible at some time of the step.
    ///
    /// It is the order that stock stops, not the machine that boots already: the bound lets machines become ready
    /// until nearly every boot (99 %) is over that was ordered while there was stock.
    pub in_stock: Vec<bool>,
    /// Most machines that could be held.
    pub most: Vec<f64>,
    /// Share of the machines of the step before that were not taken back, 0..1.
    pub kept: Vec<f64>,
}

/// What no policy can beat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// Least cost of what is bought, dollars; the base is not in it.
    pub cost: f64,
    /// Jobs that are late whatever is bought.
    pub slack_jobs: f64,
    /// When something must be bought, in order; empty where the base does all.
    pub periods: Vec<BoundPeriod>,
}

/// A time in which something must be bought. What is bought in one is of no use in another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoundPeriod {
    /// Its beginning, seconds since the trace's.
    pub from: f64,
    /// Its end, seconds since the trace's beginning.
    pub until: f64,
    /// Least cost of what is bought in it, dollars.
    pub cost: f64,
}

/// Why there is no bound.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BoundError {
    /// The inputs contradict each other, or are no numbers: another input is needed.
    #[error("no bound can be reckoned: {0}")]
    Input(String),
    /// The programme of a period was not solved: a bug here or in HiGHS.
    #[error("the period from {from} s to {until} s was not solved: {why}")]
    Unsolved {
        /// The period's beginning, seconds.
        from: f64,
        /// Its end, seconds.
        until: f64,
        /// What HiGHS said.
        why: String,
    },
}
