//! How problems of a `modelset.yaml` are told: at their line, with a caret and a suggestion, all at once.

use std::fmt;

use marked_yaml::loader::{LoadError, LoaderOptions, parse_yaml_with_options};
use marked_yaml::{Marker, Node};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource};

/// Words that differ in more letters than this are not what was meant.
const EDITS_MAX: usize = 3;

/// What is said of a field that there is not.
pub(super) const UNKNOWN_FIELD: &str = "is no field that is known";

/// One problem of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where, as `spec.models[0].file`; empty for the document itself.
    pub(crate) path: String,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// A document whose nodes know where they stand.
pub(super) struct Places(Node);

/// Everything that is wrong with a file.
#[derive(Debug)]
pub(crate) struct Report {
    summary: String,
    problems: Vec<Shown>,
}

/// A report whose problems follow their summary, as people see it.
#[derive(Debug)]
struct Drawn<'a>(&'a Report);

/// One problem at its place.
#[derive(Debug)]
struct Shown {
    message: String,
    help: Option<String>,
    /// From 1.
    line: usize,
    label: LabeledSpan,
    source: NamedSource<String>,
}

/// Where something stands, in characters from the start.
type Extent = (usize, usize);

// === impl Problem ===

impl Problem {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
            help: None,
        }
    }

    /// Adds the word of `known` that was probably meant.
    pub(super) fn nearest<'a>(mut self, word: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let nearest = known
            .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
            .filter(|(edits, candidate)| *edits <= EDITS_MAX && *edits < candidate.len())
            .min();
        self.help = nearest.map(|(_, candidate)| format!("did you mean `{candidate}`?"));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path} {}", self.message),
        }
    }
}

// === impl Places ===

impl Places {
    /// Reads a document.
    ///
    /// # Errors
    /// What makes it no YAML, and the character where.
    pub(super) fn parse(text: &str) -> Result<Self, (Problem, usize)> {
        let options = LoaderOptions::default().error_on_duplicate_keys(true);
        parse_yaml_with_options(0, text, options)
            .map(Self)
            .map_err(|error| {
                let (marker, message) = match &error {
                    LoadError::TopLevelMustBeMapping(marker) => (
                        Some(*marker),
                        "must be a mapping: `kind: …` and so on".into(),
                    ),
                    LoadError::UnexpectedAnchor(marker) => {
                        (Some(*marker), "anchors are not allowed".into())
                    }
                    LoadError::UnexpectedTag(marker) => {
                        (Some(*marker), "tags are not allowed".into())
                    }
                    LoadError::ScanError(marker, why) => {
                        (Some(*marker), format!("not YAML: {why}"))
                    }
                    LoadError::DuplicateKey(twice) => (
                        twice.key.span().start().copied(),
                        format!("`{}` is given twice", twice.key.as_str()),
                    ),
                    other => (None, format!("not YAML: {other}")),
                };
                let at = marker.as_ref().map_or(0, Marker::character);
                (Problem::new("", message), at)
            })
    }

    /// Where a path stands: the node itself, else the nearest parent that is there.
    fn extent(&self, problem: &Problem) -> Extent {
        let mut node = &self.0;
        let mut place = (0, 1);
        for step in steps(&problem.path) {
            let next = match node {
                Node::Mapping(map) => map
                    .iter()
                    .find(|(key, _)| key.as_str() == step)
                    .map(|(key, value)| (scalar_extent(key), value)),
                Node::Sequence(list) => step
                    .parse()
                    .ok()
                    .and_then(|index: usize| list.get(index))
                    .map(|value| (node_extent(value), value)),
                Node::Scalar(_) => None,
            };
            let Some((at, value)) = next else {
                return place;
            };
            place = at;
            node = value;
        }
        // A value of one line is pointed at itself; a whole block, and a name that is wrong, by its key.
        match node {
            Node::Scalar(scalar) if problem.message != UNKNOWN_FIELD => scalar_extent(scalar),
            _ => place,
        }
    }
}

/// `spec.models[0].file` as `spec`, `models`, `0`, `file`.
fn steps(path: &str) -> impl Iterator<Item = &str> {
    path.split(['.', '[', ']']).filter(|step| !step.is_empty())
}

fn node_extent(node: &Node) -> Extent {
    match node {
        Node::Scalar(scalar) => scalar_extent(scalar),
        _ => (node.span().start().map_or(0, Marker::character), 1),
    }
}

fn scalar_extent(scalar: &marked_yaml::types::MarkedScalarNode) -> Extent {
    let at = scalar.span().start().map_or(0, Marker::character);
    (at, scalar.as_str().chars().count().max(1))
}

// === impl Report ===

impl Report {
    /// Problems of a document that is YAML.
    pub(super) fn new(name: &str, text: &str, places: &Places, problems: Vec<Problem>) -> Self {
        let placed = problems
            .into_iter()
            .map(|problem| (places.extent(&problem), problem));
        Self::placed(name, text, placed.collect())
    }

    /// What makes a document no YAML.
    pub(super) fn unreadable(name: &str, text: &str, problem: Problem, at: usize) -> Self {
        Self::placed(name, text, vec![((at, 1), problem)])
    }

    fn placed(name: &str, text: &str, mut problems: Vec<(Extent, Problem)>) -> Self {
        problems.sort_by_key(|(extent, _)| *extent);
        let offset = |characters: usize| {
            text.char_indices()
                .nth(characters)
                .map_or(text.len(), |(offset, _)| offset)
        };
        let summary = match problems.len() {
            1 => format!("{name} has a problem, and is not used"),
            count => format!("{name} has {count} problems, and is not used"),
        };
        let problems = problems.into_iter().map(|((at, length), problem)| {
            let (from, to) = (offset(at), offset(at + length));
            Shown {
                message: problem.to_string(),
                help: problem.help,
                line: text[..from].matches('\n').count() + 1,
                label: LabeledSpan::underline(from..to),
                source: NamedSource::new(name, text.to_owned()),
            }
        });
        Self {
            summary,
            problems: problems.collect(),
        }
    }

    /// As it is shown to a person, who sees lines, carets and suggestions.
    pub(crate) fn drawn(&self, has_colour: bool) -> String {
        let theme = if has_colour {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::unicode_nocolor()
        };
        let mut text = String::new();
        GraphicalReportHandler::new_themed(theme)
            .with_width(100)
            .render_report(&mut text, &Drawn(self))
            .expect("a string takes every text");
        text
    }
}

/// On one line, for logs.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        for (index, problem) in self.problems.iter().enumerate() {
            let before = if index == 0 { ": " } else { "; " };
            write!(f, "{before}line {}: {}", problem.line, problem.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

// === impl Drawn ===

impl fmt::Display for Drawn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.summary)
    }
}

impl std::error::Error for Drawn<'_> {}

impl Diagnostic for Drawn<'_> {
    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        let problems = self.0.problems.iter();
        Some(Box::new(problems.map(|problem| problem as &dyn Diagnostic)))
    }
}

// === impl Shown ===

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Shown {}

impl Diagnostic for Shown {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as _)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(std::iter::once(self.label.clone())))
    }
}
