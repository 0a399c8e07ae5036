//! How long an assignment takes: `cargo run --release -p spillway-core --example assign`.
//!
//! Cold is a first deal, warm is asking again with nothing changed, drifted with every lag up to a tenth off, grown with
//! a tenth more workers, lost with a tenth fewer, piled with everything at one worker. Of several runs the median,
//! milliseconds.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a stopwatch that prints"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use jiff::SignedDuration;
use spillway_core::assign::handover::{Heard, Record, hand_over};
use spillway_core::assign::{Partition, Problem, Shape, Worker, assign, delivered};
use spillway_core::{PartitionId, Rate, WorkerPhase};

const RUNS: usize = 15;
const RATES: [u64; 5] = [40_000, 55_000, 45_000, 45_000, 20_000];

fn main() {
    print!("partitions workers classes |   cold   warm  drift  grown   lost  piled |");
    println!(" delivered  hand-over  reach");
    for (partitions, workers) in [(512, 98), (1_000, 100), (10_000, 1_000)] {
        for classes in [1, 3] {
            measure(partitions, workers, classes);
        }
    }
}

fn measure(partitions: usize, workers: usize, classes: u8) {
    let problem = problem(partitions, workers, classes);
    let (cold, dealt) = timed(|| assign(&problem, &[]));
    let (warm, again) = timed(|| assign(&problem, &dealt));
    assert_eq!(again, dealt, "asking again changes nothing");
    let mut drifted = problem.clone();
    for (number, partition) in drifted.partitions.iter_mut().enumerate() {
        let permille = 900 + (number as u64 * 7_907) % 201;
        partition.lag = partition.lag.map(|lag| lag * permille / 1_000);
    }
    let (drift, _) = timed(|| assign(&drifted, &dealt));
    let (piled, _) = timed(|| assign(&problem, &vec![Some(0); partitions]));
    let larger = self::problem(partitions, workers + workers / 10, classes);
    let (grown, _) = timed(|| assign(&larger, &dealt));
    let mut smaller = problem.clone();
    for worker in smaller.workers.iter_mut().step_by(10) {
        worker.phase = WorkerPhase::Draining;
    }
    let (lost, _) = timed(|| assign(&smaller, &dealt));
    let (handover, ()) = told(&dealt);
    let rates: Vec<_> = problem.workers.iter().map(|worker| worker.rate).collect();
    let shape = Shape::within(&problem.partitions, SignedDuration::from_mins(15));
    let (reach, _) = timed(|| shape.reach(&rates));
    let all: f64 = rates.iter().map(|rate| rate.per_second()).sum();
    let share = delivered(&problem, &dealt).per_second() / all * 100.0;
    print!("{partitions:>10} {workers:>7} {classes:>7} |");
    print!(" {cold:>6.2} {warm:>6.3} {drift:>6.2} {grown:>6.2} {lost:>6.2} {piled:>6.2} |");
    println!(" {share:>7.2} % {handover:>10.3} {reach:>6.3}");
}

/// Lags by Zipf's law with exponent 0.3, half as much arriving as the workers do, every worker a little different.
fn problem(partitions: usize, workers: usize, classes: u8) -> Problem {
    let partitions = (0..partitions).map(|number| {
        // In no order, but always the same.
        let rank = (number * 7_919) % partitions + 1;
        let share = (rank as f64).powf(-0.3);
        Partition {
            class: u8::try_from(number % usize::from(classes)).unwrap_or(0),
            arrivals: Some(Rate::from_milli((share * 5_000.0) as u64)),
            lag: Some((share * 20_000.0) as u64),
        }
    });
    let workers = (0..workers).map(|number| Worker {
        rate: Rate::from_milli(RATES[number % RATES.len()] + (number as u64 * 37) % 500),
        phase: WorkerPhase::Ready,
    });
    Problem {
        partitions: partitions.collect(),
        workers: workers.collect(),
    }
}

/// How long it takes to find that nobody is to be told anything.
fn told(dealt: &[Option<usize>]) -> (f64, ()) {
    let mut desired: BTreeMap<String, BTreeSet<PartitionId>> = BTreeMap::new();
    for (partition, worker) in dealt.iter().enumerate() {
        let worker = worker.expect("all workers are ready");
        let partition = i32::try_from(partition).unwrap_or(i32::MAX);
        let partitions = desired.entry(format!("worker-{worker:04}")).or_default();
        partitions.insert(PartitionId::new("spillway.jobs", partition));
    }
    let written = desired.iter().map(|(worker, partitions)| {
        let record = Record {
            epoch: 1,
            partitions: partitions.clone(),
        };
        (worker.clone(), record)
    });
    let written: BTreeMap<_, _> = written.collect();
    let heard = written.iter().map(|(worker, record)| {
        let heard = Heard {
            epoch: 1,
            partitions: record.partitions.clone(),
            silence: SignedDuration::ZERO,
        };
        (worker.clone(), heard)
    });
    let heard: BTreeMap<_, _> = heard.collect();
    let (milliseconds, handover) = timed(|| hand_over(&desired, &written, &heard));
    assert!(handover.writes.is_empty(), "all is as it should be");
    (milliseconds, ())
}

/// The median of several runs, milliseconds, and what came out.
fn timed<T>(run: impl Fn() -> T) -> (f64, T) {
    let mut times = Vec::new();
    let mut result = None;
    for _ in 0..RUNS {
        let start = Instant::now();
        result = Some(run());
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    (times[RUNS / 2], result.expect("it ran"))
}
