//! LaunchInstance, with the rules of `opc-retry-token`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{Oci, REGION, etag, offer, show, work};
use crate::dialect::Dialect as _;
use crate::faults::Trouble;
use crate::http::{Asked, Reply};
use crate::state::{Cloud, Offer, Order, Part, PartKind, Phase, Refusal, Used};

/// How long a retry token means the same request.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24);
/// Bytes of metadata, user data included.
const METADATA_MAX: usize = 32_000;
const TOKEN_MAX: usize = 64;

pub(super) fn launch(
    cloud: &mut Cloud,
    now: Timestamp,
    asked: &Asked,
    twist: Option<&Trouble>,
) -> Reply {
    let Some(body) = asked.json() else {
        return Oci::error(400, "CannotParseRequest", "the body is no JSON object");
    };
    let token = asked.get("opc-retry-token").map(str::to_owned);
    if token.as_ref().is_some_and(|token| token.len() > TOKEN_MAX) {
        return Oci::error(400, "InvalidParameter", "opc-retry-token is too long");
    }
    if let Some(again) = again(cloud, now, token.as_deref(), &body) {
        return again;
    }
    let (offer, user_data) = match read(asked, &body) {
        Ok(read) => read,
        Err(refused) => return refused,
    };
    let number = cloud.number();
    let name = body["displayName"].as_str();
    let order = Order {
        id: format!("ocid1.instance.oc1.{REGION}.{number:08}"),
        name: name.map_or_else(|| format!("instance{number}"), str::to_owned),
        offer,
        tags: tags(&body),
        user_data,
        parts: parts(&body, number),
        token: token.clone(),
        asked: body.clone(),
        life_seconds: None,
        // Turned off from inside it is stopped, and a stopped one with a GPU goes on costing.
        ends_on_shutdown: false,
    };
    let machine = match cloud.launch(now, order, twist) {
        Ok(machine) => machine,
        Err(Refusal::NoCapacity) => {
            return Oci::error(500, "InternalError", "Out of host capacity.");
        }
        Err(Refusal::Quota) => {
            return Oci::error(
                400,
                "LimitExceeded",
                "The following service limits were exceeded: gpu-a10-count. Request a service limit increase from the service limits page in the console.",
            );
        }
    };
    let work = work::begin(cloud, now, "launch", machine);
    if let Some(token) = token {
        let used = Used {
            request: body.to_string(),
            machine: Some(machine),
            operation: Some(work.clone()),
            at: now,
        };
        cloud.tokens.insert(token, used);
    }
    made(cloud, now, machine, work)
}

fn made(cloud: &Cloud, now: Timestamp, machine: u64, work: String) -> Reply {
    let machine = &cloud.machines[&machine];
    Reply::json(200, &show(machine, now))
        .with("etag", etag(machine, now))
        .with("opc-work-request-id", work)
}

/// The answer to a request whose token was used before.
fn again(cloud: &Cloud, now: Timestamp, token: Option<&str>, body: &Value) -> Option<Reply> {
    let used = cloud.tokens.get(token?)?;
    if now.duration_since(used.at) >= TOKEN_LIFE {
        return None;
    }
    let request = body.to_string();
    if used.request != request {
        // What OCI says here is not documented; the request is wrong in any case.
        return Some(Oci::error(
            400,
            "InvalidParameter",
            "The retry token was used with other parameters",
        ));
    }
    let machine = used.machine?;
    match cloud.machines[&machine].phase(now) {
        Phase::Ending | Phase::Gone => Some(Oci::error(
            409,
            "InvalidatedRetryToken",
            "Retry token was used, but the resource was deleted",
        )),
        _ => Some(made(
            cloud,
            now,
            machine,
            used.operation.clone().unwrap_or_default(),
        )),
    }
}

fn read(asked: &Asked, body: &Value) -> Result<(Offer, String), Reply> {
    let missing = |what: &str| Oci::error(400, "MissingParameter", &format!("{what} is missing"));
    for needed in ["availabilityDomain", "compartmentId", "shape"] {
        if !body[needed].is_string() {
            return Err(missing(needed));
        }
    }
    if !body["sourceDetails"]["imageId"].is_string() {
        return Err(missing("sourceDetails.imageId"));
    }
    if !body["createVnicDetails"]["subnetId"].is_string() {
        return Err(missing("createVnicDetails.subnetId"));
    }
    let offer = offer(asked).ok_or_else(|| missing("shape"))?;
    if body["metadata"].to_string().len() > METADATA_MAX {
        return Err(Oci::error(400, "InvalidParameter", "metadata is too large"));
    }
    let encoded = body["metadata"]["user_data"].as_str().unwrap_or_default();
    let user_data = STANDARD
        .decode(encoded)
        .map_err(|_| Oci::error(400, "InvalidParameter", "user_data is not base64"))?;
    Ok((offer, String::from_utf8_lossy(&user_data).into_owned()))
}

fn tags(body: &Value) -> BTreeMap<String, String> {
    let tags = body["freeformTags"].as_object().into_iter().flatten();
    tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

fn parts(body: &Value, number: u64) -> Vec<Part> {
    let preserves = &body["preemptibleInstanceConfig"]["preemptionAction"]["preserveBootVolume"];
    vec![
        Part {
            id: format!("ocid1.bootvolume.oc1.{REGION}.{number:08}"),
            kind: PartKind::Disk,
            goes_with_machine: preserves != &Value::Bool(true),
        },
        Part {
            id: format!("ocid1.vnic.oc1.{REGION}.{number:08}"),
            kind: PartKind::Nic,
            goes_with_machine: true,
        },
    ]
}
