//! What an assignment delivers, and what none could.

use jiff::SignedDuration;

use super::{lags, ready};
use crate::assign::{Limit, Problem, Shape, delivered, done_in};
use crate::snapshot::WorkerPhase;
use crate::units::Rate;

fn rates(rates: &[u64]) -> Vec<Rate> {
    rates
        .iter()
        .map(|rate| Rate::from_milli(rate * 1_000))
        .collect()
}

fn shape(partitions: &[u64]) -> Shape {
    Shape::within(&lags(partitions), SignedDuration::ZERO)
}

#[test]
fn a_hot_partition_leaves_most_workers_without_use() {
    let mut partitions = vec![8; 24];
    partitions[7] = 92 * 23;
    let reach = shape(&partitions).reach(&rates(&[40; 24]));
    // 40 of 92 %: all together do 43.48 in the time that the hot one's worker takes.
    assert_eq!(reach.delivered, Rate::from_milli(43_478));
    assert_eq!(reach.rates, Rate::from_milli(960_000));
    assert_eq!(reach.useful, 2, "workers 3–24 cannot help");
    let limit = Limit {
        largest: 7,
        partitions: 1,
        share_permille: 920,
    };
    assert_eq!(
        reach.limit,
        Some(limit),
        "partition 7 holds 92 % of the work"
    );
}

#[test]
fn what_workers_can_do_at_best() {
    struct Case {
        name: &'static str,
        lags: &'static [u64],
        rates: &'static [u64],
        delivered: u64,
        useful: usize,
        limit: Option<(usize, u64)>,
    }
    let cases = [
        Case {
            name: "many equal partitions use everything",
            lags: &[5; 64],
            rates: &[20, 40, 55],
            delivered: 115_000,
            useful: 3,
            limit: None,
        },
        Case {
            name: "three partitions use the three fastest of five",
            lags: &[5, 5, 5],
            rates: &[20, 40, 55, 40, 20],
            delivered: 135_000,
            useful: 3,
            limit: Some((3, 1_000)),
        },
        Case {
            name: "two hot partitions hold back what is left after two workers",
            lags: &[45, 45, 2, 2, 2, 2, 2],
            rates: &[40; 7],
            delivered: 88_888,
            useful: 3,
            limit: Some((2, 900)),
        },
        Case {
            name: "where nothing waits and nothing comes, every partition counts the same",
            lags: &[0, 0],
            rates: &[40, 40, 40],
            delivered: 80_000,
            useful: 2,
            limit: Some((2, 1_000)),
        },
        Case {
            name: "no workers do nothing",
            lags: &[5],
            rates: &[],
            delivered: 0,
            useful: 0,
            limit: None,
        },
        Case {
            name: "without partitions nobody helps",
            lags: &[],
            rates: &[40],
            delivered: 0,
            useful: 0,
            limit: Some((0, 0)),
        },
    ];
    for case in cases {
        let reach = shape(case.lags).reach(&rates(case.rates));
        assert_eq!(reach.delivered.milli(), case.delivered, "{}", case.name);
        assert_eq!(reach.useful, case.useful, "{}", case.name);
        let limit = reach
            .limit
            .map(|limit| (limit.partitions, limit.share_permille));
        assert_eq!(limit, case.limit, "{}", case.name);
    }
}

#[test]
fn a_worker_that_cannot_be_given_a_partition_adds_nothing() {
    let even = shape(&[5; 64]);
    assert_eq!(
        even.adds(&rates(&[40; 8]), Rate::from_milli(55_000))
            .milli(),
        55_000
    );
    let few = shape(&[5; 8]);
    assert_eq!(
        few.adds(&rates(&[40; 8]), Rate::from_milli(20_000)),
        Rate::ZERO
    );
    // A faster one takes the place of a slower.
    assert_eq!(
        few.adds(&rates(&[40; 8]), Rate::from_milli(55_000)).milli(),
        15_000
    );
}

#[test]
fn one_worker_with_too_much_holds_everything_back() {
    let fleet = |phase| {
        let mut workers = ready(&[40, 40]);
        workers[1].phase = phase;
        Problem {
            partitions: lags(&[600; 4]),
            workers,
        }
    };
    let both = fleet(WorkerPhase::Ready);
    let cases = [
        ("level", [0, 1, 0, 1], 80_000, Some(30)),
        ("three to one", [0, 0, 0, 1], 53_333, Some(45)),
        ("all with one", [0, 0, 0, 0], 40_000, Some(60)),
    ];
    for (name, worker_of, milli, seconds) in cases {
        let worker_of = worker_of.map(Some);
        assert_eq!(delivered(&both, &worker_of).milli(), milli, "{name}");
        let done = done_in(&both, &worker_of).map(|done| done.as_secs());
        assert_eq!(done, seconds, "{name}");
    }
    let draining = fleet(WorkerPhase::Draining);
    let with_it = [0, 1, 0, 1].map(Some);
    assert_eq!(delivered(&draining, &with_it), Rate::ZERO);
    assert_eq!(done_in(&draining, &with_it), None);
    assert_eq!(delivered(&both, &[Some(0), None]), Rate::ZERO);
    assert_eq!(done_in(&both, &[Some(0), None]), None);
}

#[test]
fn a_worker_that_does_less_than_arrives_is_never_done() {
    let mut fleet = Problem {
        partitions: lags(&[600, 0]),
        workers: ready(&[40, 40]),
    };
    fleet.partitions[0].arrivals = Some(Rate::from_milli(10_000));
    fleet.partitions[1].arrivals = Some(Rate::from_milli(40_000));
    let done = |fleet: &Problem| done_in(fleet, &[Some(0), Some(1)]).map(|done| done.as_secs());
    assert_eq!(done(&fleet), Some(20), "600 ÷ (40 − 10)");
    fleet.partitions[1].arrivals = Some(Rate::from_milli(40_001));
    assert_eq!(done(&fleet), None);
}
