//! Pixels from bytes that nobody vouches for: sniffed by content, bounded before anything is allocated.
//!
//! Deliberately absent: trust in names, in `Content-Type` and in what a header promises.

mod jpeg;
mod raster;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, PoisonError};

use spillway_wire::{ImageInfo, Reason, Stage};

use crate::frame::{Frame, FramePool, FrameWriter, Size};
use crate::work::Failure;

/// Most pixels of an image.
pub(crate) const PIXELS_MAX: u64 = 50_000_000;
/// Most pixels of an image's side.
pub(crate) const SIDE_MAX: u32 = 16_384;
/// Most bytes that a decoder may allocate for one image: 50 megapixels of four bytes and some room.
const ALLOC_BYTES_MAX: u64 = 256 << 20;
/// Most pixels for each byte of a file; what no photo reaches, but a bomb does.
const PIXELS_PER_BYTE_MAX: u64 = 1_000;
/// Below this many pixels no image is a bomb.
const PIXELS_HARMLESS: u64 = 2_000_000;
/// Most pixels being decoded at once by all threads together: what bounds their memory.
const PIXELS_AT_ONCE_MAX: u64 = 2 * PIXELS_MAX;

/// A format that this worker reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Jpeg,
    Raster(image::ImageFormat),
}

/// Decodes on one thread; keeps its buffers.
pub(crate) struct Decoder {
    pool: FramePool,
    writer: FrameWriter,
    jpeg: jpeg::JpegDecoder,
}

/// What was decoded.
pub(crate) struct Picture {
    pub(crate) frame: Frame,
    pub(crate) info: ImageInfo,
}

/// What a format's decoder gives: the frame and the size of the upright image.
struct Upright {
    frame: Frame,
    size: Size,
}

// === impl Decoder ===

impl Decoder {
    /// # Errors
    /// If the JPEG library cannot be set up.
    pub(crate) fn new(pool: FramePool) -> anyhow::Result<Self> {
        Ok(Self {
            pool,
            writer: FrameWriter::default(),
            jpeg: jpeg::JpegDecoder::new()?,
        })
    }

    /// Makes a frame of an image file.
    ///
    /// # Errors
    /// `TooLarge`, `UnsupportedFormat` or `CorruptImage`; a decoder's panic is the last.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> Result<Picture, Failure> {
        let Some(format) = sniff(bytes) else {
            let message = "not a JPEG, PNG, WebP, GIF or BMP";
            return Err(failure(Reason::UnsupportedFormat, message));
        };
        let decoded = catch_unwind(AssertUnwindSafe(|| match format {
            Format::Jpeg => self.jpeg.decode(bytes, &self.pool, &mut self.writer),
            Format::Raster(format) => raster::decode(bytes, format, &self.pool, &mut self.writer),
        }));
        let Upright { frame, size } = decoded
            .unwrap_or_else(|_| Err(failure(Reason::CorruptImage, "the decoder gave up")))?;
        let info = ImageInfo {
            width: size.width,
            height: size.height,
            blake3: blake3::hash(bytes).to_hex().to_string(),
            format: format.name().to_owned(),
            bytes: bytes.len() as u64,
        };
        Ok(Picture { frame, info })
    }
}

// === impl Format ===

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Raster(image::ImageFormat::Png) => "png",
            Self::Raster(image::ImageFormat::WebP) => "webp",
            Self::Raster(image::ImageFormat::Gif) => "gif",
            Self::Raster(_) => "bmp",
        }
    }
}

/// The format by its first bytes.
fn sniff(bytes: &[u8]) -> Option<Format> {
    let is_webp = || bytes.len() >= 12 && &bytes[..4] == b"RIFF" && &bytes[8..12] == b"WEBP";
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => {
            Some(Format::Raster(image::ImageFormat::Png))
        }
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => {
            Some(Format::Raster(image::ImageFormat::Gif))
        }
        [b'B', b'M', ..] => Some(Format::Raster(image::ImageFormat::Bmp)),
        _ if is_webp() => Some(Format::Raster(image::ImageFormat::WebP)),
        _ => None,
    }
}

/// Refuses what is too large, from its header alone.
fn check_size(size: Size, bytes: usize) -> Result<(), Failure> {
    let Size { width, height } = size;
    if width == 0 || height == 0 {
        return Err(failure(Reason::CorruptImage, "the image has no pixels"));
    }
    if width > SIDE_MAX || height > SIDE_MAX {
        let message = format!("{width} × {height} pixels; a side may have {SIDE_MAX}");
        return Err(failure(Reason::TooLarge, message));
    }
    let pixels = size.pixels();
    if pixels > PIXELS_MAX {
        let message = format!("{pixels} pixels; {PIXELS_MAX} are allowed");
        return Err(failure(Reason::TooLarge, message));
    }
    if pixels > PIXELS_HARMLESS && pixels / (bytes as u64).max(1) > PIXELS_PER_BYTE_MAX {
        let message = format!("{pixels} pixels from {bytes} bytes: a decompression bomb");
        return Err(failure(Reason::TooLarge, message));
    }
    Ok(())
}

fn failure(reason: Reason, message: impl Into<String>) -> Failure {
    Failure::new(Stage::Decode, reason, message)
}

// === the pixels being decoded at once ===

/// Pixels of all images that are being decoded now.
static PIXELS_NOW: (Mutex<u64>, Condvar) = (Mutex::new(0), Condvar::new());

/// A share of [`PIXELS_AT_ONCE_MAX`], given back when dropped.
struct PixelsHeld(u64);

/// Waits until `pixels` more may be decoded.
fn hold_pixels(pixels: u64) -> PixelsHeld {
    let (now, freed) = &PIXELS_NOW;
    let held = now.lock().unwrap_or_else(PoisonError::into_inner);
    let mut held = freed
        .wait_while(held, |held| {
            *held > 0 && *held + pixels > PIXELS_AT_ONCE_MAX
        })
        .unwrap_or_else(PoisonError::into_inner);
    *held += pixels;
    PixelsHeld(pixels)
}

impl Drop for PixelsHeld {
    fn drop(&mut self) {
        let (now, freed) = &PIXELS_NOW;
        *now.lock().unwrap_or_else(PoisonError::into_inner) -= self.0;
        freed.notify_all();
    }
}

#[cfg(test)]
mod tests;
