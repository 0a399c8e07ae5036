//! Partitions that the controller assigns, with real workers on a real Apache Kafka broker: whoever joins, leaves, dies
//! or sleeps, no job is lost and no offset goes back.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod bed;

use std::collections::{BTreeMap, BTreeSet};

use spillway_tests::{Signal, eventually, require_program};
use spillway_wire::Phase;

use bed::{Bed, IN_FLIGHT_MAX, SOON};

/// Of two workers that end without a word: what each has in flight, and what it did since its last commit, a quarter
/// of a second ago or, where the machine is busy, a whole one.
const REPEATS_MAX: usize = 2 * (IN_FLIGHT_MAX + 40);

#[tokio::test(flavor = "multi_thread")]
async fn whoever_joins_leaves_dies_or_sleeps_nothing_is_lost() {
    let Some(bed) = Bed::new(12).await else {
        return;
    };
    let group = bed.group("weighted");
    let _controller = bed.controller();
    let sent = bed.send("job", &[700; 12]).await;
    let watch = bed.watch(&group);

    let mut first = bed.worker("weighted", "w1", 40);
    let mut second = bed.worker("weighted", "w2", 40);
    bed.is_dealt_to("two share", &["w1", "w2"]);
    let mut third = bed.worker("weighted", "w3", 40);
    bed.is_dealt_to("a third has its share", &["w1", "w2", "w3"]);
    let before = bed.results().values().filter(|them| them.len() > 1).count();
    assert_eq!(before, 0, "a worker that joins repeats nothing");

    first.signal(Signal::Term);
    assert!(first.wait(SOON).success(), "a drain is no failure");
    bed.is_dealt_to("its partitions went on", &["w2", "w3"]);
    let after = bed.results().values().filter(|them| them.len() > 1).count();
    assert_eq!(after, 0, "a drain repeats nothing");

    second.signal(Signal::Kill);
    second.wait(SOON);
    bed.is_dealt_to("a dead one's partitions went on", &["w3"]);

    let mut fourth = bed.worker("weighted", "w4", 40);
    bed.is_dealt_to("a fourth has its share", &["w3", "w4"]);
    third.signal(Signal::Stop);
    bed.is_dealt_to("a sleeping one's partitions went on", &["w4"]);
    third.signal(Signal::Continue);
    bed.is_dealt_to("it is dealt to again", &["w3", "w4"]);
    assert!(third.is_running(), "it went on");

    bed.is_done(&group).await;
    watch.nothing_went_back().await;
    let repeats = bed.repeats(&sent);
    eprintln!("repeats, by who did them: {repeats:?}");
    let count: usize = repeats.values().sum();
    assert!(
        count <= REPEATS_MAX,
        "{repeats:?}: at most what was not committed"
    );
    for worker in [&mut third, &mut fourth] {
        worker.signal(Signal::Term);
        assert!(worker.wait(SOON).success(), "a drain is no failure");
    }
    assert!(
        bed.beats()
            .values()
            .filter(|beat| beat.phase == Phase::Stopped)
            .count()
            >= 3
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_go_on_without_a_controller_and_the_next_one_moves_nothing() {
    let Some(bed) = Bed::new(12).await else {
        return;
    };
    let group = bed.group("weighted");
    let mut controller = bed.controller();
    let workers = [
        bed.worker("weighted", "w1", 60),
        bed.worker("weighted", "w2", 60),
    ];
    let sent = bed.send("first", &[60; 12]).await;
    let before = bed.is_dealt_to("two share", &["w1", "w2"]);
    controller.signal(Signal::Kill);
    controller.wait(SOON);
    bed.is_done(&group).await;

    let again = bed.send("second", &[100; 12]).await;
    let epochs = |bed: &Bed| -> BTreeMap<String, u64> {
        let beats = bed.beats().into_values();
        beats.map(|it| (it.worker, it.control_epoch)).collect()
    };
    let at_kill = epochs(&bed);
    bed.is_done(&group).await;
    assert_eq!(bed.is_dealt_to("still", &["w1", "w2"]), before);

    let controller = bed.controller();
    eventually(SOON, "both follow the new leader", || {
        let tokens: Vec<u64> = bed.beats().values().map(|it| it.control_token).collect();
        let is_new = tokens.iter().all(|token| *token == 2);
        is_new.then_some(()).ok_or_else(|| format!("{tokens:?}"))
    });
    assert_eq!(epochs(&bed), at_kill, "and moves nothing");
    let all: BTreeSet<String> = sent.into_iter().chain(again).collect();
    assert_eq!(bed.repeats(&all), BTreeMap::new());

    let mut explain = require_program("spillway").expect("it was there just now");
    explain.arg("explain").arg("--state").arg(bed.state());
    let told = String::from_utf8(explain.output().unwrap().stdout).unwrap();
    assert!(told.contains("w1 is told to read"), "{told}");
    drop((controller, workers));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_fleet_does_about_what_its_workers_can() {
    const RATES: [u32; 6] = [20, 20, 45, 45, 55, 55];
    let Some(bed) = Bed::new(48).await else {
        return;
    };
    let raced = bed.race(&RATES, 3_600).await;
    // In a group a session that ends early repeats what was not committed; where the controller assigns nothing does.
    let mut repeats = bed.repeats(&raced.sent);
    repeats.retain(|by, _| by.iter().any(|worker| worker.starts_with("weighted")));
    for (assignment, [most, all]) in raced.shares {
        eprintln!(
            "{assignment}: {most:.1} % of what {RATES:?} jobs/s could do until 80 % were done, {all:.1} % until all were"
        );
    }
    assert_eq!(repeats, BTreeMap::new());
}
