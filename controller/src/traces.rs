//! Trace files as they are named on the command line: files, and folders of them.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use spillway_sim::{Trace, TraceError};

/// How the first line of every trace begins.
const HEADER: &str = "t_seconds,arrivals";
/// A file of more bytes than this is no trace: twenty times the longest that can be read.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Reads every trace that `paths` name, in their order; of a folder all `NAME.csv` with a trace's header, by name.
///
/// What else lies in a folder is named on stderr and left out.
///
/// # Errors
/// Every line of every file that is wrong, with its column; and what cannot be read, or a name that is there twice.
pub(crate) fn load(paths: &[PathBuf]) -> anyhow::Result<Vec<Trace>> {
    let mut traces: Vec<Trace> = Vec::new();
    let mut wrong = Vec::new();
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(of_folder(path)?);
        } else {
            files.push((path.clone(), read(path)?));
        }
    }
    for (path, text) in files {
        match Trace::from_csv(&name(&path), &text) {
            Ok(trace) => {
                anyhow::ensure!(
                    traces.iter().all(|other| other.name() != trace.name()),
                    "there are two traces called {}: rename one of the files",
                    trace.name()
                );
                traces.push(trace);
            }
            Err(error) => wrong.push(told(&path, &text, &error)),
        }
    }
    anyhow::ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(traces)
}

fn of_folder(folder: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let listed = std::fs::read_dir(folder)
        .with_context(|| format!("cannot list {}", folder.display()))?
        .collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<PathBuf> = listed.into_iter().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|kind| kind == "csv"));
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let text = read(&path)?;
        if text.lines().next() == Some(HEADER) {
            files.push((path, text));
        } else {
            writeln!(
                std::io::stderr(),
                "{}: left out, its first line is not `{HEADER}`",
                path.display()
            )?;
        }
    }
    anyhow::ensure!(
        !files.is_empty(),
        "{} holds no trace: a trace is a .csv whose first line is `{HEADER}`",
        folder.display()
    );
    Ok(files)
}

fn read(path: &Path) -> anyhow::Result<String> {
    let context = || format!("cannot read the trace {}", path.display());
    let bytes = std::fs::metadata(path).with_context(context)?.len();
    anyhow::ensure!(
        bytes <= FILE_BYTES_MAX,
        "{} is larger than 1 GiB, which no trace is",
        path.display()
    );
    std::fs::read_to_string(path).with_context(context)
}

fn name(path: &Path) -> String {
    path.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// `FILE:LINE:COLUMN: what`, with the line below it.
fn told(path: &Path, text: &str, error: &TraceError) -> String {
    const SHOWN_MAX: usize = 80;
    let mut told = Vec::new();
    for problem in &error.problems {
        told.push(format!(
            "{}:{}:{}: {}",
            path.display(),
            problem.line,
            problem.column,
            problem.fault
        ));
        if let Some(line) = text.lines().nth(problem.line - 1)
            && line.chars().count() <= SHOWN_MAX
        {
            let before = " ".repeat(problem.column - 1);
            told.push(format!("    {line}\n    {before}^"));
        }
    }
    if error.more > 0 {
        told.push(format!("{}: and {} more", path.display(), error.more));
    }
    told.join("\n")
}
