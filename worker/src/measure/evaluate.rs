//! How good the models' answers are on images whose truth is known.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use spillway_wire::Bounds;

use super::{found, read};
use crate::decode::Decoder;
use crate::frame::{FramePool, Size};
use crate::models::{Findings, Recognizer, iou};

/// Overlap from which a found box is the true one.
const MATCH_IOU: f32 = 0.5;
/// Logos below this longer side, in pixels of the frame, are told apart.
const SMALL_LOGO_PX: f32 = 24.0;
/// Logos below this longer side count neither way.
const TINY_LOGO_PX: f32 = 16.0;

/// One line of `truth.jsonl`.
#[derive(Deserialize)]
struct Line {
    file: PathBuf,
    faces: Vec<TrueFace>,
    logos: Vec<TrueLogo>,
    labels: Vec<String>,
}

#[derive(Deserialize)]
struct TrueFace {
    bounds: Bounds,
    /// The remaining fields: attributes by name.
    #[serde(flatten)]
    attributes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct TrueLogo {
    bounds: Bounds,
    brand: String,
}

/// How good the answers are.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Scores {
    images: usize,
    unreadable: usize,
    faces: Tally,
    /// Of the faces that were found, the share whose attribute is right.
    attributes: BTreeMap<String, Share>,
    /// 24 pixels and more, with the right brand.
    logos: Tally,
    /// 16 to 24 pixels, with the right brand.
    small_logos: Tally,
    context: Tally,
    context_macro_f1: f64,
    #[serde(skip)]
    labels: BTreeMap<String, Tally>,
}

/// Right answers, wrong answers, and what was missed.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    right: u32,
    wrong: u32,
    missed: u32,
}

#[derive(Debug, Default, Clone, Copy)]
struct Share {
    right: u32,
    of: u32,
}

/// Compares what is found in a folder's images with its `truth.jsonl`.
///
/// # Errors
/// When the truth or an image cannot be read, or the models cannot be run.
pub(crate) fn evaluate(recognizer: &Recognizer, folder: &Path) -> anyhow::Result<Scores> {
    let _entered = recognizer.backend().enter()?;
    let size = recognizer.subset.frame;
    let mut decoder = Decoder::new(FramePool::new(size))?;
    let mut scores = Scores::default();
    let truth = folder.join("truth.jsonl");
    let text = String::from_utf8(read(&truth)?)?;
    for (index, line) in text.lines().enumerate() {
        let line: Line = serde_json::from_str(line)
            .with_context(|| format!("{} line {}", truth.display(), index + 1))?;
        let bytes = read(&folder.join(&line.file))?;
        scores.images += 1;
        match decoder.decode(&bytes) {
            Ok(picture) => {
                let content = picture.frame.content;
                scores.add(&line, &found(recognizer, &picture)?, content);
            }
            Err(_) => scores.unreadable += 1,
        }
    }
    anyhow::ensure!(scores.images > 0, "{} is empty", truth.display());
    let labels = scores.labels.len().max(1) as f64;
    scores.context_macro_f1 = scores.labels.values().map(|tally| tally.f1()).sum::<f64>() / labels;
    Ok(scores)
}

// === impl Scores ===

impl Scores {
    fn add(&mut self, line: &Line, found: &Findings, content: Size) {
        self.add_faces(line, found);
        self.add_logos(line, found, content);
        for label in &line.labels {
            let is_found = found.labels.iter().any(|found| found.name == *label);
            for tally in [
                &mut self.context,
                self.labels.entry(label.clone()).or_default(),
            ] {
                tally.right += u32::from(is_found);
                tally.missed += u32::from(!is_found);
            }
        }
        for label in found
            .labels
            .iter()
            .filter(|found| !line.labels.contains(&found.name))
        {
            self.context.wrong += 1;
            self.labels.entry(label.name.clone()).or_default().wrong += 1;
        }
    }

    fn add_faces(&mut self, line: &Line, found: &Findings) {
        let truths: Vec<Bounds> = line.faces.iter().map(|face| face.bounds).collect();
        let founds: Vec<Bounds> = found.faces.iter().map(|face| face.bounds).collect();
        let matched = matched(&founds, &truths, |_, _| true);
        let right = matched.iter().flatten().count() as u32;
        self.faces.right += right;
        self.faces.wrong += matched.len() as u32 - right;
        self.faces.missed += truths.len() as u32 - right;
        for (face, truth) in found.faces.iter().zip(matched) {
            let Some(truth) = truth else { continue };
            for (name, value) in &line.faces[truth].attributes {
                let share = self.attributes.entry(name.clone()).or_default();
                share.of += 1;
                let is_right = face
                    .attributes
                    .get(name)
                    .is_some_and(|own| own.value == *value);
                share.right += u32::from(is_right);
            }
        }
    }

    fn add_logos(&mut self, line: &Line, found: &Findings, content: Size) {
        let truths: Vec<Bounds> = line.logos.iter().map(|logo| logo.bounds).collect();
        let founds: Vec<Bounds> = found.logos.iter().map(|logo| logo.bounds).collect();
        let matched = matched(&founds, &truths, |own, truth| {
            found.logos[own].brand == line.logos[truth].brand
        });
        let mut missed = vec![true; truths.len()];
        for (own, truth) in matched.iter().enumerate() {
            // A wrong answer counts where its own size falls.
            let bounds = truth.map_or(founds[own], |truth| truths[truth]);
            let Some(tally) = self.of_size(bounds, content) else {
                continue;
            };
            match truth {
                Some(truth) => {
                    tally.right += 1;
                    missed[*truth] = false;
                }
                None => tally.wrong += 1,
            }
        }
        for (bounds, _) in truths.iter().zip(missed).filter(|(_, missed)| *missed) {
            if let Some(tally) = self.of_size(*bounds, content) {
                tally.missed += 1;
            }
        }
    }

    fn of_size(&mut self, bounds: Bounds, content: Size) -> Option<&mut Tally> {
        let width = bounds.width * content.width as f32;
        let height = bounds.height * content.height as f32;
        let side = width.max(height);
        if side >= SMALL_LOGO_PX {
            Some(&mut self.logos)
        } else if side >= TINY_LOGO_PX {
            Some(&mut self.small_logos)
        } else {
            None
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("scores are finite numbers")
    }
}

/// For each found box, best first, the nearest true one that fits and none has yet.
fn matched(
    found: &[Bounds],
    truths: &[Bounds],
    fits: impl Fn(usize, usize) -> bool,
) -> Vec<Option<usize>> {
    let mut free: Vec<usize> = (0..truths.len()).collect();
    let mut pairs = Vec::with_capacity(found.len());
    for (own, bounds) in found.iter().enumerate() {
        let overlap = |truth: usize| iou(corners(*bounds), corners(truths[truth]));
        let best = free
            .iter()
            .copied()
            .filter(|truth| overlap(*truth) >= MATCH_IOU && fits(own, *truth))
            .max_by(|a, b| overlap(*a).total_cmp(&overlap(*b)));
        free.retain(|truth| Some(*truth) != best);
        pairs.push(best);
    }
    pairs
}

fn corners(bounds: Bounds) -> [f32; 4] {
    let Bounds {
        left,
        top,
        width,
        height,
    } = bounds;
    [left, top, left + width, top + height]
}

// === impl Tally ===

impl Tally {
    /// Share of the answers that are right; 1 if there are none.
    fn precision(self) -> f64 {
        share(self.right, self.right + self.wrong)
    }

    /// Share of the truth that was found; 1 if there was none.
    fn recall(self) -> f64 {
        share(self.right, self.right + self.missed)
    }

    fn f1(self) -> f64 {
        share(2 * self.right, 2 * self.right + self.wrong + self.missed)
    }
}

fn share(right: u32, of: u32) -> f64 {
    if of == 0 {
        1.0
    } else {
        f64::from(right) / f64::from(of)
    }
}

impl Serialize for Tally {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let numbers = BTreeMap::from([
            ("precision", self.precision()),
            ("recall", self.recall()),
            ("f1", self.f1()),
            ("of", f64::from(self.right + self.missed)),
        ]);
        numbers.serialize(to)
    }
}

impl Serialize for Share {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let accuracy = share(self.right, self.of);
        BTreeMap::from([("accuracy", accuracy), ("of", f64::from(self.of))]).serialize(to)
    }
}

impl fmt::Display for Scores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} images, {} unreadable", self.images, self.unreadable)?;
        writeln!(
            f,
            "{:<22}{:>10}{:>10}{:>10}{:>8}",
            "", "precision", "recall", "F1", "of"
        )?;
        for (name, tally) in [
            ("faces", self.faces),
            ("logos, 24 px and more", self.logos),
            ("logos, 16 to 24 px", self.small_logos),
            ("context", self.context),
        ] {
            let (precision, recall, f1) = (tally.precision(), tally.recall(), tally.f1());
            let of = tally.right + tally.missed;
            writeln!(
                f,
                "{name:<22}{precision:>10.3}{recall:>10.3}{f1:>10.3}{of:>8}"
            )?;
        }
        for (name, tally) in &self.attributes {
            let accuracy = share(tally.right, tally.of);
            writeln!(
                f,
                "{name:<22}accuracy {accuracy:>.3} of {} faces found",
                tally.of
            )?;
        }
        write!(f, "context, macro F1     {:>.3}", self.context_macro_f1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(left: f32) -> Bounds {
        Bounds {
            left,
            top: 0.0,
            width: 0.2,
            height: 0.2,
        }
    }

    #[test]
    fn a_true_box_is_found_once() {
        let pairs = matched(
            &[at(0.01), at(0.0), at(0.7)],
            &[at(0.0), at(0.5)],
            |_, _| true,
        );
        assert_eq!(pairs, vec![Some(0), None, None]);
        assert_eq!(matched(&[at(0.0)], &[at(0.0)], |_, _| false), vec![None]);
    }

    #[test]
    fn logos_are_told_apart_by_size() {
        let mut scores = Scores::default();
        let size = Size::new(640, 480);
        let side = |px: f32| Bounds {
            left: 0.0,
            top: 0.0,
            width: px / 640.0,
            height: px / 640.0,
        };
        assert!(scores.of_size(side(15.0), size).is_none());
        scores.of_size(side(20.0), size).unwrap().right += 1;
        scores.of_size(side(30.0), size).unwrap().missed += 2;
        assert_eq!((scores.small_logos.right, scores.logos.missed), (1, 2));
    }
}
