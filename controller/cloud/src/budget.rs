//! How many calls an account's pools may make together.
//!
//! Clouds count calls by account, and whoever asks too often takes the turn of all others who use it.
//! Looks and changes are counted apart, as clouds do, so that a burst of launches does not keep a list waiting.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Looks a second: less than half of what Azure gives a subscription (25) and EC2 an account (20) for reading.
const READS_PER_SECOND: u32 = 10;
/// Changes a second: half of what Azure gives a subscription (10).
const WRITES_PER_SECOND: u32 = 5;
/// Calls at once after a pause; clouds' own buckets hold 100 and more.
const AT_ONCE: u32 = 20;
/// Whoever would wait longer for a turn is told so instead: less than a launch may take in all.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// The turns of one account: a bucket for looks and one for changes.
#[derive(Debug)]
pub struct CallBudget {
    account: String,
    reads: Bucket,
    writes: Bucket,
}

/// The next turn is too far away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{account} has its calls for the next {} s taken", after.as_secs())]
pub struct OverBudget {
    /// Whose budget it is.
    pub account: String,
    /// When there is a turn again.
    pub after: Duration,
}

/// Turns at even distances, some of them at once after a pause.
#[derive(Debug)]
struct Bucket {
    every: Duration,
    /// When the next turn would be, if none were ever given early.
    next: Mutex<Option<Instant>>,
}

// === impl CallBudget ===

impl CallBudget {
    /// The usual budget of an account.
    #[must_use]
    pub fn new(account: impl Into<String>) -> Self {
        Self {
            account: account.into(),
            reads: Bucket::new(READS_PER_SECOND),
            writes: Bucket::new(WRITES_PER_SECOND),
        }
    }

    /// The most calls that are made within `time`, looks and changes.
    #[must_use]
    pub fn most_within(time: Duration) -> (u64, u64) {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let most = |rate: u32| u64::from(AT_ONCE) + ms.saturating_mul(rate.into()) / 1_000 + 1;
        (most(READS_PER_SECOND), most(WRITES_PER_SECOND))
    }

    /// Waits for a turn; turns are given in the order in which they were asked for.
    ///
    /// # Errors
    /// When the turn would be too far away: then none is taken.
    pub async fn turn(&self, is_look: bool) -> Result<(), OverBudget> {
        let bucket = if is_look { &self.reads } else { &self.writes };
        match bucket.take(Instant::now()) {
            Ok(at) => {
                tokio::time::sleep_until(at).await;
                Ok(())
            }
            Err(after) => Err(OverBudget {
                account: self.account.clone(),
                after,
            }),
        }
    }
}

// === impl Bucket ===

impl Bucket {
    fn new(per_second: u32) -> Self {
        Self {
            every: Duration::from_secs(1) / per_second,
            next: Mutex::new(None),
        }
    }

    /// Takes the next turn and says when it is, or how far away it would have been.
    fn take(&self, now: Instant) -> Result<Instant, Duration> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let even = next.map_or(now, |next| next.max(now));
        // So many turns may be given before their time.
        let early = self.every * (AT_ONCE - 1);
        let at = even.checked_sub(early).map_or(now, |at| at.max(now));
        let wait = at.duration_since(now);
        if wait > WAIT_MAX {
            return Err(wait);
        }
        *next = Some(even + self.every);
        Ok(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_stay_within_the_budget_and_begin_at_once() {
        let budget = CallBudget::new("aws/us-east-1");
        let begin = Instant::now();
        for _ in 0..AT_ONCE {
            budget.turn(false).await.unwrap();
        }
        assert_eq!(
            begin.elapsed(),
            Duration::ZERO,
            "the first ones wait for nobody"
        );
        let mut made = u64::from(AT_ONCE);
        while begin.elapsed() < Duration::from_secs(30) {
            budget.turn(false).await.unwrap();
            made += 1;
            let (_, most) = CallBudget::most_within(begin.elapsed());
            assert!(made <= most, "{made} of {most} in {:?}", begin.elapsed());
        }
        assert!(
            made >= 30 * u64::from(WRITES_PER_SECOND),
            "{made}: turns are not lost"
        );
        budget.turn(true).await.unwrap();
        assert!(
            begin.elapsed() < Duration::from_secs(31),
            "looks have turns of their own"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_would_wait_too_long_is_told_so_and_takes_no_turn() {
        let bucket = Bucket::new(WRITES_PER_SECOND);
        let now = Instant::now();
        let taken = std::iter::repeat_with(|| bucket.take(now)).take_while(Result::is_ok);
        let within = WAIT_MAX.as_secs() * u64::from(WRITES_PER_SECOND);
        assert_eq!(taken.count() as u64, u64::from(AT_ONCE) + within);
        assert_eq!(
            bucket.take(now),
            bucket.take(now),
            "a refusal takes nothing"
        );
        assert!(bucket.take(now + Duration::from_secs(1)).is_ok());
    }
}
