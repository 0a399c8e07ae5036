//! Lags of single partitions, every ten seconds, for a day.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use rusqlite::{Connection, params};

/// A look is kept so often.
pub(crate) const EVERY_SECONDS: i64 = 10;
/// And for so long.
pub(super) const KEPT_SECONDS: i64 = 86_400;
/// What one look may be when unpacked: 100,000 partitions and more.
const BYTES_MAX: u64 = 16 << 20;

/// Every partition's lag at a second; none where it is unknown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LagsSeen {
    pub(crate) policy: String,
    pub(crate) at: i64,
    /// By topic, by partition.
    pub(crate) lags: BTreeMap<String, BTreeMap<i32, Option<u64>>>,
}

pub(super) fn write(to: &Connection, seen: &LagsSeen) -> anyhow::Result<()> {
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&serde_json::to_vec(&seen.lags)?)?;
    to.prepare_cached("INSERT OR REPLACE INTO lags VALUES (?1, ?2, ?3)")?
        .execute(params![seen.policy, seen.at, packed.finish()?])?;
    Ok(())
}

pub(super) fn read(
    from: &Connection,
    policy: &str,
    first: Timestamp,
    last: Timestamp,
) -> rusqlite::Result<Vec<LagsSeen>> {
    let mut query = from.prepare_cached(
        "SELECT at, data FROM lags WHERE policy = ?1 AND at >= ?2 AND at <= ?3 ORDER BY at",
    )?;
    let mut rows = query.query(params![policy, first.as_second(), last.as_second()])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let packed: Vec<u8> = row.get(1)?;
        let mut text = Vec::new();
        let unpacked = DeflateDecoder::new(packed.as_slice())
            .take(BYTES_MAX)
            .read_to_end(&mut text);
        // A damaged row is a gap, not the end of all others.
        if let (Ok(_), Ok(lags)) = (unpacked, serde_json::from_slice(&text)) {
            found.push(LagsSeen {
                policy: policy.to_owned(),
                at: row.get(0)?,
                lags,
            });
        }
    }
    Ok(found)
}
