//! Who may do what, how much of it, and how it ends.

use reqwest::StatusCode;
use serde_json::json;
use spillway_tests::{Origin, Page, Signal, eventually_async, require_kafka};

use crate::metric;
use crate::site::{Answer, SOON, Site, ask};

#[tokio::test]
async fn nobody_reads_what_is_not_theirs() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let gateway = site.gateway("g1", &[]).await;
    let body = json!({"images": [{"inline": "AAAA"}]});
    let sent = gateway.post("/v1/recognize", &site.key);
    let answer = ask(sent.header("prefer", "respond-async").json(&body)).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let job = format!("/v1/jobs/{}", answer.body["id"].as_str().unwrap());
    let upload = ask(gateway.post("/v1/uploads", &site.key).body("x")).await;
    let object = upload.body["object"].clone();

    let reason = |answer: &Answer| {
        let reason = answer.body["reason"].as_str().map(str::to_owned);
        (answer.status.as_u16(), reason.unwrap_or_default())
    };
    for (key, expected) in [
        (&site.key, (200, String::new())),
        (&site.reading_key, (200, String::new())),
        (&site.other_key, (404, "NO_SUCH_JOB".to_owned())),
        (&"spw_nobody".to_owned(), (401, "KEY_INVALID".to_owned())),
    ] {
        assert_eq!(reason(&ask(gateway.get(&job, key)).await), expected);
    }
    let without = reqwest::get(format!("{}{job}", gateway.url)).await.unwrap();
    assert_eq!(without.status(), StatusCode::UNAUTHORIZED);
    let bearer = reqwest::Client::new()
        .get(format!("{}{job}?key=wrong", gateway.url))
        .bearer_auth(&site.key);
    assert_eq!(ask(bearer).await.status, StatusCode::OK);
    let by_query = reqwest::get(format!("{}{job}?key={}", gateway.url, site.key));
    assert_eq!(by_query.await.unwrap().status(), StatusCode::OK);

    let sent = gateway.post("/v1/recognize", &site.reading_key).json(&body);
    assert_eq!(reason(&ask(sent).await), (403, "SCOPE_MISSING".to_owned()));
    let theirs = json!({"images": [{"object": object}]});
    let sent = gateway.post("/v1/recognize", &site.other_key).json(&theirs);
    let answer = ask(sent).await;
    assert_eq!(reason(&answer), (400, "INVALID_FIELD".to_owned()));
    assert_eq!(answer.body["field"], "images[0].object");
}

#[tokio::test]
async fn a_tenant_has_its_limits_and_a_repeat_costs_nothing() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let gateway = site.gateway("g1", &[]).await;
    let send = async |images: usize, key: &str| {
        let body = json!({"images": vec![json!({"inline": "AAAA"}); images]});
        let sent = gateway.post("/v1/recognize", &site.other_key);
        let sent = sent.header("prefer", "respond-async");
        ask(sent.header("idempotency-key", key).json(&body)).await
    };
    assert_eq!(send(10, "a").await.status, StatusCode::ACCEPTED);
    let refused = send(10, "b").await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.body["reason"], "RATE_EXCEEDED");
    let seconds: u64 = refused.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=10).contains(&seconds), "{seconds}");
    let refused = send(31, "c").await;
    assert_eq!(refused.body["reason"], "QUOTA_EXCEEDED", "{refused:?}");
    let reused = send(1, "a").await;
    let said = (reused.status.as_u16(), &reused.body["reason"]);
    // Where the second is not over yet the rate refuses it first.
    assert!(
        said == (422, &json!("IDEMPOTENCY_KEY_REUSED")) || said.0 == 429,
        "{reused:?}"
    );
    let count = site.jobs.records().unwrap().len();
    assert_eq!(count, 10, "what is refused is not sent");
}

#[tokio::test]
async fn what_cannot_be_done_in_time_is_refused_until_it_can() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let controller = Origin::start().unwrap();
    let says = |eta: f64| {
        let lag = json!({"topic": site.jobs.name(), "partition": 0, "lag": 1});
        let policy = json!({"backlog": 1, "drain_eta_seconds": eta, "lags": [lag]});
        let state = json!({"policies": [policy]}).to_string();
        controller.put("/api/v1/state", Page::new("application/json", state));
    };
    // A tenant's deadline is a quarter of an hour if nothing is said.
    says(1_000.0);
    let address = format!("http://{}", controller.address());
    let gateway = site.gateway("g1", &["--controller", &address]).await;
    let body = json!({"images": [{"inline": "AAAA"}]});
    let send = || {
        let sent = gateway.post("/v1/recognize", &site.key).json(&body);
        ask(sent.header("prefer", "respond-async"))
    };
    let answers = |expected: StatusCode| {
        let send = &send;
        eventually_async(SOON, "the controller is heard", move || async move {
            let answer = send().await;
            match answer.status == expected {
                true => Ok(answer),
                false => Err(format!("{answer:?}")),
            }
        })
    };
    let refused = answers(StatusCode::TOO_MANY_REQUESTS).await;
    assert_eq!(refused.body["reason"], "OVERLOADED");
    assert_eq!(refused.headers["retry-after"], "100", "1000 s less 900 s");
    let sent = site.jobs.records().unwrap().len();
    says(5.0);
    answers(StatusCode::ACCEPTED).await;
    assert_eq!(site.jobs.records().unwrap().len(), sent + 1);
}

#[tokio::test]
async fn sigterm_lets_requests_finish() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let mut gateway = site.gateway("g1", &["--wait-max", "3s"]).await;
    let body = json!({"images": [{"inline": "AAAA"}]});
    let waiting = gateway.post("/v1/recognize", &site.key).json(&body);
    let waiting = tokio::spawn(ask(waiting));
    eventually_async(SOON, "it waits", || async {
        match metric(&gateway, "spillway_gateway_waiting_requests").await {
            1.0 => Ok(()),
            count => Err(format!("{count} wait")),
        }
    })
    .await;
    gateway.process.signal(Signal::Term);
    let answer = waiting.await.unwrap();
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    assert_eq!(answer.body["status"], "pending");
    assert!(
        gateway.process.wait(SOON).success(),
        "a drain is no failure"
    );
}

#[tokio::test]
async fn tls_serves_http_1_and_2() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "1", "-subj", "/CN=localhost"])
        .args(["-keyout", &path("key.pem"), "-out", &path("cert.pem")])
        .output();
    let Ok(made) = made else {
        eprintln!("skipped: there is no openssl to make a certificate with");
        return;
    };
    assert!(made.status.success(), "{made:?}");
    let tls = [
        "--tls-cert",
        &path("cert.pem"),
        "--tls-key",
        &path("key.pem"),
    ];
    let gateway = site.gateway("g1", &tls).await;
    let answer = ask(gateway.get("/v1/labels", &site.key)).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.body["brands"].as_array().unwrap().len(), 10);
    for (version, flag) in [("1.1", "--http1.1"), ("2", "--http2")] {
        let got = std::process::Command::new("curl")
            .args(["--silent", "--insecure", flag, "--output", "/dev/null"])
            .args(["--write-out", "%{http_code} %{http_version}"])
            .arg(format!("{}/openapi.json", gateway.url))
            .output()
            .unwrap();
        let got = String::from_utf8_lossy(&got.stdout).into_owned();
        assert_eq!(got, format!("200 {version}"));
    }
}

#[tokio::test]
async fn operators_have_a_port_of_their_own() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let gateway = site.gateway("g1", &[]).await;
    for path in ["/metrics", "/livez", "/readyz"] {
        let there = format!("http://{}{path}", gateway.operators);
        assert_eq!(reqwest::get(&there).await.unwrap().status(), 200, "{path}");
        let here = ask(gateway.get(path, &site.key)).await;
        assert_eq!(here.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/v1/models", "/", "/openapi.json", "/v1/jobs/x"] {
        let there = format!("http://{}{path}", gateway.operators);
        assert_eq!(reqwest::get(&there).await.unwrap().status(), 404, "{path}");
    }
}

#[tokio::test]
async fn where_no_videos_are_taken_there_are_no_routes_for_them() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let gateway = site.gateway("g1", &[]).await;
    let sent = gateway.post("/v1/videos", &site.key);
    let sent = ask(sent.json(&json!({"uri": "https://example.com/v.mp4"}))).await;
    let asked = ask(gateway.get("/v1/videos/x", &site.key)).await;
    for answer in [sent, asked] {
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{answer:?}");
        assert_eq!(answer.body["reason"], "NO_SUCH_PATH");
    }
    let document = ask(gateway.get("/openapi.json", &site.key)).await;
    assert!(document.body["paths"].get("/v1/videos").is_none());
    assert!(document.body["paths"].get("/v1/recognize").is_some());
}

#[tokio::test]
async fn what_each_tenant_used_is_told_to_a_topic() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let usage = kafka.compacted_topic("usage", 1).await;
    let mut gateway = site.gateway("g1", &["--usage-topic", usage.name()]).await;
    let send = async |images: usize, key: &str, repeat: &str| {
        let body = json!({"images": vec![json!({"inline": "AAAA"}); images]});
        let sent = gateway.post("/v1/recognize", key);
        let sent = sent.header("prefer", "respond-async");
        ask(sent.header("idempotency-key", repeat).json(&body)).await
    };
    for (images, key, repeat) in [
        (3, &site.key, "a"),
        (3, &site.key, "a"), // a repeat costs nothing
        (2, &site.key, "b"),
        (1, &site.other_key, "a"),
    ] {
        let answer = send(images, key, repeat).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    }
    let refused = send(500, &site.other_key, "c").await;
    assert!(refused.status.is_client_error(), "{refused:?}");
    // The last of it is told as the replica ends.
    gateway.process.signal(Signal::Term);
    assert!(gateway.process.wait(SOON).success());
    let mut used = std::collections::BTreeMap::new();
    for record in usage.records().unwrap() {
        let value: serde_json::Value =
            serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        assert_eq!(
            record.headers["ce_type"], "dev.spillway.usage.v1",
            "{record:?}"
        );
        assert_eq!(value["video_seconds"], 0, "there was none");
        let tenant = value["tenant"].as_str().unwrap().to_owned();
        assert!(record.key.unwrap().contains(&format!("/{tenant}/")));
        // A later record stands for those before it.
        used.insert(tenant, value["images"].as_u64().unwrap());
    }
    let expected = [("acme".to_owned(), 5), ("other".to_owned(), 1)];
    assert_eq!(used, expected.into_iter().collect());
}

#[tokio::test]
async fn the_controller_is_asked_with_the_token_that_the_file_has() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::<String>::new()));
    let heard = asked.clone();
    let state = move |headers: axum::http::HeaderMap| {
        let token = headers.get("authorization");
        let token = token.map_or("none", |it| it.to_str().unwrap()).to_owned();
        heard.lock().unwrap().push(token);
        async { axum::Json(json!({"policies": []})) }
    };
    let router = axum::Router::new().route("/api/v1/state", axum::routing::get(state));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let controller = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "first\n").unwrap();
    let more = [
        "--controller",
        &controller,
        "--controller-token-file",
        file.to_str().unwrap(),
    ];
    let _gateway = site.gateway("g1", &more).await;
    for (token, next) in [("Bearer first", "second"), ("Bearer second", "")] {
        eventually_async(SOON, token, || async {
            let asked = asked.lock().unwrap();
            let said = asked.last().cloned().unwrap_or_default();
            (said == token).then_some(()).ok_or(said)
        })
        .await;
        std::fs::write(&file, next).unwrap();
    }
}
