//! The API as it is asked over its router: rights, shapes, and what somebody means ill with.

use std::net::SocketAddr;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::view::testing::{MANIFEST, Made};

/// Every route of the API, with a method and a body that would be good.
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/state", ""),
    ("GET", "/policies", ""),
    ("GET", "/policies/recognition/manifest", ""),
    ("GET", "/fleet", ""),
    ("GET", "/market", ""),
    ("GET", "/health", ""),
    ("GET", "/history", ""),
    ("GET", "/timeline", ""),
    ("GET", "/partitions", ""),
    ("GET", "/cost", ""),
    ("GET", "/decisions", ""),
    ("GET", "/decisions/1", ""),
    ("GET", "/orders", ""),
    ("GET", "/export", ""),
    ("GET", "/events", ""),
    (
        "POST",
        "/policies/recognition/what-if",
        r#"{"yaml": "a: 1", "hours": 1}"#,
    ),
    (
        "POST",
        "/policies/recognition/pause",
        r#"{"reason": "r", "expires_in_seconds": 60}"#,
    ),
    ("POST", "/policies/recognition/resume", r#"{"reason": "r"}"#),
    (
        "POST",
        "/policies/recognition/override",
        r#"{"pool": "near", "shape": "floor", "workers": 1, "reason": "r", "expires_in_seconds": 60}"#,
    ),
    (
        "POST",
        "/policies/recognition/release",
        r#"{"pool": "near", "reason": "r"}"#,
    ),
    (
        "POST",
        "/policies/recognition/instances/near-00001/drain",
        r#"{"reason": "r"}"#,
    ),
];

const HERE: &str = "127.0.0.1:4711";
const THERE: &str = "10.0.0.9:4711";

/// A server that shows a policy.
struct Server {
    made: Made,
    app: Arc<App>,
}

impl Server {
    async fn begin() -> Self {
        Self::with(Made::new().await, AuthConfig::default())
    }

    fn with(mut made: Made, auth: AuthConfig) -> Self {
        made.tick();
        let listen = "127.0.0.1:0".parse().unwrap();
        let app = App::new(Arc::clone(&made.board), &AppConfig { auth }, listen, None).unwrap();
        Self { made, app }
    }

    /// One with tokens: `op` may order, `look` may look.
    async fn with_tokens() -> Self {
        let made = Made::new().await;
        let tokens = made.folder.path().join("tokens");
        let text = format!(
            "ada operate {}\nbob read {}\n",
            hash_of("op"),
            hash_of("look")
        );
        std::fs::write(&tokens, text).unwrap();
        let auth = AuthConfig {
            kind: AuthKind::Token,
            tokens: Some(tokens),
            ..AuthConfig::default()
        };
        Self::with(made, auth)
    }

    async fn ask(&self, request: Ask<'_>) -> Answer {
        let mut builder = Request::builder()
            .method(request.method)
            .uri(format!("/api/v1{}", request.path))
            .header("host", "localhost:8080");
        if request.method != "GET" {
            builder = builder
                .header("content-type", "application/json")
                .header("x-spillway-request", "1");
        }
        for (name, value) in request.headers {
            builder = builder.header(*name, *value);
        }
        let mut sent = builder.body(Body::from(request.body.to_owned())).unwrap();
        let peer: SocketAddr = request.peer.parse().unwrap();
        sent.extensions_mut().insert(Peer(peer));
        let router = router(&self.app).layer(middleware::from_fn(secured));
        Answer::of(router.oneshot(sent).await.unwrap(), request.path).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Ask::get(path)).await
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.ask(Ask {
            method: "POST",
            body: &body,
            ..Ask::get(path)
        })
        .await
    }
}

struct Ask<'a> {
    method: &'a str,
    path: &'a str,
    body: &'a str,
    headers: &'a [(&'a str, &'a str)],
    peer: &'a str,
}

impl<'a> Ask<'a> {
    fn get(path: &'a str) -> Self {
        Self {
            method: "GET",
            path,
            body: "",
            headers: &[],
            peer: HERE,
        }
    }
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Value,
    text: String,
}

impl Answer {
    async fn of(response: Response, path: &str) -> Self {
        let (parts, body) = response.into_parts();
        // A stream has no end: its head is enough.
        let is_stream = path.starts_with("/events") && parts.status == StatusCode::OK;
        let bytes = if is_stream {
            axum::body::Bytes::new()
        } else {
            axum::body::to_bytes(body, 8 << 20).await.unwrap()
        };
        Self {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

#[tokio::test]
async fn every_route_refuses_who_is_nobody_and_who_may_only_look() {
    let server = Server::with_tokens().await;
    for (method, path, body) in ROUTES {
        let ask = |headers| Ask {
            method,
            path,
            body,
            headers,
            peer: HERE,
        };
        for headers in [
            &[][..],
            &[("authorization", "Bearer wrong")],
            &[("authorization", "Basic b3A6b3A=")],
            &[("cookie", "spillway_session=abc")],
            &[("x-forwarded-user", "ada")],
        ] {
            let answer = server.ask(ask(headers)).await;
            assert_eq!(
                answer.status,
                StatusCode::UNAUTHORIZED,
                "{method} {path} {headers:?}"
            );
            assert!(answer.headers.contains_key("www-authenticate"));
            assert_eq!(answer.code(), "UNAUTHENTICATED");
        }
        let answer = server.ask(ask(&[("authorization", "Bearer look")])).await;
        let is_order = *method == "POST" && !path.ends_with("what-if");
        if is_order {
            assert_eq!(answer.code(), "FORBIDDEN", "{path}: {answer:?}");
        } else {
            assert_ne!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
            assert_ne!(answer.status, StatusCode::FORBIDDEN, "{path}");
        }
    }
    assert!(
        server.made.orders.current().is_empty(),
        "nothing was ordered"
    );
    let refused = server
        .ask(Ask {
            headers: &[("authorization", "Bearer look")],
            ..Ask::get("/orders")
        })
        .await;
    let refused = refused.body.as_array().unwrap();
    assert_eq!(
        refused.len(),
        5,
        "and that it was asked for is written down"
    );
    for order in refused {
        assert_eq!(order["by"], "bob");
        assert_eq!(order["refusal"], "FORBIDDEN");
    }
}

#[tokio::test]
async fn every_route_is_in_the_document_and_every_path_of_it_is_a_route() {
    let document = serde_json::to_value(document()).unwrap();
    let told = document["paths"].as_object().unwrap();
    let names = [
        ("recognition", "{policy}"),
        ("near-00001", "{intent}"),
        ("/1", "/{id}"),
    ];
    let mut routes: Vec<String> = ROUTES
        .iter()
        .map(|(method, path, _)| {
            let mut path = format!("/api/v1{path}");
            for (value, name) in names {
                path = path.replace(value, name);
            }
            assert!(told[&path].get(method.to_lowercase()).is_some(), "{path}");
            path
        })
        .collect();
    routes.push("/api/v1/session".into());
    for path in told.keys() {
        assert!(routes.contains(path), "{path} is not tried by the tests");
    }
}

#[tokio::test]
async fn whatever_is_no_get_must_be_meant() {
    let server = Server::begin().await;
    let pause = json!({"reason": "r", "expires_in_seconds": 60}).to_string();
    let path = "/policies/recognition/pause";
    let ask = |headers| Ask {
        method: "POST",
        path,
        body: &pause,
        headers,
        peer: HERE,
    };
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://localhost:9999")],
    ] {
        let answer = server.ask(ask(headers)).await;
        assert_eq!(answer.code(), "CROSS_SITE", "{headers:?}");
    }
    for (name, value) in [("content-type", "text/plain"), ("x-spillway-request", "0")] {
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/api/v1{path}"))
            .header("host", "localhost")
            .header(name, value)
            .body(Body::from(pause.clone()))
            .unwrap();
        let mut request = request;
        request.extensions_mut().insert(Peer(HERE.parse().unwrap()));
        let answer = router(&server.app).oneshot(request).await.unwrap();
        assert!(answer.status().is_client_error(), "{name}");
    }
    assert!(server.made.orders.current().is_empty());
    let good = [
        ("origin", "http://localhost:8080"),
        ("sec-fetch-site", "same-origin"),
    ];
    let answer = server.ask(ask(&good)).await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    assert!(server.made.orders.current().pause.is_some());
}

#[tokio::test]
async fn an_order_from_elsewhere_is_refused_and_the_audit_cannot_be_flooded() {
    let server = Server::begin().await;
    let body = json!({"reason": "r", "expires_in_seconds": 60}).to_string();
    for _ in 0..100 {
        let answer = server
            .ask(Ask {
                method: "POST",
                body: &body,
                peer: THERE,
                ..Ask::get("/policies/recognition/pause")
            })
            .await;
        assert_eq!(answer.code(), "FORBIDDEN");
    }
    let orders = server.get("/orders").await.body;
    let count = orders.as_array().unwrap().len();
    assert!((1..=120).contains(&count), "{count}: 60 a minute");
    assert_eq!(orders[0]["by"], "somebody at 10.0.0.9");
}

#[tokio::test]
async fn orders_are_taken_told_and_ended() {
    let mut server = Server::begin().await;
    let policy = "/policies/recognition";
    let order = |path: &str| format!("{policy}/{path}");
    let resume = server.post(&order("resume"), &json!({"reason": "r"})).await;
    assert_eq!(resume.code(), "NOT_PAUSED");
    let pause = json!({"reason": " maintenance ", "expires_in_seconds": 3600});
    let paused = server.post(&order("pause"), &pause).await;
    assert_eq!(paused.body["by"], "local", "{paused:?}");
    assert_eq!(paused.body["reason"], "maintenance");
    let size = json!({"pool": "near", "shape": "floor", "workers": 2, "reason": "r", "expires_in_seconds": 60});
    assert_eq!(
        server.post(&order("override"), &size).await.status,
        StatusCode::OK
    );
    let drain = server
        .post(
            &order("instances/near-00001/drain"),
            &json!({"reason": "r"}),
        )
        .await;
    assert_eq!(drain.status, StatusCode::ACCEPTED, "{drain:?}");
    server.made.tick();
    let state = server.get("/state").await.body;
    let shown = &state["policies"][0];
    assert_eq!(shown["status"], "Paused");
    assert_eq!(shown["pause"]["id"], paused.body["id"]);
    assert_eq!(shown["overrides"][0]["workers"], 2);
    assert_eq!(shown["workers"][0]["ordered_drain"]["by"], "local");
    let decisions = server.get("/decisions?code=Paused").await.body;
    assert_eq!(decisions[0]["hold"]["code"], "Paused", "{decisions}");
    let release = json!({"pool": "near", "reason": "r"});
    assert_eq!(
        server.post(&order("release"), &release).await.status,
        StatusCode::OK
    );
    assert_eq!(
        server.post(&order("release"), &release).await.code(),
        "NOT_OVERRIDDEN"
    );
    let done = server.post(&order("resume"), &json!({"reason": "r"})).await;
    assert_eq!(done.status, StatusCode::OK);
    let orders = server.get("/orders").await.body;
    let kinds: Vec<&str> = orders
        .as_array()
        .unwrap()
        .iter()
        .filter(|order| order["accepted"] == true)
        .map(|order| order["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["resume", "release", "drain", "override", "pause"]);
    let noted = server.made.orders.take_noted();
    assert_eq!(
        noted.len(),
        orders.as_array().unwrap().len(),
        "the journal is told of each"
    );
}

#[tokio::test]
async fn a_wrong_order_says_what_is_wrong() {
    let server = Server::begin().await;
    let long = "x".repeat(501);
    for (path, body, code, field) in [
        (
            "pause",
            json!({"reason": "", "expires_in_seconds": 60}),
            "INVALID_FIELD",
            "/reason",
        ),
        (
            "pause",
            json!({"reason": long, "expires_in_seconds": 60}),
            "INVALID_FIELD",
            "/reason",
        ),
        (
            "pause",
            json!({"reason": "r", "expires_in_seconds": 1}),
            "INVALID_FIELD",
            "/expires_in_seconds",
        ),
        (
            "pause",
            json!({"reason": "r", "expires_in_seconds": i64::MAX}),
            "INVALID_FIELD",
            "/expires_in_seconds",
        ),
        ("pause", json!({"reason": "r"}), "INVALID_BODY", ""),
        (
            "pause",
            json!({"reason": "r", "expires_in_seconds": 60, "x": 1}),
            "INVALID_BODY",
            "",
        ),
        ("pause", json!([1]), "INVALID_BODY", ""),
        (
            "release",
            json!({"pool": "far", "reason": "r"}),
            "NOT_OVERRIDDEN",
            "",
        ),
        (
            "override",
            json!({"pool": "far", "shape": "floor", "workers": 1, "reason": "r", "expires_in_seconds": 60}),
            "UNKNOWN_POOL",
            "/pool",
        ),
        (
            "override",
            json!({"pool": "near", "shape": "floor", "workers": 10_001, "reason": "r", "expires_in_seconds": 60}),
            "INVALID_FIELD",
            "/workers",
        ),
        (
            "instances/near-00009/drain",
            json!({"reason": "r"}),
            "UNKNOWN_INSTANCE",
            "",
        ),
    ] {
        let answer = server
            .post(&format!("/policies/recognition/{path}"), &body)
            .await;
        assert_eq!(answer.code(), code, "{path} {body}");
        assert_eq!(
            answer.body["field"].as_str().unwrap_or_default(),
            field,
            "{path} {body}"
        );
        let kind = answer.headers["content-type"].to_str().unwrap();
        assert_eq!(kind, "application/problem+json");
    }
    let answer = server.post("/policies/other/pause", &json!({})).await;
    assert_eq!(answer.code(), "UNKNOWN_POLICY");
    let large = json!({"reason": "x".repeat(70_000), "expires_in_seconds": 60});
    let answer = server.post("/policies/recognition/pause", &large).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn everything_that_is_read_has_its_shape() {
    let mut server = Server::begin().await;
    server.made.tick();
    let state = server.get("/state").await.body;
    assert_eq!(state["policies"][0]["backlog"], 4 * 120);
    let policies = server.get("/policies").await.body;
    assert!(
        policies["policies"][0].get("workers").is_none(),
        "{policies}"
    );
    let manifest = server.get("/policies/recognition/manifest").await.body;
    assert_eq!(manifest["yaml"], MANIFEST);
    let fleet = server.get("/fleet?pool=near&phase=ready").await.body;
    assert_eq!(fleet["workers"].as_array().unwrap().len(), 1, "{fleet}");
    assert_eq!(
        server.get("/fleet?pool=far").await.body["workers"],
        json!([])
    );
    let market = server.get("/market").await.body;
    assert_eq!(
        market["offers"][0]["price_per_hour"],
        json!({"value": 2.0, "from": "policy", "age_seconds": null})
    );
    let health = server.get("/health").await.body;
    let names: Vec<&str> = health["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    for name in [
        "kafka",
        "heartbeats",
        "policy",
        "leader",
        "loop",
        "base",
        "history",
        "provider/near",
    ] {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
    let timeline = server.get("/timeline?from=-10m&points=100").await.body;
    let columns = timeline["at"].as_array().unwrap().len();
    assert_eq!(
        timeline["series"]["backlog"].as_array().unwrap().len(),
        columns
    );
    assert_eq!(
        timeline["pools"]["near"]["ready"].as_array().unwrap().len(),
        columns
    );
    assert!(!timeline["markers"].as_array().unwrap().is_empty());
    let heat = server.get("/partitions").await.body;
    assert_eq!(heat["partitions"].as_array().unwrap().len(), 4, "{heat}");
    assert_eq!(heat["partitions"][0]["owner"], "machine-1");
    let cost = server.get("/cost").await.body;
    assert_eq!(cost["all_cloud"]["pool"], "near", "{cost}");
    let points = server.get("/history").await.body;
    assert!(!points.as_array().unwrap().is_empty());
    let decisions = server.get("/decisions").await.body;
    let id = decisions[0]["id"].as_u64().unwrap();
    assert_eq!(server.get(&format!("/decisions/{id}")).await.body["id"], id);
}

#[tokio::test]
async fn wrong_queries_and_tricky_paths_are_refused() {
    let server = Server::begin().await;
    for path in [
        "/timeline?from=yesterday",
        "/timeline?from=-1y",
        "/timeline?from=-99999999999d",
        "/timeline?from=now&to=-1h",
        "/timeline?points=0",
        "/timeline?points=99999",
        "/timeline?points=x",
        "/partitions?from=-30d",
        "/decisions?limit=0",
        "/decisions?limit=1001",
        "/decisions?before=x",
        "/decisions?trouble=perhaps",
        "/cost?days=31",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.code(), "INVALID_QUERY", "{path}: {answer:?}");
    }
    for (path, status) in [
        ("/decisions/0", 404),
        ("/decisions/-1", 404),
        ("/decisions/18446744073709551615", 404),
        ("/decisions/99999999999999999999", 404),
        ("/decisions/1%20OR%201=1", 404),
        ("/decisions/..%2f..%2fstate", 404),
        ("/policies/..%2f..%2fetc%2fpasswd/manifest", 404),
        ("/policies/%00/manifest", 404),
        ("/policies/recognition%2f/manifest", 404),
        ("/nothing", 404),
        ("/../metrics", 404),
        ("/%2e%2e/%2e%2e/metrics", 404),
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {answer:?}");
        assert!(
            answer.headers.contains_key("content-security-policy"),
            "{path}"
        );
    }
    let answer = server.get("/state?policy=other").await;
    assert_eq!(answer.code(), "UNKNOWN_POLICY");
    let answer = server
        .ask(Ask {
            method: "DELETE",
            ..Ask::get("/state")
        })
        .await;
    assert_eq!(answer.code(), "NO_SUCH_METHOD");
}

#[tokio::test]
async fn every_answer_says_what_browsers_are_to_refuse() {
    let server = Server::begin().await;
    for path in ["/state", "/nothing", "/session", "/openapi.json"] {
        let answer = server.get(path).await;
        let header = |name: &str| answer.headers[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.contains("default-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("cache-control"), "no-store");
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn a_token_is_traded_for_a_cookie_that_ends() {
    let server = Server::with_tokens().await;
    let session = server.get("/session").await.body;
    assert_eq!(
        (&session["wants_token"], &session["may_read"]),
        (&json!(true), &json!(false))
    );
    let wrong = server.post("/session", &json!({"token": "x"})).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    let begun = server.post("/session", &json!({"token": "op"})).await;
    assert_eq!(begun.body["user"], "ada");
    let cookie = begun.headers["set-cookie"].to_str().unwrap();
    assert!(!cookie.contains("op"), "the token is not in it: {cookie}");
    let cookie = cookie.split(';').next().unwrap();
    let with = [("cookie", cookie)];
    let ask = |method, path| Ask {
        method,
        headers: &with,
        ..Ask::get(path)
    };
    assert_eq!(
        server.ask(ask("GET", "/state")).await.status,
        StatusCode::OK
    );
    assert_eq!(
        server.ask(ask("DELETE", "/session")).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        server.ask(ask("GET", "/state")).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn names_that_somebody_means_ill_with_stay_text() {
    let server = Server::begin().await;
    let naughty = include_str!("testdata/naughty.txt");
    for line in naughty.lines().filter(|line| !line.trim().is_empty()) {
        let reason: String = line.chars().take(500).collect();
        let body = json!({"reason": reason, "expires_in_seconds": 60});
        let answer = server.post("/policies/recognition/pause", &body).await;
        if reason.trim().chars().any(char::is_control) {
            assert_eq!(answer.code(), "INVALID_FIELD", "{line}");
        } else {
            assert_eq!(answer.status, StatusCode::OK, "{line}");
            assert_eq!(answer.body["reason"], reason.trim(), "{line}");
        }
        let kind = answer.headers["content-type"].to_str().unwrap();
        assert!(kind.ends_with("json"), "never a page");
        let encoded: String = line.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for path in [
            format!("/decisions?code={encoded}&pool={encoded}"),
            format!("/fleet?pool={encoded}"),
            format!("/state?policy={encoded}"),
            format!("/decisions/{encoded}"),
        ] {
            let answer = server.get(&path).await;
            assert!(answer.status.as_u16() < 500, "{path}: {answer:?}");
            let kind = answer.headers["content-type"].to_str().unwrap();
            assert!(kind.contains("json"), "{path}: {kind}");
        }
    }
}

#[tokio::test]
async fn what_if_is_judged_played_and_compared() {
    let server = Server::begin().await;
    let path = "/policies/recognition/what-if";
    let wrong = MANIFEST.replace("max: 4", "max: 0");
    let answer = server.post(path, &json!({"yaml": wrong, "hours": 1})).await;
    assert_eq!(answer.code(), "INVALID_POLICY");
    let problem = &answer.body["problems"][0];
    assert_eq!(problem["path"], "spec.burst.pools[0].max");
    assert_eq!(problem["line"], 23, "{problem}");
    let early = server
        .post(path, &json!({"yaml": MANIFEST, "hours": 1}))
        .await;
    assert!(
        early.body["detail"].as_str().unwrap().contains("recorded"),
        "{early:?}"
    );
    record_an_hour(&server.made);
    let edited = MANIFEST.replace("maxWorkers: 4", "maxWorkers: 1");
    let answer = server
        .post(path, &json!({"yaml": edited, "hours": 2}))
        .await;
    assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    let arrivals = answer.body["arrivals"].as_u64().unwrap();
    assert!(arrivals >= 59 * 6_000, "{arrivals}");
    let late = |side: &str| answer.body[side]["late_jobs"].as_u64().unwrap();
    assert!(late("edited") > late("current"), "{}", answer.text);
    let cost = |side: &str| answer.body[side]["burst_cost"].as_f64().unwrap();
    assert!(cost("edited") < cost("current"), "{}", answer.text);
    let diff = answer.body["diff"].as_str().unwrap();
    assert!(
        diff.contains("-    maxWorkers: 4\n+    maxWorkers: 1\n"),
        "{diff}"
    );
}

/// An hour in which 100 jobs a second arrived.
fn record_an_hour(made: &Made) {
    let now = Timestamp::now().as_second();
    let history = made.board.history();
    for minute in 0..60_i64 {
        let at = now - 3_600 + minute * 60;
        history.sample(crate::history::Sample {
            policy: "recognition".into(),
            at,
            backlog: Some(0),
            oldest_age: None,
            drain_eta: None,
            objective: 900.0,
            arrival_rate: Some(100.0),
            service_rate: 0.0,
            late: 0,
            cost_per_hour: 0.0,
            burst_cost_per_hour: 0.0,
            spent_today: 0.0,
            // Far below what the shown second has counted, which then is a topic made anew.
            arrived: Some(1_000_000 + u64::try_from(minute).unwrap() * 6_000),
            done: None,
            pools: std::collections::BTreeMap::new(),
        });
    }
}
