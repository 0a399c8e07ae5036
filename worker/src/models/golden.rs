//! Golden inputs: images with the answers that the models gave where they were made.
//!
//! A set that answers them otherwise is not the set that was made: another network under a known name, labels in
//! another order, weights that were damaged before they were vouched for, a device that computes nonsense.
//! What is expected is said in words, not in positions, so that a changed label map is seen.
//!
//! One line of JSON an image, written by `worker/models/reference.py`:
//! `{"file": …, "sha256": …, "models": {"faces": {"boxes": [{"label", "score", "corners"}]}, …}}`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::cascade::boxes;
use super::nms::{Detection, iou, suppress};
use super::set::{GoldenFile, Head, Model, SetError, Subset, Task, vouched};
use super::{BackendError, Crop, Recognizer, Staged};
use crate::decode::Decoder;
use crate::frame::{Frame, FramePool};

/// Most golden images: they are kept, and run again while the worker works.
const IMAGES_MAX: usize = 64;
/// Overlap from which a box is the expected one: what is left where edges move by a tenth.
const SAME_IOU: f32 = 0.7;
/// Most boxes of an image that are looked at.
const BOXES_MAX: usize = 1_000;

/// Golden inputs, decoded.
#[derive(Debug)]
pub(crate) struct Golden {
    tolerance: f32,
    images: Vec<Image>,
}

#[derive(Debug)]
struct Image {
    name: String,
    frame: Frame,
    expected: BTreeMap<String, Expected>,
}

/// An image with what is expected of it.
#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    pub(crate) file: PathBuf,
    pub(crate) sha256: String,
    /// Its frame as it was there, a file of its own.
    #[serde(default)]
    pub(crate) frame: Option<PathBuf>,
    pub(crate) models: BTreeMap<String, Expected>,
}

/// What one model is to answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Expected {
    /// A detector: what is above its threshold, overlaps suppressed.
    Boxes(Vec<ExpectedBox>),
    /// Attributes: the scores of each value, for a part of the frame.
    Crops(Vec<ExpectedCrop>),
    /// Labels: the score of each.
    Scores(BTreeMap<String, f32>),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct ExpectedBox {
    pub(crate) label: String,
    pub(crate) score: f32,
    /// Left, top, right, bottom, as shares of the frame.
    pub(crate) corners: [f32; 4],
}

/// A part of the frame in pixels, and head ▶ value ▶ score.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct ExpectedCrop {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    heads: BTreeMap<String, BTreeMap<String, f32>>,
}

/// How far answers are from what was expected.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Drift {
    /// Largest difference of two scores.
    pub(crate) score_max: f32,
    /// Whose it is, and what the two are.
    pub(crate) worst: String,
    /// Sum of them, for means.
    pub(crate) score_sum: f64,
    /// How many scores were compared.
    pub(crate) compared: usize,
    /// Least overlap of two boxes that are one; 1 where there are none.
    pub(crate) iou_min: f32,
    /// Boxes that are expected and not there, or there and not expected.
    pub(crate) astray: Vec<String>,
}

// === impl Golden ===

impl Golden {
    /// Reads golden inputs, each file compared with its digest before it is parsed.
    ///
    /// # Errors
    /// When a file is not the declared one, or they do not say what is expected of each model of `subset`.
    pub(crate) fn load(declared: &GoldenFile, subset: &Subset) -> Result<Self, SetError> {
        let file = declared.file.clone();
        let bad = |why: String| SetError::Golden {
            file: file.clone(),
            why,
        };
        let bytes = vouched(&file, &declared.sha256, || "golden inputs".into())?;
        let text = String::from_utf8(bytes).map_err(|_| bad("is no text".into()))?;
        let lines = lines(&text).map_err(&bad)?;
        if lines.len() > IMAGES_MAX {
            let why = format!("has {} images, {IMAGES_MAX} are the most", lines.len());
            return Err(bad(why));
        }
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut decoder = Decoder::new(FramePool::new(subset.frame))
            .map_err(|error| bad(format!("{error:#}")))?;
        let mut images = Vec::with_capacity(lines.len());
        for line in lines {
            let name = line.file.display().to_string();
            if !is_inside(&line.file) {
                return Err(bad(format!("{name} is not below the set's folder")));
            }
            let bytes = vouched(&folder.join(&line.file), &line.sha256, || {
                "golden image".into()
            })?;
            let picture = decoder
                .decode(&bytes)
                .map_err(|failure| bad(format!("{name}: {}", failure.message)))?;
            images.push(Image {
                name,
                frame: picture.frame,
                expected: line.models,
            });
        }
        let golden = Self {
            tolerance: declared.tolerance,
            images,
        };
        match subset.models.iter().find(|model| !golden.covers(model)) {
            Some(model) => Err(bad(format!("expects nothing of model `{}`", model.name))),
            None => Ok(golden),
        }
    }

    /// Whether something is expected of a model, so that it can be told from another.
    fn covers(&self, model: &Model) -> bool {
        self.images.iter().any(|image| {
            image.expected.get(&model.name).is_some_and(|it| match it {
                Expected::Boxes(boxes) => !boxes.is_empty(),
                Expected::Crops(crops) => !crops.is_empty(),
                Expected::Scores(scores) => !scores.is_empty(),
            })
        })
    }

    /// How many images there are.
    pub(crate) fn count(&self) -> usize {
        self.images.len()
    }

    /// Runs every image and compares; by model, how far its answers are from the expected ones.
    ///
    /// # Errors
    /// At the first model whose answers are further away than the tolerance, or that fails.
    pub(crate) fn check(
        &self,
        recognizer: &Recognizer,
    ) -> Result<BTreeMap<String, Drift>, SetError> {
        let mut drifts: BTreeMap<String, Drift> = BTreeMap::new();
        for image in &self.images {
            let failed = |model: &Model, why: String| SetError::Answers {
                model: model.name.clone(),
                file: model.file.clone(),
                why: format!("golden image {}: {why}", image.name),
            };
            for (index, model) in recognizer.subset.models.iter().enumerate() {
                let Some(expected) = image.expected.get(&model.name) else {
                    continue;
                };
                let drift = drift(recognizer, &image.frame, index, expected, self.tolerance)
                    .map_err(|why| failed(model, why))?;
                if let Some(astray) = drift.astray.first() {
                    return Err(failed(model, astray.clone()));
                }
                if drift.score_max > self.tolerance {
                    let why = format!("{}, {} apart are allowed", drift.worst, self.tolerance);
                    return Err(failed(model, why));
                }
                drifts.entry(model.name.clone()).or_default().add(&drift);
            }
        }
        Ok(drifts)
    }
}

/// The images of a file of golden inputs, or of a reference.
///
/// # Errors
/// The line that says something else, and why.
pub(crate) fn lines(text: &str) -> Result<Vec<Line>, String> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", index + 1))
        })
        .collect()
}

fn is_inside(file: &Path) -> bool {
    file.components()
        .all(|part| matches!(part, Component::Normal(_)))
}

/// How far one model's answer to one frame is from the expected one.
///
/// # Errors
/// Why they cannot be compared: other labels, another kind of answer, a model that fails.
pub(crate) fn drift(
    recognizer: &Recognizer,
    frame: &Frame,
    model: usize,
    expected: &Expected,
    tolerance: f32,
) -> Result<Drift, String> {
    let declared = &recognizer.subset.models[model];
    let failed = |error: BackendError| error.to_string();
    let staged = recognizer.backend().stage(&[frame]).map_err(failed)?;
    match (&declared.task, expected) {
        (
            Task::Detect {
                labels, nms_iou, ..
            },
            Expected::Boxes(expected),
        ) => {
            let rows = staged.run(model, &[0]).map_err(failed)?;
            let rows = rows.checked(1, None).map_err(failed)?;
            let lower = |threshold: f32| (threshold - tolerance).max(0.0);
            let limits: Vec<f32> = labels.iter().map(|it| lower(it.threshold)).collect();
            let found = boxes(&rows.values, &limits).map_err(failed)?;
            let found = suppress(found, *nms_iou, BOXES_MAX);
            let names: Vec<&str> = labels.iter().map(|label| label.name.as_str()).collect();
            let limits: Vec<f32> = labels.iter().map(|label| label.threshold).collect();
            Ok(of_boxes(&names, &limits, expected, &found, tolerance))
        }
        (Task::Attributes { heads, .. }, Expected::Crops(expected)) => {
            of_crops(staged.as_ref(), frame, model, heads, expected)
        }
        (Task::Classify { labels }, Expected::Scores(expected)) => {
            let rows = staged.run(model, &[0]).map_err(failed)?;
            let rows = rows.checked(1, Some(labels.len())).map_err(failed)?;
            let names = labels.iter().map(|label| label.name.as_str());
            of_scores(names, expected, &rows.values)
        }
        _ => Err("another kind of answer is expected than its task gives".into()),
    }
}

/// Boxes near the threshold may be there or not.
fn of_boxes(
    names: &[&str],
    limits: &[f32],
    expected: &[ExpectedBox],
    found: &[Detection],
    tolerance: f32,
) -> Drift {
    let mut drift = Drift::default();
    let mut free: Vec<&Detection> = found.iter().collect();
    for one in expected {
        let near = free
            .iter()
            .enumerate()
            .filter(|(_, found)| names[found.class] == one.label)
            .map(|(at, found)| (at, iou(found.corners, one.corners)))
            .filter(|(_, iou)| *iou >= SAME_IOU)
            .max_by(|(_, a), (_, b)| a.total_cmp(b));
        let class = names.iter().position(|name| *name == one.label);
        let limit = class.map_or(0.0, |class| limits[class]);
        match near {
            Some((at, overlap)) => {
                drift.scores(&one.label, free.swap_remove(at).score, one.score);
                drift.iou_min = drift.iou_min.min(overlap);
            }
            None if one.score < limit + tolerance => {}
            None => {
                let (label, score, corners) = (&one.label, one.score, one.corners);
                let what =
                    format!("expected `{label}` {score:.3} at {corners:.3?}, it is not there");
                drift.astray.push(what);
            }
        }
    }
    for found in free {
        if found.score >= limits[found.class] + tolerance {
            let (name, score, corners) = (names[found.class], found.score, found.corners);
            let what = format!("found `{name}` {score:.3} at {corners:.3?}, it is not expected");
            drift.astray.push(what);
        }
    }
    drift
}

fn of_crops(
    staged: &dyn Staged,
    frame: &Frame,
    model: usize,
    heads: &[Head],
    expected: &[ExpectedCrop],
) -> Result<Drift, String> {
    let failed = |error: BackendError| error.to_string();
    let width: usize = heads.iter().map(|head| head.values.len()).sum();
    let mut drift = Drift::default();
    for one in expected {
        let fits = |from: u32, length: u32, side: u32| {
            length > 0 && from.checked_add(length).is_some_and(|to| to <= side)
        };
        let is_within = fits(one.left, one.width, frame.size.width)
            && fits(one.top, one.height, frame.size.height);
        if !is_within {
            return Err("an expected crop is outside the frame".into());
        }
        let crop = Crop {
            image: 0,
            left: one.left,
            top: one.top,
            width: one.width,
            height: one.height,
        };
        let rows = staged.run_crops(model, &[crop]).map_err(failed)?;
        let rows = rows.checked(1, Some(width)).map_err(failed)?;
        let mut from = 0;
        for head in heads {
            let scores = &rows.values[from..from + head.values.len()];
            from += head.values.len();
            let Some(expected) = one.heads.get(&head.name) else {
                return Err(format!("nothing is expected of head `{}`", head.name));
            };
            drift.add(&of_scores(
                head.values.iter().map(String::as_str),
                expected,
                scores,
            )?);
        }
        if one.heads.len() != heads.len() {
            return Err("heads are expected that are not declared".into());
        }
    }
    Ok(drift)
}

/// Both must name the same labels.
fn of_scores<'a>(
    names: impl Iterator<Item = &'a str>,
    expected: &BTreeMap<String, f32>,
    found: &[f32],
) -> Result<Drift, String> {
    let mut drift = Drift::default();
    for (name, found) in names.zip(found) {
        let Some(expected) = expected.get(name) else {
            return Err(format!(
                "`{name}` is declared, and nothing is expected of it"
            ));
        };
        drift.scores(name, *found, *expected);
    }
    if expected.len() != found.len() {
        return Err("labels are expected that are not declared".into());
    }
    Ok(drift)
}

// === impl Drift ===

impl Default for Drift {
    fn default() -> Self {
        Self {
            score_max: 0.0,
            worst: String::new(),
            score_sum: 0.0,
            compared: 0,
            iou_min: 1.0,
            astray: Vec::new(),
        }
    }
}

impl Drift {
    fn scores(&mut self, label: &str, found: f32, expected: f32) {
        let off = (found - expected).abs();
        if off > self.score_max {
            self.score_max = off;
            self.worst = format!("`{label}` is {found:.3}, expected {expected:.3}");
        }
        self.score_sum += f64::from(off);
        self.compared += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        if other.score_max > self.score_max {
            self.score_max = other.score_max;
            self.worst.clone_from(&other.worst);
        }
        self.score_sum += other.score_sum;
        self.compared += other.compared;
        self.iou_min = self.iou_min.min(other.iou_min);
        self.astray.extend(other.astray.iter().cloned());
    }
}
