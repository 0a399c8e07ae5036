//! How the client is set up, and what is kept of a message.

use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use spillway_wire::Partition;

use super::Parked;
use crate::config::{Assignment, Kafka};
use crate::retry;

/// Records of a partition that are read ahead, where each has a queue of its own.
const ASSIGNED_PREFETCH: usize = 64;

pub(crate) fn properties(
    kafka: &Kafka,
    worker: &str,
    in_flight_max: usize,
) -> rdkafka::ClientConfig {
    let mut config = kafka.client();
    let session_ms = kafka.session_timeout.as_millis().to_string();
    // Four in a session, and at most the default: how soon a member hears of a rebalance hangs on it.
    let heartbeat_ms = (kafka.session_timeout.as_millis() / 4)
        .clamp(100, 3_000)
        .to_string();
    // Twice what is in flight: the default of 100,000 records would hide the backlog from everybody else.
    let prefetch = (2 * in_flight_max).to_string();
    // Where each partition has a queue of its own, these hold for each.
    let (prefetch, prefetch_kbytes, fetch_bytes) = match kafka.assignment {
        Assignment::Group => (prefetch, "65536", "1048576"),
        Assignment::Weighted => (ASSIGNED_PREFETCH.to_string(), "256", "262144"),
    };
    for (key, value) in [
        ("group.id", kafka.group.as_str()),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("auto.offset.reset", "earliest"),
        ("partition.assignment.strategy", "cooperative-sticky"),
        ("session.timeout.ms", &session_ms),
        ("heartbeat.interval.ms", &heartbeat_ms),
        ("queued.min.messages", &prefetch),
        ("queued.max.messages.kbytes", prefetch_kbytes),
        ("fetch.message.max.bytes", fetch_bytes),
        ("fetch.queue.backoff.ms", "50"),
        ("fetch.wait.max.ms", "100"),
    ] {
        config.set(key, value);
    }
    if kafka.is_static_member && kafka.assignment == Assignment::Group {
        config.set("group.instance.id", worker);
    }
    config
}

pub(crate) fn park(message: &BorrowedMessage<'_>) -> Parked {
    let headers = message.headers().map(|headers| {
        headers
            .iter()
            .map(|header| {
                (
                    header.key.to_owned(),
                    header.value.unwrap_or_default().to_vec(),
                )
            })
            .collect()
    });
    let headers: Vec<(String, Vec<u8>)> = headers.unwrap_or_default();
    Parked {
        due_ms: retry::due_ms(&headers),
        partition: Partition {
            topic: message.topic().to_owned(),
            partition: message.partition(),
        },
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().unwrap_or_default().to_vec(),
        headers,
        at_ms: message.timestamp().to_millis(),
    }
}
