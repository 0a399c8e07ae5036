//! Controller and worker from their images, on a real broker: a job in, a result out, a clean end.

use std::io::Cursor;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;
use spillway_tests::{Kafka, Process, Signal, eventually, eventually_async, program};
use spillway_wire::{ImageSource, Job, Outcome, topics};

use crate::root;

/// Loading and warming the models takes seconds, and minutes where the machine is busy.
const SOON: Duration = Duration::from_secs(240);
const JOBS: usize = 8;

const POLICY: &str = r#"
apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {name: recognition}
spec:
  source:
    kafka:
      bootstrapServers: ["BROKERS"]
      consumerGroup: spillway-workers
      topics: [{name: spillway.jobs}]
  objective: {drainWithin: 15m}
  base: {static: {workers: 1}, pricePerWorkerHour: 0, throughputPerWorker: 20}
"#;

/// An image with a file system of its own; gone when dropped.
struct Container {
    name: String,
    folder: PathBuf,
    /// `NAME=VALUE` as the image says.
    environment: Vec<String>,
    /// The image's program.
    entrypoint: Vec<String>,
}

/// Prints why a test is skipped; panics where `CI` is set.
fn skip<T>(why: &str) -> Option<T> {
    assert!(
        std::env::var_os("CI").is_none(),
        "CI must run this test, but {why}"
    );
    eprintln!("skipped: {why}");
    None
}

fn text(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

fn buildah(arguments: &[&str]) -> String {
    let output = Command::new("buildah").args(arguments).output().unwrap();
    assert!(
        output.status.success(),
        "buildah {arguments:?}: {}",
        text(&output)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Names of the images of controller and worker, built of the programs that this build made.
fn build() -> Option<(String, String)> {
    if Command::new("buildah").arg("--version").output().is_err() {
        return skip("there is no buildah; tests/testbed/packages.sh images installs it");
    }
    let folder = match program("spillway") {
        Ok(program) => program.parent().unwrap().to_owned(),
        Err(why) => return skip(&why),
    };
    let script = root().join("charts/images.sh");
    let output = Command::new(script).arg(folder).output().unwrap();
    if !output.status.success() {
        return skip(&text(&output));
    }
    let names = String::from_utf8(output.stdout).unwrap();
    let mut names = names.lines().map(str::to_owned);
    Some((names.next().unwrap(), names.next().unwrap()))
}

fn texts(value: &Value) -> Vec<String> {
    let values = value.as_array().unwrap().iter();
    values.map(|it| it.as_str().unwrap().to_owned()).collect()
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

fn png() -> Vec<u8> {
    let image = image::RgbImage::from_pixel(96, 64, image::Rgb([200, 90, 160]));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

/// Status and body that `path` answers with; nothing while nobody listens.
async fn get(address: &str, path: &str) -> Result<(u16, String), String> {
    let answer = reqwest::get(format!("http://{address}{path}"))
        .await
        .map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    Ok((status, answer.text().await.map_err(|it| it.to_string())?))
}

// === impl Container ===

impl Container {
    fn of(image: &str) -> Self {
        let inspected = buildah(&["inspect", "--type", "image", image]);
        let inspected: Value = serde_json::from_str(&inspected).unwrap();
        let config = &inspected["OCIv1"]["config"];
        assert_eq!(config["User"], "65532:65532", "{image}");
        assert!(
            config["ExposedPorts"].get("8080").is_some()
                || config["ExposedPorts"].get("8080/tcp").is_some(),
            "{image}: {config}"
        );
        let name = buildah(&["from", "--pull-never", image]);
        let folder = PathBuf::from(buildah(&["mount", &name]));
        Self {
            name,
            folder,
            environment: texts(&config["Env"]),
            entrypoint: texts(&config["Entrypoint"]),
        }
    }

    /// Its program with `arguments`, in an environment that says more than the image.
    fn command(&self, mounts: &[&str], environment: &[&str], arguments: &[&str]) -> Command {
        let mut command = self.bare(mounts, environment);
        command.args(&self.entrypoint).args(arguments);
        command
    }

    /// Whatever program comes next.
    fn bare(&self, mounts: &[&str], environment: &[&str]) -> Command {
        let mut command = Command::new(root().join("tests/testbed/container.sh"));
        command.arg(&self.folder).args(mounts).arg("--");
        command.args(&self.environment).args(environment);
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("buildah").args(["rm", &self.name]).output();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn controller_and_worker_do_their_jobs_with_a_root_that_nobody_can_write() {
    let Some((controller, worker)) = build() else {
        return;
    };
    let kafka = match Kafka::start() {
        Ok(kafka) => kafka,
        Err(why) => return skip(&format!("{why:#}")).unwrap_or_default(),
    };
    let jobs = kafka.topic_beside(topics::JOBS).await;
    let results = kafka.topic_beside(topics::RESULTS).await;
    for topic in [topics::WORKERS, topics::CONTROL, "spillway.jobs.dlq"] {
        kafka.topic_beside(topic).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let policy = folder.path().join("policy.yaml");
    std::fs::write(&policy, POLICY.replace("BROKERS", kafka.brokers())).unwrap();

    let (controller, worker) = (Container::of(&controller), Container::of(&worker));
    let brokers = format!("SPILLWAY_BROKERS={}", kafka.brokers());
    let worker_at = free_address();
    let mut working = Process::spawn(
        "worker",
        worker.command(
            &["--tmpfs", "/tmp"],
            &[&brokers, &format!("SPILLWAY_LISTEN={worker_at}")],
            &["run"],
        ),
    )
    .unwrap();
    let controller_at = free_address();
    let mount = format!("{}:/etc/spillway/policy.yaml", policy.display());
    let mut controlling = Process::spawn(
        "controller",
        controller.command(
            &["--tmpfs", "/var/lib/spillway", "--mount", &mount],
            &[
                "SPILLWAY_POLICY=/etc/spillway/policy.yaml",
                &format!("SPILLWAY_LISTEN={controller_at}"),
            ],
            &["run"],
        ),
    )
    .unwrap();

    for number in 0..JOBS {
        let image = ImageSource::Inline(png());
        let now = jiff::Timestamp::now().as_millisecond();
        let job = Job::new(format!("job-{number}"), now, image);
        jobs.put(&job.id, Some(&job.encode())).await;
    }
    eventually_async(SOON, "every job has a result", || async {
        let found = results.records().map_err(|it| format!("{it:#}"))?;
        for record in &found {
            let result: spillway_wire::JobResult =
                serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
            assert_eq!(result.outcome, Outcome::Success, "{result:?}");
        }
        let keys: std::collections::BTreeSet<_> = found.into_iter().map(|it| it.key).collect();
        if keys.len() == JOBS {
            Ok(())
        } else {
            Err(format!("{} results", keys.len()))
        }
    })
    .await;
    eventually_async(SOON, "the controller sees the worker", || async {
        let (status, body) = get(&controller_at, "/api/v1/state").await?;
        let state: Value = serde_json::from_str(&body).map_err(|it| it.to_string())?;
        let ready = &state["policies"][0]["pools"][0]["ready"];
        if status == 200 && *ready == 1 {
            Ok(())
        } else {
            Err(format!("{status}: {ready} ready"))
        }
    })
    .await;

    // What `helm test` runs, in the image that it runs in.
    let script = std::fs::read_to_string(root().join("charts/spillway/files/ready.sh")).unwrap();
    let ask = |at: &str| {
        let mut asking = controller.bare(&[], &[&format!("CONTROLLERS={at}")]);
        asking.args(["bash", "-ec", &script]).output().unwrap()
    };
    let asked = ask(&controller_at);
    assert!(asked.status.success(), "{}", text(&asked));
    assert!(!ask(&free_address()).status.success(), "nobody is there");

    for process in [&mut working, &mut controlling] {
        process.signal(Signal::Term);
        let ended = process.wait(SOON);
        assert!(ended.success(), "{ended}: {}", process.log());
    }
}

#[test]
fn a_worker_says_that_there_is_no_gpu() {
    let Some((_, worker)) = build() else {
        return;
    };
    let worker = Container::of(&worker);
    let process = Process::spawn(
        "worker",
        worker.command(
            &["--tmpfs", "/tmp"],
            &["SPILLWAY_BROKERS=127.0.0.1:1", "SPILLWAY_DEVICE=cuda"],
            &["run"],
        ),
    );
    let mut process = process.unwrap();
    assert!(!process.wait(SOON).success());
    eventually(SOON, "it says why", || {
        if process
            .log()
            .contains("GPU 0 was asked for, and libtorch is built without CUDA")
        {
            Ok(())
        } else {
            Err(process.log())
        }
    });
}
