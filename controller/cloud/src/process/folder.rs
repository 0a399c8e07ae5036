//! The state folder: what is written where, so that everything is found again from it alone.
//!
//! ```text
//! root/<intent>/lock                 held by the one living machine of the intent
//! root/<intent>/<attempt>/request.json   the exact request          written once, by the provider
//!                         order          "end": never taken back    written once, by the provider
//!                         instance.json  the machine                written once, by the machine
//!                         worker.json    its worker runs            written once, by the machine
//!                         terminated.json  it has ended, and why    written once, by whoever sees it
//!                         lease          touched by the worker      its times are the renewals
//!                         worker.log, machine.log                   bounded by nothing but their pruning
//! ```
//!
//! Every record appears whole or not at all. Nothing is ever changed, so nobody reads half a change.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::linux::{self, ProcessRef};
use crate::{CloudError, Instance, InstanceState, LaunchRequest};

/// Longest owner or intent.
pub(super) const NAME_CHARS_MAX: usize = 63;

/// The folder of all instances.
#[derive(Debug, Clone)]
pub(super) struct Root(PathBuf);

/// The folder of one attempt of one intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) intent: String,
    pub(super) number: u32,
    path: PathBuf,
}

/// `request.json`: what was asked for, and what this pool's machines are like.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Requested {
    pub(super) request: LaunchRequest,
    pub(super) boot_delay: Duration,
    pub(super) grace: Duration,
    pub(super) requested_at: Timestamp,
}

/// `instance.json`: the machine that came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Launched {
    pub(super) id: String,
    pub(super) intent: String,
    pub(super) attempt: u32,
    pub(super) policy: String,
    pub(super) pool: String,
    pub(super) launched_at: Timestamp,
    pub(super) machine: ProcessRef,
}

/// `worker.json`: its worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Working {
    pub(super) worker: ProcessRef,
    pub(super) since: Timestamp,
}

/// `order`: it must end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Ordered {
    pub(super) at: Timestamp,
}

/// `terminated.json`: it has ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Terminated {
    pub(super) at: Timestamp,
    pub(super) cause: Cause,
    /// The worker's exit status, if it ran and its end was seen.
    pub(super) exit: Option<String>,
}

/// Why a machine ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Cause {
    /// It was told to.
    Ordered,
    /// Nobody renewed its lease.
    LeaseLapsed,
    /// Its worker ended by itself.
    WorkerEnded,
    /// Its worker could not be started.
    CannotStart { why: String },
    /// It was killed and could not say.
    Lost,
}

/// What an attempt's folder and the kernel say together.
#[derive(Debug)]
pub(super) enum Life {
    /// Nothing ran for it, as far as can be seen.
    Unseen,
    /// A machine has the lock and has not said who it is yet.
    Starting,
    /// A machine lives.
    Alive(Launched, InstanceState),
    /// The machine is dead; some of what it started is not.
    Leftover(Launched),
    /// It is over.
    Ended(Option<Launched>, Option<Terminated>),
}

/// What is wrong with the folder.
#[derive(Debug, thiserror::Error)]
pub(super) enum FolderError {
    #[error("{} cannot be read", .path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} cannot be written", .path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A person must look.
    #[error("{} is damaged: {why}", .path.display())]
    Damaged { path: PathBuf, why: String },
}

/// Whether it can be an owner or an intent, and so the name of a folder.
pub(super) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= NAME_CHARS_MAX
        && name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

// === impl Root ===

impl Root {
    /// Opens the folder, making it if it is missing.
    pub(super) fn open(path: &Path) -> Result<Self, FolderError> {
        fs::create_dir_all(path).map_err(|source| unwritable(path, source))?;
        let path = fs::canonicalize(path).map_err(|source| unreadable(path, source))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn attempt(&self, intent: &str, number: u32) -> Attempt {
        Attempt {
            intent: intent.to_owned(),
            number,
            path: self.0.join(intent).join(number.to_string()),
        }
    }

    /// The attempt behind an instance's id; `None` if no id of ours reads like that.
    pub(super) fn attempt_of_id(&self, id: &str) -> Option<Attempt> {
        let (intent, number) = id.rsplit_once('.')?;
        let attempt = self.attempt(intent, number.parse().ok()?);
        (is_name(intent) && attempt.id() == id).then_some(attempt)
    }

    /// The intents there are, in order.
    pub(super) fn intents(&self) -> Result<Vec<String>, FolderError> {
        let mut names: Vec<String> = names_in(&self.0)?
            .into_iter()
            .filter(|name| is_name(name) && self.0.join(name).is_dir())
            .collect();
        names.sort();
        Ok(names)
    }

    /// The attempts of an intent, oldest first; none if there is no such intent.
    pub(super) fn attempts(&self, intent: &str) -> Result<Vec<Attempt>, FolderError> {
        let names = match names_in(&self.0.join(intent)) {
            Ok(names) => names,
            Err(FolderError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound =>
            {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let mut numbers: Vec<u32> = names.iter().filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        Ok(numbers
            .into_iter()
            .map(|number| self.attempt(intent, number))
            .collect())
    }

    /// Forgets an intent and all its attempts.
    pub(super) fn remove(&self, intent: &str) -> Result<(), FolderError> {
        // Away under one name first: a folder half removed would be read as damaged.
        let from = self.0.join(intent);
        let away = self.0.join(format!(".pruned-{intent}"));
        fs::rename(&from, &away).map_err(|source| unwritable(&from, source))?;
        fs::remove_dir_all(&away).map_err(|source| unwritable(&away, source))
    }
}

// === impl Attempt ===

impl Attempt {
    /// From the folder's own path, as a machine is given it.
    pub(super) fn from_path(path: &Path) -> Result<Self, FolderError> {
        let path = fs::canonicalize(path).map_err(|source| unreadable(path, source))?;
        let number = path.file_name().and_then(|name| name.to_str());
        let intent = path
            .parent()
            .and_then(|parent| parent.file_name()?.to_str());
        match (intent, number.and_then(|number| number.parse().ok())) {
            (Some(intent), Some(number)) if is_name(intent) => Ok(Self {
                intent: intent.to_owned(),
                number,
                path,
            }),
            _ => Err(FolderError::Damaged {
                why: "no folder of an attempt: <intent>/<attempt>".into(),
                path,
            }),
        }
    }

    /// The instance's id: one attempt is one instance.
    pub(super) fn id(&self) -> String {
        format!("{}.{}", self.intent, self.number)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.path.with_file_name("lock")
    }

    /// What every process of this instance has in its environment, and no other.
    pub(super) fn mark(&self) -> String {
        format!("{}={}", super::LEASE_FILE, self.file("lease").display())
    }

    pub(super) fn requested(&self) -> Result<Option<Requested>, FolderError> {
        read(&self.file("request.json"))
    }

    pub(super) fn launched(&self) -> Result<Option<Launched>, FolderError> {
        read(&self.file("instance.json"))
    }

    pub(super) fn ordered(&self) -> Result<Option<Ordered>, FolderError> {
        read(&self.file("order"))
    }

    pub(super) fn terminated(&self) -> Result<Option<Terminated>, FolderError> {
        read(&self.file("terminated.json"))
    }

    /// Writes the request down; the one that is there if there is one already.
    pub(super) fn request(&self, requested: &Requested) -> Result<Option<Requested>, FolderError> {
        fs::create_dir_all(&self.path).map_err(|source| unwritable(&self.path, source))?;
        if write_once(&self.file("request.json"), requested)? {
            return Ok(None);
        }
        self.requested()
    }

    /// Orders the end; true if nobody had before. From now on no machine starts here.
    pub(super) fn order(&self) -> Result<bool, FolderError> {
        let ordered = Ordered {
            at: Timestamp::now(),
        };
        write_once(&self.file("order"), &ordered)
    }

    pub(super) fn launch(&self, launched: &Launched) -> Result<bool, FolderError> {
        write_once(&self.file("instance.json"), launched)
    }

    pub(super) fn work(&self, working: &Working) -> Result<bool, FolderError> {
        write_once(&self.file("worker.json"), working)
    }

    pub(super) fn terminate(
        &self,
        cause: Cause,
        exit: Option<String>,
    ) -> Result<bool, FolderError> {
        let terminated = Terminated {
            at: Timestamp::now(),
            cause,
            exit,
        };
        write_once(&self.file("terminated.json"), &terminated)
    }

    /// What is true of it now.
    pub(super) fn life(&self) -> Result<Life, FolderError> {
        let launched = self.launched()?;
        let terminated = self.terminated()?;
        // The record before the lock: a record without the lock then means a dead machine,
        // not one that took the lock between two looks.
        let lock = self.lock();
        let holder = linux::holder(&lock).map_err(|source| unreadable(&lock, source))?;
        let Some(launched) = launched else {
            let starts = holder.is_some_and(|pid| linux::has_argument(pid, &self.path));
            return Ok(match terminated {
                Some(terminated) => Life::Ended(None, Some(terminated)),
                None if starts => Life::Starting,
                None => Life::Unseen,
            });
        };
        if holder == Some(launched.machine.pid) {
            let state = if terminated.is_some() || self.ordered()?.is_some() {
                InstanceState::Terminating
            } else if read::<Working>(&self.file("worker.json"))?.is_some() {
                InstanceState::Running
            } else {
                InstanceState::Booting
            };
            return Ok(Life::Alive(launched, state));
        }
        if terminated.is_none() && !linux::marked(&self.mark()).is_empty() {
            return Ok(Life::Leftover(launched));
        }
        Ok(Life::Ended(Some(launched), terminated))
    }
}

// === impl Launched ===

impl Launched {
    pub(super) fn instance(self, state: InstanceState) -> Instance {
        Instance {
            id: self.id,
            intent: self.intent,
            attempt: self.attempt,
            policy: self.policy,
            pool: self.pool,
            state,
            launched_at: self.launched_at,
        }
    }
}

// === impl FolderError ===

impl From<FolderError> for CloudError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Damaged { .. } => Self::Refused {
                why: error.to_string(),
            },
            FolderError::Unreadable { .. } | FolderError::Unwritable { .. } => {
                Self::Unreachable(Box::new(error))
            }
        }
    }
}

// === helpers ===

pub(super) fn unreadable(path: &Path, source: io::Error) -> FolderError {
    FolderError::Unreadable {
        path: path.to_owned(),
        source,
    }
}

pub(super) fn unwritable(path: &Path, source: io::Error) -> FolderError {
    FolderError::Unwritable {
        path: path.to_owned(),
        source,
    }
}

fn names_in(path: &Path) -> Result<Vec<String>, FolderError> {
    let unreadable = |source| unreadable(path, source);
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        names.extend(entry.file_name().into_string());
    }
    Ok(names)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FolderError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(path, error)),
    };
    match serde_json::from_slice(&bytes) {
        Ok(record) => Ok(Some(record)),
        Err(error) => Err(FolderError::Damaged {
            path: path.to_owned(),
            why: error.to_string(),
        }),
    }
}

/// Writes a record that appears whole or not at all; false, and nothing changed, if there is one.
fn write_once(path: &Path, record: &impl Serialize) -> Result<bool, FolderError> {
    static DRAFTS: AtomicU64 = AtomicU64::new(0);

    let unwritable = |source| unwritable(path, source);
    let text = serde_json::to_vec_pretty(record).map_err(|error| unwritable(error.into()))?;
    let draft = path.with_extension(format!(
        "draft-{}-{}",
        std::process::id(),
        DRAFTS.fetch_add(1, Ordering::Relaxed)
    ));
    let written = File::create(&draft)
        .and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        })
        // Not a rename: it would replace what another process wrote in the meantime.
        .and_then(|()| fs::hard_link(&draft, path));
    // A draft that stays goes with its folder; nobody reads it.
    let _ = fs::remove_file(&draft);
    match written {
        Ok(()) => {
            if let Some(parent) = path.parent() {
                File::open(parent)
                    .and_then(|folder| folder.sync_all())
                    .map_err(unwritable)?;
            }
            Ok(true)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(unwritable(error)),
    }
}
