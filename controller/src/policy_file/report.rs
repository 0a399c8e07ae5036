//! How problems of a policy file are shown: line, caret, suggestion, all at once.

use std::io::Write as _;
use std::process::ExitCode;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};

use serde::Serialize;
use utoipa::ToSchema;

use super::tree::Placed;

/// Everything that is wrong with a policy file.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{summary}")]
pub(crate) struct PolicyReport {
    summary: String,
    #[related]
    problems: Vec<Shown>,
    placed: Vec<PlacedProblem>,
}

/// One problem, for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PlacedProblem {
    /// As `spec.burst.pools[0].max`; empty for the document itself.
    pub(crate) path: String,
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// One problem, with the text around it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Shown {
    message: String,
    help: Option<String>,
    label: Option<LabeledSpan>,
    source_code: NamedSource<String>,
}

// === impl Shown ===

impl Diagnostic for Shown {
    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.label.as_ref().map(|_| &self.source_code as _)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.label
            .clone()
            .map(|label| Box::new(std::iter::once(label)) as _)
    }
}

// === impl PlacedProblem ===

impl PlacedProblem {
    fn of(text: &str, placed: &Placed) -> Self {
        let before: Vec<char> = text.chars().take(placed.at).collect();
        let line_start = before
            .iter()
            .rposition(|it| *it == '\n')
            .map_or(0, |at| at + 1);
        Self {
            path: placed.problem.path.clone(),
            line: before.iter().filter(|it| **it == '\n').count() + 1,
            column: before.len() - line_start + 1,
            message: placed.problem.message.clone(),
            help: placed.problem.help.clone(),
        }
    }
}

// === impl PolicyReport ===

impl PolicyReport {
    pub(super) fn new(name: &str, text: &str, problems: Vec<Placed>) -> Self {
        Self::about(name, text, problems, "nothing was started")
    }

    /// The same with what did not happen because of it.
    pub(crate) fn about(name: &str, text: &str, mut problems: Vec<Placed>, what_not: &str) -> Self {
        problems.sort_by(|a, b| a.at.cmp(&b.at).then(a.problem.cmp(&b.problem)));
        let offset = |characters: usize| {
            text.char_indices()
                .nth(characters)
                .map_or(text.len(), |(offset, _)| offset)
        };
        let placed = problems
            .iter()
            .map(|it| PlacedProblem::of(text, it))
            .collect();
        let problems: Vec<Shown> = problems
            .into_iter()
            .map(
                |Placed {
                     problem,
                     at,
                     length,
                 }| {
                    let (from, to) = (offset(at), offset(at + length));
                    let message = match problem.path.as_str() {
                        "" => problem.message,
                        path => format!("{path} {}", problem.message),
                    };
                    Shown {
                        message,
                        help: problem.help,
                        label: Some(LabeledSpan::underline(from..to)),
                        source_code: NamedSource::new(name, text.to_owned()),
                    }
                },
            )
            .collect();
        let summary = match problems.len() {
            1 => format!("{name} has a problem, and {what_not}"),
            count => format!("{name} has {count} problems, and {what_not}"),
        };
        Self {
            summary,
            problems,
            placed,
        }
    }

    pub(super) fn unreadable(name: &str, why: &str) -> Self {
        Self {
            summary: format!("{name} cannot be read: {why}"),
            problems: Vec::new(),
            placed: Vec::new(),
        }
    }

    /// Every problem with its place, for programs.
    pub(crate) fn into_placed(self) -> Vec<PlacedProblem> {
        self.placed
    }

    /// All of it in one line, for logs and metrics' readers.
    pub(crate) fn in_a_line(&self) -> String {
        if self.placed.is_empty() {
            return self.summary.clone();
        }
        let told = self.placed.iter().map(|it| {
            let help = it.help.as_ref().map(|help| format!(" ({help})"));
            let help = help.unwrap_or_default();
            format!("line {}: {} {}{help}", it.line, it.path, it.message)
        });
        told.collect::<Vec<_>>().join("; ")
    }

    /// As it is shown where there are no colours.
    #[cfg(test)]
    pub(crate) fn plain(&self) -> String {
        self.rendered(GraphicalTheme::unicode_nocolor())
    }

    /// As it is shown to a person.
    pub(crate) fn for_terminal(&self) -> String {
        let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let has_colour = is_terminal && std::env::var_os("NO_COLOR").is_none();
        self.rendered(if has_colour {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        })
    }

    /// Shows it to a person, on stderr; the code to end with.
    pub(crate) fn show(&self) -> ExitCode {
        // To a stderr that is closed nothing can be said.
        let _ = write!(std::io::stderr(), "{}", self.for_terminal());
        ExitCode::FAILURE
    }

    fn rendered(&self, theme: GraphicalTheme) -> String {
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(theme).with_width(100);
        handler
            .render_report(&mut text, self)
            .expect("a string takes every text");
        text
    }
}
