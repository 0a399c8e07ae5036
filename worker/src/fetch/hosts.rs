//! The hosts that are contacted: so many fetches at once from each, and none from those that fail.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::breaker::{Breaker, State};
use crate::stats::FetchCounts;

/// Most fetches from one host at once.
pub(super) const PER_HOST_MAX: usize = 32;
/// Most hosts that are remembered before those without fetches are forgotten, failing ones last.
const HOSTS_MAX: usize = 1_024;

/// All hosts, by name and port.
pub(super) struct Hosts {
    hosts: Mutex<HashMap<String, Arc<Host>>>,
    counts: FetchCounts,
}

/// One host.
pub(super) struct Host {
    places: Semaphore,
    breaker: Mutex<Breaker>,
    counts: FetchCounts,
}

/// A place at a host, while it is used.
pub(super) struct Place<'a> {
    host: &'a Host,
    _permit: Option<SemaphorePermit<'a>>,
}

// === impl Hosts ===

impl Hosts {
    pub(super) fn new(counts: FetchCounts) -> Self {
        Self {
            hosts: Mutex::default(),
            counts,
        }
    }

    pub(super) fn host(&self, name: &str) -> Arc<Host> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = hosts.get(name) {
            return host.clone();
        }
        if hosts.len() >= HOSTS_MAX {
            hosts.retain(|_, host| Arc::strong_count(host) > 1 || host.state() != State::Closed);
        }
        if hosts.len() >= HOSTS_MAX {
            hosts.retain(|_, host| Arc::strong_count(host) > 1);
        }
        let host = Arc::new(Host {
            places: Semaphore::new(PER_HOST_MAX),
            breaker: Mutex::new(Breaker::new(Instant::now())),
            counts: self.counts.clone(),
        });
        hosts.insert(name.to_owned(), host.clone());
        host
    }
}

// === impl Host ===

impl Host {
    /// Waits for a place; none where the host is left alone for now.
    pub(super) async fn enter(&self) -> Option<Place<'_>> {
        // It may be known by then that waiting was for nothing, so it is asked after the wait.
        let permit = self.places.acquire().await.ok();
        let is_admitted = self.change(|breaker| breaker.admits(Instant::now()));
        if !is_admitted {
            self.counts.refused.inc();
            return None;
        }
        Some(Place {
            host: self,
            _permit: permit,
        })
    }

    fn state(&self) -> State {
        self.breaker().state()
    }

    /// Changes the breaker and counts what it became.
    fn change<T>(&self, change: impl FnOnce(&mut Breaker) -> T) -> T {
        let mut breaker = self.breaker();
        let before = breaker.state();
        let changed = change(&mut breaker);
        let after = breaker.state();
        if before != after {
            self.count(before, -1);
            self.count(after, 1);
        }
        changed
    }

    fn count(&self, state: State, change: i64) {
        match state {
            // All the others: a number that says nothing.
            State::Closed => {}
            State::Open => self.counts.breakers("open", change),
            State::HalfOpen => self.counts.breakers("half_open", change),
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.count(self.state(), -1);
    }
}

// === impl Place ===

impl Place<'_> {
    /// Notes that the host answered, if only that there is nothing.
    pub(super) fn succeeded(&self) {
        self.host
            .change(|breaker| breaker.succeeded(Instant::now()));
    }

    /// Notes that the host failed or was too slow.
    pub(super) fn failed(&self) {
        self.host.change(|breaker| breaker.failed(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::breaker::FAILURES_MAX;
    use super::*;

    #[tokio::test]
    async fn a_failing_host_is_left_alone_and_others_are_not() {
        let counts = FetchCounts::default();
        let hosts = Hosts::new(counts.clone());
        let bad = hosts.host("bad:80");
        for _ in 0..FAILURES_MAX {
            bad.enter().await.expect("still contacted").failed();
        }
        assert!(bad.enter().await.is_none());
        assert_eq!((counts.breakers_now("open"), counts.refused.get()), (1, 1));
        assert!(hosts.host("good:80").enter().await.is_some());
        assert!(hosts.host("bad:443").enter().await.is_some());
        drop((bad, hosts));
        assert_eq!(counts.breakers_now("open"), 0, "it is forgotten");
    }

    #[tokio::test]
    async fn what_is_remembered_is_bounded_and_failing_hosts_stay_longest() {
        let hosts = Hosts::new(FetchCounts::default());
        let bad = hosts.host("bad:80");
        for _ in 0..FAILURES_MAX {
            bad.enter().await.expect("still contacted").failed();
        }
        drop(bad);
        for index in 0..3 * HOSTS_MAX {
            hosts.host(&format!("{index}:80"));
        }
        assert!(hosts.hosts.lock().unwrap().len() <= HOSTS_MAX);
        assert!(hosts.host("bad:80").enter().await.is_none());
    }
}
