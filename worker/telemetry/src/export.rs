//! From a span's end to a collector: a bounded queue, and one thread that sends batches.

use std::pin::pin;
use std::thread::JoinHandle;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanExporter, SpanProcessor};
use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use crate::counts::{Why, counts};

/// How long the end waits for what is still to be sent.
const END_MAX: Duration = Duration::from_secs(3);

/// How much may wait, and for how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Most spans that wait to be sent.
    pub(crate) queue_max: usize,
    /// Most spans of a request.
    pub(crate) batch_max: usize,
    /// How long a span waits for others to be sent with.
    pub(crate) delay: Duration,
    /// Longest time of a request and its repetitions.
    pub(crate) export_max: Duration,
}

/// Where spans go when they end.
#[derive(Debug)]
pub(crate) struct Queue(mpsc::Sender<SpanData>);

/// The thread that exports.
#[derive(Debug)]
pub struct Exporting {
    end: watch::Sender<bool>,
    thread: JoinHandle<()>,
}

/// Sends what is in the queue.
struct Pump<E> {
    exporter: E,
    limits: Limits,
    spans: mpsc::Receiver<SpanData>,
    end: watch::Receiver<bool>,
    /// Spans of the request that is under way.
    in_hand: usize,
    /// Whether the last request failed: that is said once.
    is_failing: bool,
}

// === impl Queue ===

impl Queue {
    /// Starts to export.
    ///
    /// # Errors
    /// When no thread can be had.
    pub(crate) fn start(
        mut exporter: impl SpanExporter + 'static,
        resource: &Resource,
        limits: Limits,
    ) -> std::io::Result<(Self, Exporting)> {
        exporter.set_resource(resource);
        let (to, spans) = mpsc::channel(limits.queue_max);
        let (end, ended) = watch::channel(false);
        let pump = Pump {
            exporter,
            limits,
            spans,
            end: ended,
            in_hand: 0,
            is_failing: false,
        };
        // Its own, so that a program without a runtime, or with a busy one, exports as well.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new().name("traces".to_owned());
        let thread = thread.spawn(move || {
            runtime.block_on(pump.run());
            // A lookup of a name may hang.
            runtime.shutdown_background();
        })?;
        Ok((Self(to), Exporting { end, thread }))
    }
}

impl SpanProcessor for Queue {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.0.try_send(span).is_err() {
            counts().dropped(Why::Full, 1);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    /// The queue ends with [`Exporting::end`]: the tracer lives as long as the process.
    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

// === impl Exporting ===

impl Exporting {
    /// Sends what is left, for a few seconds at most; what ends later is dropped.
    pub fn end(self) {
        self.end.send_replace(true);
        // It ends by itself; a panic there has no more to say.
        let _ = self.thread.join();
    }
}

// === impl Pump ===

impl<E: SpanExporter> Pump<E> {
    async fn run(mut self) {
        let mut end = self.end.clone();
        let overdue = pin!(async move {
            // Its sender is only dropped with the process.
            let _ = end.wait_for(|end| *end).await;
            tokio::time::sleep(END_MAX).await;
        });
        tokio::select! {
            () = self.pump() => {}
            () = overdue => {}
        }
        self.spans.close();
        let left = self.spans.len() + self.in_hand;
        counts().dropped(Why::Ended, left);
        let lost = [Why::Full, Why::Failed, Why::Ended].map(|why| counts().lost(why));
        if lost.iter().sum::<u64>() > 0 {
            let [full, failed, ended] = lost;
            warn!(full, failed, ended, "spans were lost");
        }
    }

    /// Sends batches until the end, and then what is left.
    async fn pump(&mut self) {
        let mut batch = Vec::with_capacity(self.limits.batch_max);
        let mut end = self.end.clone();
        loop {
            let is_over = tokio::select! {
                is_over = collect(&mut self.spans, &mut batch, self.limits) => is_over,
                _ = end.wait_for(|end| *end) => true,
            };
            if is_over {
                break;
            }
            self.export(std::mem::take(&mut batch)).await;
        }
        loop {
            while batch.len() < self.limits.batch_max
                && let Ok(span) = self.spans.try_recv()
            {
                batch.push(span);
            }
            if batch.is_empty() {
                return;
            }
            self.export(std::mem::take(&mut batch)).await;
        }
    }

    async fn export(&mut self, batch: Vec<SpanData>) {
        let count = batch.len();
        self.in_hand = count;
        let sent = tokio::time::timeout(self.limits.export_max, self.exporter.export(batch)).await;
        self.in_hand = 0;
        let error = match sent {
            Ok(Ok(())) => {
                counts().exported(count);
                if std::mem::take(&mut self.is_failing) {
                    info!("traces are exported again");
                }
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        counts().dropped(Why::Failed, count);
        if !std::mem::replace(&mut self.is_failing, true) {
            warn!(count, error, "traces not exported");
        }
    }
}

/// Fills a batch, or waits long enough for one that is not full; says whether there will be no more.
async fn collect(
    spans: &mut mpsc::Receiver<SpanData>,
    batch: &mut Vec<SpanData>,
    limits: Limits,
) -> bool {
    let mut due = None;
    while batch.len() < limits.batch_max {
        let left = limits.batch_max - batch.len();
        let received = spans.recv_many(batch, left);
        let count = match due {
            None => received.await,
            Some(due) => match tokio::time::timeout_at(due, received).await {
                Ok(count) => count,
                Err(_) => return false,
            },
        };
        if count == 0 {
            return true;
        }
        due.get_or_insert_with(|| tokio::time::Instant::now() + limits.delay);
    }
    false
}

#[cfg(test)]
mod tests;
