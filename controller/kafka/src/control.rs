//! Writing what the controller wants of each worker.

use std::sync::Arc;

use spillway_wire::Control;
use tracing::{debug, warn};

use crate::{
    chain::Chain,
    cluster::Cluster,
    publish::{WriteError, Written},
};

/// Writes the control topic: one record per worker, keyed by its id.
pub struct ControlWriter {
    cluster: Arc<Cluster>,
    topic: String,
}

// === impl ControlWriter ===

impl ControlWriter {
    /// A writer of `topic`.
    #[must_use]
    pub fn new(cluster: Arc<Cluster>, topic: impl Into<String>) -> Self {
        Self {
            cluster,
            topic: topic.into(),
        }
    }

    /// Makes `control` what is desired of `worker`; done when every replica has it, within about 6 s.
    ///
    /// # Errors
    /// [`WriteError`]: after `Unreachable` it may be written all the same.
    pub async fn write(&self, worker: &str, control: &Control) -> Result<Written, WriteError> {
        self.send(worker, Some(&control.encode())).await
    }

    /// Removes what was desired of a worker that is gone for good.
    ///
    /// # Errors
    /// [`WriteError`], as with [`Self::write`].
    pub async fn bury(&self, worker: &str) -> Result<Written, WriteError> {
        self.send(worker, None).await
    }

    async fn send(&self, worker: &str, value: Option<&[u8]>) -> Result<Written, WriteError> {
        let publisher = self.cluster.publisher();
        publisher
            .write(&self.topic, worker, value)
            .await
            .inspect(|written| {
                debug!(worker, offset = written.offset, "wrote a control record");
            })
            .inspect_err(|error| {
                warn!(worker, kind = error.kind(), error = %Chain(error), "control record failed");
            })
    }
}
