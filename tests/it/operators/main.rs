//! What operators stand on, with the real controller: its history and its events outlive what happens to it, traces tell
//! what it did, and alerts fire in a real Prometheus when what they warn of is really done.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod alerts;
mod history;
mod traces;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use spillway_kafka::{Cluster, KafkaConfig, TopicSpec};
use spillway_tests::{Kafka, Process, eventually, require_program};
use spillway_wire::topics;

/// The machine that runs the tests may be busy.
const SOON: Duration = Duration::from_secs(240);

/// A controller of one policy, with a folder of its own.
struct Controller {
    process: Process,
    url: String,
}

/// Machines of the `process` provider: they outlive their controller, and end with this.
struct Machines(PathBuf);

// === impl Controller ===

impl Controller {
    /// Starts one on a folder that may have the state of one before, and waits until it is up.
    fn start(name: &str, policy: &str, folder: &Path, more: &[&str]) -> Self {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join("policy.yaml");
        fs::write(&path, policy).unwrap();
        let mut command = require_program("spillway").expect("it was there just now");
        command
            .arg("run")
            .arg("--policy")
            .arg(path)
            .arg("--state")
            .arg(folder.join("state"))
            .args(["--listen", "127.0.0.1:0", "--owner", name])
            .args(more)
            .env("NO_COLOR", "1");
        let process = Process::spawn(name, command).unwrap();
        let address = eventually(SOON, "the dashboard is up", || {
            let log = process.log();
            let said = log.split("dashboard is up address=").nth(1);
            let address = said.and_then(|said| said.split_whitespace().next());
            address.map(str::to_owned).ok_or(log)
        });
        Self {
            process,
            url: format!("http://{address}"),
        }
    }

    fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }
}

// === impl Machines ===

impl Drop for Machines {
    fn drop(&mut self) {
        let folder = self.0.display().to_string();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(id) = entry.file_name().to_str().map(str::to_owned) else {
                continue;
            };
            let read = |file: &str| fs::read(entry.path().join(file)).unwrap_or_default();
            let said = [read("environ"), read("cmdline")].concat();
            let is_ours = String::from_utf8_lossy(&said).contains(&folder);
            if is_ours && id.parse().is_ok_and(|id: u32| id != std::process::id()) {
                let _ = Command::new("kill").args(["-9", &id]).status();
            }
        }
    }
}

/// The topics that a controller reads and writes, which have fixed names.
async fn fixed_topics(kafka: &Kafka) {
    let cluster = Cluster::new(KafkaConfig::new(kafka.brokers())).unwrap();
    let specs = [topics::WORKERS, topics::CONTROL].map(|name| TopicSpec::compacted(name, 1));
    cluster.ensure(&specs, SOON).await.unwrap();
}
