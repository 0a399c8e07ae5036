//! CPU time per image of each stage alone: what the line would cost if it were free.

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use spillway_wire::{JobResult, Outcome, SCHEMA, TimingsMs, result_id};

use super::read;
use crate::decode::{Decoder, Isolation, Picture};
use crate::ffi;
use crate::frame::{Frame, FramePool, Size};
use crate::models::{Findings, Recognizer};
use crate::stats::DecodeCounts;

/// Most images that are used: they are all in memory.
const IMAGES_MAX: usize = 64;
/// How long each loop runs.
const LOOP_TIME: Duration = Duration::from_secs(3);
const BATCHES: [usize; 6] = [1, 2, 4, 8, 16, 32];

/// CPU milliseconds per image.
#[derive(Debug, Serialize)]
pub(crate) struct StageTimes {
    images: usize,
    mean_bytes: usize,
    decode_ms: f64,
    /// The same with every image decoded in a process of its own, whose time is counted too; not part of the sum.
    decode_isolated_ms: f64,
    infer: Vec<BatchTime>,
    /// At the best batch size.
    infer_ms: f64,
    infer_batch: usize,
    encode_ms: f64,
    mean_result_bytes: usize,
    /// Sum of the stages; fetch and publish are measured with their broker and origin, elsewhere.
    total_ms: f64,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct BatchTime {
    batch: usize,
    ms: f64,
}

/// Measures the stages over the images of a folder.
///
/// # Errors
/// When there are no readable images, or the models cannot be run.
pub(crate) fn bench_stages(recognizer: &Recognizer, folder: &Path) -> anyhow::Result<StageTimes> {
    let _entered = recognizer.backend().enter()?;
    let mut decoder = Decoder::new(FramePool::new(recognizer.subset.frame))?;
    let files = images(folder, &mut decoder)?;
    let pictures = files
        .iter()
        .map(|bytes| {
            decoder
                .decode(bytes)
                .map_err(|failure| anyhow::anyhow!(failure.message))
        })
        .collect::<anyhow::Result<Vec<Picture>>>()?;

    let mut next = 0;
    let decode_ms = per_image(1, || {
        let bytes = &files[next % files.len()];
        next += 1;
        decoder
            .decode(bytes)
            .map(drop)
            .map_err(|failure| anyhow::anyhow!(failure.message))
    })?;
    let decode_isolated_ms = isolated(&files, recognizer.subset.frame)?;
    let mut infer = Vec::with_capacity(BATCHES.len());
    let mut found = Vec::new();
    for batch in BATCHES {
        let mut next = 0;
        let wants = vec![recognizer.subset.features; batch];
        let ms = per_image(batch, || {
            let frames: Vec<&Frame> = (next..next + batch)
                .map(|index| &pictures[index % pictures.len()].frame)
                .collect();
            next += batch;
            found = recognizer.recognize(&frames, &wants)?;
            Ok(())
        })?;
        infer.push(BatchTime { batch, ms });
    }
    let best = infer
        .iter()
        .copied()
        .min_by(|a, b| a.ms.total_cmp(&b.ms))
        .context("no batch was measured")?;
    let mut encoded = (0, 0);
    let encode_ms = per_image(1, || {
        let index = encoded.0 % found.len();
        let result = result(recognizer, &found[index], &pictures[index % pictures.len()]);
        encoded = (encoded.0 + 1, encoded.1 + result.encode().len());
        Ok(())
    })?;
    Ok(StageTimes {
        images: files.len(),
        mean_bytes: files.iter().map(Vec::len).sum::<usize>() / files.len(),
        decode_ms,
        decode_isolated_ms,
        infer_ms: best.ms,
        infer_batch: best.batch,
        infer,
        encode_ms,
        mean_result_bytes: encoded.1 / encoded.0.max(1),
        total_ms: decode_ms + best.ms + encode_ms,
    })
}

/// CPU milliseconds per image where each is decoded apart, here and there together.
fn isolated(files: &[Vec<u8>], frame: Size) -> anyhow::Result<f64> {
    let before = ffi::ended_children_cpu_time();
    let pool = FramePool::new(frame);
    let mut decoder = Decoder::isolating(pool, Isolation::All, DecodeCounts::default())?;
    let mut next = 0;
    let here = per_image(1, || {
        let bytes = &files[next % files.len()];
        next += 1;
        let decoded = decoder.decode(bytes).map(drop);
        decoded.map_err(|failure| anyhow::anyhow!(failure.message))
    })?;
    // It ends with its decoder, and is counted then.
    drop(decoder);
    let there = ffi::ended_children_cpu_time().saturating_sub(before);
    Ok(here + there.as_secs_f64() * 1e3 / next as f64)
}

/// The decodable images of a folder, by name.
pub(super) fn images(folder: &Path, decoder: &mut Decoder) -> anyhow::Result<Vec<Vec<u8>>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut paths: Vec<_> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let mut images = Vec::new();
    for path in paths {
        let bytes = read(&path)?;
        if decoder.decode(&bytes).is_ok() {
            images.push(bytes);
        }
        if images.len() == IMAGES_MAX {
            break;
        }
    }
    anyhow::ensure!(!images.is_empty(), "{} holds no images", folder.display());
    Ok(images)
}

/// CPU milliseconds of this thread per image, where each turn does `images` of them.
fn per_image(images: usize, mut turn: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    turn()?;
    let (began, cpu) = (
        Instant::now(),
        (ffi::thread_cpu_time(), ffi::process_cpu_time()),
    );
    let mut done = 0;
    while began.elapsed() < LOOP_TIME {
        turn()?;
        done += images;
    }
    // Should a library start threads of its own, their time counts too.
    let own = ffi::thread_cpu_time().saturating_sub(cpu.0);
    let all = ffi::process_cpu_time().saturating_sub(cpu.1);
    Ok(own.max(all).as_secs_f64() * 1e3 / f64::from(done as u32))
}

/// A result like those that the line publishes.
pub(super) fn result(recognizer: &Recognizer, found: &Findings, picture: &Picture) -> JobResult {
    let job_id = "a-job-with-a-common-id".to_owned();
    JobResult {
        schema: SCHEMA,
        result_id: result_id(&job_id, &recognizer.subset.digest),
        job_id,
        tenant: "default".to_owned(),
        subset: recognizer.subset.name.clone(),
        model_set: recognizer.subset.digest.clone(),
        worker: "worker".to_owned(),
        outcome: Outcome::Success,
        image: Some(picture.info.clone()),
        frame: None,
        video: None,
        labels: found.labels.clone(),
        faces: found.faces.clone(),
        logos: found.logos.clone(),
        objects: found.objects.clone(),
        error: None,
        timings_ms: TimingsMs::default(),
        created_at_ms: 0,
        finished_at_ms: 0,
    }
}

// === impl StageTimes ===

impl StageTimes {
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("times are finite numbers")
    }

    /// The smallest batch whose images cost at most `slack` times what they cost in the best one.
    pub(super) fn cheapest(&self, slack: f64) -> usize {
        self.infer
            .iter()
            .find(|it| it.ms <= self.infer_ms * slack)
            .map_or(self.infer_batch, |it| it.batch)
    }
}

impl fmt::Display for StageTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} images of {} bytes on average; CPU ms per image, one thread",
            self.images, self.mean_bytes
        )?;
        writeln!(f, "decode and resize   {:8.3}", self.decode_ms)?;
        writeln!(f, "  the same apart    {:8.3}", self.decode_isolated_ms)?;
        for BatchTime { batch, ms } in &self.infer {
            let mark = if *batch == self.infer_batch {
                " best"
            } else {
                ""
            };
            writeln!(f, "infer, batch {batch:2}     {ms:8.3}{mark}")?;
        }
        writeln!(
            f,
            "encode the result   {:8.3}   ({} bytes)",
            self.encode_ms, self.mean_result_bytes
        )?;
        write!(f, "sum                 {:8.3}", self.total_ms)
    }
}
