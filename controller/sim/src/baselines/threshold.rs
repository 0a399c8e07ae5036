//! Two marks on the queue: machines start above one and stop below the other, as an alarm on a queue's length does it.
//!
//! Source: step scaling by an alarm on the queue's length, as Amazon EC2 Auto Scaling has it (default cooldown 300 s).
//! Nobody publishes marks, since they are the operator's. These were chosen so that it neither buys at every gust nor
//! waits too long: half of the deadline's work of the base, and a minute of it. On 21 traces in the calm world it then
//! costs and is late as much as the reference's `threshold` (the project's notes, decisions.md, "Results").

use super::clock::Every;
use super::provision::{Market, Provisioner};
use super::signal::{backlog, jobs};
use crate::decider::{Decider, LaunchOutcome, Order, View};
use crate::spec::WorldSpec;

/// Machines are started above the work that the base does in this share of the deadline.
const START_SHARE: f64 = 0.5;
/// All are stopped below the work that the base does in so many seconds.
const STOP_SECONDS: f64 = 60.0;
/// Machines that are started at once.
const STEP: usize = 5;
/// Between two steps, seconds (`DefaultCooldown`).
const COOLDOWN: f64 = 300.0;

/// Two marks and a number of machines.
#[derive(Debug, Clone)]
pub(super) struct Threshold {
    start: f64,
    stop: f64,
    most: usize,
    wanted: usize,
    look: Every,
    provisioner: Provisioner,
}

// === impl Threshold ===

impl Threshold {
    pub(super) fn new(spec: &WorldSpec) -> Self {
        Self {
            start: START_SHARE * spec.drain_within * spec.base_rate(),
            stop: STOP_SECONDS * spec.base_rate(),
            most: spec.burst_max as usize,
            wanted: 0,
            look: Every::new(COOLDOWN),
            provisioner: Provisioner::new(spec, Market::Any),
        }
    }
}

impl Decider for Threshold {
    fn name(&self) -> &str {
        "threshold"
    }

    fn decide(&mut self, now: f64, view: &View<'_>) -> Vec<Order> {
        if self.look.is_due(now)
            && let Some(backlog) = backlog(view)
        {
            let backlog = jobs(backlog);
            if backlog > self.start {
                self.wanted = (self.wanted + STEP).min(self.most);
            } else if backlog < self.stop {
                self.wanted = 0;
            }
        }
        self.provisioner.towards(now, view, self.wanted)
    }

    fn launched(&mut self, now: f64, offer: usize, outcome: LaunchOutcome) {
        self.provisioner.launched(now, offer, outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Look;
    use super::*;

    #[test]
    fn machines_start_above_one_mark_and_stop_below_the_other() {
        // The base does 320 a second: the marks are 144,000 and 19,200 jobs.
        let cases = [
            (0.0, 144_000, 0),
            (300.0, 144_001, 5),
            (315.0, 300_000, 5), // the cooldown
            (600.0, 300_000, 10),
            (900.0, 50_000, 10),
            (1_200.0, 19_200, 10),
            (1_500.0, 19_199, 0),
        ];
        let spec = WorldSpec::calm();
        let mut policy = Threshold::new(&spec);
        for (now, backlog, wanted) in cases {
            policy.decide(now, &Look::at(now).base(&spec).written(backlog).view());
            assert_eq!(policy.wanted, wanted, "{now}");
        }
    }

    #[test]
    fn what_is_not_known_changes_nothing() {
        let spec = WorldSpec::calm();
        let mut policy = Threshold::new(&spec);
        policy.decide(0.0, &Look::at(0.0).written(200_000).view());
        policy.decide(300.0, &Look::at(300.0).blackout().view());
        assert_eq!(policy.wanted, 5);
    }
}
