use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use spillway_cloud::{
    Fault, InstanceState, Oci, OciConfig, OciCredentials, OciMachine, Provider, Scope, Secret, tags,
};
use spillway_core::Market;
use wiremock::matchers::{method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::harness::{
    LAUNCH_WAIT, Made, assert_invalid, assert_unknown, calls, html, json, lost, net, not_launched,
    on, once, recorded, request, user_data,
};

const INSTANCES: &str = "^/20160918/instances$";
const INSTANCE: &str = "^/20160918/instances/";
const WORK: &str = "^/20160918/workRequests/w1$";

fn key() -> Secret {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("made");
    let der: Pkcs8V1Der<'_> = pair.as_der().expect("a DER");
    let text = STANDARD.encode(der.as_ref());
    Secret::new(format!(
        "-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"
    ))
}

fn machine() -> OciMachine {
    OciMachine {
        region: "us-ashburn-1".into(),
        compartment: "c".into(),
        availability_domain: "AD-1".into(),
        fault_domain: None,
        shape: "VM.GPU.A10.1".into(),
        flex: None,
        image: "i".into(),
        subnet: "s".into(),
        security_groups: Vec::new(),
        public_ip: false,
        boot_volume_gb: Some(100),
        market: Market::OnDemand,
        capacity_reservation: None,
        ssh_public_key: None,
        defined_tags: std::collections::BTreeMap::new(),
    }
}

fn provider_of(server: &MockServer, machine: OciMachine) -> Oci {
    let credentials = OciCredentials::ApiKey {
        tenancy: "t".into(),
        user: "u".into(),
        fingerprint: "f".into(),
        private_key: key(),
    };
    let mut config = OciConfig::new("owner-1", machine, user_data(), credentials);
    config.endpoints.compute = Some(server.uri());
    config.net = net();
    config.launch_wait = LAUNCH_WAIT;
    Oci::new(config).expect("a usable configuration")
}

fn provider(server: &MockServer) -> Oci {
    provider_of(server, machine())
}

fn shown(number: usize, labels: &Value) -> Value {
    json!({"id": format!("ocid1.{number}"), "lifecycleState": "PROVISIONING", "displayName": "n",
           "timeCreated": "2026-01-02T03:04:05.678Z", "freeformTags": labels})
}

/// A cloud that makes what it is asked for and shows it.
async fn cloud() -> (MockServer, Made) {
    let (server, made) = (MockServer::start().await, Made::default());
    let list = made.clone();
    on(&server, "GET", INSTANCES, move |_: &Request| {
        json(200, &list.all().into())
    })
    .await;
    let makes = made.clone();
    on(&server, "POST", INSTANCES, move |asked: &Request| {
        makes_one(&makes, asked)
    })
    .await;
    let succeeded = json(200, &json!({"id": "w1", "status": "SUCCEEDED"}));
    on(&server, "GET", WORK, succeeded).await;
    on(&server, "DELETE", INSTANCE, ResponseTemplate::new(204)).await;
    (server, made)
}

fn makes_one(made: &Made, asked: &Request) -> ResponseTemplate {
    let body: Value = asked.body_json().expect("a JSON body");
    assert!(asked.headers.contains_key("opc-retry-token"));
    assert!(asked.headers.contains_key("authorization"));
    let shown = shown(made.all().len() + 1, &body["freeformTags"]);
    made.add(shown.clone());
    json(200, &shown).insert_header("opc-work-request-id", "w1")
}

#[tokio::test]
async fn a_launch_makes_one_and_the_same_again_finds_it() {
    let (server, made) = cloud().await;
    let provider = provider(&server);
    let first = provider
        .launch(&request("burst-1"))
        .await
        .expect("launched");
    assert_eq!((first.id.as_str(), first.attempt), ("ocid1.1", 1));
    assert_eq!(first.state, InstanceState::Booting);
    let again = provider.launch(&request("burst-1")).await.expect("found");
    assert_eq!(again, first);
    assert_eq!(calls(&server, "POST", "/instances").await, 1);
    made.set("/lifecycleState", "RUNNING");
    let listed = provider.list().await.expect("listed");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].state, InstanceState::Running);
}

#[tokio::test]
async fn a_changed_request_is_refused_and_makes_nothing() {
    let (server, _) = cloud().await;
    provider(&server)
        .launch(&request("burst-1"))
        .await
        .expect("launched");
    let larger = OciMachine {
        boot_volume_gb: Some(101),
        ..machine()
    };
    let changed = provider_of(&server, larger);
    assert_invalid(changed.launch(&request("burst-1")).await);
    let mut pool = request("burst-1");
    pool.pool.push_str("-changed");
    assert_invalid(provider(&server).launch(&pool).await);
    assert_eq!(calls(&server, "POST", "/instances").await, 1);
}

#[tokio::test]
async fn a_request_whose_instance_ended_makes_no_other() {
    let (server, made) = cloud().await;
    let provider = provider(&server);
    provider
        .launch(&request("burst-1"))
        .await
        .expect("launched");
    made.set("/lifecycleState", "TERMINATED");
    assert_invalid(provider.launch(&request("burst-1")).await);
    // Once it is not even shown any more, the token knows.
    made.clear();
    let ended = json!({"code": "InvalidatedRetryToken", "message": "the resource was deleted"});
    once(&server, "POST", INSTANCES, json(409, &ended)).await;
    assert_invalid(provider.launch(&request("burst-1")).await);
    assert_eq!(made.all().len(), 0);
}

#[tokio::test]
async fn a_launch_without_answer_is_unknown_and_adopted_later() {
    let (server, made) = cloud().await;
    let makes = made.clone();
    once(&server, "POST", INSTANCES, move |asked: &Request| {
        makes_one(&makes, asked);
        lost()
    })
    .await;
    let provider = provider(&server);
    assert_unknown(provider.launch(&request("burst-1")).await);
    let adopted = provider.launch(&request("burst-1")).await.expect("found");
    assert_eq!(adopted.id, "ocid1.1");
    assert_eq!(made.all().len(), 1);
}

#[tokio::test]
async fn what_is_not_json_is_no_answer() {
    let (server, _) = cloud().await;
    once(&server, "POST", INSTANCES, html()).await;
    assert_unknown(provider(&server).launch(&request("burst-1")).await);
    once(&server, "GET", INSTANCES, html()).await;
    provider(&server)
        .list()
        .await
        .expect_err("a page of HTML is no empty list");
}

#[tokio::test]
async fn no_capacity_is_told_at_once_and_in_a_work_request() {
    let (server, made) = cloud().await;
    let none = json!({"code": "InternalError", "message": "Out of host capacity."});
    once(&server, "POST", INSTANCES, json(500, &none)).await;
    let provider = provider(&server);
    let refused = not_launched(provider.launch(&request("burst-1")).await);
    assert_eq!(refused, (Fault::NoCapacity, Scope::Offer));

    // Late, after a look that failed: that is no answer to the launch.
    once(&server, "GET", WORK, json(503, &none)).await;
    let failed = json(200, &json!({"id": "w1", "status": "FAILED"}));
    once(&server, "GET", WORK, failed).await;
    let errors = json(200, &json!([none]));
    once(&server, "GET", "^/20160918/workRequests/w1/errors$", errors).await;
    let refused = not_launched(provider.launch(&request("burst-2")).await);
    assert_eq!(refused, (Fault::NoCapacity, Scope::Offer));
    assert_eq!(made.all().len(), 1);
    assert_eq!(calls(&server, "DELETE", "/instances/ocid1.1").await, 1);
}

#[tokio::test]
async fn what_a_failed_launch_left_behind_keeps_it_unknown_until_it_is_ended() {
    let (server, _) = cloud().await;
    let failed = json(200, &json!({"id": "w1", "status": "FAILED"}));
    once(&server, "GET", WORK, failed).await;
    let ill = json!({"code": "InternalError", "message": "ill"});
    once(&server, "DELETE", INSTANCE, json(500, &ill)).await;
    assert_unknown(provider(&server).launch(&request("burst-1")).await);
}

#[tokio::test]
async fn a_list_has_all_pages_or_is_none() {
    let server = MockServer::start().await;
    let labels = |intent: &str| json!(tags::of(&request(intent), "spec"));
    let first = Mock::given(method("GET")).and(path("/20160918/instances"));
    let first = first.and(query_param_is_missing("page"));
    let page = json(200, &json!([shown(1, &labels("burst-1"))]));
    let page = page.insert_header("opc-next-page", "PAGE2==");
    first.respond_with(page).mount(&server).await;
    let second = || Mock::given(method("GET")).and(query_param("page", "PAGE2=="));
    let foreign = json!({"spillway-owner": "owner-2", "spillway-intent": "burst-9"});
    let page = json(
        200,
        &json!([
            shown(2, &labels("burst-2")),
            shown(3, &foreign),
            shown(4, &Value::Null),
            shown(5, &json!({}))
        ]),
    );
    second().respond_with(page).mount(&server).await;
    let provider = provider(&server);
    let listed = provider.list().await.expect("both pages");
    let ids: Vec<_> = listed.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["ocid1.1", "ocid1.2"], "ours alone");

    let ill = json(500, &json!({"code": "InternalError", "message": "ill"}));
    let ill = second().respond_with(ill).with_priority(1);
    ill.mount(&server).await;
    provider.list().await.expect_err("half a list is none");
}

#[tokio::test]
async fn terminating_twice_is_well_and_a_false_not_found_is_not_believed() {
    let (server, made) = cloud().await;
    let provider = provider(&server);
    let instance = provider
        .launch(&request("burst-1"))
        .await
        .expect("launched");
    provider.terminate(&instance.id).await.expect("taken");
    let calls = server.received_requests().await.expect("recorded");
    let order = calls.iter().find(|call| call.method.as_str() == "DELETE");
    let order = order.expect("an order").url.query().unwrap_or_default();
    assert!(order.contains("preserveBootVolume=false"), "{order}");

    let gone = json!({"code": "NotAuthorizedOrNotFound", "message": "not found"});
    once(&server, "DELETE", INSTANCE, json(404, &gone)).await;
    let lie = provider.terminate(&instance.id).await;
    lie.expect_err("it is still listed");
    made.set("/lifecycleState", "TERMINATED");
    once(&server, "DELETE", INSTANCE, json(404, &gone)).await;
    provider.terminate(&instance.id).await.expect("gone");
    once(&server, "DELETE", INSTANCE, json(404, &gone)).await;
    provider.terminate("never-was").await.expect("gone");
}

/// A JSON Web Token that ends in 2096.
fn session(name: &str) -> String {
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let claims = json!({"exp": 4_000_000_000_i64, "name": name});
    format!("{}.{}.c2ln", part(json!({"alg": "RS256"})), part(claims))
}

async fn key_ids(server: &MockServer) -> Vec<String> {
    let calls = server.received_requests().await.expect("recorded");
    let signed = calls
        .iter()
        .filter(|call| call.url.path().ends_with("/instances"));
    signed
        .map(|call| {
            let header = call.headers["authorization"].to_str().expect("text");
            let (_, rest) = header.split_once("keyId=\"").expect("a key");
            rest.split('"').next().unwrap_or_default().to_owned()
        })
        .collect()
}

#[tokio::test]
async fn an_instance_principal_gets_a_session_once_and_anew_when_it_is_refused() {
    let Some(certificate) = recorded(
        "oci-principals-python-sdk.json",
        "/opc/v2/identity/cert.pem",
    ) else {
        return;
    };
    let (server, _) = cloud().await;
    let document = |text: &str| ResponseTemplate::new(200).set_body_string(text);
    let identity = "^/opc/v2/identity/";
    on(
        &server,
        "GET",
        &format!("{identity}key.pem"),
        document(key().expose()),
    )
    .await;
    on(
        &server,
        "GET",
        &format!("{identity}.*e.*"),
        document(&certificate),
    )
    .await;
    let token = |name: &str| json(200, &json!({"token": session(name)}));
    on(&server, "POST", "^/v1/x509$", token("second")).await;
    once(&server, "POST", "^/v1/x509$", token("first")).await;
    let mut config = OciConfig::new(
        "owner-1",
        machine(),
        user_data(),
        OciCredentials::InstancePrincipal,
    );
    config.endpoints.compute = Some(server.uri());
    config.endpoints.auth = Some(server.uri());
    config.endpoints.metadata = Some(format!("{}/opc/v2", server.uri()));
    let provider = Oci::new(config).expect("usable");
    provider.list().await.expect("listed");
    provider.list().await.expect("listed");
    let stale = json!({"code": "NotAuthenticated", "message": "the token has expired"});
    once(&server, "GET", INSTANCES, json(401, &stale)).await;
    provider.list().await.expect("listed with a new session");
    let key_ids = key_ids(&server).await;
    let sessions = ["first", "first", "first", "second"];
    let sessions = sessions.map(|name| format!("ST${}", session(name)));
    assert_eq!(key_ids, sessions, "signed with the session's key");
}

#[tokio::test]
async fn without_a_certificate_there_are_no_credentials() {
    let server = MockServer::start().await;
    let mut config = OciConfig::new(
        "owner-1",
        machine(),
        user_data(),
        OciCredentials::InstancePrincipal,
    );
    config.endpoints.compute = Some(server.uri());
    config.endpoints.metadata = Some(server.uri());
    let provider = Oci::new(config).expect("usable");
    let denied = not_launched(provider.launch(&request("burst-1")).await);
    assert_eq!(denied, (Fault::Denied, Scope::Cloud));
    assert_eq!(calls(&server, "POST", "/instances").await, 0);
}

#[tokio::test]
async fn a_pod_asks_with_its_service_account() {
    let Some(authority) = recorded(
        "oci-principals-python-sdk.json",
        "/opc/v2/identity/cert.pem",
    ) else {
        return;
    };
    let (server, _) = cloud().await;
    let issued = json!({"token": format!("ST${}", session("pod"))}).to_string();
    let issued = ResponseTemplate::new(200).set_body_string(STANDARD.encode(issued));
    let asks = Mock::given(method("POST")).and(path("/resourcePrincipalSessionTokens"));
    let asks = asks.and(wiremock::matchers::header(
        "authorization",
        "Bearer pod-token",
    ));
    asks.respond_with(issued).mount(&server).await;
    let folder = tempfile::tempdir().expect("a folder");
    let (token_file, ca_file) = (folder.path().join("token"), folder.path().join("ca.crt"));
    std::fs::write(&token_file, "pod-token\n").expect("written");
    std::fs::write(&ca_file, authority).expect("written");
    let credentials = OciCredentials::WorkloadIdentity {
        token_file,
        ca_file,
    };
    let mut config = OciConfig::new("owner-1", machine(), user_data(), credentials);
    config.endpoints.compute = Some(server.uri());
    config.endpoints.workload = Some(server.uri());
    let provider = Oci::new(config).expect("usable");
    provider.list().await.expect("listed");
    assert_eq!(key_ids(&server).await, [format!("ST${}", session("pod"))]);
}
