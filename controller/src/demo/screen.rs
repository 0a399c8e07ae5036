//! The demo's terminal view: a live screen on a terminal, a line now and then elsewhere.

use std::io::{IsTerminal as _, Write as _, stdout};
use std::time::Duration;

use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Gauge, Paragraph, Row, Sparkline, Table, Wrap};
use ratatui::{DefaultTerminal, Frame};
use serde_json::Value;
use spillway_core::spoken;
use tokio::time::Instant;

use super::judge::Verdict;

/// Elsewhere than on a terminal a line is enough this often.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Points of the backlog that are drawn.
const TRAIL_MAX: usize = 400;

/// What is shown.
pub(super) struct Scene<'a> {
    pub(super) stage: &'a str,
    pub(super) since: Duration,
    /// The policy's state as the controller's API gives it; none while nothing answers there.
    pub(super) policy: Option<&'a Value>,
    pub(super) verdict: &'a Verdict,
    pub(super) sent: usize,
    pub(super) dashboard: &'a str,
    pub(super) note: &'a str,
}

/// Where it is shown.
pub(super) struct Screen {
    terminal: Option<DefaultTerminal>,
    trail: Vec<u64>,
    last_line: Option<Instant>,
    last_sentence: String,
}

// === impl Screen ===

impl Screen {
    /// Takes the terminal over, if there is one and `live` allows it.
    pub(super) fn open(live: bool) -> Self {
        let terminal = (live && stdout().is_terminal())
            .then(|| ratatui::try_init().ok())
            .flatten();
        Self {
            terminal,
            trail: Vec::new(),
            last_line: None,
            last_sentence: String::new(),
        }
    }

    /// Shows the scene.
    ///
    /// # Errors
    /// When the terminal takes nothing.
    pub(super) fn show(&mut self, scene: &Scene<'_>) -> anyhow::Result<()> {
        let backlog = number(scene.policy, "backlog").unwrap_or(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "drawn only"
        )]
        self.trail.push(backlog as u64);
        if self.trail.len() > TRAIL_MAX {
            self.trail.remove(0);
        }
        if let Some(terminal) = &mut self.terminal {
            terminal.draw(|frame| draw(frame, scene, &self.trail))?;
            return Ok(());
        }
        let sentence = text(scene.policy, "sentence");
        let is_due = self.last_line.is_none_or(|at| at.elapsed() >= LINE_EVERY);
        let has_acted = sentence != self.last_sentence && !sentence.starts_with("Nothing");
        if is_due || has_acted {
            self.last_line = Some(Instant::now());
            self.last_sentence.clone_from(&sentence);
            writeln!(stdout(), "{}", line(scene, &sentence))?;
        }
        Ok(())
    }

    /// Gives the terminal back.
    pub(super) fn close(&mut self) {
        if self.terminal.take().is_some() {
            ratatui::restore();
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.close();
    }
}

fn number(policy: Option<&Value>, field: &str) -> Option<f64> {
    policy?.get(field)?.as_f64()
}

fn text(policy: Option<&Value>, field: &str) -> String {
    policy
        .and_then(|policy| policy.get(field)?.as_str())
        .unwrap_or_default()
        .to_owned()
}

fn span(seconds: Option<f64>, unknown: &str) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a demo")]
    seconds.map_or(unknown.to_owned(), |it| {
        spoken(jiff::SignedDuration::from_secs(it.round() as i64))
    })
}

fn line(scene: &Scene<'_>, sentence: &str) -> String {
    let backlog = number(scene.policy, "backlog");
    let backlog = backlog.map_or("unknown".to_owned(), |jobs| format!("{jobs:.0}"));
    format!(
        "{:>5}  {:<22} backlog {backlog:<6} drained in {:<8} answered {:<5} {}",
        span(Some(scene.since.as_secs_f64()), ""),
        scene.stage,
        span(number(scene.policy, "drain_eta_seconds"), "never"),
        scene.verdict.results,
        sentence,
    )
}

fn draw(frame: &mut Frame<'_>, scene: &Scene<'_>, trail: &[u64]) {
    let [head, eta, backlog, pools, decision, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(3),
        Constraint::Min(5),
        Constraint::Length(7),
        Constraint::Length(5),
        Constraint::Length(2),
    ])
    .areas(frame.area());
    let since = span(Some(scene.since.as_secs_f64()), "");
    let title = Line::from(vec![
        "Spillway demo  ".bold(),
        format!("{since}  {}", scene.stage).into(),
    ]);
    frame.render_widget(
        Text::from(vec![title, Line::from(scene.dashboard).dim()]),
        head,
    );

    let deadline = number(scene.policy, "drain_within_seconds").unwrap_or(1.0);
    let needs = number(scene.policy, "drain_eta_seconds");
    let share = needs.map_or(1.0, |needs| (needs / deadline).clamp(0.0, 1.0));
    let is_late = number(scene.policy, "late_jobs").unwrap_or(0.0) > 0.0;
    let colour = if is_late || needs.is_none() {
        Color::Red
    } else {
        Color::Cyan
    };
    let label = format!(
        "{} of {}",
        span(needs, "never or unknown"),
        span(Some(deadline), "")
    );
    let gauge = Gauge::default()
        .block(Block::bordered().title(" what waits is done in "))
        .gauge_style(Style::new().fg(colour))
        .ratio(share)
        .label(label);
    frame.render_widget(gauge, eta);

    let waiting = number(scene.policy, "backlog");
    let waiting = waiting.map_or("unknown".to_owned(), |jobs| format!("{jobs:.0} jobs"));
    let width = usize::from(backlog.width.saturating_sub(2));
    let shown = &trail[trail.len().saturating_sub(width)..];
    let sparkline = Sparkline::default()
        .block(Block::bordered().title(format!(" backlog: {waiting} ")))
        .style(Style::new().fg(Color::Cyan))
        .data(shown);
    frame.render_widget(sparkline, backlog);
    frame.render_widget(pool_table(scene), pools);

    let sentence = Paragraph::new(text(scene.policy, "sentence"))
        .wrap(Wrap { trim: true })
        .block(Block::bordered().title(" last decision "));
    frame.render_widget(sentence, decision);
    let cost = number(scene.policy, "cost_per_hour").unwrap_or(0.0);
    let total = number(scene.policy, "cost_total").unwrap_or(0.0);
    let last = format!(
        "${cost:.2}/h now, ${total:.4} so far · {} sent, {} answered, {} duplicates",
        scene.sent, scene.verdict.results, scene.verdict.duplicates
    );
    frame.render_widget(
        Text::from(vec![Line::from(last), Line::from(scene.note).dim()]),
        foot,
    );
}

fn pool_table<'a>(scene: &Scene<'_>) -> Table<'a> {
    let pools = scene
        .policy
        .and_then(|policy| policy.get("pools")?.as_array());
    let rows = pools.into_iter().flatten().map(|pool| {
        let count = |field: &str| {
            pool.get(field)
                .and_then(Value::as_u64)
                .map_or(String::new(), |it| it.to_string())
        };
        let rate = pool
            .get("rate_per_worker")
            .and_then(Value::as_f64)
            .unwrap_or(0.0);
        let price = pool
            .get("price_per_hour")
            .and_then(Value::as_f64)
            .unwrap_or(0.0);
        Row::new([
            pool.get("name")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            count("booting"),
            count("ready"),
            count("draining"),
            format!("{rate:.1}/s"),
            format!("${price:.2}/h"),
        ])
    });
    let widths = [
        Constraint::Min(12),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(9),
        Constraint::Length(10),
        Constraint::Length(10),
    ];
    let header = Row::new(["pool", "starting", "ready", "leaving", "a worker", "price"]).bold();
    Table::new(rows, widths)
        .header(header)
        .block(Block::bordered().title(" workers "))
}
