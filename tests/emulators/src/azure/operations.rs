//! Asynchronous operations: a failure comes as HTTP 200 with `Failed` in it.

use jiff::Timestamp;
use serde_json::json;

use super::{Azure, Scope, host};
use crate::dialect::Dialect as _;
use crate::http::{Asked, Reply};
use crate::state::{Cloud, Market, Refusal};

/// Begins one, and returns the link to it.
pub(super) fn begin(
    cloud: &mut Cloud,
    now: Timestamp,
    scope: Scope<'_>,
    verb: &'static str,
    machine: u64,
    done_at: Option<Timestamp>,
    asked: &Asked,
) -> String {
    let name = format!("00000000-0000-4000-9000-{:012}", cloud.number());
    cloud.operate(now, name.clone(), verb, machine, done_at);
    let location = cloud.machines[&machine].asked["location"].as_str();
    format!(
        "{}/subscriptions/{}/providers/Microsoft.Compute/locations/{}/operations/{name}?api-version=2024-07-01",
        host(asked),
        scope.subscription,
        location.unwrap_or("eastus"),
    )
}

pub(super) fn get(cloud: &Cloud, now: Timestamp, name: &str, asked: &Asked) -> Reply {
    let Some(operation) = cloud.operations.get(name) else {
        return Azure::not_found(asked);
    };
    let done = operation.is_done(now);
    if asked.asked_for("monitor").is_some() {
        return Reply::empty(if done { 204 } else { 202 }).with("retry-after", "0");
    }
    let mut shown = json!({"startTime": format!("{:.3}", operation.at), "name": operation.name});
    if !done {
        shown["status"] = json!("InProgress");
        return Reply::json(200, &shown).with("retry-after", "0");
    }
    shown["endTime"] = json!(format!("{:.3}", operation.done_at.unwrap_or(now)));
    match &operation.failure {
        None => shown["status"] = json!("Succeeded"),
        Some(failure) => {
            let offer = &cloud.machines[&operation.machine].offer;
            let (code, message) = error(failure.refusal, offer.market, !offer.zone.is_empty());
            shown["status"] = json!("Failed");
            shown["error"] = json!({"code": code, "message": message});
        }
    }
    Reply::json(200, &shown)
}

fn error(refusal: Refusal, market: Market, is_zonal: bool) -> (&'static str, &'static str) {
    match (refusal, market, is_zonal) {
        (Refusal::NoCapacity, Market::Spot, true) => (
            "OverconstrainedZonalAllocationRequest",
            "Allocation failed. VM(s) with the following constraints cannot be allocated, because the condition is too restrictive. Please remove some constraints and try again. Constraints applied are: - Availability Zone - Low Priority VMs - VM Size",
        ),
        (Refusal::NoCapacity, Market::OnDemand, true) => (
            "ZonalAllocationFailed",
            "Allocation failed. We do not have sufficient capacity for the requested VM size in this zone.",
        ),
        (Refusal::NoCapacity, _, false) => (
            "AllocationFailed",
            "Allocation failed. We do not have sufficient capacity for the requested VM size in this region.",
        ),
        (Refusal::Quota, Market::Spot, _) => (
            "OperationNotAllowed",
            "Operation could not be completed as it results in exceeding approved LowPriorityCores quota. Current Limit: 3",
        ),
        (Refusal::Quota, Market::OnDemand, _) => (
            "OperationNotAllowed",
            "Operation could not be completed as it results in exceeding approved standardNCASv3_T4Family Cores quota. Current Limit: 0",
        ),
    }
}
