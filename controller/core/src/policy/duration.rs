//! Durations as policies write them: `90s`, `15m`, `1h30m`. The language is that of [`PATTERN`], which the API server checks.

use jiff::SignedDuration;

/// What is a duration, for who has regular expressions and this has not: one or more numbers with their units.
///
/// Nine digits at most, so that no sum of what fits into a field overflows.
pub(super) const PATTERN: &str = r"^\s*(\d{1,9}(\.\d{1,9})?\s*(ms|s|m|h|d)\s*)+$";

/// Most digits of a number.
const DIGITS_MAX: usize = 9;
/// Nanoseconds of each unit; one that begins another comes after it.
const UNITS: [(&str, i128); 5] = [
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Reads a duration; none if it is not one.
pub(super) fn parse(text: &str) -> Option<SignedDuration> {
    let mut rest = blank(text);
    let mut nanos = 0_i128;
    loop {
        let whole = digits(&mut rest)?;
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            fraction = digits(&mut rest)?;
        }
        rest = blank(rest);
        let (name, unit) = UNITS.into_iter().find(|(name, _)| rest.starts_with(name))?;
        rest = blank(&rest[name.len()..]);
        let parts = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
        let fraction: i128 = format!("0{fraction}").parse().ok()?;
        nanos += whole.parse::<i128>().ok()? * unit + fraction * unit / parts;
        if rest.is_empty() {
            let seconds = i64::try_from(nanos / 1_000_000_000).ok()?;
            let left = i32::try_from(nanos % 1_000_000_000).ok()?;
            return Some(SignedDuration::new(seconds, left));
        }
    }
}

/// Takes a number off the front.
fn digits<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let count = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, after) = rest.split_at(count);
    *rest = after;
    (1..=DIGITS_MAX).contains(&count).then_some(digits)
}

fn blank(text: &str) -> &str {
    text.trim_start_matches(|letter: char| letter.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Known {
        taken: BTreeMap<String, i128>,
        refused: Vec<String>,
    }

    #[test]
    fn what_is_a_duration_is_that_of_the_list_that_the_api_server_is_tried_with() {
        let known: Known = serde_json::from_str(include_str!("testdata/durations.json")).unwrap();
        for (text, ms) in known.taken {
            let read = parse(&text).unwrap_or_else(|| panic!("{text:?} is refused"));
            assert_eq!(read.as_millis(), ms, "{text:?}");
        }
        for text in known.refused {
            assert_eq!(parse(&text), None, "{text:?}");
        }
    }
}
