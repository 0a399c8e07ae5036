//! From frames to findings: which model runs on what, and what its numbers mean.

use std::collections::VecDeque;
use std::time::Instant;

use spillway_wire::{Face, Feature, Label, Logo, ObjectBox};

use super::golden::Golden;
use super::nms::{Detection, suppress};
use super::set::{BoxLabel, ClassLabel, Model, SetError, Subset, Task, Tiles};
use super::{Backend, BackendError, Crop, Scored, Staged};
use crate::frame::{Frame, FramePool, FrameWriter};
use crate::work::{FEATURES, Wants};
use boxes::{Found, attributes, crop, place};

mod boxes;
mod fair;
mod tiles;

pub(crate) use boxes::boxes;

/// Most boxes of one model in one image: what a photo of a crowd may cost.
const BOXES_MAX: usize = 100;
/// Most crops of a batch in one run of a model; more take further runs.
const CROPS_MAX: usize = 64;
/// Times that each batch size is run before a worker is ready.
const WARM_RUNS: usize = 2;

/// What was found in one image.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Findings {
    pub(crate) labels: Vec<Label>,
    pub(crate) faces: Vec<Face>,
    pub(crate) logos: Vec<Logo>,
    pub(crate) objects: Vec<ObjectBox>,
}

/// What one image costs in the backend, by feature: measured at warm-up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Costs {
    per_feature_us: [u64; FEATURES.len()],
}

/// The models of one subset, joined.
pub(crate) struct Recognizer {
    pub(crate) subset: Subset,
    backend: Box<dyn Backend>,
    golden: Option<Golden>,
}

/// A batch on its way through the cascade.
struct Run<'a> {
    recognizer: &'a Recognizer,
    frames: &'a [&'a Frame],
    staged: Box<dyn Staged + 'a>,
    findings: Vec<Findings>,
    /// Boxes that attributes are sought for, with their detector; and whose turn it is, by image.
    found: Vec<(usize, Found)>,
    waiting: Vec<VecDeque<usize>>,
}

// === impl Costs ===

impl Costs {
    /// What an image costs that wants `wants`, in microseconds; at least one.
    pub(crate) fn of(&self, wants: Wants) -> u64 {
        let sum: u64 = wants
            .iter()
            .map(|feature| self.per_feature_us[feature as usize])
            .sum();
        sum.max(1)
    }
}

// === impl Recognizer ===

impl Recognizer {
    pub(crate) fn new(subset: Subset, backend: Box<dyn Backend>, golden: Option<Golden>) -> Self {
        Self {
            subset,
            backend,
            golden,
        }
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// What it is compared with, if the set declares anything and the backend looks at images.
    pub(crate) fn golden(&self) -> Option<&Golden> {
        self.golden.as_ref().filter(|_| self.backend.looks())
    }

    /// Prepares the calling thread: every model answers as declared, golden inputs as expected, and every batch size
    /// has been run on it, so that no job waits for a first time.
    ///
    /// The guard must live as long as the thread recognizes.
    ///
    /// # Errors
    /// Which model does not answer as the set declares, and why.
    pub(crate) fn enter(&self) -> Result<(Box<dyn std::any::Any>, Costs), SetError> {
        let failed = |error: BackendError| SetError::Unfit {
            path: self.subset.path.clone(),
            why: error.to_string(),
        };
        let guard = self.backend.enter().map_err(failed)?;
        self.try_each()?;
        if let Some(golden) = self.golden() {
            golden.check(self)?;
        }
        let costs = self.warm().map_err(failed)?;
        Ok((guard, costs))
    }

    /// Runs each model once and looks at the shape of its answer.
    fn try_each(&self) -> Result<(), SetError> {
        let answers = |model: &Model| {
            let (model, file) = (model.name.clone(), model.file.clone());
            |error: BackendError| SetError::Answers {
                model,
                file,
                why: error.to_string(),
            }
        };
        let pool = FramePool::new(self.subset.frame);
        let frames = [blank(&pool), blank(&pool)];
        let frames: Vec<&Frame> = frames.iter().collect();
        for (index, model) in self.subset.models.iter().enumerate() {
            let answered = self.backend.stage(&frames).and_then(|staged| {
                let rows = match &model.task {
                    Task::Attributes { heads, .. } => {
                        let width = heads.iter().map(|head| head.values.len()).sum();
                        let crops = vec![whole(frames[0]); frames.len()];
                        let rows = staged.run_crops(index, &crops)?;
                        return rows.checked(frames.len(), Some(width)).map(drop);
                    }
                    Task::Detect { .. } | Task::Classify { .. } => staged.run(index, &[0, 1])?,
                };
                match &model.task {
                    Task::Detect { labels, .. } => {
                        let rows = rows.checked(frames.len(), None)?;
                        let all = vec![0.0; labels.len()];
                        rows.iter().try_for_each(|row| boxes(row, &all).map(drop))
                    }
                    Task::Classify { labels } => {
                        rows.checked(frames.len(), Some(labels.len()))?;
                        staged.run_labels(index, &[0, 1]).map(drop)
                    }
                    Task::Attributes { .. } => Ok(()),
                }
            });
            answered.map_err(answers(model))?;
        }
        Ok(())
    }

    fn warm(&self) -> Result<Costs, BackendError> {
        let pool = FramePool::new(self.subset.frame);
        let mut sizes = vec![self.backend.images_max()];
        while sizes.last().is_some_and(|size| *size > 1) {
            sizes.extend(sizes.last().map(|size| size / 2));
        }
        let mut costs = Costs::default();
        for size in sizes.into_iter().rev() {
            let frames: Vec<Frame> = (0..size).map(|_| blank(&pool)).collect();
            let frames: Vec<&Frame> = frames.iter().collect();
            for _ in 0..WARM_RUNS {
                for feature in self.subset.features.iter() {
                    let began = Instant::now();
                    self.recognize(&frames, &vec![Wants::of([feature]); size])?;
                    let elapsed_us = began.elapsed().as_micros() as u64;
                    costs.per_feature_us[feature as usize] = elapsed_us / size as u64;
                }
            }
        }
        self.warm_crops(&pool)?;
        Ok(costs)
    }

    /// Runs the crop models, which blank frames never reach.
    fn warm_crops(&self, pool: &FramePool) -> Result<(), BackendError> {
        let frame = blank(pool);
        let staged = self.backend.stage(&[&frame])?;
        let crop = Crop {
            width: frame.size.width.div_ceil(4),
            height: frame.size.height.div_ceil(4),
            ..whole(&frame)
        };
        for (index, model) in self.subset.models.iter().enumerate() {
            if matches!(model.task, Task::Attributes { .. }) {
                for count in [1, 2, 4, 8, 16, 32, CROPS_MAX] {
                    staged.run_crops(index, &vec![crop; count])?;
                }
            }
        }
        Ok(())
    }

    /// What is in each frame, of what it wants: as many findings as frames, in their order.
    ///
    /// # Errors
    /// When the batch failed.
    pub(crate) fn recognize(
        &self,
        frames: &[&Frame],
        wants: &[Wants],
    ) -> Result<Vec<Findings>, BackendError> {
        let mut all = vec![Findings::default(); frames.len()];
        self.recognize_each(frames, wants, &mut |image, findings| all[image] = findings)?;
        Ok(all)
    }

    /// The same, and each image is handed to `done` as soon as everything in it is found: one with few faces does not
    /// wait for a crowd in its batch.
    ///
    /// # Errors
    /// When the batch failed; images that were handed over before are done. Which of the others is at fault is for
    /// the caller to find out.
    pub(crate) fn recognize_each(
        &self,
        frames: &[&Frame],
        wants: &[Wants],
        done: &mut dyn FnMut(usize, Findings),
    ) -> Result<(), BackendError> {
        let mut run = Run {
            recognizer: self,
            frames,
            staged: self.backend.stage(frames)?,
            findings: vec![Findings::default(); frames.len()],
            found: Vec::new(),
            waiting: vec![VecDeque::new(); frames.len()],
        };
        for (index, model) in self.subset.models.iter().enumerate() {
            let images: Vec<usize> = (0..frames.len())
                .filter(|image| wants[*image].contains(model.feature))
                .collect();
            if !images.is_empty() {
                run.whole_images(index, model, &images)?;
            }
        }
        run.finish(done)
    }

    /// The models that describe what `detector` finds.
    fn describing(&self, detector: usize) -> impl Iterator<Item = (usize, &Task)> {
        let name = &self.subset.models[detector].name;
        let models = self.subset.models.iter().enumerate();
        models
            .filter(move |(_, it)| matches!(&it.task, Task::Attributes { of, .. } if of == name))
            .map(|(index, it)| (index, &it.task))
    }
}

// === impl Run ===

impl Run<'_> {
    /// Runs a model that looks at images, or at tiles of them; attributes run later, on what it found.
    fn whole_images(
        &mut self,
        index: usize,
        model: &Model,
        images: &[usize],
    ) -> Result<(), BackendError> {
        match &model.task {
            Task::Detect {
                labels,
                nms_iou,
                tiles,
            } => {
                let detected = match tiles {
                    None => self.detect(index, labels, *nms_iou, images)?,
                    Some(tiles) => {
                        self.detect_in_tiles(index, labels, (*nms_iou, *tiles), images)?
                    }
                };
                let is_described = self.recognizer.describing(index).next().is_some();
                for (image, detections) in images.iter().zip(detected) {
                    for found in place(*image, self.frames[*image], detections) {
                        if is_described {
                            self.waiting[*image].push_back(self.found.len());
                            self.found.push((index, found));
                        } else {
                            keep(model.feature, labels, found, &mut self.findings);
                        }
                    }
                }
            }
            Task::Classify { labels } => {
                let scored = self.staged.run_labels(index, images)?;
                for (image, scored) in images.iter().zip(scored) {
                    let named = scored.into_iter().map(|scored| named(scored, labels));
                    self.findings[*image].labels.extend(named);
                }
            }
            Task::Attributes { .. } => {}
        }
        Ok(())
    }

    fn detect(
        &self,
        index: usize,
        labels: &[BoxLabel],
        nms_iou: f32,
        images: &[usize],
    ) -> Result<Vec<Vec<Detection>>, BackendError> {
        let thresholds: Vec<f32> = labels.iter().map(|label| label.threshold).collect();
        let rows = self.staged.run(index, images)?;
        let rows = rows.checked(images.len(), None)?;
        rows.iter()
            .map(|row| Ok(suppress(boxes(row, &thresholds)?, nms_iou, BOXES_MAX)))
            .collect()
    }

    /// Looks at each image as a whole and at each of its tiles; what is found twice counts once.
    fn detect_in_tiles(
        &self,
        index: usize,
        labels: &[BoxLabel],
        (nms_iou, tiles): (f32, Tiles),
        images: &[usize],
    ) -> Result<Vec<Vec<Detection>>, BackendError> {
        let thresholds: Vec<f32> = labels.iter().map(|label| label.threshold).collect();
        let mut detected = self.detect(index, labels, nms_iou, images)?;
        let cut = images.iter().enumerate().flat_map(|(at, image)| {
            let crops = tiles::cut(tiles, self.frames[*image], *image);
            crops.into_iter().map(move |crop| (at, crop))
        });
        let cut: Vec<(usize, Crop)> = cut.collect();
        let most = self.recognizer.backend.images_max();
        for some in cut.chunks(most) {
            let crops: Vec<Crop> = some.iter().map(|(_, crop)| *crop).collect();
            let rows = self.staged.run_crops(index, &crops)?;
            let rows = rows.checked(crops.len(), None)?;
            for ((at, crop), row) in some.iter().zip(rows.iter()) {
                let size = self.frames[crop.image].size;
                let boxes = boxes(row, &thresholds)?.into_iter();
                detected[*at].extend(boxes.map(|it| tiles::in_frame(it, crop, size)));
            }
        }
        let once = |all| tiles::without_parts(suppress(all, nms_iou, BOXES_MAX));
        Ok(detected.into_iter().map(once).collect())
    }

    /// Finds attributes, in turns, and hands over each image that waits for nothing more.
    fn finish(mut self, done: &mut dyn FnMut(usize, Findings)) -> Result<(), BackendError> {
        let mut is_done = vec![false; self.frames.len()];
        loop {
            for (image, is_done) in is_done.iter_mut().enumerate() {
                if !*is_done && self.waiting[image].is_empty() {
                    *is_done = true;
                    done(image, self.take(image));
                }
            }
            let some = fair::round(&mut self.waiting, CROPS_MAX);
            if some.is_empty() {
                return Ok(());
            }
            self.describe(&some)?;
        }
    }

    /// Adds attributes to some boxes: crops of all images together.
    fn describe(&mut self, some: &[usize]) -> Result<(), BackendError> {
        for detector in 0..self.recognizer.subset.models.len() {
            let own = |at: &usize| self.found[*at].0 == detector;
            let own: Vec<usize> = some.iter().copied().filter(own).collect();
            if own.is_empty() {
                continue;
            }
            for (index, task) in self.recognizer.describing(detector) {
                let Task::Attributes { margin, heads, .. } = task else {
                    continue;
                };
                let crop_of = |at: &usize| {
                    let found = &self.found[*at].1;
                    crop(found, self.frames[found.image], *margin)
                };
                let crops: Vec<Crop> = own.iter().map(crop_of).collect();
                let width: usize = heads.iter().map(|head| head.values.len()).sum();
                let rows = self.staged.run_crops(index, &crops)?;
                let rows = rows.checked(crops.len(), Some(width))?;
                for (at, row) in own.iter().zip(rows.iter()) {
                    let found = &mut self.found[*at].1;
                    found.attributes.extend(attributes(row, heads));
                }
            }
        }
        Ok(())
    }

    /// Everything that was found in an image.
    fn take(&mut self, image: usize) -> Findings {
        for (detector, found) in self.found.iter_mut().filter(|(_, it)| it.image == image) {
            let model = &self.recognizer.subset.models[*detector];
            let Task::Detect { labels, .. } = &model.task else {
                continue;
            };
            let found = Found {
                attributes: std::mem::take(&mut found.attributes),
                ..*found
            };
            keep(model.feature, labels, found, &mut self.findings);
        }
        let mut findings = std::mem::take(&mut self.findings[image]);
        findings.labels.sort_by(|a, b| b.score.total_cmp(&a.score));
        findings
    }
}

/// A frame with nothing on it.
pub(crate) fn blank(pool: &FramePool) -> Frame {
    let filled = FrameWriter::fill(pool, |_| Ok::<(), std::convert::Infallible>(()));
    match filled {
        Ok(frame) => frame,
        Err(never) => match never {},
    }
}

/// All of the first frame.
fn whole(frame: &Frame) -> Crop {
    Crop {
        image: 0,
        left: 0,
        top: 0,
        width: frame.size.width,
        height: frame.size.height,
    }
}

/// What a score of a label says.
fn named(scored: Scored, labels: &[ClassLabel]) -> Label {
    let label = &labels[scored.label];
    Label {
        name: label.name.clone(),
        score: scored.score.clamp(0.0, 1.0),
        kind: label.kind.clone(),
        parents: label.parents.clone(),
    }
}

/// Puts a box where its feature has it: faces, logos, or objects with a place.
fn keep(feature: Feature, labels: &[BoxLabel], found: Found, findings: &mut [Findings]) {
    let Found {
        image,
        detection,
        bounds,
        attributes,
    } = found;
    let (score, name) = (detection.score, labels[detection.class].name.clone());
    let findings = &mut findings[image];
    match feature {
        Feature::Humans => findings.faces.push(Face {
            bounds,
            score,
            attributes,
        }),
        Feature::Brands => findings.logos.push(Logo {
            bounds,
            brand: name,
            score,
        }),
        Feature::Context => findings.objects.push(ObjectBox {
            bounds,
            name,
            score,
        }),
    }
}

#[cfg(test)]
mod tests;
