//! The offsets of a group's partitions, asked of the cluster in few requests at once.
//!
//! ```text
//!  partitions ─┬─ by leader, 1,000 at a time ─▶ log starts ─┐
//!              │                              ─▶ log ends ──┼─▶ Offsets or why not, for each
//!              └─ 1,000 at a time ─▶ group's offsets ───────┘
//! ```
//!
//! All are asked at once, each apart from the others, so a broker that is away costs its own partitions and nobody
//! else's. The ends of logs are asked as offsets by time, of which −1 and −2 are the two ends; one thread each.
//! The group's offsets are asked of the broker that last answered for the group; where there is none, one partition
//! is asked of every broker first, and who answers it is it. Why so: docs/decisions/0015-reading-kafka.md.

use std::{
    collections::BTreeMap,
    ffi::CStr,
    thread,
    time::{Duration, Instant},
};

use rdkafka::{
    Offset, TopicPartitionList,
    client::Client,
    consumer::Consumer,
    error::{KafkaError, RDKafkaErrorCode},
};
use spillway_core::{Committed, Offsets, PartitionId};

use crate::{
    cluster::AdminClient,
    config::Context,
    ffi::{self, Request, RequestError},
};

/// Partitions of one request.
///
/// Not the 5,000 that a broker still takes: librdkafka merges each leader's answer into the whole by comparing
/// all with all, so five requests of 1,000 cost a fifth of one with 5,000.
const PARTITIONS_PER_REQUEST_MAX: usize = 1_000;
/// Threads that ask for the ends of logs at once; what is more waits its turn.
const LANES_MAX: usize = 32;
/// Most requests for one chunk, when it is taken apart to find the partitions that spoil it: enough to find three.
const ASKS_MAX: usize = 64;
/// Brokers that are asked at once whether they answer for a group. With more, another part is asked at each look.
const BROKERS_ASKED_MAX: usize = 32;
/// How long one of them is listened to before the next.
const LISTEN: Duration = Duration::from_millis(1);

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
    /// The broker that answered for the group last.
    pub(crate) coordinator: Option<i32>,
    /// All brokers, to look for another one.
    pub(crate) brokers: &'a [i32],
    pub(crate) deadline: Instant,
}

/// What was read.
pub(crate) struct Read {
    /// Every wanted partition: its offsets, or why they could not be read.
    pub(crate) partitions: BTreeMap<PartitionId, Result<Offsets, String>>,
    /// The broker that answered for the group; none if nobody did.
    pub(crate) coordinator: Option<i32>,
}

type ByPartition = BTreeMap<PartitionId, Result<Option<u64>, String>>;

/// Which end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LogEnd {
    /// The first offset that still exists.
    Earliest,
    /// The next offset to be written.
    Latest,
}

/// Reads every wanted partition. Blocks until the deadline at most.
///
/// `client` says by its configuration where a log ends for it.
pub(crate) fn read(client: &AdminClient, question: &Question<'_>) -> Read {
    let by_leader = chunks_by_leader(question.wanted);
    let all: Vec<PartitionId> = by_leader.iter().flatten().cloned().collect();
    let asked: Vec<(LogEnd, &[PartitionId])> = [LogEnd::Earliest, LogEnd::Latest]
        .into_iter()
        .flat_map(|end| by_leader.iter().map(move |chunk| (end, chunk.as_slice())))
        .collect();
    let lanes = asked.len().min(LANES_MAX);
    let (mut earliest, mut latest) = (ByPartition::new(), ByPartition::new());
    let (mut committed, coordinator) = thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes)
            .map(|lane| {
                let mine = asked.iter().skip(lane).step_by(lanes);
                let ask = move || {
                    mine.map(|(end, chunk)| {
                        (*end, log_ends(client, chunk, *end, question.deadline))
                    })
                    .collect::<Vec<_>>()
                };
                thread::Builder::new()
                    .name("offsets".to_owned())
                    .spawn_scoped(scope, ask)
            })
            .collect();
        let committed = committed(client.client(), question, &all);
        // A thread that there was not leaves its partitions unanswered, which is unknown.
        for (end, answers) in lanes
            .into_iter()
            .flatten()
            .filter_map(|lane| lane.join().ok())
            .flatten()
        {
            match end {
                LogEnd::Earliest => earliest.extend(answers),
                LogEnd::Latest => latest.extend(answers),
            }
        }
        committed
    });
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
        coordinator,
    }
}

/// Where the group is in each of `all`, and the broker that answered.
fn committed(
    client: &Client<Context>,
    question: &Question<'_>,
    all: &[PartitionId],
) -> (ByPartition, Option<i32>) {
    const WHAT: &str = "committed offset";
    let Some(first) = all.first() else {
        return (ByPartition::new(), question.coordinator);
    };
    let found = match question.coordinator {
        Some(known) => Ok(known),
        None => find_coordinator(client, question, first),
    };
    let broker = match found {
        Ok(broker) => broker,
        Err(error) => {
            let why = format!("{WHAT}: {error}");
            let nothing = all.iter().map(|id| (id.clone(), Err(why.clone())));
            return (nothing.collect(), None);
        }
    };
    let timeout = request_timeout(question.deadline);
    let requests: Vec<(&[PartitionId], Result<Request<'_>, RequestError>)> = all
        .chunks(PARTITIONS_PER_REQUEST_MAX)
        .map(|chunk| {
            let request = ffi::list_group_offsets(client, broker, question.group, chunk, timeout);
            (chunk, request)
        })
        .collect();
    let mut answers = ByPartition::new();
    let mut failure = None;
    for (chunk, request) in requests {
        match request.and_then(|request| request.wait(question.deadline)) {
            Ok(answered) => answers.extend(answered.into_iter().map(|(id, answer)| {
                let named = answer.map_err(|why| format!("{WHAT}: {why}"));
                (id, named)
            })),
            Err(error) => {
                let why = format!("{WHAT}: {error}");
                answers.extend(chunk.iter().map(|id| (id.clone(), Err(why.clone()))));
                failure = Some(error);
            }
        }
    }
    let answered = match failure {
        // What it refuses it would refuse as well if it were asked anew.
        None | Some(RequestError::Refused(_)) => Some(broker),
        // It is none, or away: the next look asks everybody.
        Some(_) => None,
    };
    (answers, answered)
}

/// The broker that answers for the group. Blocks for half of what is left at most.
fn find_coordinator(
    client: &Client<Context>,
    question: &Question<'_>,
    about: &PartitionId,
) -> Result<i32, RequestError> {
    let now = Instant::now();
    let until = now + question.deadline.saturating_duration_since(now) / 2;
    let timeout = request_timeout(until);
    let mut asked = Vec::new();
    let mut last = RequestError::NotCoordinator("no broker is known yet".to_owned());
    for broker in question.brokers.iter().take(BROKERS_ASKED_MAX) {
        let about = std::slice::from_ref(about);
        match ffi::list_group_offsets(client, *broker, question.group, about, timeout) {
            Ok(request) => asked.push((*broker, request)),
            Err(error) => last = error,
        }
    }
    loop {
        let mut waiting = Vec::new();
        for (broker, request) in asked {
            match request.poll((Instant::now() + LISTEN).min(until)) {
                Some(Ok(_)) => return Ok(broker),
                // Of all that say no, the one that a person can do something about is shown.
                Some(Err(error)) if !matches!(last, RequestError::Refused(_)) => last = error,
                Some(Err(_)) => {}
                None => waiting.push((broker, request)),
            }
        }
        asked = waiting;
        if asked.is_empty() {
            return Err(last);
        }
        if Instant::now() >= until {
            return Err(match last {
                RequestError::Refused(_) => last,
                _ => RequestError::TimedOut,
            });
        }
    }
}

/// One end of each log. Blocks until the deadline at most.
///
/// One partition that its leader refuses spoils the answer for all that were asked with it: their halves are asked
/// then, until it is alone.
fn log_ends(
    client: &AdminClient,
    partitions: &[PartitionId],
    end: LogEnd,
    deadline: Instant,
) -> ByPartition {
    let mut answers = ByPartition::new();
    let mut left = vec![partitions];
    let mut asks = 0;
    while let Some(part) = left.pop() {
        asks += 1;
        let refused = match ask_log_ends(client, part, end, deadline) {
            Ok(list) => {
                answers.extend(list.elements().iter().map(|element| {
                    let id = PartitionId::new(element.topic(), element.partition());
                    (id, log_end(element.error(), element.offset(), end))
                }));
                continue;
            }
            Err(why) => why,
        };
        let (is_refusal, why) = refused;
        if is_refusal && part.len() > 1 && asks < ASKS_MAX && Instant::now() < deadline {
            let (one, other) = part.split_at(part.len() / 2);
            left.extend([one, other]);
        } else {
            let why = format!("{}: {why}", end.what());
            answers.extend(part.iter().map(|id| (id.clone(), Err(why.clone()))));
        }
    }
    answers
}

/// Asks once; an error comes with whether it is the answer for some partition, rather than none at all.
fn ask_log_ends(
    client: &AdminClient,
    partitions: &[PartitionId],
    end: LogEnd,
    deadline: Instant,
) -> Result<TopicPartitionList, (bool, String)> {
    let list = ffi::partition_list(partitions, end.as_time())
        .map_err(|error| (false, error.to_string()))?;
    client
        .offsets_for_times(list, request_timeout(deadline))
        .map_err(|error| {
            let Some(code) = error.rdkafka_error_code() else {
                return (false, error.to_string());
            };
            let is_silence = matches!(
                code,
                RDKafkaErrorCode::OperationTimedOut
                    | RDKafkaErrorCode::RequestTimedOut
                    | RDKafkaErrorCode::BrokerTransportFailure
                    | RDKafkaErrorCode::AllBrokersDown
            );
            (!is_silence, code.to_string())
        })
}

fn log_end(
    error: Result<(), KafkaError>,
    offset: Offset,
    end: LogEnd,
) -> Result<Option<u64>, String> {
    let why = match (error, offset) {
        (Ok(()), Offset::Offset(offset)) => {
            if let Ok(offset) = u64::try_from(offset) {
                return Ok(Some(offset));
            }
            format!("its leader said {offset}")
        }
        // A partition that was not answered keeps the question where the answer belongs.
        (Ok(()), _) => "its leader gave no answer".to_owned(),
        (Err(error), _) => match error.rdkafka_error_code() {
            Some(code) => code.to_string(),
            None => error.to_string(),
        },
    };
    Err(format!("{}: {why}", end.what()))
}

/// What librdkafka gets of the time until `deadline`, so that it gives up, and tells what it has, before we do.
fn request_timeout(deadline: Instant) -> Duration {
    part_of(deadline.saturating_duration_since(Instant::now()))
}

fn part_of(remaining: Duration) -> Duration {
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

// === impl LogEnd ===

impl LogEnd {
    fn what(self) -> &'static str {
        match self {
            Self::Earliest => "log start",
            Self::Latest => "log end",
        }
    }

    /// What stands for it where Kafka takes a time.
    fn as_time(self) -> Offset {
        match self {
            Self::Earliest => Offset::Beginning,
            Self::Latest => Offset::End,
        }
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
            assert!(part_of(remaining) <= remaining, "{ms}");
        }
        assert_eq!(part_of(Duration::from_secs(1)), Duration::from_millis(900));
    }
}
