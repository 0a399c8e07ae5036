//! Making the topics that are not there yet.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{NewTopic, TopicReplication},
    error::RDKafkaErrorCode,
};
use tracing::info;

use crate::{
    cluster::{Cluster, LayoutError},
    config::ConfigError,
    reshape::reason,
};

/// The broker's own default. Kafka has taken it since 2.4.
const REPLICATION_DEFAULT: i32 = -1;
/// Pause between looks at whether a new topic can be used yet.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// A topic as it shall be if it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// Name.
    pub name: String,
    /// Number of partitions, at least 1.
    pub partitions: u32,
    /// Copies of each record, on as many brokers; none takes the broker's default.
    pub replication: Option<u32>,
    /// Settings of its own, as `retention.ms`.
    pub settings: BTreeMap<String, String>,
}

/// What [`Cluster::ensure`] found and did: each topic is in one of the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ensured {
    /// Made now.
    pub created: Vec<String>,
    /// There already and left as it is, with its number of partitions, whatever the spec says.
    pub left: BTreeMap<String, u32>,
}

/// Why topics are not as they should be.
#[derive(Debug, thiserror::Error)]
pub enum EnsureError {
    /// The cluster did not answer in time: try again. Topics may have been made.
    #[error("the cluster did not answer about {topic}: {why}")]
    Unreachable {
        /// The topic it was asked about.
        topic: String,
        /// What happened.
        why: String,
    },
    /// The cluster will not make or change it: a person must grant rights or change the spec.
    #[error("the cluster refused what was asked for the topic {topic}")]
    Refused {
        /// The topic.
        topic: String,
        /// What it said.
        #[source]
        source: RDKafkaErrorCode,
    },
    /// No admin client could be made.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

// === impl Cluster ===

impl Cluster {
    /// Makes the topics that do not exist, leaves the others as they are, and waits until all can be used.
    ///
    /// Calling it twice, or from two places at once, makes each topic once.
    /// On librdkafka's mock cluster, which cannot make topics by request, it works where all exist already.
    ///
    /// # Errors
    /// [`EnsureError`]; topics before the failing one may have been made.
    pub async fn ensure(
        self: &Arc<Self>,
        topics: &[TopicSpec],
        deadline: Duration,
    ) -> Result<Ensured, EnsureError> {
        let until = Instant::now() + deadline;
        let mut ensured = Ensured::default();
        let mut absent = Vec::new();
        for topic in topics {
            match self.partitions_of(&topic.name, until).await {
                Ok(partitions) => {
                    ensured.left.insert(topic.name.clone(), partitions);
                }
                Err(LayoutError::Absent(_)) => absent.push(topic),
                Err(LayoutError::Unanswered(why)) => {
                    return Err(EnsureError::unreachable(&topic.name, why));
                }
            }
        }
        if absent.is_empty() {
            return Ok(ensured);
        }

        self.create(&absent, until).await?;
        for topic in absent {
            self.usable(topic, until).await?;
            info!(topic = topic.name, count = topic.partitions, "made a topic");
            ensured.created.push(topic.name.clone());
        }
        Ok(ensured)
    }

    async fn create(&self, topics: &[&TopicSpec], until: Instant) -> Result<(), EnsureError> {
        let left = until.saturating_duration_since(Instant::now());
        let (admin, options) = self.changer(left)?;
        let new: Vec<NewTopic<'_>> = topics.iter().map(|topic| topic.new_topic()).collect();
        let results = admin
            .create_topics(&new, &options)
            .await
            .map_err(|error| EnsureError::unreachable(&topics[0].name, reason(&error)))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((topic, code)) => return Err(EnsureError::of(&topic, code)),
            }
        }
        Ok(())
    }

    /// Waits until the metadata names the topic and every partition has a leader.
    async fn usable(
        self: &Arc<Self>,
        topic: &TopicSpec,
        until: Instant,
    ) -> Result<(), EnsureError> {
        loop {
            let why = match self.partitions_of(&topic.name, until).await {
                Ok(_) => return Ok(()),
                Err(error) => error.to_string(),
            };
            if Instant::now() >= until {
                return Err(EnsureError::unreachable(&topic.name, why));
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
    }

    async fn partitions_of(
        self: &Arc<Self>,
        topic: &str,
        until: Instant,
    ) -> Result<u32, LayoutError> {
        let cluster = Arc::clone(self);
        let name = topic.to_owned();
        let left = until.saturating_duration_since(Instant::now());
        let placed = tokio::task::spawn_blocking(move || cluster.layout(&name, left))
            .await
            .map_err(|error| LayoutError::Unanswered(error.to_string()))??;
        if placed.iter().any(|placed| placed.leader.is_none()) {
            return Err(LayoutError::Unanswered("a partition has no leader".into()));
        }
        Ok(u32::try_from(placed.len()).unwrap_or(u32::MAX))
    }
}

// === impl TopicSpec ===

impl TopicSpec {
    /// A topic of records that age away by the broker's default.
    #[must_use]
    pub fn new(name: impl Into<String>, partitions: u32) -> Self {
        Self {
            name: name.into(),
            partitions,
            replication: None,
            settings: BTreeMap::new(),
        }
    }

    /// A topic of which the last record of each key stays.
    #[must_use]
    pub fn compacted(name: impl Into<String>, partitions: u32) -> Self {
        let mut spec = Self::new(name, partitions);
        let (setting, value) = ("cleanup.policy", "compact");
        spec.settings.insert(setting.to_owned(), value.to_owned());
        spec
    }

    fn new_topic(&self) -> NewTopic<'_> {
        let replication = self.replication.and_then(|it| i32::try_from(it).ok());
        let topic = NewTopic::new(
            &self.name,
            i32::try_from(self.partitions).unwrap_or(i32::MAX),
            TopicReplication::Fixed(replication.unwrap_or(REPLICATION_DEFAULT)),
        );
        let settings = self.settings.iter();
        settings.fold(topic, |topic, (name, value)| topic.set(name, value))
    }
}

// === impl EnsureError ===

impl EnsureError {
    /// A label for metrics and logs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Refused { .. } => "refused",
            Self::Config(_) => "config",
        }
    }
}
