use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::json;
use spillway_core::{Fault as Kind, Market};

use super::sign::{EXCHANGING, Signer, names, signed, signing_string};
use super::*;
use crate::samples::{places, samples};
use crate::secret::RsaKey;
use crate::{Scope, WorkerSpec};

fn machine() -> OciMachine {
    OciMachine {
        region: "us-ashburn-1".into(),
        compartment: "ocid1.compartment.oc1..aaaa".into(),
        availability_domain: "Uocm:US-ASHBURN-AD-1".into(),
        fault_domain: None,
        shape: "VM.GPU.A10.1".into(),
        flex: None,
        image: "ocid1.image.oc1.iad.aaaaimg".into(),
        subnet: "ocid1.subnet.oc1.iad.aaaa".into(),
        security_groups: vec!["ocid1.networksecuritygroup.oc1.iad.aaaa".into()],
        public_ip: false,
        boot_volume_gb: Some(200),
        market: Market::Spot,
        capacity_reservation: None,
        ssh_public_key: Some("ssh-ed25519 AAAA x".into()),
        defined_tags: BTreeMap::from([(
            "ops".into(),
            BTreeMap::from([("cost-center".into(), "42".into())]),
        )]),
    }
}

fn request() -> LaunchRequest {
    LaunchRequest {
        owner: "owner-1".into(),
        policy: "recognition".into(),
        pool: "oci-a10".into(),
        intent: "oci-a10-00001".into(),
        attempt: 1,
        worker: WorkerSpec {
            command: Vec::new(),
            environment: BTreeMap::new(),
        },
        lease: Duration::from_secs(900),
    }
}

fn verifies(public_der: &[u8], text: &str, signature: &str) -> bool {
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public_der);
    let signature = STANDARD.decode(signature).expect("base64");
    key.verify(text.as_bytes(), &signature).is_ok()
}

/// What stands in quotes after `name=` in an `Authorization` header.
fn part<'h>(header: &'h str, name: &str) -> &'h str {
    let start = header.find(&format!("{name}=\"")).expect("there") + name.len() + 2;
    let rest = &header[start..];
    &rest[..rest.find('"').expect("closed")]
}

#[test]
fn the_sdks_signatures_verify_over_our_signing_string() {
    let Some((samples, meta)) = samples("oci-python-sdk.json") else {
        return;
    };
    let pem = meta["verify_key_public_pem"].as_str().expect("a key");
    let public = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).expect("a key");
    assert_eq!(samples.len(), 27);
    for sample in &samples {
        let header = sample.header("authorization").expect("signed");
        let method: Method = sample.method.parse().expect("a method");
        let ours = names(&method);
        assert_eq!(part(header, "headers"), ours.join(" "), "{}", sample.step);
        let text = signing_string(ours, &sample.method, &sample.path, |name| {
            sample.header(name)
        });
        let signature = part(header, "signature");
        assert!(
            verifies(&public, &text, signature),
            "{}: {text}",
            sample.step
        );
        let other = text.replace("date: ", "date: x");
        assert!(!verifies(&public, &other, signature), "{}", sample.step);
    }
}

#[test]
fn the_exchange_of_a_certificate_signs_what_the_sdk_signs() {
    let Some((samples, _)) = samples("oci-principals-python-sdk.json") else {
        return;
    };
    let exchange = samples.iter().find(|sample| sample.path == "/v1/x509");
    let exchange = exchange.expect("an exchange");
    let header = exchange.header("authorization").expect("signed");
    assert_eq!(part(header, "headers"), EXCHANGING.join(" "));
    let leaf = exchange.json()["certificate"]
        .as_str()
        .expect("a leaf")
        .to_owned();
    let leaf = STANDARD.decode(leaf).expect("base64");
    let tenancy = auth::tenancy(&leaf).expect("a tenancy");
    let key_id = format!("{tenancy}/fed-x509/{}", auth::fingerprint(&leaf));
    assert_eq!(part(header, "keyId"), key_id);
    // The certificate is a chain of fixed fields; its key is the last thing named so.
    let text = signing_string(EXCHANGING, "POST", "/v1/x509", |name| exchange.header(name));
    let public = spki(&leaf);
    assert!(verifies(public, &text, part(header, "signature")));
}

/// The key in a certificate: the `SubjectPublicKeyInfo` of 2048-bit RSA keys begins with these bytes.
fn spki(certificate: &[u8]) -> &[u8] {
    const BEGIN: &[u8] = &[0x30, 0x82, 0x01, 0x22, 0x30, 0x0d];
    const BYTES: usize = 4 + 0x122;
    let at = certificate.windows(BEGIN.len()).position(|is| is == BEGIN);
    let at = at.expect("a 2048-bit RSA key");
    &certificate[at..at + BYTES]
}

#[test]
fn our_own_requests_verify_and_a_changed_body_does_not() {
    let key = RsaKey::generate().expect("made");
    let public = STANDARD
        .decode(key.public_base64().expect("public"))
        .expect("base64");
    let signer = Signer {
        key_id: "t/u/f".into(),
        key,
    };
    for (method, body) in [
        (Method::GET, ""),
        (Method::DELETE, ""),
        (Method::POST, ""),
        (Method::POST, "{\"a\":\"ü\"}"),
    ] {
        let url: Url = "http://127.0.0.1:81/20160918/instances?page=a%3D%3D"
            .parse()
            .expect("a URL");
        let now = Timestamp::from_second(1_795_339_707).expect("a time");
        let call = (method.clone(), url);
        let request = signed(&signer, now, call, names(&method), body.into()).expect("signed");
        let value = |name: &str| match name {
            "host" => Some("127.0.0.1:81"),
            name => request
                .headers()
                .get(name)
                .map(|value| value.to_str().expect("text")),
        };
        assert_eq!(value("date"), Some("Sun, 22 Nov 2026 09:28:27 GMT"));
        let header = value("authorization").expect("signed");
        let target = "/20160918/instances?page=a%3D%3D";
        let text = signing_string(names(&method), method.as_str(), target, value);
        assert!(
            verifies(&public, &text, part(header, "signature")),
            "{method} {body}"
        );
        if method == Method::POST {
            let length = format!("content-length: {}", body.len());
            assert!(text.contains(&length), "{text}");
        }
    }
}

#[test]
fn the_body_is_made_of_fields_that_the_sdk_sends() {
    let Some((samples, _)) = samples("oci-python-sdk.json") else {
        return;
    };
    let sdk = |step: &str| {
        let sample = samples.iter().find(|sample| sample.step == step);
        sample.expect("a launch").json()
    };
    let labels = tags::of(&request(), "spec");
    let ours = |machine: &OciMachine| {
        let body = Launch::new(
            machine,
            "name",
            &labels,
            "#cloud-config\nruncmd: [echo hi]\n",
        );
        serde_json::to_value(body).expect("JSON")
    };
    let full = ours(&machine());
    let theirs = sdk("LaunchInstance");
    let more: Vec<_> = places(&full)
        .difference(&places(&theirs))
        .cloned()
        .collect();
    assert_eq!(more, Vec::<String>::new());
    assert_eq!(full["metadata"], theirs["metadata"], "user data in base64");
    assert_eq!(
        full["preemptibleInstanceConfig"],
        theirs["preemptibleInstanceConfig"]
    );

    let small = OciMachine {
        market: Market::OnDemand,
        flex: Some(OciFlex {
            ocpus: 1.0,
            memory_gb: 8.0,
        }),
        security_groups: Vec::new(),
        defined_tags: BTreeMap::new(),
        ssh_public_key: None,
        boot_volume_gb: None,
        ..machine()
    };
    let small = ours(&small);
    let flexible = sdk("LaunchInstance_flex_min");
    assert_eq!(
        places(&small["shapeConfig"]),
        places(&flexible["shapeConfig"])
    );
    assert!(small.get("preemptibleInstanceConfig").is_none());
    assert!(
        !places(&small).iter().any(|place| place.ends_with(" null")),
        "{small}"
    );
}

#[test]
fn every_error_has_its_meaning() {
    use Verdict::{Again, Look, No};
    let rows = [
        (
            500,
            "InternalError",
            "Out of host capacity.",
            No(Kind::NoCapacity, Scope::Offer),
        ),
        (
            0,
            "InternalError",
            "Out of host capacity.",
            No(Kind::NoCapacity, Scope::Offer),
        ),
        (
            500,
            "InternalError",
            "Out of capacity for shape VM.GPU.A10.1 in AD-1",
            No(Kind::NoCapacity, Scope::Offer),
        ),
        (500, "InternalError", "Internal error", Again),
        (503, "ServiceUnavailable", "", Again),
        (
            400,
            "LimitExceeded",
            "gpu-a10-count",
            No(Kind::Quota, Scope::Machine),
        ),
        (
            0,
            "LimitExceeded",
            "gpu-a10-count",
            No(Kind::Quota, Scope::Machine),
        ),
        (400, "QuotaExceeded", "", No(Kind::Quota, Scope::Machine)),
        (
            429,
            "TooManyRequests",
            "Tenancy rate limit",
            No(Kind::Throttled, Scope::Region),
        ),
        (401, "NotAuthenticated", "", No(Kind::Denied, Scope::Cloud)),
        (
            404,
            "NotAuthorizedOrNotFound",
            "",
            No(Kind::Denied, Scope::Pool),
        ),
        (409, "IncorrectState", "", Again),
        (409, "ExternalServerIncorrectState", "", Again),
        (409, "LockConflict", "", Again),
        (409, "InvalidatedRetryToken", "", Look),
        (
            400,
            "InvalidParameter",
            "Invalid shape",
            No(Kind::Invalid, Scope::Pool),
        ),
        (400, "MissingParameter", "", No(Kind::Invalid, Scope::Pool)),
        (
            400,
            "CannotParseRequest",
            "",
            No(Kind::Invalid, Scope::Pool),
        ),
        (400, "NeverHeardOf", "", No(Kind::Invalid, Scope::Pool)),
        (502, "NotJson", "<html>", Again),
    ];
    for (status, code, message, verdict) in rows {
        let complaint = Complaint::new(status, code, message);
        assert_eq!(judge(TABLE, &complaint), verdict, "{complaint}");
    }
    let LaunchError::NotLaunched { retry_after, .. } =
        Complaint::new(429, "TooManyRequests", "").launch(TABLE)
    else {
        panic!("throttled is not launched");
    };
    assert_eq!(
        retry_after,
        Some(Duration::from_secs(60)),
        "a ban is not prolonged"
    );
}

#[test]
fn every_recorded_error_is_in_the_table() {
    let Some((samples, _)) = samples("oci-python-sdk.json") else {
        return;
    };
    let errors = samples
        .iter()
        .filter(|sample| sample.step.starts_with("err_"));
    let mut count = 0;
    for sample in errors {
        let body: serde_json::Value = match &sample.response["body"] {
            serde_json::Value::String(text) => serde_json::from_str(text).expect("JSON"),
            other => other.clone(),
        };
        let status = sample.response["status"].as_u64().expect("a status");
        let status = u16::try_from(status).expect("a status");
        let text = |key: &str| body[key].as_str().expect("text").to_owned();
        let complaint = Complaint::new(status, &text("code"), &text("message"));
        assert!(
            TABLE
                .iter()
                .any(|row| row.code == text("code") || row.status == status),
            "{complaint}"
        );
        let is_internal = text("message") == "Out of host capacity.";
        assert_eq!(
            judge(TABLE, &complaint) == Verdict::No(Kind::NoCapacity, Scope::Offer),
            is_internal
        );
        count += 1;
    }
    assert_eq!(count, 10);
}

#[test]
fn what_stopped_still_costs_and_is_not_taken_for_gone() {
    let state = |lifecycle: &str| {
        let seen: Seen = serde_json::from_value(json!({
            "id": "i", "lifecycleState": lifecycle, "timeCreated": "2026-01-02T03:04:05.678Z", "freeformTags": null,
        }))
        .expect("an instance");
        seen.state()
    };
    assert_eq!(state("PROVISIONING"), InstanceState::Booting);
    assert_eq!(state("RUNNING"), InstanceState::Running);
    assert_eq!(state("STOPPED"), InstanceState::Booting);
    assert_eq!(state("TERMINATING"), InstanceState::Terminating);
    assert_eq!(state("TERMINATED"), InstanceState::Terminated);
}

#[test]
fn a_config_shows_no_key_and_a_key_that_is_none_is_refused() {
    let config = OciConfig::new(
        "owner-1",
        machine(),
        Arc::new(|_| String::new()),
        OciCredentials::ApiKey {
            tenancy: "t".into(),
            user: "u".into(),
            fingerprint: "f".into(),
            private_key: crate::Secret::new("hush"),
        },
    );
    assert!(!format!("{config:?}{:?}", config.credentials).contains("hush"));
    assert!(matches!(Oci::new(config), Err(CloudError::Refused { .. })));
}
