//! Where the programme falls apart into independent periods, exactly.
//!
//! **Backlog.** It never costs more to serve as early as can be, so let every plan do so. Then its backlog is
//! Q(t) = max(0, Q(t−1) + a(t) − what is done), and since it is punctual Q(t) ≤ arrived(t) − due(t). By induction no
//! plan's backlog exceeds
//!
//! ```text
//! H(t) = min(arrived(t) − due(t), max(0, H(t−1) + a(t) − base(t)))          H(0) = 0
//! ```
//!
//! **Idle steps.** In a step with H(t−1) = 0 and a(t) ≤ base(t) the base alone serves all there is, whatever was planned
//! before: bought machines do nothing that counts, and can only be held for later.
//!
//! **Gaps.** Take a run of idle steps and, of one offer, the first k of them, with k · step ≥ boot. Let m be the least
//! number of machines n that an optimal plan holds in these k steps. Giving all up for these steps and launching anew
//! at step k + 1 saves Σ n · step · c ≥ k · m · step · c, and costs at most m · boot · c: from the step with m machines
//! on, the plan itself launched all of n(k+1) that is above m. (Machines that are taken back only add to what it
//! launched.) So an optimal plan exists that holds nothing in these k steps. What is before the run and what is after
//! those steps then share neither a machine nor a backlog: two programmes, whose costs add up.
//!
//! **Stock.** Launching anew at step k + 1 must be possible. Of each offer the last step is taken in which it is, up to
//! the step after the run; the later period begins at the earliest of these. An offer that gives none holds the
//! periods together.
//!
//! **Needless periods.** Where the base alone is punctual from an empty backlog on, the optimum buys nothing.

use std::ops::Range;

use super::demand::Demand;
use super::terms::Terms;

/// What the base may be behind by without anything being bought: the rounding of sums of many jobs.
const ROUNDING_JOBS: f64 = 1e-6;

/// The steps of each period in which something must be bought, in order, not overlapping.
pub(super) fn periods(terms: &Terms, demand: &Demand) -> Vec<Range<usize>> {
    let is_idle = idle(terms, demand);
    let end = is_idle.len();
    let mut periods = Vec::new();
    let mut from = None; // of the period that is going on
    let mut t = 1;
    while t < end {
        if !is_idle[t] {
            from.get_or_insert(t);
            t += 1;
            continue;
        }
        let run = t..is_idle[t..]
            .iter()
            .position(|idle| !idle)
            .map_or(end, |n| t + n);
        t = run.end;
        let again = (run.end < end).then(|| restart(terms, &run, from.is_some()));
        match (from, again) {
            // Nothing comes any more, or nothing was before.
            (Some(begun), None) => {
                periods.push(begun..run.start);
                from = None;
            }
            (None, again) => from = again.flatten(),
            (Some(begun), Some(Some(again))) => {
                periods.push(begun..run.start);
                from = Some(again);
            }
            (Some(_), Some(None)) => {}
        }
    }
    if let Some(begun) = from {
        periods.push(begun..end);
    }
    periods.retain(|period| !base_does(terms, demand, period.clone()));
    periods
}

/// Whether each step is idle; entry 0 is not used.
fn idle(terms: &Terms, demand: &Demand) -> Vec<bool> {
    let mut is_idle = vec![false];
    let mut before = 0.0_f64;
    for t in 1..demand.arrived.len() {
        let came = demand.arrived[t] - demand.arrived[t - 1];
        let left = (before + came - terms.base[t]).max(0.0);
        is_idle.push(before <= 0.0 && left <= 0.0);
        before = left.min(demand.arrived[t] - demand.due[t]);
    }
    is_idle
}

/// The step at which the period after `run` begins; none if the run does not part what is before it from what is after.
fn restart(terms: &Terms, run: &Range<usize>, is_preceded: bool) -> Option<usize> {
    let mut earliest = run.end;
    for offer in &terms.offers {
        let first = run.start + if is_preceded { offer.boot_steps } else { 0 };
        let last = (first..=run.end).rev().find(|t| offer.may_start[*t]);
        match last {
            Some(last) => earliest = earliest.min(last),
            None if is_preceded => return None,
            // None was held before the run, none can be had in it.
            None => {}
        }
    }
    Some(earliest)
}

/// Whether the base alone is punctual from an empty backlog on.
fn base_does(terms: &Terms, demand: &Demand, mut period: Range<usize>) -> bool {
    let mut served = demand.arrived[period.start - 1];
    period.all(|t| {
        served = demand.arrived[t].min(served + terms.base[t]);
        served + ROUNDING_JOBS >= demand.due[t]
    })
}
