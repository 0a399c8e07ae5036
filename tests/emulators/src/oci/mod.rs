//! Oracle Cloud Infrastructure: instances, work requests, capacity reports, shapes, availability domains.
//!
//! Its traps: no filter by tag, "Out of host capacity" as a 500 or late in a work request, terminated instances that
//! stay listed, retry tokens that are invalidated by the end of what they made.

mod launch;
mod sign;
mod work;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::dialect::Dialect;
use crate::faults::{Call, Trouble};
use crate::http::{Asked, Reply};
use crate::pages::page;
use crate::state::{Cloud, Machine, Market, Offer, Phase, Why};

/// The dialect.
pub(crate) struct Oci;

const VERSION: &str = "20160918";
const REGION: &str = "iad";
const DOMAINS: [&str; 3] = [
    "Uocm:US-ASHBURN-AD-1",
    "Uocm:US-ASHBURN-AD-2",
    "Uocm:US-ASHBURN-AD-3",
];
const LIMIT_OTHERWISE: usize = 100;

// === impl Oci ===

impl Dialect for Oci {
    fn about(asked: &Asked) -> (Call, Option<Offer>) {
        let segments = asked.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let call = match (asked.method.as_str(), &segments[..]) {
            ("POST", [_, "instances"]) => return (Call::Launch, offer(asked)),
            ("GET", [_, "instances"]) => Call::List,
            ("GET", [_, "instances", _]) => Call::Get,
            ("DELETE", [_, "instances", _]) => Call::Terminate,
            ("GET", [_, "workRequests", ..]) => Call::Operation,
            ("POST", ["v1", "x509"]) => Call::Token,
            _ => Call::Other,
        };
        (call, None)
    }

    fn answer(cloud: &mut Cloud, now: Timestamp, asked: &Asked, twist: Option<&Trouble>) -> Reply {
        let segments = asked.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let called = (asked.method.as_str(), &segments[..]);
        if called == ("POST", &["v1", "x509"]) {
            return sign::exchange(cloud, now, asked);
        }
        if let Err(refused) = sign::check(cloud, now, asked) {
            return refused;
        }
        let reply = match called {
            ("POST", [VERSION, "instances"]) => launch::launch(cloud, now, asked, twist),
            ("GET", [VERSION, "instances"]) => list(cloud, now, asked, twist),
            ("GET", [VERSION, "instances", id]) => get(cloud, now, id),
            ("PUT", [VERSION, "instances", id]) => update(cloud, now, id, asked),
            ("DELETE", [VERSION, "instances", id]) => terminate(cloud, now, id, asked, twist),
            ("GET", [VERSION, "workRequests", id]) => work::get(cloud, now, id),
            ("GET", [VERSION, "workRequests", id, "errors"]) => work::errors(cloud, now, id),
            ("POST", [VERSION, "computeCapacityReports"]) => capacity(cloud, now, asked),
            ("GET", [VERSION, "images" | "subnets", id]) => {
                if cloud.has(id) {
                    Reply::json(200, &json!({"id": id, "lifecycleState": "AVAILABLE"}))
                } else {
                    Self::not_found(asked)
                }
            }
            ("GET", [VERSION, "shapes"]) => Reply::json(200, &shapes()),
            ("GET", [VERSION, "availabilityDomains"]) => Reply::json(200, &domains(asked)),
            ("GET", [VERSION, "vnicAttachments"]) => Reply::json(200, &json!([])),
            _ => Self::error(
                404,
                "NotFound",
                "There is no operation supported at the URI path and HTTP method you specified in the request.",
            ),
        };
        reply.with("opc-request-id", format!("REQ{}", cloud.number()))
    }

    fn error(status: u16, code: &str, message: &str) -> Reply {
        Reply::json(status, &json!({"code": code, "message": message}))
    }

    fn broken(status: u16) -> Reply {
        Self::error(status, "InternalError", "Internal server error")
    }

    fn throttled() -> Reply {
        Self::error(429, "TooManyRequests", "Tenancy rate limit")
    }

    fn denied() -> Reply {
        Self::not_found(&Asked::default())
    }

    fn not_found(_: &Asked) -> Reply {
        Self::error(
            404,
            "NotAuthorizedOrNotFound",
            "Authorization failed or requested resource not found.",
        )
    }
}

fn offer(asked: &Asked) -> Option<Offer> {
    let body = asked.json()?;
    Some(Offer {
        shape: body["shape"].as_str()?.to_owned(),
        zone: body["availabilityDomain"].as_str()?.to_owned(),
        market: Market::of(body["preemptibleInstanceConfig"].is_object()),
    })
}

fn state(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "PROVISIONING",
        Phase::Running => "RUNNING",
        Phase::Stopped => "STOPPED",
        Phase::Ending => "TERMINATING",
        Phase::Failed | Phase::Gone => "TERMINATED",
    }
}

fn show(machine: &Machine, now: Timestamp) -> Value {
    let mut shown = machine.asked.clone();
    let known = json!({
        "id": machine.id,
        "displayName": machine.name,
        "lifecycleState": state(machine.phase(now)),
        "timeCreated": format!("{:.3}", machine.launched_at),
        "freeformTags": machine.tags,
        "region": REGION,
        "faultDomain": "FAULT-DOMAIN-1",
        "launchMode": "PARAVIRTUALIZED",
        "imageId": machine.asked["sourceDetails"]["imageId"],
        "timeMaintenanceRebootDue": null,
        "isCrossNumaNode": false,
    });
    let (Some(shown), Value::Object(known)) = (shown.as_object_mut(), known) else {
        return Value::Null;
    };
    shown.remove("createVnicDetails");
    shown.extend(known);
    shown.entry("definedTags").or_insert_with(|| json!({}));
    shown.entry("metadata").or_insert_with(|| json!({}));
    Value::Object(shown.clone())
}

fn list(cloud: &Cloud, now: Timestamp, asked: &Asked, twist: Option<&Trouble>) -> Reply {
    let Some(compartment) = asked.asked_for("compartmentId") else {
        return Oci::error(400, "MissingParameter", "compartmentId is missing");
    };
    let limit = match asked.asked_for("limit").map(|limit| limit.parse::<usize>()) {
        None => LIMIT_OTHERWISE,
        Some(Ok(limit)) if (1..=1_000).contains(&limit) => limit,
        Some(_) => return Oci::error(400, "InvalidParameter", "limit is out of bounds"),
    };
    let wanted = |name: &str| asked.asked_for(name);
    let (domain, name, lifecycle) = (
        wanted("availabilityDomain"),
        wanted("displayName"),
        wanted("lifecycleState"),
    );
    let is = |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|it| it == own);
    let all = cloud.listed(now).filter(|machine| {
        machine.asked["compartmentId"] == *compartment
            && is(&domain, &machine.offer.zone)
            && is(&name, &machine.name)
            && is(&lifecycle, state(machine.phase(now)))
    });
    let token = asked.asked_for("page");
    let Some(page) = page(all, token.as_deref(), limit.min(cloud.page_max), twist) else {
        return Oci::error(400, "InvalidParameter", "page is invalid");
    };
    let shown: Vec<Value> = page
        .machines
        .iter()
        .map(|machine| show(machine, now))
        .collect();
    let reply = Reply::json(200, &Value::Array(shown));
    match page.next {
        Some(next) => reply.with("opc-next-page", next),
        None => reply,
    }
}

/// The instance of this id, gone ones included as long as they are shown.
fn shown<'a>(cloud: &'a Cloud, now: Timestamp, id: &str) -> Option<&'a Machine> {
    cloud.find(now, id).or_else(|| {
        let mut listed = cloud.listed(now);
        listed.find(|machine| machine.id == id)
    })
}

fn get(cloud: &Cloud, now: Timestamp, id: &str) -> Reply {
    match shown(cloud, now, id) {
        Some(machine) => Reply::json(200, &show(machine, now)).with("etag", etag(machine, now)),
        None => Oci::not_found(&Asked::default()),
    }
}

fn etag(machine: &Machine, now: Timestamp) -> String {
    format!("e{}-{}", machine.number, state(machine.phase(now)))
}

fn update(cloud: &mut Cloud, now: Timestamp, id: &str, asked: &Asked) -> Reply {
    let Some(number) = cloud.find(now, id).map(|machine| machine.number) else {
        return Oci::not_found(asked);
    };
    let Some(body) = asked.json() else {
        return Oci::error(400, "CannotParseRequest", "the body is no JSON object");
    };
    let Some(machine) = cloud.machines.get_mut(&number) else {
        return Oci::not_found(asked);
    };
    if let Some(tags) = body["freeformTags"].as_object() {
        // The new tags take the place of the old ones, all of them.
        machine.tags = tags
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect();
    }
    Reply::json(200, &show(machine, now)).with("etag", etag(machine, now))
}

fn terminate(
    cloud: &mut Cloud,
    now: Timestamp,
    id: &str,
    asked: &Asked,
    twist: Option<&Trouble>,
) -> Reply {
    let found = cloud.find(now, id);
    let Some((number, tag)) = found.map(|machine| (machine.number, etag(machine, now))) else {
        return Oci::not_found(asked);
    };
    if asked.get("if-match").is_some_and(|wanted| wanted != tag) {
        return Oci::error(412, "NoEtagMatch", "the etag does not match");
    }
    let keeps = asked.asked_for("preserveBootVolume").as_deref() == Some("true");
    if let Some(machine) = cloud.machines.get_mut(&number).filter(|_| keeps) {
        for part in &mut machine.parts {
            part.goes_with_machine &= part.kind != crate::state::PartKind::Disk;
        }
    }
    cloud.end(now, number, Why::Ordered, twist);
    let work = work::begin(cloud, now, "delete", number);
    Reply::empty(204).with("opc-work-request-id", work)
}

fn capacity(cloud: &Cloud, now: Timestamp, asked: &Asked) -> Reply {
    let body = asked.json().unwrap_or_default();
    let (Some(domain), Some(shapes)) = (
        body["availabilityDomain"].as_str(),
        body["shapeAvailabilities"].as_array(),
    ) else {
        return Oci::error(
            400,
            "MissingParameter",
            "availabilityDomain or shapeAvailabilities",
        );
    };
    let reports: Vec<Value> = shapes
        .iter()
        .map(|shape| {
            let offer = Offer {
                shape: shape["instanceShape"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                zone: domain.to_owned(),
                market: Market::OnDemand,
            };
            let left = cloud.left(now, &offer);
            let status = match left {
                Some(0) => "OUT_OF_HOST_CAPACITY",
                _ => "AVAILABLE",
            };
            json!({"instanceShape": offer.shape, "faultDomain": shape["faultDomain"],
                   "availabilityStatus": status, "availableCount": left.filter(|left| *left > 0)})
        })
        .collect();
    Reply::json(
        200,
        &json!({"compartmentId": body["compartmentId"], "availabilityDomain": domain,
                "shapeAvailabilities": reports, "timeCreated": format!("{now:.3}")}),
    )
}

fn shapes() -> Value {
    json!([
        {"shape": "VM.GPU.A10.1", "ocpus": 15.0, "memoryInGBs": 240.0, "gpus": 1, "gpuDescription": "NVIDIA® A10"},
        {"shape": "VM.GPU.A10.2", "ocpus": 30.0, "memoryInGBs": 480.0, "gpus": 2, "gpuDescription": "NVIDIA® A10"},
        {"shape": "VM.GPU3.1", "ocpus": 6.0, "memoryInGBs": 90.0, "gpus": 1, "gpuDescription": "NVIDIA® V100"},
        {"shape": "VM.Standard.E5.Flex", "ocpus": 1.0, "memoryInGBs": 12.0, "gpus": 0},
    ])
}

fn domains(asked: &Asked) -> Value {
    let compartment = asked.asked_for("compartmentId");
    let domain = |name: &&str| json!({"name": name, "compartmentId": compartment, "id": format!("ocid1.availabilitydomain.oc1..{name}")});
    Value::Array(DOMAINS.iter().map(domain).collect())
}
