use std::path::Path;

use super::*;

const SUBJECTS: [Subject; 6] = [
    Subject::Credentials,
    Subject::Clock,
    Subject::Listing,
    Subject::Launching,
    Subject::Image,
    Subject::Subnet,
];

/// The text of a page's section.
fn section(page: &str, anchor: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = std::fs::read_to_string(root.join(page)).unwrap_or_else(|_| panic!("no {page}"));
    let mut found = String::new();
    let mut is_in = false;
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let heading: String = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-'))
                .collect();
            is_in = heading.replace(' ', "-") == anchor;
        } else if is_in {
            found.push_str(line);
            found.push('\n');
        }
    }
    assert!(!found.is_empty(), "{page} has no section {anchor}");
    found
}

#[test]
fn every_sentence_that_helps_stands_where_it_is_said_to_stand() {
    for cloud in ["aws", "azure", "gcp", "oci"] {
        for subject in SUBJECTS {
            let help = help::of_cloud(cloud, subject);
            let help = help.unwrap_or_else(|| panic!("{cloud}, {subject:?}: no help"));
            let section = section(help.page, help.anchor);
            assert!(section.contains(help.sentence), "{help:?}");
        }
    }
    for topic in [Topic::Kafka, Topic::Topics, Topic::Join] {
        let help = help::of_kafka(topic).unwrap();
        assert!(
            section(help.page, help.anchor).contains(help.sentence),
            "{help:?}"
        );
    }
}
