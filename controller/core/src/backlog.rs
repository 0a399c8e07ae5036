//! Lag: what the group has still to do, per partition, with unknown kept apart from zero.
//!
//! `lag = end − max(committed, log start)`, clamped at 0. A reading that cannot be true of the partition seen
//! before (it was re-created or rewound) starts its history anew rather than inventing arrivals.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// One partition of a topic; written `topic/number`, so that it can be a key in JSON.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct PartitionId {
    /// Topic.
    pub topic: String,
    /// Number, from 0.
    pub partition: i32,
}

/// What one look at Kafka gave: every partition of the group's topics, or why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacklogReading {
    /// When the look began: what it shows is at least this new.
    pub taken_at: Timestamp,
    /// Every partition that is known to exist; an empty list means that nothing could be learned.
    pub partitions: Vec<PartitionReading>,
    /// Topics of which nothing could be read, with the reason. They are unknown, not empty.
    pub missing: Vec<(String, String)>,
}

/// What one look gave of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionReading {
    /// Which.
    pub id: PartitionId,
    /// Its offsets, or why they could not be read.
    pub offsets: Result<Offsets, String>,
}

/// Offsets of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offsets {
    /// The first offset that still exists.
    pub log_start: u64,
    /// The next offset to be written.
    pub end: u64,
    /// Where the group is.
    pub committed: Committed,
}

/// Where a group is in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Committed {
    /// The next offset that the group will read.
    At(u64),
    /// The group has never committed here: it will begin at the log start (`auto.offset.reset=earliest`).
    Never,
}

/// Lag of one partition, jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lag {
    /// Read just now.
    Known(u64),
    /// Read earlier; the newest attempts failed.
    Stale {
        /// What it was, jobs.
        jobs: u64,
        /// When.
        at: Timestamp,
    },
    /// Never read, or too long ago to mean anything.
    Unknown {
        /// Why.
        why: String,
    },
}

/// Follows every partition's offsets over time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LagTracker {
    topics: BTreeMap<String, Topic>,
    missing: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Topic {
    #[serde(deserialize_with = "by_number")]
    partitions: BTreeMap<i32, Seen>,
    arrived: u64,
    committed: u64,
}

/// Reads a map by numbers whose keys are written as text, as JSON has them: where it lies in a line that names its kind
/// (a journal's), serde reads all of it before it knows that numbers are wanted.
fn by_number<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<i32, Seen>, D::Error> {
    let by_text = BTreeMap::<String, Seen>::deserialize(from)?.into_iter();
    let by_number =
        by_text.map(|(number, seen)| Ok((number.parse().map_err(D::Error::custom)?, seen)));
    by_number.collect()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    offsets: Option<(Timestamp, Offsets)>,
    error: Option<String>,
    /// Jobs that have arrived here since the first look.
    arrived: u64,
}

// === impl PartitionId ===

impl PartitionId {
    /// Partition `partition` of `topic`.
    #[must_use]
    pub fn new(topic: impl Into<String>, partition: i32) -> Self {
        Self {
            topic: topic.into(),
            partition,
        }
    }
}

impl From<PartitionId> for String {
    fn from(id: PartitionId) -> Self {
        format!("{}/{}", id.topic, id.partition)
    }
}

impl TryFrom<String> for PartitionId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // A topic's name has no slash.
        let parts = text.rsplit_once('/');
        let id = parts.and_then(|(topic, number)| Some(Self::new(topic, number.parse().ok()?)));
        id.ok_or_else(|| format!("`{text}` is not `topic/partition`"))
    }
}

// === impl Offsets ===

impl Offsets {
    /// Jobs that the group has still to do here.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.end.saturating_sub(self.position())
    }

    /// The next offset that the group will really read: retention may have passed its commit.
    #[must_use]
    pub fn position(&self) -> u64 {
        match self.committed {
            Committed::At(offset) => offset.max(self.log_start),
            Committed::Never => self.log_start,
        }
    }

    /// Whether `self` cannot be a later state of the partition that `earlier` was read from.
    ///
    /// Ends only grow, so a smaller end means that the topic was created anew.
    fn is_another_life_than(&self, earlier: &Self) -> bool {
        self.end < earlier.end || self.log_start < earlier.log_start
    }
}

// === impl LagTracker ===

impl LagTracker {
    /// Takes in one look at Kafka.
    pub fn observe(&mut self, reading: &BacklogReading) {
        let mut named: BTreeMap<&str, usize> = BTreeMap::new();
        let mut readings = reading.partitions.as_slice();
        // Readings come topic by topic, so a topic is looked up once.
        while let Some(first) = readings.first() {
            let name = first.id.topic.as_str();
            let count = readings.iter().take_while(|it| it.id.topic == name).count();
            let (of_topic, rest) = readings.split_at(count);
            readings = rest;
            *named.entry(name).or_default() += count;
            if !self.topics.contains_key(name) {
                self.topics.insert(name.to_owned(), Topic::default());
            }
            if let Some(topic) = self.topics.get_mut(name) {
                for reading_of_one in of_topic {
                    topic.observe(reading.taken_at, reading_of_one);
                }
            }
        }
        self.missing = reading.missing.iter().cloned().collect();
        if !reading.partitions.is_empty() {
            self.forget_unnamed(reading, &named);
        }
    }

    /// A partition that the cluster no longer names is gone with its topic; one that belongs to a topic which could
    /// not be read stays, and grows stale.
    fn forget_unnamed(&mut self, reading: &BacklogReading, named: &BTreeMap<&str, usize>) {
        let missing = &self.missing;
        self.topics.retain(|name, topic| {
            if missing.contains_key(name) {
                return true;
            }
            let count = named.get(name.as_str()).copied().unwrap_or(0);
            if count < topic.partitions.len() {
                let of_topic = reading.partitions.iter().filter(|it| it.id.topic == *name);
                let numbers: std::collections::BTreeSet<i32> =
                    of_topic.map(|it| it.id.partition).collect();
                topic
                    .partitions
                    .retain(|number, _| numbers.contains(number));
            }
            count > 0
        });
    }

    /// Lag of each partition of a topic at `now`; what is older than `stale_after` is unknown.
    pub fn lags_of(
        &self,
        topic: &str,
        now: Timestamp,
        stale_after: SignedDuration,
    ) -> impl Iterator<Item = Lag> {
        let partitions = self.topics.get(topic).into_iter();
        partitions.flat_map(move |topic| {
            let seen = topic.partitions.values();
            seen.map(move |seen| seen.lag(now, stale_after))
        })
    }

    /// Jobs that must wait in the whole topic for a partition to be as far as one that is further behind than most:
    /// 19 of 20 partitions, counted by what arrives in them, are further ahead.
    ///
    /// In one queue it would be the topic's lag. None where it cannot be told: a lag is unknown, or nothing arrived.
    #[must_use]
    pub(crate) fn backlog_of_the_late(&self, topic: &str) -> Option<u64> {
        let topic = self.topics.get(topic)?;
        let all: u64 = topic.partitions.values().map(|seen| seen.arrived).sum();
        let mut partitions: Vec<(u64, u64)> = Vec::with_capacity(topic.partitions.len());
        for seen in topic.partitions.values().filter(|seen| seen.arrived > 0) {
            let (_, offsets) = seen.offsets?;
            let alike = u128::from(offsets.lag()) * u128::from(all) / u128::from(seen.arrived);
            partitions.push((u64::try_from(alike).unwrap_or(u64::MAX), seen.arrived));
        }
        partitions.sort_unstable_by_key(|(alike, _)| std::cmp::Reverse(*alike));
        let mut behind = 0;
        for (alike, arrived) in partitions {
            behind += arrived;
            if behind * 20 >= all {
                return Some(alike);
            }
        }
        None
    }

    /// Lag of each partition at `now`; what is older than `stale_after` is unknown.
    #[must_use]
    pub fn lags(&self, now: Timestamp, stale_after: SignedDuration) -> BTreeMap<PartitionId, Lag> {
        let of_topic = |(name, topic): (&String, &Topic)| {
            let lag = |(number, seen): (&i32, &Seen)| {
                (
                    PartitionId::new(name.clone(), *number),
                    seen.lag(now, stale_after),
                )
            };
            topic.partitions.iter().map(lag).collect::<Vec<_>>()
        };
        self.topics.iter().flat_map(of_topic).collect()
    }

    /// Topics of which the last look gave nothing, with the reason.
    #[must_use]
    pub fn missing(&self) -> &BTreeMap<String, String> {
        &self.missing
    }

    /// Jobs that have arrived in a topic since the first look, counting what waited then; none before it. Only grows.
    #[must_use]
    pub fn arrived(&self, topic: &str) -> Option<u64> {
        self.topics.get(topic).map(|topic| topic.arrived)
    }

    /// Jobs of a topic that the group has committed since the first look; none before it. Only grows.
    #[must_use]
    pub fn committed(&self, topic: &str) -> Option<u64> {
        self.topics.get(topic).map(|topic| topic.committed)
    }
}

// === impl Topic ===

impl Topic {
    fn observe(&mut self, at: Timestamp, reading: &PartitionReading) {
        let seen = self.partitions.entry(reading.id.partition).or_insert(Seen {
            offsets: None,
            error: None,
            arrived: 0,
        });
        match &reading.offsets {
            Err(why) => seen.error = Some(why.clone()),
            // An answer that was overtaken by a newer one says nothing.
            Ok(_) if seen.offsets.is_some_and(|(newer, _)| at <= newer) => {}
            Ok(offsets) => {
                let new = match seen.offsets {
                    None => offsets.lag(),
                    Some((_, earlier)) if offsets.is_another_life_than(&earlier) => 0,
                    Some((_, earlier)) => {
                        self.committed += offsets.position().saturating_sub(earlier.position());
                        offsets.end - earlier.end
                    }
                };
                self.arrived += new;
                seen.arrived += new;
                seen.offsets = Some((at, *offsets));
                seen.error = None;
            }
        }
    }
}

// === impl Seen ===

impl Seen {
    fn lag(&self, now: Timestamp, stale_after: SignedDuration) -> Lag {
        match (&self.offsets, &self.error) {
            (None, why) => Lag::Unknown {
                why: why.clone().unwrap_or_else(|| "not read yet".to_owned()),
            },
            (Some((at, offsets)), None) if now.duration_since(*at) <= stale_after => {
                Lag::Known(offsets.lag())
            }
            (Some((at, offsets)), _) if now.duration_since(*at) <= stale_after => Lag::Stale {
                jobs: offsets.lag(),
                at: *at,
            },
            (Some((at, _)), why) => Lag::Unknown {
                why: why
                    .clone()
                    .unwrap_or_else(|| format!("not read since {at}")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn reading(second: i64, offsets: &[(i32, Result<Offsets, String>)]) -> BacklogReading {
        BacklogReading {
            taken_at: at(second),
            partitions: offsets
                .iter()
                .map(|(partition, offsets)| PartitionReading {
                    id: PartitionId::new("jobs", *partition),
                    offsets: offsets.clone(),
                })
                .collect(),
            missing: Vec::new(),
        }
    }

    fn offsets(log_start: u64, committed: Committed, end: u64) -> Result<Offsets, String> {
        Ok(Offsets {
            log_start,
            end,
            committed,
        })
    }

    const STALE_AFTER: SignedDuration = SignedDuration::from_secs(30);

    #[test]
    fn lag_counts_from_the_commit_or_from_what_retention_left() {
        let cases = [
            ("committed in the log", 0, Committed::At(40), 100, 60),
            ("never committed", 10, Committed::Never, 100, 90),
            (
                "retention passed the commit",
                70,
                Committed::At(40),
                100,
                30,
            ),
            ("committed past the end", 0, Committed::At(120), 100, 0),
            ("empty", 5, Committed::Never, 5, 0),
            (
                "as large as it gets",
                0,
                Committed::Never,
                u64::MAX,
                u64::MAX,
            ),
        ];
        for (name, log_start, committed, end, lag) in cases {
            assert_eq!(
                Offsets {
                    log_start,
                    end,
                    committed
                }
                .lag(),
                lag,
                "{name}"
            );
        }
    }

    #[test]
    fn an_error_makes_a_lag_stale_and_then_unknown_but_never_zero() {
        let mut tracker = LagTracker::default();
        tracker.observe(&reading(0, &[(0, offsets(0, Committed::At(1), 8))]));
        tracker.observe(&reading(10, &[(0, Err("leader not available".into()))]));
        let id = PartitionId::new("jobs", 0);
        assert_eq!(
            tracker.lags(at(10), STALE_AFTER)[&id],
            Lag::Stale { jobs: 7, at: at(0) }
        );
        assert_eq!(
            tracker.lags(at(31), STALE_AFTER)[&id],
            Lag::Unknown {
                why: "leader not available".into()
            }
        );
    }

    #[test]
    fn a_topic_that_could_not_be_read_keeps_its_partitions() {
        let mut tracker = LagTracker::default();
        tracker.observe(&reading(0, &[(0, offsets(0, Committed::At(1), 8))]));
        tracker.observe(&BacklogReading {
            taken_at: at(5),
            partitions: Vec::new(),
            missing: vec![("jobs".into(), "no metadata".into())],
        });
        assert_eq!(tracker.lags(at(5), STALE_AFTER).len(), 1);
        assert_eq!(tracker.missing()["jobs"], "no metadata");
    }

    #[test]
    fn arrivals_are_ends_that_moved_and_a_new_life_is_no_arrival() {
        let mut tracker = LagTracker::default();
        tracker.observe(&reading(0, &[(0, offsets(0, Committed::At(90), 100))]));
        assert_eq!(
            tracker.arrived("jobs"),
            Some(10),
            "what waited at the first look counts"
        );
        tracker.observe(&reading(1, &[(0, offsets(0, Committed::At(95), 130))]));
        assert_eq!(
            (tracker.arrived("jobs"), tracker.committed("jobs")),
            (Some(40), Some(5))
        );
        tracker.observe(&reading(2, &[(0, offsets(0, Committed::Never, 3))]));
        assert_eq!(
            (tracker.arrived("jobs"), tracker.committed("jobs")),
            (Some(40), Some(5)),
            "created anew"
        );
        tracker.observe(&reading(3, &[(0, offsets(0, Committed::At(3), 4))]));
        assert_eq!(
            (tracker.arrived("jobs"), tracker.committed("jobs")),
            (Some(41), Some(8))
        );
    }

    #[test]
    fn a_reading_that_was_overtaken_says_nothing() {
        let mut tracker = LagTracker::default();
        tracker.observe(&reading(10, &[(0, offsets(0, Committed::At(50), 100))]));
        tracker.observe(&reading(5, &[(0, offsets(0, Committed::At(20), 60))]));
        tracker.observe(&reading(11, &[(0, offsets(0, Committed::At(60), 110))]));
        assert_eq!(tracker.arrived("jobs"), Some(60));
        assert_eq!(tracker.committed("jobs"), Some(10));
    }

    #[test]
    fn those_that_are_behind_are_told_from_the_rest() {
        let mut tracker = LagTracker::default();
        // Two partitions, of which the second gets a tenth of all jobs and is far behind.
        tracker.observe(&reading(
            0,
            &[
                (0, offsets(0, Committed::At(0), 0)),
                (1, offsets(0, Committed::At(0), 0)),
            ],
        ));
        tracker.observe(&reading(
            9,
            &[
                (0, offsets(0, Committed::At(850), 900)),
                (1, offsets(0, Committed::At(0), 100)),
            ],
        ));
        assert_eq!(
            tracker.backlog_of_the_late("jobs"),
            Some(1_000),
            "as if all 1,000 waited"
        );
        assert_eq!(tracker.backlog_of_the_late("other"), None);
    }
}
