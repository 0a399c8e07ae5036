//! A burst is drained by a fleet that grows meanwhile: partitions move while the work is done.
//!
//! Fluid: a worker shares its rate among its partitions that have lag; a moved partition stands still for 3 s; every
//! 5 s the lags are read and partitions assigned. Seconds and jobs.

use super::quality::{PARTITIONS, by_count, fleet, shares};
use super::{dice, moved};
use crate::assign::{Partition, Problem, Worker, assign};
use crate::snapshot::WorkerPhase;
use crate::units::Rate;

const BURST: f64 = 2e6;
const PAUSE_SECONDS: u64 = 3;
const LOOK_EVERY_SECONDS: u64 = 5;
const SECONDS_MAX: u64 = 4_000;

/// How a burst is drained.
struct Story {
    name: &'static str,
    /// Jobs per second that keep coming.
    arriving: f64,
    /// Whether all 98 workers are there from the start; else 8 are, and the others come between 190 s and 490 s.
    is_all_there: bool,
    /// Most that the rate that is believed of a worker is off, thousandths.
    wrong_permille: u64,
    /// Most that each look is off besides, thousandths.
    noise_permille: u64,
    /// What part of the work that the fleet can do must be done until nothing waits, thousandths.
    share_min_permille: u64,
    /// Moves there may be, for each partition.
    moves_max: usize,
}

struct Fluid {
    now: u64,
    lag: Vec<f64>,
    arriving: Vec<f64>,
    workers: Vec<Worker>,
    believed: Vec<Worker>,
    ready_at: Vec<u64>,
    worker_of: Vec<Option<usize>>,
    stands_until: Vec<u64>,
    moves: usize,
    done: f64,
    could: f64,
}

impl Fluid {
    fn begin(story: &Story, seed: u64) -> Self {
        let mut dice = dice(seed);
        let shares = shares(seed);
        let workers = fleet(98);
        let mut believed = workers.clone();
        for worker in &mut believed {
            worker.rate = off(worker.rate, story.wrong_permille, &mut dice);
        }
        let mut ready_at: Vec<_> = (0..98).map(|_| 190 + dice(300)).collect();
        ready_at[..8].fill(0);
        ready_at.sort_unstable();
        if story.is_all_there {
            ready_at.fill(0);
        }
        Self {
            now: 0,
            lag: shares.iter().map(|share| share * BURST).collect(),
            arriving: shares.iter().map(|share| share * story.arriving).collect(),
            workers,
            believed,
            ready_at,
            worker_of: by_count(8),
            stands_until: vec![0; PARTITIONS],
            moves: 0,
            done: 0.0,
            could: 0.0,
        }
    }

    fn ready(&self) -> usize {
        self.ready_at.iter().filter(|at| **at <= self.now).count()
    }

    fn look(&self, noise_permille: u64, dice: &mut impl FnMut(u64) -> u64) -> Problem {
        let mut workers = self.believed[..self.ready()].to_vec();
        for worker in &mut workers {
            worker.rate = off(worker.rate, noise_permille, dice);
            worker.phase = WorkerPhase::Ready;
        }
        let partitions = self.lag.iter().zip(&self.arriving).map(|(lag, arriving)| {
            let arriving = Rate::from_milli((arriving * 1_000.0) as u64);
            Partition {
                class: 0,
                arrivals: Some(off(arriving, noise_permille, dice)),
                lag: Some(lag.round() as u64),
            }
        });
        Problem {
            partitions: partitions.collect(),
            workers,
        }
    }

    fn assign(&mut self, next: Vec<Option<usize>>) {
        self.moves += moved(&self.worker_of, &next);
        for (partition, worker) in next.iter().enumerate() {
            if *worker != self.worker_of[partition] {
                self.stands_until[partition] = self.now + PAUSE_SECONDS;
            }
        }
        self.worker_of = next;
    }

    /// One second.
    fn work(&mut self) {
        for (lag, arriving) in self.lag.iter_mut().zip(&self.arriving) {
            *lag += arriving;
        }
        let mut reads = vec![Vec::new(); self.workers.len()];
        for (partition, worker) in self.worker_of.iter().enumerate() {
            if let Some(worker) = worker.filter(|_| self.stands_until[partition] <= self.now) {
                reads[worker].push(partition);
            }
        }
        for (worker, reads) in reads.iter_mut().enumerate().take(self.ready()) {
            let mut rate = self.workers[worker].rate.per_second();
            self.could += rate;
            // Smallest first: what it leaves over is for the others.
            reads.sort_by(|a, b| self.lag[*a].total_cmp(&self.lag[*b]));
            for (place, partition) in reads.iter().enumerate() {
                let share = rate / (reads.len() - place) as f64;
                let done = share.min(self.lag[*partition]);
                self.lag[*partition] -= done;
                self.done += done;
                rate -= done;
            }
        }
        self.now += 1;
    }

    fn is_drained(&self) -> bool {
        // Two seconds' arrivals are never waited for.
        self.lag.iter().sum::<f64>() <= 1.0 + 2.0 * self.arriving.iter().sum::<f64>()
    }
}

fn off(rate: Rate, permille: u64, dice: &mut impl FnMut(u64) -> u64) -> Rate {
    Rate::from_milli(rate.milli() * (1_000 - permille + dice(2 * permille + 1)) / 1_000)
}

/// What part of the work that the fleet could do is done, in how many seconds, with how many moves.
fn drained(story: &Story, seed: u64, is_by_count: bool) -> (f64, u64, usize) {
    let mut fluid = Fluid::begin(story, seed);
    let mut dice = dice(seed ^ 0xf1);
    while !fluid.is_drained() && fluid.now < SECONDS_MAX {
        if fluid.now.is_multiple_of(LOOK_EVERY_SECONDS) {
            let next = if is_by_count {
                by_count(fluid.ready())
            } else {
                assign(
                    &fluid.look(story.noise_permille, &mut dice),
                    &fluid.worker_of,
                )
            };
            fluid.assign(next);
        }
        fluid.work();
    }
    (fluid.done / fluid.could, fluid.now, fluid.moves)
}

#[test]
fn a_burst_is_drained_by_nearly_all_that_is_paid_for() {
    let calm = Story {
        name: "all there",
        arriving: 0.0,
        is_all_there: true,
        wrong_permille: 0,
        noise_permille: 0,
        share_min_permille: 975,
        moves_max: 2,
    };
    let stories = [
        Story {
            name: "all there, jobs keep coming",
            arriving: 2_000.0,
            share_min_permille: 990,
            ..calm
        },
        Story {
            name: "workers come one by one",
            is_all_there: false,
            share_min_permille: 950,
            moves_max: 3,
            ..calm
        },
        Story {
            name: "workers come one by one, jobs keep coming, and what is believed is wrong",
            arriving: 2_000.0,
            is_all_there: false,
            wrong_permille: 100,
            noise_permille: 20,
            share_min_permille: 985,
            moves_max: 4,
        },
        Story {
            name: "what is believed is wrong",
            wrong_permille: 100,
            noise_permille: 20,
            share_min_permille: 950,
            ..calm
        },
        calm,
    ];
    for story in stories {
        for seed in 0..3 {
            let (share, seconds, moves) = drained(&story, seed, false);
            let (counted, too_long, _) = drained(&story, seed, true);
            let name = story.name;
            println!(
                "{name}: {share:.3} in {seconds} s with {moves} moves; by count {counted:.3} in {too_long} s"
            );
            assert!(
                share * 1_000.0 >= story.share_min_permille as f64,
                "{name}, seed {seed}: {share}"
            );
            assert!(
                moves <= story.moves_max * PARTITIONS,
                "{name}, seed {seed}: {moves} moves"
            );
            assert!(counted < 0.7, "{name}, seed {seed}: {counted}");
        }
    }
}
