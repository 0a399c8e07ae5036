//! What the worker says of itself, every two seconds, at every change of phase, and when it confirms an assignment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spillway_wire::{Heartbeat, SCHEMA, UnixMs};

use crate::config::Identity;
use crate::models::Serving;
use crate::publish::Outbox;
use crate::stats::Stats;
use crate::told::Moment;
use crate::work::now_ms;

const EVERY: Duration = Duration::from_secs(2);

/// Makes heartbeats of what is counted.
pub(crate) struct Pulse {
    pub(crate) identity: Identity,
    pub(crate) topic: String,
    pub(crate) group: String,
    pub(crate) assigned_in: Option<String>,
    pub(crate) serving: Arc<Serving>,
    pub(crate) gpu: Option<String>,
    pub(crate) started_at_ms: UnixMs,
    pub(crate) stats: Arc<Stats>,
    pub(crate) outbox: Arc<Outbox>,
}

// === impl Pulse ===

impl Pulse {
    /// Beats until it is dropped.
    pub(crate) async fn beat(self: Arc<Self>) {
        let mut phases = self.stats.phases();
        let mut confirmations = self.stats.confirmations();
        let mut every = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                _ = every.tick() => {}
                changed = phases.changed() => if changed.is_err() { return },
                changed = confirmations.changed() => if changed.is_err() { return },
            }
            self.send();
        }
    }

    /// Sends one heartbeat.
    pub(crate) fn send(&self) {
        let made = Moment::now();
        let value = self.heartbeat().encode();
        self.outbox
            .heartbeat(&self.topic, &self.identity.worker, value, made);
    }

    fn heartbeat(&self) -> Heartbeat {
        let reading = self.stats.reading(Instant::now());
        Heartbeat {
            schema: SCHEMA,
            worker: self.identity.worker.clone(),
            instance: self.identity.instance.clone(),
            pool: self.identity.pool.clone(),
            boot_id: self.identity.boot_id.clone(),
            phase: reading.phase,
            started_at_ms: self.started_at_ms,
            at_ms: now_ms(),
            partitions: reading.partitions,
            in_flight: reading.in_flight,
            counters: reading.counters,
            latency_ms: reading.latency_ms,
            model_set: self.serving.digest(),
            gpu: self.gpu.clone(),
            interruption_at_ms: reading.interruption_at_ms,
            group: Some(self.group.clone()),
            assigned_in: self.assigned_in.clone(),
            control_token: reading.control_token,
            control_epoch: reading.control_epoch,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
