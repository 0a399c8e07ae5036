//! Partitions that the controller assigns, with real workers on a real Apache Kafka broker: whoever joins, leaves, dies
//! or sleeps, no job is lost and no offset goes back.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Cursor,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rdkafka::producer::{FutureProducer, FutureRecord};
use spillway_core::{Committed, PartitionId};
use spillway_kafka::{BacklogSource, Cluster, Fleet, GroupLag, KafkaConfig, TopicSpec};
use spillway_tests::{
    Kafka, Process, Signal, Topic, eventually, eventually_async, require_kafka, require_program,
};
use spillway_wire::{Heartbeat, ImageSource, Job, JobResult, Phase, topics};
use tokio::sync::{Mutex, MutexGuard};

/// The machine that runs the tests may be busy.
const SOON: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_secs(20);
/// Most jobs that each worker has in flight.
const IN_FLIGHT_MAX: usize = 16;
/// Of two workers that end without a word: what each has in flight, and what it did since its last commit, a quarter
/// of a second ago or, where the machine is busy, a whole one.
const REPEATS_MAX: usize = 2 * (IN_FLIGHT_MAX + 40);

/// A broker, a controller and workers of one test's own: the controller's topics have fixed names.
struct Bed {
    kafka: Kafka,
    cluster: Arc<Cluster>,
    fleet: Fleet,
    jobs: Topic,
    results: Topic,
    partitions: u32,
    folder: tempfile::TempDir,
    _machine: MutexGuard<'static, ()>,
}

/// Looks at the group's offsets all the time, and keeps what went back.
struct Watch {
    stop: Arc<AtomicBool>,
    looking: tokio::task::JoinHandle<(u64, Vec<String>)>,
}

/// A small image that decodes.
fn png() -> Vec<u8> {
    let image = image::RgbImage::from_pixel(16, 12, image::Rgb([40, 90, 160]));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

/// How many of `jobs` each partition gets where keys follow Zipf's law.
fn shares(partitions: u32, jobs: usize, exponent: f64) -> Vec<usize> {
    let weights: Vec<f64> = (1..=partitions)
        .map(|rank| f64::from(rank).powf(-exponent))
        .collect();
    let sum: f64 = weights.iter().sum();
    weights
        .iter()
        .map(|weight| (weight / sum * jobs as f64).round() as usize)
        .collect()
}

// === impl Bed ===

impl Bed {
    /// None where a program or Kafka cannot be had.
    async fn new(partitions: u32) -> Option<Self> {
        /// They take the machine: one at a time.
        static MACHINE: Mutex<()> = Mutex::const_new(());
        require_kafka()?;
        require_program("spillway")?;
        require_program("spillway-worker")?;
        let machine = MACHINE.lock().await;
        let kafka = Kafka::start().unwrap();
        let cluster = Cluster::new(KafkaConfig::new(kafka.brokers())).unwrap();
        let specs = [topics::WORKERS, topics::CONTROL].map(|name| TopicSpec::compacted(name, 1));
        cluster.ensure(&specs, SOON).await.unwrap();
        Some(Self {
            jobs: kafka
                .topic("jobs", i32::try_from(partitions).unwrap())
                .await,
            results: kafka.topic("results", 1).await,
            fleet: Fleet::follow(cluster.clone(), topics::WORKERS).unwrap(),
            cluster,
            kafka,
            partitions,
            folder: tempfile::tempdir().unwrap(),
            _machine: machine,
        })
    }

    fn group(&self, assignment: &str) -> String {
        format!("workers-{assignment}")
    }

    fn controller(&self) -> Process {
        let policy = format!(
            "apiVersion: spillway.dev/v1alpha1
kind: ScalingPolicy
metadata: {{name: recognition}}
spec:
  source:
    kafka:
      bootstrapServers: [\"{}\"]
      consumerGroup: {}
      assignment: Weighted
      topics: [{{name: {}}}]
  objective: {{drainWithin: 15m}}
  base:
    static: {{workers: 3}}
    pricePerWorkerHour: 0.64
    throughputPerWorker: 40
",
            self.kafka.brokers(),
            self.group("weighted"),
            self.jobs.name(),
        );
        let path = self.folder.path().join("policy.yaml");
        std::fs::write(&path, policy).unwrap();
        let mut command = require_program("spillway").expect("it was there just now");
        command
            .arg("run")
            .arg("--policy")
            .arg(path)
            .arg("--state")
            .arg(self.state())
            .args(["--listen", "127.0.0.1:0"]);
        Process::spawn("controller", command).unwrap()
    }

    fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    fn worker(&self, assignment: &str, id: &str, rate: u32) -> Process {
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../worker/models/demo");
        let mut command = require_program("spillway-worker").expect("it was there just now");
        command
            .arg("run")
            .args(["--brokers", self.kafka.brokers()])
            .args(["--group", &self.group(assignment)])
            .args(["--assignment", assignment])
            .args(["--topic", self.jobs.name()])
            .args(["--results-topic", self.results.name()])
            .arg("--model-set")
            .arg(models)
            .args([
                "--device",
                "none",
                "--infer-threads",
                "1",
                "--decode-threads",
                "1",
            ])
            .args(["--worker-id", id, "--pool", "base"])
            .args(["--max-images-per-second", &rate.to_string()])
            .args(["--in-flight-max", &IN_FLIGHT_MAX.to_string()])
            .args(["--listen", "127.0.0.1:0", "--session-timeout", "6s"]);
        Process::spawn(id, command).unwrap()
    }

    /// Sends jobs, so many to each partition; their ids.
    async fn send(&self, name: &str, counts: &[usize]) -> BTreeSet<String> {
        let producer: FutureProducer = self.kafka.client().set("linger.ms", "5").create().unwrap();
        let image = png();
        let mut ids = BTreeSet::new();
        let mut waiting = Vec::new();
        for (partition, count) in counts.iter().enumerate() {
            for number in 0..*count {
                let id = format!("{name}-{partition}-{number}");
                let now_ms = jiff::Timestamp::now().as_millisecond();
                let value = Job::new(&id, now_ms, ImageSource::Inline(image.clone())).encode();
                let record = FutureRecord::to(self.jobs.name())
                    .partition(i32::try_from(partition).unwrap())
                    .key(&id)
                    .payload(&value);
                let sent = producer.send_result(record).map_err(|(error, _)| error);
                waiting.push(sent.unwrap());
                ids.insert(id);
            }
        }
        for delivery in waiting {
            delivery.await.unwrap().unwrap();
        }
        ids
    }

    /// Results by job.
    fn results(&self) -> BTreeMap<String, Vec<JobResult>> {
        let mut by_job: BTreeMap<String, Vec<JobResult>> = BTreeMap::new();
        for record in self.results.records().unwrap() {
            let value = record.value.expect("results are never tombstones");
            let result: JobResult = serde_json::from_slice(&value).unwrap();
            by_job
                .entry(result.job_id.clone())
                .or_default()
                .push(result);
        }
        by_job
    }

    fn lag_source(&self, group: &str) -> GroupLag {
        GroupLag::new(self.cluster.clone(), group, [self.jobs.name()], LOOK).unwrap()
    }

    async fn lag(&self, source: &GroupLag) -> Result<u64, String> {
        let reading = source.read().await;
        if reading.partitions.len() != usize::try_from(self.partitions).unwrap() {
            return Err(format!("{:?}", reading.missing));
        }
        let lags = reading.partitions.into_iter();
        lags.map(|read| read.offsets.map(|offsets| offsets.lag()))
            .sum()
    }

    async fn is_done(&self, group: &str) {
        let source = &self.lag_source(group);
        eventually_async(SOON, "the group has committed everything", || async move {
            match self.lag(source).await? {
                0 => Ok(()),
                lag => Err(format!("lag {lag}")),
            }
        })
        .await;
    }

    fn beats(&self) -> BTreeMap<String, Heartbeat> {
        let workers = self.fleet.snapshot().workers.into_iter();
        let beats = workers.map(|seen| (seen.heartbeat.worker.clone(), seen.heartbeat));
        beats.collect()
    }

    /// Waits until each of these workers reads something, and all partitions are read by them alone.
    fn is_dealt_to(&self, what: &str, workers: &[&str]) -> BTreeMap<String, BTreeSet<i32>> {
        eventually(SOON, what, || {
            let beats = self.beats();
            let read: BTreeMap<String, BTreeSet<i32>> = workers
                .iter()
                .map(|worker| {
                    let partitions = beats.get(*worker).map(|beat| &beat.partitions);
                    let numbers = partitions.into_iter().flatten().map(|it| it.partition);
                    ((*worker).to_owned(), numbers.collect())
                })
                .collect();
            let all: BTreeSet<i32> = read.values().flatten().copied().collect();
            let sum: usize = read.values().map(BTreeSet::len).sum();
            let is_whole = all.len() == usize::try_from(self.partitions).unwrap();
            let each_has = read.values().all(|partitions| !partitions.is_empty());
            if is_whole && each_has && sum == all.len() {
                Ok(read)
            } else {
                Err(format!("{read:?}"))
            }
        })
    }

    /// How much of `rate` jobs a second was done until four fifths of `jobs` were, and until all were, per cent.
    fn shares_done(&self, jobs: &BTreeSet<String>, rate: u32) -> [f64; 2] {
        let results = self.results();
        let mut times: Vec<i64> = jobs
            .iter()
            .map(|job| {
                results[job]
                    .iter()
                    .map(|it| it.finished_at_ms)
                    .min()
                    .unwrap()
            })
            .collect();
        times.sort_unstable();
        [jobs.len() * 4 / 5, jobs.len()].map(|count| {
            let seconds = (times[count - 1] - times[0]) as f64 / 1e3;
            100.0 * count as f64 / seconds / f64::from(rate)
        })
    }

    fn watch(&self, group: &str) -> Watch {
        let stop = Arc::new(AtomicBool::new(false));
        let (source, is_over) = (self.lag_source(group), stop.clone());
        let looking = tokio::spawn(async move {
            let mut last: BTreeMap<PartitionId, u64> = BTreeMap::new();
            let (mut looks, mut back) = (0, Vec::new());
            let mut every = tokio::time::interval(Duration::from_millis(50));
            while !is_over.load(Ordering::Relaxed) {
                for read in source.read().await.partitions {
                    let Ok(offsets) = read.offsets else { continue };
                    let Committed::At(at) = offsets.committed else {
                        continue;
                    };
                    let before = last.insert(read.id.clone(), at).unwrap_or(0);
                    if at < before {
                        back.push(format!("{} from {before} to {at}", String::from(read.id)));
                    }
                }
                looks += 1;
                every.tick().await;
            }
            (looks, back)
        });
        Watch { stop, looking }
    }

    /// Every job has its result; how many were answered more than once, by who answered, in order.
    fn repeats(&self, sent: &BTreeSet<String>) -> BTreeMap<Vec<String>, usize> {
        let results = self.results();
        let answered: BTreeSet<String> = results.keys().cloned().collect();
        assert_eq!(&answered, sent, "every job has its result");
        for (job, results) in &results {
            let ids: BTreeSet<&str> = results.iter().map(|result| &*result.result_id).collect();
            assert_eq!(ids.len(), 1, "{job}: a repeat carries the same id");
        }
        let mut repeats = BTreeMap::new();
        for results in results.into_values().filter(|them| them.len() > 1) {
            let by: Vec<String> = results.into_iter().map(|result| result.worker).collect();
            *repeats.entry(by).or_default() += 1;
        }
        repeats
    }
}

// === impl Watch ===

impl Watch {
    async fn nothing_went_back(self) {
        self.stop.store(true, Ordering::Relaxed);
        let (looks, back) = self.looking.await.unwrap();
        eprintln!("committed offsets looked at {looks} times");
        assert_eq!(back, Vec::<String>::new(), "offsets only grow");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_joins_leaves_dies_or_sleeps_nothing_is_lost() {
    let Some(bed) = Bed::new(12).await else {
        return;
    };
    let group = bed.group("weighted");
    let _controller = bed.controller();
    let sent = bed.send("job", &[700; 12]).await;
    let watch = bed.watch(&group);

    let mut first = bed.worker("weighted", "w1", 40);
    let mut second = bed.worker("weighted", "w2", 40);
    bed.is_dealt_to("two share", &["w1", "w2"]);
    let mut third = bed.worker("weighted", "w3", 40);
    bed.is_dealt_to("a third has its share", &["w1", "w2", "w3"]);
    let before = bed.results().values().filter(|them| them.len() > 1).count();
    assert_eq!(before, 0, "a worker that joins repeats nothing");

    first.signal(Signal::Term);
    assert!(first.wait(SOON).success(), "a drain is no failure");
    bed.is_dealt_to("its partitions went on", &["w2", "w3"]);
    let after = bed.results().values().filter(|them| them.len() > 1).count();
    assert_eq!(after, 0, "a drain repeats nothing");

    second.signal(Signal::Kill);
    second.wait(SOON);
    bed.is_dealt_to("a dead one's partitions went on", &["w3"]);

    let mut fourth = bed.worker("weighted", "w4", 40);
    bed.is_dealt_to("a fourth has its share", &["w3", "w4"]);
    third.signal(Signal::Stop);
    bed.is_dealt_to("a sleeping one's partitions went on", &["w4"]);
    third.signal(Signal::Continue);
    bed.is_dealt_to("it is dealt to again", &["w3", "w4"]);
    assert!(third.is_running(), "it went on");

    bed.is_done(&group).await;
    watch.nothing_went_back().await;
    let repeats = bed.repeats(&sent);
    eprintln!("repeats, by who did them: {repeats:?}");
    let count: usize = repeats.values().sum();
    assert!(
        count <= REPEATS_MAX,
        "{repeats:?}: at most what was not committed"
    );
    for worker in [&mut third, &mut fourth] {
        worker.signal(Signal::Term);
        assert!(worker.wait(SOON).success(), "a drain is no failure");
    }
    assert!(
        bed.beats()
            .values()
            .filter(|beat| beat.phase == Phase::Stopped)
            .count()
            >= 3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_go_on_without_a_controller_and_the_next_one_moves_nothing() {
    let Some(bed) = Bed::new(12).await else {
        return;
    };
    let group = bed.group("weighted");
    let mut controller = bed.controller();
    let workers = [
        bed.worker("weighted", "w1", 60),
        bed.worker("weighted", "w2", 60),
    ];
    let sent = bed.send("first", &[60; 12]).await;
    let before = bed.is_dealt_to("two share", &["w1", "w2"]);
    controller.signal(Signal::Kill);
    controller.wait(SOON);
    bed.is_done(&group).await;

    let again = bed.send("second", &[100; 12]).await;
    let epochs = |bed: &Bed| -> BTreeMap<String, u64> {
        let beats = bed.beats().into_values();
        beats.map(|it| (it.worker, it.control_epoch)).collect()
    };
    let at_kill = epochs(&bed);
    bed.is_done(&group).await;
    assert_eq!(bed.is_dealt_to("still", &["w1", "w2"]), before);

    let controller = bed.controller();
    eventually(SOON, "both follow the new leader", || {
        let tokens: Vec<u64> = bed.beats().values().map(|it| it.control_token).collect();
        let is_new = tokens.iter().all(|token| *token == 2);
        is_new.then_some(()).ok_or_else(|| format!("{tokens:?}"))
    });
    assert_eq!(epochs(&bed), at_kill, "and moves nothing");
    let all: BTreeSet<String> = sent.into_iter().chain(again).collect();
    assert_eq!(bed.repeats(&all), BTreeMap::new());

    let mut explain = require_program("spillway").expect("it was there just now");
    explain.arg("explain").arg("--state").arg(bed.state());
    let told = String::from_utf8(explain.output().unwrap().stdout).unwrap();
    assert!(told.contains("w1 is told to read"), "{told}");
    drop((controller, workers));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_fleet_does_about_what_its_workers_can() {
    const RATES: [u32; 6] = [20, 20, 45, 45, 55, 55];
    const PARTITIONS: u32 = 48;
    const JOBS: usize = 3_600;
    let Some(bed) = Bed::new(PARTITIONS).await else {
        return;
    };
    let mut sent = BTreeSet::new();
    let mut shown = BTreeMap::new();
    for assignment in ["group", "weighted"] {
        let group = bed.group(assignment);
        let names: Vec<String> = (0..RATES.len())
            .map(|number| format!("{assignment}-{number}"))
            .collect();
        let mut workers: Vec<Process> = names
            .iter()
            .zip(RATES)
            .map(|(name, rate)| bed.worker(assignment, name, rate))
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        // A worker that joins while nothing waits is dealt nothing yet: so all of them first, then who deals.
        eventually(SOON, "everybody is ready", || {
            let beats = bed.beats();
            let phases: Vec<Option<Phase>> = names
                .iter()
                .map(|name| beats.get(*name).map(|beat| beat.phase))
                .collect();
            let is_ready = phases.iter().all(|phase| *phase == Some(Phase::Ready));
            is_ready.then_some(()).ok_or_else(|| format!("{phases:?}"))
        });
        let controller = (assignment == "weighted").then(|| bed.controller());
        bed.is_dealt_to("everybody has something", &names);
        let jobs = bed.send(assignment, &shares(PARTITIONS, JOBS, 0.3)).await;
        bed.is_done(&group).await;
        shown.insert(assignment, bed.shares_done(&jobs, RATES.iter().sum()));
        sent.extend(jobs);
        for worker in &mut workers {
            worker.signal(Signal::Term);
        }
        for worker in &mut workers {
            assert!(worker.wait(SOON).success(), "a drain is no failure");
        }
        drop(controller);
        // The other mode's group reads the same topic: it begins behind what is there.
        let other = bed.group("weighted");
        if assignment == "group" {
            for (partition, count) in shares(PARTITIONS, JOBS, 0.3).into_iter().enumerate() {
                let (partition, count) = (i32::try_from(partition), i64::try_from(count));
                bed.jobs.commit(&other, partition.unwrap(), count.unwrap());
            }
        }
    }
    // In a group a session that ends early repeats what was not committed; where the controller assigns nothing does.
    let mut repeats = bed.repeats(&sent);
    repeats.retain(|by, _| by.iter().any(|worker| worker.starts_with("weighted")));
    for (assignment, [most, all]) in shown {
        eprintln!(
            "{assignment}: {most:.1} % of what {RATES:?} jobs/s could do until 80 % were done, {all:.1} % until all were"
        );
    }
    assert_eq!(repeats, BTreeMap::new());
}
