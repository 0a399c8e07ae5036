//! Oracle's cloud, with every signature checked.

use std::collections::BTreeMap;

use serde_json::json;
use spillway_cloud::{Oci, OciConfig, OciCredentials, OciMachine, Provider, Secret};
use spillway_emulators::{CloudKind, Emulators};

use super::{LAUNCH_WAIT, OWNER, Stage, net, stories, user_data};

const ZONES: [&str; 2] = ["Uocm:US-ASHBURN-AD-1", "Uocm:US-ASHBURN-AD-2"];
const COMPARTMENT: &str = "ocid1.compartment.oc1..c";
const TENANCY: &str = "ocid1.tenancy.oc1..t";
const USER: &str = "ocid1.user.oc1..u";
const FINGERPRINT: &str = "00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff";

#[tokio::test(flavor = "multi_thread")]
async fn oci_keeps_the_contract_whatever_the_cloud_says() {
    let key = super::key();
    let private = key.private_pem.clone();
    let provider = move |emulators: &Emulators, zone: usize| -> Box<dyn Provider> {
        let machine = OciMachine {
            region: "us-ashburn-1".to_owned(),
            compartment: COMPARTMENT.to_owned(),
            availability_domain: ZONES[zone].to_owned(),
            fault_domain: None,
            shape: "VM.GPU3.1".to_owned(),
            flex: None,
            image: "ocid1.image.oc1.iad.i".to_owned(),
            subnet: "ocid1.subnet.oc1.iad.s".to_owned(),
            security_groups: vec!["ocid1.networksecuritygroup.oc1.iad.g".to_owned()],
            public_ip: false,
            boot_volume_gb: Some(100),
            market: spillway_core::Market::Spot,
            capacity_reservation: None,
            ssh_public_key: Some("ssh-ed25519 AAAA x".to_owned()),
            defined_tags: BTreeMap::from([(
                "ops".to_owned(),
                BTreeMap::from([("cost-center".to_owned(), "42".to_owned())]),
            )]),
        };
        let credentials = OciCredentials::ApiKey {
            tenancy: TENANCY.to_owned(),
            user: USER.to_owned(),
            fingerprint: FINGERPRINT.to_owned(),
            private_key: Secret::new(private.as_str()),
        };
        let mut config = OciConfig::new(OWNER, machine, user_data(), credentials);
        config.endpoints.compute = Some(emulators.addresses.oci.clone());
        config.net = net();
        config.launch_wait = LAUNCH_WAIT;
        Box::new(Oci::new(config).expect("a usable configuration"))
    };
    let stage = Stage {
        kind: CloudKind::Oci,
        emulators: Stage::emulators().await,
        provider: Box::new(provider),
        keys: json!({"key_id": format!("{TENANCY}/{USER}/{FINGERPRINT}"),
                     "public_pem": key.public_pem, "private_pem": key.private_pem}),
        zones: ZONES,
        stranger: (
            "ocid1.instance.oc1.iad.stranger".to_owned(),
            json!({"compartmentId": COMPARTMENT, "availabilityDomain": ZONES[0], "shape": "gpu"}),
        ),
    };
    stories::all(stage).await;
}
