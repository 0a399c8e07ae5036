//! `spillway`: clears an image-recognition backlog on time for the least money.

mod api;
mod api_client;
mod assignment;
mod backtest;
mod cli;
mod cluster;
mod columns;
mod control;
mod demo;
mod dlq;
mod doctor;
mod execute;
mod explain;
mod files;
mod foreign;
mod history;
mod http;
mod intents;
mod journal;
mod kafka_args;
mod kubectl;
mod leadership;
mod market;
mod metrics;
mod observe;
mod orders;
mod parallel;
mod policy;
mod policy_file;
mod providers;
mod roll;
mod run;
mod size;
mod spans;
mod svg;
mod top;
mod topics;
mod traces;
#[cfg(test)]
mod trials;
mod view;
mod worlds;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    if kubectl::is_called_so() {
        return kubectl::Kubectl::parse().run();
    }
    cli::Cli::parse().run()
}
