//! Looking at everything at once, each with a deadline, and putting it into one snapshot.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use jiff::Timestamp;
use spillway_cloud::{Clock, CloudError, Instance, InstanceState, Provider};
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
    pub(crate) fleet: Arc<dyn Heartbeats>,
    /// Whose machines are looked at: others of the same owner are another controller's.
    pub(crate) policy: String,
    /// Its consumer group: workers of others are not this policy's, whatever pool they say they are of.
    pub(crate) group: String,
    /// By pool.
    pub(crate) providers: BTreeMap<String, Arc<dyn Provider>>,
    pub(crate) intents: Arc<IntentStore>,
    /// The base's workload, where its scale is ours.
    pub(crate) base: Option<Arc<Base>>,
    pub(crate) clock: Clock,
}

/// Hears the workers.
pub(crate) trait Heartbeats: Send + Sync {
    /// What is known of them now.
    fn snapshot(&self) -> FleetSnapshot;

    /// Forgets one that is gone for good. A repeat is harmless.
    ///
    /// # Errors
    /// When it may still be known.
    fn bury<'a>(&'a self, worker: &'a str) -> BoxFuture<'a, anyhow::Result<()>>;
}

/// What the providers list: by pool, and of pools that the policy does not have.
struct Listed {
    pools: BTreeMap<String, Result<Vec<Instance>, String>>,
    /// Each with a pool whose provider can end it.
    strays: Vec<(String, Instance)>,
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

// === impl Heartbeats ===

impl Heartbeats for Fleet {
    fn snapshot(&self) -> FleetSnapshot {
        self.snapshot()
    }

    fn bury<'a>(&'a self, worker: &'a str) -> BoxFuture<'a, anyhow::Result<()>> {
        Box::pin(async move {
            self.bury(worker).await?;
            Ok(())
        })
    }
}

// === impl Sources ===

impl Sources {
    /// Looks once.
    pub(crate) async fn observe(&self) -> Observed {
        let taken_at = self.clock.now();
        // Intents first: a machine that is launched after this look is not missing in it.
        let intents = self.intents.open_intents();
        let (backlog, listed, base) =
            tokio::join!(self.backlog.read(), self.list(), self.look_at_base());
        let members = self.roll.as_ref().and_then(Roll::latest);
        let fleet = of_group(self.fleet.snapshot(), &self.group);
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
        let pools = &listed.pools;
        Observed {
            snapshot,
            heartbeats,
            orphans,
            has_listed: pools.is_empty() || pools.values().any(Result::is_ok),
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

    /// Asks each account once, however many pools it has.
    async fn list(&self) -> Listed {
        let mut accounts: BTreeMap<String, (&Arc<dyn Provider>, Vec<&String>)> = BTreeMap::new();
        for (pool, provider) in &self.providers {
            let account = accounts.entry(provider.account());
            account.or_insert((provider, Vec::new())).1.push(pool);
        }
        let looks = accounts.into_values().map(|(provider, pools)| async move {
            let listed = match timeout(LIST_DEADLINE, provider.list()).await {
                Ok(Ok(listed)) => Ok(listed),
                Ok(Err(error)) => Err(why(&error)),
                Err(_) => Err(format!("no answer within {} s", LIST_DEADLINE.as_secs())),
            };
            (pools, listed)
        });
        let mut all = Listed {
            pools: BTreeMap::new(),
            strays: Vec::new(),
        };
        for (pools, listed) in join_all(looks).await {
            self.sort(&pools, listed, &mut all);
        }
        all
    }

    /// Gives what one account lists to its pools.
    fn sort(&self, pools: &[&String], listed: Result<Vec<Instance>, String>, all: &mut Listed) {
        let listed = match listed {
            Ok(listed) => listed,
            Err(why) => {
                let unknown = pools.iter().map(|pool| ((*pool).clone(), Err(why.clone())));
                all.pools.extend(unknown);
                return;
            }
        };
        let mut of_pools: BTreeMap<&String, Vec<Instance>> =
            pools.iter().map(|pool| (*pool, Vec::new())).collect();
        for machine in listed {
            // One that lost its other tags is of no policy, and nobody else would end it.
            if machine.policy != self.policy && !machine.policy.is_empty() {
                continue;
            }
            match of_pools.get_mut(&machine.pool) {
                Some(machines) => machines.push(machine),
                // Of another account, or of a pool that is no more.
                None => all
                    .strays
                    .extend(pools.first().map(|pool| ((*pool).clone(), machine))),
            }
        }
        let known = of_pools.into_iter();
        all.pools
            .extend(known.map(|(pool, machines)| (pool.clone(), Ok(machines))));
    }

    async fn look_at_base(&self) -> Option<Result<SeenBase, String>> {
        let base = self.base.as_ref()?;
        Some(match timeout(BASE_DEADLINE, base.look()).await {
            Ok(seen) => seen.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", BASE_DEADLINE.as_secs())),
        })
    }

    fn orphans(&self, listed: &Listed) -> Vec<(String, Instance)> {
        let of_pools = listed
            .pools
            .iter()
            .filter_map(|(pool, listed)| Some((pool, listed.as_ref().ok()?)));
        let of_pools = of_pools
            .flat_map(|(pool, machines)| machines.iter().map(move |machine| (pool, machine)));
        let strays = listed.strays.iter().map(|(pool, machine)| (pool, machine));
        of_pools
            .chain(strays)
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

fn seen_instance(intent: &Intent, listed: &Listed) -> Option<SeenInstance> {
    let is_its = |machine: &&Instance| machine.intent == intent.id.as_str();
    // Of several attempts the one that is most alive counts.
    let machine = match listed.pools.get(&intent.pool) {
        None => {
            let strays = listed.strays.iter().map(|(_, machine)| machine);
            let state = strays.filter(is_its).map(|machine| machine.state).min();
            // Its account may be gone with its pool: not to be seen is not to be gone.
            let gone = || "the policy no longer has its pool".to_owned();
            state.map(machine_of).ok_or_else(gone)
        }
        Some(Err(why)) => Err(why.clone()),
        Some(Ok(machines)) => {
            let state = machines
                .iter()
                .filter(is_its)
                .map(|machine| machine.state)
                .min();
            Ok(state.map_or(Machine::NotListed, machine_of))
        }
    };
    Some(SeenInstance {
        intent: intent.id.clone(),
        pool: intent.pool.clone(),
        progress: intent.progress()?,
        machine,
    })
}

fn machine_of(state: InstanceState) -> Machine {
    match state {
        InstanceState::Booting => Machine::Booting,
        InstanceState::Running => Machine::Running,
        InstanceState::Terminating => Machine::Terminating,
        InstanceState::Terminated => Machine::Terminated,
    }
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

/// The same without the workers of other groups: the topic of heartbeats is everybody's.
pub(crate) fn of_group(mut fleet: FleetSnapshot, group: &str) -> FleetSnapshot {
    fleet.workers.retain(|seen| seen.heartbeat.is_of(group));
    fleet
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use spillway_kafka::SeenHeartbeat;
    use spillway_wire::{Counters, SCHEMA};

    use super::*;

    fn beat(worker: &str, group: Option<&str>, assigned_in: Option<&str>) -> SeenHeartbeat {
        let heartbeat = Heartbeat {
            schema: SCHEMA,
            worker: worker.to_owned(),
            instance: None,
            pool: BASE_POOL.to_owned(),
            boot_id: "boot".to_owned(),
            phase: Phase::Ready,
            started_at_ms: 0,
            at_ms: 0,
            partitions: Vec::new(),
            in_flight: 0,
            counters: Counters::default(),
            latency_ms: Default::default(),
            model_set: "set".to_owned(),
            gpu: None,
            interruption_at_ms: None,
            group: group.map(str::to_owned),
            assigned_in: assigned_in.map(str::to_owned),
            control_token: 0,
            control_epoch: 0,
            version: "0".to_owned(),
        };
        SeenHeartbeat {
            heartbeat,
            received_at: Timestamp::UNIX_EPOCH,
            record_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn workers_of_another_group_are_no_part_of_the_base() {
        let fleet = FleetSnapshot {
            workers: vec![
                beat("ours", Some("ours"), None),
                beat("ours-told", Some("ours"), Some("ours")),
                beat("too-old-to-say", None, None),
                beat("old-and-told", None, Some("ours")),
                beat("theirs", Some("theirs"), None),
                beat("old-and-told-by-another", None, Some("theirs")),
            ],
            caught_up: true,
            contact_age: Some(Duration::ZERO),
        };
        let workers = seen_workers(&of_group(fleet, "ours")).unwrap();
        let ids: Vec<&str> = workers.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, ["ours", "ours-told", "too-old-to-say", "old-and-told"]);
    }
}
