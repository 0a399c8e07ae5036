//! Every machine: launched, booting, working, taken back, paid for.

use super::history::History;
use crate::decider::{LaunchOutcome, MachinePhase, SeenMachine};
use crate::outcome::{End, Life};
use crate::spec::WorldSpec;

/// Lives of bought machines that are kept one by one; later ones are only counted.
const LIVES_MAX: usize = 200_000;

/// One machine with its worker.
#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) id: u64,
    /// Its offer; none for the base.
    pub(super) offer: Option<usize>,
    /// Which of its offer's places it has: the lowest that was free.
    place: u32,
    pub(super) launched_at: f64,
    pub(super) ready_at: f64,
    /// Jobs per second, in truth.
    pub(super) rate: f64,
    /// When its provider takes it back, or the base loses it; infinite if never.
    pub(super) taken_at: f64,
    /// Since when it takes no more work.
    pub(super) drains_from: Option<f64>,
    /// Work since it was ready.
    pub(super) work: Work,
    /// Of this, in the step before.
    pub(super) latest: Work,
    /// Partitions that it reads.
    pub(super) partitions: u32,
}

/// What a machine did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Work {
    /// Jobs.
    pub(super) done: f64,
    /// Of these, while its input was never empty.
    pub(super) saturated_done: f64,
    /// Seconds during which its input was never empty.
    pub(super) saturated: f64,
}

/// All machines that are not gone, and what those that are have cost.
pub(super) struct Fleet {
    pub(super) machines: Vec<Machine>,
    /// Machines ever launched, by offer.
    launched: Vec<u64>,
    next_id: u64,
    /// By base worker: how many of its stretches have begun.
    base_begun: Vec<usize>,
    pub(super) account: Account,
    /// Machines that vanished without a drain since the step before, and when.
    pub(super) losses: Vec<(u64, f64)>,
}

/// What bought machines came to.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Dollars, of machines that are gone.
    pub(super) spent: f64,
    /// Jobs that machines did that are gone, those of the base among them.
    pub(super) done: f64,
    pub(super) launches: u64,
    pub(super) refused: u64,
    pub(super) lost: u64,
    pub(super) reversals: u64,
    pub(super) lives: Vec<Life>,
}

/// A machine given back sooner than this after it was ready was bought in vain, seconds.
const REVERSAL_WITHIN: f64 = 600.0;

// === impl Machine ===

impl Machine {
    /// Seconds of `from` to `until` during which it can work.
    pub(super) fn active(&self, from: f64, until: f64) -> f64 {
        let end = self.drains_from.unwrap_or(f64::INFINITY).min(self.taken_at);
        (until.min(end) - from.max(self.ready_at)).max(0.0)
    }

    /// Takes in what it did in a step.
    pub(super) fn worked(&mut self, latest: Work) {
        self.work.done += latest.done;
        self.work.saturated_done += latest.saturated_done;
        self.work.saturated += latest.saturated;
        self.latest = latest;
    }

    fn phase(&self, seen_at: f64) -> MachinePhase {
        if self.drains_from.is_some() {
            MachinePhase::Draining
        } else if self.ready_at <= seen_at {
            MachinePhase::Ready
        } else {
            MachinePhase::Booting
        }
    }

    /// How it looked at `seen_at`, a share `unseen` of the latest step before now.
    fn seen(&self, seen_at: f64, unseen: f64, now: f64, notice: f64) -> SeenMachine {
        let counted = |all: f64, latest: f64| (all - latest * unseen).max(0.0);
        let phase = self.phase(seen_at);
        let is_announced = self.offer.is_some() && now >= self.taken_at - notice;
        let done = whole(counted(self.work.done, self.latest.done));
        let saturated = counted(self.work.saturated_done, self.latest.saturated_done);
        SeenMachine {
            id: self.id,
            offer: self.offer,
            launched_at: self.launched_at,
            phase,
            ready_at: (self.ready_at <= seen_at).then_some(self.ready_at),
            done,
            // Two sums of the same parts may differ in the last bit.
            saturated_done: whole(saturated).min(done),
            saturated_ms: whole(1_000.0 * counted(self.work.saturated, self.latest.saturated)),
            partitions: self.partitions,
            interruption_at: is_announced.then_some(self.taken_at),
        }
    }
}

// === impl Fleet ===

impl Fleet {
    /// Nobody yet: the base comes with the first step.
    pub(super) fn new(spec: &WorldSpec) -> Self {
        Self {
            machines: Vec::new(),
            launched: vec![0; spec.offers.len()],
            next_id: 0,
            base_begun: vec![0; spec.base.workers as usize],
            account: Account::default(),
            losses: Vec::new(),
        }
    }

    /// Adds base workers whose stretch begins before `until`.
    pub(super) fn begin_base(&mut self, spec: &WorldSpec, history: &History, until: f64) {
        for (worker, stretches) in history.base.iter().enumerate() {
            let begun = self.base_begun[worker];
            let Some(&(from, to)) = stretches.get(begun).filter(|stretch| stretch.0 < until) else {
                continue;
            };
            self.base_begun[worker] += 1;
            let id = self.number();
            self.machines.push(Machine {
                id,
                offer: None,
                place: 0,
                launched_at: from,
                ready_at: from,
                rate: spec.base.rate,
                taken_at: to,
                drains_from: None,
                work: Work::default(),
                latest: Work::default(),
                partitions: 0,
            });
        }
    }

    /// Orders one machine.
    pub(super) fn launch(
        &mut self,
        spec: &WorldSpec,
        history: &History,
        offer: usize,
        now: f64,
    ) -> LaunchOutcome {
        let bought = self.machines.iter().filter_map(|machine| machine.offer);
        let (alike, all) = bought.fold((0, 0), |(alike, all), of| {
            (alike + u32::from(of == offer), all + 1)
        });
        let max = spec.offers.get(offer).map_or(0, |told| told.max);
        if alike >= max || all >= spec.burst_max {
            self.account.refused += 1;
            return LaunchOutcome::OverMax;
        }
        if history.is_short(offer, now) {
            self.account.refused += 1;
            return LaunchOutcome::NoCapacity;
        }
        let taken: Vec<u32> = self
            .machines
            .iter()
            .filter(|machine| machine.offer == Some(offer))
            .map(|machine| machine.place)
            .collect();
        let place = (0..max).find(|place| !taken.contains(place)).unwrap_or(max);
        let series = spec.troubles.spot_series.as_ref();
        let series = series.filter(|_| spec.offers.get(offer).is_some_and(|told| told.is_spot));
        if series.is_some_and(|series| place >= series.held_most(max, now)) {
            self.account.refused += 1;
            return LaunchOutcome::NoCapacity;
        }
        let fate = history.fate(spec, offer, self.launched[offer], now);
        let series_end = series.map_or(f64::INFINITY, |series| series.taken_at(max, place, now));
        self.launched[offer] += 1;
        self.account.launches += 1;
        let id = self.number();
        self.machines.push(Machine {
            id,
            offer: Some(offer),
            place,
            launched_at: now,
            ready_at: now + fate.boot,
            rate: fate.rate,
            taken_at: fate.interruption_at.min(series_end),
            drains_from: None,
            work: Work::default(),
            latest: Work::default(),
            partitions: 0,
        });
        LaunchOutcome::Launched { machine: id }
    }

    /// Gives a bought machine back; nothing for one that is gone, leaving already or of the base.
    pub(super) fn retire(&mut self, spec: &WorldSpec, id: u64, now: f64) {
        let machines = &mut self.machines;
        let found = machines.iter().position(|machine| machine.id == id);
        let Some(place) = found.filter(|place| machines[*place].offer.is_some()) else {
            return;
        };
        let machine = &mut machines[place];
        if machine.drains_from.is_some() {
            return;
        }
        self.account.reversals += u64::from(now < machine.ready_at + REVERSAL_WITHIN);
        machine.drains_from = Some(now);
        machine.latest = Work::default();
        // What boots has nothing to finish.
        if spec.troubles.partitions.is_none() || now < machine.ready_at {
            let machine = self.machines.remove(place);
            self.account.close(spec, &machine, now, End::Retired);
        }
    }

    /// Ends what is over by `now`.
    pub(super) fn settle(&mut self, spec: &WorldSpec, now: f64) {
        let drain = spec
            .troubles
            .partitions
            .map_or(0.0, |trouble| trouble.drain);
        let account = &mut self.account;
        let losses = &mut self.losses;
        losses.clear();
        self.machines.retain(|machine| {
            let drained_at = machine
                .drains_from
                .map_or(f64::INFINITY, |from| from + drain);
            let ended_at = drained_at.min(machine.taken_at);
            if ended_at > now {
                return true;
            }
            let end = if machine.taken_at < drained_at {
                End::Taken
            } else {
                End::Retired
            };
            if end == End::Taken {
                losses.push((machine.id, ended_at));
            }
            account.close(spec, machine, ended_at, end);
            false
        });
    }

    /// Ends the account: whoever still runs is paid for until `now`.
    pub(super) fn close(&mut self, spec: &WorldSpec, now: f64) {
        for machine in std::mem::take(&mut self.machines) {
            self.account.close(spec, &machine, now, End::Left);
        }
    }

    /// How everybody looked at `seen_at`; `step` is what the latest step lasted.
    pub(super) fn look(
        &self,
        spec: &WorldSpec,
        now: f64,
        seen_at: f64,
        step: f64,
        to: &mut Vec<SeenMachine>,
    ) {
        let unseen = ((now - seen_at) / step).clamp(0.0, 1.0);
        let troubles = &spec.troubles;
        let series = troubles.spot_series.as_ref().map(|series| series.notice);
        let spot = troubles.spot.map(|spot| spot.notice);
        let notice = spot.or(series).unwrap_or(0.0);
        to.clear();
        let there = self
            .machines
            .iter()
            .filter(|machine| machine.launched_at <= now);
        to.extend(there.map(|machine| machine.seen(seen_at, unseen, now, notice)));
    }

    /// Dollars an hour of all bought machines.
    pub(super) fn price(&self, spec: &WorldSpec) -> f64 {
        let offers = self.machines.iter().filter_map(|machine| machine.offer);
        offers.map(|offer| spec.offers[offer].price).sum()
    }

    /// Dollars that bought machines have cost by `now`, minimums left out for those that run.
    pub(super) fn spent(&self, spec: &WorldSpec, now: f64) -> f64 {
        let running = self.machines.iter().filter_map(|machine| {
            let seconds = (now - machine.launched_at).max(0.0);
            Some(spec.offers[machine.offer?].price / 3_600.0 * seconds)
        });
        self.account.spent + running.sum::<f64>()
    }

    fn number(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }
}

// === impl Account ===

impl Account {
    fn close(&mut self, spec: &WorldSpec, machine: &Machine, ended_at: f64, end: End) {
        self.done += machine.work.done;
        let Some(offer) = machine.offer else {
            return;
        };
        let told = &spec.offers[offer];
        let seconds = (ended_at - machine.launched_at).max(told.billing_minimum);
        let cost = told.price / 3_600.0 * seconds;
        self.spent += cost;
        self.lost += u64::from(end == End::Taken);
        if self.lives.len() < LIVES_MAX {
            self.lives.push(Life {
                machine: machine.id,
                offer,
                launched_at: machine.launched_at,
                boot: machine.ready_at - machine.launched_at,
                rate: machine.rate,
                ended_at,
                end,
                done: machine.work.done,
                cost,
            });
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and `as` saturates"
)]
fn whole(number: f64) -> u64 {
    number as u64
}
