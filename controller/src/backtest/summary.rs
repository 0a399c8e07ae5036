//! Rows of a policy as one figure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::row::Row;

/// All of a policy's rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct PolicySummary {
    pub(crate) policy: String,
    /// Traces with a bound above 0.
    pub(crate) traces: usize,
    /// Geometric mean over them of mean cost ÷ mean bound over the seeds; none where there is no such trace.
    pub(crate) ratio_geometric_mean: Option<f64>,
    /// The worst of them.
    pub(crate) ratio_worst: Option<f64>,
    /// Dollars spent on bought machines where the bound is 0, mean over the seeds.
    pub(crate) spent_where_bound_is_zero: f64,
    /// Rows with late messages.
    pub(crate) late_rows: usize,
    /// The largest share of a trace's messages that was late though nobody has to be, mean over the seeds; the share
    /// that was late at all where there is no bound.
    pub(crate) late_beyond_worst: f64,
}

#[derive(Default)]
struct Sum {
    cost: f64,
    bound: f64,
    seeds: u32,
}

/// One for each policy, in the order of its first row.
pub(crate) fn policies(rows: &[Row]) -> Vec<PolicySummary> {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&row.policy.as_str()) {
            names.push(&row.policy);
        }
    }
    names.into_iter().map(|name| of(name, rows)).collect()
}

fn of(policy: &str, rows: &[Row]) -> PolicySummary {
    let mut traces: BTreeMap<&str, Sum> = BTreeMap::new();
    let own = rows.iter().filter(|row| row.policy == policy);
    for row in own.clone() {
        let Some(bound) = row.bound else {
            continue;
        };
        let sum = traces.entry(&row.trace).or_default();
        sum.cost += row.burst_cost;
        sum.bound += bound;
        sum.seeds += 1;
    }
    let ratios: Vec<f64> = traces
        .values()
        .filter(|sum| sum.bound > 0.0)
        .map(|sum| sum.cost / sum.bound)
        .collect();
    let for_nothing = traces.values().filter(|sum| sum.bound <= 0.0);
    PolicySummary {
        policy: policy.to_owned(),
        traces: ratios.len(),
        ratio_geometric_mean: geometric_mean(&ratios),
        ratio_worst: ratios.iter().copied().reduce(f64::max),
        spent_where_bound_is_zero: for_nothing
            .map(|sum| sum.cost / f64::from(sum.seeds.max(1)))
            .fold(0.0, |all, cost| all + cost), // not `sum`, which makes −0 of nothing
        late_rows: own.clone().filter(|row| row.late_messages > 0).count(),
        late_beyond_worst: late_beyond_worst(own),
    }
}

fn late_beyond_worst<'a>(rows: impl Iterator<Item = &'a Row>) -> f64 {
    let mut traces: BTreeMap<&str, (f64, u32)> = BTreeMap::new();
    for row in rows {
        let (late, seeds) = traces.entry(&row.trace).or_default();
        *late += row.late_beyond_share.unwrap_or(row.late_share);
        *seeds += 1;
    }
    let means = traces.into_values();
    means
        .map(|(late, seeds)| late / f64::from(seeds))
        .fold(0.0, f64::max)
}

/// None of nothing. A ratio of 0, nothing bought where something must be, makes it 0: the late messages tell why.
fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    let count = u32::try_from(ratios.len())
        .ok()
        .filter(|count| *count > 0)?;
    let logs: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    Some((logs / f64::from(count)).exp())
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::*;

    #[test]
    fn seeds_are_averaged_before_traces_are() {
        let run = |trace: &str, seed, burst_cost, bound| {
            Row {
                trace: trace.to_owned(),
                seed,
                burst_cost,
                ..row()
            }
            .against(bound, 0.0)
        };
        let rows = [
            run("a", 1, 1.0, 1.0),
            run("a", 2, 7.0, 3.0), // 8 ÷ 4, not the mean of 1 and 7/3
            run("b", 1, 8.0, 1.0),
            run("b", 2, 8.0, 1.0),
            run("quiet", 1, 0.5, 0.0),
            run("quiet", 2, 0.0, 0.0),
        ];
        let summary = &policies(&rows)[0];
        assert_eq!(summary.traces, 2);
        assert!((summary.ratio_geometric_mean.unwrap() - 4.0).abs() < 1e-9);
        assert!((summary.ratio_worst.unwrap() - 8.0).abs() < 1e-9);
        assert!((summary.spent_where_bound_is_zero - 0.25).abs() < 1e-9);
        assert_eq!(policies(&[row()])[0].ratio_geometric_mean, None);
    }
}
