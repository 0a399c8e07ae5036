//! Two policies for one consumer group: the second does nothing, and says so. Pure.
//!
//! Each would count the other's workers as its own and buy for the same backlog.

use std::collections::BTreeSet;
use std::time::Duration;

use spillway_kube::SeenPolicy;

/// The condition that says whether another policy has the group.
pub(super) const CONDITION: &str = "Conflict";
/// Whether another has it is looked at so often: two that were applied in the same moment may both have begun.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(15);

/// The policy that has the group of `own`, if another comes before it.
///
/// Whoever was applied first keeps it, whichever is edited later; of two that were not, or both were, the older one.
pub(super) fn in_the_way<'a>(own: &SeenPolicy, all: &'a [SeenPolicy]) -> Option<&'a SeenPolicy> {
    let group = group(own)?;
    let comes_first = |seen: &&SeenPolicy| place(seen) < place(own);
    all.iter()
        .filter(|seen| name(seen) != name(own) && !seen.is_leaving)
        .filter(|seen| self::group(seen).as_ref() == Some(&group))
        .filter(comes_first)
        .min_by_key(|seen| place(seen))
}

/// What is said of a policy whose group another has.
pub(super) fn told(own: &SeenPolicy, other: &SeenPolicy) -> String {
    let (_, group) = group(own).unwrap_or_default();
    format!(
        "the policy {} has the consumer group {group}: name another, or delete one of the two",
        name(other)
    )
}

fn name(seen: &SeenPolicy) -> &str {
    seen.document["metadata"]["name"]
        .as_str()
        .unwrap_or_default()
}

/// Where a policy's group is, and its name.
fn group(seen: &SeenPolicy) -> Option<(BTreeSet<String>, String)> {
    let kafka = &seen.document["spec"]["source"]["kafka"];
    let servers = kafka["bootstrapServers"].as_array()?.iter();
    let servers = servers.filter_map(|it| it.as_str().map(str::to_owned));
    let group = kafka["consumerGroup"].as_str()?;
    Some((servers.collect(), group.to_owned()))
}

/// Its place among policies of one group: the least has it.
fn place(seen: &SeenPolicy) -> (bool, Option<jiff::Timestamp>, &str) {
    let conditions = seen.status.conditions.iter();
    let mut found = conditions.filter(|it| {
        it.type_ == CONDITION
            && it.status == "False"
            && it.observed_generation == Some(seen.generation)
    });
    let is_applied = found.next().is_some();
    (!is_applied, seen.created_at, name(seen))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use spillway_kube::{Condition, PolicyStatus};

    use super::*;

    /// A policy of a group: when it was made, its generation, and the one of which it was said that it is alone.
    fn policy(name: &str, group: &str, (made, generation, alone): (i64, i64, i64)) -> SeenPolicy {
        let at = jiff::Timestamp::from_second(made).unwrap();
        let condition = Condition {
            type_: CONDITION.into(),
            status: "False".into(),
            reason: "Alone".into(),
            message: String::new(),
            observed_generation: Some(alone),
            last_transition_time: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at),
        };
        SeenPolicy {
            document: json!({
                "metadata": {"name": name},
                "spec": {"source": {"kafka": {
                    "bootstrapServers": ["one:9092", "two:9092"], "consumerGroup": group
                }}}
            }),
            generation,
            status: PolicyStatus {
                conditions: vec![condition],
                ..PolicyStatus::default()
            },
            is_leaving: false,
            created_at: Some(at),
            reference: Default::default(),
        }
    }

    #[test]
    fn whoever_was_applied_first_has_the_group() {
        let cases = [
            ("alone", (5, 1, 0), vec![], None),
            (
                "another group",
                (5, 1, 0),
                vec![policy("other", "theirs", (1, 1, 1))],
                None,
            ),
            (
                "an older one",
                (5, 1, 0),
                vec![policy("other", "ours", (1, 1, 0))],
                Some("other"),
            ),
            (
                "a younger one",
                (5, 1, 0),
                vec![policy("other", "ours", (9, 1, 0))],
                None,
            ),
            (
                "a younger one that was applied",
                (5, 1, 0),
                vec![policy("other", "ours", (9, 2, 2))],
                Some("other"),
            ),
            (
                "it was applied, and an older one is edited into it",
                (5, 1, 1),
                vec![policy("other", "ours", (1, 3, 2))],
                None,
            ),
            (
                "both were applied",
                (5, 1, 1),
                vec![policy("other", "ours", (1, 1, 1))],
                Some("other"),
            ),
            (
                "of the same second",
                (5, 1, 0),
                vec![policy("another", "ours", (5, 1, 0))],
                Some("another"),
            ),
        ];
        for (what, own, others, expected) in cases {
            let own = policy("own", "ours", own);
            let all: Vec<SeenPolicy> = std::iter::once(own.clone()).chain(others).collect();
            assert_eq!(in_the_way(&own, &all).map(name), expected, "{what}");
        }
    }

    #[test]
    fn one_that_is_being_deleted_is_in_nobodys_way() {
        let own = policy("own", "ours", (5, 1, 0));
        let mut other = policy("other", "ours", (1, 1, 1));
        other.is_leaving = true;
        assert_eq!(in_the_way(&own, &[other]), None);
    }
}
