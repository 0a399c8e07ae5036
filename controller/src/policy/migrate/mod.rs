//! `spillway policy migrate`: a KEDA ScaledObject that scales by Kafka's lag, as a policy.
//!
//! ```text
//! YAML ─▶ tree with places ─▶ ScaledObject, notes ─▶ policy as text, assumptions numbered ─▶ checked like any other
//! ```
//!
//! KEDA knows neither deadlines nor speeds nor prices: whatever is made up for them is said, in the file and on stderr.

mod keda;
mod write;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use jiff::SignedDuration;

use crate::policy_file;

/// A ScaledObject of more bytes than this is none.
const FILE_BYTES_MAX: u64 = 1 << 20;

const EXAMPLES: &str = "\
EXAMPLE:
    kubectl get scaledobject workers -o yaml > keda.yaml
    spillway policy migrate keda.yaml --drain-within 10m --throughput 40 > policy.yaml
    spillway policy explain policy.yaml

Every assumption is numbered, on stderr and in the file: read them before the policy is used.
Delete the ScaledObject before a controller runs with the policy: two must not scale one consumer group.";

/// Makes a policy of a KEDA ScaledObject with a kafka trigger; every assumption is numbered.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "--help shows an example.")]
pub(crate) struct MigrateArgs {
    /// The ScaledObject, as YAML.
    #[arg(value_name = "KEDA.yaml")]
    file: PathBuf,
    /// By when every job is to be done, as `15m`, which KEDA does not know; assumed if not given.
    #[arg(long, value_name = "DURATION")]
    drain_within: Option<SignedDuration>,
    /// Jobs per second that one worker does, which KEDA does not know; assumed if not given.
    #[arg(long, value_name = "JOBS")]
    throughput: Option<rust_decimal::Decimal>,
}

// === impl MigrateArgs ===

impl MigrateArgs {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let name = self.file.display().to_string();
        let context = || format!("cannot read {name}");
        let bytes = std::fs::metadata(&self.file).with_context(context)?.len();
        anyhow::ensure!(bytes <= FILE_BYTES_MAX, "{name} is larger than 1 MiB");
        let text = std::fs::read_to_string(&self.file).with_context(context)?;
        let scaled = match keda::read(&name, &text) {
            Ok(scaled) => scaled,
            Err(report) => return Ok(report.show()),
        };
        let told = write::Told {
            drain_within: self.drain_within,
            throughput: self.throughput,
        };
        let migrated = write::policy(scaled, &told)?;
        if let Err(report) = policy_file::parse("the policy made of it", &migrated.text) {
            return Ok(report.show());
        }
        let mut stderr = std::io::stderr();
        for (place, note) in migrated.notes.iter().enumerate() {
            writeln!(stderr, "{}. {note}", place + 1)?;
        }
        write!(std::io::stdout(), "{}", migrated.text)?;
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests;
