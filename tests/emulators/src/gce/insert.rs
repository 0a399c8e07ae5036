//! Inserting an instance, with the rules of `requestId`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Gce, Scope, find, operations, refusal};
use crate::dialect::Dialect as _;
use crate::faults::Trouble;
use crate::http::{Asked, Reply};
use crate::state::{Cloud, Market, Offer, Order, Part, PartKind, Used};

const NAME_MAX: usize = 63;

/// The offer that a launch names.
pub(super) fn offer(asked: &Asked) -> Option<Offer> {
    let body = asked.json()?;
    let segments = asked.segments();
    let zone = segments.iter().rev().nth(1)?;
    let machine_type = body["machineType"].as_str()?;
    Some(Offer {
        shape: machine_type.rsplit('/').next()?.to_owned(),
        zone: zone.clone(),
        market: Market::of(body["scheduling"]["provisioningModel"] == "SPOT"),
    })
}

pub(super) fn insert(
    cloud: &mut Cloud,
    now: Timestamp,
    scope: Scope<'_>,
    asked: &Asked,
    twist: Option<&Trouble>,
) -> Reply {
    let token = match request_id(asked) {
        Ok(token) => token.map(|id| format!("insert/{}/{}/{id}", scope.project, scope.zone)),
        Err(refused) => return refused,
    };
    let used = token.as_ref().and_then(|token| cloud.tokens.get(token));
    if let Some(operation) = used.and_then(|used| used.operation.clone()) {
        // Whatever else is asked for now, and whatever became of it: the old operation.
        return operations::get(cloud, now, scope, &operation);
    }
    let order = match order(cloud, scope, asked) {
        Ok(order) => order,
        Err(refused) => return refused,
    };
    if find(cloud, now, scope.zone, &order.name).is_some() {
        let resource = format!(
            "projects/{}/zones/{}/instances/{}",
            scope.project, scope.zone, order.name
        );
        let message = format!("The resource '{resource}' already exists");
        return Gce::error(409, "alreadyExists", &message);
    }
    let request = order.asked.to_string();
    let machine = match cloud.launch(now, order, twist) {
        Ok(machine) => machine,
        Err(refused) => {
            let (status, reason, message) = refusal(refused);
            return Gce::error(status, reason, message);
        }
    };
    let made = &cloud.machines[&machine];
    let done_at = match (&made.fails, made.runs_at) {
        (Some(fails), _) => Some(fails.at),
        (None, Some(_)) => Some(cloud.done_at(now)),
        (None, None) => None,
    };
    let operation = operations::begin(cloud, now, "insert", machine, done_at);
    if let Some(token) = token {
        let used = Used {
            request,
            machine: Some(machine),
            operation: Some(operation.clone()),
            at: now,
        };
        cloud.tokens.insert(token, used);
    }
    operations::get(cloud, now, scope, &operation)
}

/// The request id: a UUID other than zero.
fn request_id(asked: &Asked) -> Result<Option<String>, Reply> {
    let Some(id) = asked.asked_for("requestId") else {
        return Ok(None);
    };
    let groups: Vec<usize> = id.split('-').map(str::len).collect();
    let is_uuid = groups == [8, 4, 4, 4, 12]
        && id.chars().all(|c| c == '-' || c.is_ascii_hexdigit())
        && id.chars().any(|c| c != '-' && c != '0');
    if is_uuid {
        Ok(Some(id))
    } else {
        let message = "Invalid value for field 'requestId': must be a valid UUID";
        Err(Gce::error(400, "invalid", message))
    }
}

fn order(cloud: &mut Cloud, scope: Scope<'_>, asked: &Asked) -> Result<Order, Reply> {
    let invalid = |field: &str| {
        let message = format!("Invalid value for field 'resource.{field}'");
        Gce::error(400, "invalid", &message)
    };
    let mut body = asked.json().ok_or_else(|| invalid("body"))?;
    let name = body["name"].as_str().unwrap_or_default().to_owned();
    if !is_name(&name) {
        return Err(invalid("name"));
    }
    let offer = offer(asked).ok_or_else(|| invalid("machineType"))?;
    let disks = body["disks"].as_array().cloned().unwrap_or_default();
    if !disks.iter().any(|disk| disk["boot"] == true) {
        return Err(invalid("disks"));
    }
    if body["networkInterfaces"]
        .as_array()
        .is_none_or(Vec::is_empty)
    {
        return Err(invalid("networkInterfaces"));
    }
    let labels = body["labels"].as_object().cloned().unwrap_or_default();
    let mut tags = BTreeMap::new();
    for (key, value) in labels {
        let value = value.as_str().filter(|value| is_label(value));
        let value = value.filter(|_| is_label(&key) && !key.is_empty());
        tags.insert(key, value.ok_or_else(|| invalid("labels"))?.to_owned());
    }
    let number = cloud.number();
    let disk = |(i, disk): (usize, &Value)| Part {
        id: format!("{name}-disk{i}"),
        kind: PartKind::Disk,
        // Without being told to, a disk stays.
        goes_with_machine: disk["autoDelete"] == true,
    };
    let mut parts: Vec<Part> = disks.iter().enumerate().map(disk).collect();
    parts.push(Part {
        id: format!("{name}-nic0"),
        kind: PartKind::Nic,
        goes_with_machine: true,
    });
    let scheduling = &body["scheduling"];
    let life = scheduling["maxRunDuration"]["seconds"].as_str();
    let life_seconds = life
        .filter(|_| scheduling["instanceTerminationAction"] == "DELETE")
        .and_then(|seconds| seconds.parse().ok());
    let user_data = metadata(&body, "user-data").unwrap_or_default();
    body["__project"] = json!(scope.project);
    Ok(Order {
        id: format!("{}/{name}/{number}", scope.zone),
        name: name.clone(),
        offer,
        tags,
        user_data,
        asked: body,
        token: asked.asked_for("requestId"),
        parts,
        life_seconds,
        // A shutdown from inside leaves it TERMINATED, which is a stop.
        ends_on_shutdown: false,
    })
}

/// A value of the instance's metadata.
pub(crate) fn metadata(body: &Value, key: &str) -> Option<String> {
    let items = body["metadata"]["items"].as_array()?;
    let item = items.iter().find(|item| item["key"] == key)?;
    item["value"].as_str().map(str::to_owned)
}

/// RFC 1035.
fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && is_label(name)
        && !name.contains('_')
        && !name.ends_with('-')
}

fn is_label(value: &str) -> bool {
    value.len() <= NAME_MAX
        && value
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c))
}
