//! Who gets which partition: the product's own assignment, and what Kafka's assignors do.

use std::cmp::Reverse;

use spillway_core::assign::{Partition, Problem, Worker, assign};
use spillway_core::{Rate, WorkerPhase};

/// Lag, jobs, and arrivals of one partition.
pub(super) type Load = (u64, Rate);
/// Number and measured rate of one worker.
pub(super) type Speed = (u64, Rate);
/// Gives each partition a worker: its place in `workers`; none only where there is nobody.
///
/// `present` says who has it now, none for nobody who is still there.
pub(super) type Assign = fn(&[Load], &[Speed], &[Option<usize>]) -> Vec<Option<usize>>;

/// By speed and load, as the controller does.
pub(super) fn weighted(
    partitions: &[Load],
    workers: &[Speed],
    present: &[Option<usize>],
) -> Vec<Option<usize>> {
    let problem = Problem {
        partitions: partitions
            .iter()
            .map(|(lag, arrivals)| Partition {
                class: 0,
                arrivals: Some(*arrivals),
                lag: Some(*lag),
            })
            .collect(),
        workers: workers
            .iter()
            .map(|(_, rate)| Worker {
                rate: *rate,
                phase: WorkerPhase::Ready,
            })
            .collect(),
    };
    assign(&problem, present)
}

/// The same number to everyone, with the fewest moves, as the cooperative-sticky assignor does.
pub(super) fn by_count(
    partitions: &[Load],
    workers: &[Speed],
    present: &[Option<usize>],
) -> Vec<Option<usize>> {
    if workers.is_empty() {
        return vec![None; partitions.len()];
    }
    let (each, more) = (
        partitions.len() / workers.len(),
        partitions.len() % workers.len(),
    );
    let mut has = vec![0_usize; workers.len()];
    for owner in present.iter().flatten() {
        has[*owner] += 1;
    }
    // Whoever has most keeps one more.
    let mut order: Vec<usize> = (0..workers.len()).collect();
    order.sort_by_key(|worker| (Reverse(has[*worker]), *worker));
    let mut room = vec![each; workers.len()];
    order
        .iter()
        .take(more)
        .for_each(|worker| room[*worker] += 1);
    let mut owner: Vec<Option<usize>> = present.to_vec();
    for slot in &mut owner {
        match *slot {
            Some(worker) if room[worker] > 0 => room[worker] -= 1,
            _ => *slot = None,
        }
    }
    let mut next = order.into_iter().peekable();
    for slot in owner.iter_mut().filter(|slot| slot.is_none()) {
        while next.next_if(|worker| room[*worker] == 0).is_some() {}
        if let Some(worker) = next.peek() {
            room[*worker] -= 1;
            *slot = Some(*worker);
        }
    }
    owner
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(per_second: u64) -> Rate {
        Rate::from_milli(per_second * 1_000)
    }

    /// When the last worker is done, of what would be if all work could be divided at will.
    fn excess(partitions: &[Load], workers: &[Speed], owner: &[Option<usize>]) -> f64 {
        let mut load = vec![0; workers.len()];
        for ((lag, _), owner) in partitions.iter().zip(owner) {
            load[owner.unwrap()] += lag;
        }
        let times = load.iter().zip(workers);
        let last = times.map(|(lag, (_, rate))| *lag as f64 / rate.per_second());
        let rates: f64 = workers.iter().map(|(_, rate)| rate.per_second()).sum();
        last.fold(0.0, f64::max) / (load.iter().sum::<u64>() as f64 / rates)
    }

    #[test]
    fn speed_and_load_count_and_numbers_do_not() {
        let partitions: Vec<Load> = (1..=512)
            .map(|rank| ((1e6 * f64::from(rank).powf(-0.3)) as u64, Rate::ZERO))
            .collect();
        let workers: Vec<Speed> = (0..48).map(|id| (id, rate(20 + id % 4 * 10))).collect();
        let none = vec![None; 512];
        let weighted = weighted(&partitions, &workers, &none);
        assert!(excess(&partitions, &workers, &weighted) < 1.1);
        let by_count = by_count(&partitions, &workers, &none);
        assert!(excess(&partitions, &workers, &by_count) > 1.4);
    }

    proptest! {
        #[test]
        fn everything_is_dealt_out_and_what_is_even_stays(
            lags in prop::collection::vec(0..1_000_000_u64, 1..64),
            rates in prop::collection::vec(1..60_u64, 1..12),
            holders in prop::collection::vec(prop::option::of(0..12_usize), 64),
        ) {
            let partitions: Vec<Load> = lags.iter().map(|lag| (*lag, rate(1))).collect();
            let workers: Vec<Speed> = (0..).zip(rates).map(|(id, per_second)| (id, rate(per_second))).collect();
            let present: Vec<Option<usize>> = holders
                .into_iter()
                .take(lags.len())
                .map(|holder| holder.filter(|worker| *worker < workers.len()))
                .collect();
            for assign in [weighted as Assign, by_count] {
                let owner = assign(&partitions, &workers, &present);
                prop_assert_eq!(owner.len(), partitions.len());
                prop_assert!(owner.iter().all(|owner| owner.is_some_and(|worker| worker < workers.len())));
                prop_assert_eq!(assign(&partitions, &workers, &owner), owner);
            }
        }
    }
}
