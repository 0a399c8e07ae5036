//! Launches, kills and orders in any order.

use std::fs;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use rustix::process::Signal;
use spillway_cloud::Provider;

use crate::harness::{World, request, signal};

const INTENTS: [&str; 2] = ["one", "two"];

/// Holds its intent's witness while anything of it lives, and complains if another one does.
const WITNESS: &str = r#"
    flock --nonblock --conflict-exit-code 9 "$WITNESS/.$SPILLWAY_INTENT" \
        sh -c "trap 'exit 0' TERM; while :; do sleep 0.1; done" &
    trap 'kill -TERM $!' TERM
    wait $!; code=$?
    [ $code = 9 ] && echo "two of $SPILLWAY_INTENT" >> "$WITNESS/.complaints"
    wait $!
"#;

#[derive(Debug, Clone)]
enum Move {
    /// The intent and the attempt; by a provider that knows nothing.
    Launch(usize, u32),
    LaunchTwice(usize, u32),
    /// The intent and the attempt, launched or not.
    Terminate(usize, u32),
    /// One of the processes that there are, machines and all.
    Kill(usize),
    List,
    Wait(u64),
}

fn moves() -> impl Strategy<Value = Move> {
    let intent = 0..INTENTS.len();
    let attempt = 1..=3_u32;
    prop_oneof![
        4 => (intent.clone(), attempt.clone()).prop_map(|(i, a)| Move::Launch(i, a)),
        2 => (intent.clone(), attempt.clone()).prop_map(|(i, a)| Move::LaunchTwice(i, a)),
        2 => (intent, attempt).prop_map(|(i, a)| Move::Terminate(i, a)),
        3 => (0..20_usize).prop_map(Move::Kill),
        1 => Just(Move::List),
        2 => (0..150_u64).prop_map(Move::Wait),
    ]
}

async fn play(moves: Vec<Move>) {
    let mut world = World::new();
    world.config.grace = Duration::from_millis(500);
    let root = world.config.root.display().to_string();
    let ask = |intent: usize, attempt: u32| {
        let mut request = request(INTENTS[intent], attempt, WITNESS);
        request
            .worker
            .environment
            .insert("WITNESS".into(), root.clone());
        request
    };
    for step in moves {
        match step {
            Move::Launch(intent, attempt) => {
                let _ = world.provider().launch(&ask(intent, attempt)).await;
            }
            Move::LaunchTwice(intent, attempt) => {
                let (left, right) = (world.provider(), world.provider());
                let request = ask(intent, attempt);
                let _ = tokio::join!(left.launch(&request), right.launch(&request));
            }
            Move::Terminate(intent, attempt) => {
                let id = format!("{}.{attempt}", INTENTS[intent]);
                world.provider().terminate(&id).await.unwrap();
            }
            Move::Kill(which) => {
                let live = world.live();
                if !live.is_empty() {
                    signal(live[which % live.len()].pid, Signal::KILL);
                }
            }
            Move::List => {}
            Move::Wait(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
        }
        let all = world.provider().list().await.unwrap();
        for intent in INTENTS {
            let alive = all
                .iter()
                .filter(|i| i.intent == intent && i.state.is_alive());
            assert!(alive.count() <= 1, "{all:#?}");
        }
    }
    let provider = world.provider();
    provider
        .terminate_all(Duration::from_secs(5))
        .await
        .unwrap();
    world.nothing_is_left().await;
    let complaints = fs::read_to_string(world.file(".complaints")).unwrap_or_default();
    assert_eq!(complaints, "");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_launched_killed_and_ended_one_lives_at_most_and_nothing_is_left(
        moves in vec(moves(), 1..14)
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(play(moves));
    }
}
