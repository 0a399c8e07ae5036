//! What was decided and why, told from the journal.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use spillway_core::Policy;

use crate::assignment::{Cause, Dealt};
use crate::journal::{self, Event};
use crate::orders::OrderView;
use crate::view::{Chronicle, Decision};

/// Something that was decided.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Entry {
    /// By the planner.
    Decision(Box<Decision>),
    /// Who reads which partitions.
    Assigned { at: Timestamp, assigned: Dealt },
    /// By a person.
    Ordered(Box<OrderView>),
}

/// The planner's decisions of a journal, oldest first, at most the newest `last`.
///
/// # Errors
/// When the journal cannot be read.
pub(crate) fn decisions(journal: &Path, last: usize) -> anyhow::Result<Vec<Decision>> {
    let entries = entries(journal, last)?.into_iter();
    let decisions = entries.filter_map(|entry| match entry {
        Entry::Decision(decision) => Some(*decision),
        Entry::Assigned { .. } | Entry::Ordered(_) => None,
    });
    Ok(decisions.collect())
}

/// All that was decided, by whomever.
fn entries(journal: &Path, last: usize) -> anyhow::Result<Vec<Entry>> {
    let mut chronicle = Chronicle::default();
    let mut policy: Option<Policy> = None;
    let mut number = 0;
    let mut decisions: VecDeque<Entry> = VecDeque::new();
    let keep = |decisions: &mut VecDeque<Entry>, entry: Entry| {
        if decisions.len() == last {
            decisions.pop_front();
        }
        decisions.push_back(entry);
    };
    journal::read(journal, |event| match event {
        Event::Began { planner, .. } => policy = Some(planner.policy().clone()),
        Event::Planned {
            plan,
            violations,
            decision,
        } => {
            let Some(policy) = &policy else {
                return;
            };
            // Journals of before have no numbers.
            let next = || {
                number = decision.unwrap_or(number + 1);
                number
            };
            if let Some(decision) = chronicle.decision(policy, "", (&plan, &violations), next) {
                keep(&mut decisions, Entry::Decision(Box::new(decision)));
            }
        }
        Event::Ordered { order, .. } => keep(&mut decisions, Entry::Ordered(order)),
        Event::Assigned { at, dealt } => {
            let assigned = dealt;
            keep(&mut decisions, Entry::Assigned { at, assigned });
        }
        Event::Observed { .. } | Event::Started { .. } | Event::Finished { .. } => {}
    })?;
    Ok(decisions.into())
}

/// Prints them.
///
/// # Errors
/// When the journal cannot be read or the output takes nothing.
pub(crate) fn print(journal: &Path, last: usize, json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for entry in entries(journal, last)? {
        if json {
            writeln!(out, "{}", serde_json::to_string(&entry)?)?;
            continue;
        }
        let decision = match entry {
            Entry::Decision(decision) => decision,
            Entry::Assigned { at, assigned } => {
                write!(out, "{}", told(at, &assigned))?;
                continue;
            }
            Entry::Ordered(order) => {
                writeln!(out, "{:.0}  {}", order.at, order.sentence())?;
                continue;
            }
        };
        writeln!(
            out,
            "{:.0}  #{}  {}",
            decision.at, decision.id, decision.sentence
        )?;
        for action in &decision.actions {
            writeln!(
                out,
                "    {:<9} {}: {}",
                action.verb, action.intent, action.why
            )?;
        }
        for reason in decision.hold.iter().chain(&decision.reasons) {
            writeln!(out, "    {:<9} {}", reason.code, reason.text)?;
        }
    }
    Ok(())
}

/// What was dealt out, as lines.
fn told(at: Timestamp, dealt: &Dealt) -> String {
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    for moved in &dealt.moves {
        let cause = match moved.why {
            Cause::Unassigned => "had no reader",
            Cause::WorkerLeaves => "lose theirs",
            Cause::Balance => "are done sooner elsewhere",
        };
        *causes.entry(cause).or_default() += 1;
    }
    let causes: Vec<String> = causes
        .iter()
        .map(|(cause, count)| format!("{count} {cause}"))
        .collect();
    let mut text = format!("{at:.0}  assigned");
    if !causes.is_empty() {
        text.push_str(&format!(": of the partitions, {}", causes.join(", ")));
    }
    text.push('\n');
    for told in &dealt.told {
        let worker = &told.worker;
        let line = match &told.partitions {
            Some(partitions) => {
                let names: Vec<String> = partitions.iter().map(|it| it.clone().into()).collect();
                let (epoch, count) = (told.epoch, names.len());
                format!(
                    "    {worker} is told to read {count} (epoch {epoch}): {}",
                    names.join(" ")
                )
            }
            None => format!("    {worker} is gone, and so is its record"),
        };
        text.push_str(line.trim_end_matches(": "));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use spillway_core::PartitionId;

    use super::*;
    use crate::assignment::{Moved, Told};

    #[test]
    fn an_assignment_is_told_with_its_reasons() {
        let partition = PartitionId::new("jobs", 3);
        let moved = |why| Moved {
            partition: partition.clone(),
            from: None,
            to: Some("w2".into()),
            why,
        };
        let told_of = |worker: &str, partitions| Told {
            worker: worker.into(),
            epoch: 4,
            partitions,
        };
        let dealt = Dealt {
            moves: vec![moved(Cause::WorkerLeaves), moved(Cause::Balance)],
            told: vec![
                told_of("w1", Some([].into())),
                told_of("w2", Some([partition.clone()].into())),
                told_of("w3", None),
            ],
        };
        let at = Timestamp::from_second(1_764_000_000).unwrap();
        assert_eq!(
            told(at, &dealt),
            "2025-11-24T16:00:00Z  assigned: of the partitions, 1 are done sooner elsewhere, 1 lose theirs
    w1 is told to read 0 (epoch 4)
    w2 is told to read 1 (epoch 4): jobs/3
    w3 is gone, and so is its record
"
        );
    }
}
