//! Zone operations. `wait` answers at once: the API may do so, and callers must look again.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Gce, Scope, stamp};
use crate::dialect::Dialect as _;
use crate::http::{Asked, Reply};
use crate::state::{Cloud, Refusal};

/// Begins one, and returns its name.
pub(super) fn begin(
    cloud: &mut Cloud,
    now: Timestamp,
    verb: &'static str,
    machine: u64,
    done_at: Option<Timestamp>,
) -> String {
    let name = format!("operation-{}", cloud.number());
    cloud.operate(now, name.clone(), verb, machine, done_at);
    name
}

pub(super) fn get(cloud: &Cloud, now: Timestamp, scope: Scope<'_>, name: &str) -> Reply {
    let operation = cloud.operations.get(name);
    let Some(operation) =
        operation.filter(|it| cloud.machines[&it.machine].offer.zone == scope.zone)
    else {
        return Gce::not_found(&Asked::default());
    };
    let machine = &cloud.machines[&operation.machine];
    let done = operation.is_done(now);
    let zone = format!(
        "https://www.googleapis.com/compute/v1/projects/{}/zones/{}",
        scope.project, scope.zone
    );
    let mut shown = json!({
        "kind": "compute#operation",
        "id": machine.number.to_string(),
        "name": operation.name,
        "operationType": operation.verb,
        "status": if done { "DONE" } else { "RUNNING" },
        "progress": if done { 100 } else { 0 },
        "targetLink": format!("{zone}/instances/{}", machine.name),
        "targetId": machine.number.to_string(),
        "zone": zone,
        "selfLink": format!("{zone}/operations/{}", operation.name),
        "insertTime": stamp(operation.at),
    });
    if let (true, Some(failure)) = (done, &operation.failure) {
        let (status, said, error) = error(failure.refusal, scope.zone, &machine.offer.shape);
        shown["httpErrorStatusCode"] = json!(status);
        shown["httpErrorMessage"] = json!(said);
        shown["error"] = json!({"errors": [error]});
    }
    Reply::json(200, &shown)
}

fn error(refusal: Refusal, zone: &str, shape: &str) -> (u16, &'static str, Value) {
    match refusal {
        Refusal::NoCapacity => {
            let info = json!({"errorInfo": {"reason": "resource_availability", "domain": "compute.googleapis.com",
                "metadatas": {"zone": zone, "vmType": shape, "attachment": "", "zonesAvailable": ""}}});
            let message = format!(
                "The zone 'projects/p/zones/{zone}' does not have enough resources available to fulfill the request. '(resource type:compute)'."
            );
            let code = "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS";
            let error = json!({"code": code, "message": message, "errorDetails": [info]});
            (503, "SERVICE UNAVAILABLE", error)
        }
        Refusal::Quota => {
            let message = "Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 0.0 globally.";
            let error = json!({"code": "QUOTA_EXCEEDED", "message": message});
            (403, "FORBIDDEN", error)
        }
    }
}
