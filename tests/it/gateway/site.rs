//! Gateways and workers of one test: topics, an object store, a secret, two tenants with keys.

use std::{fs, path::Path, path::PathBuf, time::Duration};

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::Value;
use spillway_tests::{Kafka, Process, Topic, eventually_async, require_program};

/// Loading and warming the models takes seconds, and minutes where the machine is busy.
pub(crate) const SOON: Duration = Duration::from_secs(240);
const RESULT_PARTITIONS: i32 = 6;

/// What gateways and workers of one test share.
pub(crate) struct Site {
    brokers: String,
    group: String,
    gateways: String,
    pub(crate) jobs: Topic,
    _dead_letters: Topic,
    pub(crate) results: Topic,
    pub(crate) videos: Topic,
    workers: Topic,
    control: Topic,
    folder: tempfile::TempDir,
    /// Variables of the replicas and workers that start from now on.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Keys of the tenant `acme`: one for everything, one for reading.
    pub(crate) key: String,
    pub(crate) reading_key: String,
    /// A key of the tenant `other`, which may send 5 images a second and 40 a day.
    pub(crate) other_key: String,
}

/// A replica.
pub(crate) struct Gateway {
    pub(crate) process: Process,
    pub(crate) url: String,
    /// Address of metrics and health.
    pub(crate) operators: String,
    client: Client,
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) body: Value,
}

// === impl Site ===

impl Site {
    /// None where the gateway is not built.
    pub(crate) async fn new(kafka: &Kafka) -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("spillway-gateway-")
            .tempdir()
            .unwrap();
        fs::create_dir(folder.path().join("store")).unwrap();
        let secret = folder.path().join("secret");
        let made = require_program("spillway-gateway")?
            .arg("secret")
            .arg(&secret)
            .status()
            .unwrap();
        assert!(made.success());
        let keys: Vec<(String, String)> = (0..3).map(|_| key(&secret)).collect();
        let tenants = format!(
            "apiVersion: spillway.dev/v1alpha1\n\
             kind: Tenants\n\
             spec:\n\
             \x20 tenants:\n\
             \x20 - name: acme\n\
             \x20   keys:\n\
             \x20   - {{hash: {}}}\n\
             \x20   - {{hash: {}, scopes: [read]}}\n\
             \x20 - name: other\n\
             \x20   imagesPerSecond: 1\n\
             \x20   imagesPerDay: 40\n\
             \x20   keys: [{{hash: {}}}]\n",
            keys[0].1, keys[1].1, keys[2].1
        );
        fs::write(folder.path().join("tenants.yaml"), tenants).unwrap();
        let jobs = kafka.topic("jobs", 4).await;
        let dead_letters = spillway_wire::topics::dead_letters(jobs.name());
        let mut keys = keys.into_iter().map(|(key, _)| key);
        Some(Self {
            brokers: kafka.brokers().to_owned(),
            group: kafka.name("workers"),
            gateways: kafka.name("gateways"),
            _dead_letters: kafka.topic_beside(&dead_letters).await,
            results: kafka.topic("results", RESULT_PARTITIONS).await,
            videos: kafka.topic("videos", 2).await,
            workers: kafka.compacted_topic("heartbeats", 1).await,
            control: kafka.compacted_topic("control", 1).await,
            jobs,
            folder,
            environment: Vec::new(),
            key: keys.next().unwrap(),
            reading_key: keys.next().unwrap(),
            other_key: keys.next().unwrap(),
        })
    }

    /// Gives the tenant `acme` a webhook, for replicas that start from now on.
    pub(crate) fn tell_acme_at(&self, url: &str) {
        let file = self.path("tenants.yaml");
        let tenants = fs::read_to_string(&file).unwrap();
        let name = "- name: acme\n";
        let tenants = tenants.replace(name, &format!("{name}    webhook: {url}\n"));
        fs::write(file, tenants).unwrap();
    }

    /// What `spillway-gateway webhook-key` prints.
    pub(crate) fn webhook_key(&self, tenant: &str) -> String {
        let printed = require_program("spillway-gateway")
            .expect("it was there just now")
            .args(["webhook-key", "--tenant", tenant, "--secret-file"])
            .arg(self.path("secret"))
            .output()
            .unwrap();
        String::from_utf8(printed.stdout).unwrap().trim().to_owned()
    }

    /// Jobs that a webhook is still to be told of.
    pub(crate) fn hooks(&self) -> usize {
        let days = fs::read_dir(self.path("store/hooks")).into_iter().flatten();
        days.flat_map(|day| fs::read_dir(day.unwrap().path()).unwrap())
            .count()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a replica and waits until it is ready.
    pub(crate) async fn gateway(&self, name: &str, more: &[&str]) -> Gateway {
        let mut command = require_program("spillway-gateway").expect("it was there just now");
        command
            .arg("run")
            .args(["--brokers", &self.brokers])
            .args(["--group", &self.gateways])
            .args(["--jobs-topic", self.jobs.name()])
            .args(["--results-topic", self.results.name()])
            .args(["--session-timeout", "6s", "--drain-grace", "100ms"])
            .args([
                "--listen",
                "127.0.0.1:0",
                "--operator-listen",
                "127.0.0.1:0",
            ])
            .arg("--secret-file")
            .arg(self.path("secret"))
            .arg("--tenants")
            .arg(self.path("tenants.yaml"))
            .arg("--object-store")
            .arg(self.path("store"))
            .arg("--model-set")
            .arg(models())
            .env("NO_COLOR", "1")
            .envs(self.environment.iter().cloned())
            .args(more);
        let process = Process::spawn(name, command).unwrap();
        let said = |words: &str| {
            let log = process.log();
            let said = log.split(words).nth(1);
            let address = said.and_then(|said| said.split_whitespace().next());
            address.map(str::to_owned).ok_or(log)
        };
        let address = eventually_async(SOON, "the gateway listens", || async {
            said("listening address=")
        })
        .await;
        let operators = eventually_async(SOON, "operators are served", || async {
            said("operator_address=")
        })
        .await;
        let scheme = if more.contains(&"--tls-cert") {
            "https"
        } else {
            "http"
        };
        let gateway = Gateway {
            process,
            url: format!("{scheme}://{address}"),
            operators,
            client: Client::builder()
                .tls_danger_accept_invalid_certs(true)
                .build()
                .unwrap(),
        };
        eventually_async(SOON, "the gateway is ready", || async {
            let ready = format!("http://{}/readyz", gateway.operators);
            let asked = gateway.client.get(ready);
            let answer = asked.send().await.map_err(|error| error.to_string())?;
            match answer.status() {
                StatusCode::OK => Ok(()),
                status => Err(format!("{status} {:?}", answer.text().await)),
            }
        })
        .await;
        gateway
    }

    /// Starts a replica that takes videos.
    pub(crate) async fn video_gateway(&self, name: &str, more: &[&str]) -> Gateway {
        let more = [&["--videos-topic", self.videos.name()], more].concat();
        self.gateway(name, &more).await
    }

    /// Starts a worker; none where the program is not built.
    pub(crate) fn worker(&self, id: &str, more: &[&str]) -> Option<Process> {
        let mut command = require_program("spillway-worker")?;
        command
            .arg("run")
            .args(["--brokers", &self.brokers])
            .args(["--group", &self.group])
            .args(["--topic", self.jobs.name()])
            .args(["--results-topic", self.results.name()])
            .args(["--workers-topic", self.workers.name()])
            .args(["--control-topic", self.control.name()])
            .arg("--model-set")
            .arg(models())
            .arg("--object-store")
            .arg(self.path("store"))
            .args(["--worker-id", id, "--listen", "127.0.0.1:0"])
            .args(["--session-timeout", "6s"])
            .envs(self.environment.iter().cloned())
            .args(more);
        Some(Process::spawn(id, command).unwrap())
    }
}

fn key(secret: &Path) -> (String, String) {
    let printed = require_program("spillway-gateway")
        .expect("it was there just now")
        .arg("key")
        .arg("--secret-file")
        .arg(secret)
        .output()
        .unwrap();
    let text = String::from_utf8(printed.stdout).unwrap();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().trim().to_owned()
    };
    (value("key:"), value("hash:"))
}

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../worker/models/demo")
}

// === impl Gateway ===

impl Gateway {
    pub(crate) fn post(&self, path: &str, key: &str) -> RequestBuilder {
        let asked = self.client.post(format!("{}{path}", self.url));
        asked.header("x-goog-api-key", key)
    }

    pub(crate) fn get(&self, path: &str, key: &str) -> RequestBuilder {
        let asked = self.client.get(format!("{}{path}", self.url));
        asked.header("x-goog-api-key", key)
    }

    /// A job, once it is done.
    pub(crate) async fn done(&self, id: &str, key: &str) -> Value {
        eventually_async(SOON, &format!("job {id} is done"), || async {
            let asked = self.get(&format!("/v1/jobs/{id}"), key);
            let answer = try_ask(asked).await?;
            match answer.body["status"] == "done" {
                true => Ok(answer.body),
                false => Err(format!("{answer:?}")),
            }
        })
        .await
    }

    /// Resident memory of the process, MiB.
    pub(crate) fn memory_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.unwrap().parse::<u64>().unwrap() / 1_024
    }
}

/// The whole answer to a request.
pub(crate) async fn ask(request: RequestBuilder) -> Answer {
    try_ask(request).await.unwrap()
}

/// The whole answer to a request, or why there is none.
pub(crate) async fn try_ask(request: RequestBuilder) -> Result<Answer, String> {
    let answer = request.send().await.map_err(|error| error.to_string())?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let bytes = answer.bytes().await.map_err(|error| error.to_string())?;
    Ok(Answer {
        status,
        headers,
        body: serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    })
}
