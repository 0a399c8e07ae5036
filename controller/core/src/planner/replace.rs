//! Replacing: dear machines make way for cheap ones, once those can be had again.
//!
//! A shortage or an interruption leaves work with machines that cost twice as much. While the load goes on, a cheap
//! machine pays for its boot within the deadline; when it is counted on, the dearest is given back as usual.

use rust_decimal::Decimal;

use super::burst::{Bought, Desk, Offer, per_million};
use super::fleet::Phase;
use crate::plan::{Action, Plan};
use crate::reason::Reason;
use crate::snapshot::IntentId;
use crate::supply::{Supply, millis};
use crate::units::Dollars;

/// Of the machines that are too dear, one in so many is replaced at a time, and at least one.
const AT_A_TIME: usize = 3;

// === impl Desk ===

impl Desk<'_> {
    /// Buys cheap machines for dear ones that will be needed until they have paid; says whether it did.
    pub(super) fn replace(&self, supply: &Supply, plan: &mut Plan, next_intent: &mut u64) -> bool {
        let is_settled = self.fleet.members.iter().all(|member| {
            !matches!(member.phase, Phase::Launching | Phase::Booting) || member.intent.is_none()
        });
        let Some(arriving) = plan.numbers.arrival_rate.filter(|_| is_settled) else {
            return false;
        };
        let Some(cheap) = self
            .offers()
            .iter()
            .find(|offer| self.cap(&Bought::default(), offer.pool).is_none())
        else {
            return false;
        };
        let dear: Vec<&Offer<'_>> = self
            .fleet
            .members
            .iter()
            .filter(|member| member.phase == Phase::Ready)
            .filter_map(|member| self.offer_of(&member.pool))
            .filter(|offer| self.pays(cheap, offer))
            .collect();
        // What is not needed for the load that goes on is given back soon, and needs no successor.
        let needed = dear
            .iter()
            .scan(supply.rate(), |rest, offer| {
                *rest = rest.minus(offer.rate);
                Some(*rest)
            })
            .take_while(|_| arriving > supply.rate().half())
            .filter(|rest| *rest < arriving)
            .count();
        let count = needed.div_ceil(AT_A_TIME).min(dear.len());
        let mut bought = Bought::default();
        for offer in dear.iter().take(count) {
            if self.cap(&bought, cheap.pool).is_some() || self.is_full(bought.len()) {
                break;
            }
            let why = Reason::Cheaper {
                pool: cheap.pool.name.clone(),
                instead: offer.pool.name.clone(),
                per_million: per_million(cheap.pool, cheap.rate),
                instead_per_million: per_million(offer.pool, offer.rate),
            };
            let intent = IntentId::new(&cheap.pool.name, *next_intent);
            *next_intent += 1;
            *plan.desired.entry(cheap.pool.name.clone()).or_default() += 1;
            if bought.len() == 0 {
                plan.reasons.push(why.clone());
            }
            plan.actions.push(Action::Launch {
                intent,
                pool: cheap.pool.name.clone(),
                why,
            });
            bought.push(cheap.pool);
        }
        bought.len() > 0
    }

    /// Whether a new machine of `cheap` saves more than its boot costs, within the deadline or for as long as the load is
    /// likely to go on.
    fn pays(&self, cheap: &Offer<'_>, dear: &Offer<'_>) -> bool {
        let less = per_million(dear.pool, dear.rate).0 - per_million(cheap.pool, cheap.rate).0;
        let boot = cheap.law.mean();
        let goes_on = self.load.goes_on(self.now);
        let worked = millis(self.planner.policy.drain_within().max(goes_on)) - boot;
        if less <= Decimal::ZERO || worked <= 0 {
            return false;
        }
        let span = |ms| jiff::SignedDuration::from_millis(ms);
        let jobs = cheap.rate.jobs_in(span(worked));
        let saved = less * Decimal::from(jobs) / Decimal::from(1_000_000);
        let lost = Dollars::per_hour_over(cheap.pool.price_per_hour, span(boot));
        saved > lost.0
    }
}
