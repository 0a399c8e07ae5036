//! A machine's identity in a cloud: the tags that it carries, its name, and the token of its launch.
//!
//! The tags are all that is needed to know a machine again after a restart: a list is the memory.
//! Google's labels are the tightest of the four clouds, so their rules hold for all: `[a-z0-9-]`, at most 63 characters.
//! Deliberately absent: times. What a request carries must be the same whenever it is repeated.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::{Instance, InstanceState, LaunchRequest};

/// Whose machine it is.
pub const OWNER: &str = "spillway-owner";
/// The policy that asked.
pub const POLICY: &str = "spillway-policy";
/// The pool in that policy.
pub const POOL: &str = "spillway-pool";
/// The intent that it was launched for.
pub const INTENT: &str = "spillway-intent";
/// Which attempt of that intent.
pub const ATTEMPT: &str = "spillway-attempt";
/// The hash of all that makes the machine: how a changed request under the same attempt is recognised.
pub const SPEC: &str = "spillway-spec";
/// The seconds that it lives without a renewal of its lease.
///
/// Not a time: that would differ between two sendings of one request.
pub const EXPIRES: &str = "spillway-expires";

/// The longest value of a tag and the longest name.
pub const CHARS_MAX: usize = 63;
/// Of the intent, in a machine's name.
const NAME_INTENT_CHARS_MAX: usize = 32;
/// Of the token, in a machine's name.
const NAME_TOKEN_CHARS: usize = 10;
const TOKEN_CHARS: usize = 64;
const SPEC_CHARS: usize = 16;

/// What is wrong with a request, if its identity does not fit into tags or its owner is another one.
#[must_use]
pub fn objection(request: &LaunchRequest, owner: &str) -> Option<String> {
    if request.owner != owner {
        return Some("the owner is another one".into());
    }
    if request.attempt == 0 {
        return Some("attempts count from 1".into());
    }
    let values = [
        ("owner", &request.owner),
        ("policy", &request.policy),
        ("pool", &request.pool),
        ("intent", &request.intent),
    ];
    let wrong = values.into_iter().find(|(_, value)| !is_value(value))?;
    let (what, value) = wrong;
    Some(format!(
        "the {what} {value:?} must be 1 to {CHARS_MAX} of a-z, 0-9 and -"
    ))
}

/// Whether it can be a value of our tags.
#[must_use]
pub fn is_value(value: &str) -> bool {
    (1..=CHARS_MAX).contains(&value.len())
        && value
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

/// The tags of a request's machine; `spec` is its [`spec`].
#[must_use]
pub fn of(request: &LaunchRequest, spec: &str) -> BTreeMap<String, String> {
    let tags = [
        (OWNER, request.owner.clone()),
        (POLICY, request.policy.clone()),
        (POOL, request.pool.clone()),
        (INTENT, request.intent.clone()),
        (ATTEMPT, request.attempt.to_string()),
        (SPEC, spec.to_owned()),
        (EXPIRES, request.lease.as_secs().to_string()),
    ];
    tags.map(|(key, value)| (key.to_owned(), value)).into()
}

/// The name of a request's machine: `spillway-<intent>-<attempt>-<of the token>`, a name by RFC 1035.
///
/// From owner, intent and attempt alone, not the pool: where a cloud's names are what keeps a second machine away,
/// a request that changed must meet the first one. Intents are called after their pools, so it reads all the same.
/// The token's part keeps two installations apart that share a project.
#[must_use]
pub fn name(request: &LaunchRequest) -> String {
    let intent: String = request.intent.chars().take(NAME_INTENT_CHARS_MAX).collect();
    let token = &token(request)[..NAME_TOKEN_CHARS];
    format!("spillway-{intent}-{}-{token}", request.attempt)
}

/// The launch token: 64 hexadecimal digits from owner, intent and attempt.
///
/// Not from the rest: the same token with a changed request is what clouds refuse.
#[must_use]
pub fn token(request: &LaunchRequest) -> String {
    hex(request.token().as_bytes(), TOKEN_CHARS)
}

/// The hash of all that makes a machine: 16 hexadecimal digits.
///
/// `machine`: what of the provider's configuration makes it; no credentials, no addresses.
#[must_use]
pub fn spec(request: &LaunchRequest, machine: &impl Serialize, user_data: &str) -> String {
    let parts = [
        canonical(request),
        canonical(machine),
        Value::from(user_data).to_string(),
    ];
    hex(parts.join("\n").as_bytes(), SPEC_CHARS)
}

/// The instance that carries these tags; `None` if it is not the owner's.
///
/// With our owner tag and the rest missing it is still ours, of no intent: an orphan, which must not be overlooked.
#[must_use]
pub fn instance(
    tags: &BTreeMap<String, String>,
    owner: &str,
    id: String,
    state: InstanceState,
    launched_at: Timestamp,
) -> Option<Instance> {
    let tag = |key: &str| tags.get(key).cloned().unwrap_or_default();
    (tags.get(OWNER)? == owner).then(|| Instance {
        id,
        intent: tag(INTENT),
        attempt: tag(ATTEMPT).parse().unwrap_or(0),
        policy: tag(POLICY),
        pool: tag(POOL),
        state,
        launched_at,
    })
}

/// Whether tags are those of this very request, whatever its spec.
#[must_use]
pub fn is_of(tags: &BTreeMap<String, String>, request: &LaunchRequest) -> bool {
    let is = |key: &str, value: &str| tags.get(key).is_some_and(|tag| tag == value);
    is(OWNER, &request.owner)
        && is(INTENT, &request.intent)
        && is(ATTEMPT, &request.attempt.to_string())
}

/// Whether tags carry this spec.
#[must_use]
pub fn has_spec(tags: &BTreeMap<String, String>, spec: &str) -> bool {
    tags.get(SPEC).is_some_and(|tag| tag == spec)
}

// === helpers ===

fn hex(bytes: &[u8], chars: usize) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in digest(&SHA256, bytes).as_ref() {
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    text.truncate(chars);
    text
}

/// JSON with its keys in order, however the types are laid out.
fn canonical(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(value) => sorted(value).to_string(),
        // Plain data always has a JSON; if it has none, it is at least never taken for another.
        Err(error) => error.to_string(),
    }
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<String, Value> = fields
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            fields.into_iter().collect()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::WorkerSpec;

    fn request(intent: &str, attempt: u32) -> LaunchRequest {
        LaunchRequest {
            owner: "owner-1".into(),
            policy: "recognition".into(),
            pool: "oci-a10".into(),
            intent: intent.into(),
            attempt,
            worker: WorkerSpec {
                command: vec!["worker".into()],
                environment: BTreeMap::from([("A".into(), "1".into())]),
            },
            lease: Duration::from_secs(900),
        }
    }

    #[test]
    fn tags_read_back_as_what_was_written() {
        let request = request("oci-a10-00042", 3);
        let tags = of(&request, "0123456789abcdef");
        let at = Timestamp::UNIX_EPOCH;
        let seen = instance(&tags, "owner-1", "i-1".into(), InstanceState::Booting, at);
        let seen = seen.expect("ours");
        assert_eq!(
            (seen.intent.as_str(), seen.attempt),
            (request.intent.as_str(), 3)
        );
        assert_eq!(
            (seen.policy.as_str(), seen.pool.as_str()),
            ("recognition", "oci-a10")
        );
        assert_eq!(tags[EXPIRES], "900");
        assert!(is_of(&tags, &request) && has_spec(&tags, "0123456789abcdef"));
        let foreign = instance(&tags, "owner-2", "i-1".into(), InstanceState::Booting, at);
        assert_eq!(foreign, None);
        let untagged = BTreeMap::new();
        let untagged = instance(&untagged, "owner-1", "i".into(), InstanceState::Running, at);
        assert_eq!(untagged, None);
    }

    #[test]
    fn a_machine_of_ours_that_lost_its_other_tags_is_an_orphan_not_a_stranger() {
        let tags = BTreeMap::from([(OWNER.to_owned(), "owner-1".to_owned())]);
        let at = Timestamp::UNIX_EPOCH;
        let seen = instance(&tags, "owner-1", "i-1".into(), InstanceState::Running, at);
        let seen = seen.expect("ours");
        assert_eq!((seen.intent.as_str(), seen.attempt), ("", 0));
    }

    #[test]
    fn name_and_token_follow_owner_intent_and_attempt_alone() {
        let first = request("oci-a10-00042", 1);
        let mut changed = first.clone();
        changed.pool.push_str("-changed");
        assert_eq!(
            (name(&changed), token(&changed)),
            (name(&first), token(&first))
        );
        let mut other = first.clone();
        other.owner = "owner-2".into();
        assert_ne!(name(&other), name(&first));
        assert_ne!(token(&other), token(&first));
        assert_ne!(name(&request("oci-a10-00042", 2)), name(&first));
        assert_eq!(name(&first), "spillway-oci-a10-00042-1-2bc313a8d9");
    }

    #[test]
    fn a_spec_changes_with_all_that_makes_the_machine_and_with_nothing_else() {
        let first = request("oci-a10-00042", 1);
        let machine = BTreeMap::from([("shape", "VM.GPU.A10.1"), ("image", "i")]);
        let hash = spec(&first, &machine, "#cloud-config\n");
        assert_eq!(hash.len(), SPEC_CHARS);
        assert_eq!(hash, spec(&first.clone(), &machine, "#cloud-config\n"));
        let mut pool = first.clone();
        pool.pool.push('x');
        let mut environment = first.clone();
        environment
            .worker
            .environment
            .insert("A".into(), "2".into());
        let image = BTreeMap::from([("shape", "VM.GPU.A10.1"), ("image", "j")]);
        for other in [
            spec(&pool, &machine, "#cloud-config\n"),
            spec(&environment, &machine, "#cloud-config\n"),
            spec(&first, &image, "#cloud-config\n"),
            spec(&first, &machine, "#cloud-config"),
        ] {
            assert_ne!(other, hash);
        }
    }

    #[test]
    fn a_request_that_fits_no_tag_is_refused_with_what_is_wrong() {
        assert_eq!(objection(&request("a-1", 1), "owner-1"), None);
        let says = |request: &LaunchRequest, owner: &str| objection(request, owner).expect("wrong");
        assert!(says(&request("a-1", 1), "owner-2").contains("owner"));
        assert!(says(&request("A", 1), "owner-1").contains("intent"));
        assert!(says(&request("", 1), "owner-1").contains("intent"));
        assert!(says(&request(&"a".repeat(64), 1), "owner-1").contains("intent"));
        assert!(says(&request("a-1", 0), "owner-1").contains("attempt"));
    }

    proptest! {
        #[test]
        fn every_name_is_one_by_rfc_1035(intent in "[a-z0-9-]{1,63}", attempt in 1..=u32::MAX) {
            let name = name(&request(&intent, attempt));
            prop_assert!(is_value(&name), "{name}");
            prop_assert!(name.starts_with("spillway-") && !name.ends_with('-'));
        }
    }
}
