//! Pixels and answers compared with the Python reference on the user's images.
//!
//! ```text
//!  image ─▶ our decoder ─▶ frame ──┬─▶ models ─▶ answers   off by decoder, scale and models
//!                     pixels off ─▶│
//!  reference: its frame ───────────┴─▶ models ─▶ answers   off by the models alone
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Serialize;

use super::read;
use crate::decode::Decoder;
use crate::frame::{Frame, FramePool, Size};
use crate::models::{Drift, Recognizer, ReferenceLine, drift, reference_lines, sha256};

/// A colour that is this many levels off can be seen.
const VISIBLE_LEVELS: u8 = 8;

/// A box whose score is so near its threshold may be there or not.
const NEAR_THRESHOLD: f32 = 0.05;

/// What may differ.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Limits {
    /// Mean difference of a colour, in levels of 255.
    pub(crate) pixels_mean: f64,
    /// Mean difference of a score.
    pub(crate) scores_mean: f64,
    /// Share of the boxes that are there and not here, or the other way round.
    pub(crate) astray: f64,
}

/// How far we are from the reference.
#[derive(Debug, Serialize)]
pub(crate) struct Verified {
    images: usize,
    /// By format and scale, as `jpeg, down`.
    pixels: BTreeMap<String, Pixels>,
    models: BTreeMap<String, Answers>,
    limits: Limits,
    /// What is beyond them.
    problems: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
struct Pixels {
    images: usize,
    compared: u64,
    #[serde(skip)]
    sum: u64,
    mean: f64,
    max: u8,
    visible: u64,
}

/// One model's answers, on our pixels and on those of the reference.
#[derive(Debug, Default, Serialize)]
struct Answers {
    ours: Off,
    theirs: Off,
}

#[derive(Debug, Default, Serialize)]
struct Off {
    compared: usize,
    #[serde(skip)]
    sum: f64,
    score_mean: f64,
    score_max: f32,
    astray: usize,
    /// Images whose answer cannot be compared, and the first reason.
    failed: usize,
    why: Option<String>,
}

/// Compares with what `worker/models/reference.py` wrote into `folder`.
///
/// # Errors
/// When the reference cannot be read, or is of other files than it says.
pub(crate) fn verify(
    recognizer: &Recognizer,
    folder: &Path,
    limits: Limits,
) -> anyhow::Result<Verified> {
    let _entered = recognizer.backend().enter()?;
    let pool = FramePool::new(recognizer.subset.frame);
    let mut decoder = Decoder::new(pool)?;
    let file = folder.join("reference.jsonl");
    let text = String::from_utf8(read(&file)?)?;
    let lines =
        reference_lines(&text).map_err(|why| anyhow::anyhow!("{}: {why}", file.display()))?;
    ensure!(!lines.is_empty(), "{} is empty", file.display());
    let mut verified = Verified {
        images: 0,
        pixels: BTreeMap::new(),
        models: BTreeMap::new(),
        limits,
        problems: Vec::new(),
    };
    for line in &lines {
        verified.add(recognizer, &mut decoder, folder, line)?;
    }
    verified.judge();
    Ok(verified)
}

// === impl Verified ===

impl Verified {
    /// Whether nothing is beyond the limits.
    pub(crate) fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("shares are finite numbers")
    }

    fn add(
        &mut self,
        recognizer: &Recognizer,
        decoder: &mut Decoder,
        folder: &Path,
        line: &ReferenceLine,
    ) -> anyhow::Result<()> {
        let name = line.file.display();
        let bytes = read(&folder.join(&line.file))?;
        ensure!(
            sha256(&bytes) == line.sha256,
            "{name} is not the file that the reference is of"
        );
        self.images += 1;
        let picture = match decoder.decode(&bytes) {
            Ok(picture) => picture,
            Err(failure) => {
                let problem = format!(
                    "{name}: the reference reads it, we do not: {}",
                    failure.message
                );
                self.problems.push(problem);
                return Ok(());
            }
        };
        let theirs = line
            .frame
            .as_ref()
            .map(|frame| reference_frame(decoder, &folder.join(frame)));
        let theirs = theirs.transpose()?;
        if let Some(theirs) = &theirs {
            let (info, frame) = (&picture.info, &picture.frame);
            let scale = match Size::new(info.width, info.height).pixels() {
                own if own == frame.content.pixels() => "same size",
                own if own > frame.content.pixels() => "down",
                _ => "up",
            };
            let key = format!("{}, {scale}", info.format);
            self.pixels.entry(key).or_default().add(frame, theirs);
        }
        for (index, model) in recognizer.subset.models.iter().enumerate() {
            let Some(expected) = line.models.get(&model.name) else {
                continue;
            };
            let answers = self.models.entry(model.name.clone()).or_default();
            answers.ours.add(drift(
                recognizer,
                &picture.frame,
                index,
                expected,
                NEAR_THRESHOLD,
            ));
            if let Some(theirs) = &theirs {
                answers
                    .theirs
                    .add(drift(recognizer, theirs, index, expected, NEAR_THRESHOLD));
            }
        }
        Ok(())
    }

    fn judge(&mut self) {
        let limits = self.limits;
        for (name, pixels) in &mut self.pixels {
            pixels.mean = pixels.sum as f64 / pixels.compared.max(1) as f64;
            if pixels.mean > limits.pixels_mean {
                let problem = format!("{name}: pixels are {:.2} levels off", pixels.mean);
                self.problems.push(problem);
            }
        }
        for (name, answers) in &mut self.models {
            for (off, on) in [
                (&mut answers.ours, "our pixels"),
                (&mut answers.theirs, "the reference's pixels"),
            ] {
                off.score_mean = off.sum / off.compared.max(1) as f64;
                if off.score_mean > limits.scores_mean {
                    let problem = format!("{name} on {on}: scores are {:.4} off", off.score_mean);
                    self.problems.push(problem);
                }
                let share = off.astray as f64 / off.compared.max(1) as f64;
                if share > limits.astray {
                    let problem = format!(
                        "{name} on {on}: {} boxes of {} are astray",
                        off.astray, off.compared
                    );
                    self.problems.push(problem);
                }
                if let Some(why) = &off.why {
                    let problem = format!(
                        "{name} on {on}: {} images cannot be compared: {why}",
                        off.failed
                    );
                    self.problems.push(problem);
                }
            }
        }
    }
}

/// The frame that the reference saw, pixel for pixel.
fn reference_frame(decoder: &mut Decoder, file: &Path) -> anyhow::Result<Frame> {
    let picture = decoder
        .decode(&read(file)?)
        .map_err(|failure| anyhow::anyhow!(failure.message))
        .with_context(|| format!("{} cannot be decoded", file.display()))?;
    let (size, own) = (
        picture.frame.size,
        (picture.info.width, picture.info.height),
    );
    ensure!(
        own == (size.width, size.height),
        "{} is not as large as the set's frame",
        file.display()
    );
    Ok(picture.frame)
}

// === impl Pixels ===

impl Pixels {
    fn add(&mut self, ours: &Frame, theirs: &Frame) {
        self.images += 1;
        for (own, their) in ours.pixels().iter().zip(theirs.pixels()) {
            let off = own.abs_diff(*their);
            self.sum += u64::from(off);
            self.max = self.max.max(off);
            self.visible += u64::from(off >= VISIBLE_LEVELS);
        }
        self.compared += ours.pixels().len() as u64;
    }
}

// === impl Off ===

impl Off {
    fn add(&mut self, drift: Result<Drift, String>) {
        match drift {
            Ok(drift) => {
                self.compared += drift.compared + drift.astray.len();
                self.sum += drift.score_sum;
                self.score_max = self.score_max.max(drift.score_max);
                self.astray += drift.astray.len();
            }
            Err(why) => {
                self.failed += 1;
                self.why.get_or_insert(why);
            }
        }
    }
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} images against the reference\n", self.images)?;
        writeln!(
            f,
            "{:18} {:>7} {:>12} {:>6} {:>10}",
            "pixels", "images", "levels off", "most", "visible"
        )?;
        for (name, pixels) in &self.pixels {
            let visible = pixels.visible as f64 / pixels.compared.max(1) as f64 * 100.0;
            writeln!(
                f,
                "{name:18} {:7} {:12.3} {:6} {visible:9.3}%",
                pixels.images, pixels.mean, pixels.max
            )?;
        }
        writeln!(
            f,
            "\n{:18} {:24} {:>9} {:>10} {:>8} {:>7}",
            "answers", "on", "compared", "scores off", "most", "astray"
        )?;
        for (name, answers) in &self.models {
            for (off, on) in [
                (&answers.ours, "our pixels"),
                (&answers.theirs, "the reference's pixels"),
            ] {
                writeln!(
                    f,
                    "{name:18} {on:24} {:9} {:10.5} {:8.4} {:7}",
                    off.compared, off.score_mean, off.score_max, off.astray
                )?;
            }
        }
        match self.problems.as_slice() {
            [] => write!(f, "\neverything is within the limits"),
            problems => write!(f, "\nbeyond the limits:\n  {}", problems.join("\n  ")),
        }
    }
}
