//! Whether Kafka is there, as the controller and as machines reach it.

use std::time::Duration;

use futures::future::join_all;
use spillway_cloud::Sight;
use spillway_core::Policy;
use spillway_kafka::{BacklogSource as _, Cluster, GroupLag};
use spillway_wire::topics;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Check, Topic};
use crate::kafka_args::KafkaArgs;

/// The longest that Kafka may take to answer here; a controller asks within a second.
const ANSWER_DEADLINE: Duration = Duration::from_secs(10);
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

pub(super) async fn look(policy: &Policy, kafka: &KafkaArgs) -> Vec<Check> {
    let (mut checks, joins) = tokio::join!(topics_of(policy, kafka), joins(policy));
    checks.extend(joins);
    checks
}

async fn topics_of(policy: &Policy, kafka: &KafkaArgs) -> Vec<Check> {
    let bad = |topic, why| vec![Check::of_kafka(topic, Sight::Bad { why })];
    let jobs = policy.topics().iter();
    let mut wanted: Vec<String> = jobs.map(|topic| topic.name.clone()).collect();
    wanted.extend([topics::WORKERS, topics::CONTROL, topics::RESULTS].map(str::to_owned));
    let config = kafka.reach(policy.bootstrap_servers());
    let lag = Cluster::new(config).and_then(|cluster| {
        GroupLag::new(cluster, policy.consumer_group(), wanted, ANSWER_DEADLINE)
    });
    let lag = match lag {
        Ok(lag) => lag,
        Err(error) => return bad(Topic::Kafka, error.to_string()),
    };
    let reading = lag.read().await;
    if reading.partitions.is_empty() {
        let why = reading.missing.first().map(|(_, why)| why.clone());
        let servers = policy.bootstrap_servers().join(", ");
        let why = why.unwrap_or_else(|| "no topic was found".to_owned());
        return bad(Topic::Kafka, format!("{servers}: {why}"));
    }
    let missing = reading.missing.iter();
    let missing: Vec<String> = missing
        .map(|(topic, why)| format!("{topic} ({why})"))
        .collect();
    let seen = if missing.is_empty() {
        Sight::Good
    } else {
        Sight::Bad {
            why: missing.join(", "),
        }
    };
    vec![
        Check::of_kafka(Topic::Kafka, Sight::Good),
        Check::of_kafka(Topic::Topics, seen),
    ]
}

/// Whether something listens where machines will look for Kafka. From here it may not be reached, and be right.
async fn joins(policy: &Policy) -> Vec<Check> {
    if !policy.pools().iter().any(|pool| pool.provider.is_cloud()) {
        return Vec::new();
    }
    let looks = policy.join_servers().iter().map(|server| async move {
        match timeout(CONNECT_DEADLINE, TcpStream::connect(server)).await {
            Ok(Ok(_)) => Sight::Good,
            Ok(Err(error)) => Sight::Unknown {
                why: format!("{server} is not reached from here: {error}"),
            },
            Err(_) => Sight::Unknown {
                why: format!("{server} does not answer here"),
            },
        }
    });
    let seen = join_all(looks).await.into_iter();
    seen.map(|seen| Check::of_kafka(Topic::Join, seen))
        .collect()
}
