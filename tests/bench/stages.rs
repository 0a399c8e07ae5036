//! The stages that need no Kafka, by the worker's own `bench-stages`.

use std::{
    path::Path,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, ensure};
use serde::Deserialize;
use spillway_tests::require_program;

use crate::report::{cores, root};

/// What `bench-stages` says; CPU milliseconds per image.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Stages {
    pub(crate) mean_bytes: f64,
    pub(crate) decode_ms: f64,
    /// At the best batch size.
    pub(crate) infer_ms: f64,
    pub(crate) infer_batch: f64,
    pub(crate) encode_ms: f64,
}

/// What `bench` says of a head with random weights; the rest of its answer is for people.
#[derive(Debug, Deserialize)]
pub(crate) struct Head {
    pub(crate) matrix_ms: f64,
    pub(crate) chosen_ms: f64,
    pub(crate) topk_ms: f64,
    /// The second over the first.
    pub(crate) ratio: f64,
}

/// Measures 7,500 labels beside their bare matrix.
pub(crate) fn head(images: &Path) -> anyhow::Result<Head> {
    #[derive(Deserialize)]
    struct Bench {
        head: Head,
    }
    let mut command: Command =
        require_program("spillway-worker").context("spillway-worker is not built")?;
    command
        .args([
            "bench",
            "--json",
            "--duration",
            "1s",
            "--head-labels",
            "7500",
        ])
        .args(["--device", "cpu", "--model-set"])
        .arg(root().join("worker/models/demo"))
        .arg("--images")
        .arg(images)
        .stdout(Stdio::piped());
    let bench: Bench = answered("bench", command.spawn().context("bench did not start")?)?;
    Ok(bench.head)
}

/// Measures with one thread at work.
pub(crate) fn alone(images: &Path) -> anyhow::Result<Stages> {
    finished(started(images)?)
}

/// Measures with every core at work: the mean of as many processes as there are cores.
///
/// Cores share caches and memory, and where two threads share a core, its time too.
pub(crate) fn on_every_core(images: &Path) -> anyhow::Result<Stages> {
    let processes: Vec<Child> = (0..cores())
        .map(|_| started(images))
        .collect::<anyhow::Result<_>>()?;
    let all: Vec<Stages> = processes
        .into_iter()
        .map(finished)
        .collect::<anyhow::Result<_>>()?;
    let mean = |of: fn(&Stages) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    Ok(Stages {
        mean_bytes: mean(|it| it.mean_bytes),
        decode_ms: mean(|it| it.decode_ms),
        infer_ms: mean(|it| it.infer_ms),
        infer_batch: mean(|it| it.infer_batch),
        encode_ms: mean(|it| it.encode_ms),
    })
}

fn started(images: &Path) -> anyhow::Result<Child> {
    let mut command: Command =
        require_program("spillway-worker").context("spillway-worker is not built")?;
    command
        .arg("bench-stages")
        .arg("--model-set")
        .arg(root().join("worker/models/demo"))
        .arg("--images")
        .arg(images)
        .args(["--device", "cpu", "--json"])
        .stdout(Stdio::piped());
    command.spawn().context("bench-stages did not start")
}

fn finished(process: Child) -> anyhow::Result<Stages> {
    answered("bench-stages", process)
}

fn answered<T: serde::de::DeserializeOwned>(name: &str, process: Child) -> anyhow::Result<T> {
    let output = process.wait_with_output()?;
    ensure!(output.status.success(), "{name}: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    eprintln!("{text}");
    serde_json::from_str(&text).with_context(|| format!("{name} says something else"))
}

// === impl Stages ===

impl Stages {
    /// CPU milliseconds of all of them.
    pub(crate) fn sum_ms(&self) -> f64 {
        self.decode_ms + self.infer_ms + self.encode_ms
    }
}
