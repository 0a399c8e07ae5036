//! Kafka, four clouds whose machines run workers, a backlog, and credentials for all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::json;
use spillway_cloud::user_data::{Boot, Cloud, Program};
use spillway_cloud::{LaunchRequest, WorkerSpec, tags};
use spillway_emulators::runner::Runner;
use spillway_emulators::state::{Bill, Order};
use spillway_emulators::{CloudKind, Emulators, Market, Offer, Phase, World};
use spillway_kafka::{Cluster, Fleet, KafkaConfig, TopicSpec};
use spillway_tests::{Kafka, Process, Topic, eventually_async, require_kafka, require_program};
use spillway_wire::{ImageSource, Job, topics};
use tokio::sync::{Mutex, MutexGuard};

pub(crate) const SOON: Duration = Duration::from_secs(180);
/// Short, and yet long enough for a worker on a busy machine to renew it in time.
pub(crate) const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// What a busy machine may take to see that a lease is over.
const SLACK: SignedDuration = SignedDuration::from_secs(30);
const PARTITIONS: i32 = 8;
/// More than the workers do in any of these stories.
const JOBS: usize = 4_000;
/// Images a second of each worker.
const RATE: &str = "10";
const OWNER: &str = "tests";
/// Clouds whose machines the controller buys.
pub(crate) const BOUGHT: [CloudKind; 3] = [CloudKind::Oci, CloudKind::Gce, CloudKind::Azure];
const GROUP: &str = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups";

/// Kafka, four clouds that run workers, and a backlog.
pub(crate) struct Bed {
    pub(crate) kafka: Kafka,
    jobs: Topic,
    fleet: Fleet,
    pub(crate) emulators: Emulators,
    /// How far the clouds' clock is ahead of ours, in seconds.
    pub(crate) ahead: Arc<AtomicI64>,
    folder: tempfile::TempDir,
    _machine: MutexGuard<'static, ()>,
}

// === impl Bed ===

impl Bed {
    /// None where a program or Kafka cannot be had.
    pub(crate) async fn new() -> Option<Self> {
        /// They take the machine: one at a time.
        static MACHINE: Mutex<()> = Mutex::const_new(());
        require_kafka()?;
        require_program("spillway")?;
        let worker = require_program("spillway-worker")?;
        let machine = MACHINE.lock().await;
        let kafka = Kafka::start().unwrap();
        let cluster = Cluster::new(KafkaConfig::new(kafka.brokers())).unwrap();
        let specs = [topics::WORKERS, topics::CONTROL].map(|name| TopicSpec::compacted(name, 1));
        cluster.ensure(&specs, SOON).await.unwrap();
        let jobs = kafka.topic("jobs", PARTITIONS).await;
        kafka.topic_beside(topics::RESULTS).await;
        let folder = tempfile::tempdir().unwrap();
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../worker/models/demo");
        let program = worker.get_program().to_str().unwrap().to_owned();
        let models = models.to_str().unwrap();
        let command = [
            &program,
            "run",
            "--model-set",
            models,
            "--device",
            "none",
            "--infer-threads",
            "1",
            "--decode-threads",
            "1",
            "--max-images-per-second",
            RATE,
            "--listen",
            "127.0.0.1:0",
        ];
        let runner = Runner {
            command: command.map(str::to_owned).to_vec(),
            folder: folder.path().join("machines"),
        };
        let ahead = Arc::new(AtomicI64::new(0));
        let seconds = Arc::clone(&ahead);
        let world = World::new(Arc::new(move || {
            Timestamp::now() + SignedDuration::from_secs(seconds.load(Ordering::Relaxed))
        }));
        let emulators = Emulators::start(world, Some(runner)).await.unwrap();
        let bed = Self {
            fleet: Fleet::follow(cluster, topics::WORKERS).unwrap(),
            kafka,
            jobs,
            emulators,
            ahead,
            folder,
            _machine: machine,
        };
        bed.write_credentials();
        bed.send().await;
        Some(bed)
    }

    async fn send(&self) {
        let producer: FutureProducer = self.kafka.client().set("linger.ms", "5").create().unwrap();
        let mut file = std::io::Cursor::new(Vec::new());
        let image = image::RgbImage::from_pixel(16, 12, image::Rgb([40, 90, 160]));
        image.write_to(&mut file, image::ImageFormat::Png).unwrap();
        let mut waiting = Vec::new();
        for number in 0..JOBS {
            let id = format!("job-{number}");
            let now_ms = Timestamp::now().as_millisecond();
            let image = ImageSource::Inline(file.get_ref().clone());
            let value = Job::new(&id, now_ms, image).encode();
            let record = FutureRecord::to(self.jobs.name())
                .partition(i32::try_from(number).unwrap() % PARTITIONS)
                .key(&id)
                .payload(&value);
            waiting.push(
                producer
                    .send_result(record)
                    .map_err(|(error, _)| error)
                    .unwrap(),
            );
        }
        for delivery in waiting {
            delivery.await.unwrap().unwrap();
        }
    }

    pub(crate) fn file(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The public part of whoever asks OCI and GCE.
    pub(crate) fn public_key(&self) -> String {
        let key = std::process::Command::new("openssl")
            .args(["pkey", "-pubout", "-in"])
            .arg(self.file("key.pem"))
            .output()
            .unwrap();
        String::from_utf8(key.stdout).unwrap()
    }

    /// Keys as people have them, made for this run.
    fn write_credentials(&self) {
        let key = std::process::Command::new("openssl")
            .args([
                "genpkey",
                "-algorithm",
                "RSA",
                "-pkeyopt",
                "rsa_keygen_bits:2048",
            ])
            .output()
            .unwrap();
        assert!(key.status.success(), "openssl makes a key");
        let pem = String::from_utf8(key.stdout).unwrap();
        std::fs::write(self.file("key.pem"), &pem).unwrap();
        let oci = format!(
            "[DEFAULT]\nuser=u\ntenancy=t\nfingerprint=f\nregion=us-phoenix-1\nkey_file={}\n",
            self.file("key.pem").display()
        );
        std::fs::write(self.file("oci"), oci).unwrap();
        let gcp = json!({
            "type": "service_account", "private_key_id": "k", "private_key": pem,
            "client_email": "us@p.iam.gserviceaccount.com",
            "token_uri": format!("{}/token", self.emulators.addresses.gce),
        });
        std::fs::write(self.file("gcp.json"), gcp.to_string()).unwrap();
    }

    fn policy(&self) -> String {
        let addresses = &self.emulators.addresses;
        let pool = |name: &str, provider: String, price: &str| {
            format!(
                "      - {{name: {name}, provider: {{{provider}}}, pricePerHour: {price}, bootTime: 2s, throughputPerWorker: 10, max: 2}}\n"
            )
        };
        let pools = [
            pool("oci", format!("oci: {{region: us-phoenix-1, availabilityDomain: \"Uocm:PHX-AD-1\", compartmentId: ocid1.compartment.oc1..c, shape: VM.GPU.A10.1, imageId: ocid1.image.oc1.phx.i, subnetId: ocid1.subnet.oc1.phx.s, endpoint: \"{}\"}}", addresses.oci), "0.30"),
            pool("gce", format!("gcp: {{project: my-project, zone: us-central1-a, machineType: g2-standard-4, image: projects/my-project/global/images/family/worker, subnetwork: regions/us-central1/subnetworks/default, serviceAccount: worker@my-project.iam.gserviceaccount.com, endpoint: \"{}\"}}", addresses.gce), "0.40"),
            pool("azure", format!("azure: {{subscription: 00000000-0000-0000-0000-000000000000, resourceGroup: burst, region: eastus, vmSize: Standard_NC4as_T4_v3, image: {GROUP}/images/providers/Microsoft.Compute/images/worker, subnetId: {GROUP}/burst/providers/Microsoft.Network/virtualNetworks/v/subnets/s, identity: {GROUP}/burst/providers/Microsoft.ManagedIdentity/userAssignedIdentities/worker, sshPublicKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExampleExampleExampleExampleExampleExampleExam, endpoint: \"{}\"}}", addresses.azure), "0.50"),
        ]
        .concat();
        let (brokers, jobs) = (self.kafka.brokers(), self.jobs.name());
        format!(
            "apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {{name: recognition}}
spec:
  source:
    kafka:
      bootstrapServers: [\"{brokers}\"]
      consumerGroup: workers
      assignment: Group
      topics: [{{name: {jobs}}}]
  objective: {{drainWithin: 60s}}
  base: {{static: {{workers: 1}}, pricePerWorkerHour: 0.64, throughputPerWorker: 10}}
  burst:
    maxWorkers: 6
    join:
      bootstrapServers: [\"{brokers}\"]
      image: registry.example.com/spillway-worker@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
      modelSet: {{uri: \"https://models.example.com/set-7.tar.gz\", sha256: 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef}}
      secretFrom:
        azure: https://spillway.vault.azure.net/secrets/worker
        gcp: projects/my-project/secrets/spillway-worker/versions/latest
        oci: ocid1.vaultsecret.oc1.phx.amaaaaaaexample
    pools:
{pools}  budget: {{perHour: 40, perDay: 400}}
  behavior: {{staleAfter: 30s, drainTimeout: 10s, deadManLease: {}s}}
",
            LEASE.as_secs()
        )
    }

    pub(crate) fn command(&self, verb: &str) -> std::process::Command {
        let path = self.file("policy.yaml");
        std::fs::write(&path, self.policy()).unwrap();
        let mut command = require_program("spillway").expect("it was there just now");
        command
            .arg(verb)
            .arg("--policy")
            .arg(path)
            .args(["--owner", OWNER])
            .env("OCI_CLI_AUTH", "api_key")
            .env("OCI_CLI_CONFIG_FILE", self.file("oci"))
            .env("GOOGLE_APPLICATION_CREDENTIALS", self.file("gcp.json"))
            .env("AZURE_TENANT_ID", "t")
            .env("AZURE_CLIENT_ID", "c")
            .env("AZURE_CLIENT_SECRET", "s");
        command
    }

    pub(crate) fn controller(&self) -> Process {
        let mut command = self.command("run");
        command
            .arg("--state")
            .arg(self.file("state"))
            .args(["--listen", "127.0.0.1:0"]);
        Process::spawn("controller", command).unwrap()
    }

    /// A machine on AWS, with the user data that its adapter would send.
    pub(crate) fn launch_on_aws(&self) {
        let boot = Boot {
            cloud: Cloud::Aws,
            region: "us-east-1".to_owned(),
            api: None,
            program: Program::Image("registry.example.com/worker@sha256:0".to_owned()),
            model_set: None,
            secret: None,
            first_lease: LEASE.unsigned_abs(),
        };
        let environment = [
            ("SPILLWAY_BROKERS", self.kafka.brokers()),
            ("SPILLWAY_GROUP", "workers"),
            ("SPILLWAY_TOPICS", self.jobs.name()),
        ];
        let request = LaunchRequest {
            owner: OWNER.to_owned(),
            policy: "another".to_owned(),
            pool: "aws".to_owned(),
            intent: "aws-00001".to_owned(),
            attempt: 1,
            worker: WorkerSpec {
                command: vec!["spillway-worker".to_owned(), "run".to_owned()],
                environment: environment
                    .map(|(key, value)| (key.to_owned(), value.to_owned()))
                    .into(),
            },
            lease: LEASE.unsigned_abs(),
        };
        let order = Order {
            id: "i-0123456789abcdef0".to_owned(),
            name: tags::name(&request),
            offer: Offer {
                shape: "g6.xlarge".to_owned(),
                zone: "us-east-1a".to_owned(),
                market: Market::Spot,
            },
            tags: tags::of(&request, "spec"),
            user_data: boot.user_data()(&request),
            asked: json!({}),
            token: None,
            parts: Vec::new(),
            life_seconds: None,
            ends_on_shutdown: true,
        };
        let world = &self.emulators.world;
        world.with(CloudKind::Aws, |cloud, now| {
            cloud.launch(now, order, None).unwrap()
        });
    }

    pub(crate) fn bills(&self, kind: CloudKind) -> Vec<Bill> {
        self.emulators
            .world
            .with(kind, |cloud, now| cloud.bills(now))
    }

    fn running(&self, kind: CloudKind) -> usize {
        self.emulators.world.with(kind, |cloud, now| {
            let machines = cloud.machines.values();
            machines
                .filter(|machine| machine.phase(now) == Phase::Running)
                .count()
        })
    }

    /// Every cloud has a machine whose worker is heard.
    pub(crate) async fn is_bought(&self, clouds: &[CloudKind]) {
        eventually_async(SOON, "every cloud has machines that work", async || {
            let counts: Vec<usize> = clouds.iter().map(|kind| self.running(*kind)).collect();
            let workers = self.fleet.snapshot().workers.into_iter();
            let pools: BTreeSet<String> = workers.map(|seen| seen.heartbeat.pool).collect();
            if counts.iter().all(|count| *count > 0) && pools.len() >= clouds.len() {
                Ok(())
            } else {
                Err(format!("{counts:?}, heard of {pools:?}"))
            }
        })
        .await;
    }

    /// Every bill ends, and none later than its lease allows after `since`.
    pub(crate) async fn bills_end(&self, since: Timestamp, clouds: &[CloudKind]) {
        let open = || {
            let bills = clouds.iter().flat_map(|kind| self.bills(*kind));
            bills.filter(|bill| bill.until.is_none()).count()
        };
        eventually_async(SOON, "every bill ends", async || match open() {
            0 => Ok(()),
            open => Err(format!("{open} go on")),
        })
        .await;
        for kind in clouds {
            let bills = self.bills(*kind);
            assert!(!bills.is_empty(), "{kind:?} had machines");
            for bill in bills {
                let after = bill.until.unwrap().duration_since(since);
                assert!(
                    after <= LEASE + SLACK,
                    "{kind:?}: {} after {after:#}",
                    bill.id
                );
            }
        }
    }

    /// No intent ever had two machines.
    pub(crate) fn one_machine_per_intent(&self) -> usize {
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        for kind in BOUGHT {
            self.emulators.world.with(kind, |cloud, _| {
                for machine in cloud.machines.values() {
                    let intent = machine.tags["spillway-intent"].clone();
                    let first = seen.insert(intent.clone(), machine.id.clone());
                    assert_eq!(first, None, "{intent} has two machines");
                }
            });
        }
        seen.len()
    }
}
