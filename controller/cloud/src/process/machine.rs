//! A machine: one process that lives exactly as long as its worker, and ends it when nobody wants it any more.
//!
//! ```text
//!  lock ▶ dead-man armed ▶ instance.json ▶ boot delay ▶ worker ▶ … ▶ end ▶ sweep ▶ terminated.json
//!                                  SIGTERM · order · lease lapsed ──┘
//! ```
//!
//! Deliberately absent: any way to start a second time.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use rustix::process::Signal;
use tokio::process::Child;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use super::folder::{Attempt, Cause, FolderError, Launched, Requested, Working};
use super::linux::{self, ProcessRef};
use super::{LEASE_FILE, START_BY, spawn};

/// Another machine of the intent lives.
pub(super) const LOCKED: u8 = 75;
/// It was started too late to be still wanted.
const LATE: u8 = 76;
/// The request was used up before: it ended, or was told to.
const USED_UP: u8 = 77;
/// It could not live.
const FAILED: u8 = 78;

/// How often a machine looks at its lease and its order.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
enum MachineError {
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("request.json is missing")]
    NoRequest,
    #[error("{what} failed")]
    System {
        what: &'static str,
        #[source]
        source: io::Error,
    },
}

/// Lives as the machine of the attempt whose folder is `dir`; returns when it has ended.
///
/// Call it from a program's main thread, outside any async runtime: the worker dies with the calling thread.
/// The intent's lock stays held until the process has ended.
///
/// Returns the code to exit with: why nothing ran, where nothing did. The rest is in the folder.
#[must_use]
pub fn run(dir: &Path) -> u8 {
    match live(dir) {
        Ok(code) => code,
        Err(error) => {
            // To machine.log, whether or not the program has logs.
            let mut out = io::stderr();
            let _ = write!(out, "machine failed: {error}");
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                let _ = write!(out, ": {cause}");
                source = cause.source();
            }
            let _ = writeln!(out);
            FAILED
        }
    }
}

fn live(dir: &Path) -> Result<u8, MachineError> {
    let attempt = Attempt::from_path(dir)?;
    let system = |what| move |source| MachineError::System { what, source };
    if !linux::try_lock(&attempt.lock()).map_err(system("locking"))? {
        return Ok(LOCKED);
    }
    // From here on nobody else lives for this intent. What was decided before must be seen now:
    // the provider writes its order first and looks at the lock second.
    if attempt.launched()?.is_some() || attempt.terminated()?.is_some() {
        return Ok(USED_UP);
    }
    if attempt.ordered()?.is_some() {
        attempt.terminate(Cause::Ordered, None)?;
        return Ok(USED_UP);
    }
    if is_late() {
        return Ok(LATE);
    }
    let requested = attempt.requested()?.ok_or(MachineError::NoRequest)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(system("starting the runtime"))?;
    let machine = Machine { attempt, requested };
    runtime.block_on(machine.live())
}

/// Whether the launcher has given up on us: then someone may already have concluded that nothing runs.
fn is_late() -> bool {
    let Some(start_by) = std::env::var(START_BY)
        .ok()
        .and_then(|millis| millis.parse::<i64>().ok())
    else {
        return false;
    };
    Timestamp::now().as_millisecond() > start_by
}

struct Machine {
    attempt: Attempt,
    requested: Requested,
}

/// What can end a machine from outside.
struct Watch<'a> {
    attempt: &'a Attempt,
    lease: Duration,
    /// The lease file's time when last looked at. Any change renews: the file's clock may be set, ours cannot.
    seen: Option<SystemTime>,
    renewed: Instant,
    terminate: Signals,
    interrupt: Signals,
    hangup: Signals,
}

// === impl Machine ===

impl Machine {
    async fn live(&self) -> Result<u8, MachineError> {
        let mut watch = Watch::arm(&self.attempt, self.requested.request.lease)?;
        let request = &self.requested.request;
        self.attempt.launch(&Launched {
            id: self.attempt.id(),
            intent: request.intent.clone(),
            attempt: request.attempt,
            policy: request.policy.clone(),
            pool: request.pool.clone(),
            launched_at: Timestamp::now(),
            machine: ProcessRef::this().map_err(|source| MachineError::System {
                what: "looking at ourselves",
                source,
            })?,
        })?;
        let (cause, status) = self.work(&mut watch).await;
        let left = linux::sweep_session(&self.attempt.mark());
        if left > 0 {
            // Not terminated, then: whoever lists sees what is left and goes on.
            return Err(MachineError::System {
                what: "ending what the worker started",
                source: io::Error::other(format!("{left} processes live on")),
            });
        }
        self.attempt
            .terminate(cause, status.map(|status| status.to_string()))?;
        Ok(0)
    }

    async fn work(&self, watch: &mut Watch<'_>) -> (Cause, Option<ExitStatus>) {
        tokio::select! {
            () = tokio::time::sleep(self.requested.boot_delay) => {}
            cause = watch.must_end() => return (cause, None),
        }
        let mut worker = match self.start() {
            Ok(worker) => worker,
            Err(error) => {
                let why = error.to_string();
                return (Cause::CannotStart { why }, None);
            }
        };
        if let Err(error) = self.record(&worker) {
            let why = error.to_string();
            let status = self.stop(&mut worker).await;
            return (Cause::CannotStart { why }, status);
        }
        tokio::select! {
            status = worker.wait() => (Cause::WorkerEnded, status.ok()),
            cause = watch.must_end() => (cause, self.stop(&mut worker).await),
        }
    }

    fn start(&self) -> io::Result<Child> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.attempt.file("worker.log"))?;
        let request = &self.requested.request;
        let (program, arguments) = request
            .worker
            .command
            .split_first()
            .ok_or_else(|| io::Error::other("the request names no program"))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_remove(START_BY)
            .envs(&request.worker.environment)
            // After the request's own: nobody lends it another identity.
            .env("SPILLWAY_WORKER_ID", self.attempt.id())
            .env("SPILLWAY_INSTANCE", self.attempt.id())
            .env("SPILLWAY_INTENT", &request.intent)
            .env("SPILLWAY_POOL", &request.pool)
            .env(LEASE_FILE, self.attempt.file("lease"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        spawn::dies_with_us(&mut command);
        tokio::process::Command::from(command).spawn()
    }

    fn record(&self, worker: &Child) -> Result<(), FolderError> {
        // Gone already: its end is seen by the next wait.
        let Some(worker) = worker.id().and_then(ProcessRef::of) else {
            return Ok(());
        };
        self.attempt.work(&Working {
            worker,
            since: Timestamp::now(),
        })?;
        Ok(())
    }

    /// Ends the worker: asked first, killed after the grace.
    async fn stop(&self, worker: &mut Child) -> Option<ExitStatus> {
        if let Some(worker) = worker.id().and_then(ProcessRef::of) {
            let _ = worker.signal(Signal::TERM);
        }
        let asked = tokio::time::timeout(self.requested.grace, worker.wait()).await;
        if let Ok(status) = asked {
            return status.ok();
        }
        let _ = worker.start_kill();
        worker.wait().await.ok()
    }
}

// === impl Watch ===

impl<'a> Watch<'a> {
    /// Arms the dead-man: the first lease counts from now.
    fn arm(attempt: &'a Attempt, lease: Duration) -> Result<Self, MachineError> {
        let system = |source| MachineError::System {
            what: "arming the dead-man",
            source,
        };
        let file = attempt.file("lease");
        File::create(&file).map_err(system)?;
        Ok(Self {
            attempt,
            lease,
            seen: modified(&file),
            renewed: Instant::now(),
            terminate: signal(SignalKind::terminate()).map_err(system)?,
            interrupt: signal(SignalKind::interrupt()).map_err(system)?,
            hangup: signal(SignalKind::hangup()).map_err(system)?,
        })
    }

    /// Returns once the machine must end, with the reason.
    async fn must_end(&mut self) -> Cause {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return Cause::Ordered,
                _ = self.interrupt.recv() => return Cause::Ordered,
                // Terminals come and go; we belong to none.
                _ = self.hangup.recv() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            // A damaged order is an order.
            if !matches!(self.attempt.ordered(), Ok(None)) {
                return Cause::Ordered;
            }
            let touched = modified(&self.attempt.file("lease"));
            if touched.is_some() && touched != self.seen {
                self.seen = touched;
                self.renewed = Instant::now();
            }
            if self.renewed.elapsed() > self.lease {
                return Cause::LeaseLapsed;
            }
        }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|about| about.modified()).ok()
}
