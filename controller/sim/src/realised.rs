//! From a world's history to what the bound has to know of it.
//!
//! It depends on the world, the trace's name and length and the seed alone: whatever was decided, it is the same. Lists
//! go from the trace's start to an hour and two deadlines after its end. Left out, because they can only add cost:
//! partitions, the signal, whole machines, drains and least billed times.
//!
//! What is exact: the base's rate, step by step (losses begin and end at any second). Shortages and mass interruptions
//! fall on whole steps. `kept[i]` is what is left in the mean, a step later, of machines at any time of step `i − 1`:
//! single interruptions are a constant hazard from the launch on, e^(−λ · step); a mass interruption falls on a step's
//! beginning and takes each spot machine with the share's probability, so it is in the `kept` of the step that it begins.

use crate::bound::{BOUND_STEP_SECONDS, Realised, RealisedOffer};
use crate::spec::{OfferSpec, WorldSpec};
use crate::world::History;

impl Realised {
    /// What the history of a run of `duration` seconds comes to.
    pub(crate) fn of(spec: &WorldSpec, history: &History, duration: f64) -> Self {
        let steps = steps(duration + 3_600.0 + 2.0 * spec.drain_within);
        let offers = 0..spec.offers.len();
        Self {
            base_rate: base_rate(spec, history, steps),
            offers: offers
                .map(|offer| RealisedOffer::of(spec, history, offer, steps))
                .collect(),
        }
    }
}

impl RealisedOffer {
    fn of(spec: &WorldSpec, history: &History, offer: usize, steps: u32) -> Self {
        let told = &spec.offers[offer];
        let own = &history.offers[offer];
        let sigma = spec.troubles.rates.map_or(0.0, |rates| rates.machine_sigma);
        let in_stock = (0..steps).map(|step| !history.is_short(offer, starts(step)));
        let spot = spec.troubles.spot.filter(|_| told.is_spot);
        let kept = spot.map_or(Vec::new(), |spot| {
            let singly = (-spot.per_hour * BOUND_STEP_SECONDS / 3_600.0).exp();
            let mut kept = vec![singly; steps as usize];
            for at in &history.mass {
                if let Some(kept) = kept.get_mut(step_of(*at)) {
                    *kept *= 1.0 - spot.mass_share;
                }
            }
            kept
        });
        Self {
            rate: told.rate * own.rate_factor * (sigma * sigma / 2.0).exp(),
            boot: spec.boot.mean() * own.boot_factor,
            in_stock: if own.shortages.is_empty() {
                Vec::new()
            } else {
                in_stock.collect()
            },
            most: most(spec, told, steps),
            kept,
        }
    }
}

/// Most machines that the spot market has at some time of each step.
fn most(spec: &WorldSpec, told: &OfferSpec, steps: u32) -> Vec<f64> {
    let series = spec.troubles.spot_series.as_ref();
    let Some(series) = series.filter(|_| told.is_spot) else {
        return Vec::new();
    };
    let held = |at| f64::from(series.held_most(told.max, at));
    let mut most: Vec<f64> = (0..steps).map(|step| held(starts(step))).collect();
    for at in series.times(starts(steps)) {
        if let Some(most) = most.get_mut(step_of(at)) {
            *most = most.max(held(at));
        }
    }
    most
}

fn base_rate(spec: &WorldSpec, history: &History, steps: u32) -> Vec<f64> {
    if history.base.iter().all(|stretches| stretches.len() == 1) {
        return Vec::new();
    }
    let mut rates = vec![0.0; steps as usize];
    for (from, until) in history.base.iter().flatten() {
        let first = step_of(*from);
        for (step, rate) in (0_u32..).zip(&mut rates).skip(first) {
            let (begins, ends) = (starts(step), starts(step + 1));
            if begins >= *until {
                break;
            }
            let present = until.min(ends) - from.max(begins);
            *rate += spec.base.rate * present / BOUND_STEP_SECONDS;
        }
    }
    rates
}

fn starts(step: u32) -> f64 {
    f64::from(step) * BOUND_STEP_SECONDS
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and `as` saturates"
)]
fn steps(seconds: f64) -> u32 {
    (seconds / BOUND_STEP_SECONDS).ceil() as u32
}

/// The step that begins at `at` or holds it.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and `as` saturates"
)]
fn step_of(at: f64) -> usize {
    (at / BOUND_STEP_SECONDS) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: f64 = 86_400.0;

    fn realised(spec: &WorldSpec) -> Realised {
        Realised::of(
            spec,
            &History::draw(spec, "made", 3, 60.0 * DAY),
            30.0 * DAY,
        )
    }

    fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
        let count = values.len() as f64;
        values.sum::<f64>() / count
    }

    #[test]
    fn in_the_calm_world_nothing_came_in_the_way() {
        let spec = WorldSpec::calm();
        let realised = realised(&spec);
        assert!(realised.base_rate.is_empty());
        for (offer, told) in realised.offers.iter().zip(&spec.offers) {
            assert!((offer.rate - told.rate).abs() < 1e-9);
            assert!((offer.boot - 213.4).abs() < 0.1, "{}", offer.boot);
            assert!(offer.in_stock.is_empty() && offer.kept.is_empty() && offer.most.is_empty());
        }
    }

    #[test]
    fn the_adverse_world_is_as_bad_as_it_says() {
        let spec = WorldSpec::adverse();
        let realised = realised(&spec);
        // Eight losses of half an hour a day, of eight workers.
        let present = mean(realised.base_rate.iter().copied()) / spec.base_rate();
        assert!(
            (present - (1.0 - 8.0 * 0.5 / (8.0 * 24.0))).abs() < 0.01,
            "{present}"
        );
        let mut rates = 0.0;
        for (offer, told) in realised.offers.iter().zip(&spec.offers) {
            let stocked = offer
                .in_stock
                .iter()
                .map(|is_in| f64::from(u8::from(*is_in)));
            let stocked = mean(stocked);
            assert!((0.85..0.95).contains(&stocked), "{}: {stocked}", told.name);
            assert_eq!(offer.kept.is_empty(), !told.is_spot);
            rates += offer.rate / told.rate / (0.01_f64 / 2.0).exp();
        }
        assert!(
            (rates - 5.0).abs() < 1e-9,
            "factors are 1 in the mean: {rates}"
        );
        let kept = &realised.offers[2].kept;
        let halved = kept.iter().filter(|kept| **kept < 0.6).count() as f64;
        assert!(
            (halved / (30.0 * 24.0) - 1.0).abs() < 0.15,
            "once an hour: {halved}"
        );
        let short = |step: &usize| {
            realised
                .offers
                .iter()
                .filter(|offer| !offer.in_stock[*step])
                .count()
        };
        assert!(
            (0..30 * 1_440).all(|step| short(&step) <= 2),
            "never more than two at once"
        );
    }
}
