//! Azure's bodies, as far as they are used.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spillway_core::Market;

use super::config::{AzureImage, AzureMachine};
use crate::InstanceState;

/// The longest user data, before base64.
pub(super) const USER_DATA_BYTES_MAX: usize = 65_536;
const ADMIN: &str = "spillway";
/// The version by which the interface that comes with the machine is made.
const NETWORK_VERSION: &str = "2022-11-01";

/// The body of a machine's PUT. Disk and interface are made with it and go with it, so none is ever left.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Put<'a> {
    location: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    zones: Vec<&'a str>,
    tags: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Value>,
    properties: Properties,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eviction_policy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_profile: Option<Value>,
    hardware_profile: Value,
    storage_profile: Value,
    os_profile: Value,
    network_profile: Value,
}

/// A machine, as it is shown.
#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    pub(super) name: String,
    #[serde(default)]
    tags: Option<BTreeMap<String, String>>,
    pub(super) properties: SeenProperties,
}

/// What is shown of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SeenProperties {
    pub(super) provisioning_state: String,
    /// Machines from before Azure kept it have none; ours are younger.
    #[serde(default)]
    pub(super) time_created: Option<Timestamp>,
    #[serde(default)]
    pub(super) instance_view: Option<View>,
}

/// What it does at the moment.
#[derive(Debug, Default, Deserialize)]
pub(super) struct View {
    #[serde(default)]
    pub(super) statuses: Vec<Status>,
}

/// One word of that.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Page {
    pub(super) value: Vec<Seen>,
    #[serde(default)]
    pub(super) next_link: Option<String>,
}

/// An operation.
#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    pub(super) status: String,
    #[serde(default)]
    pub(super) error: Option<OperationError>,
}

/// Why it failed.
#[derive(Debug, Deserialize)]
pub(super) struct OperationError {
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

// === impl Put ===

impl<'a> Put<'a> {
    pub(super) fn new(
        machine: &'a AzureMachine,
        name: &str,
        tags: &'a BTreeMap<String, String>,
        user_data: &str,
    ) -> Self {
        let is_spot = machine.market == Market::Spot;
        let identity = machine.identity.as_ref().map(
            |identity| json!({"type": "UserAssigned", "userAssignedIdentities": {identity: {}}}),
        );
        let image = match &machine.image {
            AzureImage::Id(id) => json!({ "id": id }),
            AzureImage::Marketplace {
                publisher,
                offer,
                sku,
                version,
            } => json!({"publisher": publisher, "offer": offer, "sku": sku, "version": version}),
        };
        Self {
            location: &machine.region,
            zones: machine.zone.iter().map(String::as_str).collect(),
            tags,
            identity,
            properties: Properties {
                priority: is_spot.then_some("Spot"),
                eviction_policy: is_spot.then_some("Delete"),
                // Up to the price on demand: never taken back for its price.
                billing_profile: is_spot.then(|| json!({"maxPrice": -1})),
                hardware_profile: json!({ "vmSize": machine.size }),
                storage_profile: json!({ "imageReference": image, "osDisk": disk(machine, name) }),
                os_profile: os_profile(machine, name, user_data),
                network_profile: network_profile(machine),
            },
        }
    }
}

fn disk(machine: &AzureMachine, name: &str) -> Value {
    let mut disk = json!({
        "name": format!("{name}-os"),
        "createOption": "FromImage",
        "deleteOption": "Delete",
        "managedDisk": {"storageAccountType": machine.disk_type},
    });
    if let Some(gb) = machine.disk_gb {
        disk["diskSizeGB"] = gb.into();
    }
    disk
}

fn os_profile(machine: &AzureMachine, name: &str, user_data: &str) -> Value {
    let keys = json!([{
        "path": format!("/home/{ADMIN}/.ssh/authorized_keys"),
        "keyData": machine.ssh_public_key,
    }]);
    json!({
        "computerName": name,
        "adminUsername": ADMIN,
        "customData": STANDARD.encode(user_data),
        "linuxConfiguration": {"disablePasswordAuthentication": true, "ssh": {"publicKeys": keys}},
    })
}

fn network_profile(machine: &AzureMachine) -> Value {
    let address = json!({
        "name": "ip0",
        "properties": {"primary": true, "subnet": {"id": machine.subnet}},
    });
    json!({
        "networkApiVersion": NETWORK_VERSION,
        "networkInterfaceConfigurations": [{
            "name": "nic0",
            "properties": {"primary": true, "deleteOption": "Delete", "ipConfigurations": [address]},
        }],
    })
}

// === impl Seen ===

impl Seen {
    /// From how far it was made: the list does not say whether it runs.
    ///
    /// One whose making failed may cost, and cannot work: it is shown as booting, so that it is ended.
    /// One that was stopped is shown as running, and is ended because its workers are silent.
    pub(super) fn state(&self) -> InstanceState {
        match self.properties.provisioning_state.as_str() {
            "Succeeded" | "Updating" => InstanceState::Running,
            "Deleting" => InstanceState::Terminating,
            _ => InstanceState::Booting,
        }
    }

    pub(super) fn tags(&self) -> BTreeMap<String, String> {
        self.tags.clone().unwrap_or_default()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.properties.provisioning_state == "Failed"
    }

    /// Why its making failed: `ProvisioningState/failed/<code>` of its view.
    pub(super) fn failure(&self) -> Option<(&str, &str)> {
        let view = self.properties.instance_view.as_ref()?;
        view.statuses.iter().find_map(|status| {
            let code = status.code.strip_prefix("ProvisioningState/failed/")?;
            Some((code, status.message.as_str()))
        })
    }
}
