//! Policy files: YAML to a trusted policy, or everything that is wrong with it, each at its line.
//!
//! ```text
//!  text ─▶ tree with places (marked-yaml) ─▶ shape (JSON schema) ─▶ meaning (Policy::check) ─▶ Policy
//!             duplicate keys                  unknown fields, types    units, ranges, pairs
//! ```
//!
//! What one step rejects is taken out before the next, so that one mistake hides no other.

mod report;
mod shape;
mod tree;

use std::path::Path;

use spillway_core::{Policy, Problem, raw};

pub(crate) use report::{PlacedProblem, PolicyReport};
pub(crate) use shape::schema;
pub(crate) use tree::Tree;

/// A policy of more bytes than this is no policy.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads and checks a policy file.
///
/// # Errors
/// A report with every problem at its place, ready to be shown.
pub(crate) fn load(path: &Path) -> Result<Policy, PolicyReport> {
    load_written(path)
        .map(|(_, policy)| policy)
        .map_err(|report| *report)
}

/// The same with the policy as it was written, for who tries out another one like it.
///
/// # Errors
/// As [`load`].
pub(crate) fn load_written(path: &Path) -> Result<(raw::ScalingPolicy, Policy), Box<PolicyReport>> {
    let name = path.display().to_string();
    let size = std::fs::metadata(path).map(|metadata| metadata.len());
    let text = match size {
        Ok(size) if size > FILE_BYTES_MAX => Err("is larger than 1 MiB".to_owned()),
        Ok(_) => std::fs::read_to_string(path).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match text {
        Ok(text) => parse_written(&name, &text),
        Err(why) => Err(Box::new(PolicyReport::unreadable(&name, &why))),
    }
}

/// Checks the text of a policy file called `name`.
pub(crate) fn parse(name: &str, text: &str) -> Result<Policy, PolicyReport> {
    parse_written(name, text)
        .map(|(_, policy)| policy)
        .map_err(|report| *report)
}

/// The same with the policy as it was written.
///
/// # Errors
/// As [`load_written`].
pub(crate) fn parse_written(
    name: &str,
    text: &str,
) -> Result<(raw::ScalingPolicy, Policy), Box<PolicyReport>> {
    let report = |placed| Box::new(PolicyReport::new(name, text, placed));
    let tree = Tree::parse(text).map_err(|problem| report(vec![problem]))?;
    let mut placed = tree.duplicates();
    let mut value = tree.value();
    let shape = shape::check(&mut value);
    let written: raw::ScalingPolicy = match serde_json::from_value(value) {
        Ok(written) => written,
        Err(error) => {
            // The schema is made of the same types, so this says that the two disagree.
            let problem = Problem {
                path: String::new(),
                message: error.to_string(),
                help: None,
            };
            placed.push(tree.place(problem));
            return Err(report(placed));
        }
    };
    let checked = Policy::check(&written);
    let meaning = checked.as_ref().err().cloned().unwrap_or_default();
    placed.extend(
        shape::merge(shape, meaning)
            .into_iter()
            .map(|problem| tree.place(problem)),
    );
    match checked {
        Ok(policy) if placed.is_empty() => Ok((written, policy)),
        _ => Err(report(placed)),
    }
}

/// Checks a policy that has no text, as one in a cluster: without places, with the same sentences.
///
/// # Errors
/// Every problem, in the order of the document.
pub(crate) fn check_document(mut document: serde_json::Value) -> Result<Policy, Vec<Problem>> {
    let shape = shape::check(&mut document);
    let written: raw::ScalingPolicy = serde_json::from_value(document).map_err(|error| {
        vec![Problem {
            path: String::new(),
            message: error.to_string(),
            help: None,
        }]
    })?;
    let checked = Policy::check(&written);
    let meaning = checked.as_ref().err().cloned().unwrap_or_default();
    match (checked, shape::merge(shape, meaning)) {
        (Ok(policy), problems) if problems.is_empty() => Ok(policy),
        (_, problems) => Err(problems),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = include_str!("../../../policies/recognition.yaml");

    proptest::proptest! {
        #[test]
        fn what_the_pattern_takes_is_read_and_nothing_else(
            text in "[ ]?([0-9]{0,10}[.]?[0-9]{0,3}[ ]?(ms|s|m|h|d|M|us|min|)[ ]?){0,3}[-a-z0-9 ]?",
        ) {
            let pattern = serde_json::json!({"pattern": raw::DURATION});
            let pattern = jsonschema::validator_for(&pattern).unwrap();
            let is_taken = pattern.is_valid(&serde_json::json!(text));
            proptest::prop_assert_eq!(raw::duration(&text).is_some(), is_taken, "{:?}", text);
        }
    }

    #[test]
    fn the_policy_to_start_from_is_good() {
        let policy = parse("recognition.yaml", GOOD).unwrap_or_else(|report| panic!("{report:?}"));
        assert_eq!(policy.name(), "recognition");
    }

    #[test]
    fn every_problem_is_reported_at_its_place_with_a_suggestion() {
        let bad = include_str!("testdata/bad.yaml");
        let report = parse("bad.yaml", bad).unwrap_err();
        insta::assert_snapshot!(report.plain());
    }

    #[test]
    fn the_policy_for_four_clouds_is_good() {
        let text = include_str!("../../../policies/clouds.yaml");
        let policy = parse("clouds.yaml", text).unwrap_or_else(|report| panic!("{report:?}"));
        let clouds = policy.pools().iter().map(|pool| pool.place.cloud.as_str());
        assert_eq!(clouds.collect::<Vec<_>>(), ["oci", "aws", "gcp", "azure"]);
    }

    #[test]
    fn what_is_wrong_with_a_clouds_machines_is_reported_at_its_line() {
        let bad = include_str!("testdata/clouds-bad.yaml");
        let report = parse("clouds-bad.yaml", bad).unwrap_err();
        insta::assert_snapshot!(report.plain());
    }

    #[test]
    fn what_is_not_yaml_says_where() {
        let report = parse("broken.yaml", "kind: ScalingPolicy\nspec: [1, 2\n").unwrap_err();
        insta::assert_snapshot!(report.plain());
    }
}
