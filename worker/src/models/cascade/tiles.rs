//! How a frame is cut for a detector of small things, and what is one thing although two parts show it.
//!
//! ```text
//! ┌───────┬─┬───────┐
//! │   0   │ │   1   │   neighbours share a strip: what is smaller than it is whole in one of them
//! ├───────┼─┼───────┤
//! │   2   │ │   3   │
//! └───────┴─┴───────┘
//! ```

use super::super::Crop;
use super::super::nms::Detection;
use super::super::set::Tiles;
use crate::frame::{Frame, Size};

/// A box of which so much lies in a better one is a part of it, cut off by a tile's edge.
const PART_MIN: f32 = 0.7;

/// The parts of an image's frame that show something of it.
pub(super) fn cut(tiles: Tiles, frame: &Frame, image: usize) -> Vec<Crop> {
    let Size { width, height } = frame.size;
    let columns = spans(tiles.columns, tiles.overlap, width);
    let rows = spans(tiles.rows, tiles.overlap, height);
    let content = frame.content;
    rows.into_iter()
        .filter(|(top, _)| *top < content.height)
        .flat_map(|(top, height)| {
            columns
                .iter()
                .filter(|(left, _)| *left < content.width)
                .map(move |(left, width)| Crop {
                    image,
                    left: *left,
                    top,
                    width: *width,
                    height,
                })
        })
        .collect()
}

/// `count` spans of one length over `side`, neighbours sharing `overlap` of them.
fn spans(count: u32, overlap: f32, side: u32) -> Vec<(u32, u32)> {
    let length = side as f32 / (count as f32 - (count as f32 - 1.0) * overlap);
    let length = (length.ceil() as u32).clamp(1, side);
    let step = |index: u32| {
        let room = u64::from(side - length) * u64::from(index);
        (room / u64::from(count.max(2) - 1)) as u32
    };
    (0..count).map(|index| (step(index), length)).collect()
}

/// From shares of a tile to shares of the frame.
pub(super) fn in_frame(detection: Detection, tile: &Crop, frame: Size) -> Detection {
    let x = |at: f32| (tile.left as f32 + at * tile.width as f32) / frame.width as f32;
    let y = |at: f32| (tile.top as f32 + at * tile.height as f32) / frame.height as f32;
    let [left, top, right, bottom] = detection.corners;
    Detection {
        corners: [x(left), y(top), x(right), y(bottom)],
        ..detection
    }
}

/// Drops boxes that lie for the most part in a larger one that stays: a tile's edge has cut them off.
///
/// `detections` are the best first; that order stays.
pub(super) fn without_parts(detections: Vec<Detection>) -> Vec<Detection> {
    let area = |c: [f32; 4]| (c[2] - c[0]).max(0.0) * (c[3] - c[1]).max(0.0);
    let is_part = |part: &Detection, whole: &Detection| {
        let (a, b) = (part.corners, whole.corners);
        let shared = area([
            a[0].max(b[0]),
            a[1].max(b[1]),
            a[2].min(b[2]),
            a[3].min(b[3]),
        ]);
        part.class == whole.class && area(a) < area(b) && shared >= PART_MIN * area(a)
    };
    let all = detections.clone();
    detections
        .into_iter()
        .filter(|part| !all.iter().any(|whole| is_part(part, whole)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{FramePool, FrameWriter};

    fn tiles(columns: u32, rows: u32, overlap: f32) -> Tiles {
        Tiles {
            columns,
            rows,
            overlap,
        }
    }

    #[test]
    fn tiles_are_of_one_size_and_share_what_they_are_told_to() {
        assert_eq!(spans(2, 0.0, 640), [(0, 320), (320, 320)]);
        assert_eq!(spans(2, 0.25, 700), [(0, 400), (300, 400)]);
        assert_eq!(spans(1, 0.25, 640), [(0, 640)]);
    }

    #[test]
    fn parts_without_content_are_not_looked_at() {
        let pool = FramePool::new(Size::new(100, 100));
        let mut frame = FrameWriter::fill(&pool, |_| Ok::<(), ()>(())).unwrap();
        assert_eq!(cut(tiles(2, 2, 0.0), &frame, 3).len(), 4);
        frame.content = Size::new(100, 40);
        let crops = cut(tiles(2, 2, 0.0), &frame, 3);
        assert!(crops.len() == 2 && crops.iter().all(|crop| crop.top == 0 && crop.image == 3));
    }

    #[test]
    fn a_box_goes_back_into_the_frame() {
        let tile = Crop {
            image: 0,
            left: 50,
            top: 0,
            width: 50,
            height: 100,
        };
        let detection = Detection {
            corners: [0.0, 0.5, 1.0, 1.0],
            score: 0.9,
            class: 1,
        };
        let back = in_frame(detection, &tile, Size::new(100, 200));
        assert_eq!(back.corners, [0.5, 0.25, 1.0, 0.5]);
    }

    #[test]
    fn a_box_that_an_edge_cut_off_goes_and_others_stay() {
        let at = |corners, score, class| Detection {
            corners,
            score,
            class,
        };
        let whole = at([0.4, 0.4, 0.6, 0.5], 0.8, 0);
        let part = at([0.4, 0.4, 0.5, 0.5], 0.9, 0);
        let other = at([0.4, 0.4, 0.5, 0.5], 0.7, 1);
        let beside = at([0.55, 0.4, 0.75, 0.5], 0.6, 0);
        assert_eq!(
            without_parts(vec![part, whole, other, beside]),
            [whole, other, beside]
        );
    }

    proptest! {
        #[test]
        fn tiles_cover_the_side_and_stay_within_it(
            count in 1..=8_u32, overlap in 0.0..=0.5_f32, side in 8..4_096_u32,
        ) {
            let spans = spans(count, overlap, side);
            prop_assert_eq!(spans[0].0, 0);
            for pair in spans.windows(2) {
                prop_assert!(pair[1].0 <= pair[0].0 + pair[0].1, "{:?}", spans);
            }
            let (last, length) = spans[spans.len() - 1];
            prop_assert!(last + length <= side);
            prop_assert!(last + length == side, "{:?}", spans);
        }
    }
}
