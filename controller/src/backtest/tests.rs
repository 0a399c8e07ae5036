//! The command as a whole, on small traces.

use std::path::Path;

use clap::Parser as _;

use super::*;

/// The command's arguments, as clap makes them of a line.
#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    args: BacktestArgs,
}

fn parsed(line: &[&str]) -> BacktestArgs {
    let line = std::iter::once("backtest").chain(line.iter().copied());
    Line::try_parse_from(line)
        .unwrap_or_else(|error| panic!("{error}"))
        .args
}

/// A folder with two small traces, a burst and a calm one, and a table that is none.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let csv = |bins: &[u32]| {
        let lines = bins.iter().enumerate();
        let lines: String = lines
            .map(|(place, jobs)| format!("{},{jobs}\n", place * 60))
            .collect();
        format!("t_seconds,arrivals\n{lines}")
    };
    let mut burst = [600; 60];
    burst[20..30].fill(90_000);
    write(&folder, "burst.csv", &csv(&burst));
    write(&folder, "quiet.csv", &csv(&[600; 60]));
    write(&folder, "prices.csv", "offer,price\na,1\n");
    folder
}

fn write(folder: &tempfile::TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).unwrap();
}

fn backtest(args: &BacktestArgs) -> Backtest {
    let world = worlds::named(&args.world, None).unwrap();
    args.backtest(world, Vec::new(), args.conditions().unwrap())
        .unwrap()
}

fn rows(args: &BacktestArgs) -> Vec<Row> {
    let backtest = backtest(args);
    let jobs = backtest.jobs(&args.seed);
    backtest.rows(&jobs, &backtest.outcomes(&jobs, 0))
}

#[test]
fn a_folder_is_its_traces_and_the_planner_beats_a_baseline_on_time() {
    let folder = folder();
    let path = folder.path().display().to_string();
    let rows = rows(&parsed(&[
        "--trace",
        &path,
        "--scale",
        "1",
        "--baseline",
        "static-peak",
    ]));
    let names: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row.trace.as_str(), row.policy.as_str()))
        .collect();
    assert_eq!(
        names,
        [
            ("burst", "spillway"),
            ("burst", "static-peak"),
            ("quiet", "spillway"),
            ("quiet", "static-peak")
        ]
    );
    assert_eq!(rows[0].late_messages, 0, "{:?}", rows[0]);
    assert!(rows[0].burst_cost > 0.0 && rows[0].burst_cost < rows[1].burst_cost);
    assert!(rows[2].launches == 0 && rows[2].scale == "x1");
}

#[test]
fn a_condition_that_holds_fails_with_its_own_code() {
    let folder = folder();
    let path = folder.path().join("quiet.csv").display().to_string();
    let run = |condition: &str| {
        let args = parsed(&["--trace", &path, "--scale", "1", "--fail-if", condition]);
        let (rows, backtest) = (rows(&args), backtest(&args));
        backtest.verdict(&rows).unwrap()
    };
    assert_eq!(run("late_messages > 0"), ExitCode::SUCCESS);
    assert_eq!(run("late_messages == 0 && cost == 0"), ExitCode::from(2));
}

#[test]
fn what_a_condition_cannot_know_is_said_before_anything_runs() {
    let args = parsed(&["--trace", "no-such.csv", "--fail-if", "ratio > 1.3"]);
    let error = args.run().unwrap_err().to_string();
    assert_eq!(
        error,
        "--fail-if 'ratio > 1.3' asks for `ratio`, which takes --bound"
    );
}

#[test]
fn a_bad_trace_is_told_by_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    write(
        &folder,
        "bad.csv",
        "t_seconds,arrivals\n0,5\n60,-3\n120,x\n240,1,2\n",
    );
    let path = folder.path().join("bad.csv");
    let args = parsed(&["--trace", &path.display().to_string()]);
    let told = args.run().unwrap_err().to_string();
    let told = told.replace(&folder.path().display().to_string(), "FOLDER");
    insta::assert_snapshot!(told);
}

#[test]
fn mistakes_in_arguments_say_what_to_do() {
    let folder = folder();
    let trace = folder.path().join("quiet.csv").display().to_string();
    let policy = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../policies/recognition.yaml")
        .display()
        .to_string();
    let empty = tempfile::tempdir().unwrap();
    let nothing = empty.path().display().to_string();
    let lines: [&[&str]; 8] = [
        &["--trace", "no-such.csv"],
        &["--trace", &nothing],
        &["--trace", &trace, "--world", "stormy"],
        &["--trace", &trace, "--world", "policy"],
        &["--trace", &trace, "--baseline", "kedda"],
        &["--trace", &trace, "--policy", &policy],
        &["--trace", &trace, "--plot", "x.svg", "--seed", "1,2"],
        &["--trace", &trace, "--peak-hour", "0"],
    ];
    let told: Vec<String> = lines
        .iter()
        .map(|line| format!("{:#}", parsed(line).run().unwrap_err()))
        .collect();
    let told = told
        .join("\n\n")
        .replace(&policy, "recognition.yaml")
        .replace(&nothing, "EMPTY");
    insta::assert_snapshot!(told);
}

#[test]
fn the_same_work_all_bought_costs_something_where_the_base_did_it() {
    let folder = folder();
    let path = folder.path().join("quiet.csv").display().to_string();
    let args = parsed(&["--trace", &path, "--scale", "20", "--compare-cloud"]);
    let (rows, backtest) = (rows(&args), backtest(&args));
    let compared = cloud::compare(&backtest, &args.seed, &rows).unwrap();
    assert!(compared[0].all_cloud_cost > 0.0, "{compared:?}");
    assert!((compared[0].hybrid_cost - rows[0].base_cost - rows[0].burst_cost).abs() < 1e-9);
}

#[test]
fn a_policy_runs_in_its_own_world_by_its_own_deadline() {
    let text = include_str!("../../../policies/recognition.yaml").replace("15m", "10m");
    let folder = folder();
    write(&folder, "mine.yaml", &text);
    let Ok(file) = PolicyFile::load(&folder.path().join("mine.yaml")) else {
        panic!("the policy is good");
    };
    let world = worlds::named("policy", Some(&file.policy)).unwrap();
    let path = folder.path().join("burst.csv").display().to_string();
    let args = parsed(&["--trace", &path, "--scale", "0.01"]);
    let backtest = args.backtest(world, vec![file], Vec::new()).unwrap();
    let jobs = backtest.jobs(&[1]);
    let outcomes = backtest.outcomes(&jobs, POINTS_MAX);
    assert!((backtest.candidates[0].spec.drain_within - 600.0).abs() < 1e-9);
    assert_eq!(backtest.candidates[0].limits.per_hour, Some(10.0));
    assert_eq!(backtest.candidates[0].disagreement(), None);
    let drawn = plot::svg(&outcomes[0], &backtest.candidates[0].spec);
    assert!(drawn.contains("jobs that wait") && drawn.contains("of 600 s"));
}

#[test]
fn help_teaches() {
    use clap::CommandFactory as _;
    let mut cli = crate::cli::Cli::command().term_width(110);
    cli.build();
    let help = cli
        .find_subcommand_mut("backtest")
        .unwrap()
        .render_long_help();
    insta::assert_snapshot!(help.to_string());
}
