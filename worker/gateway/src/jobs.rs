//! Sends jobs and videos, and says when Kafka has them.

use std::time::Duration;

use anyhow::Context as _;
use futures::future::try_join_all;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use spillway_wire::{Headers, Job, TraceParent, Video};

use crate::spans;

/// After this long a record that was not acknowledged is given up.
const ACKNOWLEDGE_MAX: Duration = Duration::from_secs(10);
const FLUSH_MAX: Duration = Duration::from_secs(10);

/// The producer of jobs.
pub(crate) struct Jobs {
    producer: FutureProducer,
    source: String,
}

/// Kafka does not have all of the jobs, or does not say so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendError {
    #[error("the producer's queue is full")]
    Full,
    #[error("kafka did not acknowledge")]
    Unknown(#[source] rdkafka::error::KafkaError),
}

// === impl SendError ===

impl SendError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Full => "queue_full",
            Self::Unknown(_) => "not_acknowledged",
        }
    }
}

// === impl Jobs ===

impl Jobs {
    /// # Errors
    /// If a property is not one of librdkafka's.
    pub(crate) fn new(client: &ClientConfig, source: String) -> anyhow::Result<Self> {
        let producer = client
            .clone()
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("compression.type", "lz4")
            .set("linger.ms", "2")
            .set("queue.buffering.max.kbytes", "131072")
            // The broker's limit is the one that counts; ours must not be the smaller.
            .set("message.max.bytes", "2000000")
            .set(
                "message.timeout.ms",
                ACKNOWLEDGE_MAX.as_millis().to_string(),
            )
            .create()
            .context("the producer cannot be set up")?;
        Ok(Self { producer, source })
    }

    /// Sends jobs and waits until Kafka has them all.
    ///
    /// # Errors
    /// When it may not have all of them. To send the same ones again is harmless.
    pub(crate) async fn send(
        &self,
        topic: &str,
        jobs: &[Job],
        trace: Option<&TraceParent>,
    ) -> Result<(), SendError> {
        let mut span = spans::send(topic, jobs, trace);
        let sending = spans::traceparent(span.as_ref());
        let trace = sending.as_ref().or(trace);
        let sent = self.send_under(topic, jobs, trace).await;
        if let (Err(error), Some(span)) = (&sent, &mut span) {
            span.fail(error.kind());
        }
        sent
    }

    async fn send_under(
        &self,
        topic: &str,
        jobs: &[Job],
        trace: Option<&TraceParent>,
    ) -> Result<(), SendError> {
        let mut deliveries = Vec::with_capacity(jobs.len());
        for job in jobs {
            let value = job.encode();
            let headers = self.headers(job, trace);
            let record = FutureRecord::to(topic)
                .key(&job.id)
                .payload(&value)
                .headers(headers);
            let sent = self.producer.send_result(record);
            deliveries.push(sent.map_err(|_| SendError::Full)?);
        }
        let waited = deliveries.into_iter().map(|delivery| async {
            match delivery.await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err((error, _))) => Err(SendError::Unknown(error)),
                Err(_) => Err(SendError::Unknown(rdkafka::error::KafkaError::Canceled)),
            }
        });
        try_join_all(waited).await.map(drop)
    }

    /// Sends a video and waits until Kafka has it.
    ///
    /// # Errors
    /// When it may not have it. To send the same one again is harmless.
    pub(crate) async fn send_video(
        &self,
        topic: &str,
        video: &Video,
        trace: Option<&TraceParent>,
    ) -> Result<(), SendError> {
        let time = jiff::Timestamp::from_millisecond(video.created_at_ms).unwrap_or_default();
        let headers = Headers::cloud_event(&video.id, &self.source, "video", &time.to_string());
        let headers = owned(&headers.with_trace(trace));
        self.put(topic, &video.id, headers, &video.encode()).await
    }

    /// Sends what is no job and waits until Kafka has it.
    ///
    /// # Errors
    /// When it may not have it.
    pub(crate) async fn tell(
        &self,
        topic: &str,
        key: &str,
        kind: &str,
        value: &[u8],
    ) -> Result<(), SendError> {
        let time = jiff::Timestamp::now().to_string();
        let headers = owned(&Headers::cloud_event(key, &self.source, kind, &time));
        self.put(topic, key, headers, value).await
    }

    async fn put(
        &self,
        topic: &str,
        key: &str,
        headers: OwnedHeaders,
        value: &[u8],
    ) -> Result<(), SendError> {
        let record = FutureRecord::to(topic).key(key).payload(value);
        let sent = self.producer.send_result(record.headers(headers));
        let delivery = sent.map_err(|_| SendError::Full)?;
        match delivery.await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err((error, _))) => Err(SendError::Unknown(error)),
            Err(_) => Err(SendError::Unknown(rdkafka::error::KafkaError::Canceled)),
        }
    }

    fn headers(&self, job: &Job, trace: Option<&TraceParent>) -> OwnedHeaders {
        let time = jiff::Timestamp::from_millisecond(job.created_at_ms).unwrap_or_default();
        let headers = Headers::cloud_event(&job.id, &self.source, "job", &time.to_string());
        owned(&headers.with_trace(trace))
    }

    /// Waits for what is on its way.
    pub(crate) fn flush(&self) {
        if let Err(error) = self.producer.flush(FLUSH_MAX) {
            tracing::warn!(%error, "jobs not acknowledged in time");
        }
    }
}

fn owned(headers: &Headers) -> OwnedHeaders {
    headers
        .iter()
        .fold(OwnedHeaders::new(), |headers, (key, value)| {
            let value = Some(value);
            headers.insert(Header { key, value })
        })
}
