//! Intents: every machine that was decided upon, written down before it is launched.

mod folder;
mod objects;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use spillway_cloud::LaunchRequest;
use spillway_core::{BASE_POOL, Dollars, IntentId, Progress, billed, midnight};

use folder::Folder;

pub(crate) use objects::Objects;

/// Closed intents that are kept one by one if nothing else is said; what older ones cost is kept as a sum.
pub(crate) const CLOSED_MAX: usize = 500;

/// One intent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Intent {
    pub(crate) id: IntentId,
    pub(crate) number: u64,
    pub(crate) pool: String,
    /// The exact request: sent again as it is when the outcome is unknown.
    pub(crate) request: LaunchRequest,
    pub(crate) price_per_hour: Dollars,
    pub(crate) billing_minimum: SignedDuration,
    pub(crate) why: String,
    pub(crate) state: State,
}

/// How far it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum State {
    /// Written down; whether a machine runs is not known.
    Written { at: Timestamp },
    /// A machine runs.
    Launched { instance: String, at: Timestamp },
    /// For good on its way out.
    Retiring {
        instance: Option<String>,
        launched_at: Timestamp,
        drain_by: Timestamp,
        terminating: bool,
        why: String,
    },
    /// Nothing runs any more, or ever did.
    Closed {
        launched_at: Option<Timestamp>,
        ended_at: Timestamp,
        why: String,
    },
}

/// All intents of one policy.
pub(crate) struct IntentStore {
    home: Home,
    intents: Mutex<Kept>,
    /// One write at a time.
    writing: tokio::sync::Mutex<()>,
    closed_max: usize,
}

/// Where they outlive this process.
enum Home {
    /// A file each.
    Folder(Folder),
    /// An object each, in Kubernetes.
    Objects(Box<Objects>),
}

#[derive(Default)]
struct Kept {
    intents: BTreeMap<IntentId, Intent>,
    next_number: u64,
    forgotten: Forgotten,
}

/// What is left of intents that were closed long ago.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Forgotten {
    next_number: u64,
    launched: u64,
    cost: BTreeMap<String, Dollars>,
    /// What they cost on the day on which the last of them was forgotten, for that day's budget.
    #[serde(default)]
    day: Day,
}

/// What bought machines cost on one day (UTC).
#[derive(Debug, Default, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Day {
    /// When it began.
    from: Timestamp,
    spent: Dollars,
}

// === impl IntentStore ===

impl IntentStore {
    /// Opens a folder and reads every intent in it.
    ///
    /// # Errors
    /// When a file is damaged: an intent that cannot be read may have a machine that costs.
    pub(crate) fn open(folder: PathBuf) -> anyhow::Result<Self> {
        let folder = Folder::open(folder)?;
        let (intents, forgotten) = folder.read()?;
        Ok(Self::begin(Home::Folder(folder), intents, forgotten))
    }

    /// Reads every intent of a policy in a cluster.
    ///
    /// # Errors
    /// As [`IntentStore::open`].
    pub(crate) async fn of_cluster(objects: Objects) -> anyhow::Result<Self> {
        let (intents, forgotten) = objects.read().await?;
        Ok(Self::begin(
            Home::Objects(Box::new(objects)),
            intents,
            forgotten,
        ))
    }

    fn begin(home: Home, intents: Vec<Intent>, forgotten: Forgotten) -> Self {
        Self {
            home,
            intents: Mutex::new(Self::kept_of(intents, forgotten)),
            writing: tokio::sync::Mutex::default(),
            closed_max: CLOSED_MAX,
        }
    }

    /// The same, with so many closed intents kept one by one, at least 1.
    pub(crate) fn keeping(mut self, closed_max: usize) -> Self {
        self.closed_max = closed_max;
        self
    }

    fn kept_of(intents: Vec<Intent>, forgotten: Forgotten) -> Kept {
        let intents = intents
            .into_iter()
            .map(|intent| (intent.id.clone(), intent));
        let mut kept = Kept {
            next_number: forgotten.next_number.max(1),
            intents: intents.collect(),
            forgotten,
        };
        for intent in kept.intents.values() {
            kept.next_number = kept.next_number.max(intent.number + 1);
        }
        kept
    }

    /// The number of the next intent.
    pub(crate) fn next_number(&self) -> u64 {
        self.kept().next_number
    }

    /// An intent.
    pub(crate) fn get(&self, id: &IntentId) -> Option<Intent> {
        self.kept().intents.get(id).cloned()
    }

    /// Every intent that is not closed.
    pub(crate) fn open_intents(&self) -> Vec<Intent> {
        let kept = self.kept();
        kept.intents
            .values()
            .filter(|intent| !intent.is_closed())
            .cloned()
            .collect()
    }

    /// Writes an intent, new or changed, to where it outlives this process.
    ///
    /// # Errors
    /// When it is not taken: then nothing may be done upon it.
    pub(crate) async fn write(&self, intent: Intent) -> anyhow::Result<()> {
        let _turn = self.writing.lock().await;
        let is_new = self.get(&intent.id).is_none();
        let written = match &self.home {
            Home::Folder(folder) => folder.write(&intent),
            Home::Objects(objects) => objects.write(&intent, is_new).await,
        };
        if let Err(error) = written {
            self.read_again().await;
            return Err(error).with_context(|| format!("cannot write the intent {}", intent.id));
        }
        let oldest = {
            let mut kept = self.kept();
            kept.next_number = kept.next_number.max(intent.number + 1);
            kept.intents.insert(intent.id.clone(), intent);
            kept.too_many(self.closed_max)
        };
        for intent in oldest {
            self.forget(intent).await?;
        }
        Ok(())
    }

    /// After a write that failed: somebody else may have written, or it may have worked and its answer was lost.
    async fn read_again(&self) {
        let Home::Objects(objects) = &self.home else {
            return;
        };
        match objects.read().await {
            Ok((intents, forgotten)) => {
                let fresh = Self::kept_of(intents, forgotten);
                *self.kept() = fresh;
            }
            Err(error) => tracing::warn!(error = format!("{error:#}"), "intents could not be read"),
        }
    }

    async fn forget(&self, intent: Intent) -> anyhow::Result<()> {
        let forgotten = {
            let now = Timestamp::now();
            let mut kept = self.kept();
            kept.forgotten.day = kept.forgotten.day.at(now).plus(intent.spent_today(now));
            let sum = kept.forgotten.cost.entry(intent.pool.clone()).or_default();
            *sum = sum.plus(intent.cost(now));
            kept.forgotten.launched += u64::from(intent.was_launched());
            kept.forgotten.next_number = kept.next_number;
            kept.intents.remove(&intent.id);
            kept.forgotten.clone()
        };
        // The sum first: dying between the two counts a machine's cost twice rather than never.
        match &self.home {
            Home::Folder(folder) => folder.forget(&intent, &forgotten),
            Home::Objects(objects) => objects.forget(&intent, &forgotten).await,
        }
    }

    /// What all machines of `pool` have cost up to `now`, those that still run among them.
    pub(crate) fn cost(&self, pool: &str, now: Timestamp) -> Dollars {
        let kept = self.kept();
        let forgotten = kept.forgotten.cost.get(pool).copied().unwrap_or_default();
        let intents = kept.intents.values().filter(|intent| intent.pool == pool);
        intents.fold(forgotten, |sum, intent| sum.plus(intent.cost(now)))
    }

    /// What bought machines have cost on the day (UTC) of `now`, as the budget of a day counts it: by the time that they ran.
    pub(crate) fn spent_today(&self, now: Timestamp) -> Dollars {
        let kept = self.kept();
        let intents = kept.intents.values();
        let sum = kept.forgotten.day.at(now);
        intents
            .fold(sum, |sum, intent| sum.plus(intent.spent_today(now)))
            .spent
    }

    /// Every intent that is known one by one, the closed ones among them.
    pub(crate) fn all(&self) -> Vec<Intent> {
        self.kept().intents.values().cloned().collect()
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.intents
            .lock()
            .expect("nothing panics while holding the intents")
    }
}

// === impl Day ===

impl Day {
    /// The day of `now`: itself, or one on which nothing was spent yet.
    fn at(self, now: Timestamp) -> Self {
        let from = midnight(now);
        match self.from == from {
            true => self,
            false => Self {
                from,
                spent: Dollars::ZERO,
            },
        }
    }

    fn plus(self, spent: Dollars) -> Self {
        Self {
            spent: self.spent.plus(spent),
            ..self
        }
    }
}

// === impl Kept ===

impl Kept {
    /// Closed intents beyond those that are kept one by one, the oldest first.
    fn too_many(&self, closed_max: usize) -> Vec<Intent> {
        let closed = self.intents.values().filter(|intent| intent.is_closed());
        let many = closed.clone().count().saturating_sub(closed_max);
        if many == 0 {
            return Vec::new();
        }
        let mut oldest: Vec<Intent> = closed.cloned().collect();
        oldest.sort_by_key(|intent| intent.number);
        oldest.truncate(many);
        oldest
    }
}

// === impl Intent ===

impl Intent {
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed { .. })
    }

    /// Whether its machine is for good on its way out.
    pub(crate) fn is_retiring(&self) -> bool {
        matches!(self.state, State::Retiring { .. })
    }

    fn was_launched(&self) -> bool {
        !matches!(
            self.state,
            State::Closed {
                launched_at: None,
                ..
            } | State::Written { .. }
        )
    }

    /// The provider's name for its machine, as far as is known.
    pub(crate) fn instance(&self) -> Option<&str> {
        match &self.state {
            State::Launched { instance, .. } => Some(instance),
            State::Retiring { instance, .. } => instance.as_deref(),
            State::Written { .. } | State::Closed { .. } => None,
        }
    }

    /// When its billing began; none if nothing runs for sure.
    pub(crate) fn launched_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Written { .. } => None,
            State::Launched { at, .. } => Some(at),
            State::Retiring { launched_at, .. } => Some(launched_at),
            State::Closed { launched_at, .. } => launched_at,
        }
    }

    /// What it has cost up to `now`.
    pub(crate) fn cost(&self, now: Timestamp) -> Dollars {
        let ended_at = match self.state {
            State::Closed { ended_at, .. } => ended_at,
            _ => now,
        };
        self.launched_at().map_or(Dollars::ZERO, |launched_at| {
            billed(
                self.price_per_hour,
                self.billing_minimum,
                launched_at,
                ended_at,
            )
        })
    }

    /// What its machine cost on the day (UTC) of `now` until then; nothing where it is of the base, which no budget bounds.
    ///
    /// Of the time that it ran alone: a minimum that is billed beyond it is no part of any budget.
    fn spent_today(&self, now: Timestamp) -> Dollars {
        let (from, until) = match self.state {
            // Maybe it runs: it is counted until it is known not to.
            State::Written { at } => (Some(at), now),
            State::Closed { ended_at, .. } => (self.launched_at(), ended_at.min(now)),
            State::Launched { .. } | State::Retiring { .. } => (self.launched_at(), now),
        };
        match from {
            Some(from) if self.pool != BASE_POOL => {
                let span = until.duration_since(from.max(midnight(now)));
                // It ended before the day began.
                let span = span.max(SignedDuration::ZERO);
                Dollars::per_hour_over(self.price_per_hour, span)
            }
            _ => Dollars::ZERO,
        }
    }

    /// How the planner sees it; none once it is closed.
    pub(crate) fn progress(&self) -> Option<Progress> {
        match self.state {
            State::Written { at } => Some(Progress::Written { at }),
            State::Launched { at, .. } => Some(Progress::Launched { at }),
            State::Retiring {
                launched_at,
                drain_by,
                terminating,
                ..
            } => Some(Progress::Retiring {
                launched_at,
                drain_by,
                terminating,
            }),
            State::Closed { .. } => None,
        }
    }

    /// The same, closed.
    pub(crate) fn closed(mut self, ended_at: Timestamp, why: String) -> Self {
        self.state = State::Closed {
            launched_at: self.launched_at(),
            ended_at,
            why,
        };
        self
    }
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
