//! Usage of the day: each replica writes what it counted and reads what the others did, so that daily quotas hold
//! for all of them together and across restarts. And what each tenant used, told to whoever bills.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tracing::warn;

use super::{App, now_ms, today};
use crate::problem::chain;
use crate::store::StoreError;

/// How often usage is written and read: so much of a quota may be used twice.
const EVERY: Duration = Duration::from_secs(10);

/// What each tenant used through this replica, on its way to a topic.
///
/// A record says all that a replica has counted on a day so far: who reads a later one forgets those before it with
/// the same key, so a record that is lost or comes twice changes nothing.
pub(crate) struct Usage {
    topic: Option<String>,
    counted: Mutex<BTreeMap<Account, Count>>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Account {
    day: String,
    tenant: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    used: Used,
    /// Of it, what Kafka has been told of.
    told: Used,
}

/// What is billed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Used {
    images: u64,
    video_seconds: u64,
}

/// A record of the usage topic.
#[derive(Debug, Serialize)]
struct UsageRecord<'a> {
    tenant: &'a str,
    /// UTC.
    day: &'a str,
    replica: &'a str,
    /// Accepted on that day by this replica, so far, and frames of videos that were sent on it.
    images: u64,
    /// Of videos whose frames had all been sent on that day, each rounded up.
    video_seconds: u64,
    at_ms: i64,
}

// === impl Usage ===

impl Usage {
    pub(crate) fn new(topic: Option<String>) -> Self {
        Self {
            topic,
            counted: Mutex::default(),
        }
    }

    /// Notes images that were accepted.
    pub(crate) fn accepted(&self, day: &str, tenant: &str, images: u64) {
        self.looked_at(day, tenant, images, 0);
    }

    /// Notes the frames of a video, and its length.
    pub(crate) fn looked_at(&self, day: &str, tenant: &str, frames: u64, seconds: u64) {
        if self.topic.is_none() {
            return;
        }
        let (day, tenant) = (day.to_owned(), tenant.to_owned());
        let mut counted = self.counted();
        let used = &mut counted.entry(Account { day, tenant }).or_default().used;
        used.images = used.images.saturating_add(frames);
        used.video_seconds = used.video_seconds.saturating_add(seconds);
    }

    /// What is to be told.
    fn untold(&self) -> Vec<(Account, Used)> {
        let counted = self.counted();
        let untold = counted.iter().filter(|(_, count)| count.used != count.told);
        untold
            .map(|(account, count)| (account.clone(), count.used))
            .collect()
    }

    /// Notes that Kafka has a record; what is of another day and told is forgotten.
    fn told(&self, account: &Account, used: Used, today: &str) {
        let mut counted = self.counted();
        if let Some(count) = counted.get_mut(account) {
            count.told = used;
        }
        counted.retain(|account, count| account.day == today || count.used != count.told);
    }

    fn counted(&self) -> MutexGuard<'_, BTreeMap<Account, Count>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl App ===

impl App {
    /// Tells the usage topic, where there is one, what changed. What it does not take is told next time.
    pub(crate) async fn tell_usage(&self) {
        let Some(topic) = &self.usage.topic else {
            return;
        };
        for (account, used) in self.usage.untold() {
            let Account { day, tenant } = &account;
            let replica = &self.replica;
            let record = UsageRecord {
                tenant,
                day,
                replica,
                images: used.images,
                video_seconds: used.video_seconds,
                at_ms: now_ms(),
            };
            let value = serde_json::to_vec(&record).expect("it has only string keys");
            let key = format!("{day}/{tenant}/{replica}");
            match self.jobs.tell(topic, &key, "usage", &value).await {
                Ok(()) => self.usage.told(&account, used, &today()),
                Err(error) => {
                    warn!(topic, error = %chain(&error), "usage not told");
                    return;
                }
            }
        }
    }

    /// Keeps usage up to date until the process ends.
    pub(crate) async fn keep_usage(&self) {
        let mut pace = tokio::time::interval(EVERY);
        loop {
            pace.tick().await;
            self.tell_usage().await;
            if let Err(error) = self.exchange_usage().await {
                warn!(error = %chain(&error), "usage not exchanged");
            }
        }
    }

    /// Writes this replica's usage of today and reads that of the others.
    ///
    /// # Errors
    /// When the store fails; then what was known still counts.
    pub(crate) async fn exchange_usage(&self) -> Result<(), StoreError> {
        let day = today();
        let tenants = self.tenants.all();
        let own: BTreeMap<&str, u64> = tenants
            .iter()
            .map(|tenant| (tenant.name.as_str(), tenant.meter.used(&day)))
            .filter(|(_, used)| *used > 0)
            .collect();
        if !own.is_empty() {
            let value = serde_json::to_vec(&own).expect("it has only string keys");
            self.store.put_usage(&day, &self.replica, value).await?;
        }
        let mut elsewhere: BTreeMap<String, u64> = BTreeMap::new();
        for (replica, bytes) in self.store.usage(&day).await? {
            if replica == self.replica {
                continue;
            }
            let Ok(of_replica) = serde_json::from_slice::<BTreeMap<String, u64>>(&bytes) else {
                warn!(replica, "usage is not readable");
                continue;
            };
            for (tenant, used) in of_replica {
                let sum = elsewhere.entry(tenant).or_default();
                *sum = sum.saturating_add(used);
            }
        }
        for tenant in tenants {
            let used = elsewhere.get(&tenant.name).copied().unwrap_or(0);
            tenant.meter.used_elsewhere(&day, used);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_told_again_only_when_it_has_grown_and_no_day_is_kept_for_ever() {
        let usage = Usage::new(Some("t".to_owned()));
        usage.accepted("2026-05-12", "acme", 3);
        usage.accepted("2026-05-12", "other", 1);
        usage.accepted("2026-05-12", "acme", 2);
        let untold = usage.untold();
        let counts: Vec<(&str, u64)> = untold
            .iter()
            .map(|(account, used)| (account.tenant.as_str(), used.images))
            .collect();
        assert_eq!(counts, [("acme", 5), ("other", 1)]);
        // More comes while the record is on its way.
        usage.looked_at("2026-05-12", "acme", 1, 12);
        for (account, used) in &untold {
            usage.told(account, *used, "2026-05-12");
        }
        let untold = usage.untold();
        assert_eq!(untold.len(), 1);
        let all = Used {
            images: 6,
            video_seconds: 12,
        };
        assert_eq!(untold[0].1, all, "all of the day, not the difference");
        usage.told(&untold[0].0, all, "2026-05-13");
        assert!(usage.counted().is_empty());
        let silent = Usage::new(None);
        silent.accepted("2026-05-12", "acme", 3);
        assert!(silent.counted().is_empty(), "nobody would be told");
    }
}
