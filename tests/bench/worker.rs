//! One worker against its ceiling: the stages alone, moving jobs and images alone, then the whole line.
//!
//! ```text
//!  images ─▶ bench-stages ─▶ decode, infer, encode ─┐
//!         ─▶ bare loop ────▶ fetch + publish ───────┼─▶ ceiling = cores ÷ sum
//!         ─▶ spillway-worker run ─▶ images/s ───────┴─▶ ratio
//! ```
//!
//! Broker and origin run on the same cores, so their CPU time counts in the sum as in the line.
//! Before all that, the plumbing without models (`inline.rs`), and after it one image at a time (`single.rs`).
//! `SPILLWAY_BENCH_PART=inline`, or `single`, runs it alone, for whoever works on it, and writes nothing.

mod bare;
mod bed;
mod cpu;
mod inline;
mod line;
mod report;
mod sampling;
mod single;
mod stages;

use std::path::Path;

use anyhow::Context;
use spillway_tests::{Kafka, Origin};

use bed::{Bed, IMAGES};
use line::Measured;
use report::{Report, cores};
use stages::{Head, Stages};
use tokio::runtime::Runtime;

/// Names the one part to run.
const PART: &str = "SPILLWAY_BENCH_PART";

/// What was measured.
struct Found {
    alone: Stages,
    line: Measured,
    /// Fetch and publish, CPU milliseconds per image.
    moved_ms: f64,
    busy: Stages,
    head: Head,
}

fn main() -> anyhow::Result<()> {
    let mut report = Report::begin("worker")?;
    let kafka = Kafka::start_lasting().context("there is no Kafka")?;
    let origin = Origin::start()?;
    let folder = tempfile::tempdir()?;
    let bed = Bed::make(&kafka, &origin, folder.path())?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;

    let part = std::env::var(PART).ok();
    if part.as_deref() != Some("single") {
        inline::measure(&bed, &runtime)?.report(&mut report)?;
    }
    if part.is_none() {
        line_and_ceiling(&bed, &runtime, folder.path(), &mut report)?;
    }
    if part.as_deref() != Some("inline") {
        single::measure(&bed, &runtime)?.report(&mut report)?;
    }
    match part {
        Some(_) => report.show(),
        None => report.finish(),
    }
}

/// The line, and what bounds it.
fn line_and_ceiling(
    bed: &Bed<'_>,
    runtime: &Runtime,
    folder: &Path,
    report: &mut Report,
) -> anyhow::Result<()> {
    let alone = stages::alone(folder)?;
    bare::warm_up(bed, runtime)?;
    let line = line::measure(bed, runtime)?;
    let moved_ms = bare::measure(bed, runtime, &line.results)?;
    let busy = stages::on_every_core(folder)?;
    let head = stages::head(folder)?;

    let found = Found {
        alone,
        line,
        moved_ms,
        busy,
        head,
    };
    found.rates(report)?;
    found.stages(report)?;
    found.whole(report)
}

// === impl Found ===

impl Found {
    /// The line against its ceiling.
    fn rates(&self, report: &mut Report) -> anyhow::Result<()> {
        let count = cores() as f64;
        let sum = self.alone.sum_ms() + self.moved_ms;
        let busy_sum = self.busy.sum_ms() + self.moved_ms;
        let ceiling = count * 1e3 / sum;
        let rate = self.line.rate;
        let window = format!(
            "{} of {} results, from the 10th to the 90th percentile of their arrival, {:.1} s",
            self.line.counted,
            self.line.results.len(),
            self.line.window_ms / 1e3
        );
        for (name, value, unit, how) in [
            (
                "end_to_end_ratio",
                rate / ceiling,
                "ratio",
                "end_to_end_rate ÷ ceiling_rate".to_owned(),
            ),
            (
                "free_cores_ratio",
                rate / ceiling / (1.0 - self.others()),
                "ratio",
                "end_to_end_ratio ÷ the share of the cores that nothing else used meanwhile"
                    .to_owned(),
            ),
            (
                "end_to_end_rate",
                rate,
                "images/s",
                format!("spillway-worker run with its defaults on all cores, {window}"),
            ),
            (
                "ceiling_rate",
                ceiling,
                "images/s",
                format!("{count} cores ÷ {sum:.3} ms: fetch_publish, decode, infer and encode"),
            ),
            (
                "busy_ceiling_ratio",
                rate * busy_sum / (count * 1e3),
                "ratio",
                "end_to_end_rate ÷ the ceiling from busy_stages_cpu and fetch_publish_cpu"
                    .to_owned(),
            ),
        ] {
            report.figure(name, value, unit, how)?;
        }
        Ok(())
    }

    /// What each stage costs alone.
    fn stages(&self, report: &mut Report) -> anyhow::Result<()> {
        report.figure("fetch_publish_cpu", self.moved_ms, "ms/image", bare::HOW)?;
        let how = format!(
            "spillway-worker bench-stages, one thread, {IMAGES} JPEG images of {} bytes on average",
            self.alone.mean_bytes
        );
        report.figure("decode_cpu", self.alone.decode_ms, "ms/image", &how)?;
        report.figure("infer_cpu", self.alone.infer_ms, "ms/image", &how)?;
        report.figure("infer_batch", self.alone.infer_batch, "images", &how)?;
        report.figure("encode_cpu", self.alone.encode_ms, "ms/image", &how)?;
        report.figure(
            "busy_stages_cpu",
            self.busy.sum_ms(),
            "ms/image",
            "decode + infer + encode by bench-stages in as many processes as cores at once",
        )?;
        let how = format!(
            "spillway-worker bench: random weights, batch of 16, one thread; matrix {:.2} ms, with scores, thresholds \
             and the best 100 of 7,500 {:.2} ms, the same by topk {:.2} ms",
            self.head.matrix_ms, self.head.chosen_ms, self.head.topk_ms
        );
        report.figure("head_7500_ratio", self.head.ratio, "ratio", how)
    }

    /// What the line costs.
    fn whole(&self, report: &mut Report) -> anyhow::Result<()> {
        let spent = self.line.spent;
        for (name, ms, what) in [
            ("end_to_end_cpu", spent.ours(), "worker, broker and origin"),
            ("end_to_end_worker_cpu", spent.worker, "the worker"),
            ("end_to_end_broker_cpu", spent.broker, "the broker"),
            ("end_to_end_origin_cpu", spent.origin, "origin and sampling"),
        ] {
            let per_image = ms / self.line.counted as f64;
            let how = format!("CPU time of {what} in the window of end_to_end_rate");
            report.figure(name, per_image, "ms/image", how)?;
        }
        report.figure(
            "end_to_end_batch",
            self.line.batch,
            "images",
            "mean of the worker's own spillway_batch_size",
        )?;
        report.figure(
            "cores_used_ratio",
            spent.ours() / self.window_cpu_ms(),
            "ratio",
            "share of the cores' time in that window that worker, broker and origin used",
        )?;
        report.figure(
            "cores_used_by_others_ratio",
            self.others(),
            "ratio",
            "share that anything else on the machine used",
        )
    }

    /// CPU milliseconds that there were in the window.
    fn window_cpu_ms(&self) -> f64 {
        self.line.window_ms * cores() as f64
    }

    fn others(&self) -> f64 {
        let spent = self.line.spent;
        (spent.machine - spent.ours()).max(0.0) / self.window_cpu_ms()
    }
}
