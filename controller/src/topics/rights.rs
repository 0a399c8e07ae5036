//! The rights on Kafka that each part needs, and no more. Pure.

use serde::Serialize;
use spillway_core::Policy;
use spillway_wire::topics;

use super::plan::{Wishes, jobs_and_retries};

/// The group under whose name the controller's clients look for coordinators; nobody joins it.
const CONTROLLER_GROUP: &str = "spillway-controller";

/// One right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Right {
    /// Who needs it.
    pub(super) who: &'static str,
    pub(super) operation: &'static str,
    pub(super) kind: &'static str,
    pub(super) name: String,
}

/// Every right that these policies take with what is wished for beside them, once, in order.
pub(super) fn needed(policies: &[Policy], wishes: &Wishes) -> Vec<Right> {
    let mut rights = Vec::new();
    let mut add = |who, operation, kind, name: &str| {
        rights.push(Right {
            who,
            operation,
            kind,
            name: name.to_owned(),
        });
    };
    for policy in policies {
        let group = policy.consumer_group();
        add("controller", "Describe", "group", group);
        add("worker", "Read", "group", group);
        for topic in policy.topics() {
            add("controller", "Describe", "topic", &topic.name);
        }
    }
    let (jobs, retries) = jobs_and_retries(policies, &wishes.waits);
    for jobs in jobs {
        add("worker", "Read", "topic", jobs);
        add("worker", "Write", "topic", &topics::dead_letters(jobs));
        add("client", "Write", "topic", jobs);
        if wishes.has_videos {
            // Frames of videos are jobs.
            add("worker", "Write", "topic", jobs);
        }
    }
    for retry in &retries {
        add("worker", "Read", "topic", retry);
        add("worker", "Write", "topic", retry);
    }
    if wishes.has_videos {
        let letters = topics::dead_letters(topics::VIDEOS);
        add("worker", "Read", "group", topics::VIDEOS_GROUP);
        add("worker", "Read", "topic", topics::VIDEOS);
        add("worker", "Write", "topic", &letters);
        add("client", "Write", "topic", topics::VIDEOS);
    }
    add("controller", "Describe", "group", CONTROLLER_GROUP);
    for operation in ["Read", "Write"] {
        add("controller", operation, "topic", topics::CONTROL);
        add("controller", operation, "topic", topics::WORKERS);
    }
    add("worker", "Read", "topic", topics::CONTROL);
    add("worker", "Write", "topic", topics::WORKERS);
    add("worker", "Write", "topic", topics::RESULTS);
    add("client", "Read", "topic", topics::RESULTS);
    rights.sort();
    rights.dedup();
    rights
}

// === impl Right ===

impl Right {
    /// The call that grants it.
    pub(super) fn command(&self) -> String {
        let Self {
            who,
            operation,
            kind,
            name,
        } = self;
        format!(
            "kafka-acls.sh --bootstrap-server BROKER --add --allow-principal User:{} --operation {operation} --{kind} {name}",
            who.to_uppercase()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assignment::tests::policy;

    #[test]
    fn nobody_gets_more_than_it_needs() {
        let mut wishes = Wishes {
            waits: vec!["10s".to_owned()],
            ..Wishes::default()
        };
        let rights = needed(&[policy(), policy()], &wishes);
        let of = |who: &str| -> Vec<String> {
            let rights = rights.iter().filter(|it| it.who == who);
            rights
                .map(|it| format!("{} {} {}", it.operation, it.kind, it.name))
                .collect()
        };
        assert_eq!(
            of("worker"),
            [
                "Read group workers",
                "Read topic jobs",
                "Read topic jobs.retry.10s",
                "Read topic spillway.control",
                "Write topic jobs.dlq",
                "Write topic jobs.retry.10s",
                "Write topic spillway.results",
                "Write topic spillway.workers"
            ]
        );
        assert_eq!(
            of("client"),
            ["Read topic spillway.results", "Write topic jobs"]
        );
        let writes = of("controller")
            .into_iter()
            .filter(|it| it.starts_with("Write"));
        assert_eq!(writes.count(), 2, "never jobs");
        wishes.has_videos = true;
        let more: Vec<String> = needed(&[policy()], &wishes)
            .into_iter()
            .filter(|it| !rights.contains(it))
            .map(|it| format!("{} {} {} {}", it.who, it.operation, it.kind, it.name))
            .collect();
        assert_eq!(
            more,
            [
                "client Write topic spillway.videos",
                "worker Read group spillway-videos",
                "worker Read topic spillway.videos",
                "worker Write topic jobs",
                "worker Write topic spillway.videos.dlq",
            ]
        );
    }
}
