//! Burst: buy the cheapest machines that save a deadline, give back those that none needs.
//!
//! A job that waits has a known due time. Served oldest first, later arrivals do not delay it, so buying looks
//! only at what is here; giving back also holds the present arrival rate against what would be left.

use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

use super::Planner;
use super::fleet::{Fleet, Member, Phase};
use crate::plan::{Action, Plan};
use crate::policy::{BASE_POOL, Pool};
use crate::reason::Reason;
use crate::snapshot::{IntentId, Snapshot};
use crate::units::{Dollars, Rate};
use crate::work::{Due, Supply};

/// Machines are bought for this share of the deadline: the rest is for rebalances, uneven partitions, drains, late
/// readings and neighbours that take the machine's time. With nine tenths the demo's burst ended 3 s after a deadline
/// of 120 s, with eight tenths 14 s before one of 150 s on a quiet machine and after it on a busy one.
const PLANNED_SHARE: (i32, i32) = (7, 10);
/// A shortage of this share of what is due is within what rates are known to, and within what is kept back.
const TOLERATED_PERCENT: u64 = 2;
/// The arrival rate is held over this share of the deadline.
const ARRIVALS_SHARE: i32 = 4;
const ARRIVALS_WINDOW_MIN: SignedDuration = SignedDuration::from_secs(10);
const ARRIVALS_WINDOW_MAX: SignedDuration = SignedDuration::from_mins(5);
/// What remains after giving back must do this much more than arrives, in percent.
const RELEASE_SLACK_PERCENT: u64 = 102;

/// Machines chosen so far.
struct Basket<'a> {
    supply: Supply,
    bought: Vec<&'a Pool>,
    /// What stood against more.
    caps: Vec<Reason>,
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
        let (backlog, known) = self.backlog(now);
        plan.numbers.partitions = known.all;
        plan.numbers.partitions_known = known.fresh;
        plan.numbers.backlog = backlog;
        plan.numbers.arrival_rate = self.arrivals.rate(self.arrivals_window());
        let Some(backlog) = backlog else {
            let unread = snapshot.backlog.as_ref().err().cloned();
            let why = known
                .why
                .or(unread)
                .unwrap_or_else(|| "no partition was found".to_owned());
            plan.hold = Some(Reason::BacklogUnknown { why });
            return;
        };
        let supply = fleet.supply(self, now);
        plan.numbers.oldest_age = self
            .arrivals
            .oldest(backlog)
            .map(|oldest| now.duration_since(oldest));
        plan.numbers.drain_eta = supply.drain_eta(now, backlog);
        if let Err(why) = &snapshot.workers {
            plan.hold = Some(Reason::FleetUnknown { why: why.clone() });
            return;
        }
        let (numerator, denominator) = PLANNED_SHARE;
        let within = self.policy.drain_within() * numerator / denominator;
        let due = self.arrivals.due(backlog, within);

        let unmet = self.first_unmet(&supply, &due, now);
        if let Some(unmet) = unmet {
            self.buy(
                fleet,
                supply,
                &due,
                unmet,
                plan,
                next_intent,
                known.all,
                now,
            );
        }
        if !known.is_complete() {
            plan.hold = Some(Reason::BacklogPartial {
                unknown: known.all - known.fresh,
                partitions: known.all,
                why: known.why.unwrap_or_else(|| "not read".to_owned()),
            });
        } else if unmet.is_none() {
            self.give_back(fleet, backlog, &due, plan, now);
        }
    }

    fn arrivals_window(&self) -> SignedDuration {
        (self.policy.drain_within() / ARRIVALS_SHARE)
            .clamp(ARRIVALS_WINDOW_MIN, ARRIVALS_WINDOW_MAX)
    }

    /// The first time by which more is due than will be done, of those a new machine can still change.
    ///
    /// What is due before a machine has worked for half its boot time is asked for a quarter of the deadline later:
    /// buying for it would take a great many machines for a few jobs.
    fn first_unmet(&self, supply: &Supply, due: &[Due], now: Timestamp) -> Option<Due> {
        let boot = self
            .policy
            .pools()
            .iter()
            .map(|pool| self.beliefs.boot_high(pool))
            .min();
        let reachable = now + boot.unwrap_or_default() * 3 / 2;
        let recovered = reachable + self.policy.drain_within() / 4;
        due.iter()
            .map(|due| {
                if due.at > reachable {
                    *due
                } else {
                    Due {
                        at: recovered,
                        ..*due
                    }
                }
            })
            .find(|due| {
                let tolerated = due.jobs * TOLERATED_PERCENT / 100;
                supply.jobs_by(now, due.at) < due.jobs - tolerated
            })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one decision's inputs, used once"
    )]
    fn buy(
        &self,
        fleet: &Fleet,
        supply: Supply,
        due: &[Due],
        unmet: Due,
        plan: &mut Plan,
        next_intent: &mut u64,
        partitions: u64,
        now: Timestamp,
    ) {
        let endangered = Reason::DeadlineEndangered {
            due: unmet.jobs,
            within: unmet.at.duration_since(now),
            done_by_then: supply.jobs_by(now, unmet.at),
        };
        let mut basket = Basket {
            supply,
            bought: Vec::new(),
            caps: Vec::new(),
        };
        let mut next = Some(unmet);
        while let Some(unmet) = next {
            let Some(pool) = self.cheapest(fleet, &mut basket, unmet, partitions, now) else {
                break;
            };
            basket.supply.add(
                now + self.beliefs.boot_high(pool),
                self.beliefs.rate_low(pool),
            );
            basket.bought.push(pool);
            next = self.first_unmet(&basket.supply, due, now);
        }
        if next.is_none() {
            self.trim(&mut basket, due, now);
        }
        plan.numbers.late = due
            .iter()
            .map(|due| due.jobs.saturating_sub(basket.supply.jobs_by(now, due.at)))
            .max()
            .unwrap_or(0);
        for pool in &basket.bought {
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
        plan.reasons.extend(self.chosen(&basket));
        plan.reasons.append(&mut basket.caps);
        if next.is_some() && plan.numbers.late > 0 {
            plan.reasons.push(Reason::DeadlineAtRisk {
                late: plan.numbers.late,
            });
        }
    }

    /// The pool whose next machine does what is missing for the least money; none if no pool may or can.
    fn cheapest<'a>(
        &'a self,
        fleet: &Fleet,
        basket: &mut Basket<'a>,
        unmet: Due,
        partitions: u64,
        now: Timestamp,
    ) -> Option<&'a Pool> {
        basket.caps.clear();
        let alive_burst: u64 = self
            .policy
            .pools()
            .iter()
            .map(|pool| fleet.alive(&pool.name))
            .sum();
        let alive = alive_burst + fleet.alive(BASE_POOL) + basket.bought.len() as u64;
        let max = self.policy.burst_max();
        if alive_burst + basket.bought.len() as u64 >= u64::from(max) {
            basket.caps.push(Reason::BurstMax { max });
            return None;
        }
        if alive >= partitions {
            basket.caps.push(Reason::PartitionCap { partitions });
            return None;
        }
        let mut best: Option<(&Pool, Decimal)> = None;
        let mut is_any_in_time = false;
        for pool in self.policy.pools() {
            if let Some(cap) = self.cap(fleet, &basket.bought, pool, now) {
                basket.caps.push(cap);
                continue;
            }
            let ready_at = now + self.beliefs.boot_high(pool);
            let jobs = self
                .beliefs
                .rate_low(pool)
                .jobs_in(unmet.at.duration_since(ready_at));
            if jobs == 0 {
                continue;
            }
            is_any_in_time = true;
            let billed = unmet.at.duration_since(now).max(pool.billing_minimum);
            let cost = Dollars::per_hour_over(pool.price_per_hour, billed).0 / Decimal::from(jobs);
            if best.is_none_or(|(_, least)| cost < least) {
                best = Some((pool, cost));
            }
        }
        if best.is_none() && !is_any_in_time && basket.caps.is_empty() {
            let within = unmet.at.duration_since(now);
            basket.caps.push(Reason::NoPoolInTime { within });
        }
        best.map(|(pool, _)| pool)
    }

    /// What stands against another machine of this pool.
    fn cap(&self, fleet: &Fleet, bought: &[&Pool], pool: &Pool, now: Timestamp) -> Option<Reason> {
        if let Some(blocked) = self.blocked(pool, now) {
            return Some(blocked);
        }
        let chosen = bought
            .iter()
            .filter(|other| other.name == pool.name)
            .count() as u64;
        if fleet.alive(&pool.name) + chosen >= u64::from(pool.max) {
            return Some(Reason::PoolMax {
                pool: pool.name.clone(),
                max: pool.max,
            });
        }
        let budget = self.policy.budget_per_hour()?;
        let spending = bought
            .iter()
            .fold(self.burst_cost_per_hour(fleet), |sum, pool| {
                sum.plus(pool.price_per_hour)
            });
        (spending.plus(pool.price_per_hour) > budget)
            .then_some(Reason::BudgetPerHour { spending, budget })
    }

    /// Leaves out what later choices made needless, the dearest first.
    fn trim(&self, basket: &mut Basket<'_>, due: &[Due], now: Timestamp) {
        let mut i = 0;
        basket
            .bought
            .sort_by_key(|pool| std::cmp::Reverse(pool.price_per_hour));
        while i < basket.bought.len() {
            let pool = basket.bought[i];
            let from = now + self.beliefs.boot_high(pool);
            let without = basket.supply.without(from, self.beliefs.rate_low(pool));
            if self.first_unmet(&without, due, now).is_none() {
                basket.supply = without;
                basket.bought.remove(i);
            } else {
                i += 1;
            }
        }
    }

    fn chosen(&self, basket: &Basket<'_>) -> Vec<Reason> {
        let pools = self.policy.pools().iter();
        pools
            .filter_map(|pool| {
                let count = basket
                    .bought
                    .iter()
                    .filter(|other| other.name == pool.name)
                    .count();
                (count > 0).then(|| Reason::Cheapest {
                    pool: pool.name.clone(),
                    count: count as u64,
                    per_million: per_million(pool, self.beliefs.rate_mean(pool)),
                    boot: self.beliefs.boot_high(pool),
                })
            })
            .collect()
    }

    /// Drains bought machines without which everything is still done in time, the dearest work first.
    fn give_back(&self, fleet: &Fleet, backlog: u64, due: &[Due], plan: &mut Plan, now: Timestamp) {
        let mut candidates: Vec<(&Member, &Pool)> = fleet
            .members
            .iter()
            .filter(|member| matches!(member.phase, Phase::Ready | Phase::Booting { .. }))
            .filter_map(|member| Some((member, self.policy.pool(&member.pool)?)))
            .filter(|(_, pool)| pool.name != BASE_POOL)
            .collect();
        if candidates.is_empty() {
            self.explain_enough(fleet, backlog, plan);
            return;
        }
        let Some(arriving) = plan.numbers.arrival_rate else {
            plan.reasons.push(Reason::ArrivalsUnknown);
            return;
        };
        candidates.sort_by(|(a, a_pool), (b, b_pool)| {
            let dearness = |pool: &Pool| per_million(pool, self.beliefs.rate_mean(pool));
            dearness(b_pool)
                .cmp(&dearness(a_pool))
                .then(a.partitions.cmp(&b.partitions))
                .then(b.intent.cmp(&a.intent))
        });
        let mut supply = fleet.supply(self, now);
        let mut workers = fleet
            .members
            .iter()
            .filter(|member| member.is_alive())
            .count() as u64;
        let rates = fleet
            .members
            .iter()
            .filter_map(|member| member.supply(self, now));
        let slowest = rates.map(|(_, rate)| rate).min().unwrap_or_default();
        let lags = self.lags_by_size(now);
        let needed = candidates.len() as u64;
        for (member, pool) in candidates {
            let (Some(intent), Some(part)) = (&member.intent, member.supply(self, now)) else {
                continue;
            };
            if self.in_flight.contains_key(intent) {
                continue;
            }
            let without = supply.without(part.0, part.1);
            let rest = Rest {
                supply: &without,
                workers: workers.saturating_sub(1),
                slowest,
                lags: &lags,
            };
            if !rest.is_enough(part.1.half(), arriving, due, now) {
                plan.reasons.push(Reason::StillNeeded {
                    needed: needed - released(plan),
                    arriving,
                    without: without.rate(),
                });
                break;
            }
            let paid_until = member.launched_at + pool.billing_minimum;
            // The drain itself is worked time: it may start before the minimum ends.
            if now + self.policy.drain_timeout() / 4 < paid_until {
                let left = paid_until.duration_since(now);
                plan.reasons.push(Reason::PaidFor {
                    pool: pool.name.clone(),
                    left,
                });
                continue;
            }
            let why = Reason::NoLongerNeeded {
                arriving,
                without: without.rate(),
                backlog,
            };
            plan.actions.push(Action::Drain {
                intent: intent.clone(),
                drain_by: now + self.policy.drain_timeout(),
                why: why.clone(),
            });
            if let Some(desired) = plan.desired.get_mut(&pool.name) {
                *desired = desired.saturating_sub(1);
            }
            if !plan.reasons.contains(&why) {
                plan.reasons.insert(0, why);
            }
            supply = without;
            workers = workers.saturating_sub(1);
        }
    }

    fn explain_enough(&self, fleet: &Fleet, backlog: u64, plan: &mut Plan) {
        let booting = fleet
            .members
            .iter()
            .filter(|member| matches!(member.phase, Phase::Launching | Phase::Booting { .. }));
        let booting = booting.count() as u64;
        let ready = fleet
            .members
            .iter()
            .filter(|member| member.phase == Phase::Ready)
            .count();
        let reason = match plan.numbers.drain_eta {
            Some(eta) if booting == 0 => Reason::BaseSuffices {
                backlog,
                eta,
                deadline: self.policy.drain_within(),
            },
            eta => Reason::FleetSuffices {
                backlog,
                eta,
                running: ready as u64,
                booting,
            },
        };
        plan.reasons.push(reason);
    }
}

/// What would be left without a machine, and what it would have to do.
struct Rest<'a> {
    supply: &'a Supply,
    workers: u64,
    /// What the slowest of them does.
    slowest: Rate,
    /// Lag of each partition, the largest first.
    lags: &'a [u64],
}

// === impl Rest ===

impl Rest<'_> {
    /// Whether it keeps up with arrivals and does all that waits, less half a machine's work, before the first job
    /// of it is due.
    ///
    /// All that waits, and not only what is due: partitions are not served in step, and the oldest job may stand in
    /// the one that is furthest behind. Kafka deals partitions out by count, so the slowest worker may get the
    /// largest ones, and must be done with them in time too.
    fn is_enough(&self, slack: Rate, arriving: Rate, due: &[Due], now: Timestamp) -> bool {
        let keeps_up = u128::from(self.supply.rate().milli()) * 100
            >= u128::from(arriving.milli()) * u128::from(RELEASE_SLACK_PERCENT);
        let (Some(first), Some(last)) = (due.first(), due.last()) else {
            return keeps_up;
        };
        let left = first.at.duration_since(now);
        let together = self
            .supply
            .jobs_by(now, first.at)
            .saturating_sub(slack.jobs_in(left));
        keeps_up && together >= last.jobs && self.slowest.jobs_in(left) >= self.largest_share()
    }

    /// The most jobs that one worker may be dealt.
    fn largest_share(&self) -> u64 {
        let count = (self.lags.len() as u64).div_ceil(self.workers.max(1));
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        self.lags.iter().take(count).sum()
    }
}

fn released(plan: &Plan) -> u64 {
    plan.actions
        .iter()
        .filter(|action| matches!(action, Action::Drain { .. }))
        .count() as u64
}

/// Dollars per million jobs of a machine that is always busy.
fn per_million(pool: &Pool, rate: Rate) -> Dollars {
    let per_hour =
        Decimal::from(rate.milli().max(1)) * Decimal::from(3_600) / Decimal::ONE_THOUSAND;
    Dollars(pool.price_per_hour.0 * Decimal::from(1_000_000) / per_hour)
}

fn count(workers: u64) -> u32 {
    u32::try_from(workers).unwrap_or(u32::MAX)
}
