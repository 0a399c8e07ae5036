//! What is now: state, overview, fleet, market, health, the policy itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use spillway_core::{Market, Policy, Pool};
use utoipa::{IntoParams, ToSchema};

use super::problem::{Problem, ProblemBody};
use super::{App, query};
use crate::history::History;
use crate::view::{BlockView, PolicyView, PoolView, StateView, WorkerView};

/// A tick is to end so often at least.
const TICK_LATE_SECONDS: f64 = 10.0;

/// Which policy; the only one if left out.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfPolicy {
    pub(super) policy: Option<String>,
}

/// Everything now.
#[utoipa::path(
    get,
    path = "/api/v1/state",
    params(OfPolicy),
    responses(
        (status = 200, body = StateView),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn state(State(app): State<Arc<App>>, uri: Uri) -> Result<Response, Problem> {
    let asked: OfPolicy = query(&uri)?;
    let (_, state) = app.shown(asked.policy.as_deref())?;
    Ok(Json(&*state).into_response())
}

/// Every policy, without its workers and partitions.
#[utoipa::path(
    get,
    path = "/api/v1/policies",
    responses(
        (status = 200, body = PoliciesView),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn policies(State(app): State<Arc<App>>) -> Result<Json<PoliciesView>, Problem> {
    let (_, state) = app.shown(None)?;
    let policies = state.policies.iter().map(|policy| PolicyView {
        workers: None,
        lags: None,
        ..policy.clone()
    });
    Ok(Json(PoliciesView {
        at: state.at,
        policies: policies.collect(),
    }))
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PoliciesView {
    at: Timestamp,
    policies: Vec<PolicyView>,
}

/// The policy in force, as YAML.
#[utoipa::path(
    get,
    path = "/api/v1/policies/{policy}/manifest",
    params(("policy" = String, Path)),
    responses(
        (status = 200, body = ManifestView),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn manifest(
    State(app): State<Arc<App>>,
    Path(policy): Path<String>,
) -> Result<Json<ManifestView>, Problem> {
    let (lead, _) = app.shown(Some(&policy))?;
    Ok(Json(ManifestView {
        policy,
        revision: lead.revision.clone(),
        yaml: lead.manifest.clone(),
    }))
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ManifestView {
    policy: String,
    revision: String,
    yaml: String,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FleetAsked {
    policy: Option<String>,
    pool: Option<String>,
    /// `booting`, `starting`, `ready`, `draining` or `stopped`.
    phase: Option<String>,
}

/// Every machine and its worker.
#[utoipa::path(
    get,
    path = "/api/v1/fleet",
    params(FleetAsked),
    responses(
        (status = 200, body = FleetView),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn fleet(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<FleetView>, Problem> {
    let asked: FleetAsked = query(&uri)?;
    let (lead, state) = app.shown(asked.policy.as_deref())?;
    let workers = state.policies.iter().filter_map(|it| it.workers.as_ref());
    let workers = workers.flatten().filter(|worker| {
        asked.pool.as_ref().is_none_or(|pool| worker.pool == *pool)
            && asked.phase.as_ref().is_none_or(|it| worker.phase == *it)
    });
    Ok(Json(FleetView {
        policy: lead.policy.name().to_owned(),
        at: state.at,
        workers: workers.cloned().collect(),
    }))
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FleetView {
    policy: String,
    at: Timestamp,
    workers: Vec<WorkerView>,
}

/// Every offer, the cheapest work first.
#[utoipa::path(
    get,
    path = "/api/v1/market",
    params(OfPolicy),
    responses(
        (status = 200, body = MarketView),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn market(
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Json<MarketView>, Problem> {
    let asked: OfPolicy = query(&uri)?;
    let (lead, state) = app.shown(asked.policy.as_deref())?;
    let seen = |pool: &Pool| {
        let pools = state.policies.iter().flat_map(|policy| &policy.pools);
        pools.into_iter().find(|it| it.name == pool.name)
    };
    let pools = lead.policy.pools().iter();
    let mut offers: Vec<OfferView> = pools
        .filter_map(|pool| Some(OfferView::of(pool, seen(pool)?)))
        .collect();
    let price = |offer: &OfferView| offer.dollars_per_million.unwrap_or(f64::INFINITY);
    offers.sort_by(|one, other| {
        price(one)
            .total_cmp(&price(other))
            .then_with(|| one.pool.cmp(&other.pool))
    });
    Ok(Json(MarketView {
        policy: lead.policy.name().to_owned(),
        at: state.at,
        offers,
    }))
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MarketView {
    policy: String,
    at: Timestamp,
    offers: Vec<OfferView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OfferView {
    pool: String,
    cloud: String,
    region: String,
    zone: String,
    machine: String,
    /// `OnDemand` or `Spot`.
    market: &'static str,
    /// Work and transfer; null while nothing is known of its rate.
    dollars_per_million: Option<f64>,
    transfer_per_million: f64,
    price_per_hour: ToldNumber,
    images_per_second: ToldNumber,
    ready_in_seconds: ToldNumber,
    max: u32,
    running: u64,
    interruptions_per_1000_hours: Option<u64>,
    blocked: Option<BlockView>,
}

/// A number and where it comes from.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ToldNumber {
    value: f64,
    /// `policy`, `measured` or `provider`.
    from: &'static str,
    age_seconds: Option<f64>,
}

impl OfferView {
    fn of(pool: &Pool, seen: &PoolView) -> Self {
        let told = |value: f64, from: &'static str| ToldNumber {
            value,
            from,
            age_seconds: None,
        };
        let by = if seen.measured { "measured" } else { "policy" };
        Self {
            pool: pool.name.clone(),
            cloud: seen.cloud.clone(),
            region: seen.region.clone(),
            zone: seen.zone.clone(),
            machine: seen.machine.clone(),
            market: match pool.market {
                Market::OnDemand => "OnDemand",
                Market::Spot => "Spot",
            },
            dollars_per_million: seen.dollars_per_million,
            transfer_per_million: pool.transfer_per_million.to_f64(),
            price_per_hour: told(seen.price_per_hour, "policy"),
            images_per_second: told(seen.rate_per_worker, by),
            ready_in_seconds: told(seen.boot_seconds, by),
            max: seen.max,
            running: seen.booting + seen.ready,
            interruptions_per_1000_hours: seen.interruptions_per_1000_hours,
            blocked: seen.blocked.clone(),
        }
    }
}

/// Whether everything that is needed is there, and how this controller runs.
#[utoipa::path(
    get,
    path = "/api/v1/health",
    responses(
        (status = 200, body = HealthView),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn health(State(app): State<Arc<App>>) -> Result<Json<HealthView>, Problem> {
    let (lead, state) = app.shown(None)?;
    let history = app.board.history();
    let (keep, dropped) = (history.keep(), history.dropped());
    let size = app.history(History::size).await;
    let mut checks: Vec<CheckView> = Vec::new();
    for policy in &state.policies {
        checks.extend(checks_of(policy, &lead.policy));
    }
    checks.push(loop_check(&app));
    checks.push(match &size {
        Ok(_) if dropped == 0 => CheckView::new("history", "ok", "kept"),
        Ok(_) => CheckView::new(
            "history",
            "warn",
            format!("{dropped} writes were dropped: the disk is slow"),
        ),
        Err(problem) => CheckView::new("history", "fail", problem.detail.clone()),
    });
    let size = size.ok();
    Ok(Json(HealthView {
        at: Timestamp::now(),
        version: env!("CARGO_PKG_VERSION"),
        uptime_seconds: app.began.elapsed().as_secs_f64(),
        is_leader: true,
        checks,
        history: HistoryView {
            oldest: size
                .as_ref()
                .and_then(|size| Timestamp::from_millisecond(size.oldest_ms?).ok()),
            bytes: size.as_ref().map(|size| size.bytes),
            bytes_max: keep.bytes,
            days_max: keep.days,
            decisions: size.as_ref().map(|size| size.entries),
            samples: size.as_ref().map(|size| size.samples),
        },
        streams: StreamsView {
            open: app.board.streams.load(std::sync::atomic::Ordering::Relaxed),
            max: super::stream::STREAMS_MAX,
            dropped: app
                .board
                .streams_dropped
                .load(std::sync::atomic::Ordering::Relaxed),
        },
        config: ConfigView {
            auth: app.auth.kind().as_str(),
            listen: app.listen.to_string(),
            policy_revision: lead.revision.clone(),
            kubernetes: app.forward.is_some(),
        },
    }))
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HealthView {
    at: Timestamp,
    version: &'static str,
    uptime_seconds: f64,
    is_leader: bool,
    checks: Vec<CheckView>,
    history: HistoryView,
    streams: StreamsView,
    config: ConfigView,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CheckView {
    /// `kafka`, `heartbeats`, `policy`, `leader`, `loop`, `base`, `history`, or `provider/<pool>`.
    name: String,
    /// `ok`, `warn`, `fail` or `unknown`.
    status: &'static str,
    detail: String,
    age_seconds: Option<f64>,
    since: Option<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct HistoryView {
    oldest: Option<Timestamp>,
    bytes: Option<u64>,
    bytes_max: u64,
    days_max: u32,
    /// Decisions and orders.
    decisions: Option<u64>,
    samples: Option<u64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct StreamsView {
    open: usize,
    max: usize,
    dropped: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ConfigView {
    auth: &'static str,
    listen: String,
    policy_revision: String,
    kubernetes: bool,
}

impl CheckView {
    fn new(name: impl Into<String>, status: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            status,
            detail: detail.into(),
            age_seconds: None,
            since: None,
        }
    }
}

fn loop_check(app: &App) -> CheckView {
    let age = app.board.age().map(|age| age.as_secs_f64());
    let status = match age {
        Some(age) if age <= TICK_LATE_SECONDS => "ok",
        Some(_) => "fail",
        None => "unknown",
    };
    CheckView {
        age_seconds: age,
        ..CheckView::new("loop", status, "a look, a plan and a check, once a second")
    }
}

fn checks_of(policy: &PolicyView, written: &Policy) -> Vec<CheckView> {
    let kafka = match (policy.signal_age_seconds.backlog, policy.partitions) {
        (Some(_), partitions) if policy.partitions_known == partitions && partitions > 0 => {
            CheckView::new(
                "kafka",
                "ok",
                format!("the lag of {partitions} partitions is known"),
            )
        }
        (Some(_), partitions) => CheckView::new(
            "kafka",
            "warn",
            format!(
                "the lag of {} of {partitions} partitions is known",
                policy.partitions_known
            ),
        ),
        (None, _) => CheckView::new("kafka", "fail", policy.sentence.clone()),
    };
    let heartbeats = match policy.signal_age_seconds.workers {
        Some(_) => CheckView::new("heartbeats", "ok", "read to their end"),
        None => CheckView::new("heartbeats", "fail", "who works is unknown"),
    };
    let mut checks = vec![
        CheckView {
            age_seconds: policy.signal_age_seconds.backlog,
            ..kafka
        },
        CheckView {
            age_seconds: policy.signal_age_seconds.workers,
            ..heartbeats
        },
        CheckView::new("policy", "ok", format!("{} in force", policy.revision)),
        CheckView {
            since: Some(policy.leader.since),
            ..CheckView::new("leader", "ok", format!("token {}", policy.leader.token))
        },
    ];
    let told = |code: &str| policy.reasons.iter().find(|reason| reason.code == code);
    let trouble = ["BaseUnknown", "BaseRefused", "BaseSilent"]
        .into_iter()
        .find_map(told);
    checks.push(match trouble {
        Some(reason) => CheckView::new("base", "warn", reason.text.clone()),
        None => CheckView::new("base", "ok", "as it should be"),
    });
    for pool in written.pools() {
        let seen = policy.pools.iter().find(|it| it.name == pool.name);
        let name = format!("provider/{}", pool.name);
        checks.push(match seen.and_then(|seen| seen.blocked.as_ref()) {
            Some(block) => CheckView::new(name, "warn", block.why.clone()),
            None if policy.orphans.is_none() => {
                CheckView::new(name, "fail", "no provider could be asked")
            }
            None => CheckView::new(name, "ok", "nothing stands against asking it"),
        });
    }
    checks
}
