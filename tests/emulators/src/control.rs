//! The port that tests speak to: what there is, what it costs, what was asked, and what is to befall.
//!
//! | | |
//! |---|---|
//! | `GET /machines`, `/ledger`, `/requests`, each with `?cloud=` | what there is and was |
//! | `POST /{cloud}/faults`, `DELETE /{cloud}/faults` | a [`Fault`], or none any more |
//! | `PUT /{cloud}/delays` | [`Delays`] |
//! | `POST /{cloud}/offers` | a [`Rule`]: price, capacity, from when on |
//! | `PUT /{cloud}/settings` | quotas, page size, where refusals are said, what is absent, rights that are withheld |
//! | `POST /{cloud}/interruptions` | takes a machine back |
//! | `POST /{cloud}/keys` | a public key; from then on OCI's signatures are checked |
//! | `POST /reset` | as at the start |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::faults::{Fault, Place};
use crate::state::{
    Bill, Cloud, CloudKind, Delays, Ending, Machine, Market, Notice, Offer, Part, Phase, Rule,
};
use crate::world::{Recorded, World};

type Worlds = State<Arc<World>>;

/// A machine as it is shown here.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// Whose.
    pub cloud: CloudKind,
    /// In the order of launches.
    pub number: u64,
    /// The cloud's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What of what the market has.
    pub offer: Offer,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What it is doing.
    pub phase: Phase,
    /// When it was accepted.
    pub launched_at: Timestamp,
    /// Its end.
    pub ending: Option<Ending>,
    /// That it is taken back.
    pub notice: Option<Notice>,
    /// Parts that exist.
    pub parts: Vec<Part>,
    /// Parts that exist although it does not.
    pub orphans: Vec<Part>,
    /// What it runs.
    pub user_data: String,
}

#[derive(Debug, Default, Deserialize)]
struct Which {
    cloud: Option<CloudKind>,
}

/// What can be set of a cloud; what is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Most machines at once, by market; null takes the limit away.
    pub quotas: Option<BTreeMap<Market, Option<usize>>>,
    /// Most machines on a page.
    pub page_max: Option<usize>,
    /// Where refusals for want of room are said.
    pub place: Option<Place>,
    /// Images and subnets that are not there.
    pub absent: Option<BTreeSet<String>>,
    /// Rights that whoever asks does not have.
    pub withheld: Option<BTreeSet<String>>,
}

#[derive(Debug, Deserialize)]
struct Interruption {
    id: String,
    notice_seconds: u32,
}

#[derive(Debug, Deserialize)]
struct Key {
    key_id: String,
    pem: String,
}

/// The port's routes.
pub(crate) fn router(world: Arc<World>) -> Router {
    Router::new()
        .route("/machines", get(machines))
        .route("/ledger", get(ledger))
        .route("/requests", get(requests))
        .route("/reset", post(reset))
        .route("/{cloud}/faults", post(befall).delete(forgive))
        .route("/{cloud}/delays", put(delay))
        .route("/{cloud}/offers", post(offer))
        .route("/{cloud}/settings", put(set))
        .route("/{cloud}/interruptions", post(interrupt))
        .route("/{cloud}/keys", post(register))
        .with_state(world)
}

/// All machines of a cloud, gone ones included.
#[must_use]
pub fn shown(cloud: &Cloud, now: Timestamp) -> Vec<Shown> {
    let machines = cloud.machines.values();
    machines
        .map(|machine| show(cloud.kind, machine, now))
        .collect()
}

fn show(cloud: CloudKind, machine: &Machine, now: Timestamp) -> Shown {
    Shown {
        cloud,
        number: machine.number,
        id: machine.id.clone(),
        name: machine.name.clone(),
        offer: machine.offer.clone(),
        tags: machine.tags.clone(),
        phase: machine.phase(now),
        launched_at: machine.launched_at,
        ending: machine.ending.clone(),
        notice: machine.notice.clone(),
        parts: machine.living_parts(now).cloned().collect(),
        orphans: machine.orphaned_parts(now).cloned().collect(),
        user_data: machine.user_data.clone(),
    }
}

// === impl Which ===

impl Which {
    fn clouds(&self) -> Vec<CloudKind> {
        self.cloud
            .map_or_else(|| CloudKind::ALL.into(), |cloud| vec![cloud])
    }
}

async fn machines(State(world): Worlds, Query(which): Query<Which>) -> Json<Vec<Shown>> {
    let clouds = which.clouds().into_iter();
    let machines = clouds.flat_map(|kind| world.with(kind, |cloud, now| shown(cloud, now)));
    Json(machines.collect())
}

async fn ledger(State(world): Worlds, Query(which): Query<Which>) -> Json<Vec<Bill>> {
    let clouds = which.clouds().into_iter();
    Json(
        clouds
            .flat_map(|kind| world.with(kind, |cloud, now| cloud.bills(now)))
            .collect(),
    )
}

async fn requests(State(world): Worlds, Query(which): Query<Which>) -> Json<Vec<Recorded>> {
    let mut recorded = world.recorded();
    recorded.retain(|one| which.cloud.is_none_or(|cloud| one.cloud == cloud));
    Json(recorded)
}

async fn reset(State(world): Worlds) {
    world.reset();
}

async fn befall(State(world): Worlds, Path(kind): Path<CloudKind>, Json(fault): Json<Fault>) {
    world.with(kind, |cloud, _| cloud.faults.add(fault));
}

async fn forgive(State(world): Worlds, Path(kind): Path<CloudKind>) {
    world.with(kind, |cloud, _| cloud.faults.clear());
}

async fn delay(State(world): Worlds, Path(kind): Path<CloudKind>, Json(delays): Json<Delays>) {
    world.with(kind, |cloud, _| cloud.delays = delays);
}

async fn offer(State(world): Worlds, Path(kind): Path<CloudKind>, Json(rule): Json<Rule>) {
    world.with(kind, |cloud, _| cloud.market.rule(rule));
}

async fn set(State(world): Worlds, Path(kind): Path<CloudKind>, Json(settings): Json<Settings>) {
    world.with(kind, |cloud, _| {
        for (market, max) in settings.quotas.unwrap_or_default() {
            cloud.market.set_quota(market, max);
        }
        cloud.page_max = settings.page_max.unwrap_or(cloud.page_max).max(1);
        cloud.market.place = settings.place.unwrap_or(cloud.market.place);
        if let Some(absent) = settings.absent {
            cloud.absent = absent;
        }
        if let Some(withheld) = settings.withheld {
            cloud.withheld = withheld;
        }
    });
}

async fn interrupt(
    State(world): Worlds,
    Path(kind): Path<CloudKind>,
    Json(order): Json<Interruption>,
) -> StatusCode {
    let is_there = world.with(kind, |cloud, now| {
        cloud.interrupt(now, &order.id, order.notice_seconds)
    });
    if is_there {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::NOT_FOUND
    }
}

async fn register(
    State(world): Worlds,
    Path(kind): Path<CloudKind>,
    Json(key): Json<Key>,
) -> Result<StatusCode, (StatusCode, Json<Value>)> {
    let is_key = world.with(kind, |cloud, _| cloud.register(key.key_id, &key.pem));
    if !is_key {
        let why = serde_json::json!({"error": "pem is no public key"});
        return Err((StatusCode::BAD_REQUEST, Json(why)));
    }
    Ok(StatusCode::NO_CONTENT)
}
