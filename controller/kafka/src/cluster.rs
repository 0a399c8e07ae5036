//! One Kafka cluster: its one admin client and its one producer.
//!
//! Each librdkafka client is several threads and connections, so everything that reads lag, of any number of
//! groups, shares one.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use rdkafka::{
    client::Client,
    config::ClientConfig,
    consumer::{BaseConsumer, Consumer},
    error::{IsError, RDKafkaErrorCode},
    metadata::{Metadata, MetadataTopic},
};

use crate::{
    config::{ConfigError, Context, KafkaConfig},
    offsets::Isolation,
    publish::Publisher,
};

/// Events of the admin client that one look drains at most. They are logged and nothing else.
const EVENTS_PER_LOOK_MAX: usize = 256;

/// The group of all our clients that librdkafka wants one of. Nobody joins it and nothing is committed under it.
///
/// The admin client has one too: without it, librdkafka 2.12 follows a null pointer when a broker says that it is no
/// coordinator (confluentinc/librdkafka#5040). And a client with a group looks for its coordinator, which makes a new
/// cluster make the topic of all offsets: until then no broker answers for any group.
const GROUP: &str = "spillway-controller";

/// A Kafka cluster, to be shared by all that read from it or write to it.
///
/// Making one reaches nothing yet: an unreachable cluster shows in the readings.
pub struct Cluster {
    config: KafkaConfig,
    context: Context,
    admin: AdminClient,
    /// The same, for which a log ends where the last open transaction begins; made when it is first needed.
    admin_committed: OnceLock<AdminClient>,
    /// The brokers as last seen, by id.
    brokers: Mutex<Vec<i32>>,
    publisher: Publisher,
}

/// The admin client: a consumer rather than rdkafka's own admin client, which is a producer. It has the same calls,
/// and never creates a topic by asking for it.
pub(crate) type AdminClient = BaseConsumer<Context>;

/// One partition as the cluster's metadata shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    /// Number, from 0.
    pub(crate) partition: i32,
    /// The broker that leads it; none while there is none.
    pub(crate) leader: Option<i32>,
}

/// Why a topic's partitions are not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LayoutError {
    /// The cluster answered that there is no such topic, or that we may not know it.
    #[error("{0}")]
    Absent(String),
    /// The cluster did not answer, or not with sense.
    #[error("no metadata: {0}")]
    Unanswered(String),
}

// === impl Cluster ===

impl Cluster {
    /// Makes the clients of a cluster.
    ///
    /// # Errors
    /// When librdkafka does not take the configuration; never because the cluster is unreachable.
    pub fn new(config: KafkaConfig) -> Result<Arc<Self>, ConfigError> {
        let context = Context::default();
        Ok(Arc::new(Self {
            admin: admin_client(&config, &context, Isolation::ReadUncommitted)?,
            admin_committed: OnceLock::new(),
            brokers: Mutex::default(),
            publisher: Publisher::new(config.client(), context.clone())?,
            context,
            config,
        }))
    }

    /// How it is reached.
    #[must_use]
    pub fn config(&self) -> &KafkaConfig {
        &self.config
    }

    /// What hears of every client's troubles.
    pub(crate) fn context(&self) -> Context {
        self.context.clone()
    }

    /// Why something failed, with what is known of why no broker can be reached.
    pub(crate) fn explained(&self, why: String) -> String {
        match self.context.trouble() {
            Some(trouble) => format!("{why}: {trouble}"),
            None => why,
        }
    }

    /// What a consumer of this crate starts from: it joins no group, commits nothing and creates no topic.
    pub(crate) fn consumer_config(&self) -> ClientConfig {
        consumer_config(&self.config)
    }

    /// The client that asks for offsets. Where a log ends is a property of a client, not of a question.
    pub(crate) fn admin(&self, isolation: Isolation) -> Result<&AdminClient, ConfigError> {
        match (isolation, self.admin_committed.get()) {
            (Isolation::ReadUncommitted, _) => Ok(&self.admin),
            (Isolation::ReadCommitted, Some(admin)) => Ok(admin),
            (Isolation::ReadCommitted, None) => {
                let made = admin_client(&self.config, &self.context, isolation)?;
                // Of two that are made at once, one goes again.
                Ok(self.admin_committed.get_or_init(|| made))
            }
        }
    }

    /// Ids of the brokers as the last metadata named them; empty before the first.
    pub(crate) fn brokers(&self) -> Vec<i32> {
        // Changed as a whole: a panic leaves nothing half done.
        let brokers = self.brokers.lock();
        brokers.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// The partitions of `topic`, at least one. Blocks for `timeout` at most.
    pub(crate) fn layout(
        &self,
        topic: &str,
        timeout: Duration,
    ) -> Result<Vec<Placed>, LayoutError> {
        placed_of(&self.metadata(topic, timeout)?, topic)
    }

    /// Partitions of `topic`, and the replicas of the one that has the fewest. Blocks for `timeout` at most.
    pub(crate) fn size(&self, topic: &str, timeout: Duration) -> Result<(u32, u32), LayoutError> {
        let metadata = self.metadata(topic, timeout)?;
        let placed = placed_of(&metadata, topic)?;
        let found = metadata
            .topics()
            .iter()
            .filter(|found| found.name() == topic);
        let partitions = found.flat_map(|found| found.partitions());
        let fewest = partitions.map(|it| it.replicas().len()).min().unwrap_or(0);
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Ok((count(placed.len()), count(fewest)))
    }

    /// Says what the cluster knows of `topic`, and keeps which brokers there are.
    fn metadata(&self, topic: &str, timeout: Duration) -> Result<Metadata, LayoutError> {
        let metadata = metadata(self.admin.client(), topic, timeout).map_err(|error| {
            hear(&self.admin);
            match error {
                LayoutError::Unanswered(why) => LayoutError::Unanswered(self.explained(why)),
                absent @ LayoutError::Absent(_) => absent,
            }
        })?;
        let brokers = metadata.brokers().iter().map(|broker| broker.id());
        *self.brokers.lock().unwrap_or_else(PoisonError::into_inner) = brokers.collect();
        Ok(metadata)
    }
}

/// Lets librdkafka say what went wrong since the last look; unheard, its events would pile up.
pub(crate) fn hear(admin: &AdminClient) {
    for _ in 0..EVENTS_PER_LOOK_MAX {
        if admin.poll(Duration::ZERO).is_none() {
            break;
        }
    }
}

fn admin_client(
    config: &KafkaConfig,
    context: &Context,
    isolation: Isolation,
) -> Result<AdminClient, ConfigError> {
    let mut config = consumer_config(config);
    config.set(
        "isolation.level",
        match isolation {
            Isolation::ReadUncommitted => "read_uncommitted",
            Isolation::ReadCommitted => "read_committed",
        },
    );
    Ok(config.create_with_context(context.clone())?)
}

fn consumer_config(config: &KafkaConfig) -> ClientConfig {
    let mut config = config.client();
    if config.get("group.id").is_none() {
        config.set("group.id", GROUP);
    }
    config
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("allow.auto.create.topics", "false");
    config
}

/// The partitions of `topic` as `client` sees them, at least one. Blocks for `timeout` at most.
pub(crate) fn layout(
    client: &Client<Context>,
    topic: &str,
    timeout: Duration,
) -> Result<Vec<Placed>, LayoutError> {
    placed_of(&metadata(client, topic, timeout)?, topic)
}

fn metadata(
    client: &Client<Context>,
    topic: &str,
    timeout: Duration,
) -> Result<Metadata, LayoutError> {
    client
        .fetch_metadata(Some(topic), timeout)
        .map_err(|error| {
            let code = error.rdkafka_error_code();
            LayoutError::Unanswered(code.map_or_else(|| error.to_string(), |code| code.to_string()))
        })
}

fn placed_of(metadata: &Metadata, topic: &str) -> Result<Vec<Placed>, LayoutError> {
    metadata
        .topics()
        .iter()
        .find(|found| found.name() == topic)
        .ok_or_else(|| LayoutError::Unanswered("the answer does not name the topic".to_owned()))
        .and_then(placed)
}

fn placed(topic: &MetadataTopic) -> Result<Vec<Placed>, LayoutError> {
    if let Some(error) = topic.error().filter(IsError::is_error) {
        let code = RDKafkaErrorCode::from(error);
        return Err(match code {
            RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopicId
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::InvalidTopic => LayoutError::Absent(code.to_string()),
            other => LayoutError::Unanswered(other.to_string()),
        });
    }
    if topic.partitions().is_empty() {
        return Err(LayoutError::Unanswered(
            "the answer names no partition".to_owned(),
        ));
    }
    Ok(topic
        .partitions()
        .iter()
        .map(|partition| Placed {
            partition: partition.id(),
            leader: Some(partition.leader()).filter(|leader| *leader >= 0),
        })
        .collect())
}
