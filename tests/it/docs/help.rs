//! What our programs say of themselves with `--help`.

use std::collections::BTreeSet;
use std::process::Command;

use spillway_tests::require_program;

/// Our programs, as they are installed.
pub(crate) const PROGRAMS: [&str; 3] = ["spillway", "spillway-worker", "spillway-gateway"];

/// A command of ours, with what `--help` says.
pub(crate) struct Help {
    /// As `["spillway", "policy", "lint"]`.
    pub(crate) words: Vec<String>,
    /// Without blanks at the ends of lines.
    pub(crate) text: String,
}

/// `program` and all its commands, each before its own; none where it is not built, which has then been said.
pub(crate) fn commands_of(program: &str) -> Option<Vec<Help>> {
    require_program(program)?;
    let mut found = Vec::new();
    walk(vec![program.to_owned()], &mut found);
    Some(found)
}

fn walk(words: Vec<String>, into: &mut Vec<Help>) {
    let text = help_of(&words);
    let inner = subcommands(&text);
    into.push(Help {
        words: words.clone(),
        text,
    });
    for name in inner {
        let mut words = words.clone();
        words.push(name);
        walk(words, into);
    }
}

fn help_of(words: &[String]) -> String {
    let mut command: Command = require_program(&words[0]).unwrap();
    // Help shows what variables hold now; here they hold nothing.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SPILLWAY_") {
            command.env_remove(name);
        }
    }
    let output = command.args(&words[1..]).arg("--help").output().unwrap();
    assert!(output.status.success(), "{words:?} --help");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

/// Names under `Commands:`, without clap's own `help`.
fn subcommands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

impl Help {
    /// Options as they are written, `--json` and `-h`.
    pub(crate) fn options(&self) -> BTreeSet<String> {
        self.text
            .lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with('-'))
            .flat_map(|line| line.split([' ', ',', '=']))
            .filter(|word| word.starts_with('-'))
            .map(str::to_owned)
            .collect()
    }
}
