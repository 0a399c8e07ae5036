//! The numbers that a plan was decided upon, for people.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value, json};
use spillway_core::Numbers;

pub(super) fn of(numbers: &Numbers) -> BTreeMap<String, Value> {
    let workers: BTreeMap<&String, Value> = numbers
        .pools
        .iter()
        .map(|(pool, it)| {
            let counts = json!({
                "booting": it.booting, "ready": it.ready, "draining": it.draining,
                "rate_per_worker": it.rate_mean.per_second(),
                "rate_counted_on": it.rate_low.per_second(),
                "measured": it.measured, "boot_seconds": seconds(it.boot_high),
            });
            (pool, counts)
        })
        .collect();
    let rate = |rate: spillway_core::Rate| rate.per_second();
    let numbers = [
        ("backlog", json!(numbers.backlog)),
        ("oldest_age_seconds", json!(numbers.oldest_age.map(seconds))),
        ("arrival_rate", json!(numbers.arrival_rate.map(rate))),
        ("service_rate", json!(rate(numbers.service_rate))),
        ("service_rate_soon", json!(rate(numbers.service_rate_soon))),
        ("drain_eta_seconds", json!(numbers.drain_eta.map(seconds))),
        ("drain_within_seconds", json!(seconds(numbers.drain_within))),
        ("late_jobs", json!(numbers.late)),
        ("cost_per_hour", json!(numbers.cost_per_hour.to_f64())),
        (
            "burst_cost_per_hour",
            json!(numbers.burst_cost_per_hour.to_f64()),
        ),
        ("partitions", json!(numbers.partitions)),
        ("partitions_known", json!(numbers.partitions_known)),
        ("pools", json!(workers)),
    ];
    let named = numbers.map(|(name, value)| (name.to_owned(), value));
    BTreeMap::from(named)
}

pub(super) fn seconds(span: SignedDuration) -> f64 {
    span.as_secs_f64()
}
