//! Looking at everything at once, each with a deadline, and putting it into one snapshot.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use spillway_cloud::{CloudError, Instance, InstanceState, Provider};
use spillway_core::{
    BASE_POOL, BacklogReading, IntentId, Machine, Orders, PartitionId, SeenBase, SeenInstance,
    SeenWorker, Snapshot, WorkerPhase,
};
use spillway_kafka::{BacklogSource, Fleet, FleetSnapshot};
use spillway_kube::Base;
use spillway_wire::{Heartbeat, Phase};
use tokio::time::timeout;

use crate::foreign::Bought;
use crate::intents::{Intent, IntentStore};
use crate::roll::{Members, Roll};

/// The longest that a provider may take to list its machines; then it counts as not asked.
const LIST_DEADLINE: Duration = Duration::from_secs(5);
/// The longest that Kubernetes may take to show the base; then nothing is known of it.
const BASE_DEADLINE: Duration = Duration::from_secs(2);
/// Heartbeats are not believed to be all there when their broker has not answered for so long.
const CONTACT_AGE_MAX: Duration = Duration::from_secs(5);

/// Where a policy's world is looked at.
pub(crate) struct Sources {
    pub(crate) backlog: Arc<dyn BacklogSource>,
    /// Workers that send no heartbeats; none where the controller deals partitions out, which they could not follow.
    pub(crate) roll: Option<Roll>,
    pub(crate) fleet: Arc<Fleet>,
    /// By pool.
    pub(crate) providers: BTreeMap<String, Arc<dyn Provider>>,
    pub(crate) intents: Arc<IntentStore>,
    /// The base's workload, where its scale is ours.
    pub(crate) base: Option<Arc<Base>>,
}

/// A snapshot, and what else was seen.
pub(crate) struct Observed {
    pub(crate) snapshot: Snapshot,
    pub(crate) heartbeats: Vec<Heartbeat>,
    /// Machines with our tags of which no intent is known.
    pub(crate) orphans: Vec<(String, Instance)>,
    /// Whether a provider listed its machines, or there is none to be asked.
    pub(crate) has_listed: bool,
}

// === impl Sources ===

impl Sources {
    /// Looks once.
    pub(crate) async fn observe(&self) -> Observed {
        let taken_at = Timestamp::now();
        // Intents first: a machine that is launched after this look is not missing in it.
        let intents = self.intents.open_intents();
        let (backlog, listed, base) =
            tokio::join!(self.backlog.read(), self.list(), self.look_at_base());
        let members = self.roll.as_ref().and_then(Roll::latest);
        let fleet = self.fleet.snapshot();
        let orphans = self.orphans(&listed);
        let instances = intents
            .iter()
            .filter_map(|intent| seen_instance(intent, &listed))
            .collect();
        let workers = seen_workers(&fleet)
            .and_then(|workers| self.with_foreign(workers, (&backlog, &fleet), members, &intents));
        let snapshot = Snapshot {
            taken_at,
            backlog: readable(backlog),
            workers,
            instances,
            next_intent: self.intents.next_number(),
            base,
            orders: Orders::default(),
        };
        let heartbeats = fleet
            .workers
            .into_iter()
            .map(|seen| seen.heartbeat)
            .collect();
        Observed {
            snapshot,
            heartbeats,
            orphans,
            has_listed: listed.is_empty() || listed.values().any(Result::is_ok),
        }
    }

    /// Adds the workers that send no heartbeats.
    ///
    /// # Errors
    /// Where there were some and cannot be asked for now: without them the fleet would look smaller than it is.
    fn with_foreign(
        &self,
        mut workers: Vec<SeenWorker>,
        (backlog, fleet): (&BacklogReading, &FleetSnapshot),
        members: Option<Members>,
        intents: &[Intent],
    ) -> Result<Vec<SeenWorker>, String> {
        let (Some(roll), Some(members)) = (&self.roll, members) else {
            return Ok(workers);
        };
        // One look at a time: nothing can have panicked while it was half changed.
        let mut foreign = roll.foreign.lock().unwrap_or_else(PoisonError::into_inner);
        let members = match members {
            Ok(members) => members,
            Err(why) if foreign.has_any() => return Err(format!("the group's members: {why}")),
            Err(_) => return Ok(workers),
        };
        let said = fleet.workers.iter().flat_map(|it| &it.heartbeat.partitions);
        let claimed = said.map(|it| PartitionId::new(&it.topic, it.partition));
        let bought: Vec<Bought<'_>> = intents
            .iter()
            .filter_map(|intent| {
                Some(Bought {
                    pool: &intent.pool,
                    intent: &intent.id,
                    instance: intent.instance()?,
                })
            })
            .collect();
        let of = (BASE_POOL, bought.as_slice());
        workers.extend(foreign.look(backlog, &members, &claimed.collect(), of));
        Ok(workers)
    }

    async fn list(&self) -> BTreeMap<String, Result<Vec<Instance>, String>> {
        let looks = self.providers.iter().map(|(pool, provider)| async move {
            let listed = match timeout(LIST_DEADLINE, provider.list()).await {
                Ok(Ok(listed)) => Ok(listed.into_iter().filter(|it| it.pool == *pool).collect()),
                Ok(Err(error)) => Err(why(&error)),
                Err(_) => Err(format!("no answer within {} s", LIST_DEADLINE.as_secs())),
            };
            (pool.clone(), listed)
        });
        join_all(looks).await.into_iter().collect()
    }

    async fn look_at_base(&self) -> Option<Result<SeenBase, String>> {
        let base = self.base.as_ref()?;
        Some(match timeout(BASE_DEADLINE, base.look()).await {
            Ok(seen) => seen.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", BASE_DEADLINE.as_secs())),
        })
    }

    fn orphans(
        &self,
        listed: &BTreeMap<String, Result<Vec<Instance>, String>>,
    ) -> Vec<(String, Instance)> {
        let listed = listed
            .iter()
            .filter_map(|(pool, listed)| Some((pool, listed.as_ref().ok()?)));
        listed
            .flat_map(|(pool, machines)| machines.iter().map(move |machine| (pool, machine)))
            .filter(|(_, machine)| machine.state.is_alive())
            .filter(|(_, machine)| {
                // Asked of the store, not of the list taken before: a launch may have come in between.
                let intent = self.intents.get(&IntentId::from(machine.intent.clone()));
                intent.is_none_or(|intent| intent.is_closed())
            })
            .map(|(pool, machine)| (pool.clone(), machine.clone()))
            .collect()
    }
}

fn readable(reading: BacklogReading) -> Result<BacklogReading, String> {
    if reading.partitions.is_empty() && reading.missing.is_empty() {
        return Err("the group's topics gave no partition".to_owned());
    }
    Ok(reading)
}

fn seen_instance(
    intent: &Intent,
    listed: &BTreeMap<String, Result<Vec<Instance>, String>>,
) -> Option<SeenInstance> {
    let machine = match listed.get(&intent.pool) {
        None => Err("the policy no longer has its pool".to_owned()),
        Some(Err(why)) => Err(why.clone()),
        Some(Ok(machines)) => {
            let of_intent = machines.iter().filter(|it| it.intent == intent.id.as_str());
            let states = of_intent.map(|machine| machine.state);
            // Of several attempts the one that is most alive counts.
            Ok(states
                .min()
                .map_or(Machine::NotListed, |state| match state {
                    InstanceState::Booting => Machine::Booting,
                    InstanceState::Running => Machine::Running,
                    InstanceState::Terminating => Machine::Terminating,
                    InstanceState::Terminated => Machine::Terminated,
                }))
        }
    };
    Some(SeenInstance {
        intent: intent.id.clone(),
        pool: intent.pool.clone(),
        progress: intent.progress()?,
        machine,
    })
}

/// Whether the heartbeats that were read are all that there are.
///
/// # Errors
/// Why not.
pub(crate) fn readable_workers(fleet: &FleetSnapshot) -> Result<(), String> {
    if !fleet.caught_up {
        return Err("the heartbeats have not been read to their end yet".to_owned());
    }
    match fleet.contact_age {
        Some(age) if age <= CONTACT_AGE_MAX => {}
        Some(age) => return Err(format!("Kafka has not answered for {} s", age.as_secs())),
        None => return Err("Kafka has not answered yet".to_owned()),
    }
    Ok(())
}

fn seen_workers(fleet: &FleetSnapshot) -> Result<Vec<SeenWorker>, String> {
    readable_workers(fleet)?;
    Ok(fleet
        .workers
        .iter()
        .map(|seen| {
            let beat = &seen.heartbeat;
            SeenWorker {
                id: beat.worker.clone(),
                pool: beat.pool.clone(),
                intent: beat
                    .instance
                    .as_ref()
                    .map(|it| IntentId::from(it.intent.clone())),
                boot_id: beat.boot_id.clone(),
                phase: match beat.phase {
                    Phase::Starting => WorkerPhase::Starting,
                    Phase::Ready => WorkerPhase::Ready,
                    Phase::Draining => WorkerPhase::Draining,
                    Phase::Stopped => WorkerPhase::Stopped,
                },
                // What Kafka stamped, not when it was read: after a restart everything is read anew.
                last_seen: seen.record_at,
                images_done: beat.counters.images_done,
                saturated_images: beat.counters.saturated_images,
                saturated_ms: beat.counters.saturated_ms,
                in_flight: beat.in_flight,
                partitions: u32::try_from(beat.partitions.len()).unwrap_or(u32::MAX),
                interruption_at: beat
                    .interruption_at_ms
                    .and_then(|at| Timestamp::from_millisecond(at).ok()),
            }
        })
        .collect())
}

/// An error with its causes, on one line.
pub(crate) fn why(error: &CloudError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
