//! Steps and rights, for people and for programs.

use std::fmt::Write as _;

use serde_json::json;

use super::plan::{Change, Step};
use super::rights::Right;

/// Steps and rights as JSON.
///
/// # Errors
/// Never in fact: all of it can be written as JSON.
pub(super) fn json(
    steps: &[Step],
    rights: Option<&[Right]>,
    is_applied: bool,
) -> serde_json::Result<String> {
    serde_json::to_string_pretty(&json!({
        "applied": is_applied,
        "changes": steps.iter().filter(|step| step.change != Change::Nothing).count(),
        "topics": steps,
        "rights": rights,
    }))
}

/// The same for people.
pub(super) fn text(steps: &[Step], rights: Option<&[Right]>) -> String {
    let mut out = String::new();
    for step in steps {
        let sign = match step.change {
            Change::Nothing => ' ',
            Change::Make => '+',
            Change::Alter => '~',
            Change::Refused => '!',
        };
        let partitions = match (step.partitions.present, step.partitions.wanted) {
            (Some(present), wanted) if present != wanted => {
                format!("{present} -> {wanted} partitions")
            }
            (_, 1) => "1 partition".to_owned(),
            (_, wanted) => format!("{wanted} partitions"),
        };
        let _ = writeln!(out, "{sign} {}  ({}, {partitions})", step.topic, step.what);
        for setting in &step.settings {
            let _ = match &setting.present {
                Some(present) => writeln!(
                    out,
                    "      {}: {present} -> {}",
                    setting.name, setting.wanted
                ),
                None => writeln!(out, "      {}: {}", setting.name, setting.wanted),
            };
        }
        for note in &step.notes {
            let _ = writeln!(out, "      {note}");
        }
    }
    let count = |change| steps.iter().filter(|step| step.change == change).count();
    let _ = writeln!(
        out,
        "\n{} to make, {} to change, {} as they should be, {} that cannot be as asked",
        count(Change::Make),
        count(Change::Alter),
        count(Change::Nothing),
        count(Change::Refused)
    );
    if let Some(rights) = rights {
        let _ = writeln!(
            out,
            "\nRights, with a name for each of CONTROLLER, WORKER and CLIENT:"
        );
        for right in rights {
            let _ = writeln!(out, "  {}", right.command());
        }
    }
    out
}

/// What was done.
pub(super) fn done(steps: &[Step]) -> String {
    match steps
        .iter()
        .filter(|step| step.change != Change::Nothing)
        .count()
    {
        0 => "nothing was changed".to_owned(),
        1 => "one topic was made or changed".to_owned(),
        count => format!("{count} topics were made or changed"),
    }
}
