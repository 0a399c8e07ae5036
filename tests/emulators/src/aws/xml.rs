//! XML as EC2 writes it: elements, text, no mixed content.

use std::fmt::Write as _;

/// An element.
#[derive(Debug, Clone)]
pub(super) struct Node {
    name: String,
    attribute: Option<(String, String)>,
    inside: Inside,
}

/// What an element holds.
#[derive(Debug, Clone)]
pub(super) enum Inside {
    Text(String),
    Nodes(Vec<Node>),
}

/// An element with text or elements in it.
pub(super) fn node(name: &str, inside: impl Into<Inside>) -> Node {
    Node {
        name: name.to_owned(),
        attribute: None,
        inside: inside.into(),
    }
}

// === impl Inside ===

impl From<&str> for Inside {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Inside {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<String> for Inside {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Vec<Node>> for Inside {
    fn from(nodes: Vec<Node>) -> Self {
        Self::Nodes(nodes)
    }
}

impl<const N: usize> From<[Node; N]> for Inside {
    fn from(nodes: [Node; N]) -> Self {
        Self::Nodes(nodes.into())
    }
}

// === impl Node ===

impl Node {
    pub(super) fn attribute(mut self, name: &str, value: &str) -> Self {
        self.attribute = Some((name.to_owned(), value.to_owned()));
        self
    }

    /// The whole document.
    pub(super) fn document(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        let name = &self.name;
        out.push('<');
        out.push_str(name);
        if let Some((attribute, value)) = &self.attribute {
            let _ = write!(out, " {attribute}=\"{}\"", escape(value));
        }
        out.push('>');
        match &self.inside {
            Inside::Text(text) => out.push_str(&escape(text)),
            Inside::Nodes(nodes) => nodes.iter().for_each(|node| node.write(out)),
        }
        let _ = write!(out, "</{name}>");
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_markup_is_escaped() {
        let made = node("a", [node("b", "1 < 2 & \"3\"")]).attribute("x", "\"");
        assert_eq!(
            made.document(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a x=\"&quot;\"><b>1 &lt; 2 &amp; &quot;3&quot;</b></a>"
        );
    }
}
