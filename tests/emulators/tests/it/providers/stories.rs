//! One story for each way in which a cloud can lie; each provider lives through all of them.

use std::time::Duration;

use serde_json::json;
use spillway_cloud::conformance::conformance;
use spillway_cloud::{
    Fault as Refused, Instance, InstanceState, LaunchError, LaunchRequest, Provider,
};
use spillway_emulators::state::{Delays, Part};
use spillway_emulators::{Call, CloudKind, Fault, Phase, Place, Trouble};
use spillway_tests::eventually_async;

use super::{OWNER, Stage, request};
use crate::judges::judge;

const SOON: Duration = Duration::from_secs(30);
/// More than fit on two pages.
const MANY: usize = 5;
const PAGE: usize = 2;

/// Lives through everything, and has all that was sent judged.
pub(super) async fn all(stage: Stage) {
    contract(&stage).await;
    a_launch_that_timed_out_is_adopted(&stage).await;
    an_answer_of_5xx_to_a_launch_is_resolved_by_asking_again(&stage).await;
    no_capacity_means_the_next_offer(&stage).await;
    a_list_that_lags_makes_no_second_machine(&stage).await;
    trouble_while_looking_at_an_operation_is_no_failed_launch(&stage).await;
    a_list_is_all_pages_or_an_error(&stage).await;
    a_controller_that_starts_again_finds_its_machine(&stage).await;
    not_found_is_not_gone(&stage).await;
    what_is_refused_says_what_can_be_done(&stage).await;
    judged(&stage).await;
}

/// Nothing of ours is left, nor a part of it; the stranger lives.
async fn swept(stage: &Stage, provider: &dyn Provider) {
    for instance in listed(provider).await {
        provider
            .terminate(&instance.id)
            .await
            .expect("an order to end");
    }
    let world = &stage.emulators.world;
    eventually_async(SOON, "all of ours are gone", async || {
        world.with(stage.kind, |cloud, now| {
            let alive = |owner: &str| {
                let machines = cloud.machines.values();
                let of = machines
                    .filter(|it| it.tags.get("spillway-owner").is_some_and(|it| it == owner));
                of.filter(|it| it.phase(now) != Phase::Gone).count()
            };
            match (alive(OWNER), alive("somebody-else")) {
                (0, 1) => Ok(()),
                (ours, theirs) => Err(format!("{ours} of ours, {theirs} of theirs")),
            }
        })
    })
    .await;
    let orphans: Vec<Part> = world.with(stage.kind, |cloud, now| {
        let machines = cloud.machines.values();
        let orphans = machines.flat_map(|machine| machine.orphaned_parts(now));
        orphans.cloned().collect()
    });
    assert!(
        orphans.is_empty(),
        "parts outlive their machines: {orphans:?}"
    );
}

async fn listed(provider: &dyn Provider) -> Vec<Instance> {
    let all = provider.list().await.expect("a list");
    let alive = all.into_iter().filter(|seen| seen.state.is_alive());
    alive.collect()
}

async fn launched(provider: &dyn Provider, request: &LaunchRequest) -> Instance {
    match provider.launch(request).await {
        Ok(instance) => instance,
        Err(error) => panic!("{} must launch: {error:?}", request.token()),
    }
}

fn delays(stage: &Stage, change: impl FnOnce(&mut Delays)) {
    let world = &stage.emulators.world;
    world.with(stage.kind, |cloud, _| change(&mut cloud.delays));
}

async fn contract(stage: &Stage) {
    stage.begin();
    delays(stage, |delays| {
        delays.boot_ms = 200;
        delays.operation_ms = 100;
        delays.end_ms = 100;
    });
    let provider = stage.provider();
    conformance(&*provider, request).await;
    swept(stage, &*provider).await;
}

async fn a_launch_that_timed_out_is_adopted(stage: &Stage) {
    stage.begin();
    let provider = stage.provider();
    stage.befall(Fault::once(
        Call::Launch,
        Trouble::LoseAnswer { hold_ms: 10 },
    ));
    let request = request("timed-out", 1);
    let lost = provider.launch(&request).await;
    assert!(matches!(lost, Err(LaunchError::Unknown(_))), "{lost:?}");
    let seen = listed(&*provider).await;
    assert_eq!(seen.len(), 1, "the list shows it: {seen:?}");
    assert_eq!((seen[0].intent.as_str(), seen[0].attempt), ("timed-out", 1));
    let again = launched(&*provider, &request).await;
    assert_eq!(
        again.id, seen[0].id,
        "the same request finds the same machine"
    );
    assert_eq!(stage.launched_ever(), 1);
    swept(stage, &*provider).await;
}

async fn an_answer_of_5xx_to_a_launch_is_resolved_by_asking_again(stage: &Stage) {
    stage.begin();
    let provider = stage.provider();
    stage.befall(Fault::once(
        Call::Launch,
        Trouble::FailAfter { status: 500 },
    ));
    stage.befall(Fault::once(Call::Launch, Trouble::Html { status: 502 }));
    let request = request("broken", 1);
    // Done and called broken; then not done and called nothing that can be read.
    for _ in 0..2 {
        match provider.launch(&request).await {
            Err(LaunchError::Unknown(_)) => {}
            // One that looks before it asks has found it by then.
            Ok(found) => assert_eq!(found.intent, "broken"),
            Err(error) => panic!("it may have worked, so it is unknown: {error:?}"),
        }
    }
    let found = launched(&*provider, &request).await;
    assert_eq!(
        (found.intent.as_str(), stage.launched_ever()),
        ("broken", 1)
    );
    swept(stage, &*provider).await;
}

async fn no_capacity_means_the_next_offer(stage: &Stage) {
    for place in [Place::Answer, Place::Later] {
        stage.begin();
        delays(stage, |delays| delays.operation_ms = 200);
        let trouble = Trouble::NoCapacity { place };
        stage.befall(Fault::always(Call::Launch, trouble).zone(stage.zones[0]));
        let (first, next) = (stage.provider_in(0), stage.provider_in(1));
        match first.launch(&request("nowhere", 1)).await {
            Err(LaunchError::NotLaunched {
                fault: Refused::NoCapacity,
                ..
            }) => {}
            // EC2 says late only in the list that what it accepted came to nothing.
            Ok(_) if (stage.kind, place) == (CloudKind::Aws, Place::Later) => {}
            other => panic!("{place:?}: no capacity, not {other:?}"),
        }
        let elsewhere = launched(&*next, &request("nowhere", 2)).await;
        assert_eq!(elsewhere.attempt, 2, "{place:?}");
        eventually_async(SOON, "only the second attempt lives", async || {
            let mut all = listed(&*next).await;
            all.extend(listed(&*first).await);
            if !all.is_empty() && all.iter().all(|seen| seen.id == elsewhere.id) {
                Ok(())
            } else {
                Err(format!("{place:?}: {all:?}"))
            }
        })
        .await;
        swept(stage, &*next).await;
    }
}

async fn a_list_that_lags_makes_no_second_machine(stage: &Stage) {
    stage.begin();
    delays(stage, |delays| delays.hidden_ms = 800);
    let provider = stage.provider();
    let request = request("hidden", 1);
    let first = launched(&*provider, &request).await;
    // Azure and Google find it by its name, the others by its token, while lists do not show it.
    let again = launched(&*provider, &request).await;
    assert_eq!((&again.id, stage.launched_ever()), (&first.id, 1));
    eventually_async(SOON, "the list shows it", async || {
        match listed(&*provider).await.len() {
            1 => Ok(()),
            others => Err(others.to_string()),
        }
    })
    .await;
    swept(stage, &*provider).await;
}

async fn trouble_while_looking_at_an_operation_is_no_failed_launch(stage: &Stage) {
    stage.begin();
    delays(stage, |delays| delays.operation_ms = 300);
    let provider = stage.provider();
    let broken = Trouble::Answer {
        status: 503,
        code: "ServiceUnavailable".to_owned(),
        message: "again later".to_owned(),
        retry_after: None,
    };
    stage.befall(Fault::always(Call::Operation, broken).times(2));
    stage.befall(Fault::once(
        Call::Operation,
        Trouble::LoseAnswer { hold_ms: 0 },
    ));
    let request = request("watched", 1);
    match provider.launch(&request).await {
        Ok(launched) => assert_eq!(launched.intent, "watched"),
        Err(LaunchError::Unknown(_)) => {}
        Err(error) => panic!("a look that fails is no failed launch: {error:?}"),
    }
    launched(&*provider, &request).await;
    assert_eq!(stage.launched_ever(), 1);
    swept(stage, &*provider).await;
}

async fn a_list_is_all_pages_or_an_error(stage: &Stage) {
    stage.begin();
    let provider = stage.provider();
    let world = &stage.emulators.world;
    for i in 0..MANY {
        launched(&*provider, &request(&format!("many-{i}"), 1)).await;
    }
    world.with(stage.kind, |cloud, _| cloud.page_max = PAGE);
    assert_eq!(listed(&*provider).await.len(), MANY, "all pages");
    for page in 0..3 {
        for trouble in [
            Trouble::Html { status: 503 },
            Trouble::LoseAnswer { hold_ms: 0 },
        ] {
            // The SDK of AWS asks again by itself, so that it goes on for longer than it does.
            stage.befall(Fault::always(Call::List, trouble.clone()).after(page));
            let part = provider.list().await;
            assert!(part.is_err(), "page {page} with {trouble:?}: {part:?}");
            world.with(stage.kind, |cloud, _| cloud.faults.clear());
        }
    }
    if stage.kind == CloudKind::Gce {
        stage.befall(Fault::once(Call::List, Trouble::Unreachable));
        let part = provider.list().await;
        assert!(part.is_err(), "a zone is missing: {part:?}");
    }
    assert_eq!(listed(&*provider).await.len(), MANY);
    swept(stage, &*provider).await;
}

async fn a_controller_that_starts_again_finds_its_machine(stage: &Stage) {
    stage.begin();
    let request = request("restarted", 1);
    let first = launched(&*stage.provider(), &request).await;
    // It died before it wrote down what it got.
    let provider = stage.provider();
    let seen = listed(&*provider).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!((&seen[0].id, seen[0].attempt), (&first.id, 1));
    let again = launched(&*provider, &request).await;
    assert_eq!((again.id, stage.launched_ever()), (first.id, 1));
    swept(stage, &*provider).await;
}

async fn not_found_is_not_gone(stage: &Stage) {
    stage.begin();
    let provider = stage.provider();
    let first = launched(&*provider, &request("denied", 1)).await;
    stage.befall(Fault::once(Call::Terminate, Trouble::NotFound));
    stage.befall(Fault::once(Call::Terminate, Trouble::Lies));
    for lie in ["not found", "accepted"] {
        // Whatever it makes of the lie, the list goes on to show the machine.
        let _ = provider.terminate(&first.id).await;
        let seen = listed(&*provider).await;
        let own = seen.iter().find(|seen| seen.id == first.id);
        let state = own.map(|seen| seen.state);
        assert_eq!(state, Some(InstanceState::Running), "{lie}: {seen:?}");
    }
    swept(stage, &*provider).await;
}

async fn what_is_refused_says_what_can_be_done(stage: &Stage) {
    stage.begin();
    let provider = stage.provider();
    stage.befall(Fault::once(
        Call::Launch,
        Trouble::Quota {
            place: Place::Answer,
        },
    ));
    stage.befall(Fault::once(
        Call::Launch,
        Trouble::Throttled {
            retry_after: Some(7),
        },
    ));
    stage.befall(Fault::once(
        Call::Launch,
        Trouble::Throttled { retry_after: None },
    ));
    stage.befall(Fault::once(Call::Launch, Trouble::Denied));
    let wanted = [
        (Refused::Quota, None),
        (Refused::Throttled, Some(Duration::from_secs(7))),
        (Refused::Throttled, None),
        (Refused::Denied, None),
    ];
    for (attempt, (fault, time)) in (1..).zip(wanted) {
        match provider.launch(&request("refused", attempt)).await {
            Err(LaunchError::NotLaunched {
                fault: said,
                retry_after,
                ..
            }) => {
                assert_eq!(said, fault);
                assert!(
                    time.is_none() || retry_after == time,
                    "{fault:?}: {retry_after:?}"
                );
            }
            other => panic!("{fault:?}, not {other:?}"),
        }
    }
    assert_eq!(stage.launched_ever(), 0);
    swept(stage, &*provider).await;
}

/// Everything that was sent since the last reset, and before: see [`Stage::sent`].
async fn judged(stage: &Stage) {
    let (sent, keys) = (stage.sent(), json!({stage.kind.as_str(): stage.keys}));
    let judged = tokio::task::spawn_blocking(move || judge(&sent, &keys)).await;
    let judged = judged.unwrap();
    assert_eq!(judged["complaints"], json!([]), "{judged:#}");
    let kinds = judged["judged"].as_object().unwrap();
    // Launch, list and end at least, whatever else a cloud has.
    assert!(kinds.len() >= 3, "{judged:#}");
}
