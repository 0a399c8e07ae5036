//! Whether new work can still be done in time, and if not, when it may be. The decision has no clock.
//!
//! The controller knows when what waits now will be done. Where it cannot be asked, this replica's own jobs
//! without an answer, divided by the rate at which answers came, say it less well.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Deserialize;
use tracing::{debug, warn};

use crate::quota::whole_seconds;

/// How often the controller is asked.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// Longest wait for its answer.
const ASK_MAX: Duration = Duration::from_secs(2);
/// An answer older than this counts no longer.
const STALE_AFTER: Duration = Duration::from_secs(15);
/// How far back the own rate looks.
const WINDOW: Duration = Duration::from_secs(30);
/// Fewer answers than this say nothing of a rate.
const ANSWERS_MIN: u64 = 20;
/// Fewer jobs without an answer than this are no pressure, whatever the rate was.
const OUTSTANDING_MIN: u64 = 64;
/// Most jobs without an answer on this replica, if nothing is known of any rate.
const OUTSTANDING_MAX: u64 = 20_000;
/// Largest answer of the controller that is read.
const STATE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What is known of how long work will wait.
#[derive(Debug)]
pub(crate) struct Pressure {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Drain ETA of each topic, as the controller said: none is never.
    told: Option<(Instant, BTreeMap<String, Option<f64>>)>,
    /// Jobs sent and not answered, by the partition that their answers come on.
    outstanding: BTreeMap<i32, u64>,
    /// Answers by second.
    answers: VecDeque<(Instant, u64)>,
}

#[derive(Deserialize)]
struct State {
    policies: Vec<PolicyState>,
}

#[derive(Deserialize)]
struct PolicyState {
    backlog: Option<u64>,
    drain_eta_seconds: Option<f64>,
    #[serde(default)]
    lags: Vec<LagState>,
}

#[derive(Deserialize)]
struct LagState {
    topic: String,
}

// === impl Pressure ===

impl Pressure {
    pub(crate) fn new() -> Self {
        Self {
            known: Mutex::default(),
        }
    }

    /// Seconds after which it is worth trying again, if work for `topic` would not be done within `deadline`.
    pub(crate) fn refusal(&self, now: Instant, topic: &str, deadline: Duration) -> Option<u64> {
        let mut known = self.known();
        let deadline = deadline.as_secs_f64();
        let over = |eta: f64| (eta > deadline).then(|| whole_seconds(eta - deadline));
        if let Some(eta) = known.told(now, topic) {
            // Never: nobody works. That may change as soon as a machine has started.
            return eta.map_or(Some(60), over);
        }
        let outstanding: u64 = known.outstanding.values().sum();
        if outstanding < OUTSTANDING_MIN {
            return None;
        }
        match known.rate(now) {
            Some(rate) => over(outstanding as f64 / rate),
            None => (outstanding >= OUTSTANDING_MAX).then_some(60),
        }
    }

    /// Notes that jobs were sent, to be answered on a partition.
    pub(crate) fn sent(&self, partition: i32, jobs: u64) {
        *self.known().outstanding.entry(partition).or_default() += jobs;
    }

    /// Notes that an answer came: on a partition if its job was counted as sent.
    pub(crate) fn answered(&self, now: Instant, partition: Option<i32>) {
        let mut known = self.known();
        let outstanding = partition.and_then(|it| known.outstanding.get_mut(&it));
        if let Some(outstanding) = outstanding {
            *outstanding = outstanding.saturating_sub(1);
        }
        match known.answers.back_mut() {
            Some((at, count)) if now.duration_since(*at) < Duration::from_secs(1) => *count += 1,
            _ => known.answers.push_back((now, 1)),
        }
        known.forget(now);
    }

    /// Notes that partitions went to another replica: their answers will not be seen here.
    pub(crate) fn moved(&self, partitions: &[i32]) {
        let mut known = self.known();
        known
            .outstanding
            .retain(|partition, _| !partitions.contains(partition));
    }

    /// Jobs sent and not answered.
    pub(crate) fn outstanding(&self) -> u64 {
        self.known().outstanding.values().sum()
    }

    /// Takes in what the controller said.
    fn tell(&self, now: Instant, state: State) {
        let mut etas = BTreeMap::new();
        for policy in state.policies {
            // An unknown backlog has no ETA: that is not the same as never.
            if policy.backlog.is_none() {
                continue;
            }
            for lag in policy.lags {
                etas.insert(lag.topic, policy.drain_eta_seconds);
            }
        }
        self.known().told = Some((now, etas));
    }

    /// Asks the controller again and again, with the token that the file has at that moment.
    pub(crate) async fn follow(&self, controller: &str, token: Option<&Path>) {
        let url = format!("{}/api/v1/state", controller.trim_end_matches('/'));
        let client = reqwest::Client::new();
        let mut pace = tokio::time::interval(ASK_EVERY);
        let mut was_good = true;
        loop {
            pace.tick().await;
            match tokio::time::timeout(ASK_MAX, ask(&client, &url, token)).await {
                Ok(Ok(state)) => {
                    self.tell(Instant::now(), state);
                    was_good = true;
                }
                Ok(Err(error)) if was_good => {
                    warn!(
                        error = format!("{error:#}"),
                        "controller could not be asked"
                    );
                    was_good = false;
                }
                Ok(Err(_)) | Err(_) => debug!("controller could not be asked"),
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(client: &reqwest::Client, url: &str, token: Option<&Path>) -> anyhow::Result<State> {
    let mut request = client.get(url);
    if let Some(file) = token {
        // A few bytes that whoever rotates the token may write at any time.
        let token = tokio::fs::read_to_string(file).await;
        let token = token.with_context(|| format!("token {}", file.display()))?;
        request = request.bearer_auth(token.trim());
    }
    let mut response = request.send().await?.error_for_status()?;
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        anyhow::ensure!(
            bytes.len() + chunk.len() <= STATE_BYTES_MAX,
            "its answer is too large"
        );
        bytes.extend_from_slice(&chunk);
    }
    Ok(serde_json::from_slice(&bytes)?)
}

// === impl Known ===

impl Known {
    /// What the controller said of a topic, if it said it lately.
    fn told(&self, now: Instant, topic: &str) -> Option<Option<f64>> {
        let (at, etas) = self.told.as_ref()?;
        match now.duration_since(*at) <= STALE_AFTER {
            true => etas.get(topic).copied(),
            false => None,
        }
    }

    /// Answers a second, if there were enough to tell.
    fn rate(&mut self, now: Instant) -> Option<f64> {
        self.forget(now);
        let count: u64 = self.answers.iter().map(|(_, count)| count).sum();
        let first = self.answers.front()?.0;
        let seconds = now.duration_since(first).as_secs_f64().max(1.0);
        (count >= ANSWERS_MIN).then(|| count as f64 / seconds)
    }

    fn forget(&mut self, now: Instant) {
        while self
            .answers
            .front()
            .is_some_and(|(at, _)| now.duration_since(*at) > WINDOW)
        {
            self.answers.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn state(eta: &str) -> State {
        let text = format!(
            r#"{{"at":"x","policies":[{{"name":"p","backlog":5,"drain_eta_seconds":{eta},
               "lags":[{{"topic":"spillway.jobs","partition":0,"lag":5}}]}}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn the_controllers_eta_decides_while_it_is_fresh() {
        let (pressure, now) = (Pressure::new(), Instant::now());
        let asked =
            |after: u64, topic| pressure.refusal(now + Duration::from_secs(after), topic, MINUTE);
        pressure.tell(now, state("90.5"));
        assert_eq!(asked(1, "spillway.jobs"), Some(31));
        assert_eq!(
            asked(1, "spillway.jobs.gold"),
            None,
            "nothing is said of it"
        );
        assert_eq!(asked(16, "spillway.jobs"), None, "too old to count");
        pressure.tell(now, state("59"));
        assert_eq!(asked(1, "spillway.jobs"), None);
        pressure.tell(now, state("null"));
        assert_eq!(asked(1, "spillway.jobs"), Some(60), "nobody works");
    }

    #[test]
    fn without_a_controller_the_own_rate_decides() {
        let (pressure, begin) = (Pressure::new(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        pressure.sent(0, 1_000);
        assert_eq!(
            pressure.refusal(at(0), "t", MINUTE),
            None,
            "no rate is known"
        );
        for second in 0..10 {
            for _ in 0..4 {
                pressure.answered(at(second), Some(0));
            }
        }
        // 960 wait, 4 a second: 240 s, 180 more than the deadline.
        assert_eq!(pressure.refusal(at(10), "t", MINUTE), Some(180));
        pressure.moved(&[0]);
        assert_eq!(pressure.refusal(at(10), "t", MINUTE), None);
        pressure.sent(1, OUTSTANDING_MAX);
        assert_eq!(pressure.refusal(at(200), "t", MINUTE), Some(60), "bounded");
    }
}
