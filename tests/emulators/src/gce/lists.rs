//! Lists of one zone and of all.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Gce, filter::Filter, show};
use crate::dialect::Dialect as _;
use crate::faults::Trouble;
use crate::http::{Asked, Reply};
use crate::pages::page;
use crate::state::{Cloud, Machine, Phase};

/// Zones that are there even without machines.
const ZONES: [&str; 4] = [
    "us-central1-a",
    "us-central1-b",
    "us-central1-c",
    "us-central1-f",
];
const PAGE_MAX: usize = 500;

/// What a list is asked for.
struct Wanted {
    filter: Filter,
    size: usize,
    token: Option<String>,
}

fn wanted(cloud: &Cloud, asked: &Asked) -> Result<Wanted, Reply> {
    let filter = asked.asked_for("filter").unwrap_or_default();
    let invalid = |what: &str| {
        let message = format!("Invalid value for field '{what}'");
        Gce::error(400, "invalid", &message)
    };
    let filter = Filter::parse(&filter).ok_or_else(|| invalid("filter"))?;
    let asked_size = asked
        .asked_for("maxResults")
        .map(|max| max.parse::<usize>());
    let size = match asked_size {
        None => PAGE_MAX,
        Some(Ok(size)) if size <= PAGE_MAX => size.max(1),
        Some(_) => return Err(invalid("maxResults")),
    };
    Ok(Wanted {
        filter,
        size: size.min(cloud.page_max),
        token: asked.asked_for("pageToken"),
    })
}

fn is_there(machine: &Machine, now: Timestamp) -> bool {
    !matches!(machine.phase(now), Phase::Gone | Phase::Failed)
}

fn invalid_token() -> Reply {
    Gce::error(400, "invalid", "Invalid value for field 'pageToken'")
}

pub(super) fn list(
    cloud: &Cloud,
    now: Timestamp,
    zone: &str,
    asked: &Asked,
    twist: Option<&Trouble>,
) -> Reply {
    let wanted = match wanted(cloud, asked) {
        Ok(wanted) => wanted,
        Err(refused) => return refused,
    };
    let all = cloud.listed(now).filter(|machine| {
        machine.offer.zone == zone && is_there(machine, now) && wanted.filter.admits(machine, now)
    });
    let Some(page) = page(all, wanted.token.as_deref(), wanted.size, twist) else {
        return invalid_token();
    };
    let mut shown =
        json!({"kind": "compute#instanceList", "id": format!("zones/{zone}/instances")});
    if !page.machines.is_empty() {
        let items = page.machines.iter().map(|machine| show(machine, now));
        shown["items"] = items.collect();
    }
    if let Some(next) = page.next {
        shown["nextPageToken"] = json!(next);
    }
    Reply::json(200, &shown)
}

pub(super) fn aggregated(
    cloud: &Cloud,
    now: Timestamp,
    asked: &Asked,
    twist: Option<&Trouble>,
) -> Reply {
    let wanted = match wanted(cloud, asked) {
        Ok(wanted) => wanted,
        Err(refused) => return refused,
    };
    let all = cloud
        .listed(now)
        .filter(|machine| is_there(machine, now) && wanted.filter.admits(machine, now));
    let Some(page) = page(all, wanted.token.as_deref(), wanted.size, twist) else {
        return invalid_token();
    };
    let used = cloud.machines.values().map(|it| it.offer.zone.as_str());
    let zones: BTreeSet<&str> = ZONES.into_iter().chain(used).collect();
    let mut found: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for machine in &page.machines {
        let zone = found.entry(machine.offer.zone.as_str()).or_default();
        zone.push(show(machine, now));
    }
    let silent = (twist == Some(&Trouble::Unreachable))
        .then(|| found.keys().next().copied().unwrap_or(ZONES[0]));
    let mut items = serde_json::Map::new();
    for zone in zones {
        let shown = match found.remove(zone) {
            _ if silent == Some(zone) => {
                json!({"warning": {"code": "UNREACHABLE", "message": format!("The zone '{zone}' is unreachable.")}})
            }
            Some(instances) => json!({ "instances": instances }),
            None => json!({"warning": {"code": "NO_RESULTS_ON_PAGE",
                "message": format!("There are no results for scope 'zones/{zone}' on this page.")}}),
        };
        items.insert(format!("zones/{zone}"), shown);
    }
    let mut shown = json!({"kind": "compute#instanceAggregatedList", "items": items});
    if let Some(zone) = silent {
        shown["unreachables"] = json!([format!("zones/{zone}")]);
    }
    if let Some(next) = page.next {
        shown["nextPageToken"] = json!(next);
    }
    Reply::json(200, &shown)
}
