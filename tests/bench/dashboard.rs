//! The dashboard: how long its scripts keep a browser busy at their largest, and what it weighs.
//!
//! A thousand workers, a day of samples, five hundred decisions, in Debian's Chromium.
//! `controller/dashboard/test/scripting.test.mjs` measures; here its figures are held against the table.

mod report;

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context as _, ensure};

use report::{Report, root};

fn main() -> anyhow::Result<()> {
    let mut report = Report::begin("dashboard")?;
    let folder = root().join("controller/dashboard");
    run(&folder, "npm", &["ci", "--silent"])?;
    let out = root().join("target/bench/dashboard-scripting.json");
    fs::create_dir_all(out.parent().context("it has a folder")?)?;
    let out_text = out.to_str().context("the checkout's path is no text")?;
    run(&folder, "node", &["test/scripting.test.mjs", out_text])?;
    let text = fs::read_to_string(&out)?;
    fs::remove_file(&out)?;
    let figures: BTreeMap<String, f64> = serde_json::from_str(&text)?;
    for (name, value) in figures {
        let (unit, how) = match name.as_str() {
            "bundle" => ("kB", "dist/ gzipped, licences too"),
            _ => (
                "ms",
                "ScriptDuration of a new tab by the thread's clock, one run",
            ),
        };
        report.figure(&name, value, unit, how)?;
    }
    report.finish()
}

fn run(folder: &Path, program: &str, args: &[&str]) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder);
    let status = command
        .status()
        .with_context(|| format!("{program} is needed"))?;
    ensure!(status.success(), "{program} {args:?} ended with {status}");
    Ok(())
}
