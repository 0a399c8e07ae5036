//! The control topic: what every worker shall do, renewed so that it knows its controller lives.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::SignedDuration;
use spillway_kafka::ControlWriter;
use spillway_wire::{Control, DesiredState, SCHEMA};
use tokio::time::Instant;
use tracing::warn;

use crate::intents::{Intent, State};

/// Records are renewed at least this often, and five times in a lease.
const RENEW_MAX: Duration = Duration::from_secs(60);

/// Keeps the control records fresh.
pub(crate) struct Renewals {
    lease: SignedDuration,
    token: u64,
    /// When which desired state was last written, by worker.
    written: BTreeMap<String, (Instant, DesiredState)>,
}

// === impl Renewals ===

impl Renewals {
    pub(crate) fn new(lease: SignedDuration, token: u64) -> Self {
        Self {
            lease,
            token,
            written: BTreeMap::new(),
        }
    }

    /// Writes what is due; what fails is due again at the next call.
    pub(crate) async fn renew(&mut self, intents: &[Intent], control: &ControlWriter) {
        let every = RENEW_MAX.min(self.lease.unsigned_abs() / 5);
        let mut still = BTreeMap::new();
        for intent in intents {
            let Some(worker) = intent.instance() else {
                continue;
            };
            let record = desired_state(intent, self.token, self.lease);
            let last = self.written.get(worker).copied();
            let is_fresh =
                last.is_some_and(|(at, state)| at.elapsed() < every && state == record.state);
            if is_fresh {
                still.extend(last.map(|last| (worker.to_owned(), last)));
                continue;
            }
            match control.write(worker, &record).await {
                Ok(_) => {
                    still.insert(worker.to_owned(), (Instant::now(), record.state));
                }
                Err(error) => warn!(%worker, %error, "control record was not renewed"),
            }
        }
        self.written = still;
    }
}

/// What the worker of an intent shall do.
pub(crate) fn desired_state(intent: &Intent, token: u64, lease: SignedDuration) -> Control {
    let (state, drain_by_ms) = match &intent.state {
        State::Retiring { drain_by, .. } => (DesiredState::Drain, Some(drain_by.as_millisecond())),
        State::Written { .. } | State::Launched { .. } | State::Closed { .. } => {
            (DesiredState::Run, None)
        }
    };
    Control {
        schema: SCHEMA,
        token,
        epoch: 0,
        partitions: None,
        state,
        drain_by_ms,
        lease_seconds: u32::try_from(lease.as_secs()).unwrap_or(u32::MAX),
    }
}
