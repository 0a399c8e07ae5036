//! Telling what was chosen, and what else could have been had and why it was not.

use jiff::SignedDuration;
use rust_decimal::Decimal;

use super::burst::{Basket, Desk, Offer, per_million};
use crate::reason::Reason;
use crate::units::Dollars;

// === impl Desk ===

impl Desk<'_> {
    /// What was chosen, pool by pool, and what else could have been had for what is due by the point `unmet`.
    pub(super) fn told(&self, basket: &Basket<'_>, unmet: usize) -> Vec<Reason> {
        let boot = |offer: &Offer<'_>| SignedDuration::from_millis(offer.law.mean());
        let is_chosen = |offer: &&Offer<'_>| basket.bought.of(&offer.pool.name) > 0;
        let chosen = self.offers().iter().filter(is_chosen);
        let mut told: Vec<Reason> = chosen
            .clone()
            .map(|offer| Reason::Cheapest {
                pool: offer.pool.name.clone(),
                count: basket.bought.of(&offer.pool.name),
                per_million: per_million(offer.pool, offer.rate),
                boot: boot(offer),
            })
            .collect();
        let within = self.grid.at(unmet).duration_since(self.now);
        let is_free = |offer: &&Offer<'_>| self.cap(&basket.bought, offer.pool).is_none();
        let had = self
            .offers()
            .iter()
            .filter(|it| is_chosen(it) || is_free(it));
        let most = had.map(|offer| offer.share.expected(unmet)).max();
        let by_then = |offer: &Offer<'_>| {
            let cost = self.cost_per_job(offer, unmet, most.unwrap_or(0))?;
            Some(cost * Decimal::from(1_000_000))
        };
        let Some(paid) = chosen.filter_map(by_then).max() else {
            return told;
        };
        let others = self.offers().iter().filter(|offer| !is_chosen(offer));
        // What stands against a pool is told among the caps.
        let free = others.filter(is_free);
        told.extend(free.map(|offer| match by_then(offer) {
            Some(cost) => Reason::Dearer {
                pool: offer.pool.name.clone(),
                within,
                per_million: Dollars(cost.round_dp(2)),
                more: Dollars((cost - paid).max(Decimal::ZERO).round_dp(2)),
            },
            None => Reason::TooSlow {
                pool: offer.pool.name.clone(),
                within,
                boot: boot(offer),
            },
        }));
        told
    }
}
