//! The worker's process on a real Apache Kafka broker: no job is lost, whatever ends it.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Cursor,
    path::Path,
    time::Duration,
};

use spillway_kafka::{BacklogSource, Cluster, ControlWriter, Fleet, GroupLag, KafkaConfig};
use spillway_tests::{
    Kafka, Origin, Page, Process, Signal, Topic, eventually_async, require_kafka, require_program,
};
use spillway_wire::{
    Control, DesiredState, ImageSource, Job, JobResult, Outcome, Phase, Reason, SCHEMA, UnixMs,
    topics,
};

/// Loading and warming the models takes seconds, and minutes where the machine is busy.
const SOON: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_secs(20);
const POOL: &str = "base";

/// Topics and a group of one test's own.
struct Line {
    brokers: String,
    group: String,
    jobs: Topic,
    dead_letters: Topic,
    results: Topic,
    workers: Topic,
    control: Topic,
}

fn now_ms() -> UnixMs {
    jiff::Timestamp::now().as_millisecond()
}

/// A small image that decodes.
fn png(shade: u8) -> Vec<u8> {
    let image = image::RgbImage::from_pixel(96, 64, image::Rgb([shade, 90, 160]));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

/// `count` good jobs, ids `name-0`, `name-1` ….
fn inline_jobs(name: &str, count: usize) -> Vec<Job> {
    (0..count)
        .map(|number| {
            let shade = u8::try_from(number % 256).unwrap();
            let image = ImageSource::Inline(png(shade));
            Job::new(format!("{name}-{number}"), now_ms(), image)
        })
        .collect()
}

// === impl Line ===

impl Line {
    async fn new(kafka: &Kafka) -> Self {
        let jobs = kafka.topic("jobs", 4).await;
        Self {
            brokers: kafka.brokers().to_owned(),
            group: kafka.name("workers"),
            dead_letters: kafka.topic_beside(&topics::dead_letters(jobs.name())).await,
            results: kafka.topic("results", 2).await,
            workers: kafka.compacted_topic("heartbeats", 1).await,
            control: kafka.compacted_topic("control", 1).await,
            jobs,
        }
    }

    /// Starts a worker; none where the program is not built.
    fn worker(&self, id: &str, more: &[&str]) -> Option<Process> {
        self.worker_on(self.jobs.name(), id, more)
    }

    /// The same, with other jobs.
    fn worker_on(&self, jobs: &str, id: &str, more: &[&str]) -> Option<Process> {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../worker/models/demo");
        let mut command = require_program("spillway-worker")?;
        command
            .arg("run")
            .args(["--brokers", &self.brokers])
            .args(["--group", &self.group])
            .args(["--topic", jobs])
            .args(["--results-topic", self.results.name()])
            .args(["--workers-topic", self.workers.name()])
            .args(["--control-topic", self.control.name()])
            .arg("--model-set")
            .arg(models)
            .args(["--worker-id", id, "--pool", POOL])
            .args(["--listen", "127.0.0.1:0", "--session-timeout", "6s"])
            .args(more);
        Some(Process::spawn(id, command).unwrap())
    }

    async fn send(&self, jobs: &[Job]) {
        for job in jobs {
            self.jobs.put(&job.id, Some(&job.encode())).await;
        }
    }

    /// Every result so far, by job.
    fn results(&self) -> BTreeMap<String, Vec<JobResult>> {
        let mut by_job: BTreeMap<String, Vec<JobResult>> = BTreeMap::new();
        for record in self.results.records().unwrap() {
            let value = record.value.expect("results are never tombstones");
            let result: JobResult = serde_json::from_slice(&value).unwrap();
            assert_eq!(record.key.as_deref(), Some(&*result.job_id));
            by_job
                .entry(result.job_id.clone())
                .or_default()
                .push(result);
        }
        by_job
    }

    async fn has_results(&self, count: usize) -> BTreeMap<String, Vec<JobResult>> {
        eventually_async(SOON, &format!("{count} jobs have a result"), || async {
            let results = self.results();
            match results.len() >= count {
                true => Ok(results),
                false => Err(format!("{} have", results.len())),
            }
        })
        .await
    }

    /// Lag of the group, if all of it could be read.
    async fn lag(&self) -> Result<u64, String> {
        let cluster = Cluster::new(KafkaConfig::new(&self.brokers)).unwrap();
        let source = GroupLag::new(cluster, &self.group, [self.jobs.name()], LOOK).unwrap();
        let reading = source.read().await;
        if reading.partitions.len() != 4 {
            return Err(format!("{reading:?}"));
        }
        let lags = reading.partitions.into_iter();
        lags.map(|read| read.offsets.map(|offsets| offsets.lag()))
            .sum()
    }

    async fn is_done(&self) {
        eventually_async(SOON, "the group has committed everything", || async {
            match self.lag().await? {
                0 => Ok(()),
                lag => Err(format!("lag {lag}")),
            }
        })
        .await;
    }
}

#[tokio::test]
async fn every_job_ends_in_one_result_and_sigterm_drains() {
    let Some(kafka) = require_kafka() else { return };
    let line = Line::new(&kafka).await;
    let origin = Origin::start().unwrap();
    let allowed = origin.address().to_string();
    let Some(mut worker) = line.worker("w1", &["--allow-origin", &allowed]) else {
        return;
    };

    let mut jobs = inline_jobs("inline", 40);
    for number in 0..40_u8 {
        let path = format!("/{number}.png");
        let uri = origin.put(&path, Page::new("image/png", png(number)));
        jobs.push(Job::new(
            format!("uri-{number}"),
            now_ms(),
            ImageSource::Uri(uri),
        ));
    }
    let elsewhere = Origin::start().unwrap();
    let bad = [
        (
            "text",
            Reason::UnsupportedFormat,
            ImageSource::Inline(b"no image at all".to_vec()),
        ),
        (
            "cut",
            Reason::CorruptImage,
            ImageSource::Inline(png(1)[..60].to_vec()),
        ),
        (
            "gone",
            Reason::NotFound,
            ImageSource::Uri(format!("http://{allowed}/gone.png")),
        ),
        (
            "page",
            Reason::UnsupportedFormat,
            ImageSource::Uri(origin.put("/page", Page::new("text/html", "<p>"))),
        ),
        (
            "private",
            Reason::FetchBlocked,
            ImageSource::Uri(elsewhere.put("/a.png", Page::new("image/png", png(1)))),
        ),
        (
            "private-by-redirect",
            Reason::FetchBlocked,
            ImageSource::Uri(origin.put(
                "/redirect",
                Page::redirect(format!("http://{}/a.png", elsewhere.address())),
            )),
        ),
    ];
    let reasons: BTreeMap<&str, Reason> =
        bad.iter().map(|(id, reason, _)| (*id, *reason)).collect();
    jobs.extend(
        bad.iter()
            .map(|(id, _, image)| Job::new(*id, now_ms(), image.clone())),
    );
    line.send(&jobs).await;

    line.has_results(jobs.len()).await;
    line.is_done().await;
    worker.signal(Signal::Term);
    assert!(worker.wait(SOON).success(), "a drain is no failure");

    let results = line.results();
    assert_eq!(results.len(), jobs.len());
    for (job, results) in &results {
        let [result] = results.as_slice() else {
            panic!("{job} has {} results", results.len());
        };
        let reason = result.error.as_ref().map(|error| error.reason);
        assert_eq!(reason, reasons.get(job.as_str()).copied(), "{job}");
        let expected = match reason {
            Some(_) => Outcome::Error,
            None => Outcome::Success,
        };
        assert_eq!(result.outcome, expected, "{job}");
    }
    assert_eq!(
        elsewhere.asked("/a.png"),
        0,
        "nothing private was contacted"
    );
    eprintln!(
        "{} dead letters",
        line.dead_letters.records().unwrap().len()
    );
}

#[tokio::test]
async fn a_killed_worker_loses_nothing() {
    let Some(kafka) = require_kafka() else { return };
    let line = Line::new(&kafka).await;
    let slowly = ["--max-images-per-second", "60"];
    let Some(mut first) = line.worker("w1", &slowly) else {
        return;
    };
    let jobs = inline_jobs("job", 300);
    line.send(&jobs).await;
    let before = line.has_results(40).await.len();
    first.signal(Signal::Kill);
    first.wait(SOON);
    assert!(before < jobs.len(), "killed in the middle, not after it");

    let mut second = line.worker("w2", &[]).expect("it was there just now");
    let results = line.has_results(jobs.len()).await;
    line.is_done().await;
    second.signal(Signal::Term);
    assert!(second.wait(SOON).success());

    let sent: BTreeSet<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    let answered: BTreeSet<&str> = results.keys().map(String::as_str).collect();
    assert_eq!(answered, sent);
    let mut duplicates = 0;
    for (job, results) in &line.results() {
        duplicates += results.len() - 1;
        let ids: BTreeSet<&str> = results.iter().map(|result| &*result.result_id).collect();
        assert_eq!(ids.len(), 1, "{job}: a repeat carries the same id");
    }
    eprintln!("{before} results before the kill, {duplicates} duplicates after it");
    assert!(duplicates <= 64, "{duplicates}: at most what was in flight");
}

#[tokio::test]
async fn a_control_record_drains_a_worker() {
    let Some(kafka) = require_kafka() else { return };
    let line = Line::new(&kafka).await;
    let cluster = Cluster::new(KafkaConfig::new(kafka.brokers())).unwrap();
    let fleet = Fleet::follow(cluster.clone(), line.workers.name()).unwrap();
    let slowly = ["--max-images-per-second", "40"];
    let Some(mut worker) = line.worker("w1", &slowly) else {
        return;
    };
    let phase = |expected: Phase| {
        let fleet = &fleet;
        move || async move {
            let snapshot = fleet.snapshot();
            let phases: Vec<Phase> = snapshot
                .workers
                .iter()
                .map(|seen| seen.heartbeat.phase)
                .collect();
            match snapshot.caught_up && phases == [expected] {
                true => Ok(()),
                false => Err(format!("{phases:?}")),
            }
        }
    };
    eventually_async(SOON, "the worker is ready", phase(Phase::Ready)).await;
    let jobs = inline_jobs("job", 400);
    line.send(&jobs).await;
    line.has_results(10).await;

    let drain = Control {
        schema: SCHEMA,
        token: 1,
        epoch: 0,
        group: None,
        partitions: None,
        state: DesiredState::Drain,
        drain_by_ms: Some(now_ms() + 60_000),
        lease_seconds: 900,
    };
    let writer = ControlWriter::new(cluster, line.control.name());
    writer.write("w1", &drain).await.unwrap();
    assert!(worker.wait(SOON).success(), "a drain is no failure");
    eventually_async(SOON, "it said that it stopped", phase(Phase::Stopped)).await;

    let answered = line.results();
    let lag = line.lag().await.unwrap();
    assert!(answered.values().all(|results| results.len() == 1));
    assert_eq!(
        answered.len() + usize::try_from(lag).unwrap(),
        jobs.len(),
        "what is not answered waits for another worker"
    );
    assert!(lag > 0, "drained in the middle, not after it");
}

/// What a worker answers on a path of its health server: the status and the text.
async fn health(worker: &Process, path: &str) -> Result<(u16, String), String> {
    let log = worker.log();
    let said = log.split("listening address=").nth(1);
    let address = said.and_then(|said| said.split_whitespace().next());
    let address = address.ok_or("it does not listen yet")?;
    let answer = reqwest::get(format!("http://{address}{path}")).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let status = answer.status().as_u16();
    let text = answer.text().await.map_err(|error| error.to_string())?;
    Ok((status, text))
}

#[tokio::test]
async fn a_worker_without_a_topic_of_jobs_is_not_ready_and_says_why() {
    let Some(kafka) = require_kafka() else { return };
    let line = Line::new(&kafka).await;
    let missing = kafka.name("not-made-yet");
    for (id, assignment) in [("grouped", "group"), ("told", "weighted")] {
        let jobs = format!("{missing}-{assignment}");
        let more = ["--assignment", assignment];
        let Some(mut worker) = line.worker_on(&jobs, id, &more) else {
            return;
        };
        let is = async |status: u16, words: &str, metric: &str| {
            eventually_async(SOON, &format!("{id}: {words}"), || async {
                let answer = health(&worker, "/readyz").await?;
                let (_, metrics) = health(&worker, "/metrics").await?;
                match answer.0 == status && answer.1.contains(words) && metrics.contains(metric) {
                    true => Ok(()),
                    false => Err(format!("{answer:?}")),
                }
            })
            .await;
        };
        let why = format!("there is no topic {jobs}");
        is(503, &why, "spillway_worker_ready 0\n").await;
        assert!(worker.log().contains("cannot be consumed"));
        let _made = kafka.topic_beside(&jobs).await;
        is(200, "ready", "spillway_worker_ready 1\n").await;
        worker.signal(Signal::Term);
        assert!(worker.wait(SOON).success());
    }
}
