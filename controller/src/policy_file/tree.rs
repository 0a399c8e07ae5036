//! A YAML document whose nodes know where they stand.

use marked_yaml::loader::{LoadError, LoaderOptions, parse_yaml_with_options};
use marked_yaml::types::MarkedScalarNode;
use marked_yaml::{Marker, Node};
use serde_json::Value;
use spillway_core::Problem;

use super::shape::UNKNOWN_FIELD;

/// More duplicate keys than this are not worth listing.
const DUPLICATES_MAX: usize = 50;
/// Stands in for the letters of a key that was given twice; never a key of ours.
const STRUCK_OUT: char = '\u{e000}';

/// A document, and where everything in it stands.
pub(crate) struct Tree {
    root: Node,
    duplicates: Vec<Placed>,
}

/// A problem and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(super) problem: Problem,
    /// First character of the place, counted in characters from 0.
    pub(super) at: usize,
    /// Length in characters, at least 1.
    pub(super) length: usize,
}

// === impl Tree ===

impl Tree {
    /// Reads a document.
    ///
    /// # Errors
    /// Where and why it is not YAML, or not a mapping.
    pub(crate) fn parse(text: &str) -> Result<Self, Placed> {
        let mut duplicates = Vec::new();
        let mut text: Vec<char> = text.chars().collect();
        loop {
            let options = LoaderOptions::default().error_on_duplicate_keys(true);
            let source: String = text.iter().collect();
            match parse_yaml_with_options(0, source, options) {
                Ok(root) => return Ok(Self { root, duplicates }),
                Err(LoadError::DuplicateKey(twice)) if duplicates.len() < DUPLICATES_MAX => {
                    let Some(placed) = duplicate(&twice.key, &twice.prev_key) else {
                        return Err(unreadable(&LoadError::DuplicateKey(twice), text.len()));
                    };
                    // The later one is struck out, so that the rest can be looked at too.
                    let end = (placed.at + placed.length).min(text.len());
                    text[placed.at..end].fill(STRUCK_OUT);
                    // Two struck-out keys of one length must differ, or they were duplicates again.
                    let mark = u32::from(STRUCK_OUT) + 1 + duplicates.len() as u32;
                    text[placed.at] = char::from_u32(mark).unwrap_or(STRUCK_OUT);
                    duplicates.push(placed);
                }
                Err(error) => return Err(unreadable(&error, text.len())),
            }
        }
    }

    /// Keys that were given twice.
    pub(crate) fn duplicates(&self) -> Vec<Placed> {
        self.duplicates.clone()
    }

    /// The document without places and without what was struck out.
    pub(crate) fn value(&self) -> Value {
        value(&self.root)
    }

    /// Finds where a problem's path stands: the node itself, else the key of the nearest parent there is.
    pub(crate) fn place(&self, problem: Problem) -> Placed {
        let mut node = &self.root;
        let mut place = (0, 1);
        for step in steps(&problem.path) {
            let next = match (node, &step) {
                (Node::Mapping(map), Step::Field(field)) => {
                    let entry = map.iter().find(|(key, _)| key.as_str() == field.as_str());
                    entry.map(|(key, value)| (extent_of_key(key), value))
                }
                (Node::Sequence(list), Step::Index(i)) => {
                    list.get(*i).map(|value| (extent(value), value))
                }
                _ => None,
            };
            let Some((key, value)) = next else {
                return Placed {
                    problem,
                    at: place.0,
                    length: place.1,
                };
            };
            place = key;
            node = value;
        }
        // A value of one line is pointed at itself; a whole block, and a name that is wrong, by the key.
        if let Node::Scalar(scalar) = node
            && problem.message != UNKNOWN_FIELD
        {
            place = extent_of_key(scalar);
        }
        Placed {
            problem,
            at: place.0,
            length: place.1,
        }
    }
}

enum Step {
    Field(String),
    Index(usize),
}

/// `spec.burst.pools[0].max` as steps.
fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        let (field, rest) = part.split_once('[').unwrap_or((part, ""));
        steps.push(Step::Field(field.to_owned()));
        for index in rest.split('[') {
            if let Ok(i) = index.trim_end_matches(']').parse() {
                steps.push(Step::Index(i));
            }
        }
    }
    steps
}

fn is_struck_out(key: &str) -> bool {
    key.chars()
        .next()
        .is_some_and(|first| (STRUCK_OUT..='\u{f8ff}').contains(&first))
}

fn value(node: &Node) -> Value {
    match node {
        Node::Scalar(scalar) => scalar_value(scalar),
        Node::Sequence(list) => Value::Array(list.iter().map(value).collect()),
        Node::Mapping(map) => {
            let fields = map.iter().filter(|(key, _)| !is_struck_out(key.as_str()));
            Value::Object(
                fields
                    .map(|(key, node)| (key.as_str().to_owned(), value(node)))
                    .collect(),
            )
        }
    }
}

/// A plain scalar means what YAML 1.2's core schema says; a quoted one is text.
fn scalar_value(scalar: &MarkedScalarNode) -> Value {
    let text = scalar.as_str();
    if !scalar.may_coerce() {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ => {
            let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '+');
            let number = serde_json::from_str::<serde_json::Number>(text.trim_start_matches('+'));
            match number {
                Ok(number) if is_number => Value::Number(number),
                _ => Value::String(text.to_owned()),
            }
        }
    }
}

fn extent(node: &Node) -> (usize, usize) {
    let start = node.span().start().map_or(0, Marker::character);
    match node {
        Node::Scalar(scalar) => extent_of_key(scalar),
        _ => (start, 1),
    }
}

fn extent_of_key(key: &MarkedScalarNode) -> (usize, usize) {
    let at = key.span().start().map_or(0, Marker::character);
    (at, key.as_str().chars().count().max(1))
}

fn duplicate(key: &MarkedScalarNode, first: &MarkedScalarNode) -> Option<Placed> {
    let (at, length) = key.span().start().map(|_| extent_of_key(key))?;
    let line = first.span().start().map_or(0, Marker::line);
    let message = format!("`{}` is given twice", key.as_str());
    let help = Some(format!("the first is on line {line}: keep one of them"));
    Some(Placed {
        problem: Problem {
            path: String::new(),
            message,
            help,
        },
        at,
        length,
    })
}

fn unreadable(error: &LoadError, characters: usize) -> Placed {
    let (marker, message) = match error {
        LoadError::TopLevelMustBeMapping(marker) => (
            Some(marker),
            "must be a mapping: `kind: …` and so on".to_owned(),
        ),
        LoadError::UnexpectedAnchor(marker) => (Some(marker), "anchors are not allowed".to_owned()),
        LoadError::MappingKeyMustBeScalar(marker) => {
            (Some(marker), "a key must be plain text".to_owned())
        }
        LoadError::UnexpectedTag(marker) => (Some(marker), "tags are not allowed".to_owned()),
        LoadError::ScanError(marker, error) => (Some(marker), format!("not YAML: {error}")),
        LoadError::DuplicateKey(_) => (None, "too many keys are given twice".to_owned()),
        _ => (None, format!("not YAML: {error}")),
    };
    let at = marker
        .map_or(0, Marker::character)
        .min(characters.saturating_sub(1));
    Placed {
        problem: Problem {
            path: String::new(),
            message,
            help: None,
        },
        at,
        length: 1,
    }
}
