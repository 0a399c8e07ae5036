//! `spillway backtest`: what policies would have done with traces, what it would have cost, and what nobody can beat.
//!
//! ```text
//! traces × candidates × seeds ─▶ runs (spillway-sim, on all cores) ─▶ rows ─▶ table, JSON, plot, conditions
//! ```

mod bounds;
mod candidate;
mod cloud;
mod condition;
mod frontier;
mod plot;
mod row;
mod spot;
mod summary;
mod table;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;
use spillway_sim::{Outcome, Run, Scale, ScaleRule, Trace, WorldSpec};

use crate::{parallel, traces, worlds};
pub(crate) use candidate::{Candidate, PolicyFile};
use cloud::CloudComparison;
use condition::Condition;
use frontier::FrontierPoint;
pub(crate) use row::Row;
use summary::PolicySummary;

/// Points of a plot at most.
const POINTS_MAX: usize = 1_200;

const EXAMPLES: &str = "\
EXAMPLES:
  The planner as it is, over a folder of traces, beside what others run today:
    spillway backtest --trace traces/ --baseline all

  A policy of yours on one trace with its own counts, in the world that the policy tells of:
    spillway backtest --policy policy.yaml --world policy --trace uploads.csv --scale 1

  A gate for CI: fails with code 2 and names the rows when a message would be late or money runs away:
    spillway backtest --policy policy.yaml --trace traces/ --fail-if 'late_messages > 0 || cost > 120'

  How far from the least that is possible, with everything going wrong, five times:
    spillway backtest --trace traces/ --world adverse --seed 1,2,3,4,5 --bound

  What it costs to have bursts done sooner, drawn:
    spillway backtest --trace traces/ --sooner 20,40,60,80 --frontier frontier.svg

  What one trouble does alone (rates, boots, spot, capacity, base, partitions, signal):
    spillway backtest --trace traces/ --world adverse:spot --bound

  A world of your own, to begin with:
    spillway backtest --world calm --print-world > world.yaml

TRACES are CSV files with the header `t_seconds,arrivals`: when a bin begins, and how many jobs came in it.
Bins are of equal width, without gaps, from 0 on.

CONDITIONS compare fields of a row with numbers or with each other (< <= > >= == !=) and join with && || ! ( ).
  Fields: cost (= burst_cost) burst_cost base_cost bound ratio late_share late_messages late_beyond_share
  wait_max_seconds wait_p50_seconds launches reversals violations seed budget_exceeded

LATE is a job served more than its policy's drainWithin after it arrived; for baselines, the world's.
COST is what bought machines cost; the base costs the same whatever is decided, and stands apart.";

/// Tries policies on recorded or made load: what they would have bought, what it would have cost, what would have been
/// late.
///
/// Runs the real planner in a made world, where machines take minutes to boot and, in the adverse one, everything goes
/// wrong that goes wrong. Exit code 2 says that a condition of --fail-if holds.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "--help shows examples and the language of --fail-if.")]
pub(crate) struct BacktestArgs {
    /// A policy to try; may be given again. If none is given: what the world's people were told, as a policy.
    #[arg(long, value_name = "FILE")]
    policy: Vec<PathBuf>,
    /// A trace, or a folder of them; may be given again.
    #[arg(long, value_name = "CSV", required_unless_present = "print_world")]
    trace: Vec<PathBuf>,
    /// Where it runs: `calm`, `adverse`, `adverse:TROUBLE,…`, `policy` (as the first policy tells), or a file.
    #[arg(long, value_name = "WORLD", default_value = "calm")]
    world: String,
    /// A recorded spot market (`t_seconds,available`, a line at each change): every spot offer has as many machines, in
    /// proportion to its most, and takes them back when there are fewer.
    #[arg(long, value_name = "CSV")]
    spot: Option<PathBuf>,
    /// Print the world as YAML, to be edited and named with --world, and do nothing else.
    #[arg(long)]
    print_world: bool,
    #[command(flatten)]
    scale: ScaleArgs,
    /// Seeds of what is random, one run each; the calm world's boots are random too.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    seed: Vec<u64>,
    /// What others run today, beside the policies; `all` for each of them.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    baseline: Vec<String>,
    /// Reckon what no policy can beat, and the ratio to it.
    #[arg(long)]
    bound: bool,
    /// Reckon what the same work costs without a base, everything bought, by the same policy.
    #[arg(long)]
    compare_cloud: bool,
    /// Try the first policy also with these `behavior.sooner`, percent of the deadline.
    #[arg(long, value_name = "PERCENT", value_delimiter = ',')]
    sooner: Vec<u32>,
    /// Draw what `--sooner` costs against how long jobs wait.
    #[arg(long, value_name = "SVG", requires = "sooner")]
    frontier: Option<PathBuf>,
    /// Print JSON: `{"rows": […], "policies": […], "cloud": […], "frontier": […]}`.
    #[arg(long)]
    json: bool,
    /// Draw backlog, capacity and spend over time; for one trace, one policy and one seed.
    #[arg(long, value_name = "SVG")]
    plot: Option<PathBuf>,
    /// Fail with code 2 when this holds for a row; may be given again.
    #[arg(long, value_name = "CONDITION")]
    fail_if: Vec<String>,
}

/// How traces are scaled to the world; published traces count in units of their own.
#[derive(Debug, Clone, Copy, Args)]
#[group(multiple = false)]
pub(crate) struct ScaleArgs {
    /// `auto` (by its shape), `steady` (the median hour is 60 % of the base), `flash` (two million in the largest hour),
    /// or a factor: 1 leaves the counts as they are.
    #[arg(long, value_name = "RULE")]
    scale: Option<ScaleRule>,
    /// Scale so that the largest hour has so many jobs.
    #[arg(long, value_name = "JOBS")]
    peak_hour: Option<f64>,
    /// Scale so that the median hour has so many jobs.
    #[arg(long, value_name = "JOBS")]
    median_hour: Option<f64>,
}

/// Everything that a backtest is made of, checked.
struct Backtest {
    world: WorldSpec,
    files: Vec<PolicyFile>,
    candidates: Vec<Candidate>,
    traces: Vec<Trace>,
    scales: Vec<Scale>,
    conditions: Vec<Condition>,
    /// Candidates that differ in how much of a hurry they are in alone, and in how much; empty if that was not asked.
    hurries: Vec<(String, u32)>,
}

/// One run, by the places of what it is made of.
#[derive(Debug, Clone, Copy)]
struct Job {
    trace: usize,
    candidate: usize,
    seed: u64,
}

/// Everything that `--json` prints.
#[derive(Debug, Serialize)]
struct Whole<'a> {
    rows: &'a [Row],
    policies: Vec<PolicySummary>,
    cloud: &'a [CloudComparison],
    frontier: &'a [FrontierPoint],
}

// === impl ScaleArgs ===

impl ScaleArgs {
    /// The rule that was asked for, or `default`.
    ///
    /// # Errors
    /// When a count is no usable number.
    pub(crate) fn rule(self, default: ScaleRule) -> anyhow::Result<ScaleRule> {
        let jobs = |name: &str, jobs: f64| {
            anyhow::ensure!(
                jobs.is_finite() && jobs > 0.0,
                "--{name} must be above 0 jobs, is {jobs}"
            );
            Ok(jobs)
        };
        Ok(match (self.scale, self.peak_hour, self.median_hour) {
            (_, Some(peak), _) => ScaleRule::PeakHour(jobs("peak-hour", peak)?),
            (_, _, Some(median)) => ScaleRule::MedianHour(jobs("median-hour", median)?),
            (rule, _, _) => rule.unwrap_or(default),
        })
    }
}

// === impl BacktestArgs ===

impl BacktestArgs {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        // What was typed is judged before anything takes long.
        let conditions = self.conditions()?;
        let mut files = Vec::new();
        for path in &self.policy {
            match PolicyFile::load(path) {
                Ok(file) => files.push(file),
                Err(report) => return Ok(report.show()),
            }
        }
        let mut world = worlds::named(&self.world, files.first().map(|file| &file.policy))?;
        if let Some(path) = &self.spot {
            anyhow::ensure!(
                world.offers.iter().any(|offer| offer.is_spot),
                "--spot: the world {} has no spot offer",
                world.name
            );
            world.troubles.spot_series = Some(spot::load(path)?);
            world.check()?;
        }
        if self.print_world {
            write!(std::io::stdout(), "{}", serde_yaml::to_string(&world)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        if self.bound {
            bounds::check()?;
        }
        let backtest = self.backtest(world, files, conditions)?;
        backtest.run(&self)
    }

    fn conditions(&self) -> anyhow::Result<Vec<Condition>> {
        let mut conditions = Vec::new();
        for text in &self.fail_if {
            let condition: Condition = text
                .parse()
                .map_err(|error| anyhow::anyhow!("--fail-if, {error}"))?;
            let is_blind = ["bound", "ratio"]
                .into_iter()
                .find(|name| !self.bound && condition.asks_for(name));
            if let Some(name) = is_blind {
                anyhow::bail!("--fail-if '{text}' asks for `{name}`, which takes --bound");
            }
            conditions.push(condition);
        }
        Ok(conditions)
    }

    fn backtest(
        &self,
        world: WorldSpec,
        files: Vec<PolicyFile>,
        conditions: Vec<Condition>,
    ) -> anyhow::Result<Backtest> {
        let mut candidates = Vec::new();
        if files.is_empty() {
            candidates.push(Candidate::told(&world));
        }
        for file in &files {
            // Two versions of one policy have one name: then the files' names tell them apart.
            let is_alone = files
                .iter()
                .filter(|it| it.policy.name() == file.policy.name());
            let name = match is_alone.count() {
                1 => file.policy.name().to_owned(),
                _ => file.path.display().to_string(),
            };
            candidates.push(Candidate::of_file(&world, file, name)?);
        }
        let hurries = Candidate::hurried(&world, files.first(), &mut candidates, &self.sooner)?;
        candidates.extend(Candidate::baselines(&world, &self.baseline)?);
        let names: BTreeSet<&str> = candidates.iter().map(|it| it.name.as_str()).collect();
        anyhow::ensure!(
            names.len() == candidates.len(),
            "two candidates have one name: name a policy file once, and no policy as a baseline"
        );
        let traces = traces::load(&self.trace)?;
        let rule = self.scale.rule(ScaleRule::Auto)?;
        let scales: Result<Vec<Scale>, _> = traces
            .iter()
            .map(|trace| Scale::of(trace, &world, rule))
            .collect();
        if self.plot.is_some() {
            let runs = traces.len() * candidates.len() * self.seed.len();
            anyhow::ensure!(
                runs == 1,
                "--plot draws one run and these are {runs}: one trace, one policy, one seed"
            );
        }
        Ok(Backtest {
            world,
            files,
            candidates,
            traces,
            scales: scales?,
            conditions,
            hurries,
        })
    }
}

// === impl Backtest ===

impl Backtest {
    fn run(&self, args: &BacktestArgs) -> anyhow::Result<ExitCode> {
        for line in self.candidates.iter().filter_map(Candidate::disagreement) {
            writeln!(std::io::stderr(), "note: {line}")?;
        }
        let jobs = self.jobs(&args.seed);
        let points_max = if args.plot.is_some() { POINTS_MAX } else { 0 };
        let outcomes = self.outcomes(&jobs, points_max);
        if let (Some(path), [outcome]) = (&args.plot, outcomes.as_slice()) {
            let drawing = plot::svg(outcome, &self.candidates[0].spec);
            std::fs::write(path, drawing)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let mut rows = self.rows(&jobs, &outcomes);
        if args.bound {
            rows = bounds::add(self, &jobs, rows)?;
        }
        let clouds = if args.compare_cloud {
            cloud::compare(self, &args.seed, &rows)?
        } else {
            Vec::new()
        };
        let points = frontier::points(&rows, &self.hurries);
        if let Some(path) = &args.frontier {
            std::fs::write(path, frontier::svg(&points, &self.world.name))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let mut out = std::io::stdout().lock();
        if args.json {
            let whole = Whole {
                policies: summary::policies(&rows),
                rows: &rows,
                cloud: &clouds,
                frontier: &points,
            };
            writeln!(out, "{}", serde_json::to_string_pretty(&whole)?)?;
        } else {
            let head = worlds::sentence(&self.world);
            write!(out, "{}", table::text(&head, &rows, &clouds, &points))?;
        }
        self.verdict(&rows)
    }

    fn jobs(&self, seeds: &[u64]) -> Vec<Job> {
        let mut jobs = Vec::new();
        for trace in 0..self.traces.len() {
            for candidate in 0..self.candidates.len() {
                jobs.extend(seeds.iter().map(|seed| Job {
                    trace,
                    candidate,
                    seed: *seed,
                }));
            }
        }
        jobs
    }

    fn outcomes(&self, jobs: &[Job], points_max: usize) -> Vec<Outcome> {
        let weight = |job: &Job| self.traces[job.trace].duration();
        parallel::each("runs", jobs, weight, |job| {
            let candidate = &self.candidates[job.candidate];
            let trace = &self.traces[job.trace];
            let scale = self.scales[job.trace];
            let run = Run {
                spec: &candidate.spec,
                trace,
                scale,
                seed: job.seed,
                points_max,
            };
            let mut decider = candidate.decider(trace, scale.factor);
            run.decided_by(decider.as_mut())
        })
    }

    fn rows(&self, jobs: &[Job], outcomes: &[Outcome]) -> Vec<Row> {
        let rows = jobs.iter().zip(outcomes).map(|(job, outcome)| {
            let candidate = &self.candidates[job.candidate];
            Row::of(outcome, &candidate.name, candidate.limits)
        });
        rows.collect()
    }

    /// Code 2 where a condition holds, with the rows that made it hold on stderr.
    fn verdict(&self, rows: &[Row]) -> anyhow::Result<ExitCode> {
        let mut code = ExitCode::SUCCESS;
        let mut stderr = std::io::stderr();
        for condition in &self.conditions {
            let held: Vec<&Row> = rows
                .iter()
                .filter(|row| condition.holds(row) == Some(true))
                .collect();
            if held.is_empty() {
                continue;
            }
            code = ExitCode::from(2);
            writeln!(
                stderr,
                "failed: `{}` holds for {} of {} rows",
                condition.text(),
                held.len(),
                rows.len()
            )?;
            for row in held {
                writeln!(
                    stderr,
                    "    {} · {} · seed {}: {}",
                    row.trace,
                    row.policy,
                    row.seed,
                    condition.told(row)
                )?;
            }
        }
        Ok(code)
    }
}

#[cfg(test)]
mod tests;
