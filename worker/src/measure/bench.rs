//! What this machine does with a model set: images a second, the best batch, what a million images cost.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use super::stages::{StageTimes, bench_stages, images, result};
use crate::decode::{Decoder, Picture};
use crate::frame::{Frame, FramePool};
use crate::models::{HeadCost, Measured, Recognizer, Threads, choose, divide, head_cost};

/// A batch that costs so much more than the best one is as good, if it is smaller: it waits less.
const COST_SLACK: f64 = 1.03;
const SECONDS_PER_HOUR: f64 = 3_600.0;
const MILLION: f64 = 1e6;

/// What to measure.
pub(crate) struct Asked<'a> {
    pub(crate) images: &'a Path,
    /// How long the whole is run.
    pub(crate) duration: Duration,
    /// Dollars.
    pub(crate) price_per_hour: Option<f64>,
    /// Labels of the head that is measured beside its matrix.
    pub(crate) head_labels: u32,
}

/// What was found.
#[derive(Debug, Serialize)]
pub(crate) struct Bench {
    model_set: String,
    cores: usize,
    gpu: Option<String>,
    stages: StageTimes,
    /// The smallest batch that costs as good as nothing more than the best.
    batch: usize,
    divisions: Vec<Measured>,
    threads: Threads,
    /// Decoded, recognized and encoded on all cores; fetching and Kafka come on top.
    images_per_second: f64,
    price_per_hour: Option<f64>,
    dollars_per_million_images: Option<f64>,
    head: HeadCost,
}

/// Measures a model set on this machine.
///
/// # Errors
/// When there are no readable images, or the models cannot be run.
pub(crate) fn bench(recognizer: &Recognizer, asked: &Asked<'_>) -> anyhow::Result<Bench> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let gpu = recognizer.backend().gpu();
    let stages = bench_stages(recognizer, asked.images)?;
    let batch = stages.cheapest(COST_SLACK);
    // On a GPU one thread keeps the device busy.
    let divisions = match gpu {
        None => divide(recognizer, cores, asked.duration / 4)?,
        Some(_) => Vec::new(),
    };
    let threads = choose(&divisions).unwrap_or(Threads { infer: 1, op: 1 });
    recognizer.backend().split(threads.op);
    let workers = if gpu.is_some() { cores } else { threads.infer };
    let rate = whole(recognizer, asked, batch, workers)?;
    let dollars = |price: f64| price / SECONDS_PER_HOUR / rate * MILLION;
    Ok(Bench {
        model_set: recognizer.subset.digest.clone(),
        cores,
        gpu,
        stages,
        batch,
        divisions,
        threads,
        images_per_second: rate,
        price_per_hour: asked.price_per_hour,
        dollars_per_million_images: asked.price_per_hour.map(dollars),
        head: head_cost(asked.head_labels)?,
    })
}

/// Images a second of `workers` threads that each decode, recognize and encode one batch after the other.
fn whole(
    recognizer: &Recognizer,
    asked: &Asked<'_>,
    batch: usize,
    workers: usize,
) -> anyhow::Result<f64> {
    let pool = FramePool::new(recognizer.subset.frame);
    let files = images(asked.images, &mut Decoder::new(pool.clone())?)?;
    let is_over = AtomicBool::new(false);
    let work = |worker: usize| -> anyhow::Result<u64> {
        let _entered = recognizer.backend().enter()?;
        let mut decoder = Decoder::new(pool.clone())?;
        let wants = vec![recognizer.subset.features; batch];
        let (mut next, mut done) = (worker * batch, 0);
        while done == 0 || !is_over.load(Ordering::Relaxed) {
            let pictures = (next..next + batch)
                .map(|index| decoder.decode(&files[index % files.len()]))
                .collect::<Result<Vec<Picture>, _>>()
                .map_err(|failure| anyhow::anyhow!(failure.message))?;
            next += batch;
            let frames: Vec<&Frame> = pictures.iter().map(|picture| &picture.frame).collect();
            let found = recognizer.recognize(&frames, &wants)?;
            for (found, picture) in found.iter().zip(&pictures) {
                std::hint::black_box(result(recognizer, found, picture).encode());
            }
            done += batch as u64;
        }
        Ok(done)
    };
    // Once before: memory is mapped, and kernels are chosen.
    is_over.store(true, Ordering::Relaxed);
    work(0)?;
    is_over.store(false, Ordering::Relaxed);
    let began = Instant::now();
    let done = std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = (0..workers)
            .map(|worker| scope.spawn(move || work(worker)))
            .collect();
        std::thread::sleep(asked.duration);
        is_over.store(true, Ordering::Relaxed);
        let mut done = 0;
        for thread in threads {
            done += thread.join().ok().context("the backend panicked")??;
        }
        anyhow::Ok(done)
    })?;
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

// === impl Bench ===

impl Bench {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("times are finite numbers")
    }
}

impl fmt::Display for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = self.gpu.as_deref().unwrap_or("no GPU");
        writeln!(
            f,
            "{} cores, {device}; model set {}",
            self.cores, self.model_set
        )?;
        writeln!(f, "\n{}", self.stages)?;
        if !self.divisions.is_empty() {
            writeln!(
                f,
                "\nbatches side by side x threads of each   images/s (models alone)"
            )?;
        }
        for Measured {
            threads: threads @ Threads { infer, op },
            images_per_second,
        } in &self.divisions
        {
            let mark = if *threads == self.threads {
                " taken"
            } else {
                ""
            };
            writeln!(f, "{infer:20} x {op:<17}   {images_per_second:8.1}{mark}")?;
        }
        writeln!(f, "\n{}", self.head)?;
        writeln!(
            f,
            "\n{:.1} images/s: decoded, recognized in batches of {}, encoded, on all cores. \
             Fetching and Kafka come on top.",
            self.images_per_second, self.batch
        )?;
        match (self.price_per_hour, self.dollars_per_million_images) {
            (Some(price), Some(dollars)) => {
                write!(
                    f,
                    "{dollars:.2} dollars for a million images at {price} dollars an hour"
                )
            }
            _ => write!(f, "--price-per-hour tells what a million images cost"),
        }
    }
}
