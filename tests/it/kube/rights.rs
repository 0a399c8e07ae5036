//! The chart's role against the apiserver's audit log: every right is used, and none is missing.

use std::collections::BTreeSet;

use serde_json::Value;
use spillway_tests::Kube;

use crate::world::World;

/// The controller's role, as the chart makes it for the release of these tests.
const ROLE: &str = "it-spillway-controller";

/// A verb and a resource, as `update deployments/scale`.
fn granted(role: &Value) -> BTreeSet<String> {
    fn list<'a>(rule: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
        rule[field]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap())
    }
    let rules = role["rules"].as_array().unwrap().iter();
    rules
        .flat_map(|rule| {
            list(rule, "resources").flat_map(move |resource| {
                list(rule, "verbs").map(move |verb| format!("{verb} {resource}"))
            })
        })
        .collect()
}

/// Fails where one of `accounts` was refused something, or the role grants, but for `except`, what none of them asked for.
///
/// A base is of one kind, so the scale of the other kind is left out.
pub(crate) fn assert_used(kube: &Kube, world: &World, accounts: &[&str], except: &[&str]) {
    let mut used = BTreeSet::new();
    let mut denied = Vec::new();
    for account in accounts {
        for (verb, resource, code, _) in world.asked(kube, account) {
            if code == 403 {
                denied.push(format!("{account}: {verb} {resource}"));
            }
            used.insert(format!("{verb} {resource}"));
        }
    }
    assert_eq!(denied, Vec::<String>::new());
    let own = format!("{}/scale", world.workload().resource());
    let role = world.space.get(&["role", ROLE]).unwrap();
    let unused: Vec<String> = granted(&role)
        .into_iter()
        .filter(|right| !right.ends_with("/scale") || right.ends_with(&own))
        .filter(|right| !used.contains(right) && !except.contains(&right.as_str()))
        .collect();
    assert_eq!(
        unused,
        Vec::<String>::new(),
        "granted and never used; used: {used:?}"
    );
}
