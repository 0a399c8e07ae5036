use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use spillway_core::{Fault as Kind, Market};

use super::*;
use crate::samples::{Sample, places, samples};
use crate::{Scope, WorkerSpec};

fn machine() -> AzureMachine {
    AzureMachine {
        subscription: "00000000-0000-0000-0000-000000000001".into(),
        resource_group: "burst-rg".into(),
        region: "eastus".into(),
        zone: Some("1".into()),
        size: "Standard_NC4as_T4_v3".into(),
        image: AzureImage::Marketplace {
            publisher: "microsoft-dsvm".into(),
            offer: "ubuntu-hpc".into(),
            sku: "2204".into(),
            version: "latest".into(),
        },
        disk_gb: Some(200),
        disk_type: "Premium_LRS".into(),
        subnet: "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/burst-rg/providers/Microsoft.Network/virtualNetworks/v/subnets/s".into(),
        identity: None,
        ssh_public_key: "ssh-ed25519 AAAA x".into(),
        market: Market::Spot,
    }
}

fn request() -> LaunchRequest {
    LaunchRequest {
        owner: "owner-1".into(),
        policy: "recognition".into(),
        pool: "azure-t4".into(),
        intent: "azure-t4-00001".into(),
        attempt: 1,
        worker: WorkerSpec {
            command: Vec::new(),
            environment: BTreeMap::new(),
        },
        lease: Duration::from_secs(900),
    }
}

fn ours(machine: &AzureMachine) -> Value {
    let labels = tags::of(&request(), "spec");
    let body = Put::new(machine, "name", &labels, "#cloud-config\n");
    serde_json::to_value(body).expect("JSON")
}

/// The answer's body, however the recorder kept it.
fn answered(sample: &Sample) -> Value {
    match &sample.response["body"] {
        Value::String(text) => serde_json::from_str(text).expect("JSON"),
        other => other.clone(),
    }
}

#[test]
fn the_body_is_made_of_fields_that_the_sdk_sends() {
    let Some((samples, _)) = samples("azure-python-sdk.json") else {
        return;
    };
    let theirs = samples
        .iter()
        .find(|sample| sample.step == "vm_put_nic_inline");
    let theirs = theirs.expect("a PUT");
    assert_eq!(theirs.header("if-none-match"), Some("*"));
    let theirs = theirs.json();
    let full = ours(&machine());
    let more: Vec<_> = places(&full)
        .difference(&places(&theirs))
        .cloned()
        .collect();
    assert_eq!(more, Vec::<String>::new());
    for same in ["location", "zones"] {
        assert_eq!(full[same], theirs[same], "{same}");
    }
    for same in [
        "priority",
        "evictionPolicy",
        "billingProfile",
        "hardwareProfile",
        "networkProfile",
    ] {
        assert_eq!(
            full["properties"][same], theirs["properties"][same],
            "{same}"
        );
    }
    let custom = |body: &Value| body["properties"]["osProfile"]["customData"].clone();
    assert_eq!(custom(&full), custom(&theirs), "user data in base64");
}

#[test]
fn on_demand_says_nothing_of_eviction_and_everything_goes_with_the_machine() {
    let plain = AzureMachine {
        market: Market::OnDemand,
        zone: None,
        disk_gb: None,
        identity: Some("/subscriptions/s/i".into()),
        image: AzureImage::Id("/subscriptions/s/images/i".into()),
        ..machine()
    };
    let plain = ours(&plain);
    let properties = &plain["properties"];
    for absent in ["priority", "evictionPolicy", "billingProfile"] {
        assert_eq!(properties.get(absent), None, "{absent}");
    }
    assert_eq!(plain.get("zones"), None);
    assert!(!places(&plain).iter().any(|place| place.ends_with(" null")));
    assert_eq!(plain["identity"]["type"], "UserAssigned");
    let nic = &properties["networkProfile"]["networkInterfaceConfigurations"][0];
    assert_eq!(nic["properties"]["deleteOption"], "Delete");
    assert_eq!(
        properties["storageProfile"]["osDisk"]["deleteOption"],
        "Delete"
    );
}

#[test]
fn every_error_has_its_meaning() {
    use Verdict::{Again, Look, No};
    let no_room = No(Kind::NoCapacity, Scope::Offer);
    let family = "Operation could not be completed as it results in exceeding approved standardNCASv3_T4Family Cores quota. Current Limit: 0";
    let low = "Operation could not be completed as it results in exceeding approved LowPriorityCores quota. Current Limit: 3";
    let regional = "Operation could not be completed as it results in exceeding approved Total Regional Cores quota.";
    let rows = [
        (
            409,
            "OperationNotAllowed",
            low,
            No(Kind::Quota, Scope::Market),
        ),
        (
            409,
            "OperationNotAllowed",
            family,
            No(Kind::Quota, Scope::Machine),
        ),
        (
            409,
            "OperationNotAllowed",
            regional,
            No(Kind::Quota, Scope::Region),
        ),
        (409, "SkuNotAvailable", "", no_room),
        (409, "ZonalAllocationFailed", "", no_room),
        (0, "ZonalAllocationFailed", "", no_room),
        (0, "OverconstrainedZonalAllocationRequest", "", no_room),
        (
            409,
            "AllocationFailed",
            "",
            No(Kind::NoCapacity, Scope::Machine),
        ),
        (
            0,
            "OverconstrainedAllocationRequest",
            "",
            No(Kind::NoCapacity, Scope::Machine),
        ),
        (
            429,
            "TooManyRequests",
            "",
            No(Kind::Throttled, Scope::Region),
        ),
        (
            429,
            "SubscriptionRequestsThrottled",
            "",
            No(Kind::Throttled, Scope::Cloud),
        ),
        (
            401,
            "InvalidAuthenticationToken",
            "",
            No(Kind::Denied, Scope::Cloud),
        ),
        (
            401,
            "ExpiredAuthenticationToken",
            "",
            No(Kind::Denied, Scope::Cloud),
        ),
        (
            403,
            "AuthorizationFailed",
            "",
            No(Kind::Denied, Scope::Cloud),
        ),
        (400, "InvalidParameter", "x", No(Kind::Invalid, Scope::Pool)),
        (
            404,
            "ResourceGroupNotFound",
            "",
            No(Kind::Invalid, Scope::Pool),
        ),
        (404, "ImageNotFound", "", No(Kind::Invalid, Scope::Pool)),
        (400, "NicReservedForAnotherVm", "", Again),
        (412, "PreconditionFailed", "", Look),
        (409, "PropertyChangeNotAllowed", "", Look),
        (409, "NeverHeardOf", "", Again),
        (500, "InternalServerError", "", Again),
        (502, "NotJson", "<html>", Again),
    ];
    for (status, code, message, verdict) in rows {
        let complaint = Complaint::new(status, code, message);
        assert_eq!(judge(TABLE, &complaint), verdict, "{complaint}");
    }
}

#[test]
fn every_recorded_answer_is_read() {
    let Some((samples, _)) = samples("azure-python-sdk.json") else {
        return;
    };
    let mut read = 0;
    for sample in &samples {
        let body = || answered(sample);
        match (sample.step.as_str(), sample.method.as_str()) {
            ("vm_put_nic_inline", "PUT") | ("vm_get_instance_view", _) => {
                let seen: Seen = serde_json::from_value(body()).expect("a machine");
                assert_eq!(seen.name, "burst-claim-1");
                read += 1;
            }
            ("vm_list_rg", _) => {
                let page: Page = serde_json::from_value(body()).expect("a page");
                assert_eq!(page.value.len(), 1);
                read += 1;
            }
            ("async_failed_OverconstrainedZonalAllocationRequest", "GET") => {
                let operation: Operation = serde_json::from_value(body()).expect("an operation");
                let why = operation.error.expect("a reason");
                assert_eq!(why.code, "OverconstrainedZonalAllocationRequest");
                read += 1;
            }
            _ => {}
        }
    }
    assert_eq!(read, 5);
}

#[test]
fn a_failed_machine_says_why_and_is_not_taken_for_gone() {
    let seen: Seen = serde_json::from_value(json!({
        "name": "n", "properties": {
            "provisioningState": "Failed", "timeCreated": "2026-01-02T03:04:05.678+00:00",
            "instanceView": {"statuses": [
                {"code": "ProvisioningState/failed/AllocationFailed", "message": "no room"},
                {"code": "PowerState/stopped"},
            ]},
        },
    }))
    .expect("a machine");
    assert_eq!(seen.failure(), Some(("AllocationFailed", "no room")));
    assert!(seen.has_failed());
    assert_eq!(seen.state(), InstanceState::Booting);
}
