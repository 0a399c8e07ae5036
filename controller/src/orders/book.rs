//! The orders in force, and where they outlive this process.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use spillway_core::{Given, IntentId, Orders};
use spillway_kube::Policies;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{By, Order, OrderView};
use crate::files;

/// Orders that wait to be written into the journal; the loop takes them with every tick.
const UNWRITTEN_MAX: usize = 1_000;
/// The longest that a cluster may take to keep the orders: a tick may wait for it.
const WRITE_DEADLINE: Duration = Duration::from_secs(2);
/// Machines that are ordered away at once: a whole fleet.
const DRAINS_MAX: usize = 10_000;

/// All orders of one policy.
pub(crate) struct OrderBook {
    home: Home,
    orders: Mutex<Orders>,
    /// One write at a time.
    writing: tokio::sync::Mutex<()>,
    unwritten: Mutex<Vec<OrderView>>,
    changed: Notify,
}

/// Where they outlive this process.
enum Home {
    File(PathBuf),
    /// The status of the policy's object.
    Object(Box<Policies>),
}

/// Why an order was not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OrderError {
    #[error("nothing is paused")]
    NotPaused,
    #[error("nothing is overridden there")]
    NotOverridden,
    #[error("so many machines are ordered away already")]
    TooMany,
    #[error("the order could not be written down, and so it does not hold")]
    NotWritten(#[source] anyhow::Error),
}

// === impl OrderBook ===

impl OrderBook {
    /// Opens a file, or begins without orders.
    ///
    /// # Errors
    /// When the file cannot be read: an order that is not followed is worse than a controller that does not start.
    pub(crate) fn of_file(path: PathBuf) -> anyhow::Result<Self> {
        let orders = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{} holds no orders", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Orders::default(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        Ok(Self::begin(Home::File(path), orders))
    }

    /// Those in the status of a policy in a cluster.
    ///
    /// # Errors
    /// When what stands there holds no orders.
    pub(crate) fn of_object(policies: Policies, stored: Option<&str>) -> anyhow::Result<Self> {
        let orders = match stored {
            Some(text) => {
                serde_json::from_str(text).context("the policy's status holds no orders")?
            }
            None => Orders::default(),
        };
        Ok(Self::begin(Home::Object(Box::new(policies)), orders))
    }

    fn begin(home: Home, orders: Orders) -> Self {
        Self {
            home,
            orders: Mutex::new(orders),
            writing: tokio::sync::Mutex::default(),
            unwritten: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// What is ordered, the expired among it.
    pub(crate) fn current(&self) -> Orders {
        self.orders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Gives an order: written down first, then followed.
    ///
    /// # Errors
    /// When it ends nothing, or could not be written down.
    pub(crate) async fn give(
        &self,
        order: &Order,
        by: &By,
        (id, now): (u64, Timestamp),
    ) -> Result<(), OrderError> {
        let _turn = self.writing.lock().await;
        let given = Given {
            id,
            by: by.user.clone(),
            reason: by.reason.clone(),
            at: now,
        };
        let mut orders = order.applied(&self.current(), given, now)?;
        if orders.drains.len() > DRAINS_MAX {
            return Err(OrderError::TooMany);
        }
        // What has ended by itself is cleared away with the next order.
        orders.pause.take_if(|pause| pause.until <= now);
        orders.overrides.retain(|_, order| now < order.until);
        self.keep(orders).await.map_err(OrderError::NotWritten)?;
        self.changed.notify_one();
        Ok(())
    }

    /// Forgets the orders to drain machines that are gone.
    ///
    /// # Errors
    /// When it could not be written down; it is harmless and tried again.
    pub(crate) async fn forget_drained(
        &self,
        is_open: impl Fn(&IntentId) -> bool + Send,
    ) -> anyhow::Result<()> {
        if self.current().drains.keys().all(&is_open) {
            return Ok(());
        }
        let _turn = self.writing.lock().await;
        let mut orders = self.current();
        orders.drains.retain(|intent, _| is_open(intent));
        self.keep(orders).await
    }

    async fn keep(&self, orders: Orders) -> anyhow::Result<()> {
        let text = serde_json::to_string(&orders)?;
        match &self.home {
            Home::File(path) => files::replace(path, text.as_bytes())
                .with_context(|| format!("cannot write {}", path.display()))?,
            Home::Object(policies) => {
                let written = policies.remember_orders(&text);
                timeout(WRITE_DEADLINE, written)
                    .await
                    .context("the API server does not answer")??;
            }
        }
        *self.orders.lock().unwrap_or_else(PoisonError::into_inner) = orders;
        Ok(())
    }

    /// Notes an order, given or refused, for the journal.
    pub(crate) fn note(&self, order: OrderView) {
        let mut unwritten = self
            .unwritten
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if unwritten.len() < UNWRITTEN_MAX {
            unwritten.push(order);
        }
    }

    /// What was noted since the last time.
    pub(crate) fn take_noted(&self) -> Vec<OrderView> {
        std::mem::take(
            &mut *self
                .unwritten
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Ends when something was ordered.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }
}
