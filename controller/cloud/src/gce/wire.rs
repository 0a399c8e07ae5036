//! Google's bodies, as far as they are used. 64-bit numbers are strings.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use spillway_core::Market;

use super::config::GceMachine;
use crate::InstanceState;

/// The longest value of a metadata key.
pub(super) const USER_DATA_BYTES_MAX: usize = 262_144;

/// The body of an insert.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Insert<'a> {
    name: &'a str,
    machine_type: String,
    labels: &'a BTreeMap<String, String>,
    disks: [Disk<'a>; 1],
    network_interfaces: [Nic<'a>; 1],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    guest_accelerators: Vec<Accelerator>,
    scheduling: Scheduling,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    service_accounts: Vec<ServiceAccount<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<NetworkTags<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Disk<'a> {
    boot: bool,
    auto_delete: bool,
    initialize_params: DiskParams<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DiskParams<'a> {
    source_image: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_size_gb: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_type: Option<String>,
    labels: &'a BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Nic<'a> {
    subnetwork: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    access_configs: Vec<AccessConfig>,
}

#[derive(Debug, Serialize)]
struct AccessConfig {
    r#type: &'static str,
    name: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Accelerator {
    accelerator_type: String,
    accelerator_count: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Scheduling {
    provisioning_model: &'static str,
    instance_termination_action: &'static str,
    on_host_maintenance: &'static str,
    automatic_restart: bool,
    max_run_duration: Seconds,
}

#[derive(Debug, Serialize)]
struct Seconds {
    seconds: String,
}

#[derive(Debug, Serialize)]
struct Metadata<'a> {
    items: [Item<'a>; 1],
}

#[derive(Debug, Serialize)]
struct Item<'a> {
    key: &'static str,
    value: &'a str,
}

#[derive(Debug, Serialize)]
struct ServiceAccount<'a> {
    email: &'a str,
    scopes: [&'static str; 1],
}

#[derive(Debug, Serialize)]
struct NetworkTags<'a> {
    items: &'a [String],
}

/// An operation.
#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    pub(super) name: String,
    pub(super) status: String,
    #[serde(default)]
    pub(super) error: Option<OperationErrors>,
}

/// Why an operation failed.
#[derive(Debug, Deserialize)]
pub(super) struct OperationErrors {
    #[serde(default)]
    pub(super) errors: Vec<OperationError>,
}

/// One reason.
#[derive(Debug, Deserialize)]
pub(super) struct OperationError {
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

/// An instance, as it is shown.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) zone: String,
    pub(super) status: String,
    pub(super) creation_timestamp: Timestamp,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
}

/// A page of all zones' instances.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    #[serde(default)]
    pub(super) items: BTreeMap<String, InZone>,
    #[serde(default)]
    pub(super) next_page_token: Option<String>,
    #[serde(default)]
    pub(super) unreachables: Vec<String>,
    #[serde(default)]
    pub(super) warning: Option<Warning>,
}

/// The instances of a zone.
#[derive(Debug, Deserialize)]
pub(super) struct InZone {
    #[serde(default)]
    pub(super) instances: Vec<Seen>,
    #[serde(default)]
    pub(super) warning: Option<Warning>,
}

/// What is to be said of a page.
#[derive(Debug, Deserialize)]
pub(super) struct Warning {
    pub(super) code: String,
}

// === impl Insert ===

impl<'a> Insert<'a> {
    pub(super) fn new(
        machine: &'a GceMachine,
        name: &'a str,
        labels: &'a BTreeMap<String, String>,
        user_data: &'a str,
    ) -> Self {
        let in_zone = |kind: &str, name: &str| format!("zones/{}/{kind}/{name}", machine.zone);
        let accelerators = machine.accelerator.iter().map(|accelerator| Accelerator {
            accelerator_type: in_zone("acceleratorTypes", &accelerator.kind),
            accelerator_count: accelerator.count,
        });
        let account = machine.service_account.iter().map(|email| ServiceAccount {
            email,
            scopes: ["https://www.googleapis.com/auth/cloud-platform"],
        });
        let disk_type = machine.disk_type.as_deref();
        let has_tags = !machine.network_tags.is_empty();
        let public_ip = machine.public_ip.then_some(AccessConfig {
            r#type: "ONE_TO_ONE_NAT",
            name: "External NAT",
        });
        Self {
            name,
            machine_type: in_zone("machineTypes", &machine.machine_type),
            labels,
            disks: [Disk {
                boot: true,
                auto_delete: true,
                initialize_params: DiskParams {
                    source_image: &machine.image,
                    disk_size_gb: machine.disk_gb.map(|gb| gb.to_string()),
                    disk_type: disk_type.map(|disk_type| in_zone("diskTypes", disk_type)),
                    labels,
                },
            }],
            network_interfaces: [Nic {
                subnetwork: &machine.subnetwork,
                access_configs: public_ip.into_iter().collect(),
            }],
            guest_accelerators: accelerators.collect(),
            scheduling: Scheduling {
                provisioning_model: match machine.market {
                    Market::Spot => "SPOT",
                    Market::OnDemand => "STANDARD",
                },
                instance_termination_action: "DELETE",
                // Machines with GPUs cannot move.
                on_host_maintenance: "TERMINATE",
                automatic_restart: false,
                max_run_duration: Seconds {
                    seconds: machine.run_seconds_max.to_string(),
                },
            },
            metadata: Metadata {
                items: [Item {
                    key: "user-data",
                    value: user_data,
                }],
            },
            service_accounts: account.collect(),
            tags: has_tags.then_some(NetworkTags {
                items: &machine.network_tags,
            }),
        }
    }
}

// === impl Seen ===

impl Seen {
    /// `TERMINATED` is Google's word for stopped: its disk goes on costing, so it is one that must be ended.
    pub(super) fn state(&self) -> InstanceState {
        match self.status.as_str() {
            "RUNNING" => InstanceState::Running,
            "STOPPING" | "DEPROVISIONING" | "PENDING_STOP" => InstanceState::Terminating,
            _ => InstanceState::Booting,
        }
    }

    /// `zone/name`: names are unique in a zone alone.
    pub(super) fn id(&self) -> String {
        let zone = self.zone.rsplit('/').next().unwrap_or_default();
        format!("{zone}/{}", self.name)
    }
}
