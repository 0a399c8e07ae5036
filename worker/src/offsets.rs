//! What is finished above a committed offset, as text for the commit's metadata.
//!
//! ```text
//! offset     100  101  102  103  104  105  106
//!             …    ✓    ✓    …    ✓    ✓    ·      committed: 100
//!            └1┘  └──2──┘  └1┘  └──2──┘           metadata: runs 1 2 1 2
//! ```
//!
//! Runs of unfinished and finished offsets alternate, starting at the committed one; as LEB128, as base64.
//! Deliberately absent: which offsets exist. Gaps (compaction, transaction markers) count as finished.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;

/// Most bytes of metadata that a broker keeps per partition (`offset.metadata.max.bytes`).
pub(crate) const METADATA_BYTES_MAX: usize = 4096;

/// Marks metadata as ours, and its version.
const PREFIX: &str = "spillway1:";

/// Most bytes of runs: what fits after the prefix, at four characters for three bytes.
const RUNS_BYTES_MAX: usize = (METADATA_BYTES_MAX - PREFIX.len()) / 4 * 3;

/// Finished offsets above a committed one: ascending ranges that do not touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FinishedAbove(Vec<Range<i64>>);

// === impl FinishedAbove ===

impl FinishedAbove {
    /// Adds `range`, which must begin at or after the end of all that is there.
    pub(crate) fn push(&mut self, range: Range<i64>) {
        if range.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => self.0.push(range),
        }
    }

    pub(crate) fn contains(&self, offset: i64) -> bool {
        let after = self.0.partition_point(|range| range.end <= offset);
        self.0
            .get(after)
            .is_some_and(|range| range.contains(&offset))
    }

    /// The first offset at or after `offset` that is not finished.
    pub(crate) fn skip(&self, offset: i64) -> i64 {
        let after = self.0.partition_point(|range| range.end <= offset);
        match self.0.get(after) {
            Some(range) if range.contains(&offset) => range.end,
            _ => offset,
        }
    }

    /// The ranges, cut off below `offset`.
    pub(crate) fn from(&self, offset: i64) -> impl Iterator<Item = Range<i64>> {
        self.0
            .iter()
            .map(move |range| range.start.max(offset)..range.end)
            .filter(|range| !range.is_empty())
    }

    /// Text for the metadata of a commit at `committed`; empty when nothing above it is finished.
    ///
    /// What does not fit is left out from the end: those jobs would be repeated, never lost.
    pub(crate) fn encode(&self, committed: i64) -> String {
        let mut runs = Vec::new();
        let mut at = committed;
        for range in self.from(committed) {
            let before = runs.len();
            push_leb128(&mut runs, (range.start - at) as u64);
            push_leb128(&mut runs, (range.end - range.start) as u64);
            if runs.len() > RUNS_BYTES_MAX {
                runs.truncate(before);
                break;
            }
            at = range.end;
        }
        if runs.is_empty() {
            return String::new();
        }
        format!("{PREFIX}{}", BASE64.encode(runs))
    }

    /// Reads the metadata of a commit at `committed`; nothing where it is not ours or damaged.
    pub(crate) fn decode(committed: i64, metadata: &str) -> Self {
        let read = || {
            let mut runs = BASE64
                .decode(metadata.strip_prefix(PREFIX)?)
                .ok()?
                .into_iter();
            let mut finished = Self::default();
            let mut at = committed;
            while let Some(unfinished) = next_leb128(&mut runs) {
                let start = at.checked_add_unsigned(unfinished?)?;
                let end = start.checked_add_unsigned(next_leb128(&mut runs)??)?;
                finished.push(start..end);
                at = end;
            }
            Some(finished)
        };
        read().unwrap_or_default()
    }
}

/// Writes a number as LEB128.
pub(crate) fn push_leb128(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Reads a number that was so written. None at the end; `Some(None)` for a number that is cut off or too large.
pub(crate) fn next_leb128(bytes: &mut impl Iterator<Item = u8>) -> Option<Option<u64>> {
    let mut value = 0_u64;
    for (index, byte) in bytes.enumerate().take(10) {
        value |= u64::from(byte & 0x7f)
            .checked_shl(7 * index as u32)
            .unwrap_or(0);
        if byte < 0x80 {
            return Some(Some(value));
        }
        if index == 9 {
            return Some(None);
        }
    }
    // Out of bytes: between two numbers that is the end, within one it is damage.
    (value != 0).then_some(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finished(offsets: impl IntoIterator<Item = i64>) -> FinishedAbove {
        let mut finished = FinishedAbove::default();
        for offset in offsets {
            finished.push(offset..offset + 1);
        }
        finished
    }

    #[test]
    fn metadata_that_is_not_ours_says_nothing() {
        for text in [
            "",
            "x",
            "spillway1:",
            "spillway1:%%%",
            "spillway1:_w",
            "spillway1:////",
            "spillway2:AQI",
        ] {
            assert_eq!(
                FinishedAbove::decode(5, text),
                FinishedAbove::default(),
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_left_out_from_the_end() {
        let all = finished((1..40_000).step_by(2));
        let text = all.encode(0);
        assert!(text.len() <= METADATA_BYTES_MAX, "{} bytes", text.len());
        let read = FinishedAbove::decode(0, &text);
        assert!(read.contains(1) && read.contains(2001) && !read.contains(39_999));
        assert!(!read.contains(2) && !read.contains(0));
    }

    proptest! {
        #[test]
        fn metadata_reads_back(
            committed in 0..1_i64 << 40,
            steps in proptest::collection::btree_set(0..600_i64, 0..200),
        ) {
            let all = finished(steps.iter().map(|step| committed + step));
            let text = all.encode(committed);
            prop_assert!(text.is_ascii() && text.len() <= METADATA_BYTES_MAX);
            let read = FinishedAbove::decode(committed, &text);
            prop_assert_eq!(&read, &all);
            for step in 0..600 {
                prop_assert_eq!(read.contains(committed + step), steps.contains(&step));
            }
        }

        #[test]
        fn any_text_is_read_without_a_panic(text in "spillway1:[A-Za-z0-9_-]{0,64}") {
            let _ = FinishedAbove::decode(i64::MAX - 10, &text);
        }
    }
}
