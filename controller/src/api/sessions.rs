//! Cookies for browsers, which cannot put a token on an `EventSource`. They live in memory: a restart asks for the token again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, header};

/// The cookie's name.
const COOKIE: &str = "spillway_session";
/// A session ends after so long.
const LIFE: Duration = Duration::from_secs(12 * 3_600);
/// Sessions at once; the oldest goes first.
const SESSIONS_MAX: usize = 1_000;

/// All sessions.
#[derive(Default)]
pub(super) struct Sessions {
    kept: Mutex<BTreeMap<String, Session>>,
}

struct Session {
    /// Asked anew with every request: what was taken away holds no longer here.
    token: String,
    since: Instant,
}

// === impl Sessions ===

impl Sessions {
    /// Begins one; its id.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub(super) fn begin(&self, token: String, now: Instant) -> Result<String, getrandom::Error> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut kept = self.kept();
        kept.retain(|_, session| now.duration_since(session.since) < LIFE);
        if kept.len() >= SESSIONS_MAX {
            let oldest = kept.iter().min_by_key(|(_, session)| session.since);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                kept.remove(&oldest);
            }
        }
        kept.insert(id.clone(), Session { token, since: now });
        Ok(id)
    }

    /// The token of a session that has not ended.
    pub(super) fn token(&self, id: Option<&str>, now: Instant) -> Option<String> {
        let kept = self.kept();
        let session = kept.get(id?)?;
        (now.duration_since(session.since) < LIFE).then(|| session.token.clone())
    }

    pub(super) fn end(&self, id: Option<&str>) {
        if let Some(id) = id {
            self.kept().remove(id);
        }
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Session>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session that the headers name.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let sent = headers.get_all(header::COOKIE).iter();
    let pairs = sent
        .filter_map(|cookies| cookies.to_str().ok())
        .flat_map(|cookies| cookies.split(';'));
    let mut named = pairs.filter_map(|pair| pair.trim().split_once('='));
    named
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

/// The header that gives a browser a session, or takes it away.
pub(super) fn set_cookie(id: Option<&str>, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    let (value, age) = match id {
        Some(id) => (id, LIFE.as_secs()),
        None => ("", 0),
    };
    format!("{COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={age}{secure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_after_its_life_and_there_are_only_so_many() {
        let sessions = Sessions::default();
        let begin = Instant::now();
        let after = |ms| begin + Duration::from_millis(ms);
        let first = sessions.begin("t".into(), begin).unwrap();
        assert_eq!(sessions.token(Some(&first), begin).as_deref(), Some("t"));
        assert_eq!(sessions.token(Some("x"), begin), None);
        for ms in 1..=SESSIONS_MAX as u64 {
            sessions.begin("u".into(), after(ms)).unwrap();
        }
        assert_eq!(sessions.token(Some(&first), begin), None, "the oldest went");
        let last = sessions.begin("v".into(), after(5_000)).unwrap();
        assert_eq!(sessions.token(Some(&last), after(5_000) + LIFE), None);
    }

    #[test]
    fn a_cookie_is_found_among_others_and_is_strict() {
        let mut headers = HeaderMap::new();
        headers.insert("cookie", "a=b; spillway_session=abc; c=d".parse().unwrap());
        assert_eq!(cookie(&headers), Some("abc"));
        let set = set_cookie(Some("abc"), true);
        for part in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/"] {
            assert!(set.contains(part), "{set}");
        }
    }
}
