use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::json;
use spillway_core::{Fault as Kind, Market};

use super::*;
use crate::samples::{Sample, places, samples};
use crate::secret::{RsaKey, Secret};
use crate::{Scope, WorkerSpec};

fn machine() -> GceMachine {
    GceMachine {
        project: "burst-proj".into(),
        zone: "us-central1-a".into(),
        machine_type: "n1-standard-8".into(),
        accelerator: Some(GceAccelerator {
            kind: "nvidia-tesla-t4".into(),
            count: 1,
        }),
        image: "projects/debian-cloud/global/images/family/debian-12".into(),
        disk_gb: Some(200),
        disk_type: Some("pd-ssd".into()),
        subnetwork: "regions/us-central1/subnetworks/burst".into(),
        public_ip: false,
        network_tags: vec!["burst".into()],
        service_account: Some("worker@burst-proj.iam.gserviceaccount.com".into()),
        market: Market::Spot,
        run_seconds_max: 14_400,
    }
}

fn request() -> LaunchRequest {
    LaunchRequest {
        owner: "owner-1".into(),
        policy: "recognition".into(),
        pool: "gcp-t4".into(),
        intent: "gcp-t4-00001".into(),
        attempt: 1,
        worker: WorkerSpec {
            command: Vec::new(),
            environment: BTreeMap::new(),
        },
        lease: Duration::from_secs(900),
    }
}

fn provider(key: &RsaKey) -> Auth {
    let file = json!({
        "type": "service_account",
        "client_email": "burst@burst-proj.iam.gserviceaccount.com",
        "private_key": key.to_pem().expose(),
        "private_key_id": "kid1",
        "token_uri": "https://oauth2.googleapis.com/token",
    });
    let key = GceCredentials::ServiceAccountKey(Secret::new(file.to_string()));
    let config = GceConfig::new("owner-1", machine(), Arc::new(|_| String::new()), key);
    Auth::new(&config).expect("a usable key")
}

fn decoded(part: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64");
    serde_json::from_slice(&bytes).expect("JSON")
}

/// The answer's body, however the recorder kept it.
fn answered(sample: &Sample) -> Value {
    match &sample.response["body"] {
        Value::String(text) => serde_json::from_str(text).expect("JSON"),
        other => other.clone(),
    }
}

#[test]
fn an_assertion_says_what_the_sdks_says_and_verifies() {
    let key = RsaKey::generate().expect("made");
    let public = STANDARD.decode(key.public_base64().expect("public"));
    let public = public.expect("base64");
    let at = Timestamp::from_second(1_795_340_045).expect("a time");
    let ours = provider(&key).assertion_at(at);
    let parts: Vec<&str> = ours.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("three parts: {ours}");
    };
    let text = format!("{header}.{claims}");
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64");
    let verifier = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public);
    verifier.verify(text.as_bytes(), &signature).expect("ours");

    let Some((samples, _)) = samples("gce-python-sdk.json") else {
        return;
    };
    let sent = samples.iter().find(|sample| sample.path == "/token");
    let sent = &sent.expect("an exchange").body;
    let theirs = url::form_urlencoded::parse(sent.as_bytes());
    let theirs: BTreeMap<String, String> = theirs.into_owned().collect();
    assert_eq!(
        theirs["grant_type"],
        "urn:ietf:params:oauth:grant-type:jwt-bearer"
    );
    let theirs: Vec<&str> = theirs["assertion"].split('.').collect();
    assert_eq!(decoded(header), decoded(theirs[0]));
    assert_eq!(decoded(claims), decoded(theirs[1]));
}

#[test]
fn the_body_is_made_of_fields_that_the_sdk_sends() {
    let Some((samples, _)) = samples("gce-python-sdk.json") else {
        return;
    };
    let theirs = samples
        .iter()
        .find(|sample| sample.step == "insert" && sample.path != "/token");
    let theirs = theirs.expect("an insert").json();
    let labels = tags::of(&request(), "spec");
    let ours = |machine: &GceMachine| {
        let body = Insert::new(machine, "name", &labels, "#cloud-config\n");
        serde_json::to_value(body).expect("JSON")
    };
    let full = ours(&machine());
    let more: Vec<_> = places(&full)
        .difference(&places(&theirs))
        .cloned()
        .collect();
    assert_eq!(more, Vec::<String>::new());
    for same in [
        "machineType",
        "guestAccelerators",
        "networkInterfaces",
        "scheduling",
        "serviceAccounts",
        "tags",
    ] {
        assert_eq!(full[same], theirs[same], "{same}");
    }
    assert_eq!(full["metadata"]["items"][0], theirs["metadata"]["items"][0]);
    let small = GceMachine {
        accelerator: None,
        disk_gb: None,
        disk_type: None,
        network_tags: Vec::new(),
        service_account: None,
        market: Market::OnDemand,
        ..machine()
    };
    let small = ours(&small);
    assert_eq!(small["scheduling"]["provisioningModel"], "STANDARD");
    assert_eq!(small["scheduling"]["instanceTerminationAction"], "DELETE");
    let has_null = places(&small).iter().any(|place| place.ends_with(" null"));
    assert!(!has_null, "{small}");
}

#[test]
fn every_error_has_its_meaning() {
    use Verdict::{Again, Look, No};
    let no_room = No(Kind::NoCapacity, Scope::Offer);
    let throttled = No(Kind::Throttled, Scope::Region);
    let denied = No(Kind::Denied, Scope::Cloud);
    let wrong = No(Kind::Invalid, Scope::Pool);
    let rows = [
        (503, "ZONE_RESOURCE_POOL_EXHAUSTED", "", no_room),
        (0, "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", "", no_room),
        (0, "RESOURCE_POOL_EXHAUSTED", "", no_room),
        (503, "insufficientCapacity", "", no_room),
        (0, "UNSUPPORTED_OPERATION", "", no_room),
        (
            0,
            "QUOTA_EXCEEDED",
            "Quota 'GPUS_ALL_REGIONS' exceeded. Limit: 0.0 globally.",
            No(Kind::Quota, Scope::Cloud),
        ),
        (
            403,
            "quotaExceeded",
            "Quota 'GPUS_ALL_REGIONS' exceeded.",
            No(Kind::Quota, Scope::Cloud),
        ),
        (
            403,
            "quotaExceeded",
            "Quota 'NVIDIA_T4_GPUS' exceeded. Limit: 0.0 in region us-central1.",
            No(Kind::Quota, Scope::Machine),
        ),
        (
            0,
            "QUOTA_EXCEEDED",
            "Quota 'CPUS' exceeded. Limit: 8.0 in region us-central1.",
            No(Kind::Quota, Scope::Region),
        ),
        (
            403,
            "quotaExceeded",
            "Quota 'CPUS' exceeded.",
            No(Kind::Quota, Scope::Region),
        ),
        (
            0,
            "IP_SPACE_EXHAUSTED",
            "",
            No(Kind::NoCapacity, Scope::Pool),
        ),
        (
            0,
            "IP_SPACE_EXHAUSTED_WITH_DETAILS",
            "",
            No(Kind::NoCapacity, Scope::Pool),
        ),
        (0, "RESOURCE_OPERATION_RATE_EXCEEDED", "", throttled),
        (403, "rateLimitExceeded", "Rate Limit Exceeded", throttled),
        (429, "rateLimitExceeded", "", throttled),
        (0, "PERMISSIONS_ERROR", "", denied),
        (
            403,
            "forbidden",
            "Required 'compute.instances.create' permission",
            denied,
        ),
        (401, "authError", "Invalid Credentials", denied),
        (0, "CONDITION_NOT_MET", "", wrong),
        (400, "invalid", "Invalid value", wrong),
        (404, "notFound", "", wrong),
        (409, "alreadyExists", "", Look),
        (0, "INTERNAL_ERROR", "", Again),
        (503, "backendError", "", Again),
        (500, "internalError", "", Again),
        (502, "NotJson", "<html>", Again),
    ];
    for (status, code, message, verdict) in rows {
        let complaint = Complaint::new(status, code, message);
        assert_eq!(judge(TABLE, &complaint), verdict, "{complaint}");
    }
}

#[test]
fn every_recorded_answer_is_read() {
    let Some((samples, _)) = samples("gce-python-sdk.json") else {
        return;
    };
    let mut read = 0;
    for sample in &samples {
        let body = || answered(sample);
        let is_operation = sample.step.contains("operation") || sample.step == "op_done_with_error";
        if is_operation || (sample.step == "insert" && sample.path != "/token") {
            let operation: Operation = serde_json::from_value(body()).expect("an operation");
            let failed = sample.step == "op_done_with_error";
            assert_eq!(operation.error.is_some(), failed, "{}", sample.step);
            read += 1;
        }
    }
    assert_eq!(read, 4);
}

#[test]
fn a_list_without_a_zone_is_no_list() {
    let page = |page: Value| serde_json::from_value::<Page>(page).expect("a page");
    let empty = json!({"warning": {"code": "NO_RESULTS_ON_PAGE", "message": "x"}});
    let full = page(json!({"items": {"zones/a": empty}}));
    assert!(whole(&full).is_ok());
    let unreachable = json!({"warning": {"code": "UNREACHABLE", "message": "x"}});
    assert!(whole(&page(json!({"items": {"zones/a": unreachable}}))).is_err());
    assert!(whole(&page(json!({"items": {}, "unreachables": ["zones/b"]}))).is_err());
    let warned = json!({"items": {}, "warning": {"code": "UNREACHABLE"}});
    assert!(whole(&page(warned)).is_err());
}

#[test]
fn what_stopped_still_costs_and_is_not_taken_for_gone() {
    let seen = |status: &str| {
        let seen: Seen = serde_json::from_value(json!({
            "name": "n", "zone": "https://www.googleapis.com/compute/v1/projects/p/zones/z-a", "status": status,
            "creationTimestamp": "2026-01-02T03:04:05.678-08:00",
        }))
        .expect("an instance");
        assert_eq!(seen.id(), "z-a/n");
        seen.state()
    };
    assert_eq!(seen("STAGING"), InstanceState::Booting);
    assert_eq!(seen("RUNNING"), InstanceState::Running);
    assert_eq!(seen("STOPPING"), InstanceState::Terminating);
    assert_eq!(seen("TERMINATED"), InstanceState::Booting);
}
