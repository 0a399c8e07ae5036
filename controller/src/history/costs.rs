//! What each pool cost and did, day by day.
//!
//! A pool whose machines are intents adds what they have cost since the last look, also over a time without a controller.
//! Of one whose price an hour is all that is known, only the time that was watched is counted.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};

use super::timeline::{PoolSample, Sample, whole};

/// Between two samples further apart than this nobody watched.
const WATCHED_MAX_SECONDS: f64 = 60.0;

/// One pool on one day.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DayOfPool {
    /// As `2026-11-25`, UTC.
    pub(crate) day: String,
    pub(crate) pool: String,
    pub(crate) dollars: f64,
    /// Of these, for ready workers that were not busy.
    pub(crate) idle_dollars: f64,
    pub(crate) images: f64,
    /// The most jobs that were going to be late at some time of the day.
    pub(crate) late_max: u64,
}

/// A pool since the history began.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct PoolTotal {
    pub(crate) dollars: f64,
    pub(crate) images: f64,
}

/// What was last seen of each pool.
#[derive(Debug, Default)]
pub(super) struct Costs {
    seen: BTreeMap<(String, String), Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    at_ms: i64,
    dollars: Option<f64>,
    images: f64,
}

// === impl Costs ===

impl Costs {
    pub(super) fn read(from: &Connection) -> anyhow::Result<Self> {
        let mut query = from.prepare("SELECT policy, pool, at_ms, dollars, images FROM seen")?;
        let rows = query.query_map([], |row| {
            let seen = Seen {
                at_ms: row.get(2)?,
                dollars: row.get(3)?,
                images: row.get::<_, Option<f64>>(4)?.unwrap_or(0.0),
            };
            Ok(((row.get(0)?, row.get(1)?), seen))
        })?;
        Ok(Self {
            seen: rows.collect::<rusqlite::Result<_>>()?,
        })
    }

    pub(super) fn write(&mut self, to: &Connection, sample: &Sample) -> rusqlite::Result<()> {
        let day = Timestamp::from_second(sample.at)
            .map(|at| at.strftime("%Y-%m-%d").to_string())
            .unwrap_or_default();
        for (pool, now) in &sample.pools {
            let key = (sample.policy.clone(), pool.clone());
            let seen = Seen {
                at_ms: sample.at * 1_000,
                dollars: now.cost_total,
                images: now.images,
            };
            let before = self.seen.insert(key, seen);
            let dollars = spent(before.as_ref(), &seen, now);
            // A worker that is gone took its counter along: what is left counts from there.
            let images = before.map_or(0.0, |before| (seen.images - before.images).max(0.0));
            let idle = dollars * now.idle_share.unwrap_or(0.0);
            to.prepare_cached(
                "INSERT INTO days VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET
                    dollars = dollars + excluded.dollars, idle_dollars = idle_dollars + excluded.idle_dollars,
                    images = images + excluded.images, late_max = max(late_max, excluded.late_max)",
            )?
            .execute(params![
                sample.policy,
                day,
                pool,
                dollars,
                idle,
                images,
                whole(sample.late)
            ])?;
            to.prepare_cached("INSERT OR REPLACE INTO seen VALUES (?1, ?2, ?3, ?4, ?5)")?
                .execute(params![
                    sample.policy,
                    pool,
                    seen.at_ms,
                    seen.dollars,
                    seen.images
                ])?;
        }
        Ok(())
    }
}

/// Dollars between two looks.
fn spent(before: Option<&Seen>, seen: &Seen, now: &PoolSample) -> f64 {
    match (before, seen.dollars) {
        (_, Some(total)) => {
            let counted = before.and_then(|before| before.dollars).unwrap_or(0.0);
            // A state folder that was emptied begins anew.
            if total >= counted {
                total - counted
            } else {
                total
            }
        }
        (Some(before), None) => {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of a minute")]
            let seconds = (seen.at_ms - before.at_ms) as f64 / 1_000.0;
            if (0.0..=WATCHED_MAX_SECONDS).contains(&seconds) {
                now.cost_per_hour * seconds / 3_600.0
            } else {
                0.0
            }
        }
        (None, None) => 0.0,
    }
}

pub(super) fn days(
    from: &Connection,
    policy: &str,
    since: &str,
) -> rusqlite::Result<Vec<DayOfPool>> {
    let mut query = from.prepare_cached(
        "SELECT day, pool, dollars, idle_dollars, images, late_max FROM days
         WHERE policy = ?1 AND day >= ?2 ORDER BY day, pool",
    )?;
    let rows = query.query_map(params![policy, since], |row| {
        Ok(DayOfPool {
            day: row.get(0)?,
            pool: row.get(1)?,
            dollars: row.get(2)?,
            idle_dollars: row.get(3)?,
            images: row.get(4)?,
            late_max: row.get::<_, i64>(5)?.unsigned_abs(),
        })
    })?;
    rows.collect()
}

pub(super) fn totals(
    from: &Connection,
    policy: &str,
) -> rusqlite::Result<BTreeMap<String, PoolTotal>> {
    let mut query = from.prepare_cached(
        "SELECT pool, sum(dollars), sum(images) FROM days WHERE policy = ?1 GROUP BY pool",
    )?;
    let rows = query.query_map([policy], |row| {
        let total = PoolTotal {
            dollars: row.get(1)?,
            images: row.get(2)?,
        };
        Ok((row.get(0)?, total))
    })?;
    rows.collect()
}
