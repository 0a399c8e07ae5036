//! The offsets of a group's partitions, asked of the cluster in few requests at once.
//!
//! ```text
//!  partitions ─┬─ by leader, 1,000 at a time ─▶ ListOffsets earliest ─┐
//!              │                              ─▶ ListOffsets latest ───┼─▶ Offsets or why not, for each
//!              └─ 1,000 at a time ────────────▶ group's offsets ──────┘
//! ```
//!
//! All requests are in flight together, each with its own queue, so a broker that is away costs its own
//! partitions and nobody else's.

use std::{
    collections::BTreeMap,
    ffi::CStr,
    time::{Duration, Instant},
};

use rdkafka::client::Client;
use spillway_core::{Committed, Offsets, PartitionId};

use crate::{
    config::Context,
    ffi::{self, LogEnd, Request, RequestError},
};

/// Partitions of one request.
///
/// Not the 5,000 that a broker still takes: librdkafka merges each leader's answer into the whole by comparing
/// all with all, so five requests of 1,000 cost a fifth of one with 5,000.
const PARTITIONS_PER_REQUEST_MAX: usize = 1_000;

/// Where a log ends for the one who reads it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Isolation {
    /// At the high watermark: what consumers of this default see.
    #[default]
    ReadUncommitted,
    /// At the last stable offset: for groups whose consumers read committed transactions only.
    ReadCommitted,
}

/// One partition to read, and who leads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) id: PartitionId,
    pub(crate) leader: Option<i32>,
}

/// What to read.
pub(crate) struct Question<'a> {
    pub(crate) group: &'a CStr,
    pub(crate) wanted: &'a [Wanted],
    pub(crate) isolation: Isolation,
    pub(crate) deadline: Instant,
}

/// What was read.
pub(crate) struct Read {
    /// Every wanted partition: its offsets, or why they could not be read.
    pub(crate) partitions: BTreeMap<PartitionId, Result<Offsets, String>>,
    /// The group's coordinator is not where it was, or does not answer while the partitions' leaders do.
    pub(crate) lost_coordinator: bool,
}

type ByPartition = BTreeMap<PartitionId, Result<Option<u64>, String>>;

/// Requests of one kind, with what each asked.
struct Batch<'c>(Vec<(Vec<PartitionId>, Result<Request<'c>, RequestError>)>);

/// Reads every wanted partition. Blocks until the deadline at most.
pub(crate) fn read(client: &Client<Context>, question: &Question<'_>) -> Read {
    let by_leader = chunks_by_leader(question.wanted);
    let all: Vec<PartitionId> = by_leader.iter().flatten().cloned().collect();
    let timeout = request_timeout(question.deadline.saturating_duration_since(Instant::now()));

    let ask = |end| {
        Batch::send(by_leader.iter().cloned(), |partitions| {
            ffi::list_offsets(client, partitions, end, question.isolation, timeout)
        })
    };
    let committed = Batch::send(
        all.chunks(PARTITIONS_PER_REQUEST_MAX).map(<[_]>::to_vec),
        |partitions| ffi::list_group_offsets(client, question.group, partitions, timeout),
    );
    let earliest = ask(LogEnd::Earliest);
    let latest = ask(LogEnd::Latest);

    let (mut committed, failure) = committed.wait("committed offset", question.deadline);
    let (mut earliest, _) = earliest.wait("log start", question.deadline);
    let (mut latest, _) = latest.wait("log end", question.deadline);
    let lost_coordinator = match failure {
        Some(RequestError::CoordinatorLost(_)) => true,
        // If nobody answers it is the cluster that is away, and it will be the same one afterwards.
        Some(RequestError::TimedOut) => latest.values().any(Result::is_ok),
        Some(RequestError::Refused(_)) | None => false,
    };
    let partitions = question
        .wanted
        .iter()
        .map(|wanted| {
            let offsets = match wanted.leader {
                None => Err("it has no leader".to_owned()),
                Some(_) => combine(
                    earliest.remove(&wanted.id),
                    latest.remove(&wanted.id),
                    committed.remove(&wanted.id),
                ),
            };
            (wanted.id.clone(), offsets)
        })
        .collect();
    Read {
        partitions,
        lost_coordinator,
    }
}

/// What is left for librdkafka, so that it gives up, and tells what it has, before we do.
fn request_timeout(remaining: Duration) -> Duration {
    remaining
        .saturating_sub((remaining / 10).max(Duration::from_millis(20)))
        .max(Duration::from_millis(1))
}

/// Partitions with a leader, in groups for one request each. No group mixes leaders: librdkafka answers for a
/// request when the slowest leader has.
fn chunks_by_leader(wanted: &[Wanted]) -> Vec<Vec<PartitionId>> {
    let mut by_leader: BTreeMap<i32, Vec<PartitionId>> = BTreeMap::new();
    for Wanted { id, leader } in wanted {
        if let Some(leader) = leader {
            by_leader.entry(*leader).or_default().push(id.clone());
        }
    }
    by_leader
        .values()
        .flat_map(|ids| ids.chunks(PARTITIONS_PER_REQUEST_MAX).map(<[_]>::to_vec))
        .collect()
}

fn combine(
    log_start: Option<Result<Option<u64>, String>>,
    end: Option<Result<Option<u64>, String>>,
    committed: Option<Result<Option<u64>, String>>,
) -> Result<Offsets, String> {
    let present = |what: &str, answer: Option<Result<Option<u64>, String>>| match answer {
        Some(Ok(Some(offset))) => Ok(offset),
        Some(Err(why)) => Err(why),
        Some(Ok(None)) | None => Err(format!("{what}: the answer leaves it out")),
    };
    Ok(Offsets {
        log_start: present("log start", log_start)?,
        end: present("log end", end)?,
        committed: match committed {
            Some(Ok(Some(offset))) => Committed::At(offset),
            Some(Ok(None)) => Committed::Never,
            Some(Err(why)) => return Err(why),
            // Not Never: that would count the whole log as waiting.
            None => return Err("committed offset: the answer leaves it out".to_owned()),
        },
    })
}

// === impl Batch ===

impl<'c> Batch<'c> {
    fn send(
        chunks: impl Iterator<Item = Vec<PartitionId>>,
        send: impl Fn(&[PartitionId]) -> Result<Request<'c>, RequestError>,
    ) -> Self {
        Self(
            chunks
                .map(|chunk| {
                    let request = send(&chunk);
                    (chunk, request)
                })
                .collect(),
        )
    }

    /// Waits for every answer; a request that failed gives its reason to each of its partitions.
    /// Returns the last such failure too.
    fn wait(self, what: &str, deadline: Instant) -> (ByPartition, Option<RequestError>) {
        let mut all = ByPartition::new();
        let mut failure = None;
        for (asked, request) in self.0 {
            match request.and_then(|request| request.wait(deadline)) {
                Ok(answers) => {
                    let named = |why| format!("{what}: {why}");
                    all.extend(
                        answers
                            .into_iter()
                            .map(|(id, answer)| (id, answer.map_err(named))),
                    );
                }
                Err(error) => {
                    let why = format!("{what}: {error}");
                    all.extend(asked.into_iter().map(|id| (id, Err(why.clone()))));
                    failure = Some(error);
                }
            }
        }
        (all, failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_answer_is_an_error_and_never_an_offset() {
        let here = |offset| Some(Ok(Some(offset)));
        assert_eq!(
            combine(here(1), here(9), Some(Ok(None))).unwrap().committed,
            Committed::Never
        );
        assert_eq!(combine(here(1), here(9), here(4)).unwrap().lag(), 5);
        for (name, start, end, committed) in [
            ("no start", None, here(9), here(4)),
            ("no end", here(1), None, here(4)),
            ("end without an offset", here(1), Some(Ok(None)), here(4)),
            ("no commit", here(1), here(9), None),
            ("refused", here(1), here(9), Some(Err("no".into()))),
        ] {
            assert!(combine(start, end, committed).is_err(), "{name}");
        }
    }

    #[test]
    fn requests_are_bounded_and_do_not_mix_leaders() {
        let wanted: Vec<Wanted> = (0..5_500)
            .map(|partition| Wanted {
                id: PartitionId::new("jobs", partition),
                leader: (partition != 7).then_some(partition % 2),
            })
            .collect();
        let chunks = chunks_by_leader(&wanted);
        assert_eq!(chunks.iter().map(Vec::len).sum::<usize>(), 5_499);
        for chunk in &chunks {
            assert!(chunk.len() <= PARTITIONS_PER_REQUEST_MAX);
            assert!(
                chunk
                    .iter()
                    .all(|id| id.partition % 2 == chunk[0].partition % 2),
                "mixed leaders"
            );
        }
    }

    #[test]
    fn librdkafka_gives_up_before_we_do() {
        for ms in [1, 10, 100, 1_000, 60_000] {
            let remaining = Duration::from_millis(ms);
            assert!(request_timeout(remaining) <= remaining, "{ms}");
        }
        assert_eq!(
            request_timeout(Duration::from_secs(1)),
            Duration::from_millis(900)
        );
    }
}
