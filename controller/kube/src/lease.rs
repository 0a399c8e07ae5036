//! Who leads: a Lease object, taken and renewed by writes that carry the version that was read.
//!
//! ```text
//!  holder:  write ──▶ acts until ⅔ of the lease after the write *began*, by its own clock ──▶ write …
//!  others:  see the same record for a whole lease, by their own clock ──▶ take it, leaseTransitions + 1
//! ```
//!
//! The clocks of two machines are never compared. `leaseTransitions` is the fencing token: it is raised in the one
//! write that takes the lease. Why not a library: docs/decisions/0008-kubernetes.md.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::error::KubeError;

/// The lease is renewed this many times in its duration.
const RENEWALS: u32 = 7;
/// A request is given up after this part of the duration: a holder has time for a second one.
const ANSWERS_IN: u32 = 4;
/// A holder acts for this part of the lease after its last renewal began: two of three.
const ACTS_FOR: (u32, u32) = (2, 3);

/// The annotation that says where the holder answers other replicas.
const ADDRESS: &str = "spillway.dev/address";

/// Where the holder of a lease answers other replicas; none while nobody holds it, or it did not say.
///
/// # Errors
/// When the API server does not show it.
pub async fn leader_address(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<Option<String>, KubeError> {
    let holder = lease_holder(client, namespace, name).await?;
    Ok(holder.and_then(|holder| holder.address))
}

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The holder's own name.
    pub identity: String,
    /// Where it answers other replicas; none if it did not say.
    pub address: Option<String>,
}

/// Who holds a lease; none while nobody does.
///
/// # Errors
/// When the API server does not show it.
pub async fn lease_holder(
    client: &Client,
    namespace: &str,
    name: &str,
) -> Result<Option<Holder>, KubeError> {
    let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let Some(lease) = api.get_opt(name).await.map_err(KubeError::of)? else {
        return Ok(None);
    };
    let holder = lease.spec.and_then(|spec| spec.holder_identity);
    let Some(identity) = holder.filter(|holder| !holder.is_empty()) else {
        return Ok(None);
    };
    let mut annotations = lease.metadata.annotations.unwrap_or_default();
    Ok(Some(Holder {
        identity,
        address: annotations.remove(ADDRESS),
    }))
}

/// Which lease, for whom, for how long.
#[derive(Debug, Clone)]
pub struct LeaseConfig {
    /// Where the Lease object is.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Who asks: no two alike.
    pub identity: String,
    /// Where the holder answers other replicas, as `10.0.0.7:8080`.
    pub address: Option<String>,
    /// For how long nobody else takes it after a renewal; at least a second.
    pub duration: Duration,
}

/// Who would lead.
pub struct Candidate {
    api: Api<Lease>,
    config: LeaseConfig,
    /// The record last seen, by its version, and since when, by our clock.
    seen: Option<(String, Instant)>,
}

/// Proof of leadership, as long as [`Leader::is_held`] says so.
pub struct Leader {
    token: u64,
    held: Arc<Held>,
    lost: watch::Receiver<bool>,
    renewing: JoinHandle<()>,
    candidate: Candidate,
}

/// Until when the leader may act.
struct Held(Mutex<Option<Instant>>);

// === impl Candidate ===

impl Candidate {
    /// Asks for nothing yet.
    #[must_use]
    pub fn new(client: &Client, config: LeaseConfig) -> Self {
        Self {
            api: Api::namespaced(client.clone(), &config.namespace),
            config,
            seen: None,
        }
    }

    /// Waits until it leads.
    pub async fn lead(mut self) -> Leader {
        loop {
            let began = Instant::now();
            match tokio::time::timeout(self.answers_in(), self.take(began)).await {
                Ok(Ok(Some(lease))) => return Leader::begin(self, lease, began),
                Ok(Ok(None)) => {}
                // Another was quicker: the next look shows who.
                Ok(Err(KubeError::Conflict(_))) => {}
                Ok(Err(error)) => warn!(%error, "lease could not be asked for"),
                Err(_) => warn!("lease was not answered in time"),
            }
            tokio::time::sleep(self.pause()).await;
        }
    }

    fn pause(&self) -> Duration {
        self.config.duration / RENEWALS
    }

    fn answers_in(&self) -> Duration {
        self.config.duration / ANSWERS_IN
    }

    /// Takes the lease if it is free; none if it is another's.
    async fn take(&mut self, now: Instant) -> Result<Option<Lease>, KubeError> {
        let name = self.config.name.clone();
        let Some(mut lease) = self.api.get_opt(&name).await.map_err(KubeError::of)? else {
            let fresh = Lease {
                metadata: ObjectMeta {
                    name: Some(name),
                    annotations: self.annotations(),
                    ..ObjectMeta::default()
                },
                spec: Some(self.record(1)),
            };
            let made = self.api.create(&PostParams::default(), &fresh).await;
            return made.map(Some).map_err(KubeError::of);
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.unwrap_or_default();
        if !holder.is_empty() && !self.is_expired(&lease, now) {
            return Ok(None);
        }
        // Also when it bears our own name: a process of that name has died, and its calls may be under way.
        lease.spec = Some(self.record(spec.lease_transitions.unwrap_or(0) + 1));
        let annotations = lease.metadata.annotations.get_or_insert_default();
        annotations.remove(ADDRESS);
        annotations.extend(self.annotations().unwrap_or_default());
        let params = PostParams::default();
        let taken = self.api.replace(&name, &params, &lease).await;
        taken.map(Some).map_err(KubeError::of)
    }

    /// Whether the record has not changed for a whole lease, by our clock.
    fn is_expired(&mut self, lease: &Lease, now: Instant) -> bool {
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let told = lease.spec.as_ref().and_then(|it| it.lease_duration_seconds);
        // What its holder was promised counts, not what we would ask for.
        let told = u64::try_from(told.unwrap_or(0)).unwrap_or(0);
        let duration = Duration::from_secs(told).max(self.config.duration);
        match &self.seen {
            Some((seen, since)) if *seen == version => now.duration_since(*since) > duration,
            _ => {
                self.seen = Some((version, now));
                false
            }
        }
    }

    fn annotations(&self) -> Option<BTreeMap<String, String>> {
        let address = self.config.address.clone()?;
        Some([(ADDRESS.to_owned(), address)].into())
    }

    fn record(&self, transitions: i32) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        let seconds = self.config.duration.as_secs().max(1);
        LeaseSpec {
            holder_identity: Some(self.config.identity.clone()),
            lease_duration_seconds: Some(i32::try_from(seconds).unwrap_or(i32::MAX)),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(transitions),
            ..LeaseSpec::default()
        }
    }

    fn acts_until(&self, renewal_began: Instant) -> Instant {
        renewal_began + self.config.duration * ACTS_FOR.0 / ACTS_FOR.1
    }
}

// === impl Leader ===

impl Leader {
    fn begin(candidate: Candidate, lease: Lease, began: Instant) -> Self {
        let spec = lease.spec.clone().unwrap_or_default();
        let token = u64::try_from(spec.lease_transitions.unwrap_or(0)).unwrap_or(0);
        let held = Arc::new(Held(Mutex::new(Some(candidate.acts_until(began)))));
        let (lost_to, lost) = watch::channel(false);
        info!(identity = candidate.config.identity, token, "leading");
        let renewing = tokio::spawn({
            let held = Arc::clone(&held);
            let renewer = Candidate {
                api: candidate.api.clone(),
                config: candidate.config.clone(),
                seen: None,
            };
            async move {
                renew(&renewer, lease, &held).await;
                held.end();
                let _ = lost_to.send(true);
            }
        });
        Self {
            token,
            held,
            lost,
            renewing,
            candidate,
        }
    }

    /// Grows with every leader.
    #[must_use]
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Whether it may act now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held.is_held()
    }

    /// Ends when it no longer leads.
    pub async fn lost(&self) {
        let mut lost = self.lost.clone();
        // Its sender goes only with the renewals, and with them the lease.
        let _ = lost.wait_for(|lost| *lost).await;
    }

    /// Gives it up, so that the next leader need not wait.
    ///
    /// # Errors
    /// As the API server says; then the next one waits for the lease to end.
    pub async fn release(self) -> Result<(), KubeError> {
        self.held.end();
        self.renewing.abort();
        let (api, name) = (&self.candidate.api, &self.candidate.config.name);
        let mut lease = api.get(name).await.map_err(KubeError::of)?;
        let spec = lease.spec.get_or_insert_default();
        let is_ours = spec.holder_identity.as_ref() == Some(&self.candidate.config.identity);
        if is_ours && spec.lease_transitions == i32::try_from(self.token).ok() {
            spec.holder_identity = None;
            let given = api.replace(name, &PostParams::default(), &lease).await;
            given.map_err(KubeError::of)?;
        }
        Ok(())
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

/// Renews until the lease is another's or can no longer be held.
async fn renew(candidate: &Candidate, mut lease: Lease, held: &Held) {
    let params = PostParams::default();
    let name = candidate.config.name.as_str();
    loop {
        tokio::time::sleep(candidate.pause()).await;
        // One that was stopped for too long does not renew: another may be about to take it.
        if !held.is_held() {
            warn!("lease has ended before it was renewed");
            return;
        }
        if let Some(spec) = &mut lease.spec {
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        let began = Instant::now();
        let written = candidate.api.replace(name, &params, &lease);
        match tokio::time::timeout(candidate.answers_in(), written).await {
            Ok(Ok(renewed)) => {
                lease = renewed;
                held.extend(candidate.acts_until(began));
            }
            Ok(Err(error)) => match KubeError::of(error) {
                error @ (KubeError::Conflict(_) | KubeError::Missing(_)) => {
                    let current = candidate.api.get_opt(name).await.ok().flatten();
                    match current.filter(|current| is_same(current, &lease)) {
                        // Ours after all: an earlier renewal worked and its answer was lost.
                        Some(current) => lease = current,
                        None => {
                            warn!(%error, "lease was taken by another");
                            return;
                        }
                    }
                }
                error => warn!(%error, "lease was not renewed, will be tried again"),
            },
            Err(_) => warn!("lease was not renewed in time, will be tried again"),
        }
    }
}

/// Whether a record is of the same holder's same term.
fn is_same(one: &Lease, other: &Lease) -> bool {
    let term = |lease: &Lease| {
        let spec = lease.spec.clone().unwrap_or_default();
        (spec.holder_identity, spec.lease_transitions)
    };
    term(one) == term(other)
}

// === impl Held ===

impl Held {
    fn is_held(&self) -> bool {
        self.until().is_some_and(|until| Instant::now() < until)
    }

    /// Never after it has ended: whoever was told so has stopped acting.
    fn extend(&self, until: Instant) {
        let mut held = self.until();
        if held.is_some_and(|until| Instant::now() < until) {
            *held = Some(until);
        }
    }

    fn end(&self) {
        *self.until() = None;
    }

    fn until(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_not_extended() {
        let now = Instant::now();
        let held = Held(Mutex::new(Some(now + Duration::from_secs(5))));
        held.extend(now + Duration::from_secs(9));
        assert!(held.is_held());
        *held.until() = Some(now.checked_sub(Duration::from_secs(1)).unwrap_or(now));
        held.extend(now + Duration::from_secs(9));
        assert!(!held.is_held());
        held.end();
        held.extend(now + Duration::from_secs(9));
        assert!(!held.is_held());
    }
}
