//! Where bytes go as they come: into memory, or wherever else there is room.

use std::io::Result;
use std::time::Duration;

use spillway_wire::Reason;

use super::failure;
use crate::work::Failure;

/// Takes bytes in their order.
pub(crate) trait Sink: Send {
    /// Forgets what it has: the bytes come once more from their beginning. At most `bytes` are said to come.
    ///
    /// # Errors
    /// When it cannot be used.
    fn begin(&mut self, bytes: usize) -> Result<()>;

    /// Takes some more.
    ///
    /// # Errors
    /// When it has no room, or nobody wants them any more.
    fn put(&mut self, bytes: &[u8]) -> Result<()>;
}

/// How much is fetched at most, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) bytes: u64,
    pub(crate) time: Duration,
}

/// Counts what goes into a sink.
pub(super) struct Counted<'a> {
    sink: &'a mut dyn Sink,
    pub(super) bytes: u64,
    bytes_max: u64,
}

// === impl Sink ===

impl Sink for Vec<u8> {
    fn begin(&mut self, bytes: usize) -> Result<()> {
        self.clear();
        self.reserve(bytes);
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

// === impl Counted ===

impl<'a> Counted<'a> {
    /// Begins anew; `said` is how many bytes somebody says that will come.
    ///
    /// # Errors
    /// `TooLarge` where those are too many; `FetchFailed` where the sink cannot be used.
    pub(super) fn begin(
        sink: &'a mut dyn Sink,
        said: u64,
        bytes_max: u64,
    ) -> std::result::Result<Self, Failure> {
        if said > bytes_max {
            return Err(too_large(bytes_max));
        }
        sink.begin(usize::try_from(said).unwrap_or(0))
            .map_err(|error| unkept(&error))?;
        Ok(Self {
            sink,
            bytes: 0,
            bytes_max,
        })
    }

    /// Takes some more.
    ///
    /// # Errors
    /// `TooLarge` where it is too much, `FetchFailed` where the sink does not take it.
    pub(super) fn put(&mut self, bytes: &[u8]) -> std::result::Result<(), Failure> {
        self.bytes += bytes.len() as u64;
        if self.bytes > self.bytes_max {
            return Err(too_large(self.bytes_max));
        }
        self.sink.put(bytes).map_err(|error| unkept(&error))
    }
}

fn too_large(bytes_max: u64) -> Failure {
    failure(
        Reason::TooLarge,
        format!("the file is larger than {bytes_max} bytes"),
    )
}

fn unkept(error: &std::io::Error) -> Failure {
    let message = format!("this worker cannot keep the file: {}", error.kind());
    failure(Reason::FetchFailed, message)
}
