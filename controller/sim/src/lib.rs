//! A made world for the real planner: what would this policy have done, and what would it have cost?
//!
//! ```text
//! trace ─▶ scale ─▶ world (boots, stock, spot, partitions, signal) ◀─▶ decider (the real planner, or a baseline)
//!                     └─▶ score: cost, lateness, launches ─── bound: what no policy can beat
//! ```
//!
//! **Invariant:** a run is a function of (policy, trace, world, seed): no clock, one random stream per entity.

mod decider;
mod spec;

pub use decider::{Decider, LaunchOutcome, MachinePhase, Order, Reading, SeenMachine, View};
pub use spec::{
    AssignmentRule, BaseSpec, BaseTrouble, BootLaw, CapacityTrouble, OfferSpec, PartitionTrouble,
    RateTrouble, SignalTrouble, SpotTrouble, Troubles, WorldSpec,
};
