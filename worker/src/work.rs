//! What moves along the line: a record, then work on a job, then its ending.

use std::sync::Arc;
use std::time::{Duration, Instant};

use spillway_wire::{
    Feature, Headers, ImageInfo, Job, JobError, Reason, Stage, TraceParent, UnixMs, header_names,
};

use crate::attempts::JobKey;
use crate::frame::Frame;
use crate::ledger::Ticket;
use crate::models::Findings;
use crate::retry;
use crate::spans::JobTrace;

/// A record as it came from Kafka.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) ticket: Ticket,
    pub(crate) job: JobKey,
    /// Processes that ended while they worked on it.
    pub(crate) attempts: u64,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// Kafka's timestamp.
    pub(crate) at_ms: Option<UnixMs>,
    pub(crate) received: Instant,
}

/// A job on its way through the line.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) record: Record,
    pub(crate) job: Job,
    /// When it ends without an answer: its own deadline, or what this worker gives any job.
    pub(crate) until_ms: UnixMs,
    pub(crate) image: Option<ImageInfo>,
    /// Digest of the model set that answered; none before one did.
    pub(crate) model_set: Option<Arc<str>>,
    pub(crate) spent: Spent,
    /// Its span; none where it is not traced.
    pub(crate) trace: Option<Box<JobTrace>>,
}

/// Time spent in each stage.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spent {
    pub(crate) fetch: Stint,
    pub(crate) decode: Stint,
    pub(crate) infer: Stint,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stint {
    /// None where it never began.
    pub(crate) began: Option<Instant>,
    pub(crate) took: Duration,
}

/// Work whose bytes are there. What was fetched holds a place of those that may wait for a decoder.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub(crate) work: Box<Work>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) place: Option<tokio::sync::OwnedSemaphorePermit>,
}

/// Work whose pixels are there.
#[derive(Debug)]
pub(crate) struct Framed {
    pub(crate) work: Box<Work>,
    pub(crate) frame: Frame,
    pub(crate) wants: Wants,
}

/// Work that is over, one way or the other.
#[derive(Debug)]
pub(crate) struct Ending {
    pub(crate) work: Box<Work>,
    pub(crate) found: Result<Findings, Failure>,
    /// Asked for, and not in this worker's models.
    pub(crate) lacking: Wants,
}

/// Why a job failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    pub(crate) reason: Reason,
    pub(crate) message: String,
}

/// A set of features.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct Wants(u8);

/// Every feature there is.
pub(crate) const FEATURES: [Feature; 3] = [Feature::Humans, Feature::Brands, Feature::Context];

// === impl Stint ===

impl Stint {
    /// From `began` until now.
    pub(crate) fn since(began: Instant) -> Self {
        Self {
            began: Some(began),
            took: began.elapsed(),
        }
    }

    /// When it ended; none where it never began.
    pub(crate) fn end(&self) -> Option<Instant> {
        Some(self.began? + self.took)
    }
}

// === impl Record ===

impl Record {
    /// `topic/partition/offset`.
    pub(crate) fn origin(&self) -> String {
        let partition = &self.ticket.assignment.partition;
        let offset = self.ticket.offset;
        format!("{}/{}/{offset}", partition.topic, partition.partition)
    }

    /// How often it was tried before.
    pub(crate) fn tries(&self) -> usize {
        retry::number(&self.headers, header_names::TRIES).unwrap_or(0)
    }

    pub(crate) fn trace(&self) -> Option<TraceParent> {
        self.headers
            .iter()
            .find(|(name, _)| name == header_names::TRACEPARENT)
            .and_then(|(_, value)| TraceParent::parse(value))
    }

    /// The record's own headers.
    pub(crate) fn headers(&self) -> Headers {
        self.headers
            .iter()
            .fold(Headers::default(), |headers, (name, value)| {
                headers.with(name, value.clone())
            })
    }
}

// === impl Failure ===

impl Failure {
    pub(crate) fn new(stage: Stage, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            stage,
            reason,
            message: message.into(),
        }
    }

    /// The failure as it is written on the wire.
    pub(crate) fn to_wire(&self) -> JobError {
        JobError {
            stage: self.stage,
            reason: self.reason,
            message: self.message.clone(),
            retryable: self.reason.is_retryable(),
        }
    }
}

// === impl Work ===

impl Work {
    /// Whether its result is worth nothing any more.
    pub(crate) fn is_late(&self, now_ms: UnixMs) -> bool {
        self.job
            .deadline_ms
            .is_some_and(|deadline| now_ms >= deadline)
    }

    /// Whether nothing more is begun for it.
    pub(crate) fn is_over(&self, now_ms: UnixMs) -> bool {
        now_ms >= self.until_ms
    }

    /// The key of every record that is written of it.
    pub(crate) fn key(&self) -> Vec<u8> {
        let own = self.record.key.clone();
        own.unwrap_or_else(|| self.job.id.clone().into_bytes())
    }

    /// Whether another worker does it, or will.
    pub(crate) fn is_revoked(&self) -> bool {
        self.record.ticket.assignment.is_revoked()
    }

    /// Ends it without an answer.
    pub(crate) fn fail(self: Box<Self>, failure: Failure) -> Ending {
        Ending {
            work: self,
            found: Err(failure),
            lacking: Wants::default(),
        }
    }

    /// Ends it because its time is over.
    pub(crate) fn expire(self: Box<Self>, stage: Stage) -> Ending {
        let message = match self.job.deadline_ms {
            Some(deadline) if deadline <= self.until_ms => {
                "the deadline passed before the job was done"
            }
            _ => "the job took longer than this worker gives any",
        };
        self.fail(Failure::new(stage, Reason::DeadlineExceeded, message))
    }
}

// === impl Wants ===

impl Wants {
    pub(crate) fn of(features: impl IntoIterator<Item = Feature>) -> Self {
        features.into_iter().fold(Self::default(), Self::with)
    }

    #[must_use]
    pub(crate) fn with(self, feature: Feature) -> Self {
        Self(self.0 | 1 << feature as u8)
    }

    pub(crate) fn contains(self, feature: Feature) -> bool {
        self.0 & 1 << feature as u8 != 0
    }

    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    #[must_use]
    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Feature> {
        FEATURES
            .into_iter()
            .filter(move |feature| self.contains(*feature))
    }
}

impl std::fmt::Debug for Wants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// The name of a feature, which is the name of its models' subset.
pub(crate) fn feature_name(feature: Feature) -> &'static str {
    match feature {
        Feature::Humans => "humans",
        Feature::Brands => "brands",
        Feature::Context => "context",
    }
}

/// Now, as it is written on the wire.
pub(crate) fn now_ms() -> UnixMs {
    jiff::Timestamp::now().as_millisecond()
}
