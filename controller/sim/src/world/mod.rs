//! The world: a step at a time it moves work and machines, and every so often it asks what to do.
//!
//! ```text
//! history (drawn before the run) ─▶ fleet ─▶ queue ─▶ waits, account
//!                                     ▲        │
//!                                  orders    reading
//!                                     └ decider ◀┘
//! ```

mod assign;
mod fleet;
mod history;
mod partitions;
mod pooled;
mod queue;
mod share;
mod signal;
#[cfg(test)]
mod tests;
mod waits;

use crate::bound::Realised;
use crate::decider::{Decider, Order, SeenMachine, View};
use crate::outcome::Outcome;
use crate::series::{Gatherer, Point};
use crate::spec::WorldSpec;
use crate::trace::{Arrived, Scale, Trace};
use fleet::Fleet;
pub(crate) use history::History;
use queue::Queue;
use signal::Signal;
use waits::{Step, Waits};

/// A step, seconds; and where bins are wider than a minute.
const STEPS: (f64, f64) = (10.0, 30.0);
const WIDE_BIN: f64 = 60.0;
/// How long a run may go on after its trace has ended, seconds: a day.
const TAIL_MAX: f64 = 86_400.0;
/// Jobs below which nothing is left.
const NOTHING: f64 = 1e-3;

/// What a run is a function of, but for who decides.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    /// The world.
    pub spec: &'a WorldSpec,
    /// The trace, not scaled yet.
    pub trace: &'a Trace,
    /// How it is scaled.
    pub scale: Scale,
    /// What is random depends on it, on the trace's name, and on nothing else.
    pub seed: u64,
    /// Most points of the series; 0 for none.
    pub points_max: usize,
}

/// A run under way.
struct World<'a> {
    spec: &'a WorldSpec,
    history: History,
    arrived: Arrived,
    duration: f64,
    step: f64,
    fleet: Fleet,
    queue: Queue,
    signal: Signal,
    waits: Waits,
    decisions: u64,
    price_max: f64,
    series: Option<Gatherer>,
    /// Reused from decision to decision.
    seen: Vec<SeenMachine>,
}

// === impl Run ===

impl Run<'_> {
    /// The world as it comes out, whatever is decided: what the bound is reckoned on.
    #[must_use]
    pub fn realised(&self) -> Realised {
        Realised::of(self.spec, &self.history(), self.trace.duration())
    }

    fn history(&self) -> History {
        let horizon = self.trace.duration() + TAIL_MAX;
        History::draw(self.spec, self.trace.name(), self.seed, horizon)
    }

    /// Runs the world from the trace's start until its last job is served and nothing is bought any more; at most for
    /// a day beyond the trace's end. Whatever is left then was late.
    ///
    /// A world from a file has passed [`WorldSpec::check`]; one that would not may give nonsense or run out of memory.
    pub fn decided_by(&self, decider: &mut dyn Decider) -> Outcome {
        let mut world = World::new(self);
        let ended_at = world.go(decider);
        world.outcome(self, decider, ended_at)
    }
}

// === impl World ===

impl<'a> World<'a> {
    fn new(run: &Run<'a>) -> Self {
        let spec = run.spec;
        let duration = run.trace.duration();
        let is_wide = run.trace.bin_seconds() > WIDE_BIN;
        let step = if is_wide { STEPS.1 } else { STEPS.0 };
        let history = run.history();
        Self {
            spec,
            queue: Queue::new(spec, &history, step),
            signal: Signal::new(spec),
            history,
            arrived: run.trace.scaled(run.scale.factor).arrived(),
            duration,
            step,
            fleet: Fleet::new(spec),
            waits: Waits::new(),
            decisions: 0,
            price_max: 0.0,
            series: (run.points_max > 0).then(|| Gatherer::new(run.points_max, step)),
            seen: Vec::new(),
        }
    }

    fn go(&mut self, decider: &mut dyn Decider) -> f64 {
        let mut decide_at = 0.0;
        let mut steps = 0_u32;
        loop {
            let now = f64::from(steps) * self.step;
            let until = now + self.step;
            self.fleet.settle(self.spec, now);
            if self.is_over(now) {
                return now;
            }
            self.fleet.begin_base(self.spec, &self.history, until);
            if now >= decide_at {
                self.decide(decider, now);
                decide_at = ((now / self.spec.decide_every).floor() + 1.0) * self.spec.decide_every;
            }
            self.work(now, until);
            steps += 1;
        }
    }

    /// Whether the trace is over, its jobs are served and its machines given back, or nobody ever will.
    fn is_over(&self, now: f64) -> bool {
        if now < self.duration {
            return false;
        }
        let is_served = self.arrived.total() - self.queue.served() < NOTHING;
        let is_alone = self
            .fleet
            .machines
            .iter()
            .all(|machine| machine.offer.is_none());
        let waited = now - self.duration;
        (is_served && (is_alone || waited >= self.spec.drain_within)) || waited >= TAIL_MAX
    }

    fn work(&mut self, now: f64, until: f64) {
        let step = Step::new(&self.arrived, self.spec.drain_within, now, until);
        let capacity = self
            .queue
            .step(&step, self.spec, &mut self.fleet, &mut self.waits);
        let Some(series) = &mut self.series else {
            return;
        };
        let [before, after] = step.arrived_by;
        let bought = self
            .fleet
            .machines
            .iter()
            .filter(|machine| machine.offer.is_some());
        series.step(Point {
            backlog: after - self.queue.served(),
            arrivals: (after - before) / self.step,
            capacity: capacity / self.step,
            machines: u32::try_from(bought.count()).unwrap_or(u32::MAX),
            spend: self.fleet.spent(self.spec, until),
        });
    }

    fn decide(&mut self, decider: &mut dyn Decider, now: f64) {
        let reading = self
            .signal
            .read(self.spec, &self.history, &self.queue, &self.arrived, now);
        let fleet = &mut self.fleet;
        let seen_at = (now - self.spec.signal_delay).max(0.0);
        self.decisions += 1;
        // Every refusal leaves one offer less to ask.
        for turn in 0..=self.spec.offers.len() {
            fleet.look(self.spec, now, seen_at, self.step, &mut self.seen);
            let view = View {
                reading,
                machines: &self.seen,
            };
            let orders = match turn {
                0 => decider.decide(now, &view),
                _ => decider.decide_again(now, &view),
            };
            let refused = fleet.account.refused;
            for order in orders {
                match order {
                    Order::Launch { offer } => {
                        let outcome = fleet.launch(self.spec, &self.history, offer, now);
                        decider.launched(now, offer, outcome);
                    }
                    Order::Retire { machine } => fleet.retire(self.spec, machine, now),
                }
            }
            if fleet.account.refused == refused {
                break;
            }
        }
        self.price_max = self.price_max.max(fleet.price(self.spec));
    }

    fn outcome(mut self, run: &Run<'_>, decider: &dyn Decider, ended_at: f64) -> Outcome {
        let spec = self.spec;
        self.fleet.close(spec, ended_at);
        let account = self.fleet.account;
        let arrived = self.arrived.total();
        let served = self.queue.served().min(arrived);
        let base_hours = self.duration / 3_600.0 * f64::from(spec.base.workers);
        Outcome {
            trace: run.trace.name().to_owned(),
            policy: decider.name().to_owned(),
            world: spec.name.clone(),
            seed: run.seed,
            scale: run.scale,
            arrived,
            served,
            late: self.waits.late + (arrived - served),
            wait_max: self.waits.max,
            wait_p50: self.waits.median(),
            burst_cost: account.spent,
            base_cost: base_hours * spec.base.price,
            launches: account.launches,
            refused: account.refused,
            lost: account.lost,
            reversals: account.reversals,
            price_max: self.price_max,
            decisions: self.decisions,
            violations: decider.violations(),
            ended_at,
            lives: account.lives,
            series: self.series.map(Gatherer::series),
        }
    }
}
