//! The table of values in the chart's README is made from values.yaml.
//!
//! `SPILLWAY_WRITE=1 cargo test -p spillway-tests --test chart readme` writes it anew.

use std::fs;

use serde_json::Value;

use crate::helm;

const BEGIN: &str = "<!-- made from values.yaml: begin -->\n";
const END: &str = "<!-- made from values.yaml: end -->\n";

/// Keys and descriptions, in the order of the file.
fn described(yaml: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut above: Vec<&str> = Vec::new();
    let mut description = String::new();
    for line in yaml.lines() {
        let text = line.trim_start();
        let depth = (line.len() - text.len()) / 2;
        if let Some(begin) = text.strip_prefix("# -- ") {
            begin.clone_into(&mut description);
        } else if let (Some(more), false) = (text.strip_prefix("# "), description.is_empty()) {
            description = format!("{description} {more}");
        } else if let Some((key, _)) = text
            .split_once(':')
            .filter(|_| !text.starts_with(['-', '#']))
        {
            above.truncate(depth);
            above.push(key);
            if !description.is_empty() {
                found.push((above.join("."), std::mem::take(&mut description)));
            }
        }
    }
    found
}

fn at<'a>(values: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(values, |value, key| &value[key])
}

fn table(yaml: &str) -> String {
    let values: Value = serde_yaml::from_str(yaml).unwrap();
    let mut table = "| Key | Type | Default | Description |\n|---|---|---|---|\n".to_owned();
    for (path, description) in described(yaml) {
        let value = at(&values, &path);
        let kind = match value {
            Value::Null => "any",
            Value::Bool(_) => "bool",
            Value::Number(_) => "int",
            Value::String(_) => "string",
            Value::Array(_) => "list",
            Value::Object(_) => "object",
        };
        table += &format!("| {path} | {kind} | `{value}` | {description} |\n");
    }
    table
}

/// Leaves that have no description, and so no place in the table.
fn undescribed(value: &Value, path: &str, rows: &[(String, String)], into: &mut Vec<String>) {
    if rows.iter().any(|(row, _)| row == path) {
        return;
    }
    match value.as_object() {
        Some(fields) => {
            for (name, inner) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                undescribed(inner, &path, rows, into);
            }
        }
        None => into.push(path.to_owned()),
    }
}

#[test]
fn the_readme_lists_every_value_as_it_is() {
    let yaml = fs::read_to_string(helm::chart().join("values.yaml")).unwrap();
    let path = helm::chart().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (written, after) = rest.split_once(END).unwrap();
    let table = table(&yaml);
    if std::env::var_os("SPILLWAY_WRITE").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(written, table, "write it anew with SPILLWAY_WRITE=1");
    let mut missing = Vec::new();
    let values: Value = serde_yaml::from_str(&yaml).unwrap();
    undescribed(&values, "", &described(&yaml), &mut missing);
    assert_eq!(missing, Vec::<String>::new());
}
