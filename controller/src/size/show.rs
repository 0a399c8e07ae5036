//! Sizes as people read them, and as a drawing.

use std::fmt::Write as _;

use jiff::SignedDuration;
use spillway_core::spoken;

use super::grid::{Deadline, Size, Sizing};
use crate::columns::{Columns, dollars};
use crate::svg::{Axis, Drawing, Line, Panel};

pub(super) fn text(sizing: &Sizing) -> String {
    let mut text = format!(
        "{} (scaled {}) over {:.1} days, in the world {}: base workers at ${}/h each\n",
        sizing.trace, sizing.scale, sizing.days, sizing.world, sizing.price_per_worker_hour
    );
    for deadline in &sizing.deadlines {
        let _ = write!(
            text,
            "\nEvery job within {}:\n{}\n{}\n",
            within(deadline),
            sizes(deadline, sizing).text(),
            conclusion(deadline, sizing)
        );
    }
    if let Some(line) = comparison(sizing) {
        let _ = writeln!(text, "\n{line}");
    }
    if sizing.coarse_step > 1 {
        let _ = writeln!(
            text,
            "\nTried numbers of workers {} apart, and those around the least one by one.",
            sizing.coarse_step
        );
    }
    text
}

pub(super) fn svg(sizing: &Sizing) -> String {
    let lines = sizing.deadlines.iter().map(|deadline| Line {
        name: within(deadline),
        points: deadline
            .sizes
            .iter()
            .map(|size| (f64::from(size.base_workers), size.total_cost))
            .collect(),
    });
    let drawing = Drawing {
        title: format!(
            "{} in the world {}: what a base costs and saves",
            sizing.trace, sizing.world
        ),
        x: Axis {
            label: "base workers".to_owned(),
            unit: 1.0,
        },
        panels: vec![Panel {
            label: format!("dollars in all over {:.1} days", sizing.days),
            lines: lines.collect(),
        }],
    };
    drawing.svg()
}

fn sizes(deadline: &Deadline, sizing: &Sizing) -> Columns {
    let headings = [
        "base", "base $", "bought $", "total $", "$ a day", "late %", "launches", "notes",
    ];
    let mut columns = Columns::new(0, &headings);
    for size in &deadline.sizes {
        columns.line(vec![
            size.base_workers.to_string(),
            format!("{:.2}", size.base_cost),
            format!("{:.2}", size.burst_cost),
            format!("{:.2}", size.total_cost),
            format!("{:.2}", size.total_cost / sizing.days),
            format!("{:.3}", 100.0 * size.late_share),
            format!("{:.0}", size.launches),
            note(size, deadline, sizing).to_owned(),
        ]);
    }
    columns
}

fn note(size: &Size, deadline: &Deadline, sizing: &Sizing) -> &'static str {
    if size.late_share > sizing.late_share_max {
        "late"
    } else if deadline
        .best
        .is_some_and(|best| best.base_workers == size.base_workers)
    {
        "the least"
    } else {
        ""
    }
}

fn conclusion(deadline: &Deadline, sizing: &Sizing) -> String {
    let Some(best) = deadline.best else {
        return format!(
            "No size keeps this deadline: more than {} % are late with each. More offers, a later deadline or a larger \
             --base-max may.",
            100.0 * sizing.late_share_max
        );
    };
    let one = |what: &str, cost: Option<f64>| match cost {
        Some(cost) if cost < 0.0 => format!("one {what} saves {}", dollars(-cost)),
        Some(cost) => format!("one {what} costs {} more", dollars(cost)),
        None => format!("one {what} was not tried or would be late"),
    };
    let fewer = match best.base_workers {
        0 => "there is none to leave out".to_owned(),
        _ => one("fewer", deadline.one_fewer),
    };
    format!(
        "Least: {} base worker{}, {} ({} a day). {}; {fewer}.",
        best.base_workers,
        if best.base_workers == 1 { "" } else { "s" },
        dollars(best.total_cost),
        dollars(best.total_cost / sizing.days),
        capitalised(&one("more", deadline.one_more)),
    )
}

/// What the latest deadline saves against the soonest.
fn comparison(sizing: &Sizing) -> Option<String> {
    let kept = sizing
        .deadlines
        .iter()
        .filter(|deadline| deadline.best.is_some());
    let by_deadline =
        |a: &&Deadline, b: &&Deadline| a.drain_within_seconds.total_cmp(&b.drain_within_seconds);
    let (soonest, latest) = (kept.clone().min_by(by_deadline)?, kept.max_by(by_deadline)?);
    if soonest.drain_within_seconds >= latest.drain_within_seconds {
        return None;
    }
    let saved = soonest.best?.total_cost - latest.best?.total_cost;
    Some(format!(
        "{} rather than {} {} {} a day.",
        capitalised(&within(latest)),
        within(soonest),
        if saved < 0.0 { "costs" } else { "saves" },
        dollars(saved.abs() / sizing.days)
    ))
}

fn within(deadline: &Deadline) -> String {
    let span = SignedDuration::try_from_secs_f64(deadline.drain_within_seconds);
    span.map_or_else(|_| format!("{} s", deadline.drain_within_seconds), spoken)
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or(String::new(), |first| {
        first.to_uppercase().chain(characters).collect()
    })
}
