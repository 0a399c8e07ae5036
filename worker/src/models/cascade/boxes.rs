//! What a detector's numbers mean: boxes in the upright image, and which part of the frame shows one.

use std::collections::BTreeMap;

use spillway_wire::{Attribute, Bounds};

use super::super::nms::Detection;
use super::super::set::Head;
use super::super::{BackendError, Crop};
use crate::frame::Frame;

/// Numbers of one box: left, top, right, bottom, score, class.
const WIDTH: usize = 6;

/// A box of an image of the batch, while its attributes are found.
pub(super) struct Found {
    pub(super) image: usize,
    pub(super) detection: Detection,
    pub(super) bounds: Bounds,
    pub(super) attributes: BTreeMap<String, Attribute>,
}

/// Boxes of a detector's row that reach the threshold of their class.
///
/// # Errors
/// `Failed` if the row is not made of boxes, or one is of a class that has no name.
pub(crate) fn boxes(row: &[f32], thresholds: &[f32]) -> Result<Vec<Detection>, BackendError> {
    if !row.len().is_multiple_of(WIDTH) {
        let message = format!(
            "a row of boxes has {} numbers, not a multiple of 6",
            row.len()
        );
        return Err(BackendError::Failed(message));
    }
    let least = thresholds.iter().copied().fold(f32::INFINITY, f32::min);
    let mut found = Vec::new();
    for numbers in row.chunks_exact(WIDTH).filter(|it| it[4] >= least) {
        let class = numbers[5].max(0.0) as usize;
        let Some(threshold) = thresholds.get(class) else {
            let message = format!("a box is of class {class}, {} have names", thresholds.len());
            return Err(BackendError::Failed(message));
        };
        if numbers[4] >= *threshold {
            found.push(Detection {
                corners: [numbers[0], numbers[1], numbers[2], numbers[3]],
                score: numbers[4].clamp(0.0, 1.0),
                class,
            });
        }
    }
    Ok(found)
}

/// Maps boxes into their upright image; those wholly outside it are dropped.
pub(super) fn place(
    image: usize,
    frame: &Frame,
    detections: Vec<Detection>,
) -> impl Iterator<Item = Found> {
    detections.into_iter().filter_map(move |detection| {
        Some(Found {
            image,
            detection,
            bounds: frame.bounds_in_image(detection.corners)?,
            attributes: BTreeMap::new(),
        })
    })
}

/// The box with a margin on each side, within the frame's content, in whole pixels.
pub(super) fn crop(found: &Found, frame: &Frame, margin: f32) -> Crop {
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
pub(super) fn attributes(row: &[f32], heads: &[Head]) -> Vec<(String, Attribute)> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{FramePool, FrameWriter, Size};

    #[test]
    fn each_class_has_its_own_threshold_and_a_class_without_a_name_is_an_error() {
        let row = [
            [0.0, 0.0, 0.1, 0.1, 0.6, 0.0],
            [0.2, 0.0, 0.3, 0.1, 0.6, 1.0],
            [0.4, 0.0, 0.5, 0.1, 0.9, 1.0],
        ]
        .concat();
        let classes = |thresholds: &[f32]| {
            boxes(&row, thresholds).map(|found| {
                let scores = found.iter().map(|it| (it.class, it.score));
                scores.collect::<Vec<_>>()
            })
        };
        assert_eq!(classes(&[0.5, 0.7]).unwrap(), [(0, 0.6), (1, 0.9)]);
        assert_eq!(classes(&[0.95, 0.95]).unwrap(), []);
        let error = classes(&[0.5]).unwrap_err().to_string();
        assert!(error.contains("class 1, 1 have names"), "{error}");
        let error = boxes(&row[..8], &[0.5]).unwrap_err().to_string();
        assert!(error.contains("8 numbers"), "{error}");
    }

    #[test]
    fn a_crop_has_its_margin_and_stays_within_the_image() {
        let pool = FramePool::new(Size::new(100, 100));
        let frame = FrameWriter::fill(&pool, |_| Ok::<(), ()>(())).unwrap();
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
}
