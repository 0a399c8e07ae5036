//! What a made world is made of: the base, what can be bought, how long it boots, what is billed, and what goes wrong.
//!
//! Rates are jobs per second, times seconds, money dollars; all are finite and not negative.

mod check;
mod series;

use serde::{Deserialize, Serialize};

pub use check::WorldError;
pub use series::SpotSeries;

/// A world, before a trace runs through it and a seed fixes what is random.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WorldSpec {
    /// How it is called: `calm`, `adverse`, or as a file says.
    pub name: String,
    /// A job is late when it is served more than this long after it arrived, seconds.
    pub drain_within: f64,
    /// The workers that are always there and cost nothing at the margin.
    pub base: BaseSpec,
    /// What can be bought.
    pub offers: Vec<OfferSpec>,
    /// Most bought machines at a time, over all offers.
    pub burst_max: u32,
    /// From launch to first job.
    pub boot: BootLaw,
    /// Between two decisions, seconds.
    pub decide_every: f64,
    /// How old a reading is when it is decided upon, seconds.
    pub signal_delay: f64,
    /// Partitions of the group's topic.
    pub partitions: u32,
    /// What goes wrong, and how often.
    pub troubles: Troubles,
}

/// The workers that are always there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BaseSpec {
    /// How many.
    pub workers: u32,
    /// What one does, jobs per second.
    pub rate: f64,
    /// What one costs, dollars an hour.
    pub price: f64,
}

/// One kind of machine that can be bought; one machine is one worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OfferSpec {
    /// Its name, as a pool of the policy is called.
    pub name: String,
    /// Dollars an hour.
    pub price: f64,
    /// What the planner is told that one does, jobs per second.
    pub rate: f64,
    /// Most at a time.
    pub max: u32,
    /// Whether its provider takes it back when it likes.
    pub is_spot: bool,
    /// Least time that is billed, seconds.
    pub billing_minimum: f64,
}

/// Lognormal time from launch to first job.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BootLaw {
    /// Median, seconds.
    pub p50: f64,
    /// 95 % quantile, seconds.
    pub p95: f64,
}

/// What goes wrong. Zero or none turns a trouble off; each can be alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Troubles {
    /// The truth of an offer's rate is the told one times a factor.
    pub rates: Option<RateTrouble>,
    /// An offer's boot law is stretched by one of these factors, drawn once per offer, trace and seed.
    pub boot_factors: Vec<f64>,
    /// Spot machines are taken back.
    pub spot: Option<SpotTrouble>,
    /// Spot machines can be had as a recorded series says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot_series: Option<SpotSeries>,
    /// Offers are out of stock for a while.
    pub capacity: Option<CapacityTrouble>,
    /// Base workers are lost for a while.
    pub base: Option<BaseTrouble>,
    /// Keys are uneven over partitions, and moving a partition takes time.
    pub partitions: Option<PartitionTrouble>,
    /// Readings are late, partial or absent.
    pub signal: Option<SignalTrouble>,
}

/// True rates differ from what the planner was told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RateTrouble {
    /// Least and largest factor of an offer, uniform; then rescaled so that the mean over offers is 1.
    pub factor_min: f64,
    /// See `factor_min`.
    pub factor_max: f64,
    /// σ of a machine's own lognormal factor (median 1).
    pub machine_sigma: f64,
}

/// Spot machines are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SpotTrouble {
    /// Interruptions per machine-hour.
    pub per_hour: f64,
    /// Notice, seconds.
    pub notice: f64,
    /// Events per hour that take `mass_share` of all spot machines at once.
    pub mass_per_hour: f64,
    /// Share of the spot machines that such an event takes, 0..1.
    pub mass_share: f64,
}

/// Offers are out of stock for a while.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CapacityTrouble {
    /// Share of the time that an offer is out of stock, 0..1.
    pub share: f64,
    /// Mean length of an episode, seconds, exponential.
    pub episode_mean: f64,
    /// Most offers out of stock at once.
    pub at_once_max: u32,
}

/// Base workers are lost for a while.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct BaseTrouble {
    /// Losses a day, at random.
    pub per_day: f64,
    /// For how long one worker is gone, seconds.
    pub lasts: f64,
}

/// Keys are uneven over partitions, and moving a partition takes time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PartitionTrouble {
    /// Exponent of the Zipf law of keys over partitions.
    pub zipf: f64,
    /// How long a moved partition stands still, seconds.
    pub move_pause: f64,
    /// How long a drain takes, seconds.
    pub drain: f64,
    /// Who deals partitions out.
    pub assignment: AssignmentRule,
    /// In which order a worker reads the partitions that it has.
    #[serde(default)]
    pub order: ReadOrder,
}

/// Who deals partitions out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssignmentRule {
    /// By speed and load, as Spillway's controller does.
    Weighted,
    /// The same number to everyone, as Kafka's assignors do.
    Group,
}

/// In which order a worker reads its partitions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadOrder {
    /// The one whose next job is the oldest.
    #[default]
    OldestFirst,
    /// As much of each as of the others, as a plain Kafka consumer does: small partitions are done first, and the
    /// largest one's jobs wait longest.
    EqualShares,
}

/// Readings are late, partial or absent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SignalTrouble {
    /// Share of readings that are old, 0..1.
    pub old_share: f64,
    /// How old they are at most, seconds, uniform.
    pub old_max: f64,
    /// Share of readings in which some partitions are unknown, 0..1.
    pub partial_share: f64,
    /// Share of the partitions that are unknown then, 0..1.
    pub partial_unknown: f64,
    /// Blackouts per hour.
    pub blackouts_per_hour: f64,
    /// For how long nothing can be read then, seconds.
    pub blackout: f64,
}

// === impl Troubles ===

impl Troubles {
    /// What each trouble is called where one is picked out.
    pub const NAMES: [&str; 7] = [
        "rates",
        "boots",
        "spot",
        "capacity",
        "base",
        "partitions",
        "signal",
    ];

    /// The troubles of these names and no others; none where a name is no trouble's.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> Option<Self> {
        let mut only = Self::default();
        for name in names {
            match *name {
                "rates" => only.rates = self.rates,
                "boots" => only.boot_factors.clone_from(&self.boot_factors),
                "spot" => {
                    only.spot = self.spot;
                    only.spot_series.clone_from(&self.spot_series);
                }
                "capacity" => only.capacity = self.capacity,
                "base" => only.base = self.base,
                "partitions" => only.partitions = self.partitions,
                "signal" => only.signal = self.signal,
                _ => return None,
            }
        }
        Some(only)
    }
}

// === impl WorldSpec ===

impl WorldSpec {
    /// The world of `docs/decisions/0004-worlds-and-bound.md` in which nothing goes wrong.
    #[must_use]
    pub fn calm() -> Self {
        let offer = |name: &str, price, rate, max, is_spot| OfferSpec {
            name: name.to_owned(),
            price,
            rate,
            max,
            is_spot,
            billing_minimum: 60.0,
        };
        Self {
            name: "calm".to_owned(),
            drain_within: 900.0,
            base: BaseSpec {
                workers: 8,
                rate: 40.0,
                price: 0.64,
            },
            offers: vec![
                offer("oci-a10", 2.00, 55.0, 10, false),
                offer("aws-g6", 0.805, 45.0, 20, false),
                offer("aws-g6-spot", 0.382, 45.0, 20, true),
                offer("gcp-g2", 0.707, 45.0, 20, false),
                offer("azure-t4", 0.526, 20.0, 20, false),
            ],
            burst_max: 90,
            boot: BootLaw {
                p50: 190.0,
                p95: 420.0,
            },
            decide_every: 15.0,
            signal_delay: 5.0,
            partitions: 512,
            troubles: Troubles::default(),
        }
    }

    /// The same world with every trouble on at once, and none announced to the planner.
    #[must_use]
    pub fn adverse() -> Self {
        Self {
            name: "adverse".to_owned(),
            troubles: Troubles {
                rates: Some(RateTrouble {
                    factor_min: 0.75,
                    factor_max: 1.25,
                    machine_sigma: 0.10,
                }),
                boot_factors: vec![0.5, 1.0, 2.0],
                spot: Some(SpotTrouble {
                    per_hour: 0.3,
                    notice: 120.0,
                    mass_per_hour: 1.0,
                    mass_share: 0.5,
                }),
                spot_series: None,
                capacity: Some(CapacityTrouble {
                    share: 0.10,
                    episode_mean: 1_800.0,
                    at_once_max: 2,
                }),
                base: Some(BaseTrouble {
                    per_day: 8.0,
                    lasts: 1_800.0,
                }),
                partitions: Some(PartitionTrouble {
                    zipf: 0.3,
                    move_pause: 3.0,
                    drain: 5.0,
                    assignment: AssignmentRule::Weighted,
                    order: ReadOrder::OldestFirst,
                }),
                signal: Some(SignalTrouble {
                    old_share: 0.10,
                    old_max: 60.0,
                    partial_share: 0.05,
                    partial_unknown: 0.10,
                    blackouts_per_hour: 1.0,
                    blackout: 300.0,
                }),
            },
            ..Self::calm()
        }
    }

    /// What the base does together, jobs per second.
    #[must_use]
    pub fn base_rate(&self) -> f64 {
        f64::from(self.base.workers) * self.base.rate
    }

    /// What everything that can be bought does together, jobs per second.
    #[must_use]
    pub fn offers_rate(&self) -> f64 {
        self.offers
            .iter()
            .map(|offer| f64::from(offer.max) * offer.rate)
            .sum()
    }
}

// === impl BootLaw ===

impl BootLaw {
    /// μ and σ of the logarithm.
    #[must_use]
    pub fn parameters(self) -> (f64, f64) {
        // 95 % quantile of the standard normal law.
        const Z95: f64 = 1.644_853_626_951_472;
        (self.p50.ln(), (self.p95 / self.p50).ln() / Z95)
    }

    /// Its mean, seconds: exp(μ + σ²/2).
    #[must_use]
    pub fn mean(self) -> f64 {
        let (mu, sigma) = self.parameters();
        (mu + sigma * sigma / 2.0).exp()
    }
}
