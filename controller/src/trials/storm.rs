//! Two thousand machines bought and given back, with one call in ten going wrong.
//!
//! Prints `figure NAME UNIT VALUE` lines for benchmark `clouds`.

use std::collections::BTreeMap;
use std::time::Instant;

use jiff::SignedDuration;
use spillway_cloud::CallBudget;
use spillway_emulators::CloudKind;
use spillway_emulators::faults::{Call, Fault, Trouble};

use super::chance::Chance;
use super::made::CLOUDS;
use super::stage::{End, Stage};
use super::{PoolSpec, asked_for, closing, memory_peak, policy};

const TIME: SignedDuration = SignedDuration::from_hours(4);
/// What `make test` buys.
const TEST_MACHINES: u64 = 60;
/// Calls of each kind that are given a fate beforehand.
const CALLS: u64 = 20_000;

fn faults(chance: &mut Chance, kind: CloudKind, stage: &Stage) {
    stage.made.world.with(kind, |cloud, _| {
        for call in [
            Call::Launch,
            Call::Terminate,
            Call::Get,
            Call::List,
            Call::Operation,
        ] {
            // Nine good calls between two bad ones, on average. A fault counts calls from the last one that came true.
            let mut calm = 0;
            while calm < CALLS {
                calm += chance.between(0, 18);
                let trouble = match chance.between(0, 4) {
                    0 => Trouble::LoseAnswer { hold_ms: 500 },
                    1 => Trouble::LoseRequest { hold_ms: 500 },
                    2 => Trouble::FailAfter { status: 500 },
                    3 => Trouble::Throttled {
                        retry_after: Some(1),
                    },
                    _ if call == Call::Terminate => Trouble::NotFound,
                    _ => Trouble::Html { status: 503 },
                };
                let after = u32::try_from(calm).unwrap();
                cloud.faults.add(Fault::once(call, trouble).after(after));
            }
        }
    });
}

#[test]
fn of_many_machines_bought_and_given_back_none_is_left() {
    let machines = asked_for("SPILLWAY_TRIAL_MACHINES", TEST_MACHINES);
    let pools: Vec<PoolSpec> = CLOUDS
        .into_iter()
        .map(|kind| PoolSpec {
            name: kind.as_str(),
            kind,
            zone: 0,
            cents_per_hour: 10,
            max: machines.div_ceil(CLOUDS.len() as u64),
            rate: 10,
        })
        .collect();
    let mut stage = Stage::new(&policy(&pools, machines, machines));
    let mut chance = Chance::new(asked_for("SPILLWAY_TRIAL_SEED", 1));
    for kind in CLOUDS {
        faults(&mut chance, kind, &stage);
        stage.made.world.with(kind, |cloud, _| {
            cloud.delays.boot_ms = 5_000;
            cloud.delays.hidden_ms = 2_000;
            cloud.delays.operation_ms = 200;
            cloud.delays.end_ms = 5_000;
            cloud.delays.shown_ms = 30_000;
        });
    }
    let now = stage.made.time.now();
    {
        let mut state = stage.made.state();
        state.partitions = machines + 1;
        // What all of them can do in the time that buying them takes, so that they are all bought.
        state.arrivals.push((now, machines * 4_000));
        state.base_rate = 20;
        state.rates = pools
            .iter()
            .map(|pool| (pool.name.to_owned(), 10))
            .collect::<BTreeMap<_, _>>();
    }
    let begin = Instant::now();
    let memory_before = memory_now();
    let (end, passed) = stage.live(None, TIME, SignedDuration::ZERO);
    assert_eq!(end, End::Rest, "{}", stage.left_now());
    let launched: usize = CLOUDS
        .map(|kind| stage.made.world.with(kind, |cloud, _| cloud.machines.len()))
        .iter()
        .sum();
    let took = stage.made.time.now().duration_since(now).unsigned_abs();
    let mut share = 0.0_f64;
    for kind in CLOUDS {
        let state = stage.made.state();
        let of = |is_look: bool| {
            let calls = state.calls.iter();
            calls
                .filter(|call| call.1 == kind && call.2 == is_look)
                .count() as u64
        };
        let (looks, changes) = (of(true), of(false));
        let (looks_max, changes_max) = CallBudget::most_within(took);
        println!(
            "{}: {looks} looks of at most {looks_max}, {changes} changes of at most {changes_max}",
            kind.as_str()
        );
        share = share.max(looks as f64 / looks_max as f64);
        share = share.max(changes as f64 / changes_max as f64);
    }
    let ticks = ticks(&stage);
    let memory = memory_peak()
        .unwrap_or(0)
        .saturating_sub(memory_before.unwrap_or(0));
    closing(format_args!(
        "{launched} machines launched and ended in {} s of their time, {} s of ours, {} points; at most {} at once; 0 left",
        took.as_secs(),
        begin.elapsed().as_secs(),
        passed.len(),
        stage.worst.machines,
    ));
    for (name, unit, value) in [
        ("machines_launched", "machines", launched as f64),
        (
            "machines_left",
            "machines",
            stage.left_now().machines.len() as f64,
        ),
        ("calls_of_budget_ratio", "ratio", share),
        ("loop_p99", "ms", quantile(&ticks, 99)),
        ("loop_max", "ms", quantile(&ticks, 100)),
        ("memory", "MB", memory as f64 / f64::from(1 << 20)),
    ] {
        println!("figure {name} {unit} {value:.3}");
    }
    assert!(share <= 1.0, "calls beyond the budget");
    assert!(launched as u64 >= machines, "{launched} of {machines}");
}

/// How long each turn of the loop took of our time, in milliseconds, in order.
fn ticks(stage: &Stage) -> Vec<f64> {
    let mut ticks: Vec<f64> = stage
        .ticks
        .iter()
        .map(|tick| tick.as_secs_f64() * 1e3)
        .collect();
    ticks.sort_by(f64::total_cmp);
    ticks
}

fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or(0.0)
}

/// From the decision to buy to its call, where a handful of machines is bought at a time as bursts do.
#[test]
fn a_call_follows_its_decision_at_once() {
    let mut waits = Vec::new();
    for seed in 0..asked_for("SPILLWAY_TRIAL_BURSTS", 4) {
        let mut chance = Chance::new(seed);
        let pools: Vec<PoolSpec> = CLOUDS
            .into_iter()
            .map(|kind| PoolSpec {
                name: kind.as_str(),
                kind,
                zone: 0,
                cents_per_hour: chance.between(20, 90),
                max: 4,
                rate: 50,
            })
            .collect();
        let mut stage = Stage::new(&policy(&pools, 12, 40));
        let now = stage.made.time.now();
        {
            let mut state = stage.made.state();
            state.arrivals.push((now, chance.between(5_000, 20_000)));
            state.base_rate = 20;
            state.rates = pools
                .iter()
                .map(|pool| (pool.name.to_owned(), 50))
                .collect();
        }
        let (end, _) = stage.live(None, TIME, SignedDuration::ZERO);
        assert_eq!(end, End::Rest, "{}", stage.left_now());
        waits.extend(stage.decision_to_call());
    }
    let mut waits: Vec<f64> = waits
        .iter()
        .map(SignedDuration::as_secs_f64)
        .map(|it| it * 1e3)
        .collect();
    waits.sort_by(f64::total_cmp);
    let p99 = quantile(&waits, 99);
    println!("{} launches", waits.len());
    println!("figure decision_to_call_p99 ms {p99:.3}");
    assert!(!waits.is_empty() && p99 <= 1_000.0, "{p99} ms");
}

/// What this process takes of memory now, bytes.
fn memory_now() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1_024)
}
