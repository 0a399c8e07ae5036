//! What was decided and why, told from the journal.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::Path;

use crate::journal::{self, Event};
use crate::view::{Chronicle, Decision};

/// The decisions of a journal, oldest first, at most the newest `last`.
///
/// # Errors
/// When the journal cannot be read.
pub(crate) fn decisions(journal: &Path, last: usize) -> anyhow::Result<Vec<Decision>> {
    let mut chronicle = Chronicle::default();
    let mut policy = String::new();
    let mut decisions: VecDeque<Decision> = VecDeque::new();
    journal::read(journal, |event| match event {
        Event::Began { planner, .. } => planner.policy().name().clone_into(&mut policy),
        Event::Planned { plan, .. } => {
            if let Some(decision) = chronicle.decision(&policy, &plan) {
                if decisions.len() == last {
                    decisions.pop_front();
                }
                decisions.push_back(decision);
            }
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
    for decision in decisions(journal, last)? {
        if json {
            writeln!(out, "{}", serde_json::to_string(&decision)?)?;
            continue;
        }
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
