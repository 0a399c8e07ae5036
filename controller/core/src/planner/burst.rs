//! Burst: buy the cheapest machines that save a deadline.
//!
//! A job that waits has a known due time. Buying looks first at what waits, and takes of what a forecast would add only
//! a part: what is bought early works for longer, so fewer are needed, but what is bought for arrivals that do not come
//! is wasted (docs/decisions/0005-deciding.md).

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::Planner;
use super::fleet::{Fleet, Member, Phase};
use super::load::{Ahead, Known, Load};
use crate::belief::BootLaw;
use crate::plan::{Action, Plan};
use crate::policy::{BASE_POOL, Limits, Pool};
use crate::reason::Reason;
use crate::snapshot::{IntentId, Snapshot};
use crate::supply::{Grid, Share, Supply, millis};
use crate::units::{Dollars, Rate};

/// Thousandths of a standard deviation of what boots that are not counted on.
///
/// Little: what is late can still be made good by a machine that boots quickly, and most of it is not late in the end.
pub(super) const CONFIDENCE: u64 = 250;
/// Of the machines that a forecast asks for beyond those that are surely needed, this many percent are bought.
const FORECAST_PERCENT: usize = 50;
/// A new machine must work for this share of the deadline before a due time to be bought for it: to save what is due
/// right after its boot would take a great many machines for a few jobs.
const LEAD_SHARE: u64 = 5;

/// One pool, and what a new machine of it would do.
pub(super) struct Offer<'a> {
    pub(super) pool: &'a Pool,
    pub(super) law: BootLaw,
    /// The rate to count on, less what interruptions take.
    pub(super) rate: Rate,
    pub(super) share: Share,
}

/// All that one decision about burst is made upon.
pub(super) struct Desk<'a> {
    pub(super) planner: &'a Planner,
    pub(super) fleet: &'a Fleet,
    pub(super) load: &'a Load<'a>,
    pub(super) grid: Grid,
    pub(super) now: Timestamp,
    pub(super) partitions: u64,
    /// What all that was bought before costs an hour.
    pub(super) spending: Dollars,
    /// What holds by the schedule.
    pub(super) limits: Limits,
    /// Base workers that this plan starts.
    pub(super) base_added: u64,
    offers: OnceCell<Vec<Offer<'a>>>,
    /// The first point that a new machine can still change.
    reachable: OnceCell<usize>,
}

/// New machines of one plan, in the order in which they were chosen.
#[derive(Clone, Default)]
pub(super) struct Bought<'a> {
    pools: Vec<&'a Pool>,
    counts: BTreeMap<&'a str, u64>,
    /// What they cost an hour.
    cost: Dollars,
}

/// Machines chosen so far.
#[derive(Clone)]
pub(super) struct Basket<'a> {
    supply: Supply,
    pub(super) bought: Bought<'a>,
    /// What was chosen before the needless was left out.
    order: Vec<&'a Pool>,
    /// What stood against more.
    caps: Vec<Reason>,
    /// Whether something due is not met by what was chosen.
    is_short: bool,
}

// === impl Planner ===

impl Planner {
    /// Decides what to buy and what to give back.
    pub(super) fn decide_burst(
        &self,
        fleet: &Fleet,
        snapshot: &Snapshot,
        plan: &mut Plan,
        next_intent: &mut u64,
        now: Timestamp,
    ) {
        for pool in self.policy.pools() {
            plan.desired
                .insert(pool.name.clone(), count(fleet.alive(&pool.name)));
        }
        let (load, known) = Load::of(self, now);
        plan.numbers.partitions = known.partitions;
        plan.numbers.partitions_known = known.fresh;
        let Some(load) = load else {
            let unread = snapshot.backlog.as_ref().err().cloned();
            let why = known
                .why
                .or(unread)
                .unwrap_or_else(|| "no partition was found".to_owned());
            plan.hold = Some(Reason::BacklogUnknown { why });
            self.decide_in_the_dark(fleet, snapshot, plan, next_intent, now);
            return;
        };
        let mut desk = Desk::new(self, fleet, &load, known.partitions, now);
        let mut supply = desk.supply();
        let is_paused = snapshot.orders.pause_at(now).is_some();
        if snapshot.workers.is_ok() && !is_paused {
            desk.fill_base(&mut supply, snapshot, plan);
        }
        plan.numbers.backlog = Some(load.waiting());
        plan.numbers.arrival_rate = load.rate();
        plan.numbers.oldest_age = load.oldest_age(now);
        plan.numbers.service_rate_soon = supply.rate();
        plan.numbers.drain_eta = supply.time_for(&desk.grid, load.waiting());
        if let Err(why) = &snapshot.workers {
            plan.hold = Some(Reason::FleetUnknown { why: why.clone() });
            return;
        }
        if is_paused {
            let due = load.due(&desk.grid, Ahead::Nothing);
            plan.numbers.late = desk.late(&supply, &due);
            return;
        }
        let is_buying = desk.buy(&supply, plan, next_intent);
        if let Err(why) = &snapshot.backlog {
            // What was read a moment ago still counts; that is enough to buy, not to give back.
            plan.hold = Some(Reason::BacklogUnknown { why: why.clone() });
        } else if !known.is_complete() {
            plan.hold = Some(partial(known));
        } else if !is_buying && !desk.replace(&supply, plan, next_intent) {
            desk.give_back(supply, &known.lags, plan);
            desk.lower_base(&known, snapshot, plan);
        }
    }
}

fn partial(known: Known) -> Reason {
    Reason::BacklogPartial {
        unknown: known.partitions - known.fresh,
        partitions: known.partitions,
        why: known.why.unwrap_or_else(|| "not read".to_owned()),
    }
}

// === impl Desk ===

impl<'a> Desk<'a> {
    pub(super) fn new(
        planner: &'a Planner,
        fleet: &'a Fleet,
        load: &'a Load<'a>,
        partitions: u64,
        now: Timestamp,
    ) -> Self {
        Self {
            planner,
            fleet,
            load,
            grid: load.grid(),
            now,
            partitions,
            spending: planner.burst_cost_per_hour(fleet),
            limits: planner.policy.limits(now),
            base_added: 0,
            offers: OnceCell::new(),
            reachable: OnceCell::new(),
        }
    }

    /// The pools that can be bought from, cheapest work first.
    pub(super) fn offers(&self) -> &[Offer<'a>] {
        self.offers.get_or_init(|| {
            let pools = self.planner.policy.pools();
            let mut offers: Vec<Offer<'a>> = pools.iter().map(|pool| self.offer(pool)).collect();
            offers.sort_by_cached_key(|offer| per_million(offer.pool, offer.rate));
            offers
        })
    }

    pub(super) fn offer_of(&self, pool: &str) -> Option<&Offer<'a>> {
        self.offers().iter().find(|offer| offer.pool.name == pool)
    }

    fn offer(&self, pool: &'a Pool) -> Offer<'a> {
        let law = self.planner.beliefs.boot(pool);
        let rate = self.planner.counted_rate(pool, &law);
        let share = Share::booting(&self.grid, rate, &law, self.now, self.now);
        Offer {
            pool,
            law,
            rate,
            share,
        }
    }

    /// What all that work and boot do.
    pub(super) fn supply(&self) -> Supply {
        let mut supply = Supply::none(&self.grid);
        for (member, count) in self.fleet.alike() {
            if let Some(share) = self.share(member) {
                supply.add(&share, count);
            }
        }
        supply
    }

    /// What one of them does; none if it does nothing any more.
    pub(super) fn share(&self, member: &Member) -> Option<Share> {
        let base = self.planner.policy.base();
        let (law, rate) = match self.offer_of_member(member) {
            Some(offer) => (Some(&offer.law), offer.rate),
            None if member.pool == BASE_POOL => (None, self.planner.beliefs.rate_low(base)),
            None => return None,
        };
        let booting = |law: Option<&BootLaw>| {
            let told = || self.planner.beliefs.boot(base);
            let law = law.map_or_else(|| Cow::Owned(told()), Cow::Borrowed);
            Share::booting(&self.grid, rate, &law, member.launched_at, self.now)
        };
        match member.phase {
            Phase::Ready => {
                let from = member.ready_at.unwrap_or(self.grid.origin);
                Some(Share::since(&self.grid, rate, from))
            }
            Phase::Launching | Phase::Booting => Some(booting(law)),
            Phase::Interrupted { until } => Some(Share::until(&self.grid, rate, until)),
            Phase::Leaving | Phase::Lost { .. } | Phase::Gone => None,
        }
    }

    fn offer_of_member(&self, member: &Member) -> Option<&Offer<'a>> {
        (member.pool != BASE_POOL)
            .then(|| self.offer_of(&member.pool))
            .flatten()
    }

    /// Buys what is short; says whether anything is.
    pub(super) fn buy(&self, supply: &Supply, plan: &mut Plan, next_intent: &mut u64) -> bool {
        let due = self.load.due(&self.grid, Ahead::Nothing);
        // Without a pool there is nothing to reckon with but what is late.
        let surely = self.choose(supply, &due);
        let expected = if self.load.is_more_expected() {
            self.load.due(&self.grid, Ahead::Forecast)
        } else {
            due.clone()
        };
        let chosen = if expected == due {
            surely
        } else {
            let perhaps = self.choose(supply, &expected);
            let more = perhaps.bought.len().saturating_sub(surely.bought.len());
            let more = more * FORECAST_PERCENT / 100;
            match more {
                0 => surely,
                _ => self.first_of(perhaps, supply, surely.bought.len() + more),
            }
        };
        plan.numbers.late = self.late(&chosen.supply, &due);
        if let (false, Some(vain)) = (
            chosen.bought.pools.is_empty(),
            self.planner.effect.vain(self.now),
        ) {
            plan.numbers.late = self.late(supply, &due);
            plan.reasons.push(Reason::Ineffective {
                added: vain.added,
                gained: vain.gained,
                until: vain.until,
            });
            // What would be bought is needed by all that is believed: nothing is given back either.
            return true;
        }
        let Some(unmet) = self
            .first_unmet(supply, &due)
            .or_else(|| self.first_unmet(supply, &expected))
        else {
            return false;
        };
        if chosen.bought.pools.is_empty() && !chosen.is_short {
            return false;
        }
        let endangered = Reason::DeadlineEndangered {
            due: due[unmet].max(expected[unmet]),
            within: self.grid.at(unmet).duration_since(self.now),
            done_by_then: supply.sure(unmet, CONFIDENCE),
        };
        for pool in &chosen.bought.pools {
            let intent = IntentId::new(&pool.name, *next_intent);
            *next_intent += 1;
            *plan.desired.entry(pool.name.clone()).or_default() += 1;
            plan.actions.push(Action::Launch {
                intent,
                pool: pool.name.clone(),
                why: endangered.clone(),
            });
        }
        plan.reasons.push(endangered);
        plan.reasons.extend(self.told(&chosen, unmet));
        plan.reasons.extend(chosen.caps);
        if chosen.is_short && plan.numbers.late > 0 {
            plan.reasons.push(Reason::DeadlineAtRisk {
                late: plan.numbers.late,
            });
        }
        true
    }

    /// Jobs of what waits that are expected to be late.
    fn late(&self, supply: &Supply, due: &[u64]) -> u64 {
        due.iter()
            .enumerate()
            .map(|(point, due)| due.saturating_sub(supply.expected(point)))
            .max()
            .unwrap_or(0)
    }

    /// The first point by which more is due than is surely done, of those that a new machine can still change.
    ///
    /// What is due earlier is asked for at the next points: it is late, and is to be done soonest.
    fn first_unmet(&self, supply: &Supply, due: &[u64]) -> Option<usize> {
        (self.reachable()..due.len())
            .find(|&point| due[point] > 0 && !supply.meets(point, CONFIDENCE, due[point]))
    }

    /// The first point before which a new machine of some pool would work long enough to be bought for it.
    pub(super) fn reachable(&self) -> usize {
        *self.reachable.get_or_init(|| {
            let lead = millis(self.planner.policy.drain_within()).unsigned_abs() / LEAD_SHARE;
            let firsts = self.offers().iter().map(|offer| {
                (0..self.grid.points.len()).find(|&point| offer.share.lead_ms(point) >= lead)
            });
            firsts.flatten().min().unwrap_or(self.grid.points.len())
        })
    }

    /// The cheapest machines, one by one, until what is due is met.
    fn choose(&self, supply: &Supply, due: &[u64]) -> Basket<'a> {
        let mut basket = Basket::on(supply);
        while let Some(unmet) = self.first_unmet(&basket.supply, due) {
            let Some(offer) = self.cheapest(&mut basket, unmet) else {
                basket.is_short = true;
                break;
            };
            basket.supply.add(&offer.share, 1);
            basket.bought.push(offer.pool);
        }
        basket.order.clone_from(&basket.bought.pools);
        if !basket.is_short {
            self.trim(&mut basket, due);
        }
        basket
    }

    /// The first machines of a choice, and no more than `most`.
    fn first_of(&self, chosen: Basket<'a>, supply: &Supply, most: usize) -> Basket<'a> {
        if chosen.order.len() <= most {
            return chosen;
        }
        let mut basket = Basket::on(supply);
        for pool in chosen.order.into_iter().take(most) {
            if let Some(offer) = self.offer_of(&pool.name) {
                basket.supply.add(&offer.share, 1);
            }
            basket.bought.push(pool);
        }
        basket
    }

    /// The pool whose next machine does what is missing for the least money; none if no pool may or can.
    fn cheapest(&self, basket: &mut Basket<'a>, unmet: usize) -> Option<&Offer<'a>> {
        basket.caps.clear();
        let burst = self.fleet.placed_burst() + basket.bought.len() as u64;
        let (max, window) = &self.limits.burst_max;
        if burst >= u64::from(*max) {
            basket.caps.push(Reason::BurstMax {
                max: *max,
                window: window.clone(),
            });
            return None;
        }
        if burst + self.base() >= self.partitions {
            let partitions = self.partitions;
            basket.caps.push(Reason::PartitionCap { partitions });
            return None;
        }
        let within = self.grid.at(unmet).duration_since(self.now);
        let mut best: Option<(&Offer<'a>, Decimal)> = None;
        let mut is_any_in_time = false;
        for offer in self.offers() {
            if let Some(cap) = self.cap(&basket.bought, offer.pool) {
                basket.caps.push(cap);
                continue;
            }
            let jobs = offer.share.expected(unmet);
            if jobs == 0 {
                continue;
            }
            is_any_in_time = true;
            let cost = offer.cost_per_job(jobs, within);
            if best.is_none_or(|(_, least)| cost < least) {
                best = Some((offer, cost));
            }
        }
        if best.is_none() && !is_any_in_time && basket.caps.is_empty() {
            basket.caps.push(Reason::NoPoolInTime { within });
        }
        best.map(|(offer, _)| offer)
    }

    /// Whether no further machine may run beside these many new ones.
    pub(super) fn is_full(&self, bought: usize) -> bool {
        let burst = self.fleet.placed_burst() + bought as u64;
        burst >= u64::from(self.limits.burst_max.0) || burst + self.base() >= self.partitions
    }

    /// Base workers that work, boot or are started by this plan.
    fn base(&self) -> u64 {
        self.fleet.alive(BASE_POOL) + self.base_added
    }

    /// What stands against another machine of this pool.
    pub(super) fn cap(&self, bought: &Bought<'_>, pool: &Pool) -> Option<Reason> {
        if let Some(blocked) = self.planner.blocked(pool, self.now) {
            return Some(blocked);
        }
        if self.fleet.placed(&pool.name) + bought.of(&pool.name) >= u64::from(pool.max) {
            return Some(Reason::PoolMax {
                pool: pool.name.clone(),
                max: pool.max,
            });
        }
        let spending = self.spending.plus(bought.cost);
        self.planner.over_budget(spending, pool, self.now)
    }

    /// Leaves out what later choices made needless, the dearest first.
    fn trim(&self, basket: &mut Basket<'a>, due: &[u64]) {
        let mut i = 0;
        basket
            .bought
            .pools
            .sort_by_key(|pool| std::cmp::Reverse(pool.price_per_hour));
        while let Some(pool) = basket.bought.pools.get(i) {
            let Some(offer) = self.offer_of(&pool.name) else {
                return;
            };
            basket.supply.remove(&offer.share);
            if self.first_unmet(&basket.supply, due).is_none() {
                basket.bought.remove(i);
            } else {
                basket.supply.add(&offer.share, 1);
                // All of the same pool are alike: none of them is needless.
                let alike = basket.bought.pools[i..]
                    .iter()
                    .take_while(|other| other.name == offer.pool.name);
                i += alike.count();
            }
        }
    }
}

// === impl Basket ===

impl Basket<'_> {
    /// Nothing chosen on top of what there is.
    fn on(supply: &Supply) -> Self {
        Self {
            supply: supply.clone(),
            bought: Bought::default(),
            order: Vec::new(),
            caps: Vec::new(),
            is_short: false,
        }
    }
}

// === impl Bought ===

impl<'a> Bought<'a> {
    pub(super) fn push(&mut self, pool: &'a Pool) {
        self.pools.push(pool);
        *self.counts.entry(&pool.name).or_default() += 1;
        self.cost = self.cost.plus(pool.price_per_hour);
    }

    fn remove(&mut self, at: usize) {
        let pool = self.pools.remove(at);
        if let Some(count) = self.counts.get_mut(pool.name.as_str()) {
            *count -= 1;
        }
        self.cost = self.cost.minus(pool.price_per_hour);
    }

    pub(super) fn len(&self) -> usize {
        self.pools.len()
    }

    /// How many of them are of `pool`.
    pub(super) fn of(&self, pool: &str) -> u64 {
        self.counts.get(pool).copied().unwrap_or(0)
    }
}

// === impl Offer ===

impl Offer<'_> {
    /// Dollars for each of `jobs` that a new machine does `within` that time: what is billed, and the transfer.
    pub(super) fn cost_per_job(&self, jobs: u64, within: SignedDuration) -> Decimal {
        let billed = within.max(self.pool.billing_minimum);
        Dollars::per_hour_over(self.pool.price_per_hour, billed).0 / Decimal::from(jobs)
            + self.pool.transfer_per_million.0 / Decimal::from(1_000_000)
    }
}

/// Dollars per million jobs of a machine that is always busy, transfer included.
pub(super) fn per_million(pool: &Pool, rate: Rate) -> Dollars {
    pool.dollars_per_million(rate)
}

fn count(workers: u64) -> u32 {
    u32::try_from(workers).unwrap_or(u32::MAX)
}
