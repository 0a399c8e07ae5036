use super::*;
use crate::history::Keep;
use crate::policy_file;

fn planner() -> Planner {
    let text = include_str!("../../policies/recognition.yaml");
    Planner::new(policy_file::parse("recognition.yaml", text).unwrap())
}

fn ordered(at: &str) -> Event {
    let at: Timestamp = at.parse().unwrap();
    let by = crate::orders::By {
        user: "ada".into(),
        known_by: "token",
        from: "127.0.0.1".into(),
        reason: "a trial".into(),
    };
    let order = crate::orders::Order::Resume.view(7, at, "recognition", &by, None);
    Event::Ordered {
        at,
        order: Box::new(order),
    }
}

/// When what is in a journal happened, beginnings left out.
fn times(folder: &Path) -> Vec<String> {
    let mut times = Vec::new();
    read(folder, |event| {
        if let Event::Ordered { at, .. } = event {
            times.push(at.to_string());
        }
    })
    .unwrap();
    times
}

#[test]
fn a_restart_puts_what_was_written_into_the_history_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let planner = planner();
    // Not long ago: what is older than 30 days is forgotten.
    let ago = |hours| {
        let at = Timestamp::now() - jiff::SignedDuration::from_hours(hours);
        at.round(jiff::Unit::Second).unwrap().to_string()
    };
    let expected = [ago(72), ago(48), ago(24)];
    for at in &expected {
        let history = History::open(folder.path(), Keep::default()).unwrap();
        let path = folder.path().to_owned();
        let mut journal = Journal::begin(path, Arc::clone(&history), &planner).unwrap();
        journal.write(&ordered(at)).unwrap();
        journal.flush(&planner).unwrap();
        history.flush();
        assert_eq!(
            files(folder.path()).unwrap().len(),
            1,
            "the others are in the history"
        );
    }
    assert_eq!(times(folder.path()), expected);
    assert_eq!(segments::last(folder.path()).unwrap(), 2);
    let mut text = Vec::new();
    let from = ago(60).parse().unwrap();
    let to = ago(-24).parse().unwrap();
    export(folder.path(), from, to, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains(&expected[0]), "its part ended before");
    assert!(
        text.contains(&expected[1]) && text.contains(&expected[2]),
        "{text}"
    );
}

#[test]
fn journals_of_before_are_read_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let line = |event: &Event| serde_json::to_string(event).unwrap();
    let text = format!(
        "{}\n{{\"cut o",
        line(&ordered(&Timestamp::now().to_string()))
    );
    std::fs::write(folder.path().join("journal-000004.jsonl"), text).unwrap();
    assert_eq!(
        times(folder.path()).len(),
        1,
        "without a history, and with a last line cut off"
    );
    let history = History::open(folder.path(), Keep::default()).unwrap();
    let planner = planner();
    let path = folder.path().to_owned();
    let journal = Journal::begin(path, Arc::clone(&history), &planner).unwrap();
    assert_eq!(journal.number, 5);
    history.flush();
    assert_eq!(times(folder.path()).len(), 1);
}
