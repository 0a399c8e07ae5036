//! Policies as their objects tell of them: it needs no controller to be there.

use spillway_kube::{PolicyStatus, SeenPolicy};

use super::name_of;
use crate::api_client::clean;

/// Every policy, and below it what is wrong.
pub(super) fn text(policies: &[SeenPolicy]) -> String {
    let mut text = String::new();
    for policy in policies {
        text += &of(name_of(policy), policy.generation, &policy.status);
    }
    if text.is_empty() {
        text += "no policies\n";
    }
    text
}

fn of(name: &str, generation: i64, status: &PolicyStatus) -> String {
    let known = |value: Option<String>| value.map_or_else(|| "?".to_owned(), |it| clean(&it));
    let number = |value: Option<i64>| known(value.map(|it| it.to_string()));
    let is = |kind: &str| {
        let mut conditions = status.conditions.iter();
        conditions.any(|it| it.type_ == kind && it.status == "True")
    };
    let ready = if is("Ready") { "ready" } else { "not ready" };
    let mut text = format!(
        "{name}  {ready}\n  backlog {}   done in {}   late {}   base {}   bought {}   ${}/h\n",
        number(status.backlog),
        known(status.eta.clone()),
        number(status.late),
        known(status.base.clone()),
        number(status.burst.map(i64::from)),
        known(status.price_per_hour.clone()),
    );
    if let Some(decision) = &status.decision {
        text += &format!("  {}\n", clean(decision));
    }
    match status.leader.as_deref() {
        Some(leader) if !leader.is_empty() => text += &format!("  led by {}\n", clean(leader)),
        _ => text += "  nobody leads\n",
    }
    if status.observed_generation != Some(generation) {
        text += "  the newest version was not looked at yet\n";
    }
    // What is wrong is said of some conditions by their being so, and of others by their not being so.
    let wrongs = status.conditions.iter().filter(|it| {
        let is_good = !matches!(
            it.type_.as_str(),
            "DeadlineAtRisk" | "BudgetExhausted" | "Conflict"
        );
        (it.status == "True") != is_good && it.type_ != "Ready"
    });
    for wrong in wrongs {
        let (kind, reason) = (&wrong.type_, &wrong.reason);
        text += &format!("  ! {kind} {reason}: {}\n", clean(&wrong.message));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_told_and_what_is_unknown_is_not_zero() {
        let condition = |kind: &str, status: &str, message: &str| {
            serde_json::json!({
                "type": kind, "status": status, "reason": "Why", "message": message,
                "lastTransitionTime": "2026-01-01T00:00:00Z"
            })
        };
        let status = serde_json::json!({
            "observedGeneration": 1, "backlog": 12, "base": "2/8", "leader": "c-1",
            "decision": "Nothing to do: all is well.",
            "conditions": [
                condition("Ready", "False", "below"),
                condition("KafkaReachable", "False", "no broker answers"),
                condition("DeadlineAtRisk", "False", ""),
                condition("BudgetExhausted", "True", "$2.13 of today's $2.00 are spent"),
            ]
        });
        let status: PolicyStatus = serde_json::from_value(status).unwrap();
        let text = of("recognition", 2, &status);
        assert_eq!(
            text,
            "recognition  not ready
  backlog 12   done in ?   late ?   base 2/8   bought ?   $?/h
  Nothing to do: all is well.
  led by c-1
  the newest version was not looked at yet
  ! KafkaReachable Why: no broker answers
  ! BudgetExhausted Why: $2.13 of today's $2.00 are spent
"
        );
    }
}
