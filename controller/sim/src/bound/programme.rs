//! One period as a linear programme, solved by HiGHS.
//!
//! Of each step t: n machines of each offer, l launches of it, S jobs served since the period's beginning.
//!
//! ```text
//! least  Σ step cost · n(t) + launch cost · l(t)
//! with   n(t) − kept(t) · n(t−1) − l(t) ≤ 0                n, l, S before the period: 0
//!        S(t) − S(t−1) − Σ work · n(t) ≤ base(t)
//!        due(t) ≤ S(t) ≤ arrived(t)     0 ≤ n(t) ≤ most(t)     0 ≤ l(t), and 0 where none may start
//! ```

use std::ops::Range;

use highs::{Col, HighsModelStatus, Model, RowProblem};

use super::demand::Demand;
use super::terms::Terms;

/// Least cost of what is bought in `period`, dollars.
///
/// # Errors
/// What HiGHS said, if it found no optimum.
pub(super) fn least_cost(
    terms: &Terms,
    demand: &Demand,
    period: Range<usize>,
) -> Result<f64, String> {
    let problem = programme(terms, demand, period);
    // Minimising is what a new model does.
    let mut model = Model::try_new(problem).map_err(|status| format!("model: {status:?}"))?;
    // One thread: the same programme takes the same way, and whoever wants speed solves many traces side by side.
    for (option, value) in [("parallel", "off"), ("solver", "simplex")] {
        model
            .try_set_option(option, value)
            .map_err(|error| format!("option {option}: {error}"))?;
    }
    let solved = model
        .try_solve()
        .map_err(|status| format!("solving: {status:?}"))?;
    match solved.status() {
        HighsModelStatus::Optimal => Ok(solved.objective_value().max(0.0)),
        status => Err(format!("{status:?}")),
    }
}

fn programme(terms: &Terms, demand: &Demand, period: Range<usize>) -> RowProblem {
    let mut problem = RowProblem::default();
    let origin = demand.arrived[period.start - 1];
    // Jobs in units of what one machine does in a step: all numbers are then within a few powers of ten of each other.
    let unit = terms
        .offers
        .iter()
        .map(|offer| offer.work)
        .fold(1.0, f64::max);
    let mut machines_before: Vec<Option<Col>> = vec![None; terms.offers.len()];
    let mut served_before: Option<Col> = None;
    for t in period {
        let arrived = (demand.arrived[t] - origin) / unit;
        let due = ((demand.due[t] - origin) / unit).clamp(0.0, arrived);
        let served = problem.add_column(0.0, due..=arrived);
        let mut work = vec![(served, 1.0)];
        work.extend(served_before.map(|before| (before, -1.0)));
        let mut all = Vec::new();
        for (before, offer) in machines_before.iter_mut().zip(&terms.offers) {
            let machines = problem.add_column(offer.step_cost, 0.0..=offer.most[t]);
            let mut growth = vec![(machines, 1.0)];
            growth.extend(before.map(|before| (before, -offer.kept[t])));
            if offer.may_start[t] {
                let launches = problem.add_column(offer.launch_cost, 0.0..);
                growth.push((launches, -1.0));
            }
            problem.add_row(..=0.0, growth);
            work.push((machines, -offer.work / unit));
            all.push((machines, 1.0));
            *before = Some(machines);
        }
        problem.add_row(..=terms.base[t] / unit, work);
        if let Some(most) = terms.burst_max {
            problem.add_row(..=most, all);
        }
        served_before = Some(served);
    }
    problem
}
