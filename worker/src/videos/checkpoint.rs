//! How far a video is, as text for the metadata of a commit that does not move.
//!
//! ```text
//! fingerprint · time of the last frame · frames of each segment that is done
//!   8 bytes      1 more than it, or 0     1 more than their number; 0 RUN NUMBER for many alike
//! ```
//!
//! All but the fingerprint as LEB128; all as base64.
//! Deliberately absent: the video's offset, which is that of the commit.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

use spillway_wire::FRAMES_MAX;

use super::plan::{LENGTH_MAX_MS, SEGMENTS_MAX};
use crate::offsets::{METADATA_BYTES_MAX, next_leb128, push_leb128};

/// Marks metadata as ours, and its version.
const PREFIX: &str = "spillway-video1:";
/// Fewest equal numbers that are written as a run: three bytes.
const RUN_MIN: usize = 4;

/// Segments that are done: all of their frames are acknowledged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// Of which file it is: another one under the same address is begun anew.
    pub(super) fingerprint: [u8; 8],
    /// When the last frame that was taken is shown, milliseconds; none where none was.
    pub(super) last_ms: Option<u64>,
    /// Frames sent, by segment.
    pub(super) frames: Vec<u32>,
}

// === impl Checkpoint ===

impl Checkpoint {
    /// Frames sent.
    pub(super) fn sent(&self) -> u32 {
        self.frames.iter().sum()
    }

    /// Text for the metadata; empty where it does not fit, which no video of [`SEGMENTS_MAX`] segments and as many frames
    /// as one may have makes happen: then a worker that takes over begins anew.
    pub(super) fn encode(&self) -> String {
        let mut bytes = self.fingerprint.to_vec();
        push_leb128(&mut bytes, self.last_ms.map_or(0, |last| last + 1));
        for run in self.frames.chunk_by(|a, b| a == b) {
            let number = u64::from(run[0]);
            if run.len() >= RUN_MIN {
                bytes.push(0);
                push_leb128(&mut bytes, run.len() as u64);
                push_leb128(&mut bytes, number);
            } else {
                for _ in run {
                    push_leb128(&mut bytes, number + 1);
                }
            }
        }
        let text = format!("{PREFIX}{}", BASE64.encode(bytes));
        match text.len() <= METADATA_BYTES_MAX {
            true => text,
            false => String::new(),
        }
    }

    /// Reads metadata; none where it is not ours or damaged.
    pub(super) fn decode(metadata: &str) -> Option<Self> {
        let bytes = BASE64.decode(metadata.strip_prefix(PREFIX)?).ok()?;
        let (fingerprint, rest) = bytes.split_first_chunk()?;
        let mut rest = rest.iter().copied();
        let last_ms = next_leb128(&mut rest)??.checked_sub(1);
        // Anybody with the right to commit could have written it: nothing is reckoned with that no video has.
        if last_ms.is_some_and(|last| last > 2 * LENGTH_MAX_MS) {
            return None;
        }
        let mut frames = Vec::new();
        while let Some(token) = next_leb128(&mut rest) {
            let (count, number) = match token? {
                0 => (next_leb128(&mut rest)??, next_leb128(&mut rest)??),
                more => (1, more - 1),
            };
            let count = usize::try_from(count).ok()?;
            if frames.len().checked_add(count)? > SEGMENTS_MAX {
                return None;
            }
            let number = u32::try_from(number).ok().filter(|it| *it <= FRAMES_MAX)?;
            frames.extend(std::iter::repeat_n(number, count));
        }
        Some(Self {
            fingerprint: *fingerprint,
            last_ms,
            frames,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn metadata_that_is_not_ours_says_nothing() {
        for text in [
            "",
            "spillway1:AQI",
            "spillway-video1:",
            "spillway-video1:AAAA",
            "spillway-video1:%%%",
            // A run without end, a last frame after all time, more frames than there may be.
            "spillway-video1:AAAAAAAAAAAAAICAgICAIAE",
            "spillway-video1:AAAAAAAAAAD__________38",
            "spillway-video1:AAAAAAAAAAAAopwB",
        ] {
            assert_eq!(Checkpoint::decode(text), None, "{text:?}");
        }
    }

    #[test]
    fn many_segments_alike_cost_little() {
        let checkpoint = Checkpoint {
            frames: vec![60; SEGMENTS_MAX],
            ..Checkpoint::default()
        };
        assert!(checkpoint.encode().len() < 50);
    }

    proptest! {
        #[test]
        fn every_video_that_may_be_fits_and_reads_back(
            shares in proptest::collection::vec(0..1_500_u32, 0..SEGMENTS_MAX),
            is_sparse in any::<bool>(),
            fingerprint in any::<[u8; 8]>(),
            last_ms in proptest::option::of(0..100_000_000_u64),
        ) {
            // As many frames as there may be, spread in some way over as many segments.
            let mut left = FRAMES_MAX;
            let frames = shares.iter().map(|share| {
                let most = if is_sparse { share % 15 } else { *share };
                let number = most.min(left);
                left -= number;
                number
            });
            let checkpoint = Checkpoint { fingerprint, last_ms, frames: frames.collect() };
            let text = checkpoint.encode();
            prop_assert!(!text.is_empty() && text.len() <= METADATA_BYTES_MAX);
            prop_assert_eq!(Checkpoint::decode(&text), Some(checkpoint));
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "spillway-video1:[A-Za-z0-9_-]{0,64}") {
            let _ = Checkpoint::decode(&text);
        }
    }
}
