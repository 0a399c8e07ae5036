//! Usage of the day: each replica writes what it counted and reads what the others did, so that daily quotas hold
//! for all of them together and across restarts.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::warn;

use super::{App, today};
use crate::problem::chain;
use crate::store::StoreError;

/// How often usage is written and read: so much of a quota may be used twice.
const EVERY: Duration = Duration::from_secs(10);

impl App {
    /// Keeps usage up to date until the process ends.
    pub(crate) async fn keep_usage(&self) {
        let mut pace = tokio::time::interval(EVERY);
        loop {
            pace.tick().await;
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
