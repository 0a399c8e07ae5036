//! What if the policy were another: both played over the arrivals that were recorded, and both judged at each moment.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use axum::Json;
use axum::extract::{Path, State};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use similar::TextDiff;
use spillway_sim::{Run, Scale, ScaleRule, Series, Trace};
use utoipa::ToSchema;

use super::App;
use super::problem::{Code, Problem, ProblemBody};
use crate::backtest::{Candidate, PolicyFile, Row};
use crate::history::History;
use crate::policy::{Difference, simulate};
use crate::policy_file;
use crate::worlds;

/// The largest policy.
const POLICY_BYTES_MAX: usize = 256 << 10;
const HOURS: std::ops::RangeInclusive<u32> = 1..=168;
/// Differences told one by one.
const DIFFERENCES_MAX: usize = 50;
/// Arrivals are played in steps of so many seconds.
const STEP_SECONDS: i64 = 60;
/// Points of what is drawn.
const POINTS_MAX: usize = 240;
/// Any: what goes wrong in the made world is nothing.
const SEED: u64 = 1;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WhatIfBody {
    /// The edited policy.
    yaml: String,
    /// 1 to 168.
    hours: u32,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WhatIfView {
    hours: u32,
    from: Timestamp,
    to: Timestamp,
    /// Jobs that arrived.
    arrivals: u64,
    /// Time without samples, which counts as without arrivals.
    gaps_seconds: i64,
    current: Played,
    edited: Played,
    /// Each recorded moment, judged on what was really there; null where the journal has none.
    differences: Option<DifferencesView>,
    /// From the policy in force to the edited one.
    diff: String,
    /// What would apply it in a cluster.
    kubectl: String,
    how: &'static str,
}

/// A policy, played by the simulator.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Played {
    burst_cost: f64,
    base_cost: f64,
    total_cost: f64,
    late_jobs: u64,
    late_share: f64,
    wait_max_seconds: f64,
    wait_p50_seconds: f64,
    launches: u64,
    budget_exceeded: bool,
    series: Option<PlayedSeries>,
}

/// How it went, at most 240 points.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlayedSeries {
    /// Unix seconds at which each point begins.
    at: Vec<i64>,
    /// The most in each point.
    backlog: Vec<f64>,
    /// Bought machines, the most.
    workers: Vec<u32>,
    /// Dollars spent since the beginning.
    spent: Vec<f64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DifferencesView {
    plans: u64,
    different: u64,
    #[schema(value_type = Vec<Object>)]
    first: Vec<Difference>,
}

/// Plays an edited policy over recorded hours.
#[utoipa::path(
    post,
    path = "/api/v1/policies/{policy}/what-if",
    params(("policy" = String, Path)),
    request_body = WhatIfBody,
    responses(
        (status = 200, body = WhatIfView),
        (status = "default", body = ProblemBody, content_type = "application/problem+json"),
    )
)]
pub(super) async fn what_if(
    State(app): State<Arc<App>>,
    Path(policy): Path<String>,
    sent: super::order::Sent,
) -> Result<Json<WhatIfView>, Problem> {
    let (lead, _) = app.shown(Some(&policy))?;
    let sent: WhatIfBody = super::order::body(sent)?;
    if !HOURS.contains(&sent.hours) {
        return Err(Problem::field("hours", "is 1 to 168"));
    }
    if sent.yaml.len() > POLICY_BYTES_MAX {
        return Err(Problem::new(Code::TooLarge, "a policy is at most 256 KiB"));
    }
    let edited = read("edited", &sent.yaml)?;
    let current = read("current", &lead.manifest)?;
    let Ok(turn) = Arc::clone(&app.what_ifs).try_acquire_owned() else {
        return Err(Problem::new(Code::Busy, "another what-if runs").retry_after(5));
    };
    let (manifest, history) = (lead.manifest.clone(), Arc::clone(app.board.history()));
    let playing = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        play(&history, &policy, (&current, &edited), sent.hours).map(|view| WhatIfView {
            diff: diff(&manifest, &sent.yaml),
            kubectl: kubectl(&sent.yaml),
            ..view
        })
    });
    let failed = |error: anyhow::Error| {
        Problem::new(
            Code::InvalidPolicy,
            format!("it cannot be played: {error:#}"),
        )
    };
    let played = playing.await.map_err(|error| failed(error.into()))?;
    played.map(Json).map_err(failed)
}

/// A policy that passes the lint.
///
/// # Errors
/// Everything that is wrong with it, each at its line.
fn read(name: &str, yaml: &str) -> Result<PolicyFile, Problem> {
    match policy_file::parse_written(name, yaml) {
        Ok((written, policy)) => Ok(PolicyFile {
            path: PathBuf::from(name),
            written,
            policy,
        }),
        Err(report) => {
            let told = format!("the {name} policy does not pass the lint");
            Err(Problem {
                problems: Some(report.into_placed()),
                field: Some("/yaml".to_owned()),
                ..Problem::new(Code::InvalidPolicy, told)
            })
        }
    }
}

fn play(
    history: &History,
    policy: &str,
    (current, edited): (&PolicyFile, &PolicyFile),
    hours: u32,
) -> anyhow::Result<WhatIfView> {
    let to = Timestamp::now();
    let from = to - SignedDuration::from_hours(i64::from(hours));
    history.flush();
    let arrivals = history.arrivals(policy, from, to)?;
    let recorded = Recorded::of(&arrivals);
    anyhow::ensure!(
        recorded.counts.len() > 1,
        "no two minutes of these {hours} hours were recorded yet"
    );
    let trace = recorded.trace()?;
    let told = |file: &PolicyFile| -> anyhow::Result<Played> {
        let world = worlds::named("policy", Some(&file.policy))?;
        let candidate = Candidate::of_file(&world, file, file.path.display().to_string())?;
        let scale = Scale::of(&trace, &world, ScaleRule::Factor(1.0))?;
        let mut decider = candidate.decider(&trace, 1.0);
        let run = Run {
            spec: &candidate.spec,
            trace: &trace,
            scale,
            seed: SEED,
            points_max: POINTS_MAX,
        };
        let outcome = run.decided_by(decider.as_mut());
        let row = Row::of(&outcome, &candidate.name, candidate.limits);
        Ok(Played::of(&row, outcome.series.as_ref(), recorded.begin))
    };
    let differences = simulate(history.folder(), &edited.policy, DIFFERENCES_MAX);
    Ok(WhatIfView {
        hours,
        from,
        to,
        arrivals: recorded.counts.iter().sum(),
        gaps_seconds: recorded.gaps,
        current: told(current).context("the current policy")?,
        edited: told(edited).context("the edited policy")?,
        // A journal that holds no plan yet has nothing to differ from.
        differences: differences.ok().map(|found| DifferencesView {
            plans: found.plans,
            different: found.different,
            first: found.first,
        }),
        diff: String::new(),
        kubectl: String::new(),
        how: "both policies are played over the recorded arrivals by the simulator, so they compare with each other; \
              what was really paid differs",
    })
}

// === impl Played ===

impl Played {
    fn of(row: &Row, series: Option<&Series>, begin: i64) -> Self {
        Self {
            burst_cost: row.burst_cost,
            base_cost: row.base_cost,
            total_cost: row.burst_cost + row.base_cost,
            late_jobs: row.late_messages,
            late_share: row.late_share,
            wait_max_seconds: row.wait_max_seconds,
            wait_p50_seconds: row.wait_p50_seconds,
            launches: row.launches,
            budget_exceeded: row.budget_exceeded,
            series: series.map(|series| PlayedSeries::of(series, begin)),
        }
    }
}

// === impl PlayedSeries ===

impl PlayedSeries {
    fn of(series: &Series, begin: i64) -> Self {
        let mut played = Self {
            at: Vec::new(),
            backlog: Vec::new(),
            workers: Vec::new(),
            spent: Vec::new(),
        };
        let mut after = 0.0;
        for point in &series.points {
            #[expect(clippy::cast_possible_truncation, reason = "seconds of a week or two")]
            played.at.push(begin + after as i64);
            after += series.every;
            played.backlog.push(point.backlog);
            played.workers.push(point.machines);
            played.spent.push(point.spend);
        }
        played
    }
}

/// Arrivals in steps of equal length.
#[derive(Debug, PartialEq, Eq)]
struct Recorded {
    /// Unix seconds of the first step.
    begin: i64,
    counts: Vec<u64>,
    gaps: i64,
}

impl Recorded {
    /// Jobs that arrived while nobody watched are put where they were first seen.
    fn of(arrivals: &[(i64, u64)]) -> Self {
        let (Some((first, _)), Some((last, _))) = (arrivals.first(), arrivals.last()) else {
            return Self {
                begin: 0,
                counts: Vec::new(),
                gaps: 0,
            };
        };
        let begin = first.div_euclid(STEP_SECONDS);
        let steps = usize::try_from(last.div_euclid(STEP_SECONDS) - begin + 1).unwrap_or(0);
        let mut counts = vec![0_u64; steps];
        let mut before = *first;
        let mut gaps = 0;
        for (at, new) in arrivals {
            let step = usize::try_from(at.div_euclid(STEP_SECONDS) - begin).unwrap_or(0);
            if let Some(count) = counts.get_mut(step) {
                *count += new;
            }
            // A minute is the widest that samples stand apart.
            if at - before > STEP_SECONDS {
                gaps += at - before - STEP_SECONDS;
            }
            before = *at;
        }
        Self {
            begin: begin * STEP_SECONDS,
            counts,
            gaps,
        }
    }

    /// The same as a trace of the simulator.
    fn trace(&self) -> anyhow::Result<Trace> {
        let mut text = String::from("t_seconds,arrivals\n");
        let mut at = 0;
        for count in &self.counts {
            text.push_str(&format!("{at},{count}\n"));
            at += STEP_SECONDS;
        }
        Ok(Trace::from_csv("recorded", &text)?)
    }
}

fn diff(current: &str, edited: &str) -> String {
    TextDiff::from_lines(current, edited)
        .unified_diff()
        .header("current", "edited")
        .to_string()
}

/// A command that applies a policy, with the policy in it, word for word.
fn kubectl(yaml: &str) -> String {
    // A line of the policy must not end the text early.
    let mut end = "POLICY".to_owned();
    while yaml.lines().any(|line| line == end) {
        end.push('_');
    }
    let text = yaml.trim_end_matches('\n');
    format!("kubectl apply -f - <<'{end}'\n{text}\n{end}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrivals_become_steps_and_gaps_are_told() {
        let recorded = Recorded::of(&[(60, 0), (61, 5), (119, 5), (120, 7), (500, 9)]);
        assert_eq!(recorded.counts, [10, 7, 0, 0, 0, 0, 0, 9]);
        assert_eq!(recorded.gaps, 500 - 120 - 60);
        assert!(Recorded::of(&[]).counts.is_empty());
    }

    #[test]
    fn a_policy_cannot_break_out_of_its_command() {
        let text = kubectl("a: 1\nPOLICY\nrm -rf /\n");
        assert!(
            text.starts_with("kubectl apply -f - <<'POLICY_'\n"),
            "{text}"
        );
        assert!(text.ends_with("\nPOLICY_\n"), "{text}");
    }

    #[test]
    fn a_diff_names_both_sides() {
        let text = diff("a: 1\nb: 2\n", "a: 1\nb: 3\n");
        assert!(text.contains("--- current\n+++ edited\n"), "{text}");
        assert!(text.contains("-b: 2\n+b: 3\n"), "{text}");
    }
}
