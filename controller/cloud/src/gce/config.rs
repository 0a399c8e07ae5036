//! What a pool on Google Compute Engine is made of.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use spillway_core::Market;

use crate::rest::Net;
use crate::secret::Secret;
use crate::{LAUNCH_WAIT, UserData};

/// A pool's provider on GCE.
#[derive(Clone)]
pub struct GceConfig {
    /// Whose machines: others in the project are neither shown nor touched.
    pub owner: String,
    /// What is launched.
    pub machine: GceMachine,
    /// What it starts with.
    pub user_data: UserData,
    /// Who asks.
    pub credentials: GceCredentials,
    /// Where it asks, if not at Google's own addresses.
    pub endpoints: GceEndpoints,
    /// How it gets there.
    pub net: Net,
    /// How long a launch waits for a refusal that comes late.
    pub launch_wait: Duration,
}

/// What makes the machine: all of it counts in its spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GceMachine {
    /// The project's id.
    pub project: String,
    /// As in `us-central1-a`.
    pub zone: String,
    /// As in `g2-standard-4`.
    pub machine_type: String,
    /// GPUs beside the machine type, for N1 alone: others include theirs.
    pub accelerator: Option<GceAccelerator>,
    /// As in `projects/debian-cloud/global/images/family/debian-12`.
    pub image: String,
    /// Its disk, in GB; the image's own size otherwise.
    pub disk_gb: Option<u32>,
    /// As in `pd-balanced`; Google chooses otherwise.
    pub disk_type: Option<String>,
    /// As in `regions/us-central1/subnetworks/burst`.
    pub subnetwork: String,
    /// Whether it gets an address that the Internet reaches.
    pub public_ip: bool,
    /// Network tags, for firewall rules.
    pub network_tags: Vec<String>,
    /// The account that the machine acts as: it reads its secret, and deletes the machine when its lease ends.
    pub service_account: Option<String>,
    /// Spot, or ours until given back.
    pub market: Market,
    /// The longest that any machine lives: Google deletes it then, whoever is or is not there to do so.
    pub run_seconds_max: u64,
}

/// GPUs that are attached to a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GceAccelerator {
    /// As in `nvidia-tesla-t4`.
    pub kind: String,
    /// How many.
    pub count: u32,
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum GceCredentials {
    /// A service account's key, the JSON that the console gives.
    ServiceAccountKey(Secret),
    /// The machine or the pod that this runs on, by its metadata service.
    Metadata,
    /// Workload identity federation: the JSON of type `external_account` whose token is in a file.
    WorkloadIdentity {
        /// That JSON's path.
        config_file: PathBuf,
    },
}

/// Where Google's services are, for emulators and private endpoints.
#[derive(Debug, Clone, Default)]
pub struct GceEndpoints {
    /// Instead of `https://compute.googleapis.com/compute/v1`.
    pub compute: Option<String>,
    /// Instead of the token address in the key or the configuration.
    pub token: Option<String>,
    /// Instead of `http://metadata.google.internal`.
    pub metadata: Option<String>,
}

// === impl GceConfig ===

impl GceConfig {
    /// With Google's own addresses and the usual bounds.
    #[must_use]
    pub fn new(
        owner: impl Into<String>,
        machine: GceMachine,
        user_data: UserData,
        credentials: GceCredentials,
    ) -> Self {
        Self {
            owner: owner.into(),
            machine,
            user_data,
            credentials,
            endpoints: GceEndpoints::default(),
            net: Net::default(),
            launch_wait: LAUNCH_WAIT,
        }
    }

    /// Where machines are listed and calls are counted.
    #[must_use]
    pub fn account(&self) -> String {
        format!("gcp {} {}", self.compute(), self.machine.project)
    }

    pub(super) fn compute(&self) -> &str {
        let own = "https://compute.googleapis.com/compute/v1";
        self.endpoints.compute.as_deref().unwrap_or(own)
    }

    pub(super) fn metadata(&self) -> &str {
        let own = "http://metadata.google.internal";
        self.endpoints.metadata.as_deref().unwrap_or(own)
    }
}

impl std::fmt::Debug for GceConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GceConfig")
            .field("owner", &self.owner)
            .field("machine", &self.machine)
            .finish_non_exhaustive()
    }
}
