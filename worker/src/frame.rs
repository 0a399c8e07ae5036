//! The frame: what every model of a set sees of an image.
//!
//! ```text
//! upright image            frame (640 × 480)
//! ┌──────┐                 ┌────┬─────┐
//! │      │  scaled to fit  │    │     │   content at the top left,
//! │      │ ──────────────▶ │    │ 114 │   the rest of one grey
//! └──────┘                 └────┴─────┘
//! ```

use std::sync::{Arc, Mutex, PoisonError};

use fast_image_resize::images::{TypedCroppedImageMut, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;
use spillway_wire::Bounds;

/// Grey of what the image does not cover; the value that detectors are commonly trained with.
pub(crate) const REST: u8 = 114;

/// Width and height in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub(crate) struct Size {
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// RGB pixels, `u8 [height, width, 3]`, of which the top left holds the image.
#[derive(Debug)]
pub(crate) struct Frame {
    pixels: Vec<u8>,
    pub(crate) size: Size,
    /// Part of the frame that the upright image covers, from the top left.
    pub(crate) content: Size,
    pool: FramePool,
}

/// Keeps the memory of frames, since fresh memory of this size costs a page fault every 4 kB.
#[derive(Debug, Clone)]
pub(crate) struct FramePool {
    size: Size,
    free: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// Most frames kept for reuse.
const FREE_MAX: usize = 64;

/// Writes decoded pixels into frames; keeps the resizer's buffers.
#[derive(Debug, Default)]
pub(crate) struct FrameWriter {
    resizer: Resizer,
    turned: Vec<u8>,
}

/// RGB pixels as they were decoded, before they are turned upright.
#[derive(Debug)]
pub(crate) struct Decoded<'a> {
    pub(crate) pixels: &'a [u8],
    pub(crate) size: Size,
    pub(crate) orientation: Orientation,
}

// === impl Size ===

impl Size {
    pub(crate) fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    pub(crate) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Size of the upright image.
    pub(crate) fn turned(self, orientation: Orientation) -> Self {
        match orientation {
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH => Self::new(self.height, self.width),
            _ => self,
        }
    }

    /// The largest size of this shape that fits into `frame`, at least one pixel a side.
    pub(crate) fn fitted(self, frame: Self) -> Self {
        let wide = u64::from(self.width) * u64::from(frame.height);
        let high = u64::from(self.height) * u64::from(frame.width);
        let share = |of: u32, by: u32, max: u32, own: u32| {
            let rounded =
                (u64::from(of) * u64::from(by) + u64::from(own) / 2) / u64::from(own.max(1));
            (rounded as u32).clamp(1, max)
        };
        if wide >= high {
            let height = share(self.height, frame.width, frame.height, self.width);
            Self::new(frame.width, height)
        } else {
            let width = share(self.width, frame.height, frame.width, self.height);
            Self::new(width, frame.height)
        }
    }
}

// === impl FramePool ===

impl FramePool {
    pub(crate) fn new(size: Size) -> Self {
        Self {
            size,
            free: Arc::default(),
        }
    }

    /// Size of its frames.
    pub(crate) fn size(&self) -> Size {
        self.size
    }

    /// A frame without content: all of it is the rest.
    fn take(&self, content: Size) -> Frame {
        let bytes = self.size.pixels() as usize * 3;
        let free = self
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        let pixels = match free {
            Some(mut pixels) if content != self.size => {
                pixels.fill(REST);
                pixels
            }
            Some(pixels) => pixels,
            None => vec![REST; bytes],
        };
        Frame {
            pixels,
            size: self.size,
            content,
            pool: self.clone(),
        }
    }
}

// === impl Frame ===

impl Frame {
    pub(crate) fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// From shares of the frame (left, top, right, bottom) to shares of the upright image; none outside it.
    pub(crate) fn bounds_in_image(&self, corners: [f32; 4]) -> Option<Bounds> {
        let x = self.size.width as f32 / self.content.width as f32;
        let y = self.size.height as f32 / self.content.height as f32;
        let [left, top, right, bottom] = corners;
        let [left, right] = [left, right].map(|at| (at * x).clamp(0.0, 1.0));
        let [top, bottom] = [top, bottom].map(|at| (at * y).clamp(0.0, 1.0));
        (right > left && bottom > top).then_some(Bounds {
            left,
            top,
            width: right - left,
            height: bottom - top,
        })
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        let mut free = self
            .pool
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if free.len() < FREE_MAX {
            free.push(std::mem::take(&mut self.pixels));
        }
    }
}

// === impl FrameWriter ===

impl FrameWriter {
    /// A frame into which `fill` writes RGB pixels itself, for an image that is exactly as large.
    pub(crate) fn fill<E>(
        pool: &FramePool,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Frame, E> {
        Self::fill_with(pool, pool.size, fill)
    }

    /// A frame all of whose RGB pixels `fill` writes itself, of which the top left `content` holds the image.
    pub(crate) fn fill_with<E>(
        pool: &FramePool,
        content: Size,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Frame, E> {
        let mut frame = pool.take(content);
        fill(&mut frame.pixels)?;
        Ok(frame)
    }

    /// The frame of a decoded image: turned upright, scaled to fit by antialiased bilinear.
    ///
    /// # Panics
    /// If `decoded.pixels` is not as long as its size says.
    pub(crate) fn write(&mut self, pool: &FramePool, decoded: &Decoded<'_>) -> Frame {
        let size = pool.size;
        let content = decoded.size.turned(decoded.orientation).fitted(size);
        let mut frame = pool.take(content);
        if decoded.orientation == Orientation::NoTransforms {
            self.scale(decoded, &mut frame.pixels, size, content);
            return frame;
        }
        // Scaled first and turned then: turning the small image is the cheaper order.
        let scaled = content.turned(decoded.orientation);
        let mut turned = std::mem::take(&mut self.turned);
        turned.resize(scaled.pixels() as usize * 3, 0);
        self.scale(decoded, &mut turned, scaled, scaled);
        turn(&turned, scaled, decoded.orientation, &mut frame);
        self.turned = turned;
        frame
    }

    /// Scales into the top left `content` of `target`, which is `size` large.
    fn scale(&mut self, decoded: &Decoded<'_>, target: &mut [u8], size: Size, content: Size) {
        let from = decoded.size;
        // Typed, not chosen at run time: the latter compiles the resizer for each of some twenty pixel types.
        let source = TypedImageRef::<U8x3>::from_buffer(from.width, from.height, decoded.pixels)
            .expect("decoded pixels are as many as the size says");
        let target = TypedImage::<U8x3>::from_buffer(size.width, size.height, target)
            .expect("a frame is as long as its size says");
        let mut target = TypedCroppedImageMut::new(target, 0, 0, content.width, content.height)
            .expect("the content fits into the frame");
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
        self.resizer
            .resize_typed(&source, &mut target, &options)
            .expect("a bilinear filter is always valid");
    }
}

/// Copies `pixels` into the frame's content, turned as `orientation` says.
fn turn(pixels: &[u8], from: Size, orientation: Orientation, frame: &mut Frame) {
    let (content, stride) = (frame.content, frame.size.width as usize * 3);
    let (last_x, last_y) = (from.width as usize - 1, from.height as usize - 1);
    for y in 0..content.height as usize {
        let row = &mut frame.pixels[y * stride..][..content.width as usize * 3];
        for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
            let (source_x, source_y) = match orientation {
                Orientation::NoTransforms => (x, y),
                Orientation::Rotate90 => (y, last_y - x),
                Orientation::Rotate180 => (last_x - x, last_y - y),
                Orientation::Rotate270 => (last_x - y, x),
                Orientation::FlipHorizontal => (last_x - x, y),
                Orientation::FlipVertical => (x, last_y - y),
                Orientation::Rotate90FlipH => (y, x),
                Orientation::Rotate270FlipH => (last_x - y, last_y - x),
            };
            let at = (source_y * from.width as usize + source_x) * 3;
            pixel.copy_from_slice(&pixels[at..at + 3]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: Size = Size {
        width: 64,
        height: 48,
    };

    #[test]
    fn an_image_is_scaled_up_or_down_to_fit() {
        let cases = [
            ("the frame itself", (64, 48), (64, 48)),
            ("larger, same shape", (640, 480), (64, 48)),
            ("smaller, same shape", (32, 24), (64, 48)),
            ("wide", (128, 48), (64, 24)),
            ("high", (48, 96), (24, 48)),
            ("a line", (10_000, 1), (64, 1)),
            ("a column", (1, 10_000), (1, 48)),
        ];
        for (name, (width, height), (fit_width, fit_height)) in cases {
            let fitted = Size::new(width, height).fitted(FRAME);
            assert_eq!(fitted, Size::new(fit_width, fit_height), "{name}");
        }
    }

    #[test]
    fn the_rest_of_the_frame_is_grey() {
        let pool = FramePool::new(FRAME);
        let write = |width: usize, height: usize| {
            let pixels = vec![200; width * height * 3];
            let size = Size::new(width as u32, height as u32);
            let orientation = Orientation::NoTransforms;
            let decoded = Decoded {
                pixels: &pixels,
                size,
                orientation,
            };
            FrameWriter::default().write(&pool, &decoded)
        };
        drop(write(64, 48));
        // The second frame has the memory of the first, which was all content.
        let frame = write(48, 48);
        assert_eq!(frame.content, Size::new(48, 48));
        for (index, pixel) in frame.pixels().chunks_exact(3).enumerate() {
            let expected = if index % 64 < 48 { 200 } else { REST };
            assert_eq!(pixel, [expected; 3], "pixel {index}");
        }
    }

    #[test]
    fn turning_agrees_with_the_image_crate() {
        let size = Size::new(3, 2);
        let source = image::RgbImage::from_fn(3, 2, |x, y| image::Rgb([x as u8, y as u8, 7]));
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let mut expected = image::DynamicImage::ImageRgb8(source.clone());
            expected.apply_orientation(orientation);
            let upright = size.turned(orientation);
            let pool = FramePool::new(upright);
            let mut frame = pool.take(upright);
            turn(source.as_raw(), size, orientation, &mut frame);
            assert_eq!(frame.pixels(), expected.to_rgb8().as_raw(), "exif {exif}");
        }
    }

    proptest! {
        #[test]
        fn boxes_map_back_to_the_upright_image(
            width in 1..4000_u32, height in 1..4000_u32,
            left in 0.0..0.9_f32, top in 0.0..0.9_f32, side in 0.05..0.1_f32,
        ) {
            let pool = FramePool::new(FRAME);
            let frame = pool.take(Size::new(width, height).fitted(FRAME));
            let x = frame.content.width as f32 / FRAME.width as f32;
            let y = frame.content.height as f32 / FRAME.height as f32;
            let corners = [left * x, top * y, (left + side) * x, (top + side) * y];
            let bounds = frame.bounds_in_image(corners).unwrap();
            prop_assert!((bounds.left - left).abs() < 1e-4);
            prop_assert!((bounds.top - top).abs() < 1e-4);
            prop_assert!((bounds.width - side).abs() < 1e-4);
            prop_assert!((bounds.height - side).abs() < 1e-4);
            prop_assert!(frame.content.width <= FRAME.width && frame.content.height <= FRAME.height);
        }
    }
}
