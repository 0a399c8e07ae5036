//! `modelset.yaml` as written, and how it becomes a set that is trusted.
//!
//! ```text
//!  text ─▶ tree with places ─▶ shape (serde) ─▶ meaning (check) ─▶ ModelSet
//!             not YAML          fields, types    ranges, names, edges
//! ```

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_yaml::Value;

use super::ModelSet;
use super::report::{Places, Problem, Report, UNKNOWN_FIELD};

mod check;

/// More unknown fields than this are not worth listing.
const UNKNOWN_MAX: usize = 50;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Document {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
    #[serde(default)]
    version: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    preprocessing: Option<String>,
    frame: Sides,
    golden: Option<RawGolden>,
    models: Vec<RawModel>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
struct Sides {
    width: u32,
    height: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGolden {
    file: PathBuf,
    sha256: String,
    #[serde(default = "RawGolden::tolerance")]
    tolerance: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawModel {
    name: String,
    subset: String,
    file: PathBuf,
    sha256: String,
    #[serde(default)]
    half: bool,
    detect: Option<Detect>,
    attributes: Option<Attributes>,
    classify: Option<Classify>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Detect {
    input: Sides,
    labels: Vec<DetectLabel>,
    threshold: f32,
    nms_iou: f32,
    tiles: Option<RawTiles>,
}

/// A name, or a name with a threshold of its own.
#[derive(Deserialize)]
#[serde(untagged)]
enum DetectLabel {
    Name(String),
    Own(OwnThreshold),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnThreshold {
    name: String,
    threshold: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTiles {
    columns: u32,
    rows: u32,
    #[serde(default = "RawTiles::overlap")]
    overlap: f32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Attributes {
    of: String,
    input: Sides,
    margin: f32,
    heads: Vec<RawHead>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawHead {
    name: String,
    values: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Classify {
    input: Sides,
    labels: Vec<RawLabel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLabel {
    name: String,
    kind: String,
    #[serde(default)]
    parents: Vec<String>,
    threshold: f32,
}

// === impl RawGolden ===

impl RawGolden {
    /// What decoders, resizers and kernels of other makes differ by, and no wrong model does.
    fn tolerance() -> f32 {
        0.05
    }
}

// === impl RawTiles ===

impl RawTiles {
    fn overlap() -> f32 {
        0.15
    }
}

/// Makes a set of its manifest's text, or says all that is wrong with it.
pub(super) fn parse(text: &str, path: &Path) -> Result<ModelSet, Report> {
    let name = path.display().to_string();
    let places = Places::parse(text)
        .map_err(|(problem, at)| Report::unreadable(&name, text, problem, at))?;
    let (document, mut problems) = shape(text);
    let set = document.map(|document| {
        let folder = path.parent().unwrap_or(Path::new(""));
        let (set, more) = check::check(document, path, folder);
        problems.extend(more);
        set
    });
    match set {
        Some(set) if problems.is_empty() => Ok(set),
        _ => Err(Report::new(&name, text, &places, problems)),
    }
}

/// The document, if its shape is right but for fields that nobody knows, and what is wrong with its shape.
fn shape(text: &str) -> (Option<Document>, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut value: Value = match serde_yaml::from_str(text) {
        Ok(value) => value,
        Err(error) => return (None, vec![Problem::new("", format!("not YAML: {error}"))]),
    };
    loop {
        let error = match serde_path_to_error::deserialize(value.clone()) {
            Ok(document) => return (Some(document), problems),
            Err(error) => error,
        };
        let path = error.path().to_string();
        let path = if path == "." { String::new() } else { path };
        let message = error.into_inner().to_string();
        let unknown = message
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.split_once('`'));
        match unknown {
            // Taken out, so that it hides nothing else.
            Some((field, known)) if problems.len() < UNKNOWN_MAX && remove(&mut value, &path) => {
                let known = known.split('`').skip(1).step_by(2);
                let problem = Problem::new(path.as_str(), UNKNOWN_FIELD);
                problems.push(problem.nearest(field, known));
            }
            _ => {
                problems.push(Problem::new(path, format!(": {message}")));
                return (None, problems);
            }
        }
    }
}

/// Takes out what stands at a path; whether anything did.
fn remove(value: &mut Value, path: &str) -> bool {
    let (parent, last) = match path.rsplit_once('.') {
        Some((parent, last)) => (parent, last),
        None => ("", path),
    };
    let steps = parent.split(['.', '[', ']']).filter(|it| !it.is_empty());
    let parent = steps
        .into_iter()
        .try_fold(value, |value, step| match value {
            Value::Mapping(map) => map.get_mut(step),
            Value::Sequence(list) => step.parse().ok().and_then(|at: usize| list.get_mut(at)),
            _ => None,
        });
    let Some(Value::Mapping(map)) = parent else {
        return false;
    };
    map.remove(last).is_some()
}
