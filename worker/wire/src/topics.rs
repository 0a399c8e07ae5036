//! The names of the topics, and what is derived from them.

/// Jobs of the default class. A further priority class is `spillway.jobs.<class>`.
pub const JOBS: &str = "spillway.jobs";
/// Videos, whose frames become jobs: [`crate::Video`].
pub const VIDEOS: &str = "spillway.videos";
/// One record a job and model subset: [`crate::JobResult`].
pub const RESULTS: &str = "spillway.results";
/// Heartbeats, compacted, keyed by worker id: [`crate::Heartbeat`].
pub const WORKERS: &str = "spillway.workers";
/// Desired state, compacted, keyed by worker id: [`crate::Control`].
pub const CONTROL: &str = "spillway.control";
/// The consumer group of workers that run every model of the set.
pub const GROUP: &str = "spillway-workers";
/// The consumer group of workers that make jobs of videos: one, whichever models they run, or each would make them.
pub const VIDEOS_GROUP: &str = "spillway-videos";

/// What stands between a jobs topic and the wait of those that lie there.
const RETRY: &str = ".retry.";

/// Where jobs of a topic lie that are tried again after `wait`, as it was written (`10s`).
///
/// ```
/// assert_eq!(spillway_wire::topics::retries("spillway.jobs", "10s"), "spillway.jobs.retry.10s");
/// ```
#[must_use]
pub fn retries(jobs_topic: &str, wait: &str) -> String {
    format!("{jobs_topic}{RETRY}{wait}")
}

/// The topic to which a job was sent at first.
///
/// ```
/// assert_eq!(spillway_wire::topics::base("spillway.jobs.retry.10s"), "spillway.jobs");
/// assert_eq!(spillway_wire::topics::base("spillway.jobs.gold"), "spillway.jobs.gold");
/// ```
#[must_use]
pub fn base(topic: &str) -> &str {
    topic.rsplit_once(RETRY).map_or(topic, |(base, _)| base)
}

/// The dead-letter topic of a jobs topic.
///
/// ```
/// assert_eq!(spillway_wire::topics::dead_letters("spillway.jobs"), "spillway.jobs.dlq");
/// ```
#[must_use]
pub fn dead_letters(jobs_topic: &str) -> String {
    format!("{jobs_topic}.dlq")
}
