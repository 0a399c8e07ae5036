//! One dead letter: what it tells, and the job that it was. Pure.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;
use spillway_kafka::Record;
use spillway_wire::{Job, header_names};

/// Headers that say how a job died; without them it is as it was.
const OF_DEATH: [&str; 5] = [
    header_names::ERROR_REASON,
    header_names::ERROR_MESSAGE,
    header_names::ERROR_ORIGIN,
    // It has all its tries again, and is due at once.
    header_names::TRIES,
    header_names::RETRY_AT,
];
/// Most characters of a message in a table.
const MESSAGE_MAX: usize = 60;

/// A record of a topic of dead letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Letter {
    /// The topic of jobs that it belongs to.
    pub(super) jobs_topic: String,
    pub(super) record: Record,
}

/// Which letters are meant.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    reasons: BTreeSet<String>,
    jobs: BTreeSet<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

/// What a letter tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Told {
    topic: String,
    partition: i32,
    offset: u64,
    at: Option<Timestamp>,
    /// None for a record that never was a job.
    job: Option<String>,
    tenant: Option<String>,
    reason: Option<String>,
    message: Option<String>,
    /// `topic/partition/offset` of the job.
    origin: Option<String>,
    bytes: usize,
    /// Whether it can be sent again.
    can_be_replayed: bool,
}

// === impl Letter ===

impl Letter {
    pub(super) fn new(jobs_topic: &str, record: Record) -> Self {
        Self {
            jobs_topic: jobs_topic.to_owned(),
            record,
        }
    }

    /// The job's record as it was.
    ///
    /// # Errors
    /// Why it cannot be sent again.
    pub(super) fn job(&self) -> Result<Record, &'static str> {
        let value = self.record.value.as_deref().unwrap_or_default();
        if value.is_empty() {
            return Err("it was too large for a record, so its value is not kept");
        }
        if Job::decode(value).is_err() {
            return Err("it is no job, and would die again");
        }
        let mut record = self.record.clone();
        record
            .headers
            .retain(|(name, _)| !OF_DEATH.contains(&name.as_str()));
        Ok(record)
    }

    pub(super) fn told(&self) -> Told {
        let record = &self.record;
        let job = record.value.as_deref().and_then(|it| Job::decode(it).ok());
        let header = |name| record.header(name).map(str::to_owned);
        Told {
            topic: spillway_wire::topics::dead_letters(&self.jobs_topic),
            partition: record.partition,
            offset: record.offset,
            at: record.at,
            tenant: job.as_ref().map(|job| job.tenant.clone()),
            job: job.map(|job| job.id),
            reason: header(header_names::ERROR_REASON),
            message: header(header_names::ERROR_MESSAGE),
            origin: header(header_names::ERROR_ORIGIN),
            bytes: record.value.as_ref().map_or(0, Vec::len),
            can_be_replayed: self.job().is_ok(),
        }
    }
}

// === impl Filter ===

impl Filter {
    pub(super) fn new(
        reasons: &[String],
        jobs: &[String],
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Self {
        Self {
            reasons: reasons.iter().map(|it| it.to_ascii_uppercase()).collect(),
            jobs: jobs.iter().cloned().collect(),
            since,
            until,
        }
    }

    /// Whether a letter is meant. One without a time is not, where times are asked for.
    pub(super) fn takes(&self, letter: &Letter) -> bool {
        let record = &letter.record;
        let is_in_time = match (self.since, self.until) {
            (None, None) => true,
            (since, until) => record.at.is_some_and(|at| {
                since.is_none_or(|since| at >= since) && until.is_none_or(|until| at < until)
            }),
        };
        let reason = record.header(header_names::ERROR_REASON);
        let is_reason =
            self.reasons.is_empty() || reason.is_some_and(|reason| self.reasons.contains(reason));
        is_in_time && is_reason && (self.jobs.is_empty() || self.is_of_a_job(record))
    }

    fn is_of_a_job(&self, record: &Record) -> bool {
        let job = record.value.as_deref().and_then(|it| Job::decode(it).ok());
        job.is_some_and(|job| self.jobs.contains(&job.id))
    }
}

// === impl Told ===

impl Told {
    /// As a line of a table: when, which job, why, from where, in which words.
    pub(super) fn fields(&self) -> Vec<String> {
        let or =
            |text: &Option<String>, other: &str| text.clone().unwrap_or_else(|| other.to_owned());
        let at = self
            .at
            .map(|at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let message: String = or(&self.message, "").chars().take(MESSAGE_MAX).collect();
        vec![
            or(&at, "-"),
            or(&self.job, "(no job)"),
            or(&self.reason, "-"),
            or(&self.origin, "-"),
            message,
        ]
    }
}

#[cfg(test)]
mod tests {
    use spillway_wire::ImageSource;

    use super::*;

    fn letter(id: &str, reason: &str, second: i64) -> Letter {
        let job = Job::new(id, 5, ImageSource::Uri("https://example.com/a.jpg".into()));
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        Letter::new(
            "jobs",
            Record {
                partition: 0,
                offset: 7,
                at: Timestamp::from_second(second).ok(),
                key: Some(b"k".to_vec()),
                value: Some(job.encode()),
                headers: vec![
                    header("traceparent", "00-x"),
                    header(header_names::ERROR_REASON, reason),
                    header(header_names::ERROR_MESSAGE, "why"),
                    header(header_names::ERROR_ORIGIN, "jobs/3/41"),
                    header("mine", "1"),
                ],
            },
        )
    }

    #[test]
    fn a_job_is_sent_again_as_it_was() {
        let letter = letter("a", "MODEL_FAILED", 1);
        let job = letter.job().unwrap();
        assert_eq!(
            (&job.key, &job.value),
            (&letter.record.key, &letter.record.value)
        );
        let names: Vec<&str> = job.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["traceparent", "mine"]);
    }

    #[test]
    fn what_would_die_again_is_not_sent() {
        let mut no_job = letter("a", "INVALID_JOB", 1);
        no_job.record.value = Some(b"{}".to_vec());
        let mut too_large = letter("a", "INVALID_JOB", 1);
        too_large.record.value = Some(Vec::new());
        for letter in [no_job, too_large] {
            assert!(letter.job().is_err());
            assert!(!letter.told().can_be_replayed);
        }
    }

    #[test]
    fn every_condition_has_to_hold() {
        let filter = |reasons: &[&str], jobs: &[&str], since: Option<i64>, until: Option<i64>| {
            let texts = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
            let time = |second: Option<i64>| second.and_then(|it| Timestamp::from_second(it).ok());
            Filter::new(&texts(reasons), &texts(jobs), time(since), time(until))
        };
        let letter = letter("a", "MODEL_FAILED", 100);
        for (is_taken, filter) in [
            (true, filter(&[], &[], None, None)),
            (
                true,
                filter(&["model_failed"], &["a", "b"], Some(100), Some(101)),
            ),
            (false, filter(&["INVALID_JOB"], &[], None, None)),
            (false, filter(&[], &["b"], None, None)),
            (false, filter(&[], &[], Some(101), None)),
            (false, filter(&[], &[], None, Some(100))),
        ] {
            assert_eq!(filter.takes(&letter), is_taken, "{filter:?}");
        }
        let mut untimed = letter;
        untimed.record.at = None;
        assert!(!filter(&[], &[], Some(1), None).takes(&untimed));
    }
}
