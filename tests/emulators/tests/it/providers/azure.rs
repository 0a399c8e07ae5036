//! Azure, with a client's secret.

use serde_json::json;
use spillway_cloud::{
    Azure, AzureConfig, AzureCredentials, AzureImage, AzureMachine, Provider, Secret,
};
use spillway_emulators::{CloudKind, Emulators};

use super::{LAUNCH_WAIT, OWNER, Stage, net, stories, user_data};

const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/burst";

#[tokio::test(flavor = "multi_thread")]
async fn azure_keeps_the_contract_whatever_the_cloud_says() {
    let provider = |emulators: &Emulators, zone: usize| -> Box<dyn Provider> {
        let machine = AzureMachine {
            subscription: "00000000-0000-0000-0000-000000000001".to_owned(),
            resource_group: "burst".to_owned(),
            region: "eastus".to_owned(),
            zone: Some(["1", "2"][zone].to_owned()),
            size: "Standard_NC4as_T4_v3".to_owned(),
            image: AzureImage::Marketplace {
                publisher: "microsoft-dsvm".to_owned(),
                offer: "ubuntu-hpc".to_owned(),
                sku: "2204".to_owned(),
                version: "latest".to_owned(),
            },
            disk_gb: Some(100),
            disk_type: "Premium_LRS".to_owned(),
            subnet: format!("{GROUP}/providers/Microsoft.Network/virtualNetworks/v/subnets/s"),
            identity: Some(format!(
                "{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/worker"
            )),
            ssh_public_key: "ssh-ed25519 AAAA x".to_owned(),
            market: spillway_core::Market::Spot,
        };
        let credentials = AzureCredentials::ClientSecret {
            tenant: "t".to_owned(),
            client: "c".to_owned(),
            secret: Secret::new("s"),
        };
        let mut config = AzureConfig::new(OWNER, machine, user_data(), credentials);
        config.endpoints.management = Some(emulators.addresses.azure.clone());
        config.endpoints.login = Some(emulators.addresses.azure.clone());
        config.net = net();
        config.launch_wait = LAUNCH_WAIT;
        Box::new(Azure::new(config).expect("a usable configuration"))
    };
    let stage = Stage {
        kind: CloudKind::Azure,
        emulators: Stage::emulators().await,
        provider: Box::new(provider),
        keys: json!({}),
        zones: ["1", "2"],
        stranger: (
            format!("{GROUP}/providers/Microsoft.Compute/virtualMachines/stranger"),
            json!({"location": "eastus", "zones": ["1"], "properties": {}}),
        ),
    };
    stories::all(stage).await;
}
