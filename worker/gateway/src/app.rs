//! Accepting a request and waiting for its answer.

mod accept;
mod usage;
mod videos;
mod wait;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use spillway_wire::{TraceParent, UnixMs, topics};
use tokio::sync::{Semaphore, watch};

use crate::book::{Book, Seat};
use crate::catalog::Catalog;
use crate::ids::{Handle, Ids, Wants, day};
use crate::jobs::Jobs;
use crate::metrics::Metrics;
use crate::pressure::Pressure;
use crate::quota::{Moment, Permit};
use crate::replies::{Owned, Reader};
use crate::store::Store;
use crate::tenants::{Secret, Tenant, Tenants};

pub(crate) use usage::Usage;
pub(crate) use videos::{LOOK_MAX, VideoAsk, Videos};

/// A consumer that was not polled for so long is stuck.
const POLL_SILENCE_MAX: Duration = Duration::from_secs(60);

/// Everything that a request may need.
pub(crate) struct App {
    pub(crate) tenants: Arc<Tenants>,
    /// Makes the keys that sign what webhooks are told.
    pub(crate) webhook_keys: Secret,
    pub(crate) ids: Arc<Ids>,
    pub(crate) book: Arc<Book>,
    pub(crate) jobs: Jobs,
    pub(crate) store: Store,
    pub(crate) catalog: Catalog,
    pub(crate) pressure: Arc<Pressure>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) reader: Reader,
    pub(crate) owned: watch::Receiver<Owned>,
    pub(crate) usage: Arc<Usage>,
    pub(crate) limits: Limits,
    /// None where no videos are taken.
    pub(crate) videos: Option<Videos>,
    /// Room for the bodies of all requests, in KiB.
    pub(crate) bodies: Arc<Semaphore>,
    /// Topic of the default class.
    pub(crate) jobs_topic: String,
    /// This replica's name in the usage that it writes.
    pub(crate) replica: String,
    pub(crate) next_partition: AtomicUsize,
    pub(crate) is_draining: AtomicBool,
}

/// Bounds that an operator may set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Longest wait of a synchronous request.
    pub(crate) wait_max: Duration,
    /// For how long what is stored can be read.
    pub(crate) retention: Duration,
    /// Longest time for a body to come.
    pub(crate) body_time: Duration,
}

/// What is asked for.
pub(crate) struct Ask {
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) images: Vec<Image>,
    pub(crate) wants: Wants,
    /// Most entries per kind and image.
    pub(crate) max_results: u32,
    pub(crate) deadline: Duration,
    pub(crate) idempotency_key: Option<String>,
    /// Whether the tenant's webhook is to be told when it is done.
    pub(crate) notify: bool,
    pub(crate) trace: Option<TraceParent>,
}

/// Where an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Image {
    Uri(String),
    Bytes(Bytes),
    /// A key in the object store that was checked to be the tenant's.
    Object(String),
}

/// A job that Kafka has.
pub(crate) struct Accepted {
    pub(crate) handle: Handle,
    seat: Seat,
    /// Held while somebody waits.
    _permit: Permit,
    /// Whether its answers come to another replica, or came before: then the store is looked into.
    is_elsewhere: bool,
}

// === impl App ===

impl App {
    /// The topic of a tenant's jobs.
    fn topic(&self, tenant: &Tenant) -> String {
        match &tenant.class {
            Some(class) => format!("{}.{class}", self.jobs_topic),
            None => self.jobs_topic.clone(),
        }
    }

    /// The next of the partitions that this replica owns.
    fn reply_partition(&self) -> Option<i32> {
        let owned = self.owned.borrow();
        let next = self.next_partition.fetch_add(1, Ordering::Relaxed);
        let count = owned.partitions.len();
        (count > 0).then(|| owned.partitions[next % count])
    }

    /// Why this replica cannot take requests; none if it can.
    pub(crate) fn unready(&self) -> Option<&'static str> {
        if self.is_draining.load(Ordering::Relaxed) {
            Some("draining")
        } else if self.owned.borrow().partitions.is_empty() {
            Some("no partition of the results topic is owned")
        } else if self.reader.store_failed() {
            Some("the object store does not take results")
        } else {
            None
        }
    }

    pub(crate) fn is_stuck(&self) -> bool {
        self.reader.since_polled() > POLL_SILENCE_MAX && !self.reader.store_failed()
    }

    /// Brings the gauges up to date.
    pub(crate) fn gauge(&self) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.metrics.waiting.set(number(self.book.waiting() as u64));
        self.metrics
            .outstanding
            .set(number(self.pressure.outstanding()));
    }
}

/// This moment, as meters see it.
fn moment<'a>(day: &'a str, now_ms: UnixMs, share: f64) -> Moment<'a> {
    const DAY_MS: i64 = 86_400_000;
    let left = u64::try_from(DAY_MS - now_ms.rem_euclid(DAY_MS)).unwrap_or(0);
    Moment {
        now: Instant::now(),
        day,
        day_left: Duration::from_millis(left),
        share,
    }
}

/// The wall clock.
pub(crate) fn now_ms() -> UnixMs {
    jiff::Timestamp::now().as_millisecond()
}

/// The topic of the default class, if nothing else is said.
pub(crate) const JOBS_TOPIC: &str = topics::JOBS;

/// Today, UTC.
pub(crate) fn today() -> String {
    day(now_ms())
}
