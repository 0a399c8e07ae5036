//! A journal of a made burst, and what other policies make of it.

use jiff::SignedDuration;
use spillway_core::{
    BacklogReading, Committed, Offsets, Orders, PartitionId, PartitionReading, SeenWorker,
    Snapshot, WorkerPhase,
};

use super::*;
use crate::history::{History, Keep};
use crate::journal::Journal;
use crate::policy_file;

fn policy(edit: (&str, &str)) -> Policy {
    let text = include_str!("../../../policies/recognition.yaml");
    let edited = text.replace(edit.0, edit.1);
    policy_file::parse("p.yaml", &edited).unwrap_or_else(|report| panic!("{}", report.plain()))
}

fn snapshot(at: Timestamp, end: u64, done: u64) -> Snapshot {
    let worker = |name: &str| SeenWorker {
        boot_id: name.to_owned(),
        id: name.to_owned(),
        pool: BASE_POOL.to_owned(),
        intent: None,
        phase: WorkerPhase::Ready,
        last_seen: at,
        images_done: done / 2,
        saturated_images: done / 2,
        saturated_ms: done * 1_000 / 40,
        in_flight: 0,
        partitions: 4,
        interruption_at: None,
    };
    let partitions = (0..8).map(|number| PartitionReading {
        id: PartitionId::new("spillway.jobs", number),
        offsets: Ok(Offsets {
            log_start: 0,
            end: end / 8,
            committed: Committed::At(done / 8),
        }),
    });
    Snapshot {
        taken_at: at,
        backlog: Ok(BacklogReading {
            taken_at: at,
            partitions: partitions.collect(),
            missing: Vec::new(),
        }),
        workers: Ok(vec![worker("a"), worker("b")]),
        instances: Vec::new(),
        next_intent: 1,
        base: None,
        orders: Orders::default(),
    }
}

/// Ten minutes in which 20,000 jobs come at once to a base that does 40 a second; nobody carries out what is planned.
fn journal(recorded: &Policy) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut planner = Planner::new(recorded.clone());
    let history = History::open(folder.path(), Keep::default()).unwrap();
    let mut journal = Journal::begin(folder.path().to_owned(), history, &planner).unwrap();
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    for tick in 0..60_u64 {
        let at = start + SignedDuration::from_secs(i64::try_from(tick * 10).unwrap());
        let end = if tick < 6 { 80 } else { 20_000 };
        let done = if tick < 6 { 80 } else { 80 + (tick - 6) * 400 };
        let seen = snapshot(at, end, done);
        planner.observe(seen.clone());
        journal
            .write(&Event::Observed {
                snapshot: Box::new(seen),
            })
            .unwrap();
        let plan = Box::new(planner.plan(at));
        journal
            .write(&Event::Planned {
                plan,
                violations: Vec::new(),
                decision: None,
            })
            .unwrap();
    }
    journal.flush(&planner).unwrap();
    folder
}

#[test]
fn the_recorded_policy_decides_as_it_did() {
    let recorded = policy(("", ""));
    let journal = journal(&recorded);
    let simulated = simulate(journal.path(), &recorded, 5).unwrap();
    assert_eq!((simulated.plans, simulated.different), (60, 0));
    assert_eq!(simulated.recorded, simulated.edited);
    assert!(
        simulated
            .text()
            .starts_with("60 plans compared, 0 decide differently")
    );
}

#[test]
fn a_shorter_deadline_buys_and_says_why() {
    let journal = journal(&policy(("", "")));
    let shorter = policy(("drainWithin: 15m", "drainWithin: 5m"));
    let simulated = simulate(journal.path(), &shorter, 2).unwrap();
    assert!(
        simulated.edited.launches.contains_key("local"),
        "{simulated:?}"
    );
    assert!(simulated.recorded.launches.is_empty(), "{simulated:?}");
    let first = &simulated.first[0];
    assert!(first.edited.starts_with("Launching"), "{first:?}");
    let json = serde_json::to_string(&simulated).unwrap();
    let read: Simulated = serde_json::from_str(&json).unwrap();
    assert_eq!(read.first, simulated.first);
}

#[test]
fn a_folder_without_a_journal_says_so() {
    let empty = tempfile::tempdir().unwrap();
    let error = simulate(empty.path(), &policy(("", "")), 5).unwrap_err();
    assert!(
        error.to_string().starts_with("there is no journal in"),
        "{error}"
    );
}
