//! Runs a real worker process on each machine that runs, from the machine's user data.
//!
//! ```text
//!  running ▶ metadata service, lease file ▶ worker ▶ … ▶ end ordered: SIGTERM, SIGKILL ▶ over
//!                                               taken back: killed · lease lapsed: the machine ends itself
//! ```
//!
//! A worker that exits ends nothing: as on a real machine, the bill goes on until the lease lapses.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tracing::{info, warn};

use crate::serve::serve_machine;
use crate::state::{CloudKind, Machine, Phase, Why};
use crate::user_data::UserData;
use crate::world::World;

/// How often machines are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(5);

/// What is run, and where.
#[derive(Debug, Clone)]
pub struct Runner {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Where machines have their lease and their log.
    pub folder: PathBuf,
}

/// One machine's worker.
struct Life {
    world: Arc<World>,
    kind: CloudKind,
    number: u64,
    lease: PathBuf,
    /// How long it lives without a renewal; for ever, where no dead-man is armed.
    lease_max: Option<Duration>,
    /// The same before the first renewal.
    first_lease_max: Option<Duration>,
    /// The file's time when last looked at, and when that was.
    renewed: (Option<SystemTime>, Instant),
    is_renewed: bool,
}

/// Why a life is over.
enum Over {
    Ended(Why),
    LeaseLapsed,
}

// === impl Runner ===

impl Runner {
    /// Starts workers for as long as it is polled. Dropping it kills them.
    pub async fn run(self, world: Arc<World>) {
        let mut begun: BTreeSet<(CloudKind, u64)> = BTreeSet::new();
        let mut lives = tokio::task::JoinSet::new();
        loop {
            for kind in CloudKind::ALL {
                for machine in running(&world, kind) {
                    if begun.insert((kind, machine.number)) {
                        let (runner, world) = (self.clone(), Arc::clone(&world));
                        lives.spawn(async move { runner.live(world, kind, machine).await });
                    }
                }
            }
            while lives.try_join_next().is_some() {}
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn live(self, world: Arc<World>, kind: CloudKind, machine: Machine) {
        let id = machine.id.clone();
        let found = match UserData::parse(&machine.user_data) {
            Ok(found) => found,
            Err(why) => {
                warn!(instance = id, why, "user data not run");
                return;
            }
        };
        let folder = self
            .folder
            .join(format!("{}-{}", kind.as_str(), machine.number));
        let lease = |name: &str| {
            let seconds = found.environment.get(name).filter(|_| found.has_dead_man)?;
            seconds.parse().ok().map(Duration::from_secs)
        };
        let lease_max = lease("SPILLWAY_LEASE_SECONDS");
        let started = self.start(&world, kind, &machine, &found, &folder).await;
        let (mut worker, metadata) = match started {
            Ok(started) => started,
            Err(error) => {
                warn!(instance = id, %error, "worker not started");
                return;
            }
        };
        info!(instance = id, "worker started");
        let lease_file = folder.join("lease");
        let mut life = Life {
            kind,
            number: machine.number,
            lease_max,
            first_lease_max: lease("SPILLWAY_FIRST_LEASE_SECONDS").or(lease_max),
            renewed: (modified(&lease_file), Instant::now()),
            is_renewed: false,
            lease: lease_file,
            world: Arc::clone(&world),
        };
        match life.over(&mut worker).await {
            Over::Ended(Why::Interrupted) => signal(&worker, Signal::KILL),
            Over::Ended(_) => stop(&mut worker).await,
            Over::LeaseLapsed => {
                signal(&worker, Signal::KILL);
                world.with(kind, |cloud, now| match kind {
                    // A shutdown is enough where the launch said so.
                    CloudKind::Aws => cloud.shut_down_from_inside(now, machine.number),
                    // Elsewhere the machine asks the cloud, with its own identity.
                    _ => cloud.end(now, machine.number, Why::Itself, None),
                });
            }
        }
        let _ = worker.wait().await;
        metadata.abort();
        info!(instance = id, "worker over");
    }

    async fn start(
        &self,
        world: &Arc<World>,
        kind: CloudKind,
        machine: &Machine,
        found: &UserData,
        folder: &Path,
    ) -> std::io::Result<(Child, tokio::task::JoinHandle<()>)> {
        std::fs::create_dir_all(folder)?;
        let lease = folder.join("lease");
        std::fs::File::create(&lease)?;
        let log = std::fs::File::create(folder.join("worker.log"))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let metadata = format!("http://{}", listener.local_addr()?);
        let (program, arguments) = self
            .command
            .split_first()
            .ok_or_else(|| std::io::Error::other("no program is named"))?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .envs(&found.environment)
            .env("SPILLWAY_METADATA", metadata)
            .env("SPILLWAY_LEASE_FILE", lease)
            .env("SPILLWAY_ATTEMPTS_FILE", folder.join("attempts"))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true);
        for (name, value) in identity(kind, machine) {
            command.env(name, value);
        }
        let worker = command.spawn()?;
        let serving = serve_machine(Arc::clone(world), kind, machine.number, listener);
        Ok((worker, tokio::spawn(serving)))
    }
}

/// What a machine learns at its start from its metadata and its tags.
fn identity(kind: CloudKind, machine: &Machine) -> Vec<(&'static str, String)> {
    let tag = |name: &str| machine.tags.get(name).cloned();
    // As providers list it, and as the start script finds it out.
    let id = match kind {
        CloudKind::Aws | CloudKind::Oci => machine.id.clone(),
        CloudKind::Gce => format!("{}/{}", machine.offer.zone, machine.name),
        CloudKind::Azure => machine.name.clone(),
    };
    let mut identity = vec![
        ("SPILLWAY_WORKER_ID", id.clone()),
        ("SPILLWAY_INSTANCE", id),
    ];
    identity.extend(tag("spillway-intent").map(|intent| ("SPILLWAY_INTENT", intent)));
    identity.extend(tag("spillway-pool").map(|pool| ("SPILLWAY_POOL", pool)));
    identity
}

fn running(world: &World, kind: CloudKind) -> Vec<Machine> {
    world.with(kind, |cloud, now| {
        let machines = cloud.machines.values();
        machines
            .filter(|machine| machine.phase(now) == Phase::Running)
            .cloned()
            .collect()
    })
}

fn signal(worker: &Child, signal: Signal) {
    let pid = worker.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        // It may be gone already.
        let _ = kill_process_group(pid, signal);
    }
}

async fn stop(worker: &mut Child) {
    signal(worker, Signal::TERM);
    if tokio::time::timeout(GRACE, worker.wait()).await.is_err() {
        signal(worker, Signal::KILL);
    }
}

// === impl Life ===

impl Life {
    /// Waits for the machine to end, whatever the worker does.
    async fn over(&mut self, worker: &mut Child) -> Over {
        loop {
            let why = self.world.with(self.kind, |cloud, _| {
                // After a reset the machine is not even known any more.
                let machine = cloud.machines.get(&self.number);
                machine.map_or(Some(Why::Ordered), |machine| {
                    machine.ending.as_ref().map(|ending| ending.why)
                })
            });
            if let Some(why) = why {
                return Over::Ended(why);
            }
            if self.has_lapsed() {
                return Over::LeaseLapsed;
            }
            let _ = worker.try_wait();
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Any change of the file renews: its clock may be set, ours is not.
    fn has_lapsed(&mut self) -> bool {
        let seen = modified(&self.lease);
        if seen != self.renewed.0 {
            self.renewed = (seen, Instant::now());
            self.is_renewed = true;
        }
        let max = if self.is_renewed {
            self.lease_max
        } else {
            self.first_lease_max
        };
        max.is_some_and(|max| self.renewed.1.elapsed() >= max)
    }
}

fn modified(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).and_then(|it| it.modified()).ok()
}
