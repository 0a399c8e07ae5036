//! One Kafka cluster: its one admin client and its one producer.
//!
//! Each librdkafka client is several threads and connections, so everything that reads lag, of any number of
//! groups, shares one.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    client::Client,
    config::ClientConfig,
    consumer::{BaseConsumer, Consumer},
    error::{IsError, RDKafkaErrorCode},
    metadata::MetadataTopic,
};
use tracing::{info, warn};

use crate::{
    chain::Chain,
    config::{ConfigError, Context, KafkaConfig},
    publish::Publisher,
};

/// Events of the admin client that one look drains at most. They are logged and nothing else.
const EVENTS_PER_LOOK_MAX: usize = 256;

/// The group of all our clients that librdkafka wants one of. Nobody joins it and nothing is committed under it.
///
/// The admin client has one too: without it, librdkafka 2.12 follows a null pointer when a coordinator says that it
/// is none (confluentinc/librdkafka#5040).
const GROUP: &str = "spillway-controller";
/// How long an admin client lives at least.
const ADMIN_AGE_MIN: Duration = Duration::from_secs(5);

/// A Kafka cluster, to be shared by all that read from it or write to it.
///
/// Making one reaches nothing yet: an unreachable cluster shows in the readings.
pub struct Cluster {
    config: KafkaConfig,
    admin: Mutex<Admin>,
    publisher: Publisher,
}

/// The admin client: a consumer rather than rdkafka's own admin client, which is a producer. It has the same calls,
/// and never creates a topic by asking for it.
pub(crate) type AdminClient = BaseConsumer<Context>;

struct Admin {
    client: Arc<AdminClient>,
    made_at: Instant,
}

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
        Ok(Arc::new(Self {
            admin: Mutex::new(Admin {
                client: Arc::new(admin_client(&config)?),
                made_at: Instant::now(),
            }),
            publisher: Publisher::new(config.client())?,
            config,
        }))
    }

    /// How it is reached.
    #[must_use]
    pub fn config(&self) -> &KafkaConfig {
        &self.config
    }

    /// What a consumer of this crate starts from: it joins no group, commits nothing and creates no topic.
    pub(crate) fn consumer_config(&self) -> ClientConfig {
        consumer_config(&self.config)
    }

    pub(crate) fn admin(&self) -> Arc<AdminClient> {
        Arc::clone(&self.admin_slot().client)
    }

    /// Takes a new admin client if `failed`, which could not reach a group's coordinator, is the one in use.
    ///
    /// librdkafka keeps where a group's coordinator is for as long as it is asked about, and an admin client does
    /// not forget it when the coordinator has moved: only a new client finds the new one.
    pub(crate) fn renew_admin(&self, failed: &Arc<AdminClient>) {
        let mut slot = self.admin_slot();
        if !Arc::ptr_eq(&slot.client, failed) || slot.made_at.elapsed() < ADMIN_AGE_MIN {
            return;
        }
        match admin_client(&self.config) {
            Ok(client) => {
                let old = std::mem::replace(&mut slot.client, Arc::new(client));
                slot.made_at = Instant::now();
                info!(reason = "a coordinator moved", "replaced the admin client");
                // Closing a client can take seconds while a broker is away.
                thread::spawn(move || drop(old));
            }
            Err(error) => warn!(error = %Chain(&error), "admin client not replaced"),
        }
    }

    fn admin_slot(&self) -> MutexGuard<'_, Admin> {
        // A slot is changed as a whole: a panic leaves nothing half done.
        self.admin.lock().unwrap_or_else(PoisonError::into_inner)
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
        layout(self.admin().client(), topic, timeout)
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

fn admin_client(config: &KafkaConfig) -> Result<AdminClient, ConfigError> {
    Ok(consumer_config(config).create_with_context(Context)?)
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
    let metadata = client
        .fetch_metadata(Some(topic), timeout)
        .map_err(|error| {
            let code = error.rdkafka_error_code();
            LayoutError::Unanswered(code.map_or_else(|| error.to_string(), |code| code.to_string()))
        })?;
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
