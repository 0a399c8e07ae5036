//! What a machine costs and does in each step, and how many there may be: description and reality in one form.

use super::{BOUND_STEP_SECONDS, BoundError, Realised, RealisedOffer};
use crate::spec::{OfferSpec, WorldSpec};

/// 99 % quantile of the standard normal law.
///
/// Machines of one boot in a hundred come later than the programme lets them. A tighter limit would be broken by
/// policies with many machines on the way when stock ends, a wider one would hide every short shortage.
const Z99: f64 = 2.326_347_874_040_841;
const SECONDS_PER_HOUR: f64 = 3_600.0;

/// A world in steps. Step `t` lies between the times `t - 1` and `t`, in units of [`BOUND_STEP_SECONDS`]; index 0 is not used.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    /// Jobs that the base does in each step.
    pub(super) base: Vec<f64>,
    /// By offer.
    pub(super) offers: Vec<OfferTerms>,
    /// Most machines over all offers, where that says more than the offers' own limits.
    pub(super) burst_max: Option<f64>,
}

/// An offer in steps.
#[derive(Debug, Clone)]
pub(super) struct OfferTerms {
    /// Dollars for one machine and step.
    pub(super) step_cost: f64,
    /// Dollars for one launch: what is paid while it boots.
    pub(super) launch_cost: f64,
    /// Steps that a boot takes in the mean, rounded up.
    pub(super) boot_steps: usize,
    /// Jobs that one machine does in a step.
    pub(super) work: f64,
    /// Most machines, by step.
    pub(super) most: Vec<f64>,
    /// Whether a machine may become ready, by step.
    pub(super) may_start: Vec<bool>,
    /// Share of the machines of the step before that is left, by step.
    pub(super) kept: Vec<f64>,
}

// === impl Terms ===

impl Terms {
    /// Brings description and reality into `steps` steps.
    ///
    /// # Errors
    /// `Input` if the reality has other offers than the description, or a number is not finite or negative.
    pub(super) fn new(
        spec: &WorldSpec,
        realised: Option<&Realised>,
        steps: usize,
    ) -> Result<Self, BoundError> {
        let told = told(spec);
        let realised = realised.unwrap_or(&told);
        if realised.offers.len() != spec.offers.len() {
            return Err(BoundError::Input(format!(
                "{} offers came out, {} were described",
                realised.offers.len(),
                spec.offers.len()
            )));
        }
        let base = spread(&realised.base_rate, spec.base_rate(), steps)
            .map(|rate| rate * BOUND_STEP_SECONDS)
            .collect();
        let (_, sigma) = spec.boot.parameters();
        // Of the lognormal law with mean 1: how much longer than the mean nearly every boot takes at most.
        let long_boot = (Z99 * sigma - sigma * sigma / 2.0).exp().max(1.0);
        let offers: Vec<_> = spec
            .offers
            .iter()
            .zip(&realised.offers)
            .map(|(told, real)| OfferTerms::new(told, real, long_boot, steps))
            .collect();
        let most: u32 = spec.offers.iter().map(|offer| offer.max).sum();
        // Where stock ends, the best mixture of a moment may be out of reach in the next, and what must be late is
        // known only without this limit: then it is left out, which only lowers the bound.
        let always_in_stock = offers
            .iter()
            .all(|offer| offer.may_start.iter().all(|may| *may));
        let terms = Self {
            base,
            offers,
            burst_max: (spec.burst_max < most && always_in_stock)
                .then(|| f64::from(spec.burst_max)),
        };
        terms.check()?;
        Ok(terms)
    }

    fn check(&self) -> Result<(), BoundError> {
        let is_amount = |x: &f64| x.is_finite() && *x >= 0.0;
        if !self.base.iter().all(is_amount) {
            return Err(BoundError::Input("a base rate is no amount".to_owned()));
        }
        for (i, offer) in self.offers.iter().enumerate() {
            let amounts = [offer.step_cost, offer.launch_cost, offer.work];
            let shares = offer.kept.iter().all(|kept| (0.0..=1.0).contains(kept));
            if !amounts.iter().all(is_amount) || !offer.most.iter().all(is_amount) || !shares {
                return Err(BoundError::Input(format!("offer {i} has no amount in it")));
            }
        }
        Ok(())
    }

    /// Jobs that everything together can do in each step, if all that can be had is always held.
    ///
    /// More machines never do less, so this serves at least as much by any time as every plan does.
    pub(super) fn everything(&self) -> Vec<f64> {
        let mut by_work: Vec<_> = self.offers.iter().collect();
        by_work.sort_by(|a, b| b.work.total_cmp(&a.work));
        let mut held = vec![0.0_f64; by_work.len()];
        let mut all = self.base.clone();
        for (t, jobs) in all.iter_mut().enumerate().skip(1) {
            let mut room = self.burst_max.unwrap_or(f64::INFINITY);
            for (held, offer) in held.iter_mut().zip(&by_work) {
                *held = if offer.may_start[t] {
                    offer.most[t]
                } else {
                    (*held * offer.kept[t]).min(offer.most[t])
                };
                let used = held.min(room);
                room -= used;
                *jobs += used * offer.work;
            }
        }
        all
    }
}

// === impl OfferTerms ===

impl OfferTerms {
    fn new(told: &OfferSpec, real: &RealisedOffer, long_boot: f64, steps: usize) -> Self {
        let boot_steps = in_steps(real.boot);
        let in_stock: Vec<_> = spread(&real.in_stock, true, steps).collect();
        let reach = in_steps(real.boot * long_boot);
        let price = told.price / SECONDS_PER_HOUR;
        Self {
            step_cost: price * BOUND_STEP_SECONDS,
            launch_cost: price * real.boot,
            boot_steps,
            work: real.rate * BOUND_STEP_SECONDS,
            most: spread(&real.most, f64::from(told.max), steps)
                .map(|most| most.min(f64::from(told.max)))
                .collect(),
            may_start: (0..=steps)
                .map(|t| in_stock[t.saturating_sub(reach)..=t].contains(&true))
                .collect(),
            kept: spread(&real.kept, 1.0, steps).collect(),
        }
    }
}

/// The world in which all comes out as described.
fn told(spec: &WorldSpec) -> Realised {
    Realised {
        base_rate: Vec::new(),
        offers: spec
            .offers
            .iter()
            .map(|offer| RealisedOffer {
                rate: offer.rate,
                boot: spec.boot.mean(),
                ..RealisedOffer::default()
            })
            .collect(),
    }
}

/// `list` for the steps 0 to `steps`, whose first entry belongs to step 1; goes on as it ends, `empty` if it is empty.
fn spread<T: Copy>(list: &[T], empty: T, steps: usize) -> impl Iterator<Item = T> {
    (0..=steps).map(move |t| {
        let place = t.saturating_sub(1);
        *list.get(place).or(list.last()).unwrap_or(&empty)
    })
}

/// Steps that `seconds` take, rounded up.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float becomes the nearest integer of its type, so no time is misread as a short one"
)]
fn in_steps(seconds: f64) -> usize {
    (seconds / BOUND_STEP_SECONDS).ceil() as usize
}
