//! What a tick does beside its decision: orders of people, refusals of pools, machines that nobody knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use spillway_core::{IntentId, Policy, Reason, Snapshot};
use tracing::warn;

use super::Controller;
use crate::journal::Event;

// === impl Controller ===

impl Controller {
    /// Puts what people have ordered into what is observed, and notes what they ordered since.
    pub(super) async fn take_orders(&mut self, snapshot: &mut Snapshot) -> anyhow::Result<()> {
        let intents = Arc::clone(&self.sources.intents);
        let is_open = |intent: &IntentId| intents.get(intent).is_some_and(|it| !it.is_closed());
        if let Err(error) = self.orders.forget_drained(is_open).await {
            warn!(
                error = format!("{error:#}"),
                "orders that are done were not cleared away"
            );
        }
        for order in self.orders.take_noted() {
            self.journal.write(&Event::Ordered {
                at: order.at,
                order: Box::new(order),
            })?;
        }
        snapshot.orders = self.orders.current();
        Ok(())
    }

    /// Pools that gave no machine lately.
    pub(super) fn refusals(&self, now: Timestamp) -> BTreeMap<String, Reason> {
        let pools = self.planner.policy().pools().iter();
        let refusals = pools.filter_map(|pool| {
            let why = self.planner.refusal(&pool.name, now)?;
            Some((pool.name.clone(), why))
        });
        refusals.collect()
    }

    /// Ends machines with our tags of which no intent is known: nobody would ever give them back.
    pub(super) async fn end_orphans(&self, orphans: Vec<(String, spillway_cloud::Instance)>) {
        let ends = orphans.into_iter().filter_map(|(pool, machine)| {
            let provider = self.executor.providers.get(&pool)?;
            Some(async move {
                warn!(%pool, instance = machine.id, intent = machine.intent, "ending an orphan");
                if let Err(error) = provider.terminate(&machine.id).await {
                    warn!(instance = machine.id, %error, "orphan was not ended, will be tried again");
                }
            })
        });
        join_all(ends).await;
    }
}

/// 12 hex digits that change with the policy.
pub(super) fn revision(policy: &Policy) -> anyhow::Result<String> {
    let hash = Sha256::digest(serde_json::to_vec(policy)?);
    let digits = hash.iter().take(6).map(|byte| format!("{byte:02x}"));
    Ok(digits.collect())
}
