//! A run over time: what waited, what could be done, what was spent.

use spillway_sim::{Outcome, Series, WorldSpec};

use crate::svg::{Axis, Drawing, Line, Panel};

pub(super) fn svg(outcome: &Outcome, spec: &WorldSpec) -> String {
    let series = outcome.series.clone().unwrap_or(Series {
        every: 1.0,
        points: Vec::new(),
    });
    let line = |name: &str, of: fn(&spillway_sim::Point) -> f64| Line {
        name: name.to_owned(),
        points: (0_u32..)
            .zip(&series.points)
            .map(|(place, point)| (f64::from(place) * series.every, of(point)))
            .collect(),
    };
    let panel = |label: &str, lines| Panel {
        label: label.to_owned(),
        lines,
    };
    let drawing = Drawing {
        title: format!(
            "{} · {} · {}, seed {}: ${:.2} bought, longest wait {:.0} of {:.0} s",
            outcome.trace,
            outcome.policy,
            outcome.world,
            outcome.seed,
            outcome.burst_cost,
            outcome.wait_max,
            spec.drain_within
        ),
        x: Axis::of_time(outcome.ended_at),
        panels: vec![
            panel(
                "jobs that wait",
                vec![line("backlog", |point| point.backlog)],
            ),
            panel(
                "jobs per second",
                vec![
                    line("arrivals", |point| point.arrivals),
                    line("capacity", |point| point.capacity),
                ],
            ),
            panel(
                "bought machines",
                vec![line("machines", |point| f64::from(point.machines))],
            ),
            panel(
                "dollars spent on them",
                vec![line("spend", |point| point.spend)],
            ),
        ],
    };
    drawing.svg()
}
