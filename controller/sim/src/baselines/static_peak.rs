//! Machines for the peak, always: what is bought where nobody scales.

use super::provision::{Market, Provisioner};
use crate::decider::{Decider, LaunchOutcome, Order, View};
use crate::spec::WorldSpec;

/// Holds what the peak takes, from the beginning to the end.
#[derive(Debug, Clone)]
pub(super) struct StaticPeak {
    machines: usize,
    provisioner: Provisioner,
}

// === impl StaticPeak ===

impl StaticPeak {
    /// Machines for `peak` jobs per second, the base's part left out.
    pub(super) fn new(spec: &WorldSpec, peak: f64) -> Self {
        let provisioner = Provisioner::new(spec, Market::Any);
        Self {
            machines: provisioner.machines_for(peak - spec.base_rate()),
            provisioner,
        }
    }
}

impl Decider for StaticPeak {
    fn name(&self) -> &str {
        "static-peak"
    }

    fn decide(&mut self, now: f64, view: &View<'_>) -> Vec<Order> {
        self.provisioner.towards(now, view, self.machines)
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
    fn the_peak_decides_how_many_there_are() {
        let spec = WorldSpec::calm();
        // The base does 320 a second; twenty spot machines 900, twenty of gcp-g2 900, then aws-g6.
        let cases = [
            (0.0, 0),
            (320.0, 0),
            (321.0, 1),
            (1_220.0, 20),
            (1_221.0, 21),
            (2_165.0, 41),
            (99_999.0, 90),
        ];
        for (peak, machines) in cases {
            let mut policy = StaticPeak::new(&spec, peak);
            let orders = policy.decide(0.0, &Look::at(0.0).base(&spec).view());
            assert_eq!(orders.len(), machines, "{peak}");
        }
    }
}
