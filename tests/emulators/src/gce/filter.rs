//! The part of Compute's filter language that asks for labels, names and states.

use jiff::Timestamp;

use super::status;
use crate::state::Machine;

/// Terms that must all hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Filter {
    terms: Vec<Term>,
}

#[derive(Debug, PartialEq, Eq)]
struct Term {
    field: String,
    is_equal: bool,
    value: String,
}

// === impl Filter ===

impl Filter {
    /// Nothing where the filter is not understood.
    pub(super) fn parse(filter: &str) -> Option<Self> {
        let plain = filter.replace(['(', ')'], " ");
        let words: Vec<&str> = plain
            .split_whitespace()
            .filter(|word| *word != "AND")
            .collect();
        let mut terms = Vec::new();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let term = match Term::parse(word) {
                Some(term) => term,
                None => {
                    let is_equal = match words.next()? {
                        "=" | "eq" => true,
                        "!=" | "ne" => false,
                        _ => return None,
                    };
                    Term::new(word, is_equal, words.next()?)
                }
            };
            terms.push(term);
        }
        let known = |term: &Term| {
            ["name", "status"].contains(&term.field.as_str()) || term.field.starts_with("labels.")
        };
        terms.iter().all(known).then_some(Self { terms })
    }

    pub(super) fn admits(&self, machine: &Machine, now: Timestamp) -> bool {
        self.terms.iter().all(|term| {
            let own = match term.field.as_str() {
                "name" => Some(machine.name.as_str()),
                "status" => Some(status(machine.phase(now))),
                label => label
                    .strip_prefix("labels.")
                    .and_then(|label| machine.tags.get(label))
                    .map(String::as_str),
            };
            let holds = if term.value == "*" {
                own.is_some()
            } else {
                own == Some(term.value.as_str())
            };
            holds == term.is_equal
        })
    }
}

// === impl Term ===

impl Term {
    fn new(field: &str, is_equal: bool, value: &str) -> Self {
        Self {
            field: field.to_owned(),
            is_equal,
            value: value.trim_matches('"').to_owned(),
        }
    }

    fn parse(word: &str) -> Option<Self> {
        let parse = |operator: &str, is_equal| {
            let (field, value) = word.split_once(operator)?;
            let is_whole = !field.is_empty() && !value.is_empty();
            is_whole.then(|| Self::new(field, is_equal, value))
        };
        parse("!=", false)
            .or_else(|| parse("=", true))
            .or_else(|| parse(":", true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_read_in_every_spelling() {
        let both = |filter: &str| Filter::parse(filter).map(|filter| filter.terms);
        let wanted = both("labels.a=b AND status!=TERMINATED");
        assert!(wanted.is_some());
        for same in [
            "(labels.a=b) (status!=TERMINATED)",
            "(labels.a = b) AND (status != TERMINATED)",
            "labels.a eq b status ne TERMINATED",
            "labels.a=\"b\" AND status!=TERMINATED",
        ] {
            assert_eq!(both(same), wanted, "{same}");
        }
        for unknown in ["zone=x", "labels.a=b OR name=c", "labels.a", "a>b"] {
            assert_eq!(both(unknown), None, "{unknown}");
        }
    }
}
