//! `spillway doctor`: what stands between a policy and its machines, before a burst finds it out.
//!
//! It launches nothing and changes nothing.

mod help;
mod kafka;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures::future::join_all;
use serde::Serialize;
use spillway_cloud::{Sight, Subject};
use spillway_core::{Policy, Pool};
use tokio::time::timeout;

use crate::kafka_args::KafkaArgs;
use crate::{policy_file, providers};

/// The longest that an account may take to be looked at.
const ACCOUNT_DEADLINE: Duration = Duration::from_secs(60);

/// Looks for what would keep a policy's machines away: credentials, rights, images, subnets, clocks, Kafka.
///
/// Launches nothing. Ends with 1 if something is wrong.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// The policy file.
    #[arg(long, env = "SPILLWAY_POLICY", value_name = "FILE")]
    policy: PathBuf,
    /// Whose machines are looked for, as with `spillway run`.
    #[arg(long, env = "SPILLWAY_OWNER", default_value = "spillway")]
    owner: String,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    kafka: KafkaArgs,
}

/// One look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Check {
    /// `Kafka`, or a pool's name.
    about: String,
    #[serde(flatten)]
    topic: Topic,
    #[serde(flatten)]
    seen: Sight,
    /// Where it says what to do; nothing where nothing is to be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<help::Help>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "what", content = "subject", rename_all = "snake_case")]
enum Topic {
    /// Whether Kafka answers.
    Kafka,
    /// Whether it has the topics.
    Topics,
    /// Whether the address that machines are given is reached from here.
    Join,
    /// Something of a cloud.
    Cloud(Subject),
}

// === impl DoctorArgs ===

impl DoctorArgs {
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        let policy = match policy_file::load(&self.policy) {
            Ok(policy) => policy,
            Err(report) => return Ok(report.show()),
        };
        let (kafka, pools) = tokio::join!(
            kafka::look(&policy, &self.kafka),
            self.look_at_pools(&policy)
        );
        let checks: Vec<Check> = kafka.into_iter().chain(pools).collect();
        if self.json {
            show::json(&checks)?;
        } else {
            show::text(&checks)?;
        }
        let is_bad = |check: &Check| matches!(check.seen, Sight::Bad { .. });
        Ok(if checks.iter().any(is_bad) {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }

    async fn look_at_pools(&self, policy: &Policy) -> Vec<Check> {
        let in_clouds = policy
            .pools()
            .iter()
            .filter(|pool| pool.provider.is_cloud());
        let looks = in_clouds.map(|pool| self.look_at(pool, policy));
        join_all(looks).await.into_iter().flatten().collect()
    }

    async fn look_at(&self, pool: &Pool, policy: &Policy) -> Vec<Check> {
        let check = |subject, seen| Check::of_cloud(pool, subject, seen);
        let provider = match providers::of_pool(pool, policy, &self.owner) {
            Ok(Some(provider)) => provider,
            Ok(None) => return Vec::new(),
            Err(error) => {
                let why = format!("{error:#}");
                return vec![check(Subject::Credentials, Sight::Bad { why })];
            }
        };
        match timeout(ACCOUNT_DEADLINE, provider.examine()).await {
            Ok(found) => {
                let found = found.into_iter();
                found.map(|it| check(it.subject, it.seen)).collect()
            }
            Err(_) => {
                let why = format!("no answer within {} s", ACCOUNT_DEADLINE.as_secs());
                vec![check(Subject::Credentials, Sight::Unknown { why })]
            }
        }
    }
}

// === impl Check ===

impl Check {
    fn of_cloud(pool: &Pool, subject: Subject, seen: Sight) -> Self {
        let help = (seen != Sight::Good)
            .then(|| help::of_cloud(&pool.place.cloud, subject))
            .flatten();
        Self {
            about: pool.name.clone(),
            topic: Topic::Cloud(subject),
            seen,
            help,
        }
    }

    fn of_kafka(topic: Topic, seen: Sight) -> Self {
        let help = (seen != Sight::Good)
            .then(|| help::of_kafka(topic))
            .flatten();
        Self {
            about: "Kafka".to_owned(),
            topic,
            seen,
            help,
        }
    }
}

// === impl Topic ===

impl Topic {
    fn words(self) -> &'static str {
        match self {
            Self::Kafka => "answers",
            Self::Topics => "topics",
            Self::Join => "address for machines",
            Self::Cloud(Subject::Credentials) => "credentials",
            Self::Cloud(Subject::Clock) => "clock",
            Self::Cloud(Subject::Listing) => "right to list",
            Self::Cloud(Subject::Launching) => "right to launch",
            Self::Cloud(Subject::Image) => "image",
            Self::Cloud(Subject::Subnet) => "subnet",
        }
    }
}

#[cfg(test)]
mod tests;
