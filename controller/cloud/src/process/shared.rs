//! The questions that are answered from the folder and the kernel alone: what lives, what may be launched, what must end.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use rustix::process::Signal;
use tracing::{debug, warn};

use super::folder::{self, Attempt, Cause, FolderError, Launched, Life, Requested, Root};
use super::linux;
use super::{FINISHED_KEPT, FINISHED_KEPT_MAX, FINISHED_KEPT_MIN, KILL_AFTER_GRACE, ProcessConfig};
use crate::{Fault, Instance, InstanceState, LaunchError, LaunchRequest, Scope};

/// When to ask again while an earlier attempt is on its way out.
const PREDECESSOR_WAIT: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: ProcessConfig,
    pub(super) root: Root,
}

/// A launch that may go to the machine.
pub(super) enum Clearance {
    /// The request is written down and nothing runs for it.
    Spawn,
    /// An equal request came first.
    Runs(Instance),
}

// === impl Shared ===

impl Shared {
    /// What is wrong with the request itself.
    pub(super) fn objection(&self, request: &LaunchRequest) -> Option<&'static str> {
        if request.owner != self.config.owner {
            Some("the owner is another one")
        } else if !folder::is_name(&request.intent) {
            Some("intent must be 1 to 63 of a-z, 0-9 and -")
        } else if request.attempt == 0 {
            Some("attempts count from 1")
        } else if request.worker.command.is_empty() {
            Some("the worker has no program")
        } else if request.lease.is_zero() {
            Some("the lease is over before it begins")
        } else {
            None
        }
    }

    /// Writes the request down, unless something stands against its launch.
    pub(super) fn clear(&self, request: &LaunchRequest) -> Result<Clearance, LaunchError> {
        let attempt = self.root.attempt(&request.intent, request.attempt);
        self.clear_others(&attempt)?;
        let requested = Requested {
            request: request.clone(),
            boot_delay: self.config.boot_delay,
            grace: self.config.grace,
            requested_at: Timestamp::now(),
        };
        match attempt.request(&requested) {
            Ok(None) => {}
            Ok(Some(before)) if before.request == *request => {}
            Ok(Some(_)) => {
                return Err(invalid(
                    "another request was made under this intent and attempt",
                ));
            }
            Err(error) => return Err(unwritten(&attempt, error)),
        }
        match attempt.life().map_err(unknown)? {
            Life::Alive(launched, state) => Ok(Clearance::Runs(launched.instance(state))),
            Life::Ended(_, terminated) => Err(used_up(terminated.map(|t| t.cause))),
            Life::Leftover(_) => Err(used_up(Some(Cause::Lost))),
            Life::Starting | Life::Unseen => {
                if attempt.ordered().map_err(unknown)?.is_some() {
                    return Err(used_up(Some(Cause::Ordered)));
                }
                Ok(Clearance::Spawn)
            }
        }
    }

    /// Makes sure that no other attempt of the intent lives or ever will.
    fn clear_others(&self, attempt: &Attempt) -> Result<(), LaunchError> {
        for other in self.root.attempts(&attempt.intent).map_err(unknown)? {
            if other.number > attempt.number {
                return Err(invalid("a later attempt of this intent was made"));
            }
            if other.number == attempt.number {
                continue;
            }
            if let Life::Unseen = other.life().map_err(unknown)? {
                // Its machine may be on its way. First the order, then the look at the lock:
                // a machine looks the other way round, so one of us sees the other.
                other.order().map_err(unknown)?;
            }
            match other.life().map_err(unknown)? {
                Life::Unseen | Life::Ended(..) => {}
                Life::Alive(_, InstanceState::Booting | InstanceState::Running) => {
                    return Err(invalid("an earlier attempt of this intent is alive"));
                }
                Life::Alive(..) | Life::Starting | Life::Leftover(_) => {
                    return Err(LaunchError::NotLaunched {
                        fault: Fault::Throttled,
                        scope: Scope::Pool,
                        retry_after: Some(PREDECESSOR_WAIT),
                    });
                }
            }
        }
        Ok(())
    }

    pub(super) fn list(&self) -> Result<Vec<Instance>, FolderError> {
        let mut instances = Vec::new();
        let mut finished = Vec::new();
        for intent in self.root.intents()? {
            let attempts = self.root.attempts(&intent)?;
            // Without attempts it is just being made.
            let mut ended_at = (!attempts.is_empty()).then_some(Timestamp::MIN);
            for attempt in attempts {
                let Some(requested) = attempt.requested()? else {
                    // Made, and not written to yet.
                    ended_at = None;
                    continue;
                };
                let life = attempt.life()?;
                ended_at = ended_at
                    .zip(over_since(&life, &requested))
                    .map(|(a, b)| a.max(b));
                if requested.request.owner == self.config.owner {
                    instances.extend(self.shown(&attempt, &requested, life));
                } else {
                    ended_at = None;
                }
            }
            finished.extend(ended_at.map(|at| (at, intent)));
        }
        self.prune(finished);
        Ok(instances)
    }

    /// The instance as others see it, tidied if its machine is dead.
    fn shown(&self, attempt: &Attempt, requested: &Requested, life: Life) -> Option<Instance> {
        match life {
            Life::Unseen | Life::Ended(None, _) => None,
            Life::Starting => Some(Instance {
                id: attempt.id(),
                intent: attempt.intent.clone(),
                attempt: attempt.number,
                policy: requested.request.policy.clone(),
                pool: requested.request.pool.clone(),
                state: InstanceState::Booting,
                launched_at: requested.requested_at,
            }),
            Life::Alive(launched, state) => Some(launched.instance(state)),
            Life::Leftover(launched) => {
                let left = linux::sweep_marked(&attempt.mark());
                warn!(
                    intent = attempt.intent,
                    count = left,
                    "swept after a dead machine"
                );
                Some(launched.instance(InstanceState::Terminating))
            }
            Life::Ended(Some(launched), terminated) => {
                if terminated.is_none()
                    && let Err(error) = attempt.terminate(Cause::Lost, None)
                {
                    debug!(intent = attempt.intent, %error, "end not recorded");
                }
                Some(launched.instance(InstanceState::Terminated))
            }
        }
    }

    /// Forgets what finished long ago, or is too much to keep.
    fn prune(&self, mut finished: Vec<(Timestamp, String)>) {
        let now = Timestamp::now();
        finished.sort_unstable_by(|a, b| b.cmp(a)); // newest first
        for (newer, (at, intent)) in finished.into_iter().enumerate() {
            let age = now.duration_since(at);
            let must_go = age > FINISHED_KEPT || newer >= FINISHED_KEPT_MAX;
            if must_go
                && age > FINISHED_KEPT_MIN
                && let Err(error) = self.root.remove(&intent)
            {
                // Another provider on the same folder may have been first.
                debug!(intent, %error, "not pruned");
            }
        }
    }

    /// Takes the order; the grace, if this is the first one.
    pub(super) fn order(&self, attempt: &Attempt) -> Result<Option<Duration>, FolderError> {
        let Some(requested) = attempt.requested()? else {
            return Ok(None);
        };
        if requested.request.owner != self.config.owner {
            return Ok(None);
        }
        let before = attempt.ordered()?;
        let is_first = before.is_none() && attempt.terminated()?.is_none() && attempt.order()?;
        let is_overdue = before.is_some_and(|before| {
            let waited = Timestamp::now().duration_since(before.at);
            waited.unsigned_abs() > requested.grace + KILL_AFTER_GRACE
        });
        if is_overdue {
            kill(attempt)?;
        } else if let Life::Alive(launched, _) = attempt.life()? {
            // Only to hasten it: the order alone would do.
            signal(attempt, &launched, Signal::TERM)?;
        }
        Ok(is_first.then_some(requested.grace))
    }

    pub(super) fn order_all(&self) -> Result<(), FolderError> {
        self.each(|attempt| self.order(attempt).map(drop))
    }

    pub(super) fn kill_all(&self) -> Result<(), FolderError> {
        self.each(|attempt| kill(attempt).map(drop))
    }

    pub(super) fn count_alive(&self) -> Result<usize, FolderError> {
        let instances = self.list()?;
        Ok(instances.iter().filter(|i| i.state.is_alive()).count())
    }

    /// Does it to every attempt of our owner. One damaged folder does not keep it from the others.
    fn each(&self, step: impl Fn(&Attempt) -> Result<(), FolderError>) -> Result<(), FolderError> {
        let mut outcome = Ok(());
        for intent in self.root.intents()? {
            for attempt in self.root.attempts(&intent)? {
                let done = match attempt.requested() {
                    Ok(Some(requested)) if requested.request.owner == self.config.owner => {
                        step(&attempt)
                    }
                    Ok(_) => Ok(()),
                    Err(error) => Err(error),
                };
                outcome = outcome.and(done);
            }
        }
        outcome
    }
}

// === helpers ===

/// When an attempt became history; `None` while it may live or start.
fn over_since(life: &Life, requested: &Requested) -> Option<Timestamp> {
    match life {
        Life::Ended(_, Some(terminated)) => Some(terminated.at),
        Life::Unseen => Some(requested.requested_at),
        Life::Ended(_, None) | Life::Starting | Life::Alive(..) | Life::Leftover(_) => None,
    }
}

/// Signals the machine, and nobody who has its number now.
fn signal(attempt: &Attempt, launched: &Launched, signal: Signal) -> Result<(), FolderError> {
    launched
        .machine
        .signal(signal)
        .map_err(|source| folder::unwritable(attempt.path(), source))?;
    Ok(())
}

/// Kills the machine and all that it started; true if there was anything.
pub(super) fn kill(attempt: &Attempt) -> Result<bool, FolderError> {
    match attempt.life()? {
        Life::Alive(launched, _) => signal(attempt, &launched, Signal::KILL)?,
        Life::Leftover(_) => {}
        Life::Unseen | Life::Starting | Life::Ended(..) => return Ok(false),
    }
    linux::sweep_marked(&attempt.mark());
    Ok(true)
}

/// A launch of which this call saw nothing run: makes sure that nothing ever will, if it can.
pub(super) fn settle(attempt: &Attempt, fault: Fault) -> LaunchError {
    // An earlier call's machine may be on its way: the order keeps it from starting.
    if let Err(error) = attempt.order() {
        return unknown(error);
    }
    match attempt.life() {
        Ok(Life::Unseen | Life::Ended(..)) => LaunchError::NotLaunched {
            fault,
            scope: Scope::Cloud,
            retry_after: None,
        },
        Ok(Life::Starting | Life::Alive(..) | Life::Leftover(_)) => {
            unknown(io::Error::other("another machine of this request is up"))
        }
        Err(error) => unknown(error),
    }
}

/// The request could not be written down, so this call started nothing.
fn unwritten(attempt: &Attempt, error: FolderError) -> LaunchError {
    let FolderError::Unwritable { source, .. } = &error else {
        return unknown(error);
    };
    let fault = match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Fault::NoCapacity,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Fault::Denied,
        _ => return unknown(error),
    };
    match attempt.requested() {
        Ok(None) => LaunchError::NotLaunched {
            fault,
            scope: Scope::Cloud,
            retry_after: None,
        },
        _ => unknown(error),
    }
}

pub(super) fn used_up(cause: Option<Cause>) -> LaunchError {
    let why = match cause {
        Some(Cause::CannotStart { why }) => format!("the worker could not be started: {why}"),
        _ => "this request's instance was terminated, and it never gets another one".into(),
    };
    invalid(why)
}

pub(super) fn invalid(why: impl Into<String>) -> LaunchError {
    LaunchError::NotLaunched {
        fault: Fault::Invalid { why: why.into() },
        scope: Scope::Pool,
        retry_after: None,
    }
}

pub(super) fn unknown(error: impl std::error::Error + Send + Sync + 'static) -> LaunchError {
    LaunchError::Unknown(Box::new(error))
}
