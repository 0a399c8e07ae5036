//! PNG, WebP, GIF (its first frame) and BMP by the `image` crate, inside its limits.

use std::borrow::Cow;
use std::io::Cursor;

use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};
use spillway_wire::Reason;

use super::codec::Upright;
use super::header::png_chunks;
use super::limits::check_size;
use super::{ALLOC_BYTES_MAX, SIDE_MAX, failure};
use crate::frame::{Decoded, FramePool, FrameWriter, Size};
use crate::work::Failure;

pub(super) fn decode(
    bytes: &[u8],
    format: ImageFormat,
    pool: &FramePool,
    writer: &mut FrameWriter,
) -> Result<Upright, Failure> {
    let bytes = if format == ImageFormat::Png {
        without_texts(bytes)
    } else {
        Cow::Borrowed(bytes)
    };
    let mut reader = ImageReader::with_format(Cursor::new(&*bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(ALLOC_BYTES_MAX);
    reader.limits(limits);

    let mut decoder = reader.into_decoder().map_err(explain)?;
    let (width, height) = decoder.dimensions();
    check_size(Size::new(width, height), bytes.len())?;
    // A damaged Exif chunk is no reason to refuse the pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let image = DynamicImage::from_decoder(decoder).map_err(explain)?;
    let size = Size::new(image.width(), image.height());
    let pixels = rgb(image);
    let decoded = Decoded {
        pixels: &pixels[..size.pixels() as usize * 3],
        size,
        orientation,
    };
    Ok(Upright {
        frame: writer.write(pool, &decoded),
        size: size.turned(orientation),
    })
}

/// RGB of 8 bits at the start of what is returned; transparency is left out, not blended.
fn rgb(image: DynamicImage) -> Vec<u8> {
    let DynamicImage::ImageRgba8(image) = image else {
        return image.into_rgb8().into_raw();
    };
    // In place: this is the commonest kind of what is large, and a second copy would nearly double its memory.
    let mut pixels = image.into_raw();
    for index in 0..pixels.len() / 4 {
        pixels.copy_within(index * 4..index * 4 + 3, index * 3);
    }
    pixels
}

/// Most bytes of a PNG's Exif chunk that is read for the orientation.
const EXIF_BYTES_MAX: usize = 64 * 1024;

/// A PNG without profiles and texts: its decoder would unpack them, to a thousand times their size, and nobody asks.
fn without_texts(bytes: &[u8]) -> Cow<'_, [u8]> {
    let is_kept = |kind: &[u8; 4], data_bytes: usize| match kind {
        b"iCCP" | b"zTXt" | b"iTXt" | b"tEXt" => false,
        b"eXIf" => data_bytes <= EXIF_BYTES_MAX,
        _ => true,
    };
    if png_chunks(bytes).all(|chunk| is_kept(&chunk.kind, chunk.data_bytes)) {
        return Cow::Borrowed(bytes);
    }
    let mut kept = bytes[..8].to_vec();
    for chunk in png_chunks(bytes) {
        if is_kept(&chunk.kind, chunk.data_bytes) {
            kept.extend_from_slice(chunk.whole);
        }
    }
    Cow::Owned(kept)
}

fn explain(error: ImageError) -> Failure {
    let reason = match &error {
        ImageError::Unsupported(_) => Reason::UnsupportedFormat,
        ImageError::Limits(limit) => match limit.kind() {
            LimitErrorKind::DimensionError | LimitErrorKind::InsufficientMemory => Reason::TooLarge,
            _ => Reason::UnsupportedFormat,
        },
        _ => Reason::CorruptImage,
    };
    failure(reason, error.to_string())
}
