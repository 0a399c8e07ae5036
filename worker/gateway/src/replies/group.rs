//! What happens when the group of the gateways gives and takes partitions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext, Rebalance};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Statistics, TopicPartitionList};
use tracing::{debug, info, warn};

use super::{Owned, Shared};

/// Longest wait for what is on its way into the store when partitions are taken away.
const REVOKE_WAIT_MAX: Duration = Duration::from_secs(3);
const METADATA_MAX: Duration = Duration::from_secs(5);

/// Follows rebalances.
pub(super) struct Group {
    shared: Arc<Shared>,
    epoch: AtomicU64,
}

// === impl Group ===

impl Group {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            epoch: AtomicU64::new(0),
        }
    }

    fn give_back(&self, consumer: &BaseConsumer<Self>, partitions: &[i32]) {
        let shared = &self.shared;
        // First of all nobody may name them in new jobs.
        shared.owned.send_modify(|owned| {
            owned.partitions.retain(|it| !partitions.contains(it));
        });
        shared.settle(Some(partitions), Instant::now() + REVOKE_WAIT_MAX);
        shared.commit(consumer, CommitMode::Sync);
        for partition in partitions {
            shared.window().revoke(*partition);
        }
        shared.replies.book.moved(partitions);
        shared.replies.pressure.moved(partitions);
        shared.count();
        info!(count = partitions.len(), "partitions revoked");
    }

    fn receive(&self, consumer: &BaseConsumer<Self>, partitions: &[i32]) {
        let shared = &self.shared;
        for partition in partitions {
            let epoch = self.epoch.fetch_add(1, Ordering::Relaxed);
            shared.window().assign(*partition, epoch);
        }
        let of = partitions_of(consumer, &shared.replies.topic);
        shared.owned.send_modify(|owned| {
            let mut all = std::mem::take(&mut owned.partitions);
            all.extend_from_slice(partitions);
            all.sort_unstable();
            all.dedup();
            *owned = Owned {
                of: of.unwrap_or(owned.of).max(all.len()),
                partitions: all,
            };
        });
        shared.count();
        info!(count = partitions.len(), "partitions assigned");
    }
}

impl Shared {
    fn count(&self) {
        let owned = self.owned.borrow().partitions.len();
        let owned = i64::try_from(owned).unwrap_or(i64::MAX);
        self.replies.metrics.partitions.set(owned);
    }
}

fn partitions_of(consumer: &BaseConsumer<Group>, topic: &str) -> Option<usize> {
    let metadata = consumer.fetch_metadata(Some(topic), METADATA_MAX);
    let metadata = metadata
        .inspect_err(|error| warn!(%error, "partitions could not be counted"))
        .ok()?;
    Some(metadata.topics().first()?.partitions().len())
}

impl ClientContext for Group {
    fn error(&self, error: KafkaError, reason: &str) {
        warn!(%error, reason, "consumer had an error");
    }

    fn stats(&self, _: Statistics) {}
}

impl ConsumerContext for Group {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(list) = rebalance {
            self.give_back(consumer, &partitions(list));
        }
    }

    fn post_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(list) = rebalance {
            self.receive(consumer, &partitions(list));
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        if let Err(error) = result {
            debug!(%error, "commit refused");
        }
    }
}

fn partitions(list: &TopicPartitionList) -> Vec<i32> {
    let elements = list.elements();
    elements.iter().map(|element| element.partition()).collect()
}
