//! The documents: what is made from code is fresh, links lead somewhere, examples can be run.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod examples;
mod help;
mod links;
mod reference;

use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Markdown file of the repository with its path from the root, in order.
fn pages() -> Vec<(PathBuf, String)> {
    /// What is fetched or built, and no document of ours.
    const NOT_OURS: [&str; 4] = ["node_modules", "target", ".git", "dist"];
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            if entry.file_type().unwrap().is_dir() {
                if !NOT_OURS.iter().any(|other| name == *other) {
                    walk(&entry.path(), into);
                }
            } else if entry.path().extension().is_some_and(|end| end == "md") {
                into.push(entry.path());
            }
        }
    }
    let root = root();
    let mut files = Vec::new();
    walk(&root, &mut files);
    files.sort();
    files
        .into_iter()
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            (file.strip_prefix(&root).unwrap().to_owned(), text)
        })
        .collect()
}
