//! A ScaledObject read strictly where it matters, and with a note for everything that has no counterpart.
//!
//! The names and defaults are KEDA's (2.20): `pollingInterval` 30, `cooldownPeriod` 300, `maxReplicaCount` 100,
//! `lagThreshold` 10.

use serde_json::{Map, Value};
use spillway_core::Problem;

use crate::policy_file::{PolicyReport, Tree};

const MAX_REPLICAS: u64 = 100;
const LAG_THRESHOLD: u64 = 10;
/// More replicas than this are a typing error.
const REPLICAS_MAX: u64 = 10_000;

/// What a policy can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScaledObject {
    pub(super) name: String,
    /// Kind and name of what is scaled: `Deployment workers`.
    pub(super) target: String,
    pub(super) brokers: Vec<String>,
    pub(super) group: String,
    pub(super) topics: Vec<String>,
    pub(super) lag_threshold: u64,
    pub(super) replicas_min: u32,
    pub(super) replicas_max: u32,
    /// What was left out, and why.
    pub(super) notes: Vec<String>,
}

/// Fields that have no counterpart, and what becomes of them.
const SPEC_FIELDS: &[(&str, &str)] = &[
    ("idleReplicaCount", "the base is never scaled to idle"),
    ("pollingInterval", "the lag is read every few seconds"),
    (
        "cooldownPeriod",
        "a machine is given back as soon as no deadline needs it and its billing minimum is over",
    ),
    (
        "initialCooldownPeriod",
        "a machine is given back as soon as no deadline needs it",
    ),
    (
        "fallback",
        "without a reading nothing is given back, and nothing is bought blindly",
    ),
    ("advanced", "there is no HorizontalPodAutoscaler any more"),
];

/// The same for a kafka trigger's metadata.
const TRIGGER_FIELDS: &[(&str, &str)] = &[
    (
        "activationLagThreshold",
        "nothing is bought while the base is in time, however long the lag",
    ),
    (
        "offsetResetPolicy",
        "a group that never committed has all of its log to read",
    ),
    (
        "allowIdleConsumers",
        "a worker that can be given no partition is never bought",
    ),
    (
        "scaleToZeroOnInvalidOffset",
        "an offset that cannot be read is unknown, not zero",
    ),
    (
        "excludePersistentLag",
        "lag that does not shrink is work that is due",
    ),
    (
        "limitToPartitionsWithLag",
        "a worker that can be given no partition is never bought",
    ),
    (
        "ensureEvenDistributionOfPartitions",
        "with `assignment: Weighted` partitions go by speed and load",
    ),
    ("partitionLimitation", "all partitions of a topic count"),
    ("version", "the broker says what it speaks"),
    (
        "sasl",
        "how the controller reaches Kafka is not part of a policy",
    ),
    (
        "tls",
        "how the controller reaches Kafka is not part of a policy",
    ),
    (
        "unsafeSsl",
        "how the controller reaches Kafka is not part of a policy",
    ),
    (
        "saslTokenProvider",
        "how the controller reaches Kafka is not part of a policy",
    ),
    (
        "awsRegion",
        "how the controller reaches Kafka is not part of a policy",
    ),
];
const TRIGGER_USED: &[&str] = &[
    "bootstrapServers",
    "bootstrapServersFromEnv",
    "consumerGroup",
    "topic",
    "lagThreshold",
];
const SPEC_USED: &[&str] = &[
    "scaleTargetRef",
    "minReplicaCount",
    "maxReplicaCount",
    "triggers",
];

/// Collects problems and notes, and gives a value for everything, so that reading goes on.
#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
    notes: Vec<String>,
}

/// One kafka trigger.
struct Trigger {
    brokers: Vec<String>,
    group: String,
    topic: String,
    lag_threshold: u64,
}

/// Reads the text of a ScaledObject's file called `name`.
///
/// # Errors
/// A report with every problem at its place.
pub(super) fn read(name: &str, text: &str) -> Result<ScaledObject, Box<PolicyReport>> {
    let report = |placed| {
        Box::new(PolicyReport::about(
            name,
            text,
            placed,
            "nothing was written",
        ))
    };
    let tree = Tree::parse(text).map_err(|problem| report(vec![problem]))?;
    let mut reader = Reader::default();
    let scaled = reader.scaled_object(&tree.value());
    let mut placed = tree.duplicates();
    placed.extend(
        reader
            .problems
            .into_iter()
            .map(|problem| tree.place(problem)),
    );
    if placed.is_empty() {
        Ok(ScaledObject {
            notes: reader.notes,
            ..scaled
        })
    } else {
        Err(report(placed))
    }
}

// === impl Reader ===

impl Reader {
    fn add(&mut self, path: &str, message: &str, help: &str) {
        self.problems.push(Problem {
            path: path.to_owned(),
            message: message.to_owned(),
            help: (!help.is_empty()).then(|| help.to_owned()),
        });
    }

    fn scaled_object(&mut self, root: &Value) -> ScaledObject {
        let kind = root["kind"].as_str().unwrap_or_default();
        if kind != "ScaledObject" {
            let help =
                "only a ScaledObject can be made a policy: `kubectl get scaledobject NAME -o yaml`";
            self.add(
                "kind",
                &format!("must be `ScaledObject`, is `{kind}`"),
                help,
            );
        }
        let api = root["apiVersion"].as_str().unwrap_or_default();
        if !api.starts_with("keda.sh/") {
            self.add(
                "apiVersion",
                &format!("must be `keda.sh/v1alpha1`, is `{api}`"),
                "",
            );
        }
        let name = self.text(&root["metadata"], "metadata", "name");
        let spec = &root["spec"];
        self.left_out(spec, "spec", SPEC_USED, SPEC_FIELDS);
        let target = &spec["scaleTargetRef"];
        let target = format!(
            "{} {}",
            target["kind"].as_str().unwrap_or("Deployment"),
            self.text(target, "spec.scaleTargetRef", "name")
        );
        let min = self.count(spec, "spec", "minReplicaCount", 0, REPLICAS_MAX);
        let max = self.count(spec, "spec", "maxReplicaCount", MAX_REPLICAS, REPLICAS_MAX);
        if max < min {
            let message = format!("is {max}, less than the {min} of minReplicaCount");
            self.add("spec.maxReplicaCount", &message, "");
        }
        let triggers = self.triggers(spec);
        let first = triggers.first();
        ScaledObject {
            name,
            target,
            brokers: first
                .map(|trigger| trigger.brokers.clone())
                .unwrap_or_default(),
            group: first
                .map(|trigger| trigger.group.clone())
                .unwrap_or_default(),
            lag_threshold: first.map_or(LAG_THRESHOLD, |trigger| trigger.lag_threshold),
            topics: triggers.into_iter().map(|trigger| trigger.topic).collect(),
            replicas_min: u32::try_from(min).unwrap_or(u32::MAX),
            replicas_max: u32::try_from(max).unwrap_or(u32::MAX),
            notes: Vec::new(),
        }
    }

    /// The kafka triggers, all of one group; a note for each of another type.
    fn triggers(&mut self, spec: &Value) -> Vec<Trigger> {
        let mut triggers: Vec<Trigger> = Vec::new();
        let written = spec["triggers"].as_array().cloned().unwrap_or_default();
        let problems = self.problems.len();
        for (place, trigger) in written.iter().enumerate() {
            let path = format!("spec.triggers[{place}]");
            match trigger["type"].as_str() {
                Some("kafka" | "apache-kafka") => {}
                Some(other) => {
                    self.notes.push(format!(
                        "trigger {} ({other}) was left out: a policy scales by Kafka's lag alone",
                        place + 1
                    ));
                    continue;
                }
                None => {
                    self.add(&format!("{path}.type"), "is required", "say `type: kafka`");
                    continue;
                }
            }
            let trigger = self.trigger(trigger, &path);
            let Some(first) = triggers.first() else {
                triggers.push(trigger);
                continue;
            };
            if (&trigger.group, &trigger.brokers) != (&first.group, &first.brokers) {
                let message =
                    "is another consumer group, or on other brokers, than the first trigger";
                let help = "a policy is for one group: migrate each as a ScaledObject by itself";
                self.add(&format!("{path}.metadata.consumerGroup"), message, help);
            } else if triggers.iter().any(|other| other.topic == trigger.topic) {
                self.add(
                    &format!("{path}.metadata.topic"),
                    "has a trigger already",
                    "",
                );
            } else {
                triggers.push(trigger);
            }
        }
        if triggers.is_empty() && self.problems.len() == problems {
            self.add(
                "spec.triggers",
                "has no trigger of type kafka",
                "only those can be made a policy",
            );
        }
        triggers
    }

    fn trigger(&mut self, trigger: &Value, path: &str) -> Trigger {
        let metadata = &trigger["metadata"];
        let at = format!("{path}.metadata");
        self.left_out(metadata, &at, TRIGGER_USED, TRIGGER_FIELDS);
        if trigger.get("authenticationRef").is_some() {
            self.notes.push(
                "authenticationRef was left out: how the controller reaches Kafka is not part of a policy".to_owned(),
            );
        }
        let brokers = self.brokers(metadata, &at);
        let group = self.text(metadata, &at, "consumerGroup");
        let topic = match metadata.get("topic") {
            None => {
                let help =
                    "KEDA then takes all topics of the group; write a trigger for each of them";
                self.add(&at, "names no topic", help);
                String::new()
            }
            Some(_) => self.text(metadata, &at, "topic"),
        };
        let lag_threshold = self.count(metadata, &at, "lagThreshold", LAG_THRESHOLD, u64::MAX);
        if lag_threshold == 0 {
            self.add(&format!("{at}.lagThreshold"), "must be above 0", "");
        }
        Trigger {
            brokers,
            group,
            topic,
            lag_threshold,
        }
    }

    fn brokers(&mut self, metadata: &Value, at: &str) -> Vec<String> {
        if metadata.get("bootstrapServers").is_none()
            && metadata.get("bootstrapServersFromEnv").is_some()
        {
            let help = "write what it holds as `bootstrapServers: host:port`";
            let path = format!("{at}.bootstrapServersFromEnv");
            self.add(&path, "is in an environment that is not here", help);
            return Vec::new();
        }
        let path = format!("{at}.bootstrapServers");
        let text = self.text(metadata, at, "bootstrapServers");
        let brokers: Vec<String> = text
            .split(',')
            .map(|broker| broker.trim().to_owned())
            .filter(|broker| !broker.is_empty())
            .collect();
        for broker in &brokers {
            let port = broker
                .rsplit_once(':')
                .and_then(|(_, port)| port.parse::<u16>().ok());
            if port.is_none() {
                self.add(
                    &path,
                    &format!("names `{broker}`, which has no port"),
                    "as `kafka:9092`",
                );
            }
        }
        brokers
    }

    /// A text that must be there; numbers and truths count as text, as people leave their quotes out.
    fn text(&mut self, of: &Value, path: &str, field: &str) -> String {
        let text = match &of[field] {
            Value::String(text) => text.trim().to_owned(),
            number @ Value::Number(_) => number.to_string(),
            Value::Null => String::new(),
            _ => {
                self.add(&format!("{path}.{field}"), "must be text", "");
                return String::new();
            }
        };
        if text.is_empty() {
            self.add(&format!("{path}.{field}"), "is required", "");
        }
        text
    }

    /// A whole number, quoted or not.
    fn count(&mut self, of: &Value, path: &str, field: &str, default: u64, most: u64) -> u64 {
        let written = match &of[field] {
            Value::Null => return default,
            Value::String(text) => text.trim().to_owned(),
            other => other.to_string(),
        };
        let count = written.parse::<u64>().ok().filter(|count| *count <= most);
        if count.is_none() {
            let message = format!("is {written}, not a whole number from 0 on");
            self.add(&format!("{path}.{field}"), &message, "");
        }
        count.unwrap_or(default)
    }

    /// Notes what is there and has no counterpart, and what is not known at all.
    fn left_out(&mut self, of: &Value, path: &str, used: &[&str], known: &[(&str, &str)]) {
        let empty = Map::new();
        for (field, value) in of.as_object().unwrap_or(&empty) {
            if used.contains(&field.as_str()) {
                continue;
            }
            let shown = match value {
                Value::String(text) => format!(" ({text})"),
                Value::Number(number) => format!(" ({number})"),
                Value::Bool(truth) => format!(" ({truth})"),
                _ => String::new(),
            };
            if let Some((_, why)) = known.iter().find(|(known, _)| known == field) {
                self.notes
                    .push(format!("{field}{shown} was left out: {why}"));
                continue;
            }
            let all = used.iter().chain(known.iter().map(|(known, _)| known));
            let nearest = all
                .map(|known| (strsim::jaro_winkler(field, known), known))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|(likeness, _)| *likeness > 0.9);
            match nearest {
                // Nearly a field that counts: leaving it out would change what is meant.
                Some((_, known)) => {
                    let help = format!("did you mean `{known}`?");
                    self.add(&format!("{path}.{field}"), "is not a field", &help);
                }
                None => self.notes.push(format!(
                    "{field}{shown} was left out: it is not known here (in {path})"
                )),
            }
        }
    }
}
