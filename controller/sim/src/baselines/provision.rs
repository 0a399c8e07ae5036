//! From a number of machines to orders: the cheapest that can be had, and what is given back first.

use std::collections::BTreeMap;

use crate::decider::{LaunchOutcome, MachinePhase, Order, SeenMachine, View};
use crate::spec::{OfferSpec, WorldSpec};

/// How long an offer that had no capacity is not asked again, seconds: Karpenter's memory of three minutes
/// (scaling.md, "Karpenter").
const CAPACITY_MEMORY: f64 = 180.0;
/// How long a machine that was launched and never seen counts as one that boots, seconds.
const UNSEEN_MAX: f64 = 60.0;

/// Which offers may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Market {
    /// All, spot among them.
    Any,
    /// Spot alone.
    Spot,
    /// On demand alone.
    OnDemand,
}

/// Buys and gives back until there are as many machines of its market as wanted.
///
/// Offers are taken in the order of the price of a job, as an operator would weigh the pools of a provisioner. (By the
/// price of an hour, as Karpenter compares on its own, azure-t4 would come before twice as fast machines.)
#[derive(Debug, Clone)]
pub(super) struct Provisioner {
    market: Market,
    burst_max: usize,
    offers: Vec<OfferSpec>,
    /// Places of the market's offers in the world's list, cheapest job first.
    ranked: Vec<usize>,
    /// By offer: not asked before, seconds.
    hidden_until: Vec<f64>,
    /// Launched and not yet seen: offer, and when it was launched.
    unseen: BTreeMap<u64, (usize, f64)>,
}

// === impl Market ===

impl Market {
    fn has(self, offer: &OfferSpec) -> bool {
        match self {
            Self::Any => true,
            Self::Spot => offer.is_spot,
            Self::OnDemand => !offer.is_spot,
        }
    }
}

// === impl Provisioner ===

impl Provisioner {
    pub(super) fn new(spec: &WorldSpec, market: Market) -> Self {
        let job_price = |offer: &OfferSpec| offer.price / offer.rate;
        let mut ranked: Vec<_> = (0..spec.offers.len())
            .filter(|offer| market.has(&spec.offers[*offer]))
            .collect();
        ranked.sort_by(|a, b| job_price(&spec.offers[*a]).total_cmp(&job_price(&spec.offers[*b])));
        Self {
            market,
            burst_max: spec.burst_max as usize,
            offers: spec.offers.clone(),
            ranked,
            hidden_until: vec![f64::NEG_INFINITY; spec.offers.len()],
            unseen: BTreeMap::new(),
        }
    }

    /// How many machines do `rate` jobs per second, the cheapest first; all there are if they do less.
    pub(super) fn machines_for(&self, rate: f64) -> usize {
        let mut left = rate;
        let mut machines = 0;
        for offer in self.ranked.iter().map(|offer| &self.offers[*offer]) {
            for _ in 0..offer.max {
                if left <= 0.0 {
                    return machines;
                }
                left -= offer.rate;
                machines += 1;
            }
        }
        machines
    }

    /// Orders that lead to `wanted` machines.
    pub(super) fn towards(&mut self, now: f64, view: &View<'_>, wanted: usize) -> Vec<Order> {
        self.forget_unseen(now, view);
        let own = view.machines.iter().filter(|machine| self.is_own(machine));
        let alive: Vec<_> = own.filter(|machine| is_alive(machine)).collect();
        let have = alive.len() + self.unseen.len();
        if have < wanted {
            self.launches(now, view, wanted - have)
        } else {
            first_to_go(alive, have - wanted)
        }
    }

    /// Takes in how a launch ended.
    pub(super) fn launched(&mut self, now: f64, offer: usize, outcome: LaunchOutcome) {
        if !self.ranked.contains(&offer) {
            return;
        }
        match outcome {
            LaunchOutcome::Launched { machine } => {
                self.unseen.insert(machine, (offer, now));
            }
            LaunchOutcome::NoCapacity | LaunchOutcome::OverMax => {
                self.hidden_until[offer] = now + CAPACITY_MEMORY;
            }
        }
    }

    fn launches(&self, now: f64, view: &View<'_>, count: usize) -> Vec<Order> {
        let held = |offer: Option<usize>| {
            let seen = view.machines.iter().filter_map(|machine| machine.offer);
            let unseen = self.unseen.values().map(|(offer, _)| *offer);
            seen.chain(unseen)
                .filter(|held| offer.is_none_or(|offer| *held == offer))
                .count()
        };
        let count = count.min(self.burst_max.saturating_sub(held(None)));
        self.ranked
            .iter()
            .filter(|offer| self.hidden_until[**offer] <= now)
            .flat_map(|offer| {
                let most = self.offers[*offer].max as usize;
                let room = most.saturating_sub(held(Some(*offer)));
                std::iter::repeat_n(Order::Launch { offer: *offer }, room)
            })
            .take(count)
            .collect()
    }

    fn is_own(&self, machine: &SeenMachine) -> bool {
        machine
            .offer
            .is_some_and(|offer| self.market.has(&self.offers[offer]))
    }

    fn forget_unseen(&mut self, now: f64, view: &View<'_>) {
        for machine in view.machines {
            self.unseen.remove(&machine.id);
        }
        self.unseen.retain(|_, (_, at)| now - *at <= UNSEEN_MAX);
    }
}

/// Whether a machine is one to count on: what drains, or is about to be taken back, is not.
pub(super) fn is_alive(machine: &SeenMachine) -> bool {
    machine.phase != MachinePhase::Draining && machine.interruption_at.is_none()
}

/// Base workers that can be counted on.
pub(super) fn base_alive(view: &View<'_>) -> usize {
    let base = view
        .machines
        .iter()
        .filter(|machine| machine.offer.is_none());
    base.filter(|machine| is_alive(machine)).count()
}

/// What boots goes first, then the youngest: a ReplicaSet's order, and the dearest by the order of buying.
fn first_to_go(mut alive: Vec<&SeenMachine>, count: usize) -> Vec<Order> {
    alive.sort_by_key(|machine| {
        (
            machine.phase != MachinePhase::Booting,
            std::cmp::Reverse(machine.id),
        )
    });
    let gone = alive.into_iter().take(count);
    gone.map(|machine| Order::Retire {
        machine: machine.id,
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Look;
    use super::*;
    use MachinePhase::{Booting, Draining, Ready};

    fn launched(orders: &[Order]) -> Vec<usize> {
        let offer = |order: &Order| match order {
            Order::Launch { offer } => *offer,
            Order::Retire { .. } => panic!("gives back: {orders:?}"),
        };
        orders.iter().map(offer).collect()
    }

    #[test]
    fn the_cheapest_job_is_bought_first_up_to_the_most() {
        let spec = WorldSpec::calm();
        // aws-g6-spot 0.85, gcp-g2 1.57, aws-g6 1.79, azure-t4 2.63, oci-a10 3.64 cents an hour for a job a second.
        let order = [2, 3, 1, 4, 0];
        for (market, expected) in [
            (Market::Any, &order[..]),
            (Market::Spot, &order[..1]),
            (Market::OnDemand, &order[1..]),
        ] {
            let mut provisioner = Provisioner::new(&spec, market);
            let orders = provisioner.towards(0.0, &Look::at(0.0).view(), 1_000);
            let mut offers = launched(&orders);
            let counts: Vec<_> = expected.iter().map(|o| spec.offers[*o].max).collect();
            assert_eq!(offers.len() as u32, counts.iter().sum::<u32>());
            offers.dedup();
            assert_eq!(offers, expected, "{market:?}");
        }
    }

    #[test]
    fn the_most_of_all_counts_what_drains() {
        let spec = WorldSpec {
            burst_max: 3,
            ..WorldSpec::calm()
        };
        let mut provisioner = Provisioner::new(&spec, Market::Any);
        let look = Look::at(0.0).machine(90, 2, Draining).machine(91, 0, Ready);
        assert_eq!(
            launched(&provisioner.towards(0.0, &look.view(), 9)).len(),
            1
        );
    }

    #[test]
    fn an_offer_without_capacity_is_not_asked_for_three_minutes() {
        let spec = WorldSpec::calm();
        let mut provisioner = Provisioner::new(&spec, Market::Any);
        let nothing = Look::at(0.0);
        provisioner.launched(0.0, 2, LaunchOutcome::NoCapacity);
        for (now, offer) in [(0.0, 3), (179.0, 3), (180.0, 2)] {
            let orders = provisioner.towards(now, &nothing.view(), 1);
            assert_eq!(launched(&orders), [offer], "{now}");
        }
    }

    #[test]
    fn a_launch_that_is_not_seen_yet_is_not_ordered_again() {
        let spec = WorldSpec::calm();
        let mut provisioner = Provisioner::new(&spec, Market::Any);
        provisioner.launched(0.0, 2, LaunchOutcome::Launched { machine: 9 });
        let nothing = Look::at(0.0);
        assert_eq!(provisioner.towards(15.0, &nothing.view(), 1), []);
        let seen = Look::at(0.0).machine(9, 2, Booting);
        assert_eq!(provisioner.towards(30.0, &seen.view(), 1), []);
        // Seen, and then lost.
        assert_eq!(
            launched(&provisioner.towards(45.0, &nothing.view(), 1)),
            [2]
        );
        provisioner.launched(45.0, 2, LaunchOutcome::Launched { machine: 10 });
        assert_eq!(
            launched(&provisioner.towards(106.0, &nothing.view(), 1)),
            [2]
        );
    }

    #[test]
    fn what_boots_goes_first_and_then_the_youngest() {
        let spec = WorldSpec::calm();
        let mut provisioner = Provisioner::new(&spec, Market::Any);
        let look = Look::at(0.0)
            .base(&spec)
            .machine(20, 2, Ready)
            .machine(21, 2, Booting)
            .machine(22, 3, Ready)
            .machine(23, 3, Draining);
        let retire = |machine| Order::Retire { machine };
        let mut towards = |wanted| provisioner.towards(0.0, &look.view(), wanted);
        assert_eq!(towards(3), []);
        assert_eq!(towards(2), [retire(21)]);
        assert_eq!(towards(0), [retire(21), retire(22), retire(20)]);
    }

    #[test]
    fn a_machine_that_is_about_to_be_taken_back_is_replaced() {
        let spec = WorldSpec::calm();
        let mut provisioner = Provisioner::new(&spec, Market::Any);
        let mut look = Look::at(0.0).machine(20, 2, Ready);
        look.machines[0].interruption_at = Some(120.0);
        assert_eq!(launched(&provisioner.towards(0.0, &look.view(), 1)), [2]);
    }
}
