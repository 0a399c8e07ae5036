//! `spillway dlq`: jobs that nobody can answer by trying again, looked at and, once their cause is gone, sent again.
//!
//! A dead letter is an extra copy: its job has had a result that says why. So nothing is lost by leaving it, and a job
//! that is sent again is answered once more under the same result id.

mod letter;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clap::{Args, Subcommand};
use futures::StreamExt as _;
use jiff::Timestamp;
use serde::Serialize;
use spillway_kafka::{Cluster, Record};
use spillway_wire::topics;

use crate::columns::Columns;
use crate::kafka_args::KafkaArgs;
use crate::policy_file;
use crate::spans::span;
use letter::{Filter, Letter};

/// Reading gives up when nothing comes for so long.
const PATIENCE: Duration = Duration::from_secs(15);
/// Records on their way at the same time.
const SENT_AT_ONCE_MAX: usize = 64;

const EXAMPLES: &str = "\
EXAMPLES:
  What died in the last day, and why:
    spillway dlq list --policy policy.yaml --since 1d
  A model that failed on some images was replaced: try those again, first without doing it:
    spillway dlq replay --policy policy.yaml --reason MODEL_FAILED --since 2h --dry-run
    spillway dlq replay --policy policy.yaml --reason MODEL_FAILED --since 2h
  One job, for a program:
    spillway dlq list --brokers kafka:9092 --job job-4711 --json

WHAT IS SENT AGAIN:
  The job as it was: its key, value and headers, without the headers that say how it died. Its result has the same
  result id as before, so sending it twice does no harm. The dead letter itself stays until its topic forgets it.
  Every job of a selection is sent, so bound it: --since, --until, --reason, --job, and --max, which is 1000.";

#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// Shows dead letters: when, which job, why, and where it came from.
    List(ListArgs),
    /// Sends jobs again whose cause of death is gone.
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "--help shows examples.")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    chosen: Chosen,
    /// Print JSON, one dead letter a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "--help shows examples.")]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    chosen: Chosen,
    /// Say what would be sent, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

/// Which dead letters.
#[derive(Debug, Args)]
struct Chosen {
    /// The policy file, for its brokers and topics.
    #[arg(long, value_name = "FILE", required_unless_present = "brokers")]
    policy: Option<PathBuf>,
    /// Brokers, HOST:PORT with commas; by default the policy's.
    #[arg(long, value_name = "HOST:PORT")]
    brokers: Option<String>,
    /// Topic of jobs; its dead letters are in `<topic>.dlq`. May be repeated; by default the policy's, or spillway.jobs.
    #[arg(long = "topic", value_name = "TOPIC")]
    topics: Vec<String>,
    /// Only those that died of this, as MODEL_FAILED; may be repeated.
    #[arg(long = "reason", value_name = "REASON")]
    reasons: Vec<String>,
    /// Only this job; may be repeated.
    #[arg(long = "job", value_name = "ID")]
    jobs: Vec<String>,
    /// Only those that died since: a time, or how long ago.
    #[arg(long, value_name = "TIME|DURATION", value_parser = moment)]
    since: Option<Timestamp>,
    /// Only those that died before: a time, or how long ago.
    #[arg(long, value_name = "TIME|DURATION", value_parser = moment)]
    until: Option<Timestamp>,
    /// At most so many; what is more is said.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    max: u64,
    #[command(flatten)]
    kafka: KafkaArgs,
}

/// What was found.
#[derive(Debug, Default)]
struct Found {
    letters: Vec<Letter>,
    /// Whether there are more than the most that were asked for.
    is_cut: bool,
    /// Topics of dead letters that there are not.
    missing: Vec<String>,
}

/// What became of a selection.
#[derive(Debug, Default, Serialize)]
struct Summary {
    chosen: usize,
    replayed: usize,
    /// Those that cannot be sent, or were not taken, by the reason.
    left: BTreeMap<String, usize>,
    /// Whether there are more: call it again, or raise --max.
    is_cut: bool,
    is_dry_run: bool,
}

// === impl DlqCommand ===

impl DlqCommand {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        match self {
            Self::List(args) => args.run().await,
            Self::Replay(args) => args.run().await,
        }
    }
}

// === impl ListArgs ===

impl ListArgs {
    async fn run(&self) -> anyhow::Result<ExitCode> {
        let Some((cluster, topics)) = self.chosen.reach()? else {
            return Ok(ExitCode::FAILURE);
        };
        let found = self.chosen.read(&cluster, &topics).await?;
        let mut out = std::io::stdout().lock();
        if self.json {
            for letter in &found.letters {
                writeln!(out, "{}", serde_json::to_string(&letter.told())?)?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Columns::new(5, &["at", "job", "reason", "came from", "message"]);
        for letter in &found.letters {
            table.line(letter.told().fields());
        }
        if found.letters.is_empty() {
            writeln!(out, "no dead letters")?;
        } else {
            write!(out, "{}", table.text())?;
        }
        for topic in &found.missing {
            writeln!(out, "there is no topic {topic}")?;
        }
        if found.is_cut {
            writeln!(out, "there are more than --max {}", self.chosen.max)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

// === impl ReplayArgs ===

impl ReplayArgs {
    async fn run(&self) -> anyhow::Result<ExitCode> {
        let Some((cluster, topics)) = self.chosen.reach()? else {
            return Ok(ExitCode::FAILURE);
        };
        let found = self.chosen.read(&cluster, &topics).await?;
        let mut summary = Summary {
            chosen: found.letters.len(),
            is_cut: found.is_cut,
            is_dry_run: self.dry_run,
            ..Summary::default()
        };
        let mut left = |why: String| *summary.left.entry(why).or_default() += 1;
        let mut jobs = Vec::new();
        for letter in found.letters {
            match letter.job() {
                Ok(job) => jobs.push((letter.jobs_topic, job)),
                Err(why) => left(why.to_owned()),
            }
        }
        if self.dry_run {
            summary.replayed = jobs.len();
        } else {
            let sends = jobs.into_iter().map(|(topic, job)| {
                let cluster = Arc::clone(&cluster);
                async move { cluster.copy(&topic, &job).await }
            });
            let mut sent = futures::stream::iter(sends).buffer_unordered(SENT_AT_ONCE_MAX);
            while let Some(result) = sent.next().await {
                match result {
                    Ok(_) => summary.replayed += 1,
                    Err(error) => left(format!("{:#}", anyhow::Error::new(error))),
                }
            }
        }
        let mut out = std::io::stdout();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&summary)?)?;
        } else {
            write!(out, "{}", summary.text())?;
        }
        let is_whole = summary.left.is_empty();
        Ok(if is_whole {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

// === impl Chosen ===

impl Chosen {
    /// The cluster, and the topics of jobs; none where the policy is not good, which was shown.
    fn reach(&self) -> anyhow::Result<Option<(Arc<Cluster>, Vec<String>)>> {
        let mut brokers: Vec<String> = self.brokers.clone().into_iter().collect();
        let mut topics = self.topics.clone();
        if let Some(file) = &self.policy {
            let policy = match policy_file::load(file) {
                Ok(policy) => policy,
                Err(report) => {
                    report.show();
                    return Ok(None);
                }
            };
            if brokers.is_empty() {
                brokers = policy.bootstrap_servers().to_vec();
            }
            if topics.is_empty() {
                topics = policy.topics().iter().map(|it| it.name.clone()).collect();
            }
        }
        if topics.is_empty() {
            topics = vec![topics::JOBS.to_owned()];
        }
        // What was tried again in vain lies with the dead letters of where it came from.
        for topic in &mut topics {
            *topic = topics::base(topic).to_owned();
        }
        topics.sort();
        topics.dedup();
        Ok(Some((Cluster::new(self.kafka.reach(&brokers))?, topics)))
    }

    /// Reads the dead letters of these topics of jobs, the oldest first.
    async fn read(&self, cluster: &Arc<Cluster>, topics: &[String]) -> anyhow::Result<Found> {
        let names: Vec<String> = topics
            .iter()
            .map(|topic| topics::dead_letters(topic))
            .collect();
        let present = cluster.describe(&names, PATIENCE).await?;
        let filter = Arc::new(Filter::new(
            &self.reasons,
            &self.jobs,
            self.since,
            self.until,
        ));
        let most = usize::try_from(self.max).unwrap_or(usize::MAX);
        let mut found = Found::default();
        for topic in topics {
            let name = topics::dead_letters(topic);
            if present.get(&name).is_none_or(Option::is_none) {
                found.missing.push(name);
                continue;
            }
            let kept = Arc::new(Mutex::new(Vec::new()));
            let (keep, filter, jobs_topic) =
                (Arc::clone(&kept), Arc::clone(&filter), topic.clone());
            // One more than the most shows whether there are more.
            let room = most + 1 - found.letters.len();
            let visit = move |record: Record| {
                let letter = Letter::new(&jobs_topic, record);
                // Only this closure has it until reading ends.
                let mut kept = keep.lock().unwrap_or_else(PoisonError::into_inner);
                if filter.takes(&letter) {
                    kept.push(letter);
                }
                match kept.len() >= room {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            };
            cluster.records(&name, self.since, PATIENCE, visit).await?;
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            found.letters.append(&mut kept);
            if found.letters.len() > most {
                break;
            }
        }
        found.is_cut = found.letters.len() > most;
        found.letters.truncate(most);
        found.letters.sort_by_key(|letter| letter.record.at);
        Ok(found)
    }
}

// === impl Summary ===

impl Summary {
    fn text(&self) -> String {
        let verb = if self.is_dry_run {
            "would be sent"
        } else {
            "were sent"
        };
        let mut text = format!("{} of {} jobs {verb} again\n", self.replayed, self.chosen);
        for (why, count) in &self.left {
            text.push_str(&format!("{count} left: {why}\n"));
        }
        if self.is_cut {
            text.push_str("there are more: bound the selection, or raise --max\n");
        }
        text
    }
}

/// A time in RFC 3339, or a span before now.
fn moment(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    let ago = span(text).map_err(|_| {
        "must be a time, as 2026-11-25T12:00:00Z, or how long ago, as 90s, 12h or 7d".to_owned()
    })?;
    Timestamp::now()
        .checked_sub(ago)
        .map_err(|_| "is too long ago".to_owned())
}
