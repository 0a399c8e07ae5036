//! What is wanted of small fleets, by example.

use super::{dice, lag_by_worker, lags, moved, ready, shaken};
use crate::assign::{Move, Partition, Problem, Why, assign, moves};
use crate::snapshot::WorkerPhase;
use crate::units::Rate;

struct Case {
    name: &'static str,
    problem: Problem,
    present: &'static [usize],
    next: &'static [usize],
}

/// Written instead of a worker where a partition has none.
const NONE: usize = usize::MAX;

fn named(workers: &[usize]) -> Vec<Option<usize>> {
    workers
        .iter()
        .map(|worker| (*worker != NONE).then_some(*worker))
        .collect()
}

fn check(cases: Vec<Case>) {
    for case in cases {
        let next = assign(&case.problem, &named(case.present));
        assert_eq!(next, named(case.next), "{}: {:?}", case.name, case.problem);
        let again = assign(&case.problem, &next);
        assert_eq!(again, next, "{}, asked again", case.name);
    }
}

fn problem(partitions: Vec<Partition>, rates: &[u64]) -> Problem {
    Problem {
        partitions,
        workers: ready(rates),
    }
}

fn with_phase(mut problem: Problem, worker: usize, phase: WorkerPhase) -> Problem {
    problem.workers[worker].phase = phase;
    problem
}

fn arriving(per_second: &[u64]) -> Vec<Partition> {
    let mut partitions = lags(&vec![0; per_second.len()]);
    for (partition, rate) in partitions.iter_mut().zip(per_second) {
        partition.arrivals = Some(Rate::from_milli(rate * 1_000));
    }
    partitions
}

fn unknown(mut partitions: Vec<Partition>, which: &[usize]) -> Vec<Partition> {
    for partition in which {
        partitions[*partition].lag = None;
    }
    partitions
}

#[test]
fn partitions_go_where_they_are_done_first() {
    check(vec![
        Case {
            name: "equal workers share equal partitions",
            problem: problem(lags(&[600; 4]), &[40, 40]),
            present: &[],
            next: &[0, 1, 0, 1],
        },
        Case {
            name: "three times the rate, three times the partitions",
            problem: problem(lags(&[600; 4]), &[15, 45]),
            present: &[],
            next: &[1, 1, 0, 1],
        },
        Case {
            name: "the largest goes to the fastest",
            problem: problem(lags(&[600, 9_000, 700]), &[20, 55, 20]),
            present: &[],
            next: &[2, 1, 0],
        },
        Case {
            name: "what arrives counts where nothing waits",
            problem: problem(arriving(&[30, 10, 10, 10]), &[40, 40]),
            present: &[],
            next: &[0, 1, 1, 1],
        },
        Case {
            name: "a fleet that cannot keep up is level in its overload",
            problem: problem(arriving(&[60, 20, 20, 20]), &[20, 20]),
            present: &[],
            next: &[0, 1, 1, 1],
        },
        Case {
            name: "empty partitions may fill: they are shared, too",
            problem: problem(lags(&[0; 6]), &[40, 20]),
            present: &[],
            next: &[0, 0, 1, 0, 0, 1],
        },
        Case {
            name: "workers measured at nothing are better than nobody",
            problem: problem(lags(&[600; 4]), &[0, 0]),
            present: &[],
            next: &[0, 1, 0, 1],
        },
        Case {
            name: "a hot partition gets a worker for itself, the rest is shared by the rest",
            problem: problem(lags(&[92_000, 2_000, 2_000, 2_000, 2_000]), &[20, 20, 55]),
            present: &[0, 0, 0, 0, 0],
            next: &[2, 1, 1, 0, 0],
        },
    ]);
}

#[test]
fn only_workers_that_are_ready_have_partitions() {
    let three = || problem(lags(&[600; 6]), &[40, 40, 40]);
    check(vec![
        Case {
            name: "what a draining worker has goes away, the rest stays",
            problem: with_phase(three(), 1, WorkerPhase::Draining),
            present: &[0, 0, 1, 1, 2, 2],
            next: &[0, 0, 0, 2, 2, 2],
        },
        Case {
            name: "a worker that starts gets nothing yet",
            problem: with_phase(three(), 2, WorkerPhase::Starting),
            present: &[],
            next: &[0, 1, 0, 1, 0, 1],
        },
        Case {
            name: "a worker that starts anew no longer reads",
            problem: with_phase(three(), 2, WorkerPhase::Starting),
            present: &[0, 0, 1, 1, 2, 2],
            next: &[0, 0, 1, 1, 0, 1],
        },
        Case {
            name: "a vanished worker is nobody",
            problem: three(),
            present: &[0, 0, 7, NONE, 2, 2],
            next: &[0, 0, 1, 1, 2, 2],
        },
        Case {
            name: "with nobody ready nobody has anything",
            problem: with_phase(problem(lags(&[600; 2]), &[40]), 0, WorkerPhase::Stopped),
            present: &[0, 0],
            next: &[NONE, NONE],
        },
        Case {
            name: "no partitions, no trouble",
            problem: problem(Vec::new(), &[40]),
            present: &[],
            next: &[],
        },
    ]);
}

#[test]
fn unknown_is_not_zero() {
    check(vec![
        Case {
            name: "an unknown lag counts as the mean of the known",
            problem: problem(unknown(lags(&[600; 6]), &[3, 4, 5]), &[40, 40]),
            present: &[],
            next: &[0, 1, 0, 1, 0, 1],
        },
        Case {
            name: "where nothing is known all count the same",
            problem: problem(unknown(lags(&[600; 4]), &[0, 1, 2, 3]), &[40, 40]),
            present: &[],
            next: &[0, 1, 0, 1],
        },
        Case {
            name: "a guess moves nothing: who has one neither gives …",
            problem: problem(unknown(lags(&[60_000; 4]), &[0]), &[40, 40]),
            present: &[0, 0, 0, 1],
            next: &[0, 0, 0, 1],
        },
        Case {
            name: "… nor receives",
            problem: problem(unknown(lags(&[60_000; 4]), &[3]), &[40, 40]),
            present: &[0, 0, 0, 1],
            next: &[0, 0, 0, 1],
        },
    ]);
}

#[test]
fn a_move_must_pay() {
    check(vec![
        Case {
            name: "a few seconds of difference are left alone",
            problem: problem(lags(&[300, 100, 200, 100]), &[40, 40]),
            present: &[0, 0, 1, 1],
            next: &[0, 0, 1, 1],
        },
        Case {
            name: "a few per cent of difference are left alone",
            problem: problem(lags(&[30_000, 1_000, 30_000]), &[40, 40]),
            present: &[0, 0, 1],
            next: &[0, 0, 1],
        },
        Case {
            name: "a worker with twice the work is relieved, and of no more than it takes",
            problem: problem(lags(&[10_000, 10_000, 10_000, 10_000, 20_000]), &[40, 40]),
            present: &[0, 0, 0, 0, 1],
            next: &[1, 0, 0, 0, 1],
        },
        Case {
            name: "what is uneven for want of small partitions is left alone",
            problem: problem(lags(&[30_000, 30_000, 30_000]), &[40, 40]),
            present: &[1, 0, 0],
            next: &[1, 0, 0],
        },
        Case {
            name: "two partitions change places where one alone would not do",
            problem: problem(lags(&[30_000, 20_000, 20_000, 10_000]), &[40, 40]),
            present: &[0, 0, 1, 1],
            next: &[1, 0, 0, 1],
        },
        Case {
            // Once it was filled as long as the giver kept a little more than the receiver had: for ever to and fro.
            name: "filling one worker does not leave another as empty",
            problem: problem(lags(&[4_520, 4_540, 4_500, 100_000]), &[20, 20, 55]),
            present: &[0, 0, 1, 2],
            next: &[0, 0, 1, 2],
        },
        Case {
            name: "a hot partition moves to a faster worker",
            problem: problem(lags(&[90_000, 1_000, 1_000]), &[20, 55]),
            present: &[0, 1, 1],
            next: &[1, 0, 0],
        },
    ]);
}

#[test]
fn a_new_worker_gets_what_helps_and_nobody_else_anything() {
    let before = problem(lags(&[6_000; 512]), &[40; 49]);
    let dealt = assign(&before, &[]);
    let after = problem(lags(&[6_000; 512]), &[40; 50]);
    let next = assign(&after, &dealt);
    let changes = moves(&after, &dealt, &next);
    assert!(changes.iter().all(|change| change.to == Some(49)));
    assert!(
        (9..=11).contains(&changes.len()),
        "a fiftieth of 512 partitions, not {}",
        changes.len()
    );
}

#[test]
fn a_leaving_worker_moves_only_what_it_had() {
    let mut fleet = problem(lags(&[6_000; 512]), &[40; 50]);
    let dealt = assign(&fleet, &[]);
    fleet.workers[17].phase = WorkerPhase::Draining;
    let next = assign(&fleet, &dealt);
    let changes = moves(&fleet, &dealt, &next);
    assert!(changes.iter().all(|change| change.from == Some(17)));
    assert!(changes.iter().all(|change| change.why == Why::WorkerLeaves));
}

#[test]
fn a_worker_that_turns_slow_is_relieved() {
    let mut fleet = problem(lags(&[6_000; 120]), &[40; 10]);
    let dealt = assign(&fleet, &[]);
    fleet.workers[3].rate = Rate::from_milli(20_000);
    let next = assign(&fleet, &dealt);
    let left = next.iter().filter(|worker| **worker == Some(3)).count();
    assert_eq!(left, 6, "half of its rate, half of its partitions");
    assert_eq!(moved(&dealt, &next), 6);
}

/// Once what a move must gain was a part of the level alone, which without the hot partition is nothing.
#[test]
fn a_hot_partition_does_not_follow_every_waver_of_the_fastest_workers() {
    let fleet = problem(lags(&[16_583]), &[55, 55, 55]);
    let dealt = assign(&fleet, &[]);
    for seed in 0..200 {
        assert_eq!(
            assign(&shaken(&fleet, 10, seed), &dealt),
            dealt,
            "seed {seed}"
        );
    }
}

#[test]
fn every_move_says_why() {
    let fleet = with_phase(
        problem(lags(&[9_000, 9_000, 9_000, 9_000]), &[40, 40, 40]),
        2,
        WorkerPhase::Draining,
    );
    let present = [None, Some(0), Some(0), Some(2)];
    let next = [Some(1), Some(0), Some(1), None];
    let change = |partition, from, to, why| Move {
        partition,
        from,
        to,
        why,
    };
    assert_eq!(
        moves(&fleet, &present, &next),
        [
            change(0, None, Some(1), Why::Unassigned),
            change(2, Some(0), Some(1), Why::Balance),
            change(3, Some(2), None, Why::WorkerLeaves),
        ]
    );
}

/// Gold in the first topic, as much again in the second, in partitions of random size.
fn two_classes(seed: u64, rates: &[u64]) -> Problem {
    let mut dice = dice(seed);
    let mut partitions = lags(&(0..200).map(|_| 1_000 + dice(4_000)).collect::<Vec<_>>());
    for partition in &mut partitions[100..] {
        partition.class = 1;
    }
    problem(partitions, rates)
}

fn gold(problem: &Problem) -> Problem {
    let mut gold = problem.clone();
    gold.partitions.truncate(100);
    gold
}

/// The busiest worker's seconds with the lags of `problem` over those of a level fleet.
fn unevenness(problem: &Problem, worker_of: &[Option<usize>]) -> f64 {
    let lags = lag_by_worker(problem, worker_of);
    let rates = problem
        .workers
        .iter()
        .map(|worker| worker.rate.per_second());
    let seconds = lags
        .iter()
        .zip(rates.clone())
        .map(|(lag, rate)| *lag as f64 / rate);
    let level = lags.iter().sum::<u64>() as f64 / rates.sum::<f64>();
    seconds.fold(0.0, f64::max) / level
}

#[test]
fn the_first_topic_is_spread_so_that_it_is_done_first() {
    for seed in 0..20 {
        let fleet = two_classes(seed, &[40, 40, 40, 55, 55, 20, 20, 45]);
        let dealt = assign(&fleet, &[]);
        assert!(unevenness(&fleet, &dealt) < 1.02, "seed {seed}");
        assert!(unevenness(&gold(&fleet), &dealt) < 1.1, "seed {seed}");
    }
}

#[test]
fn the_first_topic_is_spread_anew_where_it_stands_in_heaps() {
    for seed in 0..20 {
        let fleet = two_classes(seed, &[40; 8]);
        // Level in all, and the first topic with the first four workers only.
        let present: Vec<_> = (0..200).map(|i| Some(i % 4 + i / 100 * 4)).collect();
        let next = assign(&fleet, &present);
        assert!(unevenness(&fleet, &next) < 1.05, "seed {seed}");
        assert!(unevenness(&gold(&fleet), &next) < 1.25, "seed {seed}");
        assert_eq!(assign(&fleet, &next), next, "seed {seed}");
        // Once the first topic was spread up to the limit of all work, and the next waver undid it.
        let wavers = assign(&shaken(&fleet, 5, seed), &next);
        assert_eq!(wavers, next, "seed {seed}");
    }
}
