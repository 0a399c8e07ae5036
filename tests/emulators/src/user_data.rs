//! What a machine's user data makes it run: the environment of its worker, and whether a dead-man is armed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// Where the worker's environment is written.
const ENVIRONMENT: &str = "/etc/spillway/worker.env";
const HEADER: &str = "#cloud-config";

/// What was found in user data.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct UserData {
    /// The worker's environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Whether a file for a dead-man is written.
    pub(crate) has_dead_man: bool,
}

#[derive(Deserialize)]
struct CloudConfig {
    #[serde(default)]
    write_files: Vec<WriteFile>,
}

#[derive(Deserialize)]
struct WriteFile {
    path: String,
    #[serde(default)]
    content: String,
    #[serde(default)]
    encoding: Option<String>,
}

// === impl UserData ===

impl UserData {
    /// # Errors
    /// Says what is wrong with it: then the machine runs, and no worker does.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if !text.starts_with(HEADER) {
            return Err(format!("it does not begin with {HEADER}"));
        }
        let config: CloudConfig = serde_yaml::from_str(text)
            .map_err(|error| format!("it is no cloud-config: {error}"))?;
        let has_dead_man = config.write_files.iter().any(|file| {
            let path = file.path.replace(['-', '_'], "");
            path.contains("deadman")
        });
        let mut files = config.write_files.into_iter();
        let file = files
            .rfind(|file| file.path == ENVIRONMENT)
            .ok_or_else(|| format!("it writes no {ENVIRONMENT}"))?;
        Ok(Self {
            environment: environment(&file.text()?)?,
            has_dead_man,
        })
    }
}

// === impl WriteFile ===

impl WriteFile {
    fn text(self) -> Result<String, String> {
        match self.encoding.as_deref() {
            None | Some("text/plain") => Ok(self.content),
            Some("b64" | "base64") => {
                let compact: String = self.content.split_whitespace().collect();
                let bytes = STANDARD
                    .decode(compact)
                    .map_err(|_| format!("{} is not base64", self.path))?;
                String::from_utf8(bytes).map_err(|_| format!("{} is not text", self.path))
            }
            Some(other) => Err(format!("the encoding {other} is not known here")),
        }
    }
}

/// KEY=VALUE lines: everything after the first `=` is the value, as podman reads them.
fn environment(text: &str) -> Result<BTreeMap<String, String>, String> {
    let lines = text.lines();
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let (key, value) = line
                .split_once('=')
                .ok_or_else(|| format!("not KEY=VALUE: {line}"))?;
            Ok((key.trim().to_owned(), value.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_found() {
        let text = "#cloud-config\nwrite_files:\n  - path: /etc/spillway/worker.env\n    content: |\n      # who\n      A=1\n      B=two words\n      C=\n      D=x=y\n  - path: /etc/systemd/system/spillway-dead-man.service\n    content: x\n";
        let found = UserData::parse(text).unwrap();
        let of = |key: &str| found.environment[key].as_str();
        assert_eq!(
            [of("A"), of("B"), of("C"), of("D")],
            ["1", "two words", "", "x=y"]
        );
        assert!(found.has_dead_man);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, why) in [
            ("#!/bin/sh\n", "does not begin"),
            ("#cloud-config\nwrite_files: 3\n", "no cloud-config"),
            ("#cloud-config\nruncmd: []\n", "writes no"),
            (
                "#cloud-config\nwrite_files: [{path: /etc/spillway/worker.env, content: x}]\n",
                "not KEY=VALUE",
            ),
        ] {
            let said = UserData::parse(text).unwrap_err();
            assert!(said.contains(why), "{text:?}: {said}");
        }
    }
}
