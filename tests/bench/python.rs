//! The worker in Python: found, told what to do, started.

use std::{env, fs, path::Path, path::PathBuf, process::Command};

use anyhow::{Context, ensure};
use serde::Deserialize;
use spillway_tests::{Process, require_python};

use crate::{
    bed::Bed,
    line::Waiting,
    report::{cores, root},
};

/// Processes × threads of PyTorch to measure, as in `2x1,1x2`; without it the two that use every core.
const SETTINGS: &str = "SPILLWAY_COMPARE_PYTHON";
/// More arguments for `worker.py`, for whoever tunes it.
const ARGUMENTS: &str = "SPILLWAY_COMPARE_ARGUMENTS";

/// A Python with what the worker needs.
pub(crate) struct Python(PathBuf);

/// How many processes it has, and over how many cores each splits its models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) processes: usize,
    threads: usize,
}

/// What a process says at its end.
#[derive(Debug, Deserialize)]
struct Said {
    images: f64,
    models_cpu_seconds: f64,
}

/// CPU milliseconds of an image that the models took, by what the ended processes say.
pub(crate) fn models_cpu_ms(workers: &[Process]) -> anyhow::Result<f64> {
    let (mut images, mut seconds) = (0.0, 0.0);
    for worker in workers {
        let log = worker.log();
        // Not always the last line: libraries may have something to say after it.
        let said: Option<Said> = log
            .lines()
            .rev()
            .find_map(|line| serde_json::from_str(line).ok());
        let said =
            said.with_context(|| format!("the Python worker ends without a word:\n{log}"))?;
        images += said.images;
        seconds += said.models_cpu_seconds;
    }
    Ok(seconds * 1e3 / images)
}

// === impl Python ===

impl Python {
    /// Makes the environment where it is not there yet.
    ///
    /// # Errors
    /// When it cannot be made, or PyTorch does not run.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let python = require_python("python-worker").context("no Python with PyTorch here")?;
        let python = Self(python);
        let output = python.command("worker.py").arg("--help").output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "the Python worker does not start: {said}"
        );
        Ok(python)
    }

    /// Writes the model set of ResNet-50.
    pub(crate) fn make_resnet(&self, images: &Path, to: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(to)?;
        let mut command = self.command("resnet.py");
        let output = command
            .arg("--images")
            .arg(images)
            .arg("--out")
            .arg(to)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "there is no ResNet-50: {said}");
        eprint!("ResNet-50: {}", String::from_utf8_lossy(&output.stdout));
        Ok(())
    }

    /// What it is measured with.
    ///
    /// # Errors
    /// When the variable for it holds something else.
    pub(crate) fn settings(&self) -> anyhow::Result<Vec<Setting>> {
        let text = env::var(SETTINGS).unwrap_or_else(|_| format!("{0}x1,1x{0}", cores()));
        text.split(',')
            .map(|one| {
                let (processes, threads) = one.split_once('x')?;
                Some(Setting {
                    processes: processes.parse().ok()?,
                    threads: threads.parse().ok()?,
                })
            })
            .collect::<Option<_>>()
            .with_context(|| format!("{SETTINGS}={text} is not like 2x1,1x2"))
    }

    /// The command for one process.
    pub(crate) fn worker(
        &self,
        bed: &Bed<'_>,
        waiting: &Waiting<'_>,
        models: &Path,
        is_blank: bool,
        setting: Setting,
        number: usize,
    ) -> Command {
        let mut command = self.command("worker.py");
        command
            .args(["--brokers", bed.brokers, "--group", waiting.jobs])
            .args(["--topic", waiting.jobs])
            .args(["--results-topic", waiting.results])
            .args(["--worker-id", &format!("python-{number}")])
            .args(["--torch-threads", &setting.threads.to_string()])
            .arg("--model-set")
            .arg(models)
            .args(is_blank.then_some("--blank"))
            .args(env::var(ARGUMENTS).unwrap_or_default().split_whitespace());
        command
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new(&self.0);
        command
            .arg(root().join("tests/bench/python").join(script))
            // Its PyTorch has a libtorch of its own.
            .env_remove("LD_LIBRARY_PATH")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { processes, threads } = self;
        write!(f, "{processes} processes with {threads} threads of models")
    }
}
