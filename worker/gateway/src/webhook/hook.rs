//! A job that a tenant is to be told of, as the name of an object says it.

use std::time::Duration;

use crate::ids::Handle;

/// Pauses after attempts that failed, a day in all; after the last there is no other.
const PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(3_600),
    Duration::from_secs(3 * 3_600),
    Duration::from_secs(6 * 3_600),
    Duration::from_secs(12 * 3_600),
];
/// When a job is looked at whose last answer was stored by a replica that said nothing: most are done by then.
const FIRST_LOOK: Duration = Duration::from_secs(60);
/// When one is looked at again that was not done.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// A job that a tenant is to be told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hook {
    pub(super) handle: String,
    /// The day on which the job was made, which decides when it is forgotten.
    day: String,
    /// Not before this moment, Unix ms.
    pub(super) due_ms: i64,
    /// Attempts that failed.
    pub(super) failed: usize,
}

// === impl Hook ===

impl Hook {
    /// As it is noted when its job is accepted.
    pub(crate) fn first(handle: &Handle) -> Self {
        Self {
            handle: handle.as_str().to_owned(),
            day: handle.day(),
            due_ms: handle.made_at_ms + ms(FIRST_LOOK),
            failed: 0,
        }
    }

    /// The object's key; `of_key` is its inverse.
    pub(crate) fn key(&self) -> String {
        let Self {
            handle,
            day,
            due_ms,
            failed,
        } = self;
        format!("hooks/{day}/{due_ms}-{failed}-{handle}")
    }

    pub(crate) fn of_key(key: &str) -> Option<Self> {
        let (day, name) = key.strip_prefix("hooks/")?.split_once('/')?;
        let mut parts = name.splitn(3, '-');
        Some(Self {
            due_ms: parts.next()?.parse().ok()?,
            failed: parts.next()?.parse().ok()?,
            handle: parts.next()?.to_owned(),
            day: day.to_owned(),
        })
    }

    /// The same, to be looked at again because its job is not done.
    pub(super) fn not_done(&self, now_ms: i64) -> Self {
        Self {
            due_ms: now_ms + ms(LOOK_AGAIN),
            ..self.clone()
        }
    }

    /// The same after an attempt that failed; none if it was the last.
    pub(super) fn again(&self, now_ms: i64) -> Option<Self> {
        let pause = PAUSES.get(self.failed)?;
        Some(Self {
            due_ms: now_ms + ms(*pause),
            failed: self.failed + 1,
            ..self.clone()
        })
    }

    /// Which of `shares` equal shares of all hooks it belongs to.
    pub(super) fn share(&self, shares: usize) -> usize {
        let hash = blake3::hash(self.handle.as_bytes());
        let mut low = [0; 8];
        low.copy_from_slice(&hash.as_bytes()[..8]);
        let shares = shares.max(1) as u64;
        usize::try_from(u64::from_le_bytes(low) % shares).unwrap_or(0)
    }
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Ids, Wants, day};

    const NOW: i64 = 1_795_600_000_000;

    #[test]
    fn a_key_says_all_of_it() {
        // Handles have dashes of their own.
        for _ in 0..200 {
            let handle = Ids::new(b"s").notifying_job("acme", NOW, Wants::default(), 1);
            let hook = Hook::first(&handle);
            assert_eq!(Hook::of_key(&hook.key()), Some(hook.clone()));
            assert_eq!(hook.key().split('/').nth(1).unwrap(), day(NOW));
        }
        for wrong in ["", "hooks/x", "hooks/20261125/1-x-h", "uploads/1/1-1-h"] {
            assert_eq!(Hook::of_key(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn attempts_get_rarer_and_end() {
        let handle = Ids::new(b"s").notifying_job("acme", NOW, Wants::default(), 1);
        let mut hook = Hook::first(&handle);
        let mut now = NOW;
        let mut last_pause = 0;
        while let Some(next) = hook.again(now) {
            let pause = next.due_ms - now;
            assert!(pause > last_pause);
            (last_pause, now, hook) = (pause, next.due_ms, next);
        }
        assert_eq!(hook.failed, PAUSES.len());
        assert!(now - NOW > 20 * 3_600_000, "for the better part of a day");
    }

    #[test]
    fn shares_are_about_equal() {
        let ids = Ids::new(b"s");
        let mut counts = [0; 4];
        for _ in 0..4_000 {
            let handle = ids.notifying_job("acme", NOW, Wants::default(), 1);
            counts[Hook::first(&handle).share(4)] += 1;
        }
        assert!(
            counts.iter().all(|count| (800..1_200).contains(count)),
            "{counts:?}"
        );
    }
}
