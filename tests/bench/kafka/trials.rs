//! Workers that join, drain, die and sleep while there is work: how long a partition that changes hands stands still.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use spillway_tests::{Process, Signal, eventually};

use crate::{
    bed::{Bed, IN_FLIGHT_MAX, SOON},
    report::Report,
};

const PARTITIONS: u32 = 12;
/// Jobs per second of each worker.
const RATE: u32 = 40;
/// Jobs for each partition before each trial: enough for every partition to have some at any time of it.
const JOBS: usize = 200;
/// What is done by a worker that was given a partition so long after a trial still belongs to it.
const AFTERWARDS_MS: i64 = 3_000;

/// What happened in some time.
struct Trial {
    kind: &'static str,
    from_ms: i64,
    to_ms: i64,
}

/// Tries each kind of coming and going so often.
pub(crate) async fn measure(report: &mut Report, trials: usize) -> anyhow::Result<()> {
    let bed = Bed::new(PARTITIONS)
        .await
        .context("no Kafka or no programs")?;
    let group = bed.group("weighted");
    let _controller = bed.controller();
    let watch = bed.watch(&group);
    let mut sent = bed.send("begin", &[JOBS; PARTITIONS as usize]).await;
    let stays = bed.worker("weighted", "stays", RATE);
    let mut sleeps = bed.worker("weighted", "sleeps", RATE);
    bed.is_dealt_to("two share", &["stays", "sleeps"]);
    let mut told = Vec::new();
    for number in 0..trials {
        sent.extend(
            bed.send(&format!("jobs-{number}"), &[JOBS; PARTITIONS as usize])
                .await,
        );
        round(&bed, number, &mut sleeps, &mut told);
        eprintln!("trials: {} of {trials} rounds", number + 1);
    }
    bed.is_done(&group).await;
    let mut back = 0.0;
    for line in watch.went_back().await {
        eprintln!("an offset went back: {line}");
        back += 1.0;
    }
    let results = bed.results();
    let lost = sent
        .iter()
        .filter(|job| !results.contains_key(*job))
        .count();
    let repeated: usize = results.values().map(|them| them.len() - 1).sum();
    let (by_kind, others) = standstills(&results, &told);
    drop(stays);
    let each = format!(
        "{PARTITIONS} partitions, workers of {RATE} jobs/s, {trials} rounds of joining, draining, dying, sleeping"
    );
    for (kind, what) in [
        ("join", "a worker joined"),
        ("drain", "one drained"),
        ("kill", "one was killed, 10 s of silence included"),
        (
            "stop",
            "one was stopped beyond its time, 10 s of silence included",
        ),
    ] {
        let worst = by_kind.get(kind).copied().unwrap_or(0.0);
        let how = format!(
            "longest time without a result on a partition that changed hands when {what}; {each}"
        );
        report.figure(&format!("standstill_{kind}_max"), worst, "s", how)?;
    }
    let how = format!(
        "longest time without a result on a partition that kept its worker meanwhile; {each}"
    );
    report.figure("standstill_others_max", others, "s", how)?;
    report.figure(
        "trials_repeats_per_loss",
        repeated as f64 / (2 * trials.max(1)) as f64,
        "jobs",
        format!("answered again for each worker that died or slept, of {IN_FLIGHT_MAX} in flight and what was not committed; {each}"),
    )?;
    report.figure("trials", told.len() as f64, "trials", each.clone())?;
    report.figure(
        "trials_jobs_lost",
        lost as f64,
        "jobs",
        format!("of {}; {each}", sent.len()),
    )?;
    report.figure(
        "trials_offsets_back",
        back,
        "offsets",
        format!("looked at every 50 ms; {each}"),
    )
}

/// One worker joins and drains, one joins and is killed, one is stopped beyond its time and goes on.
fn round(bed: &Bed, number: usize, sleeps: &mut Process, told: &mut Vec<Trial>) {
    let mut trial = |kind, happens: &mut dyn FnMut()| {
        let from_ms = now_ms();
        happens();
        let to_ms = now_ms();
        told.push(Trial {
            kind,
            from_ms,
            to_ms,
        });
    };
    let name = format!("drains-{number}");
    let mut drains = bed.worker("weighted", &name, RATE);
    trial("join", &mut || {
        bed.is_dealt_to("one joined", &["stays", "sleeps", &name]);
    });
    trial("drain", &mut || {
        drains.signal(Signal::Term);
        assert!(drains.wait(SOON).success(), "a drain is no failure");
        bed.is_dealt_to("it drained", &["stays", "sleeps"]);
    });
    let name = format!("dies-{number}");
    let mut dies = bed.worker("weighted", &name, RATE);
    bed.is_dealt_to("another joined", &["stays", "sleeps", &name]);
    trial("kill", &mut || {
        dies.signal(Signal::Kill);
        dies.wait(SOON);
        bed.is_dealt_to("it died", &["stays", "sleeps"]);
    });
    trial("stop", &mut || {
        sleeps.signal(Signal::Stop);
        bed.is_dealt_to("one sleeps", &["stays"]);
    });
    sleeps.signal(Signal::Continue);
    let began = Instant::now();
    eventually(SOON, "it is dealt to again", || {
        let beats = bed.beats();
        let is_so = beats
            .get("sleeps")
            .is_some_and(|beat| !beat.partitions.is_empty());
        // Its last heartbeat before it slept says so too.
        match is_so && began.elapsed() > Duration::from_secs(3) {
            true => Ok(()),
            false => Err("nothing".to_owned()),
        }
    });
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The longest standstill by kind of trial where a partition changed hands in it, and where it did not, seconds.
fn standstills(
    results: &BTreeMap<String, Vec<spillway_wire::JobResult>>,
    trials: &[Trial],
) -> (BTreeMap<&'static str, f64>, f64) {
    // When each partition had a result, and whose it was. A job's id is `name-partition-number`.
    let mut by_partition: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for (job, results) in results {
        let partition = job.rsplit('-').nth(1).unwrap_or_default().to_owned();
        let first = results.iter().min_by_key(|result| result.finished_at_ms);
        let Some(first) = first else { continue };
        let done = (first.finished_at_ms, first.worker.clone());
        by_partition.entry(partition).or_default().push(done);
    }
    let (mut by_kind, mut others) = (BTreeMap::new(), 0.0_f64);
    for done in by_partition.values_mut() {
        done.sort();
        for pair in done.windows(2) {
            let [(before, old), (after, new)] = pair else {
                continue;
            };
            let seconds = (after - before) as f64 / 1e3;
            let of = trials.iter().find(|trial| {
                *after >= trial.from_ms
                    && *before <= trial.to_ms
                    && *after <= trial.to_ms + AFTERWARDS_MS
            });
            let Some(trial) = of else { continue };
            if old == new {
                others = others.max(seconds);
            } else {
                let worst = by_kind.entry(trial.kind).or_insert(0.0_f64);
                *worst = worst.max(seconds);
            }
        }
    }
    (by_kind, others)
}
