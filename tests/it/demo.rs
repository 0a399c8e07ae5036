//! The main job as a user runs it, whole, and with its parts killed under it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use spillway_tests::{Process, Signal, eventually, require_program};

/// The demo takes the machine: one at a time.
static MACHINE: Mutex<()> = Mutex::new(());
const RUN_DEADLINE: Duration = Duration::from_secs(420);

struct Demo {
    process: Process,
    folder: tempfile::TempDir,
    _machine: std::sync::MutexGuard<'static, ()>,
}

// === impl Demo ===

impl Demo {
    fn start(arguments: &[&str]) -> Option<Self> {
        let machine = MACHINE
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut command = require_program("spillway")?;
        let worker = require_program("spillway-worker")?;
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        command
            .args(["demo", "--once", "--plain", "--listen", "127.0.0.1:0"])
            .arg("--model-set")
            .arg(root.join("worker/models/demo"))
            .arg("--worker")
            .arg(worker.get_program())
            .arg("--state")
            .arg(folder.path().join("state"))
            .arg("--report")
            .arg(folder.path().join("out.json"))
            .args(arguments);
        let process = Process::spawn("demo", command).unwrap();
        Some(Self {
            process,
            folder,
            _machine: machine,
        })
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    fn has_said(&self, words: &str) -> bool {
        self.process.log().contains(words)
    }

    /// Waits for the end; gives the exit code and the report.
    fn end(&mut self) -> (Option<i32>, Value) {
        let code = self.process.wait(RUN_DEADLINE).code();
        let text = std::fs::read(self.folder.path().join("out.json"))
            .unwrap_or_else(|error| panic!("no report: {error}\n{}", self.process.log()));
        (code, serde_json::from_slice(&text).unwrap())
    }

    /// Processes of this run other than the demo itself: those whose environment names its state folder.
    fn children(&self) -> Vec<(u32, String)> {
        let state = self.state().display().to_string();
        let mut children = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
            let line = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            let environment = read("environ");
            let is_ours =
                line.contains(&state) || String::from_utf8_lossy(&environment).contains(&state);
            if is_ours && pid != self.process.id() {
                children.push((pid, line));
            }
        }
        children
    }
}

/// What `spillway` prints about a run's state.
fn told(demo: &Demo, command: &[&str]) -> String {
    let mut program = require_program("spillway").unwrap();
    let output = program
        .args(command)
        .arg("--state")
        .arg(demo.state())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {said}");
    said
}

fn report_was_late(report: &Value) -> bool {
    report["drain_seconds"].as_f64() > report["drain_deadline_seconds"].as_f64()
}

/// Looks at every screen of the dashboard while the burst is drained: the real controller's answers, in a browser.
fn every_screen_is_as_it_should_be(demo: &mut Demo) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../controller/dashboard");
    if !folder.join("node_modules").is_dir() {
        let why = "the browser's driver is not installed: npm ci in controller/dashboard";
        assert!(std::env::var_os("CI").is_none(), "CI must run this: {why}");
        eprintln!("skipped: {why}");
        return;
    }
    let begun = Duration::from_secs(300);
    let address = eventually(begun, "the burst is being drained", || {
        let log = demo.process.log();
        let address = log.split_once("dashboard at ").map(|(_, rest)| {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            rest[..end].to_owned()
        });
        match address {
            Some(address) if log.contains("the burst is drained") => Ok(address),
            _ => Err(log),
        }
    });
    let mut command = Command::new("node");
    command.arg(folder.join("test/against.mjs")).arg(address);
    let mut screens = Process::spawn("screens", command).unwrap();
    let looked = screens.wait(RUN_DEADLINE);
    // A machine that is slow with browsers alone may have come to the run's end first: then nothing can be said.
    if demo.process.is_running() {
        assert!(looked.success(), "{}", screens.log());
    } else {
        eprintln!("the run was over before every screen was looked at");
    }
}

fn kill(pid: u32) {
    let status = Command::new("kill").args(["-9", &pid.to_string()]).status();
    assert!(status.unwrap().success(), "kill -9 {pid}");
}

#[test]
fn a_burst_is_cleared_on_time_and_the_machines_are_given_back() {
    let Some(mut demo) = Demo::start(&[]) else {
        return;
    };
    every_screen_is_as_it_should_be(&mut demo);
    let (code, report) = demo.end();
    // How long it took is a measurement, and what else the machine did is in it: the demo fails a user when it was
    // late, and nothing else may be wrong here.
    let log = demo.process.log();
    let mut failures = log
        .lines()
        .filter(|line| line.trim_start().starts_with("FAILED"));
    assert!(
        failures.all(|line| line.contains("was not drained in time")),
        "{log}"
    );
    let was_late = report_was_late(&report);
    assert_eq!(code, Some(i32::from(was_late)), "{log}");
    assert_eq!(demo.children(), []);
    let number = |field: &str| {
        report[field]
            .as_f64()
            .unwrap_or_else(|| panic!("{field}: {report}"))
    };
    assert!(number("jobs") >= 3_000.0);
    assert_eq!(number("results"), number("jobs"));
    assert_eq!(number("lost"), 0.0);
    assert!(number("labels_correct_ratio") >= 0.9);
    println!(
        "drained in {} of {} s",
        number("drain_seconds"),
        number("drain_deadline_seconds")
    );
    assert!(number("burst_instances_launched") >= 2.0);
    assert_eq!(number("burst_instances_left"), 0.0);
    assert!(number("cost_dollars") > 0.0);
    assert!(number("cost_dollars") < number("cost_dollars_all_burst"));
    for reason in ["CORRUPT_IMAGE", "FETCH_BLOCKED", "NOT_FOUND", "TOO_LARGE"] {
        assert!(
            report["errors_by_reason"][reason].as_u64() > Some(0),
            "{reason}: {report}"
        );
    }
    assert!(
        told(&demo, &["replay"]).ends_with("all the same\n"),
        "byte for byte"
    );
    assert!(told(&demo, &["explain", "--last", "10000"]).contains("DeadlineEndangered"));
    let decisions = report["decisions"].as_array().unwrap();
    assert!(
        decisions
            .iter()
            .any(|it| !it["actions"].as_array().unwrap().is_empty())
    );
    assert!(decisions.iter().all(|it| {
        !it["sentence"].as_str().unwrap().is_empty()
            && (it["hold"].is_object() || !it["reasons"].as_array().unwrap().is_empty())
    }));
}

#[test]
fn nothing_is_lost_when_a_worker_and_the_controller_are_killed_during_the_burst() {
    let Some(mut demo) = Demo::start(&["--burst", "1200", "--drain-within", "80s"]) else {
        return;
    };
    let minutes = Duration::from_secs(240);
    eventually(minutes, "a machine is bought", || {
        // Of the base there are two.
        let intents = std::fs::read_dir(demo.state().join("intents"));
        let count = intents.map_or(0, |intents| intents.count());
        (count > 2).then_some(()).ok_or_else(|| demo.process.log())
    });
    let worker = eventually(minutes, "a worker runs", || {
        let workers = demo.children();
        let worker = workers
            .into_iter()
            .find(|(_, line)| line.contains("spillway-worker run"));
        worker.ok_or_else(|| "none".to_owned())
    });
    kill(worker.0);
    let leader = std::fs::read_to_string(demo.state().join("leader.lock")).unwrap();
    let controller: u32 = leader.trim().parse().unwrap();
    kill(controller);
    let (_, report) = demo.end();
    assert_eq!(report["lost"], 0, "{report}\n{}", demo.process.log());
    assert_eq!(report["instances_per_intent_max"], 1);
    assert_eq!(report["burst_instances_left"], 0);
    assert_eq!(report["processes_left"], 0);
    assert_eq!(
        report["controller_restarts"], 1,
        "the controller was really killed"
    );
    assert_eq!(demo.children(), []);
}

#[test]
fn ctrl_c_ends_everything() {
    let Some(mut demo) = Demo::start(&[]) else {
        return;
    };
    let deadline = Duration::from_secs(120);
    eventually(deadline, "steady load", || {
        demo.has_said("steady load")
            .then_some(())
            .ok_or_else(|| demo.process.log())
    });
    demo.process.signal(Signal::Interrupt);
    let (_, report) = demo.end();
    assert_eq!(report["processes_left"], 0);
    assert_eq!(demo.children(), []);
}

#[test]
fn a_bad_policy_shows_everything_and_starts_nothing() {
    let Some(mut command) = require_program("spillway") else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = command
        .arg("run")
        .arg("--policy")
        .arg(root.join("controller/src/policy_file/testdata/bad.yaml"))
        .arg("--state")
        .arg(folder.path().join("state"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    for words in [
        "throughputPerWorkr is not a field",
        "did you mean `throughputPerWorker`?",
        "`15 minits` is not a duration",
        "`maxWorkers` is given twice",
        "comes too late",
    ] {
        assert!(said.contains(words), "{words:?} is missing in\n{said}");
    }
    assert!(!folder.path().join("state").exists(), "nothing was started");
}
