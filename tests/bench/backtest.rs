//! Deciding: both made worlds over all published traces, against the bound and beside what others run today.
//!
//! Everything here is `spillway backtest` as a person would call it; what is added is the arithmetic over its rows.
//! `SPILLWAY_TRACES` names the folder of traces (`../shared/traces` beside the checkout if not given),
//! `SPILLWAY_BENCH_SEEDS` the seeds of the adverse world (`1,2,3,4,5`).

mod report;

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, ensure};
use serde::Deserialize;
use spillway_tests::require_program;

use report::{Report, root};

const PLANNER: &str = "spillway";
const SEEDS: &str = "1,2,3,4,5";
const TROUBLES: [&str; 7] = [
    "rates",
    "boots",
    "spot",
    "capacity",
    "base",
    "partitions",
    "signal",
];
const BASELINES: [&str; 7] = [
    "static-peak",
    "threshold",
    "keda-spot",
    "keda-od",
    "keda-480",
    "flink",
    "skyserve",
];
/// Percent of the deadline.
const SOONER: [u32; 5] = [10, 25, 50, 65, 80];
/// A trace of fourteen days, with bursts.
const TWO_WEEKS: &str = "sg_noisy_s35";

/// What `spillway backtest --json` prints, as far as it is used.
#[derive(Debug, Deserialize)]
struct Whole {
    rows: Vec<Row>,
    policies: Vec<Summary>,
    cloud: Vec<Cloud>,
    frontier: Vec<FrontierPoint>,
}

#[derive(Debug, Deserialize)]
struct Row {
    trace: String,
    policy: String,
    late_messages: u64,
    burst_cost: f64,
    bound: Option<f64>,
    late_beyond_share: Option<f64>,
    violations: u64,
}

#[derive(Debug, Deserialize)]
struct Summary {
    policy: String,
    ratio_geometric_mean: Option<f64>,
    ratio_worst: Option<f64>,
    spent_where_bound_is_zero: f64,
    late_beyond_worst: f64,
}

#[derive(Debug, Deserialize)]
struct Cloud {
    trace: String,
    hybrid_cost: f64,
    all_cloud_cost: f64,
    saving_share: Option<f64>,
}

#[derive(Debug, Deserialize)]
struct FrontierPoint {
    sooner: u32,
    cost_ratio: f64,
    wait_max_seconds: f64,
}

/// Where the traces are, and how `spillway` is called on them.
struct Bench {
    traces: PathBuf,
    seeds: String,
    out: PathBuf,
    /// Everything that people look at: tables of rows.
    told: String,
}

fn main() -> anyhow::Result<()> {
    let mut report = Report::begin("backtest")?;
    let traces = env::var_os("SPILLWAY_TRACES")
        .map_or_else(|| root().join("../shared/traces"), PathBuf::from);
    if !traces.is_dir() {
        let why = format!("no traces in {}: set SPILLWAY_TRACES", traces.display());
        report.none_run(&why);
        return report.finish();
    }
    let out = root().join("target/bench");
    fs::create_dir_all(&out)?;
    let mut bench = Bench {
        traces,
        seeds: env::var("SPILLWAY_BENCH_SEEDS").unwrap_or_else(|_| SEEDS.to_owned()),
        out,
        told: String::new(),
    };
    bench.speed(&mut report)?;
    bench.calm(&mut report)?;
    bench.adverse(&mut report)?;
    bench.troubles(&mut report)?;
    bench.hybrid(&mut report)?;
    bench.frontier(&mut report)?;
    let tables = bench.out.join("backtest.md");
    fs::write(&tables, &bench.told)?;
    report.finish()
}

// === impl Bench ===

impl Bench {
    /// One call of `spillway backtest` over all traces.
    fn backtest(&self, trace: &Path, arguments: &[&str]) -> anyhow::Result<Whole> {
        let mut command = require_program("spillway").context("spillway is not built")?;
        command.args(["backtest", "--json", "--trace"]).arg(trace);
        command.args(arguments);
        let output = command.output().context("spillway does not start")?;
        ensure!(
            output.status.success(),
            "spillway backtest {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).context("spillway backtest prints something else")
    }

    fn calm(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let arguments = ["--bound", "--baseline", "all"];
        let whole = self.backtest(&self.traces, &arguments)?;
        let own = of(&whole, PLANNER)?;
        let how = "21 traces, seed 1, one default policy";
        report.figure("calm_ratio", ratio(own)?, "ratio", how)?;
        report.figure("calm_ratio_worst", worst(own)?, "ratio", how)?;
        report.figure("calm_late", late(&whole, PLANNER), "jobs", how)?;
        let for_nothing = own.spent_where_bound_is_zero;
        report.figure("calm_spent_for_nothing", for_nothing, "$", how)?;
        for name in BASELINES {
            let figure = format!("calm_{}", underscored(name));
            report.figure(&figure, ratio(of(&whole, name)?)?, "ratio", how)?;
        }
        self.told.push_str(&table("calm", &whole));
        Ok(())
    }

    fn adverse(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let arguments = [
            "--world",
            "adverse",
            "--seed",
            self.seeds.as_str(),
            "--bound",
            "--baseline",
            "all",
        ];
        let whole = self.backtest(&self.traces, &arguments)?;
        let own = of(&whole, PLANNER)?;
        let how = format!(
            "21 traces, seeds {}, mean cost ÷ mean bound of each trace",
            self.seeds
        );
        report.figure("adverse_ratio", ratio(own)?, "ratio", &how)?;
        report.figure("adverse_ratio_worst", worst(own)?, "ratio", &how)?;
        let percent = 100.0 * own.late_beyond_worst;
        report.figure("adverse_late_beyond", percent, "%", &how)?;
        let broken = whole.rows.iter().filter(|row| row.policy == PLANNER);
        let broken: u64 = broken.map(|row| row.violations).sum();
        report.figure("adverse_rules_broken", number(broken), "plans", &how)?;
        for name in BASELINES {
            let summary = of(&whole, name)?;
            let figure = format!("adverse_{}", underscored(name));
            report.figure(&figure, ratio(summary)?, "ratio", &how)?;
            let percent = 100.0 * summary.late_beyond_worst;
            report.figure(&format!("{figure}_late"), percent, "%", &how)?;
        }
        self.told.push_str(&table("adverse", &whole));
        Ok(())
    }

    /// Each trouble alone, so that one sees what hurts.
    fn troubles(&mut self, report: &mut Report) -> anyhow::Result<()> {
        for trouble in TROUBLES {
            let world = format!("adverse:{trouble}");
            let whole = self.backtest(&self.traces, &["--world", world.as_str(), "--bound"])?;
            let how = "21 traces, seed 1, no other trouble";
            let figure = format!("alone_{trouble}");
            report.figure(&figure, ratio(of(&whole, PLANNER)?)?, "ratio", how)?;
        }
        Ok(())
    }

    /// Base and bought machines against bought ones alone.
    fn hybrid(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let whole = self.backtest(&self.traces, &["--compare-cloud"])?;
        let mut savings: Vec<f64> = whole
            .cloud
            .iter()
            .filter_map(|it| it.saving_share)
            .collect();
        savings.sort_by(f64::total_cmp);
        let middle = *savings
            .get(savings.len() / 2)
            .context("nothing was compared")?;
        let best = savings.last().copied().unwrap_or(middle);
        let how = "1 − (base + bought) ÷ all bought, calm world, list prices, a base that is paid when idle";
        report.figure("hybrid_saving_median", 100.0 * middle, "%", how)?;
        report.figure("hybrid_saving_most", 100.0 * best, "%", how)?;
        self.told.push_str(
            "\n### hybrid against all cloud, calm\n\n| trace | base and bought $ | all bought $ | saved % |\n|---|---|---|---|\n",
        );
        for cloud in &whole.cloud {
            let saved = cloud
                .saving_share
                .map_or("–".to_owned(), |share| format!("{:.1}", 100.0 * share));
            self.told.push_str(&format!(
                "| {} | {:.2} | {:.2} | {saved} |\n",
                cloud.trace, cloud.hybrid_cost, cloud.all_cloud_cost
            ));
        }
        Ok(())
    }

    /// Cost against waiting.
    fn frontier(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let sooner = SOONER.map(|percent| percent.to_string()).join(",");
        let drawing = self.out.join("frontier.svg");
        let drawing = drawing.to_string_lossy();
        let arguments = ["--sooner", sooner.as_str(), "--frontier", &*drawing];
        let whole = self.backtest(&self.traces, &arguments)?;
        self.told.push_str(
            "\n### done sooner, calm\n\n| sooner % | cost, of that without hurry | longest wait s |\n|---|---|---|\n",
        );
        for point in &whole.frontier {
            self.told.push_str(&format!(
                "| {} | {:.3} | {:.0} |\n",
                point.sooner, point.cost_ratio, point.wait_max_seconds
            ));
            if point.sooner > 0 {
                let figure = format!("sooner_{}_cost", point.sooner);
                let how =
                    "cost ÷ cost without hurry, geometric mean of the traces that buy, calm world";
                report.figure(&figure, point.cost_ratio, "ratio", how)?;
            }
        }
        Ok(())
    }

    /// How long a trace takes, and its bound: by the clock of this machine, whatever else it does.
    fn speed(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let trace = self.traces.join(format!("{TWO_WEEKS}.csv"));
        let took = |arguments: &[&str]| {
            let began = Instant::now();
            self.backtest(&trace, arguments)?;
            anyhow::Ok(began.elapsed().as_secs_f64())
        };
        let alone = took(&[])?;
        let with_bound = took(&["--bound"])?;
        let how = format!("{TWO_WEEKS}, the program's start among it");
        report.figure("trace_of_two_weeks", alone, "s", &how)?;
        let bound = (with_bound - alone).max(0.0);
        report.figure("bound_of_two_weeks", bound, "s", &how)
    }
}

fn of<'a>(whole: &'a Whole, policy: &str) -> anyhow::Result<&'a Summary> {
    let found = whole.policies.iter().find(|it| it.policy == policy);
    found.with_context(|| format!("{policy} was not run"))
}

fn ratio(summary: &Summary) -> anyhow::Result<f64> {
    let ratio = summary.ratio_geometric_mean;
    ratio.with_context(|| format!("{} has no bound", summary.policy))
}

fn worst(summary: &Summary) -> anyhow::Result<f64> {
    let ratio = summary.ratio_worst;
    ratio.with_context(|| format!("{} has no bound", summary.policy))
}

fn late(whole: &Whole, policy: &str) -> f64 {
    let own = whole.rows.iter().filter(|row| row.policy == policy);
    number(own.map(|row| row.late_messages).sum())
}

/// Means over the seeds: every policy's cost ÷ bound by trace, and the share that was late though nobody has to be.
fn table(world: &str, whole: &Whole) -> String {
    let mut names: Vec<&str> = Vec::new();
    let mut traces: Vec<&str> = Vec::new();
    for row in &whole.rows {
        if !names.contains(&row.policy.as_str()) {
            names.push(&row.policy);
        }
        if !traces.contains(&row.trace.as_str()) {
            traces.push(&row.trace);
        }
    }
    let mut text = format!(
        "\n### {world}\n\nBurst cost ÷ bound; $ where the bound is 0; ^x: x % late though nobody has to be.\n\n| trace | bound $ | {} |\n|{}\n",
        names.join(" | "),
        "---|".repeat(names.len() + 2)
    );
    for trace in traces {
        let rows = || whole.rows.iter().filter(move |row| row.trace == trace);
        let bounds: Vec<f64> = rows()
            .filter(|row| row.policy == names[0])
            .filter_map(|row| row.bound)
            .collect();
        let seeds = number(bounds.len() as u64).max(1.0);
        let bound = bounds.iter().sum::<f64>() / seeds;
        text.push_str(&format!("| {trace} | {bound:.2} |"));
        for name in &names {
            let own = || rows().filter(move |row| row.policy == *name);
            let cost = own().map(|row| row.burst_cost).sum::<f64>() / seeds;
            let late = own().filter_map(|row| row.late_beyond_share).sum::<f64>() / seeds;
            let mark = if late > 0.000_005 {
                format!("^{:.3}", 100.0 * late)
            } else {
                String::new()
            };
            if bound > 0.0 {
                text.push_str(&format!(" {:.3}{mark} |", cost / bound));
            } else {
                text.push_str(&format!(" ${cost:.2}{mark} |"));
            }
        }
        text.push('\n');
    }
    text
}

fn underscored(name: &str) -> String {
    name.replace('-', "_")
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn number(count: u64) -> f64 {
    count as f64
}
