//! How much a tenant may send: a rate, a number at once, a number a day. No clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::problem::Cause;

/// What a tenant may send, over the whole installation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Allowance {
    /// Images a second, sustained; ten seconds' worth may come at once.
    pub(crate) images_per_second: f64,
    /// Images that may be waited for at once.
    pub(crate) concurrent_images: u64,
    /// Images a UTC day.
    pub(crate) images_per_day: u64,
}

/// How many seconds' worth of the rate may come at once.
const BURST_SECONDS: f64 = 10.0;

/// Why no more is let in, and when it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) cause: Cause,
    /// Whole seconds, at least 1.
    pub(crate) retry_after: u64,
}

/// What one tenant has sent through this replica.
#[derive(Debug)]
pub(crate) struct Meter {
    bucket: Mutex<Bucket>,
    waiting: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Option<Instant>,
    day: String,
    used: u64,
    /// What other replicas, and this one before it started, used today.
    used_elsewhere: u64,
}

/// Images that are waited for; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    waiting: Arc<AtomicU64>,
    images: u64,
}

/// When something is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) now: Instant,
    pub(crate) day: &'a str,
    /// Until the UTC day ends.
    pub(crate) day_left: Duration,
    /// This replica's share of the installation, 0..1.
    pub(crate) share: f64,
}

// === impl Meter ===

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            bucket: Mutex::new(Bucket {
                tokens: f64::MAX,
                at: None,
                day: String::new(),
                used: 0,
                used_elsewhere: 0,
            }),
            waiting: Arc::default(),
        }
    }

    /// Lets `images` in, or says why not; what is refused counts for nothing.
    pub(crate) fn admit(
        &self,
        images: u64,
        allowance: Allowance,
        moment: Moment<'_>,
    ) -> Result<Permit, Refusal> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.turn(moment.day);
        let used = bucket.used.saturating_add(bucket.used_elsewhere);
        if used.saturating_add(images) > allowance.images_per_day {
            return Err(refuse(Cause::QuotaExceeded, moment.day_left.as_secs_f64()));
        }
        // A share of a limit must still let one request through.
        let at_once = (allowance.concurrent_images as f64 * moment.share).ceil() as u64;
        let waiting = self.waiting.load(Ordering::Relaxed);
        if waiting > 0 && waiting.saturating_add(images) > at_once.max(1) {
            return Err(refuse(Cause::ConcurrencyExceeded, 1.0));
        }
        let rate = allowance.images_per_second * moment.share;
        bucket.refill(moment.now, rate);
        // One request may be larger than the bucket: it needs a full one, and leaves it in debt.
        let needed = (images as f64).min(rate * BURST_SECONDS);
        if bucket.tokens < needed {
            return Err(refuse(Cause::RateExceeded, (needed - bucket.tokens) / rate));
        }
        bucket.tokens -= images as f64;
        bucket.used += images;
        self.waiting.fetch_add(images, Ordering::Relaxed);
        Ok(Permit {
            waiting: self.waiting.clone(),
            images,
        })
    }

    /// Gives back what was let in but not accepted.
    pub(crate) fn refund(&self, images: u64) {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.tokens += images as f64;
        bucket.used = bucket.used.saturating_sub(images);
    }

    /// Counts what was let in before anybody knew how much it is; the quota may be used up more than whole by it.
    pub(crate) fn charge(&self, day: &str, images: u64) {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.turn(day);
        bucket.used = bucket.used.saturating_add(images);
    }

    /// What was used through this replica on `day`.
    pub(crate) fn used(&self, day: &str) -> u64 {
        let bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        if bucket.day == day { bucket.used } else { 0 }
    }

    /// Notes what others used on `day`.
    pub(crate) fn used_elsewhere(&self, day: &str, images: u64) {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        bucket.turn(day);
        bucket.used_elsewhere = images;
    }
}

// === impl Bucket ===

impl Bucket {
    fn turn(&mut self, day: &str) {
        if self.day != day {
            day.clone_into(&mut self.day);
            (self.used, self.used_elsewhere) = (0, 0);
        }
    }

    fn refill(&mut self, now: Instant, rate: f64) {
        let since = self
            .at
            .map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        self.at = Some(now);
        self.tokens = (self.tokens + since * rate).min((rate * BURST_SECONDS).max(1.0));
    }
}

fn refuse(cause: Cause, seconds: f64) -> Refusal {
    Refusal {
        cause,
        retry_after: whole_seconds(seconds),
    }
}

/// Seconds as `Retry-After` says them: rounded up, from 1 to a day.
pub(crate) fn whole_seconds(seconds: f64) -> u64 {
    seconds.ceil().clamp(1.0, 86_400.0) as u64
}

// === impl Permit ===

impl Drop for Permit {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.images, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance {
        images_per_second: 2.0,
        concurrent_images: 100,
        images_per_day: 1_000,
    };

    fn at(now: Instant, day: &str, share: f64) -> Moment<'_> {
        Moment {
            now,
            day,
            day_left: Duration::from_secs(7_200),
            share,
        }
    }

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let (meter, begin) = (Meter::new(), Instant::now());
        let admit = |images, seconds| {
            let now = begin + Duration::from_secs(seconds);
            meter.admit(images, ALLOWANCE, at(now, "d", 1.0)).map(drop)
        };
        assert_eq!(admit(20, 0), Ok(()));
        let refusal = admit(4, 0).unwrap_err();
        assert_eq!(
            (refusal.cause, refusal.retry_after),
            (Cause::RateExceeded, 2)
        );
        assert_eq!(admit(4, 2), Ok(()));
        // Larger than the bucket: needs a full one, and is paid back.
        assert_eq!(admit(60, 12), Ok(()));
        assert_eq!(admit(1, 13).unwrap_err().retry_after, 20);
    }

    #[test]
    fn what_is_waited_for_is_bounded_and_given_back() {
        let (meter, now) = (Meter::new(), Instant::now());
        let allowance = Allowance {
            images_per_second: 1e6,
            ..ALLOWANCE
        };
        let admit = |images| meter.admit(images, allowance, at(now, "d", 0.5));
        let held = admit(40).unwrap();
        assert_eq!(admit(20).unwrap_err().cause, Cause::ConcurrencyExceeded);
        drop(held);
        assert!(admit(20).is_ok());
        assert!(
            admit(90).is_ok(),
            "one request alone passes whatever the share"
        );
    }

    #[test]
    fn a_day_has_its_quota_whoever_used_it() {
        let (meter, now) = (Meter::new(), Instant::now());
        let allowance = Allowance {
            images_per_second: 1e6,
            concurrent_images: 1_000_000,
            ..ALLOWANCE
        };
        let admit = |day, images| meter.admit(images, allowance, at(now, day, 1.0)).map(drop);
        meter.used_elsewhere("d1", 600);
        assert_eq!(admit("d1", 300), Ok(()));
        let refusal = admit("d1", 101).unwrap_err();
        assert_eq!(
            (refusal.cause, refusal.retry_after),
            (Cause::QuotaExceeded, 7_200)
        );
        meter.refund(1);
        assert_eq!(admit("d1", 101), Ok(()));
        assert_eq!((meter.used("d1"), meter.used("d2")), (400, 0));
        meter.charge("d1", 5_000);
        assert_eq!(meter.used("d1"), 5_400, "what was looked at counts");
        assert_eq!(admit("d1", 1).unwrap_err().cause, Cause::QuotaExceeded);
        assert_eq!(admit("d2", 1_000), Ok(()));
    }
}
