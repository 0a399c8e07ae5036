//! EC2 on loopback, as far as three calls go: token rules, tags, filters, pages, states, and faults on demand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::{BehaviorVersion, Region};
use axum::Form;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use spillway_cloud::Net;
use spillway_ec2::{Ec2, Ec2Config, Ec2Credentials, Ec2Machine};

/// So few that every list of the suite has several pages.
const PAGE_SIZE: usize = 1;

type Parameters = BTreeMap<String, String>;

/// What goes wrong with the next launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is refused with this status and code.
    Refused(u16, &'static str),
    /// The machine is made and the answer is this.
    MadeBut(u16, &'static str),
}

#[derive(Debug, Clone)]
struct Machine {
    id: String,
    state: &'static str,
    asked: Parameters,
    tags: BTreeMap<String, String>,
}

#[derive(Default)]
struct Kept {
    machines: Vec<Machine>,
    trouble: Option<Trouble>,
    is_list_failing_at_page: Option<usize>,
    calls: Vec<Parameters>,
    headers: Vec<HeaderMap>,
}

/// The service.
#[derive(Clone, Default)]
pub(crate) struct Loopback {
    kept: Arc<Mutex<Kept>>,
}

impl Loopback {
    /// Serves; returns itself and its address.
    pub(crate) async fn start() -> (Self, String) {
        let loopback = Self::default();
        let router = Router::new().fallback(answer).with_state(loopback.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router).into_future());
        (loopback, address)
    }

    pub(crate) fn next_launch(&self, trouble: Trouble) {
        self.kept.lock().unwrap().trouble = Some(trouble);
    }

    pub(crate) fn list_fails_at_page(&self, page: Option<usize>) {
        self.kept.lock().unwrap().is_list_failing_at_page = page;
    }

    /// A machine that somebody else launched.
    pub(crate) fn add_foreign(&self, tags: &[(&str, &str)]) -> String {
        let mut kept = self.kept.lock().unwrap();
        let id = format!("i-{:017x}", kept.machines.len() + 1);
        let tags = tags
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        kept.machines.push(Machine {
            id: id.clone(),
            state: "running",
            asked: Parameters::new(),
            tags: tags.collect(),
        });
        id
    }

    pub(crate) fn alive(&self) -> Vec<String> {
        let kept = self.kept.lock().unwrap();
        let alive = kept.machines.iter().filter(|it| it.state != "terminated");
        alive.map(|it| it.id.clone()).collect()
    }

    /// The parameters of every call of this name.
    pub(crate) fn calls(&self, action: &str) -> Vec<Parameters> {
        let kept = self.kept.lock().unwrap();
        let calls = kept.calls.iter().filter(|call| call["Action"] == action);
        calls.cloned().collect()
    }

    /// A header of every call.
    pub(crate) fn headers(&self, name: &str) -> Vec<String> {
        let kept = self.kept.lock().unwrap();
        let value =
            |headers: &HeaderMap| headers.get(name).map(|it| it.to_str().unwrap().to_owned());
        kept.headers.iter().filter_map(value).collect()
    }
}

/// A provider that talks to it.
pub(crate) fn provider(address: &str, is_spot: bool) -> Ec2 {
    let user_data =
        |request: &spillway_cloud::LaunchRequest| format!("#cloud-config\n# {}\n", request.intent);
    let config = Ec2Config {
        owner: "tests".into(),
        endpoint: None,
        machine: Ec2Machine {
            region: "us-east-1".into(),
            instance_type: "g6.xlarge".into(),
            image_id: "ami-0123456789abcdef0".into(),
            subnet_id: "subnet-0123456789abcdef0".into(),
            security_group_ids: vec!["sg-0123456789abcdef0".into()],
            instance_profile: Some("spillway-worker".into()),
            volume_gb: Some(100),
            root_device: "/dev/sda1".into(),
            is_spot,
        },
        user_data: Arc::new(user_data),
        credentials: Ec2Credentials::DefaultChain,
        net: Net::default(),
    };
    Ec2::with_client(config, client(address))
}

fn client(address: &str) -> Client {
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(address)
        .credentials_provider(Credentials::new("AKID", "secret", None, None, "tests"))
        .build();
    Client::from_conf(config)
}

async fn answer(
    State(loopback): State<Loopback>,
    headers: HeaderMap,
    Form(asked): Form<Parameters>,
) -> (StatusCode, String) {
    let mut kept = loopback.kept.lock().unwrap();
    kept.calls.push(asked.clone());
    kept.headers.push(headers);
    match asked["Action"].as_str() {
        "RunInstances" => run(&mut kept, asked),
        "DescribeInstances" => describe(&mut kept, &asked),
        "TerminateInstances" => terminate(&mut kept, &asked),
        other => refuse(400, "InvalidAction", other),
    }
}

fn run(kept: &mut Kept, asked: Parameters) -> (StatusCode, String) {
    let trouble = kept.trouble.take();
    if let Some(Trouble::Refused(status, code)) = trouble {
        return refuse(status, code, "as the test wants it");
    }
    let token = &asked["ClientToken"];
    let known = kept
        .machines
        .iter()
        .find(|machine| machine.asked.get("ClientToken") == Some(token));
    if let Some(machine) = known {
        return match machine {
            machine if machine.asked != asked => {
                refuse(400, "IdempotentParameterMismatch", "other parameters")
            }
            machine if machine.state == "terminated" => {
                refuse(400, "IdempotentInstanceTerminated", "it is gone")
            }
            machine => ran(machine),
        };
    }
    let machine = Machine {
        id: format!("i-{:017x}", kept.machines.len() + 1),
        state: "pending",
        tags: tags(&asked),
        asked,
    };
    kept.machines.push(machine.clone());
    match trouble {
        Some(Trouble::MadeBut(status, code)) => refuse(status, code, "as the test wants it"),
        _ => ran(&machine),
    }
}

/// The tags for the instance, of the flattened list of lists.
fn tags(asked: &Parameters) -> BTreeMap<String, String> {
    let specification =
        (1..).take_while(|i| asked.contains_key(&format!("TagSpecification.{i}.ResourceType")));
    let instance = specification
        .map(|i| format!("TagSpecification.{i}"))
        .find(|at| asked[&format!("{at}.ResourceType")] == "instance")
        .expect("the instance has tags");
    (1..)
        .map(|i| format!("{instance}.Tag.{i}"))
        .map_while(|at| {
            let key = asked.get(&format!("{at}.Key"))?;
            Some((key.clone(), asked[&format!("{at}.Value")].clone()))
        })
        .collect()
}

fn ran(machine: &Machine) -> (StatusCode, String) {
    let item = item(machine);
    ok(
        "RunInstances",
        &format!("<reservationId>r-1</reservationId><instancesSet>{item}</instancesSet>"),
    )
}

fn describe(kept: &mut Kept, asked: &Parameters) -> (StatusCode, String) {
    let (name, value) = (&asked["Filter.1.Name"], &asked["Filter.1.Value.1"]);
    let key = name.strip_prefix("tag:").expect("a filter by tag");
    let from: usize = asked
        .get("NextToken")
        .map_or(0, |token| token.parse().unwrap());
    if kept.is_list_failing_at_page == Some(from / PAGE_SIZE) {
        return refuse(503, "RequestLimitExceeded", "as the test wants it");
    }
    let ours: Vec<Machine> = kept
        .machines
        .iter()
        .filter(|machine| machine.tags.get(key) == Some(value))
        .cloned()
        .collect();
    let mut body = "<reservationSet>".to_owned();
    for machine in ours.iter().skip(from).take(PAGE_SIZE) {
        let item = item(machine);
        write!(
            body,
            "<item><reservationId>r</reservationId><instancesSet>{item}</instancesSet></item>"
        )
        .unwrap();
    }
    body.push_str("</reservationSet>");
    let next = from + PAGE_SIZE;
    if next < ours.len() {
        write!(body, "<nextToken>{next}</nextToken>").unwrap();
    } else {
        // A whole list was seen: time goes on.
        for machine in &mut kept.machines {
            machine.state = match machine.state {
                "pending" => "running",
                "shutting-down" => "terminated",
                state => state,
            };
        }
    }
    ok("DescribeInstances", &body)
}

fn terminate(kept: &mut Kept, asked: &Parameters) -> (StatusCode, String) {
    let id = &asked["InstanceId.1"];
    let Some(machine) = kept.machines.iter_mut().find(|it| it.id == *id) else {
        return refuse(400, "InvalidInstanceID.NotFound", id);
    };
    if machine.state != "terminated" {
        machine.state = "shutting-down";
    }
    ok("TerminateInstances", "<instancesSet/>")
}

fn item(machine: &Machine) -> String {
    let mut tags = String::new();
    for (key, value) in &machine.tags {
        write!(tags, "<item><key>{key}</key><value>{value}</value></item>").unwrap();
    }
    format!(
        "<item><instanceId>{}</instanceId><instanceState><code>0</code><name>{}</name></instanceState>\
         <launchTime>2026-11-20T10:00:00.000Z</launchTime><tagSet>{tags}</tagSet></item>",
        machine.id, machine.state
    )
}

fn ok(action: &str, body: &str) -> (StatusCode, String) {
    let space = "http://ec2.amazonaws.com/doc/2016-11-15/";
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{action}Response xmlns=\"{space}\"><requestId>r</requestId>{body}</{action}Response>"
    );
    (StatusCode::OK, text)
}

fn refuse(status: u16, code: &str, message: &str) -> (StatusCode, String) {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
         <Message>{message}</Message></Error></Errors><RequestID>r</RequestID></Response>"
    );
    (StatusCode::from_u16(status).unwrap(), text)
}
