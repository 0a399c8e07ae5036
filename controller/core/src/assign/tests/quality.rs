//! What part of the rates that are paid for does work, beside dealing partitions out by count.
//!
//! The fleets of the reference world (docs/decisions/0004-worlds-and-bound.md): 8 workers of 40 jobs/s that are always
//! there, then what can be bought, 20, 45 or 55 jobs/s each; 512 partitions whose keys follow Zipf's law with exponent
//! 0.3; always backlogged.

use super::{dice, moved, ready, shaken};
use crate::assign::{Partition, Problem, Worker, assign, delivered};
use crate::units::Rate;

pub(super) const PARTITIONS: usize = 512;

/// The first `count` workers of the reference world, bought in the order of its table.
pub(super) fn fleet(count: usize) -> Vec<Worker> {
    let rates = [(8, 40), (10, 55), (60, 45), (20, 20)];
    let rates = rates.iter().flat_map(|(count, rate)| vec![*rate; *count]);
    ready(&rates.take(count).collect::<Vec<_>>())
}

/// What share of the keys each partition has, in no order.
pub(super) fn shares(seed: u64) -> Vec<f64> {
    let mut dice = dice(seed);
    let mut shares: Vec<_> = (1..=PARTITIONS)
        .map(|rank| (rank as f64).powf(-0.3))
        .collect();
    for last in (1..PARTITIONS).rev() {
        let other = dice(last as u64 + 1) as usize;
        shares.swap(last, other);
    }
    let all: f64 = shares.iter().sum();
    shares.iter().map(|share| share / all).collect()
}

/// Two million jobs wait, spread like the keys, and nothing comes.
fn backlogged(seed: u64) -> Vec<Partition> {
    let partitions = shares(seed).into_iter().map(|share| Partition {
        class: 0,
        arrivals: Some(Rate::ZERO),
        lag: Some((share * 2e6) as u64),
    });
    partitions.collect()
}

/// As Kafka's assignors do.
pub(super) fn by_count(workers: usize) -> Vec<Option<usize>> {
    (0..PARTITIONS)
        .map(|partition| Some(partition % workers))
        .collect()
}

fn share(problem: &Problem, worker_of: &[Option<usize>]) -> f64 {
    let rates = problem
        .workers
        .iter()
        .map(|worker| worker.rate.per_second());
    delivered(problem, worker_of).per_second() / rates.sum::<f64>()
}

#[test]
fn nearly_all_that_is_paid_for_works() {
    let goals = [(18, 0.99, 0.78), (48, 0.97, 0.68), (98, 0.94, 0.37)];
    for (workers, goal, reference) in goals {
        let (mut least, mut counted) = (1.0_f64, 0.0);
        for seed in 0..10 {
            let problem = Problem {
                partitions: backlogged(seed),
                workers: fleet(workers),
            };
            least = least.min(share(&problem, &assign(&problem, &[])));
            counted += share(&problem, &by_count(workers)) / 10.0;
        }
        println!("{workers} workers: {least:.3} by load, {counted:.3} by count");
        assert!(least >= goal, "{workers} workers: {least}");
        assert!(
            (counted - reference).abs() < 0.08,
            "{workers} workers: {counted}"
        );
    }
}

#[test]
fn a_fleet_that_grew_worker_by_worker_is_nearly_as_good() {
    for (before, after, goal) in [(8, 18, 0.94), (18, 48, 0.94), (48, 98, 0.94)] {
        for seed in 0..5 {
            let mut problem = Problem {
                partitions: backlogged(seed),
                workers: fleet(before),
            };
            let dealt = assign(&problem, &[]);
            let (mut present, mut changes) = (dealt.clone(), 0);
            for workers in before + 1..=after {
                problem.workers = fleet(workers);
                let next = assign(&problem, &present);
                changes += moved(&present, &next);
                present = next;
            }
            let grown = share(&problem, &present);
            println!("{before} to {after} workers: {grown:.3} after {changes} moves");
            assert!(grown >= goal, "{before} to {after} workers: {grown}");
            assert!(
                changes < PARTITIONS,
                "{before} to {after} workers: {changes} moves"
            );
        }
    }
}

#[test]
fn what_is_measured_may_waver() {
    for (workers, arriving, waiting) in [
        (18, 400, 0),
        (98, 2_400, 0),
        (98, 3_700, 0),
        (98, 3_000, 900),
    ] {
        let partitions = shares(7).into_iter().map(|share| Partition {
            class: 0,
            arrivals: Some(Rate::from_milli(
                (share * f64::from(arriving) * 1_000.0) as u64,
            )),
            lag: Some((share * f64::from(waiting * 3_970)) as u64),
        });
        let problem = Problem {
            partitions: partitions.collect(),
            workers: fleet(workers),
        };
        let dealt = assign(&problem, &[]);
        for (permille, most) in [(10, 0), (20, 0), (30, 30)] {
            let (mut present, mut changes) = (dealt.clone(), 0);
            for seed in 0..200 {
                let next = assign(&shaken(&problem, permille, seed), &present);
                changes += moved(&present, &next);
                present = next;
            }
            println!("{workers} workers, {arriving}/s, {permille} ‰: {changes} moves in 200 calls");
            assert!(
                changes <= most,
                "{workers} workers, {permille} ‰: {changes} moves"
            );
        }
    }
}
