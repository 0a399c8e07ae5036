//! What the baselines read of Kafka.

use std::collections::VecDeque;

use crate::decider::{Reading, View};

/// Jobs that wait, all partitions; none if there is no reading or one partition is unknown.
///
/// Every baseline holds then: KEDA fails its poll, Flink and the others take no sample.
pub(super) fn backlog(view: &View<'_>) -> Option<u64> {
    let totals = Totals::of(view.reading.as_ref()?)?;
    Some(totals.written.saturating_sub(totals.done))
}

/// Jobs ever written and ever done, at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Totals {
    /// When it was read, seconds.
    pub(super) at: f64,
    /// Jobs ever written.
    pub(super) written: u64,
    /// Jobs ever done.
    pub(super) done: u64,
}

/// Totals over the last while.
#[derive(Debug, Clone)]
pub(super) struct Window {
    seconds: f64,
    /// Oldest first; the oldest is the last that is at least as old as the window, if one is.
    looks: VecDeque<Totals>,
}

// === impl Totals ===

impl Totals {
    /// Of a whole reading; none if a partition is unknown.
    pub(super) fn of(reading: &Reading<'_>) -> Option<Self> {
        Some(Self {
            at: reading.at,
            written: reading.end.iter().copied().sum::<Option<u64>>()?,
            done: reading.committed.iter().copied().sum::<Option<u64>>()?,
        })
    }
}

// === impl Window ===

impl Window {
    pub(super) fn new(seconds: f64) -> Self {
        Self {
            seconds,
            looks: VecDeque::new(),
        }
    }

    /// Takes in what `view` shows. A look that is older than the newest, or partial, says nothing new.
    pub(super) fn observe(&mut self, view: &View<'_>) {
        let Some(totals) = view.reading.as_ref().and_then(Totals::of) else {
            return;
        };
        if self.looks.back().is_some_and(|last| totals.at <= last.at) {
            return;
        }
        self.looks.push_back(totals);
        while self.looks.len() > 2 && self.looks[1].at <= totals.at - self.seconds {
            self.looks.pop_front();
        }
    }

    /// Forgets all.
    pub(super) fn clear(&mut self) {
        self.looks.clear();
    }

    /// Whether it reaches as far back as it is wide.
    pub(super) fn is_full(&self) -> bool {
        self.seconds_seen() >= self.seconds
    }

    /// The newest look; none before the first.
    pub(super) fn newest(&self) -> Option<Totals> {
        self.looks.back().copied()
    }

    /// Jobs written and jobs done per second, in the mean of the window; none before the second look.
    pub(super) fn rates(&self) -> Option<(f64, f64)> {
        let seconds = self.seconds_seen();
        let (first, last) = (self.looks.front()?, self.looks.back()?);
        let rate = |from: u64, until: u64| jobs(until.saturating_sub(from)) / seconds;
        (seconds > 0.0).then(|| {
            (
                rate(first.written, last.written),
                rate(first.done, last.done),
            )
        })
    }

    fn seconds_seen(&self) -> f64 {
        match (self.looks.front(), self.looks.back()) {
            (Some(first), Some(last)) => last.at - first.at,
            _ => 0.0,
        }
    }
}

/// Jobs as a number to divide.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53 jobs")]
pub(super) fn jobs(count: u64) -> f64 {
    count as f64
}

/// A number of workers, rounded up; none for less than none.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest integer of its type; the most is limited by whoever asks"
)]
pub(super) fn workers(wanted: f64) -> u32 {
    wanted.ceil() as u32
}

#[cfg(test)]
mod tests {
    use super::super::testing::Look;
    use super::*;

    #[test]
    fn an_unknown_partition_is_not_an_empty_one() {
        let mut look = Look::at(10.0).written(500).done(200);
        assert_eq!(backlog(&look.view()), Some(300));
        look.end[1] = None;
        assert_eq!(backlog(&look.view()), None);
        assert_eq!(backlog(&look.blackout().view()), None);
    }

    #[test]
    fn rates_are_those_of_the_window() {
        let mut window = Window::new(60.0);
        for i in 0..10_u32 {
            let t = u64::from(i);
            // 10 a second for 45 s, then 30.
            let written = 150 * t + 300 * t.saturating_sub(3);
            window.observe(
                &Look::at(15.0 * f64::from(i))
                    .written(written)
                    .done(75 * t)
                    .view(),
            );
            assert_eq!(window.is_full(), i >= 4, "{i}");
        }
        assert_eq!(window.rates(), Some((30.0, 5.0)));
        window.observe(&Look::at(20.0).view()); // an old look
        assert_eq!(window.rates(), Some((30.0, 5.0)));
    }
}
