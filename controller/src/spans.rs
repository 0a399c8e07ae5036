//! Spans of time on the command line: as policies write them, and whole days.

use std::time::Duration;

use jiff::SignedDuration;

/// A span above zero: `90s`, `1h30m`, `7d`.
///
/// # Errors
/// A sentence about the argument.
pub(crate) fn span(text: &str) -> Result<Duration, String> {
    let days = text
        .trim()
        .strip_suffix('d')
        .and_then(|it| it.trim().parse::<u32>().ok());
    let span = match days {
        Some(days) => Some(Duration::from_secs(u64::from(days) * 86_400)),
        None => text
            .parse::<SignedDuration>()
            .ok()
            .and_then(|span| Duration::try_from(span).ok()),
    };
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
