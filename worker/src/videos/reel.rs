//! The file of a video while the worker has it: without a name, so that it goes with the process however that ends.

use std::fs::File;
use std::io::{Error, ErrorKind, Result, Seek as _, SeekFrom, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::Path;

use super::Claim;
use super::container::HEAD_BYTES;
use crate::fetch::Sink;

/// A file that is being fetched.
pub(super) struct Blank<'a> {
    file: File,
    hasher: blake3::Hasher,
    head: Vec<u8>,
    bytes: u64,
    claim: &'a Claim,
}

/// A file that was fetched.
pub(super) struct Reel {
    /// To be read from alone.
    pub(super) file: File,
    /// Its first bytes.
    pub(super) head: Vec<u8>,
    pub(super) blake3: blake3::Hash,
    pub(super) bytes: u64,
}

/// A file without a name in a folder.
///
/// # Errors
/// If none can be made there.
pub(super) fn make(folder: &Path) -> Result<File> {
    tempfile::tempfile_in(folder)
}

// === impl Blank ===

impl<'a> Blank<'a> {
    /// # Errors
    /// If no file can be made in `folder`.
    pub(super) fn new(folder: &Path, claim: &'a Claim) -> Result<Self> {
        Ok(Self {
            file: make(folder)?,
            hasher: blake3::Hasher::new(),
            head: Vec::new(),
            bytes: 0,
            claim,
        })
    }

    /// # Errors
    /// If the file cannot be opened for reading alone.
    pub(super) fn finish(self) -> Result<Reel> {
        // A descriptor of its own: who reads it can neither write, nor move where others read.
        let file = File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd()))?;
        Ok(Reel {
            file,
            head: self.head,
            blake3: self.hasher.finalize(),
            bytes: self.bytes,
        })
    }
}

impl Sink for Blank<'_> {
    fn begin(&mut self, _: usize) -> Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.hasher.reset();
        self.head.clear();
        self.bytes = 0;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if self.claim.is_over() {
            return Err(Error::new(ErrorKind::Interrupted, "nobody waits for it"));
        }
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        let missing = HEAD_BYTES.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..missing]);
        self.bytes += bytes.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::sync::Arc;

    use super::*;
    use crate::drain::Stop;

    #[test]
    fn a_file_that_comes_again_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let stop = Arc::new(Stop::default());
        let claim = Claim::new(None, stop.clone());
        let mut blank = Blank::new(folder.path(), &claim).unwrap();
        for text in [&b"something longer"[..], b"abc"] {
            blank.begin(0).unwrap();
            text.chunks(2).for_each(|some| blank.put(some).unwrap());
        }
        let mut reel = blank.finish().unwrap();
        let mut text = Vec::new();
        reel.file.read_to_end(&mut text).unwrap();
        assert_eq!(text, b"abc");
        assert_eq!((reel.head.as_slice(), reel.bytes), (&b"abc"[..], 3));
        assert_eq!(reel.blake3, blake3::hash(b"abc"));
        assert!(reel.file.write_all(b"x").is_err(), "it is only read");
        let names = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 0, "it has no name");
        let mut blank = Blank::new(folder.path(), &claim).unwrap();
        stop.drain(0);
        assert_eq!(blank.put(b"x").unwrap_err().kind(), ErrorKind::Interrupted);
    }
}
