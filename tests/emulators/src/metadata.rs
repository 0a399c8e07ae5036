//! The metadata service that a machine sees: who it is, its tokens, and whether it is taken back.
//!
//! OCI gives no notice there; its certificates for instance principals are not made here.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::gce::metadata as metadata_item;
use crate::http::{Asked, Reply};
use crate::state::{Cloud, CloudKind, Machine, Market};

const OCI_REGION: &str = "iad";
const TOKEN_SECONDS: i64 = 3_599;
const IMDS_TOKEN: &str = "imds-token";

/// Answers what the machine asks of its own metadata service.
pub fn answer(cloud: &mut Cloud, now: Timestamp, number: u64, asked: &Asked) -> Reply {
    let Some(machine) = cloud.machines.get(&number).cloned() else {
        return Reply::empty(404);
    };
    let segments = asked.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match cloud.kind {
        CloudKind::Aws => aws(&machine, asked, &segments),
        CloudKind::Oci => oci(&machine, asked, &segments),
        CloudKind::Gce => gce(cloud, now, &machine, asked, &segments),
        CloudKind::Azure => azure(cloud, now, &machine, asked, &segments),
    }
}

fn text(body: impl Into<String>) -> Reply {
    Reply::of(200, "text/plain", body.into())
}

fn aws(machine: &Machine, asked: &Asked, segments: &[&str]) -> Reply {
    if asked.method == "PUT" && segments == ["latest", "api", "token"] {
        let ttl = asked.get("x-aws-ec2-metadata-token-ttl-seconds");
        let is_valid = ttl
            .and_then(|ttl| ttl.parse().ok())
            .is_some_and(|ttl: u32| (1..=21_600).contains(&ttl));
        return if is_valid {
            text(IMDS_TOKEN)
        } else {
            Reply::empty(400)
        };
    }
    // Version 2 alone: without a token there is nothing.
    if asked.get("x-aws-ec2-metadata-token") != Some(IMDS_TOKEN) {
        return Reply::empty(401);
    }
    let zone = machine.offer.zone.as_str();
    let region = zone.trim_end_matches(|c: char| c.is_ascii_lowercase());
    match segments {
        ["latest", "user-data"] => text(machine.user_data.as_str()),
        ["latest", "dynamic", "instance-identity", "document"] => {
            let document = json!({"instanceId": machine.id, "region": region, "availabilityZone": zone,
                "instanceType": machine.offer.shape, "accountId": "123456789012"});
            Reply::json(200, &document)
        }
        ["latest", "meta-data", rest @ ..] => match rest {
            ["instance-id"] => text(machine.id.as_str()),
            ["instance-type"] => text(machine.offer.shape.as_str()),
            ["instance-life-cycle"] => text(match machine.offer.market {
                Market::Spot => "spot",
                Market::OnDemand => "on-demand",
            }),
            ["placement", "availability-zone"] => text(zone),
            ["placement", "region"] => text(region),
            ["tags", "instance"] if shows_tags(machine) => {
                text(machine.tags.keys().cloned().collect::<Vec<_>>().join("\n"))
            }
            ["tags", "instance", key] if shows_tags(machine) => {
                let value = machine.tags.get(*key);
                value.map_or_else(|| Reply::empty(404), |value| text(value.as_str()))
            }
            ["spot", "instance-action"] => match &machine.notice {
                Some(notice) => Reply::json(
                    200,
                    &json!({"action": "terminate", "time": format!("{:.0}", notice.takes_at)}),
                ),
                None => Reply::empty(404),
            },
            ["spot", "termination-time"] => match &machine.notice {
                Some(notice) => text(format!("{:.0}", notice.takes_at)),
                None => Reply::empty(404),
            },
            ["events", "recommendations", "rebalance"] => match &machine.notice {
                Some(notice) => Reply::json(
                    200,
                    &json!({"noticeTime": format!("{:.0}", notice.given_at)}),
                ),
                None => Reply::empty(404),
            },
            _ => Reply::empty(404),
        },
        _ => Reply::empty(404),
    }
}

/// Tags are there only if the launch asked for it.
fn shows_tags(machine: &Machine) -> bool {
    machine.asked["MetadataOptions.InstanceMetadataTags"] == "enabled"
}

fn oci(machine: &Machine, asked: &Asked, segments: &[&str]) -> Reply {
    if asked.get("authorization") != Some("Bearer Oracle") {
        return Reply::empty(403);
    }
    let shown = json!({
        "id": machine.id,
        "displayName": machine.name,
        "shape": machine.offer.shape,
        "availabilityDomain": machine.offer.zone,
        "compartmentId": machine.asked["compartmentId"],
        "region": OCI_REGION,
        "canonicalRegionName": "us-ashburn-1",
        "freeformTags": machine.tags,
        "metadata": machine.asked["metadata"],
        "timeCreated": machine.launched_at.as_millisecond(),
    });
    match segments {
        ["opc", "v2", "instance"] => Reply::json(200, &shown),
        ["opc", "v2", "instance", path @ ..] => {
            let found = path.iter().try_fold(&shown, |value, key| value.get(key));
            match found {
                Some(Value::String(value)) => text(value.as_str()),
                Some(value) => Reply::json(200, value),
                None => Reply::empty(404),
            }
        }
        _ => Reply::empty(404),
    }
}

fn gce(
    cloud: &mut Cloud,
    now: Timestamp,
    machine: &Machine,
    asked: &Asked,
    segments: &[&str],
) -> Reply {
    if asked.get("metadata-flavor") != Some("Google") {
        return Reply::empty(403);
    }
    let flavoured = |reply: Reply| reply.with("metadata-flavor", "Google");
    let project = machine.asked["__project"].as_str().unwrap_or_default();
    let account = &machine.asked["serviceAccounts"][0]["email"];
    let email = account
        .as_str()
        .unwrap_or("default@developer.gserviceaccount.com");
    let reply = match segments {
        ["computeMetadata", "v1", "project", "project-id"] => text(project),
        ["computeMetadata", "v1", "instance", rest @ ..] => match rest {
            ["id"] => text(machine.number.to_string()),
            ["name"] => text(machine.name.as_str()),
            ["zone"] => text(format!(
                "projects/123456789012/zones/{}",
                machine.offer.zone
            )),
            ["machine-type"] => text(format!(
                "projects/123456789012/machineTypes/{}",
                machine.offer.shape
            )),
            ["preempted"] => text(match &machine.notice {
                Some(_) => "TRUE",
                None => "FALSE",
            }),
            ["attributes", key] => match metadata_item(&machine.asked, key) {
                Some(value) => text(value),
                None => Reply::empty(404),
            },
            ["service-accounts", "default", "email"] => text(email),
            ["service-accounts", "default", "token"] => {
                let token = cloud.issue(now, "ya29.meta-", TOKEN_SECONDS);
                let given = json!({"access_token": token, "expires_in": TOKEN_SECONDS, "token_type": "Bearer"});
                Reply::json(200, &given)
            }
            ["service-accounts", "default"] => {
                let scopes = &machine.asked["serviceAccounts"][0]["scopes"];
                Reply::json(
                    200,
                    &json!({"email": email, "scopes": scopes, "aliases": ["default"]}),
                )
            }
            _ => Reply::empty(404),
        },
        _ => Reply::empty(404),
    };
    flavoured(reply)
}

fn azure(
    cloud: &mut Cloud,
    now: Timestamp,
    machine: &Machine,
    asked: &Asked,
    segments: &[&str],
) -> Reply {
    if asked.get("metadata") != Some("true") || asked.asked_for("api-version").is_none() {
        return Reply::json(400, &json!({"error": "Bad request"}));
    }
    match segments {
        ["metadata", "instance", path @ ..] => {
            let shown = azure_instance(machine);
            match path.iter().try_fold(&shown, |value, key| value.get(key)) {
                Some(Value::String(value)) => text(value.as_str()),
                Some(value) => Reply::json(200, value),
                None => Reply::empty(404),
            }
        }
        ["metadata", "scheduledevents"] => {
            let events: Vec<Value> = machine.notice.iter().map(|notice| {
                let not_before = jiff::fmt::rfc2822::to_string(&notice.takes_at.to_zoned(jiff::tz::TimeZone::UTC));
                json!({"EventId": format!("event-{}", machine.number), "EventType": "Preempt", "ResourceType": "VirtualMachine",
                       "Resources": [machine.name], "EventStatus": "Scheduled",
                       "NotBefore": not_before.unwrap_or_default().replace("+0000", "GMT"), "EventSource": "Platform"})
            }).collect();
            Reply::json(
                200,
                &json!({"DocumentIncarnation": events.len(), "Events": events}),
            )
        }
        ["metadata", "identity", "oauth2", "token"] => {
            let Some(resource) = asked.asked_for("resource") else {
                return Reply::json(400, &json!({"error": "invalid_request"}));
            };
            let token = cloud.issue(now, "eyJ.mi-", TOKEN_SECONDS);
            let until = now.as_second() + TOKEN_SECONDS;
            Reply::json(
                200,
                &json!({"access_token": token, "expires_in": TOKEN_SECONDS.to_string(), "expires_on": until.to_string(),
                        "not_before": now.as_second().to_string(), "resource": resource, "token_type": "Bearer"}),
            )
        }
        _ => Reply::empty(404),
    }
}

fn azure_instance(machine: &Machine) -> Value {
    let ids: Vec<&str> = machine.id.split('/').collect();
    let tags: Vec<Value> = machine
        .tags
        .iter()
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    json!({"compute": {
        "name": machine.name,
        "resourceId": machine.id,
        "subscriptionId": ids.get(2),
        "resourceGroupName": ids.get(4),
        "location": machine.asked["location"],
        "vmSize": machine.offer.shape,
        "zone": machine.offer.zone,
        "priority": machine.asked["properties"]["priority"],
        "tagsList": tags,
    }})
}
