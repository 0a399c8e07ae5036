//! Spans of time on the command line, as policies write them.

use std::time::Duration;

use spillway_core::raw;

/// A span above zero: `90s`, `1h30m`, `7d`.
///
/// # Errors
/// A sentence about the argument.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let span = raw::duration(text).and_then(|span| Duration::try_from(span).ok());
    span.filter(|span| !span.is_zero())
        .ok_or_else(|| "must be a duration above zero, as 90s, 12h or 7d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_policies_write_them_and_in_days() {
        for (text, seconds) in [("90s", 90), ("1h30m", 5_400), ("7d", 604_800)] {
            assert_eq!(span(text).unwrap().as_secs(), seconds, "{text}");
        }
        for text in ["", "0s", "0d", "-1h", "d", "7", "soon"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
