//! Images in the object store that gateways and workers share.

use std::path::Path as FilePath;

use anyhow::Context as _;
use futures::StreamExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{Error, ObjectStore, ObjectStoreExt as _};
use reqwest::Url;
use spillway_wire::Reason;

use super::failure;
use super::sink::{Bounds, Counted, Sink};
use crate::work::Failure;

/// The store.
#[derive(Debug)]
pub(super) struct Objects(Box<dyn ObjectStore>);

// === impl Objects ===

impl Objects {
    /// The store at a folder's path or a URL; credentials come from the environment variables that the provider's
    /// own tools read.
    pub(super) fn open(address: &str) -> anyhow::Result<Self> {
        let folder = match address.split_once("://") {
            None => address,
            Some(("file", path)) => path,
            Some(_) => {
                let url = Url::parse(address).context("object store is not a URL")?;
                let (objects, prefix) = object_store::parse_url_opts(&url, std::env::vars())
                    .with_context(|| format!("object store {address}"))?;
                return Ok(Self(Box::new(PrefixStore::new(objects, prefix))));
            }
        };
        let objects = LocalFileSystem::new_with_prefix(FilePath::new(folder))
            .with_context(|| format!("object store {folder}"))?;
        Ok(Self(Box::new(objects)))
    }

    /// The bytes under a key, within bounds.
    pub(super) async fn read(
        &self,
        key: &str,
        bounds: Bounds,
        to: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let key = Path::parse(key)
            .map_err(|_| failure(Reason::FetchBlocked, "this is no key of an object"))?;
        match tokio::time::timeout(bounds.time, self.bytes(&key, bounds.bytes, to)).await {
            Ok(read) => read,
            Err(_) => Err(failure(
                Reason::FetchTimeout,
                "the object store is too slow",
            )),
        }
    }

    async fn bytes(&self, key: &Path, bytes_max: u64, to: &mut dyn Sink) -> Result<(), Failure> {
        let object = self.0.get(key).await.map_err(|error| explain(&error))?;
        let mut to = Counted::begin(to, object.meta.size, bytes_max)?;
        let mut chunks = object.into_stream();
        while let Some(chunk) = chunks.next().await {
            to.put(&chunk.map_err(|error| explain(&error))?)?;
        }
        Ok(())
    }
}

fn explain(error: &Error) -> Failure {
    match error {
        Error::NotFound { .. } => failure(Reason::NotFound, "there is no such object"),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            failure(Reason::FetchBlocked, "the object store refuses this worker")
        }
        // Addresses and credentials may stand in the error: they are nobody's business who asks.
        _ => failure(Reason::FetchFailed, "the object store failed"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::BYTES_MAX;
    use super::*;

    #[tokio::test]
    async fn an_object_is_read_by_its_key_and_nothing_outside_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("store");
        std::fs::create_dir_all(root.join("inputs")).unwrap();
        std::fs::write(root.join("inputs/a"), b"image").unwrap();
        std::fs::write(folder.path().join("secret"), b"secret").unwrap();
        let large = std::fs::File::create(root.join("inputs/large")).unwrap();
        large.set_len(BYTES_MAX as u64 + 1).unwrap();
        let objects = Objects::open(root.to_str().unwrap()).unwrap();
        let read = async |key: &str| {
            let bounds = Bounds {
                bytes: BYTES_MAX as u64,
                time: Duration::from_secs(10),
            };
            let mut bytes = Vec::new();
            let read = objects.read(key, bounds, &mut bytes).await;
            read.map(|()| bytes).map_err(|failure| failure.reason)
        };
        assert_eq!(read("inputs/a").await, Ok(b"image".to_vec()));
        assert_eq!(read("inputs/b").await, Err(Reason::NotFound));
        assert_eq!(read("inputs/large").await, Err(Reason::TooLarge));
        assert_eq!(read("../secret").await, Err(Reason::FetchBlocked));
        assert_eq!(read("inputs/../../secret").await, Err(Reason::FetchBlocked));
    }
}
