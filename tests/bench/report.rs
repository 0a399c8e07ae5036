//! What a benchmark found: compared with the committed table, written as JSON, shown as a table.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

/// The figures of one benchmark as they come in.
pub(crate) struct Report {
    name: &'static str,
    table: Vec<Row>,
    figures: Vec<Figure>,
    not_run: Vec<NotRun>,
}

/// A line of `tests/figures.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    unit: String,
    goal: Option<String>,
}

#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    value: f64,
    unit: String,
    goal: Option<String>,
    /// Whether the goal is met; null where there is none.
    holds: Option<bool>,
    how: String,
}

#[derive(Debug, Serialize)]
struct NotRun {
    name: String,
    why: String,
}

#[derive(Debug, Serialize)]
struct Machine {
    cores: usize,
    memory_bytes: u64,
    gpu: Option<String>,
}

#[derive(Debug, Serialize)]
struct File<'a> {
    name: &'static str,
    commit: String,
    machine: Machine,
    figures: &'a [Figure],
    not_run: &'a [NotRun],
}

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests lie in the root")
}

/// How many cores there are for everything that runs.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

// === impl Report ===

impl Report {
    /// An empty report of the benchmark `name`.
    ///
    /// # Errors
    /// When the table cannot be read or does not know the benchmark.
    pub(crate) fn begin(name: &'static str) -> anyhow::Result<Self> {
        let path = root().join("tests/figures.yaml");
        let text =
            fs::read_to_string(&path).with_context(|| format!("{} not read", path.display()))?;
        let mut tables: BTreeMap<String, Vec<Row>> =
            serde_yaml::from_str(&text).with_context(|| format!("{} is wrong", path.display()))?;
        let table = tables
            .remove(name)
            .with_context(|| format!("{} has no `{name}`", path.display()))?;
        for goal in table.iter().filter_map(|row| row.goal.as_deref()) {
            holds(goal, 0.0)?;
        }
        Ok(Self {
            name,
            table,
            figures: Vec::new(),
            not_run: Vec::new(),
        })
    }

    /// Adds a figure; its goal is the table's.
    ///
    /// # Errors
    /// When the table has no such figure in this unit.
    pub(crate) fn figure(
        &mut self,
        name: &str,
        value: f64,
        unit: &str,
        how: impl Into<String>,
    ) -> anyhow::Result<()> {
        let row = self
            .table
            .iter()
            .find(|row| row.name == name && row.unit == unit)
            .with_context(|| format!("tests/figures.yaml has no `{name}` in {unit}"))?;
        ensure!(value.is_finite(), "{name} is {value}");
        self.figures.push(Figure {
            name: name.to_owned(),
            value,
            unit: unit.to_owned(),
            goal: row.goal.clone(),
            holds: row
                .goal
                .as_deref()
                .map(|goal| holds(goal, value))
                .transpose()?,
            how: format!("{}, {} build", how.into(), profile()),
        });
        Ok(())
    }

    /// Says that a figure could not be measured, and why.
    #[allow(dead_code, reason = "not every benchmark has such figures")]
    pub(crate) fn not_run(&mut self, name: &str, why: impl Into<String>) {
        self.not_run.push(NotRun {
            name: name.to_owned(),
            why: why.into(),
        });
    }

    /// Says that no figure of the table that is not there yet could be measured, and why.
    #[allow(dead_code, reason = "not every benchmark has such figures")]
    pub(crate) fn none_run(&mut self, why: &str) {
        let missing: Vec<String> = self.missing().map(str::to_owned).collect();
        for name in missing {
            self.not_run(&name, why);
        }
    }

    /// Writes `target/bench/<name>.json` and prints the table.
    ///
    /// # Errors
    /// When it cannot be written, or a figure of the table is missing.
    pub(crate) fn finish(self) -> anyhow::Result<()> {
        let folder = root().join("target/bench");
        fs::create_dir_all(&folder)?;
        let path: PathBuf = folder.join(format!("{}.json", self.name));
        let file = File {
            name: self.name,
            commit: commit(),
            machine: Machine::here(),
            figures: &self.figures,
            not_run: &self.not_run,
        };
        fs::write(&path, serde_json::to_vec_pretty(&file)?)?;

        self.show()?;
        writeln!(std::io::stdout().lock(), "  in {}", path.display())?;
        let missing: Vec<&str> = self.missing().collect();
        ensure!(missing.is_empty(), "figures are missing: {missing:?}");
        Ok(())
    }

    /// Prints what there is so far.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn show(&self) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        writeln!(
            out,
            "\n{} on {} cores, {} build",
            self.name,
            cores(),
            profile()
        )?;
        for figure in &self.figures {
            let verdict = match figure.holds {
                Some(true) => "holds",
                Some(false) => "MISSED",
                None => "",
            };
            let goal = figure.goal.as_deref().unwrap_or("");
            writeln!(
                out,
                "  {:28} {:10.3} {:9} {goal:8} {verdict}",
                figure.name, figure.value, figure.unit
            )?;
        }
        for NotRun { name, why } in &self.not_run {
            writeln!(out, "  {name:28} not run: {why}")?;
        }
        Ok(())
    }

    fn missing(&self) -> impl Iterator<Item = &str> {
        let names = self.table.iter().map(|row| row.name.as_str());
        names.filter(|name| {
            !self.figures.iter().any(|figure| figure.name == *name)
                && !self.not_run.iter().any(|left| left.name == *name)
        })
    }
}

/// Whether a value meets a goal, which is a comparison and a number.
fn holds(goal: &str, value: f64) -> anyhow::Result<bool> {
    let (sign, number) = goal
        .split_once(' ')
        .with_context(|| format!("`{goal}` is not `< 5` or the like"))?;
    let number: f64 = number
        .parse()
        .with_context(|| format!("`{goal}` ends in no number"))?;
    match sign {
        "<" => Ok(value < number),
        "<=" => Ok(value <= number),
        ">" => Ok(value > number),
        ">=" => Ok(value >= number),
        _ => anyhow::bail!("`{goal}` begins with none of < <= > >="),
    }
}

/// How this program was built; `run.sh` builds the measured ones alike.
fn profile() -> &'static str {
    if cfg!(debug_assertions) {
        "dev"
    } else {
        "release"
    }
}

/// The commit that is checked out, with a mark where files differ from it.
fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).current_dir(root()).output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "HEAD"]) else {
        return "unknown".to_owned();
    };
    match git(&["status", "--porcelain"]).as_deref() {
        Some("") => commit,
        _ => format!("{commit}+changes"),
    }
}

// === impl Machine ===

impl Machine {
    fn here() -> Self {
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kilobytes = memory
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"))
            .and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        Self {
            cores: cores(),
            memory_bytes: kilobytes.unwrap_or(0) * 1_024,
            gpu: gpu(),
        }
    }
}

fn gpu() -> Option<String> {
    let output = Command::new("nvidia-smi")
        .args(["--query-gpu=name", "--format=csv,noheader"])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let names = String::from_utf8_lossy(&output.stdout);
    names.lines().next().map(str::to_owned)
}
