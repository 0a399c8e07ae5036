//! The ways into a cluster that is encrypted and asks for a login, in the words of `--kafka-config`.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::{sync::Arc, time::Duration};

use spillway_kafka::{BacklogSource, Cluster, GroupLag, KafkaConfig};
use spillway_tests::{
    Kafka, PASSWORD, Secure, Topic, USER, eventually_async, require_kafka, require_program,
};

const SOON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(5);

/// The broker of this file's tests; none where Kafka cannot be had.
fn broker() -> Option<&'static Kafka> {
    static BROKER: std::sync::OnceLock<Kafka> = std::sync::OnceLock::new();
    require_kafka()?;
    Some(BROKER.get_or_init(|| Kafka::start_secure().unwrap()))
}

/// What a person writes to log in by `mechanism`.
fn login(secure: &Secure, mechanism: &str, password: &str) -> Vec<(String, String)> {
    let ca = secure.ca.display().to_string();
    let mut properties = vec![
        ("security.protocol", "sasl_ssl"),
        ("ssl.ca.location", ca.as_str()),
        ("sasl.mechanism", mechanism),
    ];
    match mechanism {
        "OAUTHBEARER" => properties.extend([
            // A token that nobody signed, made by librdkafka itself: with `sasl.oauthbearer.method=oidc` it fetches one.
            ("enable.sasl.oauthbearer.unsecure.jwt", "true"),
            ("sasl.oauthbearer.config", "principal=reader"),
        ]),
        _ => properties.extend([("sasl.username", USER), ("sasl.password", password)]),
    }
    let owned = properties.into_iter();
    owned
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn lag(address: &str, properties: &[(String, String)], topic: &Topic) -> GroupLag {
    let config = KafkaConfig::new(address);
    let config = properties
        .iter()
        .fold(config, |config, (key, value)| config.with(key, value));
    let cluster: Arc<Cluster> = Cluster::new(config).unwrap();
    GroupLag::new(cluster, "it-secure", [topic.name()], LOOK).unwrap()
}

/// The lag of the first partition.
async fn first(source: &GroupLag) -> Result<u64, String> {
    let reading = source.read().await;
    let first = reading.partitions.first().ok_or(format!("{reading:?}"))?;
    first.offsets.clone().map(|offsets| offsets.lag())
}

#[tokio::test]
async fn every_way_in_reads_the_same_lag() {
    let Some(kafka) = broker() else { return };
    let secure = kafka.secure().unwrap();
    let topic = kafka.topic("secure", 1).await;
    topic.produce(0, 3).await;
    let ca = secure.ca.display().to_string();
    let tls = [("security.protocol", "ssl"), ("ssl.ca.location", &ca)];
    let tls = tls.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let mut ways = vec![("TLS", secure.tls.as_str(), tls.to_vec())];
    for mechanism in ["PLAIN", "SCRAM-SHA-512", "OAUTHBEARER"] {
        ways.push((mechanism, &secure.sasl, login(secure, mechanism, PASSWORD)));
    }
    for (way, address, properties) in ways {
        let source = lag(address, &properties, &topic);
        let read = eventually_async(SOON, way, || first(&source)).await;
        assert_eq!(read, 3, "{way}");
    }
}

#[tokio::test]
async fn a_login_that_is_refused_is_unknown_and_says_what_to_do() {
    let Some(kafka) = broker() else { return };
    let secure = kafka.secure().unwrap();
    let topic = kafka.topic("refused", 1).await;
    let untrusted = vec![("security.protocol".to_owned(), "ssl".to_owned())];
    for (what, address, properties, says) in [
        (
            "a wrong password",
            &secure.sasl,
            login(secure, "SCRAM-SHA-512", "guess"),
            "the login was refused",
        ),
        (
            "a certificate that is not trusted",
            &secure.tls,
            untrusted,
            "ssl.ca.location",
        ),
    ] {
        let source = lag(address, &properties, &topic);
        let why = eventually_async(SOON, what, || async {
            let reading = source.read().await;
            assert_eq!(reading.partitions, [], "{what}: nothing can be known");
            let (_, why) = reading.missing.first().unwrap().clone();
            if why.contains(says) {
                Ok(why)
            } else {
                Err(why)
            }
        })
        .await;
        assert!(!why.contains("guess"), "no secret in {why}");
        eprintln!("{what}: {why}");
    }
}

#[tokio::test]
async fn the_command_line_takes_the_same_words() {
    let Some(kafka) = broker() else { return };
    let secure = kafka.secure().unwrap();
    let topic = kafka.topic("words", 1).await;
    let Some(mut command) = require_program("spillway") else {
        return;
    };
    command.args([
        "dlq",
        "list",
        "--brokers",
        &secure.sasl,
        "--topic",
        topic.name(),
    ]);
    for (key, value) in login(secure, "SCRAM-SHA-512", PASSWORD) {
        command.args(["--kafka-config", &format!("{key}={value}")]);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("no dead letters"), "{said}");
}
