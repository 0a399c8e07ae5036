//! Bytes of an image from wherever its job says, bounded in size and time.
//!
//! ```text
//! inline ──────────────────────────────┐
//! https, http ─▶ guard ─▶ dial ─▶ read ─┼─▶ bytes
//! file ─▶ below the root? ─▶ read ──────┤
//! object ─▶ read ──────────────────────┘
//! ```

mod breaker;
mod file;
mod guard;
mod hosts;
mod http;
mod object;
mod proxy;
mod sink;

use std::path::PathBuf;
use std::time::Duration;

use spillway_wire::{ImageSource, Reason, Stage};

pub(crate) use guard::Origin;
pub(crate) use proxy::EgressProxy;
pub(crate) use sink::{Bounds, Sink};

use crate::stats::FetchCounts;
use crate::work::Failure;
use file::FileRoot;
use http::Http;
use object::Objects;
use sink::Counted;

/// Most bytes of an image file.
pub(crate) const BYTES_MAX: usize = 20 * 1024 * 1024;
/// Longest fetch of an image over http, whatever time its job has.
const HTTP_IMAGE_MAX: Duration = Duration::from_secs(10);

/// Where images may come from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// Origins that may be contacted although their address is private.
    pub(crate) allowed_origins: Vec<Origin>,
    /// Through which everything is fetched that is not an allowed origin, a file or an object.
    pub(crate) egress_proxy: Option<EgressProxy>,
    /// Folder below which `file:` addresses may point; none forbids them.
    pub(crate) file_root: Option<PathBuf>,
    /// Object store that gateways and workers share; none where there is no gateway.
    pub(crate) object_store: Option<String>,
}

/// Gets bytes; shared by all fetches.
pub(crate) struct Fetcher {
    http: Http,
    files: Option<FileRoot>,
    objects: Option<Objects>,
}

// === impl Fetcher ===

impl Fetcher {
    /// # Errors
    /// If the HTTP client cannot be set up, the root of files is not a folder, or the object store is none.
    pub(crate) fn new(sources: &Sources, counts: FetchCounts) -> anyhow::Result<Self> {
        Ok(Self {
            http: Http::new(
                &sources.allowed_origins,
                sources.egress_proxy.as_ref(),
                counts,
            )?,
            files: sources
                .file_root
                .as_deref()
                .map(FileRoot::new)
                .transpose()?,
            objects: sources
                .object_store
                .as_deref()
                .map(Objects::open)
                .transpose()?,
        })
    }

    /// The bytes of an image, within `time`.
    ///
    /// # Errors
    /// See [`Failure`]; the reason is one of those of fetching.
    pub(crate) async fn fetch(
        &self,
        source: ImageSource,
        time: Duration,
    ) -> Result<Vec<u8>, Failure> {
        // What came with its job is there already.
        if let ImageSource::Inline(bytes) = source {
            return Ok(bytes);
        }
        let bounds = Bounds {
            bytes: BYTES_MAX as u64,
            time: match source {
                ImageSource::Uri(_) => time.min(HTTP_IMAGE_MAX),
                _ => time,
            },
        };
        let mut bytes = Vec::new();
        self.fetch_to(&source, bounds, &mut bytes).await?;
        Ok(bytes)
    }

    /// The bytes of any file, within bounds, wherever they shall go.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    pub(crate) async fn fetch_to(
        &self,
        source: &ImageSource,
        bounds: Bounds,
        to: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let uri = match source {
            ImageSource::Inline(bytes) => {
                let mut to = Counted::begin(to, bytes.len() as u64, bounds.bytes)?;
                return to.put(bytes);
            }
            ImageSource::Object(key) => {
                let Some(objects) = &self.objects else {
                    let message = "this worker has no --object-store";
                    return Err(failure(Reason::FetchBlocked, message));
                };
                return objects.read(key, bounds, to).await;
            }
            ImageSource::Uri(uri) => uri,
        };
        let url = guard::parse(uri)?;
        if url.scheme() != "file" {
            return self.http.fetch(url, bounds, to).await;
        }
        let Some(files) = &self.files else {
            let message = "this worker reads no files: it has no --file-root";
            return Err(failure(Reason::FetchBlocked, message));
        };
        files.read(&url, bounds.bytes, to).await
    }
}

fn failure(reason: Reason, message: impl Into<String>) -> Failure {
    Failure::new(Stage::Fetch, reason, message)
}

#[cfg(test)]
pub(crate) mod tests;
