//! What not to ask for until a time: providers' refusals, remembered by how far they reach.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::plan::{Fault, Scope};
use crate::policy::{Market, Pool};

/// First pause after a pool had no machine. Asking costs nothing, and the cheapest pool back early saves more.
const NO_CAPACITY_PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// First pause after anything that a minute does not mend: a quota, missing rights.
const REFUSED_PAUSE: SignedDuration = SignedDuration::from_mins(3);
/// Longest pause between two tries.
const PAUSE_MAX: SignedDuration = SignedDuration::from_mins(5);
/// First pause after a machine that died before it was ready.
const DIED_EARLY_PAUSE: SignedDuration = SignedDuration::from_secs(2);

/// What is remembered: at most one block for a fault and what it reaches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Blocks {
    blocks: Vec<Block>,
}

/// What not to ask for, until when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Block {
    pub(crate) until: Timestamp,
    pub(crate) why: String,
    reach: Reach,
    /// Refusals in a row.
    times: u32,
    /// Whether machines died, rather than being refused.
    #[serde(default)]
    is_death: bool,
}

/// Which pools a refusal says no to: those that are alike in everything that is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Reach {
    cloud: Option<String>,
    region: Option<String>,
    zone: Option<String>,
    machine: Option<String>,
    market: Option<Market>,
    pool: Option<String>,
}

// === impl Reach ===

impl Reach {
    /// What a refusal of this scope, given for `pool`, says no to.
    fn of(scope: Scope, pool: &Pool) -> Self {
        let place = &pool.place;
        // A cloud is blocked as a whole only through its own scope; a pool, wherever it stands.
        let in_cloud = (scope != Scope::Pool).then(|| place.cloud.clone());
        let in_region =
            (!matches!(scope, Scope::Pool | Scope::Cloud)).then(|| place.region.clone());
        let in_zone = matches!(scope, Scope::Zone | Scope::Offer).then(|| place.zone.clone());
        let of_machine =
            matches!(scope, Scope::Machine | Scope::Offer).then(|| place.machine.clone());
        let in_market =
            matches!(scope, Scope::Market | Scope::Machine | Scope::Offer).then_some(pool.market);
        Self {
            cloud: in_cloud,
            region: in_region,
            zone: in_zone,
            machine: of_machine,
            market: in_market,
            pool: (scope == Scope::Pool).then(|| pool.name.clone()),
        }
    }

    fn covers(&self, pool: &Pool) -> bool {
        let alike = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
        let place = &pool.place;
        alike(&self.cloud, &place.cloud)
            && alike(&self.region, &place.region)
            && alike(&self.zone, &place.zone)
            && alike(&self.machine, &place.machine)
            && alike(&self.pool, &pool.name)
            && self.market.is_none_or(|market| market == pool.market)
    }
}

// === impl Blocks ===

impl Blocks {
    /// A launch was refused.
    pub(crate) fn refused(
        &mut self,
        now: Timestamp,
        pool: &Pool,
        (fault, scope): (Fault, Scope),
        retry_after: Option<SignedDuration>,
    ) {
        let first = match fault {
            Fault::NoCapacity | Fault::Throttled => NO_CAPACITY_PAUSE,
            Fault::Quota | Fault::Denied | Fault::Invalid => REFUSED_PAUSE,
        };
        let reach = Reach::of(scope, pool);
        let pause = (first, retry_after);
        self.block(reach, now, pause, fault.as_str(), false);
    }

    /// A machine died before it was ready: a broken image must not buy machine after machine.
    pub(crate) fn died_early(&mut self, now: Timestamp, pool: &Pool, why: &str) {
        let own = Reach::of(Scope::Pool, pool);
        self.block(own, now, (DIED_EARLY_PAUSE, None), why, true);
    }

    fn block(
        &mut self,
        reach: Reach,
        now: Timestamp,
        (first, retry_after): (SignedDuration, Option<SignedDuration>),
        why: &str,
        is_death: bool,
    ) {
        let is_known = |block: &Block| block.reach == reach && block.is_death == is_death;
        let known = self.blocks.iter().position(is_known);
        let at = known.unwrap_or_else(|| {
            self.blocks.push(Block {
                until: now,
                why: String::new(),
                reach,
                times: 0,
                is_death,
            });
            self.blocks.len() - 1
        });
        let block = &mut self.blocks[at];
        if now < block.until && !is_death {
            // One answer, heard once for each machine of the same plan: not one refusal after another.
            block.until = block.until.max(now + retry_after.unwrap_or_default());
            return;
        }
        let pause = (first * (1 << block.times.min(12))).min(PAUSE_MAX);
        block.times += 1;
        block.until = block.until.max(now + retry_after.unwrap_or(pause));
        block.why = why.to_owned();
    }

    /// A machine of `pool` was sold: what its provider had against it is over.
    pub(crate) fn sold(&mut self, pool: &Pool) {
        self.blocks
            .retain(|block| block.is_death || !block.reach.covers(pool));
    }

    /// A machine of `pool` became ready: its image works.
    ///
    /// It says nothing of the stock: it was ordered a boot ago.
    pub(crate) fn worked(&mut self, pool: &Pool) {
        self.blocks
            .retain(|block| !(block.is_death && block.reach.covers(pool)));
    }

    /// What stands against asking `pool` now; of several the one that lasts longest.
    pub(crate) fn of(&self, pool: &Pool, now: Timestamp) -> Option<&Block> {
        self.blocks
            .iter()
            .filter(|block| now < block.until && block.reach.covers(pool))
            .max_by_key(|block| block.until)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

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
                "other zone",
                pool("z", ["aws", "us-1", "b", "g6"], Market::Spot),
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
            (Scope::Offer, vec!["same stock"]),
            (Scope::Machine, vec!["same stock", "other zone"]),
            (
                Scope::Market,
                vec!["same stock", "other zone", "other type"],
            ),
            (
                Scope::Zone,
                vec!["same stock", "other type", "other market"],
            ),
            (
                Scope::Region,
                vec!["same stock", "other zone", "other type", "other market"],
            ),
            (
                Scope::Cloud,
                vec![
                    "same stock",
                    "other zone",
                    "other type",
                    "other market",
                    "other region",
                ],
            ),
            (Scope::Pool, vec![]),
        ];
        let now = Timestamp::UNIX_EPOCH;
        for (scope, reached) in cases {
            let mut blocks = Blocks::default();
            blocks.refused(now, &asked, (Fault::Quota, scope), None);
            assert!(blocks.of(&asked, now).is_some(), "{scope:?}");
            let blocked = others
                .iter()
                .filter(|(_, other)| blocks.of(other, now).is_some());
            let blocked: Vec<&str> = blocked.map(|(name, _)| *name).collect();
            assert_eq!(blocked, reached, "{scope:?}");
        }
    }

    #[test]
    fn pauses_double_and_end_with_the_first_machine_that_is_sold() {
        let pool = pool("p", ["oci", "r", "", "a10"], Market::OnDemand);
        let mut blocks = Blocks::default();
        let mut now = Timestamp::UNIX_EPOCH;
        let mut pauses = Vec::new();
        for _ in 0..4 {
            // One plan may ask for many: each is refused.
            for _ in 0..12 {
                blocks.refused(now, &pool, (Fault::NoCapacity, Scope::Offer), None);
            }
            let until = blocks.of(&pool, now).unwrap().until;
            pauses.push(until.duration_since(now).as_secs());
            now = until;
            assert!(blocks.of(&pool, now).is_none(), "asked again in time");
        }
        assert_eq!(pauses, [60, 120, 240, 300]);
        blocks.worked(&pool);
        let before = now - SignedDuration::from_secs(1);
        assert!(blocks.of(&pool, before).is_some(), "it was ordered before");
        blocks.sold(&pool);
        assert!(blocks.of(&pool, before).is_none());
        let fault = (Fault::NoCapacity, Scope::Offer);
        blocks.refused(now, &pool, fault, Some(SignedDuration::from_secs(7)));
        let until = blocks.of(&pool, now).unwrap().until;
        assert_eq!(
            until.duration_since(now).as_secs(),
            7,
            "as the provider said"
        );
    }
}
