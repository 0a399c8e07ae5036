//! `/api/v1/timeline`: a policy over time, in columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::{Problem, ProblemBody};
use super::{App, query, range};
use crate::history::{Filter, Stepped, Stored, Timeline, TimelineAsked};

const POINTS: u32 = 600;
const POINTS_MAX: u32 = 2_000;
/// Markers of a timeline; those that did something come first.
const MARKERS_MAX: u32 = 500;
/// Points of the last hour, one a second.
const HOUR_SECONDS: i64 = 3_600;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TimelineQuery {
    policy: Option<String>,
    /// A time or `-6h`; `-1h` if left out.
    from: Option<String>,
    /// A time, `-30m` or `now`; now if left out.
    to: Option<String>,
    /// 1 to 2,000; 600 if left out.
    points: Option<u32>,
}

/// A policy over time; all columns are as long as `at`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TimelineView {
    policy: String,
    from: Timestamp,
    to: Timestamp,
    step_seconds: i64,
    /// Seconds between the samples that were read.
    resolution_seconds: i64,
    /// Unix seconds at which each step begins.
    at: Vec<i64>,
    series: SeriesView,
    pools: BTreeMap<String, PoolSeries>,
    markers: Vec<MarkerView>,
    /// The first sample kept.
    oldest: Option<Timestamp>,
}

/// Of a step: the largest backlog, age, ETA, late jobs and spend; the mean rates. Null where nothing was sampled.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct SeriesView {
    backlog: Vec<Option<u64>>,
    oldest_age_seconds: Vec<Option<f64>>,
    /// Null: never, or unknown.
    drain_eta_seconds: Vec<Option<f64>>,
    objective_seconds: Vec<Option<f64>>,
    arrival_rate: Vec<Option<f64>>,
    service_rate: Vec<Option<f64>>,
    late_jobs: Vec<Option<u64>>,
    cost_per_hour: Vec<Option<f64>>,
    burst_cost_per_hour: Vec<Option<f64>>,
    spent_today: Vec<Option<f64>>,
}

/// A pool's counts at each step's end.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct PoolSeries {
    desired: Vec<Option<u64>>,
    ready: Vec<Option<u64>>,
    booting: Vec<Option<u64>>,
    draining: Vec<Option<u64>>,
}

/// A decision or an order in time.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MarkerView {
    id: u64,
    at: Timestamp,
    /// `decision` or `order`.
    kind: &'static str,
    /// Machines; base workers that are added count too.
    launches: u64,
    drains: u64,
    /// Whether nothing was decided because too little was known, or somebody ordered a pause.
    hold: bool,
    trouble: bool,
    sentence: String,
}

/// A policy over time.
#[utoipa::path(
    get,
    path = "/api/v1/timeline",
    params(TimelineQuery),
    responses(
        (status = 200, body = TimelineView),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn timeline(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<TimelineView>, Problem> {
    let asked: TimelineQuery = query(&uri)?;
    let (lead, _) = app.shown(asked.policy.as_deref())?;
    let now = Timestamp::now();
    let (from, to) = range((asked.from.as_deref(), asked.to.as_deref()), "-1h", now)?;
    let points = points(asked.points, POINTS, POINTS_MAX)?;
    let policy = lead.policy.name().to_owned();
    let filter = Filter {
        policy: Some(policy.clone()),
        from_ms: Some(from.as_millisecond()),
        to_ms: Some(to.as_millisecond()),
        limit: MARKERS_MAX,
        acting_first: true,
        ..Filter::default()
    };
    let of = TimelineAsked {
        policy: policy.clone(),
        from,
        to,
        now,
        points,
    };
    let (read, markers) = app
        .history(move |history| Ok((history.timeline(&of)?, history.entries(&filter)?)))
        .await?;
    let mut markers: Vec<MarkerView> = markers.iter().map(MarkerView::of).collect();
    markers.sort_by_key(|marker| marker.id);
    Ok(Json(TimelineView {
        policy,
        from,
        to,
        step_seconds: read.step,
        resolution_seconds: read.resolution,
        series: SeriesView::of(&read.series),
        pools: pools(&read),
        markers,
        oldest: read.oldest.and_then(|at| Timestamp::from_second(at).ok()),
        at: read.at,
    }))
}

/// # Errors
/// When there are none, or too many.
pub(super) fn points(asked: Option<u32>, default: u32, most: u32) -> Result<u32, Problem> {
    match asked.unwrap_or(default) {
        points if (1..=most).contains(&points) => Ok(points),
        points => Err(Problem::query(format!(
            "points: {points} is not between 1 and {most}"
        ))),
    }
}

fn pools(read: &Timeline) -> BTreeMap<String, PoolSeries> {
    let mut pools = BTreeMap::new();
    for (name, counts) in &read.pools {
        let column = |of: fn(&crate::history::Counts) -> u64| {
            counts
                .iter()
                .map(|counts| counts.as_ref().map(of))
                .collect()
        };
        let series = PoolSeries {
            desired: column(|it| it.desired),
            ready: column(|it| it.ready),
            booting: column(|it| it.booting),
            draining: column(|it| it.draining),
        };
        pools.insert(name.clone(), series);
    }
    pools
}

impl SeriesView {
    fn of(steps: &[Option<Stepped>]) -> Self {
        let floats = |of: fn(&Stepped) -> Option<f64>| {
            steps
                .iter()
                .map(|step| step.as_ref().and_then(of))
                .collect()
        };
        let counts = |of: fn(&Stepped) -> Option<u64>| {
            steps
                .iter()
                .map(|step| step.as_ref().and_then(of))
                .collect()
        };
        Self {
            backlog: counts(|it| it.backlog),
            oldest_age_seconds: floats(|it| it.oldest_age),
            drain_eta_seconds: floats(|it| it.drain_eta),
            objective_seconds: floats(|it| it.objective),
            arrival_rate: floats(|it| it.arrival_rate),
            service_rate: floats(|it| it.service_rate),
            late_jobs: counts(|it| it.late),
            cost_per_hour: floats(|it| it.cost_per_hour),
            burst_cost_per_hour: floats(|it| it.burst_cost_per_hour),
            spent_today: floats(|it| it.spent_today),
        }
    }
}

impl MarkerView {
    fn of(stored: &Stored) -> Self {
        Self {
            id: stored.id,
            at: Timestamp::from_millisecond(stored.at_ms).unwrap_or_default(),
            kind: stored.kind.as_str(),
            launches: stored.launches,
            drains: stored.drains,
            hold: !stored.data["hold"].is_null(),
            trouble: stored.is_trouble,
            sentence: super::log::sentence(stored),
        }
    }
}

/// One second of a policy's past.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PointView {
    at: Timestamp,
    backlog: Option<u64>,
    drain_eta_seconds: Option<f64>,
    arrival_rate: Option<f64>,
    service_rate: f64,
    base: u64,
    burst: u64,
    booting: u64,
    cost_per_hour: f64,
}

/// The last hour, one point a second: what the page read before there was a timeline.
#[utoipa::path(
    get,
    path = "/api/v1/history",
    params(super::read::OfPolicy),
    responses(
        (status = 200, body = [PointView]),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn last_hour(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<Vec<PointView>>, Problem> {
    let asked: super::read::OfPolicy = query(&uri)?;
    let (lead, _) = app.shown(asked.policy.as_deref())?;
    let now = Timestamp::now();
    let of = TimelineAsked {
        policy: lead.policy.name().to_owned(),
        from: now - SignedDuration::from_secs(HOUR_SECONDS - 1),
        to: now,
        now,
        points: u32::try_from(HOUR_SECONDS).unwrap_or(u32::MAX),
    };
    let read = app.history(move |history| history.timeline(&of)).await?;
    let steps = read.at.iter().zip(&read.series);
    let points = steps.filter_map(|(at, step)| {
        let step = step.as_ref()?;
        Some(PointView {
            at: Timestamp::from_second(*at).ok()?,
            backlog: step.backlog,
            drain_eta_seconds: step.drain_eta,
            arrival_rate: step.arrival_rate,
            service_rate: step.service_rate.unwrap_or(0.0),
            base: step.base,
            burst: step.burst,
            booting: step.booting,
            cost_per_hour: step.cost_per_hour.unwrap_or(0.0),
        })
    });
    Ok(Json(points.collect()))
}
