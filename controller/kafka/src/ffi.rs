//! The admin calls that rdkafka 0.39 does not wrap: ListConsumerGroupOffsets and DescribeConsumerGroups.
//!
//! All of this crate's `unsafe` is here. Every C object is owned by a type that destroys it.
//! A request is asynchronous inside librdkafka: several can be in flight, each answers on a queue of its own,
//! and dropping it unanswered is sound (librdkafka drops the answer with the queue).
//!
//! Deliberately absent: `rd_kafka_ListOffsets`, and any request for whichever broker is the coordinator. Both use
//! what another thread has freed (docs/decisions/0015-reading-kafka.md).
#![allow(unsafe_code)]

use std::{
    ffi::{CStr, CString, c_char},
    marker::PhantomData,
    ptr::NonNull,
    time::{Duration, Instant},
};

use rdkafka::{
    client::Client,
    error::{IsError, RDKafkaErrorCode},
    topic_partition_list::{Offset, TopicPartitionList},
};
use rdkafka_sys as rd;
use spillway_core::PartitionId;

use crate::{config::Context, members::Member};

/// What librdkafka writes for an offset that is not there.
const INVALID: i64 = rd::RD_KAFKA_OFFSET_INVALID as i64;

/// What each partition answered: an offset, none where there is none, or why it could not be read.
/// A partition may be absent: it is unanswered then.
pub(crate) type Answers = Vec<(PartitionId, Result<Option<u64>, String>)>;

/// Why a request as a whole gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// The connection to the broker broke.
    #[error("no connection: {0}")]
    Disconnected(String),
    /// The broker that was asked is not the group's coordinator.
    #[error("no coordinator: {0}")]
    NotCoordinator(String),
    /// The cluster or librdkafka said no.
    #[error("{0}")]
    Refused(String),
}

/// A request in flight. It cannot outlive its client.
pub(crate) struct Request<'c> {
    queue: Queue,
    client: PhantomData<&'c Client<Context>>,
}

struct Queue(NonNull<rd::rd_kafka_queue_t>);
struct Options(NonNull<rd::rd_kafka_AdminOptions_t>);
struct Event(NonNull<rd::rd_kafka_event_t>);
struct GroupQuery(NonNull<rd::rd_kafka_ListConsumerGroupOffsets_t>);

/// Asks a broker where the group is in each of the partitions; only its coordinator can tell.
///
/// Takes no part in the group.
pub(crate) fn list_group_offsets<'c>(
    client: &'c Client<Context>,
    broker: i32,
    group: &CStr,
    partitions: &[PartitionId],
    timeout: Duration,
) -> Result<Request<'c>, RequestError> {
    let asked = partition_list(partitions, Offset::Invalid)?;
    let call = rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
    let options = Options::new(client, call, timeout)?;
    // Always: a request for whichever broker is the coordinator is used after it was freed if it times out before
    // the coordinator answers (docs/decisions/0015-reading-kafka.md).
    options.set_broker(broker)?;
    let query = GroupQuery::new(group, &asked)?;
    let queue = Queue::new(client)?;
    let mut queries = [query.0.as_ptr()];
    // SAFETY: the client, the one query, the options and the queue are live for the call; librdkafka copies the
    // query and the options, and keeps its own reference to the queue.
    unsafe {
        rd::rd_kafka_ListConsumerGroupOffsets(
            client.native_ptr(),
            queries.as_mut_ptr(),
            queries.len(),
            options.0.as_ptr(),
            queue.0.as_ptr(),
        );
    }
    Ok(Request {
        queue,
        client: PhantomData,
    })
}

/// Asks a broker who is in a group; only its coordinator can tell.
pub(crate) fn describe_group<'c>(
    client: &'c Client<Context>,
    broker: i32,
    group: &CStr,
    timeout: Duration,
) -> Result<Request<'c>, RequestError> {
    let call = rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
    let options = Options::new(client, call, timeout)?;
    // Always, as above.
    options.set_broker(broker)?;
    let queue = Queue::new(client)?;
    let mut groups = [group.as_ptr()];
    // SAFETY: the client, the one name, the options and the queue are live for the call; librdkafka copies the name
    // and the options, and keeps its own reference to the queue.
    unsafe {
        rd::rd_kafka_DescribeConsumerGroups(
            client.native_ptr(),
            groups.as_mut_ptr(),
            groups.len(),
            options.0.as_ptr(),
            queue.0.as_ptr(),
        );
    }
    Ok(Request {
        queue,
        client: PhantomData,
    })
}

/// The partitions as librdkafka takes them, each with `offset`.
pub(crate) fn partition_list(
    partitions: &[PartitionId],
    offset: Offset,
) -> Result<TopicPartitionList, RequestError> {
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for id in partitions {
        // rdkafka panics on a name with a NUL.
        if id.topic.contains('\0') {
            return Err(RequestError::Refused("a topic's name holds a NUL".into()));
        }
        list.add_partition_offset(&id.topic, id.partition, offset)
            .map_err(|error| RequestError::Refused(error.to_string()))?;
    }
    Ok(list)
}

fn code(error: rd::rd_kafka_resp_err_t) -> String {
    RDKafkaErrorCode::from(error).to_string()
}

/// Copies a C string; an empty one for null.
///
/// # Safety
/// `text` is null or points to a NUL-terminated string that lives during the call.
unsafe fn text(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and by the contract above NUL-terminated and live.
    unsafe { CStr::from_ptr(text) }
        .to_string_lossy()
        .into_owned()
}

/// Reads one partition out of an answer.
fn partition_answer(
    partition: &rd::rd_kafka_topic_partition_t,
) -> (PartitionId, Result<Option<u64>, String>) {
    // SAFETY: librdkafka keeps `topic` NUL-terminated and alive as long as the element it belongs to.
    let topic = unsafe { text(partition.topic) };
    let id = PartitionId::new(topic, partition.partition);
    let offset = if partition.err.is_error() {
        Err(code(partition.err))
    } else {
        match u64::try_from(partition.offset) {
            Ok(offset) => Ok(Some(offset)),
            Err(_) if partition.offset == INVALID => Ok(None),
            Err(_) => Err("it answered without an offset".to_owned()),
        }
    };
    (id, offset)
}

// === impl Request ===

impl Request<'_> {
    /// Waits for the answer until `deadline`; what is there already is taken even after it.
    pub(crate) fn wait(self, deadline: Instant) -> Result<Answers, RequestError> {
        self.poll(deadline).unwrap_or(Err(RequestError::TimedOut))
    }

    /// The answer, if it comes until `deadline`; it comes once.
    pub(crate) fn poll(&self, deadline: Instant) -> Option<Result<Answers, RequestError>> {
        let event = self.event(rd::RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT, deadline)?;
        Some(event.error().and_then(|()| event.group_offsets()))
    }

    /// Waits for the members of a group that was to be described.
    pub(crate) fn wait_members(self, deadline: Instant) -> Result<Vec<Member>, RequestError> {
        let event = self
            .event(rd::RD_KAFKA_EVENT_DESCRIBECONSUMERGROUPS_RESULT, deadline)
            .ok_or(RequestError::TimedOut)?;
        event.error()?;
        event.members()
    }

    fn event(&self, expected: i32, deadline: Instant) -> Option<Event> {
        loop {
            let remaining = deadline.saturating_duration_since(Instant::now());
            let event = self.queue.poll(remaining)?;
            if event.kind() == expected {
                return Some(event);
            }
        }
    }
}

// === impl Queue ===

impl Queue {
    fn new(client: &Client<Context>) -> Result<Self, RequestError> {
        // SAFETY: the client is live.
        let queue = unsafe { rd::rd_kafka_queue_new(client.native_ptr()) };
        NonNull::new(queue)
            .map(Self)
            .ok_or_else(|| RequestError::Refused("librdkafka gave no queue".into()))
    }

    fn poll(&self, timeout: Duration) -> Option<Event> {
        // SAFETY: the queue is live; the event that it returns is ours to destroy.
        NonNull::new(unsafe { rd::rd_kafka_queue_poll(self.0.as_ptr(), millis(timeout)) })
            .map(Event)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_queue_new`, destroyed only here.
        unsafe { rd::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

// === impl Options ===

impl Options {
    fn new(
        client: &Client<Context>,
        call: rd::rd_kafka_admin_op_t,
        timeout: Duration,
    ) -> Result<Self, RequestError> {
        // SAFETY: the client is live.
        let options = unsafe { rd::rd_kafka_AdminOptions_new(client.native_ptr(), call) };
        let options = NonNull::new(options)
            .map(Self)
            .ok_or_else(|| RequestError::Refused("librdkafka gave no options".into()))?;
        let mut why = [0 as c_char; 256];
        // SAFETY: the options are live, and `why` is as long as said.
        let error = unsafe {
            rd::rd_kafka_AdminOptions_set_request_timeout(
                options.0.as_ptr(),
                millis(timeout).max(1),
                why.as_mut_ptr(),
                why.len(),
            )
        };
        if error.is_error() {
            return Err(RequestError::Refused(code(error)));
        }
        Ok(options)
    }

    fn set_broker(&self, broker: i32) -> Result<(), RequestError> {
        let mut why = [0 as c_char; 256];
        // SAFETY: the options are live, and `why` is as long as said.
        let error = unsafe {
            rd::rd_kafka_AdminOptions_set_broker(
                self.0.as_ptr(),
                broker,
                why.as_mut_ptr(),
                why.len(),
            )
        };
        match error.is_error() {
            true => Err(RequestError::Refused(code(error))),
            false => Ok(()),
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_AdminOptions_new`, destroyed only here.
        unsafe { rd::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) }
    }
}

// === impl GroupQuery ===

impl GroupQuery {
    fn new(group: &CStr, partitions: &TopicPartitionList) -> Result<Self, RequestError> {
        // SAFETY: both are live for the call, and librdkafka copies both.
        let query =
            unsafe { rd::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), partitions.ptr()) };
        NonNull::new(query)
            .map(Self)
            .ok_or_else(|| RequestError::Refused("librdkafka gave no query".into()))
    }
}

impl Drop for GroupQuery {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_ListConsumerGroupOffsets_new`, destroyed only here.
        unsafe { rd::rd_kafka_ListConsumerGroupOffsets_destroy(self.0.as_ptr()) }
    }
}

// === impl Event ===

impl Event {
    fn kind(&self) -> i32 {
        // SAFETY: the event is live.
        unsafe { rd::rd_kafka_event_type(self.0.as_ptr()) }
    }

    fn error(&self) -> Result<(), RequestError> {
        // SAFETY: the event is live, and so is the string that it owns.
        unsafe {
            let error = rd::rd_kafka_event_error(self.0.as_ptr());
            if !error.is_error() {
                return Ok(());
            }
            let code = RDKafkaErrorCode::from(error);
            let why = text(rd::rd_kafka_event_error_string(self.0.as_ptr()));
            let why = if why.is_empty() {
                code.to_string()
            } else {
                why
            };
            Err(match code {
                RDKafkaErrorCode::OperationTimedOut | RDKafkaErrorCode::RequestTimedOut => {
                    RequestError::TimedOut
                }
                RDKafkaErrorCode::NotCoordinator | RDKafkaErrorCode::CoordinatorNotAvailable => {
                    RequestError::NotCoordinator(why)
                }
                RDKafkaErrorCode::BrokerTransportFailure => RequestError::Disconnected(why),
                _ => RequestError::Refused(why),
            })
        }
    }

    /// Reads the answer to [`list_group_offsets`].
    fn group_offsets(&self) -> Result<Answers, RequestError> {
        let mut answers = Vec::new();
        // SAFETY: the result, its array of `count` pointers, each group's error and list belong to the event and
        // live as long as it does; the list has `cnt` elements; all are only read, and copied before it goes.
        unsafe {
            let result = rd::rd_kafka_event_ListConsumerGroupOffsets_result(self.0.as_ptr());
            if result.is_null() {
                return Ok(answers);
            }
            let mut count = 0;
            let groups = rd::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &mut count);
            for index in 0..count {
                let group = *groups.add(index);
                let error = rd::rd_kafka_group_result_error(group);
                if !error.is_null() {
                    return Err(RequestError::Refused(text(rd::rd_kafka_error_string(
                        error,
                    ))));
                }
                let Some(list) = rd::rd_kafka_group_result_partitions(group).as_ref() else {
                    continue;
                };
                for element in 0..usize::try_from(list.cnt).unwrap_or(0) {
                    answers.push(partition_answer(&*list.elems.add(element)));
                }
            }
        }
        Ok(answers)
    }
}

impl Event {
    /// Reads the answer to [`describe_group`].
    fn members(&self) -> Result<Vec<Member>, RequestError> {
        let mut members = Vec::new();
        // SAFETY: the result, its array of `count` pointers, each description, error, member and list belong to the
        // event and live as long as it does; a list has `cnt` elements; all are only read, and copied before it goes.
        unsafe {
            let result = rd::rd_kafka_event_DescribeConsumerGroups_result(self.0.as_ptr());
            if result.is_null() {
                return Ok(members);
            }
            let mut count = 0;
            let groups = rd::rd_kafka_DescribeConsumerGroups_result_groups(result, &mut count);
            for index in 0..count {
                let group = *groups.add(index);
                let error = rd::rd_kafka_ConsumerGroupDescription_error(group);
                if !error.is_null() {
                    let why = text(rd::rd_kafka_error_string(error));
                    return Err(RequestError::Refused(why));
                }
                for member in 0..rd::rd_kafka_ConsumerGroupDescription_member_count(group) {
                    members.push(member_of(rd::rd_kafka_ConsumerGroupDescription_member(
                        group, member,
                    )));
                }
            }
        }
        Ok(members)
    }
}

/// Copies a member of a description.
///
/// # Safety
/// `member` is not null and lives during the call.
unsafe fn member_of(member: *const rd::rd_kafka_MemberDescription_t) -> Member {
    let mut partitions = Vec::new();
    // SAFETY: the member lives by the contract above, and so do its strings and its list, which has `cnt` elements.
    unsafe {
        let assignment = rd::rd_kafka_MemberDescription_assignment(member);
        let list = rd::rd_kafka_MemberAssignment_partitions(assignment);
        if let Some(list) = list.as_ref() {
            for element in 0..usize::try_from(list.cnt).unwrap_or(0) {
                partitions.push(partition_answer(&*list.elems.add(element)).0);
            }
        }
        Member {
            id: text(rd::rd_kafka_MemberDescription_consumer_id(member)),
            client: text(rd::rd_kafka_MemberDescription_client_id(member)),
            host: text(rd::rd_kafka_MemberDescription_host(member)),
            partitions,
        }
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: came from `rd_kafka_queue_poll`, destroyed only here.
        unsafe { rd::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

/// A group's name as C wants it; none if it is empty or holds a NUL.
pub(crate) fn group_name(group: &str) -> Option<CString> {
    CString::new(group).ok().filter(|name| !name.is_empty())
}
