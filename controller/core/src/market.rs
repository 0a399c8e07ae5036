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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Place, ProviderKind};
    use crate::units::{Dollars, Rate};

    fn pool(name: &str, place: [&str; 4], market: Market) -> Pool {
        let [cloud, region, zone, machine] = place.map(str::to_owned);
        Pool {
            name: name.to_owned(),
            provider: ProviderKind::Static,
            place: Place {
                cloud,
                region,
                zone,
                machine,
            },
            market,
            transfer_per_million: Dollars::ZERO,
            price_per_hour: Dollars::ZERO,
            billing_minimum: SignedDuration::ZERO,
            boot_time: SignedDuration::from_secs(60),
            throughput: Rate::from_milli(1_000),
            max: 1,
            environment: BTreeMap::new(),
        }
    }

    #[test]
    fn a_refusal_reaches_as_far_as_it_is_true() {
        let asked = pool("asked", ["aws", "us-1", "a", "g6"], Market::Spot);
        let others = [
            (
                "same stock",
                pool("b", ["aws", "us-1", "a", "g6"], Market::Spot),
            ),
            (
                "other type",
                pool("c", ["aws", "us-1", "a", "g5"], Market::Spot),
            ),
            (
                "other market",
                pool("d", ["aws", "us-1", "a", "g5"], Market::OnDemand),
            ),
            (
                "other region",
                pool("e", ["aws", "eu-1", "a", "g6"], Market::Spot),
            ),
            (
                "other cloud",
                pool("f", ["gcp", "us-1", "a", "g6"], Market::Spot),
            ),
        ];
        let cases = [
            ("NoCapacity", vec!["same stock"]),
            ("Quota", vec!["same stock", "other type"]),
            (
                "Throttled",
                vec!["same stock", "other type", "other market"],
            ),
            (
                "Denied",
                vec!["same stock", "other type", "other market", "other region"],
            ),
            ("Invalid", vec![]),
        ];
        let now = Timestamp::UNIX_EPOCH;
        for (fault, reached) in cases {
            let mut blocks = Blocks::default();
            blocks.refused(now, &asked, fault, None);
            assert!(blocks.of(&asked, now).is_some(), "{fault}");
            let blocked = others
                .iter()
                .filter(|(_, other)| blocks.of(other, now).is_some());
            let blocked: Vec<&str> = blocked.map(|(name, _)| *name).collect();
            assert_eq!(blocked, reached, "{fault}");
        }
    }

    #[test]
    fn pauses_double_and_end_with_the_first_machine_that_works() {
        let pool = pool("p", ["oci", "r", "", "a10"], Market::OnDemand);
        let mut blocks = Blocks::default();
        let mut now = Timestamp::UNIX_EPOCH;
        let mut pauses = Vec::new();
        for _ in 0..4 {
            blocks.refused(now, &pool, "NoCapacity", None);
            let until = blocks.of(&pool, now).unwrap().until;
            pauses.push(until.duration_since(now).as_secs());
            now = until;
            assert!(blocks.of(&pool, now).is_none(), "asked again in time");
        }
        assert_eq!(pauses, [60, 120, 240, 300]);
        blocks.worked(&pool);
        blocks.refused(now, &pool, "NoCapacity", Some(SignedDuration::from_secs(7)));
        let until = blocks.of(&pool, now).unwrap().until;
        assert_eq!(
            until.duration_since(now).as_secs(),
            7,
            "as the provider said"
        );
    }
}
