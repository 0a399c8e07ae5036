//! What a run came to.

use serde::{Deserialize, Serialize};

use crate::series::Series;
use crate::trace::Scale;

/// What a run came to. Times are seconds from the trace's start, money is dollars.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The trace's name.
    pub trace: String,
    /// The decider's name.
    pub policy: String,
    /// The world's name.
    pub world: String,
    /// The run's seed.
    pub seed: u64,
    /// How the trace was scaled.
    pub scale: Scale,
    /// Jobs that arrived.
    pub arrived: f64,
    /// Jobs that were served.
    pub served: f64,
    /// Jobs that were served too late, and those that never were.
    pub late: f64,
    /// The longest that a job waited.
    pub wait_max: f64,
    /// The wait of the median job.
    pub wait_p50: f64,
    /// What bought machines cost.
    pub burst_cost: f64,
    /// What the base costs over the trace's length, whatever is decided.
    pub base_cost: f64,
    /// Machines launched.
    pub launches: u64,
    /// Launches that gave no machine.
    pub refused: u64,
    /// Machines that their provider took back.
    pub lost: u64,
    /// Machines given back before they were ready or within ten minutes of it: bought in vain.
    pub reversals: u64,
    /// Most dollars an hour that bought machines cost at a time.
    pub price_max: f64,
    /// Decisions asked for.
    pub decisions: u64,
    /// Plans that the planner's own checker refused.
    pub violations: u64,
    /// When the run ended: the trace's end, or when the last of it was served.
    pub ended_at: f64,
    /// Every bought machine, in the order of their ends, up to a bound.
    pub lives: Vec<Life>,
    /// What happened over time, where it was asked for.
    pub series: Option<Series>,
}

/// What a bought machine came to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Life {
    /// Its number.
    pub machine: u64,
    /// Its offer, by its place in the world's list.
    pub offer: usize,
    /// When it was launched, seconds.
    pub launched_at: f64,
    /// From launch to first job, seconds; it may have ended before.
    pub boot: f64,
    /// What it does in truth, jobs per second.
    pub rate: f64,
    /// When it ended, seconds.
    pub ended_at: f64,
    /// How.
    pub end: End,
    /// Jobs that it did.
    pub done: f64,
    /// Dollars.
    pub cost: f64,
}

/// How a bought machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// Given back.
    Retired,
    /// Taken back by its provider.
    Taken,
    /// Still there at the end of the run.
    Left,
}

// === impl Outcome ===

impl Outcome {
    /// Share of all jobs that were late or never served, 0..1; 0 where none arrived.
    #[must_use]
    pub fn late_share(&self) -> f64 {
        if self.arrived > 0.0 {
            self.late / self.arrived
        } else {
            0.0
        }
    }
}
