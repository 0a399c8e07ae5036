//! What there is to be had: prices, capacity by offer and time, quotas.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::faults::Place;

/// Who may take a machine back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Market {
    /// The cloud, at any time.
    Spot,
    /// Nobody.
    OnDemand,
}

/// One kind of machine at one place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Offer {
    /// Shape, type or size.
    pub shape: String,
    /// Zone or availability domain; empty where none was asked for.
    pub zone: String,
    /// Market.
    pub market: Market,
}

/// What is known of an offer, from a time on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which.
    pub offer: Offer,
    /// Dollars; without it the price stays.
    #[serde(default)]
    pub price_per_hour: Option<Decimal>,
    /// How many at once; without it as many as are asked for.
    #[serde(default)]
    pub capacity: Option<usize>,
    /// From when on; without it from the beginning.
    #[serde(default)]
    pub from: Option<Timestamp>,
}

/// Prices, capacity and quotas of one cloud.
#[derive(Debug, Clone)]
pub struct MarketPlace {
    /// Where the cloud says that there is no room.
    pub place: Place,
    rules: Vec<Rule>,
    quotas: BTreeMap<Market, usize>,
}

/// Dollars per hour of what no rule names.
const PRICE_OTHERWISE: Decimal = Decimal::ONE;

// === impl Market ===

impl Market {
    /// The market for spot or not.
    #[must_use]
    pub fn of(is_spot: bool) -> Self {
        if is_spot { Self::Spot } else { Self::OnDemand }
    }
}

// === impl MarketPlace ===

impl Default for MarketPlace {
    fn default() -> Self {
        Self {
            place: Place::Answer,
            rules: Vec::new(),
            quotas: BTreeMap::new(),
        }
    }
}

impl MarketPlace {
    /// Sets what is known of an offer; a later rule goes before an earlier one.
    pub fn rule(&mut self, rule: Rule) {
        self.rules.push(rule);
    }

    /// How many machines of a market there may be at once, whatever their offer.
    pub fn set_quota(&mut self, market: Market, max: Option<usize>) {
        match max {
            Some(max) => self.quotas.insert(market, max),
            None => self.quotas.remove(&market),
        };
    }

    pub(super) fn quota(&self, market: Market) -> Option<usize> {
        self.quotas.get(&market).copied()
    }

    pub(super) fn price(&self, offer: &Offer) -> Decimal {
        let mut prices = self.rules.iter().rev().filter(|rule| rule.offer == *offer);
        prices
            .find_map(|rule| rule.price_per_hour)
            .unwrap_or(PRICE_OTHERWISE)
    }

    /// How many there may be at once; nothing where any number may.
    #[must_use]
    pub fn capacity(&self, now: Timestamp, offer: &Offer) -> Option<usize> {
        let mut rules = self.rules.iter().rev();
        rules
            .find(|rule| rule.offer == *offer && rule.from.is_none_or(|from| from <= now))
            .and_then(|rule| rule.capacity)
    }
}
