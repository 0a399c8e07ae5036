//! One worker against its ceiling: the stages alone, moving jobs and images alone, then the whole line.
//!
//! ```text
//!  images ─▶ bench-stages ─▶ decode, infer, encode ─┐
//!         ─▶ bare loop ────▶ fetch + publish ───────┼─▶ ceiling = cores ÷ sum
//!         ─▶ spillway-worker run ─▶ images/s ───────┴─▶ ratio
//! ```
//!
//! Broker and origin run on the same cores, so their CPU time counts in the sum as in the line.

mod bare;
mod cpu;
mod line;
mod report;
mod stages;

use std::{fs, path::Path};

use anyhow::Context;
use spillway_generator::{Format, Style, draw, encode};
use spillway_tests::{Origin, Page, require_kafka};

use report::{Report, cores};

const IMAGES: u64 = 64;
const SEED: u64 = 11;

/// What is measured on: the same images everywhere.
struct Bed<'a> {
    brokers: &'a str,
    broker: u32,
    origin: &'a Origin,
    addresses: Vec<String>,
}

fn main() -> anyhow::Result<()> {
    let mut report = Report::begin("worker")?;
    let kafka = require_kafka().context("there is no Kafka")?;
    let origin = Origin::start()?;
    let folder = tempfile::tempdir()?;
    let bed = Bed {
        brokers: kafka.brokers(),
        broker: cpu::descendant("java")?,
        addresses: images(folder.path(), &origin)?,
        origin: &origin,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;

    let alone = stages::alone(folder.path())?;
    let line = line::measure(&bed, &runtime)?;
    let moved_ms = bare::measure(&bed, &runtime, &line.results)?;
    let busy = stages::on_every_core(folder.path())?;

    let count = cores() as f64;
    let sum = alone.sum_ms() + moved_ms;
    let ceiling = count * 1e3 / sum;
    let busy_sum = busy.sum_ms() + moved_ms;
    let window = format!(
        "{} of {} results, from the 10th to the 90th percentile of their arrival, {:.1} s",
        line.counted,
        line.results.len(),
        line.window_ms / 1e3
    );
    report.figure(
        "end_to_end_ratio",
        line.rate / ceiling,
        "ratio",
        "end_to_end_rate ÷ ceiling_rate",
    )?;
    report.figure(
        "end_to_end_rate",
        line.rate,
        "images/s",
        format!("spillway-worker run with its defaults on all cores, {window}"),
    )?;
    report.figure(
        "ceiling_rate",
        ceiling,
        "images/s",
        format!("{count} cores ÷ {sum:.3} ms, the sum of fetch_publish, decode, infer and encode"),
    )?;
    report.figure("fetch_publish_cpu", moved_ms, "ms/image", bare::HOW)?;
    let how = format!(
        "spillway-worker bench-stages, one thread, {IMAGES} JPEG images of {} bytes on average",
        alone.mean_bytes
    );
    report.figure("decode_cpu", alone.decode_ms, "ms/image", &how)?;
    report.figure("infer_cpu", alone.infer_ms, "ms/image", &how)?;
    report.figure("infer_batch", alone.infer_batch, "images", &how)?;
    report.figure("encode_cpu", alone.encode_ms, "ms/image", &how)?;
    report.figure(
        "busy_stages_cpu",
        busy.sum_ms(),
        "ms/image",
        "decode + infer + encode by bench-stages in as many processes as cores at once",
    )?;
    report.figure(
        "busy_ceiling_ratio",
        line.rate * busy_sum / (count * 1e3),
        "ratio",
        "end_to_end_rate ÷ the ceiling from busy_stages_cpu and fetch_publish_cpu",
    )?;
    let spent = line.spent;
    let per_image = |ms: f64| ms / line.counted as f64;
    for (name, ms, what) in [
        ("end_to_end_cpu", spent.ours(), "worker, broker and origin"),
        ("end_to_end_worker_cpu", spent.worker, "the worker"),
        ("end_to_end_broker_cpu", spent.broker, "the broker"),
        ("end_to_end_origin_cpu", spent.origin, "origin and sampling"),
    ] {
        report.figure(
            name,
            per_image(ms),
            "ms/image",
            format!("CPU time of {what} in that window"),
        )?;
    }
    let all = line.window_ms * count;
    report.figure(
        "cores_used_ratio",
        spent.ours() / all,
        "ratio",
        "share of the cores' time in that window that worker, broker and origin used",
    )?;
    report.figure(
        "cores_used_by_others_ratio",
        (spent.machine - spent.ours()).max(0.0) / all,
        "ratio",
        "share that anything else on the machine used",
    )?;
    report.finish()
}

/// Draws the images into `folder` and puts them on the origin; returns where.
fn images(folder: &Path, origin: &Origin) -> anyhow::Result<Vec<String>> {
    (0..IMAGES)
        .map(|index| {
            let drawn = draw(Style::Mixed, SEED, index);
            let bytes = encode(&drawn.pixels, Format::Jpeg { quality: 85 });
            let name = format!("{index:05}.jpg");
            fs::write(folder.join(&name), &bytes)?;
            Ok(origin.put(&format!("/{name}"), Page::new("image/jpeg", bytes)))
        })
        .collect()
}
