//! The command line.

mod args;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser as _;
use tracing::{error, info};

use crate::decode;
use crate::drain::Stop;
use crate::ffi;
use crate::line::Line;
use crate::measure;
use crate::models::{Loader, Recognizer, Serving, SetError};
use crate::reload::Source;
use crate::serve;
use crate::stats::Stats;
use crate::work::{Wants, now_ms};
use args::{Cli, Command, ModelArgs, RunArgs, VerifyArgs};

/// Runs the program that the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.log.start("info");
    // Before there are threads.
    ffi::keep_large_blocks();
    let done = match cli.command {
        Command::Run(args) => run(*args),
        Command::DecodeChild => decode::serve(),
        Command::VideoChild(args) => Err(args.exec()),
        Command::Recognize(args) => {
            recognizer(&args.models).and_then(|it| print(&measure::recognize(&it, &args.files)?))
        }
        Command::Evaluate(args) => recognizer(&args.models).and_then(|it| {
            let scores = measure::evaluate(&it, &args.images)?;
            print(&if args.json {
                scores.to_json()
            } else {
                scores.to_string()
            })
        }),
        Command::Models(args) => recognizer(&args.models).and_then(|it| {
            let inspection = measure::inspect(&it)?;
            print(&if args.json {
                inspection.to_json()
            } else {
                inspection.to_string()
            })
        }),
        Command::Verify(args) => recognizer(&args.models).and_then(|it| verify(&it, &args)),
        Command::Bench(args) => recognizer(&args.models).and_then(|it| {
            let asked = measure::Asked {
                images: &args.images,
                duration: args.duration,
                price_per_hour: args.price_per_hour,
                head_labels: args.head_labels,
            };
            let found = measure::bench(&it, &asked)?;
            print(&if args.json {
                found.to_json()
            } else {
                found.to_string()
            })
        }),
        Command::BenchStages(args) => recognizer(&args.models).and_then(|it| {
            let times = measure::bench_stages(&it, &args.images)?;
            print(&if args.json {
                times.to_json()
            } else {
                times.to_string()
            })
        }),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What a person typed is shown to a person: with its lines, and suggestions.
            if let Some(SetError::Invalid(report)) = error.downcast_ref() {
                let is_terminal = std::io::stderr().is_terminal();
                let has_colour = is_terminal && std::env::var_os("NO_COLOR").is_none();
                let _ = write!(std::io::stderr(), "{}", report.drawn(has_colour));
            }
            error!(error = format!("{error:#}"), "worker failed");
            ExitCode::FAILURE
        }
    }
}

fn verify(recognizer: &Recognizer, args: &VerifyArgs) -> anyhow::Result<()> {
    let limits = measure::Limits {
        pixels_mean: args.pixels_max,
        scores_mean: args.scores_max,
        astray: args.astray_max,
    };
    let verified = measure::verify(recognizer, &args.reference, limits)?;
    print(&if args.json {
        verified.to_json()
    } else {
        verified.to_string()
    })?;
    anyhow::ensure!(verified.is_good(), "the reference answers otherwise");
    Ok(())
}

fn run(args: RunArgs) -> anyhow::Result<()> {
    args.check()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("fetch")
        .enable_all()
        .build()?;
    let stats = Arc::new(Stats::new(Instant::now()));
    let stop = Arc::new(Stop::default());
    listen_to_signals(&runtime, &stop, &stats, &args)?;
    // From the start, not only once the models are loaded: a notice may come at any time.
    if let Some(watch) = args.notice.watch(&stats, &stop) {
        runtime.spawn(watch.run());
    }
    runtime.block_on(serve::start(args.listen, stats.clone()))?;

    let loader = loader(&args.models);
    let seen = loader.stamp(None);
    let recognizer = Arc::new(loader.load()?);
    let source = (!args.reload_every.is_zero()).then_some(Source {
        versions: Box::new(loader),
        seen,
        every: args.reload_every,
    });
    let traces = args.traces.clone();
    let config = args.config(&recognizer)?;
    let exporting = traces.start("spillway-worker", &config.identity.worker)?;
    info!(
        worker = config.identity.worker,
        pool = config.identity.pool,
        group = config.kafka.group,
        set = recognizer.subset.set,
        subset = recognizer.subset.name,
        model_set = recognizer.subset.digest,
        images_per_second_max = config.limits.images_per_second_max,
        "starting"
    );
    let line = Line {
        config,
        serving: Arc::new(Serving::new(recognizer)),
        source: Mutex::new(source),
        stats: stats.clone(),
        stop,
        runtime,
    };
    let done = line.run();
    let counters = stats.reading(Instant::now()).counters;
    info!(
        count = counters.images_done,
        abandoned = counters.abandoned,
        "stopped"
    );
    if let Some(exporting) = exporting {
        exporting.end();
    }
    // Not waited for: fetches of abandoned jobs may still be running.
    line.runtime.shutdown_background();
    done
}

/// Drains at the first SIGTERM or SIGINT, and ends at once at the second.
fn listen_to_signals(
    runtime: &tokio::runtime::Runtime,
    stop: &Arc<Stop>,
    stats: &Arc<Stats>,
    args: &RunArgs,
) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (stop, stats) = (stop.clone(), stats.clone());
    let drain_ms = args.drain_timeout.as_millis() as i64;
    let is_notice = args.notice.is_by_shutdown();
    let _entered = runtime.enter();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    runtime.spawn(async move {
        for is_first in [true, false] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            info!(signal = name, "signal received");
            if is_first {
                let by_ms = now_ms() + drain_ms;
                if is_notice {
                    stats.interrupted(by_ms);
                }
                stop.drain(by_ms);
            } else {
                stop.fail("a second signal came");
            }
        }
    });
    Ok(())
}

/// The models that are asked for, loaded but not yet warm.
fn recognizer(args: &ModelArgs) -> anyhow::Result<Recognizer> {
    Ok(loader(args).load()?)
}

fn loader(args: &ModelArgs) -> Loader {
    Loader {
        path: args.model_set.clone(),
        features: (!args.models.is_empty()).then(|| Wants::of(args.features())),
        device: args.device,
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("the answer cannot be written")
}
