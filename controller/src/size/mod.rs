//! `spillway size`: how many base workers a load is worth, and what a later deadline saves.
//!
//! ```text
//! load × deadlines × numbers of base workers ─▶ runs of the real planner ─▶ total cost ─▶ the least of each deadline
//! ```
//!
//! First a coarse grid, then every number between the neighbours of the least: cost falls while the base replaces bought
//! machines and rises when it idles, so the least of the grid is next to the least of all, but for the runs' noise.

mod grid;
mod show;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use jiff::SignedDuration;
use spillway_sim::{Scale, ScaleRule, Trace, WorldSpec};

use crate::backtest::ScaleArgs;
use crate::{traces, worlds};
use grid::Question;

/// Width of a bin of a constant load, seconds.
const BIN_SECONDS: f64 = 60.0;
const HOUR: f64 = 3_600.0;
/// Most base workers that are tried.
const WORKERS_MAX: u32 = 10_000;
/// Longest constant load, hours: ten years.
const HOURS_MAX: f64 = 87_600.0;

const EXAMPLES: &str = "\
EXAMPLES:
  How many machines of our own for last month's uploads, and what would 30 minutes save against 15?
    spillway size --trace uploads.csv --drain-within 15m,30m

  The same for a constant load of 500 jobs a second over a week:
    spillway size --rate 500 --hours 168

  With your own prices: edit what this writes, then name it with --world:
    spillway backtest --world calm --print-world > world.yaml
    spillway size --trace uploads.csv --world world.yaml --plot sizes.svg

TOTAL is what the base costs over the load's length, busy or idle, and what is bought by the planner when it would be
late. The least is sought among sizes with at most --late-max late: too small a base with too few offers is no bargain.
The grid is coarse (a step is printed) and then fine around the least; a run has noise of a few per cent of what is
bought, so neighbours that differ by less are as good.";

/// Finds how many base workers a load is worth: total cost by number of workers and by deadline.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "--help shows examples.")]
pub(crate) struct SizeArgs {
    /// A trace.
    #[arg(
        long,
        value_name = "CSV",
        required_unless_present = "rate",
        conflicts_with = "rate"
    )]
    trace: Option<PathBuf>,
    /// A constant load, jobs per second, instead of a trace.
    #[arg(long, value_name = "JOBS")]
    rate: Option<f64>,
    /// How long the constant load lasts.
    #[arg(long, value_name = "HOURS", default_value_t = 24.0)]
    hours: f64,
    /// What workers and machines cost and do: `calm`, `adverse`, or a file.
    #[arg(long, value_name = "WORLD", default_value = "calm")]
    world: String,
    #[command(flatten)]
    scale: ScaleArgs,
    /// Deadlines, as `15m,30m`; the world's if not given.
    #[arg(long, value_name = "DURATION", value_delimiter = ',')]
    drain_within: Vec<SignedDuration>,
    /// Most base workers that are tried; if not given, as many as the largest hour takes, and one more.
    #[arg(long, value_name = "WORKERS")]
    base_max: Option<u32>,
    /// Share of jobs that may be late, 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.001)]
    late_max: f64,
    /// Seeds of what is random; costs are means over them.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    seed: Vec<u64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Draw total cost by number of base workers, a line for each deadline.
    #[arg(long, value_name = "SVG")]
    plot: Option<PathBuf>,
}

// === impl SizeArgs ===

impl SizeArgs {
    pub(crate) fn run(self) -> anyhow::Result<ExitCode> {
        let question = self.question()?;
        let sizing = question.answer();
        if let Some(path) = &self.plot {
            std::fs::write(path, show::svg(&sizing))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        let mut out = std::io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&sizing)?)?;
        } else {
            write!(out, "{}", show::text(&sizing))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn question(&self) -> anyhow::Result<Question> {
        anyhow::ensure!(
            (0.0..=1.0).contains(&self.late_max),
            "--late-max is a share, 0 to 1: {} is none",
            self.late_max
        );
        let world = worlds::named(&self.world, None)?;
        let deadlines = self.deadlines(&world)?;
        let trace = self.load()?;
        // Unlike a backtest, whose traces count in units of their own: who sizes a base knows their counts.
        let rule = self.scale.rule(ScaleRule::Factor(1.0))?;
        let scale = Scale::of(&trace, &world, rule)?;
        let needed = trace.peak(HOUR) / HOUR.min(trace.duration()) * scale.factor / world.base.rate;
        let base_max = match self.base_max {
            Some(most) => most,
            None => grid::at_least(needed).saturating_add(1),
        };
        anyhow::ensure!(
            base_max <= WORKERS_MAX,
            "{base_max} base workers are more than the {WORKERS_MAX} that can be tried: scale the trace (--scale), or \
             say --base-max"
        );
        Ok(Question {
            world,
            trace,
            scale,
            deadlines,
            base_max,
            late_max: self.late_max,
            seeds: self.seed.clone(),
        })
    }

    fn deadlines(&self, world: &WorldSpec) -> anyhow::Result<Vec<f64>> {
        let mut deadlines = Vec::new();
        for within in &self.drain_within {
            let seconds = within.as_secs_f64();
            anyhow::ensure!(
                seconds > world.boot.p50,
                "within {within:#} no bought machine helps: half of them boot longer than {} s",
                world.boot.p50
            );
            deadlines.push(seconds);
        }
        if deadlines.is_empty() {
            deadlines.push(world.drain_within);
        }
        Ok(deadlines)
    }

    fn load(&self) -> anyhow::Result<Trace> {
        if let Some(path) = &self.trace {
            let mut traces = traces::load(std::slice::from_ref(path))?;
            anyhow::ensure!(
                traces.len() == 1,
                "{} holds {} traces: a base is sized for one load",
                path.display(),
                traces.len()
            );
            return Ok(traces.remove(0));
        }
        let rate = self.rate.unwrap_or_default();
        anyhow::ensure!(
            rate.is_finite() && rate > 0.0 && rate <= 1e9,
            "--rate must be above 0 and at most 1e9 jobs per second, is {rate}"
        );
        anyhow::ensure!(
            (0.1..=HOURS_MAX).contains(&self.hours),
            "--hours must be 0.1 to {HOURS_MAX}, is {}",
            self.hours
        );
        let bins = grid::at_least(self.hours * HOUR / BIN_SECONDS);
        let lines = (0..bins)
            .map(|bin| format!("{},{}\n", f64::from(bin) * BIN_SECONDS, rate * BIN_SECONDS));
        let text: String = std::iter::once("t_seconds,arrivals\n".to_owned())
            .chain(lines)
            .collect();
        Ok(Trace::from_csv(&format!("{rate}/s"), &text)?)
    }
}

#[cfg(test)]
mod tests;
