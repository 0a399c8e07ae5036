//! `modelset.yaml` as written, and how it becomes a set that is trusted.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use spillway_wire::Feature;

use super::{ClassLabel, Head, Model, ModelSet, Task};
use crate::frame::Size;
use crate::work::{FEATURES, feature_name};

const API_VERSION: &str = "spillway.dev/v1alpha1";
const KIND: &str = "ModelSet";
/// Largest side of a frame or of a model's input: bounds what a set can make a worker allocate.
const SIDE_MAX: u32 = 4_096;

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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spec {
    frame: Sides,
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
struct RawModel {
    name: String,
    subset: String,
    file: PathBuf,
    sha256: String,
    detect: Option<Detect>,
    attributes: Option<Attributes>,
    classify: Option<Classify>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Detect {
    input: Sides,
    labels: Vec<String>,
    threshold: f32,
    nms_iou: f32,
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

/// Collects problems, each with the path of its field.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn ensure(&mut self, holds: bool, path: &str, says: &str) {
        if !holds {
            self.0.push(format!("{path} {says}"));
        }
    }

    fn share(&mut self, value: f32, path: &str) {
        self.ensure((0.0..=1.0).contains(&value), path, "must be within 0 and 1");
    }

    fn size(&mut self, sides: Sides, path: &str) -> Size {
        let Sides { width, height } = sides;
        let is_sane = [width, height]
            .iter()
            .all(|side| (1..=SIDE_MAX).contains(side));
        self.ensure(is_sane, path, "must have sides of 1 to 4096 pixels");
        Size::new(width, height)
    }
}

/// Makes a set of its text, or says all that is wrong with it.
pub(super) fn parse(text: &str, folder: PathBuf) -> Result<ModelSet, Vec<String>> {
    let deserializer = serde_yaml::Deserializer::from_str(text);
    let document: Document = serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let path = error.path().to_string();
        vec![format!("{path}: {}", error.into_inner())]
    })?;
    let mut problems = Problems::default();
    let is_ours = document.api_version == API_VERSION;
    problems.ensure(is_ours, "apiVersion", "must be spillway.dev/v1alpha1");
    problems.ensure(document.kind == KIND, "kind", "must be ModelSet");
    let spec = document.spec;
    let frame = problems.size(spec.frame, "spec.frame");
    problems.ensure(!spec.models.is_empty(), "spec.models", "must not be empty");

    let mut models: Vec<Model> = Vec::new();
    for (index, raw) in spec.models.into_iter().enumerate() {
        let path = format!("spec.models[{index}]");
        let is_new = models.iter().all(|model| model.name != raw.name);
        problems.ensure(is_new, &format!("{path}.name"), "is already taken");
        if let Some(model) = model(raw, &path, &folder, &models, &mut problems) {
            models.push(model);
        }
    }
    if problems.0.is_empty() {
        Ok(ModelSet {
            name: document.metadata.name,
            folder,
            frame,
            models,
        })
    } else {
        Err(problems.0)
    }
}

fn model(
    raw: RawModel,
    path: &str,
    folder: &Path,
    earlier: &[Model],
    problems: &mut Problems,
) -> Option<Model> {
    let feature = FEATURES
        .into_iter()
        .find(|feature| feature_name(*feature) == raw.subset);
    let subset = format!("{path}.subset");
    problems.ensure(
        feature.is_some(),
        &subset,
        "must be humans, brands or context",
    );
    let is_inside = raw
        .file
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    problems.ensure(
        is_inside,
        &format!("{path}.file"),
        "must be below the set's folder",
    );
    let is_digest = raw.sha256.len() == 64
        && raw
            .sha256
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let sha256 = format!("{path}.sha256");
    problems.ensure(
        is_digest,
        &sha256,
        "must be 64 lower-case hexadecimal digits",
    );

    let (input, task) = match (raw.detect, raw.attributes, raw.classify) {
        (Some(detect), None, None) => detect.check(path, problems),
        (None, Some(attributes), None) => attributes.check(path, feature, earlier, problems),
        (None, None, Some(classify)) => classify.check(path, problems),
        _ => {
            problems.ensure(false, path, "must have one of detect, attributes, classify");
            return None;
        }
    };
    Some(Model {
        name: raw.name,
        feature: feature?,
        file: folder.join(raw.file),
        sha256: raw.sha256,
        input,
        task,
    })
}

impl Detect {
    fn check(self, path: &str, problems: &mut Problems) -> (Size, Task) {
        let input = problems.size(self.input, &format!("{path}.detect.input"));
        problems.share(self.threshold, &format!("{path}.detect.threshold"));
        problems.share(self.nms_iou, &format!("{path}.detect.nmsIou"));
        names(&self.labels, &format!("{path}.detect.labels"), problems);
        let task = Task::Detect {
            labels: self.labels,
            threshold: self.threshold,
            nms_iou: self.nms_iou,
        };
        (input, task)
    }
}

impl Attributes {
    fn check(
        self,
        path: &str,
        feature: Option<Feature>,
        earlier: &[Model],
        problems: &mut Problems,
    ) -> (Size, Task) {
        let input = problems.size(self.input, &format!("{path}.attributes.input"));
        problems.share(self.margin, &format!("{path}.attributes.margin"));
        let has_detector = earlier.iter().any(|model| {
            model.name == self.of
                && Some(model.feature) == feature
                && matches!(model.task, Task::Detect { .. })
        });
        let of = format!("{path}.attributes.of");
        problems.ensure(
            has_detector,
            &of,
            "must name a detector of the same subset above it",
        );
        let own: Vec<String> = self.heads.iter().map(|head| head.name.clone()).collect();
        names(&own, &format!("{path}.attributes.heads"), problems);
        for (index, head) in self.heads.iter().enumerate() {
            let path = format!("{path}.attributes.heads[{index}].values");
            names(&head.values, &path, problems);
        }
        let heads = self.heads.into_iter().map(|head| Head {
            name: head.name,
            values: head.values,
        });
        let task = Task::Attributes {
            of: self.of,
            margin: self.margin,
            heads: heads.collect(),
        };
        (input, task)
    }
}

impl Classify {
    fn check(self, path: &str, problems: &mut Problems) -> (Size, Task) {
        let input = problems.size(self.input, &format!("{path}.classify.input"));
        let own: Vec<String> = self.labels.iter().map(|label| label.name.clone()).collect();
        names(&own, &format!("{path}.classify.labels"), problems);
        for (index, label) in self.labels.iter().enumerate() {
            let path = format!("{path}.classify.labels[{index}]");
            problems.share(label.threshold, &format!("{path}.threshold"));
            let is_kind = matches!(label.kind.as_str(), "scene" | "object");
            problems.ensure(is_kind, &format!("{path}.kind"), "must be scene or object");
        }
        let labels = self.labels.into_iter().map(|label| ClassLabel {
            name: label.name,
            kind: label.kind,
            parents: label.parents,
            threshold: label.threshold,
        });
        let task = Task::Classify {
            labels: labels.collect(),
        };
        (input, task)
    }
}

/// Names must be there, and each only once.
fn names(names: &[String], path: &str, problems: &mut Problems) {
    problems.ensure(!names.is_empty(), path, "must not be empty");
    let distinct: BTreeSet<&String> = names.iter().collect();
    problems.ensure(
        distinct.len() == names.len(),
        path,
        "must not repeat a name",
    );
}
