//! `spillway topics`: the topics that policies need, made and changed so that they fit, and the rights that go with them.
//!
//! ```text
//!  policies ─▶ wanted ─┐
//!                      ├─▶ steps ─▶ shown (plan), or shown and done (apply)
//!  cluster ─▶ present ─┘
//! ```

mod plan;
mod rights;
mod show;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use spillway_core::Policy;
use spillway_kafka::{Cluster, TopicSpec};

use crate::kafka_args::KafkaArgs;
use crate::policy_file;
use crate::spans::span;
use plan::{Change, Retention, Step, Wishes};

/// How long one question to the cluster may take.
const ASK_MAX: Duration = Duration::from_secs(15);
/// How long making all topics may take: thousands of partitions take a broker some time.
const MAKE_MAX: Duration = Duration::from_secs(120);

const EXAMPLES: &str = "\
EXAMPLES:
  What would be done for a policy, and which rights it takes:
    spillway topics plan policies/recognition.yaml --rights
  Do it, with 96 partitions of jobs instead of what the workers of the policy need:
    spillway topics apply policies/recognition.yaml --partitions spillway.jobs=96
  Workers try again what they cannot fetch, after 10 seconds, a minute and ten:
    spillway topics apply policies/recognition.yaml --retry-after 10s,1m,10m
  Workers take videos:
    spillway topics apply policies/recognition.yaml --videos
  On an encrypted cluster with a login:
    spillway topics plan policy.yaml --kafka-config security.protocol=sasl_ssl,sasl.mechanism=SCRAM-SHA-512 \\
      --kafka-config sasl.username=admin,sasl.password=… --kafka-config ssl.ca.location=ca.pem

PARTITIONS:
  A worker without a partition has no work, so jobs get four for each worker that there may be, twelve at least: the
  base's most and the burst's most together. Partitions can be added later, and never taken away.";

#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// Shows which topics policies need, and what differs from those that are there; changes nothing.
    Plan(TopicsArgs),
    /// Shows the same and does it: makes topics, adds partitions, sets what is to be kept and for how long.
    Apply(TopicsArgs),
}

/// What topics there shall be.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES, after_help = "--help shows examples.")]
pub(crate) struct TopicsArgs {
    /// Policy files, all for one Kafka cluster.
    #[arg(required = true, value_name = "FILE")]
    policies: Vec<PathBuf>,
    /// Exactly so many partitions for a topic, instead of what the policies need; may be repeated.
    #[arg(long, value_name = "TOPIC=COUNT", value_parser = partitions)]
    partitions: Vec<(String, u32)>,
    /// Waits before a job is tried again, as workers are told theirs: each has a topic beside each topic of jobs, as
    /// spillway.jobs.retry.10s. A policy names those that its backlog shall count.
    #[arg(long, value_delimiter = ',', value_name = "WAITS", value_parser = wait)]
    retry_after: Vec<String>,
    /// The topics of videos too, as workers read them that take videos.
    #[arg(long)]
    videos: bool,
    /// Copies of each record, on as many brokers; by default three, or as many as there are brokers.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=15))]
    replication: Option<u32>,
    /// How long jobs stay, whether or not they are done.
    #[arg(long, default_value = "7d", value_name = "DURATION", value_parser = span)]
    keep_jobs: Duration,
    /// How long results stay for whoever reads them late.
    #[arg(long, default_value = "1d", value_name = "DURATION", value_parser = span)]
    keep_results: Duration,
    /// How long dead letters stay.
    #[arg(long, default_value = "14d", value_name = "DURATION", value_parser = span)]
    keep_dead_letters: Duration,
    /// Brokers, HOST:PORT with commas; by default those of the policies.
    #[arg(long, value_name = "HOST:PORT")]
    brokers: Option<String>,
    #[command(flatten)]
    kafka: KafkaArgs,
    /// Show the rights that controllers, workers and clients need, as `kafka-acls.sh` takes them.
    #[arg(long)]
    rights: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

// === impl TopicsCommand ===

impl TopicsCommand {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let (args, is_applied) = match self {
            Self::Plan(args) => (args, false),
            Self::Apply(args) => (args, true),
        };
        let mut policies = Vec::new();
        for file in &args.policies {
            match policy_file::load(file) {
                Ok(policy) => policies.push(policy),
                Err(report) => return Ok(report.show()),
            }
        }
        args.run(&policies, is_applied).await
    }
}

// === impl TopicsArgs ===

impl TopicsArgs {
    async fn run(&self, policies: &[Policy], is_applied: bool) -> anyhow::Result<ExitCode> {
        let brokers = self.brokers_of(policies)?;
        let wishes = Wishes {
            partitions: self.partitions.iter().cloned().collect(),
            waits: self.retry_after.clone(),
            has_videos: self.videos,
            keep: Retention {
                jobs: self.keep_jobs,
                results: self.keep_results,
                dead_letters: self.keep_dead_letters,
            },
        };
        let wanted = plan::wanted(policies, &wishes);
        for topic in wishes.partitions.keys() {
            anyhow::ensure!(
                wanted.iter().any(|it| it.name == *topic),
                "--partitions names {topic}, which is none of the topics of these policies: {}",
                wanted
                    .iter()
                    .map(|it| it.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            );
        }
        let cluster = Cluster::new(self.kafka.reach(&brokers))?;
        let names: Vec<String> = wanted.iter().map(|topic| topic.name.clone()).collect();
        let present = cluster.describe(&names, ASK_MAX).await?;
        let replication = self
            .replication
            .unwrap_or_else(|| plan::replication(cluster.broker_count()));
        let steps = plan::steps(&wanted, replication, &present);
        let is_refused = steps.iter().any(|step| step.change == Change::Refused);
        let rights = self.rights.then(|| rights::needed(policies, &wishes));
        let mut out = std::io::stdout();
        if self.json {
            writeln!(
                out,
                "{}",
                show::json(&steps, rights.as_deref(), is_applied && !is_refused)?
            )?;
        } else {
            write!(out, "{}", show::text(&steps, rights.as_deref()))?;
        }
        if is_refused {
            anyhow::bail!("nothing was changed");
        }
        if is_applied {
            apply(&cluster, &steps, replication).await?;
            if !self.json {
                writeln!(out, "{}", show::done(&steps))?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn brokers_of(&self, policies: &[Policy]) -> anyhow::Result<Vec<String>> {
        if let Some(brokers) = &self.brokers {
            return Ok(vec![brokers.clone()]);
        }
        let first = policies.first().context("no policy")?;
        for other in policies {
            anyhow::ensure!(
                other.bootstrap_servers() == first.bootstrap_servers(),
                "{} and {} name other brokers: say which with --brokers, or call this once for each cluster",
                first.name(),
                other.name()
            );
        }
        Ok(first.bootstrap_servers().to_vec())
    }
}

/// Does what the steps say; a second call finds nothing to do.
async fn apply(cluster: &Arc<Cluster>, steps: &[Step], replication: u32) -> anyhow::Result<()> {
    let missing = steps.iter().filter(|step| step.change == Change::Make);
    let specs: Vec<TopicSpec> = missing
        .map(|step| TopicSpec {
            replication: Some(replication),
            settings: step.wanted_settings(),
            ..TopicSpec::new(&step.topic, step.partitions.wanted)
        })
        .collect();
    cluster.ensure(&specs, MAKE_MAX).await?;
    for step in steps.iter().filter(|step| step.change == Change::Alter) {
        if step.grows() {
            let wanted = step.partitions.wanted;
            cluster.grow(&step.topic, wanted, MAKE_MAX).await?;
        }
        let settings: BTreeMap<String, String> = step.wanted_settings();
        if !settings.is_empty() {
            cluster.set(&step.topic, &settings, MAKE_MAX).await?;
        }
    }
    Ok(())
}

fn partitions(text: &str) -> Result<(String, u32), String> {
    let parsed = text
        .split_once('=')
        .and_then(|(topic, count)| Some((topic.to_owned(), count.parse::<u32>().ok()?)));
    match parsed {
        Some((topic, count)) if !topic.is_empty() && (1..=100_000).contains(&count) => {
            Ok((topic, count))
        }
        _ => Err("must be TOPIC=COUNT, from 1 to 100000".to_owned()),
    }
}

/// A wait as it was written, for it names a topic; in a worker's words.
fn wait(text: &str) -> Result<String, String> {
    let number = ["ms", "s", "m"]
        .iter()
        .find_map(|unit| text.strip_suffix(unit)?.parse::<f64>().ok());
    match number {
        Some(number) if number.is_finite() && number >= 0.0 => Ok(text.to_owned()),
        _ => Err("must be a number and ms, s or m, as in 10s".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_what_a_worker_takes() {
        for text in ["10s", "1m", "250ms", "1.5m"] {
            assert_eq!(wait(text), Ok(text.to_owned()));
        }
        for text in ["", "10", "s", "1h", "-1s", "nans"] {
            assert!(wait(text).is_err(), "{text}");
        }
    }
}
