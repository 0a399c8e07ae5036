//! `/api/v1/partitions`: every partition over time, for a heat map.

use std::cmp::Reverse;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::problem::{Problem, ProblemBody};
use super::timeline::points;
use super::{App, query, range};
use crate::history::{LAGS_EVERY_SECONDS, LagsSeen};
use crate::view::LagView;

const POINTS: u32 = 60;
const POINTS_MAX: u32 = 240;
/// Lags are kept for a day.
const SPAN_MAX: SignedDuration = SignedDuration::from_hours(25);
/// Partitions shown; those with most lag come first.
const PARTITIONS_MAX: usize = 1_000;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HeatQuery {
    policy: Option<String>,
    /// A time or `-6h`; `-1h` if left out.
    from: Option<String>,
    to: Option<String>,
    /// 1 to 240; 60 if left out.
    points: Option<u32>,
}

/// Partitions over time, those with most lag first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeatView {
    policy: String,
    /// Unix seconds at which each step begins.
    at: Vec<i64>,
    step_seconds: i64,
    partitions: Vec<HeatRow>,
    left_out: usize,
    /// Largest lag over mean lag; null without lag.
    skew: Option<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HeatRow {
    topic: String,
    partition: i32,
    lag: Option<u64>,
    /// The largest of each step; null where it was not known.
    lags: Vec<Option<u64>>,
    /// Who says that it reads it.
    owner: Option<String>,
    /// Jobs wait, somebody reads it, and nothing was committed for a minute.
    is_stuck: bool,
}

/// Lags of partitions over time.
#[utoipa::path(
    get,
    path = "/api/v1/partitions",
    params(HeatQuery),
    responses(
        (status = 200, body = HeatView),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn partitions(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<HeatView>, Problem> {
    let asked: HeatQuery = query(&uri)?;
    let (lead, state) = app.shown(asked.policy.as_deref())?;
    let now = Timestamp::now();
    let (from, to) = range((asked.from.as_deref(), asked.to.as_deref()), "-1h", now)?;
    if to.duration_since(from) > SPAN_MAX {
        return Err(Problem::query(
            "lags of partitions are kept for a day: ask for less",
        ));
    }
    let points = i64::from(points(asked.points, POINTS, POINTS_MAX)?);
    let policy = lead.policy.name().to_owned();
    let name = policy.clone();
    let seen = app
        .history(move |history| history.lags_between(&name, from, to))
        .await?;
    let span = (to.as_second() - from.as_second()).max(1);
    // A step holds at least one look, and all looks of a step belong to it alone.
    let looks = span.div_euclid(points * LAGS_EVERY_SECONDS) + 1;
    let step = looks * LAGS_EVERY_SECONDS;
    let begin = from.as_second().div_euclid(step) * step;
    let at: Vec<i64> = (begin..=to.as_second())
        .step_by(usize::try_from(step).unwrap_or(1))
        .collect();
    let lags = state.policies.iter().filter_map(|it| it.lags.as_ref());
    let mut now: Vec<&LagView> = lags.flatten().collect();
    let skew = skew(&now);
    now.sort_by_key(|lag| (Reverse(lag.lag), lag.topic.clone(), lag.partition));
    let left_out = now.len().saturating_sub(PARTITIONS_MAX);
    let rows = now.into_iter().take(PARTITIONS_MAX);
    let partitions = rows.map(|lag| HeatRow {
        topic: lag.topic.clone(),
        partition: lag.partition,
        lag: lag.lag,
        lags: column(lag, &seen, &at, step),
        owner: lag.owner.clone(),
        is_stuck: lag.is_stuck,
    });
    Ok(Json(HeatView {
        policy,
        step_seconds: step,
        partitions: partitions.collect(),
        left_out,
        skew,
        at,
    }))
}

/// The largest lag of a partition in each step.
fn column(of: &LagView, seen: &[LagsSeen], at: &[i64], step: i64) -> Vec<Option<u64>> {
    let mut column = vec![None; at.len()];
    let begin = at.first().copied().unwrap_or(0);
    for look in seen {
        let lag = look
            .lags
            .get(&of.topic)
            .and_then(|it| it.get(&of.partition));
        let place = usize::try_from((look.at - begin).div_euclid(step)).ok();
        let slot = place.and_then(|place| column.get_mut(place));
        if let (Some(slot), Some(Some(lag))) = (slot, lag) {
            *slot = (*slot).max(Some(*lag));
        }
    }
    column
}

#[expect(clippy::cast_precision_loss, reason = "shown to people only")]
fn skew(lags: &[&LagView]) -> Option<f64> {
    let known: Vec<u64> = lags.iter().filter_map(|it| it.lag).collect();
    let sum: u64 = known.iter().sum();
    let largest = known.iter().max()?;
    (sum > 0).then(|| *largest as f64 * known.len() as f64 / sum as f64)
}
