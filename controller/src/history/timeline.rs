//! Samples: what a policy was like second by second, and minute by minute for as long as the history reaches.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

/// Samples of a second are kept for so long; then those of minutes are left.
pub(super) const SECONDS_KEPT: i64 = 86_400;
/// A row of all pools is written so often, so that no reader has to look further back.
const WHOLE_EVERY: i64 = 3_600;
/// Widths of a step, in seconds: each is a multiple of a sample, or divides a minute or a day.
const STEPS: [i64; 16] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 86_400,
];

/// A policy at one second.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) policy: String,
    /// Unix seconds.
    pub(crate) at: i64,
    pub(crate) backlog: Option<u64>,
    pub(crate) oldest_age: Option<f64>,
    /// Seconds; infinite if never.
    pub(crate) drain_eta: Option<f64>,
    pub(crate) objective: f64,
    pub(crate) arrival_rate: Option<f64>,
    pub(crate) service_rate: f64,
    pub(crate) late: u64,
    pub(crate) cost_per_hour: f64,
    pub(crate) burst_cost_per_hour: f64,
    pub(crate) spent_today: f64,
    /// Jobs that ever arrived in the topics and that the group ever committed; none where a partition is unknown.
    pub(crate) arrived: Option<u64>,
    pub(crate) done: Option<u64>,
    pub(crate) pools: BTreeMap<String, PoolSample>,
}

/// A pool at one second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PoolSample {
    pub(crate) is_base: bool,
    pub(crate) desired: u32,
    pub(crate) ready: u64,
    pub(crate) booting: u64,
    pub(crate) draining: u64,
    /// What it has cost in all, where its machines are intents; none where only their price an hour is known.
    pub(crate) cost_total: Option<f64>,
    pub(crate) cost_per_hour: f64,
    /// Images that its present workers have done since they started, by their counters.
    pub(crate) images: f64,
    /// Share of its ready workers' time that was not busy, 0..1; none without heartbeats.
    pub(crate) idle_share: Option<f64>,
}

/// What is asked of the timeline.
#[derive(Debug, Clone)]
pub(crate) struct TimelineAsked {
    pub(crate) policy: String,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) now: Timestamp,
    pub(crate) points: u32,
}

/// Columns of equal length, one place a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Timeline {
    pub(crate) step: i64,
    /// Seconds between the samples that were read.
    pub(crate) resolution: i64,
    pub(crate) at: Vec<i64>,
    pub(crate) series: Vec<Option<Stepped>>,
    pub(crate) pools: BTreeMap<String, Vec<Option<Counts>>>,
    /// The first sample there is.
    pub(crate) oldest: Option<i64>,
}

/// A step of the timeline: the largest backlog, age, ETA, late jobs; the mean rates.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stepped {
    pub(crate) backlog: Option<u64>,
    pub(crate) oldest_age: Option<f64>,
    pub(crate) drain_eta: Option<f64>,
    pub(crate) objective: Option<f64>,
    pub(crate) arrival_rate: Option<f64>,
    pub(crate) service_rate: Option<f64>,
    pub(crate) late: Option<u64>,
    pub(crate) cost_per_hour: Option<f64>,
    pub(crate) burst_cost_per_hour: Option<f64>,
    pub(crate) spent_today: Option<f64>,
    /// Base workers, bought ones and those that boot, at most.
    pub(crate) base: u64,
    pub(crate) burst: u64,
    pub(crate) booting: u64,
}

/// Machines of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) desired: u64,
    pub(crate) ready: u64,
    pub(crate) booting: u64,
    pub(crate) draining: u64,
}

/// What was last written of each pool.
#[derive(Debug, Default)]
pub(super) struct PoolsSeen {
    last: BTreeMap<String, Counts>,
    whole_at: Option<i64>,
}

// === impl Sample ===

impl Sample {
    fn working(&self, is_base: bool) -> u64 {
        let pools = self.pools.values().filter(|pool| pool.is_base == is_base);
        // Those that leave still work off what they hold.
        pools.map(|pool| pool.ready + pool.draining).sum()
    }
}

// === impl PoolsSeen ===

impl PoolsSeen {
    /// Writes the pools whose counts are others than before; now and then all of them.
    pub(super) fn write(&mut self, to: &Connection, sample: &Sample) -> rusqlite::Result<()> {
        let is_whole = self.whole_at.is_none_or(|at| sample.at - at >= WHOLE_EVERY);
        let is_gone = |name: &&String| !sample.pools.contains_key(*name);
        let gone: Vec<String> = self.last.keys().filter(is_gone).cloned().collect();
        let now = sample
            .pools
            .iter()
            .map(|(name, pool)| (name.clone(), Counts::of(pool)));
        let gone = gone.into_iter().map(|name| (name, Counts::default()));
        let all: Vec<(String, Counts)> = now.chain(gone).collect();
        for (name, counts) in all {
            if !is_whole && self.last.get(&name) == Some(&counts) {
                continue;
            }
            to.prepare_cached(
                "INSERT OR REPLACE INTO pools VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                sample.policy,
                sample.at,
                name,
                is_whole,
                whole(counts.desired),
                whole(counts.ready),
                whole(counts.booting),
                whole(counts.draining)
            ])?;
            self.last.insert(name, counts);
        }
        if is_whole {
            self.whole_at = Some(sample.at);
        }
        Ok(())
    }
}

// === impl Counts ===

impl Counts {
    fn of(pool: &PoolSample) -> Self {
        Self {
            desired: u64::from(pool.desired),
            ready: pool.ready,
            booting: pool.booting,
            draining: pool.draining,
        }
    }
}

// === impl Stepped ===

impl Stepped {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let eta: Option<f64> = row.get(3)?;
        Ok(Self {
            backlog: count(row.get(1)?),
            oldest_age: row.get(2)?,
            drain_eta: eta.filter(|eta| eta.is_finite()),
            objective: row.get(4)?,
            arrival_rate: row.get(5)?,
            service_rate: row.get(6)?,
            late: count(row.get(7)?),
            cost_per_hour: row.get(8)?,
            burst_cost_per_hour: row.get(9)?,
            spent_today: row.get(10)?,
            base: count(row.get(13)?).unwrap_or(0),
            burst: count(row.get(14)?).unwrap_or(0),
            booting: count(row.get(15)?).unwrap_or(0),
        })
    }
}

/// What is made of several samples, in the order of the table's columns.
const TOGETHER: &str =
    "max(backlog), max(oldest_age), max(drain_eta), max(objective), avg(arrival_rate),
    avg(service_rate), max(late), avg(cost_per_hour), avg(burst_cost_per_hour), max(spent_today),
    max(arrived), max(done), max(base), max(burst), max(booting)";

pub(super) fn write(to: &Connection, sample: &Sample) -> rusqlite::Result<()> {
    let booting: u64 = sample.pools.values().map(|pool| pool.booting).sum();
    to.prepare_cached(
        "INSERT OR REPLACE INTO samples VALUES
         (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
    )?
    .execute(params![
        sample.policy,
        sample.at,
        sample.backlog.map(whole),
        sample.oldest_age,
        sample.drain_eta,
        sample.objective,
        sample.arrival_rate,
        sample.service_rate,
        whole(sample.late),
        sample.cost_per_hour,
        sample.burst_cost_per_hour,
        sample.spent_today,
        sample.arrived.map(whole),
        sample.done.map(whole),
        whole(sample.working(true)),
        whole(sample.working(false)),
        whole(booting),
    ])?;
    Ok(())
}

/// Makes the minutes before `now` of which there are seconds.
pub(super) fn roll_up(to: &Connection, policy: &str, now: i64) -> rusqlite::Result<()> {
    let minute = now.div_euclid(60) * 60;
    let sql = format!(
        "INSERT OR REPLACE INTO minutes SELECT policy, at / 60 * 60 AS minute, {TOGETHER} FROM samples
         WHERE policy = ?1 AND at >= coalesce((SELECT max(at) FROM minutes WHERE policy = ?1), 0) AND at < ?2
         GROUP BY minute"
    );
    to.prepare_cached(&sql)?.execute(params![policy, minute])?;
    Ok(())
}

/// The smallest step that gives at most `points` for a span of seconds.
fn step(span: i64, points: u32) -> i64 {
    let fits = STEPS
        .into_iter()
        .find(|step| span <= step * i64::from(points));
    fits.unwrap_or_else(|| {
        span.div_euclid(i64::from(points)).div_euclid(86_400).max(1) * 86_400 + 86_400
    })
}

pub(super) fn read(from: &Connection, asked: &TimelineAsked) -> rusqlite::Result<Timeline> {
    let (first, last) = (asked.from.as_second(), asked.to.as_second());
    let step = step((last - first).max(1), asked.points.max(1));
    let is_recent = first >= asked.now.as_second() - SECONDS_KEPT;
    let (table, resolution) = if is_recent && step < 60 {
        ("samples", 1)
    } else {
        ("minutes", 60)
    };
    let step = step.max(resolution);
    let begin = first.div_euclid(step) * step;
    let mut timeline = Timeline {
        step,
        resolution,
        at: (begin..=last)
            .step_by(usize::try_from(step).unwrap_or(1))
            .collect(),
        ..Timeline::default()
    };
    timeline.series = vec![None; timeline.at.len()];
    let place = |at: i64| usize::try_from((at - begin).div_euclid(step)).ok();
    // The minute that is not over yet is only in the seconds.
    let newest = if resolution == 60 {
        "UNION ALL SELECT * FROM samples WHERE policy = ?1 AND at <= ?3
            AND at >= max(?2, coalesce((SELECT max(at) + 60 FROM minutes WHERE policy = ?1), 0))"
    } else {
        ""
    };
    let sql = format!(
        "SELECT at / ?4 * ?4 AS step, {TOGETHER} FROM
            (SELECT * FROM {table} WHERE policy = ?1 AND at >= ?2 AND at <= ?3 {newest})
         GROUP BY step"
    );
    let mut query = from.prepare_cached(&sql)?;
    let mut rows = query.query(params![asked.policy, begin, last, step])?;
    while let Some(row) = rows.next()? {
        let slot = place(row.get(0)?).and_then(|place| timeline.series.get_mut(place));
        if let Some(slot) = slot {
            *slot = Some(Stepped::of(row)?);
        }
    }
    read_pools(from, asked, begin, last, &mut timeline)?;
    timeline.oldest = from.query_row(
        "SELECT min(at) FROM (SELECT min(at) AS at FROM minutes WHERE policy = ?1
            UNION ALL SELECT min(at) FROM samples WHERE policy = ?1)",
        [&asked.policy],
        |row| row.get(0),
    )?;
    Ok(timeline)
}

/// Puts each pool's last counts into every step that was sampled.
fn read_pools(
    from: &Connection,
    asked: &TimelineAsked,
    begin: i64,
    last: i64,
    timeline: &mut Timeline,
) -> rusqlite::Result<()> {
    let mut query = from.prepare_cached(
        "SELECT at, pool, desired, ready, booting, draining FROM pools WHERE policy = ?1 AND at <= ?3
            AND at >= coalesce((SELECT max(at) FROM pools WHERE policy = ?1 AND is_whole AND at <= ?2), ?2)
         ORDER BY at",
    )?;
    let mut rows = query.query(params![asked.policy, begin, last])?;
    let mut changes: BTreeMap<String, Vec<(i64, Counts)>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let number = |place| row.get(place).map(|it| count(it).unwrap_or(0));
        let counts = Counts {
            desired: number(2)?,
            ready: number(3)?,
            booting: number(4)?,
            draining: number(5)?,
        };
        changes
            .entry(row.get(1)?)
            .or_default()
            .push((row.get(0)?, counts));
    }
    for (pool, changes) in changes {
        let mut changes = changes.into_iter().peekable();
        let mut now = None;
        let mut column = Vec::with_capacity(timeline.at.len());
        for (at, step) in timeline.at.iter().zip(&timeline.series) {
            while let Some((_, counts)) = changes.next_if(|(then, _)| *then < at + timeline.step) {
                now = Some(counts);
            }
            column.push(step.as_ref().and(now));
        }
        timeline.pools.insert(pool, column);
    }
    Ok(())
}

/// Jobs that arrived since the sample before, at each sample; a topic made anew counts from its beginning.
pub(super) fn arrivals(
    from: &Connection,
    policy: &str,
    first: Timestamp,
    last: Timestamp,
) -> rusqlite::Result<Vec<(i64, u64)>> {
    let mut query = from.prepare_cached(
        "SELECT at, arrived FROM
            (SELECT at, arrived FROM samples WHERE policy = ?1
             UNION ALL SELECT at, arrived FROM minutes WHERE policy = ?1
                AND at < coalesce((SELECT min(at) FROM samples WHERE policy = ?1), 9e18))
         WHERE at >= ?2 AND at <= ?3 AND arrived IS NOT NULL ORDER BY at",
    )?;
    let mut rows = query.query(params![policy, first.as_second(), last.as_second()])?;
    let mut before: Option<u64> = None;
    let mut arrivals = Vec::new();
    while let Some(row) = rows.next()? {
        let arrived = count(row.get(1)?).unwrap_or(0);
        let new = before.map_or(0, |before| arrived.checked_sub(before).unwrap_or(arrived));
        arrivals.push((row.get(0)?, new));
        before = Some(arrived);
    }
    Ok(arrivals)
}

/// As SQLite counts; what is beyond is its largest.
pub(super) fn whole(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn count(stored: Option<i64>) -> Option<u64> {
    stored.and_then(|count| u64::try_from(count).ok())
}
