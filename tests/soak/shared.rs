//! What the trials have in common.
#![allow(dead_code, reason = "not every trial needs all of it")]

use spillway_tests::{Kafka, Topic, blank_model_set};
use spillway_wire::topics;

/// Topics of a trial, and a model set for a backend that answers at once.
pub(crate) struct Bed {
    pub(crate) kafka: Kafka,
    pub(crate) jobs: Topic,
    pub(crate) dead_letters: Topic,
    pub(crate) results: Topic,
    pub(crate) heartbeats: Topic,
    pub(crate) control: Topic,
    /// Holds the model set, and files that workers write.
    pub(crate) folder: tempfile::TempDir,
}

/// SplitMix64: the same seed gives the same faults.
pub(crate) struct Random(pub(crate) u64);

// === impl Bed ===

impl Bed {
    pub(crate) async fn new(kafka: Kafka, partitions: i32) -> Self {
        let jobs = kafka.topic("jobs", partitions).await;
        let folder = tempfile::tempdir().unwrap();
        blank_model_set(folder.path(), (160, 120)).unwrap();
        Self {
            dead_letters: kafka.topic_beside(&topics::dead_letters(jobs.name())).await,
            results: kafka.topic("results", 2).await,
            heartbeats: kafka.compacted_topic("heartbeats", 1).await,
            control: kafka.compacted_topic("control", 1).await,
            jobs,
            folder,
            kafka,
        }
    }

    /// Arguments of a worker of the group `soak`.
    pub(crate) fn arguments(&self, id: &str) -> Vec<String> {
        let folder = self.folder.path().display();
        [
            "run",
            "--brokers",
            self.kafka.brokers(),
            "--group",
            "soak",
            "--topic",
            self.jobs.name(),
            "--results-topic",
            self.results.name(),
            "--workers-topic",
            self.heartbeats.name(),
            "--control-topic",
            self.control.name(),
            "--device",
            "none",
            "--worker-id",
            id,
            "--listen",
            "127.0.0.1:0",
            "--model-set",
            &folder.to_string(),
            "--attempts-file",
            &format!("{folder}/attempts-{id}"),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// How many jobs the group has not committed, if that can be read.
    pub(crate) fn left(&self, partitions: i32) -> Option<i64> {
        let all = self.jobs.seen_by_consumer("soak", partitions).ok()?;
        let lags = all
            .iter()
            .map(|(start, end, at)| end - at.unwrap_or(*start));
        Some(lags.sum())
    }
}

// === impl Random ===

impl Random {
    /// The one that `SPILLWAY_SEED` names, or a new one; says which.
    pub(crate) fn seeded() -> (Self, u64) {
        let given = std::env::var("SPILLWAY_SEED").ok();
        let seed = given.map_or_else(
            || jiff::Timestamp::now().as_nanosecond() as u64,
            |seed| seed.parse().unwrap(),
        );
        eprintln!("SPILLWAY_SEED={seed}");
        (Self(seed), seed)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % end as u64).unwrap()
    }
}

/// Whether all of it is to be done, or a slice.
pub(crate) fn is_whole() -> bool {
    std::env::var_os("SPILLWAY_SOAK").is_some()
}

/// What a trial counted, in one line, also where the output of tests that pass is kept back.
pub(crate) fn closing(counts: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("soak");
    // Not by a macro, whose output is captured.
    let _ = writeln!(std::io::stderr(), "{test}: {counts}");
}
