//! Tables for people.

/// Text in columns: the first are words, the others numbers, and the last may be notes.
pub(crate) struct Columns {
    words: usize,
    has_notes: bool,
    lines: Vec<Vec<String>>,
}

// === impl Columns ===

impl Columns {
    /// With these headings, of which the first `words` stand over words.
    pub(crate) fn new(words: usize, headings: &[&str]) -> Self {
        Self {
            words,
            has_notes: headings.last() == Some(&"notes"),
            lines: vec![headings.iter().map(ToString::to_string).collect()],
        }
    }

    pub(crate) fn line(&mut self, fields: Vec<String>) {
        self.lines.push(fields);
    }

    pub(crate) fn text(&self) -> String {
        let count = self.lines.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let fields = self.lines.iter().filter_map(|line| line.get(column));
            fields.map(|field| field.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..count).map(width).collect();
        let mut text = String::new();
        for line in &self.lines {
            let padded = line.iter().enumerate().map(|(column, field)| {
                let width = widths[column];
                if column < self.words || column + 1 == count && self.has_notes {
                    format!("{field:<width$}")
                } else {
                    format!("{field:>width$}")
                }
            });
            let padded: Vec<String> = padded.collect();
            text.push_str(padded.join("  ").trim_end());
            text.push('\n');
        }
        text
    }
}

/// `$8.50`.
pub(crate) fn dollars(amount: f64) -> String {
    format!("${amount:.2}")
}
