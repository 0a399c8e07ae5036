//! Those who mean no good: each is refused with a reason, and the gateway goes on.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use reqwest::{Method, StatusCode};
use serde_json::json;
use spillway_tests::require_kafka;

use crate::site::{Gateway, Site, ask};

/// What all of it may make the process grow by.
const MEMORY_MIB_MAX: u64 = 300;

/// Strings that have broken programs before.
const STRANGE: [&str; 12] = [
    "",
    "\u{0}",
    "null",
    "../../etc/passwd",
    "'; DROP TABLE jobs; --",
    "<script>alert(1)</script>",
    "\u{202e}\u{feff}\u{200b}",
    "Ω≈ç√∫˜µ≤≥÷",
    "{{7*7}}${7*7}",
    "%n%s%x%00",
    "1e309",
    "田中さんにあげて下さい",
];

/// A body, its type, and what is said to it.
fn bodies() -> Vec<(Vec<u8>, &'static str, u16, &'static str)> {
    let json = "application/json";
    let deep = |open: &str| open.repeat(200_000).into_bytes();
    let form = "multipart/form-data; boundary=x";
    let many = json!({"images": vec![json!({"uri": "http://e"}); 10_000]}).to_string();
    vec![
        (Vec::new(), json, 400, "INVALID_BODY"),
        (b"\xff\xfe\x00".to_vec(), json, 400, "INVALID_BODY"),
        (deep("["), json, 400, "INVALID_BODY"),
        (deep("{\"images\":["), json, 400, "INVALID_BODY"),
        (
            b"{\"images\":[{\"uri\":1}]}".to_vec(),
            json,
            400,
            "INVALID_BODY",
        ),
        (
            b"{\"images\":[],\"images\":[]}".to_vec(),
            json,
            400,
            "INVALID_BODY",
        ),
        (b"{\"max_results\":-1}".to_vec(), json, 400, "INVALID_BODY"),
        (many.into_bytes(), json, 400, "INVALID_FIELD"),
        (b"{}".to_vec(), "text/html", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b"{}".to_vec(), "", 415, "UNSUPPORTED_MEDIA_TYPE"),
        (Vec::new(), "image/png", 400, "INVALID_FIELD"),
        (b"--x".to_vec(), form, 400, "INVALID_BODY"),
        (b"--x--\r\n".to_vec(), form, 400, "INVALID_FIELD"),
        (
            b"no form".to_vec(),
            "multipart/form-data",
            400,
            "INVALID_BODY",
        ),
        (
            b"--x\r\nContent-Disposition: form-data; name=\"evil\"\r\n\r\n1\r\n--x--\r\n".to_vec(),
            form,
            400,
            "INVALID_FIELD",
        ),
        (
            b"--x\r\nContent-Disposition: form-data; name=\"images\"\r\n\r\n".to_vec(),
            form,
            400,
            "INVALID_BODY",
        ),
        (vec![b' '; 65 << 20], json, 413, "TOO_LARGE"),
    ]
}

#[tokio::test]
async fn hostile_bodies_are_refused_and_the_gateway_lives() {
    let Some(kafka) = require_kafka() else { return };
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let gateway = site.video_gateway("g1", &["--body-time", "2s"]).await;
    let before = gateway.memory_mib();
    for (body, kind, status, reason) in bodies() {
        let start = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        let sent = gateway.post("/v1/recognize", &site.key);
        let answer = ask(sent.header("content-type", kind).body(body)).await;
        let said = (answer.status.as_u16(), answer.body["reason"].as_str());
        assert_eq!(said, (status, Some(reason)), "{start}: {answer:?}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert!(answer.headers.contains_key("x-request-id"));
    }
    strange_strings(&gateway, &site).await;
    other_paths(&gateway, &site).await;
    videos(&gateway, &site).await;
    google_bodies(&gateway, &site).await;
    raw_connections(&gateway, &site);
    let after = gateway.memory_mib();
    eprintln!("memory: {before} MiB before, {after} MiB after");
    assert!(
        after < before + MEMORY_MIB_MAX,
        "{before} MiB became {after}"
    );
    for topic in [&site.jobs, &site.videos] {
        assert_eq!(topic.records().unwrap().len(), 0, "nothing was accepted");
    }
    let labels = ask(gateway.get("/v1/labels", &site.key)).await;
    assert_eq!(labels.status, StatusCode::OK);
}

/// None of them is ever more than a string.
async fn strange_strings(gateway: &Gateway, site: &Site) {
    for strange in STRANGE {
        for body in [
            json!({"images": [{"uri": strange}]}),
            json!({"images": [{"object": strange}]}),
            json!({"images": [{"uri": "http://e"}], "features": [strange]}),
            json!({strange: strange}),
        ] {
            let answer = ask(gateway.post("/v1/recognize", &site.key).json(&body)).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}: {answer:?}");
        }
        let path: String = url_encoded(strange);
        let answer = ask(gateway.get(&format!("/v1/jobs/{path}"), &site.key)).await;
        assert_eq!(
            answer.status,
            StatusCode::NOT_FOUND,
            "{strange:?}: {answer:?}"
        );
    }
}

fn url_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

async fn other_paths(gateway: &Gateway, site: &Site) {
    for (method, path, status) in [
        (Method::GET, "/v1/recognize", 405),
        (Method::DELETE, "/v1/jobs/x", 405),
        (Method::GET, "/v1/../../etc/passwd", 404),
        (Method::GET, "/v1/videos", 405),
        (Method::DELETE, "/v1/videos/x", 405),
        (Method::POST, "/v1/videos/x", 405),
        (Method::GET, "/%00", 404),
    ] {
        let asked = reqwest::Client::new().request(method, format!("{}{path}", gateway.url));
        let answer = ask(asked.header("x-goog-api-key", &site.key)).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {answer:?}");
        assert!(answer.body["reason"].is_string(), "{path}: {answer:?}");
    }
}

/// What no video is, and what no sampling may be.
async fn videos(gateway: &Gateway, site: &Site) {
    let uri = "http://e/v.mp4";
    let sampled = |sampling: serde_json::Value| json!({"uri": uri, "sampling": sampling});
    let mut bodies = vec![
        (json!([]), "INVALID_BODY", None),
        (json!({"uri": [uri]}), "INVALID_BODY", Some("uri")),
        (
            json!({"uri": "file:///etc/passwd"}),
            "INVALID_FIELD",
            Some("uri"),
        ),
        (
            json!({"uri": "concat:http://e|http://f"}),
            "INVALID_FIELD",
            Some("uri"),
        ),
        (
            json!({"uri": "h".repeat(5_000)}),
            "INVALID_FIELD",
            Some("uri"),
        ),
        (sampled(json!(1)), "INVALID_BODY", Some("sampling")),
    ];
    for (name, values) in [
        ("every_ms", [json!(0), json!(39), json!(3_600_001_u64)]),
        ("scene_percent", [json!(0), json!(101), json!(255)]),
        ("frames_max", [json!(0), json!(20_001), json!(u32::MAX)]),
    ] {
        let field = Some(match name {
            "every_ms" => "sampling.every_ms",
            "scene_percent" => "sampling.scene_percent",
            _ => "sampling.frames_max",
        });
        for value in values {
            bodies.push((sampled(json!({name: value})), "INVALID_FIELD", field));
        }
        for value in [
            json!(-1),
            json!(1e300),
            json!("1"),
            json!(null),
            json!([[[]]]),
        ] {
            bodies.push((sampled(json!({name: value})), "INVALID_BODY", field));
        }
    }
    for strange in STRANGE {
        let rule = Some("sampling.rule");
        bodies.push((sampled(json!({"rule": strange})), "INVALID_BODY", rule));
        bodies.push((json!({"uri": strange}), "INVALID_FIELD", Some("uri")));
        bodies.push((json!({"object": strange}), "INVALID_FIELD", Some("object")));
        let path = format!("/v1/videos/{}", url_encoded(strange));
        let answer = ask(gateway.get(&path, &site.key)).await;
        assert_eq!(
            answer.status,
            StatusCode::NOT_FOUND,
            "{strange:?}: {answer:?}"
        );
    }
    for (body, reason, field) in bodies {
        let answer = ask(gateway.post("/v1/videos", &site.key).json(&body)).await;
        let said = (answer.status.as_u16(), answer.body["reason"].as_str());
        assert_eq!(said, (400, Some(reason)), "{body}: {answer:?}");
        assert_eq!(answer.body["field"].as_str(), field, "{body}: {answer:?}");
    }
    let large = json!({"uri": uri, "features": ["x".repeat(70_000)]});
    let answer = ask(gateway.post("/v1/videos", &site.key).json(&large)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE, "{answer:?}");
    // A video that never comes: 8 at once are waited for, and each ends with a reason.
    let address = gateway.url.strip_prefix("http://").unwrap();
    let head = format!(
        "POST /v1/uploads HTTP/1.1\r\nhost: x\r\nx-goog-api-key: {}\r\n\
         content-type: video/mp4\r\ncontent-length: 1000\r\n\r\n{{",
        site.key
    );
    let slow: Vec<TcpStream> = (0..12)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    for mut stream in slow {
        let longest = Some(Duration::from_secs(60));
        stream.set_read_timeout(longest).unwrap();
        let mut said = [0; 12];
        stream.read_exact(&mut said).unwrap();
        let is_refused = [b"HTTP/1.1 408", b"HTTP/1.1 429"].contains(&&said);
        assert!(is_refused, "{}", String::from_utf8_lossy(&said));
    }
}

/// Google's clients get Google's errors.
async fn google_bodies(gateway: &Gateway, site: &Site) {
    let many = json!({"requests": vec![json!({}); 17]}).to_string();
    let large = format!("{{\"x\":\"{}\"}}", " ".repeat(10 << 20));
    for (body, key, status, name) in [
        ("{}", site.key.as_str(), 400, "INVALID_ARGUMENT"),
        ("[", &site.key, 400, "INVALID_ARGUMENT"),
        (&many, &site.key, 400, "INVALID_ARGUMENT"),
        (&large, &site.key, 400, "INVALID_ARGUMENT"),
        ("{}", "wrong", 401, "UNAUTHENTICATED"),
        ("{}", &site.reading_key, 403, "PERMISSION_DENIED"),
    ] {
        let sent = gateway.post("/v1/images:annotate", key);
        let answer = ask(sent.body(body.to_owned())).await;
        let error = &answer.body["error"];
        let said = (error["code"].as_u64(), error["status"].as_str());
        assert_eq!(said, (Some(status), Some(name)), "{answer:?}");
        assert_eq!(u64::from(answer.status.as_u16()), status);
    }
}

/// What no well-behaved client sends.
fn raw_connections(gateway: &Gateway, site: &Site) {
    let address = gateway.url.strip_prefix("http://").unwrap();
    let talk = |text: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        // It may hang up before it has read everything.
        let _ = stream.write_all(text);
        let mut said = [0; 64];
        let length = stream.read(&mut said).unwrap_or(0);
        String::from_utf8_lossy(&said[..length]).into_owned()
    };
    let giant = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: a\r\n".repeat(500));
    for (text, status) in [
        (giant, "431"),
        (many, "431"),
        ("\0\0\0\0\r\n\r\n".into(), "400"),
    ] {
        let said = talk(text.as_bytes());
        let is_refused = said.is_empty() || said.contains(status);
        assert!(is_refused, "{said:?} to {:?}", &text[..20.min(text.len())]);
    }
    // A body that never comes ends with a reason, and all of a hundred such at the same time.
    let head = format!(
        "POST /v1/recognize HTTP/1.1\r\nhost: x\r\nx-goog-api-key: {}\r\n\
         content-type: application/json\r\ncontent-length: 1000\r\n\r\n{{",
        site.key
    );
    let began = Instant::now();
    let mut slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    for stream in &mut slow {
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let mut said = [0; 12];
        stream.read_exact(&mut said).unwrap();
        assert_eq!(&said, b"HTTP/1.1 408");
    }
    eprintln!("100 slow bodies were refused after {:?}", began.elapsed());
}
