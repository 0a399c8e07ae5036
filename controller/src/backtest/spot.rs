//! A recorded spot market, from a CSV file: `t_seconds,available`, a line at each change, the last one marking the end.

use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use spillway_sim::SpotSeries;

const HEADER: &str = "t_seconds,available";
/// A series of more bytes than this is none.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Notice before a machine is taken back, seconds: AWS's.
const NOTICE: f64 = 120.0;

/// Reads a series.
///
/// # Errors
/// When it is none: with line and column.
pub(super) fn load(path: &Path) -> anyhow::Result<SpotSeries> {
    let shown = path.display().to_string();
    let bytes = std::fs::metadata(path)
        .with_context(|| format!("cannot read {shown}"))?
        .len();
    ensure!(bytes <= FILE_BYTES_MAX, "{shown} is larger than 16 MiB");
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    parse(&shown, &text)
}

fn parse(name: &str, text: &str) -> anyhow::Result<SpotSeries> {
    let mut lines = (1..).zip(text.lines().map(|line| line.trim_end_matches('\r')));
    match lines.next() {
        Some((_, header)) if header.trim_start_matches('\u{feff}') == HEADER => {}
        _ => bail!("{name}:1:1: the first line must be `{HEADER}`"),
    }
    let mut changes: Vec<(f64, u32)> = Vec::new();
    for (line, text) in lines.filter(|(_, text)| !text.trim().is_empty()) {
        let Some((at, available)) = text.split_once(',') else {
            bail!("{name}:{line}:1: `{text}` is not `{HEADER}`");
        };
        let seconds: f64 = at
            .trim()
            .parse()
            .ok()
            .filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0)
            .with_context(|| format!("{name}:{line}:1: `{at}` is no number of seconds"))?;
        let column = at.len() + 2;
        let available = available.trim().parse().ok().with_context(|| {
            format!("{name}:{line}:{column}: `{available}` is no number of machines")
        })?;
        if let Some((last, _)) = changes.last()
            && seconds <= *last
        {
            bail!("{name}:{line}:1: {seconds} s does not come after {last} s");
        }
        changes.push((seconds, available));
    }
    let Some((lasts, _)) = changes.pop().filter(|_| !changes.is_empty()) else {
        bail!("{name}: a series has two lines at least, the last of which is its end");
    };
    ensure!(
        changes[0].0 <= 0.0,
        "{name}:2:1: a series begins at 0 s, not at {} s",
        changes[0].0
    );
    let most = changes.iter().map(|(_, available)| *available).max();
    let most = most.filter(|most| *most > 0);
    Ok(SpotSeries {
        most: most.with_context(|| format!("{name}: there never was a machine"))?,
        lasts,
        notice: NOTICE,
        changes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_read_and_its_mistakes_have_a_place() {
        let series = parse("s.csv", "t_seconds,available\n0,2\n60.5,0\n90,0\n").unwrap();
        assert_eq!((series.most, series.changes.len()), (2, 2));
        assert!((series.lasts - 90.0).abs() < 1e-9);
        for (text, told) in [
            ("seconds\n0,1", "s.csv:1:1"),
            ("t_seconds,available\n0,1\nx,1\n", "s.csv:3:1"),
            ("t_seconds,available\n0,1\n10,-1\n", "s.csv:3:4"),
            ("t_seconds,available\n0,1\nNaN,1\n", "s.csv:3:1"),
            ("t_seconds,available\n5,1\n5,0\n", "s.csv:3:1"),
            ("t_seconds,available\n5,1\n9,0\n", "begins at 0"),
            ("t_seconds,available\n0,1\n", "two lines"),
            ("t_seconds,available\n0,0\n9,0\n", "never was"),
        ] {
            let error = parse("s.csv", text).unwrap_err().to_string();
            assert!(error.contains(told), "{text:?}: {error}");
        }
    }
}
