//! What a worker and its decoding child say to each other.
//!
//! ```text
//! worker                                        child
//!   ── frame's size ──────────────────────────▶   sandboxes itself
//!   ◀─────────────────────────────── READY ────
//!   bytes ▶ memory at 0; ── their length ─────▶   decodes
//!   ◀──────── reply ────   frame ▶ memory at FRAME_AT
//! ```
//!
//! The memory is a file without a name, read and written, never mapped: what the child does to it while the worker
//! reads is an odd pixel at worst.

use std::io::{Error, ErrorKind, Result};

use spillway_wire::Reason;

use super::failure;
use crate::fetch::BYTES_MAX;
use crate::frame::Size;
use crate::work::Failure;

/// What the child says once it can do no more than decode.
pub(super) const READY: u8 = 0xd5;
/// Where the frame is in the shared memory: after the largest file.
pub(super) const FRAME_AT: u64 = BYTES_MAX as u64;
/// Bytes of a reply: a code, two sides or the length of a text, and the text.
pub(super) const REPLY_BYTES: usize = 256;
/// Most bytes of a reply's text.
const TEXT_BYTES_MAX: usize = REPLY_BYTES - 9;

/// What became of an image: the size of the upright image, whose frame is in the memory, or why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply(pub(super) std::result::Result<Size, Failure>);

/// What can go wrong in a decoder, by its code.
const REASONS: [Reason; 3] = [
    Reason::CorruptImage,
    Reason::TooLarge,
    Reason::UnsupportedFormat,
];

/// A size as eight bytes.
pub(super) fn size_to_bytes(size: Size) -> [u8; 8] {
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&size.width.to_le_bytes());
    bytes[4..].copy_from_slice(&size.height.to_le_bytes());
    bytes
}

/// The size in eight bytes.
pub(super) fn size_from_bytes(bytes: [u8; 8]) -> Size {
    let [a, b, c, d, e, f, g, h] = bytes;
    Size::new(
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    )
}

// === impl Reply ===

impl Reply {
    pub(super) fn to_bytes(&self) -> [u8; REPLY_BYTES] {
        let mut bytes = [0; REPLY_BYTES];
        match &self.0 {
            Ok(size) => bytes[1..9].copy_from_slice(&size_to_bytes(*size)),
            Err(failure) => {
                let code = REASONS.iter().position(|reason| *reason == failure.reason);
                bytes[0] = code.unwrap_or(0) as u8 + 1;
                let text = failure.message.as_bytes();
                let text = &text[..text.len().min(TEXT_BYTES_MAX)];
                bytes[1] = text.len() as u8;
                bytes[9..9 + text.len()].copy_from_slice(text);
            }
        }
        bytes
    }

    /// Reads a reply from a child that may be hostile by now.
    pub(super) fn from_bytes(bytes: &[u8; REPLY_BYTES]) -> Result<Self> {
        let wrong = || Error::new(ErrorKind::InvalidData, "the child's reply is no reply");
        let [code, fields @ ..] = bytes;
        if *code == 0 {
            let sides = fields.first_chunk().ok_or_else(wrong)?;
            return Ok(Self(Ok(size_from_bytes(*sides))));
        }
        let reason = REASONS.get(usize::from(*code) - 1).ok_or_else(wrong)?;
        let text = fields
            .get(8..8 + usize::from(fields[0]))
            .ok_or_else(wrong)?;
        let text: String = String::from_utf8_lossy(text)
            .chars()
            .filter(|char| !char.is_control())
            .collect();
        Ok(Self(Err(failure(*reason, text))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn replies_are_read_as_they_were_written() {
        for reply in [
            Reply(Ok(Size::new(4_000, 3_000))),
            Reply(Err(failure(Reason::CorruptImage, "no end"))),
            Reply(Err(failure(Reason::TooLarge, ""))),
            Reply(Err(failure(Reason::UnsupportedFormat, "x".repeat(247)))),
        ] {
            assert_eq!(Reply::from_bytes(&reply.to_bytes()).unwrap(), reply);
        }
        let long = Reply(Err(failure(Reason::TooLarge, "é".repeat(400))));
        let Reply(read) = Reply::from_bytes(&long.to_bytes()).unwrap();
        assert!(read.unwrap_err().message.starts_with("éé"));
    }

    proptest! {
        #[test]
        fn any_reply_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), REPLY_BYTES)) {
            let bytes: [u8; REPLY_BYTES] = bytes.try_into().unwrap();
            if let Ok(Reply(Err(failure))) = Reply::from_bytes(&bytes) {
                prop_assert!(failure.message.len() <= TEXT_BYTES_MAX * 3);
            }
        }
    }
}
