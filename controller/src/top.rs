//! `spillway top`: a running controller in a terminal, over its API.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::Line;
use ratatui::widgets::{Block, Gauge, Paragraph, Row, Table, Wrap};
use ratatui::{DefaultTerminal, Frame};
use serde_json::Value;

use crate::api_client::{ApiClient, clean};

const EXAMPLES: &str = "\
EXAMPLES:
  A controller on this machine:
    spillway top
  One in a cluster, with a token:
    kubectl port-forward service/spillway 8080 &
    SPILLWAY_API_TOKEN=… spillway top --url http://127.0.0.1:8080
  One look, as text:
    spillway top --once";

/// Decisions shown.
const DECISIONS: usize = 50;
/// How long a key is waited for between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Shows a running controller in a terminal: overview, fleet and decisions, over its API.
///
/// Keys: tab changes between fleet and decisions, arrows scroll, q ends.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct TopArgs {
    /// Where the controller serves its API.
    #[arg(
        long,
        env = "SPILLWAY_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    url: String,
    /// A file with the token to send; SPILLWAY_API_TOKEN holds one too.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Look once, print text and end.
    #[arg(long)]
    once: bool,
}

/// What one look gave.
#[derive(Default)]
struct Look {
    state: Value,
    decisions: Value,
    /// Why the last look failed; what is shown is of before.
    trouble: Option<String>,
}

/// What below the overview is shown.
#[derive(Clone, Copy, Default, PartialEq)]
enum Tab {
    #[default]
    Fleet,
    Decisions,
}

/// Shows it until `q`.
///
/// # Errors
/// When nothing answers at first, or the terminal cannot be used.
pub(crate) async fn run(args: TopArgs) -> anyhow::Result<ExitCode> {
    let api = ApiClient::new(&args.url, args.token_file.as_deref())?;
    show_on(&api, args.once).await
}

/// The same of a controller that is reached in a way of its own.
///
/// # Errors
/// As [`run`].
pub(crate) async fn show_on(api: &ApiClient, once: bool) -> anyhow::Result<ExitCode> {
    let first = Look::at(api).await?;
    if once || !std::io::stdout().is_terminal() {
        use std::io::Write as _;
        write!(std::io::stdout(), "{}", text(&first))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut terminal = ratatui::try_init().context("this is no terminal")?;
    let shown = show(&mut terminal, api, first).await;
    ratatui::restore();
    shown?;
    Ok(ExitCode::SUCCESS)
}

async fn show(
    terminal: &mut DefaultTerminal,
    api: &ApiClient,
    mut look: Look,
) -> anyhow::Result<()> {
    let (mut tab, mut scroll) = (Tab::default(), 0_usize);
    loop {
        terminal.draw(|frame| draw(frame, &look, tab, scroll))?;
        // A key blocks a thread, and is waited for no longer than until the next look.
        let key = tokio::task::spawn_blocking(|| -> std::io::Result<Option<KeyCode>> {
            if !event::poll(LOOK_EVERY)? {
                return Ok(None);
            }
            Ok(match event::read()? {
                Event::Key(key) if key.kind == KeyEventKind::Press => Some(key.code),
                _ => None,
            })
        })
        .await??;
        match key {
            Some(KeyCode::Char('q') | KeyCode::Esc) => return Ok(()),
            Some(KeyCode::Tab) => {
                tab = match tab {
                    Tab::Fleet => Tab::Decisions,
                    Tab::Decisions => Tab::Fleet,
                };
                scroll = 0;
            }
            Some(KeyCode::Down | KeyCode::Char('j')) => scroll = scroll.saturating_add(1),
            Some(KeyCode::Up | KeyCode::Char('k')) => scroll = scroll.saturating_sub(1),
            Some(_) => {}
            None => match Look::at(api).await {
                Ok(fresh) => look = fresh,
                Err(error) => look.trouble = Some(format!("{error:#}")),
            },
        }
    }
}

// === impl Look ===

impl Look {
    async fn at(api: &ApiClient) -> anyhow::Result<Self> {
        Ok(Self {
            state: api.get("state").await?,
            decisions: api.get(&format!("decisions?limit={DECISIONS}")).await?,
            trouble: None,
        })
    }
}

fn told(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text),
        Value::Null => "?".to_owned(),
        other => other.to_string(),
    }
}

/// A number with so many places; `?` if it is unknown.
fn number(value: &Value, places: usize) -> String {
    value
        .as_f64()
        .map_or_else(|| "?".to_owned(), |it| format!("{it:.places$}"))
}

fn dollars(value: &Value) -> String {
    value
        .as_f64()
        .map_or_else(|| "?".to_owned(), |it| format!("${it:.2}"))
}

fn span(value: &Value, if_none: &str) -> String {
    let seconds = value.as_f64().filter(|it| it.is_finite());
    seconds.map_or_else(
        || if_none.to_owned(),
        |seconds| {
            #[expect(clippy::cast_possible_truncation, reason = "seconds of days")]
            let whole = seconds as i64;
            spillway_core::spoken(jiff::SignedDuration::from_secs(whole))
        },
    )
}

/// The overview, as lines.
fn overview(policy: &Value) -> Vec<String> {
    let eta = match (&policy["backlog"], &policy["drain_eta_seconds"]) {
        (Value::Null, _) => "unknown".to_owned(),
        (_, eta) => span(eta, "never"),
    };
    let mut lines = vec![
        told(&policy["sentence"]),
        format!(
            "backlog {}   oldest {}   arriving {}/s   served {}/s   late {}",
            number(&policy["backlog"], 0),
            span(&policy["oldest_age_seconds"], "?"),
            number(&policy["arrival_rate"], 1),
            number(&policy["service_rate"], 1),
            number(&policy["late_jobs"], 0),
        ),
        format!(
            "done in {eta} of {}   {}/h   spent {} (burst {}, today {})",
            span(&policy["drain_within_seconds"], "?"),
            dollars(&policy["cost_per_hour"]),
            dollars(&policy["cost_total"]),
            dollars(&policy["burst_cost_total"]),
            dollars(&policy["budget"]["spent_today"]),
        ),
    ];
    if let Some(problem) = policy["policy_problem"].as_str() {
        lines.push(format!("newer policy is not in force: {}", clean(problem)));
    }
    lines
}

const FLEET: [&str; 9] = [
    "worker",
    "pool",
    "phase",
    "age",
    "images/s",
    "busy",
    "$/h",
    "$/million",
    "partitions",
];

fn fleet(policy: &Value) -> Vec<Vec<String>> {
    let workers = policy["workers"].as_array().map_or(&[][..], Vec::as_slice);
    let rows = workers.iter().map(|worker| {
        let busy = worker["busy_share"].as_f64();
        vec![
            told(&worker["id"]),
            told(&worker["pool"]),
            told(&worker["phase"]),
            span(&worker["age_seconds"], "?"),
            number(&worker["rate"], 1),
            busy.map_or_else(|| "?".to_owned(), |it| format!("{:.0} %", it * 100.0)),
            dollars(&worker["price_per_hour"]),
            dollars(&worker["dollars_per_million"]),
            told(&worker["partitions"]),
        ]
    });
    rows.collect()
}

fn decisions(look: &Look) -> Vec<Vec<String>> {
    let decisions = look.decisions.as_array().map_or(&[][..], Vec::as_slice);
    let rows = decisions.iter().map(|decision| {
        let at = told(&decision["at"]);
        let at = at.get(11..19).unwrap_or(&at).to_owned();
        vec![
            at,
            format!("#{}", decision["id"]),
            told(&decision["sentence"]),
        ]
    });
    rows.collect()
}

/// One look as plain text.
fn text(look: &Look) -> String {
    let mut text = String::new();
    for policy in look.state["policies"].as_array().into_iter().flatten() {
        text += &format!("{}  {}\n", told(&policy["name"]), told(&policy["status"]));
        for line in overview(policy) {
            text += &format!("  {line}\n");
        }
        text += &format!("\n  {}\n", FLEET.join("  "));
        for row in fleet(policy) {
            text += &format!("  {}\n", row.join("  "));
        }
    }
    text += "\n";
    for row in decisions(look) {
        text += &format!("  {}\n", row.join("  "));
    }
    text
}

fn draw(frame: &mut Frame<'_>, look: &Look, tab: Tab, scroll: usize) {
    let policy = &look.state["policies"][0];
    let lines = overview(policy);
    // A line of room for one that is wrapped.
    let height = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .saturating_add(3);
    let [head, bar, body, foot] = Layout::vertical([
        Constraint::Length(height),
        Constraint::Length(3),
        Constraint::Min(3),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let status = told(&policy["status"]);
    let colour = match status.as_str() {
        "Steady" | "Bursting" => Color::Green,
        "Paused" | "Overridden" => Color::Yellow,
        _ => Color::Red,
    };
    let title = Line::from(vec![
        format!(" {} ", told(&policy["name"])).bold(),
        format!("{status} ").fg(colour).bold(),
    ]);
    let lines: Vec<Line<'_>> = lines.into_iter().map(Line::from).collect();
    let paragraph = Paragraph::new(lines)
        .wrap(Wrap { trim: true })
        .block(Block::bordered().title(title));
    frame.render_widget(paragraph, head);
    draw_eta(frame, policy, bar);
    match tab {
        Tab::Fleet => {
            let rows = fleet(policy).into_iter().skip(scroll).map(Row::new);
            let widths = [22, 14, 9, 9, 9, 6, 8, 10, 10].map(Constraint::Length);
            let table = Table::new(rows, widths)
                .header(Row::new(FLEET).bold())
                .block(Block::bordered().title(" fleet "));
            frame.render_widget(table, body);
        }
        Tab::Decisions => {
            let rows = decisions(look).into_iter().skip(scroll).map(Row::new);
            let widths = [
                Constraint::Length(8),
                Constraint::Length(9),
                Constraint::Min(20),
            ];
            let table = Table::new(rows, widths).block(Block::bordered().title(" decisions "));
            frame.render_widget(table, body);
        }
    }
    let told = match &look.trouble {
        Some(trouble) => Line::from(format!(" {}", clean(trouble))).fg(Color::Red),
        None => Line::from(" tab fleet/decisions   ↑↓ scroll   q ends").dim(),
    };
    frame.render_widget(told, foot);
}

/// Until what waits is done, against the deadline.
fn draw_eta(frame: &mut Frame<'_>, policy: &Value, area: ratatui::layout::Rect) {
    let (eta, within) = (
        policy["drain_eta_seconds"].as_f64(),
        policy["drain_within_seconds"].as_f64(),
    );
    let is_known = !policy["backlog"].is_null();
    let (ratio, label, colour) = match (eta, within) {
        (Some(eta), Some(within)) if within > 0.0 => {
            let colour = if eta <= within {
                Color::Green
            } else {
                Color::Red
            };
            let label = span(&policy["drain_eta_seconds"], "?");
            ((eta / within).clamp(0.0, 1.0), label, colour)
        }
        _ if is_known => (1.0, "never".to_owned(), Color::Red),
        _ => (0.0, "unknown".to_owned(), Color::Yellow),
    };
    let gauge = Gauge::default()
        .ratio(ratio)
        .label(label)
        .gauge_style(Style::new().fg(colour))
        .block(Block::bordered().title(" done in, of the deadline "));
    frame.render_widget(gauge, area);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::json;

    use super::*;

    fn look() -> Look {
        Look {
            state: json!({"policies": [{
                "name": "recognition\u{1b}[2J", "status": "Bursting", "sentence": "Launching 2 × near.",
                "backlog": 1200, "oldest_age_seconds": 61.0, "arrival_rate": null, "service_rate": 40.0,
                "policy_problem": "spec.objective is missing", "late_jobs": 0, "drain_eta_seconds": 300.0, "drain_within_seconds": 900.0,
                "cost_per_hour": 4.5, "cost_total": 1.0, "burst_cost_total": 0.5,
                "budget": {"spent_today": 0.5},
                "workers": [{"id": "w-1", "pool": "near", "phase": "ready", "age_seconds": 60.0, "rate": 20.5,
                    "busy_share": 0.5, "price_per_hour": 2.0, "dollars_per_million": 27.1, "partitions": 4}],
            }]}),
            decisions: json!([{"id": 7, "at": "2026-11-25T10:00:00Z", "sentence": "Launching 2 × near."}]),
            trouble: None,
        }
    }

    #[test]
    fn a_look_as_text_tells_what_is_unknown_and_moves_no_cursor() {
        let text = text(&look());
        assert!(text.contains("arriving ?/s"), "{text}");
        let wrong = "newer policy is not in force: spec.objective is missing";
        assert!(text.contains(wrong), "{text}");
        assert!(text.contains("w-1  near  ready"), "{text}");
        assert!(text.contains("#7  Launching 2 × near."), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn both_tabs_are_drawn() {
        for (tab, wanted) in [(Tab::Fleet, "w-1"), (Tab::Decisions, "#7")] {
            let mut terminal = Terminal::new(TestBackend::new(100, 30)).unwrap();
            terminal.draw(|frame| draw(frame, &look(), tab, 0)).unwrap();
            let cells = terminal.backend().buffer().content.iter();
            let shown: String = cells.map(|cell| cell.symbol()).collect();
            assert!(shown.contains(wanted), "{shown}");
            assert!(shown.contains("recognition"), "{shown}");
            assert!(!shown.contains('\u{1b}'));
        }
    }
}
