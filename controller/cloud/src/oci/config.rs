//! What a pool on OCI is made of.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use spillway_core::Market;

use crate::rest::Net;
use crate::secret::Secret;
use crate::{LAUNCH_WAIT, UserData};

/// A pool's provider on OCI.
#[derive(Clone)]
pub struct OciConfig {
    /// Whose machines: others in the compartment are neither shown nor touched.
    pub owner: String,
    /// What is launched.
    pub machine: OciMachine,
    /// What it starts with.
    pub user_data: UserData,
    /// Who asks.
    pub credentials: OciCredentials,
    /// Where it asks, if not at Oracle's own addresses.
    pub endpoints: OciEndpoints,
    /// How it gets there.
    pub net: Net,
    /// How long a launch waits for a refusal that comes late.
    pub launch_wait: Duration,
}

/// What makes the machine: all of it counts in its spec.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OciMachine {
    /// As in `us-ashburn-1`.
    pub region: String,
    /// Where instances are made and listed.
    pub compartment: String,
    /// As in `Uocm:US-ASHBURN-AD-1`.
    pub availability_domain: String,
    /// As in `FAULT-DOMAIN-1`; OCI chooses otherwise.
    pub fault_domain: Option<String>,
    /// As in `VM.GPU.A10.1`.
    pub shape: String,
    /// The size, for flexible shapes alone.
    pub flex: Option<OciFlex>,
    /// The image's OCID.
    pub image: String,
    /// The subnet's OCID.
    pub subnet: String,
    /// OCIDs of network security groups.
    pub security_groups: Vec<String>,
    /// Whether it gets an address that the Internet reaches.
    pub public_ip: bool,
    /// Its disk, in GB; the image's own size otherwise.
    pub boot_volume_gb: Option<u32>,
    /// Spot is OCI's preemptible.
    pub market: Market,
    /// A capacity reservation's OCID; not for spot.
    pub capacity_reservation: Option<String>,
    /// A public key to log in with.
    pub ssh_public_key: Option<String>,
    /// Tags by namespace, as a tenancy may demand them.
    pub defined_tags: BTreeMap<String, BTreeMap<String, String>>,
}

/// The size of a flexible shape.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OciFlex {
    /// Cores.
    pub ocpus: f64,
    /// Memory.
    pub memory_gb: f64,
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum OciCredentials {
    /// A user's API signing key.
    ApiKey {
        /// The tenancy's OCID.
        tenancy: String,
        /// The user's OCID.
        user: String,
        /// The key's fingerprint, as the console shows it.
        fingerprint: String,
        /// The private key in PEM, without passphrase.
        private_key: Secret,
    },
    /// The instance that this runs on, by a dynamic group.
    InstancePrincipal,
    /// The pod that this runs in, on an enhanced OKE cluster.
    WorkloadIdentity {
        /// The service account's token; read anew for each exchange.
        token_file: PathBuf,
        /// The cluster's certificate authority.
        ca_file: PathBuf,
    },
}

/// Where OCI's services are, for emulators and private endpoints.
#[derive(Debug, Clone, Default)]
pub struct OciEndpoints {
    /// Instead of `oraclecloud.com`, in other realms.
    pub domain: Option<String>,
    /// Instead of `https://iaas.{region}.{domain}`.
    pub compute: Option<String>,
    /// Instead of `https://auth.{region}.{domain}`.
    pub auth: Option<String>,
    /// Instead of `http://169.254.169.254/opc/v2`.
    pub metadata: Option<String>,
    /// Instead of `https://$KUBERNETES_SERVICE_HOST:12250`.
    pub workload: Option<String>,
}

// === impl OciConfig ===

impl OciConfig {
    /// With Oracle's own addresses and the usual bounds.
    #[must_use]
    pub fn new(
        owner: impl Into<String>,
        machine: OciMachine,
        user_data: UserData,
        credentials: OciCredentials,
    ) -> Self {
        Self {
            owner: owner.into(),
            machine,
            user_data,
            credentials,
            endpoints: OciEndpoints::default(),
            net: Net::default(),
            launch_wait: LAUNCH_WAIT,
        }
    }

    /// Where machines are listed and calls are counted.
    #[must_use]
    pub fn account(&self) -> String {
        format!("oci {} {}", self.compute(), self.machine.compartment)
    }

    fn domain(&self) -> &str {
        self.endpoints
            .domain
            .as_deref()
            .unwrap_or("oraclecloud.com")
    }

    pub(super) fn compute(&self) -> String {
        let own = || format!("https://iaas.{}.{}", self.machine.region, self.domain());
        self.endpoints.compute.clone().unwrap_or_else(own)
    }

    pub(super) fn auth(&self) -> String {
        let own = || format!("https://auth.{}.{}", self.machine.region, self.domain());
        self.endpoints.auth.clone().unwrap_or_else(own)
    }

    pub(super) fn metadata(&self) -> String {
        let own = || "http://169.254.169.254/opc/v2".to_owned();
        self.endpoints.metadata.clone().unwrap_or_else(own)
    }

    /// `None` outside a cluster.
    pub(super) fn workload(&self) -> Option<String> {
        self.endpoints.workload.clone().or_else(|| {
            let host = std::env::var("KUBERNETES_SERVICE_HOST").ok()?;
            Some(format!("https://{host}:12250"))
        })
    }
}

impl std::fmt::Debug for OciConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OciConfig")
            .field("owner", &self.owner)
            .field("machine", &self.machine)
            .finish_non_exhaustive()
    }
}
