//! Another model set while jobs are being served, and back again.

use crate::models::fake::Spoilt;
use crate::models::{Loader, SetError, Stamp};
use crate::reload::Versions;

use spillway_wire::UnixMs;

use super::*;

/// The fake set in a folder.
struct Folder {
    loader: Loader,
    gate: Arc<Gate>,
    spoilt: Arc<Spoilt>,
}

impl Versions for Folder {
    fn stamp(&self, before: Option<&Stamp>) -> Stamp {
        self.loader.stamp(before)
    }

    fn load(&self) -> Result<Recognizer, SetError> {
        fake::load(&self.loader.path, self.gate.clone(), self.spoilt.clone())
    }
}

/// A worker whose set can be changed.
struct Changing {
    bed: Bed,
    folder: tempfile::TempDir,
    spoilt: Arc<Spoilt>,
    worker: Worker,
    sent: usize,
}

impl Changing {
    fn new() -> Self {
        let bed = Bed::new(1);
        let folder = tempfile::tempdir().unwrap();
        fake::write_set(folder.path(), "a");
        let versions = Folder {
            loader: Loader {
                path: folder.path().to_owned(),
                features: None,
                device: crate::models::DeviceChoice::None,
            },
            gate: bed.gate.clone(),
            spoilt: Arc::default(),
        };
        let spoilt = versions.spoilt.clone();
        let recognizer = versions.load().unwrap();
        let source = Source {
            seen: versions.stamp(None),
            versions: Box::new(versions),
            every: Duration::ZERO,
        };
        let worker = bed.start_with(bed.config("w"), recognizer, Some(source));
        Self {
            bed,
            folder,
            spoilt,
            worker,
            sent: 0,
        }
    }

    /// Sends a red job and returns its result; every job so far must have exactly one.
    fn next(&mut self) -> JobResult {
        let id = format!("job-{}", self.sent);
        self.bed.send_job(0, &job(&id, [255, 0, 0]));
        self.sent += 1;
        let mut results = self.bed.results(self.sent);
        assert_eq!(results.len(), self.sent, "one result a job");
        let at = results.iter().position(|it| it.job_id == id).unwrap();
        let result = results.swap_remove(at);
        assert_eq!(result.outcome, Outcome::Success);
        let labels: Vec<&str> = result.labels.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(labels, ["bright", "red"], "only right answers are told");
        result
    }

    fn counted(&self, what: &str) -> bool {
        self.worker.stats.metrics().contains(what)
    }

    fn write(&self, version: &str) {
        fake::write_set(self.folder.path(), version);
    }
}

#[test]
fn another_set_takes_over_and_its_results_say_so() {
    let mut changing = Changing::new();
    let before = changing.next().model_set;
    changing.write("bb");
    eventually("the set has changed", || {
        changing.counted("spillway_model_sets_total{outcome=\"changed\",kind=\"\"} 1")
    });
    let after = changing.next().model_set;
    assert_ne!(before, after);
    changing.worker.stop.drain(UnixMs::MAX);
    changing.worker.thread.join().unwrap().unwrap();
}

#[test]
fn a_set_that_is_refused_leaves_the_old_one_serving() {
    let mut changing = Changing::new();
    let before = changing.next().model_set;
    let refused = |changing: &Changing, kind: &str| {
        let line = format!("spillway_model_sets_total{{outcome=\"refused\",kind=\"{kind}\"}} ");
        eventually(&line, || changing.counted(&line));
    };
    // Its answers are wrong from the start: only its golden inputs show it.
    *changing.spoilt.lock().unwrap() = "fake ccc".into();
    changing.write("ccc");
    refused(&changing, "answers");
    fake::put(changing.folder.path(), "golden.jsonl", b"other");
    refused(&changing, "digest");
    let manifest = changing.folder.path().join("modelset.yaml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let text = text.replace("kind: scene", "kind: place");
    fake::put(changing.folder.path(), "modelset.yaml", text.as_bytes());
    refused(&changing, "invalid");
    assert_eq!(changing.next().model_set, before);
    changing.worker.stop.drain(UnixMs::MAX);
    changing.worker.thread.join().unwrap().unwrap();
}

#[test]
fn a_set_whose_answers_go_wrong_gives_way_to_the_one_before() {
    let mut changing = Changing::new();
    let before = changing.next().model_set;
    changing.write("bb");
    eventually("the set has changed", || {
        changing.counted("spillway_model_sets_total{outcome=\"changed\",kind=\"\"} 1")
    });
    assert_ne!(changing.next().model_set, before);
    *changing.spoilt.lock().unwrap() = "fake bb".into();
    assert_eq!(changing.next().model_set, before);
    assert!(changing.counted("outcome=\"rolled_back\",kind=\"answers\"} 1"));
    assert_eq!(changing.next().model_set, before);
    changing.worker.stop.drain(UnixMs::MAX);
    changing.worker.thread.join().unwrap().unwrap();
}

#[test]
fn wrong_answers_without_a_set_before_end_the_worker_and_none_of_them_is_told() {
    let mut changing = Changing::new();
    changing.next();
    *changing.spoilt.lock().unwrap() = "fake a".into();
    changing.bed.send_job(0, &job("last", [255, 0, 0]));
    let ended = changing.worker.thread.join().unwrap().unwrap_err();
    assert!(
        ended.to_string().contains("do not answer as they did"),
        "{ended}"
    );
    assert_eq!(changing.bed.results(1).len(), 1);
}
