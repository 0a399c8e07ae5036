//! Intents: every machine that was decided upon, written down before it is launched.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use spillway_cloud::LaunchRequest;
use spillway_core::{Dollars, IntentId, Progress, billed};

use crate::files;

/// Closed intents that are kept one by one; what older ones cost is kept as a sum.
const CLOSED_MAX: usize = 500;

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

/// All intents of one policy, in a folder: a file each.
pub(crate) struct IntentStore {
    folder: PathBuf,
    intents: Mutex<Kept>,
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
}

// === impl IntentStore ===

impl IntentStore {
    /// Opens a folder and reads every intent in it.
    ///
    /// # Errors
    /// When a file is damaged: an intent that cannot be read may have a machine that costs.
    pub(crate) fn open(folder: PathBuf) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let mut kept = Kept {
            next_number: 1,
            ..Kept::default()
        };
        let forgotten = folder.join("forgotten.json");
        if forgotten.exists() {
            kept.forgotten = read(&forgotten)?;
            kept.next_number = kept.forgotten.next_number;
        }
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|kind| kind != "json") || path == forgotten {
                continue;
            }
            let intent: Intent = read(&path)?;
            kept.next_number = kept.next_number.max(intent.number + 1);
            kept.intents.insert(intent.id.clone(), intent);
        }
        Ok(Self {
            folder,
            intents: Mutex::new(kept),
        })
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

    /// Writes an intent, new or changed, to the disk.
    ///
    /// # Errors
    /// When the disk does not take it: then nothing may be done upon it.
    pub(crate) fn write(&self, intent: Intent) -> anyhow::Result<()> {
        let mut kept = self.kept();
        let path = self.folder.join(format!("{}.json", intent.id));
        files::replace(&path, &serde_json::to_vec_pretty(&intent)?)
            .with_context(|| format!("cannot write the intent {}", intent.id))?;
        kept.next_number = kept.next_number.max(intent.number + 1);
        kept.intents.insert(intent.id.clone(), intent);
        self.forget(&mut kept)
    }

    fn forget(&self, kept: &mut Kept) -> anyhow::Result<()> {
        let closed: Vec<Intent> = kept
            .intents
            .values()
            .filter(|intent| intent.is_closed())
            .cloned()
            .collect();
        let Some(many) = closed
            .len()
            .checked_sub(CLOSED_MAX)
            .filter(|many| *many > 0)
        else {
            return Ok(());
        };
        let mut oldest = closed;
        oldest.sort_by_key(|intent| intent.number);
        for intent in oldest.into_iter().take(many) {
            let sum = kept.forgotten.cost.entry(intent.pool.clone()).or_default();
            *sum = sum.plus(intent.cost(Timestamp::now()));
            kept.forgotten.launched += u64::from(intent.was_launched());
            kept.forgotten.next_number = kept.next_number;
            // The sum first: dying between the two counts a machine's cost twice rather than never.
            let forgotten = serde_json::to_vec_pretty(&kept.forgotten)?;
            files::replace(&self.folder.join("forgotten.json"), &forgotten)?;
            std::fs::remove_file(self.folder.join(format!("{}.json", intent.id)))?;
            kept.intents.remove(&intent.id);
        }
        Ok(())
    }

    /// What all machines of `pool` have cost up to `now`, those that still run among them.
    pub(crate) fn cost(&self, pool: &str, now: Timestamp) -> Dollars {
        let kept = self.kept();
        let forgotten = kept.forgotten.cost.get(pool).copied().unwrap_or_default();
        let intents = kept.intents.values().filter(|intent| intent.pool == pool);
        intents.fold(forgotten, |sum, intent| sum.plus(intent.cost(now)))
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

fn read<T: serde::de::DeserializeOwned>(path: &std::path::Path) -> anyhow::Result<T> {
    let text = std::fs::read(path)?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} is damaged; mend it or restore it", path.display()))
}
