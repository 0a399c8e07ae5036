//! Cases that can be solved by hand, by counting every plan, or without splitting.

use proptest::collection::vec;
use proptest::prelude::*;

use super::demand::{self, Arrivals, Demand};
use super::periods::periods;
use super::programme::least_cost;
use super::terms::Terms;
use super::{Bound, Realised, RealisedOffer, bound};
use crate::spec::{BaseSpec, BootLaw, OfferSpec, WorldSpec};

/// A dollar a second, so that costs are machine-seconds.
const DOLLAR_A_SECOND: f64 = 3_600.0;

/// An offer that does `rate` jobs per second at `price` dollars a second.
fn offer(price: f64, rate: f64, max: u32) -> OfferSpec {
    OfferSpec {
        name: "offer".to_owned(),
        price: price * DOLLAR_A_SECOND,
        rate,
        max,
        is_spot: false,
        billing_minimum: 60.0,
    }
}

/// A world whose boots all take `boot` seconds; no boot is a short one, since a lognormal law has no zero.
fn world(base_rate: f64, offers: Vec<OfferSpec>, drain_within: f64, boot: f64) -> WorldSpec {
    let boot = boot.max(1e-9);
    WorldSpec {
        drain_within,
        base: BaseSpec {
            workers: 1,
            rate: base_rate,
            price: 0.0,
        },
        burst_max: offers.iter().map(|offer| offer.max).sum(),
        offers,
        boot: BootLaw {
            p50: boot,
            p95: boot,
        },
        ..WorldSpec::calm()
    }
}

fn minutes(spec: &WorldSpec, jobs: &[f64]) -> Bound {
    bound(jobs, 60.0, spec, None).unwrap()
}

#[track_caller]
fn assert_near(found: f64, expected: f64) {
    let tolerated = 1e-6 * (1.0 + expected.abs());
    assert!(
        (found - expected).abs() <= tolerated,
        "{found} instead of {expected}"
    );
}

// By hand.

#[test]
fn what_the_base_does_costs_nothing() {
    let spec = world(10.0, vec![offer(1.0, 10.0, 5)], 120.0, 100.0);
    // 600 a minute is what the base does; 1,200 more are served within the two minutes that they may wait.
    let found = minutes(&spec, &[600.0, 0.0, 1_800.0, 0.0, 0.0, 600.0]);
    assert_near(found.cost, 0.0);
    assert_eq!(found.periods, []);
    assert_near(found.slack_jobs, 0.0);
}

#[test]
fn a_single_burst_is_spread_over_the_time_it_may_wait() {
    // 600 jobs of one minute, two minutes to wait: three steps can serve them. One machine-minute is needed however it
    // is cut; a third of a machine for three minutes launches least.
    let spec = world(0.0, vec![offer(1.0, 10.0, 5)], 120.0, 100.0);
    assert_near(minutes(&spec, &[600.0]).cost, 60.0 + 100.0 / 3.0);
}

#[test]
fn the_dear_offer_does_only_what_the_cheap_one_cannot() {
    // 1,800 jobs in three steps are one machine all the time; of the cheap offer there is half of what is needed.
    let cheap = offer(1.0, 5.0, 1);
    let dear = offer(4.0, 10.0, 9);
    let spec = world(0.0, vec![dear, cheap], 120.0, 100.0);
    let cheap = 1.0 * (180.0 + 100.0);
    let dear = 4.0 * 0.5 * (180.0 + 100.0);
    assert_near(minutes(&spec, &[1_800.0]).cost, cheap + dear);
}

#[test]
fn a_machine_is_kept_over_a_gap_that_is_shorter_than_a_boot() {
    // No waiting at all, so each minute with jobs needs its machine in that minute.
    let cases = [
        (1, 100.0, 60.0 * 3.0 + 100.0), // kept: a minute more, one launch
        (2, 100.0, 60.0 * 2.0 + 200.0), // given back: two minutes cost more than a boot
        (2, 120.0, 60.0 * 2.0 + 240.0), // the same either way
        (3, 500.0, 60.0 * 5.0 + 500.0),
    ];
    for (gap, boot, expected) in cases {
        let spec = world(0.0, vec![offer(1.0, 10.0, 5)], 0.0, boot);
        let mut jobs = vec![600.0];
        jobs.resize(1 + gap, 0.0);
        jobs.push(600.0);
        let found = minutes(&spec, &jobs);
        assert_near(found.cost, expected);
        let is_parted = gap * 60 >= 100 && boot <= 120.0;
        assert_eq!(found.periods.len(), 1 + usize::from(is_parted), "{gap}");
    }
}

#[test]
fn periods_say_when_and_add_up() {
    let spec = world(0.0, vec![offer(1.0, 10.0, 5)], 60.0, 100.0);
    let mut jobs = vec![0.0, 600.0];
    jobs.resize(30, 0.0);
    jobs.push(1_200.0);
    let found = minutes(&spec, &jobs);
    let times: Vec<_> = found.periods.iter().map(|p| (p.from, p.until)).collect();
    assert_eq!(times, [(60.0, 180.0), (1_800.0, 1_920.0)]);
    assert_near(found.cost, found.periods.iter().map(|p| p.cost).sum());
    assert_near(found.periods[0].cost, 60.0 + 50.0);
    assert_near(found.periods[1].cost, 120.0 + 100.0);
}

#[test]
fn wide_bins_are_the_same_as_the_minutes_they_hold() {
    let spec = world(4.0, vec![offer(1.0, 10.0, 5)], 150.0, 100.0);
    let wide = [3_000.0, 600.0, 0.0, 7_000.0];
    let narrow: Vec<_> = wide.iter().flat_map(|jobs| [jobs / 5.0; 5]).collect();
    let wide = bound(&wide, 300.0, &spec, None).unwrap();
    assert_near(wide.cost, minutes(&spec, &narrow).cost);
    assert!(wide.cost > 0.0);
}

#[test]
fn narrow_bins_are_summed_up() {
    let spec = world(4.0, vec![offer(1.0, 10.0, 5)], 120.0, 100.0);
    let narrow = [500.0, 0.0, 0.0, 0.0, 0.0, 700.0, 0.0, 300.0, 100.0];
    let found = bound(&narrow, 10.0, &spec, None).unwrap();
    assert_near(found.cost, minutes(&spec, &[1_200.0, 400.0]).cost);
    assert!(found.cost > 0.0);
}

#[test]
fn the_most_of_all_offers_holds() {
    // Of the cheap offer there may be one, so the rest is dear, and together they may be three.
    let spec = WorldSpec {
        burst_max: 3,
        ..world(
            0.0,
            vec![offer(1.0, 10.0, 9), offer(3.0, 20.0, 9)],
            0.0,
            0.0,
        )
    };
    // 40 a second with three machines: two cheap ones and a dear one.
    let found = minutes(&spec, &[2_400.0]);
    assert_near(found.cost, 60.0 * (2.0 + 3.0));
    assert_near(found.slack_jobs, 0.0);
    // 80 a second are too much: three dear ones do 60.
    let found = minutes(&spec, &[4_800.0]);
    assert_near(found.slack_jobs, 4_800.0);
}

// The world as it came out.

fn realised(base_rate: Vec<f64>, offer: RealisedOffer) -> Realised {
    Realised {
        base_rate,
        offers: vec![offer],
    }
}

fn told() -> RealisedOffer {
    RealisedOffer {
        rate: 10.0,
        boot: 100.0,
        ..RealisedOffer::default()
    }
}

#[test]
fn what_came_out_counts_and_not_what_was_told() {
    let spec = world(10.0, vec![offer(1.0, 10.0, 5)], 0.0, 100.0);
    let jobs = [600.0, 600.0, 1_200.0];
    let cost = |realised: &Realised| bound(&jobs, 60.0, &spec, Some(realised)).unwrap().cost;
    assert_near(cost(&realised(vec![], told())), 60.0 + 100.0);
    // The base is away in the first minute, and comes back.
    let away = realised(vec![0.0, 10.0], told());
    assert_near(cost(&away), 2.0 * (60.0 + 100.0) - 40.0);
    let slow = RealisedOffer {
        rate: 5.0,
        ..told()
    };
    assert_near(cost(&realised(vec![], slow)), 2.0 * (60.0 + 100.0));
    let late = RealisedOffer {
        boot: 300.0,
        ..told()
    };
    assert_near(cost(&realised(vec![], late)), 60.0 + 300.0);
}

#[test]
fn machines_that_are_taken_back_are_launched_anew() {
    let spec = world(0.0, vec![offer(1.0, 10.0, 5)], 0.0, 100.0);
    let half_lost = RealisedOffer {
        kept: vec![1.0, 0.5, 1.0],
        ..told()
    };
    let world = realised(vec![], half_lost);
    let found = bound(&[600.0; 3], 60.0, &spec, Some(&world)).unwrap();
    assert_near(found.cost, 3.0 * 60.0 + 1.5 * 100.0);
}

#[test]
fn a_machine_is_held_through_the_time_without_stock() {
    // Stock ends after the first minute, and boots are over at once: the machine of minute 5 is bought in minute 1.
    let spec = world(0.0, vec![offer(1.0, 10.0, 5)], 0.0, 0.0);
    let scarce = RealisedOffer {
        boot: 0.0,
        in_stock: vec![true, false],
        ..told()
    };
    let jobs = [600.0, 0.0, 0.0, 0.0, 600.0];
    let world = realised(vec![], scarce);
    let found = bound(&jobs, 60.0, &spec, Some(&world)).unwrap();
    assert_near(found.cost, 5.0 * 60.0);
    assert_near(found.slack_jobs, 0.0);
}

#[test]
fn a_machine_that_boots_when_stock_ends_still_comes() {
    let spec = world(0.0, vec![offer(1.0, 10.0, 5)], 0.0, 100.0);
    let scarce = RealisedOffer {
        in_stock: vec![true, false],
        ..told()
    };
    // 100 s of boot reach two minutes on, not three.
    let world = realised(vec![], scarce);
    let soon = bound(&[0.0, 0.0, 600.0], 60.0, &spec, Some(&world)).unwrap();
    assert_near(soon.cost, 60.0 + 100.0);
    let later = bound(&[0.0, 0.0, 0.0, 600.0], 60.0, &spec, Some(&world)).unwrap();
    assert_near(later.cost, 2.0 * 60.0 + 100.0);
}

#[test]
fn what_cannot_be_punctual_is_counted_and_the_rest_still_bought() {
    // 30 a second for two minutes, ten and one machine of ten to do them: at the end of minute 2 (t = 120 s) 2,400 of
    // 3,600 are done. Nothing may wait, so all that comes is late but for what is done as it comes.
    let spec = world(10.0, vec![offer(1.0, 10.0, 1)], 0.0, 100.0);
    let found = minutes(&spec, &[1_800.0, 1_800.0, 0.0, 0.0]);
    assert_near(found.slack_jobs, 3_600.0);
    // The machine is needed until the backlog is done, a minute after the last arrival: three minutes and a launch.
    assert!((found.cost - (180.0 + 100.0)).abs() < 1e-3, "{found:?}");
}

#[test]
fn half_a_step_may_be_late() {
    // 1,200 jobs within a minute that may wait one, 10 a second from minute 1 on: 600 are done when the first is due,
    // which is at 60 s. At 120 s all are due and 1,200 are done. Two thirds as fast, half of the step is missed.
    let spec = world(8.0, vec![], 60.0, 100.0);
    let found = minutes(&spec, &[1_200.0]);
    // Done at 60 s: 480, due 0. Done at 120 s: 960, due 1,200: missed from 2/3 of the step on.
    assert_near(found.slack_jobs, 1_200.0 / 3.0);
    assert_near(found.cost, 0.0);
}

#[test]
fn inputs_that_make_no_sense_are_refused() {
    let spec = world(10.0, vec![offer(1.0, 10.0, 5)], 60.0, 100.0);
    for (jobs, bin) in [
        (&[1.0, -1.0][..], 60.0),
        (&[f64::NAN], 60.0),
        (&[1.0], 0.0),
        (&[1.0], f64::NAN),
        (&[1.0], 1e12),
    ] {
        assert!(bound(jobs, bin, &spec, None).is_err(), "{jobs:?} {bin}");
    }
    let nobody = Realised::default();
    assert!(bound(&[1.0], 60.0, &spec, Some(&nobody)).is_err());
    let negative = realised(vec![-1.0], told());
    assert!(bound(&[1.0], 60.0, &spec, Some(&negative)).is_err());
}

// Every plan, counted.

/// Least cost of whole machines, 0 to `max` of each offer in each minute; none if nothing is punctual.
///
/// Serves oldest first and as early as can be; costs as in the programme.
fn best_whole_plan(spec: &WorldSpec, jobs: &[f64]) -> Option<f64> {
    let wait = (spec.drain_within / 60.0).round() as usize;
    let state = Plan {
        held: vec![0; spec.offers.len()],
        arrived: 0.0,
        served: 0.0,
        cost: 0.0,
    };
    search(spec, jobs, wait, 0, &state)
}

#[derive(Clone)]
struct Plan {
    held: Vec<u32>,
    arrived: f64,
    served: f64,
    cost: f64,
}

fn search(spec: &WorldSpec, jobs: &[f64], wait: usize, t: usize, plan: &Plan) -> Option<f64> {
    if t == jobs.len() + wait {
        return Some(plan.cost);
    }
    let due: f64 = jobs.iter().take((t + 1).saturating_sub(wait)).sum();
    every_choice(&spec.offers)
        .into_iter()
        .filter_map(|held| {
            let mut next = plan.clone();
            next.arrived += jobs.get(t).unwrap_or(&0.0);
            let mut work = spec.base_rate() * 60.0;
            for ((offer, held), before) in spec.offers.iter().zip(&held).zip(&plan.held) {
                let launched = held.saturating_sub(*before);
                work += offer.rate * 60.0 * f64::from(*held);
                next.cost += offer.price / DOLLAR_A_SECOND
                    * (60.0 * f64::from(*held) + spec.boot.mean() * f64::from(launched));
            }
            next.served = next.arrived.min(next.served + work);
            next.held = held;
            (next.served >= due).then(|| search(spec, jobs, wait, t + 1, &next))?
        })
        .min_by(f64::total_cmp)
}

fn every_choice(offers: &[OfferSpec]) -> Vec<Vec<u32>> {
    offers.iter().fold(vec![vec![]], |choices, offer| {
        choices
            .iter()
            .flat_map(|choice| (0..=offer.max).map(|n| [choice.clone(), vec![n]].concat()))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_plan_of_whole_machines_is_cheaper(
        jobs in vec(prop_oneof![Just(0.0), 0.0..2_000.0], 1..6),
        base in prop_oneof![Just(0.0), 1.0..12.0],
        cheap in 3.0..12.0,
        dear in 3.0..25.0,
        wait in 0..3_u32,
        boot in 0.0..300.0,
    ) {
        let offers = vec![offer(1.0, cheap, 2), offer(2.5, dear, 1)];
        let spec = world(base, offers, 60.0 * f64::from(wait), boot);
        if let Some(best) = best_whole_plan(&spec, &jobs) {
            let found = minutes(&spec, &jobs);
            prop_assert!(found.cost <= best + 1e-6, "{} > {best}", found.cost);
            prop_assert!(found.slack_jobs <= 1e-6);
        }
    }

    #[test]
    fn a_machine_that_keeps_to_no_grid_is_not_cheaper(
        jobs in vec(0.0..900.0, 1..4),
        base in 0.0..6.0,
        rate in 5.0..20.0,
        wait in 0..3_u32,
        boot in 0.0..200.0,
    ) {
        // One machine, on during one stretch of times that are no multiples of a step.
        let spec = world(base, vec![offer(1.0, rate, 1)], 60.0 * f64::from(wait), boot);
        if let Some(best) = best_stretch(&spec, &jobs) {
            let found = minutes(&spec, &jobs);
            prop_assert!(found.cost <= best + 1e-6, "{} > {best}", found.cost);
        }
    }

    #[test]
    fn splitting_changes_nothing(
        jobs in vec(prop_oneof![3 => Just(0.0), 1 => 0.0..3_000.0], 1..60),
        base in vec(prop_oneof![1 => Just(0.0), 3 => 2.0..12.0], 0..60),
        first in offers_that_came_out(),
        second in offers_that_came_out(),
        burst_max in 2..10_u32,
        drain_within in 0.0..400.0,
    ) {
        let spec = WorldSpec {
            burst_max,
            ..world(6.0, vec![offer(1.0, 8.0, 4), offer(2.0, 15.0, 3)], drain_within, 150.0)
        };
        let world = Realised { base_rate: base, offers: vec![first, second] };
        let whole = unsplit(&spec, &world, &jobs);
        let found = bound(&jobs, 60.0, &spec, Some(&world)).unwrap();
        let tolerated = 1e-5 * (1.0 + whole);
        prop_assert!((found.cost - whole).abs() <= tolerated, "{} not {whole}", found.cost);
    }
}

fn offers_that_came_out() -> impl Strategy<Value = RealisedOffer> {
    let stock = vec(any::<bool>(), 0..60);
    let most = vec(0.0..5.0, 0..60);
    // Losing half again and again would make thousands of machines of a rounding.
    let kept = vec(prop_oneof![7 => Just(1.0), 1 => 0.5..1.0], 0..40);
    (4.0..20.0, 0.0..400.0, stock, most, kept).prop_map(|(rate, boot, in_stock, most, mut kept)| {
        kept.push(1.0);
        RealisedOffer {
            rate,
            boot,
            in_stock,
            most,
            kept,
        }
    })
}

/// The programme over all steps at once.
fn unsplit(spec: &WorldSpec, realised: &Realised, jobs: &[f64]) -> f64 {
    let arrivals = Arrivals {
        jobs,
        bin_seconds: 60.0,
    };
    let steps = demand::steps(arrivals, spec.drain_within).unwrap();
    let terms = Terms::new(spec, Some(realised), steps).unwrap();
    let demand = Demand::new(arrivals, spec.drain_within, &terms).unwrap();
    assert!(
        periods(&terms, &demand)
            .windows(2)
            .all(|two| two[0].end <= two[1].start)
    );
    least_cost(&terms, &demand, 1..steps + 1).unwrap()
}

/// Least cost of one machine that is on from one multiple of 20 s to another; none if no stretch is punctual.
fn best_stretch(spec: &WorldSpec, jobs: &[f64]) -> Option<f64> {
    let offer = &spec.offers[0];
    let end = 3 * jobs.len() + (spec.drain_within / 20.0).round() as usize;
    let is_punctual = |on: &std::ops::Range<usize>| {
        let (mut arrived, mut served) = (vec![0.0], 0.0_f64);
        (0..end).all(|t| {
            arrived.push(arrived[t] + jobs.get(t / 3).unwrap_or(&0.0) / 3.0);
            let bought = if on.contains(&t) { offer.rate } else { 0.0 };
            served = arrived[t + 1].min(served + 20.0 * (spec.base_rate() + bought));
            let due = (t + 1).checked_sub((spec.drain_within / 20.0).round() as usize);
            served + 1e-9 >= due.map_or(0.0, |due| arrived[due])
        })
    };
    if is_punctual(&(0..0)) {
        return Some(0.0);
    }
    (0..end)
        .flat_map(|from| (from + 1..=end).map(move |until| from..until))
        .filter(is_punctual)
        .map(|on| 20.0 * on.len() as f64 + spec.boot.mean())
        .min_by(f64::total_cmp)
}
