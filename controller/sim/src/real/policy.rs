//! The policy that a person would write who was told of a world: told rates, median boots, no trouble.

use rust_decimal::Decimal;
use spillway_core::{Policy, raw};

use crate::spec::{OfferSpec, WorldSpec};

/// The policy for a world, from what its people were told.
///
/// # Panics
/// If the world has a number that no policy takes: names that are no pool's, rates of zero.
#[must_use]
pub fn told_policy(spec: &WorldSpec) -> Policy {
    let written = written_policy(spec);
    Policy::check(&written)
        .unwrap_or_else(|problems| panic!("a world that no policy describes: {problems:?}"))
}

/// The same as a person writes it.
#[must_use]
pub fn written_policy(spec: &WorldSpec) -> raw::ScalingPolicy {
    let boot_time = seconds(spec.boot.p50);
    let pools = spec.offers.iter().map(|offer| pool(offer, &boot_time));
    let kafka = raw::KafkaSource {
        bootstrap_servers: Some(vec!["kafka:9092".to_owned()]),
        consumer_group: Some("workers".to_owned()),
        topics: Some(vec![raw::Topic {
            name: Some("jobs".to_owned()),
            drain_within: None,
        }]),
        assignment: Some("Weighted".to_owned()),
    };
    raw::ScalingPolicy {
        api_version: Some("spillway.dev/v1alpha1".to_owned()),
        kind: Some("ScalingPolicy".to_owned()),
        metadata: Some(raw::Metadata {
            name: Some("spillway".to_owned()),
        }),
        spec: Some(raw::Spec {
            source: Some(raw::Source { kafka: Some(kafka) }),
            objective: Some(raw::Objective {
                drain_within: Some(seconds(spec.drain_within)),
            }),
            base: Some(raw::Base {
                fixed: Some(raw::BaseStatic {
                    workers: Some(spec.base.workers),
                }),
                price_per_worker_hour: Some(decimal(spec.base.price)),
                throughput_per_worker: Some(decimal(spec.base.rate)),
                ..raw::Base::default()
            }),
            burst: Some(raw::Burst {
                max_workers: Some(spec.burst_max),
                pools: Some(pools.collect()),
                ..raw::Burst::default()
            }),
            ..raw::Spec::default()
        }),
    }
}

fn pool(offer: &OfferSpec, boot_time: &str) -> raw::BurstPool {
    raw::BurstPool {
        name: Some(offer.name.clone()),
        provider: Some(raw::ProviderChoice {
            process: Some(raw::ProcessChoice::default()),
            ..raw::ProviderChoice::default()
        }),
        market: Some(if offer.is_spot { "Spot" } else { "OnDemand" }.to_owned()),
        price_per_hour: Some(decimal(offer.price)),
        transfer_per_gb: None,
        billing_minimum: Some(seconds(offer.billing_minimum)),
        boot_time: Some(boot_time.to_owned()),
        throughput_per_worker: Some(decimal(offer.rate)),
        max: Some(offer.max),
    }
}

/// As a person writes it: 0.1, not what a float makes of it.
fn decimal(number: f64) -> Decimal {
    number.to_string().parse().unwrap_or(Decimal::MAX)
}

fn seconds(seconds: f64) -> String {
    format!("{}ms", (seconds * 1_000.0).round())
}
