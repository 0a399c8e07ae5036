//! `spillway market`: every offer of a policy in one ranking, by what a million images cost there.
//!
//! Each number says where it comes from: the policy, or what the controller measured.
//! Deliberately absent: asking a provider for anything. It only reads.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use serde::Serialize;
use spillway_core::{Action, Market, Outcome, Policy, Pool, PoolNumbers, Rate, spoken};

use crate::columns::Columns;
use crate::journal::{self, Event};
use crate::policy_file;

const EXAMPLES: &str = "\
EXAMPLES:
  What the policy says:
    spillway market policies/clouds.yaml
  The same with what a controller has measured, and what providers refused it last:
    spillway market policies/clouds.yaml --journal spillway-state/journal";

/// Ranks the offers of a policy by dollars per million images, transfer included.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "--help shows examples.")]
pub(crate) struct MarketArgs {
    /// The policy file.
    file: PathBuf,
    /// A controller's journal, `journal` in its state folder: for measured rates and boot times, and for refusals.
    #[arg(long, value_name = "FOLDER")]
    journal: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// All offers, the cheapest first.
#[derive(Debug, Serialize)]
struct Ranking {
    policy: String,
    /// When the newest measurement was taken.
    measured_at: Option<Timestamp>,
    offers: Vec<Ranked>,
}

/// One offer.
#[derive(Debug, Serialize)]
struct Ranked {
    pool: String,
    cloud: String,
    region: String,
    zone: String,
    machine: String,
    market: Market,
    /// Work and transfer of a million images.
    dollars_per_million: Decimal,
    transfer_dollars_per_million: Decimal,
    price_per_hour: Told<Decimal>,
    images_per_second: Told<Decimal>,
    ready_in_seconds: Told<i64>,
    max: u32,
    /// What its provider refused last, unless a machine was had since.
    refused: Option<Refused>,
}

/// A number and where it comes from.
#[derive(Debug, Serialize)]
struct Told<T> {
    value: T,
    from: Source,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Source {
    Policy,
    Measured,
}

#[derive(Debug, Clone, Serialize)]
struct Refused {
    at: Timestamp,
    fault: &'static str,
}

/// What a controller came to know of its pools.
#[derive(Debug, Default)]
struct Known {
    at: Option<Timestamp>,
    pools: BTreeMap<String, PoolNumbers>,
    refused: BTreeMap<String, Refused>,
}

// === impl MarketArgs ===

impl MarketArgs {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let policy = match policy_file::load(&self.file) {
            Ok(policy) => policy,
            Err(report) => return Ok(report.show()),
        };
        let known = self.journal.as_deref().map(Known::read).transpose()?;
        let ranking = rank(&policy, &known.unwrap_or_default());
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&ranking)?)?;
        } else {
            write!(out, "{}", ranking.text())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

// === impl Known ===

impl Known {
    fn read(journal: &Path) -> anyhow::Result<Self> {
        let mut known = Self::default();
        let mut asked: BTreeMap<String, String> = BTreeMap::new();
        journal::read(journal, |event| known.take(event, &mut asked))?;
        Ok(known)
    }

    fn take(&mut self, event: Event, asked: &mut BTreeMap<String, String>) {
        match event {
            Event::Planned { plan, .. } => {
                self.at = Some(plan.at);
                self.pools = plan.numbers.pools;
            }
            Event::Started {
                action: Action::Launch { intent, pool, .. },
                ..
            } => {
                asked.insert(intent.to_string(), pool);
            }
            Event::Finished {
                at,
                intent,
                outcome,
            } => {
                let Some(pool) = asked.remove(intent.as_str()) else {
                    return;
                };
                match outcome {
                    Outcome::Done => {
                        self.refused.remove(&pool);
                    }
                    Outcome::NotLaunched { fault, .. } => {
                        let fault = fault.as_str();
                        self.refused.insert(pool, Refused { at, fault });
                    }
                    Outcome::Unknown { .. } | Outcome::Failed { .. } => {}
                }
            }
            Event::Began { .. }
            | Event::Observed { .. }
            | Event::Started { .. }
            | Event::Assigned { .. }
            | Event::Ordered { .. } => {}
        }
    }
}

fn rank(policy: &Policy, known: &Known) -> Ranking {
    let mut offers: Vec<Ranked> = policy
        .pools()
        .iter()
        .map(|pool| ranked(pool, known))
        .collect();
    // Names decide where prices do not, so that equal input gives equal output.
    offers.sort_by(|one, other| {
        let key = |offer: &Ranked| (offer.dollars_per_million, offer.pool.clone());
        key(one).cmp(&key(other))
    });
    Ranking {
        policy: policy.name().to_owned(),
        measured_at: known.at,
        offers,
    }
}

fn ranked(pool: &Pool, known: &Known) -> Ranked {
    let measured = known.pools.get(&pool.name).filter(|it| it.measured);
    let (rate, from) = match measured {
        Some(numbers) => (numbers.rate_mean, Source::Measured),
        None => (pool.throughput, Source::Policy),
    };
    let ready = match measured {
        Some(numbers) => Told {
            value: numbers.boot_high.as_secs(),
            from: Source::Measured,
        },
        None => Told {
            value: pool.boot_time.as_secs(),
            from: Source::Policy,
        },
    };
    Ranked {
        pool: pool.name.clone(),
        cloud: pool.place.cloud.clone(),
        region: pool.place.region.clone(),
        zone: pool.place.zone.clone(),
        machine: pool.place.machine.clone(),
        market: pool.market,
        dollars_per_million: pool.dollars_per_million(rate).0.round_dp(2),
        transfer_dollars_per_million: pool.transfer_per_million.0.round_dp(2),
        price_per_hour: Told {
            value: pool.price_per_hour.0,
            from: Source::Policy,
        },
        images_per_second: Told {
            value: per_second(rate),
            from,
        },
        ready_in_seconds: ready,
        max: pool.max,
        refused: known.refused.get(&pool.name).cloned(),
    }
}

fn per_second(rate: Rate) -> Decimal {
    (Decimal::from(rate.milli()) / Decimal::ONE_THOUSAND).round_dp(1)
}

// === impl Ranking ===

impl Ranking {
    fn text(&self) -> String {
        let mut table = Columns::new(
            3,
            &[
                "pool",
                "place",
                "market",
                "$/million",
                "transfer",
                "$/hour",
                "images/s",
                "ready in",
                "max",
                "notes",
            ],
        );
        for offer in &self.offers {
            let refused = offer
                .refused
                .as_ref()
                .map(|it| format!("{} at {:.0}", it.fault, it.at));
            table.line(vec![
                offer.pool.clone(),
                offer.place(),
                match offer.market {
                    Market::OnDemand => "on demand".to_owned(),
                    Market::Spot => "spot".to_owned(),
                },
                format!("{:.2}", offer.dollars_per_million),
                format!("{:.2}", offer.transfer_dollars_per_million),
                format!("{:.2}", offer.price_per_hour.value),
                format!(
                    "{}{}",
                    offer.images_per_second.value,
                    offer.images_per_second.mark()
                ),
                format!(
                    "{}{}",
                    spoken(SignedDuration::from_secs(offer.ready_in_seconds.value)),
                    offer.ready_in_seconds.mark()
                ),
                offer.max.to_string(),
                refused.unwrap_or_default(),
            ]);
        }
        let mut text = table.text();
        if self.offers.is_empty() {
            text = format!("{} buys nothing: it has no pools\n", self.policy);
        }
        text.push_str("\nPrices and transfer are the policy's; `*` marks what was measured");
        text.push_str(&match self.measured_at {
            Some(at) => format!(", last at {at:.0}.\n"),
            None => ", which was not asked for (--journal).\n".to_owned(),
        });
        text
    }
}

// === impl Ranked ===

impl Ranked {
    fn place(&self) -> String {
        let parts = [&self.cloud, &self.zone_or_region(), &self.machine];
        let parts: Vec<&str> = parts
            .iter()
            .map(|it| it.as_str())
            .filter(|it| !it.is_empty())
            .collect();
        parts.join(" ")
    }

    fn zone_or_region(&self) -> String {
        // Oracle's and Azure's zones do not say where they are.
        if self.zone.starts_with(&self.region) && !self.zone.is_empty() {
            return self.zone.clone();
        }
        self.region.clone()
    }
}

// === impl Told ===

impl<T> Told<T> {
    fn mark(&self) -> &'static str {
        match self.from {
            Source::Policy => "",
            Source::Measured => "*",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOUDS: &str = include_str!("../../policies/clouds.yaml");

    fn policy() -> Policy {
        policy_file::parse("clouds.yaml", CLOUDS).unwrap_or_else(|report| panic!("{report:?}"))
    }

    #[test]
    fn offers_are_ranked_by_what_the_policy_says() {
        insta::assert_snapshot!(rank(&policy(), &Known::default()).text());
    }

    #[test]
    fn what_was_measured_and_refused_is_told_and_changes_the_ranking() {
        let at = "2026-11-20T10:00:00Z".parse().unwrap();
        let slow = PoolNumbers {
            measured: true,
            rate_mean: Rate::from_milli(12_345),
            boot_high: SignedDuration::from_secs(201),
            ..PoolNumbers::default()
        };
        let believed = PoolNumbers {
            measured: false,
            rate_mean: Rate::from_milli(1),
            ..PoolNumbers::default()
        };
        let fault = spillway_core::Fault::NoCapacity.as_str();
        let known = Known {
            at: Some(at),
            pools: [
                ("gcp-l4-spot".to_owned(), slow),
                ("oci-a10".to_owned(), believed),
            ]
            .into(),
            refused: [("aws-g6-spot".to_owned(), Refused { at, fault })].into(),
        };
        let ranking = rank(&policy(), &known);
        insta::assert_snapshot!(ranking.text());
        let json = serde_json::to_value(&ranking).unwrap();
        let last = json["offers"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["pool"] == "gcp-l4-spot");
        assert_eq!(last.unwrap()["images_per_second"]["from"], "measured");
    }
}
