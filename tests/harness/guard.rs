//! Processes that do not outlive the tests.
//!
//! A process ends with its guard; if the whole test process is killed, the kernel ends it (`PR_SET_PDEATHSIG`).
//! The kernel means the *thread* that made a process, and tests come and go on threads, so one thread that stays
//! makes them all.
#![allow(unsafe_code)]

use std::{
    fs::{self, File},
    io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        OnceLock,
        mpsc::{self, Sender},
    },
    thread,
    time::Duration,
};

use crate::eventually::eventually;

/// How much of a log is shown when something fails.
const LOG_TAIL_LINES: usize = 60;

/// A running program; killed and reaped when dropped.
pub struct Process {
    name: String,
    child: Child,
    /// Holds the log; removed with the guard.
    folder: tempfile::TempDir,
}

/// What can be done to a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Please end.
    Term,
    /// What Ctrl-C sends.
    Interrupt,
    /// End now.
    Kill,
    /// Stand still.
    Stop,
    /// Go on.
    Continue,
}

type Birth = (Command, Sender<io::Result<Child>>);

// === impl Process ===

impl Process {
    /// Starts `command`, its output into a log of its own.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(name: &str, mut command: Command) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("spillway-it-").tempdir()?;
        let log = File::create(folder.path().join("log"))?;
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        die_with_parent(&mut command);
        Ok(Self {
            name: name.to_owned(),
            child: spawn_on_lasting_thread(command)?,
            folder,
        })
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal; nothing happens if it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.is_running() {
            send(self.child.id(), signal);
        }
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// If it has not ended within `deadline`.
    #[track_caller]
    pub fn wait(&mut self, deadline: Duration) -> ExitStatus {
        let name = self.name.clone();
        eventually(deadline, &format!("{name} ends"), || {
            match self.child.try_wait() {
                Ok(Some(status)) => Ok(status),
                Ok(None) => Err("it runs".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    /// Where its log is.
    #[must_use]
    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// What it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!(
                "--- {}, the end of its log:\n{}",
                self.name,
                tail(&self.log())
            );
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}

/// Sends a signal to a process of ours that has not been reaped yet.
pub(crate) fn send(process: u32, signal: Signal) {
    let number = match signal {
        Signal::Term => libc::SIGTERM,
        Signal::Interrupt => libc::SIGINT,
        Signal::Kill => libc::SIGKILL,
        Signal::Stop => libc::SIGSTOP,
        Signal::Continue => libc::SIGCONT,
    };
    let Ok(process) = libc::pid_t::try_from(process) else {
        return;
    };
    // SAFETY: `kill` touches no memory; the id is that of a child which is not reaped, so no other has it.
    unsafe {
        libc::kill(process, number);
    }
}

/// Makes a process on the one thread that lives as long as this process.
pub(crate) fn spawn_on_lasting_thread(command: Command) -> io::Result<Child> {
    static MAKER: OnceLock<Sender<Birth>> = OnceLock::new();
    let maker = MAKER.get_or_init(|| {
        let (births, waiting) = mpsc::channel::<Birth>();
        thread::spawn(move || {
            for (mut command, reply) in waiting {
                let _ = reply.send(command.spawn());
            }
        });
        births
    });
    let (reply, child) = mpsc::channel();
    maker
        .send((command, reply))
        .map_err(|_| io::Error::other("the thread that makes processes is gone"))?;
    child
        .recv()
        .map_err(|_| io::Error::other("the thread that makes processes is gone"))?
}

/// Makes the kernel end a process with this one.
pub(crate) fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    // SAFETY: between fork and exec the closure makes two system calls and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have died before the line above.
            if u32::try_from(libc::getppid()) != Ok(parent) {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
            Ok(())
        });
    }
}
