//! The bounds of all traces against those of the reference.

#[path = "traces.rs"]
mod traces;

use std::path::Path;

use spillway_sim::{WorldSpec, bound};
use traces::{Trace, expected};

/// What a bound may differ from the reference's.
const TOLERATED_SHARE: f64 = 0.02;
/// The reference is rounded to cents.
const TOLERATED_DOLLARS: f64 = 0.005;

#[test]
fn every_trace_has_the_bound_of_the_reference() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/traces");
    if !folder.is_dir() {
        println!("not checked: the traces are no part of the repository and do not lie beside it");
        return;
    }
    let spec = WorldSpec::calm();
    for expected in expected() {
        let trace = Trace::read(&folder, expected.trace, &spec).unwrap();
        assert_eq!(trace.rule, expected.rule, "{}", expected.trace);
        let bound = bound(&trace.jobs, trace.bin_seconds, &spec, None).unwrap();
        let tolerated = TOLERATED_DOLLARS + TOLERATED_SHARE * expected.dollars;
        assert!(
            (bound.cost - expected.dollars).abs() <= tolerated,
            "{} times {}: {} instead of {} dollars",
            expected.trace,
            trace.factor,
            bound.cost,
            expected.dollars
        );
        assert!(
            bound.slack_jobs <= 0.0,
            "{}: {} jobs late whatever is bought",
            expected.trace,
            bound.slack_jobs
        );
    }
}
