//! A model set: files with their digests, preprocessing, labels and thresholds, declared in `modelset.yaml`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use spillway_wire::Feature;

use crate::frame::Size;
use crate::work::{FEATURES, Wants, feature_name};

mod raw;

/// Changes when the code between bytes and models changes what they see.
const PREPROCESSING: &str = "spillway-letterbox-1";

/// A declared set, checked except for the files' contents.
#[derive(Debug)]
pub(crate) struct ModelSet {
    pub(crate) name: String,
    folder: PathBuf,
    frame: Size,
    models: Vec<Model>,
}

/// The models of a set that one worker runs.
#[derive(Debug)]
pub(crate) struct Subset {
    /// The names of its features, sorted, joined by `+`.
    pub(crate) name: String,
    /// Hexadecimal BLAKE3 of all that decides its answers.
    pub(crate) digest: String,
    pub(crate) features: Wants,
    pub(crate) frame: Size,
    pub(crate) models: Vec<Model>,
    /// Whether it is all that the set declares.
    pub(crate) is_whole: bool,
}

/// One model.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Model {
    pub(crate) name: String,
    #[serde(skip)]
    pub(crate) feature: Feature,
    /// Where the file is; not part of the digest, what is in it is.
    #[serde(skip)]
    pub(crate) file: PathBuf,
    sha256: String,
    pub(crate) input: Size,
    pub(crate) task: Task,
}

/// What a model does.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    /// Finds boxes: rows of `k × 6` numbers (left, top, right, bottom, score, class).
    Detect {
        labels: Vec<String>,
        threshold: f32,
        nms_iou: f32,
    },
    /// Describes each box that another model found: one softmax per head.
    Attributes {
        of: String,
        /// Added on each side, as a share of the box.
        margin: f32,
        heads: Vec<Head>,
    },
    /// Labels the whole image: one sigmoid per label.
    Classify { labels: Vec<ClassLabel> },
}

/// One attribute and the values it may have.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) values: Vec<String>,
}

/// One label of the whole image.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ClassLabel {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) parents: Vec<String>,
    pub(crate) threshold: f32,
}

/// Why a model set cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetError {
    #[error("model set {path}: cannot be read")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("model set {path}: {problems}", problems = .problems.join("; "))]
    Invalid {
        path: PathBuf,
        /// All of them, each with the path of its field.
        problems: Vec<String>,
    },
    #[error("model `{model}`: {file} has SHA-256 {found}, the set declares {declared}")]
    Digest {
        model: String,
        file: PathBuf,
        found: String,
        declared: String,
    },
}

// === impl ModelSet ===

impl ModelSet {
    /// Reads a set from a folder with a `modelset.yaml`, or from such a file.
    ///
    /// # Errors
    /// When it cannot be read, or with all problems of what it declares.
    pub(crate) fn load(path: &Path) -> Result<Self, SetError> {
        let path = if path.is_dir() {
            path.join("modelset.yaml")
        } else {
            path.to_owned()
        };
        let text = std::fs::read_to_string(&path).map_err(|source| SetError::Read {
            path: path.clone(),
            source,
        })?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        raw::parse(&text, folder).map_err(|problems| SetError::Invalid { path, problems })
    }

    /// The models for `features`, or all of them.
    ///
    /// # Errors
    /// When the set has no models for one of them, or a file is not the declared one.
    pub(crate) fn subset(&self, features: Option<Wants>) -> Result<Subset, SetError> {
        let declared = Wants::of(self.models.iter().map(|model| model.feature));
        let features = features.unwrap_or(declared);
        let missing: Vec<String> = features
            .without(declared)
            .iter()
            .map(|feature| {
                let (set, feature) = (&self.name, feature_name(feature));
                format!("the set `{set}` declares no models of subset `{feature}`")
            })
            .collect();
        if !missing.is_empty() || features.is_empty() {
            return Err(SetError::Invalid {
                path: self.folder.clone(),
                problems: missing,
            });
        }
        let models: Vec<Model> = self
            .models
            .iter()
            .filter(|model| features.contains(model.feature))
            .cloned()
            .collect();
        for model in &models {
            model.check_file()?;
        }
        let names: BTreeSet<&str> = features.iter().map(feature_name).collect();
        let names: Vec<&str> = names.into_iter().collect();
        Ok(Subset {
            name: names.join("+"),
            digest: digest(self.frame, &models),
            is_whole: FEATURES
                .iter()
                .all(|f| features.contains(*f) == declared.contains(*f)),
            features,
            frame: self.frame,
            models,
        })
    }
}

impl Model {
    /// Compares the file with its declared digest, before anything parses it.
    fn check_file(&self) -> Result<(), SetError> {
        let file = self.file.clone();
        let bytes = std::fs::read(&file).map_err(|source| SetError::Read {
            path: file.clone(),
            source,
        })?;
        let found = hex(&Sha256::digest(&bytes));
        if found == self.sha256 {
            return Ok(());
        }
        Err(SetError::Digest {
            model: self.name.clone(),
            file,
            found,
            declared: self.sha256.clone(),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// BLAKE3 over all that decides a subset's answers: preprocessing, frame, and each model with its file's digest.
fn digest(frame: Size, models: &[Model]) -> String {
    let parts = serde_json::to_vec(&(PREPROCESSING, frame, models))
        .expect("a model set has only string keys and finite numbers");
    blake3::hash(&parts).to_hex().to_string()
}

#[cfg(test)]
mod tests;
