//! When a host is left alone: after failures in a row, for a time that doubles, until one try succeeds. Without a clock.
//!
//! ```text
//! closed ── FAILURES_MAX in a row ──▶ open ── its time is over ──▶ half open: one try
//!   ▲                                  ▲                             │
//!   │                                  └────── fails: twice as long ─┤
//!   └─────────────────────────────────────────────────── succeeds ──┘
//! ```

use std::time::{Duration, Instant};

/// Failures in a row that open it: more than one bad page, fewer than the places of a host, so that an origin that is
/// gone costs each place one wait and not two.
pub(super) const FAILURES_MAX: u32 = 20;
/// How long it stays open at first, and at most.
const OPEN_FIRST: Duration = Duration::from_secs(5);
const OPEN_MAX: Duration = Duration::from_secs(120);
/// How long a try may go unanswered before another one is let through: longer than any fetch.
const TRY_MAX: Duration = Duration::from_secs(15);

/// Whether a host is contacted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Closed,
    Open,
    HalfOpen,
}

/// What is known of a host.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// In a row.
    failures: u32,
    /// When it opened, or when the try began.
    since: Instant,
    /// How long it is open.
    wait: Duration,
}

// === impl Breaker ===

impl Breaker {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            state: State::Closed,
            failures: 0,
            since: now,
            wait: OPEN_FIRST,
        }
    }

    pub(super) fn state(&self) -> State {
        self.state
    }

    /// Whether the host may be contacted now; where it is open or tried, the answer is no.
    pub(super) fn admits(&mut self, now: Instant) -> bool {
        let wait = match self.state {
            State::Closed => return true,
            State::Open => self.wait,
            State::HalfOpen => TRY_MAX,
        };
        let is_over = now.saturating_duration_since(self.since) >= wait;
        if is_over {
            self.state = State::HalfOpen;
            self.since = now;
        }
        is_over
    }

    /// Notes that the host answered.
    pub(super) fn succeeded(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// Notes that the host did not answer, or not as it should.
    pub(super) fn failed(&mut self, now: Instant) {
        match self.state {
            State::Closed => {
                self.failures += 1;
                if self.failures < FAILURES_MAX {
                    return;
                }
            }
            State::HalfOpen => self.wait = (self.wait * 2).min(OPEN_MAX),
            // One that began before it opened.
            State::Open => return,
        }
        self.state = State::Open;
        self.since = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::new(now);
        for _ in 0..FAILURES_MAX {
            assert!(breaker.admits(now));
            breaker.failed(now);
        }
        breaker
    }

    #[test]
    fn only_failures_in_a_row_open_it() {
        let now = Instant::now();
        let mut breaker = Breaker::new(now);
        for _ in 0..10 {
            for _ in 1..FAILURES_MAX {
                breaker.failed(now);
            }
            breaker.succeeded(now);
        }
        assert!(breaker.admits(now));
        assert_eq!(opened(now).state(), State::Open);
        assert!(!opened(now).admits(now));
    }

    #[test]
    fn after_its_time_one_try_decides() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let almost = start + OPEN_FIRST - Duration::from_millis(1);
        assert!(!breaker.admits(almost));
        let over = start + OPEN_FIRST;
        assert!(breaker.admits(over));
        assert!(!breaker.admits(over), "one at a time");
        breaker.succeeded(over);
        assert_eq!(breaker.state(), State::Closed);
        assert!(breaker.admits(over));
    }

    #[test]
    fn each_failed_try_doubles_the_wait_up_to_a_bound() {
        let mut now = Instant::now();
        let mut breaker = opened(now);
        for wait in [5, 10, 20, 40, 80, 120, 120, 120] {
            let wait = Duration::from_secs(wait);
            assert!(
                !breaker.admits(now + wait - Duration::from_millis(1)),
                "{wait:?}"
            );
            now += wait;
            assert!(breaker.admits(now), "{wait:?}");
            breaker.failed(now);
            breaker.failed(now);
        }
    }

    #[test]
    fn a_try_that_is_never_heard_of_again_blocks_nobody_for_ever() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let now = start + OPEN_FIRST;
        assert!(breaker.admits(now));
        assert!(!breaker.admits(now + TRY_MAX - Duration::from_millis(1)));
        assert!(breaker.admits(now + TRY_MAX));
    }
}
