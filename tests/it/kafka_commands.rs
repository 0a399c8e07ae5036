//! `spillway topics` and `spillway dlq` on a real Apache Kafka broker.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use rdkafka::{
    message::{Header, OwnedHeaders},
    producer::{FutureProducer, FutureRecord},
};
use serde_json::Value;
use spillway_kafka::{Cluster, KafkaConfig};
use spillway_tests::{Kafka, Record, require_kafka, require_program};
use spillway_wire::{ImageSource, Job, header_names};

const SOON: Duration = Duration::from_secs(60);

/// What a command said and whether it was content; none where there is no program.
fn spillway(arguments: &[&str]) -> Option<(bool, String, String)> {
    let output = require_program("spillway")?
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Some((
        output.status.success(),
        text(output.stdout),
        text(output.stderr),
    ))
}

fn policy(brokers: &str) -> String {
    format!(
        "apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {{name: recognition}}
spec:
  source:
    kafka:
      bootstrapServers: [\"{brokers}\"]
      consumerGroup: workers
      topics: [{{name: spillway.jobs.gold}}, {{name: spillway.jobs}}]
  objective: {{drainWithin: 15m}}
  base:
    static: {{workers: 5}}
    pricePerWorkerHour: 0.64
    throughputPerWorker: 40
"
    )
}

#[tokio::test]
async fn topics_are_planned_made_grown_and_never_shrunk() {
    if require_kafka().is_none() || require_program("spillway").is_none() {
        return;
    }
    let kafka = Kafka::start().unwrap(); // its own: the topics have fixed names
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, policy(kafka.brokers())).unwrap();
    let file = file.to_str().unwrap();
    let changes = |arguments: &[&str]| -> u64 {
        let (is_content, said, complaint) = spillway(arguments).unwrap();
        assert!(is_content, "{said}{complaint}");
        serde_json::from_str::<Value>(&said).unwrap()["changes"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(
        changes(&["topics", "plan", file, "--json"]),
        7,
        "nothing is there"
    );
    assert_eq!(
        changes(&["topics", "plan", file, "--json"]),
        7,
        "a plan changes nothing"
    );
    let (is_content, said, complaint) = spillway(&["topics", "apply", file, "--rights"]).unwrap();
    assert!(is_content, "{said}{complaint}");
    assert!(
        said.contains("+ spillway.jobs.gold  (jobs, 20 partitions)"),
        "{said}"
    );
    assert!(said.contains("--operation Read --group workers"), "{said}");
    assert_eq!(
        changes(&["topics", "plan", file, "--json"]),
        0,
        "all is there"
    );
    assert_eq!(
        changes(&["topics", "apply", file, "--json"]),
        0,
        "once is enough"
    );

    // Somebody changes something: what is wrong is put right, what is not ours to say stays.
    let cluster: Arc<Cluster> = Cluster::new(KafkaConfig::new(kafka.brokers())).unwrap();
    let by_hand = [("retention.ms", "60000"), ("max.message.bytes", "2000000")];
    let by_hand: BTreeMap<String, String> = by_hand
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    cluster.set("spillway.jobs", &by_hand, SOON).await.unwrap();
    let more = "spillway.jobs=24";
    assert_eq!(
        changes(&["topics", "apply", file, "--json", "--partitions", more]),
        1
    );
    let names = ["spillway.jobs", "spillway.workers"].map(str::to_owned);
    let states = cluster.describe(&names, SOON).await.unwrap();
    let jobs = states["spillway.jobs"].as_ref().unwrap();
    let set = |name: &str| jobs.settings[name].value.as_deref();
    assert_eq!(jobs.partitions, 24);
    assert_eq!(set("retention.ms"), Some("604800000"));
    assert_eq!(set("max.message.bytes"), Some("2000000"));
    let workers = states["spillway.workers"].as_ref().unwrap();
    assert_eq!(
        workers.settings["cleanup.policy"].value.as_deref(),
        Some("compact")
    );

    let fewer = ["topics", "apply", file, "--partitions", "spillway.jobs=6"];
    let (is_content, said, complaint) = spillway(&fewer).unwrap();
    assert!(!is_content, "{said}");
    assert!(said.contains("takes no partitions away"), "{said}");
    assert!(complaint.contains("nothing was changed"), "{complaint}");
    let states = cluster.describe(&names, SOON).await.unwrap();
    assert_eq!(states["spillway.jobs"].as_ref().unwrap().partitions, 24);

    let wrong = ["topics", "plan", file, "--partitions", "jobs=6"];
    let (is_content, _, complaint) = spillway(&wrong).unwrap();
    assert!(
        !is_content && complaint.contains("none of the topics"),
        "{complaint}"
    );
}

/// Writes a dead letter as a worker does.
async fn bury(kafka: &Kafka, topic: &str, key: &str, value: &[u8], reason: &str) {
    let producer: FutureProducer = kafka.client().create().unwrap();
    let header = |key, value| Header {
        key,
        value: Some(value),
    };
    let headers = OwnedHeaders::new()
        .insert(header("traceparent", "00-a-b-01"))
        .insert(header(header_names::ERROR_REASON, reason))
        .insert(header(header_names::ERROR_MESSAGE, "out of luck"))
        .insert(header(header_names::ERROR_ORIGIN, "jobs/3/41"));
    let record = FutureRecord::to(topic)
        .key(key)
        .payload(value)
        .headers(headers);
    producer.send(record, SOON).await.unwrap();
}

#[tokio::test]
async fn dead_letters_are_listed_and_sent_again_as_they_were() {
    let Some(kafka) = require_kafka() else { return };
    if require_program("spillway").is_none() {
        return;
    }
    let jobs = kafka.topic("dead-jobs", 3).await;
    let letters = kafka.topic_beside(&format!("{}.dlq", jobs.name())).await;
    let job = |id: &str| Job::new(id, 5, ImageSource::Uri("https://example.com/".into())).encode();
    bury(&kafka, letters.name(), "key-a", &job("a"), "MODEL_FAILED").await;
    bury(&kafka, letters.name(), "key-b", &job("b"), "MODEL_FAILED").await;
    bury(&kafka, letters.name(), "key-c", b"no job", "INVALID_JOB").await;
    bury(&kafka, letters.name(), "key-d", b"", "INVALID_JOB").await;

    let at = ["--brokers", kafka.brokers(), "--topic", jobs.name()];
    let run = |command: &[&str]| {
        let arguments: Vec<&str> = ["dlq"].iter().chain(command).chain(&at).copied().collect();
        spillway(&arguments).unwrap()
    };
    let (is_content, said, complaint) = run(&["list", "--json"]);
    assert!(is_content, "{complaint}");
    let listed: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(listed.len(), 4, "{said}");
    let first = listed.iter().find(|it| it["job"] == "a").unwrap();
    assert_eq!(
        (&first["reason"], &first["origin"]),
        (&"MODEL_FAILED".into(), &"jobs/3/41".into())
    );
    let can = listed.iter().filter(|it| it["can_be_replayed"] == true);
    assert_eq!(can.count(), 2);
    let (_, said, _) = run(&["list", "--reason", "invalid_job", "--since", "1h"]);
    assert!(
        said.contains("(no job)") && !said.contains("MODEL_FAILED"),
        "{said}"
    );
    let (_, said, _) = run(&["list", "--until", "1h"]);
    assert!(said.contains("no dead letters"), "{said}");
    let (_, said, _) = run(&["list", "--max", "2"]);
    assert!(said.contains("more than --max 2"), "{said}");

    let (is_content, said, _) = run(&["replay", "--dry-run", "--reason", "MODEL_FAILED"]);
    assert!(
        is_content && said.contains("2 of 2 jobs would be sent again"),
        "{said}"
    );
    assert_eq!(jobs.records().unwrap(), Vec::<Record>::new());
    let (is_content, said, complaint) = run(&["replay", "--reason", "MODEL_FAILED", "--json"]);
    assert!(is_content, "{said}{complaint}");
    let (is_content, said, _) = run(&["replay", "--reason", "INVALID_JOB"]);
    assert!(!is_content, "somebody must look at what cannot be sent");
    assert!(
        said.contains("it is no job") && said.contains("too large"),
        "{said}"
    );

    let mut again = jobs.records().unwrap();
    again.sort_by(|one, other| one.key.cmp(&other.key));
    let sent: Vec<(Option<&str>, Option<&[u8]>)> = again
        .iter()
        .map(|it| (it.key.as_deref(), it.value.as_deref()))
        .collect();
    let (a, b) = (job("a"), job("b"));
    assert_eq!(
        sent,
        [(Some("key-a"), Some(&*a)), (Some("key-b"), Some(&*b))]
    );
    let headers = [("traceparent".to_owned(), "00-a-b-01".to_owned())];
    assert!(
        again
            .iter()
            .all(|it| it.headers == BTreeMap::from(headers.clone())),
        "{again:?}"
    );
}
