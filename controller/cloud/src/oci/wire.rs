//! OCI's bodies, as far as they are used. Unset fields are left out, never null.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use spillway_core::Market;

use super::config::OciMachine;
use crate::InstanceState;

/// The longest metadata, user data included, as they stand in the body.
pub(super) const METADATA_BYTES_MAX: usize = 32_000;

/// The body of LaunchInstance.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Launch<'a> {
    availability_domain: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity_reservation_id: Option<&'a str>,
    compartment_id: &'a str,
    create_vnic_details: Vnic<'a>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    defined_tags: &'a BTreeMap<String, BTreeMap<String, String>>,
    display_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault_domain: Option<&'a str>,
    freeform_tags: &'a BTreeMap<String, String>,
    instance_options: InstanceOptions,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    preemptible_instance_config: Option<Preemptible>,
    shape: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    shape_config: Option<ShapeConfig>,
    source_details: Source<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Vnic<'a> {
    assign_public_ip: bool,
    freeform_tags: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    nsg_ids: &'a [String],
    subnet_id: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct InstanceOptions {
    are_legacy_imds_endpoints_disabled: bool,
}

#[derive(Debug, Serialize)]
struct Metadata<'a> {
    user_data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssh_authorized_keys: Option<&'a str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Preemptible {
    preemption_action: PreemptionAction,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PreemptionAction {
    r#type: &'static str,
    preserve_boot_volume: bool,
}

#[derive(Debug, Serialize)]
struct ShapeConfig {
    ocpus: f64,
    #[serde(rename = "memoryInGBs")]
    memory_gb: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Source<'a> {
    source_type: &'static str,
    image_id: &'a str,
    #[serde(
        rename = "bootVolumeSizeInGBs",
        skip_serializing_if = "Option::is_none"
    )]
    boot_volume_gb: Option<u32>,
}

/// An instance, as it is shown.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Seen {
    pub(super) id: String,
    pub(super) lifecycle_state: String,
    pub(super) time_created: Timestamp,
    #[serde(default)]
    pub(super) freeform_tags: Option<BTreeMap<String, String>>,
}

/// A work request.
#[derive(Debug, Deserialize)]
pub(super) struct Work {
    pub(super) status: String,
}

/// An error of a work request.
#[derive(Debug, Deserialize)]
pub(super) struct WorkError {
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

// === impl Launch ===

impl<'a> Launch<'a> {
    pub(super) fn new(
        machine: &'a OciMachine,
        name: &'a str,
        tags: &'a BTreeMap<String, String>,
        user_data: &str,
    ) -> Self {
        let is_spot = machine.market == Market::Spot;
        Self {
            availability_domain: &machine.availability_domain,
            capacity_reservation_id: machine.capacity_reservation.as_deref(),
            compartment_id: &machine.compartment,
            create_vnic_details: Vnic {
                assign_public_ip: machine.public_ip,
                freeform_tags: tags,
                nsg_ids: &machine.security_groups,
                subnet_id: &machine.subnet,
            },
            defined_tags: &machine.defined_tags,
            display_name: name,
            fault_domain: machine.fault_domain.as_deref(),
            freeform_tags: tags,
            instance_options: InstanceOptions {
                are_legacy_imds_endpoints_disabled: true,
            },
            metadata: Metadata {
                user_data: STANDARD.encode(user_data),
                ssh_authorized_keys: machine.ssh_public_key.as_deref(),
            },
            preemptible_instance_config: is_spot.then_some(Preemptible {
                preemption_action: PreemptionAction {
                    r#type: "TERMINATE",
                    preserve_boot_volume: false,
                },
            }),
            shape: &machine.shape,
            shape_config: machine.flex.map(|flex| ShapeConfig {
                ocpus: flex.ocpus,
                memory_gb: flex.memory_gb,
            }),
            source_details: Source {
                source_type: "image",
                image_id: &machine.image,
                boot_volume_gb: machine.boot_volume_gb,
            },
        }
    }

    pub(super) fn metadata_bytes(&self) -> usize {
        serde_json::to_vec(&self.metadata).map_or(usize::MAX, |json| json.len())
    }
}

// === impl Seen ===

impl Seen {
    /// A stopped one goes on costing: it is shown as one that cannot work yet, so that it is ended.
    pub(super) fn state(&self) -> InstanceState {
        match self.lifecycle_state.as_str() {
            "RUNNING" => InstanceState::Running,
            "TERMINATING" => InstanceState::Terminating,
            "TERMINATED" => InstanceState::Terminated,
            _ => InstanceState::Booting,
        }
    }
}
