//! Topics as they are, and changing them: more partitions, other settings.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigSource, NewPartitions, ResourceSpecifier,
    },
    error::{KafkaError, RDKafkaErrorCode},
};
use tracing::info;

use crate::{
    cluster::{Cluster, LayoutError},
    config::{ConfigError, Context},
    topics::EnsureError,
};

/// A topic as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicState {
    /// Number of partitions.
    pub partitions: u32,
    /// Replicas of the partition that has the fewest.
    pub replication: u32,
    /// Every setting that can be read, by name.
    pub settings: BTreeMap<String, Setting>,
}

/// One setting of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// What holds now; none for one that is not shown.
    pub value: Option<String>,
    /// Whether it was set for this topic, rather than for all.
    pub is_own: bool,
}

// === impl Cluster ===

impl Cluster {
    /// Topics as they are, by name; none where there is no such topic.
    ///
    /// # Errors
    /// [`EnsureError`] when one cannot be looked at: nothing is known of any then.
    pub async fn describe(
        self: &Arc<Self>,
        topics: &[String],
        deadline: Duration,
    ) -> Result<BTreeMap<String, Option<TopicState>>, EnsureError> {
        let until = Instant::now() + deadline;
        let mut states = BTreeMap::new();
        for topic in topics {
            let state = match self.size_of(topic, until).await {
                Ok((partitions, replication)) => Some(TopicState {
                    partitions,
                    replication,
                    settings: self.settings_of(topic, until).await?,
                }),
                Err(LayoutError::Absent(why)) if why.contains("authorization") => {
                    return Err(EnsureError::unreachable(topic, why));
                }
                Err(LayoutError::Absent(_)) => None,
                Err(LayoutError::Unanswered(why)) => {
                    return Err(EnsureError::unreachable(topic, why));
                }
            };
            states.insert(topic.clone(), state);
        }
        Ok(states)
    }

    /// Number of brokers as the cluster last named them, after a [`Self::describe`].
    #[must_use]
    pub fn broker_count(&self) -> usize {
        self.brokers().len()
    }

    /// Gives a topic more partitions, `partitions` altogether.
    ///
    /// # Errors
    /// [`EnsureError`]; Kafka refuses fewer than there are.
    pub async fn grow(
        &self,
        topic: &str,
        partitions: u32,
        deadline: Duration,
    ) -> Result<(), EnsureError> {
        let count = usize::try_from(partitions).unwrap_or(usize::MAX);
        let new = NewPartitions::new(topic, count);
        let (admin, options) = self.changer(deadline)?;
        let results = admin.create_partitions([&new], &options).await;
        let results = results.map_err(|error| EnsureError::unreachable(topic, reason(&error)))?;
        for result in results {
            result.map_err(|(topic, code)| EnsureError::of(&topic, code))?;
        }
        info!(topic, count = partitions, "gave a topic more partitions");
        Ok(())
    }

    /// Sets some settings of a topic; all others that were set for it stay.
    ///
    /// # Errors
    /// [`EnsureError`].
    pub async fn set(
        self: &Arc<Self>,
        topic: &str,
        settings: &BTreeMap<String, String>,
        deadline: Duration,
    ) -> Result<(), EnsureError> {
        let until = Instant::now() + deadline;
        // The request replaces all of a topic's own settings, so those that stay are said again.
        let before = self.settings_of(topic, until).await?;
        let mut all: BTreeMap<&str, &str> = before
            .iter()
            .filter(|(_, setting)| setting.is_own)
            .filter_map(|(name, setting)| Some((name.as_str(), setting.value.as_deref()?)))
            .collect();
        all.extend(
            settings
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let alter = AlterConfig::new(ResourceSpecifier::Topic(topic));
        let alter = all
            .iter()
            .fold(alter, |alter, (name, value)| alter.set(name, value));
        let (admin, options) = self.changer(until.saturating_duration_since(Instant::now()))?;
        let results = admin.alter_configs([&alter], &options).await;
        let results = results.map_err(|error| EnsureError::unreachable(topic, reason(&error)))?;
        for result in results {
            result.map_err(|(_, code)| EnsureError::of(topic, code))?;
        }
        info!(topic, count = settings.len(), "changed settings of a topic");
        Ok(())
    }

    async fn size_of(
        self: &Arc<Self>,
        topic: &str,
        until: Instant,
    ) -> Result<(u32, u32), LayoutError> {
        let (cluster, name) = (Arc::clone(self), topic.to_owned());
        let left = until.saturating_duration_since(Instant::now());
        tokio::task::spawn_blocking(move || cluster.size(&name, left))
            .await
            .map_err(|error| LayoutError::Unanswered(error.to_string()))?
    }

    async fn settings_of(
        &self,
        topic: &str,
        until: Instant,
    ) -> Result<BTreeMap<String, Setting>, EnsureError> {
        let (admin, options) = self.changer(until.saturating_duration_since(Instant::now()))?;
        let asked = ResourceSpecifier::Topic(topic);
        let results = admin.describe_configs([&asked], &options).await;
        let results = results.map_err(|error| EnsureError::unreachable(topic, reason(&error)))?;
        let mut settings = BTreeMap::new();
        for result in results {
            let resource = result.map_err(|code| EnsureError::of(topic, code))?;
            settings.extend(resource.entries.into_iter().map(|entry| {
                let is_own = entry.source == ConfigSource::DynamicTopic;
                let value = entry.value;
                (entry.name, Setting { value, is_own })
            }));
        }
        Ok(settings)
    }

    /// A client that can change topics. Made for one call: it has threads of its own, and topics seldom change.
    pub(crate) fn changer(
        &self,
        deadline: Duration,
    ) -> Result<(AdminClient<Context>, AdminOptions), EnsureError> {
        let admin = self
            .config()
            .client()
            .create_with_context(self.context())
            .map_err(ConfigError::from)?;
        let options = AdminOptions::new()
            .request_timeout(Some(deadline))
            .operation_timeout(Some(deadline));
        Ok((admin, options))
    }
}

pub(crate) fn reason(error: &KafkaError) -> String {
    error
        .rdkafka_error_code()
        .map_or_else(|| error.to_string(), |code| code.to_string())
}

// === impl EnsureError ===

impl EnsureError {
    pub(crate) fn unreachable(topic: &str, why: String) -> Self {
        Self::Unreachable {
            topic: topic.to_owned(),
            why,
        }
    }

    /// What a broker's answer about a topic means.
    pub(crate) fn of(topic: &str, code: RDKafkaErrorCode) -> Self {
        match code {
            RDKafkaErrorCode::RequestTimedOut | RDKafkaErrorCode::OperationTimedOut => {
                Self::unreachable(topic, code.to_string())
            }
            source => Self::Refused {
                topic: topic.to_owned(),
                source,
            },
        }
    }
}
