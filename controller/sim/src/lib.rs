//! A made world for the real planner: what would this policy have done, and what would it have cost?
//!
//! ```text
//! trace ─▶ scale ─▶ world (boots, stock, spot, partitions, signal) ◀─▶ decider (the real planner, or a baseline)
//!                     └─▶ score: cost, lateness, launches ─── bound: what no policy can beat
//! ```
//!
//! **Invariant:** a run is a function of (policy, trace, world, seed): no clock, one random stream per entity.

pub mod baselines;
mod bound;
mod decider;
mod outcome;
mod random;
mod real;
mod realised;
mod score;
mod series;
mod spec;
mod trace;
mod world;

#[cfg(feature = "bound")]
pub use bound::bound;
pub use bound::{BOUND_STEP_SECONDS, Bound, BoundError, BoundPeriod, Realised, RealisedOffer};
pub use decider::{Decider, LaunchOutcome, MachinePhase, Order, Reading, SeenMachine, View};
pub use outcome::{End, Life, Outcome};
pub use real::{RealPlanner, UnknownPools, told_policy, written_policy};
pub use score::Score;
pub use series::{Point, Series};
pub use spec::{
    AssignmentRule, BaseSpec, BaseTrouble, BootLaw, CapacityTrouble, OfferSpec, PartitionTrouble,
    RateTrouble, ReadOrder, SignalTrouble, SpotSeries, SpotTrouble, Troubles, WorldError,
    WorldSpec,
};
pub use trace::{Arrived, Fault, Scale, ScaleError, ScaleRule, Trace, TraceError, TraceProblem};
pub use world::Run;
