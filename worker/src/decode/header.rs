//! What a file says of itself in its header, read without any decoder: format, size, and whether it is plain.
//!
//! A *plain* file is one of the two kinds that nearly all traffic is made of, in its commonest shape, with everything
//! checked that its decoder builds tables from. Whatever is not plain is decoded in a child process
//! (docs/decisions/0014-decoding-apart.md).

use image::ImageFormat;
use spillway_wire::Reason;

use super::{failure, jpeg_header};
use crate::frame::Size;
use crate::work::Failure;

/// Most bytes of a file that are no pixels: profiles, previews, texts.
pub(super) const METADATA_BYTES_MAX: usize = 8 << 20;
/// Most bytes of a colour profile as it is stored; print profiles have some 2 MB.
pub(super) const PROFILE_BYTES_MAX: usize = 4 << 20;
/// Most pixels of a PNG that is decoded in process: its decoder holds all of them.
const PLAIN_PNG_PIXELS_MAX: u64 = 4_000_000;

/// A format that this worker reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Raster(ImageFormat),
}

/// What the first part of a file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) format: Format,
    /// Of the image as it is stored; none where only a decoder could tell.
    pub(super) size: Option<Size>,
    pub(super) is_plain: bool,
}

// === impl Format ===

impl Format {
    /// The format by its first bytes.
    pub(super) fn sniff(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => {
                Some(Self::Raster(ImageFormat::Png))
            }
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Raster(ImageFormat::Gif)),
            [b'B', b'M', ..] => Some(Self::Raster(ImageFormat::Bmp)),
            [
                b'R',
                b'I',
                b'F',
                b'F',
                _,
                _,
                _,
                _,
                b'W',
                b'E',
                b'B',
                b'P',
                ..,
            ] => Some(Self::Raster(ImageFormat::WebP)),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "jpeg",
            Self::Raster(ImageFormat::Png) => "png",
            Self::Raster(ImageFormat::WebP) => "webp",
            Self::Raster(ImageFormat::Gif) => "gif",
            Self::Raster(_) => "bmp",
        }
    }
}

// === impl Header ===

impl Header {
    /// Reads a file's header.
    ///
    /// # Errors
    /// `UnsupportedFormat`; `TooLarge` where profiles and texts are more than the limits allow.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Failure> {
        let Some(format) = Format::sniff(bytes) else {
            let message = "not a JPEG, PNG, WebP, GIF or BMP";
            return Err(failure(Reason::UnsupportedFormat, message));
        };
        let (size, is_plain) = match format {
            Format::Jpeg => {
                let jpeg = jpeg_header::read(bytes);
                check_metadata(jpeg.metadata_bytes, jpeg.profile_bytes)?;
                (jpeg.size, jpeg.is_plain)
            }
            Format::Raster(ImageFormat::Png) => png(bytes)?,
            Format::Raster(ImageFormat::WebP) => (webp(bytes)?, false),
            Format::Raster(ImageFormat::Gif) => (gif(bytes), false),
            Format::Raster(_) => (bmp(bytes), false),
        };
        Ok(Self {
            format,
            size,
            is_plain,
        })
    }
}

fn check_metadata(metadata: usize, profile: usize) -> Result<(), Failure> {
    let too_large = |what: &str, bytes: usize, most: usize| {
        let message = format!("{bytes} bytes of {what}; {most} are allowed");
        Err(failure(Reason::TooLarge, message))
    };
    if profile > PROFILE_BYTES_MAX {
        return too_large("colour profile", profile, PROFILE_BYTES_MAX);
    }
    if metadata > METADATA_BYTES_MAX {
        return too_large("metadata", metadata, METADATA_BYTES_MAX);
    }
    Ok(())
}

pub(super) fn u16_be(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

fn u32_be(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
}

fn u16_le(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from(u16::from_le_bytes(*bytes)))
}

fn u32_le(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*bytes))
}

// === PNG ===

/// A chunk of a PNG: its kind, and where it is with length and checksum.
pub(super) struct Chunk<'a> {
    pub(super) kind: [u8; 4],
    pub(super) data_bytes: usize,
    pub(super) whole: &'a [u8],
}

/// The chunks of a PNG as far as they are whole; the last one may be cut off.
pub(super) fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk<'_>> {
    let mut at = 8;
    std::iter::from_fn(move || {
        let data_bytes = u32_be(bytes, at)? as usize;
        let kind = *bytes.get(at + 4..)?.first_chunk()?;
        let end = at.saturating_add(data_bytes).saturating_add(12);
        let whole = &bytes[at..end.min(bytes.len())];
        at = end;
        Some(Chunk {
            kind,
            data_bytes,
            whole,
        })
    })
}

fn png(bytes: &[u8]) -> Result<(Option<Size>, bool), Failure> {
    let size = u32_be(bytes, 16)
        .zip(u32_be(bytes, 20))
        .map(|(width, height)| Size::new(width, height));
    let (mut metadata, mut profile) = (0_usize, 0_usize);
    for chunk in png_chunks(bytes) {
        match &chunk.kind {
            // What is decoded.
            b"IHDR" | b"PLTE" | b"tRNS" | b"IDAT" | b"IEND" | b"fdAT" => {}
            b"iCCP" => profile = profile.max(chunk.data_bytes),
            _ => metadata = metadata.saturating_add(chunk.data_bytes),
        }
    }
    // A length that goes past the end is damage, which is the decoder's to tell.
    check_metadata(metadata.min(bytes.len()), profile.min(bytes.len()))?;
    let starts_well = bytes.get(8..16) == Some(b"\0\0\0\x0dIHDR".as_slice());
    let is_interlaced = bytes.get(28) != Some(&0);
    let is_small = size.is_some_and(|size| size.pixels() <= PLAIN_PNG_PIXELS_MAX);
    Ok((size, starts_well && is_small && !is_interlaced))
}

// === the others ===

fn gif(bytes: &[u8]) -> Option<Size> {
    Some(Size::new(u16_le(bytes, 6)?, u16_le(bytes, 8)?))
}

fn bmp(bytes: &[u8]) -> Option<Size> {
    const OS2_HEADER_BYTES: u32 = 12;
    if u32_le(bytes, 14)? == OS2_HEADER_BYTES {
        return Some(Size::new(u16_le(bytes, 18)?, u16_le(bytes, 20)?));
    }
    let side = |at: usize| Some((u32_le(bytes, at)? as i32).unsigned_abs());
    // A negative height counts rows from the top.
    Some(Size::new(side(18)?, side(22)?))
}

fn webp(bytes: &[u8]) -> Result<Option<Size>, Failure> {
    let (mut metadata, mut profile, mut at) = (0_usize, 0_usize, 12_usize);
    while let (Some(kind), Some(length)) = (bytes.get(at..at + 4), u32_le(bytes, at + 4)) {
        let length = length as usize;
        match kind {
            b"ICCP" => profile = profile.max(length),
            b"EXIF" | b"XMP " => metadata = metadata.saturating_add(length),
            _ => {}
        }
        at = at.saturating_add(8).saturating_add(length + length % 2);
    }
    check_metadata(metadata.min(bytes.len()), profile.min(bytes.len()))?;
    Ok(webp_size(bytes))
}

fn webp_size(bytes: &[u8]) -> Option<Size> {
    match bytes.get(12..16)? {
        b"VP8 " => Some(Size::new(
            u16_le(bytes, 26)? & 0x3fff,
            u16_le(bytes, 28)? & 0x3fff,
        )),
        b"VP8L" => {
            let sides = u32_le(bytes, 21)?;
            Some(Size::new(
                (sides & 0x3fff) + 1,
                ((sides >> 14) & 0x3fff) + 1,
            ))
        }
        b"VP8X" => {
            let three_bytes = |at: usize| Some(u32_le(bytes, at)? & 0x00ff_ffff);
            let width = three_bytes(24)?;
            // The last of its four bytes may be the first of the next chunk, or none.
            let height = u16_le(bytes, 27)? | u32::from(*bytes.get(29)?) << 16;
            Some(Size::new(width + 1, height + 1))
        }
        _ => None,
    }
}
