//! From frames to findings: which model runs on what, and what its numbers mean.

use std::collections::BTreeMap;
use std::time::Instant;

use spillway_wire::{Attribute, Bounds, Face, Feature, Label, Logo, ObjectBox};

use super::nms::{Detection, suppress};
use super::set::{ClassLabel, Head, Subset, Task};
use super::{Backend, BackendError, Crop, Staged};
use crate::frame::{Frame, FramePool, FrameWriter};
use crate::work::{FEATURES, Wants};

/// Most boxes of one model in one image: a photo of a crowd must not hold up its batch.
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
}

/// Faces of the batch while their attributes are found: which detection of which image.
struct Found {
    image: usize,
    detection: Detection,
    bounds: Bounds,
    attributes: BTreeMap<String, Attribute>,
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
    pub(crate) fn new(subset: Subset, backend: Box<dyn Backend>) -> Self {
        Self { subset, backend }
    }

    pub(crate) fn backend(&self) -> &dyn Backend {
        self.backend.as_ref()
    }

    /// Prepares the calling thread and runs every batch size on it, so that no job waits for a first time.
    ///
    /// The guard must live as long as the thread recognizes.
    ///
    /// # Errors
    /// When a model cannot be run at all.
    pub(crate) fn enter(&self) -> Result<(Box<dyn std::any::Any>, Costs), BackendError> {
        let guard = self.backend.enter()?;
        let pool = FramePool::new(self.subset.frame);
        let blank = || FrameWriter::fill(&pool, |_| Ok::<(), BackendError>(()));
        let mut sizes = vec![self.backend.images_max()];
        while sizes.last().is_some_and(|size| *size > 1) {
            sizes.extend(sizes.last().map(|size| size / 2));
        }
        let mut costs = Costs::default();
        for size in sizes.into_iter().rev() {
            let frames = (0..size).map(|_| blank()).collect::<Result<Vec<_>, _>>()?;
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
        Ok((guard, costs))
    }

    /// Runs the crop models, which blank frames never reach.
    fn warm_crops(&self, pool: &FramePool) -> Result<(), BackendError> {
        let frame = FrameWriter::fill(pool, |_| Ok::<(), BackendError>(()))?;
        let staged = self.backend.stage(&[&frame])?;
        let (width, height) = (frame.size.width.div_ceil(4), frame.size.height.div_ceil(4));
        let crop = Crop {
            image: 0,
            left: 0,
            top: 0,
            width,
            height,
        };
        for (index, model) in self.subset.models.iter().enumerate() {
            if matches!(model.task, Task::Attributes { .. }) {
                for count in [1, 2, 4, 8, 16] {
                    staged.run_crops(index, &vec![crop; count])?;
                }
            }
        }
        Ok(())
    }

    /// What is in each frame, of what it wants: as many findings as frames, in their order.
    ///
    /// # Errors
    /// When the batch as a whole failed; which image is at fault is for the caller to find out.
    pub(crate) fn recognize(
        &self,
        frames: &[&Frame],
        wants: &[Wants],
    ) -> Result<Vec<Findings>, BackendError> {
        let mut findings = vec![Findings::default(); frames.len()];
        let staged = self.backend.stage(frames)?;
        for (index, model) in self.subset.models.iter().enumerate() {
            let images: Vec<usize> = (0..frames.len())
                .filter(|image| wants[*image].contains(model.feature))
                .collect();
            if images.is_empty() {
                continue;
            }
            match &model.task {
                Task::Detect {
                    labels,
                    threshold,
                    nms_iou,
                } => {
                    let rows = staged.run(index, &images)?.checked(images.len(), None)?;
                    let detections = rows.iter().map(|row| {
                        suppress(boxes(row, labels.len(), *threshold), *nms_iou, BOXES_MAX)
                    });
                    let mut found = place(frames, images.iter().copied().zip(detections));
                    self.describe(&model.name, staged.as_ref(), frames, &mut found)?;
                    keep(model.feature, labels, found, &mut findings);
                }
                Task::Classify { labels } => {
                    let rows = staged
                        .run(index, &images)?
                        .checked(images.len(), Some(labels.len()))?;
                    for (image, row) in images.iter().zip(rows.iter()) {
                        findings[*image].labels.extend(classes(row, labels));
                    }
                }
                // Runs with the detector whose boxes it describes.
                Task::Attributes { .. } => {}
            }
        }
        for found in &mut findings {
            found.labels.sort_by(|a, b| b.score.total_cmp(&a.score));
        }
        Ok(findings)
    }

    /// Adds attributes to the boxes of `detector`: crops of all images together.
    fn describe(
        &self,
        detector: &str,
        staged: &dyn Staged,
        frames: &[&Frame],
        found: &mut [Found],
    ) -> Result<(), BackendError> {
        for (index, model) in self.subset.models.iter().enumerate() {
            let Task::Attributes { of, margin, heads } = &model.task else {
                continue;
            };
            if of != detector {
                continue;
            }
            let width: usize = heads.iter().map(|head| head.values.len()).sum();
            for some in found.chunks_mut(CROPS_MAX) {
                let crops: Vec<Crop> = some
                    .iter()
                    .map(|found| crop(found, frames[found.image], *margin))
                    .collect();
                let rows = staged
                    .run_crops(index, &crops)?
                    .checked(crops.len(), Some(width))?;
                for (found, row) in some.iter_mut().zip(rows.iter()) {
                    found.attributes.extend(attributes(row, heads));
                }
            }
        }
        Ok(())
    }
}

/// Boxes of a detector's row that reach the threshold.
fn boxes(row: &[f32], classes: usize, threshold: f32) -> Vec<Detection> {
    row.chunks_exact(6)
        .filter(|numbers| numbers[4] >= threshold)
        .map(|numbers| Detection {
            corners: [numbers[0], numbers[1], numbers[2], numbers[3]],
            score: numbers[4].clamp(0.0, 1.0),
            class: (numbers[5].max(0.0) as usize).min(classes - 1),
        })
        .collect()
}

/// Maps boxes into their upright images; those wholly outside them are dropped.
fn place(
    frames: &[&Frame],
    detections: impl Iterator<Item = (usize, Vec<Detection>)>,
) -> Vec<Found> {
    detections
        .flat_map(|(image, detections)| {
            detections.into_iter().filter_map(move |detection| {
                Some(Found {
                    image,
                    detection,
                    bounds: frames[image].bounds_in_image(detection.corners)?,
                    attributes: BTreeMap::new(),
                })
            })
        })
        .collect()
}

/// The box with a margin on each side, within the frame's content, in whole pixels.
fn crop(found: &Found, frame: &Frame, margin: f32) -> Crop {
    let [left, top, right, bottom] = found.detection.corners;
    let (margin_x, margin_y) = ((right - left) * margin, (bottom - top) * margin);
    let span = |from: f32, to: f32, side: u32, content: u32| {
        let from = (from * side as f32)
            .floor()
            .clamp(0.0, (content - 1) as f32) as u32;
        let to = (to * side as f32).ceil().clamp(0.0, content as f32) as u32;
        (from, to.max(from + 1) - from)
    };
    let (size, content) = (frame.size, frame.content);
    let (left, width) = span(left - margin_x, right + margin_x, size.width, content.width);
    let (top, height) = span(
        top - margin_y,
        bottom + margin_y,
        size.height,
        content.height,
    );
    Crop {
        image: found.image,
        left,
        top,
        width,
        height,
    }
}

/// The most likely value of each head.
fn attributes(row: &[f32], heads: &[Head]) -> Vec<(String, Attribute)> {
    let mut from = 0;
    let mut attributes = Vec::with_capacity(heads.len());
    for head in heads {
        let scores = &row[from..from + head.values.len()];
        from += head.values.len();
        let best = scores
            .iter()
            .zip(&head.values)
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        if let Some((score, value)) = best {
            let value = value.clone();
            attributes.push((
                head.name.clone(),
                Attribute {
                    value,
                    score: *score,
                },
            ));
        }
    }
    attributes
}

/// Labels that reach their thresholds.
fn classes(row: &[f32], labels: &[ClassLabel]) -> Vec<Label> {
    row.iter()
        .zip(labels)
        .filter(|(score, label)| **score >= label.threshold)
        .map(|(score, label)| Label {
            name: label.name.clone(),
            score: score.clamp(0.0, 1.0),
            kind: label.kind.clone(),
            parents: label.parents.clone(),
        })
        .collect()
}

/// Puts boxes where their feature has them: faces, logos, or objects with a place.
fn keep(feature: Feature, labels: &[String], found: Vec<Found>, findings: &mut [Findings]) {
    for Found {
        image,
        detection,
        bounds,
        attributes,
    } in found
    {
        let (score, name) = (detection.score, labels[detection.class].clone());
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
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::fake::{self, Gate};
    use super::super::{DeviceChoice, ModelSet, Torch};
    use super::*;
    use crate::frame::Size;

    fn frame(pool: &FramePool, colour: [u8; 3]) -> Frame {
        FrameWriter::fill(pool, |pixels| {
            pixels
                .chunks_exact_mut(3)
                .for_each(|pixel| pixel.copy_from_slice(&colour));
            Ok::<(), ()>(())
        })
        .unwrap()
    }

    #[test]
    fn each_image_gets_what_it_wants_and_nothing_of_its_neighbours() {
        let recognizer = fake::recognizer(std::sync::Arc::<Gate>::default());
        let pool = FramePool::new(Size::new(16, 12));
        let blue = frame(&pool, [0, 0, 255]);
        let red = frame(&pool, [255, 0, 0]);
        let black = frame(&pool, [0, 0, 0]);
        let (all, humans) = (recognizer.subset.features, Wants::of([Feature::Humans]));
        let found = recognizer
            .recognize(&[&black, &blue, &red, &blue], &[all, humans, all, all])
            .unwrap();
        assert_eq!(found[0], Findings::default());
        assert_eq!((found[1].faces.len(), found[1].labels.len()), (1, 0));
        assert_eq!((found[2].faces.len(), found[2].labels.len()), (0, 2));
        assert_eq!((found[3].faces.len(), found[3].labels.len()), (1, 1));
        let face = &found[1].faces[0];
        assert_eq!(face.attributes["age"].value, "bright");
        assert_eq!(face.attributes["gender"].value, "a");
        assert!((face.bounds.width - 0.5).abs() < 1e-6);
    }

    #[test]
    fn a_crop_has_its_margin_and_stays_within_the_image() {
        let pool = FramePool::new(Size::new(100, 100));
        let frame = frame(&pool, [0, 0, 0]);
        let cases = [
            ([0.4, 0.4, 0.6, 0.6], (38, 38, 24, 24)),
            ([0.0, 0.0, 0.1, 0.1], (0, 0, 11, 11)),
            ([0.95, 0.95, 1.2, 1.2], (92, 92, 8, 8)),
            ([1.0, 1.0, 1.0, 1.0], (99, 99, 1, 1)),
        ];
        for (corners, expected) in cases {
            let detection = Detection {
                corners,
                score: 1.0,
                class: 0,
            };
            let bounds = Bounds {
                left: 0.0,
                top: 0.0,
                width: 1.0,
                height: 1.0,
            };
            let found = Found {
                image: 0,
                detection,
                bounds,
                attributes: BTreeMap::new(),
            };
            let Crop {
                left,
                top,
                width,
                height,
                ..
            } = crop(&found, &frame, 0.1);
            assert_eq!((left, top, width, height), expected, "{corners:?}");
        }
    }

    #[test]
    fn the_demo_models_answer_the_same_alone_and_in_company() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/demo");
        let subset = ModelSet::load(&folder).unwrap().subset(None).unwrap();
        let torch = Torch::load(&subset, DeviceChoice::Cpu).unwrap();
        let recognizer = Recognizer::new(subset, Box::new(torch));
        let _entered = recognizer.backend().enter().unwrap();
        let pool = FramePool::new(recognizer.subset.frame);
        let frames: Vec<Frame> = [[10, 20, 30], [200, 190, 90], [90, 140, 220]]
            .into_iter()
            .map(|colour| frame(&pool, colour))
            .collect();
        let wants = vec![recognizer.subset.features; 3];
        let all = recognizer
            .recognize(&frames.iter().collect::<Vec<_>>(), &wants)
            .unwrap();
        for (frame, together) in frames.iter().zip(&all) {
            let alone = recognizer.recognize(&[frame], &wants[..1]).unwrap();
            let names = |found: &Findings| {
                found
                    .labels
                    .iter()
                    .map(|label| label.name.clone())
                    .collect::<Vec<_>>()
            };
            assert_eq!(names(&alone[0]), names(together));
            assert_eq!(alone[0].faces.len(), together.faces.len());
            assert_eq!(alone[0].logos.len(), together.logos.len());
        }
    }
}
