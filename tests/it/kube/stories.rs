//! Bursts, and leaders that are stopped.

use std::collections::BTreeSet;

use spillway_tests::{Signal, eventually, require_kube};

use crate::rights;
use crate::world::{ACCOUNT, BASE_MAX, JOBS, LEASE, POLICY, QUICK, SOON, Workload, World};

/// Used when the same thing is told a second time, which not every run of a story has.
const TOLD_AGAIN: &str = "patch events";

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_fills_the_base_in_one_step_then_buys_and_everything_goes_back() {
    let Some(kube) = require_kube() else { return };
    let Some(world) = World::new(&kube, Workload::Deployment).await else {
        return;
    };
    world.apply_policy();
    // So few closed intents that one burst forgets some: the right to delete them is used as well.
    let mut controller = world.controller("first", ACCOUNT, &["--closed-max", "1"]);
    eventually(SOON, "the policy is ready and one worker works", || {
        let row = world.row();
        let is_so = row.contains(&format!("1/{BASE_MAX}")) && row.contains("True");
        if is_so { Ok(()) } else { Err(row) }
    });
    world.send("job", JOBS).await;
    eventually(SOON, "the base is full and machines are bought", || {
        let row = world.row();
        let is_so = world.replicas() == u64::from(BASE_MAX) && world.open_instances() > 0;
        if is_so { Ok(()) } else { Err(row) }
    });
    let row = world.row();
    assert!(
        row.contains("BACKLOG") && row.contains("DEADLINE") && row.contains("60s"),
        "{row}"
    );
    println!("{row}");
    world.all_answered(JOBS);
    world.goes_back();
    assert!(controller.is_running(), "{}", controller.log());
    assert!(!world.instances().is_empty());
    assert_eq!(
        world.kubelet.killed(),
        [""; 0],
        "every drain ended in its grace"
    );
    assert_eq!(
        world.kubelet.counts().1,
        BASE_MAX as usize,
        "never more pods than the most"
    );

    let asked = world.asked(&kube, ACCOUNT);
    let scaled = asked.iter().filter(|(verb, resource, code, _)| {
        verb == "update" && resource == "deployments/scale" && *code == 200
    });
    assert_eq!(scaled.count(), 2, "up in one step, and down in one");
    rights::assert_used(&kube, &world, &[ACCOUNT], &[TOLD_AGAIN]);
    let events = world.space.get(&["events.events.k8s.io"]).unwrap();
    let reasons = events["items"].as_array().unwrap().iter();
    let reasons: BTreeSet<&str> = reasons.filter_map(|it| it["reason"].as_str()).collect();
    assert!(
        reasons.contains("BaseFilled") && reasons.contains("BaseLowered"),
        "{reasons:?}"
    );
    controller.signal(Signal::Term);
    assert!(controller.wait(QUICK).success());
    assert_eq!(world.leader(), "", "a leader that ends gives the lease up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_stopped_beyond_its_lease_and_goes_on_does_no_harm() {
    let Some(kube) = require_kube() else { return };
    let Some(world) = World::new(&kube, Workload::StatefulSet).await else {
        return;
    };
    world.apply_policy();
    let accounts = [ACCOUNT, "it-second"];
    let mut replicas =
        accounts.map(|account| (account, world.controller(account, account, &LEASE)));
    eventually(SOON, "one of them leads", || named(&world.leader()));
    for account in accounts {
        let leads = world.leader() == account;
        eventually(QUICK, "a replica answers, whether it leads or not", || {
            let metrics = world.ask(account, "/metrics")?;
            let told = format!(
                "spillway_leader{{policy=\"{POLICY}\"}} {}.0",
                u8::from(leads)
            );
            if !metrics.contains(&told) {
                return Err(metrics);
            }
            let state = world.ask(account, "/api/v1/state")?;
            match state.contains(&format!("\"identity\":\"{}\"", world.leader())) {
                true => Ok(()),
                false => Err(state),
            }
        });
    }
    world.send("job", JOBS).await;
    for round in 0..3 {
        // Not at the same step each time: a machine is being bought, works, or is given back.
        let wanted = JOBS * round / 3;
        eventually(SOON, "enough is done", || {
            let answered = world.answered().len();
            if answered >= wanted {
                Ok(())
            } else {
                Err(format!("{answered} of {wanted}"))
            }
        });
        let first = eventually(QUICK, "somebody leads", || named(&world.leader()));
        let at = replicas
            .iter()
            .position(|(account, _)| *account == first)
            .unwrap();
        replicas[at].1.signal(Signal::Stop);
        eventually(QUICK, "the other leads", || {
            let leader = world.leader();
            if leader != first {
                named(&leader)
            } else {
                Err(leader)
            }
        });
        let lease = world.space.get(&["lease", "spillway-recognition"]).unwrap();
        let taken_at = lease["spec"]["acquireTime"].as_str().unwrap().to_owned();
        replicas[at].1.signal(Signal::Continue);
        // It finds its lease gone, and ends rather than guess what still holds.
        assert!(
            !replicas[at].1.wait(QUICK).success(),
            "{}",
            replicas[at].1.log()
        );
        for (verb, resource, code, at) in world.asked(&kube, &first) {
            let is_change = ["create", "update", "patch", "delete"].contains(&verb.as_str());
            // A late word on how far an intent came is true, and refused where another has written since.
            let is_word = resource.ends_with("/status") || resource == "events";
            let is_harm = is_change && code < 300 && !is_word;
            assert!(
                !is_harm || at <= taken_at,
                "{first}: {verb} {resource} at {at}, after {taken_at}"
            );
        }
        assert!(world.open_instances() <= 2, "{:?}", world.instances());
        replicas[at].1 = world.controller(&first, &first, &LEASE);
    }
    world.all_answered(JOBS);
    world.goes_back();
    // Nothing is forgotten here, so that each intent can be looked at.
    rights::assert_used(
        &kube,
        &world,
        &accounts,
        &["delete burstinstances", TOLD_AGAIN],
    );
    let mut intents = BTreeSet::new();
    for instance in world.instances() {
        let intent = instance["spec"]["intent"].as_str().unwrap().to_owned();
        assert!(intents.insert(intent), "no intent is made twice");
    }
}

fn named(leader: &str) -> Result<String, String> {
    if leader.is_empty() {
        Err("nobody".to_owned())
    } else {
        Ok(leader.to_owned())
    }
}
