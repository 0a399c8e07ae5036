//! Reference pages are made from the code.
//!
//! `SPILLWAY_WRITE=1 cargo test -p spillway-tests --test docs reference` writes them anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use serde_json::{Map, Value};
use spillway_tests::require_program;

use crate::help::{PROGRAMS, commands_of};
use crate::root;

/// Compares the page `name` with what was made, or writes it.
fn keep(name: &str, made: &str) {
    let path = root().join("docs/reference").join(name);
    let made = format!("{}\n", made.trim_end());
    if std::env::var_os("SPILLWAY_WRITE").is_some() {
        fs::write(&path, made).unwrap();
        return;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(written, made, "write it anew with SPILLWAY_WRITE=1");
}

fn printed(arguments: &[&str]) -> Option<String> {
    let output = require_program("spillway")?
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    Some(String::from_utf8(output.stdout).unwrap())
}

/// One line of a table cannot hold a line's end or a bar.
fn cell(text: &str) -> String {
    text.replace('\n', " ").replace('|', "\\|")
}

#[test]
fn commands() {
    let mut page = "# Commands\n\nEvery program and command, as `--help` tells it.\n".to_owned();
    for program in PROGRAMS {
        let Some(helps) = commands_of(program) else {
            return;
        };
        for help in helps {
            let level = "#".repeat((help.words.len() + 1).min(4));
            write!(
                page,
                "\n{level} {}\n\n```text\n{}\n```\n",
                help.words.join(" "),
                help.text
            )
            .unwrap();
        }
    }
    keep("commands.md", &page);
}

#[test]
fn values() {
    let readme = fs::read_to_string(root().join("charts/spillway/README.md")).unwrap();
    let table = readme.split_once("begin -->\n").unwrap().1;
    let table = table.split_once("<!--").unwrap().0;
    keep(
        "values.md",
        &format!(
            "# Values of the chart\n\nWhat `helm install` takes; a key that is not here is refused.\n\n{table}"
        ),
    );
}

#[test]
fn alerts() {
    let rules = fs::read_to_string(root().join("charts/spillway/files/alerts.yaml")).unwrap();
    let rules: Value = serde_yaml::from_str(&rules).unwrap();
    let mut page = "# Alerts\n\nShipped with the chart, on by default where the cluster has a Prometheus operator.\n\n\
        | Alert | Severity | For | Says |\n|---|---|---|---|\n"
        .to_owned();
    let groups = rules["groups"].as_array().unwrap();
    for rule in groups
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
    {
        let Some(name) = rule["alert"].as_str() else {
            continue;
        };
        writeln!(
            page,
            "| [{name}](../runbooks/{name}.md) | {} | {} | {} |",
            rule["labels"]["severity"].as_str().unwrap(),
            rule["for"].as_str().unwrap_or("0s"),
            cell(rule["annotations"]["description"].as_str().unwrap()),
        )
        .unwrap();
    }
    keep("alerts.md", &page);
}

/// The metrics of a program by the calls that register them, which have name and help, and the fields that they fill.
fn registered(source: &str) -> Vec<[String; 4]> {
    // What all programs count alike is declared where they share it.
    let text = [source, "worker/telemetry/src/counts.rs"]
        .map(|source| fs::read_to_string(root().join(source)).unwrap())
        .join("\n");
    let prefix = text.split_once("with_prefix(\"").unwrap().1;
    let prefix = prefix.split('"').next().unwrap();
    let calls = text
        .match_indices("to.register(")
        .map(|(at, _)| &text[at..]);
    let rows = calls.map(|call| {
        let call = &call[..call.find(';').unwrap()];
        let said: Vec<&str> = call.split('"').collect();
        let (name, help) = (said[1], said[3]);
        let field = call.split_once(".clone()").unwrap().0;
        let field = field.rsplit(['.', ' ']).next().unwrap();
        let kind = declared(&text, field);
        let (kind, series) = match kind {
            kind if kind.contains("Histogram") => {
                ("histogram", ["_bucket", "_sum", "_count"].to_vec())
            }
            kind if kind.contains("Counter") => ("counter", vec!["_total"]),
            _ => ("gauge", vec![""]),
        };
        let series: Vec<String> = series
            .iter()
            .map(|suffix| format!("`{prefix}_{name}{suffix}`"))
            .collect();
        let labels = labels(&text, field).join(", ");
        [series.join(", "), kind.to_owned(), labels, cell(help)]
    });
    rows.collect()
}

/// The type of a field as it is declared.
fn declared<'a>(source: &'a str, field: &str) -> &'a str {
    let declaration = format!("{field}: ");
    let lines = source.lines().map(|line| line.trim_start());
    let mut found = lines.filter_map(|line| {
        let line = line
            .trim_start_matches("pub(crate) ")
            .trim_start_matches("pub ");
        line.strip_prefix(&declaration)
    });
    found
        .next()
        .unwrap_or_else(|| panic!("{field} is declared nowhere"))
}

/// The fields of the struct of labels that a family's type names; of one without, what its description says after "by".
fn labels(source: &str, field: &str) -> Vec<String> {
    let kind = declared(source, field);
    if kind.starts_with("Counters") {
        let before = source.split_once(&format!("pub {field}: ")).unwrap().0;
        let said = before.lines().rev().skip(1);
        let said = said.take_while(|line| line.trim_start().starts_with("///"));
        let said = said.filter_map(|line| line.split_once(" by `")).last();
        let label = said.and_then(|(_, label)| label.split('`').next());
        return label
            .map(|label| format!("`{label}`"))
            .into_iter()
            .collect();
    }
    let Some((_, kind)) = kind.split_once("Family<") else {
        return Vec::new();
    };
    let name = kind.split(',').next().unwrap();
    let body = source.split_once(&format!("struct {name} {{")).unwrap().1;
    let body = body.split_once('}').unwrap().0;
    let fields = body.lines().filter_map(|line| line.trim().split_once(':'));
    fields.map(|(field, _)| format!("`{field}`")).collect()
}

fn metrics_page(file: &str, program: &str, source: &str, more: &str) {
    let rows = registered(source);
    let mut page = format!(
        "# Metrics of the {program}\n\n<!-- Made from {source}: do not edit. -->\n\n{more}\n\n\
         | Series | Kind | Labels | What it is |\n|---|---|---|---|\n"
    );
    for [series, kind, labels, help] in rows {
        writeln!(page, "| {series} | {kind} | {labels} | {help}. |").unwrap();
    }
    keep(file, &page);
}

#[test]
fn metrics_of_the_worker() {
    let more = "`/metrics` in OpenMetrics' text format, at the address of `--listen`.\n\
        All are BETA: one may change in a minor version, with a line in the changelog.\n\
        A series with labels is there once it has been counted for the first time.";
    metrics_page("worker-metrics.md", "worker", "worker/src/stats.rs", more);
}

#[test]
fn metrics_of_the_gateway() {
    let more = "`/metrics` in OpenMetrics' text format, at the address of `--operator-listen`, or of `--listen` without it.\n\
        All are BETA: one may change in a minor version, with a line in the changelog.\n\
        A series with labels is there once it has been counted for the first time.";
    let source = "worker/gateway/src/metrics.rs";
    metrics_page("gateway-metrics.md", "gateway", source, more);
}

#[test]
fn policy() {
    let Some(schema) = printed(&["schema"]) else {
        return;
    };
    let schema: Value = serde_json::from_str(&schema).unwrap();
    let mut tables = Tables::new(&schema["$defs"]);
    tables.object("", &schema);
    keep(
        "policy.md",
        &format!(
            "# Policy\n\nEvery field of a `ScalingPolicy`, made from the schema that `spillway schema` prints for editors.\n\
             What is written wrong is refused at its line by `spillway policy lint`, and by the API server with the same sentences.\n\
             {}",
            tables.page
        ),
    );
}

#[test]
fn kinds() {
    let Some(definitions) = printed(&["crd"]) else {
        return;
    };
    let mut page =
        "# Kinds in Kubernetes\n\nWhat `spillway crd` prints and the chart installs.\n".to_owned();
    for document in definitions.split("\n---\n").skip(1) {
        let kind: Value = serde_yaml::from_str(document).unwrap();
        let (spec, version) = (&kind["spec"], &kind["spec"]["versions"][0]);
        let names = &spec["names"];
        let name = names["kind"].as_str().unwrap();
        write!(
            page,
            "\n## {name}\n\n`{}/{}`, {}, as `kubectl get {}`.\n\n| Column | Shows |\n|---|---|\n",
            spec["group"].as_str().unwrap(),
            version["name"].as_str().unwrap(),
            spec["scope"].as_str().unwrap().to_lowercase(),
            names["plural"].as_str().unwrap(),
        )
        .unwrap();
        for column in version["additionalPrinterColumns"].as_array().unwrap() {
            let description = column["description"].as_str().unwrap_or_default();
            writeln!(
                page,
                "| {} | {} |",
                column["name"].as_str().unwrap(),
                cell(description)
            )
            .unwrap();
        }
        let fields = &version["schema"]["openAPIV3Schema"]["properties"];
        let mut tables = Tables::new(&Value::Null);
        if name == "ScalingPolicy" {
            page += "\n`spec` is the [policy](policy.md).\n";
        } else {
            tables.object("spec", &fields["spec"]);
        }
        tables.object("status", &fields["status"]);
        page += &tables.page;
    }
    keep("kinds.md", &page);
}

/// A table for each object of a JSON schema, each below the path by which it is first met.
struct Tables<'a> {
    definitions: &'a Value,
    met: BTreeSet<String>,
    page: String,
}

// === impl Tables ===

impl<'a> Tables<'a> {
    fn new(definitions: &'a Value) -> Self {
        Self {
            definitions,
            met: BTreeSet::new(),
            page: String::new(),
        }
    }

    fn object(&mut self, path: &str, schema: &'a Value) {
        let Some(fields) = schema["properties"].as_object() else {
            return;
        };
        if !path.is_empty() {
            write!(self.page, "\n### {path}\n").unwrap();
        }
        if let Some(description) = schema["description"].as_str() {
            write!(self.page, "\n{description}\n").unwrap();
        }
        self.table(fields);
        for (name, field) in fields {
            let inner = self.resolved(field);
            let path = [path, name].join(".").trim_start_matches('.').to_owned();
            match inner["items"].as_object() {
                Some(_) => self.once(&format!("{path}[]"), &inner["items"]),
                None => self.once(&path, field),
            }
        }
    }

    /// What several fields share has one table.
    fn once(&mut self, path: &str, field: &'a Value) {
        let is_new = reference(field).is_none_or(|name| self.met.insert(name.to_owned()));
        if is_new {
            self.object(path, self.resolved(field));
        }
    }

    fn table(&mut self, fields: &'a Map<String, Value>) {
        self.page += "\n| Field | Type | Is |\n|---|---|---|\n";
        for (name, field) in fields {
            let description = field["description"].as_str();
            let description = description.or_else(|| self.resolved(field)["description"].as_str());
            let kind = self.kind(field);
            writeln!(
                self.page,
                "| `{name}` | {kind} | {} |",
                cell(description.unwrap_or_default())
            )
            .unwrap();
        }
    }

    fn kind(&self, field: &'a Value) -> String {
        let field = self.resolved(field);
        if field["items"].is_object() {
            return format!("list of {}", self.kind(&field["items"]));
        }
        match &field["type"] {
            Value::String(kind) => kind.clone(),
            // Beside `null`, which is what a field that is left out is.
            Value::Array(kinds) => {
                let kinds = kinds.iter().filter_map(Value::as_str);
                let kinds: Vec<_> = kinds.filter(|kind| *kind != "null").collect();
                kinds.join(" or ")
            }
            _ => "any".to_owned(),
        }
    }

    fn resolved(&self, field: &'a Value) -> &'a Value {
        match reference(field) {
            Some(name) => &self.definitions[name],
            None => field,
        }
    }
}

/// The definition that a field names, alone or beside `null`.
fn reference(field: &Value) -> Option<&str> {
    let choices = field["anyOf"].as_array();
    let named =
        choices.and_then(|choices| choices.iter().find_map(|choice| choice["$ref"].as_str()));
    let named = field["$ref"].as_str().or(named)?;
    named.strip_prefix("#/$defs/")
}
