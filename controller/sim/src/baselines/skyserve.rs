//! SkyServe's autoscaler by request rate, with spot first and on-demand machines while spot is missing.
//!
//! Source: skypilot-org/skypilot `sky/serve/autoscalers.py` (`RequestRateAutoscaler`, `FallbackRequestRateAutoscaler`) and
//! `constants.py`.
//!
//! ```text
//! replicas  = ⌈requests of the last minute / 60 / what a replica does⌉, after 300 s above or 1200 s below
//! spot      = replicas − base
//! on demand = min(replicas, base + max(0, spot − spot that is ready))
//! ```
//!
//! The base stands for `base_ondemand_fallback_replicas`. It never looks at what waits.

use super::clock::Every;
use super::provision::{Market, Provisioner, is_alive};
use super::signal::{Window, workers};
use crate::decider::{Decider, LaunchOutcome, MachinePhase, Order, View};
use crate::spec::WorldSpec;

/// `AUTOSCALER_QPS_WINDOW_SIZE_SECONDS`.
const QPS_WINDOW: f64 = 60.0;
/// `AUTOSCALER_DEFAULT_DECISION_INTERVAL_SECONDS`.
const DECISION_INTERVAL: f64 = 20.0;
/// `AUTOSCALER_DEFAULT_UPSCALE_DELAY_SECONDS` in decisions: 300 s.
const UPSCALE_DECISIONS: u32 = 15;
/// `AUTOSCALER_DEFAULT_DOWNSCALE_DELAY_SECONDS` in decisions: 1200 s.
const DOWNSCALE_DECISIONS: u32 = 60;

/// SkyServe's autoscaler with `dynamic_ondemand_fallback`.
#[derive(Debug, Clone)]
pub(super) struct SkyServe {
    /// `target_qps_per_replica`: one number for all, what a base worker does.
    replica_rate: f64,
    base: u32,
    max: u32,
    requests: Window,
    interval: Every,
    target: u32,
    above: u32,
    below: u32,
    is_spot: Vec<bool>,
    spot: Provisioner,
    on_demand: Provisioner,
}

// === impl SkyServe ===

impl SkyServe {
    pub(super) fn new(spec: &WorldSpec) -> Self {
        Self {
            replica_rate: spec.base.rate,
            base: spec.base.workers,
            max: spec.base.workers + spec.burst_max,
            requests: Window::new(QPS_WINDOW),
            interval: Every::new(DECISION_INTERVAL),
            target: spec.base.workers,
            above: 0,
            below: 0,
            is_spot: spec.offers.iter().map(|offer| offer.is_spot).collect(),
            spot: Provisioner::new(spec, Market::Spot),
            on_demand: Provisioner::new(spec, Market::OnDemand),
        }
    }

    /// Follows the request rate once it has asked for the same direction often enough.
    fn follow(&mut self, rate: f64) {
        let wish = workers(rate / self.replica_rate).clamp(self.base, self.max);
        if self.target == 0 {
            self.target = wish;
        } else if wish > self.target {
            self.above += 1;
            self.below = 0;
            if self.above >= UPSCALE_DECISIONS {
                self.above = 0;
                self.target = wish;
            }
        } else if wish < self.target {
            self.below += 1;
            self.above = 0;
            if self.below >= DOWNSCALE_DECISIONS {
                self.below = 0;
                self.target = wish;
            }
        } else {
            self.above = 0;
            self.below = 0;
        }
    }

    fn spot_ready(&self, view: &View<'_>) -> u32 {
        let ready = view.machines.iter().filter(|machine| {
            machine.offer.is_some_and(|offer| self.is_spot[offer])
                && machine.phase == MachinePhase::Ready
                && is_alive(machine)
        });
        u32::try_from(ready.count()).unwrap_or(u32::MAX)
    }
}

/// Spot and on-demand machines to have beside the base.
fn split(target: u32, base: u32, spot_ready: u32) -> (u32, u32) {
    let spot = target.saturating_sub(base);
    let on_demand = target.min(base + spot.saturating_sub(spot_ready));
    (spot, on_demand.saturating_sub(base))
}

impl Decider for SkyServe {
    fn name(&self) -> &str {
        "skyserve"
    }

    fn decide(&mut self, now: f64, view: &View<'_>) -> Vec<Order> {
        self.requests.observe(view);
        if !self.interval.is_due(now) {
            return Vec::new();
        }
        if view.reading.is_some()
            && let Some((rate, _)) = self.requests.rates()
        {
            self.follow(rate);
        }
        let (spot, on_demand) = split(self.target, self.base, self.spot_ready(view));
        let mut orders = self.spot.towards(now, view, spot as usize);
        orders.extend(self.on_demand.towards(now, view, on_demand as usize));
        orders
    }

    fn launched(&mut self, now: f64, offer: usize, outcome: LaunchOutcome) {
        self.spot.launched(now, offer, outcome);
        self.on_demand.launched(now, offer, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Look;
    use super::*;
    use MachinePhase::{Booting, Ready};

    #[test]
    fn on_demand_stands_in_for_spot_that_is_not_ready() {
        // Target, base, spot that is ready; spot and on-demand machines.
        for (target, base, ready, expected) in [
            (8, 8, 0, (0, 0)),
            (12, 8, 0, (4, 4)),
            (12, 8, 3, (4, 1)),
            (12, 8, 4, (4, 0)),
            (12, 8, 9, (4, 0)), // more than wanted, while they go
            (30, 0, 20, (30, 10)),
            (5, 8, 0, (0, 0)),
        ] {
            assert_eq!(
                split(target, base, ready),
                expected,
                "{target} {base} {ready}"
            );
        }
    }

    #[test]
    fn the_rate_is_followed_after_five_minutes_up_and_twenty_down() {
        let mut sky = SkyServe::new(&WorldSpec::calm());
        for decision in 1..=15 {
            assert_eq!(sky.target, 8, "{decision}");
            sky.follow(480.0);
        }
        assert_eq!(sky.target, 12);
        for decision in 1..=60 {
            assert_eq!(sky.target, 12, "{decision}");
            sky.follow(0.0);
        }
        assert_eq!(sky.target, 8);
    }

    #[test]
    fn a_minute_at_the_target_starts_the_count_anew() {
        let mut sky = SkyServe::new(&WorldSpec::calm());
        (0..14).for_each(|_| sky.follow(480.0));
        sky.follow(320.0);
        (0..14).for_each(|_| sky.follow(480.0));
        assert_eq!(sky.target, 8);
    }

    #[test]
    fn machines_of_both_markets_are_ordered_until_spot_is_ready() {
        let spec = WorldSpec::calm();
        let mut sky = SkyServe::new(&spec);
        sky.target = 10;
        let look = Look::at(0.0).base(&spec);
        let launch = |offer| Order::Launch { offer };
        assert_eq!(
            sky.decide(0.0, &look.view()),
            [launch(2), launch(2), launch(3), launch(3)]
        );
        let half = Look::at(0.0)
            .base(&spec)
            .machine(20, 2, Ready)
            .machine(21, 2, Booting)
            .machine(22, 3, Ready)
            .machine(23, 3, Booting);
        assert_eq!(
            sky.decide(20.0, &half.view()),
            [Order::Retire { machine: 23 }]
        );
    }
}
