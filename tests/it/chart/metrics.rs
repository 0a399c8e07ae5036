//! The metrics that our programs really have: the controller's from its page of the reference, which its own tests hold
//! against the code; the others' from where they are registered.

use std::collections::BTreeSet;
use std::fs;

use crate::helm;

/// Where metrics are registered.
const SOURCES: [&str; 2] = ["worker/src/stats.rs", "worker/gateway/src/metrics.rs"];
/// Where the controller's are told of.
const REFERENCE: &str = "docs/reference/metrics.md";

/// Series by the names that Prometheus knows them by.
pub(crate) fn exported() -> BTreeSet<String> {
    let mut names = told();
    for source in SOURCES {
        let text = fs::read_to_string(helm::root().join(source)).unwrap();
        // `Registry::with_prefix("…")` or `sub_registry_with_prefix("…")`.
        let prefix = text.split_once("with_prefix(\"").unwrap().1;
        let prefix = prefix.split('"').next().unwrap();
        for (name, field) in registered(&text) {
            let kind = declared(&text, &field);
            let suffixes: &[&str] = if kind.contains("Histogram") {
                &["_bucket", "_sum", "_count"]
            } else if kind.contains("Counter") {
                &["_total"]
            } else {
                &[""]
            };
            names.extend(
                suffixes
                    .iter()
                    .map(|suffix| format!("{prefix}_{name}{suffix}")),
            );
        }
    }
    names
}

/// Series in the first column of the reference's table.
fn told() -> BTreeSet<String> {
    let text = fs::read_to_string(helm::root().join(REFERENCE)).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let names = cells.flat_map(|cell| cell.split(',').map(|name| name.trim().trim_matches('`')));
    names.map(str::to_owned).collect()
}

/// Name and field of every registration: `register("name", help, self.field.clone())`.
fn registered(source: &str) -> Vec<(String, String)> {
    let calls = source
        .match_indices("register(")
        .map(|(at, _)| &source[at..]);
    calls
        .filter_map(|call| {
            let call = &call[..call.find(';')?];
            let name = call.split('"').nth(1)?;
            let is_name = name.chars().all(|it| it.is_ascii_lowercase() || it == '_');
            let field = call
                .split_once(".clone()")
                .map_or("", |(before, _)| before.rsplit(['.', ' ']).next().unwrap());
            is_name.then(|| (name.to_owned(), field.to_owned()))
        })
        .collect()
}

/// The type of a field, as it is declared; nothing for a local one, which is a gauge.
fn declared<'a>(source: &'a str, field: &str) -> &'a str {
    let declaration = format!("{field}: ");
    let found = source.lines().find_map(|line| {
        let line = line.trim_start().trim_start_matches("pub(crate) ");
        line.strip_prefix(&declaration)
            .filter(|_| !field.is_empty())
    });
    found.unwrap_or("")
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
fn the_registries_are_read() {
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
