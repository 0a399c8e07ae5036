//! Kafka: how long the lag of many partitions takes, and a change until it is decided on; what a mixed fleet does; what
//! workers that come and go cost.
//!
//! ```text
//!  SPILLWAY_BENCH_PARTS=lag,decision,groups,fleet,trials   what is measured; by default all of it
//!  SPILLWAY_BENCH_TRIALS=5                                 how often a worker joins, drains, dies and sleeps
//! ```
#![allow(
    clippy::unwrap_used,
    reason = "what goes wrong ends it, with the place"
)]

#[path = "../it/weighted/bed.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod bed;
#[path = "kafka/many.rs"]
mod many;
mod report;
#[path = "kafka/trials.rs"]
mod trials;

use anyhow::Context as _;

use bed::Bed;
use report::Report;

/// Jobs per second of 18 workers, and 512 partitions: half a minute of work for all of them.
const RATES: [u32; 18] = [
    20, 20, 20, 20, 20, 20, 45, 45, 45, 45, 45, 45, 55, 55, 55, 55, 55, 55,
];
const FLEET_PARTITIONS: u32 = 512;
const FLEET_SECONDS: u32 = 30;
/// How often each kind of coming and going is tried if nothing is said: 200 take hours.
const TRIALS: usize = 5;

fn main() -> anyhow::Result<()> {
    // Itself as a child, so that what it needs is its own.
    if let Some(brokers) = std::env::var_os(many::CHILD) {
        return many::look_at_groups(&brokers.to_string_lossy());
    }
    let parts = std::env::var("SPILLWAY_BENCH_PARTS");
    let parts = parts.unwrap_or_else(|_| "lag,decision,groups,fleet,trials".to_owned());
    let is_asked = |part: &str| parts.split(',').any(|asked| asked == part);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut report = Report::begin("kafka")?;
    if is_asked("lag") || is_asked("decision") || is_asked("groups") {
        runtime.block_on(many::measure(&mut report, &is_asked))?;
    }
    if is_asked("fleet") {
        runtime.block_on(fleet(&mut report))?;
    }
    if is_asked("trials") {
        let trials = std::env::var("SPILLWAY_BENCH_TRIALS");
        let trials = trials.map_or(Ok(TRIALS), |trials| trials.parse())?;
        runtime.block_on(trials::measure(&mut report, trials))?;
    }
    report.none_run("not asked for by SPILLWAY_BENCH_PARTS");
    report.finish()
}

/// A mixed fleet, dealt to by count and by weight in the same run.
async fn fleet(report: &mut Report) -> anyhow::Result<()> {
    let bed = Bed::new(FLEET_PARTITIONS)
        .await
        .context("no Kafka or no programs")?;
    let sum: u32 = RATES.iter().sum();
    let raced = bed
        .race(&RATES, usize::try_from(sum * FLEET_SECONDS)?)
        .await;
    let [weighted, group] = ["weighted", "group"].map(|it| raced.shares[it][0] / 100.0);
    let how = format!(
        "jobs done in the time until four fifths of {} were, of what {} workers of 20, 45 and 55 jobs/s could do in it; \
         {FLEET_PARTITIONS} partitions, Zipf 0.3",
        sum * FLEET_SECONDS,
        RATES.len()
    );
    report.figure("mixed_fleet_weighted", weighted, "ratio", how.clone())?;
    report.figure("mixed_fleet_group", group, "ratio", how)?;
    report.figure(
        "mixed_fleet_ratio",
        weighted / group,
        "ratio",
        "weighted over group, same run",
    )
}
