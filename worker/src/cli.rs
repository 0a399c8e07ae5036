//! The command line.

mod args;

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser as _;
use tracing::{error, info};
use tracing_subscriber::EnvFilter;

use crate::decode;
use crate::drain::Stop;
use crate::ffi;
use crate::line::Line;
use crate::measure;
use crate::models::{Backend, Blank, DeviceChoice, ModelSet, Recognizer, Subset, Torch};
use crate::serve;
use crate::stats::Stats;
use crate::work::{Wants, now_ms};
use args::{Cli, Command, LogFormat, ModelArgs, RunArgs};

/// Runs the program that the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(cli.log);
    // Before there are threads.
    ffi::keep_large_blocks();
    let done = match cli.command {
        Command::Run(args) => run(*args),
        Command::DecodeChild => decode::serve(),
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
            error!(error = format!("{error:#}"), "worker failed");
            ExitCode::FAILURE
        }
    }
}

fn run(args: RunArgs) -> anyhow::Result<()> {
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

    let recognizer = recognizer(&args.models)?;
    let config = args.config(&recognizer.subset)?;
    info!(
        worker = config.identity.worker,
        pool = config.identity.pool,
        group = config.kafka.group,
        subset = recognizer.subset.name,
        model_set = recognizer.subset.digest,
        images_per_second_max = config.limits.images_per_second_max,
        "starting"
    );
    let line = Line {
        config,
        recognizer: Arc::new(recognizer),
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
    let set = ModelSet::load(&args.model_set)?;
    let features = (!args.models.is_empty()).then(|| Wants::of(args.features()));
    let subset: Subset = set.subset(features)?;
    let backend: Box<dyn Backend> = match args.device {
        DeviceChoice::None => Box::new(Blank::of(&subset)),
        device => {
            let torch = Torch::load(&subset, device);
            Box::new(torch.with_context(|| format!("model set `{}` cannot be loaded", set.name))?)
        }
    };
    Ok(Recognizer::new(subset, backend))
}

fn print(text: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout().lock(), "{text}").context("the answer cannot be written")
}

fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Json => builder.json().flatten_event(true).init(),
        LogFormat::Text => builder.init(),
    }
}
