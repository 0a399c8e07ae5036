//! The HorizontalPodAutoscaler's arithmetic, for one external metric with a target per pod.
//!
//! Source: kubernetes/kubernetes `pkg/controller/podautoscaler/{horizontal,replica_calculator}.go`; the defaults without
//! a `behavior`, which is how KEDA makes its HPAs.

use std::collections::VecDeque;

use super::clock::Every;
use super::signal::{jobs, workers};

/// Between two looks, seconds (`--horizontal-pod-autoscaler-sync-period`).
const SYNC_PERIOD: f64 = 15.0;
/// A metric this close to its target changes nothing (`--horizontal-pod-autoscaler-tolerance`).
const TOLERANCE: f64 = 0.1;
/// Scaling in follows the highest wish of so many seconds (`--horizontal-pod-autoscaler-downscale-stabilization`).
const DOWNSCALE_WINDOW: f64 = 300.0;
/// Scaling out at most doubles (`scaleUpLimitFactor`) …
const SCALE_UP_FACTOR: u32 = 2;
/// … or goes to so many (`scaleUpLimitMinimum`): measured on real KEDA, 1 → 4 → 8 → 16 → 32 → 64, 15 s apart.
const SCALE_UP_MINIMUM: u32 = 4;

/// One HPA.
#[derive(Debug, Clone)]
pub(super) struct Hpa {
    replicas: u32,
    min: u32,
    max: u32,
    sync: Every,
    /// When, and how many were wished for; oldest first.
    wishes: VecDeque<(f64, u32)>,
}

// === impl Hpa ===

impl Hpa {
    /// An HPA that finds `min` replicas.
    pub(super) fn new(min: u32, max: u32) -> Self {
        Self {
            replicas: min,
            min,
            max,
            sync: Every::new(SYNC_PERIOD),
            wishes: VecDeque::from([(0.0, min)]),
        }
    }

    /// What it wants at present.
    pub(super) fn replicas(&self) -> u32 {
        self.replicas
    }

    /// Sets what somebody else scaled to: KEDA, from and to zero.
    pub(super) fn set(&mut self, now: f64, replicas: u32) {
        self.replicas = replicas;
        self.wishes = VecDeque::from([(now, replicas)]);
    }

    /// Looks at the metric: `total` of it, `target` for each replica. Without a metric everything stays.
    pub(super) fn sync(&mut self, now: f64, total: Option<u64>, target: u64) {
        if !self.sync.is_due(now) {
            return;
        }
        let Some(total) = total else { return };
        let wish = wished(self.replicas, total, target);
        self.wishes.push_back((now, wish));
        while self
            .wishes
            .front()
            .is_some_and(|(at, _)| *at < now - DOWNSCALE_WINDOW)
        {
            self.wishes.pop_front();
        }
        let highest = self.wishes.iter().map(|(_, wish)| *wish).max();
        let doubled = (self.replicas * SCALE_UP_FACTOR).max(SCALE_UP_MINIMUM);
        self.replicas = highest
            .unwrap_or(wish)
            .clamp(self.min, self.max.min(doubled).max(self.min));
    }
}

/// What the metric asks for: ⌈total ÷ target⌉, unless that is within the tolerance of what there is.
fn wished(replicas: u32, total: u64, target: u64) -> u32 {
    let ratio = jobs(total) / (jobs(target) * f64::from(replicas));
    if (1.0 - TOLERANCE..=1.0 + TOLERANCE).contains(&ratio) {
        replicas
    } else {
        workers(jobs(total) / jobs(target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_rounded_up_outside_the_tolerance() {
        // Replicas, total, target, wish.
        let cases = [
            (1, 2_499, 100, 25),
            (10, 1_000, 100, 10),
            (10, 1_100, 100, 10),
            (10, 1_101, 100, 12),
            (10, 900, 100, 10),
            (10, 899, 100, 9),
            (10, 0, 100, 0),
            (22, 2_400, 100, 22), // 24 / 22 = 1.09: stalls below what is wanted
            (21, 2_400, 100, 24),
        ];
        for (replicas, total, target, wish) in cases {
            assert_eq!(
                wished(replicas, total, target),
                wish,
                "{replicas} {total} {target}"
            );
        }
    }

    #[test]
    fn scaling_out_doubles_every_fifteen_seconds() {
        let mut hpa = Hpa::new(1, 64);
        let seen: Vec<_> = (0..8)
            .map(|i| {
                hpa.sync(15.0 * f64::from(i), Some(50_000), 100);
                hpa.replicas()
            })
            .collect();
        assert_eq!(seen, [4, 8, 16, 32, 64, 64, 64, 64]);
    }

    #[test]
    fn decisions_between_looks_change_nothing() {
        let mut hpa = Hpa::new(1, 64);
        for now in [0.0, 5.0, 10.0] {
            hpa.sync(now, Some(50_000), 100);
            assert_eq!(hpa.replicas(), 4);
        }
        hpa.sync(15.0, Some(50_000), 100);
        assert_eq!(hpa.replicas(), 8);
    }

    #[test]
    fn scaling_in_waits_for_five_minutes_and_then_falls_at_once() {
        let mut hpa = Hpa::new(2, 64);
        hpa.sync(0.0, Some(400), 100);
        assert_eq!(hpa.replicas(), 4);
        for i in 1..=20 {
            hpa.sync(15.0 * f64::from(i), Some(0), 100);
            assert_eq!(hpa.replicas(), 4, "{i}");
        }
        hpa.sync(315.0, Some(0), 100);
        assert_eq!(hpa.replicas(), 2);
    }

    #[test]
    fn without_a_metric_everything_stays() {
        let mut hpa = Hpa::new(1, 64);
        hpa.sync(0.0, Some(50_000), 100);
        for i in 1..100 {
            hpa.sync(15.0 * f64::from(i), None, 100);
            assert_eq!(hpa.replicas(), 4);
        }
    }

    #[test]
    fn the_most_is_never_passed() {
        let mut hpa = Hpa::new(8, 10);
        hpa.sync(0.0, Some(50_000), 100);
        assert_eq!(hpa.replicas(), 10);
    }
}
