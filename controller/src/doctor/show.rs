//! What was seen, for people and for programs.

use std::io::{self, Write as _};

use serde_json::json;
use spillway_cloud::Sight;

use super::Check;

/// One object: `checks`, and how many of them are bad.
pub(super) fn json(checks: &[Check]) -> io::Result<()> {
    let bad = checks.iter().filter(|check| is_bad(check)).count();
    let all = json!({"bad": bad, "checks": checks});
    writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&all)?)
}

pub(super) fn text(checks: &[Check]) -> io::Result<()> {
    let mut out = io::stdout();
    for check in checks {
        let (mark, why) = match &check.seen {
            Sight::Good => ("ok ", None),
            Sight::Bad { why } => ("BAD", Some(why)),
            Sight::Unknown { why } => (" ? ", Some(why)),
        };
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        writeln!(out, "{mark} {}, {}{why}", check.about, check.topic.words())?;
        if let Some(help) = &check.help {
            writeln!(out, "      {}", help.sentence)?;
            writeln!(out, "      ({}#{})", help.page, help.anchor)?;
        }
    }
    let bad = checks.iter().filter(|check| is_bad(check)).count();
    match bad {
        0 => writeln!(out, "{} looks, nothing is wrong", checks.len()),
        bad => writeln!(out, "{} looks, {bad} of them bad", checks.len()),
    }
}

fn is_bad(check: &Check) -> bool {
    matches!(check.seen, Sight::Bad { .. })
}
