//! The metrics that our programs really have: from the pages of the reference, which other tests hold against the code.

use std::collections::BTreeSet;
use std::fs;

use crate::helm;

/// Where they are told of.
const PAGES: [&str; 3] = ["metrics.md", "worker-metrics.md", "gateway-metrics.md"];

/// Series by the names that Prometheus knows them by: the first column of the pages' tables.
pub(crate) fn exported() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for page in PAGES {
        let path = helm::root().join("docs/reference").join(page);
        let text = fs::read_to_string(path).unwrap();
        let rows = text.lines().filter(|line| line.starts_with("| `"));
        let cells = rows.filter_map(|row| row.split('|').nth(1));
        names.extend(cells.flat_map(|cell| {
            let names = cell.split(',').map(|name| name.trim().trim_matches('`'));
            names.map(str::to_owned).collect::<Vec<_>>()
        }));
    }
    names
}

/// The metrics of ours that a PromQL expression or a dashboard's query asks for.
pub(crate) fn asked(expression: &str) -> BTreeSet<String> {
    expression
        .split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
        .filter(|word| word.starts_with("spillway_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_pages_are_read() {
    let names = exported();
    for name in [
        "spillway_backlog_jobs",
        "spillway_cost_dollars",
        "spillway_cloud_requests_total",
        "spillway_loop_duration_seconds_bucket",
        "spillway_images_processed_total",
        "spillway_stage_seconds_bucket",
        "spillway_batch_size_sum",
        "spillway_worker_ready",
        "spillway_gateway_requests_total",
        "spillway_gateway_store_failures_total",
    ] {
        assert!(names.contains(name), "{name} is not in {names:?}");
    }
    assert!(!names.contains("spillway_worker_ready_total"));
}
