//! Every file of the corpora through the whole line, as an image.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Url;

use super::alone::{children, is_alone, memory};
use super::*;
use crate::fetch::tests::corpora;

/// Longest that all files may take; what hangs would take for ever.
const ALL_MAX: Duration = Duration::from_secs(240);
/// What an image may cost beyond four bytes for each of its pixels.
const MEMORY_MAX: u64 = 64 << 20;
/// The largest image of the corpora that the limits let pass, in pixels.
const PIXELS: u64 = 6_000 * 6_000;

/// What became of a file.
type Ended = Result<(), Reason>;

/// Unpacks the corpora below `root`, each archive into a folder of its name, other files beside them.
fn unpack(corpora: &Path, root: &Path) -> Vec<PathBuf> {
    for entry in std::fs::read_dir(corpora).unwrap().flatten() {
        let path = entry.path();
        if path.to_string_lossy().ends_with(".tar.gz") {
            let mut tar = Command::new("tar");
            tar.arg("xzf").arg(&path).arg("-C").arg(root);
            assert!(tar.status().unwrap().success(), "{}", path.display());
        }
        std::fs::copy(&path, root.join(entry.file_name())).unwrap();
    }
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

impl Bed {
    /// Sends them all at once; one by one, each waits for its acknowledgement.
    pub(super) fn send_all(&self, jobs: &[Job]) {
        for job in jobs {
            let value = job.encode();
            let record = BaseRecord::to(JOBS)
                .partition(0)
                .key(&job.id)
                .payload(&value);
            self.producer
                .send(record)
                .map_err(|(error, _)| error)
                .unwrap();
        }
        self.producer.flush(WAIT).unwrap();
    }

    /// What every job ended in, once all `count` of them have, each with one result.
    pub(super) fn endings(&self, count: usize, within: Duration) -> BTreeMap<String, JobResult> {
        let consumer = self.consumer("spillway.results");
        let deadline = Instant::now() + within;
        let mut endings = BTreeMap::new();
        while endings.len() < count {
            assert!(
                Instant::now() < deadline,
                "{} of {count} jobs ended within {within:?}",
                endings.len()
            );
            let Some(message) = consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let result: JobResult =
                serde_json::from_slice(message.unwrap().payload().unwrap()).unwrap();
            let twice = endings.insert(result.job_id.clone(), result);
            assert!(twice.is_none(), "two results for one job: {twice:?}");
        }
        endings
    }
}

fn ended(result: &JobResult) -> Ended {
    match &result.error {
        None => Ok(()),
        // Decoded, and of the colour that the backend of the tests takes for poison.
        Some(error) if error.reason == Reason::ModelFailed => Ok(()),
        Some(error) => Err(error.reason),
    }
}

/// What must become of a file; none where any ending will do.
fn must(name: &str, bombs: &BTreeMap<String, String>) -> Option<bool> {
    let (set, file) = name.split_once('/').unwrap_or(("", name));
    match set {
        "img-pngsuite" if file.ends_with(".png") => {
            Some(!file.rsplit('/').next().unwrap().starts_with('x'))
        }
        "img-imagers-valid" => {
            let extension = file.rsplit('.').next().unwrap();
            let is_ours = ["png", "jpg", "jpeg", "gif", "webp", "bmp", "apng"].contains(&extension);
            is_ours.then_some(true)
        }
        "hostile-bombs" => {
            (bombs.get(file).map(String::as_str) == Some("reject-fast")).then_some(false)
        }
        _ if set.starts_with("img-") => None,
        // Texts and archives are no images.
        _ => Some(false),
    }
}

#[test]
fn every_file_of_the_corpora_ends_in_a_result_or_a_typed_error() {
    const NAME: &str =
        "line::tests::hostile::every_file_of_the_corpora_ends_in_a_result_or_a_typed_error";
    let Some(corpora) = corpora() else {
        println!("skipped: set SPILLWAY_SHARED to the folder that holds corpora/");
        return;
    };
    if !is_alone(NAME, &[]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let files = unpack(&corpora, folder.path());
    let bombs = std::fs::read_to_string(corpora.join("hostile-bombs.tsv")).unwrap();
    let bombs: BTreeMap<String, String> = bombs
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .map(|fields| (fields[0].to_owned(), fields[3].to_owned()))
        .collect();
    let name = |path: &Path| {
        let below = path.strip_prefix(folder.path()).unwrap();
        below.to_string_lossy().into_owned()
    };

    let bed = Bed::new(1);
    // Some of the files have the colour that the backend of the tests waits for.
    bed.gate.open();
    let mut config = bed.config("w1");
    config.sources.file_root = Some(folder.path().to_owned());
    let worker = bed.start(config);
    // One good image first, so that all that a worker keeps is there before its memory is measured.
    bed.send_job(0, &job("first", [0, 0, 255]));
    bed.endings(1, WAIT);
    let before = memory("self", "VmRSS").unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let job = |path: &PathBuf| {
        let uri = Url::from_file_path(path).unwrap().to_string();
        Job::new(name(path), now_ms(), ImageSource::Uri(uri))
    };
    bed.send_all(&files.iter().map(job).collect::<Vec<Job>>());
    let endings = bed.endings(files.len() + 1, ALL_MAX);
    let peak = memory("self", "VmHWM").unwrap();
    let children: Vec<u64> = children()
        .iter()
        .filter_map(|child| memory(child, "VmHWM"))
        .collect();
    let metrics = worker.stats.metrics();
    worker.drain();

    let mut wrong = Vec::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for path in &files {
        let name = name(path);
        let ended = ended(&endings[&name]);
        *counts.entry(format!("{ended:?}")).or_default() += 1;
        let is_typed = matches!(
            ended,
            Ok(()) | Err(Reason::TooLarge | Reason::UnsupportedFormat | Reason::CorruptImage)
        );
        let is_right = must(&name, &bombs).is_none_or(|must| must == ended.is_ok());
        if !is_typed || !is_right {
            wrong.push(format!("{name}: {:?}", endings[&name].error));
        }
    }
    let peak = peak.saturating_sub(before);
    println!("{} files: {counts:?}", files.len());
    println!("memory: worker + {} MiB, decoders {children:?}", peak >> 20);
    let isolated: Vec<&str> = metrics
        .lines()
        .filter(|line| line.contains("decode") && !line.starts_with('#'))
        .collect();
    println!("{}", isolated.join("\n"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        !metrics.contains("decoders_ended_total{"),
        "no decoder died or hung: {isolated:?}"
    );
    let most = MEMORY_MAX + 4 * PIXELS;
    assert!(peak <= most, "the worker grew by {peak} bytes");
    // What a decoder has before it decodes is the program itself.
    for child in children {
        assert!(child <= before + most, "a decoder had {child} bytes");
    }
}
