//! Commands and flags for operators: the API's, the history's, the reference.

use std::io::Write as _;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use ipnet::IpNet;
use jiff::{SignedDuration, Timestamp};

use crate::api::{AppConfig, AuthConfig, AuthKind, hash_of};
use crate::history::Keep;
use crate::{api, journal, metrics};

#[derive(Debug, Args)]
#[command(next_help_heading = "API and history")]
pub(super) struct ApiArgs {
    /// Who may look and order: `open` shows to all and takes orders from this machine alone.
    #[arg(
        long,
        env = "SPILLWAY_API_AUTH",
        value_enum,
        default_value_t = AuthKind::Open
    )]
    api_auth: AuthKind,
    /// With `token`: a file with `NAME read|operate SHA256` a line; `spillway api-token` makes one.
    #[arg(long, env = "SPILLWAY_API_TOKENS", value_name = "FILE")]
    api_tokens: Option<PathBuf>,
    /// With `proxy`: addresses whose `X-Forwarded-User` is believed.
    #[arg(
        long,
        env = "SPILLWAY_API_PROXIES",
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = network
    )]
    api_proxies: Vec<IpNet>,
    /// With `proxy`: who may order, by name, or by `group:NAME`.
    #[arg(
        long,
        env = "SPILLWAY_API_OPERATORS",
        value_name = "NAME",
        value_delimiter = ','
    )]
    api_operators: Vec<String>,
    /// Days that the history keeps.
    #[arg(long, env = "SPILLWAY_HISTORY_DAYS", default_value_t = 30, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    history_days: u32,
    /// Bytes that it keeps at most, if that is less.
    #[arg(long, env = "SPILLWAY_HISTORY_BYTES", default_value_t = 1 << 30, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1 << 20..))]
    history_bytes: u64,
}

#[derive(Debug, Args)]
pub(super) struct ApiTokenArgs {
    /// Whose it is, as it stands in the audit.
    name: String,
    /// Let it order too.
    #[arg(long)]
    operate: bool,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The controller's state folder.
    #[arg(
        long,
        env = "SPILLWAY_STATE",
        value_name = "DIR",
        default_value = "spillway-state"
    )]
    state: PathBuf,
    /// Leave out what ended before: a time, or `-6h`.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
}

/// Pages of the reference.
#[derive(Debug, Subcommand)]
pub(super) enum ReferenceCommand {
    /// The controller's metrics.
    Metrics,
    /// The API, as OpenAPI 3.1.
    Openapi,
}

fn network(text: &str) -> Result<IpNet, String> {
    let alone = |_| text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>()
        .or_else(alone)
        .map_err(|_| "is no network like 10.0.0.0/8, and no address".to_owned())
}

// === impl ApiArgs ===

impl ApiArgs {
    pub(super) fn config(&self) -> AppConfig {
        AppConfig {
            auth: AuthConfig {
                kind: self.api_auth,
                tokens: self.api_tokens.clone(),
                proxies: self.api_proxies.clone(),
                operators: self.api_operators.clone(),
            },
        }
    }

    pub(super) fn keep(&self) -> Keep {
        Keep {
            days: self.history_days,
            bytes: self.history_bytes,
        }
    }
}

// === impl ApiTokenArgs ===

impl ApiTokenArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|it| it.is_ascii_graphic() && it != '#')
        };
        anyhow::ensure!(
            is_name(&self.name),
            "a name is visible ASCII without spaces and `#`, `{}` is not",
            self.name.escape_debug()
        );
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes)?;
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let right = if self.operate { "operate" } else { "read" };
        let mut out = std::io::stdout();
        writeln!(out, "token: {token}")?;
        writeln!(out, "line:  {} {right} {}", self.name, hash_of(&token))?;
        Ok(ExitCode::SUCCESS)
    }
}

// === impl ExportArgs ===

impl ExportArgs {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let now = Timestamp::now();
        let from = match self.from.as_deref() {
            Some(text) => api::time(text, now).map_err(|why| anyhow::anyhow!("--from {why}"))?,
            None => Timestamp::MIN + SignedDuration::from_hours(48),
        };
        let folder = self.state.join("journal");
        anyhow::ensure!(
            folder.is_dir(),
            "there is no journal in {}",
            folder.display()
        );
        journal::export(&folder, from, now, &mut std::io::stdout().lock())?;
        Ok(ExitCode::SUCCESS)
    }
}

// === impl ReferenceCommand ===

impl ReferenceCommand {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let text = match self {
            Self::Metrics => metrics::reference(),
            Self::Openapi => serde_json::to_string_pretty(&api::document())?,
        };
        write!(std::io::stdout(), "{text}")?;
        Ok(ExitCode::SUCCESS)
    }
}
