//! The inner loop of tuning: the real planner over many traces in a made world, against bounds.
//!
//! ```sh
//! cargo run --release -p spillway-sim --example calm -- ../shared/traces [--only ko] [--world adverse --seed 1,2]
//! cargo run --release -p spillway-sim --features bound --example calm -- ../shared/traces --world adverse --reckon
//! ```
#![expect(clippy::print_stdout, reason = "a table is what it is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "the world has no clock and no files, who runs it has"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser as _;
use spillway_sim::{
    AssignmentRule, Bound, Decider, LaunchOutcome, Order, Outcome, ReadOrder, RealPlanner, Run,
    Scale, ScaleRule, Score, Trace, Troubles, View, WorldSpec,
};

/// A plan is thousands of small allocations: with the system's allocator the same tables take a third longer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs the real planner over traces and prints what it cost.
#[derive(Debug, clap::Parser)]
struct Options {
    /// Folder of `NAME.csv` files.
    traces: PathBuf,
    /// `calm` or `adverse`.
    #[arg(long, default_value = "calm")]
    world: String,
    /// Troubles of the adverse world that are on, alone: rates, boots, spot, capacity, base, partitions, signal.
    #[arg(long, value_delimiter = ',')]
    trouble: Vec<String>,
    /// Seeds, one run each.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    seed: Vec<u64>,
    /// Only traces whose name contains one of these.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Who deals partitions out, where they make trouble: `weighted` or `group`.
    #[arg(long, default_value = "weighted")]
    assignment: String,
    /// In which order a worker reads its partitions: `oldest` or `equal`.
    #[arg(long, default_value = "oldest")]
    order: String,
    /// How traces are scaled.
    #[arg(long, default_value = "auto")]
    scale: ScaleRule,
    /// Partitions: the planner's time grows with them, its decisions hardly change above the most workers (98).
    #[arg(long, default_value_t = 128)]
    partitions: u32,
    /// Bounds of the calm world: the columns `trace` and `dollars`.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bound/reference.csv"))]
    bounds: PathBuf,
    /// Reckons bounds rather than reading them: the only way where something goes wrong (feature `bound`).
    #[arg(long)]
    reckon: bool,
    /// Bounds that were reckoned before are read from this file, and new ones added to it.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Prints what was paid for: by offer, and the periods that cost most beyond the bound.
    #[arg(long)]
    bill: bool,
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// One run, and how long it took.
struct Row {
    outcome: Outcome,
    bound: Option<Bound>,
    score: Score,
    took: Duration,
    planner_took: Duration,
}

/// A decider, with the time that it takes.
struct Timed {
    decider: RealPlanner,
    took: Duration,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let spec = spec(&options)?;
    let traces = traces(&options)?;
    let bounds = if spec.troubles == Troubles::default() && !options.reckon {
        bounds(&options.bounds)?
    } else {
        BTreeMap::new()
    };
    let kept = Kept::read(options.keep.as_deref())?;
    let rows = run_all(&options, &spec, &traces, &bounds, &kept)?;
    print(&rows);
    if options.bill {
        rows.iter().for_each(|row| print_bill(row, &spec));
    }
    kept.write(options.keep.as_deref())
}

fn spec(options: &Options) -> anyhow::Result<WorldSpec> {
    let mut spec = match options.world.as_str() {
        "calm" => WorldSpec::calm(),
        "adverse" => WorldSpec::adverse(),
        other => anyhow::bail!("`{other}` is no world: calm or adverse"),
    };
    spec.partitions = options.partitions;
    if !options.trouble.is_empty() {
        let names: Vec<&str> = options.trouble.iter().map(String::as_str).collect();
        spec.troubles = WorldSpec::adverse()
            .troubles
            .only(&names)
            .with_context(|| format!("troubles are {}", Troubles::NAMES.join(", ")))?;
        spec.name = options.trouble.join("+");
    }
    if let Some(partitions) = &mut spec.troubles.partitions {
        partitions.assignment = match options.assignment.as_str() {
            "weighted" => AssignmentRule::Weighted,
            "group" => AssignmentRule::Group,
            other => anyhow::bail!("`{other}` is no assignment: weighted or group"),
        };
        partitions.order = match options.order.as_str() {
            "oldest" => ReadOrder::OldestFirst,
            "equal" => ReadOrder::EqualShares,
            other => anyhow::bail!("`{other}` is no order: oldest or equal"),
        };
    }
    Ok(spec)
}

/// Longest first, so that no thread is left alone with a long one.
fn traces(options: &Options) -> anyhow::Result<Vec<Trace>> {
    let mut traces = Vec::new();
    let listed = std::fs::read_dir(&options.traces)
        .with_context(|| format!("cannot list {}", options.traces.display()))?;
    for entry in listed {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let is_wanted = options.only.is_empty() || options.only.iter().any(|it| name.contains(it));
        if path.extension().is_none_or(|kind| kind != "csv") || !is_wanted {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        match Trace::from_csv(&name, &text) {
            Ok(trace) => traces.push(trace),
            // Other tables may lie in the folder.
            Err(_) if !text.starts_with("t_seconds,") => {}
            Err(error) => return Err(error.into()),
        }
    }
    traces.sort_by(|a, b| b.duration().total_cmp(&a.duration()));
    Ok(traces)
}

/// The column `dollars` by the column `trace`.
fn bounds(path: &Path) -> anyhow::Result<BTreeMap<String, Bound>> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let column = |name| {
        let place = header.iter().position(|it| *it == name);
        place.with_context(|| format!("{} has no column {name}", path.display()))
    };
    let (trace, dollars) = (column("trace")?, column("dollars")?);
    let mut bounds = BTreeMap::new();
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        if let (Some(trace), Some(dollars)) = (fields.get(trace), fields.get(dollars)) {
            let known = Bound {
                cost: dollars.parse()?,
                slack_jobs: 0.0,
                periods: Vec::new(),
            };
            bounds.insert((*trace).to_owned(), known);
        }
    }
    Ok(bounds)
}

/// Bounds that were reckoned before, by world, trace and seed.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<String, Bound>>);

impl Kept {
    fn read(path: Option<&Path>) -> anyhow::Result<Self> {
        let Some(path) = path.filter(|path| path.exists()) else {
            return Ok(Self::default());
        };
        let text = std::fs::read_to_string(path)?;
        let known = serde_json::from_str(&text)
            .with_context(|| format!("{} holds no bounds", path.display()))?;
        Ok(Self(Mutex::new(known)))
    }

    fn write(&self, path: Option<&Path>) -> anyhow::Result<()> {
        let Some(path) = path else {
            return Ok(());
        };
        let known = self.0.lock().expect("no run panics holding it");
        Ok(std::fs::write(path, serde_json::to_string(&*known)?)?)
    }

    /// What no policy can beat in this run's world.
    fn of(&self, run: &Run<'_>) -> anyhow::Result<Bound> {
        let key = format!("{} {} {}", run.spec.name, run.trace.name(), run.seed);
        let known = self.0.lock().expect("no run panics holding it");
        if let Some(bound) = known.get(&key) {
            return Ok(bound.clone());
        }
        drop(known);
        let bound = reckoned(run)?;
        let mut known = self.0.lock().expect("no run panics holding it");
        known.insert(key, bound.clone());
        Ok(bound)
    }
}

#[cfg(feature = "bound")]
fn reckoned(run: &Run<'_>) -> anyhow::Result<Bound> {
    let trace = run.trace.scaled(run.scale.factor);
    let realised = run.realised();
    Ok(spillway_sim::bound(
        trace.arrivals(),
        trace.bin_seconds(),
        run.spec,
        Some(&realised),
    )?)
}

#[cfg(not(feature = "bound"))]
fn reckoned(_run: &Run<'_>) -> anyhow::Result<Bound> {
    anyhow::bail!("bounds are reckoned with `--features bound` only")
}

fn run_all(
    options: &Options,
    spec: &WorldSpec,
    traces: &[Trace],
    bounds: &BTreeMap<String, Bound>,
    kept: &Kept,
) -> anyhow::Result<Vec<Row>> {
    let mut jobs = Vec::new();
    for trace in traces {
        let scale = Scale::of(trace, spec, options.scale)?;
        jobs.extend(options.seed.iter().map(|seed| Run {
            spec,
            trace,
            scale,
            seed: *seed,
            points_max: 0,
        }));
    }
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| {
                while let Some(run) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let bound = if options.reckon {
                        kept.of(run).map(Some)
                    } else {
                        Ok(bounds.get(run.trace.name()).cloned())
                    };
                    let row = bound.map(|bound| run_one(run, bound));
                    rows.lock().expect("no run panics holding it").push(row);
                }
            });
        }
    });
    let rows = rows.into_inner().expect("no run panics holding it");
    let mut rows = rows.into_iter().collect::<anyhow::Result<Vec<Row>>>()?;
    rows.sort_by(|a, b| {
        let key = |row: &Row| (row.outcome.trace.clone(), row.outcome.seed);
        key(a).cmp(&key(b))
    });
    Ok(rows)
}

fn run_one(run: &Run<'_>, bound: Option<Bound>) -> Row {
    let began = Instant::now();
    let mut decider = Timed {
        decider: RealPlanner::new(run.spec),
        took: Duration::ZERO,
    };
    let outcome = run.decided_by(&mut decider);
    for (at, violation) in decider.decider.first_violations().iter().take(3) {
        eprintln!("{} at {at:.0} s: {violation}", outcome.trace);
    }
    let score = Score::of(&outcome, None);
    Row {
        score: match &bound {
            Some(bound) => score.against(bound.cost),
            None => score,
        },
        outcome,
        bound,
        took: began.elapsed(),
        planner_took: decider.took,
    }
}

fn print(rows: &[Row]) {
    println!(
        "{:<21} {:>4} {:>7} {:>9} {:>9} {:>8} {:>6} {:>8} {:>6} {:>5} {:>5} {:>4} {:>4} {:>4} {:>6} {:>6}",
        "trace",
        "seed",
        "rule",
        "factor",
        "burst $",
        "bound $",
        "ratio",
        "late %",
        "wait",
        "p50",
        "n",
        "lost",
        "rev",
        "viol",
        "s",
        "of planner"
    );
    for Row {
        outcome,
        score,
        bound,
        took,
        planner_took,
    } in rows
    {
        let or_dash = |number: Option<f64>, digits| {
            number.map_or("–".to_owned(), |number| format!("{number:.digits$}"))
        };
        println!(
            "{:<21} {:>4} {:>7} {:>9.4} {:>9.2} {:>8} {:>6} {:>8.4} {:>6.0} {:>5.0} {:>5} {:>4} {:>4} {:>4} {:>6.2} {:>6.2}",
            score.trace,
            score.seed,
            score.scale,
            outcome.scale.factor,
            score.burst_cost,
            or_dash(score.bound, 2),
            or_dash(score.ratio, 3),
            100.0 * late_beyond(outcome, bound.as_ref()),
            score.wait_max_seconds,
            score.wait_p50_seconds,
            score.launches,
            outcome.lost,
            score.reversals,
            score.violations,
            took.as_secs_f64(),
            planner_took.as_secs_f64(),
        );
    }
    summarise(rows);
}

/// Share of the jobs that were late though the bound is on time with them.
fn late_beyond(outcome: &Outcome, bound: Option<&Bound>) -> f64 {
    let slack = bound.map_or(0.0, |bound| bound.slack_jobs);
    if outcome.arrived > 0.0 {
        (outcome.late - slack).max(0.0) / outcome.arrived
    } else {
        0.0
    }
}

/// What was paid for, by offer, and the periods that cost most beyond the bound.
fn print_bill(row: &Row, spec: &WorldSpec) {
    let outcome = &row.outcome;
    println!("\n{} seed {}", outcome.trace, outcome.seed);
    println!(
        "{:<12} {:>6} {:>5} {:>8} {:>8} {:>8} {:>6} {:>6} {:>7}",
        "offer", "n", "taken", "$", "boot $", "idle $", "rate", "boot s", "$/M"
    );
    for (place, offer) in spec.offers.iter().enumerate() {
        let lives: Vec<_> = outcome
            .lives
            .iter()
            .filter(|it| it.offer == place)
            .collect();
        if lives.is_empty() {
            continue;
        }
        let sum =
            |of: &dyn Fn(&spillway_sim::Life) -> f64| lives.iter().map(|it| of(it)).sum::<f64>();
        let count = sum(&|_| 1.0);
        let price = offer.price / 3_600.0;
        let booted = sum(&|it| price * it.boot.min(it.ended_at - it.launched_at));
        let cost = sum(&|it| it.cost);
        let done = sum(&|it| it.done);
        let busy = sum(&|it| price * it.done / it.rate);
        println!(
            "{:<12} {:>6} {:>5} {:>8.2} {:>8.2} {:>8.2} {:>6.1} {:>6.0} {:>7.2}",
            offer.name,
            count,
            sum(&|it| f64::from(u8::from(it.end == spillway_sim::End::Taken))),
            cost,
            booted,
            cost - booted - busy,
            sum(&|it| it.rate) / count,
            sum(&|it| it.boot) / count,
            cost / done * 1e6,
        );
    }
    let Some(bound) = &row.bound else { return };
    let mut periods: Vec<_> = bound
        .periods
        .iter()
        .map(|period| {
            let own = outcome
                .lives
                .iter()
                .filter(|life| (period.from - 900.0..period.until).contains(&life.launched_at));
            (own.map(|life| life.cost).sum::<f64>(), period)
        })
        .collect();
    periods.sort_by(|a, b| (b.0 - b.1.cost).total_cmp(&(a.0 - a.1.cost)));
    println!("{} periods; the dearest beyond the bound:", periods.len());
    for (cost, period) in periods.iter().take(6) {
        println!(
            "  {:>9.0} to {:>9.0} s: ${cost:.2} for ${:.2}",
            period.from, period.until, period.cost
        );
    }
}

/// Of each trace the mean cost over its seeds against the mean bound.
fn summarise(rows: &[Row]) {
    let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for Row { score, .. } in rows {
        if let Some(bound) = score.bound {
            let (cost, bounds) = sums.entry(&score.trace).or_default();
            *cost += score.burst_cost;
            *bounds += bound;
        }
    }
    let ratios = sums.values().filter(|(_, bound)| *bound > 0.0);
    let ratios: Vec<f64> = ratios.map(|(cost, bound)| cost / bound).collect();
    let free = sums.values().filter(|(_, bound)| *bound <= 0.0);
    let spent_for_nothing = free.fold(0.0, |sum, (cost, _)| sum + cost);
    if !ratios.is_empty() {
        let logs: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
        let count = f64::from(u32::try_from(ratios.len()).unwrap_or(u32::MAX));
        println!(
            "geometric mean {:.4} of {count} traces, worst {:.3}; ${spent_for_nothing:.2} where the bound is 0",
            (logs / count).exp(),
            ratios.iter().copied().fold(0.0, f64::max)
        );
    }
    let all: f64 = rows.iter().map(|row| row.score.burst_cost).sum();
    let time = |of: fn(&Row) -> Duration| rows.iter().map(of).sum::<Duration>().as_secs_f64();
    println!(
        "${all:.2} in all; {:.1} s of work, {:.1} s of it the planner's",
        time(|row| row.took),
        time(|row| row.planner_took)
    );
}

impl Decider for Timed {
    fn name(&self) -> &str {
        self.decider.name()
    }

    fn decide(&mut self, now: f64, view: &View<'_>) -> Vec<Order> {
        let began = Instant::now();
        let orders = self.decider.decide(now, view);
        self.took += began.elapsed();
        orders
    }

    fn launched(&mut self, now: f64, offer: usize, outcome: LaunchOutcome) {
        self.decider.launched(now, offer, outcome);
    }

    fn violations(&self) -> u64 {
        self.decider.violations()
    }
}
