//! The decoders themselves with their buffers: in the worker for plain files, in a child process for all others.

use std::panic::{AssertUnwindSafe, catch_unwind};

use spillway_wire::Reason;

use super::header::Format;
use super::jpeg::JpegDecoder;
use super::{failure, raster};
use crate::frame::{Frame, FramePool, FrameWriter, Size};
use crate::work::Failure;

/// Decodes on one thread.
pub(super) struct Codec {
    writer: FrameWriter,
    jpeg: JpegDecoder,
}

/// What a format's decoder gives: the frame and the size of the upright image.
pub(super) struct Upright {
    pub(super) frame: Frame,
    pub(super) size: Size,
}

// === impl Codec ===

impl Codec {
    /// # Errors
    /// If the JPEG library cannot be set up.
    pub(super) fn new() -> anyhow::Result<Self> {
        Ok(Self {
            writer: FrameWriter::default(),
            jpeg: JpegDecoder::new()?,
        })
    }

    /// Makes a frame of an image file of `format`.
    ///
    /// # Errors
    /// `TooLarge`, `UnsupportedFormat` or `CorruptImage`; a decoder's panic is the last.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        format: Format,
        pool: &FramePool,
    ) -> Result<Upright, Failure> {
        let decoded = catch_unwind(AssertUnwindSafe(|| match format {
            Format::Jpeg => self.jpeg.decode(bytes, pool, &mut self.writer),
            Format::Raster(format) => raster::decode(bytes, format, pool, &mut self.writer),
        }));
        decoded.unwrap_or_else(|_| Err(failure(Reason::CorruptImage, "the decoder gave up")))
    }
}
