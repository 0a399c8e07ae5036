use std::sync::{Arc, Mutex};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::error::OTelSdkError;
use opentelemetry_sdk::trace::SdkTracerProvider;

use super::*;
use crate::trace::{Begin, Tracer};

/// What a collector does with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Collector {
    Takes,
    Refuses,
    Hangs,
}

#[derive(Debug)]
struct Exporter {
    collector: Collector,
    taken: Arc<Mutex<Vec<usize>>>,
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        match self.collector {
            Collector::Takes => {
                self.taken.lock().unwrap().push(batch.len());
                Ok(())
            }
            Collector::Refuses => Err(OTelSdkError::InternalFailure("no".to_owned())),
            Collector::Hangs => std::future::pending().await,
        }
    }
}

/// Ends so many spans, one after the other, and gives the sizes of the batches that were taken.
fn end_spans(collector: Collector, spans: usize, limits: Limits) -> Vec<usize> {
    let taken: Arc<Mutex<Vec<usize>>> = Arc::default();
    let exporter = Exporter {
        collector,
        taken: Arc::clone(&taken),
    };
    let resource = Resource::builder_empty().build();
    let (queue, exporting) = Queue::start(exporter, &resource, limits).unwrap();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(queue)
        .build();
    let tracer = Tracer::new(provider.tracer("tests"));
    for _ in 0..spans {
        drop(tracer.begin(Begin::new("a span", None)));
    }
    exporting.end();
    let taken = taken.lock().unwrap();
    taken.clone()
}

const LIMITS: Limits = Limits {
    queue_max: 100,
    batch_max: 8,
    // Longer than a test: only full batches go out before the end.
    delay: Duration::from_secs(600),
    export_max: Duration::from_secs(600),
};

#[test]
fn every_span_is_sent_in_batches_and_the_end_waits_for_the_last() {
    let taken = end_spans(Collector::Takes, 50, LIMITS);
    assert_eq!(taken.iter().sum::<usize>(), 50);
    assert!(taken.iter().all(|batch| *batch <= 8), "{taken:?}");
}

#[test]
fn what_a_collector_refuses_is_counted_as_failed() {
    let before = counts().lost(Why::Failed);
    end_spans(Collector::Refuses, 20, LIMITS);
    assert_eq!(counts().lost(Why::Failed) - before, 20);
}

#[test]
fn a_collector_that_hangs_costs_spans_and_nobodys_time() {
    let lost = || counts().lost(Why::Full) + counts().lost(Why::Ended);
    let before = lost();
    let few = Limits {
        queue_max: 10,
        ..LIMITS
    };
    // More than there is room for: whoever ends them does not wait, and neither does the end.
    end_spans(Collector::Hangs, 1_000, few);
    assert_eq!(lost() - before, 1_000, "each is counted once");
    assert!(counts().lost(Why::Full) > 0);
}
