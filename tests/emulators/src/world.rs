//! The four clouds together, behind one lock and one clock; every request is recorded.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::http::{Asked, Delivery, Reply};
use crate::state::{Cloud, CloudKind};
use crate::{aws, azure, dialect, gce, oci};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Requests that are kept, the oldest forgotten first.
const RECORDED_MAX: usize = 100_000;

/// Four clouds.
pub struct World {
    clock: Clock,
    clouds: BTreeMap<CloudKind, Mutex<Cloud>>,
    recorded: Mutex<std::collections::VecDeque<Recorded>>,
    recorded_max: AtomicUsize,
}

/// A request and its answer, in the layout of the samples of the official SDKs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Recorded {
    /// Whom it was sent to.
    pub cloud: CloudKind,
    /// When.
    pub at: Timestamp,
    /// In capitals.
    pub method: String,
    /// With the query.
    pub path: String,
    /// As on the wire.
    pub headers: Vec<(String, String)>,
    /// As text.
    pub body: String,
    /// What was answered.
    pub response: Answered,
}

/// An answer, as it is recorded.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answered {
    /// HTTP status.
    pub status: u16,
    /// As on the wire.
    pub headers: Vec<(String, String)>,
    /// As text.
    pub body: String,
    /// Whether it reached nobody.
    pub is_lost: bool,
}

/// The time of this machine.
#[must_use]
pub fn wall_clock() -> Clock {
    Arc::new(Timestamp::now)
}

// === impl World ===

impl World {
    /// Four clouds without machines.
    #[must_use]
    pub fn new(clock: Clock) -> Arc<Self> {
        let clouds = CloudKind::ALL.map(|kind| (kind, Mutex::new(Cloud::new(kind))));
        Arc::new(Self {
            clock,
            clouds: clouds.into_iter().collect(),
            recorded: Mutex::default(),
            recorded_max: AtomicUsize::new(RECORDED_MAX),
        })
    }

    /// What time it is here.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Looks at a cloud, or changes it, as of now.
    pub fn with<T>(&self, kind: CloudKind, act: impl FnOnce(&mut Cloud, Timestamp) -> T) -> T {
        let mut cloud = self.lock(kind);
        let now = self.now();
        cloud.settle(now);
        act(&mut cloud, now)
    }

    /// Sends a request to a cloud: what its port does.
    pub fn ask(&self, kind: CloudKind, asked: &Asked) -> Reply {
        let now = self.now();
        let reply = self.with(kind, |cloud, now| match kind {
            CloudKind::Aws => dialect::befallen::<aws::Ec2>(cloud, now, asked),
            CloudKind::Oci => dialect::befallen::<oci::Oci>(cloud, now, asked),
            CloudKind::Gce => dialect::befallen::<gce::Gce>(cloud, now, asked),
            CloudKind::Azure => dialect::befallen::<azure::Azure>(cloud, now, asked),
        });
        self.record(kind, now, asked, &reply);
        reply
    }

    /// Every request so far, oldest first.
    #[must_use]
    pub fn recorded(&self) -> Vec<Recorded> {
        let recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.iter().cloned().collect()
    }

    /// Keeps so many requests from here on: lists of thousands of machines are large.
    pub fn record_at_most(&self, requests: usize) {
        self.recorded_max.store(requests, Ordering::Relaxed);
    }

    /// Forgets machines, faults and settings of one cloud; what was asked of it stays recorded.
    pub fn clear(&self, kind: CloudKind) {
        *self.lock(kind) = Cloud::new(kind);
    }

    /// Forgets machines, faults and requests.
    pub fn reset(&self) {
        for kind in CloudKind::ALL {
            self.clear(kind);
        }
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.clear();
    }

    fn record(&self, cloud: CloudKind, at: Timestamp, asked: &Asked, reply: &Reply) {
        let most = self.recorded_max.load(Ordering::Relaxed);
        if most == 0 {
            return;
        }
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        while recorded.len() >= most {
            recorded.pop_front();
        }
        recorded.push_back(Recorded {
            cloud,
            at,
            method: asked.method.clone(),
            path: asked.target(),
            headers: asked.headers.clone(),
            body: String::from_utf8_lossy(&asked.body).into_owned(),
            response: Answered {
                status: reply.status,
                headers: reply.headers.clone(),
                body: reply.text(),
                is_lost: reply.delivery != Delivery::Sent,
            },
        });
    }

    fn lock(&self, kind: CloudKind) -> MutexGuard<'_, Cloud> {
        // A panic while the lock is held is a bug that its test shows; the others need not fail with it.
        let cloud = &self.clouds[&kind];
        cloud.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
