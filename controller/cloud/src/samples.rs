//! Requests that the clouds' own SDKs sent, to hold ours against.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A recorded request.
pub(crate) struct Sample {
    pub(crate) step: String,
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
    pub(crate) response: Value,
}

/// The recorded requests of a file and its `meta`; `None`, with the reason printed, where the folder is not there.
pub(crate) fn samples(name: &str) -> Option<(Vec<Sample>, Value)> {
    let folder = std::env::var_os("SPILLWAY_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = folder.join("cloud-samples").join(name);
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: {} is not there", path.display());
        return None;
    };
    let mut file: Value = serde_json::from_str(&text).expect("samples are JSON");
    let requests = file["requests"].as_array().expect("requests").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let samples = requests.map(|request| Sample {
        step: text(&request["step"]),
        method: text(&request["method"]),
        path: text(&request["path"]),
        headers: serde_json::from_value(request["headers"].clone()).expect("headers"),
        body: text(&request["body"]),
        response: request["response"].clone(),
    });
    let samples = samples.collect();
    Some((samples, file["meta"].take()))
}

impl Sample {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }
}

/// Every place in a JSON value with its type, as `properties.zones[] string`; tags count as one, whatever they are called.
pub(crate) fn places(value: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, at: &str, into: &mut BTreeSet<String>) {
        match value {
            Value::Object(_)
                if ["freeformTags", "labels", "tags"]
                    .iter()
                    .any(|end| at.ends_with(end)) =>
            {
                into.insert(format!("{at} tags"));
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    walk(value, &format!("{at}.{key}"), into);
                }
            }
            Value::Array(items) => {
                for item in items {
                    walk(item, &format!("{at}[]"), into);
                }
            }
            Value::String(_) => drop(into.insert(format!("{at} string"))),
            Value::Number(_) => drop(into.insert(format!("{at} number"))),
            Value::Bool(_) => drop(into.insert(format!("{at} bool"))),
            Value::Null => drop(into.insert(format!("{at} null"))),
        }
    }
    let mut places = BTreeSet::new();
    walk(value, "", &mut places);
    places
}
