//! Alerts and dashboards: each asks for what there is, says what to do, and is tested.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::helm::{self, list};
use crate::metrics;

/// What a page of a runbook has, in this order.
const SECTIONS: [&str; 4] = ["Meaning", "Impact", "Diagnosis", "Mitigation"];
/// Grafana's schema that the dashboards are written in, at least.
const SCHEMA_MIN: u64 = 39;

/// Promtool; `None`, with the reason printed, where it is not installed.
fn promtool() -> Option<Command> {
    if Command::new("promtool").arg("--version").output().is_ok() {
        return Some(Command::new("promtool"));
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "CI must run this test, but there is no promtool"
    );
    eprintln!("skipped: there is no promtool; tests/testbed/packages.sh rules installs it");
    None
}

/// The rules as the chart ships them, by default.
fn rules(helm: &std::path::Path) -> Vec<Value> {
    let objects = helm::template(helm, &[]).unwrap();
    let rule = objects.iter().find(|it| it["kind"] == "PrometheusRule");
    let groups = list(&rule.unwrap()["spec"]["groups"]);
    groups
        .iter()
        .flat_map(|group| list(&group["rules"]).to_vec())
        .collect()
}

fn names(rules: &[Value]) -> BTreeSet<String> {
    let names = rules
        .iter()
        .map(|rule| rule["alert"].as_str().unwrap().to_owned());
    names.collect()
}

/// Files of a folder with this ending, by name without it.
fn stems(folder: &str, ending: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(helm::root().join(folder)).unwrap();
    entries
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(ending).map(str::to_owned)
        })
        .collect()
}

fn dashboards() -> Vec<(String, Value)> {
    let folder = "charts/spillway/files/dashboards";
    let stems = stems(folder, ".json").into_iter();
    stems
        .map(|stem| {
            let path = helm::root().join(folder).join(format!("{stem}.json"));
            let text = fs::read_to_string(path).unwrap();
            (stem, serde_json::from_str(&text).unwrap())
        })
        .collect()
}

#[test]
fn every_alert_says_what_it_means_and_where_to_look() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    let set = "alerts.grafanaUrl=https://grafana.example.com";
    let objects = helm::template(&helm, &["--set", set]).unwrap();
    let rule = objects.iter().find(|it| it["kind"] == "PrometheusRule");
    let boards: BTreeSet<String> = dashboards().into_iter().map(|(uid, _)| uid).collect();
    for group in list(&rule.unwrap()["spec"]["groups"]) {
        for rule in list(&group["rules"]) {
            let name = rule["alert"].as_str().unwrap();
            let severity = rule["labels"]["severity"].as_str().unwrap();
            assert!(["warning", "critical"].contains(&severity), "{name}");
            let said = |key: &str| rule["annotations"][key].as_str().unwrap_or_default();
            assert!(!said("summary").is_empty(), "{name}");
            assert!(said("description").ends_with('.'), "{name}");
            assert!(said("runbook_url").ends_with(name), "{name}");
            let board = said("dashboard_url").rsplit('/').next().unwrap();
            assert!(boards.contains(board), "{name}: no dashboard {board}");
        }
    }
}

#[test]
fn every_alert_has_its_page_and_every_page_its_alert() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    let alerts = names(&rules(&helm));
    assert_eq!(stems("docs/runbooks", ".md"), alerts);
    for alert in alerts {
        let path = helm::root().join(format!("docs/runbooks/{alert}.md"));
        let page = fs::read_to_string(path).unwrap();
        assert!(page.starts_with(&format!("# {alert}\n")), "{alert}");
        let sections: Vec<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("## "))
            .collect();
        assert_eq!(sections, SECTIONS, "{alert}");
    }
}

#[test]
fn every_alert_can_be_left_out() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    let all = names(&rules(&helm));
    let set: Vec<String> = all
        .iter()
        .map(|name| format!("alerts.disabled.{name}=true"))
        .collect();
    let objects = helm::template(&helm, &["--set", &set.join(",")]).unwrap();
    let rule = objects.iter().find(|it| it["kind"] == "PrometheusRule");
    assert!(list(&rule.unwrap()["spec"]["groups"]).is_empty());
}

#[test]
fn alerts_fire_and_keep_silent_as_promtool_sees_it() {
    let (Some(helm), Some(mut check)) = (helm::require("helm"), promtool()) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let shipped = folder.path().join("rules.yaml");
    let rules = rules(&helm);
    let group = serde_json::json!({"groups": [{"name": "shipped", "rules": rules}]});
    fs::write(&shipped, group.to_string()).unwrap();
    let output = check
        .args(["check", "rules", "--lint-fatal"])
        .arg(&shipped)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", helm::text(&output));

    let mut tests: Vec<PathBuf> = Vec::new();
    let mut expected = String::new();
    for stem in stems("tests/alerts", ".yaml") {
        let from = helm::root().join(format!("tests/alerts/{stem}.yaml"));
        expected += &fs::read_to_string(&from).unwrap();
        let to = folder.path().join(format!("{stem}-test.yaml"));
        fs::copy(from, &to).unwrap();
        tests.push(to);
    }
    for alert in names(&rules) {
        let fires = format!("alertname=\"{alert}\"");
        assert!(expected.contains(&fires), "no test sees {alert} fire");
    }
    let output = promtool()
        .unwrap()
        .args(["test", "rules"])
        .args(tests)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", helm::text(&output));
}

#[test]
fn alerts_and_dashboards_ask_for_metrics_that_exist() {
    let Some(helm) = helm::require("helm") else {
        return;
    };
    let exported = metrics::exported();
    let mut asked: Vec<(String, String)> = Vec::new();
    for rule in rules(&helm) {
        let alert = rule["alert"].as_str().unwrap().to_owned();
        asked.push((alert, rule["expr"].as_str().unwrap().to_owned()));
    }
    for (uid, dashboard) in dashboards() {
        for panel in list(&dashboard["panels"]) {
            for target in list(&panel["targets"]) {
                let expression = target["expr"].as_str().unwrap().to_owned();
                asked.push((format!("{uid}: {}", panel["title"]), expression));
            }
        }
        for variable in list(&dashboard["templating"]["list"]) {
            if variable["type"] == "query" {
                let query = variable["definition"].as_str().unwrap().to_owned();
                asked.push((format!("{uid}: ${}", variable["name"]), query));
            }
        }
    }
    for (who, expression) in asked {
        let names = metrics::asked(&expression);
        assert!(!names.is_empty(), "{who} asks for nothing of ours");
        for name in names {
            assert!(exported.contains(&name), "{who}: there is no {name}");
        }
    }
}

#[test]
fn every_metric_is_on_a_dashboard() {
    let mut shown = BTreeSet::new();
    for (_, dashboard) in dashboards() {
        for panel in list(&dashboard["panels"]) {
            for target in list(&panel["targets"]) {
                shown.extend(metrics::asked(target["expr"].as_str().unwrap()));
            }
        }
    }
    // Of a histogram any of its series.
    let family = |name: &str| {
        let suffixes = ["_bucket", "_sum", "_count"];
        let end = suffixes.iter().find_map(|it| name.strip_suffix(it));
        end.unwrap_or(name).to_owned()
    };
    let shown: BTreeSet<String> = shown.iter().map(|name| family(name)).collect();
    let hidden: BTreeSet<String> = metrics::exported()
        .iter()
        .map(|name| family(name))
        .filter(|name| name.starts_with("spillway_") && !shown.contains(name))
        .collect();
    assert_eq!(hidden, BTreeSet::new(), "no panel shows these");
}

#[test]
fn dashboards_are_whole() {
    for (stem, dashboard) in dashboards() {
        assert_eq!(dashboard["uid"], stem, "the file's name");
        assert!(dashboard["schemaVersion"].as_u64().unwrap() >= SCHEMA_MIN);
        let mut seen = BTreeSet::new();
        for panel in list(&dashboard["panels"]) {
            let title = panel["title"].as_str().unwrap();
            assert!(seen.insert(panel["id"].as_u64().unwrap()), "{title}");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
            let unit = &panel["fieldConfig"]["defaults"]["unit"];
            assert!(unit.is_string(), "{title} has no unit");
            let at = &panel["gridPos"];
            let right = at["x"].as_u64().unwrap() + at["w"].as_u64().unwrap();
            assert!(right <= 24, "{title}");
        }
    }
}
