//! Azure Resource Manager: virtual machines, their operations, tokens.
//!
//! Its traps: the name is the token, a duplicate is 412 or 409 as one asked, a failed allocation leaves a machine
//! behind, a network interface or disk stays unless told to go, and a list cannot ask for tags.

mod operations;
mod put;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::dialect::Dialect;
use crate::faults::{Call, Trouble};
use crate::http::{Asked, Reply};
use crate::pages::page;
use crate::state::{Cloud, Machine, Offer, PartKind, Phase, Why};

/// The dialect.
pub(crate) struct Azure;

const COMPUTE: &str = "Microsoft.Compute";
const NETWORK: &str = "Microsoft.Network";
const TOKEN_SECONDS: i64 = 3_599;
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Where a machine is: subscription, resource group, name.
#[derive(Debug, Clone, Copy)]
struct Scope<'a> {
    subscription: &'a str,
    group: &'a str,
}

/// What whoever asks may do in a resource group.
fn permissions(cloud: &Cloud) -> Value {
    let not: Vec<&str> = cloud.withheld.iter().map(String::as_str).collect();
    json!({"value": [{"actions": ["Microsoft.Compute/*"], "notActions": not}]})
}

// === impl Azure ===

impl Dialect for Azure {
    fn about(asked: &Asked) -> (Call, Option<Offer>) {
        let segments = asked.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let call = match (asked.method.as_str(), &segments[..]) {
            ("PUT", ["subscriptions", _, _, _, _, _, "virtualMachines", _]) => {
                return (Call::Launch, put::offer(asked));
            }
            ("GET", ["subscriptions", _, _, _, _, _, "virtualMachines"]) => Call::List,
            ("GET", ["subscriptions", _, _, _, _, _, "virtualMachines", _]) => Call::Get,
            ("DELETE", ["subscriptions", _, _, _, _, _, "virtualMachines", _]) => Call::Terminate,
            ("GET", ["subscriptions", .., "operations", _]) => Call::Operation,
            ("POST", [_, "oauth2", "v2.0", "token"]) => Call::Token,
            _ => Call::Other,
        };
        (call, None)
    }

    fn answer(cloud: &mut Cloud, now: Timestamp, asked: &Asked, twist: Option<&Trouble>) -> Reply {
        let segments = asked.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        if let ("POST", [_, "oauth2", "v2.0", "token"]) = (asked.method.as_str(), &segments[..]) {
            return token(cloud, now, asked);
        }
        if !cloud.admits(now, asked.bearer()) {
            let message = "The access token is invalid.";
            return Self::error(401, "InvalidAuthenticationToken", message);
        }
        if asked.asked_for("api-version").is_none() {
            let message =
                "The api-version query parameter (?api-version=) is required for all requests.";
            return Self::error(400, "MissingApiVersionParameter", message);
        }
        let reply = match &segments[..] {
            [
                "subscriptions",
                _,
                "resourceGroups",
                _,
                "providers",
                "Microsoft.Authorization",
                "permissions",
            ] => Reply::json(200, &permissions(cloud)),
            [.., "images", name] | [.., "subnets", name] if asked.method == "GET" => {
                if cloud.has(name) {
                    Reply::json(200, &json!({"name": name, "id": asked.path}))
                } else {
                    Self::not_found(asked)
                }
            }
            [
                "subscriptions",
                subscription,
                "resourceGroups",
                group,
                "providers",
                provider,
                rest @ ..,
            ] => {
                let scope = Scope {
                    subscription,
                    group,
                };
                within(cloud, now, scope, provider, rest, asked, twist)
            }
            [
                "subscriptions",
                _,
                "providers",
                COMPUTE,
                "locations",
                _,
                "operations",
                id,
            ] => operations::get(cloud, now, id, asked),
            ["subscriptions", _, "providers", COMPUTE, "skus"] => Reply::json(200, &skus()),
            _ => Self::not_found(asked),
        };
        let number = cloud.number();
        reply
            .with("x-ms-request-id", format!("request-{number}"))
            .with("x-ms-correlation-request-id", format!("request-{number}"))
    }

    fn error(status: u16, code: &str, message: &str) -> Reply {
        let error = json!({"code": code, "message": message});
        Reply::json(status, &json!({ "error": error }))
    }

    fn broken(status: u16) -> Reply {
        Self::error(
            status,
            "InternalServerError",
            "Encountered internal server error.",
        )
    }

    fn throttled() -> Reply {
        let message = "The request is being throttled as the limit has been reached for operation type - HighCostGet30Min_subscription";
        Self::error(429, "TooManyRequests", message)
    }

    fn denied() -> Reply {
        let message = "The client 'x' does not have authorization to perform action 'Microsoft.Compute/virtualMachines/write'";
        Self::error(403, "AuthorizationFailed", message)
    }

    fn not_found(asked: &Asked) -> Reply {
        let message = format!("The Resource '{}' was not found.", asked.path);
        Self::error(404, "ResourceNotFound", &message)
    }
}

fn within(
    cloud: &mut Cloud,
    now: Timestamp,
    scope: Scope<'_>,
    provider: &str,
    rest: &[&str],
    asked: &Asked,
    twist: Option<&Trouble>,
) -> Reply {
    match (asked.method.as_str(), provider, rest) {
        ("PUT", COMPUTE, ["virtualMachines", name]) => {
            put::put(cloud, now, scope, name, asked, twist)
        }
        ("GET", COMPUTE, ["virtualMachines"]) => list(cloud, now, scope, asked, twist),
        ("GET", COMPUTE, ["virtualMachines", name]) => match find(cloud, now, scope, name) {
            Some(machine) => {
                let mut shown = show(machine, now);
                if asked.asked_for("$expand").as_deref() == Some("instanceView") {
                    shown["properties"]["instanceView"] = view(machine, now);
                }
                Reply::json(200, &shown)
            }
            None => Azure::not_found(asked),
        },
        ("DELETE", COMPUTE, ["virtualMachines", name]) => {
            delete(cloud, now, scope, name, asked, twist)
        }
        ("GET", COMPUTE, ["disks"]) => parts(cloud, now, scope, PartKind::Disk),
        ("GET", NETWORK, ["networkInterfaces"]) => parts(cloud, now, scope, PartKind::Nic),
        _ => Azure::not_found(asked),
    }
}

fn id(scope: Scope<'_>, name: &str) -> String {
    format!(
        "/subscriptions/{}/resourceGroups/{}/providers/{COMPUTE}/virtualMachines/{name}",
        scope.subscription, scope.group
    )
}

/// Names and groups are compared in any case.
fn find<'a>(cloud: &'a Cloud, now: Timestamp, scope: Scope<'_>, name: &str) -> Option<&'a Machine> {
    let wanted = id(scope, name);
    let mut machines = cloud.machines.values();
    machines.find(|machine| {
        machine.id.eq_ignore_ascii_case(&wanted) && machine.phase(now) != Phase::Gone
    })
}

fn provisioning(phase: Phase) -> &'static str {
    match phase {
        Phase::Starting => "Creating",
        Phase::Running | Phase::Stopped => "Succeeded",
        Phase::Failed => "Failed",
        Phase::Ending | Phase::Gone => "Deleting",
    }
}

fn show(machine: &Machine, now: Timestamp) -> Value {
    let mut shown = machine.asked.clone();
    shown["id"] = json!(machine.id);
    shown["name"] = json!(machine.name);
    shown["type"] = json!("Microsoft.Compute/virtualMachines");
    shown["etag"] = json!(format!("\"{}\"", machine.number));
    shown["tags"] = json!(machine.tags);
    let properties = &mut shown["properties"];
    properties["vmId"] = json!(format!("00000000-0000-4000-8000-{:012}", machine.number));
    properties["provisioningState"] = json!(provisioning(machine.phase(now)));
    properties["timeCreated"] = json!(format!("{:.3}", machine.launched_at).replace('Z', "+00:00"));
    if let Some(profile) = properties["osProfile"].as_object_mut() {
        // Never shown again.
        profile.remove("customData");
        profile.remove("adminPassword");
    }
    shown
}

fn view(machine: &Machine, now: Timestamp) -> Value {
    let phase = machine.phase(now);
    let status = |code: String| json!({"code": code, "level": "Info"});
    let provisioning = provisioning(phase).to_ascii_lowercase();
    let mut statuses = vec![status(format!("ProvisioningState/{provisioning}"))];
    match phase {
        Phase::Running => statuses.push(status("PowerState/running".to_owned())),
        Phase::Stopped => statuses.push(status("PowerState/stopped".to_owned())),
        _ => {}
    }
    json!({ "statuses": statuses })
}

/// The address under which the caller reached us, for links.
fn host(asked: &Asked) -> String {
    format!("http://{}", asked.get("host").unwrap_or("127.0.0.1"))
}

fn list(
    cloud: &Cloud,
    now: Timestamp,
    scope: Scope<'_>,
    asked: &Asked,
    twist: Option<&Trouble>,
) -> Reply {
    let prefix = id(scope, "").to_ascii_lowercase();
    let all = cloud
        .listed(now)
        .filter(|machine| machine.id.to_ascii_lowercase().starts_with(&prefix));
    let token = asked.asked_for("$skiptoken");
    let Some(page) = page(all, token.as_deref(), cloud.page_max, twist) else {
        return Azure::error(400, "InvalidParameter", "The skip token is invalid.");
    };
    let shown: Vec<Value> = page.machines.iter().map(|it| show(it, now)).collect();
    let mut body = json!({ "value": shown });
    if let Some(next) = page.next {
        let version = asked.asked_for("api-version").unwrap_or_default();
        body["nextLink"] = json!(format!(
            "{}{}?api-version={version}&%24skiptoken={next}",
            host(asked),
            asked.path
        ));
    }
    Reply::json(200, &body)
}

fn parts(cloud: &Cloud, now: Timestamp, scope: Scope<'_>, kind: PartKind) -> Reply {
    let what = match kind {
        PartKind::Nic => format!("{NETWORK}/networkInterfaces"),
        PartKind::Disk => format!("{COMPUTE}/disks"),
    };
    let prefix = id(scope, "").to_ascii_lowercase();
    let shown: Vec<Value> = cloud
        .machines
        .values()
        .filter(|machine| machine.id.to_ascii_lowercase().starts_with(&prefix))
        .flat_map(|machine| machine.living_parts(now).map(move |part| (machine, part)))
        .filter(|(_, part)| part.kind == kind)
        .map(|(machine, part)| {
            let owner = (machine.phase(now) != Phase::Gone).then_some(&machine.id);
            json!({"name": part.id, "type": what, "location": machine.asked["location"],
                   "id": format!("/subscriptions/{}/resourceGroups/{}/providers/{what}/{}", scope.subscription, scope.group, part.id),
                   "managedBy": owner, "properties": {"provisioningState": "Succeeded"}})
        })
        .collect();
    Reply::json(200, &json!({ "value": shown }))
}

fn delete(
    cloud: &mut Cloud,
    now: Timestamp,
    scope: Scope<'_>,
    name: &str,
    asked: &Asked,
    twist: Option<&Trouble>,
) -> Reply {
    let Some(number) = find(cloud, now, scope, name).map(|machine| machine.number) else {
        return Reply::empty(204);
    };
    cloud.end(now, number, Why::Ordered, twist);
    let done_at = match &cloud.machines[&number].ending {
        Some(ending) => ending.gone_at,
        // One that lies says that it is done.
        None => Some(cloud.done_at(now)),
    };
    let link = operations::begin(cloud, now, scope, "delete", number, done_at, asked);
    Reply::empty(202)
        .with("location", format!("{link}&monitor=true"))
        .with("azure-asyncoperation", link)
        .with("retry-after", "0")
}

fn token(cloud: &mut Cloud, now: Timestamp, asked: &Asked) -> Reply {
    let form = asked.form();
    let is = |name: &str, value: &str| form.get(name).is_some_and(|own| own == value);
    let has = |name: &str| form.get(name).is_some_and(|own| !own.is_empty());
    let is_proven =
        has("client_secret") || (is("client_assertion_type", ASSERTION) && has("client_assertion"));
    if !is("grant_type", "client_credentials") || !has("client_id") || !has("scope") || !is_proven {
        let said = json!({"error": "invalid_client",
            "error_description": "AADSTS7000216: 'client_assertion' or 'client_secret' is required for the 'client_credentials' grant type."});
        return Reply::json(401, &said);
    }
    let token = cloud.issue(now, "eyJ.", TOKEN_SECONDS);
    Reply::json(
        200,
        &json!({"token_type": "Bearer", "expires_in": TOKEN_SECONDS,
                "ext_expires_in": TOKEN_SECONDS, "access_token": token}),
    )
}

fn skus() -> Value {
    let sku = |name: &str, gpus: &str| {
        json!({"resourceType": "virtualMachines", "name": name, "locations": ["eastus"],
               "capabilities": [{"name": "GPUs", "value": gpus}], "restrictions": []})
    };
    json!({"value": [sku("Standard_NC4as_T4_v3", "1"), sku("Standard_NV6ads_A10_v5", "1")]})
}
