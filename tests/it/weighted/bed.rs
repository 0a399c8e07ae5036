//! A broker, a controller and workers of one's own, and what they did.

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
use spillway_wire::{Heartbeat, ImageSource, Job, JobResult, topics};
use tokio::sync::{Mutex, MutexGuard};

/// The machine that runs the tests may be busy.
pub(crate) const SOON: Duration = Duration::from_secs(240);
const LOOK: Duration = Duration::from_secs(20);
/// Most jobs that each worker has in flight.
pub(crate) const IN_FLIGHT_MAX: usize = 16;

/// A broker, a controller and workers of one test's own: the controller's topics have fixed names.
pub(crate) struct Bed {
    pub(crate) kafka: Kafka,
    cluster: Arc<Cluster>,
    fleet: Fleet,
    pub(crate) jobs: Topic,
    results: Topic,
    partitions: u32,
    folder: tempfile::TempDir,
    _machine: MutexGuard<'static, ()>,
}

/// Looks at the group's offsets all the time, and keeps what went back.
pub(crate) struct Watch {
    stop: Arc<AtomicBool>,
    looking: tokio::task::JoinHandle<(u64, Vec<String>)>,
}

/// How a mixed fleet did, dealt to in both ways.
pub(crate) struct Raced {
    /// Per cent of what its workers could do, until four fifths were done and until all were, by assignment.
    pub(crate) shares: BTreeMap<&'static str, [f64; 2]>,
    pub(crate) sent: BTreeSet<String>,
}

/// A small image that decodes.
fn png() -> Vec<u8> {
    let image = image::RgbImage::from_pixel(16, 12, image::Rgb([40, 90, 160]));
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, image::ImageFormat::Png).unwrap();
    file.into_inner()
}

/// How many of `jobs` each partition gets where keys follow Zipf's law.
pub(crate) fn shares(partitions: u32, jobs: usize, exponent: f64) -> Vec<usize> {
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
    pub(crate) async fn new(partitions: u32) -> Option<Self> {
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

    pub(crate) fn group(&self, assignment: &str) -> String {
        format!("workers-{assignment}")
    }

    pub(crate) fn controller(&self) -> Process {
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

    pub(crate) fn state(&self) -> std::path::PathBuf {
        self.folder.path().join("state")
    }

    pub(crate) fn worker(&self, assignment: &str, id: &str, rate: u32) -> Process {
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
    pub(crate) async fn send(&self, name: &str, counts: &[usize]) -> BTreeSet<String> {
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
    pub(crate) fn results(&self) -> BTreeMap<String, Vec<JobResult>> {
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

    pub(crate) fn lag_source(&self, group: &str) -> GroupLag {
        GroupLag::new(self.cluster.clone(), group, [self.jobs.name()], LOOK).unwrap()
    }

    pub(crate) async fn lag(&self, source: &GroupLag) -> Result<u64, String> {
        let reading = source.read().await;
        if reading.partitions.len() != usize::try_from(self.partitions).unwrap() {
            return Err(format!("{:?}", reading.missing));
        }
        let lags = reading.partitions.into_iter();
        lags.map(|read| read.offsets.map(|offsets| offsets.lag()))
            .sum()
    }

    pub(crate) async fn is_done(&self, group: &str) {
        let source = &self.lag_source(group);
        eventually_async(SOON, "the group has committed everything", || async move {
            match self.lag(source).await? {
                0 => Ok(()),
                lag => Err(format!("lag {lag}")),
            }
        })
        .await;
    }

    pub(crate) fn beats(&self) -> BTreeMap<String, Heartbeat> {
        let workers = self.fleet.snapshot().workers.into_iter();
        let beats = workers.map(|seen| (seen.heartbeat.worker.clone(), seen.heartbeat));
        beats.collect()
    }

    /// Waits until each of these workers reads something, and all partitions are read by them alone.
    pub(crate) fn is_dealt_to(
        &self,
        what: &str,
        workers: &[&str],
    ) -> BTreeMap<String, BTreeSet<i32>> {
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
    pub(crate) fn shares_done(&self, jobs: &BTreeSet<String>, rate: u32) -> [f64; 2] {
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

    /// Lets workers of these rates do `jobs` jobs whose keys follow Zipf's law, first as a group, then assigned.
    pub(crate) async fn race(&self, rates: &[u32], jobs: usize) -> Raced {
        let counts = shares(self.partitions, jobs, 0.3);
        let mut raced = Raced {
            shares: BTreeMap::new(),
            sent: BTreeSet::new(),
        };
        for assignment in ["group", "weighted"] {
            let group = self.group(assignment);
            let names: Vec<String> = (0..rates.len())
                .map(|number| format!("{assignment}-{number}"))
                .collect();
            let controller = (assignment == "weighted").then(|| self.controller());
            let mut workers: Vec<Process> = names
                .iter()
                .zip(rates)
                .map(|(name, rate)| self.worker(assignment, name, *rate))
                .collect();
            // Those that join while nothing waits are dealt to as well: nobody's share waits for the jobs.
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.is_dealt_to("everybody has something", &names);
            let sent = self.send(assignment, &counts).await;
            self.is_done(&group).await;
            let share = self.shares_done(&sent, rates.iter().sum());
            raced.shares.insert(assignment, share);
            raced.sent.extend(sent);
            for worker in &mut workers {
                worker.signal(Signal::Term);
            }
            for worker in &mut workers {
                assert!(worker.wait(SOON).success(), "a drain is no failure");
            }
            drop(controller);
            if assignment == "group" {
                // The other mode's group reads the same topic: it begins behind what is there.
                let other = self.group("weighted");
                for (partition, count) in counts.iter().enumerate() {
                    let partition = i32::try_from(partition).unwrap();
                    self.jobs
                        .commit(&other, partition, i64::try_from(*count).unwrap());
                }
            }
        }
        raced
    }

    pub(crate) fn watch(&self, group: &str) -> Watch {
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
    pub(crate) fn repeats(&self, sent: &BTreeSet<String>) -> BTreeMap<Vec<String>, usize> {
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
    pub(crate) async fn nothing_went_back(self) {
        assert_eq!(
            self.went_back().await,
            Vec::<String>::new(),
            "offsets only grow"
        );
    }

    /// Ends it; every offset that went back.
    pub(crate) async fn went_back(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        let (looks, back) = self.looking.await.unwrap();
        eprintln!("committed offsets looked at {looks} times");
        back
    }
}
