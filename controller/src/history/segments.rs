//! Closed files of the journal, compressed: what explains, replays and what-ifs work on.

use std::fs::File;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use rusqlite::{Connection, params};

use super::schema;

/// Takes a file of the journal in. One that is in already stays as it is.
pub(super) fn write(to: &Connection, number: u64, path: &Path) -> anyhow::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        // Its segment was written and the file removed, and then the same was asked again.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
    let (mut lines, mut first, mut last) = (0_u64, None, None);
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        packed.write_all(&line)?;
        lines += 1;
        if let Some(at) = time_of(&line) {
            first.get_or_insert(at);
            last = Some(at);
        }
        line.clear();
    }
    to.execute(
        "INSERT OR IGNORE INTO segments VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            super::timeline::whole(number),
            first,
            last,
            super::timeline::whole(lines),
            packed.finish()?
        ],
    )?;
    Ok(())
}

/// When a line was written, as its head says; snapshots have it there.
fn time_of(line: &[u8]) -> Option<i64> {
    let head = std::str::from_utf8(line.get(..200.min(line.len()))?).ok()?;
    let at = ["\"taken_at\":\"", "\"at\":\""]
        .into_iter()
        .find_map(|key| head.split_once(key))?
        .1;
    let at = at.split('"').next()?;
    let at: jiff::Timestamp = at.parse().ok()?;
    Some(at.as_millisecond())
}

/// Gives every segment's number and lines to `each`, oldest first, those that end before `from_ms` or begin after `to_ms`
/// left out. No history is no segments.
///
/// # Errors
/// When the file cannot be read, or as `each`.
pub(crate) fn read(
    folder: &Path,
    (from_ms, to_ms): (i64, i64),
    mut each: impl FnMut(u64, &mut dyn BufRead) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let path = folder.join(super::FILE);
    if !path.exists() {
        return Ok(());
    }
    let connection = schema::open_to_read(&path)?;
    let numbers = {
        let mut query = connection.prepare(
            "SELECT number FROM segments WHERE coalesce(last_ms, ?2) >= ?1 AND coalesce(first_ms, ?1) <= ?2
             ORDER BY number",
        )?;
        let rows = query.query_map([from_ms, to_ms], |row| row.get::<_, i64>(0))?;
        rows.collect::<rusqlite::Result<Vec<i64>>>()?
    };
    for number in numbers {
        // One at a time: they are large. One that was forgotten meanwhile is no loss.
        let packed: Option<Vec<u8>> = {
            let sql = "SELECT data FROM segments WHERE number = ?1";
            let mut query = connection.prepare_cached(sql)?;
            let mut rows = query.query([number])?;
            rows.next()?.map(|row| row.get(0)).transpose()?
        };
        if let Some(packed) = packed {
            let mut lines = BufReader::new(DeflateDecoder::new(packed.as_slice()));
            each(number.unsigned_abs(), &mut lines)?;
        }
    }
    Ok(())
}

/// The number of the newest segment; 0 if there is none.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn last(folder: &Path) -> anyhow::Result<u64> {
    let path = folder.join(super::FILE);
    if !path.exists() {
        return Ok(0);
    }
    let connection = schema::open_to_read(&path)?;
    let last: Option<i64> =
        connection.query_row("SELECT max(number) FROM segments", [], |row| row.get(0))?;
    Ok(last.map_or(0, i64::unsigned_abs))
}
