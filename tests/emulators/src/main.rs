//! Starts the emulators and prints where they are reached, as one line of JSON.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use spillway_emulators::runner::Runner;
use spillway_emulators::{Emulators, World, wall_clock};

/// Four clouds that can be told to lie, on this machine.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Program and arguments that every machine runs, with the environment of its user data.
    #[arg(long, value_name = "PROGRAM", num_args = 1.., allow_hyphen_values = true)]
    worker_command: Vec<String>,

    /// Where machines have their leases and logs; a folder of its own otherwise, gone at the end.
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let args = Args::parse();
    let temporary = tempfile::tempdir().context("no folder for machines")?;
    let runner = (!args.worker_command.is_empty()).then(|| Runner {
        command: args.worker_command,
        folder: args.folder.unwrap_or_else(|| temporary.path().to_owned()),
    });
    let emulators = Emulators::start(World::new(wall_clock()), runner)
        .await
        .context("no ports")?;
    let addresses = serde_json::to_string(&emulators.addresses)?;
    writeln!(std::io::stdout(), "{addresses}")?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    emulators.stop().await;
    Ok(())
}
