//! Instances that are process trees on this machine: for development, the demo and tests of everything above.
//!
//! ```text
//!  Process ── request.json ▶ spawn ─▶ machine (own session, holds the intent's lock) ─▶ worker
//!          ◀─ instance.json, who holds the lock ──┘  dead-man · grace · boot delay
//! ```
//!
//! All state is in the folder and the kernel, none in the provider: a controller that starts again,
//! or a second one, sees the same. Several providers, one for each pool, may share a folder.
//! Deliberately absent: prices, limits on how many there may be, other machines than this one.

mod folder;
mod linux;
pub mod machine;
mod shared;
mod spawn;

use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tracing::{info, warn};

use self::folder::{Attempt, Cause, FolderError, Life, Root};
use self::shared::{Clearance, Shared, invalid, kill, settle, unknown, used_up};
use crate::{BoxFuture, CloudError, Fault, Instance, LaunchError, LaunchRequest, Provider};

/// Names the file that a worker touches to renew its machine's lease.
const LEASE_FILE: &str = "SPILLWAY_LEASE_FILE";
/// Tells a machine when it is too late to start, in Unix milliseconds.
const START_BY: &str = "SPILLWAY_MACHINE_START_BY";

/// How long a launch waits for its machine to say who it is; then the outcome is unknown.
pub const LAUNCH_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long after its launch a machine may still start. Twice the wait: once an unknown launch
/// is older than this, what `list` shows is final.
pub const START_WITHIN: Duration = Duration::from_secs(20);
/// How long past its grace a machine may take to end before everything of it is killed.
pub const KILL_AFTER_GRACE: Duration = Duration::from_secs(2);
/// Finished intents are forgotten after this time,
pub const FINISHED_KEPT: SignedDuration = SignedDuration::from_hours(1);
/// or when more than this many are newer,
pub const FINISHED_KEPT_MAX: usize = 200;
/// but never before this time: until then an equal request is known to be used up.
pub const FINISHED_KEPT_MIN: SignedDuration = SignedDuration::from_mins(10);

const LOOK_EVERY: Duration = Duration::from_millis(10);
/// All that a machine sees of our environment: enough to run programs, and no secret.
/// What else a worker needs is in its request.
const INHERITED: [&str; 14] = [
    "CUDA_VISIBLE_DEVICES",
    "HOME",
    "LANG",
    "LC_ALL",
    "LD_LIBRARY_PATH",
    "LIBTORCH",
    "PATH",
    "RUST_BACKTRACE",
    "RUST_LOG",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "TMPDIR",
    "TZ",
    "USER",
];

/// What a pool's machines are like, and where they are kept.
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    /// The state folder; made if it is missing. On a local file system.
    pub root: PathBuf,
    /// Whose instances: others in the same folder are neither shown nor touched.
    pub owner: String,
    /// Program and arguments that call [`machine::run`]; `--dir DIR` is added.
    pub machine: Vec<String>,
    /// From launch to the worker's start.
    pub boot_delay: Duration,
    /// From the order to end to the worker's being killed.
    pub grace: Duration,
}

/// The provider. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Process {
    shared: Arc<Shared>,
}

// === impl ProcessConfig ===

impl ProcessConfig {
    /// Without boot delay, with a grace of 10 s.
    #[must_use]
    pub fn new(
        root: impl Into<PathBuf>,
        owner: impl Into<String>,
        machine: impl IntoIterator<Item = String>,
    ) -> Self {
        Self {
            root: root.into(),
            owner: owner.into(),
            machine: machine.into_iter().collect(),
            boot_delay: Duration::ZERO,
            grace: Duration::from_secs(10),
        }
    }
}

// === impl Process ===

impl Process {
    /// Opens the state folder and whatever lives in it.
    ///
    /// # Errors
    /// When the folder cannot be made or read, or the owner or the machine's program is not usable.
    pub fn new(config: ProcessConfig) -> Result<Self, CloudError> {
        let refused = |why: &str| Err(CloudError::Refused { why: why.into() });
        if !folder::is_name(&config.owner) {
            return refused("owner must be 1 to 63 of a-z, 0-9 and -");
        }
        if config.machine.is_empty() {
            return refused("no program to run machines with");
        }
        let root = Root::open(&config.root)?;
        Ok(Self {
            shared: Arc::new(Shared { config, root }),
        })
    }

    /// Ends every instance of our owner, also those whose launch was never confirmed.
    ///
    /// Returns how many were alive. After `within` the rest is killed without more ado.
    ///
    /// # Errors
    /// When the folder cannot be read or written, or something lives on in spite of all.
    pub async fn terminate_all(&self, within: Duration) -> Result<usize, CloudError> {
        let deadline = Instant::now() + within;
        // What can be ended is told to, whatever cannot be read.
        let alive = self.ask(Shared::count_alive).await;
        self.ask(Shared::order_all).await?;
        let alive = alive?;
        loop {
            let left = self.ask(Shared::count_alive).await?;
            if left == 0 {
                return Ok(alive);
            }
            if Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.ask(Shared::kill_all).await?;
        let deadline = Instant::now() + KILL_AFTER_GRACE;
        loop {
            let left = self.ask(Shared::count_alive).await?;
            if left == 0 {
                return Ok(alive);
            }
            if Instant::now() >= deadline {
                let why = io::Error::other(format!("{left} instances live on"));
                return Err(CloudError::Unreachable(Box::new(why)));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Asks the folder, away from the runtime's threads.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Shared) -> Result<T, FolderError> + Send + 'static,
    ) -> Result<T, FolderError> {
        let shared = Arc::clone(&self.shared);
        match tokio::task::spawn_blocking(move || question(&shared)).await {
            Ok(answer) => answer,
            Err(stopped) => Err(folder::unreadable(
                self.shared.root.path(),
                io::Error::other(stopped),
            )),
        }
    }

    async fn launch_once(&self, request: &LaunchRequest) -> Result<Instance, LaunchError> {
        if let Some(why) = self.shared.objection(request) {
            return Err(invalid(why));
        }
        let asked = request.clone();
        let clearance = self
            .ask(move |shared| Ok(shared.clear(&asked)))
            .await
            .map_err(unknown)??;
        if let Clearance::Runs(instance) = clearance {
            return Ok(instance);
        }
        let attempt = self.shared.root.attempt(&request.intent, request.attempt);
        let deadline = Instant::now() + LAUNCH_WAIT_MAX;
        let mut spawned = self.spawn(&attempt)?;
        let mut exit = None;
        loop {
            // The exit before the folder: what a machine that has ended wrote is then surely seen.
            if exit.is_none() && spawned.is_finished() {
                let status = (&mut spawned).await.map_err(unknown)?.map_err(unknown)?;
                exit = Some(status);
            }
            match attempt.life().map_err(unknown)? {
                Life::Alive(launched, state) => {
                    info!(
                        intent = request.intent,
                        pool = request.pool,
                        instance = launched.id,
                        "launched"
                    );
                    return Ok(launched.instance(state));
                }
                Life::Ended(_, terminated) => return Err(used_up(terminated.map(|t| t.cause))),
                Life::Leftover(_) => return Err(used_up(Some(Cause::Lost))),
                Life::Starting => {}
                Life::Unseen => match exit.take() {
                    None => {}
                    // Another machine held the lock, and is gone by now.
                    Some(status) if status.code() == Some(machine::LOCKED.into()) => {
                        tokio::time::sleep(LOOK_EVERY).await;
                        spawned = self.spawn(&attempt)?;
                    }
                    Some(status) => {
                        let why = format!("the machine ended at once: {status}");
                        return Err(settle(&attempt, Fault::Invalid { why }));
                    }
                },
            }
            if Instant::now() >= deadline {
                let why = "the machine has not said in time that it runs";
                return Err(unknown(io::Error::new(io::ErrorKind::TimedOut, why)));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Starts a machine and sees to it that its end is collected.
    fn spawn(&self, attempt: &Attempt) -> Result<JoinHandle<io::Result<ExitStatus>>, LaunchError> {
        let start_by = Timestamp::now().as_millisecond() + START_WITHIN.as_millis() as i64;
        let program = &self.shared.config.machine;
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(attempt.file("machine.log"))
            .map_err(unknown)?;
        let mut command = std::process::Command::new(&program[0]);
        command
            .args(&program[1..])
            .arg("--dir")
            .arg(attempt.path())
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| {
                let value = std::env::var_os(name)?;
                Some((*name, value))
            }))
            .env(START_BY, start_by.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        spawn::in_own_session(&mut command);
        match tokio::process::Command::from(command).spawn() {
            Ok(mut child) => Ok(tokio::spawn(async move { child.wait().await })),
            Err(error) => {
                warn!(intent = attempt.intent, %error, "machine not started");
                let fault = match error.kind() {
                    io::ErrorKind::WouldBlock | io::ErrorKind::OutOfMemory => Fault::NoCapacity,
                    io::ErrorKind::PermissionDenied => Fault::Denied,
                    _ => Fault::Invalid {
                        why: format!("{} cannot be started: {error}", program[0]),
                    },
                };
                Err(settle(attempt, fault))
            }
        }
    }

    /// Kills what is left of an instance once its grace is over.
    fn kill_later(&self, attempt: Attempt, grace: Duration) {
        let process = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(grace + KILL_AFTER_GRACE).await;
            let intent = attempt.intent.clone();
            let killed = process.ask(move |_| kill(&attempt)).await;
            match killed {
                Ok(true) => warn!(intent, "killed after its grace"),
                Ok(false) => {}
                Err(error) => warn!(intent, %error, "kill failed"),
            }
        });
    }
}

impl Provider for Process {
    fn name(&self) -> &'static str {
        "process"
    }

    fn account(&self) -> String {
        format!("process {}", self.shared.config.root.display())
    }

    fn launch<'a>(
        &'a self,
        request: &'a LaunchRequest,
    ) -> BoxFuture<'a, Result<Instance, LaunchError>> {
        Box::pin(self.launch_once(request))
    }

    /// Looking also tidies: what a dead machine left is killed, what finished long ago is forgotten.
    fn list(&self) -> BoxFuture<'_, Result<Vec<Instance>, CloudError>> {
        Box::pin(async { Ok(self.ask(Shared::list).await?) })
    }

    fn terminate<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<(), CloudError>> {
        Box::pin(async move {
            let Some(attempt) = self.shared.root.attempt_of_id(id) else {
                return Ok(());
            };
            let ordered = attempt.clone();
            let grace = self.ask(move |shared| shared.order(&ordered)).await?;
            if let Some(grace) = grace {
                self.kill_later(attempt, grace);
            }
            Ok(())
        })
    }
}
