//! What a manifest means: ranges, names, edges.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use spillway_wire::Feature;

use super::super::report::Problem;
use super::super::{
    BoxLabel, ClassLabel, GoldenFile, Head, Model, ModelSet, PREPROCESSING, Task, Tiles,
};
use super::{
    Attributes, Classify, Detect, DetectLabel, Document, RawGolden, RawModel, RawTiles, Sides,
};
use crate::frame::Size;
use crate::work::{FEATURES, feature_name};

const API_VERSION: &str = "spillway.dev/v1alpha1";
const KIND: &str = "ModelSet";
/// Largest side of a frame or of a model's input: bounds what a set can make a worker allocate.
const SIDE_MAX: u32 = 4_096;
/// Most tiles a side: 64 of them are 64 times a detector's time.
const TILES_MAX: u32 = 8;
/// Tiles that share more are mostly the same.
const OVERLAP_MAX: f32 = 0.5;

/// Collects problems.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn ensure(&mut self, holds: bool, path: &str, says: &str) {
        if !holds {
            self.0.push(Problem::new(path, says));
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

    fn file(&mut self, file: &Path, sha256: &str, path: &str) {
        let is_inside = file
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        let at = format!("{path}.file");
        self.ensure(is_inside, &at, "must be below the set's folder");
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_digest = sha256.len() == 64 && sha256.bytes().all(is_digit);
        let says = "must be 64 lower-case hexadecimal digits";
        self.ensure(is_digest, &format!("{path}.sha256"), says);
    }

    /// Names must be there, and each only once.
    fn names<'a>(&mut self, names: impl IntoIterator<Item = &'a str>, path: &str) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.into_iter().enumerate() {
            let says = format!("`{name}` is named twice");
            self.ensure(seen.insert(name), &format!("{path}[{index}]"), &says);
        }
        self.ensure(!seen.is_empty(), path, "must not be empty");
    }
}

/// The set that a document means, and all that is wrong with it.
pub(super) fn check(document: Document, path: &Path, folder: &Path) -> (ModelSet, Vec<Problem>) {
    let mut problems = Problems::default();
    let is_ours = document.api_version == API_VERSION;
    problems.ensure(is_ours, "apiVersion", "must be spillway.dev/v1alpha1");
    problems.ensure(document.kind == KIND, "kind", "must be ModelSet");
    let spec = document.spec;
    if let Some(preprocessing) = &spec.preprocessing {
        let says = format!("is `{preprocessing}`, this worker does `{PREPROCESSING}`");
        let is_ours = preprocessing == PREPROCESSING;
        problems.ensure(is_ours, "spec.preprocessing", &says);
    }
    let frame = problems.size(spec.frame, "spec.frame");
    problems.ensure(!spec.models.is_empty(), "spec.models", "must not be empty");
    let golden = spec
        .golden
        .map(|golden| golden.check(folder, &mut problems));

    let mut models: Vec<Model> = Vec::new();
    for (index, raw) in spec.models.into_iter().enumerate() {
        let path = format!("spec.models[{index}]");
        let is_new = models.iter().all(|model| model.name != raw.name);
        problems.ensure(is_new, &format!("{path}.name"), "is already taken");
        if let Some(model) = model(raw, &path, folder, &models, &mut problems) {
            models.push(model);
        }
    }
    let set = ModelSet {
        name: document.metadata.name,
        version: document.metadata.version,
        path: path.to_owned(),
        frame,
        models,
        golden,
    };
    (set, problems.0)
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
    if feature.is_none() {
        let problem = Problem::new(
            format!("{path}.subset"),
            "must be humans, brands or context",
        );
        let known = FEATURES.into_iter().map(feature_name);
        problems.0.push(problem.nearest(&raw.subset, known));
    }
    problems.file(&raw.file, &raw.sha256, path);
    let (input, task) = match (raw.detect, raw.attributes, raw.classify) {
        (Some(detect), None, None) => detect.check(&format!("{path}.detect"), problems),
        (None, Some(attributes), None) => {
            let path = format!("{path}.attributes");
            attributes.check(&path, feature, earlier, problems)
        }
        (None, None, Some(classify)) => classify.check(&format!("{path}.classify"), problems),
        _ => {
            let says = "must have one of detect, attributes, classify";
            problems.ensure(false, path, says);
            return None;
        }
    };
    Some(Model {
        name: raw.name,
        feature: feature?,
        file: folder.join(raw.file),
        sha256: raw.sha256,
        input,
        half: raw.half,
        task,
    })
}

impl RawGolden {
    fn check(self, folder: &Path, problems: &mut Problems) -> GoldenFile {
        problems.file(&self.file, &self.sha256, "spec.golden");
        problems.share(self.tolerance, "spec.golden.tolerance");
        GoldenFile {
            file: folder.join(self.file),
            sha256: self.sha256,
            tolerance: self.tolerance,
        }
    }
}

impl Detect {
    fn check(self, path: &str, problems: &mut Problems) -> (Size, Task) {
        let input = problems.size(self.input, &format!("{path}.input"));
        problems.share(self.threshold, &format!("{path}.threshold"));
        problems.share(self.nms_iou, &format!("{path}.nmsIou"));
        let labels: Vec<BoxLabel> = self
            .labels
            .into_iter()
            .map(|label| match label {
                DetectLabel::Name(name) => BoxLabel {
                    name,
                    threshold: self.threshold,
                },
                DetectLabel::Own(own) => BoxLabel {
                    name: own.name,
                    threshold: own.threshold,
                },
            })
            .collect();
        let at = format!("{path}.labels");
        problems.names(labels.iter().map(|label| label.name.as_str()), &at);
        for (index, label) in labels.iter().enumerate() {
            if label.threshold != self.threshold {
                problems.share(label.threshold, &format!("{at}[{index}].threshold"));
            }
        }
        let tiles = self
            .tiles
            .map(|tiles| tiles.check(&format!("{path}.tiles"), problems));
        let task = Task::Detect {
            labels,
            nms_iou: self.nms_iou,
            tiles,
        };
        (input, task)
    }
}

impl RawTiles {
    fn check(self, path: &str, problems: &mut Problems) -> Tiles {
        for (side, name) in [(self.columns, "columns"), (self.rows, "rows")] {
            let is_sane = (1..=TILES_MAX).contains(&side);
            problems.ensure(is_sane, &format!("{path}.{name}"), "must be 1 to 8");
        }
        let is_more = self.columns.saturating_mul(self.rows) > 1;
        problems.ensure(is_more, path, "must be more than one");
        let is_sane = (0.0..=OVERLAP_MAX).contains(&self.overlap);
        problems.ensure(
            is_sane,
            &format!("{path}.overlap"),
            "must be within 0 and 0.5",
        );
        Tiles {
            columns: self.columns,
            rows: self.rows,
            overlap: self.overlap,
        }
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
        let input = problems.size(self.input, &format!("{path}.input"));
        problems.share(self.margin, &format!("{path}.margin"));
        let detectors = || {
            earlier.iter().filter(|model| {
                Some(model.feature) == feature && matches!(model.task, Task::Detect { .. })
            })
        };
        if detectors().all(|model| model.name != self.of) {
            let says = "must name a detector of the same subset above it";
            let problem = Problem::new(format!("{path}.of"), says);
            let known = detectors().map(|model| model.name.as_str());
            problems.0.push(problem.nearest(&self.of, known));
        }
        let names = self.heads.iter().map(|head| head.name.as_str());
        problems.names(names, &format!("{path}.heads"));
        for (index, head) in self.heads.iter().enumerate() {
            let path = format!("{path}.heads[{index}].values");
            problems.names(head.values.iter().map(String::as_str), &path);
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
        let input = problems.size(self.input, &format!("{path}.input"));
        let names = self.labels.iter().map(|label| label.name.as_str());
        problems.names(names, &format!("{path}.labels"));
        for (index, label) in self.labels.iter().enumerate() {
            let path = format!("{path}.labels[{index}]");
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
