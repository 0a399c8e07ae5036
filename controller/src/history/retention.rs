//! What is kept: so many days, and so many bytes, whichever is less; the oldest goes first.

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::lags::KEPT_SECONDS;
use super::timeline::SECONDS_KEPT;

/// What is kept at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keep {
    pub(crate) days: u32,
    pub(crate) bytes: u64,
}

/// How large the history is, and how far it reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) bytes: u64,
    /// Of the first sample or decision.
    pub(crate) oldest_ms: Option<i64>,
    pub(crate) entries: u64,
    pub(crate) samples: u64,
}

/// Of what is too much, this part of the history's time goes at once.
const FORGOTTEN_PARTS: i64 = 20;
/// Such parts at once at most: what is left is looked at the next time.
const ROUNDS_MAX: usize = 40;

impl Default for Keep {
    fn default() -> Self {
        Self {
            days: 30,
            bytes: 1 << 30,
        }
    }
}

/// Removes what is too old, and then what is too much.
pub(super) fn forget(from: &Connection, keep: Keep, now: Timestamp) -> rusqlite::Result<()> {
    let now = now.as_second();
    from.execute("DELETE FROM samples WHERE at < ?1", [now - SECONDS_KEPT])?;
    from.execute("DELETE FROM lags WHERE at < ?1", [now - KEPT_SECONDS])?;
    forget_before(from, now - i64::from(keep.days) * 86_400)?;
    for _ in 0..ROUNDS_MAX {
        if bytes(from)? <= keep.bytes {
            break;
        }
        let Some(oldest_ms) = size(from)?.oldest_ms else {
            break;
        };
        let oldest = oldest_ms.div_euclid(1_000);
        let part = ((now - oldest) / FORGOTTEN_PARTS).max(60);
        forget_before(from, oldest + part)?;
        // The finest goes with the oldest: a small limit is not filled by one day's seconds.
        from.execute("DELETE FROM samples WHERE at < ?1", [oldest + part])?;
        from.execute("DELETE FROM lags WHERE at < ?1", [oldest + part])?;
    }
    from.execute_batch("PRAGMA incremental_vacuum")?;
    Ok(())
}

fn forget_before(from: &Connection, second: i64) -> rusqlite::Result<()> {
    let ms = second.saturating_mul(1_000);
    from.execute("DELETE FROM minutes WHERE at < ?1", [second])?;
    // The last row before is what everything after begins with.
    from.execute(
        "DELETE FROM pools WHERE at < coalesce((SELECT max(at) FROM pools WHERE is_whole AND at <= ?1), ?1)",
        [second],
    )?;
    from.execute(
        "DELETE FROM outcomes WHERE entry IN (SELECT id FROM entries WHERE at_ms < ?1)",
        [ms],
    )?;
    from.execute(
        "DELETE FROM steps WHERE entry IN (SELECT id FROM entries WHERE at_ms < ?1)",
        [ms],
    )?;
    // The newest stays, whatever its age: ids go on from it.
    from.execute(
        "DELETE FROM entries WHERE at_ms < ?1 AND id < (SELECT max(id) FROM entries)
            AND told < (SELECT max(told) FROM entries)",
        params![ms],
    )?;
    from.execute("DELETE FROM segments WHERE coalesce(last_ms, 0) < ?1", [ms])?;
    Ok(())
}

/// Bytes of pages that hold something.
fn bytes(from: &Connection) -> rusqlite::Result<u64> {
    let of = |name: &str| {
        let value: i64 = from.pragma_query_value(None, name, |row| row.get(0))?;
        Ok::<u64, rusqlite::Error>(value.unsigned_abs())
    };
    Ok(of("page_size")? * of("page_count")?.saturating_sub(of("freelist_count")?))
}

pub(super) fn size(from: &Connection) -> rusqlite::Result<Size> {
    let oldest_ms = from.query_row(
        "SELECT min(at) FROM (SELECT min(at) * 1000 AS at FROM minutes UNION ALL
            SELECT min(at) * 1000 FROM samples UNION ALL SELECT min(at_ms) FROM entries UNION ALL
            SELECT min(last_ms) FROM segments)",
        [],
        |row| row.get(0),
    )?;
    let count = |table: &str| {
        let sql = format!("SELECT count(*) FROM {table}");
        from.query_row(&sql, [], |row| row.get::<_, i64>(0))
            .map(i64::unsigned_abs)
    };
    Ok(Size {
        bytes: bytes(from)?,
        oldest_ms,
        entries: count("entries")?,
        samples: count("samples")? + count("minutes")?,
    })
}
