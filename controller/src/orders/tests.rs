use jiff::SignedDuration;

use super::*;

fn by() -> By {
    By {
        user: "ada".into(),
        known_by: "token",
        from: "127.0.0.1".into(),
        reason: "a trial".into(),
    }
}

fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn pause(minutes: i64) -> Order {
    Order::Pause {
        until: now() + SignedDuration::from_mins(minutes),
    }
}

#[tokio::test]
async fn orders_outlive_their_controller_and_end_what_they_can() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.json");
    let book = OrderBook::of_file(path.clone()).unwrap();
    assert!(matches!(
        book.give(&Order::Resume, &by(), (1, now())).await,
        Err(OrderError::NotPaused)
    ));
    book.give(&pause(5), &by(), (2, now())).await.unwrap();
    let size = Order::Override {
        pool: "far".into(),
        shape: Shape::Floor,
        workers: 3,
        until: now() + SignedDuration::from_mins(60),
    };
    book.give(&size, &by(), (3, now())).await.unwrap();
    drop(book);

    let book = OrderBook::of_file(path).unwrap();
    let orders = book.current();
    assert!(orders.pause_at(now()).is_some());
    assert_eq!(orders.overrides["far"].workers, 3);
    book.give(&Order::Resume, &by(), (4, now())).await.unwrap();
    assert!(book.current().pause.is_none());
    let release = Order::Release { pool: "far".into() };
    book.give(&release, &by(), (5, now())).await.unwrap();
    assert!(matches!(
        book.give(&release, &by(), (6, now())).await,
        Err(OrderError::NotOverridden)
    ));
    assert!(book.current().is_empty());
}

#[tokio::test]
async fn a_drain_is_forgotten_with_its_machine() {
    let folder = tempfile::tempdir().unwrap();
    let book = OrderBook::of_file(folder.path().join("orders.json")).unwrap();
    let drain = Order::Drain {
        intent: "far-00001".into(),
        pool: "far".into(),
    };
    book.give(&drain, &by(), (1, now())).await.unwrap();
    book.forget_drained(|_| true).await.unwrap();
    assert_eq!(book.current().drains.len(), 1);
    book.forget_drained(|_| false).await.unwrap();
    assert!(book.current().is_empty());
}

#[tokio::test]
async fn what_cannot_be_written_down_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let book = OrderBook::of_file(folder.path().join("gone").join("orders.json")).unwrap();
    assert!(matches!(
        book.give(&pause(5), &by(), (1, now())).await,
        Err(OrderError::NotWritten(_))
    ));
    assert!(book.current().is_empty());
}

#[test]
fn orders_are_told_in_a_sentence() {
    let size = Order::Override {
        pool: "far".into(),
        shape: Shape::Floor,
        workers: 3,
        until: now(),
    };
    let view = size.view(7, now(), "p", &by(), None);
    assert_eq!(view.sentence(), "ada ordered at least 3 × far: a trial");
    let refused = pause(1).view(8, now(), "p", &by(), Some("FORBIDDEN"));
    assert_eq!(refused.sentence(), "ada was refused a pause: a trial");
}
