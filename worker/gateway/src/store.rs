//! What is kept in the object store: results, inputs, uploads, idempotency keys, usage. Every key has its day in it.
//!
//! ```text
//! results/<day>/<handle>/<image>-<result id>     uploads/<day>/<handle>
//! inputs/<day>/<handle>/<image>                   idempotency/<day>/<hash>
//! usage/<day>/<replica>                           hooks/<day>/<when>-<attempt>-<handle>
//! videos/<day>/<handle>/…                         see `store/videos.rs`
//! ```

mod uploads;
mod videos;

use std::path::Path as FilePath;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use serde::{Deserialize, Serialize};
use spillway_wire::{JobResult, UnixMs};
use tracing::{info, warn};

use crate::answer::Answer;
use crate::ids::{Handle, day, split};
use crate::webhook::Hook;

pub(crate) use uploads::PART_BYTES;

const KINDS: [&str; 7] = [
    "results",
    "inputs",
    "uploads",
    "idempotency",
    "usage",
    "hooks",
    "videos",
];
/// Longest wait for one operation.
const OPERATION_MAX: Duration = Duration::from_secs(20);
/// Objects that are read at once for one answer.
const READS_AT_ONCE: usize = 16;
const DAY_MS: i64 = 86_400_000;

/// The object store, as the gateway uses it.
#[derive(Clone)]
pub(crate) struct Store {
    objects: Arc<dyn ObjectStore>,
}

/// Why the store could not be used. It may work later.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the object store failed")]
    Failed(#[source] Error),
    #[error("the object store did not answer within {} s", OPERATION_MAX.as_secs())]
    Silent,
}

/// What an idempotency key was first used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    pub(crate) handle: String,
    /// Of everything that makes the request.
    pub(crate) digest: String,
    /// Whether Kafka has its jobs.
    pub(crate) is_sent: bool,
}

// === impl Store ===

impl Store {
    /// The store at a folder's path or a URL (`s3://`, `gs://`, `az://`, `file://`); credentials come from the
    /// environment variables that the provider's own tools read.
    ///
    /// # Errors
    /// If the address is not one, or the folder cannot be made.
    pub(crate) fn open(address: &str) -> anyhow::Result<Self> {
        let folder = match address.split_once("://") {
            None => address,
            Some(("file", path)) => path,
            Some(_) => {
                let url = url::Url::parse(address).context("not a URL")?;
                let (objects, prefix) = object_store::parse_url_opts(&url, std::env::vars())
                    .with_context(|| format!("object store {address}"))?;
                let objects = Arc::new(PrefixStore::new(objects, prefix));
                return Ok(Self { objects });
            }
        };
        std::fs::create_dir_all(folder).with_context(|| format!("folder {folder}"))?;
        let objects = LocalFileSystem::new_with_prefix(FilePath::new(folder))
            .with_context(|| format!("folder {folder}"))?;
        let objects = Arc::new(objects.with_automatic_cleanup(true));
        Ok(Self { objects })
    }

    /// Keeps a result; a repeat overwrites its equal.
    pub(crate) async fn put_result(
        &self,
        handle: &Handle,
        result: &JobResult,
    ) -> Result<(), StoreError> {
        let image = split(&result.job_id).map_or(0, |(_, image)| image);
        let key = format!("{}/{image}-{}", results_of(handle), safe(&result.result_id));
        self.put(&key, result.encode().into()).await
    }

    /// Every result of a job that is kept.
    pub(crate) async fn answer(&self, handle: &Handle) -> Result<Answer, StoreError> {
        let prefix = path(&results_of(handle));
        let read = async {
            let found = self.objects.list(Some(&prefix));
            let bytes = found
                .map_ok(|meta| async move { self.objects.get(&meta.location).await?.bytes().await })
                .try_buffer_unordered(READS_AT_ONCE);
            let mut answer = Answer::new(handle);
            let mut bytes = std::pin::pin!(bytes);
            while let Some(bytes) = bytes.try_next().await? {
                let Ok(result) = JobResult::decode(&bytes) else {
                    warn!(job = handle.as_str(), "stored result is not one");
                    continue;
                };
                if let Some((_, image)) = split(&result.job_id) {
                    answer.add(image, result);
                }
            }
            Ok(answer)
        };
        within(read).await
    }

    /// Keeps an image that is too large for a record; returns its key.
    pub(crate) async fn put_input(
        &self,
        handle: &Handle,
        image: usize,
        bytes: Bytes,
    ) -> Result<String, StoreError> {
        let key = format!("inputs/{}/{}/{image}", handle.day(), handle.as_str());
        self.put(&key, bytes).await?;
        Ok(key)
    }

    /// Keeps an upload.
    pub(crate) async fn put_upload(&self, handle: &Handle, bytes: Bytes) -> Result<(), StoreError> {
        self.put(&upload_key(handle), bytes).await
    }

    /// Notes what an idempotency key is used for, unless it was used today or yesterday: then returns for what.
    pub(crate) async fn remember(
        &self,
        now_ms: UnixMs,
        hash: &str,
        what: &Remembered,
    ) -> Result<Option<Remembered>, StoreError> {
        if let Some(before) = self
            .remembered(&remember_key(now_ms - DAY_MS, hash))
            .await?
        {
            return Ok(Some(before));
        }
        let key = remember_key(now_ms, hash);
        match self.create(&key, encode(what).into()).await? {
            true => Ok(None),
            false => self.remembered(&key).await,
        }
    }

    /// Notes that Kafka has the jobs of an idempotency key's request.
    pub(crate) async fn remember_sent(
        &self,
        made_at_ms: UnixMs,
        hash: &str,
        what: &Remembered,
    ) -> Result<(), StoreError> {
        let what = Remembered {
            is_sent: true,
            ..what.clone()
        };
        self.put(&remember_key(made_at_ms, hash), encode(&what).into())
            .await
    }

    async fn remembered(&self, key: &str) -> Result<Option<Remembered>, StoreError> {
        let bytes = self.get(key).await?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Notes that a tenant is to be told of a job.
    pub(crate) async fn put_hook(&self, hook: &Hook, tenant: &str) -> Result<(), StoreError> {
        self.put(&hook.key(), Bytes::copy_from_slice(tenant.as_bytes()))
            .await
    }

    /// Whom a hook is for; none if it is no longer there.
    pub(crate) async fn hook(&self, hook: &Hook) -> Result<Option<String>, StoreError> {
        let bytes = self.get(&hook.key()).await?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Forgets a hook; one that is not there is forgotten already.
    pub(crate) async fn remove_hook(&self, hook: &Hook) -> Result<(), StoreError> {
        let key = path(&hook.key());
        match within(self.objects.delete(&key)).await {
            Err(StoreError::Failed(Error::NotFound { .. })) => Ok(()),
            done => done,
        }
    }

    /// Up to `most` hooks of which `is_wanted` says so, in no order.
    pub(crate) async fn hooks(
        &self,
        most: usize,
        is_wanted: impl Fn(&Hook) -> bool,
    ) -> Result<Vec<Hook>, StoreError> {
        let prefix = path("hooks");
        let found = self.objects.list(Some(&prefix));
        let wanted = found.try_filter_map(|meta| {
            let hook = Hook::of_key(meta.location.as_ref());
            std::future::ready(Ok(hook.filter(|hook| is_wanted(hook))))
        });
        within(wanted.take(most).try_collect()).await
    }

    /// Writes what this replica has counted of a day.
    pub(crate) async fn put_usage(
        &self,
        day: &str,
        replica: &str,
        usage: Vec<u8>,
    ) -> Result<(), StoreError> {
        let key = format!("usage/{day}/{}", safe(replica));
        self.put(&key, usage.into()).await
    }

    /// What every replica has counted of a day, by its name.
    pub(crate) async fn usage(&self, day: &str) -> Result<Vec<(String, Bytes)>, StoreError> {
        let prefix = path(&format!("usage/{day}"));
        let read = async {
            let found = self.objects.list(Some(&prefix));
            let read = found.map_ok(|meta| async move {
                let name = meta.location.filename().unwrap_or_default().to_owned();
                let bytes = self.objects.get(&meta.location).await?.bytes().await?;
                Ok((name, bytes))
            });
            read.try_buffer_unordered(READS_AT_ONCE).try_collect().await
        };
        within(read).await
    }

    /// Deletes everything of days that ended more than `retention` ago; returns how much that was.
    pub(crate) async fn sweep(
        &self,
        now_ms: UnixMs,
        retention: Duration,
    ) -> Result<usize, StoreError> {
        let oldest = day(now_ms - i64::try_from(retention.as_millis()).unwrap_or(i64::MAX / 2));
        let mut swept = 0;
        for kind in KINDS {
            let kind = path(kind);
            let days = within(self.objects.list_with_delimiter(Some(&kind))).await?;
            for prefix in days.common_prefixes {
                let day = prefix.filename().unwrap_or_default();
                if day.len() == oldest.len() && day < oldest.as_str() {
                    swept += self.delete_below(&prefix).await?;
                }
            }
        }
        if swept > 0 {
            info!(count = swept, "expired objects deleted");
        }
        Ok(swept)
    }

    async fn delete_below(&self, prefix: &Path) -> Result<usize, StoreError> {
        let locations = self.objects.list(Some(prefix)).map_ok(|meta| meta.location);
        let mut deleted = self.objects.delete_stream(locations.boxed());
        let mut count = 0;
        while let Some(done) = deleted.next().await {
            match done {
                Ok(_) | Err(Error::NotFound { .. }) => count += 1,
                Err(error) => return Err(StoreError::Failed(error)),
            }
        }
        Ok(count)
    }

    /// Writes what is not there yet; says whether it was not.
    async fn create(&self, key: &str, bytes: Bytes) -> Result<bool, StoreError> {
        let key = path(key);
        let options = PutOptions::from(PutMode::Create);
        match within(self.objects.put_opts(&key, bytes.into(), options)).await {
            Ok(_) => Ok(true),
            Err(StoreError::Failed(Error::AlreadyExists { .. })) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        let key = path(key);
        let put = self.objects.put(&key, bytes.into());
        within(put).await.map(drop)
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let key = path(key);
        let got = async { self.objects.get(&key).await?.bytes().await };
        match within(got).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::Failed(Error::NotFound { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// The key of an upload, as a job names it.
pub(crate) fn upload_key(handle: &Handle) -> String {
    format!("uploads/{}/{}", handle.day(), handle.as_str())
}

fn results_of(handle: &Handle) -> String {
    format!("results/{}/{}", handle.day(), handle.as_str())
}

fn remember_key(now_ms: UnixMs, hash: &str) -> String {
    format!("idempotency/{}/{hash}", day(now_ms))
}

fn encode(what: &Remembered) -> Vec<u8> {
    serde_json::to_vec(what).expect("it has only string keys")
}

/// A part of a key made of what came from elsewhere.
fn safe(text: &str) -> String {
    let is_plain = |it: &char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_');
    text.chars().filter(is_plain).take(128).collect()
}

fn path(key: &str) -> Path {
    Path::from(key)
}

async fn within<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, StoreError> {
    match tokio::time::timeout(OPERATION_MAX, work).await {
        Ok(done) => done.map_err(StoreError::Failed),
        Err(_) => Err(StoreError::Silent),
    }
}

#[cfg(test)]
mod tests {
    use spillway_wire::{Feature, Outcome};

    use super::*;
    use crate::answer::tests::result;
    use crate::ids::{Ids, Wants};

    const NOW: UnixMs = 1_795_600_000_000;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_str().unwrap()).unwrap();
        (folder, store)
    }

    #[tokio::test]
    async fn results_are_found_again_and_repeats_are_harmless() {
        let (_folder, store) = store();
        let wants = Wants::of([Feature::Context]);
        let handle = Ids::new(b"s").job("acme", NOW, wants, 2);
        assert!(!store.answer(&handle).await.unwrap().is_complete());
        for image in [0, 1, 1] {
            let result = result(&handle.job_id(image), "context", Outcome::Success);
            store.put_result(&handle, &result).await.unwrap();
        }
        let answer = store.answer(&handle).await.unwrap();
        assert!(answer.is_complete());
        let other = Ids::new(b"s").job("acme", NOW, wants, 2);
        assert!(!store.answer(&other).await.unwrap().is_complete());
    }

    #[tokio::test]
    async fn an_idempotency_key_has_one_first_use() {
        let (_folder, store) = store();
        let first = Remembered {
            handle: "h1".into(),
            digest: "d".into(),
            is_sent: false,
        };
        let second = Remembered {
            handle: "h2".into(),
            ..first.clone()
        };
        let remember = |at, what| {
            let store = store.clone();
            async move { store.remember(at, "hash", &what).await.unwrap() }
        };
        assert_eq!(remember(NOW, first.clone()).await, None);
        assert_eq!(remember(NOW, second.clone()).await, Some(first.clone()));
        store.remember_sent(NOW, "hash", &first).await.unwrap();
        let sent = Remembered {
            is_sent: true,
            ..first
        };
        let next_day = remember(NOW + DAY_MS, second.clone()).await;
        assert_eq!(next_day, Some(sent));
        assert_eq!(remember(NOW + 2 * DAY_MS, second).await, None);
    }

    #[tokio::test]
    async fn what_is_older_than_the_retention_goes() {
        let (_folder, store) = store();
        let ids = Ids::new(b"s");
        let old = ids.upload("acme", NOW - 3 * DAY_MS);
        let new = ids.upload("acme", NOW);
        for handle in [&old, &new] {
            store.put_upload(handle, Bytes::from("x")).await.unwrap();
        }
        let retention = Duration::from_secs(86_400);
        assert_eq!(store.sweep(NOW, retention).await.unwrap(), 1);
        assert_eq!(store.get(&upload_key(&old)).await.unwrap(), None);
        assert!(store.get(&upload_key(&new)).await.unwrap().is_some());
    }
}
