//! No job is lost, whatever is killed: workers at random and at every named step, the broker, the group's peace.
//!
//! ```text
//! each round: some jobs ─▶ a fault, by the seed ─▶ whoever ended is started again
//! at the end: every job has a result; repeats ≤ what was in flight at the faults; nothing was set aside
//! ```
//!
//! A slice of it runs with the tests; `make soak NAME=delivery` runs all. `SPILLWAY_ROUNDS` makes it
//! shorter or longer, `SPILLWAY_MINUTES` begins no round after so long. `SPILLWAY_SEED` repeats a run's faults (not its moments, which are the machine's).
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod shared;

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use spillway_tests::{Kafka, Process, Signal, require_program};
use spillway_wire::{ImageSource, Job, JobResult, Outcome};

use shared::{Bed, Random, closing, is_whole};

const PARTITIONS: i32 = 6;
const IN_FLIGHT_MAX: usize = 64;
/// Finished and not committed, at most (`UNCOMMITTED_MAX` of the worker).
const UNCOMMITTED_MAX: usize = 1_024;
/// Workers that keep their partitions over a restart, and those that do not.
const STATIC: [&str; 2] = ["s1", "s2"];
const DYNAMIC: [&str; 2] = ["d1", "d2"];
const WORKERS: [&str; 4] = ["s1", "s2", "d1", "d2"];
/// Where a worker can be made to end (`crash.rs`).
const STEPS: [&str; 10] = [
    "begun",
    "decoded",
    "inferred",
    "sent",
    "acknowledged",
    "finished",
    "committing",
    "committed",
    "revoking",
    "leaving",
];
/// Of these, those that are only passed by one that leaves or is taken something.
const STEPS_OF_LEAVING: [&str; 2] = ["revoking", "leaving"];
const STEP_MAX: Duration = Duration::from_secs(8);
/// How long one that is to leave works before; by then it has joined.
const LEAVE_AFTER: Duration = Duration::from_millis(2_500);
const STOP_MAX: Duration = Duration::from_secs(60);
const DONE_MAX: Duration = Duration::from_secs(600);
const REQUEST_MAX: Duration = Duration::from_secs(60);

/// How much of it is done.
struct Scale {
    rounds: usize,
    /// Of these, the first ones, in which workers end at all the steps in turn.
    rounds_of_steps: usize,
    jobs_per_round: usize,
    /// A broker is killed once in so many rounds.
    broker_every: usize,
}

/// What was done to them.
#[derive(Debug, Default)]
struct Faults {
    kills: usize,
    /// Of these, at a named step.
    steps: BTreeMap<&'static str, usize>,
    pauses: usize,
    storms: usize,
    brokers: usize,
}

struct Trial {
    bed: Bed,
    random: Random,
    /// Each run begins with another one.
    first_step: usize,
    workers: BTreeMap<&'static str, Process>,
    producer: ThreadedProducer<DefaultProducerContext>,
    sent: usize,
    faults: Faults,
}

// === impl Trial ===

impl Trial {
    async fn begin(kafka: Kafka, mut random: Random) -> Self {
        let producer = kafka
            .client()
            .set("enable.idempotence", "true")
            .set("linger.ms", "5")
            .create()
            .unwrap();
        Self {
            bed: Bed::new(kafka, PARTITIONS).await,
            first_step: random.below(STEPS.len()),
            random,
            workers: BTreeMap::new(),
            producer,
            sent: 0,
            faults: Faults::default(),
        }
    }

    /// Starts a worker; `crash_at` is where it is to end by itself.
    fn start(&mut self, id: &'static str, crash_at: Option<String>) {
        let mut command = require_program("spillway-worker").unwrap();
        command
            .args(self.bed.arguments(id))
            .args(["--session-timeout", "2s"])
            .args(["--in-flight-max", &IN_FLIGHT_MAX.to_string()]);
        if STATIC.contains(&id) {
            command.arg("--static-member");
        }
        if let Some(at) = crash_at {
            command.env("SPILLWAY_CRASH_AT", at);
        }
        self.workers
            .insert(id, Process::spawn(id, command).unwrap());
    }

    fn worker(&mut self, id: &'static str) -> &mut Process {
        self.workers.get_mut(id).unwrap()
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.random.below(all.len())]
    }

    fn ms(&mut self, below: usize) -> Duration {
        Duration::from_millis(self.random.below(below) as u64)
    }

    /// Writes some jobs; they are acknowledged by and by, at the latest at the end.
    fn send(&mut self, count: usize) {
        for number in self.sent..self.sent + count {
            let image = ImageSource::Inline(PNG.to_vec());
            let job = Job::new(
                format!("job-{number}"),
                jiff::Timestamp::now().as_millisecond(),
                image,
            );
            let value = job.encode();
            let mut record = BaseRecord::<str, [u8]>::to(self.bed.jobs.name())
                .key(&job.id)
                .payload(&value);
            while let Err((_, same)) = self.producer.send(record) {
                record = same;
                thread::sleep(Duration::from_millis(10));
            }
        }
        self.sent += count;
    }

    fn round(&mut self, number: usize, scale: &Scale) {
        self.send(scale.jobs_per_round);
        thread::sleep(self.ms(250));
        if number % scale.broker_every == scale.broker_every - 1 {
            self.faults.brokers += 1;
            self.bed.kafka.signal(Signal::Kill);
            self.bed.kafka.start_again().unwrap();
        }
        // First every step there is, then whatever comes.
        if number < scale.rounds_of_steps {
            let at = |index: usize| STEPS[(self.first_step + 2 * number + index) % STEPS.len()];
            let steps = [at(0), at(1)];
            return self.end_at(steps);
        }
        match self.random.below(10) {
            0..=5 => {
                let count = 1 + self.random.below(3);
                self.some(count).into_iter().for_each(|id| self.kill(id));
            }
            6..=7 => {
                let steps = [self.one_of(&STEPS), self.one_of(&STEPS)];
                self.end_at(steps);
            }
            8 => self.storm(),
            _ => {
                let id = self.one_of(&WORKERS);
                self.pause(id);
            }
        }
    }

    /// Different workers.
    fn some(&mut self, count: usize) -> Vec<&'static str> {
        let mut left = WORKERS.to_vec();
        (0..count)
            .map(|_| left.remove(self.random.below(left.len())))
            .collect()
    }

    fn kill(&mut self, id: &'static str) {
        let mut worker = self.workers.remove(id).unwrap();
        worker.signal(Signal::Kill);
        worker.wait(STOP_MAX);
        self.faults.kills += 1;
        self.start(id, None);
    }

    /// Starts two workers anew, each of which ends at a step by itself; SIGKILL where it does not get there.
    fn end_at(&mut self, steps: [&'static str; 2]) {
        let ids = self.some(steps.len());
        for &id in &ids {
            self.worker(id).signal(Signal::Term);
        }
        for (id, step) in ids.iter().copied().zip(steps) {
            self.workers.remove(id).unwrap().wait(STOP_MAX);
            let count = match step {
                "committing" | "committed" => 1 + self.random.below(4),
                "revoking" | "leaving" => 1,
                _ => 1 + self.random.below(100),
            };
            self.start(id, Some(format!("{step}:{count}")));
        }
        let (began, leave_after) = (Instant::now(), LEAVE_AFTER + self.ms(1_000));
        let (mut left, mut may_leave) = (ids.clone(), true);
        while !left.is_empty() && began.elapsed() < STEP_MAX {
            // Some are always there for whoever joins.
            self.send(10);
            thread::sleep(Duration::from_millis(20));
            if may_leave && began.elapsed() >= leave_after {
                may_leave = false;
                for (id, step) in ids.iter().copied().zip(steps) {
                    if STEPS_OF_LEAVING.contains(&step) {
                        self.worker(id).signal(Signal::Term);
                    }
                }
            }
            left.retain(|&id| self.worker(id).is_running());
        }
        for (id, step) in ids.into_iter().zip(steps) {
            if left.contains(&id) {
                self.worker(id).signal(Signal::Kill);
            }
            let ended = self.workers.remove(id).unwrap().wait(STOP_MAX);
            // One that was asked to leave may do so without passing its step.
            if !left.contains(&id) && !ended.success() {
                *self.faults.steps.entry(step).or_default() += 1;
            }
            self.faults.kills += usize::from(!ended.success());
            self.start(id, None);
        }
    }

    /// Members come and go, in order.
    fn storm(&mut self) {
        self.faults.storms += 1;
        for id in DYNAMIC {
            let mut worker = self.workers.remove(id).unwrap();
            worker.signal(Signal::Term);
            thread::sleep(self.ms(100));
            worker.wait(STOP_MAX);
            self.start(id, None);
        }
    }

    /// A worker sleeps, for less than its session or for more, and goes on as if nothing was.
    fn pause(&mut self, id: &'static str) {
        self.faults.pauses += 1;
        let asleep = Duration::from_millis(500) + self.ms(4_000);
        self.worker(id).signal(Signal::Stop);
        thread::sleep(asleep);
        self.worker(id).signal(Signal::Continue);
    }

    /// Whoever ended although nobody ended it: a worker may, where the broker was away or its session over.
    fn start_again(&mut self) {
        for id in WORKERS {
            let worker = self.worker(id);
            if !worker.is_running() {
                eprintln!("{id} ended by itself:\n{}", last_lines(&worker.log()));
                self.start(id, None);
            }
        }
    }

    /// Waits until the group has committed everything.
    fn finish(&mut self) {
        self.producer.flush(DONE_MAX).unwrap();
        let until = Instant::now() + DONE_MAX;
        loop {
            self.start_again();
            let left = self.bed.left(PARTITIONS);
            if left == Some(0) {
                return;
            }
            assert!(Instant::now() < until, "{left:?} jobs are left");
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Results by job; every one is good, and those of one job are alike.
    fn results(&self) -> BTreeMap<String, usize> {
        let consumer: BaseConsumer = self
            .bed
            .kafka
            .client()
            .set("group.id", "soak-read")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let name = self.bed.results.name();
        let mut list = TopicPartitionList::new();
        let mut left = 0;
        for partition in 0..2 {
            list.add_partition_offset(name, partition, Offset::Beginning)
                .unwrap();
            left += consumer
                .fetch_watermarks(name, partition, REQUEST_MAX)
                .unwrap()
                .1;
        }
        consumer.assign(&list).unwrap();
        let mut results: BTreeMap<String, (String, usize)> = BTreeMap::new();
        let until = Instant::now() + DONE_MAX;
        while left > 0 {
            assert!(Instant::now() < until, "{left} results are not read");
            let Some(message) = consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let result = JobResult::decode(message.unwrap().payload().unwrap()).unwrap();
            left -= 1;
            assert_eq!(result.outcome, Outcome::Success, "{result:?}");
            let (id, count) = results
                .entry(result.job_id)
                .or_insert_with(|| (result.result_id.clone(), 0));
            assert_eq!(*id, result.result_id);
            *count += 1;
        }
        results
            .into_iter()
            .map(|(job, (_, count))| (job, count))
            .collect()
    }
}

// === impl Faults ===

impl Faults {
    /// Most repeats that there may be: for whatever ended or lost its partitions, what it had in flight. When the broker
    /// ends, all of them may.
    fn repeats_max(&self) -> usize {
        let workers = WORKERS.len();
        let each = self.kills + self.pauses + 2 * self.storms + workers * self.brokers;
        each * (IN_FLIGHT_MAX + UNCOMMITTED_MAX)
    }
}

fn last_lines(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(4)..].join("\n")
}

fn scale() -> Scale {
    let rounds = std::env::var("SPILLWAY_ROUNDS").ok();
    let rounds = rounds.map(|rounds| rounds.parse().unwrap());
    match is_whole() {
        true => Scale {
            rounds: rounds.unwrap_or(360),
            rounds_of_steps: STEPS.len() / 2,
            jobs_per_round: 1_400,
            broker_every: 40,
        },
        // Four of the steps, others in each run, and the broker together with some workers.
        false => Scale {
            rounds: rounds.unwrap_or(3),
            rounds_of_steps: 2,
            jobs_per_round: 300,
            broker_every: 3,
        },
    }
}

#[tokio::test]
async fn nothing_is_lost_whatever_is_killed() {
    if require_program("spillway-worker").is_none() {
        return;
    }
    let Ok(kafka) = Kafka::start() else {
        eprintln!("skipped: there is no Apache Kafka");
        return;
    };
    let (random, seed) = Random::seeded();
    let (scale, began) = (scale(), Instant::now());
    let mut trial = Trial::begin(kafka, random).await;
    for id in WORKERS {
        trial.start(id, None);
    }
    let minutes = std::env::var("SPILLWAY_MINUTES").ok();
    let over = minutes.map(|minutes| Duration::from_secs(60 * minutes.parse::<u64>().unwrap()));
    for number in 0..scale.rounds {
        if over.is_some_and(|over| began.elapsed() >= over) {
            break;
        }
        trial.round(number, &scale);
        trial.start_again();
    }
    trial.finish();
    for (_, mut worker) in std::mem::take(&mut trial.workers) {
        worker.signal(Signal::Term);
        worker.wait(STOP_MAX);
    }

    let results = trial.results();
    let lost: Vec<String> = (0..trial.sent)
        .map(|number| format!("job-{number}"))
        .filter(|job| !results.contains_key(job))
        .collect();
    let repeats = results.values().sum::<usize>() - results.len();
    let letters = trial.bed.dead_letters.records().unwrap().len();
    let repeats_max = trial.faults.repeats_max();
    closing(format_args!(
        "{} jobs, {} lost, {repeats} repeats (at most {repeats_max} were in flight at a fault), {letters} set aside; \
         {:?}; seed {seed}; {:.0} s",
        trial.sent,
        lost.len(),
        trial.faults,
        began.elapsed().as_secs_f64()
    ));
    assert_eq!(lost, Vec::<String>::new(), "seed {seed}");
    assert_eq!(results.len(), trial.sent, "seed {seed}: results of no job");
    assert!(repeats <= repeats_max, "seed {seed}: {repeats} repeats");
    assert_eq!(letters, 0, "seed {seed}: healthy jobs were set aside");
}

/// Four by four pixels.
const PNG: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x04\x00\x00\x00\x04\x08\
    \x02\x00\x00\x00\x26\x93\x09\x29\x00\x00\x00\x11\x49\x44\x41\x54\x78\x9c\x63\x38\x11\xb5\x00\x8e\x18\
    \x88\xe3\x00\x00\xde\x12\x1c\x21\x8e\x8d\x74\xa6\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82";
