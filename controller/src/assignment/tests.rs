//! Stories of workers that follow, die, sleep, and of leaders that change.

use spillway_core::{Committed, Offsets, PartitionReading, Planner};
use spillway_wire::{Counters, DesiredState, InstanceRef, Partition, SCHEMA};

use super::*;
use crate::policy_file;

const PARTITIONS: i32 = 12;

/// A heartbeat of a worker that is ready and was told nothing.
pub(crate) fn beat(worker: &str) -> Heartbeat {
    Heartbeat {
        schema: SCHEMA,
        worker: worker.into(),
        instance: None,
        pool: "base".into(),
        boot_id: "boot".into(),
        phase: Phase::Ready,
        started_at_ms: 0,
        at_ms: 0,
        partitions: Vec::new(),
        in_flight: 0,
        counters: Counters::default(),
        latency_ms: Default::default(),
        model_set: "set".into(),
        gpu: None,
        interruption_at_ms: None,
        group: None,
        assigned_in: Some("workers".into()),
        control_token: 0,
        control_epoch: 0,
        version: "0".into(),
    }
}

pub(crate) fn policy() -> Policy {
    let text = "
apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {name: recognition}
spec:
  source:
    kafka:
      bootstrapServers: [\"kafka:9092\"]
      consumerGroup: workers
      assignment: Weighted
      topics: [{name: jobs}]
  objective: {drainWithin: 15m}
  base:
    static: {workers: 3}
    pricePerWorkerHour: 0.64
    throughputPerWorker: 40
";
    policy_file::parse("policy.yaml", text).unwrap()
}

/// Workers and their controller; time is told.
struct Story {
    policy: Policy,
    planner: Planner,
    assignment: Assignment,
    now: Timestamp,
    workers: BTreeMap<String, SeenHeartbeat>,
    retiring: BTreeSet<String>,
    /// Workers that neither read nor say anything.
    asleep: BTreeSet<String>,
    /// Workers that say something and never let go.
    stubborn: BTreeSet<String>,
    lag: u64,
}

impl Story {
    fn begin(workers: &[&str]) -> Self {
        let policy = policy();
        let mut story = Self {
            planner: Planner::new(policy.clone()),
            policy,
            assignment: Assignment::resume(1, "workers", BTreeMap::new()),
            now: Timestamp::from_second(1_000_000).unwrap(),
            workers: BTreeMap::new(),
            retiring: BTreeSet::new(),
            asleep: BTreeSet::new(),
            stubborn: BTreeSet::new(),
            lag: 1_000,
        };
        for worker in workers {
            story.join(worker);
        }
        story
    }

    fn join(&mut self, worker: &str) {
        let seen = SeenHeartbeat {
            heartbeat: beat(worker),
            received_at: self.now,
            record_at: self.now,
        };
        self.workers.insert(worker.into(), seen);
    }

    /// A second passes: the controller looks, then every worker that is awake follows and says so.
    fn second(&mut self) -> Dealt {
        self.now += SignedDuration::from_secs(1);
        let (token, now) = (self.assignment.token, self.now);
        let reading = BacklogReading {
            taken_at: now,
            partitions: (0..PARTITIONS)
                .map(|partition| PartitionReading {
                    id: PartitionId::new("jobs", partition),
                    offsets: Ok(Offsets {
                        log_start: 0,
                        end: self.lag,
                        committed: Committed::Never,
                    }),
                })
                .collect(),
            missing: Vec::new(),
        };
        let seen: Vec<SeenHeartbeat> = self.workers.values().cloned().collect();
        let dealt = self.assignment.step(&Look {
            now,
            policy: &self.policy,
            beliefs: self.planner.beliefs(),
            backlog: Some(&reading),
            workers: Some(&seen),
            retiring: &self.retiring,
        });
        self.nobody_shares();
        let awake = self.workers.iter_mut();
        for (worker, seen) in awake.filter(|(worker, _)| !self.asleep.contains(*worker)) {
            seen.received_at = now;
            let Some(told) = self.assignment.told.get(worker) else {
                continue;
            };
            if !self.stubborn.contains(worker) {
                seen.heartbeat.control_token = token;
                seen.heartbeat.control_epoch = told.epoch;
                let partitions = told.partitions.iter();
                seen.heartbeat.partitions = partitions.map(on_wire).collect();
            }
        }
        dealt
    }

    fn seconds(&mut self, seconds: usize) -> Vec<Dealt> {
        let dealt = (0..seconds).map(|_| self.second());
        dealt.filter(|dealt| !dealt.is_empty()).collect()
    }

    /// No two workers that are not silent may read one partition: by what they were told, and by what they say.
    fn nobody_shares(&self) {
        let mut reader: BTreeMap<PartitionId, &str> = BTreeMap::new();
        for (worker, seen) in &self.workers {
            if self.asleep.contains(worker) {
                continue;
            }
            let said = seen.heartbeat.partitions.iter();
            let said = said.map(|it| PartitionId::new(&it.topic, it.partition));
            let told = self.assignment.told.get(worker);
            let told = told.map(|record| record.partitions.iter().cloned());
            let may_read: BTreeSet<PartitionId> = said.chain(told.into_iter().flatten()).collect();
            for partition in may_read {
                if let Some(other) = reader.insert(partition.clone(), worker) {
                    panic!(
                        "{} is read by {other} and {worker}",
                        String::from(partition)
                    );
                }
            }
        }
    }

    /// How many partitions each worker was told to read.
    fn told(&self) -> Vec<usize> {
        let told = self.assignment.told.values();
        told.map(|record| record.partitions.len()).collect()
    }

    /// Another leader takes over, with what the control topic holds.
    fn change_leader(&mut self) {
        let records = self.assignment.told.iter().map(|(worker, record)| {
            let control = Control {
                schema: SCHEMA,
                token: self.assignment.token,
                epoch: record.epoch,
                group: Some("workers".into()),
                partitions: Some(record.partitions.iter().map(on_wire).collect()),
                state: DesiredState::Run,
                drain_by_ms: None,
                lease_seconds: 60,
            };
            (worker.clone(), control)
        });
        let token = self.assignment.token + 1;
        self.assignment = Assignment::resume(token, "workers", records.collect());
    }
}

fn on_wire(partition: &PartitionId) -> Partition {
    Partition {
        topic: partition.topic.clone(),
        partition: partition.partition,
    }
}

#[test]
fn workers_that_are_there_share_everything_and_then_nothing_changes() {
    let mut story = Story::begin(&["a", "b", "c"]);
    story.seconds(5);
    assert_eq!(story.told(), [4, 4, 4]);
    assert_eq!(story.seconds(60), Vec::new());
}

#[test]
fn a_faster_worker_gets_more() {
    let mut story = Story::begin(&["a", "b"]);
    let fast = &mut story.workers.get_mut("b").unwrap().heartbeat.counters;
    (fast.saturated_images, fast.saturated_ms) = (60_000, 300_000);
    story.seconds(5);
    assert_eq!(story.told(), [2, 10], "40 and about 190 a second");
}

#[test]
fn one_that_joins_gets_its_share_once_the_others_let_go() {
    let mut story = Story::begin(&["a", "b"]);
    story.seconds(5);
    story.join("c");
    let dealt = story.second();
    assert!(dealt.moves.iter().all(|moved| moved.why == Cause::Balance));
    assert_eq!(story.told(), [4, 4], "only taken away so far");
    story.second();
    assert_eq!(story.told(), [4, 4, 4]);
}

#[test]
fn one_that_joins_while_nothing_waits_has_its_share_before_a_burst() {
    let mut story = Story::begin(&["a"]);
    story.lag = 0;
    story.seconds(5);
    assert_eq!(story.told(), [12]);
    story.join("b");
    story.join("c");
    story.seconds(3);
    assert_eq!(story.told(), [4, 4, 4]);
    assert_eq!(story.seconds(120), Vec::new(), "and keeps it");
    story.lag = 6_000;
    assert_eq!(story.seconds(30), Vec::new(), "nothing is left to be moved");
}

#[test]
fn one_that_retires_counts_as_draining_at_once() {
    let mut story = Story::begin(&["a", "b", "c"]);
    story.seconds(5);
    story.retiring.insert("b".into());
    let dealt = story.second();
    assert!(
        dealt
            .moves
            .iter()
            .all(|moved| moved.why == Cause::WorkerLeaves)
    );
    assert_eq!(story.told(), [4, 0, 4], "although it says that it is ready");
    story.second();
    assert_eq!(story.told(), [6, 0, 6]);
}

#[test]
fn what_a_silent_one_had_is_given_away_after_10_s() {
    let mut story = Story::begin(&["a", "b", "c"]);
    story.seconds(5);
    story.asleep.insert("b".into());
    assert_eq!(story.seconds(9), Vec::new());
    let dealt = story.second();
    assert_eq!(story.told(), [6, 0, 6], "in one breath");
    assert!(
        dealt
            .moves
            .iter()
            .all(|moved| moved.why == Cause::WorkerLeaves)
    );
    // It wakes, reads that it has nothing before it does anything, and is dealt to again.
    story.asleep.clear();
    let woken = &mut story.workers.get_mut("b").unwrap().heartbeat;
    woken.partitions.clear();
    story.seconds(4);
    assert_eq!(story.told(), [4, 4, 4]);
}

#[test]
fn nobody_is_told_anything_while_everybody_is_silent() {
    let mut story = Story::begin(&["a", "b"]);
    story.seconds(5);
    story.asleep.extend(["a".into(), "b".into()]);
    assert_eq!(story.seconds(60), Vec::new());
}

#[test]
fn one_that_never_confirms_keeps_what_it_had() {
    let mut story = Story::begin(&["a", "b"]);
    story.seconds(5);
    story.stubborn.insert("a".into());
    story.retiring.insert("a".into());
    story.seconds(60);
    assert_eq!(story.told(), [0, 6], "told, but not given on");
    assert_eq!(story.assignment.waits.len(), 6);
}

#[test]
fn a_new_leader_goes_on_and_moves_nothing() {
    let mut story = Story::begin(&["a", "b", "c"]);
    story.seconds(5);
    let before = story.assignment.told.clone();
    story.change_leader();
    assert_eq!(story.seconds(30), Vec::new());
    assert_eq!(story.assignment.told, before);
}

#[test]
fn a_new_leader_gives_nothing_away_before_it_is_followed() {
    let mut story = Story::begin(&["a", "b"]);
    story.seconds(5);
    story.change_leader();
    // It confirms epoch 1, but that of the last leader: who knows what that one wrote since.
    story.stubborn.insert("a".into());
    story.retiring.insert("a".into());
    story.seconds(30);
    assert_eq!(story.told(), [6, 6], "its answer is still awaited");
    story.stubborn.clear();
    story.seconds(3);
    assert_eq!(story.told(), [0, 12]);
}

#[test]
fn another_leaders_workers_are_left_alone() {
    let mut story = Story::begin(&["a", "b"]);
    story.seconds(5);
    story.workers.get_mut("a").unwrap().heartbeat.control_token = 9;
    story.stubborn.insert("a".into());
    story.join("c");
    assert_eq!(story.seconds(20), Vec::new());
}

#[test]
fn workers_of_another_group_are_not_dealt_to() {
    let mut story = Story::begin(&["a", "b"]);
    let other = &mut story.workers.get_mut("b").unwrap().heartbeat;
    other.assigned_in = Some("others".into());
    story.join("c");
    let kafkas = &mut story.workers.get_mut("c").unwrap().heartbeat;
    kafkas.assigned_in = None;
    kafkas.instance = Some(InstanceRef {
        intent: "oci-1".into(),
        id: "c".into(),
    });
    story.seconds(5);
    assert_eq!(story.told(), [12]);
}
