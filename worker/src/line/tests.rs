//! The whole line on librdkafka's broker, with a backend that looks at colours.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};

use rdkafka::ClientConfig;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, DefaultProducerContext, Producer as _};
use rdkafka::topic_partition_list::Offset;
use spillway_wire::{
    Control, DesiredState, Feature, Heartbeat, ImageSource, Job, JobResult, Outcome, Partition,
    Reason, header_names,
};

mod alone;
mod assigned;
mod changing;
mod hostile;
mod killers;
mod network;
mod over;

use super::*;
use crate::batch::BatchLimits;
use crate::config::{Identity, Kafka, Limits};
use crate::decode::Isolation;
use crate::fetch::Sources;
use crate::models::Recognizer;
use crate::models::fake::{self, Gate, HELD, POISON};
use crate::offsets::FinishedAbove;
use crate::retry::{Tier, Tiers};

const WAIT: Duration = Duration::from_secs(30);
const JOBS: &str = "spillway.jobs";

/// A broker with topics, and one worker at a time on it.
struct Bed {
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: BaseProducer,
    gate: Arc<Gate>,
}

/// A worker that is running.
struct Worker {
    stop: Arc<Stop>,
    stats: Arc<Stats>,
    thread: JoinHandle<anyhow::Result<()>>,
}

/// Waits until `holds`, and panics with what was waited for when it takes too long.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + WAIT;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {WAIT:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn image(colour: [u8; 3]) -> ImageSource {
    let mut bytes = Cursor::new(Vec::new());
    image::RgbImage::from_pixel(16, 12, image::Rgb(colour))
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    ImageSource::Inline(bytes.into_inner())
}

fn job(id: &str, colour: [u8; 3]) -> Job {
    Job::new(id, now_ms(), image(colour))
}

fn config(brokers: String, worker: &str) -> Config {
    let names = |name: &str| format!("spillway.{name}");
    Config {
        kafka: Kafka {
            properties: vec![("bootstrap.servers".into(), brokers)],
            group: "workers".into(),
            is_static_member: false,
            jobs: vec![JOBS.into()],
            retries: Tiers::default(),
            results: names("results"),
            workers: names("workers"),
            control: names("control"),
            session_timeout: Duration::from_secs(6),
            assignment: Assignment::Group,
        },
        identity: Identity {
            worker: worker.into(),
            pool: "base".into(),
            instance: None,
            boot_id: "boot".into(),
        },
        sources: Sources::default(),
        limits: Limits {
            in_flight_max: 32,
            images_per_second_max: None,
            infer_threads: 2,
            decode_threads: 1,
            isolation: Isolation::default(),
            content_cache_bytes: 0,
            batch: BatchLimits {
                images_max: 4,
                cost_max_us: 1_000_000,
                wait_max: Duration::from_millis(2),
            },
            canary_every: Duration::ZERO,
            dead_letters_max: 0.5,
            hang_max: Duration::from_secs(60),
            job_max: Duration::from_secs(600),
            drain_timeout: WAIT,
        },
        attempts_file: None,
        lease_file: None,
        videos: None,
    }
}

// === impl Bed ===

impl Bed {
    fn new(partitions: i32) -> Self {
        // Seen only when a test fails.
        let _ = tracing_subscriber::fmt().with_test_writer().try_init();
        let cluster = MockCluster::new(1).unwrap();
        for topic in [
            JOBS,
            "spillway.jobs.dlq",
            "spillway.jobs.retry.1s",
            "spillway.jobs.retry.2s",
            "spillway.results",
            "spillway.workers",
            "spillway.control",
        ] {
            let partitions = if topic == JOBS { partitions } else { 1 };
            cluster.create_topic(topic, partitions, 1).unwrap();
        }
        let producer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .create()
            .unwrap();
        Self {
            cluster,
            producer,
            gate: Arc::default(),
        }
    }

    fn send(&self, topic: &str, partition: i32, key: &str, value: &[u8]) {
        let record = BaseRecord::to(topic)
            .partition(partition)
            .key(key)
            .payload(value);
        self.producer
            .send(record)
            .map_err(|(error, _)| error)
            .unwrap();
        self.producer.flush(WAIT).unwrap();
    }

    fn send_job(&self, partition: i32, job: &Job) {
        self.send(JOBS, partition, &job.id, &job.encode());
    }

    fn config(&self, worker: &str) -> Config {
        config(self.cluster.bootstrap_servers(), worker)
    }

    fn start(&self, config: Config) -> Worker {
        self.start_with(config, fake::recognizer(self.gate.clone()), None)
    }

    fn start_with(&self, config: Config, recognizer: Recognizer, source: Option<Source>) -> Worker {
        let (stats, stop) = (
            Arc::new(Stats::new(Instant::now())),
            Arc::new(Stop::default()),
        );
        let line = Line {
            config,
            serving: Arc::new(Serving::new(Arc::new(recognizer))),
            source: Mutex::new(source),
            stats: stats.clone(),
            stop: stop.clone(),
            runtime: Runtime::new().unwrap(),
        };
        let thread = std::thread::spawn(move || {
            let done = line.run();
            line.runtime.shutdown_background();
            done
        });
        Worker {
            stop,
            stats,
            thread,
        }
    }

    fn consumer(&self, topic: &str) -> BaseConsumer {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.cluster.bootstrap_servers())
            .set("group.id", "tests")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, 0, Offset::Beginning)
            .unwrap();
        consumer.assign(&list).unwrap();
        consumer
    }

    /// Reads results until `count` jobs have one, and a little longer for repeats.
    fn results(&self, count: usize) -> Vec<JobResult> {
        let consumer = self.consumer("spillway.results");
        let mut results: Vec<JobResult> = Vec::new();
        let mut read = |wait: Duration| {
            if let Some(Ok(message)) = consumer.poll(wait) {
                results.push(serde_json::from_slice(message.payload().unwrap()).unwrap());
            }
            let ids: BTreeSet<&str> = results
                .iter()
                .map(|result| result.result_id.as_str())
                .collect();
            ids.len()
        };
        eventually("every job has a result", || {
            read(Duration::from_millis(100)) >= count
        });
        let quiet = Instant::now() + Duration::from_millis(500);
        while Instant::now() < quiet {
            read(Duration::from_millis(100));
        }
        results
    }

    fn committed(&self, partition: i32) -> Option<(i64, String)> {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.cluster.bootstrap_servers())
            .set("group.id", "workers")
            .create()
            .unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition(JOBS, partition);
        let committed = consumer.committed_offsets(list, WAIT).unwrap();
        let elements = committed.elements();
        match elements[0].offset() {
            Offset::Offset(offset) => Some((offset, elements[0].metadata().to_owned())),
            _ => None,
        }
    }

    /// A worker's heartbeats, the last of which says that it has stopped.
    fn heartbeats(&self) -> Vec<Heartbeat> {
        let consumer = self.consumer("spillway.workers");
        let mut heartbeats: Vec<Heartbeat> = Vec::new();
        eventually("a heartbeat says that it has stopped", || {
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                heartbeats.push(Heartbeat::decode(message.payload().unwrap()).unwrap());
            }
            let last = heartbeats.last();
            last.is_some_and(|heartbeat| heartbeat.phase == Phase::Stopped)
        });
        heartbeats
    }
}

// === impl Worker ===

impl Worker {
    fn drain(self) {
        self.stop.drain(now_ms() + WAIT.as_millis() as i64);
        self.thread.join().unwrap().unwrap();
    }

    fn images_done(&self) -> u64 {
        self.stats.reading(Instant::now()).counters.images_done
    }
}

#[test]
fn every_job_ends_in_one_result_the_bad_ones_too() {
    let bed = Bed::new(2);
    let blue = [0, 0, 255];
    let mut expected: BTreeMap<String, Option<Reason>> = BTreeMap::new();
    let mut send = |partition: i32, job: Job, reason: Option<Reason>| {
        bed.send_job(partition, &job);
        expected.insert(job.id, reason);
    };
    for index in 0..20 {
        send(index % 2, job(&format!("good-{index}"), blue), None);
    }
    let uri = |uri: &str| ImageSource::Uri(uri.into());
    let at = |id: &str, image: ImageSource| Job::new(id, now_ms(), image);
    send(0, job("poison", POISON), Some(Reason::ModelFailed));
    send(
        0,
        at("corrupt", ImageSource::Inline(b"\xff\xd8\xffno".to_vec())),
        Some(Reason::CorruptImage),
    );
    send(
        1,
        at("text", ImageSource::Inline(b"hello".to_vec())),
        Some(Reason::UnsupportedFormat),
    );
    send(
        0,
        at("metadata", uri("http://169.254.169.254/latest")),
        Some(Reason::FetchBlocked),
    );
    send(
        1,
        at("file", uri("file:///etc/passwd")),
        Some(Reason::FetchBlocked),
    );
    let late = Job {
        deadline_ms: Some(1),
        ..job("late", blue)
    };
    send(0, late, Some(Reason::DeadlineExceeded));
    let brands = Job {
        features: vec![Feature::Brands],
        ..job("brands", blue)
    };
    send(1, brands, Some(Reason::UnsupportedFeature));
    let partly = Job {
        features: vec![Feature::Brands, Feature::Humans],
        ..job("partly", blue)
    };
    send(1, partly, Some(Reason::UnsupportedFeature));
    let astray = Job {
        reply_partition: Some(77),
        ..job("astray", blue)
    };
    send(0, astray, None);
    bed.send(JOBS, 0, "garbage", b"\xff\x00 no job");
    expected.insert("garbage".into(), Some(Reason::InvalidJob));

    let worker = bed.start(bed.config("w1"));
    let results = bed.results(expected.len());
    let found: BTreeMap<String, Option<Reason>> = results
        .iter()
        .map(|result| {
            (
                result.job_id.clone(),
                result.error.as_ref().map(|error| error.reason),
            )
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!(results.len(), expected.len(), "each job has one result");
    for result in &results {
        match result.job_id.as_str() {
            "partly" => assert_eq!((result.outcome, result.faces.len()), (Outcome::Partial, 1)),
            id if id.starts_with("good") => {
                assert_eq!((result.outcome, result.faces.len()), (Outcome::Success, 1));
                assert_eq!(result.image.as_ref().unwrap().format, "png");
            }
            _ => {}
        }
    }
    worker.drain();
    let letters = dead_letters(&bed, 2);
    assert_eq!(
        letters["garbage"],
        ("INVALID_JOB".into(), b"\xff\x00 no job".to_vec())
    );
    assert_eq!(letters["poison"].0, "MODEL_FAILED");
    assert_eq!(bed.committed(0).unwrap().0, 16);
    assert_eq!(bed.committed(1).unwrap().0, 14);
}

#[test]
fn what_cannot_be_fetched_is_tried_again_and_has_one_result() {
    let bed = Bed::new(1);
    let nowhere = ImageSource::Uri("http://127.0.0.1:1/a.png".into());
    bed.send_job(0, &Job::new("gone", now_ms(), nowhere.clone()));
    let soon = Job {
        deadline_ms: Some(now_ms() + 60_000_000),
        ..Job::new("gone-too", now_ms(), nowhere)
    };
    bed.send_job(0, &soon);
    bed.send_job(0, &job("good", [200, 0, 0]));
    let mut config = bed.config("w1");
    config.sources.allowed_origins = vec!["127.0.0.1:1".parse().unwrap()];
    config.kafka.retries = Tiers::new(
        [1, 2]
            .map(|seconds| Tier {
                name: format!("{seconds}s"),
                wait: Duration::from_secs(seconds),
            })
            .to_vec(),
    );
    let worker = bed.start(config);
    let results = bed.results(3);
    assert_eq!(results.len(), 3, "one each");
    for result in results {
        let reason = result.error.map(|error| error.reason);
        let expected = (result.job_id != "good").then_some(Reason::FetchFailed);
        assert_eq!(reason, expected, "{}", result.job_id);
    }
    eventually("each was put off twice", || {
        worker.stats.metrics().contains("spillway_retries_total 4")
    });
    eventually("what waits holds up nothing", || {
        bed.committed(0).is_some_and(|(offset, _)| offset == 3)
    });
    worker.drain();
}

#[test]
fn a_worker_stops_rather_than_set_everything_aside() {
    let bed = Bed::new(1);
    for index in 0..200 {
        bed.send(JOBS, 0, &format!("garbage-{index}"), b"no job");
    }
    let worker = bed.start(bed.config("w1"));
    let failure = worker.thread.join().unwrap().unwrap_err().to_string();
    assert!(failure.contains("would be set aside"), "{failure}");
    let (committed, _) = bed.committed(0).unwrap_or_default();
    assert!(committed < 50, "{committed} are done with");
}

/// Reason and value of dead letters by key.
fn dead_letters(bed: &Bed, count: usize) -> BTreeMap<String, (String, Vec<u8>)> {
    let consumer = bed.consumer("spillway.jobs.dlq");
    let mut letters = BTreeMap::new();
    eventually("the dead letters are there", || {
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            let reason = message
                .headers()
                .unwrap()
                .iter()
                .find(|header| header.key == header_names::ERROR_REASON)
                .and_then(|header| header.value)
                .map(|value| String::from_utf8(value.to_vec()).unwrap());
            let key = String::from_utf8(message.key().unwrap().to_vec()).unwrap();
            letters.insert(key, (reason.unwrap(), message.payload().unwrap().to_vec()));
        }
        letters.len() >= count
    });
    letters
}

#[test]
fn the_same_image_is_looked_at_once_where_there_is_a_cache() {
    let bed = Bed::new(1);
    let mut config = bed.config("w1");
    config.limits.content_cache_bytes = 1 << 20;
    let worker = bed.start(config);
    let send = |id: &str, features: &[Feature]| {
        let features = features.to_vec();
        bed.send_job(
            0,
            &Job {
                features,
                ..job(id, [0, 0, 255])
            },
        );
    };
    send("first", &[]);
    let first = bed.results(1);
    send("again", &[]);
    send("partly", &[Feature::Humans, Feature::Brands]);
    let metric = |name: &str| {
        let metrics = worker.stats.metrics();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.map(|line| line.trim().parse::<u64>().unwrap())
    };
    let results = bed.results(3);
    let again = results.iter().find(|it| it.job_id == "again").unwrap();
    assert_eq!(
        (&again.faces, &again.labels, &again.image, again.outcome),
        (
            &first[0].faces,
            &first[0].labels,
            &first[0].image,
            Outcome::Success
        )
    );
    assert_eq!(again.timings_ms.infer, 0);
    // Another wish is another answer, and what is lacking is lacking each time.
    send("partly-again", &[Feature::Humans, Feature::Brands]);
    let results = bed.results(4);
    let partly = results.iter().filter(|it| it.job_id.starts_with("partly"));
    for result in partly {
        assert_eq!(result.outcome, Outcome::Partial, "{}", result.job_id);
    }
    assert_eq!(metric("spillway_content_cache_hits_total"), Some(2));
    assert_eq!(metric("spillway_content_cache_misses_total"), Some(2));
    worker.drain();
}

#[test]
fn a_commit_never_passes_an_unfinished_job_and_a_restart_repeats_only_that_one() {
    let bed = Bed::new(1);
    for index in 0..20 {
        let colour = if index == 5 { HELD } else { [200, 0, 0] };
        bed.send_job(0, &job(&format!("job-{index}"), colour));
    }
    let mut config = bed.config("w1");
    // Alone in its batch, so that it holds up nobody else.
    config.limits.batch.images_max = 1;
    let worker = bed.start(config.clone());
    eventually("all others are done", || worker.images_done() == 19);
    eventually("they are committed", || {
        bed.committed(0).is_some_and(|(offset, metadata)| {
            let above = FinishedAbove::decode(offset, &metadata);
            assert!(offset <= 5, "{offset} passes the unfinished job");
            offset == 5 && (6..20).all(|at| above.contains(at))
        })
    });
    worker.stop.fail("killed by the test");
    worker.thread.join().unwrap().unwrap_err();
    assert_eq!(bed.committed(0).unwrap().0, 5);

    bed.gate.open();
    let again = bed.start(config);
    eventually("the last one is done", || again.images_done() == 1);
    again.drain();
    // The abandoned batch ended too, in the first worker's last breath: its repeat has the same id.
    let results = bed.results(20);
    let ids: BTreeSet<&str> = results
        .iter()
        .map(|result| result.result_id.as_str())
        .collect();
    assert_eq!(ids.len(), 20);
    assert!(results.len() <= 21, "{} results for 20 jobs", results.len());
    assert_eq!(bed.committed(0), Some((20, String::new())));
}

#[test]
fn each_commit_has_its_answer_and_the_next_follows_it() {
    let bed = Bed::new(1);
    let worker = bed.start(bed.config("w1"));
    for index in 0..5 {
        bed.send_job(0, &job(&format!("job-{index}"), [200, 0, 0]));
        eventually("the job is committed", || {
            bed.committed(0)
                .is_some_and(|(offset, _)| offset == index + 1)
        });
    }
    eventually("the answers were heard", || {
        worker.stats.metrics().contains("spillway_commits_total 5")
    });
    worker.drain();
}

#[test]
fn a_drain_by_control_finishes_what_is_in_flight() {
    let bed = Bed::new(1);
    for index in 0..6 {
        bed.send_job(0, &job(&format!("job-{index}"), HELD));
    }
    let folder = tempfile::tempdir().unwrap();
    let mut config = bed.config("w1");
    config.lease_file = Some(folder.path().join("lease"));
    let worker = bed.start(config);
    eventually("the jobs are in flight", || {
        worker.stats.reading(Instant::now()).in_flight == 6
    });
    let control = |token, state| Control {
        schema: 1,
        token,
        epoch: 1,
        group: None,
        partitions: None,
        state,
        drain_by_ms: None,
        lease_seconds: 900,
    };
    bed.send(
        "spillway.control",
        0,
        "w1",
        &control(2, DesiredState::Run).encode(),
    );
    bed.send(
        "spillway.control",
        0,
        "w1",
        &control(1, DesiredState::Drain).encode(),
    );
    bed.send(
        "spillway.control",
        0,
        "w2",
        &control(9, DesiredState::Drain).encode(),
    );
    eventually("the lease is renewed", || {
        folder.path().join("lease").exists()
    });
    assert_eq!(
        worker.stats.phase(),
        Phase::Ready,
        "a deposed leader is not followed"
    );

    bed.send(
        "spillway.control",
        0,
        "w1",
        &control(2, DesiredState::Drain).encode(),
    );
    eventually("it drains", || worker.stats.phase() == Phase::Draining);
    bed.send_job(0, &job("too-late", [200, 0, 0]));
    bed.gate.open();
    worker.thread.join().unwrap().unwrap();

    assert_eq!(
        bed.results(6).len(),
        6,
        "what came during the drain stays in Kafka"
    );
    assert_eq!(bed.committed(0).unwrap().0, 6);
    let heartbeats = bed.heartbeats();
    let mut phases: Vec<Phase> = heartbeats.iter().map(|heartbeat| heartbeat.phase).collect();
    phases.dedup();
    assert!(phases.contains(&Phase::Draining), "{phases:?}");
    let last = heartbeats.last().unwrap();
    assert_eq!(
        (
            last.counters.images_done,
            last.in_flight,
            last.control_token
        ),
        (6, 0, 2)
    );
    assert_eq!(last.counters.abandoned, 0);
}

#[test]
fn a_drain_that_runs_out_of_time_abandons_and_counts() {
    let bed = Bed::new(1);
    for index in 0..3 {
        bed.send_job(0, &job(&format!("job-{index}"), HELD));
    }
    let worker = bed.start(bed.config("w1"));
    eventually("the jobs are in flight", || {
        worker.stats.reading(Instant::now()).in_flight == 3
    });
    worker.stop.drain(now_ms() + 200);
    worker.thread.join().unwrap().unwrap();
    bed.gate.open();
    assert_eq!(worker.stats.reading(Instant::now()).counters.abandoned, 3);
    assert!(bed.committed(0).is_none_or(|(offset, _)| offset == 0));
}

#[test]
fn a_second_worker_takes_over_partitions_and_nothing_is_lost() {
    let bed = Bed::new(4);
    let sent = AtomicUsize::new(0);
    let send = |count: usize| {
        for _ in 0..count {
            let index = sent.fetch_add(1, Ordering::Relaxed);
            bed.send_job(
                (index % 4) as i32,
                &job(&format!("job-{index}"), [200, 0, 0]),
            );
        }
    };
    let partitions = |worker: &Worker| worker.stats.reading(Instant::now()).partitions;
    send(40);
    let first = bed.start(bed.config("w1"));
    eventually("the first has all partitions", || {
        partitions(&first).len() == 4
    });
    let second = bed.start(bed.config("w2"));
    eventually("they share", || {
        send(1);
        let (own, others): (Vec<Partition>, Vec<Partition>) =
            (partitions(&first), partitions(&second));
        own.len() == 2 && others.len() == 2
    });
    send(40);
    first.drain();
    eventually("the second has all partitions", || {
        partitions(&second).len() == 4
    });
    send(40);
    let count = sent.load(Ordering::Relaxed);
    let results = bed.results(count);
    // On a machine that is starved a session may end before its worker has committed: what was in flight is repeated,
    // once for each hand-over at most.
    let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
    for result in &results {
        *answers.entry(&result.result_id).or_default() += 1;
    }
    assert!(answers.values().all(|times| *times <= 3), "{answers:?}");
    second.drain();
    let committed: i64 = (0..4)
        .map(|partition| bed.committed(partition).unwrap().0)
        .sum();
    assert_eq!(committed, count as i64);
}

#[test]
fn partitions_that_were_paused_go_on_after_others_are_added() {
    let bed = Bed::new(4);
    let partitions = |worker: &Worker| worker.stats.reading(Instant::now()).partitions;
    let first = bed.start(bed.config("w1"));
    eventually("the first has all partitions", || {
        partitions(&first).len() == 4
    });
    let second = bed.start(bed.config("w2"));
    eventually("they share", || {
        partitions(&first).len() == 2 && partitions(&second).len() == 2
    });
    // More than may be in flight and looked ahead at, so that the first pauses all that it has.
    let own = partitions(&first)[0].partition;
    for index in 0..80 {
        bed.send_job(own, &job(&format!("job-{index}"), HELD));
    }
    eventually("the first is full", || {
        first.stats.reading(Instant::now()).in_flight == 32
    });
    second.drain();
    eventually("the first has all partitions again", || {
        partitions(&first).len() == 4
    });
    bed.gate.open();
    bed.results(80);
    first.drain();
}

#[test]
fn a_stated_limit_of_images_per_second_holds_and_counts_as_saturated() {
    let bed = Bed::new(1);
    for index in 0..400 {
        bed.send_job(0, &job(&format!("job-{index}"), [200, 0, 0]));
    }
    let mut config = bed.config("w1");
    config.limits.images_per_second_max = Some(40.0);
    let worker = bed.start(config);
    eventually("half a hundred are done", || worker.images_done() >= 50);
    let before = worker.stats.reading(Instant::now()).counters;
    let began = Instant::now();
    eventually("two seconds have passed", || {
        began.elapsed() > Duration::from_secs(2)
    });
    let after = worker.stats.reading(Instant::now()).counters;
    let rate = (after.images_done - before.images_done) as f64 / began.elapsed().as_secs_f64();
    assert!((30.0..50.0).contains(&rate), "{rate} images a second");
    let saturated = after.saturated_ms - before.saturated_ms;
    assert!(saturated > 1_500, "saturated for {saturated} of 2000 ms");
    assert!(after.saturated_images > before.saturated_images + 50);
    worker.drain();
}
