//! How a worker is told to stop: once, from anywhere, with a time by which it must be over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use spillway_wire::UnixMs;

/// Whether to stop, and why.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    is_asked: AtomicBool,
    by_ms: Mutex<Option<UnixMs>>,
    failure: Mutex<Option<String>>,
}

// === impl Stop ===

impl Stop {
    /// Asks to take no more, to finish and to leave by `by_ms`; the earliest time counts.
    pub(crate) fn drain(&self, by_ms: UnixMs) {
        let mut by = self.by_ms.lock().unwrap_or_else(PoisonError::into_inner);
        *by = Some(by.map_or(by_ms, |earlier| earlier.min(by_ms)));
        self.is_asked.store(true, Ordering::Release);
    }

    /// Asks to end at once, without finishing: what is in flight will be redelivered.
    pub(crate) fn fail(&self, why: impl Into<String>) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert_with(|| why.into());
        drop(failure);
        self.drain(UnixMs::MIN);
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Acquire)
    }

    /// By when a drain must be over.
    pub(crate) fn by_ms(&self) -> Option<UnixMs> {
        *self.by_ms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the worker must end at once.
    pub(crate) fn failure(&self) -> Option<String> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.clone()
    }
}
