//! What the worker counts of itself: for heartbeats and for `/metrics`.

use std::collections::VecDeque;
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use spillway_wire::{
    Counters, LatencyQuantiles, Outcome, Partition, Phase, Reason, TimingsMs, UnixMs,
};
use tokio::sync::watch;

/// How far back the quantiles of latency look.
const LATENCY_WINDOW: Duration = Duration::from_secs(60);
/// Most jobs that the quantiles are made of.
const LATENCIES_MAX: usize = 8_192;

/// The stages whose times are told, in the order of their histograms.
const STAGES: [&str; 5] = ["fetch", "decode", "queue", "infer", "total"];

/// What one finished job adds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    pub(crate) outcome: Outcome,
    pub(crate) reason: Option<Reason>,
    pub(crate) timings_ms: TimingsMs,
    /// Whether input was never empty when it ended.
    pub(crate) is_saturated: bool,
}

/// What the worker is doing, as it tells the controller.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) phase: Phase,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) in_flight: u64,
    pub(crate) counters: Counters,
    pub(crate) latency_ms: LatencyQuantiles,
    pub(crate) control_token: u64,
    pub(crate) control_epoch: u64,
    /// When the provider takes the machine back, where it said so.
    pub(crate) interruption_at_ms: Option<UnixMs>,
}

/// What decoding apart adds; clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct DecodeCounts {
    pub(crate) isolated: Counter,
    decoders_ended: Family<WhyLabel, Counter>,
}

/// What fetching adds; clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct FetchCounts {
    pub(crate) retries: Counter,
    pub(crate) refused: Counter,
    breakers: Family<StateLabel, Gauge>,
}

/// What the cache of contents adds; clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct ContentCounts {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) content_bytes: Gauge,
}

/// What videos add, where they are taken; clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct VideoCounts {
    answered: Family<OutcomeLabel, Counter>,
    answered_badly: Family<ReasonLabel, Counter>,
    pub(crate) frames_sent: Counter,
    pub(crate) seconds_gone: Counter<f64, AtomicU64>,
}

/// Everything that is counted, shared by all stages.
pub(crate) struct Stats {
    state: Mutex<State>,
    registry: Registry,
    images: Family<OutcomeLabel, Counter>,
    errors: Family<ReasonLabel, Counter>,
    stages: Family<StageLabel, Histogram, fn() -> Histogram>,
    /// Those of `images` and `stages`, at hand: looking them up costs more than counting.
    outcomes: [Counter; 3],
    times: [Histogram; STAGES.len()],
    batches: Histogram,
    in_flight: Gauge,
    bytes: Counter,
    retries: Counter,
    commits: Counter,
    commits_failed: Counter,
    model_sets: Family<ModelSetLabel, Counter>,
    ready: Gauge,
    pub(crate) fetch: FetchCounts,
    pub(crate) content: ContentCounts,
    pub(crate) decode: DecodeCounts,
    pub(crate) videos: VideoCounts,
    phase: watch::Sender<Phase>,
    confirmed: watch::Sender<(u64, u64)>,
}

struct State {
    reading: Reading,
    latencies: VecDeque<(Instant, u32)>,
    polled: Instant,
    /// Why nothing can be consumed; none if something can.
    no_source: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReasonLabel {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelSetLabel {
    outcome: &'static str,
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabel {
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct WhyLabel {
    why: &'static str,
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Success => "success",
        Outcome::Partial => "partial",
        Outcome::Error => "error",
    }
}

fn seconds() -> Histogram {
    Histogram::new([
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
    ])
}

// === impl FetchCounts ===

impl FetchCounts {
    /// Notes that the breakers in a state have become more or fewer.
    pub(crate) fn breakers(&self, state: &'static str, change: i64) {
        let state = StateLabel { state };
        self.breakers.get_or_create(&state).inc_by(change);
    }

    /// Breakers in a state.
    #[cfg(test)]
    pub(crate) fn breakers_now(&self, state: &'static str) -> i64 {
        self.breakers.get_or_create(&StateLabel { state }).get()
    }
}

// === impl DecodeCounts ===

impl DecodeCounts {
    /// Notes that a decoding process ended before it should: `slow` or `died`.
    pub(crate) fn ended(&self, why: &'static str) {
        self.decoders_ended.get_or_create(&WhyLabel { why }).inc();
    }
}

// === impl VideoCounts ===

impl VideoCounts {
    /// Notes that a video has its answer.
    pub(crate) fn done(&self, outcome: Outcome, reason: Option<Reason>) {
        let outcome = outcome_name(outcome);
        self.answered.get_or_create(&OutcomeLabel { outcome }).inc();
        if let Some(reason) = reason.map(Reason::as_str) {
            let label = ReasonLabel { reason };
            self.answered_badly.get_or_create(&label).inc();
        }
    }
}

// === impl Stats ===

impl Stats {
    pub(crate) fn new(now: Instant) -> Self {
        let images: Family<OutcomeLabel, Counter> = Family::default();
        let outcomes = [Outcome::Success, Outcome::Partial, Outcome::Error].map(|outcome| {
            let label = OutcomeLabel {
                outcome: outcome_name(outcome),
            };
            Counter::clone(&images.get_or_create(&label))
        });
        let stages: Family<StageLabel, Histogram, fn() -> Histogram> =
            Family::new_with_constructor(seconds);
        let times =
            STAGES.map(|stage| Histogram::clone(&stages.get_or_create(&StageLabel { stage })));
        let stats = Self {
            state: Mutex::new(State {
                reading: Reading {
                    phase: Phase::Starting,
                    partitions: Vec::new(),
                    in_flight: 0,
                    counters: Counters::default(),
                    latency_ms: LatencyQuantiles::default(),
                    control_token: 0,
                    control_epoch: 0,
                    interruption_at_ms: None,
                },
                latencies: VecDeque::new(),
                polled: now,
                no_source: Some("the topics of jobs were not looked up yet".to_owned()),
            }),
            registry: Registry::default(),
            images,
            errors: Family::default(),
            stages,
            outcomes,
            times,
            batches: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]),
            in_flight: Gauge::default(),
            bytes: Counter::default(),
            retries: Counter::default(),
            commits: Counter::default(),
            commits_failed: Counter::default(),
            model_sets: Family::default(),
            ready: Gauge::default(),
            fetch: FetchCounts::default(),
            content: ContentCounts::default(),
            decode: DecodeCounts::default(),
            videos: VideoCounts::default(),
            phase: watch::Sender::new(Phase::Starting),
            confirmed: watch::Sender::new((0, 0)),
        };
        stats.registered()
    }

    fn registered(mut self) -> Self {
        let to = self.registry.sub_registry_with_prefix("spillway");
        to.register(
            "images_processed",
            "Jobs that ended in a result",
            self.images.clone(),
        );
        to.register(
            "errors",
            "Jobs that failed or are partial",
            self.errors.clone(),
        );
        to.register(
            "stage_seconds",
            "Wall-clock time of a job in a stage",
            self.stages.clone(),
        );
        to.register("batch_size", "Images of a batch", self.batches.clone());
        to.register(
            "jobs_in_flight",
            "Jobs received, not yet finished",
            self.in_flight.clone(),
        );
        to.register(
            "fetched_bytes",
            "Bytes of images fetched",
            self.bytes.clone(),
        );
        to.register(
            "retries",
            "Jobs that failed and wait to be tried again",
            self.retries.clone(),
        );
        to.register(
            "commits",
            "Commits that Kafka acknowledged",
            self.commits.clone(),
        );
        to.register(
            "commits_failed",
            "Commits that Kafka refused",
            self.commits_failed.clone(),
        );
        to.register(
            "model_sets",
            "Model sets that took over, were refused, or were taken back",
            self.model_sets.clone(),
        );
        to.register(
            "worker_ready",
            "1 while the worker takes jobs, or would if there were any",
            self.ready.clone(),
        );
        self.with_inputs()
    }

    /// What getting bytes and pixels counts by itself.
    fn with_inputs(mut self) -> Self {
        let to = self.registry.sub_registry_with_prefix("spillway");
        to.register(
            "fetch_retries",
            "Fetches tried again",
            self.fetch.retries.clone(),
        );
        to.register(
            "fetch_breaker_refused",
            "Fetches not tried because their host had failed too often",
            self.fetch.refused.clone(),
        );
        to.register(
            "fetch_breakers",
            "Hosts that are left alone (open) or tried again (half_open)",
            self.fetch.breakers.clone(),
        );
        to.register(
            "content_cache_hits",
            "Images answered from what was found in the same bytes before",
            self.content.hits.clone(),
        );
        to.register(
            "content_cache_misses",
            "Images not in the cache of contents",
            self.content.misses.clone(),
        );
        to.register(
            "content_cache_bytes",
            "Size of the cache of contents",
            self.content.content_bytes.clone(),
        );
        to.register(
            "decodes_isolated",
            "Images decoded in a process of their own",
            self.decode.isolated.clone(),
        );
        to.register(
            "decoders_ended",
            "Decoding processes that died or were killed",
            self.decode.decoders_ended.clone(),
        );
        spillway_telemetry::counts().register(to);
        self.with_videos()
    }

    /// What becomes of videos, where they are taken.
    fn with_videos(mut self) -> Self {
        let to = self.registry.sub_registry_with_prefix("spillway");
        to.register(
            "videos",
            "Videos that ended in an answer",
            self.videos.answered.clone(),
        );
        to.register(
            "video_errors",
            "Videos that failed or are partial",
            self.videos.answered_badly.clone(),
        );
        to.register(
            "video_frames",
            "Frames of videos sent as jobs",
            self.videos.frames_sent.clone(),
        );
        to.register(
            "video_seconds",
            "Length of what was gone through of videos",
            self.videos.seconds_gone.clone(),
        );
        self
    }

    /// What is to be told now.
    pub(crate) fn reading(&self, now: Instant) -> Reading {
        let mut state = self.state();
        while state
            .latencies
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) > LATENCY_WINDOW)
        {
            state.latencies.pop_front();
        }
        let mut sorted: Vec<u32> = state.latencies.iter().map(|(_, ms)| *ms).collect();
        sorted.sort_unstable();
        let quantile = |percent: usize| {
            let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
            sorted.get(at).copied().unwrap_or(0)
        };
        let latency_ms = LatencyQuantiles {
            p50: quantile(50),
            p99: quantile(99),
        };
        Reading {
            latency_ms,
            ..state.reading.clone()
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.state().reading.phase
    }

    /// Tells of every change of phase.
    pub(crate) fn phases(&self) -> watch::Receiver<Phase> {
        self.phase.subscribe()
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.state().reading.phase = phase;
        self.tell_ready();
        self.phase.send_replace(phase);
    }

    /// Notes why nothing can be consumed; none if something can.
    pub(crate) fn source_is(&self, trouble: Option<String>) {
        self.state().no_source = trouble;
        self.tell_ready();
    }

    /// Why it takes no jobs; none if it does.
    pub(crate) fn unready(&self) -> Option<String> {
        let state = self.state();
        match state.reading.phase {
            Phase::Ready => state.no_source.clone(),
            Phase::Starting => Some("starting".to_owned()),
            Phase::Draining => Some("draining".to_owned()),
            Phase::Stopped => Some("stopped".to_owned()),
        }
    }

    fn tell_ready(&self) {
        self.ready.set(i64::from(self.unready().is_none()));
    }

    pub(crate) fn assigned(&self, partitions: Vec<Partition>) {
        self.state().reading.partitions = partitions;
    }

    /// Notes that the provider takes the machine back.
    pub(crate) fn interrupted(&self, at_ms: UnixMs) {
        self.state().reading.interruption_at_ms = Some(at_ms);
    }

    pub(crate) fn followed(&self, token: u64, epoch: u64) {
        let mut state = self.state();
        state.reading.control_token = token;
        state.reading.control_epoch = epoch;
    }

    /// Notes that an assignment is carried out, and what is read now: both in one, as the controller must hear it.
    pub(crate) fn confirmed(&self, token: u64, epoch: u64, partitions: Vec<Partition>) {
        let mut state = self.state();
        state.reading.control_token = token;
        state.reading.control_epoch = epoch;
        state.reading.partitions = partitions;
        drop(state);
        self.confirmed.send_replace((token, epoch));
    }

    /// Tells of every assignment that is carried out.
    pub(crate) fn confirmations(&self) -> watch::Receiver<(u64, u64)> {
        self.confirmed.subscribe()
    }

    /// Notes that the consumer was polled, and what it has in flight.
    pub(crate) fn polled(&self, now: Instant, in_flight: usize) {
        let mut state = self.state();
        state.polled = now;
        state.reading.in_flight = in_flight as u64;
        self.in_flight.set(in_flight as i64);
    }

    /// How long ago the consumer was polled.
    pub(crate) fn since_polled(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.state().polled)
    }

    /// Sets the time with jobs in flight and the time with input never empty, both since the start.
    pub(crate) fn spent(&self, busy: Duration, saturated: Duration) {
        let counters = &mut self.state().reading.counters;
        counters.busy_ms = busy.as_millis() as u64;
        counters.saturated_ms = saturated.as_millis() as u64;
    }

    pub(crate) fn fetched(&self, bytes: usize) {
        self.state().reading.counters.bytes_fetched += bytes as u64;
        self.bytes.inc_by(bytes as u64);
    }

    pub(crate) fn batched(&self, images: usize) {
        self.batches.observe(images as f64);
    }

    pub(crate) fn abandoned(&self, jobs: usize) {
        self.state().reading.counters.abandoned += jobs as u64;
    }

    /// Notes that a job waits to be tried again.
    pub(crate) fn put_off(&self) {
        self.retries.inc();
    }

    pub(crate) fn committed(&self) {
        self.commits.inc();
    }

    pub(crate) fn commit_failed(&self) {
        self.commits_failed.inc();
    }

    /// Notes what became of a model set while the worker works: `changed`, `refused` or `rolled_back`, and what kind
    /// of trouble it had.
    pub(crate) fn model_set(&self, outcome: &'static str, kind: &'static str) {
        let label = ModelSetLabel { outcome, kind };
        self.model_sets.get_or_create(&label).inc();
    }

    /// Notes that a job ended and its result was acknowledged.
    pub(crate) fn done(&self, now: Instant, done: Done) {
        self.outcomes[done.outcome as usize].inc();
        let reason = done.reason.map(Reason::as_str);
        if let Some(reason) = reason {
            self.errors.get_or_create(&ReasonLabel { reason }).inc();
        }
        let TimingsMs {
            fetch,
            decode,
            queue,
            infer,
            total,
        } = done.timings_ms;
        for (time, ms) in self.times.iter().zip([fetch, decode, queue, infer, total]) {
            time.observe(f64::from(ms) / 1e3);
        }
        let mut state = self.state();
        let counters = &mut state.reading.counters;
        counters.images_done += 1;
        counters.saturated_images += u64::from(done.is_saturated);
        if let (Some(reason), Outcome::Error) = (reason, done.outcome) {
            *counters.errors.entry(reason.to_owned()).or_default() += 1;
        }
        if state.latencies.len() == LATENCIES_MAX {
            state.latencies.pop_front();
        }
        state.latencies.push_back((now, total));
    }

    /// Everything in Prometheus' text format.
    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        // Writing into a string cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
