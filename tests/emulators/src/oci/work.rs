//! Work requests: where OCI says late that there was no room.

use jiff::Timestamp;
use serde_json::json;

use super::Oci;
use crate::dialect::Dialect as _;
use crate::http::{Asked, Reply};
use crate::state::{Cloud, Operation, Refusal};

/// Begins one, and returns its id.
pub(super) fn begin(cloud: &mut Cloud, now: Timestamp, verb: &'static str, machine: u64) -> String {
    let id = format!(
        "ocid1.coreservicesworkrequest.oc1.{}.{:08}",
        super::REGION,
        cloud.number()
    );
    let made = &cloud.machines[&machine];
    let done_at = match verb {
        "delete" => made.ending.as_ref().and_then(|ending| ending.gone_at),
        // It succeeds when the instance runs, and never does while that is stuck.
        _ => made
            .fails
            .as_ref()
            .map_or(made.runs_at, |fails| Some(fails.at)),
    };
    cloud.operate(now, id.clone(), verb, machine, done_at);
    id
}

pub(super) fn get(cloud: &Cloud, now: Timestamp, id: &str) -> Reply {
    let Some(operation) = cloud.operations.get(id) else {
        return Oci::not_found(&Asked::default());
    };
    let machine = &cloud.machines[&operation.machine];
    let (status, percent) = match (operation.is_done(now), &operation.failure) {
        (false, _) => ("IN_PROGRESS", 40.0),
        (true, None) => ("SUCCEEDED", 100.0),
        (true, Some(_)) => ("FAILED", 100.0),
    };
    let operation_type = match operation.verb {
        "delete" => "TerminateInstance",
        _ => "LaunchInstance",
    };
    let resources = json!([{"entityType": "instance", "actionType": "IN_PROGRESS",
        "identifier": machine.id, "entityUri": format!("/20160918/instances/{}", machine.id)}]);
    let body = json!({
        "operationType": operation_type,
        "status": status,
        "id": operation.name,
        "compartmentId": machine.asked["compartmentId"],
        "resources": resources,
        "percentComplete": percent,
        "timeAccepted": format!("{:.3}", operation.at),
    });
    Reply::json(200, &body).with("retry-after", "1")
}

pub(super) fn errors(cloud: &Cloud, now: Timestamp, id: &str) -> Reply {
    let Some(operation) = cloud.operations.get(id) else {
        return Oci::not_found(&Asked::default());
    };
    let done = operation.is_done(now);
    let errors: Vec<_> = operation
        .failure
        .iter()
        .filter(|_| done)
        .map(|failure| error(operation, failure.refusal))
        .collect();
    Reply::json(200, &json!(errors))
}

fn error(operation: &Operation, refusal: Refusal) -> serde_json::Value {
    let (code, message) = match refusal {
        Refusal::NoCapacity => ("InternalError", "Out of host capacity."),
        Refusal::Quota => (
            "LimitExceeded",
            "The following service limits were exceeded: gpu-a10-count.",
        ),
    };
    let at = operation.done_at.unwrap_or(operation.at);
    json!({"code": code, "message": message, "timestamp": format!("{at:.3}")})
}
