//! Putting a machine: the name decides whether it is a new one.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;

use super::{Azure, Scope, find, id, operations, show};
use crate::dialect::Dialect as _;
use crate::faults::Trouble;
use crate::http::{Asked, Reply};
use crate::state::{Cloud, Machine, Market, Offer, Order, Part, PartKind, Refusal};

/// Bytes of custom data before base64.
const CUSTOM_DATA_MAX: usize = 65_536;
const COMPUTER_NAME_MAX: usize = 64;
const TAGS_MAX: usize = 50;

/// The offer that a launch names.
pub(super) fn offer(asked: &Asked) -> Option<Offer> {
    let body = asked.json()?;
    let properties = &body["properties"];
    Some(Offer {
        shape: properties["hardwareProfile"]["vmSize"].as_str()?.to_owned(),
        zone: body["zones"][0].as_str().unwrap_or_default().to_owned(),
        market: Market::of(properties["priority"] == "Spot"),
    })
}

pub(super) fn put(
    cloud: &mut Cloud,
    now: Timestamp,
    scope: Scope<'_>,
    name: &str,
    asked: &Asked,
    twist: Option<&Trouble>,
) -> Reply {
    let (body, offer) = match read(asked) {
        Ok(read) => read,
        Err(refused) => return refused,
    };
    if let Some(there) = find(cloud, now, scope, name) {
        if asked.get("if-none-match") == Some("*") {
            let message = "The condition If-None-Match was not met";
            return Azure::error(412, "PreconditionFailed", message);
        }
        let (number, reply) = (there.number, changed(there, &offer));
        return reply.unwrap_or_else(|| {
            if let Some(machine) = cloud.machines.get_mut(&number) {
                machine.tags = tags(&body);
            }
            Reply::json(200, &show(&cloud.machines[&number], now))
        });
    }
    let user_data = match custom_data(&body) {
        Ok(user_data) => user_data,
        Err(refused) => return refused,
    };
    let order = Order {
        id: id(scope, name),
        name: name.to_owned(),
        tags: tags(&body),
        user_data,
        parts: parts(&body, name),
        token: None,
        asked: body,
        life_seconds: None,
        // Shut down from inside it is stopped and not deallocated: its bill goes on.
        ends_on_shutdown: false,
        offer,
    };
    let is_spot = order.offer.market == Market::Spot;
    let machine = match cloud.launch(now, order, twist) {
        Ok(machine) => machine,
        Err(refusal) => return refused(refusal, is_spot),
    };
    let made = &cloud.machines[&machine];
    let done_at = match (&made.fails, made.runs_at) {
        (Some(fails), _) => Some(fails.at),
        (None, Some(_)) => Some(cloud.done_at(now)),
        (None, None) => None,
    };
    let link = operations::begin(cloud, now, scope, "put", machine, done_at, asked);
    let mut shown = show(&cloud.machines[&machine], now);
    shown["properties"]["provisioningState"] = "Creating".into();
    Reply::json(201, &shown)
        .with("azure-asyncoperation", link)
        .with("retry-after", "0")
}

fn changed(there: &Machine, offer: &Offer) -> Option<Reply> {
    let what = if there.offer.zone != offer.zone {
        "zones"
    } else if there.offer.shape != offer.shape {
        "vmSize"
    } else if there.offer.market != offer.market {
        "priority"
    } else {
        return None;
    };
    let message = format!("Changing property '{what}' is not allowed.");
    Some(Azure::error(409, "PropertyChangeNotAllowed", &message))
}

fn refused(refusal: Refusal, is_spot: bool) -> Reply {
    let (code, message) = match (refusal, is_spot) {
        (Refusal::NoCapacity, _) => (
            "SkuNotAvailable",
            "The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: Standard_NC4as_T4_v3' is currently not available in location 'eastus'. Please try another size or deploy to a different location or different zone.",
        ),
        (Refusal::Quota, true) => (
            "OperationNotAllowed",
            "Operation could not be completed as it results in exceeding approved LowPriorityCores quota. Additional details - Deployment Model: Resource Manager, Location: eastus, Current Limit: 3, Current Usage: 0, Additional Required: 4, (Minimum) New Limit Required: 4.",
        ),
        (Refusal::Quota, false) => (
            "OperationNotAllowed",
            "Operation could not be completed as it results in exceeding approved standardNCASv3_T4Family Cores quota. Additional details - Deployment Model: Resource Manager, Location: eastus, Current Limit: 0, Current Usage: 0, Additional Required: 4, (Minimum) New Limit Required: 4.",
        ),
    };
    Azure::error(409, code, message)
}

fn invalid(target: &str, message: &str) -> Reply {
    let error =
        serde_json::json!({"code": "InvalidParameter", "message": message, "target": target});
    Reply::json(400, &serde_json::json!({ "error": error }))
}

fn read(asked: &Asked) -> Result<(Value, Offer), Reply> {
    let body = asked.json().ok_or_else(|| {
        let message = "The request content was invalid and could not be deserialized.";
        Azure::error(400, "InvalidRequestContent", message)
    })?;
    if !body["location"].is_string() {
        let message = "The location property is required for this definition.";
        return Err(Azure::error(400, "LocationRequired", message));
    }
    let offer = offer(asked).ok_or_else(|| invalid("vmSize", "vmSize is required"))?;
    let properties = &body["properties"];
    if !properties["storageProfile"]["imageReference"].is_object() {
        return Err(invalid("imageReference", "imageReference is required"));
    }
    let network = &properties["networkProfile"];
    let configured = network["networkInterfaceConfigurations"].is_array();
    if !configured && !network["networkInterfaces"].is_array() {
        return Err(invalid("networkProfile", "A network interface is required"));
    }
    if configured && !network["networkApiVersion"].is_string() {
        return Err(invalid(
            "networkApiVersion",
            "networkApiVersion is required",
        ));
    }
    let profile = &properties["osProfile"];
    let computer = profile["computerName"].as_str().unwrap_or_default();
    if computer.is_empty() || computer.len() > COMPUTER_NAME_MAX {
        return Err(invalid(
            "computerName",
            "computerName is missing or too long",
        ));
    }
    let has_key = profile["linuxConfiguration"]["ssh"]["publicKeys"]
        .as_array()
        .is_some_and(|keys| !keys.is_empty());
    if !profile["adminUsername"].is_string() || !(has_key || profile["adminPassword"].is_string()) {
        let message = "Authentication using either SSH or by user name and password must be enabled in Linux profile.";
        return Err(invalid("linuxConfiguration", message));
    }
    if properties["evictionPolicy"].is_string() && offer.market == Market::OnDemand {
        let message = "Eviction policy can be set only on Spot Virtual Machines.";
        return Err(invalid("evictionPolicy", message));
    }
    if body["tags"]
        .as_object()
        .is_some_and(|tags| tags.len() > TAGS_MAX)
    {
        return Err(invalid("tags", "There are too many tags"));
    }
    Ok((body, offer))
}

fn custom_data(body: &Value) -> Result<String, Reply> {
    let encoded = body["properties"]["osProfile"]["customData"].as_str();
    let decoded = STANDARD.decode(encoded.unwrap_or_default());
    match decoded {
        Ok(data) if data.len() <= CUSTOM_DATA_MAX => {
            Ok(String::from_utf8_lossy(&data).into_owned())
        }
        _ => Err(invalid(
            "customData",
            "Custom data must be base64 and at most 64 KB",
        )),
    }
}

fn tags(body: &Value) -> BTreeMap<String, String> {
    let tags = body["tags"].as_object().into_iter().flatten();
    tags.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Interfaces made with the machine and its disk; each stays unless it is told to go.
fn parts(body: &Value, name: &str) -> Vec<Part> {
    let properties = &body["properties"];
    let configured = &properties["networkProfile"]["networkInterfaceConfigurations"];
    let nics = configured.as_array().into_iter().flatten().map(|nic| Part {
        id: format!("{name}-{}", nic["name"].as_str().unwrap_or("nic")),
        kind: PartKind::Nic,
        goes_with_machine: nic["properties"]["deleteOption"] == "Delete",
    });
    let disk = &properties["storageProfile"]["osDisk"];
    let disk = Part {
        id: disk["name"]
            .as_str()
            .map_or_else(|| format!("{name}_OsDisk_1"), str::to_owned),
        kind: PartKind::Disk,
        goes_with_machine: disk["deleteOption"] == "Delete",
    };
    nics.chain([disk]).collect()
}
