//! What makes a policy wrong, as rules that the API server checks: the sentences are those of `spillway policy lint`.

use serde_json::{Value, json};
use spillway_core::raw;

/// Workers in one policy; more is a typing error.
const WORKERS_MAX: u32 = 10_000;
/// As long as a name may be.
const NAME_CHARS_MAX: usize = 40;
/// As long as a duration may be.
const DURATION_CHARS_MAX: usize = 32;

/// Adds the rules of `ScalingPolicy`'s spec.
pub(super) fn policy(spec: &mut Value) {
    durations(spec);
    required(spec, &["source", "objective", "base"]);
    required(at(spec, &["objective"]), &["drainWithin"]);
    choice(at(spec, &["mode"]), &["Enforce", "Recommend"]);
    required(at(spec, &["source"]), &["kafka"]);
    kafka(at(spec, &["source", "kafka"]));
    base(at(spec, &["base"]));
    let burst = at(spec, &["burst"]);
    required(burst, &["maxWorkers"]);
    count(at(burst, &["maxWorkers"]), 0);
    rule(
        burst,
        "!has(self.maxWorkers) || self.maxWorkers <= 0 || (has(self.pools) && self.pools.size() > 0)",
        "needs at least one pool to buy from",
        Some(".pools"),
    );
    servers(at(burst, &["join", "bootstrapServers"]));
    pools(at(burst, &["pools"]));
    for field in ["perHour", "perDay"] {
        not_negative(at(spec, &["budget", field]));
    }
    rule(
        at(spec, &["behavior", "sooner"]),
        "self <= 90",
        "must be at most 90 percent",
        None,
    );
}

/// Adds the rules of a policy's name to the schema of the whole object.
pub(super) fn named(object: &mut Value) {
    let long = format!("metadata.name is longer than {NAME_CHARS_MAX} characters");
    let fits = format!("self.metadata.name.size() <= {NAME_CHARS_MAX}");
    rule(object, &fits, &long, None);
    rule(
        object,
        "self.metadata.name.matches('^[a-z0-9-]*$')",
        "metadata.name may hold only a to z, 0 to 9 and -",
        None,
    );
}

/// Adds the rules of `BurstInstance`'s spec.
pub(super) fn instance(spec: &mut Value) {
    let same = [
        "policy",
        "intent",
        "number",
        "pool",
        "pricePerHour",
        "writtenAt",
    ];
    let same: Vec<String> = same
        .iter()
        .map(|it| format!("self.{it} == oldSelf.{it}"))
        .collect();
    rule(spec, &same.join(" && "), "an intent never changes", None);
    spec["properties"]["request"] = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true,
               "description": spec["properties"]["request"]["description"]});
}

fn kafka(kafka: &mut Value) {
    required(kafka, &["bootstrapServers", "consumerGroup"]);
    servers(at(kafka, &["bootstrapServers"]));
    not_empty(at(kafka, &["consumerGroup"]));
    choice(at(kafka, &["assignment"]), &["Weighted", "Group"]);
    rule(
        kafka,
        "has(self.topics) && self.topics.size() > 0",
        "needs at least one topic",
        Some(".topics"),
    );
    let topics = at(kafka, &["topics"]);
    unique_names(topics, "is named twice");
    let topic = &mut topics["items"];
    required(topic, &["name"]);
    not_empty(at(topic, &["name"]));
    at(topic, &["name"])["maxLength"] = json!(249);
}

fn base(base: &mut Value) {
    required(base, &["pricePerWorkerHour", "throughputPerWorker"]);
    not_negative(at(base, &["pricePerWorkerHour"]));
    is_rate(at(base, &["throughputPerWorker"]));
    rule(
        base,
        "has(self.kubernetes) || has(self.process) || has(self.static)",
        "names no kind of worker",
        None,
    );
    for (second, first) in [
        ("static", "process"),
        ("process", "kubernetes"),
        ("static", "kubernetes"),
    ] {
        one_of(base, first, second);
    }
    for kind in ["process", "static"] {
        let kind = at(base, &[kind]);
        required(kind, &["workers"]);
        count(at(kind, &["workers"]), 0);
    }
    let kubernetes = at(base, &["kubernetes"]);
    rule(
        kubernetes,
        "has(self.deployment) || has(self.statefulSet)",
        "names no workload",
        None,
    );
    one_of(kubernetes, "deployment", "statefulSet");
    required(kubernetes, &["replicas"]);
    for field in ["deployment", "statefulSet", "namespace"] {
        not_empty(at(kubernetes, &[field]));
    }
    let replicas = at(kubernetes, &["replicas"]);
    required(replicas, &["min", "max"]);
    count(at(replicas, &["min"]), 0);
    count(at(replicas, &["max"]), 1);
    rule(
        replicas,
        "!has(self.min) || !has(self.max) || self.max < 1 || self.min <= self.max",
        "is above the max",
        Some(".min"),
    );
}

fn pools(pools: &mut Value) {
    unique_names(pools, "is the name of an earlier pool");
    let pool = &mut pools["items"];
    required(
        pool,
        &[
            "name",
            "pricePerHour",
            "bootTime",
            "throughputPerWorker",
            "max",
        ],
    );
    let name = at(pool, &["name"]);
    name["maxLength"] = json!(253);
    not_empty(name);
    rule(name, "self != 'base'", "is the name of the base pool", None);
    rule(
        name,
        "self.matches('^[a-z0-9-]*$')",
        "may hold only a to z, 0 to 9 and -",
        None,
    );
    let long = format!("is longer than {NAME_CHARS_MAX} characters");
    rule(
        name,
        &format!("self.size() <= {NAME_CHARS_MAX}"),
        &long,
        None,
    );
    choice(at(pool, &["market"]), &["OnDemand", "Spot"]);
    not_negative(at(pool, &["pricePerHour"]));
    not_negative(at(pool, &["transferPerGB"]));
    is_rate(at(pool, &["throughputPerWorker"]));
    count(at(pool, &["max"]), 1);
    // Whatever providers there are.
    let kinds = pool["properties"]["provider"]["properties"].as_object();
    let kinds: Vec<String> = kinds
        .into_iter()
        .flatten()
        .map(|(kind, _)| kind.clone())
        .collect();
    let any: Vec<String> = kinds
        .iter()
        .map(|kind| format!("has(self.provider.{kind})"))
        .collect();
    let any = format!("has(self.provider) && ({})", any.join(" || "));
    rule(pool, &any, "names no provider", Some(".provider"));
}

/// The node at a path of properties.
fn at<'a>(mut node: &'a mut Value, path: &[&str]) -> &'a mut Value {
    for field in path {
        node = &mut node["properties"][*field];
    }
    node
}

fn push(node: &mut Value, rule: Value) {
    if node["x-kubernetes-validations"].is_null() {
        node["x-kubernetes-validations"] = json!([]);
    }
    if let Some(rules) = node["x-kubernetes-validations"].as_array_mut() {
        rules.push(rule);
    }
}

fn rule(node: &mut Value, rule: &str, message: &str, field: Option<&str>) {
    let mut made = json!({"rule": rule, "message": message});
    if let Some(field) = field {
        made["fieldPath"] = json!(field);
    }
    push(node, made);
}

fn required(node: &mut Value, fields: &[&str]) {
    for field in fields {
        let mut made = json!({"rule": format!("has(self.{field})"), "message": "is required"});
        made["fieldPath"] = json!(format!(".{field}"));
        made["reason"] = json!("FieldValueRequired");
        push(node, made);
    }
}

/// Not both.
fn one_of(node: &mut Value, first: &str, second: &str) {
    rule(
        node,
        &format!("!(has(self.{first}) && has(self.{second}))"),
        &format!("cannot stand beside `{first}`: choose one"),
        Some(&format!(".{second}")),
    );
}

fn choice(node: &mut Value, words: &[&str]) {
    let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
    node["maxLength"] = json!(64);
    push(
        node,
        json!({
            "rule": format!("self in [{}]", words.join(", ")),
            "messageExpression": "'`' + self + '` is not known here'",
            "message": "is not known here",
        }),
    );
}

fn not_empty(node: &mut Value) {
    rule(node, "self.size() > 0", "must not be empty", None);
}

fn not_negative(node: &mut Value) {
    rule(node, "self >= 0.0", "cannot be negative", None);
}

fn is_rate(node: &mut Value) {
    rule(node, "self > 0.0", "must be above 0 jobs per second", None);
}

fn count(node: &mut Value, min: u32) {
    rule(
        node,
        &format!("self >= {min}"),
        &format!("must be at least {min}"),
        None,
    );
    rule(
        node,
        &format!("self <= {WORKERS_MAX}"),
        &format!("must be at most {WORKERS_MAX}"),
        None,
    );
}

fn servers(node: &mut Value) {
    rule(
        node,
        "self.size() > 0",
        "needs at least one `host:port`",
        None,
    );
    node["items"]["maxLength"] = json!(262);
    rule(
        &mut node["items"],
        "self.matches('^.*:[0-9]{1,5}$')",
        "is not `host:port`",
        None,
    );
}

fn unique_names(list: &mut Value, message: &str) {
    rule(
        list,
        "self.all(one, !has(one.name) || self.filter(other, has(other.name) && other.name == one.name).size() == 1)",
        message,
        None,
    );
}

/// Durations by a rule with the lint's sentence, instead of a pattern that nobody can read.
fn durations(node: &mut Value) {
    match node {
        Value::Array(items) => items.iter_mut().for_each(durations),
        Value::Object(fields) => {
            fields.values_mut().for_each(durations);
            let pattern = fields
                .get("pattern")
                .and_then(Value::as_str)
                .map(str::to_owned);
            let Some(pattern) = pattern.filter(|pattern| pattern == raw::DURATION) else {
                return;
            };
            fields.remove("pattern");
            fields.insert("maxLength".to_owned(), json!(DURATION_CHARS_MAX));
            let pattern = pattern.replace('\\', "\\\\");
            push(
                node,
                json!({
                    "rule": format!("self.matches('{pattern}')"),
                    "messageExpression": "'`' + self + '` is not a duration'",
                    "message": "is not a duration",
                }),
            );
        }
        _ => {}
    }
}
