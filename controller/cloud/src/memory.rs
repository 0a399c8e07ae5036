//! What an adapter keeps between calls, and may lose: tokens to ask with, and names that are used up.

use std::collections::VecDeque;
use std::sync::{Mutex as StdMutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

use crate::refusal::Trouble;
use crate::secret::Secret;

/// A token is renewed this long before it ends.
const RENEW_BEFORE: SignedDuration = SignedDuration::from_secs(120);
/// The most names that are remembered; the oldest go first.
const USED_MAX: usize = 10_000;

/// A bearer token.
#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) secret: Secret,
    pub(crate) expires_at: Timestamp,
}

/// Something to ask with that ends: got once, by one caller, for all.
#[derive(Debug)]
pub(crate) struct Cache<T>(Mutex<Option<T>>);

/// What the cache keeps.
pub(crate) trait Expires: Clone {
    fn expires_at(&self) -> Timestamp;
}

/// Names whose machines were told to end.
///
/// Where a cloud forgets a name with its machine, this keeps a request from launching again.
/// It is this process's memory alone; across a restart the intent itself says that it is retiring.
#[derive(Debug, Default)]
pub(crate) struct Used(StdMutex<VecDeque<String>>);

// === impl Token ===

impl Token {
    pub(crate) fn new(secret: String, now: Timestamp, lives: Duration) -> Self {
        Self {
            secret: Secret::new(secret),
            expires_at: now.saturating_add(lives).unwrap_or(Timestamp::MAX),
        }
    }
}

impl Expires for Token {
    fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

// === impl Cache ===

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Expires> Cache<T> {
    /// The kept one, or a new one where it is missing or about to end.
    pub(crate) async fn get<F>(
        &self,
        now: Timestamp,
        fetch: impl FnOnce() -> F,
    ) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T, Trouble>>,
    {
        let mut kept = self.0.lock().await;
        if let Some(kept) = kept.as_ref()
            && kept.expires_at() > now.saturating_add(RENEW_BEFORE).unwrap_or(Timestamp::MAX)
        {
            return Ok(kept.clone());
        }
        let fresh = fetch().await?;
        *kept = Some(fresh.clone());
        Ok(fresh)
    }

    /// It was refused: the next caller gets a new one.
    pub(crate) async fn forget(&self) {
        *self.0.lock().await = None;
    }
}

// === impl Used ===

impl Used {
    pub(crate) fn add(&self, name: &str) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.iter().any(|known| known == name) {
            return;
        }
        if names.len() == USED_MAX {
            names.pop_front();
        }
        names.push_back(name.to_owned());
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().any(|known| known == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_is_fetched_once_and_again_when_it_ends_or_was_refused() {
        let (cache, now) = (Cache::default(), Timestamp::UNIX_EPOCH);
        let fetch = |name: &str, seconds| {
            let token = Token::new(name.to_owned(), now, Duration::from_secs(seconds));
            async move { Ok(token) }
        };
        let first = cache.get(now, || fetch("a", 3_600)).await.expect("had");
        let again = cache.get(now, || fetch("b", 3_600)).await.expect("had");
        assert_eq!((first.secret.expose(), again.secret.expose()), ("a", "a"));
        cache.forget().await;
        let next = cache.get(now, || fetch("c", 60)).await.expect("had");
        assert_eq!(next.secret.expose(), "c");
        let renewed = cache.get(now, || fetch("d", 3_600)).await.expect("had");
        assert_eq!(
            renewed.secret.expose(),
            "d",
            "it would end within the margin"
        );
    }

    #[test]
    fn the_oldest_used_names_are_forgotten_first() {
        let used = Used::default();
        for number in 0..=USED_MAX {
            used.add(&number.to_string());
        }
        assert!(!used.has("0") && used.has("1") && used.has(&USED_MAX.to_string()));
    }
}
