//! Whether there is anything to consume from: a worker that waits for a topic which nobody has made is not ready.
//!
//! librdkafka waits for such a topic for ever, and says little; under a controller it is never even asked for one.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use tracing::{info, warn};

use super::group::Group;
use crate::stats::Stats;

/// Longest wait for what is known of a topic; the end of the consumer waits for it too.
const LOOK_MAX: Duration = Duration::from_secs(2);
/// How often it is looked while nothing can be consumed, and while something can.
const LOOK_EVERY: Duration = Duration::from_secs(2);
const LOOK_AGAIN_EVERY: Duration = Duration::from_secs(30);

/// Looks after the topics until it is dropped.
pub(super) struct SourceWatch {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Watch {
    consumer: Arc<BaseConsumer<Group>>,
    topics: Vec<String>,
    stats: Arc<Stats>,
    ended: Receiver<()>,
    /// What was said last.
    said: Vec<String>,
}

// === impl SourceWatch ===

impl SourceWatch {
    /// # Errors
    /// When no thread can be had.
    pub(super) fn begin(
        consumer: &Arc<BaseConsumer<Group>>,
        topics: Vec<String>,
        stats: &Arc<Stats>,
    ) -> std::io::Result<Self> {
        let (end, ended) = bounded(0);
        let watch = Watch {
            consumer: Arc::clone(consumer),
            topics,
            stats: Arc::clone(stats),
            ended,
            said: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("topics".to_owned());
        Ok(Self {
            end: Some(end),
            thread: Some(thread.spawn(move || watch.run())?),
        })
    }
}

impl Drop for SourceWatch {
    /// Waits: the consumer leaves its group only when nobody holds it any more.
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

// === impl Watch ===

impl Watch {
    fn run(mut self) {
        loop {
            let every = if self.look() {
                LOOK_AGAIN_EVERY
            } else {
                LOOK_EVERY
            };
            if self.ended.recv_timeout(every) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    }

    /// Says whether something can be consumed.
    fn look(&mut self) -> bool {
        let looks = self.topics.iter().map(|topic| self.trouble(topic));
        let (troubles, can_consume) = match looks.collect::<Option<Vec<Option<String>>>>() {
            Some(looks) => {
                let can_consume = looks.iter().any(Option::is_none);
                (looks.into_iter().flatten().collect(), can_consume)
            }
            None => (vec!["no broker answers".to_owned()], false),
        };
        self.stats
            .source_is((!can_consume).then(|| troubles.join("; ")));
        if troubles != self.said {
            match troubles.is_empty() {
                true => info!("the topics of jobs are there"),
                false => warn!(
                    reason = troubles.join("; "),
                    can_consume, "topics of jobs cannot be consumed"
                ),
            }
            self.said = troubles;
        }
        can_consume
    }

    /// What is wrong with a topic, if anything; none where nobody answers.
    fn trouble(&self, topic: &str) -> Option<Option<String>> {
        let metadata = self.consumer.fetch_metadata(Some(topic), LOOK_MAX).ok()?;
        let found = metadata.topics().iter().find(|it| it.name() == topic);
        let code = found.and_then(|it| it.error()).map(RDKafkaErrorCode::from);
        let partitions = found.map_or(0, |it| it.partitions().len());
        Some(match code {
            None if partitions > 0 => None,
            None
            | Some(RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) => {
                Some(format!("there is no topic {topic}"))
            }
            Some(code) => Some(format!("the topic {topic} cannot be read: {code}")),
        })
    }
}
