//! The autoscaler of Flink's Kubernetes operator, with its defaults: the best of the published formulas.
//!
//! Source: apache/flink-kubernetes-operator `6e9caeb4`, `flink-autoscaler/…/{JobVertexScaler,ScalingMetricEvaluator,
//! DelayedScaleDown,AutoScalerUtils}.java` and `config/AutoScalerOptions.java`.
//!
//! ```text
//! capacity = LAG / CATCH_UP + INPUT · RESTART / CATCH_UP + INPUT / UTILISATION
//! workers  = ⌈workers now · capacity / what they can do⌉
//! ```
//!
//! Left out, in its favour: the downtime of a rescale, and the alignment to the number of partitions, which in the default
//! mode moves the number by a worker or two.

use std::collections::VecDeque;

use super::provision::{Market, Provisioner, base_alive, is_alive};
use super::signal::{Totals, Window, jobs, workers};
use crate::decider::{Decider, LaunchOutcome, MachinePhase, Order, SeenMachine, View};
use crate::spec::WorldSpec;

/// `metrics.window`, seconds: nothing is decided before it is full.
const METRICS_WINDOW: f64 = 900.0;
/// `stabilization.interval`, seconds after a rescale in which nothing is measured.
const STABILIZATION_INTERVAL: f64 = 300.0;
/// `catch-up.duration`, seconds.
const CATCH_UP_DURATION: f64 = 1_800.0;
/// `restart.time`, seconds; its tracking is off.
const RESTART_TIME: f64 = 300.0;
/// `utilization.target`.
const UTILIZATION_TARGET: f64 = 0.7;
/// `target.utilization.boundary`, on either side of the target.
const UTILIZATION_BOUNDARY: f64 = 0.3;
/// `backlog-processing.lag-threshold`, seconds of lag beyond which nothing is scaled in.
const BACKLOG_THRESHOLD: f64 = 300.0;
/// `scale-down.interval`, seconds that a scale-in waits; the highest wish of that time is taken.
const SCALE_DOWN_INTERVAL: f64 = 3_600.0;
/// `scale-down.max-factor`: at most so large a part is given back at once.
const SCALE_DOWN_MAX: f64 = 0.6;
/// `vertex.max-parallelism`.
const MAX_PARALLELISM: u32 = 200;
/// A worker's rate is what was measured once it was busy for so long, milliseconds.
const MEASURED_MS: u64 = 60_000;

/// Flink's autoscaler.
#[derive(Debug, Clone)]
pub(super) struct Flink {
    /// What one worker does until it is measured: by offer, and of the base.
    told: Vec<f64>,
    told_base: f64,
    min: u32,
    max: u32,
    window: Window,
    /// Nothing is measured before, seconds.
    stable_from: f64,
    /// Since when fewer workers are wished for, seconds.
    fewer_since: Option<f64>,
    /// Those wishes: when, how many, and whether the load was out of its bounds. Oldest first.
    fewer: VecDeque<(f64, u32, bool)>,
    wanted: u32,
    provisioner: Provisioner,
}

/// What was measured over the window.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measured {
    /// Jobs that wait.
    lag: f64,
    /// Jobs that arrive, per second.
    input: f64,
    /// Jobs that are done, per second.
    processed: f64,
    /// Workers.
    workers: u32,
    /// Jobs per second that they can do.
    capacity: f64,
}

// === impl Measured ===

impl Measured {
    /// Jobs per second that the workers should be able to do at `utilization`.
    fn target(self, utilization: f64, restart: f64) -> f64 {
        if utilization <= 0.0 {
            return f64::INFINITY;
        }
        let catch_up = (self.lag + self.input * restart) / CATCH_UP_DURATION;
        (catch_up + self.input / utilization.min(1.0)).round()
    }

    /// Workers to have.
    fn parallelism(self) -> u32 {
        let factor = self.target(UTILIZATION_TARGET, RESTART_TIME) / self.capacity;
        workers(factor.max(1.0 - SCALE_DOWN_MAX) * f64::from(self.workers))
    }

    /// Whether the workers are too slow, or too fast, to be left alone.
    fn is_out_of_bounds(self) -> bool {
        let (upper, lower) = if self.lag > BACKLOG_THRESHOLD * self.processed {
            (1.0, 0.0)
        } else {
            (
                UTILIZATION_TARGET + UTILIZATION_BOUNDARY,
                UTILIZATION_TARGET - UTILIZATION_BOUNDARY,
            )
        };
        self.capacity < self.target(upper, 0.0) || self.capacity > self.target(lower, RESTART_TIME)
    }
}

// === impl Flink ===

impl Flink {
    pub(super) fn new(spec: &WorldSpec) -> Self {
        let min = spec.base.workers;
        Self {
            told: spec.offers.iter().map(|offer| offer.rate).collect(),
            told_base: spec.base.rate,
            min,
            max: MAX_PARALLELISM.min(min + spec.burst_max),
            window: Window::new(METRICS_WINDOW),
            stable_from: 0.0,
            fewer_since: None,
            fewer: VecDeque::new(),
            wanted: min,
            provisioner: Provisioner::new(spec, Market::Any),
        }
    }

    fn measured(&self, view: &View<'_>) -> Option<Measured> {
        if !self.window.is_full() {
            return None;
        }
        let Totals { written, done, .. } = self.window.newest()?;
        let (input, processed) = self.window.rates()?;
        let ready = view
            .machines
            .iter()
            .filter(|machine| machine.phase == MachinePhase::Ready && is_alive(machine));
        let rates: Vec<_> = ready.map(|machine| self.rate(machine)).collect();
        let capacity: f64 = rates.iter().sum();
        (capacity > 0.0).then_some(Measured {
            lag: jobs(written.saturating_sub(done)),
            input,
            processed,
            workers: u32::try_from(rates.len()).unwrap_or(u32::MAX),
            capacity,
        })
    }

    /// A worker's true processing rate: what it does while busy.
    fn rate(&self, machine: &SeenMachine) -> f64 {
        if machine.saturated_ms >= MEASURED_MS {
            return 1_000.0 * jobs(machine.saturated_done) / jobs(machine.saturated_ms);
        }
        machine
            .offer
            .map_or(self.told_base, |offer| self.told[offer])
    }

    fn forget_wishes(&mut self) {
        self.fewer_since = None;
        self.fewer.clear();
    }

    /// Workers to change to; none if all stays.
    fn decision(&mut self, now: f64, measured: Measured) -> Option<u32> {
        let wish = measured.parallelism().clamp(self.min, self.max);
        let is_out = measured.is_out_of_bounds();
        if wish >= measured.workers {
            self.forget_wishes();
            return (wish > measured.workers && is_out).then_some(wish);
        }
        let since = *self.fewer_since.get_or_insert(now);
        self.fewer.push_back((now, wish, is_out));
        let window = now - SCALE_DOWN_INTERVAL;
        self.fewer.retain(|(at, ..)| *at >= window);
        if window < since {
            return None;
        }
        let (_, highest, is_out) = self
            .fewer
            .iter()
            .copied()
            .max_by_key(|(_, wish, _)| *wish)?;
        is_out.then_some(highest)
    }
}

impl Decider for Flink {
    fn name(&self) -> &str {
        "flink"
    }

    fn decide(&mut self, now: f64, view: &View<'_>) -> Vec<Order> {
        if now >= self.stable_from {
            self.window.observe(view);
        }
        let measured = self.measured(view);
        if let Some(wanted) = measured.and_then(|measured| self.decision(now, measured)) {
            self.wanted = wanted;
            self.forget_wishes();
            self.window.clear();
            self.stable_from = now + STABILIZATION_INTERVAL;
        }
        let burst = (self.wanted as usize).saturating_sub(base_alive(view));
        self.provisioner.towards(now, view, burst)
    }

    fn launched(&mut self, now: f64, offer: usize, outcome: LaunchOutcome) {
        self.provisioner.launched(now, offer, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Look;
    use super::*;
    use MachinePhase::Ready;

    fn measured(lag: f64, input: f64, workers: u32, rate: f64) -> Measured {
        Measured {
            lag,
            input,
            processed: input,
            workers,
            capacity: f64::from(workers) * rate,
        }
    }

    #[test]
    fn the_target_is_lag_restart_and_input() {
        // A million jobs, 500 a second, 50 for each worker: 556 + 83 + 714 a second are 28 workers.
        let case = measured(1e6, 500.0, 10, 50.0);
        assert!((case.target(0.7, 300.0) - 1_353.0).abs() < 1e-9);
        for (lag, input, workers, wish) in [
            (1e6, 500.0, 10, 28),
            (1e6, 500.0, 28, 28),
            (0.0, 500.0, 10, 16), // 83 + 714
            (0.0, 0.0, 10, 4),    // never less than 0.4 of what there is
            (0.0, 0.0, 3, 2),
        ] {
            let case = measured(lag, input, workers, 50.0);
            assert_eq!(case.parallelism(), wish, "{case:?}");
        }
    }

    #[test]
    fn load_between_the_bounds_is_left_alone() {
        // Ten workers do 500: up beyond 500 a second, down below 1 / (1/0.4 + 1/6) of it, 187.5.
        for (lag, input, is_out) in [
            (0.0, 500.0, false),
            (0.0, 501.0, true),
            (2_000.0, 500.0, true),
            (0.0, 188.0, false),
            (0.0, 187.0, true),
            // With a backlog of more than five minutes nothing is scaled in.
            (300.0 * 100.0 + 1.0, 100.0, false),
        ] {
            let case = measured(lag, input, 10, 50.0);
            assert_eq!(case.is_out_of_bounds(), is_out, "{case:?}");
        }
    }

    #[test]
    fn scaling_in_waits_an_hour_and_takes_the_highest_wish() {
        let spec = WorldSpec::calm();
        let mut flink = Flink::new(&spec);
        let quiet = measured(0.0, 300.0, 40, 45.0);
        let busier = measured(0.0, 600.0, 40, 45.0);
        assert_eq!(flink.decision(0.0, quiet), None);
        assert_eq!(flink.decision(1_800.0, busier), None);
        assert_eq!(flink.decision(3_585.0, quiet), None);
        assert_eq!(flink.decision(3_600.0, quiet), Some(22));
        // A wish for more begins anew, also where the load is within its bounds and nothing is bought.
        let within = measured(0.0, 1_500.0, 40, 45.0);
        assert_eq!(flink.decision(3_700.0, within), None);
        assert_eq!(flink.decision(3_715.0, quiet), None);
        let beyond = measured(0.0, 1_900.0, 40, 45.0);
        assert_eq!(flink.decision(3_730.0, beyond), Some(68));
    }

    #[test]
    fn a_wish_counts_for_an_hour() {
        let spec = WorldSpec::calm();
        let mut flink = Flink::new(&spec);
        // Within the bounds: wished for, and not carried out when the hour is over.
        let within = measured(0.0, 1_100.0, 40, 45.0);
        let quiet = measured(0.0, 300.0, 40, 45.0);
        for now in [0.0, 3_600.0] {
            assert_eq!(flink.decision(now, within), None);
        }
        assert_eq!(flink.decision(7_200.0, quiet), None); // the wish of an hour ago was higher
        assert_eq!(flink.decision(7_201.0, quiet), Some(16));
    }

    /// When it changes what it wants, from `from` on, at 400 jobs a second that are done as they come.
    fn changes_at(flink: &mut Flink, spec: &WorldSpec, from: f64) -> f64 {
        let before = flink.wanted;
        let mut now = from;
        while flink.wanted == before {
            let jobs = u64::from(workers(400.0 * now));
            let look = Look::at(now).base(spec).written(jobs).done(jobs);
            flink.decide(now, &look.view());
            now += 15.0;
        }
        now - 15.0
    }

    #[test]
    fn a_decision_takes_a_full_window_and_rests_afterwards() {
        let spec = WorldSpec::calm();
        let mut flink = Flink::new(&spec);
        assert!((changes_at(&mut flink, &spec, 0.0) - 900.0).abs() < 1e-9);
        // 400 / 0.7 + 67 = 638 a second are 16 workers of 40.
        assert_eq!(flink.wanted, 16);
        // None of them came: it decides anew after five minutes of rest and fifteen of measuring.
        flink.wanted = 8;
        assert!((changes_at(&mut flink, &spec, 900.0) - 2_100.0).abs() < 1e-9);
    }

    #[test]
    fn a_worker_does_what_was_measured() {
        let spec = WorldSpec::calm();
        let flink = Flink::new(&spec);
        let mut machine = Look::at(0.0).machine(9, 0, Ready).machines.remove(0);
        assert!((flink.rate(&machine) - 55.0).abs() < 1e-9);
        machine.saturated_ms = 60_000;
        machine.saturated_done = 1_800;
        assert!((flink.rate(&machine) - 30.0).abs() < 1e-9);
    }
}
