//! A controller that gives everything back and ends, as an uninstall asks; and a policy whose group another has.

use serde_json::json;
use spillway_tests::{Signal, eventually, eventually_async, require_kube};

use crate::world::{ACCOUNT, POLICY, QUICK, SOON, Workload, World};

/// Stands for the controllers that the chart makes: their process is the test's.
const CONTROLLERS: &str = "controllers";

#[tokio::test(flavor = "multi_thread")]
async fn an_uninstall_drains_what_was_bought_and_a_group_has_one_policy() {
    let Some(kube) = require_kube() else { return };
    let Some(world) = World::new(&kube, Workload::Deployment).await else {
        return;
    };
    let labels = json!({"app": CONTROLLERS});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": CONTROLLERS},
        "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "controller", "image": "spillway-controller:it"}]}
        }}
    });
    world.space.apply(&deployment).unwrap();
    world.apply_policy();
    let mut controller = world.controller("first", ACCOUNT, &[]);
    eventually_async(SOON, "somebody orders a machine", || {
        let order = json!({
            "pool": "near", "shape": "floor", "workers": 1,
            "reason": "a trial", "expires_in_seconds": 3_600
        });
        world.order("first", "override", order)
    })
    .await;
    let ready = || {
        let text = world.ask("first", "/api/v1/state")?;
        let body = text.split("\r\n\r\n").nth(1).unwrap_or_default();
        let state: serde_json::Value =
            serde_json::from_str(body).map_err(|error| error.to_string())?;
        let pools = state["policies"][0]["pools"].as_array().cloned();
        let mut pools = pools.unwrap_or_default().into_iter();
        match pools.any(|pool| pool["name"] == "near" && pool["ready"] == 1) {
            true => Ok(()),
            false => Err(world.row()),
        }
    };
    eventually(SOON, "it works", ready);

    world.apply_policy_as("rival");
    let mut rival = world.controller_of("rival", "second", &[]);
    let conflict = |wanted: &str| {
        let policy = world.space.get(&["scalingpolicy", "rival"])?;
        let conditions = policy["status"]["conditions"].as_array().cloned();
        let mut conditions = conditions.unwrap_or_default().into_iter();
        let found = conditions.find(|it| it["type"] == "Conflict");
        let found = found.unwrap_or_default();
        match found["status"] == wanted {
            true => Ok(found["message"].to_string()),
            false => Err(policy["status"].to_string()),
        }
    };
    let why = eventually(QUICK, "the second one is in conflict", || conflict("True"));
    assert!(why.contains(POLICY) && why.contains("it-workers"), "{why}");

    let leave = [
        "--leave",
        "120",
        "--leave-after",
        &format!("deployment/{CONTROLLERS}"),
    ];
    let mut leaving = world.controller("leaving", ACCOUNT, &leave);
    eventually(QUICK, "the controllers are told to end", || {
        let deployment = world.space.get(&["deployment", CONTROLLERS])?;
        match deployment["spec"]["replicas"] == 0 {
            true => Ok(()),
            false => Err(deployment["spec"].to_string()),
        }
    });
    assert_eq!(
        world.open_instances(),
        1,
        "whoever leads keeps its machines"
    );
    controller.signal(Signal::Term);
    assert!(controller.wait(QUICK).success(), "{}", controller.log());
    assert!(leaving.wait(SOON).success(), "{}", leaving.log());
    assert_eq!(world.open_instances(), 0, "{}", leaving.log());
    let log = leaving.log();
    assert!(log.contains("no bought machine is left"), "{log}");
    assert!(log.contains("action=\"Drain\""), "not just ended: {log}");
    assert_eq!(world.leader(), "", "and gives the lease up");

    let delete = ["delete", "scalingpolicy", POLICY];
    world.space.kubectl(&delete).unwrap();
    eventually(SOON, "the other one has the group", || conflict("False"));
    rival.signal(Signal::Term);
    assert!(rival.wait(QUICK).success(), "{}", rival.log());
}
