//! Helm, as the testbed builds it, on our chart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::Value;

/// Kinds of operators that the chart makes objects of where a cluster knows them.
const OPERATORS: &str = "monitoring.coreos.com/v1/PrometheusRule,monitoring.coreos.com/v1/ServiceMonitor,\
     monitoring.coreos.com/v1/PodMonitor,grafana.integreatly.org/v1beta1/GrafanaDashboard";

/// What Helm made of the chart, or what it said instead.
pub(crate) type Rendered = Result<Vec<Value>, String>;

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

pub(crate) fn chart() -> PathBuf {
    root().join("charts/spillway")
}

/// The program `name` of the testbed's control plane; `None`, with the reason printed, where it cannot be had.
///
/// # Panics
/// Where it cannot be had and `CI` is set.
pub(crate) fn require(name: &str) -> Option<PathBuf> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let script = root().join("tests/testbed/kube.sh");
        let output = Command::new(script).output().map_err(|it| it.to_string())?;
        if !output.status.success() {
            return Err(text(&output));
        }
        let folder = String::from_utf8_lossy(&output.stdout);
        Ok(PathBuf::from(folder.trim()).join("bin"))
    });
    match folder {
        Ok(folder) => Some(folder.join(name)),
        Err(why) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "CI must run this test, but {why}"
            );
            eprintln!("skipped: {why}");
            None
        }
    }
}

pub(crate) fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

/// The files with values in `ci/`: each is a way to install the chart.
pub(crate) fn values_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(chart().join("ci"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() >= 4, "{files:?}");
    files
}

/// The objects of a release `demo` in the namespace `shop`, in a cluster that has all operators.
pub(crate) fn template(helm: &Path, arguments: &[&str]) -> Rendered {
    let output = Command::new(helm)
        .args(["template", "demo"])
        .arg(chart())
        .args(["--namespace", "shop", "--api-versions", OPERATORS])
        .args(arguments)
        .output()
        .unwrap();
    if !output.status.success() {
        return Err(text(&output));
    }
    Ok(documents(&String::from_utf8(output.stdout).unwrap()))
}

/// The objects for one file of values.
pub(crate) fn template_of(helm: &Path, values: &Path) -> Vec<Value> {
    template(helm, &["--values", values.to_str().unwrap()]).unwrap()
}

/// The documents of a YAML text that are not empty.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    let documents = yaml.split("\n---\n").map(|document| {
        serde_yaml::from_str(document).unwrap_or_else(|error| panic!("{error} in\n{document}"))
    });
    documents
        .filter(|document: &Value| !document.is_null())
        .collect()
}

/// The pod's metadata and spec of an object that has one.
pub(crate) fn pod(object: &Value) -> Option<(&Value, &Value)> {
    let pod = match object["kind"].as_str()? {
        "Pod" => object,
        "Deployment" | "Job" | "StatefulSet" | "DaemonSet" => &object["spec"]["template"],
        _ => return None,
    };
    Some((&pod["metadata"], &pod["spec"]))
}

pub(crate) fn name(object: &Value) -> String {
    format!("{}/{}", object["kind"], object["metadata"]["name"])
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
