//! What every home of intents must do: kept here for the folder; the one in Kubernetes is put through the same in
//! `tests/it/kube` by whole controllers.

use super::testing::intent;
use super::*;

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

/// A moment of today, and so many seconds before it: never before midnight.
fn today() -> (Timestamp, impl Fn(i64) -> Timestamp) {
    // Half of the day that has passed, so that all of a story is of today at whatever time it is told.
    let now = Timestamp::now();
    let passed = now.duration_since(midnight(now)) / 2;
    let step = passed.as_secs_f64() / 100.0;
    let ago = move |steps: i64| now - SignedDuration::from_secs_f64(step * steps as f64);
    (now, ago)
}

#[test]
fn a_day_costs_what_ran_on_it() {
    let noon = at(86_400 * 7 + 43_200);
    let hour = SignedDuration::from_hours(1);
    let launched = |at| State::Launched {
        instance: "i".into(),
        at,
    };
    let closed = |launched_at, ended_at| State::Closed {
        launched_at,
        ended_at,
        why: "done".into(),
    };
    let cases = [
        ("it runs since yesterday", launched(noon - hour * 20), 12),
        ("it runs since an hour", launched(noon - hour), 1),
        ("maybe it runs", State::Written { at: noon - hour }, 1),
        (
            "it ran yesterday",
            closed(Some(noon - hour * 20), noon - hour * 13),
            0,
        ),
        (
            "over midnight",
            closed(Some(noon - hour * 20), noon - hour * 10),
            2,
        ),
        ("never launched", closed(None, noon - hour), 0),
    ];
    for (name, state, hours) in cases {
        let spent = intent(1, state.clone()).spent_today(noon);
        assert_eq!(
            spent.0,
            rust_decimal::Decimal::new(360 * hours, 2),
            "{name}"
        );
        let mut base = intent(1, state);
        base.pool = BASE_POOL.into();
        assert_eq!(
            base.spent_today(noon),
            Dollars::ZERO,
            "no budget bounds the base"
        );
    }
}

#[tokio::test]
async fn what_was_spent_today_outlives_a_restart_and_what_is_forgotten_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = IntentStore::open(folder.path().to_owned())
        .unwrap()
        .keeping(1);
    let (now, ago) = today();
    for number in 1..=4 {
        let state = State::Launched {
            instance: "i".into(),
            at: ago(40),
        };
        let intent = intent(number, state).closed(ago(20), "done".into());
        store.write(intent).await.unwrap();
    }
    let each = Dollars::per_hour_over(
        Dollars(rust_decimal::Decimal::new(360, 2)),
        ago(20).duration_since(ago(40)),
    );
    let all = Dollars(each.0 * rust_decimal::Decimal::from(4));
    assert_eq!(store.all().len(), 1, "three are forgotten");
    drop(store);
    let store = IntentStore::open(folder.path().to_owned()).unwrap();
    assert_eq!(store.spent_today(now), all);
    let tomorrow = now + SignedDuration::from_hours(24);
    assert_eq!(store.spent_today(tomorrow), Dollars::ZERO, "another day");
}
