//! `spillway policy`: policy files checked, told in sentences, tried on recorded observations, made of KEDA's.

mod explain;
mod migrate;
mod simulate;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

pub(crate) use simulate::{Difference, simulate};

use crate::policy_file;

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Checks policy files and shows every problem at its line; nothing is started.
    Lint {
        /// Policy files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Tells in sentences what a policy will do: when and what it buys, in which order, at what price, and what never.
    Explain {
        /// The policy file.
        file: PathBuf,
    },
    Simulate(SimulateArgs),
    Migrate(migrate::MigrateArgs),
}

const SIMULATE_EXAMPLES: &str = "\
EXAMPLE:
  What would a deadline of ten minutes have done with what the controller saw?
    cp policy.yaml shorter.yaml     # and edit drainWithin
    spillway policy simulate --policy shorter.yaml --journal spillway-state/journal

Every moment is judged on what was really there then: machines that the edited policy would not have bought are there
all the same, and those that it would have bought are not. So the first differences tell the most.
For what follows from other decisions, run `spillway backtest`.";

/// Shows where a policy would have decided differently, on the observations of a journal.
#[derive(Debug, Args)]
#[command(after_long_help = SIMULATE_EXAMPLES, after_help = "--help shows an example.")]
pub(crate) struct SimulateArgs {
    /// The policy to try.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The journal's folder: `journal` in the controller's state folder.
    #[arg(long, value_name = "FOLDER")]
    journal: PathBuf,
    /// How many differences to show.
    #[arg(long, default_value_t = 5)]
    first: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

// === impl PolicyCommand ===

impl PolicyCommand {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Lint { files } => lint(&files),
            Self::Explain { file } => match policy_file::load(&file) {
                Ok(policy) => {
                    write!(std::io::stdout(), "{}", explain::text(&policy))?;
                    Ok(ExitCode::SUCCESS)
                }
                Err(report) => Ok(report.show()),
            },
            Self::Simulate(args) => args.run(),
            Self::Migrate(args) => args.run(),
        }
    }
}

// === impl SimulateArgs ===

impl SimulateArgs {
    fn run(self) -> anyhow::Result<ExitCode> {
        let policy = match policy_file::load(&self.policy) {
            Ok(policy) => policy,
            Err(report) => return Ok(report.show()),
        };
        let simulated = simulate(&self.journal, &policy, self.first)?;
        let mut out = std::io::stdout();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&simulated)?)?;
        } else {
            write!(out, "{}", simulated.text())?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn lint(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for file in files {
        match policy_file::load(file) {
            Ok(policy) => writeln!(
                std::io::stdout(),
                "{}: the policy {} is good",
                file.display(),
                policy.name()
            )?,
            Err(report) => code = report.show(),
        }
    }
    Ok(code)
}
