//! What a person has ordered, beside the policy: each with who, why and until when.
//!
//! Orders are part of what is observed, so a plan follows them, explains them and is replayed with them.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::reason::Reason;
use crate::snapshot::IntentId;

/// All orders in force, the expired ones among them until somebody clears them away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Orders {
    /// Nothing is bought, given back or scaled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// By pool, how many machines it is to have.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub overrides: BTreeMap<String, Override>,
    /// Machines that are to go.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub drains: BTreeMap<IntentId, Given>,
}

/// Who gave an order, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Its number among all orders and decisions.
    pub id: u64,
    /// Who.
    pub by: String,
    /// Why, in their words.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// An order to leave everything as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who gave it.
    #[serde(flatten)]
    pub given: Given,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// An order for so many machines of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// Who gave it.
    #[serde(flatten)]
    pub given: Given,
    /// When it ends by itself.
    pub until: Timestamp,
    /// At least so many, or exactly.
    pub shape: Shape,
    /// Machines.
    pub workers: u32,
}

/// What the number of an override means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Exactly so many.
    Fixed,
    /// At least so many.
    Floor,
}

// === impl Orders ===

impl Orders {
    /// Whether nothing is ordered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The pause that holds at `now`.
    #[must_use]
    pub fn pause_at(&self, now: Timestamp) -> Option<&Pause> {
        self.pause.as_ref().filter(|pause| now < pause.until)
    }

    /// The overrides that hold at `now`, by pool.
    pub fn overrides_at(&self, now: Timestamp) -> impl Iterator<Item = (&String, &Override)> {
        self.overrides
            .iter()
            .filter(move |(_, order)| now < order.until)
    }

    /// Whether a person ordered that this machine of `pool` may go: alone, or with others of its pool.
    #[must_use]
    pub fn allows_drain(&self, intent: &IntentId, pool: &str, now: Timestamp) -> bool {
        let is_fixed = |order: &Override| order.shape == Shape::Fixed && now < order.until;
        self.drains.contains_key(intent) || self.overrides.get(pool).is_some_and(is_fixed)
    }
}

// === impl Pause ===

impl Pause {
    pub(crate) fn why(&self) -> Reason {
        Reason::Paused {
            by: self.given.by.clone(),
            until: self.until,
            reason: self.given.reason.clone(),
        }
    }
}

// === impl Override ===

impl Override {
    pub(crate) fn why(&self, pool: &str) -> Reason {
        Reason::Overridden {
            pool: pool.to_owned(),
            shape: self.shape,
            workers: self.workers,
            by: self.given.by.clone(),
            until: self.until,
            reason: self.given.reason.clone(),
        }
    }
}

// === impl Given ===

impl Given {
    pub(crate) fn why(&self) -> Reason {
        Reason::Ordered {
            by: self.by.clone(),
            reason: self.reason.clone(),
        }
    }
}

// === impl Shape ===

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed => "exactly",
            Self::Floor => "at least",
        })
    }
}
