//! Conditions on a row, for `--fail-if`: comparisons, joined.
//!
//! ```text
//! any     := all ("||" all)*
//! all     := not ("&&" not)*
//! not     := "!" not | "(" any ")" | value (("<" | "<=" | ">" | ">=" | "==" | "!=") value)?
//! value   := a number, or the name of a field
//! ```
//!
//! A field may be unknown (`ratio` where the bound is 0). What depends on it is unknown then, not false, and a condition
//! that is unknown does not hold.
//! Deliberately absent: arithmetic, text, functions. A gate that needs them reads `--json`.

use std::fmt;

use super::row::{FIELDS, Field, Row};

/// Longer than any condition that somebody wrote.
const CHARACTERS_MAX: usize = 4_096;
/// Brackets and `!` inside each other.
const DEPTH_MAX: u32 = 64;

/// A condition on a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Condition {
    text: String,
    tree: Node,
}

/// What is wrong with a condition, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConditionError {
    text: String,
    /// Place and length in characters.
    at: usize,
    length: usize,
    message: String,
    help: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Any(Vec<Node>),
    All(Vec<Node>),
    Not(Box<Node>),
    Compare(Value, Comparison, Value),
    Holds(Named),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Number(f64),
    Field(Named),
}

/// A field, by its place in [`FIELDS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Named(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    More,
    AtLeast,
    Equal,
    Unequal,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Token {
    Value(Value),
    Compare(Comparison),
    And,
    Or,
    Not,
    Open,
    Close,
    End,
}

/// A token and where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Placed {
    token: Token,
    at: usize,
    length: usize,
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Placed>,
    next: usize,
    depth: u32,
}

// === impl Condition ===

impl Condition {
    /// Whether it holds for a row; none where that is unknown.
    pub(crate) fn holds(&self, row: &Row) -> Option<bool> {
        self.tree.holds(row)
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it asks for a field of this name.
    pub(crate) fn asks_for(&self, name: &str) -> bool {
        self.fields().iter().any(|field| field.name == name)
    }

    /// The fields that it asks for with what they are in a row: `late_messages = 12, cost = 41.3`.
    pub(crate) fn told(&self, row: &Row) -> String {
        let told = self.fields().into_iter().map(|field| {
            let value = match ((field.of)(row), field.is_truth) {
                (None, _) => "unknown".to_owned(),
                (Some(value), true) => (value > 0.5).to_string(),
                (Some(value), false) => ((value * 1e4).round() / 1e4).to_string(),
            };
            format!("{} = {value}", field.name)
        });
        told.collect::<Vec<_>>().join(", ")
    }

    /// Every field once, in the order in which they were written.
    fn fields(&self) -> Vec<&'static Field> {
        let mut found = Vec::new();
        self.tree.fields(&mut found);
        let mut once = Vec::new();
        for Named(place) in found {
            if !once.contains(&place) {
                once.push(place);
            }
        }
        once.into_iter().map(|place| &FIELDS[place]).collect()
    }
}

impl std::str::FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let tokens = tokens(text)?;
        let mut parser = Parser {
            text,
            tokens,
            next: 0,
            depth: 0,
        };
        let tree = parser.any()?;
        let rest = parser.peek();
        match rest.token {
            Token::End => Ok(Self {
                text: text.trim().to_owned(),
                tree,
            }),
            Token::Compare(_) => Err(parser.wrong(
                rest,
                "a second comparison",
                "compare two things at a time, and join comparisons with &&",
            )),
            Token::Close => Err(parser.wrong(rest, "a `)` without its `(`", "")),
            _ => Err(parser.wrong(
                rest,
                "expected && or || before this",
                "join conditions with && (both) or || (either)",
            )),
        }
    }
}

// === impl Node ===

impl Node {
    /// Kleene's logic: unknown where the known parts do not settle it.
    fn holds(&self, row: &Row) -> Option<bool> {
        match self {
            Self::Any(parts) => settled(parts, row, true),
            Self::All(parts) => settled(parts, row, false),
            Self::Not(part) => part.holds(row).map(|holds| !holds),
            Self::Compare(a, comparison, b) => Some(comparison.holds(a.of(row)?, b.of(row)?)),
            Self::Holds(Named(place)) => (FIELDS[*place].of)(row).map(|value| value > 0.5),
        }
    }

    fn fields(&self, found: &mut Vec<Named>) {
        match self {
            Self::Any(parts) | Self::All(parts) => {
                parts.iter().for_each(|part| part.fields(found));
            }
            Self::Not(part) => part.fields(found),
            Self::Holds(named) => found.push(*named),
            Self::Compare(a, _, b) => {
                for value in [a, b] {
                    if let Value::Field(named) = value {
                        found.push(*named);
                    }
                }
            }
        }
    }
}

/// `by` if one part is, else unknown if one part is, else the other.
fn settled(parts: &[Node], row: &Row, by: bool) -> Option<bool> {
    let mut is_unknown = false;
    for part in parts {
        match part.holds(row) {
            Some(holds) if holds == by => return Some(by),
            Some(_) => {}
            None => is_unknown = true,
        }
    }
    (!is_unknown).then_some(!by)
}

// === impl Value ===

impl Value {
    fn of(self, row: &Row) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            Self::Field(Named(place)) => (FIELDS[place].of)(row),
        }
    }
}

// === impl Comparison ===

impl Comparison {
    #[expect(
        clippy::float_cmp,
        reason = "`launches == 0` is asked of whole numbers"
    )]
    fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Self::Less => a < b,
            Self::AtMost => a <= b,
            Self::More => a > b,
            Self::AtLeast => a >= b,
            Self::Equal => a == b,
            Self::Unequal => a != b,
        }
    }
}

// === impl Parser ===

impl Parser<'_> {
    fn peek(&self) -> Placed {
        // The last token is the end, and nothing goes past it.
        self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn take(&mut self) -> Placed {
        let placed = self.peek();
        self.next += 1;
        placed
    }

    fn takes(&mut self, token: Token) -> bool {
        let is_next = self.peek().token == token;
        if is_next {
            self.next += 1;
        }
        is_next
    }

    fn wrong(&self, placed: Placed, message: &str, help: &str) -> ConditionError {
        ConditionError {
            text: self.text.to_owned(),
            at: placed.at,
            length: placed.length,
            message: message.to_owned(),
            help: help.to_owned(),
        }
    }

    fn any(&mut self) -> Result<Node, ConditionError> {
        let mut parts = vec![self.all()?];
        while self.takes(Token::Or) {
            parts.push(self.all()?);
        }
        Ok(joined(parts, Node::Any))
    }

    fn all(&mut self) -> Result<Node, ConditionError> {
        let mut parts = vec![self.not()?];
        while self.takes(Token::And) {
            parts.push(self.not()?);
        }
        Ok(joined(parts, Node::All))
    }

    fn not(&mut self) -> Result<Node, ConditionError> {
        let first = self.take();
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong(first, "too many brackets inside each other", ""));
        }
        let node = match first.token {
            Token::Not => Node::Not(Box::new(self.not()?)),
            Token::Open => {
                let inside = self.any()?;
                let close = self.peek();
                if !self.takes(Token::Close) {
                    let help = format!("the `(` at column {} is still open", first.at + 1);
                    return Err(self.wrong(close, "expected `)`", &help));
                }
                inside
            }
            Token::Value(value) => self.comparison(first, value)?,
            Token::End => {
                let message = "expected a comparison, found the end";
                return Err(self.wrong(first, message, "as `late_messages > 0`"));
            }
            _ => {
                let message = "expected a field, a number, `!` or `(`";
                return Err(self.wrong(first, message, "as `late_messages > 0`"));
            }
        };
        self.depth -= 1;
        Ok(node)
    }

    fn comparison(&mut self, first: Placed, a: Value) -> Result<Node, ConditionError> {
        let Token::Compare(comparison) = self.peek().token else {
            return match a {
                Value::Field(Named(place)) if FIELDS[place].is_truth => {
                    Ok(Node::Holds(Named(place)))
                }
                Value::Field(Named(place)) => {
                    let help = format!("say what with, as `{} > 0`", FIELDS[place].name);
                    Err(self.wrong(first, "is compared with nothing", &help))
                }
                Value::Number(_) => {
                    let message = "a number alone is no condition";
                    Err(self.wrong(first, message, "compare it with a field, as `cost > 120`"))
                }
            };
        };
        self.next += 1;
        let second = self.take();
        match second.token {
            Token::Value(b) => Ok(Node::Compare(a, comparison, b)),
            _ => Err(self.wrong(second, "expected a field or a number", "")),
        }
    }
}

fn joined(mut parts: Vec<Node>, join: fn(Vec<Node>) -> Node) -> Node {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}

fn tokens(text: &str) -> Result<Vec<Placed>, ConditionError> {
    let characters: Vec<char> = text.chars().collect();
    let wrong = |at, length, message: String, help: String| ConditionError {
        text: text.to_owned(),
        at,
        length,
        message,
        help,
    };
    if characters.len() > CHARACTERS_MAX {
        let message = format!("is longer than {CHARACTERS_MAX} characters");
        let text = characters[..60].iter().collect();
        return Err(ConditionError {
            text,
            ..wrong(0, 60, message, String::new())
        });
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let rest = &characters[at..];
        if rest[0].is_whitespace() {
            at += 1;
            continue;
        }
        let (token, length) = if rest[0].is_alphabetic() || rest[0] == '_' {
            let is_part = |c: &&char| c.is_alphanumeric() || **c == '_';
            let length = rest.iter().take_while(is_part).count();
            let name: String = rest[..length].iter().collect();
            let named = named(&name).map_err(|(message, help)| wrong(at, length, message, help))?;
            (Token::Value(Value::Field(named)), length)
        } else if rest[0].is_ascii_digit() || matches!(rest[0], '.' | '-') {
            let (number, length) = number(rest)
                .map_err(|(length, message, help)| wrong(at, length, message, help.to_owned()))?;
            (Token::Value(Value::Number(number)), length)
        } else {
            symbol(rest).map_err(|(message, help)| wrong(at, 1, message, help.to_owned()))?
        };
        tokens.push(Placed { token, at, length });
        at += length;
    }
    tokens.push(Placed {
        token: Token::End,
        at: characters.len(),
        length: 1,
    });
    Ok(tokens)
}

fn named(name: &str) -> Result<Named, (String, String)> {
    if let Some(place) = FIELDS.iter().position(|field| field.name == name) {
        return Ok(Named(place));
    }
    let word = name.to_ascii_lowercase();
    if let Some((_, sign)) = [("and", "&&"), ("or", "||"), ("not", "!")]
        .iter()
        .find(|(joiner, _)| *joiner == word)
    {
        return Err((format!("`{name}` is not a field"), format!("write {sign}")));
    }
    let nearest = FIELDS
        .iter()
        .map(|field| (strsim::jaro_winkler(&word, field.name), field.name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.75)
        .map(|(_, name)| format!("did you mean `{name}`? "))
        .unwrap_or_default();
    let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
    let help = format!("{nearest}the fields are {}", names.join(", "));
    Err((format!("`{name}` is not a field"), help))
}

/// The number that `rest` begins with, and its length.
fn number(rest: &[char]) -> Result<(f64, usize), (usize, String, &'static str)> {
    let mut length = usize::from(rest[0] == '-');
    while let Some(c) = rest.get(length) {
        let is_exponent_sign =
            matches!(c, '+' | '-') && matches!(rest[length - 1], 'e' | 'E') && length > 1;
        if !c.is_ascii_alphanumeric() && *c != '.' && *c != '_' && !is_exponent_sign {
            break;
        }
        length += 1;
    }
    let text: String = rest[..length].iter().collect();
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    match (number, rest.get(length)) {
        (Some(_), Some('%')) => {
            let help = "shares are 0 to 1: write 0.01 for 1 %";
            Err((length + 1, format!("`{text}%` is not a number"), help))
        }
        (Some(number), _) => Ok((number, length)),
        (None, _) => {
            let help = "numbers look like 120, 0.5 or 1e6, and have no unit";
            Err((length, format!("`{text}` is not a number"), help))
        }
    }
}

/// The sign that `rest` begins with, and its length.
fn symbol(rest: &[char]) -> Result<(Token, usize), (String, &'static str)> {
    let pair = (rest[0], rest.get(1).copied().unwrap_or(' '));
    Ok(match pair {
        ('&', '&') => (Token::And, 2),
        ('|', '|') => (Token::Or, 2),
        ('<', '=') => (Token::Compare(Comparison::AtMost), 2),
        ('>', '=') => (Token::Compare(Comparison::AtLeast), 2),
        ('=', '=') => (Token::Compare(Comparison::Equal), 2),
        ('!', '=') => (Token::Compare(Comparison::Unequal), 2),
        ('<', _) => (Token::Compare(Comparison::Less), 1),
        ('>', _) => (Token::Compare(Comparison::More), 1),
        ('!', _) => (Token::Not, 1),
        ('(', _) => (Token::Open, 1),
        (')', _) => (Token::Close, 1),
        ('=', _) => return Err(("`=` alone means nothing".to_owned(), "equal is written ==")),
        ('&', _) => return Err(("`&` alone means nothing".to_owned(), "and is written &&")),
        ('|', _) => return Err(("`|` alone means nothing".to_owned(), "or is written ||")),
        (other, _) => {
            let message = format!("`{}` means nothing here", other.escape_default());
            let help =
                "conditions are made of fields, numbers, < <= > >= == !=, && || ! and brackets";
            return Err((message, help));
        }
    })
}

// === impl ConditionError ===

impl fmt::Display for ConditionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Only blanks may stand before the caret; what is no letter might move it.
        let shown: String = self
            .text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        writeln!(f, "column {}: {}", self.at + 1, self.message)?;
        writeln!(f, "    {shown}")?;
        write!(
            f,
            "    {}{}",
            " ".repeat(self.at),
            "^".repeat(self.length.max(1))
        )?;
        if !self.help.is_empty() {
            write!(f, "\n    {}", self.help)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConditionError {}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
