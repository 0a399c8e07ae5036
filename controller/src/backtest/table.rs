//! Rows as people read them.

use std::fmt::Write as _;

use super::cloud::CloudComparison;
use super::frontier::FrontierPoint;
use super::row::Row;
use super::summary;
use crate::columns::{Columns, dollars};

/// The whole table, with what it comes to below it.
pub(super) fn text(
    head: &str,
    rows: &[Row],
    clouds: &[CloudComparison],
    frontier: &[FrontierPoint],
) -> String {
    let mut text = format!("{head}\n\n");
    text.push_str(&of_rows(rows));
    for policy in summary::policies(rows) {
        let (Some(mean), Some(worst)) = (policy.ratio_geometric_mean, policy.ratio_worst) else {
            continue;
        };
        let _ = write!(
            text,
            "\n{}: {mean:.3} × the bound (geometric mean of {} traces), worst {worst:.3}, {} where the bound is 0",
            policy.policy,
            policy.traces,
            dollars(policy.spent_where_bound_is_zero),
        );
    }
    if rows.iter().any(|row| row.bound.is_some()) {
        text.push('\n');
    }
    if !clouds.is_empty() {
        text.push('\n');
        text.push_str(&of_clouds(clouds));
    }
    for point in frontier {
        let _ = write!(
            text,
            "\n{}: {:.2} × the cost without hurry, longest wait {:.0}s",
            point.policy, point.cost_ratio, point.wait_max_seconds
        );
    }
    if !frontier.is_empty() {
        text.push('\n');
    }
    text
}

fn of_rows(rows: &[Row]) -> String {
    let has_seeds = rows.iter().any(|row| row.seed != rows[0].seed);
    let has_bounds = rows.iter().any(|row| row.bound.is_some());
    let mut headings = vec!["trace", "policy", "scale"];
    if has_seeds {
        headings.push("seed");
    }
    headings.extend(["burst $", "base $"]);
    if has_bounds {
        headings.extend(["bound $", "ratio", "late % beyond"]);
    }
    headings.extend([
        "late %",
        "late",
        "wait",
        "p50",
        "launches",
        "reversals",
        "notes",
    ]);
    let mut columns = Columns::new(3, &headings);
    for row in rows {
        let mut line = vec![row.trace.clone(), row.policy.clone(), row.scale.clone()];
        if has_seeds {
            line.push(row.seed.to_string());
        }
        line.push(format!("{:.2}", row.burst_cost));
        line.push(format!("{:.2}", row.base_cost));
        if has_bounds {
            line.push(
                row.bound
                    .map_or("–".to_owned(), |bound| format!("{bound:.2}")),
            );
            line.push(
                row.ratio
                    .map_or("–".to_owned(), |ratio| format!("{ratio:.3}")),
            );
            line.push(
                row.late_beyond_share
                    .map_or("–".to_owned(), |share| format!("{:.3}", 100.0 * share)),
            );
        }
        line.extend([
            format!("{:.3}", 100.0 * row.late_share),
            row.late_messages.to_string(),
            format!("{:.0}s", row.wait_max_seconds),
            format!("{:.0}s", row.wait_p50_seconds),
            row.launches.to_string(),
            row.reversals.to_string(),
            notes(row),
        ]);
        columns.line(line);
    }
    columns.text()
}

fn notes(row: &Row) -> String {
    let mut notes = Vec::new();
    if row.budget_exceeded {
        notes.push("over budget".to_owned());
    }
    if row.violations > 0 {
        notes.push(format!("{} rules broken", row.violations));
    }
    notes.join(", ")
}

fn of_clouds(clouds: &[CloudComparison]) -> String {
    let headings = [
        "trace",
        "base and bought $",
        "all bought $",
        "saved %",
        "late %",
        "late %, all bought",
    ];
    let mut columns = Columns::new(1, &headings);
    for cloud in clouds {
        let saving = cloud
            .saving_share
            .map_or("–".to_owned(), |share| format!("{:.1}", 100.0 * share));
        columns.line(vec![
            cloud.trace.clone(),
            format!("{:.2}", cloud.hybrid_cost),
            format!("{:.2}", cloud.all_cloud_cost),
            saving,
            format!("{:.3}", 100.0 * cloud.hybrid_late_share),
            format!("{:.3}", 100.0 * cloud.all_cloud_late_share),
        ]);
    }
    format!(
        "{}, beside the same work without a base (same prices, as many more of each offer as it takes):\n{}",
        clouds[0].policy,
        columns.text()
    )
}

#[cfg(test)]
mod tests {
    use super::super::row::tests::row;
    use super::*;

    #[test]
    fn a_table_reads_well() {
        let keda = Row {
            policy: "keda-spot".to_owned(),
            burst_cost: 61.25,
            late_messages: 12,
            late_share: 0.000_4,
            budget_exceeded: true,
            violations: 2,
            ..row()
        };
        let quiet = Row {
            trace: "quiet".to_owned(),
            burst_cost: 0.0,
            launches: 0,
            ..row()
        };
        let rows = [
            row().against(8.0, 0.0),
            keda.against(8.0, 0.000_3),
            quiet.against(0.0, 0.0),
        ];
        let clouds = [CloudComparison {
            trace: "ko".to_owned(),
            policy: "spillway".to_owned(),
            hybrid_cost: 13.62,
            all_cloud_cost: 30.0,
            saving_share: Some(0.546),
            hybrid_late_share: 0.0,
            all_cloud_late_share: 0.001,
        }];
        insta::assert_snapshot!(text("calm: a world", &rows, &clouds, &[]));
        insta::assert_snapshot!("without_bounds", text("calm: a world", &[row()], &[], &[]));
    }
}
