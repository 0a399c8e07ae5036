//! Files that are whole or absent, also when the process dies while writing.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

#[cfg(test)]
pub(crate) use crate::trials::points::pass;

/// Writes `content` to `path` at once: beside it, to the disk, then renamed over it.
///
/// # Errors
/// As the file system says; the old content stays.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    pass("file, before")?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let beside = path.with_extension("new");
    let mut file = File::create(&beside)?;
    file.write_all(content)?;
    file.sync_all()?;
    pass("file, beside")?;
    std::fs::rename(&beside, path)?;
    File::open(folder)?.sync_all()?;
    pass("file, after")
}

/// Where a trial may end the process: nowhere outside of tests.
///
/// # Errors
/// In a trial whose process ends here.
#[cfg(not(test))]
pub(crate) fn pass(_: &'static str) -> io::Result<()> {
    Ok(())
}
