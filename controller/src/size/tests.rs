//! The command as a whole, on small loads.

use clap::Parser as _;

use super::grid::Sizing;
use super::*;

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    args: SizeArgs,
}

fn parsed(line: &[&str]) -> SizeArgs {
    let line = std::iter::once("size").chain(line.iter().copied());
    Line::try_parse_from(line)
        .unwrap_or_else(|error| panic!("{error}"))
        .args
}

#[test]
fn a_constant_load_is_worth_as_many_workers_as_it_keeps_busy() {
    // 100 jobs a second keep two and a half workers of 40 busy.
    let args = parsed(&["--rate", "100", "--hours", "6", "--drain-within", "15m,30m"]);
    let sizing = args.question().unwrap().answer();
    assert_eq!(sizing.coarse_step, 1);
    for deadline in &sizing.deadlines {
        let workers: Vec<u32> = deadline
            .sizes
            .iter()
            .map(|size| size.base_workers)
            .collect();
        assert_eq!(workers, [0, 1, 2, 3, 4]);
        let last = deadline.sizes[4];
        assert!(
            last.burst_cost.abs() < 1e-9,
            "four workers do it alone: {last:?}"
        );
        assert!((last.base_cost - 4.0 * 6.0 * 0.64).abs() < 1e-9);
    }
    let json = serde_json::to_string(&sizing).unwrap();
    assert_eq!(serde_json::from_str::<Sizing>(&json).unwrap(), sizing);
    assert!(show::svg(&sizing).contains("base workers"));
}

#[test]
fn a_sizing_reads_well() {
    let size = |base_workers, burst_cost, late_share| {
        let base_cost = f64::from(base_workers) * 15.36;
        grid::Size {
            base_workers,
            base_cost,
            burst_cost,
            total_cost: base_cost + burst_cost,
            late_share,
            launches: 3.0,
        }
    };
    let sizes = vec![
        size(0, 20.0, 0.2),
        size(1, 30.0, 0.0),
        size(2, 9.0, 0.0),
        size(3, 0.0, 0.0),
    ];
    let deadline = |drain_within_seconds, best: Option<usize>| grid::Deadline {
        drain_within_seconds,
        best: best.map(|place| sizes[place]),
        one_more: best.map(|_| 6.36),
        one_fewer: None,
        sizes: sizes.clone(),
    };
    let sizing = Sizing {
        trace: "uploads".to_owned(),
        world: "calm".to_owned(),
        scale: "x1".to_owned(),
        days: 1.0,
        price_per_worker_hour: 0.64,
        late_share_max: 0.001,
        coarse_step: 4,
        deadlines: vec![
            deadline(900.0, Some(2)),
            deadline(1_800.0, Some(1)),
            deadline(300.0, None),
        ],
    };
    insta::assert_snapshot!(show::text(&sizing));
}

#[test]
fn mistakes_in_arguments_say_what_to_do() {
    let lines: [&[&str]; 5] = [
        &["--rate", "0"],
        &["--rate", "5", "--hours", "0"],
        &["--rate", "1e8"],
        &["--rate", "5", "--drain-within", "1m"],
        &["--rate", "5", "--late-max", "5"],
    ];
    let told: Vec<String> = lines
        .iter()
        .map(|line| format!("{:#}", parsed(line).run().unwrap_err()))
        .collect();
    insta::assert_snapshot!(told.join("\n\n"));
    assert!(Line::try_parse_from(["size"]).is_err());
    assert!(Line::try_parse_from(["size", "--rate", "5", "--trace", "x.csv"]).is_err());
}

#[test]
fn help_teaches() {
    use clap::CommandFactory as _;
    let mut cli = crate::cli::Cli::command().term_width(110);
    cli.build();
    let help = cli.find_subcommand_mut("size").unwrap().render_long_help();
    insta::assert_snapshot!(help.to_string());
}
