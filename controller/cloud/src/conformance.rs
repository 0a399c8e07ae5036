//! What every provider must do, as one test that each of them runs.

use std::time::Duration;

use tokio::time::Instant;

use crate::{Fault, Instance, InstanceState, LaunchError, LaunchRequest, Provider};

/// How long a provider may take to show what it did.
const SEEN_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long a used-up request is watched for coming back.
const STAYS_AWAY: Duration = Duration::from_secs(1);

/// Tests a provider against the contract; leaves nothing behind.
///
/// `requests` makes the exact request for an intent and an attempt: the same one whenever it is asked.
/// Against a real cloud it should make the intent's name its own, so that two runs do not meet.
///
/// # Panics
/// If the provider breaks the contract, with what it broke.
pub async fn conformance(provider: &dyn Provider, requests: impl Fn(&str, u32) -> LaunchRequest) {
    let request = requests("conformance-one", 1);
    let first = launch(provider, &request).await;
    assert_tags(&first, &request);

    let again = launch(provider, &request).await;
    assert_eq!(
        again.id, first.id,
        "launching twice must return the first instance"
    );
    let (left, right) = tokio::join!(launch(provider, &request), launch(provider, &request));
    assert_eq!(
        (&left.id, &right.id),
        (&first.id, &first.id),
        "launching twice at once must return the first instance"
    );

    let listed = eventually(provider, "a launched instance is listed", |all| {
        all.iter().find(|seen| seen.id == first.id).cloned()
    })
    .await;
    assert_tags(&listed, &request);
    assert_eq!(
        listed.launched_at, first.launched_at,
        "its billing began once"
    );
    eventually(
        provider,
        "an instance gets from booting to running",
        |all| {
            all.iter()
                .find(|seen| seen.id == first.id && seen.state == InstanceState::Running)
                .cloned()
        },
    )
    .await;

    let mut changed = request.clone();
    changed.pool.push_str("-changed");
    match provider.launch(&changed).await {
        Err(LaunchError::NotLaunched {
            fault: Fault::Invalid { .. },
            ..
        }) => {}
        other => panic!("a changed request under the same attempt must be invalid, not {other:?}"),
    }

    let second = requests("conformance-two", 1);
    let other = launch(provider, &second).await;
    assert_ne!(other.id, first.id, "two intents must be two instances");
    eventually(provider, "the list is complete", |all| {
        let alive = |id: &str| {
            all.iter()
                .any(|seen| seen.id == id && seen.state.is_alive())
        };
        (alive(&first.id) && alive(&other.id)).then_some(())
    })
    .await;

    terminate(provider, &first.id).await;
    terminate(provider, &first.id).await;
    is_gone(provider, &first.id).await;
    terminate(provider, &first.id).await;
    terminate(provider, "conformance-never-was").await;
    terminate(provider, "conformance-never-was.1").await;

    match provider.launch(&request).await {
        Err(LaunchError::NotLaunched { .. }) => {}
        other => panic!("a terminated request must never launch again, but gave {other:?}"),
    }
    stays_away(provider, &request.intent).await;

    let next = requests("conformance-one", 2);
    let next = launch(provider, &next).await;
    assert_ne!(next.id, first.id, "a new attempt must be a new instance");
    assert_eq!(next.attempt, 2, "an instance carries its attempt");
    eventually(provider, "a new attempt of an intent is listed", |all| {
        all.iter().find(|seen| seen.id == next.id).cloned()
    })
    .await;

    let untouched = eventually(provider, "the other instance is listed", |all| {
        all.iter().find(|seen| seen.id == other.id).cloned()
    })
    .await;
    assert!(
        untouched.state.is_alive() && untouched.state != InstanceState::Terminating,
        "ending one instance must not touch another: {untouched:?}"
    );

    terminate(provider, &next.id).await;
    terminate(provider, &other.id).await;
    is_gone(provider, &next.id).await;
    is_gone(provider, &other.id).await;
    for intent in [&request.intent, &second.intent] {
        stays_away(provider, intent).await;
    }
}

async fn launch(provider: &dyn Provider, request: &LaunchRequest) -> Instance {
    match provider.launch(request).await {
        Ok(instance) => instance,
        Err(error) => panic!("{} must launch: {error:?}", request.token()),
    }
}

async fn terminate(provider: &dyn Provider, id: &str) {
    if let Err(error) = provider.terminate(id).await {
        panic!(
            "terminating {id} must succeed, however often and whether or not it is there: {error:?}"
        );
    }
}

fn assert_tags(instance: &Instance, request: &LaunchRequest) {
    assert_eq!(
        (
            &instance.intent,
            instance.attempt,
            &instance.policy,
            &instance.pool
        ),
        (
            &request.intent,
            request.attempt,
            &request.policy,
            &request.pool
        ),
        "an instance carries its tags"
    );
}

async fn is_gone(provider: &dyn Provider, id: &str) {
    eventually(provider, "a terminated instance goes away", |all| {
        let alive = all
            .iter()
            .any(|seen| seen.id == id && seen.state.is_alive());
        (!alive).then_some(())
    })
    .await;
}

async fn stays_away(provider: &dyn Provider, intent: &str) {
    let until = Instant::now() + STAYS_AWAY;
    while Instant::now() < until {
        let all = provider.list().await.expect("the list can be had");
        let back = all
            .iter()
            .find(|seen| seen.intent == intent && seen.state.is_alive());
        assert_eq!(
            back, None,
            "nothing may be left behind, and nothing comes back"
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn eventually<T>(
    provider: &dyn Provider,
    what: &str,
    look: impl Fn(&[Instance]) -> Option<T>,
) -> T {
    let deadline = Instant::now() + SEEN_WITHIN;
    loop {
        let all = provider.list().await.expect("the list can be had");
        if let Some(found) = look(&all) {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "not within {SEEN_WITHIN:?}: {what}; listed: {all:#?}"
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
