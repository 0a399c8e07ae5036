//! Which topics there should be, and what is to be done so that they are. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use spillway_core::Policy;
use spillway_kafka::TopicState;
use spillway_wire::topics;

/// Partitions of jobs for each worker that there may be: so many that unequal workers can be dealt unequal shares
/// (docs/decisions/0006-assignment.md), and few enough that all are read in one look.
const PARTITIONS_PER_WORKER: u32 = 4;
/// Fewest partitions of jobs and of results, so that a small start can grow.
const PARTITIONS_MIN: u32 = 12;
/// What could not be fetched is little, unless an origin is away: then it is all, and nothing is done about it sooner.
const RETRY_PARTITIONS: u32 = 12;
/// Dead letters are few.
const DEAD_LETTER_PARTITIONS: u32 = 3;
/// Copies of each record where there are as many brokers.
const REPLICATION: u32 = 3;

/// What a person asked for beside the policies.
#[derive(Debug, Clone, Default)]
pub(super) struct Wishes {
    /// Exact numbers of partitions, by topic.
    pub(super) partitions: BTreeMap<String, u32>,
    /// Waits before jobs are tried again, as workers are told theirs.
    pub(super) waits: Vec<String>,
    /// Whether there shall be videos too.
    pub(super) has_videos: bool,
    pub(super) keep: Retention,
}

/// How long records stay.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Retention {
    pub(super) jobs: Duration,
    pub(super) results: Duration,
    pub(super) dead_letters: Duration,
}

/// A topic as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) name: String,
    /// What it is for.
    pub(super) what: &'static str,
    partitions: u32,
    /// Whether more would do as well, and fewer may be added to.
    fit: Fit,
    settings: BTreeMap<&'static str, String>,
}

/// How many partitions are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// At least so many.
    AtLeast,
    /// So many, as a person asked for.
    Exactly,
    /// As many as there are: keys would change their places.
    AsTheyAre,
}

/// What is to be done about one topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Step {
    pub(super) topic: String,
    pub(super) what: &'static str,
    pub(super) change: Change,
    pub(super) partitions: Partitions,
    /// Settings that differ.
    pub(super) settings: Vec<Difference>,
    /// What a person should know, and what is not changed here.
    pub(super) notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Change {
    /// It fits.
    Nothing,
    /// It is not there.
    Make,
    /// It is there and does not fit.
    Alter,
    /// What is asked for cannot be.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Partitions {
    pub(super) present: Option<u32>,
    pub(super) wanted: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    pub(super) name: String,
    pub(super) present: Option<String>,
    pub(super) wanted: String,
}

/// Topics of jobs of these policies, and those where jobs wait for another try: named by a policy, or by `waits`.
pub(super) fn jobs_and_retries<'a>(
    policies: &'a [Policy],
    waits: &[String],
) -> (BTreeSet<&'a str>, BTreeSet<String>) {
    let named = policies.iter().flat_map(Policy::topics);
    let named: Vec<&str> = named.map(|it| it.name.as_str()).collect();
    let is_retry = |name: &&&str| topics::base(name) != **name;
    // A policy may name the retry topics alone: whoever else scales the jobs' own needs its dead letters all the same.
    let jobs: BTreeSet<&str> = named.iter().map(|name| topics::base(name)).collect();
    let own = named.iter().filter(is_retry).map(|it| (*it).to_owned());
    let told = jobs.iter().flat_map(|jobs| {
        let waits = waits.iter();
        waits.map(|wait| topics::retries(jobs, wait))
    });
    let retries = own.chain(told).collect();
    (jobs, retries)
}

/// Every topic that these policies need, once.
pub(super) fn wanted(policies: &[Policy], wishes: &Wishes) -> Vec<Wanted> {
    let mut partitions: BTreeMap<&str, u32> = BTreeMap::new();
    for policy in policies {
        let workers = policy.base().max.saturating_add(policy.burst_max());
        let needed = workers
            .saturating_mul(PARTITIONS_PER_WORKER)
            .max(PARTITIONS_MIN);
        for topic in policy.topics() {
            let most = partitions.entry(topics::base(&topic.name)).or_default();
            *most = needed.max(*most);
        }
    }
    let keep = wishes.keep;
    let aging = |for_: Duration| {
        BTreeMap::from([
            ("cleanup.policy", "delete".to_owned()),
            ("retention.ms", for_.as_millis().to_string()),
        ])
    };
    let at_least = |name: String, what, (partitions, keep)| Wanted {
        name,
        what,
        partitions,
        fit: Fit::AtLeast,
        settings: aging(keep),
    };
    let (jobs, retries) = jobs_and_retries(policies, &wishes.waits);
    let mut all = Vec::new();
    for name in jobs {
        let needed = partitions.get(name).copied().unwrap_or(PARTITIONS_MIN);
        all.push(at_least(name.to_owned(), "jobs", (needed, keep.jobs)));
        let of_it = retries.iter().filter(|it| topics::base(it) == name);
        all.extend(of_it.map(|retry| {
            at_least(
                retry.clone(),
                "jobs to be tried again",
                (RETRY_PARTITIONS, keep.jobs),
            )
        }));
        all.push(at_least(
            topics::dead_letters(name),
            "dead letters",
            (DEAD_LETTER_PARTITIONS, keep.dead_letters),
        ));
    }
    if wishes.has_videos {
        // A worker goes through one video at a time, from a partition of its own.
        let workers = policies
            .iter()
            .map(|it| it.base().max.saturating_add(it.burst_max()));
        let needed = workers.max().unwrap_or(0).max(PARTITIONS_MIN);
        let name = topics::VIDEOS.to_owned();
        let letters = topics::dead_letters(topics::VIDEOS);
        all.push(at_least(name, "videos", (needed, keep.jobs)));
        all.push(at_least(
            letters,
            "dead letters of videos",
            (DEAD_LETTER_PARTITIONS, keep.dead_letters),
        ));
    }
    all.push(Wanted {
        name: topics::RESULTS.to_owned(),
        what: "results",
        partitions: PARTITIONS_MIN,
        fit: Fit::AtLeast,
        settings: aging(keep.results),
    });
    for (name, what) in [
        (topics::WORKERS, "heartbeats"),
        (topics::CONTROL, "control"),
    ] {
        all.push(Wanted {
            name: name.to_owned(),
            what,
            partitions: 1,
            fit: Fit::AsTheyAre,
            settings: compacted(),
        });
    }
    for topic in &mut all {
        if let Some(count) = wishes.partitions.get(&topic.name) {
            topic.partitions = *count;
            topic.fit = Fit::Exactly;
        }
    }
    all
}

/// The last record of each key stays. Segments are closed every hour, so that what a heartbeat every 2 s writes does not
/// have to be read through by every new controller for a week.
fn compacted() -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("cleanup.policy", "compact".to_owned()),
        ("min.cleanable.dirty.ratio", "0.1".to_owned()),
        ("segment.ms", "3600000".to_owned()),
    ])
}

/// Copies where nothing is said.
pub(super) fn replication(brokers: usize) -> u32 {
    u32::try_from(brokers)
        .unwrap_or(REPLICATION)
        .clamp(1, REPLICATION)
}

/// What is to be done about each.
pub(super) fn steps(
    wanted: &[Wanted],
    replication: u32,
    present: &BTreeMap<String, Option<TopicState>>,
) -> Vec<Step> {
    let steps = wanted.iter().map(|topic| {
        let found = present.get(&topic.name).and_then(Option::as_ref);
        match found {
            None => topic.made(replication),
            Some(state) => topic.changed(replication, state),
        }
    });
    steps.collect()
}

// === impl Wanted ===

impl Wanted {
    fn made(&self, replication: u32) -> Step {
        let mut settings = self.settings.clone();
        if replication >= REPLICATION {
            // One broker may be away, and none of what was acknowledged is lost with the next.
            settings.insert("min.insync.replicas", (replication - 1).to_string());
        }
        let settings = settings.into_iter().map(|(name, wanted)| Difference {
            name: name.to_owned(),
            present: None,
            wanted,
        });
        let notes = match replication {
            1 => vec!["one copy: what its broker loses is lost".to_owned()],
            _ => Vec::new(),
        };
        self.step(
            Change::Make,
            None,
            self.partitions,
            (settings.collect(), notes),
        )
    }

    fn changed(&self, replication: u32, state: &TopicState) -> Step {
        let settings: Vec<Difference> = self
            .settings
            .iter()
            .map(|(name, wanted)| (*name, wanted, state.settings.get(*name)))
            .filter(|(_, wanted, found)| {
                found.and_then(|setting| setting.value.as_ref()) != Some(*wanted)
            })
            .map(|(name, wanted, found)| Difference {
                name: name.to_owned(),
                present: found.and_then(|setting| setting.value.clone()),
                wanted: wanted.clone(),
            })
            .collect();
        let mut notes = Vec::new();
        if state.replication < replication {
            notes.push(format!(
                "has {} of {replication} copies: kafka-reassign-partitions.sh adds them",
                state.replication
            ));
        }
        let has = state.partitions;
        let partitions = match self.fit {
            Fit::AtLeast => self.partitions.max(has),
            Fit::Exactly => self.partitions,
            Fit::AsTheyAre => has,
        };
        if partitions < has {
            notes.push(format!(
                "Kafka takes no partitions away: make another topic with {partitions}, and name it in the policy"
            ));
            return self.step(Change::Refused, Some(has), partitions, (settings, notes));
        }
        let change = match partitions > has || !settings.is_empty() {
            true => Change::Alter,
            false => Change::Nothing,
        };
        self.step(change, Some(has), partitions, (settings, notes))
    }

    fn step(
        &self,
        change: Change,
        present: Option<u32>,
        wanted: u32,
        (settings, notes): (Vec<Difference>, Vec<String>),
    ) -> Step {
        Step {
            topic: self.name.clone(),
            what: self.what,
            change,
            partitions: Partitions { present, wanted },
            settings,
            notes,
        }
    }
}

// === impl Step ===

impl Step {
    /// Whether partitions are added.
    pub(super) fn grows(&self) -> bool {
        let Partitions { present, wanted } = self.partitions;
        present.is_some_and(|present| present < wanted)
    }

    /// Settings that differ, as they should be.
    pub(super) fn wanted_settings(&self) -> BTreeMap<String, String> {
        let settings = self.settings.iter();
        settings
            .map(|it| (it.name.clone(), it.wanted.clone()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use spillway_kafka::Setting;

    use super::*;
    use crate::assignment::tests::policy;

    const DAY: Duration = Duration::from_secs(86_400);

    fn wishes(partitions: &[(&str, u32)]) -> Wishes {
        Wishes {
            partitions: partitions
                .iter()
                .map(|(topic, count)| ((*topic).to_owned(), *count))
                .collect(),
            waits: Vec::new(),
            has_videos: false,
            keep: Retention {
                jobs: 7 * DAY,
                results: DAY,
                dead_letters: 14 * DAY,
            },
        }
    }

    /// The topics of a policy with three workers, as `apply` leaves them.
    fn as_made(wanted: &[Wanted]) -> BTreeMap<String, Option<TopicState>> {
        let made = wanted.iter().map(|topic| {
            let settings = topic.settings.iter().map(|(name, value)| {
                let value = Some(value.clone());
                let setting = Setting {
                    value,
                    is_own: true,
                };
                ((*name).to_owned(), setting)
            });
            let state = TopicState {
                partitions: topic.partitions,
                replication: 3,
                settings: settings.collect(),
            };
            (topic.name.clone(), Some(state))
        });
        made.collect()
    }

    fn changes(steps: &[Step]) -> Vec<(&str, Change)> {
        let changes = steps.iter().map(|step| (step.topic.as_str(), step.change));
        changes
            .filter(|(_, change)| *change != Change::Nothing)
            .collect()
    }

    #[test]
    fn an_empty_cluster_needs_all_of_them() {
        let wanted = wanted(&[policy()], &wishes(&[]));
        let made = steps(&wanted, 3, &BTreeMap::new());
        let made: Vec<(&str, u32)> = made
            .iter()
            .inspect(|step| assert_eq!(step.change, Change::Make))
            .map(|step| (step.topic.as_str(), step.partitions.wanted))
            .collect();
        assert_eq!(
            made,
            [
                ("jobs", 12),
                ("jobs.dlq", 3),
                ("spillway.results", 12),
                ("spillway.workers", 1),
                ("spillway.control", 1)
            ]
        );
    }

    #[test]
    fn what_is_tried_again_lies_beside_its_jobs_and_shares_their_dead_letters() {
        let mut wishes = wishes(&[]);
        wishes.waits = vec!["10s".into(), "1m".into()];
        let wanted = wanted(&[policy()], &wishes);
        let made: Vec<(&str, u32)> = wanted
            .iter()
            .map(|it| (it.name.as_str(), it.partitions))
            .take(4)
            .collect();
        assert_eq!(
            made,
            [
                ("jobs", 12),
                ("jobs.retry.10s", 12),
                ("jobs.retry.1m", 12),
                ("jobs.dlq", 3)
            ]
        );
    }

    #[test]
    fn videos_have_topics_where_they_are_asked_for() {
        let mut wishes = wishes(&[]);
        wishes.has_videos = true;
        let wanted = wanted(&[policy()], &wishes);
        let made: Vec<(&str, u32)> = wanted
            .iter()
            .map(|it| (it.name.as_str(), it.partitions))
            .filter(|(name, _)| name.contains("videos"))
            .collect();
        assert_eq!(made, [("spillway.videos", 12), ("spillway.videos.dlq", 3)]);
    }

    #[test]
    fn what_was_made_needs_nothing_more() {
        let wanted = wanted(&[policy()], &wishes(&[]));
        assert_eq!(changes(&steps(&wanted, 3, &as_made(&wanted))), []);
    }

    #[test]
    fn partitions_are_added_and_never_taken_away() {
        let before = as_made(&wanted(&[policy()], &wishes(&[])));
        for (count, change) in [(24, Change::Alter), (6, Change::Refused)] {
            let wanted = wanted(&[policy()], &wishes(&[("jobs", count)]));
            let steps = steps(&wanted, 3, &before);
            assert_eq!(changes(&steps), [("jobs", change)], "{count}");
        }
        // More than the workers need, and nobody asked: they stay.
        let mut large = before;
        large.get_mut("jobs").unwrap().as_mut().unwrap().partitions = 600;
        let wanted = wanted(&[policy()], &wishes(&[]));
        assert_eq!(changes(&steps(&wanted, 3, &large)), []);
    }

    #[test]
    fn heartbeats_that_age_away_are_put_right_and_keep_their_partitions() {
        let wanted = wanted(&[policy()], &wishes(&[]));
        let mut before = as_made(&wanted);
        let workers = before
            .get_mut("spillway.workers")
            .unwrap()
            .as_mut()
            .unwrap();
        workers.partitions = 8;
        workers.replication = 1;
        let value = Some("delete".to_owned());
        let aging = Setting {
            value,
            is_own: false,
        };
        workers.settings.insert("cleanup.policy".into(), aging);
        let steps = steps(&wanted, 3, &before);
        assert_eq!(changes(&steps), [("spillway.workers", Change::Alter)]);
        let step = steps
            .iter()
            .find(|it| it.topic == "spillway.workers")
            .unwrap();
        assert!(!step.grows());
        assert_eq!(
            step.wanted_settings(),
            BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())])
        );
        assert_eq!(
            step.notes.len(),
            1,
            "the copies that it lacks: {:?}",
            step.notes
        );
    }
}
