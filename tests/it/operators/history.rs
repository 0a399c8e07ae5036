//! The history and the stream of events, whatever happens to the controller.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use spillway_tests::{Signal, eventually_async, require_kafka, require_program};

use crate::{Controller, SOON, fixed_topics};

/// Streams that are open at once.
const STREAMS: usize = 100;
/// What they may cost together.
const STREAMS_BYTES_MAX: u64 = 50_000_000;
const POLICY: &str = "recognition";

/// What one reader of the stream was given so far.
#[derive(Default)]
struct Heard {
    states: usize,
    ids: BTreeSet<u64>,
    last: Option<u64>,
}

type Reader = Arc<Mutex<Heard>>;

/// Follows the events until the stream ends; goes on after what it has.
async fn follow(url: String, heard: Reader) {
    let mut request = reqwest::Client::new().get(format!("{url}/api/v1/events"));
    if let Some(last) = heard.lock().unwrap().last {
        request = request.header("last-event-id", last);
    }
    let Ok(mut stream) = request.send().await else {
        return;
    };
    let mut text = String::new();
    while let Ok(Some(chunk)) = stream.chunk().await {
        text.push_str(&String::from_utf8_lossy(&chunk));
        while let Some((event, rest)) = text.split_once("\n\n") {
            let id = event.lines().find_map(|line| line.strip_prefix("id: "));
            let mut heard = heard.lock().unwrap();
            heard.states += usize::from(event.contains("event: state"));
            if let Some(id) = id.and_then(|id| id.trim().parse().ok()) {
                heard.ids.insert(id);
                heard.last = heard.last.max(Some(id));
            }
            text = rest.to_owned();
        }
    }
}

fn follow_all(url: &str, readers: &[Reader]) -> Vec<tokio::task::JoinHandle<()>> {
    let readers = readers.iter().cloned();
    readers
        .map(|reader| tokio::spawn(follow(url.to_owned(), reader)))
        .collect()
}

async fn read(url: &str, path: &str) -> Value {
    // A browser of its own each time: nothing is kept between two.
    let answer = reqwest::Client::new()
        .get(format!("{url}/api/v1/{path}"))
        .send()
        .await
        .unwrap();
    let status = answer.status();
    let text = answer.text().await.unwrap();
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap()
}

async fn order(url: &str, verb: &str, body: Value) -> u64 {
    let answer = reqwest::Client::new()
        .post(format!("{url}/api/v1/policies/{POLICY}/{verb}"))
        .header("x-spillway-request", "1")
        .json(&body)
        .send()
        .await
        .unwrap();
    let answer: Value = answer.json().await.unwrap();
    let id = answer["id"].as_u64();
    id.unwrap_or_else(|| panic!("{verb}: {answer}"))
}

/// Pauses and resumes so often; the numbers of the orders.
async fn orders(url: &str, times: usize) -> BTreeSet<u64> {
    let mut ids = BTreeSet::new();
    for time in 0..times {
        let reason = format!("a broker is replaced, {time}");
        let pause = json!({"reason": reason, "expires_in_seconds": 600});
        ids.insert(order(url, "pause", pause).await);
        ids.insert(order(url, "resume", json!({"reason": "it is back"})).await);
    }
    ids
}

async fn all_hear(readers: &[Reader], wanted: &BTreeSet<u64>, states: usize) {
    eventually_async(SOON, "every stream is given every event", || async {
        for (number, reader) in readers.iter().enumerate() {
            let heard = reader.lock().unwrap();
            let missed: Vec<_> = wanted.difference(&heard.ids).collect();
            if !missed.is_empty() || heard.states < states {
                return Err(format!("{number} misses {missed:?}"));
            }
        }
        Ok(())
    })
    .await;
}

fn resident_bytes(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.unwrap().parse::<u64>().unwrap() * 1_024
}

/// All that the history has of a time that is over.
async fn past(url: &str, until: &str) -> Value {
    let decisions = read(url, "decisions?limit=1000").await;
    let of_then: Vec<&Value> = decisions
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["at"].as_str().unwrap() < until)
        .collect();
    let timeline = format!("timeline?from=2026-01-01T00:00:00Z&to={until}&points=720");
    let mut timeline = read(url, &timeline).await;
    // What moves with the clock is not of then.
    timeline["oldest"] = Value::Null;
    json!({
        "decisions": of_then,
        "orders": read(url, "orders").await,
        "timeline": timeline,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_loses_no_history_and_no_stream_misses_an_event() {
    let Some(kafka) = require_kafka() else { return };
    if require_program("spillway").is_none() {
        return;
    }
    fixed_topics(&kafka).await;
    let jobs = kafka.topic("jobs", 4).await;
    jobs.produce(0, 500).await;
    let policy = format!(
        "apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {{name: {POLICY}}}
spec:
  source:
    kafka:
      bootstrapServers: [\"{}\"]
      consumerGroup: workers
      topics: [{{name: {}}}]
  objective: {{drainWithin: 15m}}
  base:
    static: {{workers: 3}}
    pricePerWorkerHour: 0.64
    throughputPerWorker: 40
",
        kafka.brokers(),
        jobs.name(),
    );
    let folder = tempfile::tempdir().unwrap();
    let start = || Controller::start("it", &policy, folder.path(), &[]);
    let mut first = start();
    eventually_async(SOON, "something is in the history", || async {
        let decisions = reqwest::get(format!("{}/api/v1/decisions", first.url)).await;
        let text = decisions.unwrap().text().await.unwrap();
        match text.contains("\"sentence\"") {
            true => Ok(()),
            false => Err(text),
        }
    })
    .await;

    let alone = resident_bytes(first.process.id());
    let readers: Vec<Reader> = (0..STREAMS).map(|_| Reader::default()).collect();
    let following = follow_all(&first.url, &readers);
    all_hear(&readers, &BTreeSet::new(), 2).await;
    let health = read(&first.url, "health").await;
    assert_eq!(health["streams"]["open"], STREAMS, "{health}");
    let given = orders(&first.url, 10).await;
    all_hear(&readers, &given, 5).await;
    let followed = resident_bytes(first.process.id());
    let cost = followed.saturating_sub(alone);
    eprintln!("{STREAMS} streams cost {} kB", cost / 1_000);
    assert!(cost < STREAMS_BYTES_MAX, "{cost} bytes");

    // To the second: what is told of it must not change any more.
    let until = jiff::Timestamp::now().round(jiff::Unit::Second).unwrap();
    let until = until + Duration::from_secs(1);
    eventually_async(SOON, "that second is over and in the history", || async {
        let timeline = read(&first.url, "timeline?from=-30s&points=30").await;
        let newest = timeline["at"].as_array().unwrap().last().cloned();
        match newest.as_ref().and_then(Value::as_i64) > Some(until.as_second()) {
            true => Ok(()),
            false => Err(timeline["at"].to_string()),
        }
    })
    .await;
    let until = until.to_string();
    let before = past(&first.url, &until).await;
    let elsewhere = past(&first.url, &until).await;
    assert_eq!(before, elsewhere, "a second browser sees the same");
    assert!(before["orders"].as_array().unwrap().len() >= 20);
    assert!(!before["timeline"]["at"].as_array().unwrap().is_empty());

    first.process.signal(Signal::Kill);
    first.process.wait(SOON);
    join_all(following).await;
    let second = start();
    // Ordered while nobody listens: the streams are given it when they come back.
    eventually_async(SOON, "it leads again", || async {
        let state = reqwest::get(format!("{}/api/v1/state", second.url)).await;
        let text = state.unwrap().text().await.unwrap();
        match text.contains(POLICY) {
            true => Ok(()),
            false => Err(text),
        }
    })
    .await;
    let mut after = past(&second.url, &until).await;
    after["orders"]
        .as_array_mut()
        .unwrap()
        .retain(|order| order["at"].as_str().unwrap() < until.as_str());
    assert_eq!(before, after, "a restart loses nothing");
    let missed = orders(&second.url, 3).await;
    let newest = read(&second.url, "decisions?limit=1000").await;
    let newest = newest.as_array().unwrap().iter();
    let wanted: BTreeSet<u64> = newest.filter_map(|it| it["id"].as_u64()).collect();
    let heard_first: BTreeSet<u64> = readers[0].lock().unwrap().ids.clone();
    let since = *heard_first.last().unwrap();
    let wanted = wanted.into_iter().filter(|id| *id > since).chain(missed);
    let wanted: BTreeSet<u64> = wanted.collect();
    let following = follow_all(&second.url, &readers);
    all_hear(&readers, &wanted, 1).await;
    following.iter().for_each(tokio::task::JoinHandle::abort);
}
