//! `spillway`: clears an image-recognition backlog on time for the least money.

mod cli;
mod control;
mod demo;
mod execute;
mod explain;
mod files;
mod http;
mod intents;
mod journal;
mod leadership;
mod metrics;
mod observe;
mod policy_file;
mod providers;
mod run;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cli::Cli::parse().run()
}
