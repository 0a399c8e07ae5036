//! The worker's end of decoding in a child process: starts it, feeds it, kills it.

use std::fs::File;
use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use spillway_wire::Reason;
use tracing::{debug, warn};

use super::codec::Upright;
use super::failure;
use super::limits::check_size;
use super::protocol::{FRAME_AT, READY, REPLY_BYTES, Reply, size_to_bytes};
use crate::ffi;
use crate::frame::{FramePool, FrameWriter, Size};
use crate::stats::DecodeCounts;
use crate::work::Failure;

/// Most CPU for one image, and its longest time by the wall's clock on a machine where a child gets little of the CPU.
/// The largest image that is allowed takes some 0.5 s of CPU. A child that takes longer is killed.
const IMAGE_CPU_MAX: Duration = Duration::from_secs(5);
const IMAGE_MAX: Duration = Duration::from_secs(60);
/// How often it is asked whether a child's time is over.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Longest start: the loader maps libtorch, which takes 0.1 s where it has been read before.
const START_MAX: Duration = Duration::from_secs(30);
/// Most starts of a child in a row before the worker gives up.
const STARTS_MAX: u32 = 3;
/// Most children that may die of one image: the second time it is the image's fault, not that of the system.
const TRIES_MAX: u32 = 2;

/// Decodes in a child process, which is started when it is first needed and again after each death.
pub(super) struct Isolated {
    child: Option<Child>,
    counts: DecodeCounts,
    image_cpu_max: Duration,
}

/// A running child.
struct Child {
    process: std::process::Child,
    socket: UnixStream,
    memory: File,
    /// The frames that it makes.
    frame: Size,
}

/// How an image's decoding ended without a reply.
enum Ended {
    Slow,
    Died(Error),
}

// === impl Isolated ===

impl Isolated {
    pub(super) fn new(counts: DecodeCounts) -> Self {
        Self {
            child: None,
            counts,
            image_cpu_max: IMAGE_CPU_MAX,
        }
    }

    /// Starts the child if there is none.
    ///
    /// # Errors
    /// When the system starts no process, or lets it give up no rights.
    pub(super) fn prepare(&mut self, frame: Size) -> Result<()> {
        if self.child.as_ref().is_none_or(|child| child.frame != frame) {
            self.child = Some(Child::start(frame)?);
        }
        Ok(())
    }

    /// Decodes one file, which may kill the child.
    ///
    /// # Panics
    /// If no child can be started any more: the worker cannot do its work.
    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        pool: &FramePool,
    ) -> std::result::Result<Upright, Failure> {
        self.counts.isolated.inc();
        for _ in 0..TRIES_MAX {
            let mut child = self.take(pool.size());
            match child.decode(bytes, pool, self.image_cpu_max) {
                Ok(decoded) => {
                    self.child = Some(child);
                    return decoded;
                }
                Err(Ended::Slow) => {
                    self.counts.ended("slow");
                    warn!(pid = child.process.id(), "decoder killed: it took too long");
                    return Err(failure(Reason::CorruptImage, "the decoder took too long"));
                }
                Err(Ended::Died(error)) => {
                    self.counts.ended("died");
                    warn!(pid = child.process.id(), error = %error, "decoder died");
                }
            }
        }
        Err(failure(Reason::CorruptImage, "the decoder died of it"))
    }

    fn take(&mut self, frame: Size) -> Child {
        for start in 1..=STARTS_MAX {
            match self.prepare(frame) {
                Ok(()) => {}
                Err(error) if start < STARTS_MAX => {
                    warn!(%error, "decoder did not start");
                    std::thread::sleep(Duration::from_millis(100) * start);
                }
                Err(error) => panic!("no process for decoding can be started: {error}"),
            }
            if let Some(child) = self.child.take() {
                return child;
            }
        }
        unreachable!("the last start returns or panics")
    }
}

// === impl Child ===

impl Child {
    fn start(frame: Size) -> Result<Self> {
        let (socket, other_end) = UnixStream::pair()?;
        let memory = ffi::memory_file()?;
        let mut command = program();
        command
            .env_clear()
            .envs(std::env::vars_os().filter(|(name, _)| name == "LD_LIBRARY_PATH"))
            .stdin(OwnedFd::from(other_end))
            .stdout(OwnedFd::from(memory.try_clone()?))
            .stderr(Stdio::null());
        #[cfg(test)]
        command.env(tests::AS_CHILD, "1");
        let process = command.spawn()?;
        drop(command); // and with it our copy of the other end: a child that dies must be noticed
        let mut child = Self {
            process,
            socket,
            memory,
            frame,
        };
        child.socket.write_all(&size_to_bytes(frame))?;
        let mut ready = [0];
        let deadline = Instant::now() + START_MAX;
        read(&mut child.socket, &mut ready, || Instant::now() >= deadline)?;
        if ready != [READY] {
            let message = "the decoder could not be locked in";
            return Err(Error::new(ErrorKind::PermissionDenied, message));
        }
        debug!(pid = child.process.id(), "decoder started");
        Ok(child)
    }

    /// The outer error means that the child is of no use any more.
    fn decode(
        &mut self,
        bytes: &[u8],
        pool: &FramePool,
        cpu_max: Duration,
    ) -> std::result::Result<std::result::Result<Upright, Failure>, Ended> {
        let Reply(decoded) = self
            .ask(bytes, cpu_max)
            .map_err(|error| match error.kind() {
                ErrorKind::TimedOut | ErrorKind::WouldBlock => Ended::Slow,
                _ => Ended::Died(error),
            })?;
        let size = match decoded.and_then(|size| check_size(size, bytes.len()).map(|()| size)) {
            Ok(size) => size,
            Err(failure) => return Ok(Err(failure)),
        };
        let frame = FrameWriter::fill_with(pool, size.fitted(pool.size()), |pixels| {
            self.memory.read_exact_at(pixels, FRAME_AT)
        });
        let frame = frame.map_err(Ended::Died)?;
        Ok(Ok(Upright { frame, size }))
    }

    fn ask(&mut self, bytes: &[u8], cpu_max: Duration) -> Result<Reply> {
        let length = u32::try_from(bytes.len()).map_err(Error::other)?;
        self.memory.write_all_at(bytes, 0)?;
        let (pid, deadline) = (self.process.id(), Instant::now() + IMAGE_MAX);
        // Counted from the first look: most replies come before, and the kernel's files cost more than a small image.
        let mut first_look = None;
        self.socket.write_all(&length.to_le_bytes())?;
        let mut reply = [0; REPLY_BYTES];
        read(&mut self.socket, &mut reply, || {
            let spent = cpu_time(pid);
            let before = *first_look.get_or_insert(spent);
            Instant::now() >= deadline || spent.saturating_sub(before) >= cpu_max
        })?;
        Reply::from_bytes(&reply)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It may be gone already; what counts is that it is, and that it is not left as a zombie.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads all of `bytes`, however slowly they come, until the time `is_over`.
fn read(
    socket: &mut UnixStream,
    bytes: &mut [u8],
    mut is_over: impl FnMut() -> bool,
) -> Result<()> {
    socket.set_read_timeout(Some(LOOK_EVERY))?;
    let mut filled = 0;
    while filled < bytes.len() {
        match socket.read(&mut bytes[filled..]) {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(read) => filled += read,
            Err(error) => match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock | ErrorKind::TimedOut if !is_over() => {}
                _ => return Err(error),
            },
        }
    }
    Ok(())
}

/// CPU time that a process has had; none where the kernel does not say, and then the wall's clock alone counts.
pub(crate) fn cpu_time(pid: u32) -> Duration {
    let spent = std::fs::read_to_string(format!("/proc/{pid}/schedstat"));
    let spent = spent.unwrap_or_default();
    let nanos = spent.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}

/// This program, as a decoder.
#[cfg(not(test))]
fn program() -> Command {
    // Not by its path: the file there may be another version by now.
    let mut command = Command::new("/proc/self/exe");
    command.arg(super::CHILD_COMMAND);
    command
}

/// The program of the tests, as a decoder.
#[cfg(test)]
fn program() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.args(["--exact", tests::SERVE, "--nocapture", "--test-threads=1"]);
    command
}

#[cfg(test)]
mod tests;
