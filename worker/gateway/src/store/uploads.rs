//! Writes a file that is too large for memory, part by part.

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _};
use tracing::debug;

use super::{Store, StoreError, path, within};

/// Length of every part but the last: stores want 5 MiB at least, and no more than 10,000 of them.
pub(crate) const PART_BYTES: usize = 8 * 1024 * 1024;

/// A file on its way into the store. What is not finished is not there.
pub(crate) struct Upload {
    store: Store,
    key: Path,
    part: BytesMut,
    /// None as long as one part may be all.
    parts: Option<Box<dyn MultipartUpload>>,
}

// === impl Store ===

impl Store {
    /// Begins to write.
    pub(crate) fn begin_upload(&self, key: &str) -> Upload {
        Upload {
            store: self.clone(),
            key: path(key),
            part: BytesMut::new(),
            parts: None,
        }
    }

    /// Forgets an upload that nobody will ask for.
    ///
    /// # Errors
    /// When the store fails; it expires then.
    pub(crate) async fn remove_upload(&self, key: &str) -> Result<(), StoreError> {
        let key = path(key);
        within(self.objects.delete(&key)).await
    }
}

// === impl Upload ===

impl Upload {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When the store fails; then nothing is kept.
    pub(crate) async fn push(&mut self, mut bytes: Bytes) -> Result<(), StoreError> {
        while !bytes.is_empty() {
            let room = PART_BYTES - self.part.len();
            let taken = bytes.split_to(room.min(bytes.len()));
            self.part.extend_from_slice(&taken);
            if self.part.len() == PART_BYTES {
                self.put_part().await?;
            }
        }
        Ok(())
    }

    /// Writes the last of it; only then it is there.
    ///
    /// # Errors
    /// When the store fails; then nothing is kept.
    pub(crate) async fn finish(mut self) -> Result<(), StoreError> {
        if self.parts.is_none() {
            let bytes = self.part.split().freeze();
            let put = self.store.objects.put(&self.key, bytes.into());
            return within(put).await.map(drop);
        }
        if !self.part.is_empty() {
            self.put_part().await?;
        }
        if let Some(parts) = &mut self.parts {
            within(parts.complete()).await?;
        }
        self.parts = None;
        Ok(())
    }

    async fn put_part(&mut self) -> Result<(), StoreError> {
        let bytes = self.part.split().freeze();
        let parts = match &mut self.parts {
            Some(parts) => parts,
            none => {
                let begun = within(self.store.objects.put_multipart(&self.key)).await?;
                none.insert(begun)
            }
        };
        within(parts.put_part(bytes.into())).await
    }
}

impl Drop for Upload {
    /// Whatever ended it, a client that hung up among them, parts without an end cost money.
    fn drop(&mut self) {
        let Some(mut parts) = self.parts.take() else {
            return;
        };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            if let Err(error) = within(parts.abort()).await {
                debug!(%error, "parts of an upload not taken back");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_of_any_length_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_str().unwrap()).unwrap();
        for length in [1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            let bytes = Bytes::from(bytes);
            let mut upload = store.begin_upload("uploads/1/x");
            for piece in bytes.chunks(1_000_003) {
                upload.push(Bytes::copy_from_slice(piece)).await.unwrap();
            }
            upload.finish().await.unwrap();
            let kept = store.get("uploads/1/x").await.unwrap();
            assert!(kept == Some(bytes), "{length} bytes");
        }
        let mut broken = store.begin_upload("uploads/1/y");
        let bytes = Bytes::from(vec![1; PART_BYTES + 1]);
        broken.push(bytes).await.unwrap();
        drop(broken);
        assert_eq!(store.get("uploads/1/y").await.unwrap(), None);
    }
}
