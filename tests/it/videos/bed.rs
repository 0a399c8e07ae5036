//! Topics, an origin and workers of one test's own.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use spillway_tests::{
    Kafka, Origin, Page, Process, Topic, blank_model_set, eventually_async, require_program,
};
use spillway_wire::{JobResult, VIDEO_SUBSET, Video, topics};

/// What is waited for takes seconds, and minutes where the machine is busy.
pub(crate) const SOON: Duration = Duration::from_secs(400);

/// Partitions of the topic of videos.
const PARTITIONS: i32 = 2;

pub(crate) struct Bed {
    brokers: String,
    group: String,
    videos_group: String,
    pub(crate) origin: Origin,
    pub(crate) videos: Topic,
    pub(crate) dead_letters: Topic,
    pub(crate) jobs: Topic,
    pub(crate) results: Topic,
    heartbeats: Topic,
    control: Topic,
    /// Holds the model set.
    folder: tempfile::TempDir,
}

/// Whether ffmpeg is there; where it is not, the test is to return.
pub(crate) fn require_ffmpeg() -> Option<()> {
    let is_there = |program: &str| Command::new(program).arg("-version").output().is_ok();
    if is_there("ffmpeg") && is_there("ffprobe") {
        return Some(());
    }
    let why = "there is no ffmpeg; tests/testbed/packages.sh videos installs it";
    assert!(
        std::env::var_os("CI").is_none(),
        "CI must run this test, but {why}"
    );
    eprintln!("skipped: {why}");
    None
}

/// A file that ffmpeg draws.
pub(crate) fn draw(name: &str, lavfi: &str, encoded: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let drawn = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", lavfi])
        .args(encoded)
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&drawn.stderr);
    assert!(drawn.status.success(), "{name}: {said}");
    std::fs::read(path).unwrap()
}

// === impl Bed ===

impl Bed {
    pub(crate) async fn new(kafka: &Kafka) -> Self {
        let videos = kafka.topic("videos", PARTITIONS).await;
        let folder = tempfile::tempdir().unwrap();
        blank_model_set(folder.path(), (160, 90)).unwrap();
        Self {
            brokers: kafka.brokers().to_owned(),
            group: kafka.name("workers"),
            videos_group: kafka.name("videos"),
            origin: Origin::start().unwrap(),
            dead_letters: kafka
                .topic_beside(&topics::dead_letters(videos.name()))
                .await,
            videos,
            jobs: kafka.topic("jobs", 2).await,
            results: kafka.topic("results", 2).await,
            heartbeats: kafka.compacted_topic("heartbeats", 1).await,
            control: kafka.compacted_topic("control", 1).await,
            folder,
        }
    }

    /// Where a file is served from, by an address that workers may contact.
    pub(crate) fn serve(&self, path: &str, file: &[u8]) -> String {
        self.origin.put(path, Page::new("video/mp4", file))
    }

    /// Starts a worker that takes videos; none where the program is not built.
    pub(crate) fn worker(&self, id: &str, more: &[&str]) -> Option<Process> {
        let mut command = require_program("spillway-worker")?;
        let allowed = self.origin.address().to_string();
        command
            .arg("run")
            .args(["--brokers", &self.brokers, "--group", &self.group])
            .args(["--topic", self.jobs.name()])
            .args(["--results-topic", self.results.name()])
            .args(["--workers-topic", self.heartbeats.name()])
            .args(["--control-topic", self.control.name()])
            .args(["--device", "none", "--model-set"])
            .arg(self.folder.path())
            .args([
                "--worker-id",
                id,
                "--listen",
                "127.0.0.1:0",
                "--log",
                "json",
            ])
            .args(["--session-timeout", "6s", "--allow-origin", &allowed])
            .args(["--videos", "--videos-topic", self.videos.name()])
            .args(["--videos-group", &self.videos_group])
            .args(more);
        Some(Process::spawn(id, command).unwrap())
    }

    pub(crate) async fn send(&self, video: &Video) {
        self.videos.put(&video.id, Some(&video.encode())).await;
    }

    pub(crate) async fn send_traced(&self, video: &Video, trace: &str) {
        let headers = [("traceparent", trace)];
        self.videos
            .put_with(&video.id, Some(&video.encode()), &headers)
            .await;
    }

    fn read(&self) -> impl Iterator<Item = JobResult> {
        let records = self.results.records().unwrap().into_iter();
        records.map(|record| JobResult::decode(&record.value.unwrap()).unwrap())
    }

    pub(crate) fn has_answer(&self, id: &str) -> bool {
        self.read().any(|result| result.job_id == id)
    }

    /// The answers to so many videos, once they are there.
    pub(crate) async fn answers(&self, count: usize) -> BTreeMap<String, JobResult> {
        eventually_async(SOON, &format!("{count} videos are answered"), || async {
            let of_videos = self.read().filter(|result| result.subset == VIDEO_SUBSET);
            let answers: BTreeMap<String, JobResult> = of_videos
                .map(|result| (result.job_id.clone(), result))
                .collect();
            match answers.len() >= count {
                true => Ok(answers),
                false => Err(format!("{} are", answers.len())),
            }
        })
        .await
    }

    /// Results of a video's frames, by job, once so many frames have one.
    pub(crate) async fn frames(&self, id: &str, count: usize) -> BTreeMap<String, Vec<JobResult>> {
        eventually_async(SOON, &format!("{count} frames have a result"), || async {
            let mut by_job: BTreeMap<String, Vec<JobResult>> = BTreeMap::new();
            for result in self.read() {
                let is_of_it = result.frame.as_ref().is_some_and(|it| it.video_id == id);
                if is_of_it {
                    by_job
                        .entry(result.job_id.clone())
                        .or_default()
                        .push(result);
                }
            }
            match by_job.len() >= count {
                true => Ok(by_job),
                false => Err(format!("{} have", by_job.len())),
            }
        })
        .await
    }

    /// Waits until the group's offset is behind every video.
    pub(crate) async fn is_committed(&self) {
        eventually_async(SOON, "the offset is behind every video", || async {
            let seen = self
                .videos
                .seen_by_consumer(&self.videos_group, PARTITIONS)
                .map_err(|error| error.to_string())?;
            let is_done = seen
                .iter()
                .all(|(start, end, at)| at.unwrap_or(*start) == *end);
            match is_done {
                true => Ok(()),
                false => Err(format!("{seen:?}")),
            }
        })
        .await;
    }

    /// What a worker counts.
    pub(crate) async fn metrics(&self, worker: &Process) -> String {
        let log = worker.log();
        let address = log
            .split_once(r#""address":""#)
            .and_then(|(_, rest)| rest.split('"').next())
            .unwrap_or_else(|| panic!("no address in {log}"));
        let answer = reqwest::get(format!("http://{address}/metrics")).await;
        answer.unwrap().text().await.unwrap()
    }

    /// A folder that workers are told of.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}
