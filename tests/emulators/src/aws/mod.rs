//! Amazon EC2: the Query protocol with XML answers.
//!
//! Its traps: a token with other parameters is a mismatch, a new id may not be found yet, one bad id fails a whole
//! call, what is terminated stays listed for an hour, and capacity may run out after the launch was accepted.

mod describe;
mod run;
mod xml;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::dialect::Dialect;
use crate::faults::{Call, Trouble};
use crate::http::{Asked, Reply};
use crate::state::{Cloud, Machine, Offer, Phase, Why};
use xml::{Node, node};

/// The dialect.
pub(crate) struct Ec2;

/// A form, by name.
type Form = BTreeMap<String, String>;

const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";
const ACCOUNT: &str = "123456789012";

// === impl Ec2 ===

impl Dialect for Ec2 {
    fn about(asked: &Asked) -> (Call, Option<Offer>) {
        let form = asked.form();
        let call = match form.get("Action").map(String::as_str) {
            Some("RunInstances") => {
                return (Call::Launch, run::offer(&form, &region(asked)));
            }
            Some("DescribeInstances") if ids(&form).is_empty() => Call::List,
            Some("DescribeInstances") => Call::Get,
            Some("TerminateInstances") => Call::Terminate,
            _ => Call::Other,
        };
        (call, None)
    }

    fn answer(cloud: &mut Cloud, now: Timestamp, asked: &Asked, twist: Option<&Trouble>) -> Reply {
        if let Err(refused) = admit(now, asked) {
            return refused;
        }
        let form = asked.form();
        match form.get("Action").map(String::as_str) {
            Some("RunInstances") => run::run(cloud, now, &form, &region(asked), twist),
            Some("DescribeInstances") => describe::describe(cloud, now, &form, twist),
            Some("TerminateInstances") => terminate(cloud, now, &form, twist),
            action => {
                let action = action.unwrap_or_default();
                let message = format!("The action {action} is not valid for this web service.");
                Self::error(400, "InvalidAction", &message)
            }
        }
    }

    fn error(status: u16, code: &str, message: &str) -> Reply {
        let error = node("Error", [node("Code", code), node("Message", message)]);
        let body = node(
            "Response",
            [
                node("Errors", [error]),
                node("RequestID", "0f2d1c9e-0000-4000-8000-000000000001"),
            ],
        );
        Reply::of(status, "text/xml;charset=UTF-8", body.document())
    }

    fn broken(status: u16) -> Reply {
        let code = if status == 503 {
            "Unavailable"
        } else {
            "InternalError"
        };
        Self::error(status, code, "An internal error has occurred")
    }

    fn throttled() -> Reply {
        Self::error(503, "RequestLimitExceeded", "Request limit exceeded.")
    }

    fn denied() -> Reply {
        let message = "You are not authorized to perform this operation.";
        Self::error(403, "UnauthorizedOperation", message)
    }

    fn not_found(asked: &Asked) -> Reply {
        let ids = ids(&asked.form());
        unknown_id(ids.first().map_or("i-0", String::as_str))
    }
}

/// Whether the request is signed for this service and day. The signature itself is not checked.
fn admit(now: Timestamp, asked: &Asked) -> Result<(), Reply> {
    let scope: Vec<&str> = scope(asked).split('/').collect();
    let today = now.strftime("%Y%m%d").to_string();
    let is_ours = matches!(&scope[..], [_, day, _, "ec2", "aws4_request"] if *day == today);
    if is_ours {
        Ok(())
    } else {
        let message = "AWS was not able to validate the provided access credentials";
        Err(Ec2::error(401, "AuthFailure", message))
    }
}

/// `key/day/region/service/aws4_request` of the signature.
fn scope(asked: &Asked) -> &str {
    let header = asked.get("authorization").unwrap_or_default();
    let credential = header.split("Credential=").nth(1).unwrap_or_default();
    credential.split(',').next().unwrap_or_default()
}

fn region(asked: &Asked) -> String {
    let region = scope(asked).split('/').nth(2);
    region.unwrap_or("us-east-1").to_owned()
}

/// The values of `name.1`, `name.2` …, in their order.
fn numbered(form: &Form, name: &str) -> Vec<String> {
    (1..)
        .map_while(|i| form.get(&format!("{name}.{i}")).cloned())
        .collect()
}

fn ids(form: &Form) -> Vec<String> {
    numbered(form, "InstanceId")
}

fn respond(action: &str, inside: Vec<Node>) -> Reply {
    let id = node("requestId", "0f2d1c9e-0000-4000-8000-000000000002");
    let body = node(&format!("{action}Response"), [vec![id], inside].concat());
    let body = body.attribute("xmlns", NAMESPACE).document();
    Reply::of(200, "text/xml;charset=UTF-8", body)
}

fn unknown_id(id: &str) -> Reply {
    let message = format!("The instance ID '{id}' does not exist");
    Ec2::error(400, "InvalidInstanceID.NotFound", &message)
}

fn state(phase: Phase) -> (u8, &'static str) {
    match phase {
        Phase::Starting => (0, "pending"),
        Phase::Running => (16, "running"),
        Phase::Stopped => (80, "stopped"),
        Phase::Ending => (32, "shutting-down"),
        Phase::Failed | Phase::Gone => (48, "terminated"),
    }
}

fn state_node(name: &str, phase: Phase) -> Node {
    let (code, said) = state(phase);
    node(name, [node("code", code.to_string()), node("name", said)])
}

/// One that is known by its id: shown, and not so new that the id has not got around.
fn known<'a>(cloud: &'a Cloud, now: Timestamp, id: &str) -> Option<&'a Machine> {
    cloud.listed(now).find(|machine| machine.id == id)
}

fn terminate(cloud: &mut Cloud, now: Timestamp, form: &Form, twist: Option<&Trouble>) -> Reply {
    let ids = ids(form);
    if ids.is_empty() {
        let message = "The request must contain the parameter InstanceId";
        return Ec2::error(400, "MissingParameter", message);
    }
    if let Some(malformed) = ids.iter().find(|id| !is_id(id)) {
        let message = format!("Invalid id: \"{malformed}\"");
        return Ec2::error(400, "InvalidInstanceID.Malformed", &message);
    }
    // One unknown id, and nothing is done for the others either.
    let mut found = Vec::new();
    for id in &ids {
        match known(cloud, now, id) {
            Some(machine) => found.push((machine.number, machine.phase(now))),
            None => return unknown_id(id),
        }
    }
    let mut items = Vec::new();
    for (number, before) in found {
        cloud.end(now, number, Why::Ordered, twist);
        let machine = &cloud.machines[&number];
        // One that lies says what was asked for.
        let after = match machine.phase(now) {
            Phase::Gone if before == Phase::Gone => Phase::Gone,
            _ => Phase::Ending,
        };
        items.push(node(
            "item",
            [
                node("instanceId", &machine.id),
                state_node("currentState", after),
                state_node("previousState", before),
            ],
        ));
    }
    respond("TerminateInstances", vec![node("instancesSet", items)])
}

fn is_id(id: &str) -> bool {
    id.strip_prefix("i-").is_some_and(|rest| {
        matches!(rest.len(), 8 | 17) && rest.chars().all(|c| c.is_ascii_hexdigit())
    })
}
