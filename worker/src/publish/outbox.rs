//! The producer: idempotent, acknowledged by all, and never silently dropping a record.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use crossbeam_channel::{Receiver, Sender, bounded};
use rdkafka::client::ClientContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, Headers as _, Message as _, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, DeliveryResult, Producer as _, ProducerContext, ThreadedProducer,
};
use spillway_wire::{Headers, JobResult, Outcome, Reason, TimingsMs, header_names};
use tracing::{error, warn};

use crate::attempts::JobKey;
use crate::config::Kafka;
use crate::crash::{self, Step};
use crate::drain::Stop;
use crate::ledger::Ticket;
use crate::spans::Sending;
use crate::told::{Moment, Told};
use crate::work::Record;

/// Most records that Kafka refused and that wait to be sent in another way.
const REFUSED_MAX: usize = 1_024;
/// How long to wait when the producer's own queue is full.
const FULL_WAIT: Duration = Duration::from_millis(10);
/// Most rounds of sending refused records otherwise, at the end.
const FLUSHES_MAX: usize = 3;
/// Longest wait for what is known of a topic.
const METADATA_MAX: Duration = Duration::from_secs(10);
/// Longest wait for the last acknowledgements.
const FLUSH_MAX: Duration = Duration::from_secs(10);
/// Longest wait for the last heartbeat, which is worth less.
const LAST_FLUSH_MAX: Duration = Duration::from_secs(3);

/// A job all of whose records are acknowledged.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) ticket: Ticket,
    pub(crate) job: JobKey,
    /// None where it has no result yet, and waits in another topic.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) reason: Option<Reason>,
    pub(crate) timings_ms: TimingsMs,
}

/// A record to be sent.
pub(crate) struct Letter {
    pub(crate) topic: String,
    pub(crate) partition: Option<i32>,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: Headers,
    /// What it belongs to.
    pub(crate) sent: Sent,
}

/// A job with records on their way.
#[derive(Debug)]
pub(crate) struct Delivery {
    ticket: Ticket,
    job: JobKey,
    /// Records not yet acknowledged.
    remaining: AtomicUsize,
    outcome: Option<Outcome>,
    reason: Option<Reason>,
    timings_ms: TimingsMs,
    /// Ends with the last record.
    _trace: Option<Box<Sending>>,
}

/// A record that cannot be written as it is.
pub(crate) struct Refused {
    letter: Letter,
    code: RDKafkaErrorCode,
}

/// Sends records.
pub(crate) struct Outbox {
    producer: ThreadedProducer<Acknowledge>,
}

/// Hears of every record whether it was written.
struct Acknowledge {
    completions: Sender<Completion>,
    refused: Sender<Refused>,
    stop: Arc<Stop>,
    /// Hears of heartbeats that were acknowledged; none where Kafka assigns.
    told: Option<Arc<Told>>,
}

/// What a record on its way belongs to.
#[derive(Debug, Clone)]
pub(crate) enum Sent {
    /// A job.
    Job(Arc<Delivery>),
    /// The worker itself: a heartbeat, and when it was made.
    Heartbeat(Moment),
    /// A video, of which it is a frame: who waits for it hears when it is written, or that it is too large for its topic.
    Frame(Sender<Written>),
    /// A video, of which it is the answer or the dead letter.
    Answer(Sender<Written>),
}

/// Whether a record that somebody waits for is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Yes,
    TooLarge,
}

// === impl Delivery ===

impl Delivery {
    pub(super) fn new(record: &Record, records: usize, result: &JobResult) -> Self {
        Self {
            ticket: record.ticket.clone(),
            job: record.job,
            remaining: AtomicUsize::new(records),
            outcome: Some(result.outcome),
            reason: result.error.as_ref().map(|error| error.reason),
            timings_ms: result.timings_ms,
            _trace: None,
        }
    }

    /// Of one record, with which a job waits for its next try.
    pub(super) fn put_off(record: &Record, reason: Reason) -> Self {
        Self {
            ticket: record.ticket.clone(),
            job: record.job,
            remaining: AtomicUsize::new(1),
            outcome: None,
            reason: Some(reason),
            timings_ms: TimingsMs::default(),
            _trace: None,
        }
    }

    /// The same, with the span that ends when it is acknowledged.
    pub(super) fn traced(self, trace: Option<Box<Sending>>) -> Self {
        Self {
            _trace: trace,
            ..self
        }
    }
}

// === impl Acknowledge ===

impl ClientContext for Acknowledge {
    fn error(&self, error: KafkaError, reason: &str) {
        warn!(%error, reason, "producer had an error");
    }
}

impl ProducerContext for Acknowledge {
    type DeliveryOpaque = Box<Sent>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Self::DeliveryOpaque) {
        if let Sent::Heartbeat(sent) = *sent {
            if let (Ok(_), Some(told)) = (result, &self.told) {
                told.heard(sent);
            }
            return;
        }
        match result {
            Ok(_) => match *sent {
                Sent::Job(delivery) => self.acknowledged(&delivery),
                // Who does not wait any more has given the video up.
                Sent::Frame(tell) | Sent::Answer(tell) => {
                    let _ = tell.send(Written::Yes);
                }
                Sent::Heartbeat(_) => {}
            },
            Err((error, message)) => {
                let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                let mut headers = Headers::default();
                for header in message.headers().iter().flat_map(|headers| headers.iter()) {
                    headers = headers.with(header.key, header.value.unwrap_or_default());
                }
                let letter = Letter {
                    topic: message.topic().to_owned(),
                    partition: Some(message.partition()),
                    key: message.key().unwrap_or_default().to_vec(),
                    value: message.payload().unwrap_or_default().to_vec(),
                    headers,
                    sent: *sent,
                };
                self.refused(Refused { letter, code });
            }
        }
    }
}

impl Acknowledge {
    fn acknowledged(&self, delivery: &Delivery) {
        if delivery.remaining.fetch_sub(1, Ordering::AcqRel) > 1 {
            return;
        }
        crash::point(Step::Acknowledged);
        // Room for all jobs in flight: this never waits. The consumer is gone only when the process ends.
        let _ = self.completions.send(Completion {
            ticket: delivery.ticket.clone(),
            job: delivery.job,
            outcome: delivery.outcome,
            reason: delivery.reason,
            timings_ms: delivery.timings_ms,
        });
    }

    /// Hands a record to the publisher, if it can be written in another way.
    fn refused(&self, refused: Refused) {
        use RDKafkaErrorCode::{
            InvalidPartitions, MessageSizeTooLarge, UnknownPartition, UnknownTopicOrPartition,
        };
        if let (Sent::Frame(tell), MessageSizeTooLarge) = (&refused.letter.sent, refused.code) {
            let _ = tell.send(Written::TooLarge);
            return;
        }
        let can_be_sent = matches!(
            refused.code,
            MessageSizeTooLarge | UnknownPartition | UnknownTopicOrPartition | InvalidPartitions
        );
        let topic = refused.letter.topic.clone();
        if !can_be_sent || self.refused.try_send(refused).is_err() {
            error!(topic, "result could not be written");
            self.stop
                .fail(format!("a record for {topic} could not be written"));
        }
    }
}

// === impl Outbox ===

impl Outbox {
    /// A producer, and where the records come back that were refused.
    ///
    /// # Errors
    /// If a property is not one of librdkafka's.
    pub(crate) fn new(
        kafka: &Kafka,
        completions: Sender<Completion>,
        stop: Arc<Stop>,
        told: Option<Arc<Told>>,
    ) -> anyhow::Result<(Self, Receiver<Refused>)> {
        let (refused, of_refused) = bounded(REFUSED_MAX);
        let mut config = kafka.client();
        for (key, value) in [
            ("enable.idempotence", "true"),
            ("acks", "all"),
            ("compression.type", "lz4"),
            ("linger.ms", "5"),
            ("queue.buffering.max.kbytes", "65536"),
            // The broker's limit is the one that counts; ours must not be the smaller.
            ("message.max.bytes", "2000000"),
        ] {
            config.set(key, value);
        }
        let context = Acknowledge {
            completions,
            refused,
            stop,
            told,
        };
        let producer = config
            .create_with_context(context)
            .context("the producer cannot be set up")?;
        Ok((Self { producer }, of_refused))
    }

    /// Makes sure that topics exist.
    ///
    /// # Errors
    /// If one does not and the broker makes none, or it does not answer.
    pub(crate) fn check_topics(&self, topics: &[String]) -> anyhow::Result<()> {
        for topic in topics {
            let metadata = self
                .producer
                .client()
                .fetch_metadata(Some(topic), METADATA_MAX)
                .with_context(|| format!("topic {topic} could not be looked up"))?;
            let found = metadata.topics().iter().find(|it| it.name() == topic);
            let is_there = found.is_some_and(|it| it.error().is_none());
            anyhow::ensure!(is_there, "there is no topic {topic}");
        }
        Ok(())
    }

    /// Sends a heartbeat.
    ///
    /// `made`: before its contents were read.
    pub(crate) fn heartbeat(&self, topic: &str, worker: &str, value: Vec<u8>, made: Moment) {
        self.send(Letter {
            topic: topic.to_owned(),
            partition: None,
            key: worker.as_bytes().to_vec(),
            value,
            headers: Headers::default(),
            sent: Sent::Heartbeat(made),
        });
    }

    /// Queues a record; waits while the queue is full, which is what slows the line down.
    pub(crate) fn send(&self, letter: Letter) {
        let headers = letter.headers.iter().fold(
            OwnedHeaders::new_with_capacity(8),
            |headers, (key, value)| {
                let value = Some(value);
                headers.insert(Header { key, value })
            },
        );
        let is_heartbeat = matches!(letter.sent, Sent::Heartbeat(_));
        let sent = Box::new(letter.sent.clone());
        let mut record: BaseRecord<'_, [u8], [u8], _> =
            BaseRecord::with_opaque_to(&letter.topic, sent)
                .key(letter.key.as_slice())
                .payload(letter.value.as_slice())
                .headers(headers);
        record.partition = letter.partition.filter(|partition| *partition >= 0);
        loop {
            match self.producer.send(record) {
                Ok(()) => return,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), same)) => {
                    // The next heartbeat says it all again, and its sender must not wait.
                    if is_heartbeat {
                        return;
                    }
                    record = same;
                    std::thread::sleep(FULL_WAIT);
                }
                Err((error, _)) => {
                    let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
                    warn!(topic = letter.topic, %error, is_heartbeat, "record refused");
                    if !is_heartbeat {
                        let context = self.producer.client().context();
                        context.refused(Refused { letter, code });
                    }
                    return;
                }
            }
        }
    }

    /// Sends a refused record so that it can be written: to another partition, or without what is too large.
    pub(super) fn send_otherwise(&self, refused: Refused) {
        let Refused { letter, code } = refused;
        warn!(topic = letter.topic, %code, "record sent otherwise");
        let is_too_large = code == RDKafkaErrorCode::MessageSizeTooLarge;
        self.send(if is_too_large {
            without_value(letter)
        } else {
            Letter {
                partition: None,
                ..letter
            }
        });
    }

    /// Waits for all acknowledgements, bounded.
    pub(super) fn flush_all(&self, refused: &Receiver<Refused>) {
        for _ in 0..FLUSHES_MAX {
            if let Err(error) = self.producer.flush(FLUSH_MAX) {
                warn!(%error, "records not acknowledged in time");
                return;
            }
            let mut is_quiet = true;
            for refused in refused.try_iter() {
                is_quiet = false;
                self.send_otherwise(refused);
            }
            if is_quiet {
                return;
            }
        }
    }

    /// Waits for the last heartbeat, bounded.
    pub(crate) fn flush(&self) {
        if let Err(error) = self.producer.flush(LAST_FLUSH_MAX) {
            warn!(%error, "last heartbeat not acknowledged in time");
        }
    }
}

/// A dead letter that says only what was there; a result that says that it does not fit.
fn without_value(letter: Letter) -> Letter {
    let hash = blake3::hash(&letter.value).to_hex();
    let note = format!(
        "{} bytes, BLAKE3 {hash}, did not fit into a record",
        letter.value.len()
    );
    let value = match serde_json::from_slice::<JobResult>(&letter.value) {
        Ok(result) => JobResult {
            labels: Vec::new(),
            faces: Vec::new(),
            logos: Vec::new(),
            objects: Vec::new(),
            outcome: Outcome::Error,
            error: Some(spillway_wire::JobError {
                stage: spillway_wire::Stage::Publish,
                reason: Reason::TooLarge,
                message: note.clone(),
                retryable: false,
            }),
            ..result
        }
        .encode(),
        Err(_) => Vec::new(),
    };
    Letter {
        value,
        headers: letter.headers.with(header_names::ERROR_MESSAGE, note),
        ..letter
    }
}
