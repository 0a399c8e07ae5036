//! Kafka, as a controller reaches it in a trial: the backlog, the heartbeats, the control topic.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use spillway_core::{BacklogReading, Committed, Offsets, PartitionId, PartitionReading};
use spillway_kafka::{BacklogSource, FleetSnapshot, Member};
use spillway_wire::{Control, DesiredState};

use super::made::{JOBS, Made, State, Told};
use super::points::pass;
use crate::control::ControlTopic;
use crate::observe::Heartbeats;

/// Kafka, as a controller reaches it.
pub(super) struct Kafka(pub(super) Arc<Made>);

// === impl Kafka ===

impl BacklogSource for Kafka {
    fn read(&self) -> BoxFuture<'_, BacklogReading> {
        Box::pin(async {
            let now = self.0.time.now();
            let state = self.0.state();
            let (arrived, done) = (state.arrived(now), state.done / 1_000);
            let count = state.partitions;
            let partitions = (0..count).map(|number| {
                let share = |jobs: u64| (jobs + count - 1 - number) / count;
                PartitionReading {
                    id: PartitionId {
                        topic: JOBS.to_owned(),
                        partition: i32::try_from(number).unwrap_or(0),
                    },
                    offsets: if state.is_away(now) {
                        Err("no answer".to_owned())
                    } else {
                        Ok(Offsets {
                            log_start: 0,
                            end: share(arrived),
                            committed: Committed::At(share(done)),
                        })
                    },
                }
            });
            BacklogReading {
                taken_at: now,
                partitions: partitions.collect(),
                missing: Vec::new(),
            }
        })
    }

    fn members(&self, _: Duration) -> BoxFuture<'_, Result<Vec<Member>, String>> {
        Box::pin(std::future::ready(Err("nobody asks here".to_owned())))
    }
}

impl Heartbeats for Kafka {
    fn snapshot(&self) -> FleetSnapshot {
        let now = self.0.time.now();
        let state = self.0.state();
        let away = state
            .away
            .iter()
            .filter(|(from, to)| (*from..*to).contains(&now));
        let since = away.map(|(from, _)| now.duration_since(*from)).max();
        FleetSnapshot {
            workers: state.heartbeats.values().cloned().collect(),
            caught_up: true,
            contact_age: Some(since.unwrap_or_default().unsigned_abs()),
        }
    }

    fn bury<'a>(&'a self, worker: &'a str) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            self.written("burial, before", "burial, after", |state, _| {
                state.heartbeats.remove(worker);
            })
            .await
        })
    }
}

impl ControlTopic for Kafka {
    fn write<'a>(
        &'a self,
        worker: &'a str,
        control: &'a Control,
    ) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            self.written("control, before", "control, after", |state, now| {
                let before = state.control.get(worker);
                let since = before.and_then(|told| told.drains_since).unwrap_or(now);
                let drains = control.state == DesiredState::Drain;
                let told = Told {
                    control: control.clone(),
                    renewed_at: now,
                    drains_since: drains.then_some(since),
                };
                state.control.insert(worker.to_owned(), told);
            })
            .await
        })
    }

    fn bury<'a>(&'a self, worker: &'a str) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            self.written("control, before", "control, after", |state, _| {
                state.control.remove(worker);
            })
            .await
        })
    }

    fn read(&self, _: Duration) -> BoxFuture<'_, anyhow::Result<BTreeMap<String, Control>>> {
        Box::pin(async {
            let state = self.0.state();
            let records = state.control.iter();
            Ok(records
                .map(|(worker, told)| (worker.clone(), told.control.clone()))
                .collect())
        })
    }
}

impl Kafka {
    async fn written(
        &self,
        before: &'static str,
        after: &'static str,
        write: impl FnOnce(&mut State, Timestamp),
    ) -> anyhow::Result<()> {
        if pass(before).is_err() {
            return std::future::pending().await;
        }
        let now = self.0.time.now();
        {
            let mut state = self.0.state();
            anyhow::ensure!(!state.is_away(now), "no answer");
            write(&mut state, now);
        }
        if pass(after).is_err() {
            return std::future::pending().await;
        }
        Ok(())
    }
}
