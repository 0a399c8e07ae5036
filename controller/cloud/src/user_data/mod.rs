//! What a bought machine runs, as plain `#cloud-config` text.
//!
//! ```text
//!  Boot ────────┐
//!  LaunchRequest ┴─▶ render ─▶ /etc/spillway: worker.env · cloud.sh · deadman.sh · secret.sh · models.sh · worker.sh
//!                              spillway-deadman.service (first) ─▶ spillway-worker.service
//! ```
//!
//! Equal input gives equal text: a launch that is repeated must be the same request.
//! Deliberately absent: secrets (the machine fetches them by its own identity), and programs of ours: the dead-man has
//! to work when the worker's image cannot be had.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::{LaunchRequest, UserData};

#[cfg(test)]
mod tests;

/// Where everything lies on the machine.
const FOLDER: &str = "/etc/spillway";
/// The file that the worker touches at each renewal of its lease. `/run` is memory.
const LEASE_FILE: &str = "/run/spillway/lease";
/// The secret's place, apart from the lease's: that folder is open to the worker's user.
const SECRET_FILE: &str = "/run/spillway-secret/secret.env";
/// On the machine's own disk, so that it outlives the worker's container.
const ATTEMPTS_FILE: &str = "/var/lib/spillway/state/attempts";
/// Where a model set is unpacked.
const MODEL_SET: &str = "/var/lib/spillway/models";

/// What AWS takes as user data, before it is put into base64: the smallest of the four limits.
pub const BYTES_MAX: usize = 16 * 1024;

/// Which cloud a machine is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cloud {
    /// Amazon.
    Aws,
    /// Google.
    Gcp,
    /// Microsoft.
    Azure,
    /// Oracle.
    Oci,
}

/// What the machines of a pool need to become workers, beside what stands in each request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// Where it is.
    pub cloud: Cloud,
    /// The cloud's region.
    pub region: String,
    /// The cloud's API where it is not at its usual address: a private endpoint, or an emulator.
    pub api: Option<String>,
    /// The worker.
    pub program: Program,
    /// The models, where they are not in the program's image or named in the request's environment.
    pub model_set: Option<ModelSet>,
    /// The secret's place in the cloud's own store: an AWS secret's name or ARN, an OCI secret's OCID,
    /// `projects/P/secrets/S/versions/V`, `https://VAULT.vault.azure.net/secrets/S`. It holds KEY=VALUE lines.
    pub secret: Option<String>,
    /// How long the machine may take until its first renewal.
    pub first_lease: Duration,
}

/// The worker's program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Program {
    /// A container image by digest, for podman or docker.
    Image(String),
    /// A program that is on the machine.
    Binary(String),
}

/// A model set by its place and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelSet {
    /// An archive that tar understands; or, with `file://`, the folder of a set that is on the machine already.
    pub uri: String,
    /// SHA-256 of the archive, or of that folder's `modelset.yaml`; hexadecimal.
    pub sha256: String,
}

#[derive(Serialize)]
struct CloudConfig {
    write_files: Vec<WriteFile>,
    runcmd: Vec<Vec<&'static str>>,
}

#[derive(Serialize)]
struct WriteFile {
    path: String,
    permissions: &'static str,
    content: String,
}

// === impl Cloud ===

impl Cloud {
    /// Its name in policies, places and on its machines.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
            Self::Oci => "oci",
        }
    }

    /// How its machines ask for what only their cloud knows, and how they end their billing.
    fn functions(self) -> &'static str {
        match self {
            Self::Aws => include_str!("scripts/aws.sh"),
            Self::Gcp => include_str!("scripts/gcp.sh"),
            Self::Azure => include_str!("scripts/azure.sh"),
            Self::Oci => include_str!("scripts/oci.sh"),
        }
    }
}

// === impl Boot ===

impl Boot {
    /// How adapters ask for it.
    #[must_use]
    pub fn user_data(self) -> UserData {
        Arc::new(move |request| self.render(request))
    }

    /// The text for one machine.
    #[must_use]
    pub fn render(&self, request: &LaunchRequest) -> String {
        let script = |name: &str, content: String| WriteFile {
            path: format!("{FOLDER}/{name}"),
            permissions: "0755",
            content,
        };
        let unit = |name: &str, content: String| WriteFile {
            path: format!("/etc/systemd/system/{name}.service"),
            permissions: "0644",
            content,
        };
        let cloud = [include_str!("scripts/common.sh"), self.cloud.functions()].concat();
        let config = CloudConfig {
            write_files: vec![
                WriteFile {
                    path: format!("{FOLDER}/worker.env"),
                    permissions: "0644",
                    content: lines(&self.environment(request)),
                },
                script("cloud.sh", cloud),
                script("deadman.sh", include_str!("scripts/deadman.sh").to_owned()),
                unit("spillway-deadman", DEADMAN_UNIT.to_owned()),
                script("secret.sh", include_str!("scripts/secret.sh").to_owned()),
                script("models.sh", include_str!("scripts/models.sh").to_owned()),
                script("worker.sh", include_str!("scripts/worker.sh").to_owned()),
                unit("spillway-worker", worker_unit(&arguments(request))),
            ],
            runcmd: START.iter().map(|words| words.to_vec()).collect(),
        };
        let yaml = serde_yaml::to_string(&config).expect("texts and lists are always YAML");
        format!("#cloud-config\n{yaml}")
    }

    /// What stands in `worker.env`.
    fn environment(&self, request: &LaunchRequest) -> BTreeMap<String, String> {
        let mut all = request.worker.environment.clone();
        let mut set = |name: &str, value: &str| all.insert(name.to_owned(), value.to_owned());
        set("SPILLWAY_CLOUD", self.cloud.as_str());
        set("SPILLWAY_REGION", &self.region);
        set("SPILLWAY_OWNER", &request.owner);
        set("SPILLWAY_POLICY", &request.policy);
        set("SPILLWAY_POOL", &request.pool);
        set("SPILLWAY_INTENT", &request.intent);
        set("SPILLWAY_ATTEMPT", &request.attempt.to_string());
        set("SPILLWAY_LEASE_FILE", LEASE_FILE);
        set("SPILLWAY_ATTEMPTS_FILE", ATTEMPTS_FILE);
        set("SPILLWAY_LEASE_SECONDS", &seconds(request.lease));
        set("SPILLWAY_FIRST_LEASE_SECONDS", &seconds(self.first_lease));
        set("SPILLWAY_SECRET_FILE", SECRET_FILE);
        match &self.program {
            Program::Image(image) => set("SPILLWAY_IMAGE", image),
            Program::Binary(path) => set("SPILLWAY_PROGRAM", path),
        };
        if let Some(api) = &self.api {
            set("SPILLWAY_CLOUD_API", api.trim_end_matches('/'));
        }
        if let Some(secret) = &self.secret {
            set("SPILLWAY_SECRET", secret);
        }
        if let Some(models) = &self.model_set {
            let here = models.uri.strip_prefix("file://").unwrap_or(MODEL_SET);
            set("SPILLWAY_MODEL_SET", here);
            set("SPILLWAY_MODEL_SET_URI", &models.uri);
            set("SPILLWAY_MODEL_SET_SHA256", &models.sha256);
        }
        all
    }
}

/// Arguments of the worker: those of the request's command, whose program is the controller's own.
fn arguments(request: &LaunchRequest) -> String {
    let arguments = request.worker.command.iter().skip(1);
    arguments.fold(String::new(), |mut text, argument| {
        // `%` and `$` are systemd's own.
        let argument = argument.replace('%', "%%").replace('$', "$$");
        let argument = argument.replace('\\', "\\\\").replace('"', "\\\"");
        write!(text, " \"{argument}\"").expect("a string takes everything");
        text
    })
}

/// Lines as the scripts and podman read them: everything after the first `=` is the value.
fn lines(environment: &BTreeMap<String, String>) -> String {
    environment
        .iter()
        .fold(String::new(), |mut text, (name, value)| {
            // A line is all that there can be; policies with more are refused before.
            let value = value.replace(['\n', '\r'], " ");
            writeln!(text, "{name}={value}").expect("a string takes everything");
            text
        })
}

/// Whole seconds, none of them given away.
fn seconds(span: Duration) -> String {
    (span.as_secs() + u64::from(span.subsec_nanos() > 0)).to_string()
}

/// First the dead-man: nothing that comes after it can keep the machine alive.
const START: [&[&str]; 4] = [
    &["systemctl", "daemon-reload"],
    &["systemctl", "start", "spillway-deadman.service"],
    &[
        "systemctl",
        "enable",
        "spillway-deadman.service",
        "spillway-worker.service",
    ],
    &[
        "systemctl",
        "start",
        "--no-block",
        "spillway-worker.service",
    ],
];

const DEADMAN_UNIT: &str = "[Unit]
Description=Ends this machine's billing when its lease is not renewed
Before=spillway-worker.service

[Service]
ExecStart=/bin/bash /etc/spillway/deadman.sh
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
";

fn worker_unit(arguments: &str) -> String {
    // Tried again for as long as the lease lasts: an image or a secret may come to be.
    format!(
        "[Unit]
Description=Recognizes images
Requires=spillway-deadman.service
Wants=network-online.target
After=spillway-deadman.service network-online.target
StartLimitIntervalSec=0

[Service]
ExecStartPre=/bin/bash /etc/spillway/secret.sh
ExecStartPre=/bin/bash /etc/spillway/models.sh
ExecStart=/bin/bash /etc/spillway/worker.sh{arguments}
Restart=on-failure
RestartSec=5
TimeoutStartSec=infinity
TimeoutStopSec=40

[Install]
WantedBy=multi-user.target
"
    )
}
