//! Clouds, as trusted: what only their providers need to know.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Machines of AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aws {
    /// As `us-east-1`.
    pub region: String,
    /// As `g6.xlarge`.
    pub instance_type: String,
    /// As `ami-0123456789abcdef0`.
    pub image_id: String,
    /// As `subnet-0123456789abcdef0`.
    pub subnet_id: String,
    /// Security groups; empty for the subnet's default one.
    pub security_group_ids: Vec<String>,
    /// The instance profile's name.
    pub instance_profile: String,
    /// Size of the disk; the image's if not given.
    pub volume_gb: Option<u32>,
    /// The image's root device.
    pub root_device: String,
    /// The API where it is not at its usual address.
    pub endpoint: Option<String>,
}

/// Machines of Oracle's cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Oci {
    /// As `us-phoenix-1`.
    pub region: String,
    /// As `Uocm:PHX-AD-1`.
    pub availability_domain: String,
    /// As `FAULT-DOMAIN-1`; Oracle chooses if not given.
    pub fault_domain: Option<String>,
    /// As `ocid1.compartment.oc1..…`.
    pub compartment_id: String,
    /// As `VM.GPU.A10.1`.
    pub shape: String,
    /// As `ocid1.image.oc1.…`.
    pub image_id: String,
    /// As `ocid1.subnet.oc1.…`.
    pub subnet_id: String,
    /// Network security groups.
    pub network_security_group_ids: Vec<String>,
    /// Size of the boot volume; the image's if not given.
    pub boot_volume_gb: Option<u32>,
    /// The API where it is not at its usual address.
    pub endpoint: Option<String>,
}

/// Machines of Google's cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gcp {
    /// The project's id.
    pub project: String,
    /// As `us-central1`, of the zone.
    pub region: String,
    /// As `us-central1-a`.
    pub zone: String,
    /// As `g2-standard-4`.
    pub machine_type: String,
    /// Type and number of GPUs that are added to it.
    pub gpu: Option<(String, u32)>,
    /// As `projects/P/global/images/I`.
    pub image: String,
    /// As `regions/us-central1/subnetworks/default`.
    pub subnetwork: String,
    /// Address of the machine's service account.
    pub service_account: String,
    /// Size of the disk; the image's if not given.
    pub disk_gb: Option<u32>,
    /// The API where it is not at its usual address.
    pub endpoint: Option<String>,
}

/// Machines of Microsoft's cloud.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Azure {
    /// The subscription's id.
    pub subscription: String,
    /// The resource group.
    pub resource_group: String,
    /// As `eastus`.
    pub region: String,
    /// As `1`; Azure chooses if not given.
    pub zone: Option<String>,
    /// As `Standard_NC4as_T4_v3`.
    pub vm_size: String,
    /// The id of an image, or `publisher:offer:sku:version`.
    pub image: String,
    /// As `/subscriptions/…/subnets/S`.
    pub subnet_id: String,
    /// The id of the machine's identity.
    pub identity: String,
    /// The key that Azure wants on every machine.
    pub ssh_public_key: String,
    /// Size of the disk; the image's if not given.
    pub disk_gb: Option<u32>,
    /// The API where it is not at its usual address.
    pub endpoint: Option<String>,
}

/// What a machine in a cloud needs to become a worker, beside Kafka's address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The worker's container image by digest.
    pub image: Option<String>,
    /// The worker's program on the machine, instead of an image.
    pub binary: Option<String>,
    /// The models, where the program does not bring them along: address and SHA-256.
    pub model_set: Option<(String, String)>,
    /// The secret's place, by cloud.
    pub secret_from: BTreeMap<String, String>,
}
