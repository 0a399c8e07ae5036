//! Logs, which go to stderr.

use std::io::IsTerminal as _;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How logs are written: one object a line, with `timestamp`, `level`, `target`, `message` and the fields beside them, or
/// text for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    // Without words of their own, which every page of help would have.
    Json,
    Text,
}

// === impl LogFormat ===

impl LogFormat {
    /// Begins to write logs: those that `RUST_LOG` lets through, or else `filter`.
    pub fn start(self, filter: &str) {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr);
        match self {
            Self::Json => builder.json().flatten_event(true).init(),
            Self::Text => builder.with_ansi(std::io::stderr().is_terminal()).init(),
        }
    }
}
