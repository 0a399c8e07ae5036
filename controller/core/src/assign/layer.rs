//! One thing to be level in (all work, or that of the first classes), and the exchanges that make it more level.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Bound;

use crate::assign::deal::{Deal, Members};
use crate::assign::model::{Model, at};

/// A moved partition stands still for about this long, microseconds; what saves less does not pay.
const PAUSE_US: u64 = 3_000_000;
/// Differences below this are left alone, microseconds: a moved partition's pause, and a look at the lags before it.
const OVER_MIN_US: u64 = 5_000_000;
/// Partners that one worker is tried with, the likeliest first.
const PARTNERS_MAX: usize = 64;
/// Gains below this part of the level are none.
const GAIN_PART: u64 = 1_024;

/// When something is done about being uneven, and until when. Microseconds of work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Who has more is relieved …
    pub(super) over: u64,
    /// … until it has no more than this.
    pub(super) near: u64,
    /// Who has less is given more …
    pub(super) under: u64,
    /// … until it has this much.
    pub(super) enough: u64,
    /// What relieving or filling one worker must gain, and the part of what it is busy that this must be.
    pub(super) pay: u64,
    pay_part: u64,
    /// What one move must gain.
    pub(super) gain: u64,
    /// What one swap must gain, for it stops two partitions.
    pub(super) swap: u64,
    /// As even as what moves anyway is made.
    pub(super) even: u64,
}

/// One thing to be level in: all work, or that of the first classes.
pub(super) struct Aim {
    pub(super) limits: Limits,
    /// For the first classes: the last of them, and what all work must stay within.
    classes: Option<(u8, Limits)>,
    /// By partition: its work that counts here.
    work: Vec<u64>,
}

/// A deal, looked at with one aim.
pub(super) struct Layer<'d, 'm> {
    pub(super) aim: &'d Aim,
    deal: &'d mut Deal<'m>,
    /// By worker: the work it has that counts here.
    load: Vec<u64>,
    /// Workers that may be asked, by how long they have to do.
    order: BTreeSet<(u64, u32)>,
    members: Members,
}

/// One partition goes from one worker to another, and maybe one comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Exchange {
    /// What the busier of the two has then, microseconds; what is enough, if that is more.
    worst_us: u64,
    /// The same of all work, where only some counts here: of exchanges that are as good, the one that upsets least.
    worst_of_all_us: u64,
    /// What the receiver has then: of exchanges that are as good, the one that leaves most room for others.
    to_us: u64,
    back: Option<u32>,
    go: u32,
    from: u32,
    to: u32,
}

/// Which exchanges are wanted.
pub(super) struct Wanted<'w> {
    /// Whether a partition may come back for the one that goes.
    pub(super) swaps: bool,
    /// Only partitions that are marked here; and in exchange only for one of their own class.
    pub(super) free: Option<&'w [bool]>,
    /// What the giver has afterwards, at least.
    pub(super) giver_min_us: u64,
    /// What the receiver has afterwards, at most.
    pub(super) receiver_max_us: u64,
    /// What the exchange gains, at least.
    pub(super) gain_us: u64,
    /// As little as the busier of the two need have afterwards: better is not looked for.
    pub(super) enough_us: u64,
}

// === impl Limits ===

impl Limits {
    /// For all work, where everybody would have `level` if it could be split.
    ///
    /// Begin and end are apart (a twentieth, a hundredth), so that what was measured may waver without moving anything.
    /// Waiting costs little meanwhile: as long as nobody runs dry, an uneven fleet does as much as an even one.
    /// The figures are those of docs/decisions/0006-assignment.md.
    pub(super) fn of_all(level: u64) -> Self {
        Self {
            over: level.saturating_add(OVER_MIN_US.max(level / 20)),
            near: level.saturating_add(level / 100),
            under: level.saturating_sub(OVER_MIN_US.max(level / 4)),
            enough: level - level / 20,
            pay: PAUSE_US.max(level / 25),
            pay_part: 25,
            gain: level / GAIN_PART + 1,
            swap: PAUSE_US.max(level / 20),
            even: level.saturating_add(level / 256),
        }
    }

    /// For the work of the first classes.
    ///
    /// Wider: that all is done comes before that the first is done first.
    pub(super) fn of_first_classes(level: u64) -> Self {
        Self {
            over: level.saturating_add(OVER_MIN_US.max(level / 4)),
            near: level.saturating_add(level / 10),
            under: 0,
            pay: PAUSE_US.max(level / 8),
            pay_part: 8,
            swap: level / 50 + 1,
            ..Self::of_all(level)
        }
    }

    /// What the first classes may raise all work to. Not up to the limit: the next waver would undo it.
    fn most_for_classes(&self) -> u64 {
        self.near.midpoint(self.over)
    }

    /// What the first classes may lower all work to.
    fn least_for_classes(&self) -> u64 {
        self.under.midpoint(self.enough)
    }

    /// What a worker that is busy for `busy_us` must be relieved to, if it is relieved at all; none if it cannot pay.
    pub(super) fn relieved(&self, busy_us: u64) -> Option<u64> {
        // Not a part of the level alone: a hot partition lies far above it, and would follow every waver of the
        // fastest workers' rates.
        busy_us.checked_sub(self.pay.max(busy_us / self.pay_part))
    }
}

// === impl Aim ===

impl Aim {
    /// All work.
    pub(super) fn all(model: &Model) -> Self {
        let work = model.work.clone();
        Self {
            limits: Limits::of_all(model.level_us(&work)),
            classes: None,
            work,
        }
    }

    /// The work of classes up to `class`.
    pub(super) fn first_classes(model: &Model, class: u8, all: &Self) -> Self {
        let works = model.work.iter().zip(&model.class);
        let work: Vec<_> = works
            .map(|(work, of)| if *of <= class { *work } else { 0 })
            .collect();
        Self {
            limits: Limits::of_first_classes(model.level_us(&work)),
            classes: Some((class, all.limits)),
            work,
        }
    }

    /// Whether nobody has so much or so little that something should be done.
    pub(super) fn is_met_by(&self, deal: &Deal<'_>) -> bool {
        let load = self.load(deal);
        deal.model.takers.iter().all(|worker| {
            let busy_us = deal.model.busy_us(*worker, load[at(*worker)]);
            (self.limits.under..=self.limits.over).contains(&busy_us)
        })
    }

    fn load(&self, deal: &Deal<'_>) -> Vec<u64> {
        let mut load = vec![0; deal.load.len()];
        for (worker, work) in deal.worker_of.iter().zip(&self.work) {
            if let Some(load) = load.get_mut(at(*worker)) {
                *load += work;
            }
        }
        load
    }
}

// === impl Layer ===

impl<'d, 'm> Layer<'d, 'm> {
    /// `deal` with an aim; workers marked in `held` neither give nor receive.
    pub(super) fn new(deal: &'d mut Deal<'m>, aim: &'d Aim, held: &[bool]) -> Self {
        let load = aim.load(deal);
        let model = deal.model;
        let asked = model.takers.iter().filter(|worker| !held[at(**worker)]);
        let order = asked.map(|worker| (model.busy_us(*worker, load[at(*worker)]), *worker));
        Self {
            aim,
            order: order.collect(),
            members: Members::of(deal),
            deal,
            load,
        }
    }

    /// How long `worker` has to do in this layer, microseconds.
    pub(super) fn busy_us(&self, worker: u32) -> u64 {
        self.deal.model.busy_us(worker, self.load[at(worker)])
    }

    /// The busiest worker of those that come before `(busy, worker)` in order; none first.
    pub(super) fn busiest_below(&self, below: Option<(u64, u32)>) -> Option<(u64, u32)> {
        match below {
            None => self.order.last().copied(),
            Some(below) => self.order.range(..below).next_back().copied(),
        }
    }

    /// The least busy worker of those that come after `(busy, worker)` in order; none first.
    pub(super) fn idlest_above(&self, above: Option<(u64, u32)>) -> Option<(u64, u32)> {
        match above {
            None => self.order.first().copied(),
            Some(above) => {
                let after = (Bound::Excluded(above), Bound::Unbounded);
                self.order.range(after).next().copied()
            }
        }
    }

    /// The best exchange that takes something from `worker`: tried with the least busy first.
    pub(super) fn best_from(&self, worker: u32, wanted: &Wanted<'_>) -> Option<Exchange> {
        let busy_us = self.busy_us(worker);
        let largest = self.members.each(worker);
        let largest =
            largest.filter(|partition| wanted.frees(*partition) && self.may_go(*partition));
        let largest = largest
            .map(|partition| self.aim.work[at(partition)])
            .max()?;
        let model = self.deal.model;
        let least_us = model.busy_us(worker, self.load[at(worker)].saturating_sub(largest));
        let enough_us = least_us.max(wanted.enough_us);
        let mut best: Option<Exchange> = None;
        for (other_us, other) in self.order.iter().take(PARTNERS_MAX) {
            if other_us.saturating_add(wanted.gain_us) > busy_us {
                break;
            }
            best = better(best, self.best_between(worker, *other, wanted));
            // Nothing with anybody can be better than that, or need be.
            if best.is_some_and(|best| best.worst_us <= enough_us) {
                break;
            }
        }
        best
    }

    /// The exchange that gives `largest`, the largest of `worker`, to the least busy; if nothing is better.
    ///
    /// What `best_from` would find, in one step: a worker that has far too much is relieved in no time.
    pub(super) fn largest_from(
        &self,
        worker: u32,
        largest: u32,
        wanted: &Wanted<'_>,
    ) -> Option<Exchange> {
        let exchange = Exchange {
            worst_us: 0,
            worst_of_all_us: 0,
            to_us: 0,
            back: None,
            go: largest,
            from: worker,
            to: self.idlest_above(None)?.1,
        };
        let judged = self.judged(exchange, wanted)?;
        let (from_us, _) = self.after_us(&exchange);
        (from_us == judged.worst_us && exchange.to != worker).then_some(judged)
    }

    /// The partitions of `worker`, the largest first.
    pub(super) fn largest_first(&self, worker: u32) -> Vec<u32> {
        let mut partitions: Vec<_> = self.members.each(worker).collect();
        let work = &self.aim.work;
        partitions.sort_unstable_by_key(|partition| (Reverse(work[at(*partition)]), *partition));
        partitions
    }

    /// Whether `worker` has it.
    pub(super) fn has(&self, worker: u32, partition: u32) -> bool {
        self.deal.worker_of[at(partition)] == worker
    }

    /// The best exchange that gives something to `worker`: from the busiest that has anything for it.
    pub(super) fn best_to(&self, worker: u32, wanted: &Wanted<'_>) -> Option<Exchange> {
        let busy_us = self.busy_us(worker);
        let others = self.order.iter().rev().take(PARTNERS_MAX);
        let others = others.take_while(|(other_us, _)| *other_us > busy_us);
        let mut exchanges =
            others.filter_map(|(_, other)| self.best_between(*other, worker, wanted));
        exchanges.next()
    }

    fn best_between(&self, from: u32, to: u32, wanted: &Wanted<'_>) -> Option<Exchange> {
        let mut best = None;
        let both = self.load[at(from)] + self.load[at(to)];
        let shared_us = self.deal.model.shared_us(from, to, both);
        // Most pairs end here: even the best exchange would not gain enough.
        if from == to || shared_us.saturating_add(wanted.gain_us) > self.busy_us(from) {
            return best;
        }
        for go in self.members.each(from) {
            let work = self.aim.work[at(go)];
            if work == 0 || !wanted.frees(go) || !self.may_go(go) {
                continue;
            }
            let mut exchange = Exchange {
                worst_us: 0,
                worst_of_all_us: 0,
                to_us: 0,
                back: None,
                go,
                from,
                to,
            };
            best = better(best, self.judged(exchange, wanted));
            if !wanted.swaps {
                continue;
            }
            for back in self.members.each(to) {
                let smaller = self.aim.work[at(back)] < work;
                if smaller && wanted.frees(back) && self.may_swap(go, back, wanted) {
                    exchange.back = Some(back);
                    best = better(best, self.judged(exchange, wanted));
                }
            }
        }
        best
    }

    /// Of several classes only the last goes: the aims of those before it are not undone.
    fn may_go(&self, partition: u32) -> bool {
        let class = self.deal.model.class[at(partition)];
        self.aim.classes.is_none_or(|(last, _)| class == last)
    }

    fn may_swap(&self, go: u32, back: u32, wanted: &Wanted<'_>) -> bool {
        let (go, back) = (
            self.deal.model.class[at(go)],
            self.deal.model.class[at(back)],
        );
        let undoes = self.aim.classes.is_some_and(|(last, _)| back < last);
        !undoes && (wanted.free.is_none() || go == back)
    }

    /// The exchange with what it comes to, if it is wanted and nothing stands against it.
    fn judged(&self, exchange: Exchange, wanted: &Wanted<'_>) -> Option<Exchange> {
        let (from_us, to_us) = self.after_us(&exchange);
        let worst_us = from_us.max(to_us);
        let gains = worst_us.saturating_add(wanted.gain_us) <= self.busy_us(exchange.from);
        if !gains || from_us < wanted.giver_min_us || to_us > wanted.receiver_max_us {
            return None;
        }
        Some(Exchange {
            worst_us: worst_us.max(wanted.enough_us),
            to_us,
            worst_of_all_us: self.worst_of_all_us(&exchange)?,
            ..exchange
        })
    }

    /// What giver and receiver have in this layer afterwards, microseconds.
    pub(super) fn after_us(&self, exchange: &Exchange) -> (u64, u64) {
        self.after(exchange, &self.aim.work, &self.load)
    }

    fn after(&self, exchange: &Exchange, work: &[u64], load: &[u64]) -> (u64, u64) {
        let model = self.deal.model;
        let (from, to) = (exchange.from, exchange.to);
        let go = work[at(exchange.go)];
        let back = exchange.back.map_or(0, |back| work[at(back)]);
        (
            model.busy_us(from, load[at(from)] - go + back),
            model.busy_us(to, load[at(to)] - back + go),
        )
    }

    /// What the busier of the two has of all work then; none if that leaves its limits, or gets further from them.
    fn worst_of_all_us(&self, exchange: &Exchange) -> Option<u64> {
        let Some((_, limits)) = self.aim.classes else {
            return Some(0);
        };
        let (model, deal) = (self.deal.model, &self.deal);
        let (from_us, to_us) = self.after(exchange, &model.work, &deal.load);
        for (worker, after_us) in [(exchange.from, from_us), (exchange.to, to_us)] {
            let before_us = model.busy_us(worker, deal.load[at(worker)]);
            let is_more = after_us > before_us && after_us > limits.most_for_classes();
            let is_less = after_us < before_us && after_us < limits.least_for_classes();
            if is_more || is_less {
                return None;
            }
        }
        Some(from_us.max(to_us))
    }

    /// Whether only some of the work counts here.
    pub(super) fn is_partial(&self) -> bool {
        self.aim.classes.is_some()
    }

    /// Makes an exchange.
    pub(super) fn make(&mut self, exchange: &Exchange) {
        self.shift(exchange.go, exchange.to);
        if let Some(back) = exchange.back {
            self.shift(back, exchange.from);
        }
    }

    /// Takes an exchange back, the last first.
    pub(super) fn unmake(&mut self, exchange: &Exchange) {
        self.shift(exchange.go, exchange.from);
        if let Some(back) = exchange.back {
            self.shift(back, exchange.to);
        }
    }

    fn shift(&mut self, partition: u32, to: u32) {
        let from = self.deal.worker_of[at(partition)];
        for worker in [from, to] {
            self.order.remove(&(self.busy_us(worker), worker));
        }
        self.load[at(from)] -= self.aim.work[at(partition)];
        self.load[at(to)] += self.aim.work[at(partition)];
        for worker in [from, to] {
            self.order.insert((self.busy_us(worker), worker));
        }
        self.members.shift(partition, from, to);
        self.deal.shift(partition, to);
    }
}

// === impl Wanted ===

impl Wanted<'_> {
    fn frees(&self, partition: u32) -> bool {
        self.free.is_none_or(|free| free[at(partition)])
    }
}

fn better(best: Option<Exchange>, other: Option<Exchange>) -> Option<Exchange> {
    match (best, other) {
        (Some(best), Some(other)) => Some(best.min(other)),
        (best, other) => best.or(other),
    }
}
