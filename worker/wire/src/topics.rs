//! The names of the topics, and what is derived from them.

/// Jobs of the default class. A further priority class is `spillway.jobs.<class>`.
pub const JOBS: &str = "spillway.jobs";
/// One record a job and model subset: [`crate::JobResult`].
pub const RESULTS: &str = "spillway.results";
/// Heartbeats, compacted, keyed by worker id: [`crate::Heartbeat`].
pub const WORKERS: &str = "spillway.workers";
/// Desired state, compacted, keyed by worker id: [`crate::Control`].
pub const CONTROL: &str = "spillway.control";
/// The consumer group of workers that run every model of the set.
pub const GROUP: &str = "spillway-workers";

/// The dead-letter topic of a jobs topic.
///
/// ```
/// assert_eq!(spillway_wire::topics::dead_letters("spillway.jobs"), "spillway.jobs.dlq");
/// ```
#[must_use]
pub fn dead_letters(jobs_topic: &str) -> String {
    format!("{jobs_topic}.dlq")
}
