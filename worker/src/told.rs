//! What the controller has told this worker to read, and whether the worker may still act upon it. Pure: time comes in.
//!
//! ```text
//! control thread ──order──▶ ┌──────┐ ◀──take, confirm── consumer's thread
//!                ─read_to_end▶ Told │ ◀──stands?─────────
//! producer's thread ─heard──▶ └──────┘
//! ```
//!
//! A worker that slept may have lost its partitions without its word. So it takes jobs and commits only while it
//! *stands*: it has lately read the control topic to its end, and lately been heard.
//! Why so: `docs/decisions/0010-weighted-on-kafka.md`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use spillway_wire::{Partition, UnixMs};

use crate::stats::Stats;
use crate::work::now_ms;

/// How long ago the control topic may have been read to its end.
const READ_MAX: Duration = Duration::from_secs(5);
/// How long ago the last heartbeat that was acknowledged may have been sent: after 10 s of silence everything is given
/// away, and a commit takes some time to arrive.
const HEARD_MAX: Duration = Duration::from_secs(7);

/// A moment by two clocks: one stands still while a virtual machine is suspended, the other may be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) instant: Instant,
    pub(crate) at_ms: UnixMs,
}

/// What to read, as one record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) token: u64,
    pub(crate) epoch: u64,
    pub(crate) partitions: BTreeSet<Partition>,
    /// Whether others may have what it takes away: it was read by a worker that did not stand.
    pub(crate) is_late: bool,
}

/// What is shared by the threads that hear of it.
pub(crate) struct Told {
    stats: Arc<Stats>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    read_to_end: Option<Moment>,
    heard: Option<Moment>,
    /// Read and not yet taken by who reads the partitions.
    order: Option<Order>,
    /// Token and epoch of the last order.
    latest: (u64, u64),
    /// Whether the consumer's thread reads partitions; before and after, nothing is in flight.
    is_reading: bool,
}

// === impl Moment ===

impl Moment {
    pub(crate) fn now() -> Self {
        Self {
            instant: Instant::now(),
            at_ms: now_ms(),
        }
    }

    /// How long ago `earlier` was, by the clock that says more.
    fn since(self, earlier: Self) -> Duration {
        let wall_ms = u64::try_from(self.at_ms.saturating_sub(earlier.at_ms)).unwrap_or(0);
        let elapsed = self.instant.saturating_duration_since(earlier.instant);
        elapsed.max(Duration::from_millis(wall_ms))
    }
}

// === impl Told ===

impl Told {
    pub(crate) fn new(stats: Arc<Stats>) -> Self {
        Self {
            stats,
            state: Mutex::default(),
        }
    }

    /// Notes that all that was in the control topic at `asked` has been read.
    pub(crate) fn read_to_end(&self, asked: Moment) {
        self.state().read_to_end = Some(asked);
    }

    /// Notes that a heartbeat that was sent at `sent` is acknowledged.
    pub(crate) fn heard(&self, sent: Moment) {
        let mut state = self.state();
        let is_newer = state.heard.is_none_or(|last| last.instant < sent.instant);
        if is_newer {
            state.heard = Some(sent);
        }
    }

    /// Takes in an order that was read at `now`.
    pub(crate) fn order(&self, now: Moment, order: Order) {
        let mut state = self.state();
        let is_late = !state.stands(now);
        state.latest = (order.token, order.epoch);
        if state.is_reading {
            state.order = Some(Order { is_late, ..order });
        } else {
            // Nothing is in flight: what was taken away is free, and what was given is not begun.
            self.stats.confirmed(order.token, order.epoch, Vec::new());
            state.order = Some(order);
        }
    }

    /// From now on partitions are read.
    pub(crate) fn begin(&self) {
        self.state().is_reading = true;
    }

    /// The order that came last, once.
    pub(crate) fn take(&self) -> Option<Order> {
        self.state().order.take()
    }

    /// Says that `order` is carried out, and what is read now.
    pub(crate) fn confirm(&self, order: &Order, partitions: Vec<Partition>) {
        self.stats.confirmed(order.token, order.epoch, partitions);
    }

    /// Nothing is read and nothing in flight any more: whatever was told is carried out.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.is_reading = false;
        state.order = None;
        let (token, epoch) = state.latest;
        self.stats.confirmed(token, epoch, Vec::new());
    }

    /// Whether jobs may be begun and offsets committed.
    pub(crate) fn stands(&self, now: Moment) -> bool {
        let state = self.state();
        let is_deposed = state.order.as_ref().is_some_and(|order| order.is_late);
        !is_deposed && state.stands(now)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// A late order that is not taken stays late: what came before it was not carried out either.
    fn stands(&self, now: Moment) -> bool {
        let is_within =
            |then: Option<Moment>, most| then.is_some_and(|then| now.since(then) < most);
        let is_late = self.order.as_ref().is_some_and(|order| order.is_late);
        !is_late && is_within(self.read_to_end, READ_MAX) && is_within(self.heard, HEARD_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Story {
        told: Told,
        stats: Arc<Stats>,
        began: Moment,
    }

    fn partitions(numbers: impl IntoIterator<Item = i32>) -> BTreeSet<Partition> {
        let partition = |partition| Partition {
            topic: "jobs".into(),
            partition,
        };
        numbers.into_iter().map(partition).collect()
    }

    impl Story {
        fn begin() -> Self {
            let stats = Arc::new(Stats::new(Instant::now()));
            let story = Self {
                told: Told::new(stats.clone()),
                stats,
                began: Moment::now(),
            };
            story.told.begin();
            story
        }

        fn at(&self, seconds: f64) -> Moment {
            let after = Duration::from_secs_f64(seconds);
            Moment {
                instant: self.began.instant + after,
                at_ms: self.began.at_ms + after.as_millis() as i64,
            }
        }

        fn order(&self, seconds: f64, epoch: u64, numbers: &[i32]) {
            let order = Order {
                token: 1,
                epoch,
                partitions: partitions(numbers.iter().copied()),
                is_late: false,
            };
            self.told.order(self.at(seconds), order);
        }

        /// Everything is as it should be at `seconds`.
        fn well(&self, seconds: f64) {
            self.told.read_to_end(self.at(seconds));
            self.told.heard(self.at(seconds));
        }

        fn stands(&self, seconds: f64) -> bool {
            self.told.stands(self.at(seconds))
        }

        fn confirmed(&self) -> (u64, u64) {
            let reading = self.stats.reading(Instant::now());
            (reading.control_token, reading.control_epoch)
        }
    }

    #[test]
    fn a_worker_stands_only_while_it_reads_and_is_heard() {
        let story = Story::begin();
        assert!(!story.stands(0.0), "nothing read yet");
        story.told.read_to_end(story.at(0.0));
        assert!(!story.stands(0.0), "not heard yet");
        story.told.heard(story.at(0.0));
        assert!(story.stands(0.0) && story.stands(4.9));
        assert!(!story.stands(5.1), "not read for 5 s");
        story.told.read_to_end(story.at(6.0));
        assert!(story.stands(6.9));
        assert!(!story.stands(7.1), "not heard for 7 s");
    }

    #[test]
    fn an_acknowledgement_that_comes_late_counts_from_when_it_was_sent() {
        let story = Story::begin();
        story.well(0.0);
        // Asked and sent before a sleep of 20 s, answered after it.
        story.well(0.2);
        assert!(!story.stands(20.2));
        story.well(20.3);
        story.told.heard(story.at(0.4));
        assert!(story.stands(20.4), "an older answer takes nothing back");
    }

    #[test]
    fn the_wall_clock_counts_where_the_other_stood_still() {
        let story = Story::begin();
        story.well(0.0);
        let suspended = Moment {
            at_ms: story.began.at_ms + 60_000,
            ..story.began
        };
        assert!(!story.told.stands(suspended));
    }

    #[test]
    fn an_order_that_is_read_after_a_sleep_is_late_and_stays_so() {
        let story = Story::begin();
        story.well(0.0);
        story.order(1.0, 1, &[0, 1]);
        assert!(!story.told.take().unwrap().is_late);
        // 20 s later: it reads what came meanwhile, and only then that it has read all.
        story.order(20.0, 2, &[]);
        story.well(20.1);
        assert!(
            !story.stands(20.2),
            "until it is carried out, nothing is committed"
        );
        story.order(20.3, 3, &[5]);
        let order = story.told.take().unwrap();
        assert_eq!((order.epoch, order.is_late), (3, true));
        assert!(story.stands(20.4));
    }

    #[test]
    fn one_that_reads_nothing_confirms_at_once() {
        let stats = Arc::new(Stats::new(Instant::now()));
        let story = Story {
            told: Told::new(stats.clone()),
            stats,
            began: Moment::now(),
        };
        story.order(0.0, 7, &[3]);
        assert_eq!(story.confirmed(), (1, 7), "while it starts");
        story.told.begin();
        assert_eq!(story.told.take().unwrap().partitions, partitions([3]));
        story.order(1.0, 8, &[]);
        assert_eq!(story.confirmed(), (1, 7), "while something is in flight");
        story.told.end();
        assert_eq!(story.confirmed(), (1, 8), "after it drained");
    }
}
