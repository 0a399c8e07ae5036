//! Google Compute Engine: instances, operations, tokens.
//!
//! Its traps: names are unique per zone only, a request id gives its old operation again for ever, most failures come
//! in an operation that is DONE, and the aggregated list leaves out zones that did not answer.

mod filter;
mod insert;
mod lists;
mod operations;

use jiff::Timestamp;
use jiff::tz::{TimeZone, offset};
use serde_json::{Value, json};

pub(crate) use insert::metadata;

use crate::dialect::Dialect;
use crate::faults::{Call, Trouble};
use crate::http::{Asked, Reply};
use crate::state::{Cloud, Machine, Offer, Phase, Refusal, Used, Why};

/// The dialect.
pub(crate) struct Gce;

const TOKEN_SECONDS: i64 = 3_599;
const JWT_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Where a request is about: `projects/{project}/zones/{zone}`.
#[derive(Debug, Clone, Copy)]
struct Scope<'a> {
    project: &'a str,
    zone: &'a str,
}

// === impl Gce ===

impl Dialect for Gce {
    fn about(asked: &Asked) -> (Call, Option<Offer>) {
        let segments = asked.segments();
        let call = match (asked.method.as_str(), &below_projects(&segments)[..]) {
            ("POST", [_, "zones", _, "instances"]) => {
                return (Call::Launch, insert::offer(asked));
            }
            ("GET", [_, "zones", _, "instances"] | [_, "aggregated", "instances"]) => Call::List,
            ("GET", [_, "zones", _, "instances", _]) => Call::Get,
            ("DELETE", [_, "zones", _, "instances", _]) => Call::Terminate,
            (_, [_, "zones", _, "operations", ..]) => Call::Operation,
            ("POST", []) => Call::Token,
            _ => Call::Other,
        };
        (call, None)
    }

    fn answer(cloud: &mut Cloud, now: Timestamp, asked: &Asked, twist: Option<&Trouble>) -> Reply {
        let segments = asked.segments();
        if asked.method == "POST" && segments.last().is_some_and(|last| last == "token") {
            return token(cloud, now, asked);
        }
        if !cloud.admits(now, asked.bearer()) {
            return Self::error(401, "authError", "Invalid Credentials");
        }
        match (asked.method.as_str(), &below_projects(&segments)[..]) {
            ("POST", [project, "zones", zone, "instances"]) => {
                insert::insert(cloud, now, Scope { project, zone }, asked, twist)
            }
            ("GET", [_, "zones", zone, "instances"]) => lists::list(cloud, now, zone, asked, twist),
            ("GET", [_, "aggregated", "instances"]) => lists::aggregated(cloud, now, asked, twist),
            ("GET", [_, "zones", zone, "instances", name]) => match find(cloud, now, zone, name) {
                Some(machine) => Reply::json(200, &show(machine, now)),
                None => Self::not_found(asked),
            },
            ("DELETE", [project, "zones", zone, "instances", name]) => {
                delete(cloud, now, Scope { project, zone }, name, asked, twist)
            }
            ("GET", [project, "zones", zone, "operations", name])
            | ("POST", [project, "zones", zone, "operations", name, "wait"]) => {
                operations::get(cloud, now, Scope { project, zone }, name)
            }
            ("GET", [_, "global", "images", .., name] | [_, "regions", _, "subnetworks", name]) => {
                if cloud.has(name) {
                    Reply::json(200, &json!({"name": name}))
                } else {
                    Self::not_found(asked)
                }
            }
            ("POST", [_, "regions", _, "subnetworks", _, "testIamPermissions"]) => {
                let mut asked = asked.json().unwrap_or_default();
                if let Some(rights) = asked["permissions"].as_array_mut() {
                    rights.retain(|right| {
                        let right = right.as_str().unwrap_or_default();
                        !cloud.withheld.contains(right)
                    });
                }
                Reply::json(200, &json!({"permissions": asked["permissions"]}))
            }
            ("GET", [_, "zones", zone, "machineTypes"]) => Reply::json(200, &types(zone)),
            _ => Self::error(404, "notFound", "Not Found"),
        }
    }

    fn error(status: u16, reason: &str, message: &str) -> Reply {
        let domain = if matches!(status, 403 | 429) {
            "usageLimits"
        } else {
            "global"
        };
        let errors = json!([{"message": message, "domain": domain, "reason": reason}]);
        let error = json!({"code": status, "message": message, "errors": errors});
        Reply::json(status, &json!({ "error": error }))
    }

    fn broken(status: u16) -> Reply {
        Self::error(status, "backendError", "Internal error. Please try again.")
    }

    fn throttled() -> Reply {
        Self::error(403, "rateLimitExceeded", "Rate Limit Exceeded")
    }

    fn denied() -> Reply {
        Self::error(
            403,
            "forbidden",
            "Required 'compute.instances.create' permission",
        )
    }

    fn not_found(asked: &Asked) -> Reply {
        let message = format!("The resource '{}' was not found", asked.path);
        Self::error(404, "notFound", &message)
    }
}

/// The path below `…/projects/`, empty if it is not there.
fn below_projects(segments: &[String]) -> Vec<&str> {
    let mut segments = segments.iter().map(String::as_str);
    let _ = segments.by_ref().find(|segment| *segment == "projects");
    segments.collect()
}

fn refusal(refusal: Refusal) -> (u16, &'static str, &'static str) {
    match refusal {
        Refusal::NoCapacity => (
            503,
            "ZONE_RESOURCE_POOL_EXHAUSTED",
            "The zone does not have enough resources available to fulfill the request. Try a different zone, or try again later.",
        ),
        Refusal::Quota => (
            403,
            "quotaExceeded",
            "Quota 'GPUS_ALL_REGIONS' exceeded.  Limit: 0.0 globally.",
        ),
    }
}

fn status(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "STAGING",
        Phase::Running => "RUNNING",
        Phase::Stopped => "TERMINATED",
        Phase::Ending => "STOPPING",
        Phase::Failed | Phase::Gone => "DEPROVISIONING",
    }
}

/// As Google writes times: at its own place on earth.
fn stamp(at: Timestamp) -> String {
    let there = at.to_zoned(TimeZone::fixed(offset(-8)));
    there.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
}

fn find<'a>(cloud: &'a Cloud, now: Timestamp, zone: &str, name: &str) -> Option<&'a Machine> {
    cloud.machines.values().find(|machine| {
        let is_there = !matches!(machine.phase(now), Phase::Gone | Phase::Failed);
        machine.offer.zone == zone && machine.name == name && is_there
    })
}

fn show(machine: &Machine, now: Timestamp) -> Value {
    let mut shown = machine.asked.clone();
    let zone = format!("{}/zones/{}", project_url(machine), machine.offer.zone);
    let known = json!({
        "kind": "compute#instance",
        "id": machine.number.to_string(),
        "name": machine.name,
        "zone": zone,
        "selfLink": format!("{zone}/instances/{}", machine.name),
        "machineType": format!("{zone}/machineTypes/{}", machine.offer.shape),
        "status": status(machine.phase(now)),
        "creationTimestamp": stamp(machine.launched_at),
        "labelFingerprint": "42WmSpB8rSM=",
    });
    if let (Some(shown), Value::Object(known)) = (shown.as_object_mut(), known) {
        shown.remove("__project");
        shown.extend(known);
    }
    shown
}

fn project_url(machine: &Machine) -> String {
    let project = machine.asked["__project"].as_str().unwrap_or_default();
    format!("https://www.googleapis.com/compute/v1/projects/{project}")
}

fn delete(
    cloud: &mut Cloud,
    now: Timestamp,
    scope: Scope<'_>,
    name: &str,
    asked: &Asked,
    twist: Option<&Trouble>,
) -> Reply {
    let token = asked
        .asked_for("requestId")
        .map(|id| format!("delete/{}/{}/{id}", scope.project, scope.zone));
    let used = token.as_ref().and_then(|token| cloud.tokens.get(token));
    if let Some(operation) = used.and_then(|used| used.operation.clone()) {
        return operations::get(cloud, now, scope, &operation);
    }
    let Some(number) = find(cloud, now, scope.zone, name).map(|machine| machine.number) else {
        return Gce::not_found(asked);
    };
    cloud.end(now, number, Why::Ordered, twist);
    let ending = cloud.machines[&number].ending.as_ref();
    // One that lies says that it is done.
    let done_at = match ending {
        Some(ending) => ending.gone_at,
        None => Some(cloud.done_at(now)),
    };
    let operation = operations::begin(cloud, now, "delete", number, done_at);
    if let Some(token) = token {
        let used = Used {
            request: name.to_owned(),
            machine: Some(number),
            operation: Some(operation.clone()),
            at: now,
        };
        cloud.tokens.insert(token, used);
    }
    operations::get(cloud, now, scope, &operation)
}

fn token(cloud: &mut Cloud, now: Timestamp, asked: &Asked) -> Reply {
    let form = asked.form();
    let is_jwt = form
        .get("assertion")
        .is_some_and(|assertion| assertion.split('.').count() == 3);
    if form.get("grant_type").map(String::as_str) != Some(JWT_GRANT) || !is_jwt {
        let said = json!({"error": "invalid_grant", "error_description": "Invalid JWT"});
        return Reply::json(400, &said);
    }
    let token = cloud.issue(now, "ya29.", TOKEN_SECONDS);
    Reply::json(
        200,
        &json!({"access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"}),
    )
}

fn types(zone: &str) -> Value {
    let of = |name: &str, cpus: u32, accelerators: Value| json!({"name": name, "guestCpus": cpus, "zone": zone, "accelerators": accelerators});
    let l4 = json!([{"guestAcceleratorType": "nvidia-l4", "guestAcceleratorCount": 1}]);
    json!({"kind": "compute#machineTypeList", "items": [
        of("g2-standard-4", 4, l4.clone()),
        of("g2-standard-8", 8, l4),
        of("n1-standard-8", 8, json!([])),
    ]})
}
