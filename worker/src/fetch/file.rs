//! `file:` addresses, only below the folder that the operator names.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use anyhow::Context as _;
use reqwest::Url;
use spillway_wire::Reason;
use tokio::io::AsyncReadExt as _;

use super::failure;
use super::sink::{Counted, Sink};
use crate::work::Failure;

/// What is read at once.
const CHUNK_BYTES: usize = 256 << 10;

/// A folder, with every link in its own path resolved.
#[derive(Debug)]
pub(super) struct FileRoot(PathBuf);

// === impl FileRoot ===

impl FileRoot {
    pub(super) fn new(root: &Path) -> anyhow::Result<Self> {
        let root = root
            .canonicalize()
            .with_context(|| format!("file root {}", root.display()))?;
        anyhow::ensure!(
            root.is_dir(),
            "file root {} is not a folder",
            root.display()
        );
        Ok(Self(root))
    }

    pub(super) async fn read(
        &self,
        url: &Url,
        bytes_max: u64,
        to: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let path = self.resolve(url).await?;
        let opened = tokio::fs::OpenOptions::new()
            .read(true)
            // Between resolving and opening, the last part may have become a link; a pipe would block.
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&path)
            .await;
        let file = opened.map_err(|error| explain(&error))?;
        let about = file.metadata().await.map_err(|error| explain(&error))?;
        if !about.is_file() {
            return Err(blocked());
        }
        let mut to = Counted::begin(to, about.len(), bytes_max)?;
        // One more than there may be, to hear of it.
        let mut limited = file.take(bytes_max + 1);
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = limited.read(&mut chunk).await;
            match read.map_err(|error| explain(&error))? {
                0 => return Ok(()),
                read => to.put(&chunk[..read])?,
            }
        }
    }

    /// The file's path without links, which must be below the root.
    async fn resolve(&self, url: &Url) -> Result<PathBuf, Failure> {
        if url.host_str().is_some_and(|host| host != "localhost") {
            return Err(blocked());
        }
        let path = url.to_file_path().map_err(|()| blocked())?;
        match tokio::fs::canonicalize(&path).await {
            Ok(path) if path.starts_with(&self.0) => Ok(path),
            Ok(_) => Err(blocked()),
            // Whether something exists outside the root is nobody's business.
            Err(error) if self.contains_by_name(&path) => Err(explain(&error)),
            Err(_) => Err(blocked()),
        }
    }

    fn contains_by_name(&self, path: &Path) -> bool {
        let goes_up = path.components().any(|part| part == Component::ParentDir);
        !goes_up && path.starts_with(&self.0)
    }
}

fn blocked() -> Failure {
    failure(
        Reason::FetchBlocked,
        "the file is not below this worker's --file-root",
    )
}

fn explain(error: &std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => {
            failure(Reason::NotFound, "there is no such file")
        }
        kind => failure(
            Reason::FetchFailed,
            format!("the file cannot be read: {kind}"),
        ),
    }
}
