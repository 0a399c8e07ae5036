//! Workers and the broker are killed while requests come in: what was accepted is answered, or its job can be polled
//! until it is.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reqwest::StatusCode;
use serde_json::{Value, json};
use spillway_generator::{Style, draw};
use spillway_tests::{Kafka, Signal, eventually_async, require_kafka};

use crate::site::{Gateway, SOON, Site, try_ask};
use crate::{SEED, jpeg};

/// Clients that send one request after the other.
const CLIENTS: usize = 6;
/// Requests that must have been accepted before each kill, and after the last.
const ACCEPTED_BETWEEN: usize = 30;
/// Between a client's requests, so that the worker is behind and not lost.
const PAUSE: Duration = Duration::from_millis(150);

/// What clients were told.
#[derive(Default)]
struct Told {
    /// Jobs to be polled.
    accepted: Vec<String>,
    answered: usize,
    /// Requests that were not accepted: clients may send them again.
    refused: usize,
}

impl Told {
    fn count(&self) -> usize {
        self.accepted.len() + self.answered
    }
}

/// Sends until it is told to stop; every other request does not want to wait.
async fn client(gateway: Arc<Gateway>, key: String, told: Arc<Mutex<Told>>, stop: Arc<AtomicBool>) {
    let file = jpeg(&draw(Style::Mixed, SEED, 0));
    let body = json!({"images": [{"inline": BASE64.encode(&file)}], "features": ["context"]});
    let mut waits = false;
    while !stop.load(Ordering::Relaxed) {
        waits = !waits;
        let mut sent = gateway.post("/v1/recognize", &key).json(&body);
        if !waits {
            sent = sent.header("prefer", "respond-async");
        }
        let answer = try_ask(sent).await.expect("the gateway is not killed");
        {
            let mut told = told.lock().unwrap();
            match answer.status {
                StatusCode::OK => {
                    assert_good(&answer.body);
                    told.answered += 1;
                }
                StatusCode::ACCEPTED => {
                    let id = answer.body["id"].as_str().unwrap().to_owned();
                    told.accepted.push(id);
                }
                // Kafka does not take it, or more was sent than can be done: nothing was accepted.
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
                    told.refused += 1;
                }
                _ => panic!("{answer:?}"),
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn assert_good(job: &Value) {
    assert_eq!(job["status"], "done", "{job}");
    assert_eq!(job["images"][0]["status"], "success", "{job}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_accepted_is_lost_when_worker_and_broker_are_killed() {
    if require_kafka().is_none() {
        return;
    }
    // One of its own: it is killed.
    let kafka = Kafka::start().unwrap();
    let Some(site) = Site::new(&kafka).await else {
        return;
    };
    let Some(mut first) = site.worker("w1", &[]) else {
        return;
    };
    let gateway = Arc::new(site.gateway("g1", &["--wait-max", "2s"]).await);
    let (told, stop) = (Arc::new(Mutex::new(Told::default())), Arc::default());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let told = told.clone();
            tokio::spawn(client(
                gateway.clone(),
                site.key.clone(),
                told,
                Arc::clone(&stop),
            ))
        })
        .collect();
    let more_accepted = async |what: &str| {
        let before = told.lock().unwrap().count();
        eventually_async(SOON, what, || async {
            let count = told.lock().unwrap().count();
            match count >= before + ACCEPTED_BETWEEN {
                true => Ok(()),
                false => Err(format!("{count} accepted, {before} before")),
            }
        })
        .await;
    };
    more_accepted("requests come in").await;
    first.signal(Signal::Kill);
    first.wait(SOON);
    more_accepted("requests come in without a worker").await;
    let _second = site.worker("w2", &[]).unwrap();
    kafka.signal(Signal::Kill);
    eventually_async(SOON, "the gateway says that it takes nothing", || async {
        let refused = told.lock().unwrap().refused;
        (refused > 0)
            .then_some(())
            .ok_or_else(|| "no refusal".to_owned())
    })
    .await;
    kafka.start_again().unwrap();
    more_accepted("requests come in again").await;
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    let (accepted, answered, refused) = {
        let told = told.lock().unwrap();
        (told.accepted.clone(), told.answered, told.refused)
    };
    eprintln!(
        "{} jobs to poll, {answered} answered at once, {refused} refused",
        accepted.len()
    );
    assert!(accepted.len() >= ACCEPTED_BETWEEN, "{}", accepted.len());
    for id in &accepted {
        assert_good(&gateway.done(id, &site.key).await);
    }
}
