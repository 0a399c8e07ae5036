//! The ports: lost answers, control, metadata, and a real process on each machine.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use spillway_emulators::runner::Runner;
use spillway_emulators::state::Order;
use spillway_emulators::{CloudKind, Emulators, Market, Offer, World, wall_clock};
use spillway_tests::eventually_async;

const SOON: Duration = Duration::from_secs(20);

async fn start(runner: Option<Runner>) -> Emulators {
    Emulators::start(World::new(wall_clock()), runner)
        .await
        .unwrap()
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Launches a machine on EC2 by hand.
async fn launch(emulators: &Emulators, user_data: &str) -> reqwest::Result<String> {
    use base64::Engine as _;
    let day = emulators.world.now().strftime("%Y%m%d").to_string();
    let user_data = base64::engine::general_purpose::STANDARD.encode(user_data);
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("Action", "RunInstances"),
            ("Version", "2016-11-15"),
            ("ImageId", "ami-1"),
            ("InstanceType", "g6.xlarge"),
            ("MinCount", "1"),
            ("MaxCount", "1"),
            ("InstanceInitiatedShutdownBehavior", "terminate"),
            ("InstanceMarketOptions.MarketType", "spot"),
            ("MetadataOptions.InstanceMetadataTags", "enabled"),
            ("TagSpecification.1.ResourceType", "instance"),
            ("TagSpecification.1.Tag.1.Key", "spillway-intent"),
            ("TagSpecification.1.Tag.1.Value", "intent-7"),
            ("UserData", &user_data),
        ])
        .finish();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKID/{day}/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=00"
    );
    client()
        .post(&emulators.addresses.aws)
        .header("authorization", authorization)
        .body(body)
        .send()
        .await?
        .text()
        .await
}

async fn get(url: &str) -> Value {
    let answered = client().get(url).send().await.unwrap();
    answered.error_for_status().unwrap().json().await.unwrap()
}

async fn post(url: &str, body: Value) -> u16 {
    let answered = client().post(url).json(&body).send().await.unwrap();
    answered.status().as_u16()
}

#[tokio::test]
async fn what_is_said_at_the_control_port_befalls() {
    let emulators = start(None).await;
    let control = emulators.addresses.control.clone();
    let fault =
        json!({"call": "launch", "trouble": {"kind": "lose_answer", "hold_ms": 20}, "times": 1});
    assert_eq!(post(&format!("{control}/aws/faults"), fault).await, 200);
    let lost = launch(&emulators, "").await;
    assert!(
        lost.is_err(),
        "the connection is closed without an answer: {lost:?}"
    );
    let machines = get(&format!("{control}/machines?cloud=aws")).await;
    assert_eq!(
        machines[0]["phase"], "running",
        "and yet it was done: {machines}"
    );
    let ledger = get(&format!("{control}/ledger")).await;
    assert_eq!(
        (ledger[0]["cloud"].as_str(), ledger[0]["until"].as_str()),
        (Some("aws"), None)
    );
    let requests = get(&format!("{control}/requests?cloud=aws")).await;
    assert_eq!(requests[0]["response"]["is_lost"], true);
    assert_eq!(
        get(&format!("{control}/requests?cloud=oci")).await,
        json!([])
    );

    let unknown = json!({"id": "i-0", "notice_seconds": 5});
    assert_eq!(
        post(&format!("{control}/aws/interruptions"), unknown).await,
        404
    );
    let typo = json!({"call": "launch", "trouble": {"kind": "denied"}, "tims": 1});
    assert_eq!(post(&format!("{control}/aws/faults"), typo).await, 422);
    assert_eq!(post(&format!("{control}/reset"), json!({})).await, 200);
    assert_eq!(get(&format!("{control}/machines")).await, json!([]));
}

#[tokio::test]
async fn a_machine_learns_of_its_end_from_its_metadata() {
    let emulators = start(None).await;
    let answered = launch(&emulators, "").await.unwrap();
    let id = answered
        .split("<instanceId>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    let machines = get(&format!("{}/machines", emulators.addresses.control)).await;
    let base = format!(
        "{}/aws/{}",
        emulators.addresses.metadata, machines[0]["number"]
    );
    let client = client();
    let unasked = client.get(format!("{base}/latest/meta-data/instance-id"));
    assert_eq!(
        unasked.send().await.unwrap().status(),
        401,
        "version 2 alone"
    );
    let token = client
        .put(format!("{base}/latest/api/token"))
        .header("X-aws-ec2-metadata-token-ttl-seconds", "21600");
    let token = token.send().await.unwrap().text().await.unwrap();
    let read = async |path: &str| {
        let asked = client.get(format!("{base}/latest/meta-data/{path}"));
        let answered = asked
            .header("X-aws-ec2-metadata-token", &token)
            .send()
            .await
            .unwrap();
        (answered.status().as_u16(), answered.text().await.unwrap())
    };
    assert_eq!(read("instance-id").await, (200, id.to_owned()));
    assert_eq!(read("tags/instance/spillway-intent").await.1, "intent-7");
    assert_eq!(read("spot/instance-action").await.0, 404);
    let order = json!({"id": id, "notice_seconds": 120});
    assert_eq!(
        post(
            &format!("{}/aws/interruptions", emulators.addresses.control),
            order
        )
        .await,
        204
    );
    let (status, notice) = read("spot/instance-action").await;
    let notice: Value = serde_json::from_str(&notice).unwrap();
    assert_eq!(
        (status, notice["action"].as_str()),
        (200, Some("terminate"))
    );
    let time: jiff::Timestamp = notice["time"].as_str().unwrap().parse().unwrap();
    assert!(time > emulators.world.now());
}

/// A worker in shell: says what it was given, and renews its lease as it is told.
const WORKER: &str = r#"
env | grep ^SPILLWAY_ > "$SPILLWAY_TEST_OUT"
trap 'echo asked >> "$SPILLWAY_TEST_OUT"; exit 0' TERM
for i in $(seq "$SPILLWAY_TEST_RENEWALS"); do touch "$SPILLWAY_LEASE_FILE"; sleep 0.1; done
while true; do sleep 0.1; done
"#;

fn user_data(out: &Path, renewals: u32, lease_seconds: u32) -> String {
    format!(
        "#cloud-config\nwrite_files:\n- path: /etc/spillway/worker.env\n  content: |\n    SPILLWAY_TEST_OUT={}\n    SPILLWAY_TEST_RENEWALS={renewals}\n    SPILLWAY_LEASE_SECONDS={lease_seconds}\n- path: /etc/systemd/system/spillway-deadman.service\n  content: x\n",
        out.display()
    )
}

fn shell(folder: &Path) -> Option<Runner> {
    Some(Runner {
        command: ["bash", "-c", WORKER].map(str::to_owned).into(),
        folder: folder.to_owned(),
    })
}

async fn says(out: &Path, what: &str) {
    eventually_async(SOON, what, async || {
        let said = std::fs::read_to_string(out).unwrap_or_default();
        if said.contains(what) {
            Ok(())
        } else {
            Err(said)
        }
    })
    .await;
}

#[tokio::test]
async fn a_machine_runs_its_worker_until_it_is_told_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let emulators = start(shell(folder.path())).await;
    launch(&emulators, &user_data(&out, 1, 900)).await.unwrap();
    says(&out, "SPILLWAY_INTENT=intent-7").await;
    says(&out, "SPILLWAY_METADATA=http://127.0.0.1:").await;
    says(&out, "SPILLWAY_INSTANCE=i-").await;
    emulators.world.with(CloudKind::Aws, |cloud, now| {
        let number = *cloud.machines.keys().next().unwrap();
        cloud.end(now, number, spillway_emulators::state::Why::Ordered, None);
    });
    says(&out, "asked").await;
    emulators.stop().await;
}

#[tokio::test]
async fn a_machine_whose_lease_lapses_ends_its_bill_on_every_cloud() {
    let folder = tempfile::tempdir().unwrap();
    let emulators = start(shell(folder.path())).await;
    for kind in CloudKind::ALL {
        let out = folder.path().join(kind.as_str());
        emulators.world.with(kind, |cloud, now| {
            cloud
                .launch(now, order(&user_data(&out, 20, 3)), None)
                .unwrap();
        });
    }
    for kind in CloudKind::ALL {
        says(&folder.path().join(kind.as_str()), "SPILLWAY_LEASE_FILE=").await;
        let bill = eventually_async(SOON, "the bill ends", async || {
            let bill = emulators
                .world
                .with(kind, |cloud, now| cloud.bills(now).remove(0));
            bill.until
                .map(|until| until.duration_since(bill.from))
                .ok_or(format!("{bill:?}"))
        })
        .await;
        let lived = bill.as_secs_f64();
        assert!(
            lived > 3.5,
            "{kind:?}: renewed for a while, and only then over: {lived} s"
        );
    }
    emulators.stop().await;
}

fn order(user_data: &str) -> Order {
    Order {
        id: "machine".to_owned(),
        name: "machine".to_owned(),
        offer: Offer {
            shape: "gpu".to_owned(),
            zone: "a".to_owned(),
            market: Market::Spot,
        },
        tags: std::collections::BTreeMap::new(),
        user_data: user_data.to_owned(),
        asked: json!({}),
        token: None,
        parts: Vec::new(),
        life_seconds: None,
        ends_on_shutdown: true,
    }
}
