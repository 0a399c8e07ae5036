//! The child's end: gives up everything but computing, then decodes what it is sent.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::fs::FileExt as _;

use anyhow::Context as _;
use spillway_wire::Reason;

use super::codec::Codec;
use super::header::Format;
use super::protocol::{FRAME_AT, READY, Reply, size_from_bytes};
use super::{failure, sandbox};
use crate::fetch::BYTES_MAX;
use crate::frame::{FramePool, Size};
use crate::work::Failure;

/// Serves the worker at the other end of standard input, with the memory at standard output, until it hangs up.
///
/// # Errors
/// When the process cannot be locked in, or the worker says what it should not.
pub(crate) fn serve() -> anyhow::Result<()> {
    serve_with(|_, _| None)
}

/// The same, where `first` may answer instead of the decoder: tests do there what a hostile file would.
pub(super) fn serve_with(first: fn(&[u8], &File) -> Option<Failure>) -> anyhow::Result<()> {
    // A panic is an answer like any other; its text is nobody's here.
    std::panic::set_hook(Box::new(|_| {}));
    let mut socket = File::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    let memory = File::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    let mut frame = [0; 8];
    socket.read_exact(&mut frame).context("no frame's size")?;
    let frame = size_from_bytes(frame);
    let mut server = Server {
        codec: Codec::new()?,
        pool: FramePool::new(frame),
        bytes: Vec::new(),
        memory,
        first,
    };
    let first_unused = socket.as_raw_fd().max(server.memory.as_raw_fd()) + 1;
    sandbox::enter(FRAME_AT + frame.pixels() * 3, first_unused)?;
    socket.write_all(&[READY])?;
    let mut length = [0; 4];
    while socket.read_exact(&mut length).is_ok() {
        let length = u32::from_le_bytes(length) as usize;
        anyhow::ensure!(length <= BYTES_MAX, "{length} bytes are too many");
        let reply = Reply(server.decode(length)).to_bytes();
        socket.write_all(&reply)?;
    }
    Ok(())
}

struct Server {
    codec: Codec,
    pool: FramePool,
    bytes: Vec<u8>,
    memory: File,
    first: fn(&[u8], &File) -> Option<Failure>,
}

/// Bytes of the file's buffer that are kept from one image to the next.
const BYTES_KEPT: usize = 2 << 20;

// === impl Server ===

impl Server {
    /// Decodes the file that is in the memory, and leaves the frame there.
    fn decode(&mut self, length: usize) -> Result<Size, Failure> {
        let unreadable = |_| failure(Reason::CorruptImage, "the memory is gone");
        self.bytes.shrink_to(BYTES_KEPT);
        self.bytes.resize(length, 0);
        self.memory
            .read_exact_at(&mut self.bytes, 0)
            .map_err(unreadable)?;
        if let Some(failure) = (self.first)(&self.bytes, &self.memory) {
            return Err(failure);
        }
        let Some(format) = Format::sniff(&self.bytes) else {
            return Err(failure(Reason::UnsupportedFormat, "no image"));
        };
        let upright = self.codec.decode(&self.bytes, format, &self.pool)?;
        self.memory
            .write_all_at(upright.frame.pixels(), FRAME_AT)
            .map_err(unreadable)?;
        Ok(upright.size)
    }
}
