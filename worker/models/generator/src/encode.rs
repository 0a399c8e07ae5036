//! Pixels to a file's bytes.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use crate::dice::{Dice, Purpose};

/// How an image is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lossy; `quality` 1..=100.
    Jpeg {
        quality: u8,
    },
    Png,
    /// Without loss.
    WebP,
}

// === impl Format ===

impl Format {
    /// The format of image `index` in a mixed set: seven in ten JPEG of quality 55 to 95.
    #[must_use]
    pub fn mixed(seed: u64, index: u64) -> Self {
        let mut dice = Dice::new(seed, index, Purpose::Format);
        match dice.below(20) {
            0..14 => Self::Jpeg {
                quality: dice.range(55.0, 96.0) as u8,
            },
            14..17 => Self::Png,
            _ => Self::WebP,
        }
    }

    /// The end of a file's name, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg { .. } => "jpg",
            Self::Png => "png",
            Self::WebP => "webp",
        }
    }
}

/// The bytes of a file with `pixels` in it.
#[must_use]
pub fn encode(pixels: &RgbImage, format: Format) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let (width, height) = pixels.dimensions();
    let rgb = ExtendedColorType::Rgb8;
    let written = match format {
        Format::Jpeg { quality } => JpegEncoder::new_with_quality(&mut bytes, quality)
            .write_image(pixels, width, height, rgb),
        Format::Png => {
            PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Sub)
                .write_image(pixels, width, height, rgb)
        }
        Format::WebP => {
            WebPEncoder::new_lossless(&mut bytes).write_image(pixels, width, height, rgb)
        }
    };
    written.expect("memory takes every write, and no image is larger than its format allows");
    bytes.into_inner()
}
