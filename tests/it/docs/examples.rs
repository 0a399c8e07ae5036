//! Commands in the documents exist, with their options; policies in them pass the lint.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};
use serde_json::Value;
use spillway_tests::require_program;

use crate::help::{Help, PROGRAMS, commands_of};
use crate::{pages, root};

/// Blocks of code marked with `language`, each with the page that it is on.
fn blocks(language: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, text) in pages() {
        let mut inside: Option<String> = None;
        for event in Parser::new(&text) {
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(name))) if &*name == language => {
                    inside = Some(String::new());
                }
                Event::Text(words) => {
                    if let Some(block) = &mut inside {
                        block.push_str(&words);
                    }
                }
                Event::End(TagEnd::CodeBlock) => {
                    found.extend(
                        inside
                            .take()
                            .map(|block| (path.display().to_string(), block)),
                    );
                }
                _ => {}
            }
        }
    }
    found
}

/// Commands of a block for a shell, as words; what stands behind a `#` is no command.
fn commands(block: &str) -> Vec<Vec<String>> {
    let joined = block.replace("\\\n", " ");
    let mut found = Vec::new();
    for line in joined.lines() {
        let line = line.split(" #").next().unwrap_or_default();
        for part in line.split(['|', ';']).flat_map(|part| part.split("&&")) {
            let words: Vec<String> = part.split_whitespace().map(str::to_owned).collect();
            if !words.is_empty() {
                found.push(words);
            }
        }
    }
    found
}

/// What is wrong with a command of ours, if anything.
fn fault_of(words: &[String], helps: &[Help]) -> Option<String> {
    let help = helps
        .iter()
        .filter(|help| words.starts_with(&help.words))
        .max_by_key(|help| help.words.len())?;
    let options = help.options();
    let rest = &words[help.words.len()..];
    let has_commands = help.text.contains("\nCommands:\n");
    if let Some(first) = rest.first()
        && has_commands
        && !first.starts_with('-')
    {
        return Some(format!(
            "`{}` has no command `{first}`",
            help.words.join(" ")
        ));
    }
    rest.iter()
        .filter(|word| word.starts_with("--"))
        .map(|word| word.split('=').next().unwrap_or_default())
        .find(|option| !options.contains(*option))
        .map(|option| format!("`{}` has no `{option}`", help.words.join(" ")))
}

#[test]
fn commands_of_ours_exist() {
    let mut helps = Vec::new();
    for program in PROGRAMS {
        let Some(found) = commands_of(program) else {
            return;
        };
        helps.extend(found);
    }
    let mut wrong = Vec::new();
    let mut looked_at = 0;
    for (page, block) in blocks("sh").into_iter().chain(blocks("text")) {
        for words in commands(&block) {
            if PROGRAMS.contains(&words[0].as_str()) {
                looked_at += 1;
                wrong.extend(fault_of(&words, &helps).map(|fault| format!("{page}: {fault}")));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(looked_at > 25, "only {looked_at} commands were found");
}

#[test]
fn targets_of_make_exist() {
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let targets: BTreeSet<&str> = makefile
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name)
        .collect();
    let mut wrong = Vec::new();
    for (page, block) in blocks("sh") {
        for words in commands(&block) {
            if let ["make", target, ..] = words.iter().map(String::as_str).collect::<Vec<_>>()[..]
                && !targets.contains(target)
            {
                wrong.push(format!("{page}: make {target}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn values_that_are_set_exist() {
    let values = fs::read_to_string(root().join("charts/spillway/values.yaml")).unwrap();
    let values: Value = serde_yaml::from_str(&values).unwrap();
    let mut wrong = Vec::new();
    for (page, block) in blocks("sh") {
        for words in commands(&block)
            .into_iter()
            .filter(|words| words[0] == "helm")
        {
            let set = words.windows(2).filter(|pair| pair[0] == "--set");
            for pair in set {
                let key = pair[1].split('=').next().unwrap_or_default();
                let pointer = format!("/{}", key.replace('.', "/"));
                if values.pointer(&pointer).is_none() {
                    wrong.push(format!("{page}: --set {key}"));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn policies_in_documents_pass_the_lint() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = BTreeMap::new();
    let mut looked_at = 0;
    for (page, block) in blocks("yaml") {
        if !block.contains("kind: ScalingPolicy") {
            continue;
        }
        let Some(mut lint) = require_program("spillway") else {
            return;
        };
        looked_at += 1;
        let file = folder.path().join("policy.yaml");
        fs::write(&file, &block).unwrap();
        let output = lint.args(["policy", "lint"]).arg(&file).output().unwrap();
        if !output.status.success() {
            wrong.insert(page, String::from_utf8_lossy(&output.stderr).into_owned());
        }
    }
    assert_eq!(wrong, BTreeMap::new());
    assert!(looked_at > 0, "no policy was found");
}

#[test]
fn a_wrong_option_is_found() {
    let help = |words: &[&str], text: &str| Help {
        words: words.iter().map(|&word| word.to_owned()).collect(),
        text: text.to_owned(),
    };
    let helps = [
        help(&["spillway"], "x\n\nCommands:\n  explain  Tells\n"),
        help(
            &["spillway", "explain"],
            "Options:\n      --last <LAST>  So many\n",
        ),
    ];
    let fault = |line: &str| fault_of(&commands(line)[0], &helps);
    assert_eq!(fault("spillway explain --last 3 # all"), None);
    assert_eq!(
        fault("spillway explain --first 3"),
        Some("`spillway explain` has no `--first`".to_owned())
    );
    assert_eq!(
        fault("spillway complain"),
        Some("`spillway` has no command `complain`".to_owned())
    );
}
