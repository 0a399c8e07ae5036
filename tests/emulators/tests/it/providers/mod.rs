//! Spillway's own providers against the clouds they were written for, as far as those can be had here:
//! the contract, a story for each lie, and at the end the SDKs' judgement of everything that was sent.

mod azure;
mod gce;
mod oci;
mod stories;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use spillway_cloud::{LaunchRequest, Net, Provider, UserData, WorkerSpec};
use spillway_emulators::state::Order;
use spillway_emulators::{CloudKind, Emulators, Fault, Market, Offer, Recorded, World, wall_clock};

/// Whose machines these are.
const OWNER: &str = "owner-1";
/// How long a launch waits for a refusal that comes late.
const LAUNCH_WAIT: Duration = Duration::from_secs(3);

/// Makes a provider for one of the zones.
type Maker = dyn Fn(&Emulators, usize) -> Box<dyn Provider>;

/// One cloud and the providers for it.
struct Stage {
    kind: CloudKind,
    emulators: Emulators,
    /// Makes a provider, as a controller that starts does, for one of three zones.
    provider: Box<Maker>,
    /// The throwaway secrets that requests are signed with.
    keys: Value,
    /// The cloud's name for the first of the zones, and for the second.
    zones: [&'static str; 2],
    /// Where a stranger's machine is: its id, and what it was asked for.
    stranger: (String, Value),
}

// === impl Stage ===

impl Stage {
    async fn emulators() -> Emulators {
        let started = Emulators::start(World::new(wall_clock()), None).await;
        started.unwrap()
    }

    /// The cloud as at the start, with one machine of somebody else in it.
    fn begin(&self) {
        let world = &self.emulators.world;
        world.clear(self.kind);
        world.with(self.kind, |cloud, now| {
            if let (Some(id), Some(pem)) = (
                self.keys["key_id"].as_str(),
                self.keys["public_pem"].as_str(),
            ) {
                assert!(cloud.register(id.to_owned(), pem));
            }
            let (id, asked) = self.stranger.clone();
            let order = Order {
                id,
                name: "stranger".to_owned(),
                offer: Offer {
                    shape: "gpu".to_owned(),
                    zone: self.zones[0].to_owned(),
                    market: Market::OnDemand,
                },
                // Our words for everything but the owner.
                tags: [
                    ("spillway-owner", "somebody-else"),
                    ("spillway-intent", "denied"),
                    ("spillway-attempt", "1"),
                ]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
                user_data: String::new(),
                asked,
                token: None,
                parts: Vec::new(),
                life_seconds: None,
                ends_on_shutdown: false,
            };
            cloud.launch(now, order, None).unwrap();
        });
    }

    /// What was sent to this cloud by whoever stood on the stage.
    fn sent(&self) -> Vec<Recorded> {
        let mut sent = self.emulators.world.recorded();
        sent.retain(|sent| sent.cloud == self.kind);
        sent
    }

    fn provider(&self) -> Box<dyn Provider> {
        self.provider_in(0)
    }

    fn provider_in(&self, zone: usize) -> Box<dyn Provider> {
        (self.provider)(&self.emulators, zone)
    }

    fn befall(&self, fault: Fault) {
        let world = &self.emulators.world;
        world.with(self.kind, |cloud, _| cloud.faults.add(fault));
    }

    /// Machines that were ever launched, of this owner.
    fn launched_ever(&self) -> usize {
        self.emulators.world.with(self.kind, |cloud, _| {
            let machines = cloud.machines.values();
            let own =
                machines.filter(|it| it.tags.get("spillway-owner").is_some_and(|it| it == OWNER));
            own.count()
        })
    }
}

/// The exact request for an intent and an attempt.
fn request(intent: &str, attempt: u32) -> LaunchRequest {
    LaunchRequest {
        owner: OWNER.to_owned(),
        policy: "recognition".to_owned(),
        pool: "burst".to_owned(),
        intent: intent.to_owned(),
        attempt,
        worker: WorkerSpec {
            command: vec!["spillway-worker".to_owned(), "run".to_owned()],
            environment: BTreeMap::from([("SPILLWAY_GROUP".to_owned(), "workers".to_owned())]),
        },
        lease: Duration::from_secs(900),
    }
}

fn user_data() -> UserData {
    Arc::new(|request: &LaunchRequest| {
        format!(
            "#cloud-config\nwrite_files:\n- path: /etc/spillway/worker.env\n  content: |\n    SPILLWAY_INTENT={}\n",
            request.intent
        )
    })
}

fn net() -> Net {
    Net {
        timeout: Duration::from_secs(5),
        ..Net::default()
    }
}

/// A throwaway key in PEM.
struct Key {
    private_pem: String,
    public_pem: String,
}

fn key() -> Key {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der, PublicKeyX509Der};
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;

    let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let private: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
    Key {
        private_pem: pem("PRIVATE KEY", private.as_ref()),
        public_pem: pem("PUBLIC KEY", public.as_ref()),
    }
}

fn pem(what: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    format!(
        "-----BEGIN {what}-----\n{}\n-----END {what}-----\n",
        lines.join("\n")
    )
}
