//! PNG, WebP, GIF (its first frame) and BMP by the `image` crate, inside its limits.

use std::io::Cursor;

use image::error::{ImageError, LimitErrorKind};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageFormat, ImageReader, Limits};
use spillway_wire::Reason;

use super::{ALLOC_BYTES_MAX, SIDE_MAX, Upright, check_size, failure, hold_pixels};
use crate::frame::{Decoded, FramePool, FrameWriter, Size};
use crate::work::Failure;

pub(super) fn decode(
    bytes: &[u8],
    format: ImageFormat,
    pool: &FramePool,
    writer: &mut FrameWriter,
) -> Result<Upright, Failure> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(ALLOC_BYTES_MAX);
    reader.limits(limits);

    let mut decoder = reader.into_decoder().map_err(explain)?;
    let (width, height) = decoder.dimensions();
    check_size(Size::new(width, height), bytes.len())?;
    let _held = hold_pixels(u64::from(width) * u64::from(height));
    // A damaged Exif chunk is no reason to refuse the pixels.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let rgb = DynamicImage::from_decoder(decoder)
        .map_err(explain)?
        .into_rgb8();
    let size = Size::new(rgb.width(), rgb.height());
    let decoded = Decoded {
        pixels: rgb.as_raw(),
        size,
        orientation,
    };
    Ok(Upright {
        frame: writer.write(pool, &decoded),
        size: size.turned(orientation),
    })
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
