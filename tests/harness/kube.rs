//! A real Kubernetes control plane: etcd, apiserver, controller-manager and scheduler; kwok plays the nodes.
//!
//! ```text
//!  require_kube() ──▶ one control plane per test process, with RBAC, service-account tokens and an audit log
//!  Kube::namespace() ──▶ a namespace of one test's own
//!  Kubelet ──▶ runs a real process for each pod, since kwok's pods run nothing
//! ```

mod components;
mod kubelet;

use std::{
    fs,
    io::Write as _,
    ops::Deref,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::guard;
pub use kubelet::Kubelet;

/// How long the control plane may take to be ready: 4 s on a free machine.
const START_MAX: Duration = Duration::from_secs(120);
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);
/// Nodes, with 8 GPUs each.
const NODES: usize = 3;

/// A control plane; ends, with its data, when this process ends in any way.
pub struct Kube {
    programs: PathBuf,
    folder: PathBuf,
    guardians: Vec<components::Guardian>,
    names: AtomicU32,
}

/// The control plane lent to one test: shows its logs if the test fails.
pub struct KubeLease(&'static Kube);

/// A namespace of one test's own.
pub struct Namespace {
    kube: &'static Kube,
    name: String,
}

/// The control plane of this test process, started by whoever asks first.
///
/// `None` where it cannot be had: the reason is printed, and the test is to return.
///
/// # Panics
/// Where it cannot be had and `CI` is set.
#[must_use]
pub fn require_kube() -> Option<KubeLease> {
    static SHARED: OnceLock<Result<Kube, String>> = OnceLock::new();
    match SHARED.get_or_init(|| Kube::start().map_err(|error| format!("{error:#}"))) {
        Ok(kube) => Some(KubeLease(kube)),
        Err(why) => crate::skip(&format!("there is no Kubernetes: {why}")),
    }
}

// === impl Kube ===

impl Kube {
    fn start() -> anyhow::Result<Self> {
        let built = testbed()?;
        let started = Instant::now();
        let folder = tempfile::Builder::new()
            .prefix("spillway-kube-")
            .tempdir()?
            .keep();
        let mut kube = Self {
            programs: built.join("bin"),
            folder,
            guardians: Vec::new(),
            names: AtomicU32::new(0),
        };
        let ports = components::free_ports()?;
        kube.guardians
            .push(components::store(&kube.programs, &kube.folder, &ports)?);
        kube.wait_for("apiserver.crt", |kube| {
            kube.folder.join("certs/apiserver.crt").exists()
        })?;
        let admin = kube.kubeconfig_for(components::ADMIN_TOKEN, "default", &ports)?;
        fs::write(kube.folder.join("kubeconfig"), admin)?;
        kube.wait_for("the apiserver", |kube| {
            kube.kubectl(&["get", "--raw", "/readyz"], "").is_ok()
        })?;
        let stages = built.join("kwok-stages.yaml");
        kube.guardians
            .push(components::managers(&kube.programs, &kube.folder, &stages)?);
        kube.apply(&nodes()).map_err(anyhow::Error::msg)?;
        kube.wait_for("the nodes", |kube| kube.ready_nodes() == NODES)?;
        eprintln!(
            "kubernetes: ready after {:.1} s",
            started.elapsed().as_secs_f64()
        );
        Ok(kube)
    }

    fn wait_for(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> anyhow::Result<()> {
        let until = Instant::now() + START_MAX;
        while !is_so(self) {
            if Instant::now() >= until {
                bail!("{what} did not come; logs end:\n{}", self.logs());
            }
            thread::sleep(LOOK_AGAIN_AFTER);
        }
        Ok(())
    }

    fn ready_nodes(&self) -> usize {
        let path = "jsonpath={.items[*].status.conditions[?(@.type==\"Ready\")].status}";
        let listed = self.kubectl(&["get", "nodes", "-o", path], "");
        listed.unwrap_or_default().matches("True").count()
    }

    fn kubeconfig_for(
        &self,
        token: &str,
        namespace: &str,
        ports: &components::Ports,
    ) -> anyhow::Result<String> {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {
                "server": format!("https://127.0.0.1:{}", ports.apiserver),
                "certificate-authority": self.folder.join("certs/apiserver.crt"),
            }}],
            "users": [{"name": "it", "user": {"token": token}}],
            "contexts": [{"name": "it", "context": {
                "cluster": "it", "user": "it", "namespace": namespace,
            }}],
        });
        Ok(serde_json::to_string_pretty(&config)?)
    }

    /// Runs kubectl as the administrator, `input` on its standard input; gives its output, or what it complains of.
    ///
    /// # Errors
    /// What it said, where it failed.
    pub fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = Command::new(self.programs.join("kubectl"));
        command
            .args(arguments)
            .env("KUBECONFIG", self.folder.join("kubeconfig"));
        run(command, input)
    }

    /// Applies a document, or a list of them.
    ///
    /// # Errors
    /// What the apiserver said against it.
    pub fn apply(&self, document: &Value) -> Result<String, String> {
        self.kubectl(&["apply", "-f", "-"], &document.to_string())
    }

    /// Runs helm as the administrator.
    ///
    /// # Errors
    /// What it said, where it failed.
    pub fn helm(&self, arguments: &[&str]) -> Result<String, String> {
        let mut command = Command::new(self.programs.join("helm"));
        command
            .args(arguments)
            .env("KUBECONFIG", self.folder.join("kubeconfig"));
        run(command, "")
    }

    /// Makes a namespace of a test's own.
    ///
    /// # Panics
    /// If the apiserver refuses.
    #[must_use]
    pub fn namespace(&'static self, what: &str) -> Namespace {
        let number = self.names.fetch_add(1, Ordering::Relaxed);
        let name = format!("it-{what}-{number}");
        let made = self.kubectl(&["create", "namespace", &name], "");
        made.unwrap_or_else(|error| panic!("namespace {name}: {error}"));
        Namespace { kube: self, name }
    }

    /// Every request that was made so far, one JSON document a line.
    #[must_use]
    pub fn audit(&self) -> Vec<Value> {
        let log = fs::read_to_string(self.folder.join("audit.log")).unwrap_or_default();
        let lines = log.lines();
        lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// The ends of all components' logs.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut text = String::new();
        for name in components::NAMES {
            let log = fs::read_to_string(self.folder.join(format!("{name}.log")));
            let log = log.unwrap_or_default();
            text.push_str(&format!("--- {name}\n{}\n", guard::tail(&log)));
        }
        text
    }
}

fn run(mut command: Command, input: &str) -> Result<String, String> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    if let Some(mut stdin) = child.stdin.take() {
        // Whoever ends without reading says why on its error output.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

/// The folder of the programs, after building them where they are missing.
fn testbed() -> anyhow::Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("testbed/kube.sh");
    let output = Command::new(&script)
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("{} could not be run", script.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "tests/testbed/kube.sh failed: {}",
        said.trim()
    );
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}

fn nodes() -> Value {
    let node = |number: usize| {
        let room = json!({"cpu": "32", "memory": "256Gi", "pods": "110", "nvidia.com/gpu": "8"});
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {
                "name": format!("metal-{number}"),
                "labels": {"spillway.dev/pool": "base", "kubernetes.io/hostname": format!("metal-{number}")},
            },
            "status": {"allocatable": room, "capacity": room},
        })
    };
    json!({"apiVersion": "v1", "kind": "List", "items": (0..NODES).map(node).collect::<Vec<_>>()})
}

// === impl Namespace ===

impl Namespace {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs kubectl in it.
    ///
    /// # Errors
    /// What it said, where it failed.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let mut all = vec!["--namespace", &self.name];
        all.extend(arguments);
        self.kube.kubectl(&all, "")
    }

    /// kubectl in it as the administrator, not run yet: for what goes on beside a test, as a watch.
    #[must_use]
    pub fn kubectl_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.kube.programs.join("kubectl"));
        command
            .args(["--namespace", &self.name])
            .args(arguments)
            .env("KUBECONFIG", self.kube.folder.join("kubeconfig"));
        command
    }

    /// Applies a document in it.
    ///
    /// # Errors
    /// What the apiserver said against it.
    pub fn apply(&self, document: &Value) -> Result<String, String> {
        let arguments = ["--namespace", &self.name, "apply", "-f", "-"];
        self.kube.kubectl(&arguments, &document.to_string())
    }

    /// Reads an object, or a list of them.
    ///
    /// # Errors
    /// What kubectl said, where it failed.
    pub fn get(&self, arguments: &[&str]) -> Result<Value, String> {
        let mut all = vec!["get", "-o", "json"];
        all.extend(arguments);
        let text = self.kubectl(&all)?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    }

    /// A kubeconfig with the token of a service account of this namespace; the file lies in the control plane's folder.
    ///
    /// # Panics
    /// If there is no such account.
    #[must_use]
    pub fn kubeconfig_of(&self, account: &str) -> PathBuf {
        let token = self.kubectl(&["create", "token", account, "--duration=1h"]);
        let token = token.unwrap_or_else(|error| panic!("token of {account}: {error}"));
        let folder = &self.kube.folder;
        let admin = fs::read_to_string(folder.join("kubeconfig")).expect("the kubeconfig is there");
        let mut config: Value = serde_json::from_str(&admin).expect("it is JSON");
        config["users"][0]["user"]["token"] = json!(token.trim());
        config["contexts"][0]["context"]["namespace"] = json!(self.name);
        let path = folder.join(format!("kubeconfig-{}-{account}", self.name));
        fs::write(&path, config.to_string()).expect("the folder can be written");
        path
    }

    /// Plays kubelet for the pods of a label in this namespace: each runs `command` with its environment.
    #[must_use]
    pub fn kubelet(
        &self,
        label: &str,
        command: impl Fn() -> Option<Command> + Send + 'static,
    ) -> Kubelet {
        let mut watch = Command::new(self.kube.programs.join("kubectl"));
        watch
            .args(["--namespace", &self.name, "get", "pods", "-l", label])
            .args(["-o", "json", "--watch", "--output-watch-events"])
            .env("KUBECONFIG", self.kube.folder.join("kubeconfig"));
        Kubelet::begin(watch, command)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        if thread::panicking() {
            for kind in [
                "scalingpolicies,burstinstances,leases",
                "deployments,pods",
                "events",
            ] {
                let shown = self.kubectl(&["get", kind, "-o", "wide"]);
                eprintln!("--- {kind} in {}\n{}", self.name, shown.unwrap_or_default());
            }
        }
        // The control plane ends with the process, and what is in it: nothing is waited for.
        let _ = self.kubectl(&["delete", "namespace", &self.name, "--wait=false"]);
    }
}

// === impl KubeLease ===

impl Deref for KubeLease {
    type Target = &'static Kube;

    fn deref(&self) -> &&'static Kube {
        &self.0
    }
}

impl Drop for KubeLease {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.0.logs());
        }
    }
}
