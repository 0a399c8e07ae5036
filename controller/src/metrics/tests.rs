use std::collections::BTreeSet;

use super::table::{ALL, Kind};
use super::*;

#[test]
fn the_page_of_the_reference_is_of_this_code() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/metrics.md");
    let written = std::fs::read_to_string(path).unwrap();
    assert!(
        written == reference(),
        "run `spillway reference metrics > docs/reference/metrics.md`"
    );
}

#[test]
fn every_metric_is_named_as_prometheus_wants_and_told_of() {
    let mut names = BTreeSet::new();
    for metric in ALL {
        let name = metric.name;
        assert!(names.insert(name), "{name} twice");
        assert!(
            !metric.help.is_empty() && !metric.help.ends_with('.'),
            "{name}"
        );
        assert!(
            name.chars().all(|it| it.is_ascii_lowercase() || it == '_'),
            "{name}"
        );
        // Prometheus' library adds it.
        assert!(!name.ends_with("_total"), "{name}");
    }
}

#[test]
fn what_counts_is_registered_and_what_is_set_is_in_the_table() {
    let metrics = Metrics::default();
    for metric in ALL {
        match metric.kind {
            Kind::Counter => assert!(metrics.counters(metric.name).is_some(), "{}", metric.name),
            Kind::Histogram => {
                assert!(metrics.histograms(metric.name).is_some(), "{}", metric.name);
            }
            Kind::Gauge => {}
        }
    }
    let board = crate::view::testing::board();
    let values = gauges::of(&board);
    let gauges: BTreeSet<&str> = ALL
        .iter()
        .filter(|metric| metric.kind == Kind::Gauge)
        .map(|metric| metric.name)
        .collect();
    for name in values.names() {
        assert!(gauges.contains(name), "{name} is not in the table");
    }
    // Every gauge has a value in a policy with a budget, a pause, an override and a machine, but for what one look does
    // not give: a rate, and what is read beside the tick.
    let later = ["arrival_rate_jobs_per_second", "history_bytes"];
    let missing: Vec<&&str> = gauges
        .iter()
        .filter(|name| values.of(name).is_empty() && !later.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_sample_has_the_labels_of_the_table() {
    let board = crate::view::testing::board();
    let values = gauges::of(&board);
    for metric in ALL {
        for (labels, _) in values.of(metric.name) {
            let names: Vec<&str> = labels.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, metric.labels, "{}", metric.name);
        }
    }
}

#[test]
fn one_that_stands_by_answers_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let history = crate::history::History::open(folder.path(), crate::history::Keep::default());
    let board = Board::new(history.unwrap());
    board.stand_by("recognition");
    let text = render(&board).unwrap();
    assert!(
        text.contains("spillway_leader{policy=\"recognition\"} 0.0\n"),
        "{text}"
    );
    assert!(!text.contains("spillway_backlog_jobs{"), "{text}");
}
