//! Requests that the official SDKs sent, and whether they get the answers that these SDKs read.
//!
//! `tests/samples` holds them as they were on the wire, without what is not looked at.

use serde::Deserialize;
use serde_json::Value;
use spillway_emulators::{Asked, CloudKind, Reply};

use crate::wire::Wire;

#[derive(Deserialize)]
struct Samples {
    #[serde(default)]
    public_key: String,
    requests: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    step: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

// === impl Samples ===

impl Samples {
    fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap()
    }

    fn find(&self, step: &str, n: usize) -> Asked {
        let mut found = self.requests.iter().filter(|sample| sample.step == step);
        found.nth(n).unwrap_or_else(|| panic!("no {step}")).asked()
    }
}

// === impl Sample ===

impl Sample {
    fn asked(&self) -> Asked {
        let asked = Asked::new(&self.method, &self.path).body(self.body.as_str());
        let headers = self.headers.iter();
        headers.fold(asked, |asked, (name, value)| asked.header(name, value))
    }
}

fn oci() -> Samples {
    Samples::read(include_str!("../samples/oci.json"))
}

/// A world with the clock and the key of the samples.
fn oci_wire(samples: &Samples) -> Wire {
    let wire = Wire::new();
    let first = samples.requests[0].asked();
    wire.set(date(&first));
    let id = first
        .get("authorization")
        .unwrap()
        .split("keyId=\"")
        .nth(1)
        .unwrap();
    let id = id.split('"').next().unwrap().to_owned();
    wire.world.with(CloudKind::Oci, |cloud, _| {
        assert!(cloud.register(id, &samples.public_key));
    });
    wire
}

fn date(asked: &Asked) -> jiff::Timestamp {
    let date = asked.get("date").unwrap();
    jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(date)
        .unwrap()
}

fn why(reply: &Reply) -> &str {
    reply.get("x-emulator-why").unwrap_or("accepted")
}

#[test]
fn every_signature_of_oracles_sdk_verifies() {
    let samples = oci();
    let wire = oci_wire(&samples);
    for sample in &samples.requests {
        let reply = wire.world.ask(CloudKind::Oci, &sample.asked());
        assert_ne!(reply.status, 401, "{}: {}", sample.step, why(&reply));
    }
    assert!(samples.requests.len() >= 15);
}

#[test]
fn what_is_not_signed_as_it_must_be_is_refused() {
    let samples = oci();
    let launch = samples.find("LaunchInstance", 0);
    let replaced = |name: &str, value: &str| {
        let mut asked = launch.clone();
        for (own, held) in &mut asked.headers {
            if own == name {
                *held = held.replace(
                    value.split('|').next().unwrap(),
                    value.split('|').nth(1).unwrap(),
                );
            }
        }
        asked
    };
    let changed_body = launch
        .clone()
        .body(launch_body(&launch, "VM.GPU.A10.1", "VM.GPU.A10.2"));
    let mut changed_path = samples.find("GetInstance", 0);
    changed_path.path.push('x');
    let cases = [
        (
            "no signature",
            Asked::new("GET", "/20160918/instances?compartmentId=c"),
        ),
        ("the body is not the one", changed_body),
        ("does not verify", changed_path),
        (
            "not registered",
            replaced("authorization", "ocid1.user|ocid1.other"),
        ),
        ("host is not signed", replaced("authorization", " host|")),
        (
            "version or algorithm",
            replaced("authorization", "rsa-sha256|hs2019"),
        ),
        ("the date is none", replaced("date", "Sun|Sunday the 1st")),
    ];
    let wire = oci_wire(&samples);
    for (says, asked) in cases {
        let reply = wire.world.ask(CloudKind::Oci, &asked);
        assert_eq!(reply.status, 401, "{says}: {}", reply.text());
        assert!(why(&reply).contains(says), "{says}: {}", why(&reply));
    }
    wire.pass(301);
    let late = wire.world.ask(CloudKind::Oci, &launch);
    assert!(why(&late).contains("five minutes"), "{}", why(&late));
}

fn launch_body(asked: &Asked, from: &str, to: &str) -> String {
    let body = String::from_utf8(asked.body.clone()).unwrap();
    assert!(body.contains(from));
    body.replace(from, to)
}

#[test]
fn oracles_calls_are_answered() {
    let samples = oci();
    let wire = oci_wire(&samples);
    let ask = |step: &str, n| wire.world.ask(CloudKind::Oci, &samples.find(step, n));
    let launched = ask("LaunchInstance", 0);
    let instance = launched.value();
    assert_eq!(launched.status, 200, "{instance}");
    assert_eq!(instance["displayName"], "burst-claim-1");
    assert_eq!(instance["freeformTags"]["burst-claim"], "claim-1");
    assert_eq!(instance["sourceDetails"]["sourceType"], "image");
    assert_eq!(
        instance["preemptibleInstanceConfig"]["preemptionAction"]["type"],
        "TERMINATE"
    );
    assert!(instance["timeCreated"].as_str().unwrap().ends_with('Z'));
    assert!(launched.get("etag").is_some() && launched.get("opc-work-request-id").is_some());
    assert_eq!(ask("LaunchInstance_flex_min", 0).status, 200);

    let pages: Vec<Reply> = vec![ask("ListInstances_all_pages", 0)];
    assert_eq!(
        pages[0].value().as_array().unwrap().len(),
        1,
        "the limit is kept"
    );
    assert!(pages[0].get("opc-next-page").is_some());
    assert_eq!(
        ask("ListInstances_page1", 0).value()[0]["lifecycleState"],
        "RUNNING"
    );
    let report = ask("CreateComputeCapacityReport", 0).value();
    assert_eq!(
        report["shapeAvailabilities"][0]["availabilityStatus"],
        "AVAILABLE"
    );
    assert_eq!(ask("ListShapes", 0).value()[0]["gpus"], 1);
    assert_eq!(
        ask("ListAvailabilityDomains", 0).value()[0]["name"],
        "Uocm:US-ASHBURN-AD-1"
    );
    let unknown = ask("GetInstance", 0);
    assert_eq!(
        (unknown.status, unknown.value()["code"].as_str()),
        (404, Some("NotAuthorizedOrNotFound"))
    );
}

#[test]
fn googles_calls_are_answered() {
    let samples = Samples::read(include_str!("../samples/gce.json"));
    let wire = Wire::new();
    let token = wire
        .world
        .ask(CloudKind::Gce, &samples.find("insert", 0))
        .value();
    assert_eq!(token["token_type"], "Bearer");
    let ask = |step: &str, n| wire.ask(CloudKind::Gce, without_token(samples.find(step, n)));
    let operation = ask("insert", 1).value();
    assert_eq!(operation["kind"], "compute#operation", "{operation}");
    assert_eq!(operation["operationType"], "insert");
    assert!(
        operation["insertTime"]
            .as_str()
            .unwrap()
            .ends_with("-08:00"),
        "{operation}"
    );
    let shown = ask("get", 0).value();
    assert_eq!(
        (shown["name"].as_str(), shown["status"].as_str()),
        (Some("burst-claim-1"), Some("RUNNING"))
    );
    assert_eq!(shown["scheduling"]["maxRunDuration"]["seconds"], "14400");
    assert_eq!(
        ask("list_filter", 0).value()["items"][0]["labels"]["burst-pool"],
        "p1"
    );
    let all = ask("aggregated_list_filter", 0).value();
    assert_eq!(
        all["items"]["zones/us-central1-a"]["instances"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        all["items"]["zones/us-central1-b"]["warning"]["code"],
        "NO_RESULTS_ON_PAGE"
    );
    let deleted = ask("delete", 0).value();
    assert_eq!(deleted["operationType"], "delete");
    assert_eq!(ask("get", 0).status, 404);
    let unauthorized = wire.world.ask(CloudKind::Gce, &samples.find("get", 0));
    assert_eq!(unauthorized.status, 401, "a token that was never given out");
}

#[test]
fn googles_machine_dies_when_its_time_is_over() {
    let samples = Samples::read(include_str!("../samples/gce.json"));
    let wire = Wire::new();
    wire.ask(CloudKind::Gce, without_token(samples.find("insert", 1)));
    wire.pass(14_399);
    assert_eq!(wire.alive(CloudKind::Gce).len(), 1);
    wire.pass(1);
    assert_eq!(wire.alive(CloudKind::Gce).len(), 0);
}

/// The samples' own token was never given out here.
fn without_token(mut asked: Asked) -> Asked {
    asked
        .headers
        .retain(|(name, _)| name != "authorization" && name != "host");
    asked
}

#[test]
fn azures_calls_are_answered() {
    let samples = Samples::read(include_str!("../samples/azure.json"));
    let wire = Wire::new();
    for step in ["client_secret", "workload_identity"] {
        let n = usize::from(step == "client_secret");
        let token = wire
            .world
            .ask(CloudKind::Azure, &samples.find(step, n))
            .value();
        assert_eq!(token["token_type"], "Bearer", "{step}: {token}");
    }
    let ask = |step: &str, n| wire.ask(CloudKind::Azure, without_token(samples.find(step, n)));
    let put = ask("vm_put_nic_inline", 0);
    let vm = put.value();
    assert_eq!(
        (put.status, vm["name"].as_str()),
        (201, Some("burst-claim-1")),
        "{vm}"
    );
    assert_eq!(vm["properties"]["provisioningState"], "Creating");
    assert_eq!(vm["tags"]["burst-claim"], "claim-1");
    assert!(
        vm["properties"]["osProfile"]["customData"].is_null(),
        "it is never shown again"
    );
    let link = put
        .get("azure-asyncoperation")
        .unwrap()
        .strip_prefix("http://127.0.0.1:1");
    assert_eq!(
        wire.get(CloudKind::Azure, link.unwrap()).value()["status"],
        "Succeeded"
    );
    let view = ask("vm_get_instance_view", 0).value();
    let statuses = view["properties"]["instanceView"]["statuses"]
        .as_array()
        .unwrap()
        .clone();
    assert!(
        statuses
            .iter()
            .any(|status| status["code"] == "PowerState/running"),
        "{view}"
    );
    assert_eq!(
        ask("vm_list_rg", 0).value()["value"][0]["location"],
        "eastus"
    );
    assert_eq!(
        ask("nic_list", 0).value()["value"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let deleted = ask("vm_delete_force", 0);
    assert_eq!(deleted.status, 202);
    let monitor = deleted
        .get("location")
        .unwrap()
        .strip_prefix("http://127.0.0.1:1");
    assert_eq!(wire.get(CloudKind::Azure, monitor.unwrap()).status, 204);
    assert_eq!(ask("vm_get_instance_view", 0).status, 404);
    assert_eq!(ask("vm_delete_force", 0).status, 204, "nothing is there");
    let left: Value = ask("nic_list", 0).value();
    assert_eq!(
        left["value"].as_array().unwrap().len(),
        0,
        "the interface went with its machine"
    );
}

#[test]
fn amazons_calls_are_answered() {
    let samples = Samples::read(include_str!("../samples/aws.json"));
    let wire = Wire::new();
    wire.set("2026-11-22T10:00:00Z".parse().unwrap());
    let ask = |step: &str| wire.world.ask(CloudKind::Aws, &samples.find(step, 0));
    let run = ask("run_instances_spot_token");
    assert_eq!(run.status, 200, "{}", run.text());
    let text = run.text();
    for part in [
        "<RunInstancesResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\">",
        "<clientToken>claim-3</clientToken>",
        "<instanceLifecycle>spot</instanceLifecycle>",
        "<item><key>burst:owner</key><value>ctl-a</value></item>",
        "<deleteOnTermination>true</deleteOnTermination>",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(ask("run_instances_same_token_again").text(), text);
    assert_eq!(ask("run_instances_dry_run").status, 412);
    assert!(
        ask("describe_filter_tag+state")
            .text()
            .contains("<name>running</name>")
    );
    assert!(ask("describe_filter_lifecycle").text().contains("claim-3"));
    assert!(
        ask("terminate_unknown")
            .text()
            .contains("<Code>InvalidInstanceID.NotFound</Code>")
    );
    wire.pass(86_400);
    assert_eq!(
        ask("terminate_unknown").status,
        401,
        "signed for another day"
    );
}
