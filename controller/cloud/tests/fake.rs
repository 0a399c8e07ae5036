//! The fake keeps the contract, and each of its faults is what its name says.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use spillway_cloud::conformance::conformance;
use spillway_cloud::fake::{Fake, LaunchTrouble, ListTrouble, TerminateTrouble};
use spillway_cloud::{
    CloudError, Fault, InstanceState, LaunchError, LaunchRequest, Provider, Scope, WorkerSpec,
};

fn fake() -> Fake {
    let start = tokio::time::Instant::now();
    Fake::new("tests", move || {
        Timestamp::UNIX_EPOCH + tokio::time::Instant::now().duration_since(start)
    })
}

fn request(intent: &str, attempt: u32) -> LaunchRequest {
    LaunchRequest {
        owner: "tests".into(),
        policy: "recognition".into(),
        pool: "burst".into(),
        intent: intent.into(),
        attempt,
        worker: WorkerSpec {
            command: vec!["worker".into()],
            environment: BTreeMap::new(),
        },
        lease: seconds(60),
    }
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

async fn states(fake: &Fake) -> Vec<InstanceState> {
    let all = fake.list().await.unwrap();
    all.iter().map(|instance| instance.state).collect()
}

#[tokio::test(start_paused = true)]
async fn it_keeps_the_contract() {
    conformance(&fake(), request).await;
}

#[tokio::test(start_paused = true)]
async fn it_keeps_the_contract_when_everything_is_slow() {
    let fake = fake();
    fake.boots_in(seconds(20));
    fake.hides_for(seconds(7));
    fake.terminates_in(seconds(30));
    conformance(&fake, request).await;
    assert_eq!(fake.alive(), []);
    assert_eq!(fake.launched_ever().len(), 3);
    assert_eq!(fake.alive_at_once_max("conformance-one"), 1);
}

#[tokio::test(start_paused = true)]
async fn no_capacity_quota_and_throttling_pass_in_the_order_told() {
    let fake = fake();
    fake.no_capacity(2);
    fake.quota(1);
    fake.throttled(1, seconds(3));
    let mut faults = Vec::new();
    for _ in 0..4 {
        match fake.launch(&request("one", 1)).await {
            Err(LaunchError::NotLaunched { fault, retry_after, .. }) => {
                faults.push((fault, retry_after));
            }
            other => panic!("{other:?}"),
        }
    }
    let expected = [
        (Fault::NoCapacity, None),
        (Fault::NoCapacity, None),
        (Fault::Quota, None),
        (Fault::Throttled, Some(seconds(3))),
    ];
    assert_eq!(faults, expected);
    assert_eq!(fake.launched_ever(), []);
    fake.launch(&request("one", 1)).await.unwrap();
    assert_eq!(fake.calls().launch, 5);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_after_creating_leaves_an_instance_that_an_equal_request_finds() {
    let fake = fake();
    fake.timeout_after_creating(1);
    let lost = fake.launch(&request("one", 1)).await;
    assert!(matches!(lost, Err(LaunchError::Unknown(_))), "{lost:?}");
    let ever = fake.launched_ever();
    assert_eq!(ever.len(), 1);
    let found = fake.launch(&request("one", 1)).await.unwrap();
    assert_eq!(found, ever[0].instance);
    assert_eq!(fake.launched_ever().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_before_creating_leaves_nothing() {
    let fake = fake();
    fake.timeout_before_creating(1);
    let lost = fake.launch(&request("one", 1)).await;
    assert!(matches!(lost, Err(LaunchError::Unknown(_))), "{lost:?}");
    assert_eq!(fake.launched_ever(), []);
}

#[tokio::test(start_paused = true)]
async fn a_new_instance_hides_from_the_list_for_a_while() {
    let fake = fake();
    fake.hides_for(seconds(5));
    fake.launch(&request("one", 1)).await.unwrap();
    assert_eq!(states(&fake).await, []);
    tokio::time::advance(seconds(5)).await;
    assert_eq!(states(&fake).await, [InstanceState::Running]);
}

#[tokio::test(start_paused = true)]
async fn an_instance_boots_runs_terminates_slowly_and_is_gone() {
    let fake = fake();
    fake.boots_in(seconds(10));
    fake.terminates_in(seconds(4));
    let instance = fake.launch(&request("one", 1)).await.unwrap();
    assert_eq!(instance.state, InstanceState::Booting);
    tokio::time::advance(seconds(10)).await;
    assert_eq!(states(&fake).await, [InstanceState::Running]);
    fake.terminate(&instance.id).await.unwrap();
    tokio::time::advance(seconds(3)).await;
    // A second order does not put it off.
    fake.terminate(&instance.id).await.unwrap();
    assert_eq!(states(&fake).await, [InstanceState::Terminating]);
    tokio::time::advance(seconds(1)).await;
    assert_eq!(states(&fake).await, [InstanceState::Terminated]);
}

#[tokio::test(start_paused = true)]
async fn the_list_fails_when_told_and_is_never_empty_instead() {
    let fake = fake();
    fake.launch(&request("one", 1)).await.unwrap();
    fake.next_lists(1, ListTrouble::Unreachable);
    fake.next_lists(1, ListTrouble::Throttled { retry_after: None });
    fake.next_lists(1, ListTrouble::Refused);
    assert!(matches!(fake.list().await, Err(CloudError::Unreachable(_))));
    assert!(matches!(
        fake.list().await,
        Err(CloudError::Throttled { .. })
    ));
    assert!(matches!(fake.list().await, Err(CloudError::Refused { .. })));
    assert_eq!(fake.list().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_order_to_terminate_is_lost_or_lied_about_or_taken_without_an_answer() {
    let fake = fake();
    let id = fake.launch(&request("one", 1)).await.unwrap().id;
    fake.next_terminates(1, TerminateTrouble::Unreachable);
    fake.next_terminates(1, TerminateTrouble::Lies);
    fake.next_terminates(1, TerminateTrouble::TimeoutAfterTaking);
    assert!(fake.terminate(&id).await.is_err());
    assert_eq!(fake.alive().len(), 1);
    assert!(fake.terminate(&id).await.is_ok());
    assert_eq!(fake.alive().len(), 1);
    assert!(fake.terminate(&id).await.is_err());
    assert_eq!(fake.alive(), []);
}

#[tokio::test(start_paused = true)]
async fn an_instance_dies_by_itself_on_the_spot_or_without_renewal() {
    let fake = fake();
    let killed = fake.launch(&request("killed", 1)).await.unwrap();
    assert!(fake.kill(&killed.id));
    assert!(!fake.kill(&killed.id));
    fake.arm_dead_man();
    let renewed = fake.launch(&request("renewed", 1)).await.unwrap();
    fake.launch(&request("lapsed", 1)).await.unwrap();
    fake.dies_after(seconds(50));
    fake.launch(&request("ill", 1)).await.unwrap();
    tokio::time::advance(seconds(50)).await;
    assert!(fake.renew(&renewed.id));
    let alive =
        |fake: &Fake| -> Vec<String> { fake.alive().into_iter().map(|one| one.intent).collect() };
    assert_eq!(alive(&fake), ["renewed", "lapsed"]);
    tokio::time::advance(seconds(10)).await;
    assert_eq!(alive(&fake), ["renewed"]);
    tokio::time::advance(seconds(50)).await;
    assert_eq!(alive(&fake), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn two_attempts_of_an_intent_at_once_show() {
    let fake = fake();
    fake.launch(&request("one", 1)).await.unwrap();
    fake.launch(&request("one", 2)).await.unwrap();
    assert_eq!(fake.alive_at_once_max("one"), 2);
}

#[tokio::test(start_paused = true)]
async fn named_troubles_and_spelled_out_ones_are_the_same() {
    let fake = fake();
    fake.next_launches(
        1,
        LaunchTrouble::NotLaunched {
            fault: Fault::Denied,
            scope: Scope::Cloud,
            retry_after: None,
        },
    );
    let denied = fake.launch(&request("one", 1)).await;
    assert!(matches!(
        denied,
        Err(LaunchError::NotLaunched {
            fault: Fault::Denied,
            ..
        })
    ));
}
