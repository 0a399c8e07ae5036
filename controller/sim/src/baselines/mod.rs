//! Policies to compare with: what others run today, each as published, deciding through what [`View`] shows.
//!
//! | name | decides by |
//! |---|---|
//! | `static-peak` | the trace's peak, always |
//! | `threshold` | the queue against two marks |
//! | `keda-spot`, `keda-od` | KEDA's lag, the HPA and a node provisioner, with and without spot |
//! | `keda-480` | the same, tuned to this deadline |
//! | `flink` | the target capacity of Flink's autoscaler |
//! | `skyserve` | the request rate, spot first, on demand while spot is missing |
//!
//! Formulas and constants are those of the projects' sources at the commits that the project's notes name (scaling.md);
//! they stand in one file each, and say where they were read.
//! Where a peer leaves something to its operator, it gets the better choice: machines by the price of a job rather than
//! of an hour, no downtime when Flink rescales, and no partition that has to be moved.
//!
//! **Absent on purpose:** anything that knows the future or the world; only `static-peak` is told the peak.
//!
//! [`View`]: crate::View

mod clock;
mod flink;
mod hpa;
mod keda;
mod provision;
mod signal;
mod skyserve;
mod static_peak;
#[cfg(test)]
mod testing;
mod threshold;

use crate::decider::Decider;
use crate::spec::WorldSpec;

/// Every baseline, new, in the order of the table above. `peak`: jobs per second that a trace asks for at most.
#[must_use]
pub fn all(spec: &WorldSpec, peak: f64) -> Vec<Box<dyn Decider>> {
    vec![
        Box::new(static_peak::StaticPeak::new(spec, peak)),
        Box::new(threshold::Threshold::new(spec)),
        Box::new(keda::Keda::new(spec, keda::AS_PUBLISHED)),
        Box::new(keda::Keda::new(spec, keda::WITHOUT_SPOT)),
        Box::new(keda::Keda::new(spec, keda::TUNED)),
        Box::new(flink::Flink::new(spec)),
        Box::new(skyserve::SkyServe::new(spec)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_baseline_has_a_name_of_its_own() {
        let spec = WorldSpec::calm();
        let all = all(&spec, 1_000.0);
        let names: Vec<_> = all.iter().map(|baseline| baseline.name()).collect();
        assert_eq!(
            names,
            [
                "static-peak",
                "threshold",
                "keda-spot",
                "keda-od",
                "keda-480",
                "flink",
                "skyserve"
            ]
        );
    }
}
