//! One tick as it is shown: the policy's view, and the sample that the history keeps of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use spillway_core::{
    BASE_POOL, Beliefs, Dollars, Market, Mode, Orders, Plan, Policy, Pool, Reason, Snapshot,
};
use spillway_wire::{Heartbeat, Phase};

use super::board::{Lead, Ledger};
use super::numbers::seconds;
use super::rates::{Commits, Pace, Rates};
use super::{
    BlockView, BudgetView, Decision, DecisionHead, LagView, LeaderView, LoopView, ObjectiveView,
    OrderInForce, PolicyView, PoolView, ReasonView, SignalAges, WorkerView,
};
use crate::history::{LagsSeen, PoolSample, Sample};
use crate::intents::{Intent, IntentStore, State as IntentState};
use crate::metrics::NotInForce;
use crate::orders;

/// What a view is made of.
pub(crate) struct Scene<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) plan: &'a Plan,
    /// The plan as a decision, if it is one.
    pub(crate) decision: Option<Decision>,
    pub(crate) heartbeats: &'a [Heartbeat],
    pub(crate) intents: &'a IntentStore,
    pub(crate) beliefs: &'a Beliefs,
    /// What burst has cost since midnight UTC.
    pub(crate) spent_today: Dollars,
    /// Pools that gave no machine lately, with the reason.
    pub(crate) refusals: BTreeMap<String, Reason>,
    /// Machines with our tags and without an intent; none if no provider could be asked.
    pub(crate) orphans: Option<u64>,
    pub(crate) ticking: LoopView,
}

/// What is known beside the tick.
pub(super) struct Beside<'a> {
    pub(super) rates: &'a Rates,
    pub(super) ledger: &'a Ledger,
    pub(super) lead: &'a Lead,
    pub(super) commits: &'a Commits,
    pub(super) last_decision: Option<DecisionHead>,
    pub(super) not_in_force: Option<&'a NotInForce>,
}

// === impl Scene ===

impl Scene<'_> {
    pub(super) fn view(&self, beside: &Beside<'_>) -> PolicyView {
        let now = self.plan.at;
        let numbers = &self.plan.numbers;
        let base_cost = self.base_cost(beside.ledger, now);
        let pools = self.policy.pools().iter();
        let burst_cost = pools
            .map(|pool| self.intents.cost(&pool.name, now))
            .fold(Dollars::ZERO, Dollars::plus)
            .to_f64();
        let orders = &self.snapshot.orders;
        let lags = self.lags(beside.commits);
        PolicyView {
            name: self.policy.name().to_owned(),
            namespace: beside.lead.namespace.clone(),
            mode: match self.policy.mode() {
                Mode::Enforce => "Enforce",
                Mode::Recommend => "Recommend",
            },
            status: self.status(),
            revision: beside.lead.revision.clone(),
            policy_problem: beside.not_in_force.map(|it| it.problems.clone()),
            drain_within_seconds: seconds(numbers.drain_within),
            objectives: self.objectives(),
            backlog: numbers.backlog,
            partitions: numbers.partitions,
            partitions_known: numbers.partitions_known,
            partitions_max_lag: lags.iter().filter_map(|it| it.lag).max(),
            oldest_age_seconds: numbers.oldest_age.map(seconds),
            arrival_rate: numbers.arrival_rate.map(|rate| rate.per_second()),
            service_rate: numbers.service_rate.per_second(),
            service_rate_soon: numbers.service_rate_soon.per_second(),
            drain_eta_seconds: numbers.drain_eta.map(seconds),
            late_jobs: numbers.late,
            sentence: self.plan.sentence(),
            hold: self.plan.hold.as_ref().map(ReasonView::of),
            reasons: self.plan.reasons.iter().map(ReasonView::of).collect(),
            last_decision: beside.last_decision.clone(),
            cost_per_hour: numbers.cost_per_hour.to_f64(),
            burst_cost_per_hour: numbers.burst_cost_per_hour.to_f64(),
            cost_total: base_cost + burst_cost,
            base_cost_total: base_cost,
            burst_cost_total: burst_cost,
            budget: self.budget(),
            pause: orders.pause_at(now).map(|pause| {
                orders::in_force("pause", &pause.given, (None, None), Some(pause.until), None)
            }),
            overrides: overrides(orders, now),
            leader: LeaderView {
                is_leader: true,
                token: beside.lead.token,
                since: beside.lead.since,
                identity: beside.lead.identity.clone(),
            },
            ticking: self.ticking,
            orphans: self.orphans,
            signal_age_seconds: self.signal_ages(now),
            pools: self.pools(beside.ledger, now),
            workers: Some(self.workers(beside.rates, now)),
            lags: Some(lags),
        }
    }

    fn objectives(&self) -> Vec<ObjectiveView> {
        let topics = self.policy.topics().iter();
        let objectives = topics.map(|topic| ObjectiveView {
            topic: topic.name.clone(),
            drain_within_seconds: seconds(topic.drain_within),
        });
        objectives.collect()
    }

    fn signal_ages(&self, now: Timestamp) -> SignalAges {
        let backlog = self.snapshot.backlog.as_ref().ok();
        let workers = self.snapshot.workers.as_ref().ok();
        SignalAges {
            backlog: backlog.map(|reading| seconds(now.duration_since(reading.taken_at))),
            workers: workers.map(|_| seconds(now.duration_since(self.snapshot.taken_at))),
        }
    }

    /// The badge: the first that applies.
    fn status(&self) -> &'static str {
        let (orders, now) = (&self.snapshot.orders, self.plan.at);
        let pools = self.policy.pools().iter();
        let mut bought = pools.filter_map(|pool| self.plan.numbers.pools.get(&pool.name));
        if orders.pause_at(now).is_some() {
            "Paused"
        } else if self.plan.hold.is_some() {
            "Holding"
        } else if self.plan.numbers.late > 0 {
            "AtRisk"
        } else if orders.overrides_at(now).next().is_some() {
            "Overridden"
        } else if bought.any(|pool| pool.booting + pool.ready > 0) {
            "Bursting"
        } else {
            "Steady"
        }
    }

    fn budget(&self) -> BudgetView {
        let (hour, day) = (self.policy.budget_per_hour(), self.policy.budget_per_day());
        let spent = self.spent_today.to_f64();
        let share = |used: f64, budget: Option<Dollars>| {
            let budget = budget?.to_f64();
            (budget > 0.0).then(|| used / budget)
        };
        BudgetView {
            per_hour: hour.map(Dollars::to_f64),
            per_day: day.map(Dollars::to_f64),
            spent_today: spent,
            used_hour_share: share(self.plan.numbers.burst_cost_per_hour.to_f64(), hour),
            used_day_share: share(spent, day),
        }
    }

    /// What the base has cost: by its machines where they are ours, else by the time that it was watched.
    fn base_cost(&self, ledger: &Ledger, now: Timestamp) -> f64 {
        if self.policy.keeps_base() {
            return self.intents.cost(BASE_POOL, now).to_f64();
        }
        ledger.totals.get(BASE_POOL).map_or(0.0, |it| it.dollars)
    }

    fn pools(&self, ledger: &Ledger, now: Timestamp) -> Vec<PoolView> {
        let pools = std::iter::once(self.policy.base()).chain(self.policy.pools());
        pools.map(|pool| self.pool(pool, ledger, now)).collect()
    }

    fn pool(&self, pool: &Pool, ledger: &Ledger, now: Timestamp) -> PoolView {
        let numbers = self.plan.numbers.pools.get(&pool.name);
        let numbers = numbers.cloned().unwrap_or_default();
        let is_base = pool.name == BASE_POOL;
        let rate = numbers.rate_mean.per_second();
        let desired = self.plan.desired.get(&pool.name).copied().unwrap_or(0);
        PoolView {
            name: pool.name.clone(),
            kind: if is_base { "base" } else { "burst" },
            market: market(pool),
            cloud: pool.place.cloud.clone(),
            region: pool.place.region.clone(),
            zone: pool.place.zone.clone(),
            machine: pool.place.machine.clone(),
            desired,
            booting: numbers.booting,
            ready: numbers.ready,
            draining: numbers.draining,
            max: pool.max,
            rate_per_worker: rate,
            rate_counted_on: numbers.rate_low.per_second(),
            measured: numbers.measured,
            price_per_hour: pool.price_per_hour.to_f64(),
            dollars_per_million: (rate > 0.0)
                .then(|| pool.dollars_per_million(numbers.rate_mean).to_f64()),
            boot_seconds: seconds(numbers.boot_high),
            cost_total: if is_base {
                self.base_cost(ledger, now)
            } else {
                self.intents.cost(&pool.name, now).to_f64()
            },
            cost_today: ledger.today.get(&pool.name).map(|it| it.dollars),
            interruptions_per_1000_hours: (!is_base && pool.market == Market::Spot)
                .then(|| self.beliefs.interruptions_per_kilohour(pool)),
            blocked: self.refusals.get(&pool.name).and_then(|why| match why {
                Reason::PoolBlocked { until, why, .. } => Some(BlockView {
                    until: *until,
                    why: why.clone(),
                }),
                _ => None,
            }),
        }
    }

    fn workers(&self, rates: &Rates, now: Timestamp) -> Vec<WorkerView> {
        let intents = self.intents.open_intents();
        let beats: BTreeMap<&str, &Heartbeat> = self
            .heartbeats
            .iter()
            .map(|beat| (beat.worker.as_str(), beat))
            .collect();
        let mut views: Vec<WorkerView> = intents
            .iter()
            .map(|intent| {
                let beat = intent.instance().and_then(|id| beats.get(id).copied());
                self.worker(Some(intent), beat, rates, now)
            })
            .collect();
        let of_nobody = self
            .heartbeats
            .iter()
            .filter(|beat| beat.instance.is_none());
        views.extend(of_nobody.map(|beat| self.worker(None, Some(beat), rates, now)));
        views
    }

    fn worker(
        &self,
        intent: Option<&Intent>,
        beat: Option<&Heartbeat>,
        rates: &Rates,
        now: Timestamp,
    ) -> WorkerView {
        let id = beat.map(|beat| beat.worker.clone());
        let of_intent =
            intent.map(|intent| intent.instance().unwrap_or(intent.id.as_str()).to_owned());
        let pool_name = intent
            .map(|intent| intent.pool.clone())
            .or(beat.map(|beat| beat.pool.clone()))
            .unwrap_or_default();
        let pool = self.policy.pool(&pool_name);
        let started = beat.and_then(|beat| Timestamp::from_millisecond(beat.started_at_ms).ok());
        let launched_at = intent.and_then(Intent::launched_at);
        let last_seen = beat.and_then(|beat| Timestamp::from_millisecond(beat.at_ms).ok());
        let pace = id.as_ref().map_or_else(Pace::default, |id| rates.of(id));
        let price = intent.map_or_else(
            || pool.map_or(0.0, |pool| pool.price_per_hour.to_f64()),
            |intent| intent.price_per_hour.to_f64(),
        );
        let per_dollar = pace
            .rate
            .filter(|_| price > 0.0)
            .map(|rate| rate * 3_600.0 / price);
        let place = pool.map(|pool| pool.place.clone());
        let is_burst = intent.is_some() && pool_name != BASE_POOL;
        let latency = beat.map(|beat| beat.latency_ms).filter(|it| it.p99 > 0);
        let interruption = beat.and_then(|beat| beat.interruption_at_ms);
        let text = |of: fn(&spillway_core::Place) -> &String| {
            place.as_ref().map(of).cloned().unwrap_or_default()
        };
        WorkerView {
            phase: phase(intent, beat),
            age_seconds: launched_at
                .or(started)
                .map_or(0.0, |at| seconds(now.duration_since(at))),
            images_done: beat.map(|beat| beat.counters.images_done),
            rate: pace.rate,
            in_flight: beat.map(|beat| beat.in_flight),
            partitions: beat.map(|beat| beat.partitions.len()),
            cost: intent.map_or(0.0, |intent| intent.cost(now).to_f64()),
            price_per_hour: price,
            last_seen_seconds: last_seen.map(|at| seconds(now.duration_since(at))),
            intent: intent.map(|intent| intent.id.to_string()),
            instance: intent.and_then(Intent::instance).map(str::to_owned),
            is_burst,
            can_drain: is_burst
                && intent.is_some_and(|it| matches!(it.state, IntentState::Launched { .. })),
            market: pool.and_then(market),
            cloud: text(|place| &place.cloud),
            region: text(|place| &place.region),
            zone: text(|place| &place.zone),
            machine: text(|place| &place.machine),
            gpu: beat.and_then(|beat| beat.gpu.clone()),
            // In Kubernetes a worker is called after its pod.
            node: self.snapshot.base.as_ref().and_then(|_| match intent {
                None => id.clone(),
                Some(_) => None,
            }),
            launched_at,
            busy_share: pace.busy,
            images_per_dollar: per_dollar,
            dollars_per_million: per_dollar.filter(|it| *it > 0.0).map(|it| 1e6 / it),
            billing_boundary_seconds: launched_at.zip(intent).map(|(at, intent)| {
                let paid = at + intent.billing_minimum;
                seconds(paid.duration_since(now)).max(0.0)
            }),
            model_set: beat.map(|beat| beat.model_set.clone()),
            version: beat.map(|beat| beat.version.clone()),
            latency_p50_seconds: latency.map(|it| f64::from(it.p50) / 1_000.0),
            latency_p99_seconds: latency.map(|it| f64::from(it.p99) / 1_000.0),
            interruption_at: interruption.and_then(|at| Timestamp::from_millisecond(at).ok()),
            ordered_drain: intent.and_then(|intent| self.ordered_drain(intent)),
            id: id.or(of_intent).unwrap_or_default(),
            pool: pool_name,
        }
    }

    fn ordered_drain(&self, intent: &Intent) -> Option<OrderInForce> {
        let given = self.snapshot.orders.drains.get(&intent.id)?;
        let about = (Some(intent.pool.as_str()), Some(intent.id.as_str()));
        Some(orders::in_force("drain", given, about, None, None))
    }

    fn lags(&self, commits: &Commits) -> Vec<LagView> {
        let beats = self.heartbeats.iter();
        let owned = beats.flat_map(|beat| beat.partitions.iter().map(move |it| (it, beat)));
        let owners: BTreeMap<(&str, i32), &str> = owned
            .map(|(it, beat)| ((it.topic.as_str(), it.partition), beat.worker.as_str()))
            .collect();
        let readings = self
            .snapshot
            .backlog
            .iter()
            .flat_map(|reading| &reading.partitions);
        let lags = readings.map(|reading| {
            let id = &reading.id;
            let owner = owners.get(&(id.topic.as_str(), id.partition));
            let lag = reading.offsets.as_ref().ok().map(|offsets| offsets.lag());
            let waits = lag.is_some_and(|lag| lag > 0);
            LagView {
                topic: id.topic.clone(),
                partition: id.partition,
                lag,
                owner: owner.map(|owner| (*owner).to_owned()),
                is_stuck: waits && owner.is_some() && commits.has_stopped(id, self.plan.at),
            }
        });
        lags.collect()
    }

    /// What the history keeps of this second.
    pub(super) fn sample(&self, view: &PolicyView, rates: &Rates) -> Sample {
        let never = view.backlog.map(|_| f64::INFINITY);
        let (arrived, done) = self.counted();
        Sample {
            policy: view.name.clone(),
            at: self.plan.at.as_second(),
            backlog: view.backlog,
            oldest_age: view.oldest_age_seconds,
            drain_eta: view.drain_eta_seconds.or(never),
            objective: view.drain_within_seconds,
            arrival_rate: view.arrival_rate,
            service_rate: view.service_rate,
            late: view.late_jobs,
            cost_per_hour: view.cost_per_hour,
            burst_cost_per_hour: view.burst_cost_per_hour,
            spent_today: view.budget.spent_today,
            arrived,
            done,
            pools: view
                .pools
                .iter()
                .map(|pool| (pool.name.clone(), self.pool_sample(pool, rates)))
                .collect(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "sums for people")]
    fn pool_sample(&self, pool: &PoolView, rates: &Rates) -> PoolSample {
        let is_base = pool.kind == "base";
        let beats = self.heartbeats.iter().filter(|beat| beat.pool == pool.name);
        let images: u64 = beats.clone().map(|beat| beat.counters.images_done).sum();
        let ready = beats.filter(|beat| beat.phase == Phase::Ready);
        let busy: Vec<f64> = ready
            .filter_map(|beat| rates.of(&beat.worker).busy)
            .collect();
        let machines = (pool.ready + pool.booting + pool.draining) as f64;
        PoolSample {
            is_base,
            desired: pool.desired,
            ready: pool.ready,
            booting: pool.booting,
            draining: pool.draining,
            // The base's total may itself come from the history: then only its price is news.
            cost_total: (!is_base || self.policy.keeps_base()).then_some(pool.cost_total),
            cost_per_hour: machines * pool.price_per_hour,
            images: images as f64,
            idle_share: (!busy.is_empty())
                .then(|| 1.0 - busy.iter().sum::<f64>() / busy.len() as f64),
        }
    }

    /// Jobs that ever arrived and were ever committed, if every partition is known.
    fn counted(&self) -> (Option<u64>, Option<u64>) {
        let Ok(reading) = &self.snapshot.backlog else {
            return (None, None);
        };
        if !reading.missing.is_empty() {
            return (None, None);
        }
        let mut sums = (0_u64, 0_u64);
        for partition in &reading.partitions {
            let Ok(offsets) = &partition.offsets else {
                return (None, None);
            };
            sums.0 = sums.0.saturating_add(offsets.end);
            sums.1 = sums.1.saturating_add(offsets.position());
        }
        (Some(sums.0), Some(sums.1))
    }
}

/// Lags as the history keeps them.
pub(super) fn lags_seen(policy: &str, at: Timestamp, lags: &[LagView]) -> LagsSeen {
    let mut seen: BTreeMap<String, BTreeMap<i32, Option<u64>>> = BTreeMap::new();
    for lag in lags {
        let topic = seen.entry(lag.topic.clone()).or_default();
        topic.insert(lag.partition, lag.lag);
    }
    LagsSeen {
        policy: policy.to_owned(),
        at: at.as_second(),
        lags: seen,
    }
}

fn overrides(orders: &Orders, now: Timestamp) -> Vec<OrderInForce> {
    let overrides = orders.overrides_at(now).map(|(pool, order)| {
        let size = Some((order.shape, order.workers));
        let about = (Some(pool.as_str()), None);
        orders::in_force("override", &order.given, about, Some(order.until), size)
    });
    overrides.collect()
}

fn market(pool: &Pool) -> Option<&'static str> {
    (pool.name != BASE_POOL).then_some(match pool.market {
        Market::OnDemand => "OnDemand",
        Market::Spot => "Spot",
    })
}

fn phase(intent: Option<&Intent>, beat: Option<&Heartbeat>) -> &'static str {
    let is_retiring =
        intent.is_some_and(|intent| matches!(intent.state, IntentState::Retiring { .. }));
    match beat.map(|beat| beat.phase) {
        None if is_retiring => "draining",
        None => "booting",
        Some(Phase::Stopped) => "stopped",
        Some(_) if is_retiring => "draining",
        Some(Phase::Starting) => "starting",
        Some(Phase::Ready) => "ready",
        Some(Phase::Draining) => "draining",
    }
}
