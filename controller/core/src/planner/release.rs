//! Giving back: machines without which everything is still done in time.

use std::cmp::Reverse;

use super::burst::{CONFIDENCE, Desk, per_million};
use super::fleet::{Member, Phase};
use super::load::Ahead;
use crate::plan::{Action, Plan};
use crate::policy::{AssignmentMode, BASE_POOL, Pool};
use crate::reason::Reason;
use crate::supply::{Share, Supply};
use crate::units::Rate;

/// What remains must be ahead by this part of a machine's work, so that a little more load does not buy it again.
const SLACK_PART: u64 = 4;
/// What remains must do this much more than arrives where Kafka deals partitions out, in percent.
const GROUP_PERCENT: u64 = 102;

/// A machine that may go.
struct Candidate<'a> {
    member: &'a Member,
    pool: &'a Pool,
    share: Share,
}

// === impl Desk ===

impl Desk<'_> {
    /// Drains bought machines without which everything is still done in time, the dearest work first.
    pub(super) fn give_back(&self, mut supply: Supply, lags: &[u64], plan: &mut Plan) {
        let candidates = self.candidates();
        if candidates.is_empty() {
            self.explain_enough(plan);
            return;
        }
        let Some(arriving) = plan.numbers.arrival_rate else {
            plan.reasons.push(Reason::ArrivalsUnknown);
            return;
        };
        let held = self.load.due(&self.grid, Ahead::Held);
        let mut workers = self.fleet.alive_all();
        let needed = candidates.len() as u64;
        // What the schedule wants there stays.
        let spare = (workers - self.fleet.alive(BASE_POOL))
            .saturating_sub(u64::from(self.limits.burst_min.0));
        let mut released = 0;
        for Candidate {
            member,
            pool,
            share,
        } in candidates
        {
            if released == spare {
                break;
            }
            let Some(intent) = &member.intent else {
                continue;
            };
            supply.remove(&share);
            let is_enough = self.is_enough(&supply, &held, pool)
                && self.is_dealt_evenly(&supply, lags, arriving, workers - 1, pool);
            if !is_enough {
                plan.reasons.push(Reason::StillNeeded {
                    needed: needed - released,
                    arriving,
                    without: supply.rate(),
                });
                break;
            }
            let paid_until = member.launched_at + pool.billing_minimum;
            // The drain itself is worked time: it may start before the minimum ends.
            let drain = self.planner.policy.drain_timeout() / 4;
            if self.now + drain < paid_until {
                let left = paid_until.duration_since(self.now);
                let pool = pool.name.clone();
                plan.reasons.push(Reason::PaidFor { pool, left });
                supply.add(&share, 1);
                continue;
            }
            let why = Reason::NoLongerNeeded {
                arriving,
                without: supply.rate(),
                backlog: self.load.waiting(),
            };
            plan.actions.push(Action::Drain {
                intent: intent.clone(),
                drain_by: self.now + self.planner.policy.drain_timeout(),
                why: why.clone(),
            });
            if let Some(desired) = plan.desired.get_mut(&pool.name) {
                *desired = desired.saturating_sub(1);
            }
            if !plan.reasons.contains(&why) {
                plan.reasons.insert(0, why);
            }
            workers -= 1;
            released += 1;
        }
    }

    /// Bought machines that work or boot and are not on their way out, in the order in which they go.
    fn candidates(&self) -> Vec<Candidate<'_>> {
        let mut candidates: Vec<Candidate<'_>> = Vec::new();
        for member in &self.fleet.members {
            let is_steady = matches!(member.phase, Phase::Ready | Phase::Booting);
            let is_busy = member
                .intent
                .as_ref()
                .is_some_and(|intent| self.planner.in_flight.contains_key(intent));
            if member.pool == BASE_POOL {
                continue;
            }
            let Some(offer) = self.offer_of(&member.pool) else {
                continue;
            };
            if let (true, false, Some(share)) = (is_steady, is_busy, self.share(member)) {
                candidates.push(Candidate {
                    member,
                    pool: offer.pool,
                    share,
                });
            }
        }
        // The dearest work, then who boots, then who has least to hand over, then the youngest.
        candidates.sort_by_cached_key(|it| {
            let rate = self
                .offer_of(&it.pool.name)
                .map_or(Rate::ZERO, |offer| offer.rate);
            (
                Reverse(per_million(it.pool, rate)),
                it.member.phase == Phase::Ready,
                it.member.partitions,
                Reverse(it.member.launched_at),
                Reverse(it.member.intent.clone()),
            )
        });
        candidates
    }

    /// Whether what remains does all that is due, the present arrivals held, and a little more.
    pub(super) fn is_enough(&self, rest: &Supply, held: &[u64], pool: &Pool) -> bool {
        let rate = self.counted(pool);
        let slack = Share::ready(&self.grid, rate);
        held.iter().enumerate().all(|(point, due)| {
            let spare = slack.expected(point) / SLACK_PART;
            *due == 0 || rest.meets(point, CONFIDENCE, due.saturating_add(spare))
        })
    }

    /// Where Kafka deals partitions out by count, they are not served in step: what remains must do everything that
    /// waits before the first job of it is due, and the slowest worker the largest partitions that it may be dealt
    /// (docs/decisions/0003-giving-back.md).
    pub(super) fn is_dealt_evenly(
        &self,
        rest: &Supply,
        lags: &[u64],
        arriving: Rate,
        workers: u64,
        pool: &Pool,
    ) -> bool {
        if self.planner.policy.assignment() == AssignmentMode::Weighted {
            return true;
        }
        let keeps_up = u128::from(rest.rate().milli()) * 100
            >= u128::from(arriving.milli()) * u128::from(GROUP_PERCENT);
        let due = self.load.due(&self.grid, Ahead::Nothing);
        let Some(first) = due.iter().position(|due| *due > 0) else {
            return keeps_up;
        };
        let rate = self.counted(pool);
        let spare = Share::ready(&self.grid, rate).expected(first) / 2;
        let together = rest.expected(first).saturating_sub(spare) >= self.load.waiting();
        let mut sizes = lags.to_vec();
        sizes.sort_unstable_by_key(|size| Reverse(*size));
        let dealt = (sizes.len() as u64).div_ceil(workers.max(1));
        let largest: u64 = sizes
            .iter()
            .take(usize::try_from(dealt).unwrap_or(usize::MAX))
            .sum();
        let slowest = self.slowest();
        let left = self.grid.at(first).duration_since(self.now);
        keeps_up && together && slowest.jobs_in(left) >= largest
    }

    /// The rate to count on from one worker of a pool, the base's among them.
    fn counted(&self, pool: &Pool) -> Rate {
        self.offer_of(&pool.name)
            .map_or_else(|| self.planner.beliefs.rate_low(pool), |offer| offer.rate)
    }

    /// Rate of the slowest worker there is.
    fn slowest(&self) -> Rate {
        let policy = &self.planner.policy;
        let pools = std::iter::once(policy.base()).chain(policy.pools());
        pools
            .filter(|pool| self.fleet.alive(&pool.name) > 0)
            .map(|pool| self.planner.beliefs.rate_low(pool))
            .min()
            .unwrap_or_default()
    }

    fn explain_enough(&self, plan: &mut Plan) {
        let backlog = self.load.waiting();
        let phases = |phases: &[Phase]| {
            let members = self.fleet.members.iter();
            members
                .filter(|member| phases.contains(&member.phase))
                .count() as u64
        };
        let booting = phases(&[Phase::Launching, Phase::Booting]);
        let running = phases(&[Phase::Ready]);
        let reason = match plan.numbers.drain_eta {
            Some(eta) if booting == 0 => Reason::BaseSuffices {
                backlog,
                eta,
                deadline: self.planner.policy.drain_within(),
            },
            eta => Reason::FleetSuffices {
                backlog,
                eta,
                running,
                booting,
            },
        };
        plan.reasons.push(reason);
    }
}
