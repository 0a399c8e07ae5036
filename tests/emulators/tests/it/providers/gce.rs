//! Google Compute Engine, with a service account's key.

use serde_json::json;
use spillway_cloud::{Gce, GceConfig, GceCredentials, GceMachine, Provider, Secret};
use spillway_emulators::{CloudKind, Emulators};

use super::{LAUNCH_WAIT, OWNER, Stage, net, stories, user_data};

const ZONES: [&str; 2] = ["us-central1-a", "us-central1-b"];

#[tokio::test(flavor = "multi_thread")]
async fn gce_keeps_the_contract_whatever_the_cloud_says() {
    let private = super::key().private_pem;
    let provider = move |emulators: &Emulators, zone: usize| -> Box<dyn Provider> {
        let machine = GceMachine {
            project: "p".to_owned(),
            zone: ZONES[zone].to_owned(),
            machine_type: "g2-standard-4".to_owned(),
            accelerator: None,
            image: "projects/debian-cloud/global/images/family/debian-12".to_owned(),
            disk_gb: Some(100),
            disk_type: Some("pd-balanced".to_owned()),
            subnetwork: "regions/us-central1/subnetworks/burst".to_owned(),
            public_ip: false,
            network_tags: vec!["burst".to_owned()],
            service_account: Some("worker@p.iam.gserviceaccount.com".to_owned()),
            market: spillway_core::Market::Spot,
            run_seconds_max: 86_400,
        };
        let key = json!({
            "type": "service_account",
            "project_id": "p",
            "private_key_id": "k",
            "private_key": private,
            "client_email": "us@p.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": format!("{}/token", emulators.addresses.gce),
        });
        let credentials = GceCredentials::ServiceAccountKey(Secret::new(key.to_string()));
        let mut config = GceConfig::new(OWNER, machine, user_data(), credentials);
        config.endpoints.compute = Some(format!("{}/compute/v1", emulators.addresses.gce));
        config.net = net();
        config.launch_wait = LAUNCH_WAIT;
        Box::new(Gce::new(config).expect("a usable configuration"))
    };
    let stage = Stage {
        kind: CloudKind::Gce,
        emulators: Stage::emulators().await,
        provider: Box::new(provider),
        keys: json!({}),
        zones: ZONES,
        stranger: (
            "us-central1-a/stranger/0".to_owned(),
            json!({"name": "stranger", "labels": {"spillway-owner": "somebody-else"}}),
        ),
    };
    stories::all(stage).await;
}
