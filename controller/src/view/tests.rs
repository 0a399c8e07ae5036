use super::testing::Made;

#[tokio::test]
async fn a_policy_is_shown_with_its_machine_its_money_and_its_decision() {
    let mut made = Made::new().await;
    made.tick();
    let state = made.board.state().unwrap();
    let policy = &state.policies[0];
    assert_eq!(policy.status, "Bursting");
    assert_eq!(policy.backlog, Some(4 * 110));
    assert_eq!(policy.budget.per_day, Some(100.0));
    let workers = policy.workers.as_ref().unwrap();
    assert_eq!(workers.len(), 1);
    let worker = &workers[0];
    assert!(worker.is_burst && worker.can_drain, "{worker:?}");
    assert_eq!(worker.intent.as_deref(), Some("near-00001"));
    assert!(worker.cost > 0.3 && worker.cost < 0.4, "{worker:?}");
    let lags = policy.lags.as_ref().unwrap();
    assert_eq!(lags[0].owner.as_deref(), Some("machine-1"));
    assert!(!lags[0].is_stuck);
    let head = policy.last_decision.as_ref().unwrap();
    made.board.history().flush();
    let filter = crate::history::Filter {
        id: Some(head.id),
        limit: 1,
        ..crate::history::Filter::default()
    };
    let found = made.board.history().entries(&filter).unwrap();
    assert_eq!(found[0].data["sentence"], head.sentence.as_str());
    assert!(!found[0].data["alternatives"].as_array().unwrap().is_empty());
}
