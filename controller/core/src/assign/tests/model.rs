//! Horizon, work and level, by example.

use super::{lags, ready};
use crate::assign::Problem;
use crate::assign::model::{Model, horizon_ms, works};
use crate::units::Rate;

fn problem(lag: &[u64], rates: &[u64]) -> Problem {
    Problem {
        partitions: lags(lag),
        workers: ready(rates),
    }
}

fn arriving(mut problem: Problem, per_second: u64) -> Problem {
    for partition in &mut problem.partitions {
        partition.arrivals = Some(Rate::from_milli(per_second * 1_000));
    }
    problem
}

#[test]
fn the_horizon_is_when_the_fleet_would_be_done() {
    let two = |lag| problem(&[lag, lag], &[40, 40]);
    let cases = [
        ("nothing comes", two(20_000), 500_000),
        (
            "half of what is done comes",
            arriving(two(20_000), 20),
            1_000_000,
        ),
        ("a short backlog is looked at for a minute", two(10), 60_000),
        ("a long one for an hour", two(10_000_000), 3_600_000),
        ("more comes than is done", arriving(two(10), 41), 3_600_000),
        ("nobody works", problem(&[10], &[]), 3_600_000),
    ];
    for (name, problem, horizon) in cases {
        assert_eq!(horizon_ms(&problem), horizon, "{name}");
    }
    let work = works(&arriving(two(20_000), 20).partitions, 1_000_000);
    assert_eq!(work, [40_000_000; 2], "20,000 wait and 20,000 come");
}

#[test]
fn the_level_is_that_of_workers_without_a_hot_partition() {
    // Seconds; partitions are large enough that what an empty one counts does not matter.
    let cases: [(&str, &[u64], &[u64], u64); 6] = [
        ("nothing is hot", &[4_000; 10], &[40, 40, 20], 400),
        ("one is", &[92_000, 4_000, 4_000], &[20, 20, 55], 200),
        // Alone the first takes no longer than the rest; with the second it does.
        (
            "two are, together",
            &[9_900, 9_900, 1_000],
            &[20, 10, 10],
            100,
        ),
        (
            "one each, and nothing is left",
            &[900, 900],
            &[40, 40, 40],
            0,
        ),
        ("as many as workers", &[4_000, 4_000], &[40, 40], 100),
        ("no partitions", &[], &[40], 0),
    ];
    for (name, lags, rates, level) in cases {
        let model = Model::of(&problem(lags, rates));
        assert_eq!(model.level_us(&model.work) / 1_000_000, level, "{name}");
    }
}

/// Once the largest were set aside one by one until one was not hot, whatever came after it.
#[test]
fn the_level_does_not_jump() {
    let level = |first| {
        let model = Model::of(&problem(&[first, 9_000, 400, 400], &[100, 10, 10]));
        model.level_us(&model.work)
    };
    let mut last = level(20_000);
    for first in 20_000..100_000 {
        let next = level(first);
        assert!(
            next.abs_diff(last) < last / 1_000,
            "{first}: {last}, then {next}"
        );
        last = next;
    }
}
