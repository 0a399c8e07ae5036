//! A model set: files with their digests, preprocessing, labels and thresholds, declared in `modelset.yaml`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest as _, Sha256};
use spillway_wire::Feature;

use super::golden::Golden;
use crate::frame::Size;
use crate::work::{FEATURES, Wants, feature_name};

mod raw;
mod report;

pub(crate) use report::Report;

/// What becomes of bytes before models see them; changes when the code that does it changes what they see.
pub(crate) const PREPROCESSING: &str = "spillway-letterbox-1";
/// A manifest of more bytes is none: 7,500 labels with parents are 1 MB.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;

/// A declared set, checked except for the files' contents.
#[derive(Debug)]
pub(crate) struct ModelSet {
    pub(crate) name: String,
    /// What its maker calls this state of it; empty where it has no name.
    pub(crate) version: String,
    path: PathBuf,
    frame: Size,
    models: Vec<Model>,
    golden: Option<GoldenFile>,
}

/// The models of a set that one worker runs.
#[derive(Debug)]
pub(crate) struct Subset {
    /// Name and version of its set, for people.
    pub(crate) set: String,
    /// Where its set's manifest is.
    pub(crate) path: PathBuf,
    /// The names of its features, sorted, joined by `+`.
    pub(crate) name: String,
    /// Hexadecimal BLAKE3 of all that decides its answers.
    pub(crate) digest: String,
    pub(crate) features: Wants,
    pub(crate) frame: Size,
    pub(crate) models: Vec<Model>,
    /// Inputs with the answers that are expected to them.
    pub(crate) golden: Option<GoldenFile>,
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
    pub(crate) sha256: String,
    pub(crate) input: Size,
    /// Whether a GPU may compute in half precision; a CPU never does.
    pub(crate) half: bool,
    pub(crate) task: Task,
}

/// A model in a table.
#[derive(Debug, Serialize)]
pub(crate) struct ModelSummary {
    pub(crate) name: String,
    pub(crate) subset: &'static str,
    pub(crate) file: PathBuf,
    pub(crate) sha256: String,
    /// Length of the file; 0 where it is not there.
    pub(crate) bytes: u64,
    pub(crate) input: [u32; 2],
    pub(crate) finds: String,
}

/// What a model does.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Task {
    /// Finds boxes: rows of `k × 6` numbers (left, top, right, bottom, score, class).
    Detect {
        labels: Vec<BoxLabel>,
        nms_iou: f32,
        tiles: Option<Tiles>,
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

/// What a detector calls a box, and from which score on.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct BoxLabel {
    pub(crate) name: String,
    pub(crate) threshold: f32,
}

/// How a frame is cut for a detector of small things: each part is seen as large as its input is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Tiles {
    pub(crate) columns: u32,
    pub(crate) rows: u32,
    /// How much neighbours share, as a share of a tile: a thing that is smaller is whole in one of them.
    pub(crate) overlap: f32,
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

/// Where the golden inputs stand, and how near an answer must come to the expected one.
#[derive(Debug, Clone)]
pub(crate) struct GoldenFile {
    pub(crate) file: PathBuf,
    pub(crate) sha256: String,
    /// Largest difference of two scores.
    pub(crate) tolerance: f32,
}

/// Why a model set is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetError {
    #[error("{path}: cannot be read")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(transparent)]
    Invalid(Box<Report>),
    #[error("{path}: {why}")]
    Unfit { path: PathBuf, why: String },
    #[error("{of}: {file} has SHA-256 {found}, the set declares {declared}")]
    Digest {
        /// Whose file it is: `model x`, `golden inputs`.
        of: String,
        file: PathBuf,
        found: String,
        declared: String,
    },
    #[error("model `{model}`: {file} cannot be loaded: {why}")]
    Load {
        model: String,
        file: PathBuf,
        why: String,
    },
    #[error("model `{model}`: {file} does not answer as declared: {why}")]
    Answers {
        model: String,
        file: PathBuf,
        why: String,
    },
    /// The device that was asked for cannot be used: no file is at fault.
    #[error("{0}")]
    Device(String),
    #[error("golden inputs {file}: {why}")]
    Golden { file: PathBuf, why: String },
}

// === impl ModelSet ===

impl ModelSet {
    /// Reads a set from a folder with a `modelset.yaml`, or from such a file.
    ///
    /// Links are followed first, so that a set whose link is moved meanwhile is read from one folder.
    ///
    /// # Errors
    /// When it cannot be read, or with all problems of what it declares.
    pub(crate) fn load(path: &Path) -> Result<Self, SetError> {
        let read = |path: &Path| {
            let path = path.to_owned();
            move |source| SetError::Read { path, source }
        };
        let mut path = path.canonicalize().map_err(read(path))?;
        if path.is_dir() {
            path.push("modelset.yaml");
        }
        let bytes = std::fs::metadata(&path).map_err(read(&path))?.len();
        if bytes > MANIFEST_BYTES_MAX {
            let why = format!("{bytes} bytes are no manifest, {MANIFEST_BYTES_MAX} is the most");
            return Err(SetError::Unfit { path, why });
        }
        let text = std::fs::read_to_string(&path).map_err(read(&path))?;
        raw::parse(&text, &path).map_err(|report| SetError::Invalid(Box::new(report)))
    }

    /// The models for `features`, or all of them.
    ///
    /// # Errors
    /// When the set has no models for one of them.
    pub(crate) fn subset(&self, features: Option<Wants>) -> Result<Subset, SetError> {
        let declared = Wants::of(self.models.iter().map(|model| model.feature));
        let features = features.unwrap_or(declared);
        let missing: Vec<&str> = features
            .without(declared)
            .iter()
            .map(feature_name)
            .collect();
        if !missing.is_empty() || features.is_empty() {
            let (name, missing) = (&self.name, missing.join("`, `"));
            return Err(SetError::Unfit {
                path: self.path.clone(),
                why: format!("the set `{name}` declares no models of subset `{missing}`"),
            });
        }
        let models: Vec<Model> = self
            .models
            .iter()
            .filter(|model| features.contains(model.feature))
            .cloned()
            .collect();
        let names: BTreeSet<&str> = features.iter().map(feature_name).collect();
        let names: Vec<&str> = names.into_iter().collect();
        Ok(Subset {
            set: match self.version.as_str() {
                "" => self.name.clone(),
                version => format!("{} {version}", self.name),
            },
            path: self.path.clone(),
            name: names.join("+"),
            digest: digest(self.frame, &models),
            is_whole: FEATURES
                .iter()
                .all(|f| features.contains(*f) == declared.contains(*f)),
            features,
            frame: self.frame,
            models,
            golden: self.golden.clone(),
        })
    }
}

// === impl Subset ===

impl Subset {
    /// The golden inputs, if the set declares any.
    ///
    /// # Errors
    /// When a file is not the declared one, or does not say what golden inputs say.
    pub(crate) fn golden(&self) -> Result<Option<Golden>, SetError> {
        self.golden
            .as_ref()
            .map(|file| Golden::load(file, self))
            .transpose()
    }
}

impl Model {
    /// The file's bytes, compared with their declared digest: nothing else may be parsed.
    ///
    /// # Errors
    /// When it cannot be read, or is not the declared one.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, SetError> {
        vouched(&self.file, &self.sha256, || {
            format!("model `{}`", self.name)
        })
    }
}

impl Model {
    /// Whether it looks at what another model found.
    pub(crate) fn is_on_crops(&self) -> bool {
        matches!(self.task, Task::Attributes { .. })
    }

    /// What it is, for people.
    pub(crate) fn summary(&self) -> ModelSummary {
        let finds = match &self.task {
            Task::Detect { labels, tiles, .. } => {
                let tiled = match tiles {
                    Some(Tiles { columns, rows, .. }) => format!(", in {columns}x{rows} tiles too"),
                    None => String::new(),
                };
                format!("boxes of {} labels{tiled}", labels.len())
            }
            Task::Attributes { of, heads, .. } => {
                let names: Vec<&str> = heads.iter().map(|head| head.name.as_str()).collect();
                format!("{} of {of}", names.join(", "))
            }
            Task::Classify { labels } => format!("{} labels of the image", labels.len()),
        };
        ModelSummary {
            name: self.name.clone(),
            subset: feature_name(self.feature),
            file: self.file.clone(),
            sha256: self.sha256.clone(),
            bytes: std::fs::metadata(&self.file).map_or(0, |about| about.len()),
            input: [self.input.width, self.input.height],
            finds,
        }
    }
}

/// A file's bytes, if their SHA-256 is the declared one.
pub(super) fn vouched(
    file: &Path,
    declared: &str,
    of: impl FnOnce() -> String,
) -> Result<Vec<u8>, SetError> {
    let bytes = std::fs::read(file).map_err(|source| SetError::Read {
        path: file.to_owned(),
        source,
    })?;
    let found = sha256(&bytes);
    if found == declared {
        return Ok(bytes);
    }
    Err(SetError::Digest {
        of: of(),
        file: file.to_owned(),
        found,
        declared: declared.to_owned(),
    })
}

/// Hexadecimal SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let digest = Sha256::digest(bytes);
    digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

// === impl SetError ===

impl SetError {
    /// What kind of refusal it is, for metrics.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Read { .. } => "unreadable",
            Self::Invalid(_) => "invalid",
            Self::Unfit { .. } => "unfit",
            Self::Digest { .. } => "digest",
            Self::Load { .. } => "load",
            Self::Answers { .. } => "answers",
            Self::Golden { .. } => "golden",
            Self::Device(_) => "device",
        }
    }
}

/// BLAKE3 over all that decides a subset's answers: preprocessing, frame, and each model with its file's digest.
fn digest(frame: Size, models: &[Model]) -> String {
    let parts = serde_json::to_vec(&(PREPROCESSING, frame, models))
        .expect("a model set has only string keys and finite numbers");
    blake3::hash(&parts).to_hex().to_string()
}

#[cfg(test)]
mod tests;
