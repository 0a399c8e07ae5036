//! A caller by hand, in memory: each cloud's requests without its SDK, under a clock that stands until it is moved.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use spillway_emulators::{Asked, CloudKind, Reply, World};

/// A world and the hand on its clock.
pub(crate) struct Wire {
    pub(crate) world: Arc<World>,
    now: Arc<Mutex<Timestamp>>,
}

/// One machine that is asked for.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) token: String,
    pub(crate) shape: String,
    pub(crate) zone: usize,
    pub(crate) is_spot: bool,
    pub(crate) owner: String,
}

pub(crate) const PROJECT: &str = "/compute/v1/projects/p";
pub(crate) const GROUP: &str =
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines";
pub(crate) const INSTANCES: &str = "/20160918/instances";

// === impl Wanted ===

impl Wanted {
    pub(crate) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            // GCE wants a UUID, the others take one.
            token: uuid(name),
            shape: "gpu-1".to_owned(),
            zone: 0,
            is_spot: false,
            owner: "us".to_owned(),
        }
    }
}

/// A UUID of a name.
pub(crate) fn uuid(name: &str) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!(
        "{:08x}-0000-4000-8000-{:012x}",
        hash >> 32,
        hash & 0xffff_ffff_ffff
    )
}

pub(crate) fn zone(kind: CloudKind, zone: usize) -> String {
    let letter = ["a", "b", "c"][zone];
    match kind {
        CloudKind::Aws => format!("us-east-1{letter}"),
        CloudKind::Oci => format!("Uocm:US-ASHBURN-AD-{}", zone + 1),
        CloudKind::Gce => format!("us-central1-{letter}"),
        CloudKind::Azure => (zone + 1).to_string(),
    }
}

// === impl Wire ===

impl Wire {
    pub(crate) fn new() -> Self {
        let start: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let now = Arc::new(Mutex::new(start));
        let clock = {
            let now = Arc::clone(&now);
            Arc::new(move || *now.lock().unwrap())
        };
        Self {
            world: World::new(clock),
            now,
        }
    }

    pub(crate) fn pass(&self, seconds: i64) {
        let mut now = self.now.lock().unwrap();
        *now += SignedDuration::from_secs(seconds);
    }

    pub(crate) fn set(&self, to: Timestamp) {
        *self.now.lock().unwrap() = to;
    }

    /// Sends a request with credentials that are as they should be.
    pub(crate) fn ask(&self, kind: CloudKind, asked: Asked) -> Reply {
        let signed = match kind {
            CloudKind::Aws => {
                let day = self.world.now().strftime("%Y%m%d").to_string();
                asked.header(
                    "authorization",
                    format!("AWS4-HMAC-SHA256 Credential=AKID/{day}/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=00"),
                )
            }
            CloudKind::Oci => {
                let header = r#"Signature version="1",keyId="t/u/f",algorithm="rsa-sha256",headers="date (request-target) host",signature="AA==""#;
                asked.header("authorization", header)
            }
            CloudKind::Gce | CloudKind::Azure => {
                let token = self
                    .world
                    .with(kind, |cloud, now| cloud.issue(now, "t", 3_600));
                asked
                    .header("authorization", format!("Bearer {token}"))
                    .header("host", "127.0.0.1:1")
            }
        };
        self.world.ask(kind, &signed)
    }

    pub(crate) fn get(&self, kind: CloudKind, target: &str) -> Reply {
        self.ask(kind, Asked::new("GET", target))
    }

    pub(crate) fn ec2(&self, pairs: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("Version", "2016-11-15")
            .extend_pairs(pairs)
            .finish();
        self.ask(CloudKind::Aws, Asked::new("POST", "/").body(body))
    }

    pub(crate) fn launch(&self, kind: CloudKind, wanted: &Wanted) -> Reply {
        match kind {
            CloudKind::Aws => self.run_instances(wanted),
            CloudKind::Oci => {
                let asked = Asked::new("POST", INSTANCES)
                    .header("opc-retry-token", &wanted.token)
                    .body(oci_body(wanted).to_string());
                self.ask(kind, asked)
            }
            CloudKind::Gce => {
                let zone = zone(kind, wanted.zone);
                let target = format!(
                    "{PROJECT}/zones/{zone}/instances?requestId={}",
                    wanted.token
                );
                let body = gce_body(wanted, &zone).to_string();
                self.ask(kind, Asked::new("POST", &target).body(body))
            }
            CloudKind::Azure => {
                let asked = self.azure_put(wanted).header("if-none-match", "*");
                self.ask(kind, asked)
            }
        }
    }

    pub(crate) fn azure_put(&self, wanted: &Wanted) -> Asked {
        let target = format!("{GROUP}/{}?api-version=2024-07-01", wanted.name);
        Asked::new("PUT", &target).body(azure_body(wanted).to_string())
    }

    fn run_instances(&self, wanted: &Wanted) -> Reply {
        let zone = zone(CloudKind::Aws, wanted.zone);
        let user_data = STANDARD.encode("#cloud-config\n");
        let mut pairs = vec![
            ("Action", "RunInstances"),
            ("ImageId", "ami-1"),
            ("InstanceType", &wanted.shape),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("ClientToken", &wanted.token),
            ("Placement.AvailabilityZone", &zone),
            ("UserData", &user_data),
            ("InstanceInitiatedShutdownBehavior", "terminate"),
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "spillway-owner"),
            ("TagSpecification.1.Tag.1.Value", &wanted.owner),
            ("TagSpecification.1.Tag.2.Key", "name"),
            ("TagSpecification.1.Tag.2.Value", &wanted.name),
        ];
        if wanted.is_spot {
            pairs.push(("InstanceMarketOptions.MarketType", "spot"));
        }
        self.ec2(&pairs)
    }

    /// The ids of machines that were ever launched and are not gone.
    pub(crate) fn alive(&self, kind: CloudKind) -> Vec<String> {
        self.world.with(kind, |cloud, now| {
            let machines = cloud.machines.values();
            let alive = machines.filter(|it| it.phase(now) != spillway_emulators::Phase::Gone);
            alive.map(|machine| machine.id.clone()).collect()
        })
    }

    pub(crate) fn launched_ever(&self, kind: CloudKind) -> usize {
        self.world.with(kind, |cloud, _| cloud.machines.len())
    }

    /// Orders the newest machine to end, by the API.
    pub(crate) fn terminate(&self, kind: CloudKind, wanted: &Wanted, id: &str) -> Reply {
        match kind {
            CloudKind::Aws => self.ec2(&[("Action", "TerminateInstances"), ("InstanceId.1", id)]),
            CloudKind::Oci => {
                let target = format!("{INSTANCES}/{id}?preserveBootVolume=false");
                self.ask(kind, Asked::new("DELETE", &target))
            }
            CloudKind::Gce => {
                let zone = zone(kind, wanted.zone);
                let target = format!("{PROJECT}/zones/{zone}/instances/{}", wanted.name);
                self.ask(kind, Asked::new("DELETE", &target))
            }
            CloudKind::Azure => {
                let target = format!("{GROUP}/{}?api-version=2024-07-01", wanted.name);
                self.ask(kind, Asked::new("DELETE", &target))
            }
        }
    }

    /// The names on all pages of a list, and how many pages there were.
    pub(crate) fn listed(&self, kind: CloudKind) -> Result<(Vec<String>, usize), Reply> {
        let (mut names, mut pages, mut next) = (Vec::new(), 0, None);
        loop {
            let reply = self.page(kind, next.as_deref());
            if reply.status != 200 {
                return Err(reply);
            }
            pages += 1;
            let (found, after) = read(kind, &reply);
            names.extend(found);
            next = after;
            if next.is_none() {
                return Ok((names, pages));
            }
        }
    }

    fn page(&self, kind: CloudKind, next: Option<&str>) -> Reply {
        match kind {
            CloudKind::Aws => {
                let mut pairs = vec![
                    ("Action", "DescribeInstances"),
                    ("Filter.1.Name", "tag:spillway-owner"),
                    ("Filter.1.Value.1", "us"),
                    ("Filter.2.Name", "instance-state-name"),
                    ("Filter.2.Value.1", "pending"),
                    ("Filter.2.Value.2", "running"),
                    ("MaxResults", "1000"),
                ];
                pairs.extend(next.map(|next| ("NextToken", next)));
                self.ec2(&pairs)
            }
            CloudKind::Oci => {
                let next = next.map(|next| format!("&page={next}"));
                let target = format!(
                    "{INSTANCES}?compartmentId=c&limit=100{}",
                    next.unwrap_or_default()
                );
                self.get(kind, &target)
            }
            CloudKind::Gce => {
                let next = next
                    .map(|next| format!("&pageToken={next}"))
                    .unwrap_or_default();
                let target = format!(
                    "{PROJECT}/aggregated/instances?filter=labels.spillway-owner%3Dus{next}"
                );
                self.get(kind, &target)
            }
            CloudKind::Azure => match next {
                Some(link) => self.get(kind, link.strip_prefix("http://127.0.0.1:1").unwrap()),
                None => self.get(kind, &format!("{GROUP}?api-version=2024-07-01")),
            },
        }
    }
}

fn read(kind: CloudKind, reply: &Reply) -> (Vec<String>, Option<String>) {
    let names = |items: &Value, key: &str| -> Vec<String> {
        let items = items.as_array().into_iter().flatten();
        items
            .map(|item| item[key].as_str().unwrap().to_owned())
            .collect()
    };
    let body = reply.value();
    match kind {
        CloudKind::Aws => {
            let text = reply.text();
            let all = |tag: &str| -> Vec<String> {
                let open = format!("<{tag}>");
                let parts = text.split(open.as_str()).skip(1).map(str::to_owned);
                parts
                    .map(|part| part.split('<').next().unwrap().to_owned())
                    .collect()
            };
            let tags = text.split("<key>name</key><value>").skip(1);
            let names = tags.map(|tag| tag.split('<').next().unwrap().to_owned());
            (names.collect(), all("nextToken").pop())
        }
        CloudKind::Oci => {
            let alive: Vec<Value> = body
                .as_array()
                .unwrap()
                .iter()
                .filter(|it| it["lifecycleState"] != "TERMINATED")
                .cloned()
                .collect();
            let next = reply.get("opc-next-page").map(str::to_owned);
            (names(&Value::Array(alive), "displayName"), next)
        }
        CloudKind::Gce => {
            let zones = body["items"].as_object().unwrap().values();
            let found = zones
                .flat_map(|zone| names(&zone["instances"], "name"))
                .collect();
            (found, body["nextPageToken"].as_str().map(str::to_owned))
        }
        CloudKind::Azure => {
            let next = body["nextLink"].as_str().map(str::to_owned);
            (names(&body["value"], "name"), next)
        }
    }
}

fn oci_body(wanted: &Wanted) -> Value {
    let mut body = json!({
        "availabilityDomain": zone(CloudKind::Oci, wanted.zone),
        "compartmentId": "c",
        "displayName": wanted.name,
        "shape": wanted.shape,
        "sourceDetails": {"sourceType": "image", "imageId": "ocid1.image.1"},
        "createVnicDetails": {"subnetId": "ocid1.subnet.1"},
        "metadata": {"user_data": STANDARD.encode("#cloud-config\n")},
        "freeformTags": {"spillway-owner": wanted.owner},
    });
    if wanted.is_spot {
        body["preemptibleInstanceConfig"] =
            json!({"preemptionAction": {"type": "TERMINATE", "preserveBootVolume": false}});
    }
    body
}

fn gce_body(wanted: &Wanted, zone: &str) -> Value {
    let model = if wanted.is_spot { "SPOT" } else { "STANDARD" };
    json!({
        "name": wanted.name,
        "machineType": format!("zones/{zone}/machineTypes/{}", wanted.shape),
        "labels": {"spillway-owner": wanted.owner},
        "disks": [{"boot": true, "autoDelete": true, "initializeParams": {"sourceImage": "i"}}],
        "networkInterfaces": [{"subnetwork": "s"}],
        "scheduling": {"provisioningModel": model, "instanceTerminationAction": "DELETE"},
        "metadata": {"items": [{"key": "user-data", "value": "#cloud-config\n"}]},
    })
}

fn azure_body(wanted: &Wanted) -> Value {
    let mut body = json!({
        "location": "eastus",
        "zones": [zone(CloudKind::Azure, wanted.zone)],
        "tags": {"spillway-owner": wanted.owner},
        "properties": {
            "hardwareProfile": {"vmSize": wanted.shape},
            "storageProfile": {
                "imageReference": {"id": "i"},
                "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"},
            },
            "osProfile": {
                "computerName": wanted.name, "adminUsername": "u",
                "customData": STANDARD.encode("#cloud-config\n"),
                "linuxConfiguration": {"disablePasswordAuthentication": true,
                    "ssh": {"publicKeys": [{"path": "/p", "keyData": "k"}]}},
            },
            "networkProfile": {"networkApiVersion": "2022-11-01", "networkInterfaceConfigurations": [
                {"name": "nic", "properties": {"primary": true, "deleteOption": "Delete"}},
            ]},
        },
    });
    if wanted.is_spot {
        body["properties"]["priority"] = json!("Spot");
        body["properties"]["evictionPolicy"] = json!("Delete");
    }
    body
}
