//! What holds of every fleet.

use jiff::SignedDuration;
use proptest::collection::vec;
use proptest::prelude::*;

use super::{dice, moved, ready, shaken};
use crate::assign::{Partition, Problem, Shape, Why, Worker, assign, delivered, done_in, moves};
use crate::snapshot::WorkerPhase;
use crate::units::Rate;

prop_compose! {
    fn partition()(
        class in 0..3_u8,
        arrivals in prop_oneof![
            1 => Just(None),
            3 => Just(Some(0)),
            8 => (0..20_000_u64).prop_map(Some),
        ],
        lag in prop_oneof![
            1 => Just(None),
            3 => Just(Some(0)),
            10 => (0..20_000_u64).prop_map(Some),
            1 => (0..2_000_000_u64).prop_map(Some),
        ],
    ) -> Partition {
        Partition { class, arrivals: arrivals.map(Rate::from_milli), lag }
    }
}

prop_compose! {
    fn worker()(
        rate in prop_oneof![Just(40_000), Just(55_000), Just(20_000), 1_000..100_000_u64],
        phase in prop_oneof![
            12 => Just(WorkerPhase::Ready),
            1 => Just(WorkerPhase::Starting),
            1 => Just(WorkerPhase::Draining),
            1 => Just(WorkerPhase::Stopped),
        ],
    ) -> Worker {
        Worker { rate: Rate::from_milli(rate), phase }
    }
}

prop_compose! {
    fn problem()(partitions in vec(partition(), 0..80), workers in vec(worker(), 0..16)) -> Problem {
        Problem { partitions, workers }
    }
}

/// Who has what, at random; some of it with workers that are not there.
fn anybody(problem: &Problem, seed: u64) -> Vec<Option<usize>> {
    let mut dice = dice(seed);
    let workers = u64::try_from(problem.workers.len()).unwrap();
    let partitions = problem.partitions.iter();
    partitions
        .map(|_| usize::try_from(dice(workers + 2)).unwrap().checked_sub(1))
        .collect()
}

fn is_ready(problem: &Problem, worker: usize) -> bool {
    let worker = problem.workers.get(worker);
    worker.is_some_and(|worker| worker.phase == WorkerPhase::Ready)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn everything_has_a_worker_that_is_ready(problem in problem(), seed: u64) {
        let next = assign(&problem, &anybody(&problem, seed));
        prop_assert_eq!(next.len(), problem.partitions.len());
        let is_any_ready = (0..problem.workers.len()).any(|worker| is_ready(&problem, worker));
        for worker in next {
            prop_assert_eq!(worker.is_some(), is_any_ready);
            prop_assert!(worker.is_none_or(|worker| is_ready(&problem, worker)));
        }
    }

    #[test]
    fn asking_again_changes_nothing(problem in problem(), seed: u64) {
        let next = assign(&problem, &anybody(&problem, seed));
        prop_assert_eq!(&assign(&problem, &next), &next);
        let dealt = assign(&problem, &[]);
        prop_assert_eq!(&assign(&problem, &dealt), &dealt);
    }

    #[test]
    fn a_fleet_whose_figures_waver_comes_to_rest(problem in problem(), seed: u64) {
        let mut present = assign(&problem, &[]);
        let (mut quiet, mut changes) = (0, 0);
        for shake in 0..1_000 {
            let next = assign(&shaken(&problem, 5, seed.wrapping_add(shake)), &present);
            quiet = if next == present { quiet + 1 } else { 0 };
            changes += moved(&present, &next);
            present = next;
            if quiet == 50 {
                break;
            }
        }
        prop_assert_eq!(quiet, 50);
        prop_assert!(changes <= 2 * problem.partitions.len() + 8, "{changes} changes");
    }

    #[test]
    fn what_moves_for_balance_moves_between_workers_of_which_all_is_known(
        problem in problem(), seed: u64,
    ) {
        let present = anybody(&problem, seed);
        let next = assign(&problem, &present);
        let guessed: Vec<_> = problem.partitions.iter().zip(&next)
            .filter(|(partition, _)| partition.lag.is_none())
            .filter_map(|(_, worker)| *worker)
            .collect();
        for change in moves(&problem, &present, &next) {
            if change.why == Why::Balance {
                prop_assert!(problem.partitions[change.partition].lag.is_some());
                prop_assert!(change.to.is_some_and(|to| !guessed.contains(&to)));
                prop_assert!(change.from.is_some_and(|from| !guessed.contains(&from)));
            }
        }
    }

    #[test]
    fn moving_for_balance_never_delivers_less_than_keeping(problem in problem(), seed: u64) {
        // Everybody is ready and all is known, so that keeping everything is one answer.
        let mut problem = problem;
        problem.workers.retain(|worker| worker.phase == WorkerPhase::Ready);
        for partition in &mut problem.partitions {
            partition.lag = partition.lag.or(Some(10));
        }
        if problem.workers.is_empty() {
            return Ok(());
        }
        let present = assign(&shaken(&problem, 900, seed), &[]);
        let next = assign(&problem, &present);
        let (before, after) = (delivered(&problem, &present), delivered(&problem, &next));
        // What an empty partition counts is not in what is delivered: a sixteenth at most.
        prop_assert!(after.milli() >= before.milli() / 17 * 16 , "{before} before, {after} after");
    }

    #[test]
    fn a_deal_is_at_most_twice_what_could_be(problem in problem()) {
        let mut problem = problem;
        problem.workers.retain(|worker| worker.phase == WorkerPhase::Ready);
        for partition in &mut problem.partitions {
            partition.lag = Some(partition.lag.unwrap_or(0) + 500);
            partition.arrivals = Some(Rate::ZERO);
        }
        if problem.workers.is_empty() || problem.partitions.is_empty() {
            return Ok(());
        }
        let rates: Vec<_> = problem.workers.iter().map(|worker| worker.rate).collect();
        let best = Shape::within(&problem.partitions, SignedDuration::ZERO).reach(&rates);
        let dealt = assign(&problem, &[]);
        let delivers = delivered(&problem, &dealt);
        prop_assert!(delivers <= best.delivered);
        prop_assert!(delivers.times(2) >= best.delivered, "{delivers} of {}", best.delivered);
        prop_assert!(done_in(&problem, &dealt).is_some());
    }

    #[test]
    fn a_small_deal_is_nearly_the_best_there_is(
        lags in vec(200..20_000_u64, 1..8),
        rates in vec(20..60_u64, 1..4),
    ) {
        let problem = Problem { partitions: super::lags(&lags), workers: ready(&rates) };
        let deals = rates.len().pow(u32::try_from(lags.len()).unwrap());
        let best = (0..deals).map(|mut deal| {
            let worker_of = lags.iter().map(|_| {
                let worker = deal % rates.len();
                deal /= rates.len();
                Some(worker)
            });
            delivered(&problem, &worker_of.collect::<Vec<_>>())
        });
        let best = best.max().unwrap();
        let dealt = delivered(&problem, &assign(&problem, &[]));
        prop_assert!(dealt.milli() * 4 >= best.milli() * 3, "{dealt} of {best}");
    }

    #[test]
    fn the_largest_numbers_there_are_do_no_harm(
        lags in vec(prop_oneof![Just(0), Just(u64::MAX), any::<u64>()], 1..20),
        rates in vec(prop_oneof![Just(0), Just(u64::MAX), any::<u64>()], 1..5),
    ) {
        let partitions = lags.iter().map(|lag| Partition {
            class: u8::try_from(lag % 256).unwrap(),
            arrivals: Some(Rate::from_milli(lag.rotate_left(7))),
            lag: Some(*lag),
        });
        let workers = rates.iter().map(|rate| Worker {
            rate: Rate::from_milli(*rate),
            phase: WorkerPhase::Ready,
        });
        let problem = Problem { partitions: partitions.collect(), workers: workers.collect() };
        let next = assign(&problem, &[]);
        prop_assert!(next.iter().all(Option::is_some));
        prop_assert_eq!(&assign(&problem, &next), &next);
        let _ = (delivered(&problem, &next), done_in(&problem, &next));
        let rates: Vec<_> = problem.workers.iter().map(|worker| worker.rate).collect();
        let hour = SignedDuration::from_hours(1);
        let _ = Shape::within(&problem.partitions, hour).reach(&rates);
    }
}
