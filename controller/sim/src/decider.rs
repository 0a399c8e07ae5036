//! What a policy of the simulator sees and may ask for. The real planner and every baseline decide through this.

/// Decides what to buy and what to give back.
pub trait Decider {
    /// Its name, as it stands in tables.
    fn name(&self) -> &str;

    /// Decides at `now`, upon what could be seen then. Called every `decide_every` seconds.
    fn decide(&mut self, now: f64, view: &View<'_>) -> Vec<Order>;

    /// Tells how a launch ended that was ordered at the last decision.
    fn launched(&mut self, now: f64, offer: usize, outcome: LaunchOutcome) {
        let _ = (now, offer, outcome);
    }

    /// Decides again at once, where something that it ordered was refused: who can take the next offer in the same
    /// breath says so here.
    fn decide_again(&mut self, now: f64, view: &View<'_>) -> Vec<Order> {
        let _ = (now, view);
        Vec::new()
    }

    /// How many rules of its own checker its plans have broken so far; 0 for one that has no checker.
    fn violations(&self) -> u64 {
        0
    }
}

/// What can be seen of the world at a decision: never the future, never the truth behind a belief.
#[derive(Debug)]
pub struct View<'a> {
    /// The newest look at Kafka, and when it was taken; nothing during a blackout.
    pub reading: Option<Reading<'a>>,
    /// Every machine that is not gone, the base's workers among them.
    pub machines: &'a [SeenMachine],
}

/// A look at Kafka.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// When it was taken, seconds.
    pub at: f64,
    /// Jobs ever written, by partition; unknown is `None`.
    pub end: &'a [Option<u64>],
    /// Jobs ever committed, by partition; unknown is `None`.
    pub committed: &'a [Option<u64>],
}

/// One machine, as its provider and its worker's heartbeats show it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenMachine {
    /// Its number; never used again.
    pub id: u64,
    /// Which offer, by its place in the world's list; none for the base.
    pub offer: Option<usize>,
    /// When it was launched, seconds; 0 for the base.
    pub launched_at: f64,
    /// What it is doing.
    pub phase: MachinePhase,
    /// When its worker became ready, seconds.
    pub ready_at: Option<f64>,
    /// Jobs done since it was ready.
    pub done: u64,
    /// Of these, done while its input was never empty.
    pub saturated_done: u64,
    /// Milliseconds during which its input was never empty.
    pub saturated_ms: u64,
    /// Partitions that it reads.
    pub partitions: u32,
    /// When its provider takes it back, seconds, where it said so.
    pub interruption_at: Option<f64>,
}

/// What a machine is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachinePhase {
    /// Costs, cannot work yet.
    Booting,
    /// Works.
    Ready,
    /// Finishes what it has.
    Draining,
}

/// What a decision asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Buy one machine of this offer.
    Launch {
        /// The offer's place in the world's list.
        offer: usize,
    },
    /// Give this machine back: drain it and end it.
    Retire {
        /// Its number.
        machine: u64,
    },
}

/// How a launch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchOutcome {
    /// A machine boots; this is its number.
    Launched {
        /// Its number.
        machine: u64,
    },
    /// Out of stock.
    NoCapacity,
    /// The offer's or the world's maximum is reached.
    OverMax,
}
