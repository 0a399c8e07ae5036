//! Where a backlog is read from: a consumer group's partitions.

use std::{
    collections::BTreeMap,
    ffi::{CStr, CString},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use jiff::Timestamp;
use spillway_core::{BacklogReading, PartitionId, PartitionReading};
use tracing::{debug, info, warn};

use crate::{
    chain::Chain,
    cluster::{self, Cluster, LayoutError, Placed},
    config::ConfigError,
    ffi,
    members::Member,
    offsets::{self, Isolation, Question, Wanted},
};

/// How long a topic's partitions are believed. New ones are seen within this and one tick.
const LAYOUT_AGE_MAX: Duration = Duration::from_secs(5);

/// Something that can say how much work waits.
pub trait BacklogSource: Send + Sync {
    /// Looks once. Takes no longer than the source's own deadline, and never fails:
    /// what could not be learned is in the reading, with the reason.
    fn read(&self) -> BoxFuture<'_, BacklogReading>;

    /// Who works on it, as the source itself knows.
    ///
    /// # Errors
    /// Why that is unknown now, in words: it does not mean that there is nobody.
    fn members(&self, deadline: Duration) -> BoxFuture<'_, Result<Vec<Member>, String>>;
}

/// The backlog of one consumer group over its topics, read from outside: it never joins the group.
pub struct GroupLag {
    look: Arc<Look>,
}

pub(crate) struct Look {
    cluster: Arc<Cluster>,
    group: CString,
    topics: Vec<String>,
    deadline: Duration,
    isolation: Isolation,
    layouts: Mutex<BTreeMap<String, Layout>>,
    /// The broker that answered for the group last.
    coordinator: Mutex<Option<i32>>,
}

/// A topic's partitions as last seen.
#[derive(Debug, Clone)]
struct Layout {
    placed: Vec<Placed>,
    /// None once they are in doubt: the next look asks again.
    fresh_since: Option<Instant>,
}

// === impl GroupLag ===

impl GroupLag {
    /// The lag of `group` over `topics`, each look within `deadline`.
    ///
    /// # Errors
    /// When a name cannot be one of Kafka's.
    pub fn new(
        cluster: Arc<Cluster>,
        group: &str,
        topics: impl IntoIterator<Item = impl Into<String>>,
        deadline: Duration,
    ) -> Result<Self, ConfigError> {
        let topics: Vec<String> = topics.into_iter().map(Into::into).collect();
        let bad = |topic: &&String| topic.is_empty() || topic.contains('\0');
        if let Some(topic) = topics.iter().find(bad) {
            return Err(ConfigError::Name {
                what: "topic",
                name: topic.clone(),
            });
        }
        Ok(Self {
            look: Arc::new(Look {
                cluster,
                group: ffi::group_name(group).ok_or_else(|| ConfigError::Name {
                    what: "group",
                    name: group.to_owned(),
                })?,
                topics,
                deadline,
                isolation: Isolation::default(),
                layouts: Mutex::default(),
                coordinator: Mutex::default(),
            }),
        })
    }

    /// The same, with another idea of where a log ends.
    #[must_use]
    pub fn with_isolation(self, isolation: Isolation) -> Self {
        let Look {
            cluster,
            group,
            topics,
            deadline,
            ..
        } = &*self.look;
        Self {
            look: Arc::new(Look {
                cluster: Arc::clone(cluster),
                group: group.clone(),
                topics: topics.clone(),
                deadline: *deadline,
                isolation,
                layouts: Mutex::default(),
                coordinator: Mutex::default(),
            }),
        }
    }
}

impl GroupLag {
    pub(crate) fn look(&self) -> Arc<Look> {
        Arc::clone(&self.look)
    }
}

impl BacklogSource for GroupLag {
    fn members(&self, deadline: Duration) -> BoxFuture<'_, Result<Vec<Member>, String>> {
        Box::pin(self.described(deadline))
    }

    fn read(&self) -> BoxFuture<'_, BacklogReading> {
        let look = Arc::clone(&self.look);
        Box::pin(async move {
            let taken_at = Timestamp::now();
            // librdkafka's queues are waited for by blocking; the deadline bounds it.
            tokio::task::spawn_blocking({
                let look = Arc::clone(&look);
                move || look.read(taken_at)
            })
            .await
            .unwrap_or_else(|error| {
                look.nothing(taken_at, &format!("the look ended early: {error}"))
            })
        })
    }
}

// === impl Look ===

impl Look {
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    pub(crate) fn group(&self) -> &CStr {
        &self.group
    }

    /// The broker that answered for the group at the last look.
    pub(crate) fn known_coordinator(&self) -> Option<i32> {
        *self.coordinator()
    }

    fn read(&self, taken_at: Timestamp) -> BacklogReading {
        let started = Instant::now();
        let deadline = started + self.deadline;
        // At most half for the partitions: their offsets need time too.
        let (wanted, missing) = self.partitions(started + self.deadline / 2);
        let admin = match self.cluster.admin(self.isolation) {
            Ok(admin) => admin,
            Err(error) => return self.nothing(taken_at, &Chain(&error).to_string()),
        };
        let read = offsets::read(
            admin,
            &Question {
                group: &self.group,
                wanted: &wanted,
                coordinator: *self.coordinator(),
                brokers: &self.brokers(taken_at),
                deadline,
            },
        );
        cluster::hear(admin);
        self.remember(read.coordinator);

        let partitions: Vec<PartitionReading> = read
            .partitions
            .into_iter()
            .map(|(id, offsets)| PartitionReading { id, offsets })
            .collect();
        self.doubt(&partitions);
        let reading = BacklogReading {
            taken_at,
            partitions,
            missing,
        };
        self.tell(&reading, started.elapsed());
        reading
    }

    /// The partitions to read, and the topics of which there are none.
    fn partitions(&self, deadline: Instant) -> (Vec<Wanted>, Vec<(String, String)>) {
        let mut wanted = Vec::new();
        let mut missing = Vec::new();
        for topic in &self.topics {
            match self.layout(topic, deadline) {
                Ok(placed) => wanted.extend(placed.into_iter().map(|placed| Wanted {
                    id: PartitionId::new(topic.clone(), placed.partition),
                    leader: placed.leader,
                })),
                Err(error) => missing.push((topic.clone(), error.to_string())),
            }
        }
        (wanted, missing)
    }

    /// A topic's partitions: as remembered for a while, as the cluster says, or as remembered if it says nothing.
    fn layout(&self, topic: &str, deadline: Instant) -> Result<Vec<Placed>, LayoutError> {
        let remembered = self.layouts().get(topic).cloned();
        if let Some(layout) = &remembered
            && layout.is_fresh()
        {
            return Ok(layout.placed.clone());
        }
        let remaining = deadline.saturating_duration_since(Instant::now());
        match self.cluster.layout(topic, remaining) {
            Ok(placed) => {
                if remembered
                    .as_ref()
                    .is_none_or(|old| old.placed.len() != placed.len())
                {
                    info!(topic, count = placed.len(), "saw the partitions of a topic");
                }
                let layout = Layout {
                    placed: placed.clone(),
                    fresh_since: Some(Instant::now()),
                };
                self.layouts().insert(topic.to_owned(), layout);
                Ok(placed)
            }
            Err(error @ LayoutError::Absent(_)) => {
                self.layouts().remove(topic);
                Err(error)
            }
            // Its partitions are still known to exist; whether their offsets can be read shows next.
            Err(error @ LayoutError::Unanswered(_)) => match remembered {
                Some(layout) => Ok(layout.placed),
                None => Err(error),
            },
        }
    }

    /// Asks for a topic's partitions anew after any of them failed: it may be gone, or led by another broker.
    fn doubt(&self, partitions: &[PartitionReading]) {
        let mut layouts = self.layouts();
        for reading in partitions.iter().filter(|reading| reading.offsets.is_err()) {
            if let Some(layout) = layouts.get_mut(&reading.id.topic) {
                layout.fresh_since = None;
            }
        }
    }

    fn tell(&self, reading: &BacklogReading, took: Duration) {
        let failed = reading
            .partitions
            .iter()
            .filter_map(|partition| partition.offsets.as_ref().err());
        let first = failed.clone().next();
        let group = self.group.to_string_lossy();
        let elapsed_ms = took.as_millis();
        if let Some(reason) = first.or_else(|| reading.missing.first().map(|(_, why)| why)) {
            warn!(
                %group,
                count = failed.count(),
                missing = reading.missing.len(),
                reason,
                elapsed_ms,
                "read the backlog in part"
            );
        } else {
            debug!(%group, count = reading.partitions.len(), elapsed_ms, "read the backlog");
        }
    }

    /// The reading of a look that did not come to its end.
    fn nothing(&self, taken_at: Timestamp, why: &str) -> BacklogReading {
        BacklogReading {
            taken_at,
            partitions: Vec::new(),
            missing: self
                .topics
                .iter()
                .map(|topic| (topic.clone(), why.to_owned()))
                .collect(),
        }
    }

    /// All brokers, in an order that each look begins elsewhere: of very many only a part is asked at once.
    fn brokers(&self, taken_at: Timestamp) -> Vec<i32> {
        let mut brokers = self.cluster.brokers();
        if !brokers.is_empty() {
            let look = usize::try_from(taken_at.as_millisecond()).unwrap_or(0);
            let count = brokers.len();
            brokers.rotate_left(look % count);
        }
        brokers
    }

    fn remember(&self, coordinator: Option<i32>) {
        let mut known = self.coordinator();
        if *known != coordinator {
            let group = self.group.to_string_lossy();
            debug!(%group, before = *known, broker = coordinator, "another coordinator");
            *known = coordinator;
        }
    }

    fn coordinator(&self) -> MutexGuard<'_, Option<i32>> {
        self.coordinator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn layouts(&self) -> MutexGuard<'_, BTreeMap<String, Layout>> {
        // Each change is one insert or remove: a panic elsewhere leaves nothing half done.
        self.layouts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Layout ===

impl Layout {
    fn is_fresh(&self) -> bool {
        self.fresh_since
            .is_some_and(|since| since.elapsed() <= LAYOUT_AGE_MAX)
    }
}
