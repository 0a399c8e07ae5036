//! What every home of intents must do: kept here for the folder; the one in Kubernetes is put through the same in
//! `tests/it/kube` by whole controllers.

use std::time::Duration;

use spillway_cloud::WorkerSpec;

use super::*;

fn intent(number: u64, state: State) -> Intent {
    Intent {
        id: IntentId::new("near", number),
        number,
        pool: "near".into(),
        request: LaunchRequest {
            owner: "o".into(),
            policy: "p".into(),
            pool: "near".into(),
            intent: format!("near-{number:05}"),
            attempt: 1,
            worker: WorkerSpec {
                command: vec!["worker".into()],
                environment: BTreeMap::new(),
            },
            lease: Duration::from_secs(60),
        },
        price_per_hour: Dollars(rust_decimal::Decimal::new(360, 2)),
        billing_minimum: SignedDuration::from_secs(60),
        why: "because".into(),
        state,
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[tokio::test]
async fn what_was_written_is_there_after_a_crash_and_no_number_comes_twice() {
    let folder = tempfile::tempdir().unwrap();
    let store = IntentStore::open(folder.path().to_owned()).unwrap();
    assert_eq!(store.next_number(), 1);
    let first = intent(1, State::Written { at: at(5) });
    store.write(first.clone()).await.unwrap();
    let state = State::Launched {
        instance: "i".into(),
        at: at(6),
    };
    let first = Intent { state, ..first };
    store.write(first.clone()).await.unwrap();
    drop(store);
    let store = IntentStore::open(folder.path().to_owned()).unwrap();
    assert_eq!(store.get(&first.id), Some(first.clone()));
    assert_eq!(store.next_number(), 2);
    store
        .write(first.closed(at(66), "done".into()))
        .await
        .unwrap();
    assert!(store.open_intents().is_empty());
}

#[tokio::test]
async fn what_is_forgotten_still_counts() {
    let folder = tempfile::tempdir().unwrap();
    let store = IntentStore::open(folder.path().to_owned()).unwrap();
    let many = CLOSED_MAX as u64 + 3;
    for number in 1..=many {
        let state = State::Launched {
            instance: "i".into(),
            at: at(0),
        };
        let intent = intent(number, state).closed(at(100), "done".into());
        store.write(intent).await.unwrap();
    }
    drop(store);
    let store = IntentStore::open(folder.path().to_owned()).unwrap();
    assert_eq!(store.all().len(), CLOSED_MAX);
    assert_eq!(store.next_number(), many + 1);
    // 100 s of $3.60 an hour each.
    let cost = store.cost("near", at(1_000)).0;
    assert_eq!(cost, rust_decimal::Decimal::new(10 * many as i64, 2));
}
