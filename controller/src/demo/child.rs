//! The demo's controller: a process of its own, started again should it die.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use tokio::process::{Child, ChildStdin, Command};
use tracing::warn;

/// A controller that dies more often than this is broken.
const RESTARTS_MAX: u32 = 20;
/// How long the controller may take to end its machines.
const END_DEADLINE: Duration = Duration::from_secs(60);

/// A controller, kept alive.
pub(super) struct Controller {
    state: PathBuf,
    policy: PathBuf,
    worker: String,
    owner: String,
    listen: std::net::SocketAddr,
    child: Child,
    /// Closed when the demo ends, however it ends: then the controller ends too, with its machines.
    stdin: Option<ChildStdin>,
    pub(super) restarts: u32,
}

// === impl Controller ===

impl Controller {
    /// Starts it.
    ///
    /// # Errors
    /// When its program cannot be run.
    pub(super) fn start(
        state: PathBuf,
        policy: PathBuf,
        worker: String,
        owner: String,
        listen: std::net::SocketAddr,
    ) -> anyhow::Result<Self> {
        let mut child = spawn(&state, &policy, &worker, &owner, listen)?;
        let stdin = child.stdin.take();
        Ok(Self {
            state,
            policy,
            worker,
            owner,
            listen,
            child,
            stdin,
            restarts: 0,
        })
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Starts it again if it died.
    ///
    /// # Errors
    /// When it dies again and again.
    pub(super) fn keep_alive(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else {
            return Ok(());
        };
        self.restarts += 1;
        warn!(%status, "the controller died and is started again");
        anyhow::ensure!(
            self.restarts <= RESTARTS_MAX,
            "the controller dies again and again; see {}",
            self.state.join("controller.log").display()
        );
        self.child = spawn(
            &self.state,
            &self.policy,
            &self.worker,
            &self.owner,
            self.listen,
        )?;
        self.stdin = self.child.stdin.take();
        Ok(())
    }

    /// Ends it and its machines.
    ///
    /// # Errors
    /// When it does not end, or not well.
    pub(super) async fn end(mut self) -> anyhow::Result<()> {
        drop(self.stdin.take());
        match tokio::time::timeout(END_DEADLINE, self.child.wait()).await {
            Ok(status) => {
                let status = status?;
                anyhow::ensure!(status.success(), "the controller ended with {status}");
                Ok(())
            }
            Err(_) => {
                self.child.kill().await?;
                anyhow::bail!(
                    "the controller did not end within {} s",
                    END_DEADLINE.as_secs()
                )
            }
        }
    }
}

fn spawn(
    state: &std::path::Path,
    policy: &std::path::Path,
    worker: &str,
    owner: &str,
    listen: std::net::SocketAddr,
) -> anyhow::Result<Child> {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(state.join("controller.log"))?;
    let program = std::env::current_exe().context("cannot find this program")?;
    Command::new(program)
        .arg("run")
        .arg("--policy")
        .arg(policy)
        .arg("--state")
        .arg(state)
        .args([
            "--owner",
            owner,
            "--worker",
            worker,
            "--listen",
            &listen.to_string(),
        ])
        .args(["--terminate-on-exit", "--until-stdin-closes"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(log)
        // A Ctrl-C at the terminal is the demo's to answer, not its children's.
        .process_group(0)
        .kill_on_drop(false)
        .spawn()
        .context("cannot start the controller")
}
