//! Which failures are tried again, when, and where they wait meanwhile. Pure: time comes in.
//!
//! ```text
//!  jobs ─▶ worker ─▶ jobs.retry.10s ─▶ worker ─▶ jobs.retry.1m ─▶ worker ─▶ the result, whatever it is
//! ```
//!
//! A job that waits has no result yet and lies in a topic of its own, so that it holds up no other.

use std::time::Duration;

use spillway_wire::{Headers, UnixMs, header_names, topics};

use crate::work::{Failure, Work};

/// Most tiers.
pub(crate) const TIERS_MAX: usize = 5;

/// How long a job waits before each further try.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tiers(Vec<Tier>);

/// One wait, as it was written: it names the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tier {
    pub(crate) name: String,
    pub(crate) wait: Duration,
}

/// One further try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) topic: String,
    /// 1 for the first further try.
    pub(crate) number: usize,
    pub(crate) due_ms: UnixMs,
}

// === impl Tiers ===

impl Tiers {
    pub(crate) fn new(tiers: Vec<Tier>) -> Self {
        Self(tiers)
    }

    /// Where jobs of some topics wait.
    pub(crate) fn topics(&self, jobs: &[String]) -> Vec<String> {
        let of = |topic: &String| {
            let waits = self.0.iter();
            waits
                .map(|tier| topics::retries(topic, &tier.name))
                .collect::<Vec<_>>()
        };
        jobs.iter().flat_map(of).collect()
    }

    /// The next try of work that failed at `now_ms`; none where it is no use, all are used up, or its deadline comes first.
    pub(crate) fn again(&self, work: &Work, failure: &Failure, now_ms: UnixMs) -> Option<Again> {
        if !failure.reason.is_retryable() {
            return None;
        }
        let number = work.record.tries();
        let tier = self.0.get(number)?;
        let due_ms = now_ms + i64::try_from(tier.wait.as_millis()).ok()?;
        if work.is_late(due_ms) {
            return None;
        }
        let topic = &work.record.ticket.assignment.partition.topic;
        Some(Again {
            topic: topics::retries(topics::base(topic), &tier.name),
            number: number + 1,
            due_ms,
        })
    }
}

// === impl Again ===

impl Again {
    /// The headers of the record that waits.
    pub(crate) fn headers(&self, work: &Work, failure: &Failure) -> Headers {
        let own = [
            header_names::TRIES,
            header_names::RETRY_AT,
            header_names::ERROR_REASON,
            header_names::ERROR_MESSAGE,
        ];
        let others = work.record.headers.iter();
        others
            .filter(|(name, _)| !own.contains(&name.as_str()))
            .fold(Headers::default(), |headers, (name, value)| {
                headers.with(name, value.clone())
            })
            .with(header_names::TRIES, self.number.to_string())
            .with(header_names::RETRY_AT, self.due_ms.to_string())
            .with(header_names::ERROR_REASON, failure.reason.as_str())
            .with(header_names::ERROR_MESSAGE, failure.message.as_str())
    }
}

/// When a record is due; none where it is now.
pub(crate) fn due_ms(headers: &[(String, Vec<u8>)]) -> Option<UnixMs> {
    number(headers, header_names::RETRY_AT)
}

/// A header that is a number.
pub(crate) fn number<T: std::str::FromStr>(headers: &[(String, Vec<u8>)], name: &str) -> Option<T> {
    let (_, value) = headers.iter().find(|(header, _)| header == name)?;
    std::str::from_utf8(value).ok()?.parse().ok()
}
