//! Watches for the notice by which a provider takes a spot machine back: tells the controller, and drains.
//!
//! Asks the metadata service as each provider wants it: Amazon every 5 s, Microsoft every second, Google by a question
//! that is answered when it changes. Oracle has no such question: there the machine's shutdown is the notice (SIGTERM).
//! Deliberately absent: what is done about it elsewhere. A replacement is the controller's to buy.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use reqwest::{Client, StatusCode, redirect};
use serde::Deserialize;
use spillway_wire::UnixMs;
use tracing::{debug, info, warn};

use crate::drain::Stop;
use crate::stats::Stats;
use crate::work::now_ms;

/// The longest wait for an answer; Microsoft's first one may take two minutes.
const ANSWER_MAX: Duration = Duration::from_secs(150);
/// How long Google is asked to hold an answer back while nothing changes.
const HELD_SECONDS: u64 = 60;
/// Kept of the notice for leaving the group and for Kafka to hear of it.
const MARGIN: Duration = Duration::from_secs(5);
/// Amazon's token lives for six hours.
const TOKEN_TTL_SECONDS: &str = "21600";
/// What is left where a notice does not say itself: two minutes at Amazon, half a minute elsewhere.
const LEFT_AT_AMAZON: Duration = Duration::from_secs(120);
const LEFT_ELSEWHERE: Duration = Duration::from_secs(30);

/// Whose machine this is, as far as notices differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Cloud {
    Aws,
    Azure,
    Gcp,
    Oci,
}

/// Looks for a notice until there is one.
pub(crate) struct Watch {
    pub(crate) cloud: Cloud,
    /// Address of the metadata service, without a slash at its end.
    pub(crate) metadata: String,
    /// Pause between two looks.
    pub(crate) every: Duration,
    pub(crate) stats: Arc<Stats>,
    pub(crate) stop: Arc<Stop>,
}

/// What is kept between two looks.
#[derive(Default)]
struct Known {
    token: Option<String>,
    machine: Option<String>,
}

/// Amazon's notice.
#[derive(Deserialize)]
struct InstanceAction {
    time: Option<Timestamp>,
}

/// What a machine of Microsoft's learns of itself.
#[derive(Deserialize)]
struct Own {
    compute: Compute,
}

#[derive(Deserialize)]
struct Compute {
    name: String,
}

/// Microsoft's document.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScheduledEvents {
    #[serde(default)]
    events: Vec<ScheduledEvent>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ScheduledEvent {
    event_type: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    not_before: String,
}

// === impl Cloud ===

impl Cloud {
    /// Where its machines find their metadata.
    pub(crate) fn metadata(self) -> &'static str {
        match self {
            Self::Gcp => "http://metadata.google.internal",
            Self::Aws | Self::Azure | Self::Oci => "http://169.254.169.254",
        }
    }

    /// How often to look: as often as the provider advises.
    pub(crate) fn every(self) -> Duration {
        match self {
            Self::Aws => Duration::from_secs(5),
            Self::Azure | Self::Gcp | Self::Oci => Duration::from_secs(1),
        }
    }
}

// === impl Watch ===

impl Watch {
    /// Looks until there is a notice, tells of it and drains.
    pub(crate) async fn run(self) {
        if self.cloud == Cloud::Oci {
            return;
        }
        // The metadata service is never behind a proxy, and never sends anyone elsewhere.
        let client = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(ANSWER_MAX)
            .build();
        let client = match client {
            Ok(client) => client,
            Err(error) => {
                warn!(%error, "notices are not watched for");
                return;
            }
        };
        let mut known = Known::default();
        let mut was_answered = true;
        loop {
            match self.look(&client, &mut known).await {
                Ok(Some(at_ms)) => return self.tell(at_ms),
                Ok(None) => was_answered = true,
                // Once, not at every look: without a metadata service there will be many.
                Err(error) if was_answered => {
                    warn!(error = format!("{error:#}"), "metadata service not read");
                    was_answered = false;
                }
                Err(error) => debug!(error = format!("{error:#}"), "metadata service not read"),
            }
            tokio::time::sleep(self.every).await;
        }
    }

    fn tell(&self, at_ms: UnixMs) {
        info!(at_ms, "the provider takes this machine back");
        self.stats.interrupted(at_ms);
        let by_ms = at_ms - MARGIN.as_millis() as i64;
        self.stop.drain(by_ms.max(now_ms()));
    }

    /// When the machine is taken back, where there is a notice.
    async fn look(&self, client: &Client, known: &mut Known) -> anyhow::Result<Option<UnixMs>> {
        match self.cloud {
            Cloud::Aws => self.amazon(client, known).await,
            Cloud::Gcp => self.google(client).await,
            Cloud::Azure => self.microsoft(client, known).await,
            Cloud::Oci => Ok(None),
        }
    }

    async fn amazon(&self, client: &Client, known: &mut Known) -> anyhow::Result<Option<UnixMs>> {
        let token = match &known.token {
            Some(token) => token.clone(),
            None => {
                let asked = client
                    .put(format!("{}/latest/api/token", self.metadata))
                    .header("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_TTL_SECONDS);
                let token = asked.send().await?.error_for_status()?.text().await?;
                known.token.insert(token).clone()
            }
        };
        let path = "latest/meta-data/spot/instance-action";
        let asked = client
            .get(format!("{}/{path}", self.metadata))
            .header("x-aws-ec2-metadata-token", token);
        let answer = asked.send().await?;
        match answer.status() {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::UNAUTHORIZED => {
                known.token = None;
                Ok(None)
            }
            _ => {
                let text = answer.error_for_status()?.text().await?;
                // Whatever it says: that it is there is the notice.
                let time = serde_json::from_str::<InstanceAction>(&text).map(|action| action.time);
                let time = time.ok().flatten();
                Ok(Some(time.map_or_else(
                    || in_ms(LEFT_AT_AMAZON),
                    Timestamp::as_millisecond,
                )))
            }
        }
    }

    async fn google(&self, client: &Client) -> anyhow::Result<Option<UnixMs>> {
        let path = "computeMetadata/v1/instance/preempted";
        let held = format!("wait_for_change=true&timeout_sec={HELD_SECONDS}");
        // Not held at first: it may have changed before we were here.
        for query in ["", &held] {
            let asked = client
                .get(format!("{}/{path}?{query}", self.metadata))
                .header("metadata-flavor", "Google");
            let text = asked.send().await?.error_for_status()?.text().await?;
            if text.trim().eq_ignore_ascii_case("true") {
                return Ok(Some(in_ms(LEFT_ELSEWHERE)));
            }
        }
        Ok(None)
    }

    async fn microsoft(
        &self,
        client: &Client,
        known: &mut Known,
    ) -> anyhow::Result<Option<UnixMs>> {
        let ask = |path: &str| {
            let asked = client.get(format!("{}/metadata/{path}", self.metadata));
            asked.header("metadata", "true").send()
        };
        let machine = match &known.machine {
            Some(machine) => machine.clone(),
            None => {
                let path = "instance?api-version=2021-02-01";
                let text = ask(path).await?.error_for_status()?.text().await?;
                let own: Own =
                    serde_json::from_str(&text).context("the machine's name is not understood")?;
                known.machine.insert(own.compute.name).clone()
            }
        };
        let path = "scheduledevents?api-version=2020-07-01";
        let text = ask(path).await?.error_for_status()?.text().await?;
        let events: ScheduledEvents =
            serde_json::from_str(&text).context("scheduled events are not understood")?;
        // Events of neighbours are told too.
        let ours = events.events.iter().find(|event| {
            matches!(event.event_type.as_str(), "Preempt" | "Terminate")
                && event
                    .resources
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(&machine))
        });
        Ok(ours.map(|event| {
            // Empty once it has begun.
            let at = DateTimeParser::new().parse_timestamp(&event.not_before);
            at.map_or_else(|_| in_ms(LEFT_ELSEWHERE), Timestamp::as_millisecond)
        }))
    }
}

fn in_ms(span: Duration) -> UnixMs {
    now_ms() + span.as_millis() as i64
}

#[cfg(test)]
mod tests;
