//! RunInstances, with the rules of `ClientToken`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{ACCOUNT, Ec2, Form, describe, numbered, respond, xml::node};
use crate::dialect::Dialect as _;
use crate::faults::Trouble;
use crate::http::Reply;
use crate::state::{Cloud, Market, Offer, Order, Part, PartKind, Phase, Refusal, Used};

/// Bytes of user data before base64.
const USER_DATA_MAX: usize = 16_384;
const TOKEN_MAX: usize = 64;
const COUNT_MAX: u64 = 100;
/// How long a token is remembered after its instance is gone.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// The offer that a launch names. A subnet decides the zone: `subnet-…-b` is in zone b here.
pub(super) fn offer(form: &Form, region: &str) -> Option<Offer> {
    let zone = form.get("Placement.AvailabilityZone").cloned();
    let zone = zone.unwrap_or_else(|| {
        let subnet = subnet(form).unwrap_or_default();
        let letter = subnet.rsplit('-').next().unwrap_or_default();
        let is_letter = letter.len() == 1 && letter.chars().all(|c| c.is_ascii_lowercase());
        format!("{region}{}", if is_letter { letter } else { "a" })
    });
    Some(Offer {
        shape: form.get("InstanceType")?.clone(),
        zone,
        market: Market::of(
            form.get("InstanceMarketOptions.MarketType")
                .is_some_and(|it| it == "spot"),
        ),
    })
}

pub(super) fn subnet(form: &Form) -> Option<&str> {
    let subnet = form
        .get("SubnetId")
        .or_else(|| form.get("NetworkInterface.1.SubnetId"));
    subnet.map(String::as_str)
}

pub(super) fn run(
    cloud: &mut Cloud,
    now: Timestamp,
    form: &Form,
    region: &str,
    twist: Option<&Trouble>,
) -> Reply {
    let offer = match read(form, region) {
        Ok(offer) => offer,
        Err(refused) => return refused,
    };
    if let Some(refused) = absent(cloud, form) {
        return refused;
    }
    if form.get("DryRun").is_some_and(|dry| dry == "true") {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Ec2::error(412, "DryRunOperation", message);
    }
    let user_data = match user_data(form) {
        Ok(user_data) => user_data,
        Err(refused) => return refused,
    };
    // A token is of one zone where the request names one, and of the region otherwise.
    let is_zonal = form.contains_key("Placement.AvailabilityZone") || subnet(form).is_some();
    let token = form.get("ClientToken");
    let key = token.map(|token| {
        let zone = if is_zonal { offer.zone.as_str() } else { "" };
        format!("{zone}/{token}")
    });
    let request = canonical(form);
    if let Some(reply) = key
        .as_ref()
        .and_then(|key| again(cloud, now, key, &request))
    {
        return reply;
    }
    let made = launch(cloud, now, form, offer, user_data, twist);
    // A failure uses the token up as well: with other parameters it is a mismatch from now on.
    if let Some(key) = key {
        let used = Used {
            request,
            machine: made.as_ref().ok().copied(),
            operation: None,
            at: now,
        };
        cloud.tokens.insert(key, used);
    }
    match made {
        Ok(number) => answer(cloud, now, number),
        Err(refusal) => refused(refusal, form),
    }
}

/// What of the request is not there, or not allowed.
fn absent(cloud: &Cloud, form: &Form) -> Option<Reply> {
    if cloud.withheld.contains("ec2:RunInstances") {
        return Some(Ec2::denied());
    }
    let image = form.get("ImageId").map_or("", String::as_str);
    if !cloud.has(image) {
        let message = format!("The image id '[{image}]' does not exist");
        return Some(Ec2::error(400, "InvalidAMIID.NotFound", &message));
    }
    let subnet = subnet(form).unwrap_or_default();
    if !cloud.has(subnet) {
        let message = format!("The subnet ID '{subnet}' does not exist");
        return Some(Ec2::error(400, "InvalidSubnetID.NotFound", &message));
    }
    None
}

/// The request without its token.
fn canonical(form: &Form) -> String {
    let without = form.iter().filter(|(name, _)| *name != "ClientToken");
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(without)
        .finish()
}

/// The answer to a request whose token was used before.
fn again(cloud: &Cloud, now: Timestamp, key: &str, request: &str) -> Option<Reply> {
    let used = cloud.tokens.get(key)?;
    let machine = used.machine.map(|number| &cloud.machines[&number]);
    let ended = machine.and_then(|machine| machine.ending.as_ref()?.gone_at);
    if ended.is_some_and(|ended| now.duration_since(ended) >= TOKEN_LIFE) {
        return None;
    }
    if used.request != request {
        let message = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";
        return Some(Ec2::error(400, "IdempotentParameterMismatch", message));
    }
    let machine = machine?;
    if matches!(machine.phase(now), Phase::Ending | Phase::Gone) {
        let message = "The client token was used for an instance that has been terminated.";
        return Some(Ec2::error(400, "IdempotentInstanceTerminated", message));
    }
    Some(answer(cloud, now, machine.number))
}

fn answer(cloud: &Cloud, now: Timestamp, number: u64) -> Reply {
    let machine = &cloud.machines[&number];
    respond(
        "RunInstances",
        vec![
            node("reservationId", format!("r-{number:017x}")),
            node("ownerId", ACCOUNT),
            node("groupSet", ""),
            node("instancesSet", [describe::item(machine, now)]),
        ],
    )
}

fn refused(refusal: Refusal, form: &Form) -> Reply {
    let kind = form.get("InstanceType").map_or("", String::as_str);
    let is_spot = form.contains_key("InstanceMarketOptions.MarketType");
    match refusal {
        Refusal::NoCapacity => {
            let message = format!(
                "We currently do not have sufficient {kind} capacity in the Availability Zone you requested."
            );
            Ec2::error(500, "InsufficientInstanceCapacity", &message)
        }
        Refusal::Quota if is_spot => {
            let message = "Max spot instance count exceeded";
            Ec2::error(400, "MaxSpotInstanceCountExceeded", message)
        }
        Refusal::Quota => {
            let message = "You have requested more vCPU capacity than your current vCPU limit of 0 allows for the instance bucket that the specified instance type belongs to.";
            Ec2::error(400, "VcpuLimitExceeded", message)
        }
    }
}

fn read(form: &Form, region: &str) -> Result<Offer, Reply> {
    let missing = |what: &str| {
        let message = format!("The request must contain the parameter {what}");
        Ec2::error(400, "MissingParameter", &message)
    };
    for needed in ["ImageId", "MinCount", "MaxCount"] {
        if !form.contains_key(needed) {
            return Err(missing(needed));
        }
    }
    let count = |name: &str| form.get(name).and_then(|count| count.parse::<u64>().ok());
    match (count("MinCount"), count("MaxCount")) {
        // One machine a call is what Spillway asks for, and what is done here.
        (Some(1), Some(1)) => {}
        (Some(1..=COUNT_MAX), Some(1..=COUNT_MAX)) => {
            let message = "This emulator launches one instance at a time";
            return Err(Ec2::error(400, "UnsupportedOperation", message));
        }
        _ => {
            let message = "Value for parameter MinCount or MaxCount is invalid";
            return Err(Ec2::error(400, "InvalidParameterValue", message));
        }
    }
    if form
        .get("ClientToken")
        .is_some_and(|token| token.len() > TOKEN_MAX)
    {
        let message = "ClientToken is longer than 64 characters";
        return Err(Ec2::error(400, "InvalidParameterValue", message));
    }
    // EC2 takes an m1.small then; nobody who wants a GPU means that.
    offer(form, region).ok_or_else(|| missing("InstanceType"))
}

fn user_data(form: &Form) -> Result<String, Reply> {
    let encoded = form.get("UserData").map_or("", String::as_str);
    match STANDARD.decode(encoded) {
        Ok(data) if data.len() <= USER_DATA_MAX => Ok(String::from_utf8_lossy(&data).into_owned()),
        Ok(_) => {
            let message = "User data is limited to 16384 bytes";
            Err(Ec2::error(400, "InvalidParameterValue", message))
        }
        Err(_) => {
            let message = "Invalid BASE64 encoding of user data";
            Err(Ec2::error(400, "InvalidUserData.Malformed", message))
        }
    }
}

fn launch(
    cloud: &mut Cloud,
    now: Timestamp,
    form: &Form,
    offer: Offer,
    user_data: String,
    twist: Option<&Trouble>,
) -> Result<u64, Refusal> {
    let number = cloud.number();
    let order = Order {
        id: format!("i-{number:017x}"),
        name: format!("i-{number:017x}"),
        offer,
        tags: tags(form),
        user_data,
        asked: json!(form),
        token: form.get("ClientToken").cloned(),
        parts: parts(form, number),
        life_seconds: None,
        ends_on_shutdown: form
            .get("InstanceInitiatedShutdownBehavior")
            .is_some_and(|behaviour| behaviour == "terminate"),
    };
    cloud.launch(now, order, twist)
}

fn tags(form: &Form) -> BTreeMap<String, String> {
    let specifications = (1..).map_while(|i| {
        let prefix = format!("TagSpecification.{i}");
        Some((form.get(&format!("{prefix}.ResourceType"))?, prefix))
    });
    let of_instance = specifications.filter(|(kind, _)| *kind == "instance");
    of_instance
        .flat_map(|(_, prefix)| {
            (1..).map_while(move |j| {
                let key = form.get(&format!("{prefix}.Tag.{j}.Key"))?;
                let value = form.get(&format!("{prefix}.Tag.{j}.Value"));
                Some((key.clone(), value.cloned().unwrap_or_default()))
            })
        })
        .collect()
}

/// The root volume goes with the instance unless told to stay; further ones stay unless told to go.
fn parts(form: &Form, number: u64) -> Vec<Part> {
    let mut parts = vec![Part {
        id: format!("eni-{number:017x}"),
        kind: PartKind::Nic,
        goes_with_machine: true,
    }];
    let devices = (1..).map_while(|i| {
        let prefix = format!("BlockDeviceMapping.{i}");
        Some((form.get(&format!("{prefix}.DeviceName"))?, prefix))
    });
    let mut has_root = false;
    for (i, (device, prefix)) in devices.enumerate() {
        let is_root = matches!(device.as_str(), "/dev/sda1" | "/dev/xvda");
        has_root |= is_root;
        let told = form.get(&format!("{prefix}.Ebs.DeleteOnTermination"));
        parts.push(Part {
            id: format!("vol-{number:016x}{i}"),
            kind: PartKind::Disk,
            goes_with_machine: told.map_or(is_root, |told| told == "true"),
        });
    }
    if !has_root {
        parts.push(Part {
            id: format!("vol-{number:017x}"),
            kind: PartKind::Disk,
            goes_with_machine: true,
        });
    }
    parts
}

/// Security groups, for a description.
pub(super) fn groups(form: &Form) -> Vec<String> {
    numbered(form, "SecurityGroupId")
}
