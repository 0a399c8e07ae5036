//! Hand-over: stories of a few workers, and workers that answer late, sleep and wake at random.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use proptest::prelude::*;

use super::{dice, lags, ready};
use crate::assign::handover::{Handover, Heard, Record, SILENT_AFTER, Wait, desired, hand_over};
use crate::assign::{Problem, assign};
use crate::backlog::PartitionId;
use crate::snapshot::WorkerPhase;

type Desired = BTreeMap<String, BTreeSet<PartitionId>>;

fn jobs(numbers: &[i32]) -> BTreeSet<PartitionId> {
    let numbers = numbers.iter();
    numbers
        .map(|number| PartitionId::new("jobs", *number))
        .collect()
}

/// The controller and what its workers said: everything is written and said at once, in whole seconds.
#[derive(Default)]
struct Story {
    desired: Desired,
    written: BTreeMap<String, Record>,
    heard: BTreeMap<String, Heard>,
    handover: Handover,
}

impl Story {
    fn begin() -> Self {
        Self::default()
    }

    fn wants(mut self, worker: &str, partitions: &[i32]) -> Self {
        self.desired.insert(worker.to_owned(), jobs(partitions));
        self
    }

    /// `worker` confirms `epoch` and says what it reads.
    fn says(mut self, worker: &str, epoch: u64, partitions: &[i32]) -> Self {
        let heard = Heard {
            epoch,
            partitions: jobs(partitions),
            silence: SignedDuration::ZERO,
        };
        self.heard.insert(worker.to_owned(), heard);
        self
    }

    fn falls_silent_for(mut self, worker: &str, seconds: i64) -> Self {
        let heard = self
            .heard
            .get_mut(worker)
            .expect("the story has the worker");
        heard.silence = SignedDuration::from_secs(seconds);
        self
    }

    fn vanishes(mut self, worker: &str) -> Self {
        self.heard.remove(worker);
        self
    }

    /// The controller hands over; this, and nothing else, is written: worker, epoch, partitions.
    fn writes(mut self, writes: &[(&str, u64, &[i32])]) -> Self {
        self.hand_over();
        let written = self.handover.writes.iter();
        let written: Vec<_> = written
            .map(|(worker, record)| (worker.as_str(), record.clone()))
            .collect();
        let expected: Vec<_> = writes
            .iter()
            .map(|(worker, epoch, partitions)| {
                let record = Record {
                    epoch: *epoch,
                    partitions: jobs(partitions),
                };
                (*worker, Some(record))
            })
            .collect();
        assert_eq!(written, expected);
        self
    }

    fn buries(mut self, worker: &str) -> Self {
        self.hand_over();
        assert_eq!(self.handover.writes.get(worker), Some(&None));
        self
    }

    /// One partition is not told yet: for whom, and whose confirmation it waits for.
    fn waits(self, partition: i32, to: &str, confirms: &str) -> Self {
        let wait = Wait {
            partition: PartitionId::new("jobs", partition),
            to: to.to_owned(),
            confirms: confirms.to_owned(),
        };
        assert_eq!(self.handover.waits, [wait]);
        self
    }

    fn hand_over(&mut self) {
        self.handover = hand_over(&self.desired, &self.written, &self.heard);
        for (worker, record) in &self.handover.writes {
            match record {
                Some(record) => self.written.insert(worker.clone(), record.clone()),
                None => self.written.remove(worker),
            };
        }
        let again = hand_over(&self.desired, &self.written, &self.heard);
        assert_eq!(again.writes, BTreeMap::new(), "asked again");
    }
}

/// `a` reads 1 and 2, `b` reads 3; both have said so.
fn two_workers() -> Story {
    Story::begin()
        .says("a", 0, &[])
        .says("b", 0, &[])
        .wants("a", &[1, 2])
        .wants("b", &[3])
        .writes(&[("a", 1, &[1, 2]), ("b", 1, &[3])])
        .says("a", 1, &[1, 2])
        .says("b", 1, &[3])
        .writes(&[])
}

#[test]
fn what_moves_is_revoked_confirmed_and_given() {
    two_workers()
        .wants("a", &[1])
        .wants("b", &[2, 3])
        .writes(&[("a", 2, &[1])])
        .waits(2, "b", "a")
        .writes(&[])
        .says("a", 2, &[1])
        .writes(&[("b", 2, &[2, 3])])
        .says("b", 2, &[2, 3])
        .writes(&[]);
}

#[test]
fn a_silent_worker_confirms_nothing_and_has_nothing() {
    two_workers()
        .wants("a", &[])
        .wants("b", &[1, 2, 3])
        .falls_silent_for("a", 9)
        .writes(&[("a", 2, &[])])
        .falls_silent_for("a", 10)
        .writes(&[("b", 2, &[1, 2, 3])]);
}

#[test]
fn what_a_worker_had_goes_away_as_it_falls_silent() {
    two_workers()
        .falls_silent_for("a", 10)
        .wants("a", &[])
        .wants("b", &[1, 2, 3])
        .writes(&[("a", 2, &[]), ("b", 2, &[1, 2, 3])]);
}

#[test]
fn a_worker_that_wakes_up_takes_nothing_back_by_itself() {
    two_workers()
        .falls_silent_for("a", 10)
        .wants("a", &[])
        .wants("b", &[1, 2, 3])
        .writes(&[("a", 2, &[]), ("b", 2, &[1, 2, 3])])
        .says("b", 2, &[1, 2, 3])
        // It wakes, still reads what it had, and is to have 1 again.
        .says("a", 1, &[1, 2])
        .wants("a", &[1])
        .wants("b", &[2, 3])
        .writes(&[("b", 3, &[2, 3])])
        .says("a", 2, &[])
        .writes(&[])
        .says("b", 3, &[2, 3])
        .writes(&[("a", 3, &[1])]);
}

#[test]
fn nobody_gets_what_a_woken_worker_may_still_have() {
    two_workers()
        .says("c", 0, &[])
        .falls_silent_for("a", 10)
        .wants("a", &[])
        .wants("b", &[1, 2, 3])
        .writes(&[("a", 2, &[]), ("b", 2, &[1, 2, 3])])
        .says("b", 2, &[1, 2, 3])
        .says("a", 1, &[1, 2])
        .wants("b", &[1, 3])
        .wants("c", &[2])
        .writes(&[("b", 3, &[1, 3])])
        .says("b", 3, &[1, 3])
        .writes(&[])
        .waits(2, "c", "a")
        .says("a", 2, &[])
        .writes(&[("c", 1, &[2])]);
}

#[test]
fn a_worker_is_told_one_change_at_a_time() {
    two_workers()
        .says("c", 0, &[])
        .wants("b", &[3, 4])
        .writes(&[("b", 2, &[3, 4])])
        // Taken back before `b` has answered: what it may have begun is not forgotten.
        .wants("b", &[3])
        .wants("c", &[4])
        .writes(&[])
        .waits(4, "c", "b")
        .says("b", 2, &[3, 4])
        .writes(&[("b", 3, &[3])])
        .says("b", 3, &[3])
        .writes(&[("c", 1, &[4])]);
}

#[test]
fn a_worker_that_vanishes_is_forgotten_and_its_partitions_are_given_away() {
    two_workers()
        .vanishes("a")
        .wants("a", &[])
        .wants("b", &[1, 2, 3])
        .buries("a")
        .says("b", 2, &[1, 2, 3])
        .writes(&[]);
}

#[test]
fn a_worker_that_confirms_what_it_was_not_told_is_told_again() {
    Story::begin()
        .says("a", 7, &[1])
        .says("b", 0, &[])
        .wants("b", &[1])
        .writes(&[("a", 8, &[])])
        .waits(1, "b", "a")
        .says("a", 8, &[])
        .writes(&[("b", 1, &[1])]);
}

#[test]
fn a_partition_that_two_should_have_goes_to_one() {
    Story::begin()
        .says("a", 0, &[])
        .says("b", 0, &[])
        .wants("a", &[1])
        .wants("b", &[1])
        .writes(&[("a", 1, &[1])])
        .waits(1, "b", "a");
}

/// A worker, as it is: what it reads, and how far it is with what it was told.
#[derive(Debug, Clone, Default)]
struct Worker {
    reads: BTreeSet<PartitionId>,
    follows: Record,
    is_asleep: bool,
    /// It was silent, and has not confirmed since: what it reads may have another owner.
    was_silent: bool,
}

/// Workers that do what they do at random, each second.
struct World {
    workers: BTreeMap<String, Worker>,
    desired: Desired,
    written: BTreeMap<String, Record>,
    heard: BTreeMap<String, Heard>,
}

const PARTITIONS: i32 = 8;

impl World {
    fn begin(workers: u64) -> Self {
        let names = (0..workers).map(|number| format!("worker-{number}"));
        let names: Vec<_> = names.collect();
        let mut world = Self {
            workers: names
                .iter()
                .map(|name| (name.clone(), Worker::default()))
                .collect(),
            desired: BTreeMap::new(),
            written: BTreeMap::new(),
            heard: names
                .iter()
                .map(|name| (name.clone(), Heard::default()))
                .collect(),
        };
        world.wish(&mut |_| 0);
        world
    }

    /// Somebody should have each partition.
    fn wish(&mut self, dice: &mut impl FnMut(u64) -> u64) {
        let names: Vec<_> = self.workers.keys().cloned().collect();
        self.desired = names
            .iter()
            .map(|name| (name.clone(), BTreeSet::new()))
            .collect();
        for number in 0..PARTITIONS {
            let name = &names[usize::try_from(dice(names.len() as u64)).unwrap()];
            let partitions = self.desired.get_mut(name).unwrap();
            partitions.insert(PartitionId::new("jobs", number));
        }
    }

    /// A second of every worker's life.
    fn live(&mut self, dice: &mut impl FnMut(u64) -> u64) {
        for (name, worker) in &mut self.workers {
            let heard = self.heard.get_mut(name).unwrap();
            heard.silence += SignedDuration::from_secs(1);
            worker.is_asleep = if worker.is_asleep {
                dice(12) > 0
            } else {
                dice(20) == 0
            };
            if worker.is_asleep {
                continue;
            }
            let told = self.written.get(name).cloned().unwrap_or_default();
            let told_epoch = told.epoch;
            if dice(2) == 0 && told.epoch > worker.follows.epoch {
                // It begins what is new at once, and still has in flight what it had.
                worker.reads.extend(told.partitions.iter().cloned());
                worker.follows = told;
            }
            if dice(3) == 0 {
                worker.reads = worker.follows.partitions.clone();
            }
            if dice(3) == 0 {
                say(worker, heard, told_epoch);
            }
        }
    }

    /// Everybody reads, finishes and says so.
    fn answer(&mut self) {
        for (name, worker) in &mut self.workers {
            worker.is_asleep = false;
            worker.follows = self.written.get(name).cloned().unwrap_or_default();
            worker.reads = worker.follows.partitions.clone();
            let told_epoch = worker.follows.epoch;
            say(worker, self.heard.get_mut(name).unwrap(), told_epoch);
        }
    }

    fn hand_over(&mut self) -> Handover {
        for (name, heard) in &self.heard {
            let worker = self.workers.get_mut(name).unwrap();
            worker.was_silent |= heard.silence >= SILENT_AFTER;
        }
        let handover = hand_over(&self.desired, &self.written, &self.heard);
        for (worker, record) in &handover.writes {
            let record = record.clone().expect("nobody is gone");
            self.written.insert(worker.clone(), record);
        }
        handover
    }

    /// Partitions that two read, neither of which was silent since it last confirmed.
    fn disputed(&self) -> BTreeSet<PartitionId> {
        let mut seen = BTreeSet::new();
        let awake = self.workers.values().filter(|worker| !worker.was_silent);
        let read = awake.flat_map(|worker| &worker.reads);
        read.filter(|partition| !seen.insert(*partition))
            .cloned()
            .collect()
    }
}

/// A heartbeat. It confirms only once nothing of what it had is in flight.
fn say(worker: &mut Worker, heard: &mut Heard, told_epoch: u64) {
    let is_done = worker.reads == worker.follows.partitions;
    heard.silence = SignedDuration::ZERO;
    heard.partitions = worker.reads.clone();
    if is_done {
        heard.epoch = worker.follows.epoch;
        worker.was_silent &= heard.epoch < told_epoch;
    }
}

/// Assignment and hand-over together, with workers that answer at once.
#[test]
fn a_fleet_whose_workers_come_and_go_reads_everything_soon() {
    let names: Vec<_> = (0..4).map(|number| format!("worker-{number}")).collect();
    let partitions: Vec<_> = jobs(&(0..24).collect::<Vec<_>>()).into_iter().collect();
    let mut world = World::begin(4);
    let mut problem = Problem {
        partitions: lags(&[6_000; 24]),
        workers: ready(&[40; 4]),
    };
    let mut worker_of = Vec::new();
    for absent in [3, 0, 1] {
        for worker in &mut problem.workers {
            worker.phase = WorkerPhase::Ready;
        }
        problem.workers[absent].phase = WorkerPhase::Draining;
        for _ in 0..4 {
            worker_of = assign(&problem, &worker_of);
            world.desired = desired(&partitions, &names, &worker_of);
            world.hand_over();
            world.answer();
        }
        let read: Vec<_> = world
            .workers
            .values()
            .map(|worker| worker.reads.len())
            .collect();
        let mut expected = vec![8; 4];
        expected[absent] = 0;
        assert_eq!(read, expected, "without worker {absent}");
        assert_eq!(world.hand_over(), Handover::default());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_partition_ever_has_two_owners(seed: u64, workers in 1..6_u64) {
        let mut dice = dice(seed);
        let mut world = World::begin(workers);
        for second in 0..200 {
            if dice(5) == 0 {
                world.wish(&mut dice);
            }
            world.live(&mut dice);
            world.hand_over();
            prop_assert_eq!(world.disputed(), BTreeSet::new(), "second {}", second);
            prop_assert_eq!(world.hand_over().writes, BTreeMap::new(), "asked again");
        }
    }

    #[test]
    fn once_workers_answer_everything_is_as_desired(seed: u64, workers in 1..6_u64) {
        let mut dice = dice(seed);
        let mut world = World::begin(workers);
        for _ in 0..50 {
            world.wish(&mut dice);
            world.live(&mut dice);
            world.hand_over();
        }
        for _ in 0..4 {
            world.answer();
            world.hand_over();
        }
        let told = world.written.iter().map(|(worker, record)| (worker, &record.partitions));
        let told = told.filter(|(_, partitions)| !partitions.is_empty());
        let desired = world.desired.iter().filter(|(_, partitions)| !partitions.is_empty());
        prop_assert!(told.eq(desired), "{:?} of {:?}", world.written, world.desired);
        world.answer();
        prop_assert_eq!(world.hand_over(), Handover::default());
    }
}
