//! What is shown, kept for whoever asks, and told to whoever follows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use spillway_core::Policy;
use tokio::sync::broadcast;
use tokio::time::Instant;
use tracing::warn;

use super::rates::{Commits, Rates};
use super::scene::{Beside, Scene, lags_seen};
use super::{Decision, DecisionHead, StateView};
use crate::history::{DayOfPool, Entry, Filter, History, LagsSeen, PoolTotal};
use crate::intents::IntentStore;
use crate::metrics::Metrics;
use crate::orders::{OrderBook, OrderView};

/// Events that a reader may fall behind before it is told to come back.
pub(crate) const EVENTS_MAX: usize = 64;
/// What the history knows of costs is asked for so often.
const LEDGER_EVERY: Duration = Duration::from_secs(10);
/// Lags are kept so often, in ticks of a second.
const LAGS_EVERY: i64 = crate::history::LAGS_EVERY_SECONDS;

/// What is shown, kept for whoever asks.
pub(crate) struct Board {
    kept: Mutex<Kept>,
    standing: RwLock<Standing>,
    history: Arc<History>,
    updates: broadcast::Sender<Update>,
    ledger: Arc<Mutex<Ledger>>,
    metrics: Arc<Metrics>,
    telling: Mutex<()>,
    pub(crate) streams: AtomicUsize,
    pub(crate) streams_dropped: AtomicU64,
}

/// What this process is to the policy.
#[derive(Clone)]
pub(crate) enum Standing {
    /// It begins: nothing is known yet.
    Begins,
    /// Another leads, or nobody yet.
    StandsBy { policy: String },
    /// It decides.
    Leads(Arc<Lead>),
}

/// What whoever leads has to be asked for.
pub(crate) struct Lead {
    pub(crate) policy: Policy,
    /// The policy as YAML.
    pub(crate) manifest: String,
    /// 12 hex digits of the policy's hash.
    pub(crate) revision: String,
    pub(crate) orders: Arc<OrderBook>,
    pub(crate) intents: Arc<IntentStore>,
    pub(crate) token: u64,
    pub(crate) since: Timestamp,
    pub(crate) identity: Option<String>,
    pub(crate) namespace: Option<String>,
}

/// An event as it goes out: made once, for all readers.
#[derive(Debug, Clone)]
pub(crate) struct Update {
    /// Its place among what is told; none for a state, which is whole.
    pub(crate) id: Option<u64>,
    pub(crate) frame: Bytes,
}

/// What a reader begins with.
pub(crate) struct Followed {
    pub(crate) state: Option<Update>,
    pub(crate) updates: broadcast::Receiver<Update>,
}

/// What the history knows of costs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    pub(crate) today: BTreeMap<String, DayOfPool>,
    pub(crate) totals: BTreeMap<String, PoolTotal>,
    /// Size of the history.
    pub(crate) bytes: Option<u64>,
}

#[derive(Default)]
struct Kept {
    state: Option<Arc<StateView>>,
    shown_at: Option<Instant>,
    last_decision: Option<DecisionHead>,
    rates: Rates,
    commits: Commits,
    lags_at: i64,
    ledger_at: Option<Instant>,
}

// === impl Update ===

impl Update {
    pub(crate) fn new(event: &str, id: Option<u64>, data: &impl Serialize) -> Self {
        // JSON has no line end in it, so one `data:` line holds it.
        let text = match serde_json::to_string(data) {
            Ok(data) => match id {
                Some(id) => format!("id: {id}\nevent: {event}\ndata: {data}\n\n"),
                None => format!("event: {event}\ndata: {data}\n\n"),
            },
            Err(error) => format!(": not shown: {error}\n\n"),
        };
        Self {
            id,
            frame: Bytes::from(text),
        }
    }
}

// === impl Board ===

impl Board {
    pub(crate) fn new(history: Arc<History>) -> Self {
        Self {
            kept: Mutex::default(),
            standing: RwLock::new(Standing::Begins),
            history,
            updates: broadcast::channel(EVENTS_MAX).0,
            ledger: Arc::default(),
            metrics: Arc::default(),
            telling: Mutex::default(),
            streams: AtomicUsize::new(0),
            streams_dropped: AtomicU64::new(0),
        }
    }

    pub(crate) fn history(&self) -> &Arc<History> {
        &self.history
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    pub(crate) fn standing(&self) -> Standing {
        self.standing
            .read()
            .expect("nothing panics while holding it")
            .clone()
    }

    /// Who leads here, if anybody does.
    pub(crate) fn lead(&self) -> Option<Arc<Lead>> {
        match self.standing() {
            Standing::Leads(lead) => Some(lead),
            Standing::Begins | Standing::StandsBy { .. } => None,
        }
    }

    /// Notes that another leads: there is nothing to show, and nothing is missing.
    pub(crate) fn stand_by(&self, policy: &str) {
        let policy = policy.to_owned();
        self.set(Standing::StandsBy { policy });
    }

    /// Notes that this process leads from now on, and for what.
    pub(crate) fn begin(&self, lead: Lead) {
        let filter = Filter {
            policy: Some(lead.policy.name().to_owned()),
            kind: Some(crate::history::EntryKind::Decision),
            limit: 1,
            ..Filter::default()
        };
        match self.history.entries(&filter) {
            Ok(found) => {
                let last = found.into_iter().next();
                let last = last.and_then(|it| serde_json::from_value::<Decision>(it.data).ok());
                self.kept().last_decision = last.map(|it| it.head());
            }
            Err(error) => warn!(error = format!("{error:#}"), "history could not be read"),
        }
        self.set(Standing::Leads(Arc::new(lead)));
    }

    fn set(&self, standing: Standing) {
        *self
            .standing
            .write()
            .expect("nothing panics while holding it") = standing;
    }

    /// Whether it is as it should be: it shows something, or another leads.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.standing(), Standing::StandsBy { .. }) || self.state().is_some()
    }

    /// Shows a new plan.
    pub(crate) fn show(&self, scene: &Scene<'_>) {
        let Some(lead) = self.lead() else {
            return;
        };
        let mut kept = self.kept();
        kept.rates.learn(scene.heartbeats);
        if let Ok(reading) = &scene.snapshot.backlog {
            kept.commits.learn(reading);
        }
        if let Some(decision) = &scene.decision {
            kept.last_decision = Some(decision.head());
        }
        let ledger = self.ledger();
        let not_in_force = self.metrics.not_in_force();
        let view = scene.view(&Beside {
            rates: &kept.rates,
            commits: &kept.commits,
            ledger: &ledger,
            lead: &lead,
            last_decision: kept.last_decision.clone(),
            not_in_force: not_in_force.as_ref(),
        });
        self.metrics.booted(&view);
        self.history.sample(scene.sample(&view, &kept.rates));
        if let Some(lags) = kept.lags_due(scene.plan.at, &view) {
            self.history.lags(lags);
        }
        let state = Arc::new(StateView {
            at: scene.plan.at,
            version: env!("CARGO_PKG_VERSION"),
            policies: vec![view],
        });
        kept.state = Some(Arc::clone(&state));
        kept.shown_at = Some(Instant::now());
        let is_due = kept.ledger_at.is_none_or(|at| at.elapsed() >= LEDGER_EVERY);
        if is_due {
            kept.ledger_at = Some(Instant::now());
            self.learn_costs(scene.policy.name(), scene.plan.at);
        }
        // Nobody listening is no failure, and nothing is made for nobody.
        if self.updates.receiver_count() > 0 {
            let _ = self.updates.send(Update::new("state", None, &*state));
        }
        if let Some(decision) = &scene.decision {
            self.publish(decision.entry(), "decision", decision);
        }
    }

    /// Tells of an order, given or refused.
    pub(crate) fn tell(&self, order: &OrderView) {
        self.publish(order.entry(), "order", order);
    }

    /// Writes an entry down and tells it, in one order for both: whoever has one has all before it.
    fn publish(&self, entry: Entry, event: &str, data: &impl Serialize) {
        let _turn = self.telling.lock().expect("nothing panics holding it");
        let told = self.history.next_told();
        self.history.entry(Entry { told, ..entry });
        // Nobody listening is no failure.
        let _ = self.updates.send(Update::new(event, Some(told), data));
    }

    /// Asks the history what was spent, beside the tick.
    fn learn_costs(&self, policy: &str, now: Timestamp) {
        let (history, ledger) = (Arc::clone(&self.history), Arc::clone(&self.ledger));
        let (policy, today) = (policy.to_owned(), now.strftime("%Y-%m-%d").to_string());
        tokio::task::spawn_blocking(move || {
            let read = || -> anyhow::Result<Ledger> {
                let days = history.days(&policy, &today)?.into_iter();
                Ok(Ledger {
                    today: days.map(|day| (day.pool.clone(), day)).collect(),
                    totals: history.totals(&policy)?,
                    bytes: Some(history.size()?.bytes),
                })
            };
            match read() {
                Ok(read) => *ledger.lock().expect("nothing panics while holding it") = read,
                Err(error) => warn!(error = format!("{error:#}"), "costs could not be read"),
            }
        });
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger
            .lock()
            .expect("nothing panics while holding it")
            .clone()
    }

    pub(crate) fn state(&self) -> Option<Arc<StateView>> {
        self.kept().state.clone()
    }

    /// How long ago a tick was shown.
    pub(crate) fn age(&self) -> Option<Duration> {
        self.kept().shown_at.map(|at| at.elapsed())
    }

    /// The state now, and all updates from then on.
    pub(crate) fn follow(&self) -> Followed {
        // In this order: what comes in between is seen twice rather than never.
        let updates = self.updates.subscribe();
        let state = self.state();
        Followed {
            state: state.map(|state| Update::new("state", None, &*state)),
            updates,
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept
            .lock()
            .expect("nothing panics while holding the board")
    }
}

// === impl Kept ===

impl Kept {
    fn lags_due(&mut self, now: Timestamp, view: &super::PolicyView) -> Option<LagsSeen> {
        let second = now.as_second();
        if second - self.lags_at < LAGS_EVERY {
            return None;
        }
        self.lags_at = second;
        Some(lags_seen(&view.name, now, view.lags.as_deref()?))
    }
}

// === impl Decision ===

impl Decision {
    fn head(&self) -> DecisionHead {
        DecisionHead {
            id: self.id,
            at: self.at,
            sentence: self.sentence.clone(),
        }
    }
}
