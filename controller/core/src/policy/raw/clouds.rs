//! Clouds, as they are written in a policy: each in its own cloud's words.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Machines of AWS.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AwsChoice {
    /// As `us-east-1`.
    pub region: Option<String>,
    /// The subnet's zone, as `us-east-1a`, so that pools in one zone share what is refused there.
    pub zone: Option<String>,
    /// As `g6.xlarge`; with an NVIDIA GPU.
    pub instance_type: Option<String>,
    /// As `ami-0123456789abcdef0`: with cloud-init, NVIDIA's driver, and podman or docker with NVIDIA's toolkit.
    pub image_id: Option<String>,
    /// As `subnet-0123456789abcdef0`.
    pub subnet_id: Option<String>,
    /// As `sg-0123456789abcdef0`; the subnet's default group if not given.
    pub security_group_ids: Option<Vec<String>>,
    /// The instance profile's name: lets the machine read its secret and its models.
    pub instance_profile: Option<String>,
    /// Size of the disk; the image's if not given.
    #[serde(rename = "volumeGB")]
    pub volume_gb: Option<u32>,
    /// The image's root device, for `volumeGB`; `/dev/sda1` if not given.
    pub root_device: Option<String>,
    /// The API where it is not at its usual address, as `https://vpce-….ec2.us-east-1.vpce.amazonaws.com`.
    pub endpoint: Option<String>,
}

/// Machines of Oracle's cloud.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct OciChoice {
    /// As `us-phoenix-1`.
    pub region: Option<String>,
    /// As `Uocm:PHX-AD-1`.
    pub availability_domain: Option<String>,
    /// As `FAULT-DOMAIN-1`; Oracle chooses if not given.
    pub fault_domain: Option<String>,
    /// As `ocid1.compartment.oc1..…`; one for each controller, since Oracle's lists know no tags.
    pub compartment_id: Option<String>,
    /// As `VM.GPU.A10.1`; with an NVIDIA GPU.
    pub shape: Option<String>,
    /// As `ocid1.image.oc1.…`.
    pub image_id: Option<String>,
    /// As `ocid1.subnet.oc1.…`.
    pub subnet_id: Option<String>,
    /// Network security groups.
    pub network_security_group_ids: Option<Vec<String>>,
    /// Size of the boot volume; the image's if not given.
    #[serde(rename = "bootVolumeGB")]
    pub boot_volume_gb: Option<u32>,
    /// The API where it is not at its usual address.
    pub endpoint: Option<String>,
}

/// Machines of Google's cloud.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GcpChoice {
    /// The project's id.
    pub project: Option<String>,
    /// As `us-central1-a`.
    pub zone: Option<String>,
    /// As `g2-standard-4`; with an NVIDIA GPU, its own or by `gpu`.
    pub machine_type: Option<String>,
    /// The GPUs of an N1 machine.
    pub gpu: Option<GpuChoice>,
    /// As `projects/P/global/images/I`, or `projects/P/global/images/family/F`.
    pub image: Option<String>,
    /// As `regions/us-central1/subnetworks/default`.
    pub subnetwork: Option<String>,
    /// Address of the machine's service account: lets it read its secret and its models, and delete itself.
    pub service_account: Option<String>,
    /// Size of the disk; the image's if not given.
    #[serde(rename = "diskGB")]
    pub disk_gb: Option<u32>,
    /// The API where it is not at its usual address.
    pub endpoint: Option<String>,
}

/// GPUs that are added to a machine.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GpuChoice {
    /// As `nvidia-tesla-t4`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// How many; 1 if not given.
    pub count: Option<u32>,
}

/// Machines of Microsoft's cloud.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct AzureChoice {
    /// The subscription's id.
    pub subscription: Option<String>,
    /// The resource group; one for each controller, since Azure's lists know no tags.
    pub resource_group: Option<String>,
    /// As `eastus`.
    pub region: Option<String>,
    /// As `1`; Azure chooses if not given.
    pub zone: Option<String>,
    /// As `Standard_NC4as_T4_v3`; with an NVIDIA GPU.
    pub vm_size: Option<String>,
    /// The id of an image, as `/subscriptions/…/images/I`, or `publisher:offer:sku:version`.
    pub image: Option<String>,
    /// As `/subscriptions/…/subnets/S`.
    pub subnet_id: Option<String>,
    /// The id of the machine's identity: lets it read its secret and its models, and delete itself.
    pub identity: Option<String>,
    /// The key that Azure wants on every machine; nothing needs to be able to log in with it.
    pub ssh_public_key: Option<String>,
    /// Size of the disk; the image's if not given.
    #[serde(rename = "diskGB")]
    pub disk_gb: Option<u32>,
    /// The API where it is not at its usual address.
    pub endpoint: Option<String>,
}

/// A model set by its place and digest.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ModelSetChoice {
    /// A tar archive: `https://`, `s3://` on AWS, `gs://` on Google; or `file://`, a folder that is on the machine.
    pub uri: Option<String>,
    /// SHA-256 of the archive, or of that folder's `modelset.yaml`.
    pub sha256: Option<String>,
}

/// Where the worker's secret is, in each cloud's own store: KEY=VALUE lines for its environment.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SecretFrom {
    /// Name or ARN in Secrets Manager.
    pub aws: Option<String>,
    /// As `https://VAULT.vault.azure.net/secrets/NAME`.
    pub azure: Option<String>,
    /// As `projects/P/secrets/NAME/versions/latest`.
    pub gcp: Option<String>,
    /// As `ocid1.vaultsecret.oc1.…`.
    pub oci: Option<String>,
}
