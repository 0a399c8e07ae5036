//! What people and programs are shown: the state of every policy, its history, its decisions.
//!
//! These types are the API: `snake_case`, seconds and dollars as numbers, unknown as null and never as zero.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use spillway_core::{BASE_POOL, Dollars, Numbers, Plan, Policy, Reason, Snapshot};
use spillway_wire::{Heartbeat, Phase};
use tokio::sync::broadcast;

use crate::intents::{Intent, IntentStore, State as IntentState};

/// Points of history kept: an hour at one a second.
const HISTORY_MAX: usize = 3_600;
/// Decisions kept for the page; the journal keeps more.
const DECISIONS_MAX: usize = 1_000;
/// Events a slow reader may fall behind before it has to ask for the state anew.
const EVENTS_MAX: usize = 256;

/// Everything that is shown.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct StateView {
    pub(crate) at: Timestamp,
    pub(crate) version: &'static str,
    pub(crate) policies: Vec<PolicyView>,
}

/// One policy, now.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PolicyView {
    pub(crate) name: String,
    pub(crate) drain_within_seconds: f64,
    pub(crate) backlog: Option<u64>,
    pub(crate) partitions: u64,
    pub(crate) partitions_known: u64,
    pub(crate) oldest_age_seconds: Option<f64>,
    pub(crate) arrival_rate: Option<f64>,
    pub(crate) service_rate: f64,
    pub(crate) service_rate_soon: f64,
    pub(crate) drain_eta_seconds: Option<f64>,
    pub(crate) late_jobs: u64,
    pub(crate) sentence: String,
    pub(crate) hold: Option<ReasonView>,
    pub(crate) reasons: Vec<ReasonView>,
    pub(crate) cost_per_hour: f64,
    pub(crate) burst_cost_per_hour: f64,
    pub(crate) cost_total: f64,
    pub(crate) base_cost_total: f64,
    pub(crate) burst_cost_total: f64,
    pub(crate) signal_age_seconds: SignalAges,
    pub(crate) pools: Vec<PoolView>,
    pub(crate) workers: Vec<WorkerView>,
    pub(crate) lags: Vec<LagView>,
}

/// How old what is shown is; null if it was never seen.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SignalAges {
    pub(crate) backlog: Option<f64>,
    pub(crate) workers: Option<f64>,
}

/// A reason: its code and its sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ReasonView {
    pub(crate) code: &'static str,
    pub(crate) text: String,
    pub(crate) trouble: bool,
}

/// One pool, now.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PoolView {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) desired: u32,
    pub(crate) booting: u64,
    pub(crate) ready: u64,
    pub(crate) draining: u64,
    pub(crate) max: u32,
    pub(crate) rate_per_worker: f64,
    pub(crate) measured: bool,
    pub(crate) price_per_hour: f64,
    pub(crate) dollars_per_million: Option<f64>,
    pub(crate) boot_seconds: f64,
}

/// One machine and its worker, now.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct WorkerView {
    pub(crate) id: String,
    pub(crate) pool: String,
    pub(crate) phase: &'static str,
    pub(crate) age_seconds: f64,
    pub(crate) images_done: Option<u64>,
    pub(crate) rate: Option<f64>,
    pub(crate) in_flight: Option<u64>,
    pub(crate) partitions: Option<usize>,
    pub(crate) cost: f64,
    pub(crate) price_per_hour: f64,
    pub(crate) last_seen_seconds: Option<f64>,
}

/// One partition's lag; null if unknown.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LagView {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) lag: Option<u64>,
}

/// One point of history.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct HistoryPoint {
    pub(crate) at: Timestamp,
    pub(crate) backlog: Option<u64>,
    pub(crate) drain_eta_seconds: Option<f64>,
    pub(crate) arrival_rate: Option<f64>,
    pub(crate) service_rate: f64,
    pub(crate) base: u64,
    pub(crate) burst: u64,
    pub(crate) booting: u64,
    pub(crate) cost_per_hour: f64,
}

/// A plan that did something, or whose reasons are not those of the one before.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Decision {
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    pub(crate) policy: String,
    pub(crate) sentence: String,
    pub(crate) actions: Vec<ActionView>,
    pub(crate) reasons: Vec<ReasonView>,
    pub(crate) hold: Option<ReasonView>,
    pub(crate) numbers: BTreeMap<&'static str, serde_json::Value>,
}

/// One step of a decision.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ActionView {
    pub(crate) verb: &'static str,
    pub(crate) intent: String,
    pub(crate) pool: String,
    pub(crate) code: &'static str,
    pub(crate) why: String,
}

/// What the event stream carries.
#[derive(Debug, Clone)]
pub(crate) enum Update {
    State(Arc<StateView>),
    Decision(Arc<Decision>),
}

/// What is shown, kept for whoever asks.
pub(crate) struct Board {
    kept: Mutex<Kept>,
    /// Whether another leads and this one only waits.
    stands_by: AtomicBool,
    updates: broadcast::Sender<Update>,
}

#[derive(Default)]
struct Kept {
    state: Option<Arc<StateView>>,
    history: VecDeque<HistoryPoint>,
    decisions: VecDeque<Arc<Decision>>,
    chronicle: Chronicle,
    rates: BTreeMap<String, RateSeen>,
}

/// Finds out which plans are decisions.
#[derive(Debug, Default)]
pub(crate) struct Chronicle {
    next_id: u64,
    last: Vec<&'static str>,
}

/// Counters of a worker some seconds ago, for the rate that is shown.
struct RateSeen {
    boot_id: String,
    at_ms: i64,
    images: u64,
    rate: Option<f64>,
}

/// What a view is made of.
pub(crate) struct Scene<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) plan: &'a Plan,
    pub(crate) heartbeats: &'a [Heartbeat],
    pub(crate) intents: &'a IntentStore,
}

// === impl Board ===

impl Board {
    pub(crate) fn new() -> Self {
        Self {
            kept: Mutex::default(),
            stands_by: AtomicBool::new(false),
            updates: broadcast::channel(EVENTS_MAX).0,
        }
    }

    /// Notes that another leads: there is nothing to show, and nothing is missing.
    pub(crate) fn stand_by(&self) {
        self.stands_by.store(true, Ordering::Relaxed);
    }

    /// Whether it is as it should be: it shows something, or another leads.
    pub(crate) fn is_ready(&self) -> bool {
        self.stands_by.load(Ordering::Relaxed) || self.state().is_some()
    }

    /// Shows a new plan.
    pub(crate) fn show(&self, scene: &Scene<'_>) {
        self.stands_by.store(false, Ordering::Relaxed);
        let mut kept = self.kept();
        let now = scene.plan.at;
        let rates = kept.learn_rates(scene.heartbeats);
        let view = scene.view(&rates, now);
        if kept.history.len() == HISTORY_MAX {
            kept.history.pop_front();
        }
        kept.history.push_back(HistoryPoint::of(&view, now));
        let state = StateView {
            at: now,
            version: env!("CARGO_PKG_VERSION"),
            policies: vec![view],
        };
        let state = Arc::new(state);
        kept.state = Some(Arc::clone(&state));
        // Nobody listening is no failure.
        let _ = self.updates.send(Update::State(state));
        if let Some(decision) = kept.chronicle.decision(scene.policy.name(), scene.plan) {
            let decision = Arc::new(decision);
            if kept.decisions.len() == DECISIONS_MAX {
                kept.decisions.pop_front();
            }
            kept.decisions.push_back(Arc::clone(&decision));
            let _ = self.updates.send(Update::Decision(decision));
        }
    }

    pub(crate) fn state(&self) -> Option<Arc<StateView>> {
        self.kept().state.clone()
    }

    pub(crate) fn history(&self) -> Vec<HistoryPoint> {
        self.kept().history.iter().cloned().collect()
    }

    /// Decisions, newest first.
    pub(crate) fn decisions(&self, limit: usize) -> Vec<Arc<Decision>> {
        self.kept()
            .decisions
            .iter()
            .rev()
            .take(limit)
            .cloned()
            .collect()
    }

    /// Decisions after number `id`, oldest first, and all updates from then on.
    pub(crate) fn follow(
        &self,
        id: Option<u64>,
    ) -> (Vec<Arc<Decision>>, broadcast::Receiver<Update>) {
        let kept = self.kept();
        let missed = match id {
            None => Vec::new(),
            Some(id) => kept
                .decisions
                .iter()
                .filter(|it| it.id > id)
                .cloned()
                .collect(),
        };
        (missed, self.updates.subscribe())
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept
            .lock()
            .expect("nothing panics while holding the board")
    }
}

// === impl Kept ===

impl Kept {
    /// Images per second of each worker, by what its counters did between heartbeats.
    fn learn_rates(&mut self, heartbeats: &[Heartbeat]) -> BTreeMap<String, Option<f64>> {
        let mut seen = BTreeMap::new();
        for beat in heartbeats {
            let images = beat.counters.images_done;
            let now = RateSeen {
                boot_id: beat.boot_id.clone(),
                at_ms: beat.at_ms,
                images,
                rate: None,
            };
            let before = self
                .rates
                .remove(&beat.worker)
                .filter(|it| it.boot_id == beat.boot_id);
            let seen_now = match before {
                Some(before) if beat.at_ms - before.at_ms < 1_500 => before,
                Some(before) => {
                    #[expect(clippy::cast_precision_loss, reason = "shown to people only")]
                    let rate = images.saturating_sub(before.images) as f64 * 1_000.0
                        / (beat.at_ms - before.at_ms) as f64;
                    RateSeen {
                        rate: Some(rate),
                        ..now
                    }
                }
                None => now,
            };
            seen.insert(beat.worker.clone(), seen_now);
        }
        self.rates = seen;
        self.rates
            .iter()
            .map(|(worker, seen)| (worker.clone(), seen.rate))
            .collect()
    }
}

// === impl Chronicle ===

impl Chronicle {
    /// The plan as a decision, if it is one.
    pub(crate) fn decision(&mut self, policy: &str, plan: &Plan) -> Option<Decision> {
        let codes: Vec<&'static str> = plan
            .hold
            .iter()
            .chain(&plan.reasons)
            .map(Reason::code)
            .collect();
        if plan.actions.is_empty() && codes == self.last {
            return None;
        }
        self.last = codes;
        self.next_id += 1;
        let pool = |intent: &str| {
            intent
                .rsplit_once('-')
                .map_or(intent, |(pool, _)| pool)
                .to_owned()
        };
        Some(Decision {
            id: self.next_id,
            at: plan.at,
            policy: policy.to_owned(),
            sentence: plan.sentence(),
            actions: plan
                .actions
                .iter()
                .map(|action| ActionView {
                    verb: action.verb(),
                    intent: action.intent().to_string(),
                    pool: pool(action.intent().as_str()),
                    code: action.why().code(),
                    why: action.why().to_string(),
                })
                .collect(),
            reasons: plan.reasons.iter().map(ReasonView::of).collect(),
            hold: plan.hold.as_ref().map(ReasonView::of),
            numbers: numbers(&plan.numbers),
        })
    }
}

// === impl ReasonView ===

impl ReasonView {
    fn of(reason: &Reason) -> Self {
        Self {
            code: reason.code(),
            text: reason.to_string(),
            trouble: reason.is_trouble(),
        }
    }
}

// === impl HistoryPoint ===

impl HistoryPoint {
    fn of(view: &PolicyView, at: Timestamp) -> Self {
        // Those that leave still work off what they hold.
        let working = |kind: &str| {
            let pools = view.pools.iter().filter(|pool| pool.kind == kind);
            pools.map(|pool| pool.ready + pool.draining).sum()
        };
        Self {
            at,
            backlog: view.backlog,
            drain_eta_seconds: view.drain_eta_seconds,
            arrival_rate: view.arrival_rate,
            service_rate: view.service_rate,
            base: working("base"),
            burst: working("burst"),
            booting: view.pools.iter().map(|pool| pool.booting).sum(),
            cost_per_hour: view.cost_per_hour,
        }
    }
}

// === impl Scene ===

impl Scene<'_> {
    fn view(&self, rates: &BTreeMap<String, Option<f64>>, now: Timestamp) -> PolicyView {
        let numbers = &self.plan.numbers;
        let base_cost = self.base_cost(now);
        let pools = self.policy.pools().iter();
        let burst_cost = pools
            .map(|pool| self.intents.cost(&pool.name, now))
            .fold(Dollars::ZERO, Dollars::plus);
        PolicyView {
            name: self.policy.name().to_owned(),
            drain_within_seconds: seconds(numbers.drain_within),
            backlog: numbers.backlog,
            partitions: numbers.partitions,
            partitions_known: numbers.partitions_known,
            oldest_age_seconds: numbers.oldest_age.map(seconds),
            arrival_rate: numbers.arrival_rate.map(|rate| rate.per_second()),
            service_rate: numbers.service_rate.per_second(),
            service_rate_soon: numbers.service_rate_soon.per_second(),
            drain_eta_seconds: numbers.drain_eta.map(seconds),
            late_jobs: numbers.late,
            sentence: self.plan.sentence(),
            hold: self.plan.hold.as_ref().map(ReasonView::of),
            reasons: self.plan.reasons.iter().map(ReasonView::of).collect(),
            cost_per_hour: numbers.cost_per_hour.to_f64(),
            burst_cost_per_hour: numbers.burst_cost_per_hour.to_f64(),
            cost_total: base_cost.plus(burst_cost).to_f64(),
            base_cost_total: base_cost.to_f64(),
            burst_cost_total: burst_cost.to_f64(),
            signal_age_seconds: SignalAges {
                backlog: self
                    .snapshot
                    .backlog
                    .as_ref()
                    .ok()
                    .map(|reading| seconds(now.duration_since(reading.taken_at))),
                workers: self
                    .snapshot
                    .workers
                    .as_ref()
                    .ok()
                    .map(|_| seconds(now.duration_since(self.snapshot.taken_at))),
            },
            pools: self.pools(),
            workers: self.workers(rates, now),
            lags: self.lags(),
        }
    }

    fn base_cost(&self, now: Timestamp) -> Dollars {
        self.intents.cost(BASE_POOL, now)
    }

    fn pools(&self) -> Vec<PoolView> {
        let pools = std::iter::once(self.policy.base()).chain(self.policy.pools());
        let views = pools.map(|pool| {
            let numbers = self
                .plan
                .numbers
                .pools
                .get(&pool.name)
                .cloned()
                .unwrap_or_default();
            let rate = numbers.rate_mean.per_second();
            let price = pool.price_per_hour.to_f64();
            PoolView {
                name: pool.name.clone(),
                kind: if pool.name == BASE_POOL {
                    "base"
                } else {
                    "burst"
                },
                desired: self.plan.desired.get(&pool.name).copied().unwrap_or(0),
                booting: numbers.booting,
                ready: numbers.ready,
                draining: numbers.draining,
                max: pool.max,
                rate_per_worker: rate,
                measured: numbers.measured,
                price_per_hour: price,
                dollars_per_million: (rate > 0.0).then(|| price / 3_600.0 / rate * 1e6),
                boot_seconds: seconds(numbers.boot_high),
            }
        });
        views.collect()
    }

    fn workers(&self, rates: &BTreeMap<String, Option<f64>>, now: Timestamp) -> Vec<WorkerView> {
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
                worker_view(Some(intent), beat, rates, now)
            })
            .collect();
        let of_nobody = self
            .heartbeats
            .iter()
            .filter(|beat| beat.instance.is_none());
        views.extend(of_nobody.map(|beat| worker_view(None, Some(beat), rates, now)));
        views
    }

    fn lags(&self) -> Vec<LagView> {
        let readings = self
            .snapshot
            .backlog
            .iter()
            .flat_map(|reading| &reading.partitions);
        let lags = readings.map(|reading| LagView {
            topic: reading.id.topic.clone(),
            partition: reading.id.partition,
            lag: reading.offsets.as_ref().ok().map(|offsets| offsets.lag()),
        });
        lags.collect()
    }
}

fn worker_view(
    intent: Option<&Intent>,
    beat: Option<&Heartbeat>,
    rates: &BTreeMap<String, Option<f64>>,
    now: Timestamp,
) -> WorkerView {
    let id = beat.map(|beat| beat.worker.clone());
    let of_intent = intent.map(|intent| intent.instance().unwrap_or(intent.id.as_str()).to_owned());
    let pool = intent
        .map(|intent| intent.pool.clone())
        .or(beat.map(|beat| beat.pool.clone()));
    let is_retiring =
        intent.is_some_and(|intent| matches!(intent.state, IntentState::Retiring { .. }));
    let phase = match beat.map(|beat| beat.phase) {
        None => "booting",
        Some(Phase::Stopped) => "stopped",
        Some(_) if is_retiring => "draining",
        Some(Phase::Starting) => "starting",
        Some(Phase::Ready) => "ready",
        Some(Phase::Draining) => "draining",
    };
    let started = intent
        .and_then(Intent::launched_at)
        .or_else(|| beat.and_then(|beat| Timestamp::from_millisecond(beat.started_at_ms).ok()));
    let last_seen = beat.and_then(|beat| Timestamp::from_millisecond(beat.at_ms).ok());
    WorkerView {
        rate: id.as_ref().and_then(|id| rates.get(id).copied().flatten()),
        id: id.or(of_intent).unwrap_or_default(),
        pool: pool.unwrap_or_default(),
        phase,
        age_seconds: started.map_or(0.0, |at| seconds(now.duration_since(at))),
        images_done: beat.map(|beat| beat.counters.images_done),
        in_flight: beat.map(|beat| beat.in_flight),
        partitions: beat.map(|beat| beat.partitions.len()),
        cost: intent.map_or(0.0, |intent| intent.cost(now).to_f64()),
        price_per_hour: intent.map_or(0.0, |intent| intent.price_per_hour.to_f64()),
        last_seen_seconds: last_seen.map(|at| seconds(now.duration_since(at))),
    }
}

fn numbers(numbers: &Numbers) -> BTreeMap<&'static str, serde_json::Value> {
    use serde_json::json;
    let workers: BTreeMap<&String, serde_json::Value> = numbers
        .pools
        .iter()
        .map(|(pool, it)| {
            let counts = json!({
                "booting": it.booting, "ready": it.ready, "draining": it.draining,
                "rate_per_worker": it.rate_mean.per_second(),
                "rate_counted_on": it.rate_low.per_second(),
                "measured": it.measured, "boot_seconds": seconds(it.boot_high),
            });
            (pool, counts)
        })
        .collect();
    BTreeMap::from([
        ("backlog", json!(numbers.backlog)),
        ("oldest_age_seconds", json!(numbers.oldest_age.map(seconds))),
        (
            "arrival_rate",
            json!(numbers.arrival_rate.map(|rate| rate.per_second())),
        ),
        ("service_rate", json!(numbers.service_rate.per_second())),
        (
            "service_rate_soon",
            json!(numbers.service_rate_soon.per_second()),
        ),
        ("drain_eta_seconds", json!(numbers.drain_eta.map(seconds))),
        ("drain_within_seconds", json!(seconds(numbers.drain_within))),
        ("late_jobs", json!(numbers.late)),
        ("cost_per_hour", json!(numbers.cost_per_hour.to_f64())),
        ("partitions", json!(numbers.partitions)),
        ("partitions_known", json!(numbers.partitions_known)),
        ("pools", json!(workers)),
    ])
}

fn seconds(span: SignedDuration) -> f64 {
    span.as_secs_f64()
}
