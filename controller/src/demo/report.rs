//! The demo's summary: for machines as JSON, for people as a table.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use serde::Serialize;

use super::judge::Verdict;
use super::load::{Part, Sent};
use crate::view::Decision;

/// Steady jobs of the last moments before the burst wait behind it, and count as its own.
const SETTLED_MS: i64 = 5_000;

/// What came of a run.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    /// Jobs that Kafka accepted.
    pub(super) jobs: u64,
    pub(super) jobs_steady: u64,
    pub(super) jobs_burst: u64,
    /// Jobs with an answer.
    pub(super) results: u64,
    /// Jobs without one.
    pub(super) lost: u64,
    /// Further answers to the same job, with the same result id.
    pub(super) duplicates: u64,
    pub(super) errors_by_reason: BTreeMap<String, u64>,
    /// Good images that failed, and bad ones that did not fail as they must.
    pub(super) unexpected_outcomes: u64,
    /// The first of them, in words.
    pub(super) unexpected_examples: Vec<String>,
    /// F1 of context labels against the generator's truth; null if none was judged.
    pub(super) labels_correct_ratio: Option<f64>,
    /// F1 of faces at IoU 0.5.
    pub(super) faces_correct_ratio: Option<f64>,
    /// F1 of logos at IoU 0.5 with the right brand.
    pub(super) logos_correct_ratio: Option<f64>,
    pub(super) drain_deadline_seconds: f64,
    /// From the burst's first job to its last answer; null if not all were answered.
    pub(super) drain_seconds: Option<f64>,
    pub(super) burst_instances_launched: u64,
    /// Bought machines that were not given back when the run ended.
    pub(super) burst_instances_left: u64,
    /// Processes that were left when everything was over.
    pub(super) processes_left: u64,
    pub(super) instances_per_intent_max: u64,
    pub(super) controller_restarts: u32,
    pub(super) cost_dollars: f64,
    pub(super) cost_dollars_base: f64,
    pub(super) cost_dollars_burst: f64,
    /// The same with every base worker replaced by as many bought ones as do its work.
    pub(super) cost_dollars_all_burst: f64,
    /// Of steady jobs before the burst.
    pub(super) latency_ms: Option<Quantiles>,
    /// Of steady jobs that came during it and waited behind it.
    pub(super) latency_ms_during_burst: Option<Quantiles>,
    /// Resident memory of the controller, the most that was seen.
    pub(super) controller_memory_bytes_max: Option<u64>,
    /// Each worker was held to this, so that several fit on a small machine.
    pub(super) images_per_second_per_worker: f64,
    pub(super) kafka: &'static str,
    pub(super) seconds: f64,
    pub(super) decisions: Vec<Decision>,
}

/// Quantiles, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Quantiles {
    pub(super) p50: i64,
    pub(super) p99: i64,
}

// === impl Quantiles ===

impl Quantiles {
    /// Of how long the chosen jobs took from made to answered; none if there are none.
    pub(super) fn of<'a>(jobs: impl Iterator<Item = &'a Sent>) -> Option<Self> {
        let mut took: Vec<i64> = jobs
            .filter_map(|sent| Some(sent.finished_at_ms? - sent.created_at_ms))
            .collect();
        took.sort_unstable();
        let at = |percent: usize| {
            took.get((took.len() * percent).div_ceil(100).max(1) - 1)
                .copied()
        };
        Some(Self {
            p50: at(50)?,
            p99: at(99)?,
        })
    }
}

// === impl Report ===

impl Report {
    /// Adds what the ledger and the verdict say.
    pub(super) fn judged(
        mut self,
        ledger: &BTreeMap<String, Sent>,
        verdict: &Verdict,
        burst_began_ms: Option<i64>,
    ) -> Self {
        let count = |part: Part| ledger.values().filter(|sent| sent.part == part).count() as u64;
        self.jobs = ledger.len() as u64;
        self.jobs_steady = count(Part::Steady);
        self.jobs_burst = count(Part::Burst);
        self.results = verdict.results;
        self.lost = ledger.values().filter(|sent| sent.answers == 0).count() as u64;
        self.duplicates = verdict.duplicates;
        self.errors_by_reason.clone_from(&verdict.errors);
        self.unexpected_outcomes = verdict.unexpected;
        self.unexpected_examples.clone_from(&verdict.examples);
        self.labels_correct_ratio = verdict.labels.ratio();
        self.faces_correct_ratio = verdict.faces.ratio();
        self.logos_correct_ratio = verdict.logos.ratio();
        let burst = || ledger.values().filter(|sent| sent.part == Part::Burst);
        let last = burst().map(|sent| sent.finished_at_ms).max().flatten();
        let is_complete = burst().all(|sent| sent.answers > 0);
        if let (Some(began), Some(last), true) = (burst_began_ms, last, is_complete) {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of minutes")]
            let seconds = (last - began) as f64 / 1_000.0;
            self.drain_seconds = Some(seconds);
        }
        let steady = || ledger.values().filter(|sent| sent.part == Part::Steady);
        let began = burst_began_ms.map_or(i64::MAX, |began| began - SETTLED_MS);
        self.latency_ms = Quantiles::of(steady().filter(|sent| sent.created_at_ms < began));
        self.latency_ms_during_burst =
            Quantiles::of(steady().filter(|sent| sent.created_at_ms >= began));
        self
    }

    /// Everything that did not go as it must; empty after a good run.
    pub(super) fn failures(&self, asked_for_burst: bool) -> Vec<String> {
        let mut failures = Vec::new();
        let mut expect = |is_so: bool, what: String| {
            if !is_so {
                failures.push(what);
            }
        };
        expect(self.lost == 0, format!("{} jobs were lost", self.lost));
        expect(
            self.unexpected_outcomes == 0,
            format!(
                "{} jobs did not end as they must: {}",
                self.unexpected_outcomes,
                self.unexpected_examples.join("; ")
            ),
        );
        expect(
            self.burst_instances_left == 0,
            format!(
                "{} bought machines were not given back",
                self.burst_instances_left
            ),
        );
        expect(
            self.processes_left == 0,
            format!("{} processes were left", self.processes_left),
        );
        expect(
            self.instances_per_intent_max <= 1,
            format!("an intent had {} machines", self.instances_per_intent_max),
        );
        if asked_for_burst {
            let ratio = self.labels_correct_ratio.unwrap_or(0.0);
            expect(
                ratio >= 0.9,
                format!("only {ratio:.3} of the labels were right"),
            );
            let drained = self
                .drain_seconds
                .is_some_and(|took| took <= self.drain_deadline_seconds);
            expect(drained, "the burst was not drained in time".to_owned());
            expect(
                self.burst_instances_launched >= 2,
                "fewer than two machines were bought".into(),
            );
        }
        failures
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |ratio: Option<f64>| {
            ratio.map_or("not judged".to_owned(), |ratio| {
                format!("{:.1} %", ratio * 100.0)
            })
        };
        let mut rows: Vec<(&str, String)> = Vec::new();
        rows.push((
            "jobs",
            format!(
                "{} ({} steady, {} in the burst)",
                self.jobs, self.jobs_steady, self.jobs_burst
            ),
        ));
        rows.push((
            "results",
            format!(
                "{}, {} lost, {} duplicates",
                self.results, self.lost, self.duplicates
            ),
        ));
        let mut errors = String::new();
        for (reason, count) in &self.errors_by_reason {
            write!(
                errors,
                "{}{reason} {count}",
                if errors.is_empty() { "" } else { ", " }
            )?;
        }
        rows.push(("bad inputs", errors));
        rows.push((
            "right",
            format!(
                "labels {}, faces {}, logos {} (F1 against what was drawn)",
                share(self.labels_correct_ratio),
                share(self.faces_correct_ratio),
                share(self.logos_correct_ratio)
            ),
        ));
        let took = self
            .drain_seconds
            .map_or("not drained".to_owned(), |s| format!("{s:.1} s"));
        rows.push((
            "burst drained in",
            format!("{took} of the {:.0} s allowed", self.drain_deadline_seconds),
        ));
        rows.push((
            "machines bought",
            format!(
                "{}, {} left",
                self.burst_instances_launched, self.burst_instances_left
            ),
        ));
        rows.push((
            "cost",
            format!(
                "${:.4} (base ${:.4}, burst ${:.4}); ${:.4} without a base",
                self.cost_dollars,
                self.cost_dollars_base,
                self.cost_dollars_burst,
                self.cost_dollars_all_burst
            ),
        ));
        if let Some(latency) = self.latency_ms {
            let text = format!(
                "p50 {} ms, p99 {} ms before the burst",
                latency.p50, latency.p99
            );
            rows.push(("steady jobs took", text));
        }
        if let Some(bytes) = self.controller_memory_bytes_max {
            rows.push(("controller's memory", format!("{} MB", bytes / 1_000_000)));
        }
        let limit = self.images_per_second_per_worker;
        rows.push((
            "note",
            format!("each worker is held to {limit} images/s, so that all fit here"),
        ));
        for (name, value) in rows {
            writeln!(f, "  {name:<20} {value}")?;
        }
        Ok(())
    }
}
