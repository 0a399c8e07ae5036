//! The models without Kafka: recognize files, compare with the truth, measure stages.

mod bench;
mod evaluate;
mod inspect;
mod stages;
mod verify;

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use serde_json::json;

pub(crate) use bench::{Asked, bench};
pub(crate) use evaluate::evaluate;
pub(crate) use inspect::inspect;
pub(crate) use stages::bench_stages;
pub(crate) use verify::{Limits, verify};

use crate::decode::{Decoder, Picture};
use crate::frame::FramePool;
use crate::models::{Findings, Recognizer};

/// Recognizes files; one line of JSON each.
///
/// # Errors
/// When a file cannot be read, or the models cannot be run. An image that cannot be decoded has its error in its line.
pub(crate) fn recognize(recognizer: &Recognizer, files: &[PathBuf]) -> anyhow::Result<String> {
    let _entered = recognizer.backend().enter()?;
    let mut decoder = Decoder::new(FramePool::new(recognizer.subset.frame))?;
    let mut lines = Vec::with_capacity(files.len());
    for file in files {
        let bytes = read(file)?;
        let name = file.display().to_string();
        let began = Instant::now();
        let line = match decoder.decode(&bytes) {
            Err(failure) => json!({"file": name, "error": failure.to_wire()}),
            Ok(picture) => {
                let found = found(recognizer, &picture)?;
                json!({
                    "file": name,
                    "image": picture.info,
                    "labels": found.labels,
                    "faces": found.faces,
                    "logos": found.logos,
                    "objects": found.objects,
                    "model_set": recognizer.subset.digest,
                    "elapsed_ms": began.elapsed().as_millis() as u64,
                })
            }
        };
        lines.push(line.to_string());
    }
    Ok(lines.join("\n"))
}

/// What is in one picture.
fn found(recognizer: &Recognizer, picture: &Picture) -> anyhow::Result<Findings> {
    let found = recognizer.recognize(&[&picture.frame], &[recognizer.subset.features])?;
    found
        .into_iter()
        .next()
        .context("the models gave no answer")
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}
