//! `/api/v1/cost`: what it cost, what it will cost, and what it would cost in the cloud alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use spillway_core::BASE_POOL;
use utoipa::{IntoParams, ToSchema};

use super::problem::{Problem, ProblemBody};
use super::{App, query};
use crate::history::DayOfPool;
use crate::view::{BudgetView, PolicyView, PoolView};

const DAYS: u32 = 7;
const DAYS_MAX: u32 = 30;
const DAY_SECONDS: i64 = 86_400;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CostQuery {
    policy: Option<String>,
    /// 1 to 30; 7 if left out.
    days: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CostView {
    policy: String,
    at: Timestamp,
    today: TodayView,
    forecast: ForecastView,
    budget: BudgetView,
    pools: Vec<PoolCostView>,
    days: Vec<DayView>,
    hybrid: HybridView,
    all_cloud: Option<AllCloudView>,
    /// Of today; null before the first image.
    per_1000_images: Option<f64>,
    /// Share of today's dollars that paid for workers that were ready and not busy.
    idle_share: Option<f64>,
}

/// Dollars since midnight UTC, or since watching began.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TodayView {
    burst: f64,
    base: f64,
    total: f64,
    since: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ForecastView {
    to: &'static str,
    burst: f64,
    base: f64,
    total: f64,
    how: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PoolCostView {
    pool: String,
    today: f64,
    total: f64,
    per_hour: f64,
    images_today: f64,
    dollars_per_million: Option<f64>,
    /// Dollars of ready workers that were not busy.
    idle_today: Option<f64>,
}

#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct DayView {
    day: String,
    base: f64,
    burst: f64,
    images: f64,
    late_jobs_max: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HybridView {
    dollars_per_hour: f64,
    today: f64,
}

/// The same images done by the cheapest offer alone: an estimate.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AllCloudView {
    dollars_per_hour: Option<f64>,
    today: f64,
    pool: String,
    how: &'static str,
}

/// What it cost and what it will cost.
#[utoipa::path(
    get,
    path = "/api/v1/cost",
    params(CostQuery),
    responses(
        (status = 200, body = CostView),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn cost(State(app): State<Arc<App>>, uri: Uri) -> Result<Json<CostView>, Problem> {
    let asked: CostQuery = query(&uri)?;
    let (lead, state) = app.shown(asked.policy.as_deref())?;
    let days = super::timeline::points(asked.days, DAYS, DAYS_MAX)
        .map_err(|problem| Problem::query(problem.detail.replacen("points", "days", 1)))?;
    let now = Timestamp::now();
    let day = |back: u32| {
        let at = now - SignedDuration::from_secs(DAY_SECONDS * i64::from(back));
        at.strftime("%Y-%m-%d").to_string()
    };
    let (today, since) = (day(0), day(days - 1));
    let name = lead.policy.name().to_owned();
    let found = app
        .history(move |history| history.days(&name, &since))
        .await?;
    let Some(policy) = state.policies.first() else {
        return Err(Problem::nothing_observed());
    };
    Ok(Json(view(policy, &found, &today, now)))
}

fn view(policy: &PolicyView, found: &[DayOfPool], today: &str, now: Timestamp) -> CostView {
    let of_today: BTreeMap<&str, &DayOfPool> = found
        .iter()
        .filter(|day| day.day == today)
        .map(|day| (day.pool.as_str(), day))
        .collect();
    let sum = |of: fn(&DayOfPool) -> f64| of_today.values().map(|day| of(day)).sum::<f64>();
    let total = sum(|day| day.dollars);
    let base = of_today.get(BASE_POOL).map_or(0.0, |day| day.dollars);
    let images = sum(|day| day.images);
    let midnight = now.as_second().div_euclid(DAY_SECONDS) * DAY_SECONDS;
    #[expect(clippy::cast_precision_loss, reason = "seconds of a day")]
    let hours_left = (midnight + DAY_SECONDS - now.as_second()) as f64 / 3_600.0;
    let base_per_hour = policy.cost_per_hour - policy.burst_cost_per_hour;
    let ahead = |per_hour: f64| per_hour * hours_left;
    let pools = policy.pools.iter();
    CostView {
        policy: policy.name.clone(),
        at: now,
        today: TodayView {
            burst: total - base,
            base,
            total,
            since: Timestamp::from_second(midnight).unwrap_or(now),
        },
        forecast: ForecastView {
            to: "midnight",
            burst: total - base + ahead(policy.burst_cost_per_hour),
            base: base + ahead(base_per_hour),
            total: total + ahead(policy.cost_per_hour),
            how: "what runs now goes on until midnight UTC",
        },
        budget: policy.budget.clone(),
        pools: pools.map(|pool| pool_cost(pool, &of_today)).collect(),
        days: days(found),
        hybrid: HybridView {
            dollars_per_hour: policy.cost_per_hour,
            today: total,
        },
        all_cloud: all_cloud(policy, images),
        per_1000_images: (images >= 1.0).then(|| total * 1_000.0 / images),
        idle_share: (total > 0.0).then(|| sum(|day| day.idle_dollars) / total),
    }
}

fn pool_cost(pool: &PoolView, today: &BTreeMap<&str, &DayOfPool>) -> PoolCostView {
    let day = today.get(pool.name.as_str());
    let machines = pool.booting + pool.ready + pool.draining;
    let (dollars, images) = day.map_or((0.0, 0.0), |day| (day.dollars, day.images));
    PoolCostView {
        pool: pool.name.clone(),
        today: dollars,
        total: pool.cost_total,
        #[expect(clippy::cast_precision_loss, reason = "a count of machines")]
        per_hour: machines as f64 * pool.price_per_hour,
        images_today: images,
        dollars_per_million: (images >= 1.0).then(|| dollars * 1e6 / images),
        idle_today: day.map(|day| day.idle_dollars),
    }
}

fn days(found: &[DayOfPool]) -> Vec<DayView> {
    let mut days: BTreeMap<&str, DayView> = BTreeMap::new();
    for part in found {
        let day = days.entry(&part.day).or_default();
        day.day.clone_from(&part.day);
        day.images += part.images;
        day.late_jobs_max = day.late_jobs_max.max(part.late_max);
        if part.pool == BASE_POOL {
            day.base += part.dollars;
        } else {
            day.burst += part.dollars;
        }
    }
    days.into_values().collect()
}

/// What the same images would have cost on the cheapest offer; none where nothing can be bought.
fn all_cloud(policy: &PolicyView, images: f64) -> Option<AllCloudView> {
    let offers = policy.pools.iter().filter(|pool| pool.kind == "burst");
    let offers = offers.filter_map(|pool| Some((pool.dollars_per_million?, pool)));
    let (per_million, pool) = offers.min_by(|one, other| one.0.total_cmp(&other.0))?;
    Some(AllCloudView {
        dollars_per_hour: policy
            .arrival_rate
            .map(|rate| rate * 3_600.0 * per_million / 1e6),
        today: images * per_million / 1e6,
        pool: pool.name.clone(),
        how: "the same images on machines of the cheapest offer that are always busy: no idle time, no boots, no peaks",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_summed_over_pools() {
        let part = |day: &str, pool: &str, dollars| DayOfPool {
            day: day.into(),
            pool: pool.into(),
            dollars,
            idle_dollars: 0.0,
            images: 10.0,
            late_max: 3,
        };
        let found = [
            part("2026-11-24", "base", 1.0),
            part("2026-11-25", "base", 2.0),
            part("2026-11-25", "far", 4.0),
        ];
        let days = days(&found);
        assert_eq!(days.len(), 2);
        assert!((days[1].base - 2.0).abs() < 1e-9 && (days[1].burst - 4.0).abs() < 1e-9);
        assert!((days[1].images - 20.0).abs() < 1e-9);
    }
}
