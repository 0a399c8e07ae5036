//! Many small made worlds, each from one seed: whatever happens in them, no plan breaks a rule, and it ends in peace.
//!
//! ```sh
//! SPILLWAY_FUZZ_WORLDS=1000000 cargo test -p spillway-core fuzz -- --nocapture
//! SPILLWAY_FUZZ_SEED=4711 cargo test -p spillway-core fuzz    # one world again
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::*;

/// Worlds unless told otherwise; `make test` lives through 100,000.
const WORLDS: u64 = 2_000;
const THREADS: u64 = 2;
/// Seconds of trouble in one world.
const TROUBLE_MAX: u64 = 40;
/// A planner is written down and read back in one world of so many: it takes as long as the rest of the world.
const WRITTEN_DOWN: u64 = 50;

/// What a world's history is drawn with.
struct Dice(TestRng);

impl Dice {
    fn of(seed: u64) -> Self {
        let mut bytes = [0u8; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    /// From `low` to `high`, both among them.
    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.0.next_u64() % (high - low + 1)
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.between(1, sides) == 1
    }
}

fn any_policy(dice: &mut Dice) -> Policy {
    policy_with(|spec| {
        let drain_within = dice.between(10, 40);
        spec.objective.as_mut().unwrap().drain_within = Some(format!("{drain_within}s"));
        let burst = spec.burst.as_mut().unwrap();
        burst.max_workers = Some(u32::try_from(dice.between(1, 12)).unwrap());
        for pool in burst.pools.as_mut().unwrap() {
            pool.price_per_hour = Some(rust_decimal::Decimal::from(dice.between(1, 9)));
            pool.boot_time = Some(format!("{}s", dice.between(1, 8)));
            pool.billing_minimum = Some(format!("{}s", dice.between(1, 20)));
            pool.max = Some(u32::try_from(dice.between(1, 6)).unwrap());
            pool.market = dice.one_in(2).then(|| "Spot".to_owned());
        }
        if dice.one_in(4) {
            let max = u32::try_from(dice.between(0, 6)).unwrap();
            let limit = raw::ScheduledBurst {
                min: None,
                max: burst.max_workers.map(|most| most.min(max)),
            };
            spec.schedule = Some(vec![raw::ScheduledWindow {
                name: Some("limited".to_owned()),
                cron: Some("* * * * *".to_owned()),
                lasts: Some(format!("{}s", dice.between(1, 60))),
                burst: Some(limit),
                ..raw::ScheduledWindow::default()
            }]);
        }
        if dice.one_in(3) {
            spec.budget = Some(raw::Budget {
                per_hour: Some(rust_decimal::Decimal::from(dice.between(9, 40))),
                per_day: None,
            });
        }
    })
}

/// One second's misfortune, or none.
fn befall(world: &mut World, dice: &mut Dice) {
    match dice.between(1, 24) {
        1 => world.arrived += dice.between(1, 800),
        2 => world.arriving = dice.between(0, 60),
        3 => world.doing = dice.between(1, 20),
        4 => world.boot_seconds = i64::try_from(dice.between(1, 12)).unwrap(),
        5 => world.no_capacity = !world.no_capacity,
        6 => world.unknown_partitions = !world.unknown_partitions,
        7 => {
            // A machine dies, whatever it was doing.
            let alive = world.machines.values_mut();
            let mut alive: Vec<_> = alive
                .filter(|machine| machine.machine != Machine::Terminated)
                .collect();
            if !alive.is_empty() {
                let which = dice.between(0, alive.len() as u64 - 1);
                alive[usize::try_from(which).unwrap()].machine = Machine::Terminated;
            }
        }
        // The controller was away: nothing is seen for a while.
        8 => world.now += SignedDuration::from_secs(i64::try_from(dice.between(1, 40)).unwrap()),
        _ => {}
    }
}

/// What must hold of the second that just ended.
fn hold_to(world: &World, burst_before: &BTreeMap<IntentId, Timestamp>) {
    let policy = world.planner.policy();
    // What is on its way out for good no longer takes a place.
    let placed = |pool: &str| {
        let machines = world.machines.values();
        let of_pool = machines.filter(|machine| {
            let is_retiring = matches!(machine.progress, Progress::Retiring { .. });
            machine.pool == pool && machine.machine != Machine::Terminated && !is_retiring
        });
        of_pool.count()
    };
    for pool in policy.pools() {
        assert!(placed(&pool.name) <= pool.max as usize, "{}", pool.name);
    }
    assert!(placed("near") + placed("far") <= policy.burst_max() as usize);
    let plan = world.last.as_ref().unwrap();
    for action in &plan.actions {
        let Action::Drain { intent, .. } = action else {
            continue;
        };
        assert!(
            !world.unknown_partitions,
            "what is unknown gives nothing back: {plan:?}"
        );
        let since = burst_before[intent];
        let pool = policy.pool(&world.machines[intent].pool).unwrap();
        let worked = world.now.duration_since(since) + policy.drain_timeout();
        assert!(
            worked >= pool.billing_minimum,
            "given back before it was paid for: {plan:?}"
        );
    }
}

/// Lives through the world of `seed`.
fn live(seed: u64) {
    let mut dice = Dice::of(seed);
    let mut world = World::begin(any_policy(&mut dice));
    let mut launched = BTreeMap::new();
    for _ in 0..dice.between(5, TROUBLE_MAX) {
        befall(&mut world, &mut dice);
        world.tick();
        for intent in world.machines.keys() {
            launched.entry(intent.clone()).or_insert(world.now);
        }
        hold_to(&world, &launched);
    }
    if seed.is_multiple_of(WRITTEN_DOWN) {
        let text = serde_json::to_string(&world.planner).unwrap();
        let back: Planner = serde_json::from_str(&text).unwrap();
        assert_eq!(back.plan(world.now), world.planner.plan(world.now));
    }
    // Everything heals.
    world.arriving = 0;
    world.doing = 8;
    world.no_capacity = false;
    world.unknown_partitions = false;
    // A pool whose machines died early is asked again within five minutes.
    let limit = world.backlog() / world.doing + 700;
    world.run_until(limit, "peace", |world| {
        world.backlog() == 0 && world.burst() == 0 && world.alive(BASE_POOL) == 2
    });
    world.run(3);
    assert_eq!(world.last.as_ref().unwrap().actions, [], "peace stays");
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "how long to go on is no part of a world"
)]
fn fuzz() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    if let Some(seed) = number("SPILLWAY_FUZZ_SEED") {
        return live(seed);
    }
    let worlds = number("SPILLWAY_FUZZ_WORLDS").unwrap_or(WORLDS);
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= worlds {
                        break;
                    }
                    let lived = catch_unwind(AssertUnwindSafe(|| live(seed)));
                    assert!(
                        lived.is_ok(),
                        "again with: SPILLWAY_FUZZ_SEED={seed} cargo test -p spillway-core fuzz"
                    );
                }
            });
        }
    });
    println!("fuzz: {worlds} worlds, seeds 0 to {}", worlds - 1);
}
