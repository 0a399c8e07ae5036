//! Worlds from seeds, in which clouds lie, Kafka is away, requests arrive after their sender's death and controllers die.
//!
//! Never: two machines for an intent, a machine without one for more than a minute, more machines or dollars than the
//! policy allows. And once the lies are over, nothing is left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use spillway_emulators::CloudKind;
use spillway_emulators::faults::{Call, Fault, Place, Trouble};

use super::chance::Chance;
use super::made::CLOUDS;
use super::stage::{End, Stage, Worst};
use super::{PoolSpec, asked_for, closing, memory_peak, policy};

/// The longest that a world may take to come to rest.
const TIME: SignedDuration = SignedDuration::from_mins(45);
/// Lies end here.
const WRONG_FOR: SignedDuration = SignedDuration::from_mins(5);
/// Deaths of a world at most.
const DEATHS_MAX: u64 = 4;
/// Worlds that are lived through twice.
const SEEDS_TWICE: u64 = 3;
/// What `make test` gives it.
const TEST_SECONDS: u64 = 10;

fn pools(chance: &mut Chance) -> Vec<PoolSpec> {
    let names = ["one", "two", "three"];
    let count = chance.between(1, 3);
    let names = names.into_iter().take(usize::try_from(count).unwrap());
    names
        .map(|name| PoolSpec {
            name,
            kind: *chance.one_of(&CLOUDS),
            zone: usize::try_from(chance.between(0, 1)).unwrap(),
            cents_per_hour: chance.between(20, 300),
            max: chance.between(1, 5),
            rate: chance.between(20, 80),
        })
        .collect()
}

fn trouble(chance: &mut Chance) -> (Call, Trouble) {
    let hold_ms = chance.between(0, 12_000);
    let status = *chance.one_of(&[500, 502, 503]);
    let place = *chance.one_of(&[Place::Answer, Place::Later]);
    let retry_after = chance.percent(50).then_some(3);
    let any = *chance.one_of(&[
        Call::Launch,
        Call::List,
        Call::Get,
        Call::Terminate,
        Call::Operation,
        Call::Token,
    ]);
    match chance.between(0, 13) {
        0 => (any, Trouble::LoseAnswer { hold_ms }),
        1 => (any, Trouble::LoseRequest { hold_ms }),
        2 => (any, Trouble::FailAfter { status }),
        3 => (any, Trouble::Html { status }),
        4 => (any, Trouble::Throttled { retry_after }),
        5 => (any, Trouble::Denied),
        6 => (Call::Launch, Trouble::NoCapacity { place }),
        7 => (Call::Launch, Trouble::Quota { place }),
        8 => (Call::Terminate, Trouble::NotFound),
        9 => (Call::Terminate, Trouble::Lies),
        10 => (Call::Launch, Trouble::LoseAnswer { hold_ms }),
        11 => (Call::Launch, Trouble::FailAfter { status }),
        12 => (Call::List, Trouble::Html { status }),
        _ => (Call::Get, Trouble::NotFound),
    }
}

fn world(chance: &mut Chance) -> Stage {
    let pools = pools(chance);
    let mut stage = Stage::new(&policy(&pools, chance.between(2, 8), chance.between(2, 12)));
    let now = stage.made.time.now();
    stage.wrong_until = now + WRONG_FOR;
    for kind in CLOUDS {
        stage.made.world.with(kind, |cloud, _| {
            cloud.delays.boot_ms = chance.between(1, 25) * 1_000;
            cloud.delays.hidden_ms = chance.between(0, 15) * 1_000;
            cloud.delays.operation_ms = chance.between(0, 6) * 1_000;
            cloud.delays.end_ms = chance.between(0, 15) * 1_000;
            cloud.delays.shown_ms = chance.between(0, 90) * 1_000;
            if chance.percent(20) {
                cloud.page_max = 2;
            }
            for _ in 0..chance.between(0, 8) {
                let (call, trouble) = trouble(chance);
                let calm = u32::try_from(chance.between(0, 12)).unwrap();
                let times = u32::try_from(chance.between(1, 4)).unwrap();
                cloud
                    .faults
                    .add(Fault::always(call, trouble).after(calm).times(times));
            }
        });
    }
    let mut state = stage.made.state();
    state.base_rate = 20;
    state.rates = pools
        .iter()
        .map(|pool| (pool.name.to_owned(), pool.rate))
        .collect::<BTreeMap<_, _>>();
    for _ in 0..chance.between(1, 3) {
        let at = now + seconds(chance.between(0, 150));
        state.arrivals.push((at, chance.between(500, 9_000)));
    }
    if chance.percent(20) {
        let from = now + seconds(chance.between(5, 90));
        state
            .away
            .push((from, from + seconds(chance.between(2, 100))));
    }
    state.late_after = chance.percent(50).then(|| seconds(chance.between(0, 20)));
    drop(state);
    stage
}

fn seconds(seconds: u64) -> SignedDuration {
    SignedDuration::from_secs(i64::try_from(seconds).unwrap())
}

/// Takes spot machines back, now and then.
fn interrupt(stage: &Stage, chance: &mut Chance) {
    let kind: CloudKind = *chance.one_of(&CLOUDS);
    let alive = stage.made.alive(kind);
    if let (true, Some(machine)) = (chance.percent(50), alive.first()) {
        let notice = u32::try_from(chance.between(0, 30)).unwrap();
        stage
            .made
            .world
            .with(kind, |cloud, now| cloud.interrupt(now, &machine.id, notice));
    }
}

/// How a world went.
#[derive(Debug, PartialEq, Eq)]
struct Went {
    /// How many controllers it took.
    lives: u64,
    /// All that was seen outside, in its order.
    trace: Vec<&'static str>,
    worst: Worst,
}

/// Lives through one world, or says what may never be and was.
fn through(seed: u64) -> Result<Went, String> {
    let mut chance = Chance::new(seed);
    let mut stage = world(&mut chance);
    let deaths = chance.between(0, DEATHS_MAX);
    let mut lives = 0;
    let mut trace = Vec::new();
    loop {
        lives += 1;
        let dies_at = (lives <= deaths).then(|| chance.between(1, 600));
        let pause = seconds(chance.between(0, 40));
        let (end, passed) = stage.live(dies_at, TIME, pause);
        trace.extend(passed);
        match end {
            End::Died => interrupt(&stage, &mut chance),
            End::Rest => {
                for (what, _) in stage.two_of_intents(CloudKind::Azure) {
                    println!("seed {seed}, one after the other: {what}");
                }
                return Ok(Went {
                    lives,
                    trace,
                    worst: stage.worst,
                });
            }
            End::Over => return Err(format!("no rest: {}", stage.left_now())),
            End::Broken(why) => return Err(why),
        }
    }
}

#[test]
fn no_world_has_two_machines_for_an_intent_or_one_without() {
    if let Ok(seed) = std::env::var("SPILLWAY_TRIAL_SEED") {
        through(seed.parse().unwrap()).unwrap();
        return;
    }
    let first = asked_for("SPILLWAY_TRIAL_FIRST", 1);
    let time = Duration::from_secs(asked_for("SPILLWAY_TRIAL_SECONDS", TEST_SECONDS));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let begin = Instant::now();
    let next = std::sync::atomic::AtomicU64::new(first);
    let run = || {
        let (mut worlds, mut lives, mut worst) = (0_u64, 0_u64, Worst::default());
        while begin.elapsed() < time {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            match through(seed) {
                Ok(went) => {
                    worlds += 1;
                    lives += went.lives;
                    worst.orphan = worst.orphan.max(went.worst.orphan);
                    worst.machines = worst.machines.max(went.worst.machines);
                }
                Err(why) => panic!("seed {seed}: {why}\nagain: SPILLWAY_TRIAL_SEED={seed}"),
            }
        }
        (worlds, lives, worst)
    };
    let ran: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let worlds: u64 = ran.iter().map(|run| run.0).sum();
    let lives: u64 = ran.iter().map(|run| run.1).sum();
    let orphan = ran.iter().map(|run| run.2.orphan).max().unwrap();
    closing(format_args!(
        "{worlds} worlds from seed {first} to {}, {lives} controllers, in {} s: 0 duplicates, 0 orphans beyond 60 s (longest {orphan:#}), caps and budget kept; memory {} MB",
        next.into_inner() - 1,
        begin.elapsed().as_secs(),
        memory_peak().map_or(0, |bytes| bytes >> 20),
    ));
    assert!(worlds > 0, "not one world in {time:?}");
}

#[test]
fn a_seed_gives_the_same_world_again() {
    for seed in 1..=SEEDS_TWICE {
        let (one, other) = (through(seed).unwrap(), through(seed).unwrap());
        let differs = one.trace.iter().zip(&other.trace).position(|(a, b)| a != b);
        if let Some(at) = differs {
            let around = at.saturating_sub(8)..at + 4;
            let cut = |trace: &[&'static str]| trace.get(around.clone()).map(<[_]>::to_vec);
            panic!(
                "seed {seed}, point {at}: {:?}, {:?}",
                cut(&one.trace),
                cut(&other.trace)
            );
        }
        assert_eq!(one, other, "seed {seed}");
    }
}
