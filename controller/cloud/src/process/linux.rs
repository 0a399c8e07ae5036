//! What Linux knows about processes: who holds a lock, who lives, and signals that cannot hit a stranger.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{
    Flock, FlockType, Pid, PidfdFlags, Signal, fcntl_getlk, pidfd_open, pidfd_send_signal,
};
use serde::{Deserialize, Serialize};

/// How often a sweep looks again: a process may fork while it is looked for.
const SWEEP_ROUNDS_MAX: u32 = 20;
const SWEEP_WAIT: Duration = Duration::from_millis(10);

/// One process, told apart from a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProcessRef {
    pub(super) pid: u32,
    /// Clock ticks from boot to its start.
    pub(super) started_ticks: u64,
}

/// Takes the lock, to be held until this process has ended; false if another process has it.
///
/// A record lock, not a `flock`: it can be asked who holds it without taking it for a moment,
/// so that looking never makes a starting machine believe that another one lives.
pub(super) fn try_lock(path: &Path) -> io::Result<bool> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            // Never closed by us: the lock then goes when nothing of this process is left, not a moment before.
            std::mem::forget(file);
            Ok(true)
        }
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The process that holds the lock, without touching the lock.
pub(super) fn holder(path: &Path) -> io::Result<Option<u32>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let held = fcntl_getlk(&file, &Flock::from(FlockType::WriteLock))?;
    Ok(held
        .and_then(|lock| lock.pid)
        .map(|pid| pid.as_raw_nonzero().get().unsigned_abs()))
}

/// Whether the process was started with this argument.
pub(super) fn has_argument(pid: u32, argument: &Path) -> bool {
    fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
        line.split(|byte| *byte == 0)
            .any(|part| part == argument.as_os_str().as_encoded_bytes())
    })
}

/// Kills every process with this entry (`NAME=value`) in its environment, and what they started.
///
/// Returns how many still live after a bounded number of looks.
pub(super) fn sweep_marked(mark: &str) -> usize {
    sweep(|pid| has_mark(pid, mark))
}

/// As `sweep_marked`, and every other process of our own session as well.
///
/// Only for the leader of a session: while it lives, nobody else can have its number.
pub(super) fn sweep_session(mark: &str) -> usize {
    let us = std::process::id();
    let leads = stat(us).is_some_and(|stat| stat.session == us);
    sweep(|pid| {
        pid != us
            && (has_mark(pid, mark)
                || (leads && stat(pid).is_some_and(|stat| stat.session == us && stat.is_alive())))
    })
}

/// The processes with this entry in their environment.
pub(super) fn marked(mark: &str) -> Vec<u32> {
    processes().filter(|pid| has_mark(*pid, mark)).collect()
}

// === impl ProcessRef ===

impl ProcessRef {
    /// The process that runs this code.
    pub(super) fn this() -> io::Result<Self> {
        Self::of(std::process::id()).ok_or_else(|| io::Error::other("/proc shows no such process"))
    }

    /// The process with this number now, if there is one that is not a zombie.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let stat = stat(pid).filter(Stat::is_alive)?;
        Some(Self {
            pid,
            started_ticks: stat.started_ticks,
        })
    }

    /// Signals this process and no other; false if it is gone.
    pub(super) fn signal(self, signal: Signal) -> io::Result<bool> {
        signal_if(self.pid, signal, |pid| Self::of(pid) == Some(self))
    }
}

// === helpers ===

struct Stat {
    state: char,
    session: u32,
    started_ticks: u64,
}

impl Stat {
    /// A zombie has ended; only its parent has not looked yet.
    fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }
}

fn stat(pid: u32) -> Option<Stat> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, also spaces and parentheses.
    let (_, rest) = line.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split(' ').collect();
    Some(Stat {
        state: fields.first()?.chars().next()?,
        session: fields.get(3)?.parse().ok()?,
        started_ticks: fields.get(19)?.parse().ok()?,
    })
}

fn has_mark(pid: u32, mark: &str) -> bool {
    // Other users' processes cannot be read and so are never ours; a zombie's environment is empty.
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark.as_bytes())
    })
}

fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Signals `pid` if `is_meant` still holds once the process is pinned by a descriptor.
fn signal_if(pid: u32, signal: Signal, is_meant: impl Fn(u32) -> bool) -> io::Result<bool> {
    let Some(raw) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return Ok(false);
    };
    let pinned = match pidfd_open(raw, PidfdFlags::empty()) {
        Ok(pinned) => pinned,
        Err(rustix::io::Errno::SRCH | rustix::io::Errno::INVAL) => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    if !is_meant(pid) {
        return Ok(false);
    }
    match pidfd_send_signal(&pinned, signal) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::SRCH) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn sweep(is_meant: impl Fn(u32) -> bool) -> usize {
    let mut left = 0;
    for round in 0..SWEEP_ROUNDS_MAX {
        let found: Vec<u32> = processes().filter(|pid| is_meant(*pid)).collect();
        left = found.len();
        if left == 0 {
            break;
        }
        for pid in found {
            if let Err(error) = signal_if(pid, Signal::KILL, &is_meant) {
                tracing::warn!(pid, %error, "kill failed");
            }
        }
        if round + 1 < SWEEP_ROUNDS_MAX {
            std::thread::sleep(SWEEP_WAIT);
        }
    }
    left
}
