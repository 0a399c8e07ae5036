//! Model sets that change, or try to, while a worker serves: on a real broker, with real models.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::{
    collections::BTreeMap,
    fs,
    io::Cursor,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use spillway_tests::{
    Lease, Process, Signal, Topic, eventually_async, require_kafka, require_program,
};
use spillway_wire::{ImageSource, Job, JobResult, Outcome, topics};

/// Loading and warming the models takes seconds, and minutes where the machine is busy.
const SOON: Duration = Duration::from_secs(240);
/// Between two jobs of the stream that must not notice anything.
const EVERY: Duration = Duration::from_millis(100);

/// A worker on a copy of the demo's set, and the topics that it serves.
struct Bed {
    folder: tempfile::TempDir,
    worker: Process,
    jobs: Topic,
    results: Topic,
    sent: AtomicUsize,
    /// Only kept while the worker needs them.
    _others: [Topic; 3],
    _kafka: Lease,
}

fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../worker/models/demo")
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn png() -> Vec<u8> {
    let image = image::RgbImage::from_pixel(96, 64, image::Rgb([90, 140, 220]));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

// === impl Bed ===

impl Bed {
    /// None where there is no Kafka or no worker.
    async fn new() -> Option<Self> {
        let kafka = require_kafka()?;
        let mut command = require_program("spillway-worker")?;
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("golden")).unwrap();
        for part in ["", "golden"] {
            for entry in fs::read_dir(demo().join(part)).unwrap() {
                let from = entry.unwrap().path();
                if from.is_file() {
                    let to = folder.path().join(part).join(from.file_name().unwrap());
                    fs::copy(from, to).unwrap();
                }
            }
        }
        let jobs = kafka.topic("jobs", 1).await;
        let dead_letters = topics::dead_letters(jobs.name());
        let dead_letters = kafka.topic_beside(&dead_letters).await;
        let results = kafka.topic("results", 1).await;
        let workers = kafka.compacted_topic("heartbeats", 1).await;
        let control = kafka.compacted_topic("control", 1).await;
        command
            .args(["run", "--brokers", kafka.brokers()])
            .args(["--group", &kafka.name("workers")])
            .args(["--topic", jobs.name(), "--results-topic", results.name()])
            .args([
                "--workers-topic",
                workers.name(),
                "--control-topic",
                control.name(),
            ])
            .args(["--models", "humans,context", "--reload-every", "200ms"])
            .args(["--infer-threads", "1", "--device", "cpu"])
            .arg("--model-set")
            .arg(folder.path());
        let worker = Process::spawn("worker", command).unwrap();
        Some(Self {
            folder,
            worker,
            jobs,
            results,
            sent: AtomicUsize::new(0),
            _others: [dead_letters, workers, control],
            _kafka: kafka,
        })
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    /// Puts files where they are, whole at every moment, as a person should.
    fn put(&self, file: &str, bytes: &[u8]) {
        let beside = self.path("beside");
        fs::write(&beside, bytes).unwrap();
        fs::rename(beside, self.path(file)).unwrap();
    }

    async fn send(&self) {
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let job = Job::new(format!("job-{number}"), now_ms, ImageSource::Inline(png()));
        self.jobs.put(&job.id, Some(&job.encode())).await;
    }

    fn answered(&self) -> Vec<JobResult> {
        let records = self.results.records().unwrap().into_iter();
        records
            .map(|record| serde_json::from_slice(&record.value.unwrap()).unwrap())
            .collect()
    }

    /// A job that is sent now, and the model set that answers it.
    async fn served_by(&self) -> String {
        self.send().await;
        let id = format!("job-{}", self.sent.load(Ordering::Relaxed) - 1);
        eventually_async(SOON, "the job has a result", || async {
            let mut results = self.answered().into_iter();
            let result = results.find(|result| result.job_id == id);
            result.map(|it| it.model_set).ok_or("not yet".to_owned())
        })
        .await
    }

    /// Waits until the log, from `from` on, has a line with all of `parts`.
    async fn says(&self, from: usize, parts: &[&str]) {
        eventually_async(SOON, &format!("the log says {parts:?}"), || async {
            let log = self.worker.log();
            let mut lines = log[from..].lines();
            match lines.any(|line| parts.iter().all(|part| line.contains(part))) {
                true => Ok(()),
                false => Err(log[from..].to_owned()),
            }
        })
        .await;
    }
}

/// What spoils a set: its name, what it does to the files, and what the refusal must say.
type Spoiling = (&'static str, fn(&Bed, &str), [&'static str; 3]);

const SPOILINGS: [Spoiling; 5] = [
    (
        "a flipped bit",
        |bed, _| {
            let mut bytes = fs::read(demo().join("context.pt")).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            bed.put("context.pt", &bytes);
        },
        ["model `context`", "context.pt", "SHA-256"],
    ),
    (
        "a truncated file",
        |bed, _| {
            let bytes = fs::read(demo().join("faces.pt")).unwrap();
            bed.put("faces.pt", &bytes[..bytes.len() / 3]);
        },
        ["model `faces`", "faces.pt", "SHA-256"],
    ),
    (
        "a truncated file that somebody vouches for",
        |bed, manifest| {
            let bytes = fs::read(demo().join("faces.pt")).unwrap();
            let cut = &bytes[..bytes.len() / 3];
            bed.put("faces.pt", cut);
            let vouched = manifest.replace(&sha256(&bytes), &sha256(cut));
            bed.put("modelset.yaml", vouched.as_bytes());
        },
        ["model `faces`", "faces.pt", "cannot be loaded"],
    ),
    (
        "another network",
        |bed, manifest| {
            let faces = fs::read(demo().join("faces.pt")).unwrap();
            let context = fs::read(demo().join("context.pt")).unwrap();
            bed.put("faces.pt", &context);
            let vouched = manifest.replace(&sha256(&faces), &sha256(&context));
            bed.put("modelset.yaml", vouched.as_bytes());
        },
        ["model `faces`", "faces.pt", "does not answer as declared"],
    ),
    (
        "other labels",
        |bed, manifest| {
            let changed = manifest.replace("[female, male]", "[male, female]");
            bed.put("modelset.yaml", changed.as_bytes());
        },
        [
            "model `face-attributes`",
            "face_attributes.pt",
            "golden image",
        ],
    ),
];

#[tokio::test]
async fn a_set_that_is_not_what_it_says_is_refused_and_the_old_one_keeps_serving() {
    let Some(mut bed) = Bed::new().await else {
        return;
    };
    let before = bed.served_by().await;
    let is_over = AtomicBool::new(false);
    let stream = async {
        while !is_over.load(Ordering::Relaxed) {
            bed.send().await;
            tokio::time::sleep(EVERY).await;
        }
    };
    let story = async {
        let manifest = fs::read_to_string(demo().join("modelset.yaml")).unwrap();
        for (name, spoil, says) in SPOILINGS {
            eprintln!("{name}");
            let from = bed.worker.log().len();
            spoil(&bed, &manifest);
            let refused = ["model set refused, the one before keeps serving"];
            bed.says(from, &[&refused[..], &says[..]].concat()).await;
            assert_eq!(bed.served_by().await, before, "{name}");
            let from = bed.worker.log().len();
            for file in [
                "context.pt",
                "faces.pt",
                "face_attributes.pt",
                "modelset.yaml",
            ] {
                bed.put(file, &fs::read(demo().join(file)).unwrap());
            }
            bed.says(from, &["model set is the same as before"]).await;
        }
        let from = bed.worker.log().len();
        let better = manifest.replace("threshold: 0.34", "threshold: 0.4");
        bed.put("modelset.yaml", better.as_bytes());
        bed.says(from, &["model set changed"]).await;
        let after = bed.served_by().await;
        is_over.store(true, Ordering::Relaxed);
        after
    };
    let ((), after) = tokio::join!(stream, story);
    assert_ne!(after, before);

    let sent = bed.sent.load(Ordering::Relaxed);
    eventually_async(SOON, "every job has a result", || async {
        match bed.answered().len() {
            count if count >= sent => Ok(()),
            count => Err(format!("{count} of {sent}")),
        }
    })
    .await;
    let mut by_set: BTreeMap<String, usize> = BTreeMap::new();
    for result in bed.answered() {
        assert_eq!(result.outcome, Outcome::Success, "{result:?}");
        *by_set.entry(result.model_set).or_default() += 1;
    }
    assert_eq!(
        by_set.values().sum::<usize>(),
        sent,
        "one result a job: {by_set:?}"
    );
    assert_eq!(
        by_set.len(),
        2,
        "only the two good sets answered: {by_set:?}"
    );
    assert!(by_set.contains_key(&before) && by_set.contains_key(&after));
    bed.worker.signal(Signal::Term);
    assert!(bed.worker.wait(SOON).success());
}
