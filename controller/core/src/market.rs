//! What not to ask for until a time: providers' refusals, remembered by how far they reach.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::policy::{Market, Pool};

/// First pause after a pool had no machine. Asking costs nothing, and the cheapest pool back early saves more.
const NO_CAPACITY_PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// First pause after anything that a minute does not mend: a quota, missing rights.
const REFUSED_PAUSE: SignedDuration = SignedDuration::from_mins(3);
/// Longest pause between two tries.
const PAUSE_MAX: SignedDuration = SignedDuration::from_mins(5);
/// First pause after a machine that died before it was ready.
const DIED_EARLY_PAUSE: SignedDuration = SignedDuration::from_secs(2);

/// How far a refusal reaches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
struct Scope(String);

/// What is remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blocks {
    blocks: BTreeMap<Scope, Block>,
}

/// What not to ask for, until when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Block {
    pub(crate) until: Timestamp,
    pub(crate) why: String,
    /// Refusals in a row.
    times: u32,
}

// === impl Scope ===

impl Scope {
    /// Everything that a fault of this code, given for `pool`, says no to.
    fn of(fault: &str, pool: &Pool) -> Self {
        let market = match pool.market {
            Market::OnDemand => "on-demand",
            Market::Spot => "spot",
        };
        let place = &pool.place;
        Self(match fault {
            "NoCapacity" => format!(
                "{}/{}/{}/{}/{market}",
                place.cloud, place.region, place.zone, place.machine
            ),
            "Quota" => format!("{}/{}/quota/{market}", place.cloud, place.region),
            "Throttled" => format!("{}/{}/calls", place.cloud, place.region),
            "Denied" => format!("{}/rights", place.cloud),
            // What is wrong with one pool's request is wrong with that pool alone.
            _ => Self::own(pool).0,
        })
    }

    fn own(pool: &Pool) -> Self {
        Self(format!("pool/{}", pool.name))
    }

    /// Every scope that `pool` is in.
    fn all(pool: &Pool) -> impl Iterator<Item = Self> {
        ["NoCapacity", "Quota", "Throttled", "Denied", ""]
            .into_iter()
            .map(|fault| Self::of(fault, pool))
    }
}

impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.0
    }
}

impl From<String> for Scope {
    fn from(text: String) -> Self {
        Self(text)
    }
}

// === impl Blocks ===

impl Blocks {
    /// A launch was refused.
    pub(crate) fn refused(
        &mut self,
        now: Timestamp,
        pool: &Pool,
        fault: &str,
        retry_after: Option<SignedDuration>,
    ) {
        let first = match fault {
            "NoCapacity" | "Throttled" => NO_CAPACITY_PAUSE,
            _ => REFUSED_PAUSE,
        };
        self.block(Scope::of(fault, pool), now, first, fault, retry_after);
    }

    /// A machine died before it was ready: a broken image must not buy machine after machine.
    pub(crate) fn died_early(&mut self, now: Timestamp, pool: &Pool, why: &str) {
        self.block(Scope::own(pool), now, DIED_EARLY_PAUSE, why, None);
    }

    fn block(
        &mut self,
        scope: Scope,
        now: Timestamp,
        first: SignedDuration,
        why: &str,
        retry_after: Option<SignedDuration>,
    ) {
        let block = self.blocks.entry(scope).or_insert(Block {
            until: now,
            why: String::new(),
            times: 0,
        });
        let pause = (first * (1 << block.times.min(12))).min(PAUSE_MAX);
        block.times += 1;
        block.until = block.until.max(now + retry_after.unwrap_or(pause));
        block.why = why.to_owned();
    }

    /// A machine of `pool` became ready: whatever stood against it is over.
    pub(crate) fn worked(&mut self, pool: &Pool) {
        if self.blocks.is_empty() {
            return;
        }
        for scope in Scope::all(pool) {
            self.blocks.remove(&scope);
        }
    }

    /// What stands against asking `pool` now; of several the one that lasts longest.
    pub(crate) fn of(&self, pool: &Pool, now: Timestamp) -> Option<&Block> {
        if self.blocks.is_empty() {
            return None;
        }
        Scope::all(pool)
            .filter_map(|scope| self.blocks.get(&scope))
            .filter(|block| now < block.until)
            .max_by_key(|block| block.until)
    }
}
