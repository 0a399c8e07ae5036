//! Leaving: every bought machine is drained and given back, nothing is bought, and then the controller ends.
//!
//! For whoever uninstalls. The controllers are stopped first, so that this one leads; it then decides as they did, under
//! an order for no machines. What it cannot reach within its time ends by its dead-man lease.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use spillway_core::{BASE_POOL, Policy, Shape, Workload, WorkloadKind};
use spillway_kube::{Base, Client, KubeError};
use tracing::{info, warn};

use crate::history::History;
use crate::intents::IntentStore;
use crate::orders::{By, Order, OrderBook};

/// Intents are looked at so often; their steps take seconds.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// An order holds at least so long.
const ORDER_MIN: Duration = Duration::from_secs(60);

/// How a controller leaves.
#[derive(Debug, Clone)]
pub(crate) struct Leave {
    /// The longest that it takes.
    pub(crate) within: Duration,
    /// The controllers that are to stop first.
    pub(crate) after: Option<Controllers>,
}

/// The workload of the controllers: `deployment/NAME` or `statefulset/NAME`, as kubectl names it.
#[derive(Debug, Clone)]
pub(crate) struct Controllers {
    kind: WorkloadKind,
    name: String,
}

// === impl Controllers ===

impl FromStr for Controllers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, name) = match text.split_once('/') {
            Some(("deployment", name)) => (WorkloadKind::Deployment, name),
            Some(("statefulset", name)) => (WorkloadKind::StatefulSet, name),
            _ => return Err("it is `deployment/NAME` or `statefulset/NAME`".to_owned()),
        };
        let name = name.to_owned();
        Ok(Self { kind, name })
    }
}

// === impl Leave ===

impl Leave {
    /// Tells the workload of the other controllers to have no pods; one that is not there has none.
    ///
    /// # Errors
    /// When the API server refuses it: they would go on.
    pub(super) async fn stop_others(
        &self,
        client: &Client,
        namespace: &str,
    ) -> Result<(), KubeError> {
        let Some(Controllers { kind, name }) = &self.after else {
            return Ok(());
        };
        let workload = Workload {
            kind: *kind,
            name: name.clone(),
            namespace: None,
            min: 0,
            max: 0,
        };
        match Base::new(client, namespace, workload).set(0, &[]).await {
            Ok(()) => {
                info!(name, "controllers were told to end");
                Ok(())
            }
            Err(KubeError::Missing(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Orders that no pool has a machine.
    pub(super) async fn order(
        &self,
        (policy, orders): (&Policy, &OrderBook),
        history: &History,
        identity: &str,
    ) {
        let by = By {
            user: "uninstall".to_owned(),
            known_by: "kubernetes",
            from: identity.to_owned(),
            reason: "the controller is being uninstalled".to_owned(),
        };
        let now = Timestamp::now();
        let within = SignedDuration::try_from(self.within.max(ORDER_MIN));
        let until = now + within.unwrap_or(SignedDuration::from_hours(1));
        let now_and_id = || (history.next_id(), now);
        // Under a pause nothing is given back. There mostly is none.
        let _ = orders.give(&Order::Resume, &by, now_and_id()).await;
        for pool in policy.pools() {
            let order = Order::Override {
                pool: pool.name.clone(),
                shape: Shape::Fixed,
                workers: 0,
                until,
            };
            let (id, now) = now_and_id();
            match orders.give(&order, &by, (id, now)).await {
                Ok(()) => orders.note(order.view(id, now, policy.name(), &by, None)),
                // Its machines are ended with the controller, without a drain.
                Err(error) => warn!(pool = pool.name, %error, "no order was given"),
            }
        }
    }
}

/// Ends when no bought machine is left.
pub(super) async fn drained(intents: &Arc<IntentStore>) {
    loop {
        let open = intents.open_intents();
        if open.iter().all(|intent| intent.pool == BASE_POOL) {
            info!("no bought machine is left");
            return;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
