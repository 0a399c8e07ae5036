//! A cloud, as an adapter reaches it in a trial: the emulator, asked without a socket, a point before and after each call.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use reqwest::Request;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use spillway_cloud::{Carried, Carrier, CarryError};
use spillway_emulators::http::Delivery;
use spillway_emulators::{Asked, CloudKind, Reply};

use super::made::Made;
use super::points::{is_dead, pass};

/// There and back.
const TRIP: Duration = Duration::from_millis(40);

const LIST: (&str, &str) = ("list, before", "list, after");
const LOOK: (&str, &str) = ("look, before", "look, after");
const LAUNCH: (&str, &str) = ("launch, before", "launch, after");
const TERMINATE: (&str, &str) = ("terminate, before", "terminate, after");
const TOKEN: (&str, &str) = ("token, before", "token, after");

/// One cloud, as an adapter reaches it.
pub(super) struct Line {
    pub(super) made: Arc<Made>,
    pub(super) kind: CloudKind,
}

// === impl Line ===

impl Carrier for Line {
    fn carry(&self, request: Request) -> BoxFuture<'_, Result<Carried, CarryError>> {
        let asked = asked(&request);
        let (before, after) = match self.kind {
            CloudKind::Aws => query(&asked),
            _ => rest(&asked),
        };
        let is_look = [LIST.0, LOOK.0].contains(&before);
        Box::pin(async move {
            let was_dead = is_dead();
            if pass(before).is_err() {
                if !was_dead {
                    self.made.hold(self.kind, asked);
                }
                return std::future::pending().await;
            }
            let now = self.made.time.now();
            self.made.state().calls.push((now, self.kind, is_look));
            tokio::time::sleep(TRIP).await;
            let reply = self.made.world.ask(self.kind, &asked);
            if pass(after).is_err() {
                return std::future::pending().await;
            }
            match reply.delivery {
                Delivery::Sent => Ok(carried(reply)),
                Delivery::Lost { hold_ms } => {
                    tokio::time::sleep(Duration::from_millis(hold_ms)).await;
                    Err("closed without an answer".into())
                }
            }
        })
    }
}

/// The points around a call, by its method and path.
fn rest(asked: &Asked) -> (&'static str, &'static str) {
    match asked.method.as_str() {
        "GET" if is_list(asked) => LIST,
        "GET" => LOOK,
        "DELETE" => TERMINATE,
        _ if asked.path.contains("token") => TOKEN,
        _ => LAUNCH,
    }
}

/// The points around a call, by the action that its form names.
fn query(asked: &Asked) -> (&'static str, &'static str) {
    let form = asked.form();
    match form.get("Action").map(String::as_str) {
        Some("DescribeInstances") if form.contains_key("InstanceId.1") => LOOK,
        Some("DescribeInstances") => LIST,
        Some("TerminateInstances") => TERMINATE,
        _ => LAUNCH,
    }
}

fn is_list(asked: &Asked) -> bool {
    let last = asked.path.trim_end_matches('/').rsplit('/').next();
    matches!(last, Some("instances" | "virtualMachines"))
        && asked.asked_for("displayName").is_none()
}

fn asked(request: &Request) -> Asked {
    let url = request.url();
    let mut asked = Asked {
        method: request.method().to_string(),
        path: url.path().to_owned(),
        query: url.query().unwrap_or_default().to_owned(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    for (name, value) in request.headers() {
        let value = value.to_str().unwrap_or_default();
        asked
            .headers
            .push((name.as_str().to_owned(), value.to_owned()));
    }
    if asked.get("host").is_none() {
        let host = url.host_str().unwrap_or_default().to_owned();
        asked.headers.push(("host".to_owned(), host));
    }
    let body = request.body().and_then(|body| body.as_bytes());
    asked.body = body.unwrap_or_default().to_vec();
    asked
}

fn carried(reply: Reply) -> Carried {
    let headers = reply.headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::try_from(name.as_str()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    Carried {
        status: reply.status,
        headers: headers.collect::<HeaderMap>(),
        body: Bytes::from(reply.body),
    }
}
