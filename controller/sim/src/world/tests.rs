//! The world, by hand on small loads and by property on any.

use proptest::prelude::*;

use super::*;
use crate::decider::{LaunchOutcome, MachinePhase};
use crate::random::{Seeds, Stream};
use crate::spec::{BootLaw, OfferSpec, ReadOrder, Troubles};
use crate::trace::ScaleRule;
use crate::{RealPlanner, Score};

/// Does nothing.
struct Idle;

/// Gives orders at times, seconds.
struct Scripted(Vec<(f64, Order)>);

/// Buys and gives back at random.
struct Wild {
    stream: Stream,
    offers: usize,
    launched: Vec<(usize, u64)>,
}

/// Keeps what it sees of Kafka: when, how old, jobs written and committed where all is known.
#[derive(Default)]
struct Watcher(Vec<(f64, Option<Seen>)>);

struct Seen {
    at: f64,
    unknown: usize,
    written: u64,
    committed: u64,
}

impl Decider for Idle {
    fn name(&self) -> &str {
        "idle"
    }

    fn decide(&mut self, _now: f64, _view: &View<'_>) -> Vec<Order> {
        Vec::new()
    }
}

impl Decider for Scripted {
    fn name(&self) -> &str {
        "scripted"
    }

    fn decide(&mut self, now: f64, _view: &View<'_>) -> Vec<Order> {
        let due = self.0.partition_point(|(at, _)| *at <= now);
        self.0.drain(..due).map(|(_, order)| order).collect()
    }
}

impl Decider for Wild {
    fn name(&self) -> &str {
        "wild"
    }

    fn decide(&mut self, _now: f64, view: &View<'_>) -> Vec<Order> {
        let mut orders = Vec::new();
        if self.stream.uniform() < 0.3 {
            let offer = self.stream.below(self.offers + 1);
            orders.push(Order::Launch { offer });
        }
        if self.stream.uniform() < 0.2 {
            let chosen = view.machines.get(self.stream.below(view.machines.len()));
            orders.extend(chosen.map(|machine| Order::Retire {
                machine: machine.id,
            }));
        }
        orders
    }

    fn launched(&mut self, _now: f64, offer: usize, outcome: LaunchOutcome) {
        if let LaunchOutcome::Launched { machine } = outcome {
            self.launched.push((offer, machine));
        }
    }
}

impl Decider for Watcher {
    fn name(&self) -> &str {
        "watcher"
    }

    fn decide(&mut self, now: f64, view: &View<'_>) -> Vec<Order> {
        let seen = view.reading.map(|reading| Seen {
            at: reading.at,
            unknown: reading.end.iter().filter(|end| end.is_none()).count(),
            written: reading.end.iter().flatten().sum(),
            committed: reading.committed.iter().flatten().sum(),
        });
        self.0.push((now, seen));
        Vec::new()
    }
}

fn wild(seed: u64, spec: &WorldSpec) -> Wild {
    Wild {
        stream: Seeds::new(seed, "wild").stream("orders", "", 0),
        offers: spec.offers.len(),
        launched: Vec::new(),
    }
}

fn trace(bin_seconds: u32, arrivals: &[f64]) -> Trace {
    let lines = (0..).zip(arrivals);
    let lines: String = lines
        .map(|(bin, jobs): (u32, _)| format!("{},{jobs}\n", bin * bin_seconds))
        .collect();
    Trace::from_csv("made", &format!("t_seconds,arrivals\n{lines}")).unwrap()
}

fn as_it_is() -> Scale {
    Scale {
        rule: ScaleRule::Factor(1.0),
        factor: 1.0,
    }
}

fn run<'a>(spec: &'a WorldSpec, trace: &'a Trace, seed: u64) -> Run<'a> {
    Run {
        spec,
        trace,
        scale: as_it_is(),
        seed,
        points_max: 100,
    }
}

/// One base worker of 10 jobs/s, one offer of the same that boots in 30 s sharp and costs a dollar in 1,000 s.
fn small() -> WorldSpec {
    let mut spec = WorldSpec::calm();
    spec.drain_within = 30.0;
    spec.base.workers = 1;
    spec.base.rate = 10.0;
    spec.offers = vec![OfferSpec {
        name: "one".to_owned(),
        price: 3.6,
        rate: 10.0,
        max: 2,
        is_spot: false,
        billing_minimum: 60.0,
    }];
    spec.boot = BootLaw {
        p50: 30.0,
        p95: 30.0,
    };
    spec.partitions = 8;
    spec
}

fn assert_near(value: f64, wanted: f64, what: &str) {
    let off = (value - wanted).abs();
    assert!(
        off <= 1e-6 * wanted.abs().max(1.0),
        "{what}: {value}, not {wanted}"
    );
}

#[test]
fn a_backlog_drains_as_reckoned_by_hand() {
    // 20 jobs/s for a minute; one worker is done after two, the last job has waited for one.
    let (spec, trace) = (small(), trace(60, &[1_200.0, 0.0, 0.0, 0.0]));
    let outcome = run(&spec, &trace, 1).decided_by(&mut Idle);
    assert_near(outcome.served, 1_200.0, "served");
    assert_near(outcome.wait_max, 60.0, "longest wait");
    assert_near(
        outcome.late,
        600.0,
        "late: those served in the second minute",
    );
    assert!(
        (outcome.wait_p50 - 30.0).abs() < 5.0,
        "{}",
        outcome.wait_p50
    );
    assert_near(outcome.ended_at, 240.0, "end");
    assert_near(outcome.base_cost, 0.64 * 240.0 / 3_600.0, "base");
    let series = outcome.series.unwrap();
    let most = series.points.iter().map(|point| point.backlog);
    assert_near(most.fold(0.0, f64::max), 600.0, "most that waited");
}

#[test]
fn a_machine_works_from_its_boot_on_and_costs_from_its_launch_on() {
    let (spec, trace) = (small(), trace(60, &[1_200.0, 0.0, 0.0, 0.0]));
    let launch = Order::Launch { offer: 0 };
    let cases = [
        // Served 10·t + 10·(t − 30): everybody waits 15 s from its boot on.
        (
            "kept",
            vec![(0.0, launch), (90.0, Order::Retire { machine: 2 })],
            15.0,
            0.09,
            1,
        ),
        (
            "cancelled",
            vec![(0.0, launch), (20.0, Order::Retire { machine: 2 })],
            60.0,
            0.06,
            1,
        ),
        ("forgotten", vec![(0.0, launch)], 15.0, 0.27, 0),
    ];
    for (name, script, wait, cost, reversals) in cases {
        let outcome = run(&spec, &trace, 1).decided_by(&mut Scripted(script));
        assert_near(outcome.wait_max, wait, name);
        assert_near(outcome.burst_cost, cost, name);
        assert_eq!((outcome.launches, outcome.lives.len()), (1, 1), "{name}");
        assert_eq!(outcome.reversals, reversals, "{name}");
    }
}

#[test]
fn what_there_is_no_room_or_stock_for_is_refused() {
    let (spec, trace) = (small(), trace(60, &[0.0; 10]));
    let launch = |at, offer| (at, Order::Launch { offer });
    let script = vec![
        launch(0.0, 0),
        launch(0.0, 0),
        launch(0.0, 0),
        launch(0.0, 7),
    ];
    let outcome = run(&spec, &trace, 1).decided_by(&mut Scripted(script));
    assert_eq!((outcome.launches, outcome.refused), (2, 2));
    assert_near(outcome.price_max, 7.2, "dollars an hour");
    assert!(Score::of(&outcome, Some(7.0)).budget_exceeded);
    assert!(!Score::of(&outcome, Some(7.2)).budget_exceeded);
}

#[test]
fn one_worker_with_many_partitions_is_one_queue() {
    let trace = trace(60, &[1_200.0, 0.0, 900.0, 0.0, 0.0]);
    let pooled = run(&small(), &trace, 1).decided_by(&mut Idle);
    let mut spec = small();
    spec.troubles = Troubles {
        partitions: WorldSpec::adverse().troubles.partitions,
        ..Troubles::default()
    };
    let parted = run(&spec, &trace, 1).decided_by(&mut Idle);
    assert_near(parted.late, pooled.late, "late");
    assert_near(parted.wait_max, pooled.wait_max, "longest wait");
    let trouble = spec.troubles.partitions.as_mut().unwrap();
    trouble.order = ReadOrder::EqualShares;
    let equal = run(&spec, &trace, 1).decided_by(&mut Idle);
    assert!(
        equal.wait_max > pooled.wait_max,
        "the largest partition waits longest"
    );
    assert_near(equal.served, pooled.served, "served");
}

#[test]
fn the_calm_world_is_read_whole_and_five_seconds_late() {
    let (spec, trace) = (small(), trace(60, &[1_203.0, 0.0, 600.0, 0.0]));
    let mut watcher = Watcher::default();
    run(&spec, &trace, 1).decided_by(&mut watcher);
    for (now, seen) in &watcher.0 {
        let seen = seen.as_ref().unwrap();
        assert_near(seen.at, (now - 5.0).max(0.0), "age");
        let written = trace.arrived().by(seen.at);
        assert!(
            (written - seen.written as f64).abs() < 1.0 + 1e-6,
            "{now} s"
        );
        assert!(seen.committed <= seen.written);
        assert_eq!(seen.unknown, 0);
    }
    assert!(watcher.0.windows(2).all(|two| two[1].0 - two[0].0 <= 20.0));
}

#[test]
fn a_bad_signal_is_as_bad_as_it_says() {
    let mut spec = WorldSpec::calm();
    spec.troubles.signal = WorldSpec::adverse().troubles.signal;
    let trace = trace(60, &[600.0; 5 * 1_440]);
    let mut watcher = Watcher::default();
    run(&spec, &trace, 1).decided_by(&mut watcher);
    let all = watcher.0.len() as f64;
    let share = |is: fn(&(f64, Option<Seen>)) -> bool| {
        watcher.0.iter().filter(|it| is(it)).count() as f64 / all
    };
    let dark = share(|(_, seen)| seen.is_none());
    assert!((0.04..0.12).contains(&dark), "5 min an hour: {dark}");
    let old = share(|(now, seen)| seen.as_ref().is_some_and(|seen| now - seen.at > 5.001));
    assert!(
        (0.07..0.11).contains(&old),
        "a tenth, some of it not older than all: {old}"
    );
    let partial = share(|(_, seen)| seen.as_ref().is_some_and(|seen| seen.unknown > 0));
    assert!((0.03..0.07).contains(&partial), "one in twenty: {partial}");
}

#[test]
fn the_world_does_the_same_whatever_is_decided() {
    let spec = WorldSpec::adverse();
    let trace = trace(60, &[20_000.0; 600]);
    let run = run(&spec, &trace, 7);
    let fates = |seed| {
        let mut wild = wild(seed, &spec);
        let outcome = run.decided_by(&mut wild);
        let mut fates = vec![Vec::new(); spec.offers.len()];
        for (offer, machine) in wild.launched {
            let life = outcome
                .lives
                .iter()
                .find(|life| life.machine == machine)
                .unwrap();
            // A boot is a difference of times: the last bits depend on when it began.
            fates[offer].push(((life.boot * 1e6).round(), life.rate));
        }
        fates
    };
    let (one, other) = (fates(1), fates(2));
    assert_ne!(one, other, "they bought differently");
    for (one, other) in one.iter().zip(&other) {
        let both = one.len().min(other.len());
        assert!(both > 3, "enough to compare");
        assert_eq!(one[..both], other[..both]);
    }
}

#[test]
fn the_real_planner_runs_through_a_bad_day_and_breaks_no_rule() {
    let spec = WorldSpec::adverse();
    let mut arrivals = vec![12_000.0; 600];
    arrivals[200..230].fill(90_000.0);
    let trace = trace(60, &arrivals);
    let go = || {
        let mut planner = RealPlanner::new(&spec);
        let outcome = run(&spec, &trace, 5).decided_by(&mut planner);
        assert_eq!(planner.first_violations(), []);
        outcome
    };
    let outcome = go();
    assert!(outcome.launches > 0 && outcome.late_share() < 0.5);
    assert_near(outcome.served, outcome.arrived, "all served");
    assert_eq!(
        format!("{outcome:?}"),
        format!("{:?}", go()),
        "the same again"
    );
}

/// Any world: each trouble on or off.
fn worlds() -> impl Strategy<Value = WorldSpec> {
    prop::collection::vec(any::<bool>(), 7).prop_map(|on| {
        let all = WorldSpec::adverse();
        let troubles = Troubles {
            rates: all.troubles.rates.filter(|_| on[0]),
            boot_factors: if on[1] {
                all.troubles.boot_factors
            } else {
                Vec::new()
            },
            spot: all.troubles.spot.filter(|_| on[2]),
            spot_series: None,
            capacity: all.troubles.capacity.filter(|_| on[3]),
            base: all.troubles.base.filter(|_| on[4]),
            partitions: all.troubles.partitions.filter(|_| on[5]),
            signal: all.troubles.signal.filter(|_| on[6]),
        };
        WorldSpec {
            troubles,
            partitions: 64,
            ..WorldSpec::calm()
        }
    })
}

/// The adverse world with some of its numbers at the ends of what is allowed.
fn extremes() -> impl Strategy<Value = WorldSpec> {
    prop::collection::vec(0..3_usize, 12).prop_map(|ends| {
        let pick = |at: usize, least: f64, usual: f64, most: f64| [least, usual, most][ends[at]];
        let mut spec = WorldSpec::adverse();
        spec.drain_within = pick(0, 600.0, 900.0, 604_800.0);
        spec.decide_every = pick(1, 1.0, 15.0, 604_800.0);
        spec.signal_delay = pick(2, 0.0, 5.0, 604_800.0);
        spec.base.workers = [0, 8, 200][ends[3]];
        spec.partitions = [1, 64, 300][ends[4]];
        spec.offers[0].rate = pick(5, 0.001, 55.0, 1e6);
        spec.offers[1].price = pick(6, 0.0, 0.8, 1e6);
        spec.boot.p50 = pick(7, 0.001, 190.0, 400.0);
        let troubles = &mut spec.troubles;
        if let Some(spot) = &mut troubles.spot {
            spot.per_hour = pick(8, 0.0, 0.3, 3_600.0);
            spot.mass_share = pick(9, 0.0, 0.5, 1.0);
        }
        if let Some(capacity) = &mut troubles.capacity {
            capacity.share = pick(10, 0.0, 0.1, 0.99);
        }
        if let Some(signal) = &mut troubles.signal {
            signal.old_max = pick(11, 0.0, 60.0, 604_800.0);
        }
        spec
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_job_is_lost_and_every_second_is_paid(
        spec in worlds(),
        bin in prop::sample::select(vec![10_u32, 60, 300]),
        arrivals in prop::collection::vec(0.0..400_000.0_f64, 2..40),
        seed in 0..1_000_u64,
    ) {
        let trace = trace(bin, &arrivals);
        let run = run(&spec, &trace, seed);
        let mut world = World::new(&run);
        let ended_at = world.go(&mut wild(seed, &spec));
        world.fleet.close(&spec, ended_at);
        let (served, arrived) = (world.queue.served(), world.arrived.total());
        let near = 1e-6 * arrived.max(1.0);
        prop_assert!(served <= arrived + near);
        prop_assert!((world.fleet.account.done - served).abs() <= near, "what machines did was served");

        let outcome = run.decided_by(&mut wild(seed, &spec));
        let waits = outcome.arrived - outcome.served;
        prop_assert!(waits < 1.0 || outcome.ended_at >= trace.duration() + TAIL_MAX);
        prop_assert!(outcome.late <= outcome.arrived + near && outcome.late >= -near);
        let lives = outcome.lives.iter();
        let seconds: f64 = lives
            .clone()
            .map(|life| spec.offers[life.offer].price / 3_600.0 * (life.ended_at - life.launched_at))
            .sum();
        prop_assert!(outcome.burst_cost >= seconds - 1e-9);
        prop_assert!((outcome.burst_cost - lives.map(|life| life.cost).sum::<f64>()).abs() < 1e-9);
        prop_assert_eq!(outcome.lives.len() as u64, outcome.launches);

        let again = run.decided_by(&mut wild(seed, &spec));
        prop_assert_eq!(format!("{outcome:?}"), format!("{again:?}"));
    }

    #[test]
    fn what_is_seen_of_machines_only_grows(spec in worlds(), seed in 0..1_000_u64) {
        let trace = trace(60, &[30_000.0; 30]);
        let mut growing = Growing { wild: wild(seed, &spec), before: Vec::new(), shrunk: None };
        run(&spec, &trace, seed).decided_by(&mut growing);
        prop_assert_eq!(growing.shrunk, None);
    }
}

proptest! {
    // Each is two days of ten seconds: few, and other ones every time.
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn every_world_that_is_in_order_can_be_run(spec in extremes(), seed in 0..1_000_u64) {
        spec.check().unwrap();
        let trace = trace(60, &[1_000.0, 0.0, 1e9, 5.0]);
        let run = run(&spec, &trace, seed);
        for outcome in [run.decided_by(&mut wild(seed, &spec)), run.decided_by(&mut RealPlanner::new(&spec))] {
            prop_assert!(outcome.burst_cost.is_finite() && outcome.wait_max.is_finite());
            prop_assert!(outcome.served <= outcome.arrived * (1.0 + 1e-9));
        }
        prop_assert!(run.realised().offers.iter().all(|offer| offer.rate.is_finite() && offer.boot.is_finite()));
    }
}

/// Watches that counters only grow and nobody who is ready boots again.
struct Growing {
    wild: Wild,
    before: Vec<SeenMachine>,
    shrunk: Option<(SeenMachine, SeenMachine)>,
}

impl Decider for Growing {
    fn name(&self) -> &str {
        "growing"
    }

    fn decide(&mut self, now: f64, view: &View<'_>) -> Vec<Order> {
        for machine in view.machines {
            let Some(before) = self.before.iter().find(|before| before.id == machine.id) else {
                continue;
            };
            let is_shrunk = machine.done < before.done
                || machine.saturated_done < before.saturated_done
                || machine.saturated_ms < before.saturated_ms
                || machine.saturated_done > machine.done
                || (machine.phase == MachinePhase::Booting && before.phase != machine.phase);
            if is_shrunk {
                self.shrunk = Some((before.clone(), machine.clone()));
            }
        }
        self.before = view.machines.to_vec();
        self.wild.decide(now, view)
    }
}
