//! Every link leads somewhere, and the book has every page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::{pages, root};

struct Page {
    anchors: BTreeSet<String>,
    links: Vec<String>,
}

/// The anchor that Markdown renderers give a heading.
fn slug(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

fn read(text: &str) -> Page {
    let mut page = Page {
        anchors: BTreeSet::new(),
        links: Vec::new(),
    };
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let title = slug(&heading.take().unwrap_or_default());
                // A second heading of the same words gets a number.
                let again = (1..).map(|n| format!("{title}-{n}"));
                let mut names = std::iter::once(title.clone()).chain(again);
                page.anchors
                    .extend(names.find(|name| !page.anchors.contains(name)));
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.into_string());
            }
            _ => {}
        }
    }
    page
}

/// `path` without `..`, as far as that can be told from it alone.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[test]
fn links_lead_somewhere() {
    let read: BTreeMap<PathBuf, Page> = pages()
        .into_iter()
        .map(|(path, text)| (path, read(&text)))
        .collect();
    let mut wrong = Vec::new();
    let mut looked_at = 0;
    for (path, page) in &read {
        for link in &page.links {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            looked_at += 1;
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match file {
                "" => path.clone(),
                file => plain(&path.parent().unwrap().join(file)),
            };
            let said = format!("{}: {link}", path.display());
            if !root().join(&target).exists() {
                wrong.push(format!("{said} is not there"));
            } else if path.starts_with("docs") && !target.starts_with("docs") {
                wrong.push(format!("{said} leaves the book"));
            } else if let Some(page) = read.get(&target)
                && !anchor.is_empty()
                && !page.anchors.contains(anchor)
            {
                wrong.push(format!("{said} names no heading"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert!(looked_at > 100, "only {looked_at} links were found");
}

#[test]
fn the_book_has_every_page_once() {
    let summary = Path::new("docs/SUMMARY.md");
    let mut listed: Vec<PathBuf> = Vec::new();
    let mut there: Vec<PathBuf> = Vec::new();
    for (path, text) in pages() {
        if path == summary {
            let links = read(&text).links.into_iter();
            listed.extend(links.map(|link| Path::new("docs").join(link)));
        } else if path.starts_with("docs") {
            there.push(path);
        }
    }
    listed.sort();
    there.sort();
    assert_eq!(listed, there, "docs/SUMMARY.md against the files");
}

#[test]
fn anchors_are_those_of_renderers() {
    let page = read("# Where `it` begins\n\n## Limits\n\n## Limits\n\n[a](b.md#c)\n");
    let anchors: Vec<_> = page.anchors.iter().map(String::as_str).collect();
    assert_eq!(anchors, ["limits", "limits-1", "where-it-begins"]);
    assert_eq!(page.links, ["b.md#c"]);
}
