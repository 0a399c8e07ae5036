use serde_json::{Value, json};
use spillway_cloud::{
    Fault, Gce, GceConfig, GceCredentials, GceMachine, InstanceState, Provider, Scope, tags,
};
use spillway_core::Market;
use wiremock::matchers::{header, method, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::harness::{
    LAUNCH_WAIT, Made, assert_invalid, assert_unknown, calls, html, json, lost, net, not_launched,
    on, once, request, user_data,
};

const INSERT: &str = "^/projects/p/zones/z-a/instances$";
const INSTANCE: &str = "^/projects/p/zones/z-a/instances/spillway-";
const OPERATION: &str = "^/projects/p/zones/z-a/operations/op-1$";
const LIST: &str = "^/projects/p/aggregated/instances$";
const TOKEN: &str = "^/computeMetadata/v1/instance/service-accounts/default/token$";

fn machine() -> GceMachine {
    GceMachine {
        project: "p".into(),
        zone: "z-a".into(),
        machine_type: "g2-standard-4".into(),
        accelerator: None,
        image: "i".into(),
        disk_gb: Some(100),
        disk_type: None,
        subnetwork: "s".into(),
        public_ip: false,
        network_tags: Vec::new(),
        service_account: None,
        market: Market::Spot,
        run_seconds_max: 86_400,
    }
}

fn provider_of(server: &MockServer, machine: GceMachine) -> Gce {
    let credentials = GceCredentials::Metadata;
    let mut config = GceConfig::new("owner-1", machine, user_data(), credentials);
    config.endpoints.compute = Some(server.uri());
    config.endpoints.metadata = Some(server.uri());
    config.net = net();
    config.launch_wait = LAUNCH_WAIT;
    Gce::new(config).expect("a usable configuration")
}

fn provider(server: &MockServer) -> Gce {
    provider_of(server, machine())
}

fn shown(name: &Value, labels: &Value) -> Value {
    json!({"name": name, "zone": "https://www.googleapis.com/compute/v1/projects/p/zones/z-a", "status": "STAGING",
           "creationTimestamp": "2026-01-02T03:04:05.678-08:00", "labels": labels})
}

fn operation(status: &str) -> Value {
    json!({"name": "op-1", "status": status})
}

fn error(status: u16, reason: &str, message: &str) -> ResponseTemplate {
    let errors = json!([{"reason": reason, "message": message, "domain": "global"}]);
    let error = json!({"code": status, "message": message, "errors": errors});
    json(status, &json!({ "error": error }))
}

/// A cloud that makes what it is asked for and shows it; names are unique, as in a zone.
async fn cloud() -> (MockServer, Made) {
    let (server, made) = (MockServer::start().await, Made::default());
    let token = json(200, &json!({"access_token": "ya29", "expires_in": 3_599}));
    let flavoured = Mock::given(method("GET")).and(header("metadata-flavor", "Google"));
    let flavoured = flavoured.and(wiremock::matchers::path_regex(TOKEN));
    flavoured.respond_with(token).mount(&server).await;
    let list = made.clone();
    on(&server, "GET", LIST, move |_: &Request| {
        json(
            200,
            &json!({"items": {"zones/z-a": {"instances": list.all()}}}),
        )
    })
    .await;
    let makes = made.clone();
    on(&server, "POST", INSERT, move |asked: &Request| {
        makes_one(&makes, asked)
    })
    .await;
    let all = made.clone();
    on(&server, "GET", INSTANCE, move |asked: &Request| {
        let named = |shown: &&Value| {
            let name = shown["name"].as_str().unwrap_or_default();
            asked.url.path().ends_with(&format!("/{name}"))
        };
        match all.all().iter().find(named) {
            Some(shown) => json(200, shown),
            None => error(404, "notFound", "not found"),
        }
    })
    .await;
    on(&server, "GET", OPERATION, json(200, &operation("DONE"))).await;
    on(
        &server,
        "DELETE",
        INSTANCE,
        json(200, &operation("RUNNING")),
    )
    .await;
    (server, made)
}

fn makes_one(made: &Made, asked: &Request) -> ResponseTemplate {
    let body: Value = asked.body_json().expect("a JSON body");
    assert_eq!(asked.headers["authorization"], "Bearer ya29");
    assert!(
        asked
            .url
            .query()
            .unwrap_or_default()
            .starts_with("requestId=")
    );
    if made.all().iter().any(|shown| shown["name"] == body["name"]) {
        return error(409, "alreadyExists", "already exists");
    }
    made.add(shown(&body["name"], &body["labels"]));
    json(200, &operation("RUNNING"))
}

#[tokio::test]
async fn a_launch_makes_one_and_the_same_again_finds_it() {
    let (server, made) = cloud().await;
    let provider = provider(&server);
    let first = provider
        .launch(&request("burst-1"))
        .await
        .expect("launched");
    assert_eq!(first.id, format!("z-a/{}", tags::name(&request("burst-1"))));
    assert_eq!((first.attempt, first.state), (1, InstanceState::Booting));
    let again = provider.launch(&request("burst-1")).await.expect("found");
    assert_eq!(again, first);
    made.set("/status", "RUNNING");
    let listed = provider.list().await.expect("listed");
    assert_eq!((listed.len(), listed[0].state), (1, InstanceState::Running));
    assert_eq!(listed[0].launched_at, first.launched_at);
    assert_eq!(calls(&server, "GET", "/token").await, 1, "a token is kept");
    let ids = server.received_requests().await.expect("recorded");
    let ids = ids.iter().filter(|call| call.method.as_str() == "POST");
    let ids: std::collections::BTreeSet<_> = ids.map(|call| call.url.query()).collect();
    assert_eq!(ids.len(), 1, "equal requests have one request id: {ids:?}");
}

#[tokio::test]
async fn a_changed_request_is_refused_and_somebody_elses_machine_left_alone() {
    let (server, made) = cloud().await;
    provider(&server)
        .launch(&request("burst-1"))
        .await
        .expect("launched");
    let larger = GceMachine {
        disk_gb: Some(101),
        ..machine()
    };
    let changed = provider_of(&server, larger);
    assert_invalid(changed.launch(&request("burst-1")).await);
    made.clear();
    let name = tags::name(&request("burst-2"));
    made.add(shown(&name.into(), &json!({"spillway-owner": "owner-2"})));
    assert_invalid(provider(&server).launch(&request("burst-2")).await);
    assert_eq!(calls(&server, "DELETE", "").await, 0);
}

#[tokio::test]
async fn a_request_whose_instance_ended_makes_no_other() {
    let (server, made) = cloud().await;
    let first = provider(&server);
    let instance = first.launch(&request("burst-1")).await.expect("launched");
    // The request id gives its old operation again, and nothing is there any more.
    made.clear();
    once(&server, "POST", INSERT, json(200, &operation("DONE"))).await;
    assert_invalid(provider(&server).launch(&request("burst-1")).await);
    // And if Google forgot the id: whoever ended it still knows.
    first.terminate(&instance.id).await.expect("taken");
    assert_invalid(first.launch(&request("burst-1")).await);
    assert_eq!(made.all().len(), 0);
}

#[tokio::test]
async fn a_launch_without_answer_is_unknown_and_adopted_later() {
    let (server, made) = cloud().await;
    let makes = made.clone();
    once(&server, "POST", INSERT, move |asked: &Request| {
        makes_one(&makes, asked);
        lost()
    })
    .await;
    let provider = provider(&server);
    assert_unknown(provider.launch(&request("burst-1")).await);
    provider.launch(&request("burst-1")).await.expect("found");
    assert_eq!(made.all().len(), 1);
    once(&server, "POST", INSERT, html()).await;
    assert_unknown(provider.launch(&request("burst-2")).await);
}

#[tokio::test]
async fn no_capacity_is_told_at_once_and_in_an_operation_that_is_done() {
    let (server, _) = cloud().await;
    let provider = provider(&server);
    let none = error(503, "ZONE_RESOURCE_POOL_EXHAUSTED", "no room");
    once(&server, "POST", INSERT, none).await;
    let refused = not_launched(provider.launch(&request("burst-1")).await);
    assert_eq!(refused, (Fault::NoCapacity, Scope::Offer));

    // Late, after a look that failed: that is no answer to the launch.
    let ill = error(503, "backendError", "ill");
    once(&server, "GET", OPERATION, ill).await;
    let why = json!({"code": "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", "message": "no room"});
    let failed = json!({"name": "op-1", "status": "DONE", "error": {"errors": [why]}});
    once(&server, "GET", OPERATION, json(200, &failed)).await;
    let refused = not_launched(provider.launch(&request("burst-2")).await);
    assert_eq!(refused, (Fault::NoCapacity, Scope::Offer));
}

#[tokio::test]
async fn a_look_that_fails_all_the_time_is_no_failed_launch() {
    let (server, made) = cloud().await;
    let ill = error(503, "backendError", "ill");
    Mock::given(method("GET"))
        .and(path("/projects/p/zones/z-a/operations/op-1"))
        .respond_with(ill)
        .with_priority(1)
        .mount(&server)
        .await;
    let instance = provider(&server).launch(&request("burst-1")).await;
    instance.expect("it is there all the same");
    assert_eq!(made.all().len(), 1);
}

#[tokio::test]
async fn a_list_has_all_pages_and_all_zones_or_is_none() {
    let (server, _) = cloud().await;
    let labels = |intent: &str| json!(tags::of(&request(intent), "spec"));
    let page = |name: &str, labels: &Value, next: Option<&str>| {
        let items = json!({"zones/z-a": {"instances": [shown(&name.into(), labels)]},
                           "zones/z-b": {"warning": {"code": "NO_RESULTS_ON_PAGE"}}});
        json(200, &json!({"items": items, "nextPageToken": next}))
    };
    let list = || Mock::given(method("GET")).and(path("/projects/p/aggregated/instances"));
    let first = list().and(query_param_is_missing("pageToken"));
    let first = first.and(query_param("filter", "labels.spillway-owner=owner-1"));
    let first = first.respond_with(page("a", &labels("burst-1"), Some("TOK")));
    first.with_priority(2).mount(&server).await;
    let second = list().and(query_param("pageToken", "TOK"));
    let second = second.respond_with(page("b", &json!({"spillway-owner": "owner-2"}), None));
    second.with_priority(2).mount(&server).await;
    let provider = provider(&server);
    let listed = provider.list().await.expect("both pages");
    let ids: Vec<_> = listed.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(
        ids,
        ["z-a/a"],
        "ours alone, even if the filter were not kept"
    );

    let unreachable = json!({"items": {"zones/z-b": {"warning": {"code": "UNREACHABLE"}}}});
    let partial = list().and(query_param("pageToken", "TOK"));
    let partial = partial.respond_with(json(200, &unreachable));
    partial
        .up_to_n_times(1)
        .with_priority(1)
        .mount(&server)
        .await;
    provider.list().await.expect_err("a zone is missing");
    let ill = list().and(query_param("pageToken", "TOK"));
    let ill = ill.respond_with(error(503, "backendError", "ill"));
    ill.with_priority(1).mount(&server).await;
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
    let gone = || error(404, "notFound", "not found");
    once(&server, "DELETE", INSTANCE, gone()).await;
    let lie = provider.terminate(&instance.id).await;
    lie.expect_err("it is still listed");
    provider.terminate(&instance.id).await.expect("taken");
    made.clear();
    once(&server, "DELETE", INSTANCE, gone()).await;
    provider.terminate(&instance.id).await.expect("gone");
    let other = "^/projects/p/zones/z-a/instances/never-was";
    once(&server, "DELETE", other, gone()).await;
    provider.terminate("never-was").await.expect("gone");
}

#[tokio::test]
async fn a_refused_token_is_renewed_once() {
    let (server, _) = cloud().await;
    once(&server, "GET", LIST, error(401, "authError", "stale")).await;
    let provider = provider(&server);
    provider.list().await.expect("listed with a new token");
    assert_eq!(calls(&server, "GET", "/token").await, 2);
    let never = error(401, "authError", "Invalid Credentials");
    let list = Mock::given(method("GET")).and(path("/projects/p/aggregated/instances"));
    list.respond_with(never)
        .with_priority(1)
        .mount(&server)
        .await;
    let refused = provider.list().await.expect_err("no rights");
    assert!(
        matches!(refused, spillway_cloud::CloudError::Refused { .. }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_federated_identity_exchanges_its_token_and_becomes_an_account() {
    let (server, _) = cloud().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (subject, config_file) = (folder.path().join("subject"), folder.path().join("config"));
    std::fs::write(&subject, "from-elsewhere\n").expect("written");
    let config = json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/it",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": format!("{}/sts", server.uri()),
        "credential_source": {"file": subject},
        "service_account_impersonation_url": format!("{}/account:generateAccessToken", server.uri()),
    });
    std::fs::write(&config_file, config.to_string()).expect("written");
    let sts = Mock::given(method("POST")).and(path("/sts"));
    let sts = sts.and(wiremock::matchers::body_string_contains(
        "subject_token=from-elsewhere",
    ));
    let federated = json(
        200,
        &json!({"access_token": "federated", "expires_in": 3_599}),
    );
    sts.respond_with(federated).mount(&server).await;
    let account = Mock::given(method("POST")).and(path("/account:generateAccessToken"));
    let account = account.and(header("authorization", "Bearer federated"));
    let own = json!({"accessToken": "ya29", "expireTime": "2096-10-02T07:06:40Z"});
    account.respond_with(json(200, &own)).mount(&server).await;
    let credentials = GceCredentials::WorkloadIdentity { config_file };
    let mut config = GceConfig::new("owner-1", machine(), user_data(), credentials);
    config.endpoints.compute = Some(server.uri());
    let provider = Gce::new(config).expect("usable");
    provider
        .launch(&request("burst-1"))
        .await
        .expect("launched");
}
