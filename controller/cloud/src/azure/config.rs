//! What a pool on Azure is made of.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use spillway_core::Market;

use crate::rest::Net;
use crate::secret::Secret;
use crate::{LAUNCH_WAIT, UserData};

/// A pool's provider on Azure.
#[derive(Clone)]
pub struct AzureConfig {
    /// Whose machines: others in the resource group are neither shown nor touched.
    pub owner: String,
    /// What is launched.
    pub machine: AzureMachine,
    /// What it starts with.
    pub user_data: UserData,
    /// Who asks.
    pub credentials: AzureCredentials,
    /// Where it asks, if not at Microsoft's public addresses.
    pub endpoints: AzureEndpoints,
    /// How it gets there.
    pub net: Net,
    /// How long a launch waits for a refusal that comes late.
    pub launch_wait: Duration,
}

/// What makes the machine: all of it counts in its spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AzureMachine {
    /// The subscription's id.
    pub subscription: String,
    /// Machines are made and listed here. One of its own, since Azure lists by group, not by tag.
    pub resource_group: String,
    /// As in `eastus`.
    pub region: String,
    /// As in `1`; Azure chooses otherwise.
    pub zone: Option<String>,
    /// As in `Standard_NC4as_T4_v3`.
    pub size: String,
    /// What it starts from.
    pub image: AzureImage,
    /// Its disk, in GB; the image's own size otherwise.
    pub disk_gb: Option<u32>,
    /// As in `Premium_LRS`.
    pub disk_type: String,
    /// The subnet's resource id.
    pub subnet: String,
    /// The user-assigned identity that the machine acts as, a resource id: it reads its secret, and deletes the machine
    /// when its lease ends.
    pub identity: Option<String>,
    /// A public key to log in with, as `spillway`. Azure makes no machine without one or a password.
    pub ssh_public_key: String,
    /// Spot, or ours until given back.
    pub market: Market,
}

/// What a machine starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum AzureImage {
    /// An image or a version in a gallery, by resource id.
    Id(String),
    /// From the marketplace.
    Marketplace {
        /// As in `microsoft-dsvm`.
        publisher: String,
        /// As in `ubuntu-hpc`.
        offer: String,
        /// As in `2204`.
        sku: String,
        /// As in `latest`.
        version: String,
    },
}

/// Who asks.
#[derive(Debug, Clone)]
pub enum AzureCredentials {
    /// An application's secret.
    ClientSecret {
        /// The tenant's id.
        tenant: String,
        /// The application's id.
        client: String,
        /// Its secret.
        secret: Secret,
    },
    /// The pod that this runs in, by its service account's token.
    WorkloadIdentity {
        /// The tenant's id.
        tenant: String,
        /// The application's id.
        client: String,
        /// `$AZURE_FEDERATED_TOKEN_FILE`; read anew for each exchange.
        token_file: PathBuf,
    },
    /// The machine that this runs on.
    ManagedIdentity {
        /// Which of its user-assigned identities.
        client: Option<String>,
    },
}

/// Where Azure's services are, for emulators, private endpoints and sovereign clouds.
#[derive(Debug, Clone, Default)]
pub struct AzureEndpoints {
    /// Instead of `https://management.azure.com`.
    pub management: Option<String>,
    /// Instead of `https://login.microsoftonline.com`.
    pub login: Option<String>,
    /// Instead of `http://169.254.169.254`.
    pub metadata: Option<String>,
    /// What tokens are for, instead of `https://management.azure.com`.
    pub audience: Option<String>,
}

// === impl AzureConfig ===

impl AzureConfig {
    /// With Microsoft's public addresses and the usual bounds.
    #[must_use]
    pub fn new(
        owner: impl Into<String>,
        machine: AzureMachine,
        user_data: UserData,
        credentials: AzureCredentials,
    ) -> Self {
        Self {
            owner: owner.into(),
            machine,
            user_data,
            credentials,
            endpoints: AzureEndpoints::default(),
            net: Net::default(),
            launch_wait: LAUNCH_WAIT,
        }
    }

    /// Where machines are listed and calls are counted.
    #[must_use]
    pub fn account(&self) -> String {
        let AzureMachine {
            subscription,
            resource_group,
            ..
        } = &self.machine;
        let management = self.endpoints.management();
        format!("azure {management} {subscription} {resource_group}")
    }
}

// === impl AzureEndpoints ===

impl AzureEndpoints {
    pub(super) fn management(&self) -> &str {
        let own = "https://management.azure.com";
        self.management.as_deref().unwrap_or(own)
    }

    pub(super) fn login(&self) -> &str {
        let own = "https://login.microsoftonline.com";
        self.login.as_deref().unwrap_or(own)
    }

    pub(super) fn metadata(&self) -> &str {
        let own = "http://169.254.169.254";
        self.metadata.as_deref().unwrap_or(own)
    }

    pub(super) fn audience(&self) -> &str {
        let own = "https://management.azure.com";
        self.audience.as_deref().unwrap_or(own)
    }
}

impl std::fmt::Debug for AzureConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AzureConfig")
            .field("owner", &self.owner)
            .field("machine", &self.machine)
            .finish_non_exhaustive()
    }
}
