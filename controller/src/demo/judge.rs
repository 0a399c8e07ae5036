//! Holds every result against what is known of its job.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{ClientConfig, Message as _, Offset, TopicPartitionList};
use spillway_generator::{Bounds, Truth};
use spillway_wire::{JobResult, Outcome, topics};
use tracing::warn;

use super::images::Pictures;
use super::load::{Expected, Ledger};

/// Two boxes are of the same thing from this intersection over union on.
const SAME_THING_IOU: f32 = 0.5;
/// Unexpected outcomes that are told one by one.
const EXAMPLES_MAX: usize = 5;

/// What the results so far were like.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict {
    pub(super) results: u64,
    pub(super) duplicates: u64,
    pub(super) errors: BTreeMap<String, u64>,
    /// Good images that ended in an error, and bad ones that did not end in theirs.
    pub(super) unexpected: u64,
    /// The first of them, in words.
    pub(super) examples: Vec<String>,
    pub(super) labels: Tally,
    pub(super) faces: Tally,
    pub(super) logos: Tally,
}

/// Found and right, found and wrong, not found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    right: u64,
    wrong: u64,
    missed: u64,
}

/// Reads results on a thread of its own until it is dropped.
pub(super) struct Judge {
    verdict: Arc<Mutex<Verdict>>,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Bench {
    pictures: Arc<Pictures>,
    ledger: Ledger,
    verdict: Arc<Mutex<Verdict>>,
    run: String,
}

// === impl Judge ===

impl Judge {
    /// Begins to read results that are written from now on.
    ///
    /// # Errors
    /// When the results cannot be read.
    pub(super) fn begin(
        brokers: &str,
        run: &str,
        pictures: Arc<Pictures>,
        ledger: Ledger,
    ) -> anyhow::Result<Self> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", format!("{run}-judge"))
            .set("enable.auto.commit", "false")
            .create()?;
        let deadline = Duration::from_secs(10);
        let metadata = consumer.fetch_metadata(Some(topics::RESULTS), deadline)?;
        let topic = metadata
            .topics()
            .first()
            .context("there is no topic of results")?;
        let mut partitions = TopicPartitionList::new();
        for partition in topic.partitions() {
            let (_, end) = consumer.fetch_watermarks(topics::RESULTS, partition.id(), deadline)?;
            partitions.add_partition_offset(
                topics::RESULTS,
                partition.id(),
                Offset::Offset(end),
            )?;
        }
        consumer.assign(&partitions)?;
        let verdict = Arc::new(Mutex::new(Verdict::default()));
        let stop = Arc::new(AtomicBool::new(false));
        let bench = Bench {
            pictures,
            ledger,
            verdict: Arc::clone(&verdict),
            run: run.to_owned(),
        };
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("judge".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    match consumer.poll(Duration::from_millis(100)) {
                        Some(Ok(record)) => bench.judge(record.payload().unwrap_or_default()),
                        Some(Err(error)) => warn!(%error, "results could not be read"),
                        None => {}
                    }
                }
            })?;
        Ok(Self {
            verdict,
            stop,
            thread: Some(thread),
        })
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.verdict
            .lock()
            .expect("nothing panics while holding the verdict")
            .clone()
    }
}

impl Drop for Judge {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A judge that panicked has said so already.
            let _ = thread.join();
        }
    }
}

// === impl Bench ===

impl Bench {
    fn judge(&self, value: &[u8]) {
        let Ok(result) = serde_json::from_slice::<JobResult>(value) else {
            warn!("a result is not one");
            return;
        };
        if !result.job_id.starts_with(&self.run) {
            return;
        }
        let expected = {
            let mut ledger = self
                .ledger
                .lock()
                .expect("nothing panics while holding the ledger");
            let Some(sent) = ledger.get_mut(&result.job_id) else {
                warn!(job = result.job_id, "a result of a job that was not sent");
                return;
            };
            sent.answers += 1;
            sent.finished_at_ms.get_or_insert(result.finished_at_ms);
            (sent.answers == 1).then_some(sent.expected)
        };
        let mut verdict = self
            .verdict
            .lock()
            .expect("nothing panics while holding the verdict");
        let Some(expected) = expected else {
            verdict.duplicates += 1;
            return;
        };
        verdict.results += 1;
        if let Some(error) = &result.error {
            *verdict
                .errors
                .entry(error.reason.as_str().to_owned())
                .or_default() += 1;
        }
        let truth = match expected {
            Expected::Error(bad) => {
                let reason = result.error.as_ref().map(|error| error.reason);
                if reason != Some(bad.reason()) {
                    verdict.note(&result, bad.reason().as_str());
                }
                return;
            }
            Expected::Remote(index) => &self.pictures.remote[index].truth,
            Expected::Inline(index) => &self.pictures.inline[index].truth,
        };
        if result.outcome != Outcome::Success {
            verdict.note(&result, "SUCCESS");
            return;
        }
        verdict.compare(&result, truth);
    }
}

// === impl Verdict ===

impl Verdict {
    fn note(&mut self, result: &JobResult, expected: &str) {
        self.unexpected += 1;
        if self.examples.len() < EXAMPLES_MAX {
            let came = result.error.as_ref().map_or("SUCCESS".to_owned(), |error| {
                format!("{} ({})", error.reason.as_str(), error.message)
            });
            self.examples
                .push(format!("{}: {came} instead of {expected}", result.job_id));
        }
    }

    fn compare(&mut self, result: &JobResult, truth: &Truth) {
        let found: BTreeSet<&str> = result
            .labels
            .iter()
            .map(|label| label.name.as_str())
            .collect();
        let there: BTreeSet<&str> = truth.labels.iter().map(String::as_str).collect();
        self.labels.right += found.intersection(&there).count() as u64;
        self.labels.wrong += found.difference(&there).count() as u64;
        self.labels.missed += there.difference(&found).count() as u64;
        let faces: Vec<_> = result
            .faces
            .iter()
            .map(|face| (face.bounds, "face"))
            .collect();
        let there: Vec<_> = truth
            .faces
            .iter()
            .map(|face| (face.bounds, "face"))
            .collect();
        self.faces.match_boxes(&faces, &there);
        let logos: Vec<_> = result
            .logos
            .iter()
            .map(|logo| (logo.bounds, logo.brand.as_str()))
            .collect();
        let there: Vec<_> = truth
            .logos
            .iter()
            .map(|logo| (logo.bounds, logo.brand.as_str()))
            .collect();
        self.logos.match_boxes(&logos, &there);
    }
}

// === impl Tally ===

impl Tally {
    /// Right ones among found and missed, counted twice as precision and recall are (F1); none before any.
    pub(super) fn ratio(&self) -> Option<f64> {
        let all = 2 * self.right + self.wrong + self.missed;
        #[expect(clippy::cast_precision_loss, reason = "a share that is shown")]
        (all > 0).then(|| (2 * self.right) as f64 / all as f64)
    }

    /// Each box that is there is found by at most one, the surest first.
    fn match_boxes(&mut self, found: &[(spillway_wire::Bounds, &str)], there: &[(Bounds, &str)]) {
        let mut left: Vec<_> = there.to_vec();
        for (bounds, name) in found {
            let same = left
                .iter()
                .position(|(other, of)| of == name && overlap(bounds, other) >= SAME_THING_IOU);
            match same {
                Some(at) => {
                    left.swap_remove(at);
                    self.right += 1;
                }
                None => self.wrong += 1,
            }
        }
        self.missed += left.len() as u64;
    }
}

/// Intersection over union, 0..1.
fn overlap(a: &spillway_wire::Bounds, b: &Bounds) -> f32 {
    let shared = |a_from: f32, a_size: f32, b_from: f32, b_size: f32| {
        ((a_from + a_size).min(b_from + b_size) - a_from.max(b_from)).max(0.0)
    };
    let both = shared(a.left, a.width, b.left, b.width) * shared(a.top, a.height, b.top, b.height);
    both / (a.width * a.height + b.width * b.height - both).max(f32::MIN_POSITIVE)
}
