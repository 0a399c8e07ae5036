//! Writing what the controller wants of each worker, and reading what the last leader wanted.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc, time::Duration};

use rdkafka::{Message, message::BorrowedMessage};
use spillway_wire::Control;
use tracing::{debug, info, warn};

use crate::{
    chain::Chain,
    cluster::Cluster,
    publish::{WriteError, Written},
    read::{From, Patience, ReadError, read_to_end},
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

    /// Every record there is, by worker: what a new leader begins from. Of two of one worker the one with the higher
    /// token and epoch counts; what is no control record is left out.
    ///
    /// # Errors
    /// [`ReadError`] when the end of every partition was not reached within `deadline`: then nothing is known.
    pub async fn read(&self, deadline: Duration) -> Result<BTreeMap<String, Control>, ReadError> {
        let (cluster, topic) = (Arc::clone(&self.cluster), self.topic.clone());
        let read = move || {
            let mut records = BTreeMap::new();
            let patience = Patience::Whole(deadline);
            read_to_end(&cluster, &topic, From::Beginning, patience, |message| {
                take(&mut records, message);
                ControlFlow::Continue(())
            })?;
            info!(topic, count = records.len(), "read the control records");
            Ok(records)
        };
        tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| ReadError::Unreached {
                topic: self.topic.clone(),
                why: error.to_string(),
            })?
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

fn take(records: &mut BTreeMap<String, Control>, message: &BorrowedMessage<'_>) {
    let Some(worker) = message.key().and_then(|key| std::str::from_utf8(key).ok()) else {
        return;
    };
    match message.payload().map(Control::decode) {
        None => {
            records.remove(worker);
        }
        Some(Ok(control)) => {
            let number = |control: &Control| (control.token, control.epoch);
            let known = records.get(worker);
            // A deposed leader's late record is ignored by workers, and here.
            if known.is_none_or(|known| number(known) <= number(&control)) {
                records.insert(worker.to_owned(), control);
            }
        }
        Some(Err(error)) => warn!(worker, %error, "ignored a control record"),
    }
}
