//! Stories of the planner in a small made world, second by second; every plan in them passes the checker.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::Planner;
use crate::backlog::{BacklogReading, Committed, Offsets, PartitionId, PartitionReading};
use crate::check::check;
use crate::orders::Orders;
use crate::plan::{Action, Fault, Outcome, Plan, Scope};
use crate::policy::{BASE_POOL, Policy, raw};
use crate::reason::Reason;
use crate::snapshot::{
    IntentId, Machine, Progress, SeenInstance, SeenWorker, Snapshot, WorkerPhase,
};

mod base;
mod fuzz;
mod limits;
mod orders;
mod rest;
mod rough;
mod schedule;

const PARTITIONS: u64 = 24;

/// Two base workers of 8 jobs/s; `near` starts in 8 s and is dear, `far` starts in 20 s and is cheap.
fn policy_with(change: impl FnOnce(&mut raw::Spec)) -> Policy {
    let text = serde_json::json!({
        "apiVersion": "spillway.dev/v1alpha1", "kind": "ScalingPolicy",
        "metadata": {"name": "story"},
        "spec": {
            "source": {"kafka": {
                "bootstrapServers": ["kafka:9092"], "consumerGroup": "g", "topics": [{"name": "jobs"}]
            }},
            "objective": {"drainWithin": "90s"},
            "base": {"process": {"workers": 2}, "pricePerWorkerHour": "0.64", "throughputPerWorker": "8"},
            "burst": {"maxWorkers": 6, "pools": [
                {"name": "near", "provider": {"process": {}}, "pricePerHour": "2.00", "bootTime": "8s",
                 "billingMinimum": "30s", "throughputPerWorker": "8", "max": 4},
                {"name": "far", "provider": {"process": {}}, "pricePerHour": "0.80", "bootTime": "20s",
                 "billingMinimum": "30s", "throughputPerWorker": "8", "max": 4}
            ]}
        }
    });
    let mut raw: raw::ScalingPolicy = serde_json::from_value(text).unwrap();
    change(raw.spec.as_mut().unwrap());
    Policy::check(&raw).unwrap()
}

fn policy() -> Policy {
    policy_with(|_| ())
}

/// A machine of the made world.
struct MadeMachine {
    pool: String,
    progress: Progress,
    ready_at: Timestamp,
    machine: Machine,
    done: u64,
    saturated_ms: u64,
    stopped: bool,
}

/// Kafka, provider and workers, as simple as they can be.
struct World {
    planner: Planner,
    now: Timestamp,
    arrived: u64,
    done: u64,
    machines: BTreeMap<IntentId, MadeMachine>,
    next_intent: u64,
    /// Jobs per second that really arrive, and that one worker really does.
    arriving: u64,
    doing: u64,
    boot_seconds: i64,
    unknown_partitions: bool,
    no_capacity: bool,
    /// Kafka does not answer.
    is_dark: bool,
    /// Jobs per second that all workers together can do, whatever is in the way.
    most: u64,
    launched: BTreeMap<String, u64>,
    launched_ever: u64,
    last: Option<Plan>,
    base: Option<base::MadeBase>,
    orders: Orders,
}

impl World {
    fn begin(policy: Policy) -> Self {
        Self::begin_with(policy, |_| ())
    }

    fn begin_with(policy: Policy, change: impl FnOnce(&mut Self)) -> Self {
        let mut world = Self {
            planner: Planner::new(policy),
            now: Timestamp::from_second(1_000_000).unwrap(),
            arrived: 0,
            done: 0,
            machines: BTreeMap::new(),
            next_intent: 1,
            arriving: 0,
            doing: 8,
            boot_seconds: 8,
            unknown_partitions: false,
            no_capacity: false,
            is_dark: false,
            most: u64::MAX,
            launched: BTreeMap::new(),
            launched_ever: 0,
            last: None,
            base: None,
            orders: Orders::default(),
        };
        change(&mut world);
        world.run(15);
        world.launched.clear();
        world
    }

    fn backlog(&self) -> u64 {
        self.arrived - self.done
    }

    fn alive(&self, pool: &str) -> usize {
        let machines = self.machines.values();
        machines
            .filter(|m| m.pool == pool && m.machine != Machine::Terminated)
            .count()
    }

    fn burst(&self) -> usize {
        self.alive("near") + self.alive("far")
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.tick();
        }
    }

    /// Runs until `is_so`; panics after `limit` seconds.
    fn run_until(&mut self, limit: u64, what: &str, is_so: impl Fn(&Self) -> bool) -> u64 {
        for second in 0..limit {
            if is_so(self) {
                return second;
            }
            self.tick();
        }
        panic!(
            "not within {limit} s: {what}; {} wait; {:?}",
            self.backlog(),
            self.last
        );
    }

    fn tick(&mut self) {
        self.now += SignedDuration::from_secs(1);
        self.arrived += self.arriving;
        self.work();
        let waiting = self.arrived - self.done;
        if let Some(base) = &mut self.base {
            base.settle(self.now);
            self.done += base.work(self.now, waiting, self.doing);
        }
        let snapshot = self.snapshot();
        self.planner.observe(snapshot.clone());
        let plan = self.planner.plan(self.now);
        let violations = check(self.planner.policy(), &snapshot, &plan);
        assert_eq!(violations, [], "{plan:?}");
        assert_eq!(plan, self.planner.plan(self.now), "asking changes nothing");
        for action in &plan.actions {
            self.planner.started(action);
            let outcome = self.execute(action);
            self.planner.finished(self.now, action.intent(), &outcome);
        }
        self.last = Some(plan);
    }

    fn work(&mut self) {
        let mut most = self.most;
        for machine in self.machines.values_mut() {
            if machine.machine == Machine::Booting && machine.ready_at <= self.now {
                machine.machine = Machine::Running;
            }
            let is_working = machine.machine == Machine::Running && !machine.stopped;
            if let (true, Progress::Retiring { .. }) = (is_working, &machine.progress) {
                machine.stopped = true;
            } else if is_working {
                let waiting = self.arrived - self.done;
                let done = waiting.min(self.doing).min(most);
                most -= done;
                self.done += done;
                machine.done += done;
                machine.saturated_ms += if waiting > self.doing { 1_000 } else { 0 };
            }
        }
    }

    fn snapshot(&self) -> Snapshot {
        let partition = |number: u64| {
            let share = |jobs: u64| jobs / PARTITIONS + u64::from(number < jobs % PARTITIONS);
            let end = share(self.arrived);
            let committed = Committed::At(share(self.done).min(end));
            let offsets = if self.unknown_partitions && number == 0 {
                Err("leader not available".to_owned())
            } else {
                Ok(Offsets {
                    log_start: 0,
                    end,
                    committed,
                })
            };
            let id = PartitionId::new("jobs", i32::try_from(number).unwrap());
            PartitionReading { id, offsets }
        };
        let workers = self
            .machines
            .iter()
            .filter(|(_, m)| m.machine == Machine::Running);
        let workers = workers.map(|(intent, machine)| SeenWorker {
            id: intent.to_string(),
            pool: machine.pool.clone(),
            intent: Some(intent.clone()),
            boot_id: "1".into(),
            phase: if machine.stopped {
                WorkerPhase::Stopped
            } else {
                WorkerPhase::Ready
            },
            last_seen: self.now,
            images_done: machine.done,
            saturated_images: machine.done,
            saturated_ms: machine.saturated_ms,
            in_flight: 0,
            partitions: 1,
            interruption_at: None,
        });
        Snapshot {
            taken_at: self.now,
            backlog: if self.is_dark {
                Err("Kafka did not answer".to_owned())
            } else {
                Ok(BacklogReading {
                    taken_at: self.now,
                    partitions: (0..PARTITIONS).map(partition).collect(),
                    missing: vec![],
                })
            },
            workers: Ok(workers
                .chain(self.base.iter().flat_map(|base| base.workers(self.now)))
                .collect()),
            instances: self
                .machines
                .iter()
                .map(|(intent, machine)| SeenInstance {
                    intent: intent.clone(),
                    pool: machine.pool.clone(),
                    progress: machine.progress.clone(),
                    machine: Ok(machine.machine),
                })
                .collect(),
            next_intent: self.next_intent,
            base: self.base.as_ref().map(base::MadeBase::seen),
            orders: self.orders.clone(),
        }
    }

    fn execute(&mut self, action: &Action) -> Outcome {
        let intent = action.intent().clone();
        match action {
            Action::Launch { pool, .. } => {
                self.next_intent += 1;
                if self.no_capacity && pool != BASE_POOL {
                    return Outcome::NotLaunched {
                        fault: Fault::NoCapacity,
                        scope: Scope::Offer,
                        retry_after: None,
                    };
                }
                *self.launched.entry(pool.clone()).or_default() += 1;
                self.launched_ever += 1;
                let boot = if pool == "far" {
                    self.boot_seconds + 12
                } else {
                    self.boot_seconds
                };
                let machine = MadeMachine {
                    pool: pool.clone(),
                    progress: Progress::Launched { at: self.now },
                    ready_at: self.now + SignedDuration::from_secs(boot),
                    machine: Machine::Booting,
                    done: 0,
                    saturated_ms: 0,
                    stopped: false,
                };
                assert!(
                    self.machines.insert(intent, machine).is_none(),
                    "an intent is used once"
                );
            }
            Action::Drain { drain_by, .. } => {
                let machine = self.machines.get_mut(&intent).unwrap();
                machine.progress = Progress::Retiring {
                    launched_at: self.now,
                    drain_by: *drain_by,
                    terminating: false,
                };
            }
            Action::Terminate { .. } => {
                self.machines.get_mut(&intent).unwrap().machine = Machine::Terminated;
            }
            Action::Close { .. } => {
                self.machines.remove(&intent);
            }
            Action::Adopt { .. } => {}
            Action::ScaleBase { replicas, .. } => {
                return self.base.as_mut().unwrap().scale(*replicas);
            }
        }
        Outcome::Done
    }

    fn says(&self, code: &str) -> bool {
        let plan = self.last.as_ref().unwrap();
        plan.hold
            .iter()
            .chain(&plan.reasons)
            .any(|reason| reason.code() == code)
    }
}

#[test]
fn the_base_is_filled_first_and_kept_alive() {
    let mut world = World::begin(policy());
    assert_eq!(world.alive(BASE_POOL), 2);
    let dead = world.machines.keys().next().unwrap().clone();
    world.machines.get_mut(&dead).unwrap().machine = Machine::Terminated;
    world.run(2);
    assert_eq!(world.alive(BASE_POOL), 2, "a dead base worker is replaced");
    assert!(
        !world.machines.contains_key(&dead),
        "and its intent is closed"
    );
}

#[test]
fn what_the_base_can_do_in_time_buys_nothing() {
    let mut world = World::begin(policy());
    world.arriving = 10;
    world.run(60);
    world.arrived += 400; // 400 waiting, 6/s spare: 67 s of the 81 s that are planned for
    world.run(120);
    assert_eq!(world.launched.get("near"), None);
    assert_eq!(world.launched.get("far"), None);
    assert!(world.says("BaseSuffices"), "{:?}", world.last);
}

#[test]
fn a_burst_is_cleared_in_time_with_the_cheapest_machines_and_they_are_given_back() {
    let mut world = World::begin(policy());
    world.arriving = 10;
    world.run(30);
    world.arrived += 2_600;
    world.tick();
    assert!(world.says("DeadlineEndangered"), "{:?}", world.last);
    assert!(
        world.launched["far"] >= 2,
        "the cheap pool comes first: {:?}",
        world.launched
    );
    let mut oldest = SignedDuration::ZERO;
    for _ in 0..240 {
        world.tick();
        oldest = oldest.max(
            world
                .last
                .as_ref()
                .unwrap()
                .numbers
                .oldest_age
                .unwrap_or_default(),
        );
    }
    assert!(
        oldest <= SignedDuration::from_secs(90),
        "a job waited for {oldest:#}"
    );
    assert_eq!(world.burst(), 0, "given back");
    assert_eq!(world.alive(BASE_POOL), 2);
    world.run(60);
    assert!(
        world.last.as_ref().unwrap().actions.is_empty(),
        "and all is quiet"
    );
}

#[test]
fn a_deadline_too_near_for_the_cheap_pool_takes_the_quick_one() {
    let mut world = World::begin(policy_with(|spec| {
        spec.objective = Some(raw::Objective {
            drain_within: Some("24s".into()),
        });
    }));
    world.arrived += 420;
    world.tick();
    assert!(world.launched.contains_key("near"), "{:?}", world.launched);
    assert!(!world.launched.contains_key("far"), "{:?}", world.launched);
}

#[test]
fn every_cap_is_kept_and_named() {
    type Change = fn(&mut raw::Spec);
    let cases: [(&str, Change); 4] = [
        ("BurstMax", |spec| {
            spec.burst.as_mut().unwrap().max_workers = Some(1)
        }),
        ("PoolMax", |spec| {
            for pool in spec.burst.as_mut().unwrap().pools.as_mut().unwrap() {
                pool.max = Some(1);
            }
        }),
        ("BudgetPerHour", |spec| {
            spec.budget = Some(raw::Budget {
                per_hour: Some("0.90".parse().unwrap()),
                per_day: None,
            });
        }),
        ("PartitionCap", |spec| {
            spec.base
                .as_mut()
                .unwrap()
                .process
                .as_mut()
                .unwrap()
                .workers = Some(24);
        }),
    ];
    for (code, change) in cases {
        let mut world = World::begin(policy_with(change));
        world.arrived += 100_000;
        world.run(2);
        assert!(world.says(code), "{code}: {:?}", world.last);
        assert!(world.says("DeadlineAtRisk"), "{code}: {:?}", world.last);
        assert!(world.burst() <= 2, "{code}");
    }
}

#[test]
fn unknown_lag_gives_nothing_back() {
    let mut world = World::begin(policy());
    world.arrived += 2_600;
    world.run_until(120, "half cleared", |world| world.backlog() < 1_300);
    let before = world.burst();
    assert!(before > 0);
    world.unknown_partitions = true;
    world.run(60);
    assert_eq!(world.burst(), before, "held: {:?}", world.last);
    assert!(world.says("BacklogPartial"));
    world.unknown_partitions = false;
    world.run_until(60, "given back once it is known", |world| {
        world.burst() == 0
    });
}

#[test]
fn a_stale_snapshot_holds() {
    let world = World::begin(policy());
    let later = world.now + SignedDuration::from_secs(31);
    let plan = world.planner.plan(later);
    assert!(
        matches!(plan.hold, Some(Reason::SnapshotStale { .. })),
        "{plan:?}"
    );
    assert_eq!(plan.actions, []);
}

#[test]
fn a_pool_without_capacity_is_left_alone_for_a_while_and_the_next_one_is_asked() {
    let mut world = World::begin(policy());
    world.no_capacity = true;
    world.arriving = 30;
    world.arrived += 2_600;
    world.tick();
    assert_eq!(world.burst(), 0);
    world.tick();
    assert!(world.says("PoolBlocked"), "{:?}", world.last);
    world.no_capacity = false;
    world.run(3);
    assert_eq!(world.burst(), 0, "remembered");
    world.run_until(200, "asked again", |world| world.burst() > 0);
}

#[test]
fn slow_workers_are_noticed_and_more_are_bought() {
    let count = |doing: u64| {
        let mut world = World::begin(policy_with(|spec| {
            spec.burst.as_mut().unwrap().max_workers = Some(8);
        }));
        world.doing = doing;
        world.arrived += 1_800;
        world.run(40);
        world.launched_ever
    };
    assert!(count(4) > count(8), "{} and {}", count(4), count(8));
}

#[test]
fn machines_that_die_before_they_are_ready_are_bought_ever_more_slowly() {
    let mut world = World::begin(policy());
    world.arrived += 1_500;
    for _ in 0..60 {
        for machine in world
            .machines
            .values_mut()
            .filter(|machine| machine.pool != BASE_POOL)
        {
            machine.machine = Machine::Terminated;
        }
        world.arriving = 16;
        world.tick();
    }
    assert!(
        world.launched_ever <= 26,
        "{} launches in a minute",
        world.launched_ever
    );
}

#[test]
fn an_unknown_launch_is_adopted_or_sent_again_under_the_same_name() {
    for (machine, verb) in [(Machine::Running, "Adopt"), (Machine::NotListed, "Launch")] {
        let mut world = World::begin(policy());
        let mut snapshot = world.snapshot();
        let intent = IntentId::new("near", 77);
        snapshot.instances.push(SeenInstance {
            intent: intent.clone(),
            pool: "near".into(),
            progress: Progress::Written { at: world.now },
            machine: Ok(machine),
        });
        world.planner.observe(snapshot);
        let plan = world.planner.plan(world.now);
        let action = plan
            .actions
            .iter()
            .find(|action| *action.intent() == intent)
            .unwrap();
        assert_eq!(action.verb(), verb);
    }
}

#[test]
fn a_provider_that_cannot_be_asked_closes_and_repeats_nothing() {
    let mut world = World::begin(policy());
    let mut snapshot = world.snapshot();
    for instance in &mut snapshot.instances {
        instance.machine = Err("connection refused".into());
    }
    snapshot.instances.push(SeenInstance {
        intent: IntentId::new("near", 77),
        pool: "near".into(),
        progress: Progress::Written { at: world.now },
        machine: Err("connection refused".into()),
    });
    world.planner.observe(snapshot);
    assert_eq!(world.planner.plan(world.now).actions, []);
}

#[test]
fn the_same_events_give_the_same_plans_byte_for_byte() {
    let run = || {
        let mut world = World::begin(policy());
        world.arrived += 2_000;
        world.run(100);
        serde_json::to_string(&(&world.planner, &world.last)).unwrap()
    };
    assert_eq!(run(), run());
}

#[test]
fn a_planner_survives_being_written_down() {
    let mut world = World::begin(policy());
    world.arrived += 2_000;
    world.run(10);
    let text = serde_json::to_string(&world.planner).unwrap();
    let back: Planner = serde_json::from_str(&text).unwrap();
    assert_eq!(back.plan(world.now), world.planner.plan(world.now));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever arrives, however fast the workers are: every plan passes the checker (asserted in `tick`),
    /// and when it is over, everything bought is given back.
    #[test]
    fn any_load_ends_in_peace(
        bursts in proptest::collection::vec((0u64..1_500, 1u64..25), 1..12),
        doing in 2u64..20,
        boot_seconds in 1i64..40,
    ) {
        let mut world = World::begin(policy());
        world.doing = doing;
        world.boot_seconds = boot_seconds;
        for (jobs, seconds) in bursts {
            world.arrived += jobs;
            world.run(seconds);
        }
        let limit = world.backlog() / (2 * doing) + 600;
        world.run_until(limit, "peace", |world| world.backlog() == 0 && world.burst() == 0);
        world.run(30);
        prop_assert_eq!(&world.last.as_ref().unwrap().actions, &vec![]);
    }

    /// More backlog never means fewer machines, all else equal.
    #[test]
    fn more_backlog_never_means_less(jobs in 0u64..6_000, more in 0u64..3_000) {
        let bought = |jobs: u64| {
            let mut world = World::begin(policy());
            world.arrived += jobs;
            world.tick();
            world.burst()
        };
        prop_assert!(bought(jobs) <= bought(jobs + more));
    }
}
