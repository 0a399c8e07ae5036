//! Of boxes that overlap, the best one stays.

/// A box that a detector found, corners as shares of its input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Detection {
    /// Left, top, right, bottom.
    pub(crate) corners: [f32; 4],
    pub(crate) score: f32,
    pub(crate) class: usize,
}

/// Drops every box that overlaps a better one by more than `iou_max`, whatever their classes: two brands
/// at one place are one logo.
///
/// The result is sorted by score, best first. At most `count_max` remain, so that the work is bounded.
pub(crate) fn suppress(
    mut detections: Vec<Detection>,
    iou_max: f32,
    count_max: usize,
) -> Vec<Detection> {
    detections.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for detection in detections {
        if kept.len() == count_max {
            break;
        }
        let is_repeat = kept
            .iter()
            .any(|better| iou(better.corners, detection.corners) > iou_max);
        if !is_repeat {
            kept.push(detection);
        }
    }
    kept
}

/// Intersection over union; 0 where one of them is empty.
pub(crate) fn iou(a: [f32; 4], b: [f32; 4]) -> f32 {
    let area = |c: [f32; 4]| (c[2] - c[0]).max(0.0) * (c[3] - c[1]).max(0.0);
    let shared = area([
        a[0].max(b[0]),
        a[1].max(b[1]),
        a[2].min(b[2]),
        a[3].min(b[3]),
    ]);
    let union = area(a) + area(b) - shared;
    if union > 0.0 { shared / union } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(left: f32, score: f32, class: usize) -> Detection {
        let corners = [left, 0.0, left + 0.2, 0.2];
        Detection {
            corners,
            score,
            class,
        }
    }

    #[test]
    fn overlap_is_measured_as_intersection_over_union() {
        let cases = [
            ("the same", [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0], 1.0),
            ("half", [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 0.5, 1.0], 0.5),
            ("apart", [0.0, 0.0, 0.1, 0.1], [0.5, 0.5, 1.0, 1.0], 0.0),
            ("empty", [0.0; 4], [0.0; 4], 0.0),
            (
                "inside out",
                [1.0, 1.0, 0.0, 0.0],
                [0.0, 0.0, 1.0, 1.0],
                0.0,
            ),
        ];
        for (name, a, b, expected) in cases {
            assert!((iou(a, b) - expected).abs() < 1e-6, "{name}: {}", iou(a, b));
        }
    }

    #[test]
    fn the_best_of_overlapping_boxes_stays() {
        let kept = suppress(
            vec![
                at(0.0, 0.5, 0),
                at(0.01, 0.9, 0),
                at(0.0, 0.4, 1),
                at(0.6, 0.3, 0),
            ],
            0.5,
            10,
        );
        assert_eq!(kept, vec![at(0.01, 0.9, 0), at(0.6, 0.3, 0)]);
        assert_eq!(suppress(kept, 0.5, 1).len(), 1);
    }

    proptest! {
        #[test]
        fn no_two_that_stay_overlap(boxes in proptest::collection::vec((0.0..0.8_f32, 0.0..1.0_f32, 0..2_usize), 0..40)) {
            let all: Vec<Detection> = boxes.into_iter().map(|(left, score, class)| at(left, score, class)).collect();
            let kept = suppress(all.clone(), 0.4, usize::MAX);
            for (index, a) in kept.iter().enumerate() {
                for b in &kept[index + 1..] {
                    prop_assert!(iou(a.corners, b.corners) <= 0.4);
                    prop_assert!(a.score >= b.score);
                }
            }
            prop_assert_eq!(suppress(kept.clone(), 0.4, usize::MAX), kept);
        }
    }
}
