//! Data that lies beside the checkout and not in it: traces, corpora, samples.

use std::path::{Path, PathBuf};

/// The path of `name` in `../shared` beside the checkout, or in `SPILLWAY_SHARED`.
///
/// `None` where it is not there: the reason is printed, and the test is to return. It is no part of a clone, so
/// this holds in CI too.
#[must_use]
pub fn shared(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("SPILLWAY_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"),
        PathBuf::from,
    );
    let path = folder.join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: there is no {}", path.display());
    None
}
