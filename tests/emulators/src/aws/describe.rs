//! DescribeInstances: filters, pages, and an instance as XML.

use jiff::Timestamp;

use super::{
    ACCOUNT, Ec2, Form, ids, known, numbered, respond, run, state, state_node, unknown_id,
    xml::{Node, node},
};
use crate::dialect::Dialect as _;
use crate::faults::Trouble;
use crate::http::Reply;
use crate::pages::page;
use crate::state::{Cloud, Machine, Market, PartKind, Refusal};

const PAGE_MIN: usize = 5;
const PAGE_MAX: usize = 1_000;

/// `Filter.n.Name` with its values: one of them must hold.
struct Filter {
    name: String,
    values: Vec<String>,
}

pub(super) fn describe(
    cloud: &Cloud,
    now: Timestamp,
    form: &Form,
    twist: Option<&Trouble>,
) -> Reply {
    let ids = ids(form);
    let size = form.get("MaxResults").map(|max| max.parse::<usize>());
    if !ids.is_empty() && size.is_some() {
        let message = "The parameter instancesSet cannot be used with the parameter maxResults";
        return Ec2::error(400, "InvalidParameterCombination", message);
    }
    if let Some(unknown) = ids.iter().find(|id| known(cloud, now, id).is_none()) {
        return unknown_id(unknown);
    }
    let size = match size {
        None => PAGE_MAX,
        Some(Ok(size)) if (PAGE_MIN..=PAGE_MAX).contains(&size) => size,
        Some(_) => {
            let message =
                "Value for parameter maxResults is invalid. Expecting a value between 5 and 1000.";
            return Ec2::error(400, "InvalidParameterValue", message);
        }
    };
    let filters = filters(form);
    if let Some(unknown) = filters.iter().find(|filter| !filter.is_known()) {
        let message = format!("The filter '{}' is invalid", unknown.name);
        return Ec2::error(400, "InvalidParameterValue", &message);
    }
    let all = cloud.listed(now).filter(|machine| {
        (ids.is_empty() || ids.contains(&machine.id))
            && filters.iter().all(|filter| filter.admits(machine, now))
    });
    let token = form.get("NextToken").map(String::as_str);
    let Some(page) = page(all, token, size.min(cloud.page_max), twist) else {
        return Ec2::error(
            400,
            "InvalidNextToken",
            "The specified nextToken is invalid",
        );
    };
    let reservations: Vec<Node> = page
        .machines
        .iter()
        .map(|machine| {
            let number = machine.number;
            node(
                "item",
                [
                    node("reservationId", format!("r-{number:017x}")),
                    node("ownerId", ACCOUNT),
                    node("groupSet", ""),
                    node("instancesSet", [item(machine, now)]),
                ],
            )
        })
        .collect();
    let mut inside = vec![node("reservationSet", reservations)];
    if let Some(next) = page.next {
        inside.push(node("nextToken", next));
    }
    respond("DescribeInstances", inside)
}

fn filters(form: &Form) -> Vec<Filter> {
    (1..)
        .map_while(|i| {
            Some(Filter {
                name: form.get(&format!("Filter.{i}.Name"))?.clone(),
                values: numbered(form, &format!("Filter.{i}.Value")),
            })
        })
        .collect()
}

/// An instance as it is described.
pub(super) fn item(machine: &Machine, now: Timestamp) -> Node {
    let phase = machine.phase(now);
    let form: Form = serde_json::from_value(machine.asked.clone()).unwrap_or_default();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let placement = [
        node("availabilityZone", &machine.offer.zone),
        node("groupName", ""),
        node("tenancy", "default"),
    ];
    let mut inside = vec![
        node("instanceId", &machine.id),
        node("imageId", field("ImageId")),
        state_node("instanceState", phase),
        node("privateDnsName", ""),
        node("amiLaunchIndex", "0"),
        node("instanceType", &machine.offer.shape),
        node("launchTime", format!("{:.3}", machine.launched_at)),
        node("placement", placement),
        node("monitoring", [node("state", "disabled")]),
        node("subnetId", run::subnet(&form).unwrap_or_default()),
        node("architecture", "x86_64"),
        node("rootDeviceType", "ebs"),
        node("rootDeviceName", "/dev/sda1"),
        node("blockDeviceMapping", volumes(machine)),
        node("virtualizationType", "hvm"),
        node("hypervisor", "xen"),
        node("tagSet", tags(machine)),
        node("groupSet", groups(&form)),
    ];
    if let Some(token) = &machine.token {
        inside.push(node("clientToken", token));
    }
    if machine.offer.market == Market::Spot {
        inside.push(node("instanceLifecycle", "spot"));
    }
    if let Some((code, message)) = reason(machine) {
        inside.push(node("reason", message));
        let said = [node("code", code), node("message", message)];
        inside.push(node("stateReason", said));
    }
    node("item", inside)
}

/// Why it is not what it was launched to be: here EC2 says late that there was no room.
fn reason(machine: &Machine) -> Option<(&'static str, &'static str)> {
    use crate::state::Why;
    let ending = machine.ending.as_ref()?;
    Some(match ending.why {
        Why::Failed => match machine.fails.as_ref().map(|fails| fails.refusal) {
            Some(Refusal::Quota) => (
                "Client.VolumeLimitExceeded",
                "Client.VolumeLimitExceeded: Volume limit exceeded",
            ),
            _ => (
                "Server.InsufficientInstanceCapacity",
                "Server.InsufficientInstanceCapacity: There was insufficient capacity available",
            ),
        },
        Why::Interrupted => (
            "Server.SpotInstanceTermination",
            "Server.SpotInstanceTermination: Spot instance termination",
        ),
        Why::Itself => (
            "Client.InstanceInitiatedShutdown",
            "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
        ),
        Why::Ordered | Why::Expired => (
            "Client.UserInitiatedShutdown",
            "Client.UserInitiatedShutdown: User initiated shutdown",
        ),
    })
}

fn tags(machine: &Machine) -> Vec<Node> {
    let tags = machine.tags.iter();
    tags.map(|(key, value)| node("item", [node("key", key), node("value", value)]))
        .collect()
}

fn groups(form: &Form) -> Vec<Node> {
    let groups = run::groups(form).into_iter();
    groups
        .map(|group| node("item", [node("groupId", group)]))
        .collect()
}

fn volumes(machine: &Machine) -> Vec<Node> {
    let disks = machine
        .parts
        .iter()
        .filter(|part| part.kind == PartKind::Disk);
    disks
        .map(|disk| {
            let ebs = [
                node("volumeId", &disk.id),
                node("status", "attached"),
                node("deleteOnTermination", disk.goes_with_machine.to_string()),
            ];
            node("item", [node("deviceName", "/dev/sda1"), node("ebs", ebs)])
        })
        .collect()
}

// === impl Filter ===

impl Filter {
    fn is_known(&self) -> bool {
        self.name.starts_with("tag:")
            || [
                "tag-key",
                "instance-state-name",
                "client-token",
                "instance-lifecycle",
                "instance-id",
                "instance-type",
                "availability-zone",
            ]
            .contains(&self.name.as_str())
    }

    fn admits(&self, machine: &Machine, now: Timestamp) -> bool {
        let is_one = |own: &str| self.values.iter().any(|value| value == own);
        match self.name.as_str() {
            "tag-key" => machine.tags.keys().any(|key| is_one(key)),
            "instance-state-name" => is_one(state(machine.phase(now)).1),
            "client-token" => machine.token.as_deref().is_some_and(is_one),
            "instance-lifecycle" => machine.offer.market == Market::Spot && is_one("spot"),
            "instance-id" => is_one(&machine.id),
            "instance-type" => is_one(&machine.offer.shape),
            "availability-zone" => is_one(&machine.offer.zone),
            tag => tag
                .strip_prefix("tag:")
                .and_then(|tag| machine.tags.get(tag))
                .is_some_and(|value| is_one(value)),
        }
    }
}
