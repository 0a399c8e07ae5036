//! What the world does by itself: drawn before the run, so that no decision can change it.
//!
//! Events that the bound has to know (stock, mass interruptions) fall on whole minutes, its grid: a limit that
//! begins inside one of its steps could not be stated exactly.

use crate::random::{Seeds, Stream};
use crate::spec::{CapacityTrouble, OfferSpec, WorldSpec};

/// The bound's step, seconds.
const GRID: f64 = 60.0;

/// A stretch of time, seconds: from, until.
pub(crate) type Span = (f64, f64);

/// Everything that happens whatever is decided.
#[derive(Debug, Clone)]
pub(crate) struct History {
    /// By offer.
    pub(crate) offers: Vec<OfferHistory>,
    /// When a share of all spot machines is taken back.
    pub(crate) mass: Vec<f64>,
    /// By base worker: when it is there; in order, apart.
    pub(crate) base: Vec<Vec<Span>>,
    /// When nothing can be read; in order, apart.
    pub(crate) blackouts: Vec<Span>,
    seeds: Seeds,
}

/// What happens to one offer.
#[derive(Debug, Clone)]
pub(crate) struct OfferHistory {
    /// What its machines do on the median, of what the planner is told.
    pub(crate) rate_factor: f64,
    /// What its boots are stretched by.
    pub(crate) boot_factor: f64,
    /// When it is out of stock; in order, apart.
    pub(crate) shortages: Vec<Span>,
}

/// What is fixed about a machine before it is launched.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Fate {
    /// From launch to first job, seconds.
    pub(crate) boot: f64,
    /// Jobs per second.
    pub(crate) rate: f64,
    /// When it is taken back; infinite if never.
    pub(crate) interruption_at: f64,
}

// === impl History ===

impl History {
    /// Draws the history of the run of `trace` with `seed` up to `horizon` seconds.
    pub(crate) fn draw(spec: &WorldSpec, trace: &str, seed: u64, horizon: f64) -> Self {
        let seeds = Seeds::new(seed, trace);
        let troubles = &spec.troubles;
        let rates = rate_factors(spec, &seeds);
        let shortages = match troubles.capacity {
            Some(capacity) => shortages(capacity, &spec.offers, &seeds, horizon),
            None => vec![Vec::new(); spec.offers.len()],
        };
        let offers = spec.offers.iter().zip(rates).zip(shortages);
        let offers = offers.map(|((offer, rate_factor), shortages)| OfferHistory {
            rate_factor,
            boot_factor: boot_factor(&troubles.boot_factors, offer, &seeds),
            shortages,
        });
        let mass = troubles.spot.map_or(Vec::new(), |spot| {
            let mut stream = seeds.stream("mass", "", 0);
            on_grid(events(&mut stream, 3_600.0 / spot.mass_per_hour, horizon))
        });
        let blackouts = troubles.signal.map_or(Vec::new(), |signal| {
            let mut stream = seeds.stream("blackout", "", 0);
            let starts = events(&mut stream, 3_600.0 / signal.blackouts_per_hour, horizon);
            joined(starts.into_iter().map(|at| (at, at + signal.blackout)))
        });
        Self {
            offers: offers.collect(),
            mass,
            base: base_presence(spec, &seeds, horizon),
            blackouts,
            seeds,
        }
    }

    /// What is fixed about the `number`-th machine of an offer, if it is launched at `now`.
    pub(crate) fn fate(&self, spec: &WorldSpec, offer: usize, number: u64, now: f64) -> Fate {
        let told = &spec.offers[offer];
        let own = &self.offers[offer];
        let mut stream = self.seeds.stream("machine", &told.name, number);
        let (mu, sigma) = spec.boot.parameters();
        let boot = (mu + sigma * stream.normal()).exp() * own.boot_factor;
        let machine_sigma = spec.troubles.rates.map_or(0.0, |rates| rates.machine_sigma);
        let rate = told.rate * own.rate_factor * (machine_sigma * stream.normal()).exp();
        let mut interruption_at = f64::INFINITY;
        if let Some(spot) = spec.troubles.spot.filter(|_| told.is_spot) {
            interruption_at = now + stream.exponential(3_600.0 / spot.per_hour);
            let first = self.mass.partition_point(|at| *at <= now);
            let mut taken = |at: &f64| *at < interruption_at && stream.uniform() < spot.mass_share;
            if let Some(at) = self.mass[first..].iter().find(|at| taken(at)) {
                interruption_at = *at;
            }
        }
        Fate {
            boot,
            rate,
            interruption_at,
        }
    }

    /// Whether an offer is out of stock at `now`.
    pub(crate) fn is_short(&self, offer: usize, now: f64) -> bool {
        is_inside(&self.offers[offer].shortages, now)
    }

    /// Whether nothing can be read at `now`.
    pub(crate) fn is_dark(&self, now: f64) -> bool {
        is_inside(&self.blackouts, now)
    }

    /// The stream of the `number`-th reading.
    pub(crate) fn reading(&self, number: u64) -> Stream {
        self.seeds.stream("reading", "", number)
    }

    /// Share of all keys in each partition: a Zipf law, its ranks dealt out at random.
    pub(crate) fn weights(&self, partitions: u32, zipf: f64) -> Vec<f64> {
        let ranks = (1..=partitions).map(|rank| f64::from(rank).powf(-zipf));
        let mut weights: Vec<f64> = ranks.collect();
        let sum: f64 = weights.iter().sum();
        let mut stream = self.seeds.stream("keys", "", 0);
        for last in (1..weights.len()).rev() {
            weights.swap(last, stream.below(last + 1));
        }
        weights.iter_mut().for_each(|weight| *weight /= sum);
        weights
    }
}

fn rate_factors(spec: &WorldSpec, seeds: &Seeds) -> Vec<f64> {
    let Some(rates) = spec.troubles.rates else {
        return vec![1.0; spec.offers.len()];
    };
    let draw = |offer: &OfferSpec| {
        seeds
            .stream("rate", &offer.name, 0)
            .between(rates.factor_min, rates.factor_max)
    };
    let mut factors: Vec<f64> = spec.offers.iter().map(draw).collect();
    let offers = f64::from(u32::try_from(factors.len()).unwrap_or(u32::MAX));
    let mean = factors.iter().sum::<f64>() / offers;
    factors.iter_mut().for_each(|factor| *factor /= mean);
    factors
}

fn boot_factor(factors: &[f64], offer: &OfferSpec, seeds: &Seeds) -> f64 {
    let drawn = seeds
        .stream("boot factor", &offer.name, 0)
        .below(factors.len());
    factors.get(drawn).copied().unwrap_or(1.0)
}

/// Every offer's shortages, drawn together: what would be one too many at once waits until another ends.
fn shortages(
    trouble: CapacityTrouble,
    offers: &[OfferSpec],
    seeds: &Seeds,
    horizon: f64,
) -> Vec<Vec<Span>> {
    let mut spans = vec![Vec::new(); offers.len()];
    if trouble.share <= 0.0 || trouble.share >= 1.0 || trouble.at_once_max == 0 {
        return spans;
    }
    let between = trouble.episode_mean * (1.0 - trouble.share) / trouble.share;
    let mut streams: Vec<Stream> = offers
        .iter()
        .map(|offer| seeds.stream("stock", &offer.name, 0))
        .collect();
    // Next shortage of each offer: when, and how long.
    let mut next: Vec<Span> = streams
        .iter_mut()
        .map(|stream| next_shortage(stream, 0.0, between, trouble.episode_mean))
        .collect();
    let mut ends: Vec<f64> = Vec::new();
    while let Some((offer, &(start, lasts))) = next
        .iter()
        .enumerate()
        .min_by(|(_, a), (_, b)| a.0.total_cmp(&b.0))
    {
        if start >= horizon {
            break;
        }
        ends.retain(|end| *end > start);
        if ends.len() >= trouble.at_once_max as usize {
            next[offer].0 = ends.iter().copied().fold(f64::INFINITY, f64::min);
            continue;
        }
        let end = start + lasts;
        ends.push(end);
        spans[offer].push((start, end));
        next[offer] = next_shortage(&mut streams[offer], end, between, trouble.episode_mean);
    }
    spans
}

fn next_shortage(stream: &mut Stream, after: f64, between: f64, mean: f64) -> Span {
    let start = to_grid(after + stream.exponential(between)).max(after + GRID);
    let lasts = to_grid(stream.exponential(mean)).max(GRID);
    (start, lasts)
}

/// When each base worker is there.
fn base_presence(spec: &WorldSpec, seeds: &Seeds, horizon: f64) -> Vec<Vec<Span>> {
    let workers = spec.base.workers as usize;
    let mut losses = vec![Vec::new(); workers];
    if let Some(trouble) = spec.troubles.base.filter(|_| workers > 0) {
        let mut stream = seeds.stream("base", "", 0);
        for at in events(&mut stream, 86_400.0 / trouble.per_day, horizon) {
            losses[stream.below(workers)].push((at, at + trouble.lasts));
        }
    }
    losses
        .into_iter()
        .map(|losses| {
            let mut present = Vec::new();
            let mut from = 0.0;
            for (at, back) in joined(losses.into_iter()) {
                present.push((from, at));
                from = back;
            }
            present.push((from, f64::INFINITY));
            present
        })
        .collect()
}

/// Times of a Poisson process with this mean distance, up to `horizon`.
fn events(stream: &mut Stream, mean: f64, horizon: f64) -> Vec<f64> {
    let mut times = Vec::new();
    if !mean.is_finite() || mean <= 0.0 {
        return times;
    }
    let mut at = stream.exponential(mean);
    while at < horizon {
        times.push(at);
        at += stream.exponential(mean);
    }
    times
}

fn on_grid(times: Vec<f64>) -> Vec<f64> {
    let mut times: Vec<f64> = times.into_iter().map(to_grid).collect();
    times.dedup();
    times
}

fn to_grid(at: f64) -> f64 {
    (at / GRID).round() * GRID
}

/// Spans in order with those that touch made one.
fn joined(spans: impl Iterator<Item = Span>) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for (from, until) in spans {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => joined.push((from, until)),
        }
    }
    joined
}

fn is_inside(spans: &[Span], at: f64) -> bool {
    let after = spans.partition_point(|span| span.0 <= at);
    after > 0 && at < spans[after - 1].1
}
