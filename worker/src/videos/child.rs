//! The worker's end of a process that is ffmpeg or ffprobe: starts it, reads it, kills it.

use std::fs::File;
use std::io::{self, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use tracing::{debug, warn};

use super::Claim;
use crate::decode::cpu_time;
use crate::ffi;

/// Most CPU time of one process: a minute of the largest video takes a few minutes.
const CPU_MAX: Duration = Duration::from_secs(15 * 60);
/// Longest time that a process is waited for, without what the worker itself takes in between: at the lowest priority, on
/// a busy machine.
const WAIT_MAX: Duration = Duration::from_secs(60 * 60);
/// How often it is looked whether it still does anything, and after how many looks without any CPU time it hangs.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const HANG_LOOKS: u32 = 480;
/// How often it is looked for the end of a process that has closed all it writes to.
const END_LOOK: Duration = Duration::from_millis(2);
/// What was read and not yet taken: frames are large.
const READ_AHEAD: usize = 4;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// By itself, and well.
    Well,
    /// By itself, and it said that it failed.
    Failed,
    /// It died.
    Died,
    /// It took too much time, or did nothing.
    Slow,
    /// What it wrote was taken to be enough, or to be wrong.
    Enough,
    /// Nobody waits for it any more.
    Abandoned,
}

/// A process, killed at the latest when it is dropped.
struct Running(Child);

/// Runs `program` on `film`, with `arguments`, and gives what two readers make of its output to `take`.
///
/// # Errors
/// When the system starts no process.
pub(super) fn run<T: Send>(
    program: &Path,
    arguments: &[String],
    film: &File,
    claim: &Claim,
    out: impl FnOnce(BufReader<ChildStdout>, &Sender<T>) + Send,
    err: impl FnOnce(BufReader<ChildStderr>, &Sender<T>) + Send,
    mut take: impl FnMut(T) -> ControlFlow<()>,
) -> io::Result<Ended> {
    let mut running = Running::start(program, arguments, film)?;
    let (Some(stdout), Some(stderr)) = (running.0.stdout.take(), running.0.stderr.take()) else {
        return Err(io::Error::other("the process has no output"));
    };
    std::thread::scope(|scope| {
        let (said, heard) = bounded::<T>(READ_AHEAD);
        let also = said.clone();
        scope.spawn(move || out(BufReader::new(stdout), &said));
        scope.spawn(move || err(BufReader::new(stderr), &also));
        let mut watch = Watch::new();
        let ended = loop {
            if claim.is_over() {
                break Ended::Abandoned;
            }
            let began = Instant::now();
            match heard.recv_timeout(LOOK_EVERY) {
                Ok(item) => {
                    watch.heard(began.elapsed());
                    if take(item).is_break() {
                        break Ended::Enough;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break running.end(&mut watch),
                Err(RecvTimeoutError::Timeout) => {
                    if watch.is_over(began.elapsed(), || running.spent()) {
                        break Ended::Slow;
                    }
                }
            }
        };
        // Before the readers are waited for: they end with it, or because nobody hears them.
        drop(heard);
        debug!(program = %program.display(), ?ended, "process ended");
        drop(running);
        Ok(ended)
    })
}

// === impl Running ===

impl Running {
    fn start(program: &Path, arguments: &[String], film: &File) -> io::Result<Self> {
        let mut command = locked(program);
        command
            .args(arguments)
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "LD_LIBRARY_PATH"))
            .stdin(film.try_clone()?)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // A group of its own: whoever ends a worker tells its whole group, and the worker is asked first.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        Ok(Self(command.spawn()?))
    }

    /// CPU time that it has had.
    fn spent(&self) -> Duration {
        cpu_time(self.0.id())
    }

    /// Waits for its end, which must be near: it has closed all it writes to.
    fn end(&mut self, watch: &mut Watch) -> Ended {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return judge(status),
                Ok(None) => {}
                Err(error) => {
                    warn!(%error, "process cannot be waited for");
                    return Ended::Died;
                }
            }
            std::thread::sleep(END_LOOK);
            if watch.is_over(END_LOOK, || self.spent()) {
                return Ended::Slow;
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(Some(_))) {
            return;
        }
        // It may be gone by now; what counts is that it is, and that it is not left as a zombie.
        let _ = ffi::kill_group(self.0.id());
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn judge(status: ExitStatus) -> Ended {
    match status.code() {
        Some(0) => Ended::Well,
        Some(_) => Ended::Failed,
        // The kernel's own end for too much CPU time is SIGXCPU, and SIGKILL where that is passed over.
        None => {
            let signal = std::os::unix::process::ExitStatusExt::signal(&status);
            match signal == Some(libc::SIGXCPU) {
                true => Ended::Slow,
                false => Ended::Died,
            }
        }
    }
}

/// This program, which locks itself in and becomes `program`.
#[cfg(not(test))]
fn locked(program: &Path) -> Command {
    // Not by its path: the file there may be another version by now.
    let mut command = Command::new("/proc/self/exe");
    command
        .arg(super::CHILD_COMMAND)
        .args(["--cpu-seconds", &CPU_MAX.as_secs().to_string()])
        .arg(program);
    command
}

/// The program of the tests is no worker: what it runs is not locked in. `tests/it/videos` has the worker's own.
#[cfg(test)]
fn locked(program: &Path) -> Command {
    let _ = CPU_MAX;
    Command::new(program)
}

/// Knows when a process has had enough time. Looks are counted where it does nothing: a worker that was stopped for a
/// while does not blame its children.
struct Watch {
    waited: Duration,
    spent: Duration,
    idle_looks: u32,
    since_look: Duration,
}

// === impl Watch ===

impl Watch {
    fn new() -> Self {
        Self {
            waited: Duration::ZERO,
            spent: Duration::ZERO,
            idle_looks: 0,
            since_look: Duration::ZERO,
        }
    }

    fn heard(&mut self, waited: Duration) {
        self.waited += waited;
        self.idle_looks = 0;
    }

    /// Takes in that nothing came for so long; says whether that is enough.
    fn is_over(&mut self, waited: Duration, spent: impl FnOnce() -> Duration) -> bool {
        self.waited += waited;
        self.since_look += waited;
        if self.since_look >= LOOK_EVERY {
            self.since_look = Duration::ZERO;
            let spent = spent();
            let is_idle = spent == self.spent;
            self.spent = spent;
            self.idle_looks = if is_idle { self.idle_looks + 1 } else { 0 };
        }
        self.waited >= WAIT_MAX || self.idle_looks >= HANG_LOOKS
    }
}

/// Runs `program` on `film` and gives each line that it writes to `take`.
///
/// # Errors
/// When the system starts no process.
pub(super) fn lines(
    program: &Path,
    arguments: &[String],
    film: &File,
    claim: &Claim,
    take: &mut dyn FnMut(String),
) -> io::Result<Ended> {
    let out = |mut from: BufReader<ChildStdout>, tell: &Sender<String>| {
        // What is too long for a line is nothing that was asked for.
        while let Ok(Some(line)) = super::jpegs::line(&mut from) {
            if tell.send(line).is_err() {
                return;
            }
        }
    };
    let err = |mut from: BufReader<ChildStderr>, _: &Sender<String>| {
        let _ = io::copy(&mut from, &mut io::sink());
    };
    run(program, arguments, film, claim, out, err, |line| {
        take(line);
        ControlFlow::Continue(())
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::drain::Stop;

    #[test]
    fn what_does_nothing_hangs_and_what_works_has_longer() {
        let looks = |spent: fn(u32) -> Duration| {
            let mut watch = Watch::new();
            (0..).find(|look| watch.is_over(LOOK_EVERY, || spent(*look)))
        };
        assert_eq!(looks(|_| Duration::ZERO), Some(HANG_LOOKS - 1));
        let longest = WAIT_MAX.as_millis() / LOOK_EVERY.as_millis();
        assert_eq!(
            looks(|look| Duration::from_millis(u64::from(look) + 1)).map(u128::from),
            Some(longest - 1)
        );
    }

    /// What becomes of a shell that is told to do something.
    fn shell(script: &str, stop: &Arc<Stop>, most: usize) -> (Ended, Vec<String>) {
        let claim = Claim::new(None, stop.clone());
        let film = tempfile::tempfile().unwrap();
        let arguments = ["-c".to_owned(), script.to_owned()];
        let mut said = Vec::new();
        let out = |mut from: BufReader<ChildStdout>, tell: &Sender<String>| {
            while let Ok(Some(line)) = crate::videos::jpegs::line(&mut from) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        };
        let err = |_: BufReader<ChildStderr>, _: &Sender<String>| {};
        let take = |line: String| {
            said.push(line);
            match said.len() < most {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        };
        let ended = run(
            Path::new("/bin/sh"),
            &arguments,
            &film,
            &claim,
            out,
            err,
            take,
        );
        (ended.unwrap(), said)
    }

    #[test]
    fn how_a_process_ended_is_known() {
        let stop = Arc::new(Stop::default());
        for (script, expected) in [
            ("echo a; echo b", Ended::Well),
            ("echo a; exit 3", Ended::Failed),
            ("echo a; kill -SEGV $$", Ended::Died),
            ("echo a; kill -XCPU $$", Ended::Slow),
            ("while :; do echo a; done", Ended::Enough),
        ] {
            let (ended, said) = shell(script, &stop, 9);
            assert_eq!(ended, expected, "{script}");
            assert_eq!(said[0], "a");
        }
        stop.drain(0);
        assert_eq!(shell("sleep 1000", &stop, 9).0, Ended::Abandoned);
    }
}
