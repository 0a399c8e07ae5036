//! Between two ticks the backlog is looked at alone, so that a burst is decided upon when it comes and not when the
//! second ends.

use std::time::Duration;

use spillway_core::{BacklogReading, Plan};
use spillway_kafka::BacklogSource;
use tokio::time::{Instant, sleep_until};

/// A peek comes so long after a tick or another peek.
const PAUSE: Duration = Duration::from_millis(250);
/// And so many times what the last one took, at least: of each second, peeking takes a twentieth at most.
const PAUSE_PER_LOOK: u32 = 20;
/// Fewer more jobs are no burst.
const JOBS_MIN: u64 = 50;
/// What arrives in so many seconds as ever is no burst either.
const ARRIVALS_SECONDS: u64 = 2;

/// What was known at the last tick, as far as more of it would be news.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Known {
    /// From so much on a backlog is news; none where the last tick knew none, and the next one will.
    news: Option<u64>,
}

/// Looks between ticks.
#[derive(Debug, Default)]
pub(super) struct Peek {
    known: Known,
    not_before: Option<Instant>,
    looking_since: Option<Instant>,
}

// === impl Known ===

impl Known {
    fn of(plan: &Plan) -> Self {
        let arriving = plan.numbers.arrival_rate;
        let arriving = arriving.map_or(0, |rate| rate.milli() / 1_000);
        let news = |backlog: u64| {
            let grown = backlog.saturating_add(backlog / 2);
            let expected = arriving.saturating_mul(ARRIVALS_SECONDS);
            grown.saturating_add(expected).saturating_add(JOBS_MIN)
        };
        Self {
            news: plan.numbers.backlog.map(news),
        }
    }

    /// Whether this must not wait for the next tick. What could not be read is no news: it never adds to a backlog.
    fn is_news(self, reading: &BacklogReading) -> bool {
        let read = reading.partitions.iter();
        let lags = read.filter_map(|it| it.offsets.as_ref().ok());
        let backlog: u64 = lags.map(spillway_core::Offsets::lag).sum();
        self.news.is_some_and(|news| backlog >= news)
    }
}

// === impl Peek ===

impl Peek {
    /// Takes in what a tick has found.
    pub(super) fn ticked(&mut self, plan: &Plan) {
        self.known = Known::of(plan);
        self.not_before = self.not_before.max(Some(Instant::now() + PAUSE));
    }

    /// Ends when much more waits than the last tick knew of. May be given up at any time.
    pub(super) async fn burst(&mut self, source: &dyn BacklogSource) {
        if self.known.news.is_none() {
            return std::future::pending().await;
        }
        loop {
            if let Some(began) = self.looking_since.take() {
                // It was given up for a tick: so long it took at least.
                self.rest(began);
            }
            sleep_until(self.not_before.unwrap_or_else(Instant::now)).await;
            let began = Instant::now();
            self.looking_since = Some(began);
            let reading = source.read().await;
            self.looking_since = None;
            self.rest(began);
            if self.known.is_news(&reading) {
                return;
            }
        }
    }

    fn rest(&mut self, looking_since: Instant) {
        let pause = PAUSE.max(looking_since.elapsed() * PAUSE_PER_LOOK);
        self.not_before = Some(Instant::now() + pause);
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use spillway_core::{Committed, Offsets, PartitionId, PartitionReading};

    use super::*;

    fn reading(lags: &[Option<u64>]) -> BacklogReading {
        let read = (0..).zip(lags).map(|(partition, lag)| PartitionReading {
            id: PartitionId::new("jobs", partition),
            offsets: lag
                .map(|end| Offsets {
                    log_start: 0,
                    end,
                    committed: Committed::At(0),
                })
                .ok_or_else(|| "no leader".to_owned()),
        });
        BacklogReading {
            taken_at: Timestamp::UNIX_EPOCH,
            partitions: read.collect(),
            missing: Vec::new(),
        }
    }

    #[test]
    fn a_burst_is_news_and_what_arrives_as_ever_is_not() {
        let known = |news| Known { news };
        let cases = [
            ("nothing waits", Some(50), vec![Some(0), Some(0)], false),
            ("a burst", Some(50), vec![Some(30), Some(30)], true),
            (
                "part of it could not be read",
                Some(50),
                vec![Some(60), None],
                true,
            ),
            ("nothing could be read", Some(50), vec![None, None], false),
            ("nothing was known", None, vec![Some(1_000)], false),
        ];
        for (name, news, lags, expected) in cases {
            assert_eq!(known(news).is_news(&reading(&lags)), expected, "{name}");
        }
    }
}
