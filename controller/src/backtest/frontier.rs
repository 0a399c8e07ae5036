//! What it costs to have a burst done sooner: the same policy once for each `behavior.sooner`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::row::Row;
use crate::svg::{Axis, Drawing, Line, Panel};

/// A policy that is in a hurry, over all traces and seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FrontierPoint {
    pub(crate) policy: String,
    /// Percent of the deadline.
    pub(crate) sooner: u32,
    /// Geometric mean, over the traces where the policy buys without any hurry, of what it costs ÷ what it costs then.
    pub(crate) cost_ratio: f64,
    /// The longest that a job waited, mean over these traces, seconds.
    pub(crate) wait_max_seconds: f64,
}

/// The points, in the order of `hurries`: names of candidates, and how much sooner each wants it. The first is
/// what the others are compared with.
pub(super) fn points(rows: &[Row], hurries: &[(String, u32)]) -> Vec<FrontierPoint> {
    let Some((first, _)) = hurries.first() else {
        return Vec::new();
    };
    let without = by_trace(rows, first);
    let points = hurries.iter().filter_map(|(policy, sooner)| {
        let with = by_trace(rows, policy);
        let compared: Vec<(f64, f64)> = without
            .iter()
            .filter(|(_, (cost, _))| *cost > 0.0)
            .filter_map(|(trace, (before, _))| {
                let (cost, wait) = with.get(trace)?;
                Some((cost / before, *wait))
            })
            .collect();
        let count = f64::from(u32::try_from(compared.len()).ok().filter(|it| *it > 0)?);
        let logs: f64 = compared.iter().map(|(ratio, _)| ratio.ln()).sum();
        Some(FrontierPoint {
            policy: policy.clone(),
            sooner: *sooner,
            cost_ratio: (logs / count).exp(),
            wait_max_seconds: compared.iter().map(|(_, wait)| wait).sum::<f64>() / count,
        })
    });
    points.collect()
}

/// Mean cost and mean longest wait of each trace over the seeds.
fn by_trace<'a>(rows: &'a [Row], policy: &str) -> BTreeMap<&'a str, (f64, f64)> {
    let mut sums: BTreeMap<&str, (f64, f64, u32)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.policy == policy) {
        let (cost, wait, seeds) = sums.entry(&row.trace).or_default();
        *cost += row.burst_cost;
        *wait += row.wait_max_seconds;
        *seeds += 1;
    }
    let means = sums.into_iter().map(|(trace, (cost, wait, seeds))| {
        let seeds = f64::from(seeds);
        (trace, (cost / seeds, wait / seeds))
    });
    means.collect()
}

/// Cost against waiting.
pub(super) fn svg(points: &[FrontierPoint], world: &str) -> String {
    let mut places: Vec<(f64, f64)> = points
        .iter()
        .map(|point| (point.wait_max_seconds, point.cost_ratio))
        .collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    let policy = points.first().map_or("", |point| point.policy.as_str());
    let drawing = Drawing {
        title: format!("{policy} · {world}: what it costs to be done sooner"),
        x: Axis {
            label: "longest wait, seconds".to_owned(),
            unit: 1.0,
        },
        panels: vec![Panel {
            label: "cost of bought machines, of what it is without any hurry".to_owned(),
            lines: vec![Line {
                name: "cost".to_owned(),
                points: places,
            }],
        }],
    };
    drawing.svg()
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::*;

    #[test]
    fn hurry_is_compared_with_none_trace_by_trace() {
        let run = |trace: &str, policy: &str, burst_cost, wait_max_seconds| Row {
            trace: trace.to_owned(),
            policy: policy.to_owned(),
            burst_cost,
            wait_max_seconds,
            ..row()
        };
        let rows = [
            run("a", "calmly", 1.0, 800.0),
            run("b", "calmly", 10.0, 900.0),
            run("quiet", "calmly", 0.0, 5.0),
            run("a", "soon", 4.0, 400.0),
            run("b", "soon", 10.0, 600.0),
            run("quiet", "soon", 0.0, 5.0),
        ];
        let hurries = [("calmly".to_owned(), 0), ("soon".to_owned(), 50)];
        let points = points(&rows, &hurries);
        assert_eq!(points.len(), 2);
        assert!((points[0].cost_ratio - 1.0).abs() < 1e-9);
        assert!((points[1].cost_ratio - 2.0).abs() < 1e-9, "√(4 · 1)");
        assert!((points[1].wait_max_seconds - 500.0).abs() < 1e-9);
        assert!(svg(&points, "calm").contains("longest wait"));
    }
}
