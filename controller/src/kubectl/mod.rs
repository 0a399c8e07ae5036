//! `kubectl spillway`: this program under the name `kubectl-spillway`, by which kubectl finds it.
//!
//! What a policy's object says is read from the API server; everything else, and every order, goes to the controller
//! that leads, through a tunnel of kubectl's own (`reach.rs`).

mod reach;
mod status;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde_json::{Value, json};
use spillway_kube::{Client, Policies, SeenPolicy, connect_in};

use crate::api_client::{ApiClient, clean};
use crate::spans::span;
use crate::{cli, top};
use reach::Reach;

/// The name by which kubectl finds it.
const NAME: &str = "kubectl-spillway";
const EXAMPLES: &str = "\
EXAMPLES:
  kubectl spillway status
  kubectl spillway top --namespace recognition
  kubectl spillway pause --for 2h --reason \"moving racks\"
  kubectl spillway override oci-a10 --workers 3 --for 30m --reason \"a demo at noon\"";

/// Looks at Spillway's policies in a cluster, and orders what a person may order.
///
/// It goes where kubectl goes: by KUBECONFIG, the current context and its namespace.
#[derive(Debug, Parser)]
#[command(name = NAME, bin_name = "kubectl spillway", version, max_term_width = 110, after_long_help = EXAMPLES)]
pub(crate) struct Kubectl {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct PlaceArgs {
    /// Namespace of the policies; that of the context if not given.
    #[arg(long, short, global = true)]
    namespace: Option<String>,
    /// Context of the kubeconfig; the current one if not given.
    #[arg(long, global = true)]
    context: Option<String>,
    /// The policy; may be left out where there is one.
    #[arg(long, short, global = true, value_name = "NAME")]
    policy: Option<String>,
    /// Ask the controller at the address that its Lease says, without a tunnel: from inside of the cluster.
    #[arg(long, global = true)]
    direct: bool,
    /// A file with the token for the controller's API, where that wants one; SPILLWAY_API_TOKEN holds one too.
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Shows every policy of the namespace: what waits, what works, what is wrong.
    Status,
    /// Shows the fleet and the decisions in the terminal, as they change.
    Top {
        /// Look once, print text and end.
        #[arg(long)]
        once: bool,
    },
    /// Tells the newest decisions and why.
    Explain {
        /// So many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
        last: u16,
    },
    /// Leaves everything as it is: nothing is bought or given back.
    Pause(ForArgs),
    /// Ends a pause.
    Resume(ReasonArgs),
    /// Orders how many machines of a pool there are, whatever is planned.
    Override {
        /// The pool.
        pool: String,
        /// So many.
        #[arg(long, value_parser = clap::value_parser!(u32).range(0..=10_000))]
        workers: u32,
        /// Whether that many exactly, or at least.
        #[arg(long, value_enum, default_value_t = ShapeArg::Fixed)]
        shape: ShapeArg,
        #[command(flatten)]
        how_long: ForArgs,
    },
    /// Ends an override.
    Release {
        /// The pool.
        pool: String,
        #[command(flatten)]
        reason: ReasonArgs,
    },
}

#[derive(Debug, Args)]
struct ReasonArgs {
    /// Why, for whoever reads the audit.
    #[arg(long)]
    reason: String,
}

#[derive(Debug, Args)]
struct ForArgs {
    /// For how long: a minute to a week.
    #[arg(long = "for", value_name = "SPAN", value_parser = span)]
    span: std::time::Duration,
    #[command(flatten)]
    reason: ReasonArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShapeArg {
    Fixed,
    Floor,
}

/// Whether this process was called by the name that kubectl looks for.
pub(crate) fn is_called_so() -> bool {
    let called = std::env::args_os().next().map(PathBuf::from);
    called.is_some_and(|path| path.file_stem().is_some_and(|name| name == NAME))
}

// === impl Kubectl ===

impl Kubectl {
    pub(crate) fn run(self) -> ExitCode {
        let done = cli::block_on(self.done()).and_then(|done| done);
        match done {
            Ok(code) => code,
            Err(error) => {
                let _ = writeln!(std::io::stderr(), "error: {error:#}");
                ExitCode::FAILURE
            }
        }
    }

    async fn done(self) -> anyhow::Result<ExitCode> {
        let (client, namespace) = connect_in(self.place.context.as_deref()).await?;
        let namespace = self.place.namespace.clone().unwrap_or(namespace);
        if let Command::Status = self.command {
            let policies = Policies::new(&client, &namespace, "").all().await?;
            let text = status::text(&self.chosen(policies, &namespace)?);
            write!(std::io::stdout(), "{text}")?;
            return Ok(ExitCode::SUCCESS);
        }
        let policy = self.one(&client, &namespace).await?;
        let place = reach::Place {
            client: &client,
            namespace: &namespace,
            context: self.place.context.as_deref(),
            policy: &policy,
        };
        let reach = match self.place.direct {
            true => Reach::direct(&place).await?,
            false => Reach::tunnel(&place).await?,
        };
        let token_file = self.place.token_file.as_deref();
        let api = ApiClient::new(reach.url(), token_file)?;
        match &self.command {
            Command::Status => unreachable!("it was answered before"),
            Command::Top { once } => return top::show_on(&api, *once).await,
            Command::Explain { last } => {
                let told = api.get(&format!("decisions?limit={last}")).await?;
                write!(std::io::stdout(), "{}", decisions(&told))?;
            }
            order => {
                let (verb, body) = order.order();
                api.post(&format!("policies/{policy}/{verb}"), &body)
                    .await?;
                writeln!(std::io::stdout(), "{policy}: {verb} is ordered")?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The policies that are meant.
    fn chosen(&self, all: Vec<SeenPolicy>, namespace: &str) -> anyhow::Result<Vec<SeenPolicy>> {
        let Some(name) = &self.place.policy else {
            return Ok(all);
        };
        let found = all.into_iter().filter(|it| name_of(it) == *name);
        let found: Vec<SeenPolicy> = found.collect();
        anyhow::ensure!(
            !found.is_empty(),
            "the namespace {namespace} has no policy {name}"
        );
        Ok(found)
    }

    /// The name of the one policy that is meant.
    async fn one(&self, client: &Client, namespace: &str) -> anyhow::Result<String> {
        if let Some(name) = &self.place.policy {
            return Ok(name.clone());
        }
        let all = Policies::new(client, namespace, "").all().await?;
        let names: Vec<&str> = all.iter().map(name_of).collect();
        match names.as_slice() {
            [name] => Ok((*name).to_owned()),
            [] => anyhow::bail!("the namespace {namespace} has no policy"),
            names => anyhow::bail!("say which with --policy: {}", names.join(", ")),
        }
    }
}

// === impl Command ===

impl Command {
    /// An order: the path's last word, and what is sent.
    fn order(&self) -> (&'static str, Value) {
        let seconds = |it: &ForArgs| it.span.as_secs();
        match self {
            Self::Pause(it) => (
                "pause",
                json!({"reason": it.reason.reason, "expires_in_seconds": seconds(it)}),
            ),
            Self::Resume(it) => ("resume", json!({"reason": it.reason})),
            Self::Override {
                pool,
                workers,
                shape,
                how_long,
            } => (
                "override",
                json!({
                    "pool": pool, "workers": workers,
                    "shape": match shape { ShapeArg::Fixed => "fixed", ShapeArg::Floor => "floor" },
                    "reason": how_long.reason.reason, "expires_in_seconds": seconds(how_long),
                }),
            ),
            Self::Release { pool, reason } => {
                ("release", json!({"pool": pool, "reason": reason.reason}))
            }
            Self::Status | Self::Top { .. } | Self::Explain { .. } => {
                unreachable!("what only looks is no order")
            }
        }
    }
}

fn name_of(policy: &SeenPolicy) -> &str {
    policy.reference.name.as_deref().unwrap_or_default()
}

/// Decisions, the oldest first, each with its reasons.
fn decisions(told: &Value) -> String {
    let text = |value: &Value| clean(value.as_str().unwrap_or("?"));
    let decisions = told.as_array().map_or(&[][..], Vec::as_slice);
    let mut lines = String::new();
    for decision in decisions.iter().rev() {
        let (at, sentence) = (text(&decision["at"]), text(&decision["sentence"]));
        lines += &format!("{at}  #{}  {sentence}\n", decision["id"]);
        for reason in decision["reasons"].as_array().into_iter().flatten() {
            lines += &format!("    {}: {}\n", text(&reason["code"]), text(&reason["text"]));
        }
    }
    if lines.is_empty() {
        lines += "nothing has been decided yet\n";
    }
    lines
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Kubectl::command().debug_assert();
    }

    #[test]
    fn orders_are_what_the_api_takes() {
        let order = |words: &[&str]| {
            let all = std::iter::once(&NAME).chain(words);
            Kubectl::try_parse_from(all).unwrap().command.order()
        };
        let (verb, body) = order(&["pause", "--for", "2h", "--reason", "racks"]);
        assert_eq!(verb, "pause");
        assert_eq!(
            body,
            json!({"reason": "racks", "expires_in_seconds": 7_200})
        );
        let (verb, body) = order(&[
            "override",
            "near",
            "--workers",
            "3",
            "--for",
            "30m",
            "--reason",
            "noon",
        ]);
        assert_eq!(verb, "override");
        assert_eq!(body["shape"], "fixed");
        assert_eq!(
            (&body["pool"], &body["workers"]),
            (&json!("near"), &json!(3))
        );
        let (verb, body) = order(&["release", "near", "--reason", "over"]);
        assert_eq!(
            (verb, body),
            ("release", json!({"pool": "near", "reason": "over"}))
        );
    }

    #[test]
    fn decisions_are_told_in_order_and_move_no_cursor() {
        let told = json!([
            {"id": 2, "at": "b", "sentence": "Second\u{1b}[2J.", "reasons": [{"code": "C", "text": "why"}]},
            {"id": 1, "at": "a", "sentence": "First.", "reasons": []},
        ]);
        let text = decisions(&told);
        assert_eq!(
            text,
            "a  #1  First.\nb  #2  Second\u{fffd}[2J.\n    C: why\n"
        );
    }
}
