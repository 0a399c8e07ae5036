use serde_json::{Value, json};
use spillway_cloud::{
    Azure, AzureConfig, AzureCredentials, AzureImage, AzureMachine, Fault, InstanceState, Provider,
    Scope, Secret, tags,
};
use spillway_core::Market;
use wiremock::matchers::{body_string_contains, header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::harness::{
    LAUNCH_WAIT, Made, assert_invalid, assert_unknown, calls, html, json, lost, net, not_launched,
    on, once, request, user_data,
};

const GROUP: &str =
    "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines";
const OPERATION: &str =
    "/subscriptions/s/providers/Microsoft.Compute/locations/eastus/operations/op1";

fn machine() -> AzureMachine {
    AzureMachine {
        subscription: "s".into(),
        resource_group: "rg".into(),
        region: "eastus".into(),
        zone: Some("1".into()),
        size: "Standard_NC4as_T4_v3".into(),
        image: AzureImage::Id("i".into()),
        disk_gb: Some(100),
        disk_type: "Premium_LRS".into(),
        subnet: "n".into(),
        identity: None,
        ssh_public_key: "ssh-ed25519 AAAA x".into(),
        market: Market::Spot,
    }
}

fn config(
    server: &MockServer,
    machine: AzureMachine,
    credentials: AzureCredentials,
) -> AzureConfig {
    let mut config = AzureConfig::new("owner-1", machine, user_data(), credentials);
    config.endpoints.management = Some(server.uri());
    config.endpoints.login = Some(server.uri());
    config.endpoints.metadata = Some(server.uri());
    config.net = net();
    config.launch_wait = LAUNCH_WAIT;
    config
}

fn provider_of(server: &MockServer, machine: AzureMachine) -> Azure {
    let credentials = AzureCredentials::ManagedIdentity { client: None };
    Azure::new(config(server, machine, credentials)).expect("a usable configuration")
}

fn provider(server: &MockServer) -> Azure {
    provider_of(server, machine())
}

fn shown(name: &str, labels: &Value) -> Value {
    json!({"name": name, "id": format!("{GROUP}/{name}"), "tags": labels, "properties": {
        "provisioningState": "Creating", "timeCreated": "2026-01-02T03:04:05.678+00:00"}})
}

fn error(status: u16, code: &str, message: &str) -> ResponseTemplate {
    json(
        status,
        &json!({"error": {"code": code, "message": message}}),
    )
}

fn named(made: &Made, asked: &Request) -> Option<Value> {
    let all = made.all().into_iter();
    let mut named = all.filter(|shown| {
        let name = shown["name"].as_str().unwrap_or_default();
        asked.url.path().ends_with(&format!("/{name}"))
    });
    named.next()
}

/// A cloud that makes what it is asked for and shows it.
async fn cloud() -> (MockServer, Made) {
    let (server, made) = (MockServer::start().await, Made::default());
    let token =
        json!({"access_token": "eyJ.mi", "expires_in": "86399", "expires_on": "4102444800"});
    let identity = Mock::given(method("GET")).and(path("/metadata/identity/oauth2/token"));
    let identity = identity.and(header("metadata", "true"));
    let identity = identity.and(query_param("resource", "https://management.azure.com"));
    identity
        .respond_with(json(200, &token))
        .mount(&server)
        .await;
    let list = made.clone();
    on(&server, "GET", &format!("^{GROUP}$"), move |_: &Request| {
        json(200, &json!({"value": list.all()}))
    })
    .await;
    let (makes, at) = (made.clone(), server.uri());
    on(
        &server,
        "PUT",
        &format!("^{GROUP}/"),
        move |asked: &Request| makes_one(&makes, &at, asked),
    )
    .await;
    let all = made.clone();
    on(
        &server,
        "GET",
        &format!("^{GROUP}/"),
        move |asked: &Request| match named(&all, asked) {
            Some(shown) => json(200, &shown),
            None => error(404, "ResourceNotFound", "not found"),
        },
    )
    .await;
    let ends = made.clone();
    on(
        &server,
        "DELETE",
        &format!("^{GROUP}/"),
        move |asked: &Request| {
            let there = named(&ends, asked);
            ResponseTemplate::new(if there.is_some() { 202 } else { 204 })
        },
    )
    .await;
    let succeeded = json(200, &json!({"status": "Succeeded"}));
    on(&server, "GET", &format!("^{OPERATION}$"), succeeded).await;
    (server, made)
}

fn makes_one(made: &Made, at: &str, asked: &Request) -> ResponseTemplate {
    let body: Value = asked.body_json().expect("a JSON body");
    assert_eq!(asked.headers["if-none-match"], "*");
    assert!(
        asked
            .url
            .query()
            .unwrap_or_default()
            .starts_with("api-version=")
    );
    if named(made, asked).is_some() {
        return error(412, "PreconditionFailed", "If-None-Match was not met");
    }
    let name = asked.url.path().rsplit('/').next().unwrap_or_default();
    let shown = shown(name, &body["tags"]);
    made.add(shown.clone());
    let link = format!("{at}{OPERATION}?api-version=2024-07-01");
    json(201, &shown).insert_header("azure-asyncoperation", link.as_str())
}

#[tokio::test]
async fn a_launch_makes_one_and_the_same_again_finds_it() {
    let (server, made) = cloud().await;
    let provider = provider(&server);
    let first = provider
        .launch(&request("burst-1"))
        .await
        .expect("launched");
    assert_eq!(first.id, tags::name(&request("burst-1")));
    assert_eq!((first.attempt, first.state), (1, InstanceState::Booting));
    let again = provider.launch(&request("burst-1")).await.expect("found");
    assert_eq!(again, first);
    made.set("/properties/provisioningState", "Succeeded");
    let listed = provider.list().await.expect("listed");
    assert_eq!((listed.len(), listed[0].state), (1, InstanceState::Running));
    assert_eq!(listed[0].launched_at, first.launched_at);
    assert_eq!(calls(&server, "GET", "/token").await, 1, "a token is kept");
}

#[tokio::test]
async fn a_changed_request_is_refused_and_somebody_elses_machine_left_alone() {
    let (server, made) = cloud().await;
    provider(&server)
        .launch(&request("burst-1"))
        .await
        .expect("launched");
    let larger = AzureMachine {
        disk_gb: Some(101),
        ..machine()
    };
    let changed = provider_of(&server, larger);
    assert_invalid(changed.launch(&request("burst-1")).await);
    let refused = error(
        409,
        "PropertyChangeNotAllowed",
        "Changing property 'zones' is not allowed.",
    );
    once(&server, "PUT", &format!("^{GROUP}/"), refused).await;
    assert_invalid(changed.launch(&request("burst-1")).await);
    made.clear();
    let name = tags::name(&request("burst-2"));
    made.add(shown(&name, &json!({"spillway-owner": "owner-2"})));
    assert_invalid(provider(&server).launch(&request("burst-2")).await);
    assert_eq!(calls(&server, "DELETE", "").await, 0);
}

#[tokio::test]
async fn a_request_whose_machine_was_ended_makes_no_other() {
    let (server, made) = cloud().await;
    let provider = provider(&server);
    let instance = provider
        .launch(&request("burst-1"))
        .await
        .expect("launched");
    provider.terminate(&instance.id).await.expect("taken");
    made.clear();
    assert_invalid(provider.launch(&request("burst-1")).await);
    assert_eq!(made.all().len(), 0);
}

#[tokio::test]
async fn a_launch_without_answer_is_unknown_and_adopted_later() {
    let (server, made) = cloud().await;
    let (makes, at) = (made.clone(), server.uri());
    once(
        &server,
        "PUT",
        &format!("^{GROUP}/"),
        move |asked: &Request| {
            makes_one(&makes, &at, asked);
            lost()
        },
    )
    .await;
    let provider = provider(&server);
    assert_unknown(provider.launch(&request("burst-1")).await);
    provider.launch(&request("burst-1")).await.expect("found");
    assert_eq!(made.all().len(), 1);
    once(&server, "PUT", &format!("^{GROUP}/"), html()).await;
    assert_unknown(provider.launch(&request("burst-2")).await);
}

#[tokio::test]
async fn no_capacity_is_told_at_once_and_in_an_operation_that_failed() {
    let (server, made) = cloud().await;
    let provider = provider(&server);
    let none = error(409, "SkuNotAvailable", "not available");
    once(&server, "PUT", &format!("^{GROUP}/"), none).await;
    let refused = not_launched(provider.launch(&request("burst-1")).await);
    assert_eq!(refused, (Fault::NoCapacity, Scope::Offer));

    // Late, after a look that failed: that is no answer to the launch. What is left of it is ended.
    let operation = format!("^{OPERATION}$");
    once(
        &server,
        "GET",
        &operation,
        error(503, "ServiceUnavailable", "ill"),
    )
    .await;
    let why = json!({"code": "AllocationFailed", "message": "no room"});
    let failed = json(200, &json!({"status": "Failed", "error": why}));
    once(&server, "GET", &operation, failed).await;
    let refused = not_launched(provider.launch(&request("burst-2")).await);
    assert_eq!(refused, (Fault::NoCapacity, Scope::Machine));
    assert_eq!(made.all().len(), 1);
    let name = tags::name(&request("burst-2"));
    assert_eq!(calls(&server, "DELETE", &format!("/{name}")).await, 1);
}

#[tokio::test]
async fn a_failed_machine_that_was_not_watched_is_ended_when_it_is_met_again() {
    let (server, made) = cloud().await;
    let request = request("burst-1");
    provider(&server).launch(&request).await.expect("launched");
    made.set("/properties/provisioningState", "Failed");
    once(
        &server,
        "DELETE",
        &format!("^{GROUP}/"),
        error(500, "InternalServerError", "ill"),
    )
    .await;
    assert_unknown(provider(&server).launch(&request).await);
    let refused = not_launched(provider(&server).launch(&request).await);
    assert_eq!(
        refused,
        (Fault::NoCapacity, Scope::Offer),
        "for a reason of Azure's own"
    );
    let listed = provider(&server).list().await.expect("listed");
    assert_eq!(listed[0].state, InstanceState::Booting, "it may cost still");
}

#[tokio::test]
async fn a_list_has_all_pages_or_is_none_and_our_token_goes_nowhere_else() {
    let (server, _) = cloud().await;
    let labels = |intent: &str| json!(tags::of(&request(intent), "spec"));
    let list = || Mock::given(method("GET")).and(path(GROUP));
    let next = format!("https://elsewhere.example{GROUP}?api-version=2024-07-01&%24skiptoken=ABC");
    let foreign = json!({"spillway-owner": "owner-2"});
    // From before Azure kept the time, and nobody's of ours.
    let untagged = json!({"name": "d", "properties": {"provisioningState": "Succeeded"}});
    let page = json!({"value": [shown("a", &labels("burst-1")), shown("c", &foreign), untagged], "nextLink": next});
    list()
        .respond_with(json(200, &page))
        .with_priority(3)
        .mount(&server)
        .await;
    let page = json(200, &json!({"value": [shown("b", &labels("burst-2"))]}));
    let second = || list().and(query_param("$skiptoken", "ABC"));
    second()
        .respond_with(page)
        .with_priority(2)
        .mount(&server)
        .await;
    let provider = provider(&server);
    let listed = provider.list().await.expect("both pages");
    let ids: Vec<_> = listed.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"], "ours alone");
    let ill = second().respond_with(error(500, "InternalServerError", "ill"));
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
    once(
        &server,
        "DELETE",
        &format!("^{GROUP}/"),
        ResponseTemplate::new(204),
    )
    .await;
    let lie = provider.terminate(&instance.id).await;
    lie.expect_err("it is still listed");
    provider.terminate(&instance.id).await.expect("taken");
    made.clear();
    provider.terminate(&instance.id).await.expect("gone");
    provider.terminate("never-was").await.expect("gone");
}

#[tokio::test]
async fn an_application_proves_itself_by_its_secret_or_by_its_pods_token() {
    let (server, _) = cloud().await;
    let folder = tempfile::tempdir().expect("a folder");
    let token_file = folder.path().join("token");
    std::fs::write(&token_file, "pod-token\n").expect("written");
    let (tenant, client) = ("tid".to_owned(), "cid".to_owned());
    let secret = AzureCredentials::ClientSecret {
        tenant: tenant.clone(),
        client: client.clone(),
        secret: Secret::new("s3cret"),
    };
    let pod = AzureCredentials::WorkloadIdentity {
        tenant,
        client,
        token_file,
    };
    for (credentials, proof) in [
        (secret, "client_secret=s3cret"),
        (pod, "client_assertion=pod-token"),
    ] {
        let server = &server;
        let login = Mock::given(method("POST")).and(path("/tid/oauth2/v2.0/token"));
        let scope = "scope=https%3A%2F%2Fmanagement.azure.com%2F.default";
        let login = login
            .and(body_string_contains(proof))
            .and(body_string_contains(scope));
        let token = json!({"access_token": "eyJ.fake", "expires_in": 3_599});
        let login = login.respond_with(json(200, &token)).expect(1);
        let _kept = login.mount_as_scoped(server).await;
        let provider = Azure::new(config(server, machine(), credentials)).expect("usable");
        provider.list().await.expect("listed");
        provider.list().await.expect("listed");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_denied_and_launches_nothing() {
    let (server, _) = cloud().await;
    let wrong = json!({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"});
    on(
        &server,
        "POST",
        "^/tid/oauth2/v2.0/token$",
        json(401, &wrong),
    )
    .await;
    let credentials = AzureCredentials::ClientSecret {
        tenant: "tid".into(),
        client: "cid".into(),
        secret: Secret::new("hush"),
    };
    let provider = Azure::new(config(&server, machine(), credentials)).expect("usable");
    let denied = not_launched(provider.launch(&request("burst-1")).await);
    assert_eq!(denied, (Fault::Denied, Scope::Cloud));
    let said = provider.list().await.expect_err("denied").to_string();
    assert!(
        said.contains("AADSTS7000215") && !said.contains("hush"),
        "{said}"
    );
}
