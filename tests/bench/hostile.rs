//! Good tenants while a fifth of the requests are hostile: what they wait then, beside what they wait without.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::ensure;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::{Gateway, load::Measured, report::Report};

/// Good connections, each with a request of its own so often: what two cores do without being full.
const GOOD: usize = 32;
const EVERY: Duration = Duration::from_millis(200);
/// Hostile ones: as often, so that a fifth of all requests are theirs.
const HOSTILE: usize = GOOD / 4;
/// Connections that begin a request and let its body drip.
const DRIPPING: usize = 200;
const DRIP_EVERY: Duration = Duration::from_secs(1);
const MEASURE: Duration = Duration::from_secs(15);
const WARM_UP: Duration = Duration::from_secs(2);
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// The good alone, then beside the hostile.
pub(crate) async fn measure(gateway: &Gateway, report: &mut Report) -> anyhow::Result<()> {
    let before_mb = gateway.memory_mb()?;
    let alone = good(gateway).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let refused = Arc::new(AtomicUsize::new(0));
    let mut hostile = JoinSet::new();
    let requests = Arc::new(requests(&gateway.key));
    for number in 0..HOSTILE {
        let (stop, refused, requests) = (stop.clone(), refused.clone(), requests.clone());
        let address = gateway.address.clone();
        hostile.spawn(async move {
            let mut next = number;
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                let request = &requests[next % requests.len()];
                next += 1;
                if is_refused(&address, request).await {
                    refused.fetch_add(1, Ordering::Relaxed);
                }
                tokio::time::sleep(EVERY.saturating_sub(began.elapsed())).await;
            }
        });
    }
    for _ in 0..DRIPPING {
        let (address, key, stop) = (gateway.address.clone(), gateway.key.clone(), stop.clone());
        hostile.spawn(async move { drip(&address, &key, &stop).await });
    }
    let beside = good(gateway).await;
    stop.store(true, Ordering::Relaxed);
    hostile.join_all().await;
    let beside = beside?;
    let refused = refused.load(Ordering::Relaxed);
    ensure!(refused > 0, "no hostile request came through to be refused");

    let how = format!(
        "{GOOD} connections with a request each {} ms, {} answers",
        EVERY.as_millis(),
        alone.count()
    );
    report.figure("good_p99", alone.at(99), "ms", how)?;
    let how = format!(
        "the same beside {HOSTILE} hostile connections with as many requests each ({refused} refused: deep JSON, giant \
         headers, wrong types, broken forms, others' jobs, wrong keys) and {DRIPPING} bodies that drip"
    );
    report.figure("good_beside_hostile_p99", beside.at(99), "ms", how)?;
    let how = "good_beside_hostile_p99 ÷ good_p99";
    report.figure("hostile_ratio", beside.at(99) / alone.at(99), "ratio", how)?;
    let how = "resident memory after it, less that before";
    let grown = gateway.memory_mb()? - before_mb;
    report.figure("hostile_memory", grown, "MB", how)
}

async fn good(gateway: &Gateway) -> anyhow::Result<Measured> {
    gateway.load(GOOD).paced(EVERY, WARM_UP, MEASURE).await
}

/// What no well-behaved client sends.
fn requests(key: &str) -> Vec<Vec<u8>> {
    let post = |path: &str, kind: &str, key: &str, body: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: gateway\r\nx-goog-api-key: {key}\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    };
    let recognize = "/v1/recognize";
    let json = "application/json";
    let deep = "[".repeat(200_000);
    let nested = format!("{{\"images\":{}", "[{\"x\":".repeat(50_000));
    let wide = format!("{{\"images\":[{}]}}", vec!["{}"; 100_000].join(","));
    let form = "--a\r\ncontent-disposition: form-data; name=\"images\"\r\n\r\n".repeat(2_000);
    let giant = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: a\r\n".repeat(500));
    vec![
        post(recognize, json, key, &deep),
        post(recognize, json, key, &nested),
        post(recognize, json, key, &wide),
        post(recognize, "multipart/form-data; boundary=a", key, &form),
        post(recognize, "text/html", key, "<img>"),
        post(recognize, json, "spw_not-a-key", "{\"images\":[{\"inline\":\"AAAA\"}]}"),
        format!(
            "GET /v1/jobs/{} HTTP/1.1\r\nhost: gateway\r\nx-goog-api-key: {key}\r\nconnection: close\r\n\r\n",
            "A".repeat(64)
        )
        .into_bytes(),
        giant.into_bytes(),
        many.into_bytes(),
    ]
}

/// Whether it was answered with a refusal, or hung up upon.
async fn is_refused(address: &str, request: &[u8]) -> bool {
    let talk = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        // It may hang up before it has read everything.
        let _ = stream.write_all(request).await;
        let mut said = [0; 64];
        let length = stream.read(&mut said).await.unwrap_or(0);
        Some(length == 0 || said[..length].starts_with(b"HTTP/1.1 4"))
    };
    let said = tokio::time::timeout(ANSWER_MAX, talk).await;
    said.ok().flatten().unwrap_or(false)
}

/// Begins a request and sends a byte of its body now and then.
async fn drip(address: &str, key: &str, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            continue;
        };
        let head = format!(
            "POST /v1/recognize HTTP/1.1\r\nhost: gateway\r\nx-goog-api-key: {key}\r\n\
             content-type: application/json\r\ncontent-length: 100000\r\n\r\n"
        );
        let mut sent = stream.write_all(head.as_bytes()).await;
        while sent.is_ok() && !stop.load(Ordering::Relaxed) {
            tokio::time::sleep(DRIP_EVERY).await;
            sent = stream.write_all(b" ").await;
        }
    }
}
