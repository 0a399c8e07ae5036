//! Who runs pods: a real process for each one that kwok calls Running, with the pod's environment.
//!
//! Deletion is SIGTERM, and SIGKILL after the pod's grace. A process that ends by itself is not started again: that is
//! for the test to see.

use std::{
    collections::BTreeMap,
    io::BufReader,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::guard::{self, Process, Signal};

/// How long a process may take to end where its pod says nothing.
const GRACE: Duration = Duration::from_secs(30);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Plays kubelet until dropped; then everything ends.
pub struct Kubelet {
    shared: Arc<Shared>,
    watch: Child,
    reader: Option<thread::JoinHandle<()>>,
}

struct Shared {
    pods: Mutex<Pods>,
    command: Box<dyn Fn() -> Option<Command> + Send + Sync>,
}

#[derive(Default)]
struct Pods {
    running: BTreeMap<String, Running>,
    started: usize,
    ended: Vec<(String, bool)>,
    /// Most that ran at one time.
    most: usize,
}

struct Running {
    process: Process,
    grace: Duration,
    told_to_end: Option<Instant>,
}

// === impl Kubelet ===

impl Kubelet {
    pub(super) fn begin(
        mut watch: Command,
        command: impl Fn() -> Option<Command> + Send + 'static,
    ) -> Self {
        watch
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        guard::die_with_parent(&mut watch);
        let mut watch = guard::spawn_on_lasting_thread(watch).expect("kubectl can be run");
        let events = watch.stdout.take().expect("its output is a pipe");
        let command = Mutex::new(command);
        let shared = Arc::new(Shared {
            pods: Mutex::default(),
            command: Box::new(move || {
                let command = command.lock().unwrap_or_else(PoisonError::into_inner);
                command()
            }),
        });
        let reader = thread::spawn({
            let shared = Arc::clone(&shared);
            move || shared.follow(events)
        });
        Self {
            shared,
            watch,
            reader: Some(reader),
        }
    }

    /// Processes that run now.
    #[must_use]
    pub fn running(&self) -> usize {
        let mut pods = self.shared.pods();
        pods.reap();
        pods.running.len()
    }

    /// Processes started so far, and the most that ran at one time.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let pods = self.shared.pods();
        (pods.started, pods.most)
    }

    /// Pods whose process had to be killed after its grace.
    #[must_use]
    pub fn killed(&self) -> Vec<String> {
        let mut pods = self.shared.pods();
        pods.reap();
        let killed = pods.ended.iter().filter(|(_, was_killed)| *was_killed);
        killed.map(|(pod, _)| pod.clone()).collect()
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        // The watch ends, and with it the reader.
        let _ = self.watch.kill();
        let _ = self.watch.wait();
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.shared.pods().running.clear();
    }
}

// === impl Shared ===

impl Shared {
    fn follow(self: &Arc<Self>, events: ChildStdout) {
        let events = serde_json::Deserializer::from_reader(BufReader::new(events));
        for event in events.into_iter::<Value>() {
            let Ok(event) = event else { return };
            let pod = &event["object"];
            let Some(name) = pod["metadata"]["name"].as_str() else {
                continue;
            };
            let is_leaving =
                event["type"] == "DELETED" || !pod["metadata"]["deletionTimestamp"].is_null();
            if is_leaving {
                self.end(name);
            } else if pod["status"]["phase"] == "Running" {
                self.start(name, pod);
            }
        }
    }

    fn start(&self, name: &str, pod: &Value) {
        let mut pods = self.pods();
        pods.reap();
        let has_run = pods.ended.iter().any(|(pod, _)| pod == name);
        if has_run || pods.running.contains_key(name) {
            return;
        }
        let Some(mut command) = (self.command)() else {
            return;
        };
        let container = &pod["spec"]["containers"][0];
        for argument in container["args"].as_array().into_iter().flatten() {
            command.args(argument.as_str());
        }
        for variable in container["env"].as_array().into_iter().flatten() {
            if let (Some(key), Some(value)) = (variable["name"].as_str(), value(variable, pod)) {
                command.env(key, value);
            }
        }
        let grace = pod["spec"]["terminationGracePeriodSeconds"].as_u64();
        let process = Process::spawn(name, command).expect("the pod's program can be started");
        let running = Running {
            process,
            grace: grace.map_or(GRACE, Duration::from_secs),
            told_to_end: None,
        };
        pods.running.insert(name.to_owned(), running);
        pods.started += 1;
        pods.most = pods.most.max(pods.running.len());
    }

    /// SIGTERM now, SIGKILL after the grace.
    fn end(self: &Arc<Self>, name: &str) {
        let mut pods = self.pods();
        let Some(running) = pods.running.get_mut(name) else {
            return;
        };
        if running.told_to_end.is_some() {
            return;
        }
        running.process.signal(Signal::Term);
        let until = Instant::now() + running.grace;
        running.told_to_end = Some(until);
        drop(pods);
        let (shared, name) = (Arc::clone(self), name.to_owned());
        thread::spawn(move || {
            loop {
                let mut pods = shared.pods();
                pods.reap();
                if !pods.running.contains_key(&name) {
                    return;
                }
                if Instant::now() >= until {
                    pods.running.remove(&name);
                    pods.ended.push((name, true));
                    return;
                }
                drop(pods);
                thread::sleep(LOOK_AGAIN_AFTER);
            }
        });
    }

    fn pods(&self) -> MutexGuard<'_, Pods> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value of a variable: as it stands there, or a field of the pod.
fn value(variable: &Value, pod: &Value) -> Option<String> {
    if let Some(value) = variable["value"].as_str() {
        return Some(value.to_owned());
    }
    let path = variable["valueFrom"]["fieldRef"]["fieldPath"].as_str()?;
    let pointer = format!("/{}", path.replace('.', "/"));
    pod.pointer(&pointer)?.as_str().map(str::to_owned)
}

// === impl Pods ===

impl Pods {
    /// Takes out what has ended by itself.
    fn reap(&mut self) {
        let running = &mut self.running;
        let gone: Vec<String> = running
            .iter_mut()
            .filter_map(|(name, it)| (!it.process.is_running()).then(|| name.clone()))
            .collect();
        for name in gone {
            self.running.remove(&name);
            self.ended.push((name, false));
        }
    }
}
