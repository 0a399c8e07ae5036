//! Our worker beside one in Python: the same jobs, images, models and broker, one after the other on the same cores.
//!
//! ```text
//!            ┌─▶ spillway-worker run ─────────┐
//!  jobs ─────┤                                ├─▶ results ─▶ rates by the broker's clock, answers side by side
//!            └─▶ python/worker.py, settings ──┘
//! ```
//!
//! Three sets of models: none that run, so that everything else is seen; the demo's; torchvision's ResNet-50 with a head
//! of 7,500 labels. Once more none, and tiny images inside their jobs, so that decoding and fetching do not count either.
//! The Python worker runs with each of its settings, and its best counts.

mod agreement;
mod bed;
mod cpu;
#[allow(dead_code, reason = "the worker's benchmark needs the rest")]
mod line;
mod python;
mod report;
#[allow(dead_code, reason = "the worker's benchmark needs the rest")]
mod sampling;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use spillway_generator::{Format, encode};
use spillway_tests::{Kafka, Origin, Process, Signal, blank_model_set};
use spillway_wire::ImageSource;
use tokio::runtime::Runtime;

use agreement::Answers;
use bed::Bed;
use line::{Followed, Waiting};
use python::{Python, Setting};
use report::{Report, cores, root};

/// Names the one case to run; then nothing is written.
const CASE: &str = "SPILLWAY_COMPARE_CASE";
/// Multiplies the jobs of every case: small for whoever works on this benchmark.
const SCALE: &str = "SPILLWAY_COMPARE_SCALE";
/// Fewest jobs of a case: each image twice.
const JOBS_MIN: usize = 128;
/// Pixels of a tiny image's side.
const TINY_SIDE: u32 = 16;
const STOP_MAX: Duration = Duration::from_secs(60);
/// Threads of our worker that do nothing but the models' work.
const MODELS_THREAD: &str = "infer";

/// What is recognized, and with what.
struct Case {
    name: &'static str,
    models: PathBuf,
    /// Whether the models are left out.
    is_blank: bool,
    images: Vec<ImageSource>,
    /// Enough for half a minute of two cores.
    jobs: usize,
}

/// How one worker did.
#[derive(Debug, Clone)]
struct Run {
    /// Images per second.
    rate: f64,
    counted: usize,
    window_ms: f64,
    /// CPU milliseconds of an image: of the worker, and of worker, broker and origin.
    worker_cpu_ms: f64,
    all_cpu_ms: f64,
    /// Of that, what the models took, their scaling and what is made of their numbers included.
    models_cpu_ms: f64,
    /// Share of the cores that nobody here used.
    others: f64,
}

/// Our runs, and the Python worker's with what it was told.
struct Compared {
    ours: Vec<Run>,
    python: Vec<(Setting, Run)>,
    /// Share of jobs that both answered alike.
    agreement: f64,
}

fn main() -> anyhow::Result<()> {
    let mut report = Report::begin("compare")?;
    let python = match Python::find() {
        Ok(python) => python,
        Err(why) => {
            report.none_run(&format!("{why:#}"));
            return report.finish();
        }
    };
    let kafka = Kafka::start_lasting().context("there is no Kafka")?;
    let origin = Origin::start()?;
    let folder = tempfile::tempdir()?;
    let images = folder.path().join("images");
    std::fs::create_dir(&images)?;
    let bed = Bed::make(&kafka, &origin, &images)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(line::own_topics(&bed))?;

    let part = std::env::var(CASE).ok();
    let is_wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    let resnet = folder.path().join("resnet");
    if is_wanted("resnet") {
        python.make_resnet(&images, &resnet)?;
    }
    let tiny = folder.path().join("tiny");
    std::fs::create_dir(&tiny)?;
    blank_model_set(&tiny, (TINY_SIDE, TINY_SIDE))?;
    for case in cases(&bed, resnet, tiny) {
        if !is_wanted(case.name) {
            continue;
        }
        let compared = case.compare(&bed, &runtime, &python)?;
        compared.report(&case, &mut report)?;
    }
    match part {
        Some(_) => report.show(),
        None => report.finish(),
    }
}

fn cases(bed: &Bed<'_>, resnet: PathBuf, tiny: PathBuf) -> [Case; 4] {
    let demo = root().join("worker/models/demo");
    let case = |name, models, is_blank, jobs| Case {
        name,
        models,
        is_blank,
        images: bed.images(),
        jobs,
    };
    [
        case("blank", demo.clone(), true, 12_000),
        // After the first, for the broker has compiled its code by then.
        Case {
            images: tiny_images(),
            ..case("inline", tiny, true, 150_000)
        },
        case("demo", demo, false, 3_000),
        case("resnet", resnet, false, 600),
    ]
}

/// JPEG images of a few hundred bytes, none like another.
fn tiny_images() -> Vec<ImageSource> {
    let image = |number: u32| {
        let pixels = image::RgbImage::from_fn(TINY_SIDE, TINY_SIDE, |x, y| {
            image::Rgb([(x * 15) as u8, (y * 15) as u8, (number * 4) as u8])
        });
        ImageSource::Inline(encode(&pixels, Format::Jpeg { quality: 85 }))
    };
    (0..64).map(image).collect()
}

/// The number in an environment variable, or 1.
fn scale() -> anyhow::Result<f64> {
    match std::env::var(SCALE) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("{SCALE} is no number: {text}")),
        Err(_) => Ok(1.0),
    }
}

// === impl Case ===

impl Case {
    /// Both workers in turns: ours before each of Python's settings, so that what disturbs one disturbs both.
    fn compare(
        &self,
        bed: &Bed<'_>,
        runtime: &Runtime,
        python: &Python,
    ) -> anyhow::Result<Compared> {
        let count = ((self.jobs as f64 * scale()?) as usize).max(JOBS_MIN);
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        let mut agreement = 1.0_f64;
        for (turn, setting) in python.settings()?.into_iter().enumerate() {
            let (jobs, results) = (
                format!("{}-ours-{turn}", self.name),
                format!("{}-ours-{turn}-results", self.name),
            );
            let waiting = Waiting {
                jobs: &jobs,
                results: &results,
                count,
                images: &self.images,
            };
            let (run, our_answers) = self.ours(bed, runtime, &waiting)?;
            eprintln!("{} ours: {run}", self.name);
            ours.push(run);

            let (jobs, results) = (
                format!("{}-python-{turn}", self.name),
                format!("{}-python-{turn}-results", self.name),
            );
            let waiting = Waiting {
                jobs: &jobs,
                results: &results,
                count,
                images: &self.images,
            };
            let (run, answers) = self.python(bed, runtime, &waiting, python, setting)?;
            eprintln!("{} Python, {setting}: {run}", self.name);
            theirs.push((setting, run));
            agreement = agreement.min(our_answers.agreement(&answers)?);
        }
        Ok(Compared {
            ours,
            python: theirs,
            agreement,
        })
    }

    fn ours(
        &self,
        bed: &Bed<'_>,
        runtime: &Runtime,
        waiting: &Waiting<'_>,
    ) -> anyhow::Result<(Run, Answers)> {
        runtime.block_on(waiting.prepare(bed))?;
        let device = if self.is_blank { "none" } else { "cpu" };
        let start = line::start_with(bed, waiting.jobs, waiting.results, &self.models, device)?;
        let mut workers = [start];
        let followed = waiting.follow(bed, &mut workers)?;
        ended(&mut workers)?;
        let threads =
            sampling::threads_between(&followed.samples, followed.from_ms, followed.to_ms);
        let models_ms = threads.get(MODELS_THREAD).copied().unwrap_or(0.0);
        let models_cpu_ms = models_ms / followed.counted as f64;
        self.done(bed, waiting, &followed, models_cpu_ms)
    }

    fn python(
        &self,
        bed: &Bed<'_>,
        runtime: &Runtime,
        waiting: &Waiting<'_>,
        python: &Python,
        setting: Setting,
    ) -> anyhow::Result<(Run, Answers)> {
        runtime.block_on(waiting.prepare(bed))?;
        let mut workers = (0..setting.processes)
            .map(|number| {
                let command =
                    python.worker(bed, waiting, &self.models, self.is_blank, setting, number);
                Process::spawn("the Python worker", command)
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let followed = waiting.follow(bed, &mut workers)?;
        ended(&mut workers)?;
        let models_cpu_ms = python::models_cpu_ms(&workers)?;
        self.done(bed, waiting, &followed, models_cpu_ms)
    }

    /// What a run comes to, once it is known to be whole: every job answered well, and committed.
    fn done(
        &self,
        bed: &Bed<'_>,
        waiting: &Waiting<'_>,
        followed: &Followed,
        models_cpu_ms: f64,
    ) -> anyhow::Result<(Run, Answers)> {
        line::committed_to_the_end(bed, waiting.jobs, waiting.jobs)?;
        let answers = Answers::of(waiting, &followed.results)?;
        let spent = followed.spent();
        let window_ms = followed.to_ms - followed.from_ms;
        let counted = followed.counted as f64;
        let run = Run {
            rate: followed.rate(),
            counted: followed.counted,
            window_ms,
            worker_cpu_ms: spent.worker / counted,
            all_cpu_ms: spent.ours() / counted,
            models_cpu_ms,
            others: (spent.machine - spent.ours()).max(0.0) / (window_ms * cores() as f64),
        };
        Ok((run, answers))
    }
}

/// Ends processes, which must have had no trouble.
fn ended(workers: &mut [Process]) -> anyhow::Result<()> {
    for worker in workers.iter_mut() {
        worker.signal(Signal::Term);
    }
    for worker in workers.iter_mut() {
        let status = worker.wait(STOP_MAX);
        ensure!(status.success(), "{status}:\n{}", worker.log());
    }
    Ok(())
}

// === impl Compared ===

impl Compared {
    fn report(&self, case: &Case, report: &mut Report) -> anyhow::Result<()> {
        let name = case.name;
        let mean =
            |of: fn(&Run) -> f64| self.ours.iter().map(of).sum::<f64>() / self.ours.len() as f64;
        let by_rate = |a: &&(Setting, Run), b: &&(Setting, Run)| a.1.rate.total_cmp(&b.1.rate);
        let (setting, best) = self.python.iter().max_by(by_rate).context("nothing ran")?;
        let ours: Vec<String> = self.ours.iter().map(Run::to_string).collect();
        let ours = format!("mean of {}", ours.join("; "));
        let theirs: Vec<String> = self
            .python
            .iter()
            .map(|(setting, run)| format!("{setting}: {run}"))
            .collect();
        let theirs = format!("the best of {}", theirs.join("; "));

        let rate = mean(|run| run.rate);
        let how = format!("{name}_rate ÷ {name}_python_rate, the latter with {setting}");
        report.figure(&format!("{name}_ratio"), rate / best.rate, "ratio", how)?;
        report.figure(&format!("{name}_rate"), rate, "images/s", &ours)?;
        report.figure(
            &format!("{name}_python_rate"),
            best.rate,
            "images/s",
            &theirs,
        )?;
        let how = "CPU time of the worker in the window of that rate";
        report.figure(
            &format!("{name}_cpu"),
            mean(|run| run.worker_cpu_ms),
            "ms/image",
            how,
        )?;
        report.figure(
            &format!("{name}_python_cpu"),
            best.worker_cpu_ms,
            "ms/image",
            how,
        )?;
        let how = agreement::HOW;
        report.figure(&format!("{name}_agreement"), self.agreement, "ratio", how)?;
        if !case.is_blank {
            let how = "CPU time of the models, their scaling and the choice of labels and boxes, ÷ that of worker, \
                       broker and origin";
            let share = mean(|run| run.models_cpu_ms / run.all_cpu_ms);
            report.figure(&format!("{name}_forward_share"), share, "ratio", how)?;
            let share = best.models_cpu_ms / best.all_cpu_ms;
            report.figure(&format!("{name}_python_forward_share"), share, "ratio", how)?;
        }
        Ok(())
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:.1} images/s ({} in {:.1} s, {:.2} ms of CPU for each, of which the models {:.2}; others had {:.2} of \
             the cores)",
            self.rate,
            self.counted,
            self.window_ms / 1e3,
            self.worker_cpu_ms,
            self.models_cpu_ms,
            self.others
        )
    }
}
