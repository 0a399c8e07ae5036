//! KEDA's Kafka scaler, the HPA and a node provisioner in the manner of Karpenter: one pod, one machine.
//!
//! Source: kedacore/keda `8b4f083ca`, `pkg/scalers/kafka_scaler.go`; kubernetes-sigs/karpenter `226646810`; constants and
//! measurements in the project's notes (scaling.md).
//!
//! ```text
//! lag ─▶ capped at threshold · partitions ─▶ HPA: pods ─▶ pods without a base worker ─▶ cheapest machines
//! ```
//!
//! A pod that the base has no worker for gets a machine of its own. Pods that are deleted are those that do not run yet,
//! then the youngest; their machine is empty and goes at once (`consolidateAfter: 0s`). A machine that is about to be
//! taken back is drained and replaced at once.

use super::clock::Every;
use super::hpa::Hpa;
use super::provision::{Market, Provisioner, base_alive};
use super::signal::{self, backlog};
use crate::decider::{Decider, LaunchOutcome, MachinePhase, Order, View};
use crate::spec::WorldSpec;

/// `pollingInterval`, seconds: it matters only from and to zero, since the HPA asks for itself.
const POLLING_INTERVAL: f64 = 30.0;
/// `cooldownPeriod`, seconds without lag before the last pod goes.
const COOLDOWN_PERIOD: f64 = 300.0;

/// What an operator chooses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    name: &'static str,
    /// `lagThreshold`, as seconds of a base worker's work for each replica.
    threshold_seconds: f64,
    market: Market,
}

/// A minute of work for each replica, spot preferred.
pub(super) const AS_PUBLISHED: Settings = Settings {
    name: "keda-spot",
    threshold_seconds: 60.0,
    market: Market::Any,
};
/// The same without spot.
pub(super) const WITHOUT_SPOT: Settings = Settings {
    name: "keda-od",
    threshold_seconds: 60.0,
    market: Market::OnDemand,
};
/// Tuned to a deadline of 15 minutes: eight minutes of work for each replica, so that boots still fit.
pub(super) const TUNED: Settings = Settings {
    name: "keda-480",
    threshold_seconds: 480.0,
    market: Market::Any,
};

/// KEDA, HPA and provisioner.
#[derive(Debug, Clone)]
pub(super) struct Keda {
    settings: Settings,
    /// `lagThreshold`, jobs for each replica.
    threshold: u64,
    partitions: u64,
    hpa: Hpa,
    /// Whether there may be no pod at all.
    scales_to_zero: bool,
    poll: Every,
    active_at: f64,
    provisioner: Provisioner,
}

// === impl Keda ===

impl Keda {
    pub(super) fn new(spec: &WorldSpec, settings: Settings) -> Self {
        let min = spec.base.workers;
        let mut keda = Self {
            settings,
            threshold: threshold(settings.threshold_seconds, spec.base.rate),
            partitions: u64::from(spec.partitions),
            hpa: Hpa::new(min.max(1), min + spec.burst_max),
            scales_to_zero: min == 0,
            poll: Every::new(POLLING_INTERVAL),
            active_at: 0.0,
            provisioner: Provisioner::new(spec, settings.market),
        };
        if keda.scales_to_zero {
            keda.hpa.set(0.0, 0);
        }
        keda
    }

    /// Zero and one are KEDA's, everything above is the HPA's.
    fn scale(&mut self, now: f64, lag: Option<u64>) {
        if self.scales_to_zero
            && self.poll.is_due(now)
            && let Some(lag) = lag
        {
            if lag > 0 {
                self.active_at = now;
            }
            match self.hpa.replicas() {
                0 if lag > 0 => self.hpa.set(now, 1),
                1 if now - self.active_at >= COOLDOWN_PERIOD => self.hpa.set(now, 0),
                _ => {}
            }
        }
        if self.hpa.replicas() > 0 {
            let metric = lag.map(|lag| capped(lag, self.threshold, self.partitions));
            self.hpa.sync(now, metric, self.threshold);
        }
    }
}

impl Decider for Keda {
    fn name(&self) -> &str {
        self.settings.name
    }

    fn decide(&mut self, now: f64, view: &View<'_>) -> Vec<Order> {
        self.scale(now, backlog(view));
        let pods = self.hpa.replicas() as usize;
        let wanted = pods.saturating_sub(base_alive(view));
        let mut orders = self.provisioner.towards(now, view, wanted);
        let noticed = view.machines.iter().filter(|machine| {
            machine.interruption_at.is_some() && machine.phase != MachinePhase::Draining
        });
        orders.extend(noticed.map(|machine| Order::Retire {
            machine: machine.id,
        }));
        orders
    }

    fn launched(&mut self, now: f64, offer: usize, outcome: LaunchOutcome) {
        self.provisioner.launched(now, offer, outcome);
    }
}

/// `lagThreshold` for `seconds` of a worker's work, at least 1.
fn threshold(seconds: f64, rate: f64) -> u64 {
    u64::from(signal::workers(seconds * rate)).max(1)
}

/// What the scaler tells the HPA: no more than the partitions could be read by, where whole thresholds pass them.
fn capped(lag: u64, threshold: u64, partitions: u64) -> u64 {
    if lag / threshold > partitions {
        partitions * threshold
    } else {
        lag
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Look;
    use super::*;
    use MachinePhase::Ready;

    #[test]
    fn the_cap_divides_as_integers_do() {
        // Lag, threshold, partitions, what is told.
        let cases = [
            (2_399, 100, 24, 2_399),
            (2_400, 100, 24, 2_400),
            (2_499, 100, 24, 2_499), // 24 partitions, 25 replicas
            (2_500, 100, 24, 2_400),
            (50_000, 100, 64, 6_400),
        ];
        for (lag, threshold, partitions, told) in cases {
            assert_eq!(capped(lag, threshold, partitions), told, "{lag}");
        }
    }

    /// Replicas after each look at a lag that stays.
    fn climb(partitions: u64, from: u32, lag: u64) -> Vec<u32> {
        let mut hpa = Hpa::new(1, 1_000);
        hpa.set(0.0, from);
        (0..8)
            .map(|i| {
                hpa.sync(15.0 * f64::from(i), Some(capped(lag, 100, partitions)), 100);
                hpa.replicas()
            })
            .collect()
    }

    #[test]
    fn replicas_stall_below_the_partitions() {
        // The tolerance acts on the capped metric: within a tenth of the cap nothing moves.
        for (partitions, from, until) in [
            (24, 21, 24),
            (24, 22, 22),
            (24, 23, 23),
            (64, 58, 64),
            (64, 59, 59),
            (64, 63, 63),
            (256, 233, 233),
            (512, 465, 512),
            (512, 466, 466),
        ] {
            let last = climb(partitions, from, 1_000_000).pop();
            assert_eq!(last, Some(until), "{partitions} {from}");
        }
    }

    #[test]
    fn thresholds_are_seconds_of_work() {
        let spec = WorldSpec::calm();
        for (settings, jobs) in [
            (AS_PUBLISHED, 2_400),
            (WITHOUT_SPOT, 2_400),
            (TUNED, 19_200),
        ] {
            assert_eq!(
                Keda::new(&spec, settings).threshold,
                jobs,
                "{}",
                settings.name
            );
        }
    }

    #[test]
    fn a_burst_buys_what_the_base_has_no_worker_for() {
        let spec = WorldSpec::calm();
        let mut keda = Keda::new(&spec, AS_PUBLISHED);
        let look = Look::at(0.0).base(&spec).written(24_000);
        // 24,000 jobs are ten replicas of 2,400: the base has eight.
        let orders = keda.decide(0.0, &look.view());
        assert_eq!(orders, [Order::Launch { offer: 2 }; 2]);
        let quiet = Keda::new(&spec, TUNED).decide(0.0, &look.view());
        assert_eq!(quiet, []);
    }

    #[test]
    fn a_lost_base_worker_is_replaced() {
        let spec = WorldSpec::calm();
        let mut look = Look::at(0.0).base(&spec);
        look.machines.pop();
        let orders = Keda::new(&spec, WITHOUT_SPOT).decide(0.0, &look.view());
        assert_eq!(orders, [Order::Launch { offer: 3 }]);
    }

    #[test]
    fn a_machine_with_notice_is_drained_and_replaced() {
        let spec = WorldSpec::calm();
        let mut keda = Keda::new(&spec, AS_PUBLISHED);
        let mut look = Look::at(0.0)
            .base(&spec)
            .machine(20, 2, Ready)
            .written(21_600);
        look.machines[8].interruption_at = Some(120.0);
        let orders = keda.decide(0.0, &look.view());
        assert_eq!(
            orders,
            [Order::Launch { offer: 2 }, Order::Retire { machine: 20 }]
        );
    }

    #[test]
    fn without_a_base_the_first_pod_waits_for_a_poll_and_the_last_for_the_cooldown() {
        let mut spec = WorldSpec::calm();
        spec.base.workers = 0;
        let mut keda = Keda::new(&spec, AS_PUBLISHED);
        assert_eq!(keda.decide(0.0, &Look::at(0.0).view()), []);
        let busy = Look::at(0.0).written(1);
        assert_eq!(keda.decide(15.0, &busy.view()), []); // the next poll is at 30 s
        assert_eq!(
            keda.decide(30.0, &busy.view()),
            [Order::Launch { offer: 2 }]
        );
        let idle = Look::at(0.0).machine(1, 2, Ready);
        assert_eq!(keda.decide(315.0, &idle.view()), []);
        assert_eq!(
            keda.decide(345.0, &idle.view()),
            [Order::Retire { machine: 1 }]
        );
    }
}
