//! What a decider sees, as the planner gets it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use spillway_core::{
    BASE_POOL, BacklogReading, Committed, Machine, Offsets, Orders, PartitionId, PartitionReading,
    Policy, SeenInstance, SeenWorker, Snapshot, WorkerPhase,
};

use super::book::Book;
use super::timestamp;
use crate::decider::{MachinePhase, Reading, SeenMachine, View};

/// The snapshot of a view at `now`.
pub(super) fn of(view: &View<'_>, now: Timestamp, book: &Book, policy: &Policy) -> Snapshot {
    let topic = policy
        .topics()
        .first()
        .map_or("", |topic| topic.name.as_str());
    let backlog = match &view.reading {
        Some(reading) => Ok(backlog(reading, topic)),
        None => Err("Kafka did not answer".to_owned()),
    };
    // Before its worker is ready a machine sends no heartbeat.
    let heard = view
        .machines
        .iter()
        .filter(|machine| machine.ready_at.is_some());
    Snapshot {
        taken_at: now,
        backlog,
        workers: Ok(heard
            .filter_map(|machine| worker(machine, now, book))
            .collect()),
        instances: instances(view.machines, book),
        next_intent: book.next_number(),
        base: None,
        orders: Orders::default(),
    }
}

fn backlog(reading: &Reading<'_>, topic: &str) -> BacklogReading {
    let offsets = reading.end.iter().zip(reading.committed);
    let partitions = (0..)
        .zip(offsets)
        .map(|(number, (end, committed))| PartitionReading {
            id: PartitionId::new(topic, number),
            offsets: match (*end, *committed) {
                (Some(end), Some(committed)) => Ok(Offsets {
                    log_start: 0,
                    end,
                    committed: Committed::At(committed),
                }),
                _ => Err("leader not available".to_owned()),
            },
        });
    BacklogReading {
        taken_at: timestamp(reading.at),
        partitions: partitions.collect(),
        missing: Vec::new(),
    }
}

fn worker(machine: &SeenMachine, now: Timestamp, book: &Book) -> Option<SeenWorker> {
    let (intent, pool) = match machine.offer {
        None => (None, BASE_POOL),
        Some(_) => {
            let (intent, pool) = book.of_machine(machine.id)?;
            (Some(intent.clone()), pool)
        }
    };
    let id = format!("worker-{}", machine.id);
    Some(SeenWorker {
        boot_id: id.clone(),
        id,
        pool: pool.to_owned(),
        intent,
        phase: match machine.phase {
            MachinePhase::Booting => WorkerPhase::Starting,
            MachinePhase::Ready => WorkerPhase::Ready,
            MachinePhase::Draining => WorkerPhase::Draining,
        },
        last_seen: now,
        images_done: machine.done,
        saturated_images: machine.saturated_done,
        saturated_ms: machine.saturated_ms,
        in_flight: 0,
        partitions: machine.partitions,
        interruption_at: machine.interruption_at.map(timestamp),
    })
}

fn instances(machines: &[SeenMachine], book: &Book) -> Vec<SeenInstance> {
    let phases: BTreeMap<u64, MachinePhase> = machines
        .iter()
        .map(|machine| (machine.id, machine.phase))
        .collect();
    let seen = book.entries().map(|(intent, entry)| SeenInstance {
        intent: intent.clone(),
        pool: entry.pool.clone(),
        progress: entry.progress.clone(),
        machine: Ok(match entry.machine {
            None => Machine::NotListed,
            Some(machine) => match phases.get(&machine) {
                None => Machine::Terminated,
                Some(MachinePhase::Booting) => Machine::Booting,
                Some(MachinePhase::Ready | MachinePhase::Draining) => Machine::Running,
            },
        }),
    });
    seen.collect()
}
