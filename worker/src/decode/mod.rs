//! Pixels from bytes that nobody vouches for: sniffed by content, bounded before anything is allocated.
//!
//! ```text
//! bytes ─▶ header ─▶ limits ─┬─ plain ─▶ codec ───────────────────────┬─▶ frame
//!                            └─ else ─▶ child process (serve ▶ codec) ┘
//! ```
//!
//! Deliberately absent: trust in names, in `Content-Type` and in what a header promises.

mod child;
mod codec;
mod header;
mod jpeg;
mod jpeg_header;
mod limits;
mod protocol;
mod raster;
mod sandbox;
mod serve;

use spillway_wire::{ImageInfo, Reason, Stage};

pub(crate) use serve::serve;

use crate::fetch::BYTES_MAX;
use crate::frame::{Frame, FramePool, Size};
use crate::stats::DecodeCounts;
use crate::work::Failure;
use child::Isolated;
pub(crate) use child::cpu_time;
use codec::{Codec, Upright};
use header::Header;
use limits::{check_size, hold_pixels};

/// The hidden command that makes a process of this program a decoder.
pub(crate) const CHILD_COMMAND: &str = "decode-child";
/// Most pixels of an image.
pub(crate) const PIXELS_MAX: u64 = 50_000_000;
/// Most pixels of an image's side.
pub(crate) const SIDE_MAX: u32 = 16_384;
/// Most bytes that a decoder may allocate for one image: 50 megapixels of four bytes and some room.
const ALLOC_BYTES_MAX: u64 = 256 << 20;

/// Which files are decoded in a child process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// Those that are not plain: see [`header`].
    #[default]
    Unusual,
    /// All.
    All,
}

/// Decodes on one thread; keeps its buffers and its child.
pub(crate) struct Decoder {
    pool: FramePool,
    codec: Codec,
    isolation: Isolation,
    isolated: Isolated,
}

/// What was decoded.
pub(crate) struct Picture {
    pub(crate) frame: Frame,
    pub(crate) info: ImageInfo,
}

// === impl Decoder ===

impl Decoder {
    /// # Errors
    /// If the JPEG library cannot be set up.
    pub(crate) fn new(pool: FramePool) -> anyhow::Result<Self> {
        Self::isolating(pool, Isolation::default(), DecodeCounts::default())
    }

    /// One that isolates what it is told to, and counts what it isolates.
    ///
    /// # Errors
    /// If the JPEG library cannot be set up.
    pub(crate) fn isolating(
        pool: FramePool,
        isolation: Isolation,
        counts: DecodeCounts,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            pool,
            codec: Codec::new()?,
            isolation,
            isolated: Isolated::new(counts),
        })
    }

    /// Starts the child process before it is needed, to hear now if none can be had.
    ///
    /// # Errors
    /// When the system starts no process, or the process cannot be locked in.
    pub(crate) fn prepare(&mut self) -> std::io::Result<()> {
        self.isolated.prepare(self.pool.size())
    }

    /// Makes a frame of an image file.
    ///
    /// # Errors
    /// `TooLarge`, `UnsupportedFormat` or `CorruptImage`; a decoder's panic, death or hang is the last.
    ///
    /// # Panics
    /// If no child process can be started.
    pub(crate) fn decode(&mut self, bytes: &[u8]) -> Result<Picture, Failure> {
        if bytes.len() > BYTES_MAX {
            let message = format!("the file is larger than {BYTES_MAX} bytes");
            return Err(failure(Reason::TooLarge, message));
        }
        let header = Header::read(bytes)?;
        if let Some(size) = header.size {
            check_size(size, bytes.len())?;
        }
        let _held = hold_pixels(header.size.map_or(PIXELS_MAX, Size::pixels));
        let Upright { frame, size } = if header.is_plain && self.isolation == Isolation::Unusual {
            self.codec.decode(bytes, header.format, &self.pool)?
        } else {
            self.isolated.decode(bytes, &self.pool)?
        };
        let info = ImageInfo {
            width: size.width,
            height: size.height,
            blake3: blake3::hash(bytes).to_hex().to_string(),
            format: header.format.name().to_owned(),
            bytes: bytes.len() as u64,
        };
        Ok(Picture { frame, info })
    }
}

fn failure(reason: Reason, message: impl Into<String>) -> Failure {
    Failure::new(Stage::Decode, reason, message)
}

#[cfg(test)]
mod tests;
