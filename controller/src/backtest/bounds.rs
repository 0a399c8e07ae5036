//! What no policy can beat, added to rows. Needs the cargo feature `bound`.

use super::row::Row;
use super::{Backtest, Job};

/// Says whether the bound of this world can be reckoned by this program.
///
/// # Errors
/// When it cannot, with what to do.
#[cfg(not(feature = "bound"))]
pub(super) fn check() -> anyhow::Result<()> {
    anyhow::bail!(
        "this spillway was built without the bound: build it with\n    \
         cargo build --release -p spillway --features bound\n\
         which takes cmake, a C++ compiler, libclang and some four minutes more"
    )
}

/// # Errors
/// Always: [`check`] was asked before.
#[cfg(not(feature = "bound"))]
pub(super) fn add(
    _backtest: &Backtest,
    _jobs: &[Job],
    _rows: Vec<Row>,
) -> anyhow::Result<Vec<Row>> {
    anyhow::bail!("this spillway was built without the bound")
}

/// Says whether the bound can be reckoned by this program: it can.
///
/// # Errors
/// None.
#[cfg(feature = "bound")]
pub(super) fn check() -> anyhow::Result<()> {
    Ok(())
}

/// The rows with the bound of each, on the world as it came out for its seed.
///
/// # Errors
/// When a programme was not solved.
#[cfg(feature = "bound")]
pub(super) fn add(backtest: &Backtest, jobs: &[Job], rows: Vec<Row>) -> anyhow::Result<Vec<Row>> {
    // One for each trace, deadline and seed, whoever decides; a calm world is the same for every seed.
    let is_calm = backtest.world.troubles == spillway_sim::Troubles::default();
    let key = |job: &Job| {
        let deadline = backtest.candidates[job.candidate].spec.drain_within;
        let seed = if is_calm { 0 } else { job.seed };
        (job.trace, deadline.to_bits(), seed)
    };
    let mut wanted: Vec<Job> = Vec::new();
    for job in jobs {
        if wanted.iter().all(|other| key(other) != key(job)) {
            wanted.push(*job);
        }
    }
    let weight = |job: &Job| backtest.traces[job.trace].duration();
    let reckoned = crate::parallel::each("bounds", &wanted, weight, |job| {
        let (trace, scale) = (&backtest.traces[job.trace], backtest.scales[job.trace]);
        let spec = &backtest.candidates[job.candidate].spec;
        let run = spillway_sim::Run {
            spec,
            trace,
            scale,
            seed: job.seed,
            points_max: 0,
        };
        let realised = (!is_calm).then(|| run.realised());
        let scaled = trace.scaled(scale.factor);
        let (arrivals, bin) = (scaled.arrivals(), scaled.bin_seconds());
        let bound = spillway_sim::bound(arrivals, bin, spec, realised.as_ref())?;
        let arrived: f64 = arrivals.iter().sum();
        let unavoidable = if arrived > 0.0 {
            bound.slack_jobs / arrived
        } else {
            0.0
        };
        Ok::<_, spillway_sim::BoundError>((bound.cost, unavoidable))
    });
    let mut bounds = std::collections::BTreeMap::new();
    for (job, bound) in wanted.iter().zip(reckoned) {
        bounds.insert(key(job), bound?);
    }
    let rows = jobs.iter().zip(rows);
    let against = |(job, row): (&Job, Row)| {
        let (cost, unavoidable) = bounds[&key(job)];
        row.against(cost, unavoidable)
    };
    Ok(rows.map(against).collect())
}
