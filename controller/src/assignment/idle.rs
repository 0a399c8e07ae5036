//! Where next to nothing waits, partitions are dealt out as though something did: nobody would be done sooner, but
//! whoever joins has its share before a burst comes, and not some seconds into it. Pure.
//!
//! It costs nothing: a partition that moves while nothing waits keeps nobody waiting.

use spillway_core::WorkerPhase;
use spillway_core::assign::Problem;

/// A fleet that would be done with all that waits within this is idle: below it no move pays for itself.
const IDLE_SECONDS: u128 = 5;
/// The work that is dealt out then: so long for the whole fleet, the same to each partition beside what comes to it.
/// Long against what makes a move worth while (5 s, a twentieth), short against an hour.
const FORESEEN_SECONDS: u128 = 60;

/// The problem as it is, or with work to come where the fleet is idle.
///
/// Where a lag is unknown it is left as it is: what is not known is not nothing.
pub(super) fn foresee(mut problem: Problem) -> Problem {
    let ready = problem.workers.iter();
    let ready = ready.filter(|worker| worker.phase == WorkerPhase::Ready);
    let rate: u128 = ready.map(|worker| u128::from(worker.rate.milli())).sum();
    let comes = problem.partitions.iter().filter_map(|it| it.arrivals);
    let comes: u128 = comes.map(|rate| u128::from(rate.milli())).sum();
    let lags = problem.partitions.iter().map(|it| it.lag.map(u128::from));
    let Some(lag) = lags.sum::<Option<u128>>() else {
        return problem;
    };
    let spare = rate.saturating_sub(comes);
    let is_idle = spare > 0 && lag * 1_000 < spare * IDLE_SECONDS;
    if !is_idle || problem.partitions.is_empty() {
        return problem;
    }
    let count = problem.partitions.len() as u128;
    let each = (spare * FORESEEN_SECONDS / 1_000 / count).max(1);
    let each = u64::try_from(each).unwrap_or(u64::MAX);
    for partition in &mut problem.partitions {
        partition.lag = partition.lag.map(|lag| lag.saturating_add(each));
    }
    problem
}

#[cfg(test)]
mod tests {
    use spillway_core::Rate;
    use spillway_core::assign::{Partition, Worker};

    use super::*;

    fn problem(lags: &[Option<u64>], comes: u64, rate: u64) -> Problem {
        Problem {
            partitions: lags
                .iter()
                .map(|lag| Partition {
                    class: 0,
                    arrivals: Some(Rate::from_milli(comes * 1_000)),
                    lag: *lag,
                })
                .collect(),
            workers: vec![Worker {
                rate: Rate::from_milli(rate * 1_000),
                phase: WorkerPhase::Ready,
            }],
        }
    }

    fn lags(problem: Problem) -> Vec<Option<u64>> {
        let lags = foresee(problem).partitions.into_iter();
        lags.map(|partition| partition.lag).collect()
    }

    #[test]
    fn an_idle_fleet_is_dealt_a_minute_of_what_it_can_do_beside_what_comes() {
        assert_eq!(
            lags(problem(&[Some(0), Some(10)], 1, 12)),
            [Some(300), Some(310)]
        );
    }

    #[test]
    fn what_waits_what_is_unknown_and_what_cannot_be_done_is_left_as_it_is() {
        let cases = [
            ("50 jobs are 5 s", vec![Some(0), Some(50)], 0, 10),
            ("a lag is unknown", vec![Some(0), None], 0, 10),
            ("more comes than is done", vec![Some(0), Some(0)], 6, 10),
            (
                "nobody is ready to do anything",
                vec![Some(0), Some(0)],
                0,
                0,
            ),
        ];
        for (name, before, comes, rate) in cases {
            assert_eq!(lags(problem(&before, comes, rate)), before, "{name}");
        }
    }
}
