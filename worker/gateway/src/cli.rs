//! The command line.

mod args;
mod run;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use tracing::error;

use crate::tenants::Secret;
use args::{Cli, Command};

/// Runs the program that the command line asks for.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.log.start("info");
    let done = match cli.command {
        Command::Run(args) => run::run(*args),
        Command::Secret { file } => make_secret(&file),
        Command::Key { secret_file } => make_key(&secret_file),
        Command::WebhookKey {
            secret_file,
            tenant,
        } => print_webhook_key(&secret_file, &tenant),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(error = format!("{error:#}"), "gateway failed");
            ExitCode::FAILURE
        }
    }
}

fn make_secret(file: &Path) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut opened = options
        .open(file)
        .with_context(|| format!("secret {}", file.display()))?;
    writeln!(opened, "{}", Secret::make()?).context("the secret cannot be written")
}

fn make_key(secret_file: &Path) -> anyhow::Result<()> {
    let (key, hash) = Secret::read(secret_file)?.make_key()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "key: {key}\nhash: {hash}").context("the key cannot be printed")
}

fn print_webhook_key(secret_file: &Path, tenant: &str) -> anyhow::Result<()> {
    let key = Secret::read(secret_file)?.webhook_key(tenant);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", crate::webhook::key_text(&key)).context("the key cannot be printed")
}
