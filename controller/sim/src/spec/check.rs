//! What a description of a world must hold to be run: said at once, each with its place.

use std::collections::BTreeSet;
use std::fmt;

use super::{BaseSpec, OfferSpec, SpotSeries, Troubles, WorldSpec};

/// Names are pools' names in the planner's policy.
const NAME_BYTES_MAX: usize = 40;
const OFFERS_MAX: usize = 100;
const WORKERS_MAX: u32 = 10_000;
const PARTITIONS_MAX: u32 = 10_000;
/// Jobs per second that one machine does at most.
const RATE_MAX: f64 = 1e6;
/// Dollars an hour that one machine costs at most.
const PRICE_MAX: f64 = 1e6;
/// Longer than any wait, boot or pause that means something, seconds: a week.
const TIME_MAX: f64 = 604_800.0;
/// Longest series of a spot market, seconds: a year.
const SERIES_SECONDS_MAX: f64 = 31_622_400.0;
/// Most changes of one.
const CHANGES_MAX: usize = 1_000_000;
/// Events an hour at most: more than one a second is another kind of trouble.
const EVENTS_MAX: f64 = 3_600.0;
/// Factors on rates and boots.
const FACTORS: (f64, f64) = (0.01, 100.0);

/// Everything that is wrong with a description of a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldError {
    /// What is wrong: where, as `offers[0].rate`, and what.
    pub problems: Vec<(String, String)>,
}

/// Collects problems.
#[derive(Default)]
struct Problems(Vec<(String, String)>);

// === impl WorldSpec ===

impl WorldSpec {
    /// Says whether this world can be run. Worlds from files are checked before anything else is done with them.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub fn check(&self) -> Result<(), WorldError> {
        let mut problems = Problems::default();
        problems.number("drainWithin", self.drain_within, (1.0, TIME_MAX));
        problems.base(&self.base);
        problems.offers(&self.offers);
        problems.count("burstMax", self.burst_max, (0, WORKERS_MAX));
        problems.number("boot.p50", self.boot.p50, (0.001, TIME_MAX));
        let p95 = (self.boot.p50.max(0.001), TIME_MAX);
        problems.number("boot.p95", self.boot.p95, p95);
        problems.number("decideEvery", self.decide_every, (1.0, TIME_MAX));
        problems.number("signalDelay", self.signal_delay, (0.0, TIME_MAX));
        problems.count("partitions", self.partitions, (1, PARTITIONS_MAX));
        problems.troubles(&self.troubles);
        if problems.0.is_empty() {
            return Ok(());
        }
        Err(WorldError {
            problems: problems.0,
        })
    }
}

// === impl Problems ===

impl Problems {
    fn add(&mut self, path: &str, what: String) {
        self.0.push((path.to_owned(), what));
    }

    fn number(&mut self, path: &str, number: f64, (least, most): (f64, f64)) {
        if !(least..=most).contains(&number) {
            self.add(path, format!("must be {least} to {most}, is {number}"));
        }
    }

    fn count(&mut self, path: &str, count: u32, (least, most): (u32, u32)) {
        if !(least..=most).contains(&count) {
            self.add(path, format!("must be {least} to {most}, is {count}"));
        }
    }

    fn base(&mut self, base: &BaseSpec) {
        self.count("base.workers", base.workers, (0, WORKERS_MAX));
        self.number("base.rate", base.rate, (0.001, RATE_MAX));
        self.number("base.price", base.price, (0.0, PRICE_MAX));
    }

    fn offers(&mut self, offers: &[OfferSpec]) {
        if offers.is_empty() || offers.len() > OFFERS_MAX {
            let what = format!("must be 1 to {OFFERS_MAX}, are {}", offers.len());
            self.add("offers", what);
        }
        let mut names = BTreeSet::from(["base"]);
        for (i, offer) in offers.iter().enumerate() {
            let at = |field: &str| format!("offers[{i}].{field}");
            let mut letters = offer.name.bytes();
            let is_plain = letters.all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
            if !is_plain || offer.name.is_empty() || offer.name.len() > NAME_BYTES_MAX {
                let what = format!("must be 1 to {NAME_BYTES_MAX} of a to z, 0 to 9 and -");
                self.add(&at("name"), what);
            } else if !names.insert(&offer.name) {
                self.add(&at("name"), "is taken".to_owned());
            }
            self.number(&at("price"), offer.price, (0.0, PRICE_MAX));
            self.number(&at("rate"), offer.rate, (0.001, RATE_MAX));
            self.count(&at("max"), offer.max, (1, WORKERS_MAX));
            self.number(
                &at("billingMinimum"),
                offer.billing_minimum,
                (0.0, TIME_MAX),
            );
        }
    }

    fn series(&mut self, series: &SpotSeries) {
        let at = "troubles.spotSeries";
        self.count(&format!("{at}.most"), series.most, (1, WORKERS_MAX));
        let lasts = (1.0, SERIES_SECONDS_MAX);
        self.number(&format!("{at}.lasts"), series.lasts, lasts);
        self.number(&format!("{at}.notice"), series.notice, (0.0, TIME_MAX));
        let count = series.changes.len();
        if count == 0 || count > CHANGES_MAX {
            let what = format!("must be 1 to {CHANGES_MAX}, are {count}");
            self.add(&format!("{at}.changes"), what);
        }
        let mut after = -1.0;
        for (i, (from, _)) in series.changes.iter().enumerate() {
            let is_first = i > 0 || from.abs() < 1e-9;
            if !(*from > after && *from < series.lasts && is_first) {
                let what = format!("must be in order, from 0 on and before the end, is {from}");
                self.add(&format!("{at}.changes[{i}]"), what);
                return;
            }
            after = *from;
        }
    }

    fn troubles(&mut self, troubles: &Troubles) {
        let share = (0.0, 1.0);
        let time = (0.0, TIME_MAX);
        let events = (0.0, EVENTS_MAX);
        if let Some(rates) = troubles.rates {
            self.number("troubles.rates.factorMin", rates.factor_min, FACTORS);
            let max = (rates.factor_min.max(FACTORS.0), FACTORS.1);
            self.number("troubles.rates.factorMax", rates.factor_max, max);
            self.number("troubles.rates.machineSigma", rates.machine_sigma, share);
        }
        for (i, factor) in troubles.boot_factors.iter().enumerate() {
            self.number(&format!("troubles.bootFactors[{i}]"), *factor, FACTORS);
        }
        if let Some(spot) = troubles.spot {
            self.number("troubles.spot.perHour", spot.per_hour, events);
            self.number("troubles.spot.notice", spot.notice, time);
            self.number("troubles.spot.massPerHour", spot.mass_per_hour, events);
            self.number("troubles.spot.massShare", spot.mass_share, share);
        }
        if let Some(series) = &troubles.spot_series {
            self.series(series);
        }
        if let Some(capacity) = troubles.capacity {
            // A whole share would be no offer at all.
            self.number("troubles.capacity.share", capacity.share, (0.0, 0.99));
            let mean = (1.0, TIME_MAX);
            self.number("troubles.capacity.episodeMean", capacity.episode_mean, mean);
        }
        if let Some(base) = troubles.base {
            self.number(
                "troubles.base.perDay",
                base.per_day,
                (0.0, 24.0 * EVENTS_MAX),
            );
            self.number("troubles.base.lasts", base.lasts, time);
        }
        if let Some(partitions) = troubles.partitions {
            self.number("troubles.partitions.zipf", partitions.zipf, (0.0, 5.0));
            self.number("troubles.partitions.movePause", partitions.move_pause, time);
            self.number("troubles.partitions.drain", partitions.drain, time);
        }
        if let Some(signal) = troubles.signal {
            self.number("troubles.signal.oldShare", signal.old_share, share);
            self.number("troubles.signal.oldMax", signal.old_max, time);
            self.number("troubles.signal.partialShare", signal.partial_share, share);
            let unknown = signal.partial_unknown;
            self.number("troubles.signal.partialUnknown", unknown, share);
            let blackouts = signal.blackouts_per_hour;
            self.number("troubles.signal.blackoutsPerHour", blackouts, events);
            self.number("troubles.signal.blackout", signal.blackout, time);
        }
    }
}

// === impl WorldError ===

impl std::error::Error for WorldError {}

impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the world cannot be run")?;
        for (path, what) in &self.problems {
            write!(f, "\n  {path}: {what}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::BootLaw;

    #[test]
    fn the_built_in_worlds_are_in_order_and_survive_being_written() {
        for world in [WorldSpec::calm(), WorldSpec::adverse()] {
            world.check().unwrap();
            let text = serde_json::to_string(&world).unwrap();
            assert_eq!(serde_json::from_str::<WorldSpec>(&text).unwrap(), world);
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let mut world = WorldSpec::adverse();
        world.drain_within = f64::NAN;
        world.decide_every = 0.0;
        world.base.rate = -1.0;
        world.offers[1].name = "oci-a10".to_owned();
        world.offers[2].name = "Spot!".to_owned();
        world.offers[3].rate = f64::INFINITY;
        world.boot = BootLaw {
            p50: 200.0,
            p95: 100.0,
        };
        world.partitions = 0;
        if let Some(spot) = &mut world.troubles.spot {
            spot.mass_share = 1.5;
        }
        let error = world.check().unwrap_err();
        insta::assert_snapshot!(error, @r"
        the world cannot be run
          drainWithin: must be 1 to 604800, is NaN
          base.rate: must be 0.001 to 1000000, is -1
          offers[1].name: is taken
          offers[2].name: must be 1 to 40 of a to z, 0 to 9 and -
          offers[3].rate: must be 0.001 to 1000000, is inf
          boot.p95: must be 200 to 604800, is 100
          decideEvery: must be 1 to 604800, is 0
          partitions: must be 1 to 10000, is 0
          troubles.spot.massShare: must be 0 to 1, is 1.5
        ");
    }
}
