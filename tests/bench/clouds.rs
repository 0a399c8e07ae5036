//! Benchmark `clouds`: buying and giving back by the real loop through emulated clouds, in a time of their own.
//!
//! Runs the trials of the controller's own tests, which print their figures.

mod report;

use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use report::{Report, root};

/// What is bought and given back.
const MACHINES: &str = "2000";
/// Bursts of a handful of machines each.
const BURSTS: &str = "40";

fn main() -> anyhow::Result<()> {
    let mut report = Report::begin("clouds")?;
    let profile = if cfg!(debug_assertions) {
        "dev"
    } else {
        "release"
    };
    // As `make test` builds them, AWS too; optimised, its SDK takes 20 minutes to build.
    let (packages, clouds): (&[&str], _) = if cfg!(debug_assertions) {
        (
            &["--workspace", "--features", "spillway/ec2"],
            "AWS, OCI, GCE and Azure",
        )
    } else {
        (&["-p", "spillway"], "OCI, GCE and Azure")
    };
    let done = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--profile", profile])
        .args(packages)
        .args(["--bin", "spillway", "trials::storm"])
        .args(["--", "--nocapture", "--test-threads", "1"])
        .env("SPILLWAY_TRIAL_MACHINES", MACHINES)
        .env("SPILLWAY_TRIAL_BURSTS", BURSTS)
        .current_dir(root())
        .output()
        .context("cannot run cargo")?;
    let said = String::from_utf8_lossy(&done.stdout);
    ensure!(
        done.status.success(),
        "the trials failed:\n{said}\n{}",
        String::from_utf8_lossy(&done.stderr)
    );
    let how = format!(
        "{MACHINES} machines, and {BURSTS} bursts, through emulated {clouds} in a time of their own"
    );
    for line in said.lines() {
        let Some((_, figure)) = line.split_once("figure ") else {
            continue;
        };
        let parts: Vec<&str> = figure.split_whitespace().collect();
        let [name, unit, value] = parts.as_slice() else {
            bail!("`{line}` is not figure NAME UNIT VALUE");
        };
        let value = value
            .parse()
            .with_context(|| format!("{name} is no number"))?;
        report.figure(name, value, unit, how.as_str())?;
    }
    report.finish()
}
