//! A state folder of its own, and what really runs for it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use spillway_cloud::process::{Process, ProcessConfig};
use spillway_cloud::{Instance, LaunchRequest, Provider, WorkerSpec};
use tempfile::TempDir;

/// Works until it is asked to stop, then stops.
pub(crate) const POLITE: &str = "trap 'exit 0' TERM; while :; do sleep 0.1; done";
/// Works until it is killed.
pub(crate) const STUBBORN: &str = "trap '' TERM; while :; do sleep 0.1; done";
/// Works and renews its lease.
pub(crate) const RENEWING: &str =
    r#"trap 'exit 0' TERM; while :; do touch "$SPILLWAY_LEASE_FILE"; sleep 0.1; done"#;

const PATIENCE: Duration = Duration::from_secs(30);

/// A state folder; whatever still runs for it when it goes is killed.
pub(crate) struct World {
    root: TempDir,
    pub(crate) config: ProcessConfig,
}

/// A live process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) session: i32,
    /// Whether it is a machine, not a worker or something that a worker started.
    pub(crate) is_machine: bool,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut config = ProcessConfig::new(root.path(), "tests", this_program_as("the_machine"));
        config.grace = Duration::from_secs(2);
        Self { root, config }
    }

    /// A provider that knows nothing but the folder, as after a restart.
    pub(crate) fn provider(&self) -> Process {
        Process::new(self.config.clone()).unwrap()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn live(&self) -> Vec<Live> {
        live(self.root.path())
    }

    pub(crate) fn machines(&self) -> Vec<Live> {
        self.live().into_iter().filter(|p| p.is_machine).collect()
    }

    /// The only machine.
    pub(crate) fn machine(&self) -> Live {
        let machines = self.machines();
        assert_eq!(machines.len(), 1, "{machines:?}");
        machines.into_iter().next().unwrap()
    }

    /// The only machine's worker.
    pub(crate) fn worker(&self) -> Live {
        let machine = self.machine();
        let live = self.live();
        let worker = live.iter().find(|p| p.parent == machine.pid);
        worker.unwrap_or_else(|| panic!("{live:?}")).clone()
    }

    pub(crate) async fn launch(&self, worker: &str) -> (Process, Instance) {
        let provider = self.provider();
        let request = request("one", 1, worker);
        let launched = provider.launch(&request).await.unwrap();
        (provider, launched)
    }

    pub(crate) async fn launch_and_run(&self, worker: &str) -> (Process, Instance) {
        let (provider, launched) = self.launch(worker).await;
        let record = format!("one/{}/worker.json", launched.attempt);
        eventually("the worker runs", async || self.file(&record).exists()).await;
        (provider, launched)
    }

    pub(crate) async fn nothing_is_left(&self) {
        eventually("nothing is left", async || self.live().is_empty()).await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for process in self.live() {
            signal(process.pid, Signal::KILL);
        }
    }
}

/// Arguments that run one test of this program; more may be added.
pub(crate) fn this_program_as(test: &str) -> Vec<String> {
    let program = std::env::current_exe().unwrap();
    let program = program.to_str().unwrap();
    [program, test, "--exact", "--nocapture", "--"]
        .map(String::from)
        .to_vec()
}

pub(crate) fn request(intent: &str, attempt: u32, worker: &str) -> LaunchRequest {
    LaunchRequest {
        owner: "tests".into(),
        policy: "recognition".into(),
        pool: "burst".into(),
        intent: intent.into(),
        attempt,
        worker: WorkerSpec {
            command: ["sh", "-c", worker].map(String::from).to_vec(),
            environment: BTreeMap::new(),
        },
        lease: Duration::from_secs(120),
    }
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    // It may have gone by itself.
    let _ = kill_process(Pid::from_raw(pid).unwrap(), signal);
}

/// The only way to wait.
pub(crate) async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The part of a controller that launches and then lives on, until it is killed.
pub(crate) fn launch_and_stay(root: &Path) {
    let config = ProcessConfig::new(root, "tests", this_program_as("the_machine"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let provider = Process::new(config).unwrap();
        let _ = provider.launch(&request("one", 1, POLITE)).await;
        std::future::pending::<()>().await;
    });
}

/// Zombies among our own children.
pub(crate) fn zombies() -> usize {
    let us = i32::try_from(std::process::id()).unwrap();
    let stats = pids().filter_map(stat);
    stats.filter(|stat| stat.0 == "Z" && stat.1 == us).count()
}

/// State, parent, session.
fn stat(pid: i32) -> Option<(String, i32, i32)> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = line.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.to_owned();
    let parent = fields.next()?.parse().ok()?;
    Some((state, parent, fields.nth(1)?.parse().ok()?))
}

fn pids() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn live(root: &Path) -> Vec<Live> {
    let below = format!("{}/", root.display());
    let lease = format!("SPILLWAY_LEASE_FILE={below}");
    let read = |pid: i32, file: &str| -> Vec<String> {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes)
            .split('\0')
            .map(str::to_owned)
            .collect()
    };
    pids()
        .filter_map(|pid| {
            let (state, parent, session) = stat(pid)?;
            let arguments = read(pid, "cmdline");
            let is_of_machine = arguments
                .windows(2)
                .any(|pair| pair[0] == "--dir" && pair[1].starts_with(&below));
            let is_ours =
                is_of_machine || read(pid, "environ").iter().any(|e| e.starts_with(&lease));
            (is_ours && state != "Z").then_some(Live {
                pid,
                parent,
                session,
                // A worker looks like its machine until it has become its program.
                is_machine: is_of_machine && session == pid,
            })
        })
        .collect()
}
