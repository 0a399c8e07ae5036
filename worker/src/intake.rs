//! How fast jobs are taken in, and what that says of the load. Pure: time comes in.

use std::time::{Duration, Instant};

/// Share of a second whose jobs may be taken at once after a pause.
const BURST_SECONDS: f64 = 0.25;

/// A stated limit of jobs per second.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    burst: Duration,
    /// When the next job is due, if none was ever late.
    next: Instant,
}

/// Counts the time with jobs in flight and the time with input never empty.
#[derive(Debug)]
pub(crate) struct Meter {
    at: Instant,
    is_busy: bool,
    is_saturated: bool,
    pub(crate) busy: Duration,
    pub(crate) saturated: Duration,
}

// === impl Pace ===

impl Pace {
    pub(crate) fn new(now: Instant, per_second: f64) -> Self {
        Self {
            interval: Duration::from_secs_f64(1.0 / per_second),
            burst: Duration::from_secs_f64(BURST_SECONDS),
            next: now,
        }
    }

    /// When the next job may be taken.
    pub(crate) fn due(&self) -> Instant {
        self.next
    }

    /// Notes that a job was taken.
    pub(crate) fn taken(&mut self, now: Instant) {
        let earliest = now.checked_sub(self.burst).unwrap_or(now);
        self.next = self.next.max(earliest) + self.interval;
    }
}

// === impl Meter ===

impl Meter {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            at: now,
            is_busy: false,
            is_saturated: false,
            busy: Duration::ZERO,
            saturated: Duration::ZERO,
        }
    }

    /// Books the time since the last call as what it was then, and notes what it is from now on.
    pub(crate) fn observe(&mut self, now: Instant, is_busy: bool, is_saturated: bool) {
        let elapsed = now.saturating_duration_since(self.at);
        if self.is_busy {
            self.busy += elapsed;
        }
        if self.is_saturated {
            self.saturated += elapsed;
        }
        (self.at, self.is_busy, self.is_saturated) = (now, is_busy, is_saturated);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_holds_over_time_and_forgives_a_short_pause() {
        let start = Instant::now();
        let mut pace = Pace::new(start, 10.0);
        let mut now = start;
        for _ in 0..100 {
            now = now.max(pace.due());
            pace.taken(now);
        }
        assert_eq!(pace.due() - start, Duration::from_secs(10));
        // After a long pause no more than a quarter of a second is made up for.
        now += Duration::from_secs(60);
        let mut at_once = 0;
        while pace.due() <= now {
            pace.taken(now);
            at_once += 1;
        }
        assert_eq!(at_once, 3);
    }

    #[test]
    fn time_is_booked_as_what_it_was() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut meter = Meter::new(start);
        meter.observe(at(10), true, false);
        meter.observe(at(30), true, true);
        meter.observe(at(60), false, false);
        meter.observe(at(100), true, true);
        assert_eq!(meter.busy, Duration::from_millis(50));
        assert_eq!(meter.saturated, Duration::from_millis(30));
    }
}
