use std::path::Path;

use super::*;

const POLICY: &str = "p";

/// Noon of today: seconds that are older than a day are forgotten by the real clock.
fn noon() -> i64 {
    Timestamp::now().as_second() / 86_400 * 86_400 + 43_200
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn open(folder: &Path) -> Arc<History> {
    History::open(folder, Keep::default()).unwrap()
}

fn sample(second: i64, backlog: Option<u64>) -> Sample {
    let pool = |is_base, ready, cost_total| PoolSample {
        is_base,
        desired: 2,
        ready,
        booting: 0,
        draining: 0,
        cost_total,
        cost_per_hour: 3.6,
        images: 10.0,
        idle_share: Some(0.5),
    };
    Sample {
        policy: POLICY.into(),
        at: second,
        backlog,
        oldest_age: Some(1.0),
        drain_eta: Some(2.0),
        objective: 900.0,
        arrival_rate: Some(4.0),
        service_rate: 5.0,
        late: 1,
        cost_per_hour: 6.0,
        burst_cost_per_hour: 5.0,
        spent_today: 1.0,
        arrived: Some(backlog.unwrap_or(0) + 100),
        done: Some(100),
        pools: [
            ("base".to_owned(), pool(true, 1, None)),
            ("far".to_owned(), pool(false, 2, Some(7.0))),
        ]
        .into(),
    }
}

fn asked(from: i64, to: i64, points: u32) -> TimelineAsked {
    TimelineAsked {
        policy: POLICY.into(),
        from: at(from),
        to: at(to),
        now: at(noon()),
        points,
    }
}

fn entry(id: u64, second: i64, code: &str, launches: u64) -> Entry {
    Entry {
        id,
        told: id,
        policy: POLICY.into(),
        at_ms: second * 1_000,
        kind: EntryKind::Decision,
        launches,
        drains: 0,
        is_trouble: code == "PoolMax",
        codes: vec![code.into()],
        verbs: Vec::new(),
        pools: vec!["far".into()],
        intents: vec![format!("far-{id}")],
        data: serde_json::json!({"id": id, "actions": [{"intent": format!("far-{id}")}]}),
    }
}

#[test]
fn a_restart_loses_nothing_and_gives_no_number_twice() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(folder.path());
    let first = history.next_id();
    history.entry(entry(first, noon(), "Cheapest", 1));
    history.sample(sample(noon(), Some(5)));
    // Given out, and not written before the end.
    let lost = history.next_id();
    drop(history);
    let history = open(folder.path());
    assert!(history.next_id() > lost);
    let filter = Filter {
        limit: 10,
        ..Filter::default()
    };
    assert_eq!(history.entries(&filter).unwrap().len(), 1);
    let read = history.timeline(&asked(noon(), noon() + 1, 10)).unwrap();
    assert_eq!(read.series[0].as_ref().unwrap().backlog, Some(5));
}

#[test]
fn a_timeline_takes_the_largest_backlog_and_the_mean_rate_and_leaves_gaps() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(folder.path());
    for second in 0..20 {
        let backlog = if second == 3 { Some(50) } else { Some(1) };
        history.sample(Sample {
            arrival_rate: Some(f64::from(i32::try_from(second % 2).unwrap()) * 10.0),
            ..sample(noon() - 100 + second, backlog)
        });
    }
    history.flush();
    let read = history
        .timeline(&asked(noon() - 100, noon() - 1, 10))
        .unwrap();
    assert_eq!(read.step, 10);
    assert_eq!(read.resolution, 1);
    let first = read.series[0].as_ref().unwrap();
    assert_eq!(first.backlog, Some(50));
    assert_eq!(first.arrival_rate, Some(5.0));
    assert!(read.series[5].is_none(), "nothing was sampled there");
    assert_eq!(read.at.len(), read.series.len());
    let far = &read.pools["far"];
    assert_eq!(far.len(), read.at.len());
    assert_eq!(far[1].map(|it| it.ready), Some(2), "as it was before");
    assert_eq!(far[5], None);
    assert_eq!(read.oldest, Some(noon() - 100));
}

#[test]
fn what_never_ends_is_not_shown_as_soon() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(folder.path());
    for (second, eta) in [(0, 3.0), (1, f64::INFINITY)] {
        history.sample(Sample {
            drain_eta: Some(eta),
            ..sample(noon() - 100 + second, Some(1))
        });
    }
    history.flush();
    let read = history
        .timeline(&asked(noon() - 100, noon() - 80, 1))
        .unwrap();
    assert_eq!(read.series[0].as_ref().unwrap().drain_eta, None);
}

#[test]
fn minutes_outlive_seconds_and_the_present_one_is_shown_too() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(folder.path());
    let begin = noon();
    for second in 0..130 {
        history.sample(sample(begin + second, Some(u64::try_from(second).unwrap())));
    }
    history.flush();
    let later = TimelineAsked {
        now: at(begin + 2 * 86_400),
        ..asked(begin, begin + 179, 100)
    };
    let read = history.timeline(&later).unwrap();
    assert_eq!((read.step, read.resolution), (60, 60));
    let backlogs: Vec<Option<u64>> = read
        .series
        .iter()
        .map(|step| step.as_ref().and_then(|it| it.backlog))
        .collect();
    assert_eq!(backlogs, [Some(59), Some(119), Some(129)]);
}

#[test]
fn entries_are_found_by_what_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(folder.path());
    for (id, code, launches) in [(1, "Cheapest", 2), (2, "PoolMax", 0), (3, "Pool%", 0)] {
        let second = noon() + i64::try_from(id).unwrap();
        history.entry(entry(id, second, code, launches));
    }
    let done = serde_json::json!({"outcome": "Done"});
    history.outcome(POLICY, "far-1", done.clone());
    history.flush();
    let ids = |filter: Filter| -> Vec<u64> {
        let filter = Filter {
            limit: 10,
            ..filter
        };
        history
            .entries(&filter)
            .unwrap()
            .iter()
            .map(|it| it.id)
            .collect()
    };
    let code = |code: &str| Filter {
        code: Some(code.into()),
        ..Filter::default()
    };
    assert_eq!(ids(Filter::default()), [3, 2, 1]);
    assert_eq!(ids(code("PoolMax")), [2]);
    assert_eq!(ids(code("Pool%")), [3], "no pattern");
    assert!(ids(code("Pool")).is_empty(), "a whole name");
    assert!(ids(code("' OR 1=1 --")).is_empty());
    assert_eq!(
        ids(Filter {
            before: Some(3),
            ..Filter::default()
        }),
        [2, 1]
    );
    assert_eq!(
        ids(Filter {
            told_after: Some(1),
            ..Filter::default()
        }),
        [3, 2]
    );
    assert_eq!(
        ids(Filter {
            trouble: Some(true),
            ..Filter::default()
        }),
        [2]
    );
    assert_eq!(
        ids(Filter {
            acting_first: true,
            ..Filter::default()
        })[0],
        1
    );
    let first = history
        .entries(&Filter {
            id: Some(1),
            limit: 1,
            ..Filter::default()
        })
        .unwrap();
    assert_eq!(first[0].data["actions"][0]["outcome"], done);
    let after = Filter {
        told_after: Some(1),
        limit: 1,
        ..Filter::default()
    };
    assert_eq!(history.count(&after).unwrap(), 2, "whatever the limit");
}

#[test]
fn costs_are_counted_by_machines_or_by_the_time_that_was_watched() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(folder.path());
    history.sample(sample(noon(), Some(1)));
    history.sample(sample(noon() + 10, Some(1)));
    drop(history);
    // An hour without a controller: a bought machine cost, of the base nothing is known.
    let history = open(folder.path());
    let mut later = sample(noon() + 3_600, Some(1));
    if let Some(far) = later.pools.get_mut("far") {
        far.cost_total = Some(9.0);
    }
    history.sample(later);
    history.flush();
    let totals = history.totals(POLICY).unwrap();
    assert!((totals["far"].dollars - 9.0).abs() < 1e-9, "{totals:?}");
    assert!((totals["base"].dollars - 0.01).abs() < 1e-9, "{totals:?}");
    let day = |second| at(second).strftime("%Y-%m-%d").to_string();
    assert_eq!(history.days(POLICY, &day(noon())).unwrap().len(), 2);
    let tomorrow = day(noon() + 86_400);
    assert!(history.days(POLICY, &tomorrow).unwrap().is_empty());
}

#[test]
fn closed_files_go_into_the_history_and_come_out_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let history = open(folder.path());
    let path = folder.path().join("journal-000001.jsonl");
    let text = "{\"event\":\"X\",\"at\":\"2026-11-20T10:00:00Z\"}\n{\"event\":\"Y\"}\n";
    std::fs::write(&path, text).unwrap();
    history.seal(1, path.clone());
    // Asked twice, as after a crash between the two.
    history.seal(1, path.clone());
    history.flush();
    assert!(!path.exists());
    let mut found = String::new();
    segments::read(folder.path(), (i64::MIN, i64::MAX), |number, lines| {
        assert_eq!(number, 1);
        lines.read_to_string(&mut found)?;
        Ok(())
    })
    .unwrap();
    assert_eq!(found, text);
    assert_eq!(segments::last(folder.path()).unwrap(), 1);
}

#[test]
fn what_is_too_old_goes_and_what_is_too_much_goes_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let connection = schema::open(&path).unwrap();
    let now = at(noon());
    let blob = vec![0_u8; 40_000];
    for number in 1..=100_i64 {
        let ms = (noon() - (101 - number) * 3_600) * 1_000;
        let sql = "INSERT INTO segments VALUES (?1, ?2, ?2, 1, ?3)";
        connection
            .execute(sql, rusqlite::params![number, ms, blob])
            .unwrap();
    }
    entries::write(&connection, &entry(9, noon() - 40 * 86_400, "Old", 1)).unwrap();
    entries::write(&connection, &entry(10, noon(), "New", 1)).unwrap();
    let keep = Keep {
        days: 30,
        bytes: 1 << 20,
    };
    retention::forget(&connection, keep, now).unwrap();
    let size = retention::size(&connection).unwrap();
    assert!(size.bytes <= keep.bytes, "{size:?}");
    assert_eq!(size.entries, 1);
    let (first, last): (i64, i64) = connection
        .query_row("SELECT min(number), max(number) FROM segments", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert_eq!(last, 100, "the newest stays");
    assert!(first > 50, "{first}");
}

#[test]
fn one_file_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let connection = schema::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let error = History::open(folder.path(), Keep::default()).err().unwrap();
    assert!(error.to_string().contains("newer version"), "{error}");
}
