//! What the same work costs with no base: everything bought, by the same planner, at the same prices.
//!
//! The world is the same but for its base of 0 workers; of each offer, and of bought machines in all, there may be as
//! many more as the base's work takes, in the proportion of the offers. The trace is scaled as before.
//! **Honest about:** list prices of the world's offers, spot among them, and nothing that clouds sell for a year's
//! promise; the base's price is what the world says one worker costs an hour, whether it is busy or not.

use serde::{Deserialize, Serialize};
use spillway_sim::{RealPlanner, Run, WorldSpec, told_policy};

use super::Backtest;
use super::row::{Limits, Row};
use crate::parallel;

/// A trace with and without a base; means over the seeds, dollars.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CloudComparison {
    pub(crate) trace: String,
    /// The policy of the hybrid: the first of the backtest.
    pub(crate) policy: String,
    /// Base and bought machines together.
    pub(crate) hybrid_cost: f64,
    /// Bought machines, where there is nothing else.
    pub(crate) all_cloud_cost: f64,
    /// `1 − hybrid ÷ all-cloud`; below 0 where the base costs more than it saves; none where nothing was bought.
    pub(crate) saving_share: Option<f64>,
    pub(crate) hybrid_late_share: f64,
    /// A cloud that is late is no cheaper: it did less.
    pub(crate) all_cloud_late_share: f64,
}

/// Compares the first candidate's rows with the same work all bought.
///
/// # Errors
/// When the world sells nothing.
pub(super) fn compare(
    backtest: &Backtest,
    seeds: &[u64],
    rows: &[Row],
) -> anyhow::Result<Vec<CloudComparison>> {
    let first = &backtest.candidates[0];
    anyhow::ensure!(
        backtest.world.offers_rate() > 0.0,
        "--compare-cloud needs offers, and the world {} has none",
        backtest.world.name
    );
    if let Some(file) = backtest.files.first() {
        anyhow::ensure!(
            file.policy.pools().len() == backtest.world.offers.len(),
            "--compare-cloud buys from every offer of the world, and {} knows only {} of {}",
            first.name,
            file.policy.pools().len(),
            backtest.world.offers.len()
        );
    }
    let spec = without_base(&first.spec);
    let mut jobs = Vec::new();
    for trace in 0..backtest.traces.len() {
        jobs.extend(seeds.iter().map(|seed| (trace, *seed)));
    }
    let weight = |(trace, _): &(usize, u64)| backtest.traces[*trace].duration();
    let policy = told_policy(&spec);
    let bought = parallel::each("runs without a base", &jobs, weight, |(trace, seed)| {
        let run = Run {
            spec: &spec,
            trace: &backtest.traces[*trace],
            scale: backtest.scales[*trace],
            seed: *seed,
            points_max: 0,
        };
        let mut planner = RealPlanner::with_policy(&spec, policy.clone())
            .expect("the policy was told of this world");
        Row::of(
            &run.decided_by(&mut planner),
            &first.name,
            Limits::default(),
        )
    });
    let compared = backtest.traces.iter().map(|trace| {
        let of = |rows: &[Row]| -> Vec<Row> {
            rows.iter()
                .filter(|row| row.trace == trace.name() && row.policy == first.name)
                .cloned()
                .collect()
        };
        comparison(&of(rows), &of(&bought))
    });
    Ok(compared.collect())
}

fn comparison(hybrid: &[Row], bought: &[Row]) -> CloudComparison {
    let mean = |rows: &[Row], of: fn(&Row) -> f64| {
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX).max(1);
        rows.iter().map(of).sum::<f64>() / f64::from(count)
    };
    let hybrid_cost = mean(hybrid, |row| row.base_cost + row.burst_cost);
    let all_cloud_cost = mean(bought, |row| row.burst_cost);
    CloudComparison {
        trace: hybrid[0].trace.clone(),
        policy: hybrid[0].policy.clone(),
        hybrid_cost,
        all_cloud_cost,
        saving_share: (all_cloud_cost > 0.0).then(|| 1.0 - hybrid_cost / all_cloud_cost),
        hybrid_late_share: mean(hybrid, |row| row.late_share),
        all_cloud_late_share: mean(bought, |row| row.late_share),
    }
}

/// The world with nothing but what is bought, and enough of that.
fn without_base(world: &WorldSpec) -> WorldSpec {
    let more = 1.0 + world.base_rate() / world.offers_rate();
    let mut spec = world.clone();
    spec.name = format!("{}-all-cloud", world.name);
    spec.base.workers = 0;
    for offer in &mut spec.offers {
        offer.max = at_least(f64::from(offer.max) * more);
    }
    spec.burst_max = at_least(f64::from(world.burst_max) * more);
    spec
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and `as` saturates"
)]
fn at_least(number: f64) -> u32 {
    number.ceil() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_base_the_offers_can_do_its_work_as_well() {
        let world = WorldSpec::calm();
        let spec = without_base(&world);
        assert!(spec.offers_rate() >= world.offers_rate() + world.base_rate());
        assert!(spec.offers_rate() <= 1.2 * (world.offers_rate() + world.base_rate()));
        assert_eq!((spec.base.workers, spec.burst_max), (0, 98));
    }
}
