//! JPEG by libjpeg-turbo: header first, at the smallest scale that still covers the frame.

use image::metadata::Orientation;
use spillway_wire::Reason;
use turbojpeg::{Colorspace, DecompressHeader, Decompressor, PixelFormat, ScalingFactor};

use super::codec::Upright;
use super::limits::check_size;
use super::{failure, jpeg_header};
use crate::frame::{Decoded, FramePool, FrameWriter, Size};
use crate::work::Failure;

/// Most scans of a progressive file; each one costs a pass over the whole image.
const SCANS_MAX: u32 = 100;

/// A decompressor and the buffer that it writes to.
pub(super) struct JpegDecoder {
    turbo: Decompressor,
    pixels: Vec<u8>,
}

fn decompressor() -> turbojpeg::Result<Decompressor> {
    let mut turbo = Decompressor::new()?;
    turbo.set_scan_limit(SCANS_MAX)?;
    Ok(turbo)
}

// === impl JpegDecoder ===

impl JpegDecoder {
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            turbo: decompressor()?,
            pixels: Vec::new(),
        })
    }

    /// Decodes one file. What a bad one left in the decompressor does not reach the next.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        pool: &FramePool,
        writer: &mut FrameWriter,
    ) -> Result<Upright, Failure> {
        let decoded = self.decode_file(bytes, pool, writer);
        if decoded.is_err() {
            // Tables of a broken file stay in the handle, and libjpeg judges all tables at the next start.
            self.turbo = decompressor().map_err(corrupt)?;
        }
        decoded
    }

    fn decode_file(
        &mut self,
        bytes: &[u8],
        pool: &FramePool,
        writer: &mut FrameWriter,
    ) -> Result<Upright, Failure> {
        let header = self.turbo.read_header(bytes).map_err(corrupt)?;
        let size = Size::new(header.width as u32, header.height as u32);
        check_size(size, bytes.len())?;
        let orientation = orientation(bytes);
        let upright = size.turned(orientation);

        let scale = smallest_scale(
            &header,
            size,
            upright.fitted(pool.size()).turned(orientation),
        );
        self.turbo.set_scaling_factor(scale).map_err(corrupt)?;
        let scaled = header.scaled(scale);
        let size = Size::new(scaled.width as u32, scaled.height as u32);
        let is_frame = size == pool.size() && orientation == Orientation::NoTransforms;
        if is_frame && !is_four_colours(&header) {
            let frame = FrameWriter::fill(pool, |pixels| {
                decompress(&mut self.turbo, bytes, pixels, size, PixelFormat::RGB)
            })?;
            return Ok(Upright {
                frame,
                size: upright,
            });
        }
        self.decompress_rgb(bytes, &header, size)?;
        let decoded = Decoded {
            pixels: &self.pixels[..size.pixels() as usize * 3],
            size,
            orientation,
        };
        let frame = writer.write(pool, &decoded);
        // One large image must not hold its memory for ever.
        self.pixels.shrink_to(PIXELS_KEPT_BYTES);
        Ok(Upright {
            frame,
            size: upright,
        })
    }

    /// RGB of `size` at the start of `self.pixels`.
    fn decompress_rgb(
        &mut self,
        bytes: &[u8],
        header: &DecompressHeader,
        size: Size,
    ) -> Result<(), Failure> {
        let count = size.pixels() as usize;
        if !is_four_colours(header) {
            resize(&mut self.pixels, count * 3);
            return decompress(
                &mut self.turbo,
                bytes,
                &mut self.pixels,
                size,
                PixelFormat::RGB,
            );
        }
        resize(&mut self.pixels, count * 4);
        decompress(
            &mut self.turbo,
            bytes,
            &mut self.pixels,
            size,
            PixelFormat::CMYK,
        )?;
        // Adobe's files, which are nearly all, hold the colours inverted: 255 is no ink.
        let inverted = if jpeg_header::read(bytes).is_adobe {
            0
        } else {
            255
        };
        for index in 0..count {
            let at = index * 4;
            let ink = u16::from(self.pixels[at + 3] ^ inverted);
            for channel in 0..3 {
                let value = u16::from(self.pixels[at + channel] ^ inverted) * ink / 255;
                self.pixels[index * 3 + channel] = value as u8;
            }
        }
        Ok(())
    }
}

/// Bytes of the decoder's buffer that are kept from one image to the next.
const PIXELS_KEPT_BYTES: usize = 16 << 20;

/// Sets the length without touching what is there: the decompressor overwrites it.
fn resize(pixels: &mut Vec<u8>, length: usize) {
    if pixels.len() < length {
        pixels.resize(length, 0);
    }
}

fn decompress(
    turbo: &mut Decompressor,
    bytes: &[u8],
    pixels: &mut [u8],
    size: Size,
    format: PixelFormat,
) -> Result<(), Failure> {
    let (width, height) = (size.width as usize, size.height as usize);
    let pitch = width * format.size();
    let pixels = &mut pixels[..pitch * height];
    let output = turbojpeg::Image {
        pixels,
        width,
        pitch,
        height,
        format,
    };
    turbo.decompress(bytes, output).map_err(corrupt)
}

fn is_four_colours(header: &DecompressHeader) -> bool {
    matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK)
}

/// The smallest scale of at most 1 at which the image still covers `needed`.
fn smallest_scale(header: &DecompressHeader, size: Size, needed: Size) -> ScalingFactor {
    if header.is_lossless {
        return ScalingFactor::ONE;
    }
    (1..8)
        .map(|eighths| ScalingFactor::new(eighths, 8))
        .find(|scale| {
            scale.scale(size.width as usize) >= needed.width as usize
                && scale.scale(size.height as usize) >= needed.height as usize
        })
        .unwrap_or(ScalingFactor::ONE)
}

fn corrupt(error: turbojpeg::Error) -> Failure {
    failure(Reason::CorruptImage, error.to_string())
}

/// How the image is to be turned, from the first Exif segment before the pixels.
fn orientation(bytes: &[u8]) -> Orientation {
    exif(bytes)
        .and_then(Orientation::from_exif_chunk)
        .unwrap_or(Orientation::NoTransforms)
}

fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 2;
    loop {
        let (kind, segment, next) = jpeg_header::segment(bytes, at)?;
        // From here on there are pixels.
        if matches!(kind, 0xd9 | 0xda) {
            return None;
        }
        if kind == 0xe1
            && let Some(exif) = segment.strip_prefix(b"Exif\0\0")
        {
            return Some(exif);
        }
        at = next;
    }
}
