//! When dead letters are no longer the jobs' fault. Pure: no clock, no Kafka.
//!
//! A few jobs that are none, or poison, are set aside one by one. When most are, it is rather the worker, its models or
//! a producer's new version that is wrong, and setting everything aside would empty the topic for nothing: the worker
//! stops instead, and what it has not set aside stays in Kafka.

use std::collections::VecDeque;

/// How many of the last jobs count.
const WINDOW: usize = 200;
/// Fewest jobs after which anything is said.
const JOBS_MIN: usize = 50;

/// Looks at how the last jobs ended.
#[derive(Debug)]
pub(crate) struct Breaker {
    /// Largest share of dead letters.
    share_max: f64,
    recent: VecDeque<bool>,
    dead: usize,
    is_open: bool,
}

// === impl Breaker ===

impl Breaker {
    /// `share_max`: 0..=1; with 1 it never opens.
    pub(crate) fn new(share_max: f64) -> Self {
        Self {
            share_max,
            recent: VecDeque::with_capacity(WINDOW),
            dead: 0,
            is_open: false,
        }
    }

    /// Notes how a job ends, before anything is written of it; false where nothing is to be written any more.
    pub(crate) fn lets_pass(&mut self, is_dead: bool) -> bool {
        if self.is_open {
            return false;
        }
        if self.recent.len() == WINDOW {
            self.dead -= usize::from(self.recent.pop_front() == Some(true));
        }
        self.recent.push_back(is_dead);
        self.dead += usize::from(is_dead);
        let count = self.recent.len();
        self.is_open = count >= JOBS_MIN && self.dead as f64 > self.share_max * count as f64;
        !self.is_open
    }

    /// What it saw, for people.
    pub(crate) fn says(&self) -> String {
        let (dead, count) = (self.dead, self.recent.len());
        format!(
            "{dead} of the last {count} jobs would be set aside: something other than the jobs is wrong"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_when_most_of_the_last_jobs_are_dead_and_stays_open() {
        let cases: [(&str, f64, usize, usize, bool); 6] = [
            ("too few to say anything", 0.5, 0, 49, true),
            ("everything is dead", 0.5, 0, 50, false),
            ("half is dead", 0.5, 50, 50, true),
            ("more than half is dead", 0.5, 50, 51, false),
            ("what was long ago does not count", 0.5, 1_000, 101, false),
            ("it is turned off", 1.0, 0, 1_000, true),
        ];
        for (name, share_max, good, dead, passes) in cases {
            let mut breaker = Breaker::new(share_max);
            (0..good).for_each(|_| assert!(breaker.lets_pass(false), "{name}"));
            let passed = (0..dead).map(|_| breaker.lets_pass(true)).last();
            assert_eq!(passed, Some(passes), "{name}");
            if !passes {
                assert!(!breaker.lets_pass(false), "{name}: it stays open");
            }
        }
    }
}
