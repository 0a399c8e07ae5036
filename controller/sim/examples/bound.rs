//! The bounds of all traces of a folder beside those of the reference.
//!
//! ```sh
//! cargo run --release -p spillway-sim --features bound --example bound -- ../shared/traces [NAME…]
//! ```

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

#[path = "../tests/bound/traces.rs"]
mod traces;

use std::path::PathBuf;

use spillway_sim::{Bound, WorldSpec, bound};
use traces::{Expected, Trace, expected};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().map(PathBuf::from);
    let folder = folder.ok_or("usage: bound FOLDER [NAME…]")?;
    let wanted: Vec<_> = arguments.collect();
    let spec = WorldSpec::calm();
    println!("|trace|rule|factor|bound $|reference $|difference %|periods|longest h|seconds|");
    println!("|-|-|-|-|-|-|-|-|-|");
    for expected in expected() {
        if wanted.is_empty() || wanted.iter().any(|name| expected.trace.contains(name)) {
            let trace = Trace::read(&folder, expected.trace, &spec)?;
            let (bound, seconds) = timed(|| bound(&trace.jobs, trace.bin_seconds, &spec, None));
            println!("{}", row(&expected, &trace, &bound?, seconds));
        }
    }
    Ok(())
}

fn row(expected: &Expected, trace: &Trace, bound: &Bound, seconds: f64) -> String {
    let difference = match expected.dollars > 0.0 {
        true => (bound.cost / expected.dollars - 1.0) * 100.0,
        false => bound.cost,
    };
    let longest = bound
        .periods
        .iter()
        .map(|period| (period.until - period.from) / 3_600.0)
        .fold(0.0, f64::max);
    format!(
        "|{}|{}|{:.4}|{:.3}|{:.2}|{difference:+.2}|{}|{longest:.1}|{seconds:.2}|",
        expected.trace,
        trace.rule,
        trace.factor,
        bound.cost,
        expected.dollars,
        bound.periods.len()
    )
}

/// What `work` gives, and the seconds that it took.
#[expect(
    clippy::disallowed_methods,
    reason = "the example measures; the library has no clock"
)]
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let begun = std::time::Instant::now();
    let given = work();
    (given, begun.elapsed().as_secs_f64())
}
