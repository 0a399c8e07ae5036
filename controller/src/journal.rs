//! The journal: everything that went into the planner and every plan that came out, in order.
//!
//! From it every decision can be explained, and the planner run again: `replay` gives the same plans byte for byte.
//! The file that is written is plain; closed ones go into the history, compressed.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use spillway_core::{Action, IntentId, Outcome, Plan, Planner, Policy, Snapshot, Violation};

use crate::assignment::Dealt;
use crate::history::{History, segments};
use crate::orders::OrderView;

/// A file is closed and the next begun beyond this size.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Files kept where the history cannot take them in; the oldest goes first.
const FILES_MAX: usize = 64;

/// One line of the journal.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event")]
pub(crate) enum Event {
    /// A controller began, or a file did: the planner as it was.
    Began {
        schema: u32,
        at: Timestamp,
        planner: Box<Planner>,
    },
    /// A snapshot was taken in.
    Observed { snapshot: Box<Snapshot> },
    /// A plan was made.
    Planned {
        plan: Box<Plan>,
        violations: Vec<Violation>,
        /// Its number, if it is a decision.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decision: Option<u64>,
    },
    /// A step was begun.
    Started { at: Timestamp, action: Action },
    /// A step ended.
    Finished {
        at: Timestamp,
        intent: IntentId,
        outcome: Outcome,
    },
    /// Partitions were dealt out anew, or workers told of it.
    Assigned {
        at: Timestamp,
        #[serde(flatten)]
        dealt: Dealt,
    },
    /// Somebody ordered something, or was refused it.
    Ordered {
        at: Timestamp,
        order: Box<OrderView>,
    },
}

/// Writes a journal.
pub(crate) struct Journal {
    folder: PathBuf,
    history: Arc<History>,
    file: BufWriter<File>,
    number: u64,
    written: u64,
}

/// Version of the lines.
const SCHEMA: u32 = 1;

// === impl Journal ===

impl Journal {
    /// Begins a new file in `folder`; those of before go into the history.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(crate) fn begin(
        folder: PathBuf,
        history: Arc<History>,
        planner: &Planner,
    ) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&folder)?;
        let before = files(&folder)?;
        let last = before.last().map_or(0, |(number, _)| *number);
        let last = last.max(segments::last(&folder)?);
        for (number, path) in before {
            history.seal(number, path);
        }
        let file = open(&folder, last + 1)?;
        let mut journal = Self {
            folder,
            history,
            file,
            number: last + 1,
            written: 0,
        };
        journal.write(&Event::began(planner))?;
        journal.forget()?;
        Ok(journal)
    }

    /// Adds a line.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(crate) fn write(&mut self, event: &Event) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.written += line.len() as u64;
        self.file
            .write_all(&line)
            .context("cannot write the journal")
    }

    /// Gives what was written to the system, and begins the next file when this one is large.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(crate) fn flush(&mut self, planner: &Planner) -> anyhow::Result<()> {
        crate::files::pass("journal, before")?;
        self.file.flush().context("cannot write the journal")?;
        crate::files::pass("journal, after")?;
        if self.written > FILE_BYTES_MAX {
            self.history
                .seal(self.number, path_of(&self.folder, self.number));
            self.number += 1;
            self.file = open(&self.folder, self.number)?;
            self.written = 0;
            self.write(&Event::began(planner))?;
            self.forget()?;
        }
        Ok(())
    }

    fn forget(&self) -> anyhow::Result<()> {
        let files = files(&self.folder)?;
        for (_, path) in files.iter().take(files.len().saturating_sub(FILES_MAX)) {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }
}

// === impl Event ===

impl Event {
    fn began(planner: &Planner) -> Self {
        Self::Began {
            schema: SCHEMA,
            at: Timestamp::now(),
            planner: Box::new(planner.clone()),
        }
    }
}

/// Reads a journal's lines, oldest first: what the history holds, and then the files. A last line of a file that was cut
/// off by a crash is left out.
///
/// # Errors
/// When a file cannot be read, or a line in the middle is damaged.
pub(crate) fn read(folder: &Path, mut each: impl FnMut(Event)) -> anyhow::Result<()> {
    let mut last = 0;
    'again: loop {
        segments::read(folder, (i64::MIN, i64::MAX), |number, lines| {
            if number > last {
                last = number;
                read_lines(lines, &format!("part {number} of the history"), &mut each)?;
            }
            Ok(())
        })?;
        for (number, path) in files(folder)? {
            if number <= last {
                continue;
            }
            let file = match File::open(&path) {
                Ok(file) => file,
                // A controller took it into the history meanwhile.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue 'again,
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot read {}", path.display()));
                }
            };
            last = number;
            read_lines(
                &mut BufReader::new(file),
                &path.display().to_string(),
                &mut each,
            )?;
        }
        break;
    }
    anyhow::ensure!(last > 0, "there is no journal in {}", folder.display());
    Ok(())
}

fn read_lines(
    from: &mut dyn BufRead,
    name: &str,
    each: &mut impl FnMut(Event),
) -> anyhow::Result<()> {
    let mut lines = from.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        match serde_json::from_str(&line?) {
            Ok(event) => each(event),
            Err(_) if lines.peek().is_none() => {}
            Err(error) => {
                return Err(error).with_context(|| format!("{name} line {}", number + 1));
            }
        }
    }
    Ok(())
}

/// Writes the lines of the parts that touch a time to `out`, as they are.
///
/// # Errors
/// When a part cannot be read, or `out` takes nothing more.
pub(crate) fn export(
    folder: &Path,
    from: Timestamp,
    to: Timestamp,
    out: &mut dyn std::io::Write,
) -> anyhow::Result<()> {
    let mut last = 0;
    let span = (from.as_millisecond(), to.as_millisecond());
    segments::read(folder, span, |number, lines| {
        last = number;
        std::io::copy(lines, out)?;
        Ok(())
    })?;
    // What is not closed yet is of now.
    let last = last.max(segments::last(folder)?);
    for (number, path) in files(folder)? {
        if number > last {
            std::io::copy(&mut File::open(&path)?, out)?;
        }
    }
    Ok(())
}

/// What a replay found.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Replayed {
    /// Plans made again.
    pub(crate) plans: u64,
    /// Of these, plans that came out differently.
    pub(crate) different: u64,
    /// When the first of them was made.
    pub(crate) first_difference: Option<Timestamp>,
}

/// Runs the planner over a journal again and compares its plans byte for byte; with another policy, if one is
/// given, to see what it would have decided.
///
/// # Errors
/// As [`read`].
pub(crate) fn replay(folder: &Path, policy: Option<&Policy>) -> anyhow::Result<Replayed> {
    let mut replayed = Replayed::default();
    let mut planner: Option<Planner> = None;
    read(folder, |event| match (event, &mut planner) {
        (
            Event::Began {
                planner: recorded, ..
            },
            planner,
        ) => {
            *planner = Some(match policy {
                None => *recorded,
                Some(policy) => carried(planner.take(), &recorded, policy),
            });
        }
        (Event::Observed { snapshot }, Some(planner)) => planner.observe(*snapshot),
        (Event::Started { action, .. }, Some(planner)) => planner.started(&action),
        (
            Event::Finished {
                at,
                intent,
                outcome,
            },
            Some(planner),
        ) => {
            planner.finished(at, &intent, &outcome);
        }
        (Event::Planned { plan, .. }, Some(planner)) => {
            let again = planner.plan(plan.at);
            replayed.plans += 1;
            if serde_json::to_vec(&again).ok() != serde_json::to_vec(&plan).ok() {
                replayed.different += 1;
                replayed.first_difference.get_or_insert(plan.at);
            }
        }
        (Event::Assigned { .. } | Event::Ordered { .. }, _) | (_, None) => {}
    })?;
    Ok(replayed)
}

/// The planner of another policy where a part of a journal begins with the planner that was `recorded` there.
///
/// A later part of one controller's goes on, and so does `ours`. Where a controller begins, or the journal does, ours
/// knows what that one knew: what was spent on the day above all, as a loop that begins does.
pub(crate) fn carried(ours: Option<Planner>, recorded: &Planner, policy: &Policy) -> Planner {
    match ours {
        Some(ours) if !recorded.is_new() => ours,
        Some(_) | None => recorded.clone().beside(None).under(policy.clone()),
    }
}

fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("journal-{number:06}.jsonl"))
}

fn open(folder: &Path, number: u64) -> anyhow::Result<BufWriter<File>> {
    let path = path_of(folder, number);
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    Ok(BufWriter::new(file))
}

fn files(folder: &Path) -> anyhow::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read the journal in {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        let number = name
            .strip_prefix("journal-")
            .and_then(|name| name.strip_suffix(".jsonl"));
        if let Some(number) = number.and_then(|number| number.parse().ok()) {
            files.push((number, path));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
#[path = "journal_tests.rs"]
mod tests;
