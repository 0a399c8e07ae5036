//! Orders of people beside the policy: kept where they outlive this process, followed by the planner, told to everybody.
//!
//! ```text
//!  API ──▶ OrderBook ──▶ file or the policy's status ──▶ next snapshot ──▶ plan (core/src/orders.rs)
//!              └──▶ history, journal, stream: who, what, why, until when
//! ```

mod book;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use spillway_core::{Given, IntentId, Orders, Override, Pause, Shape};
use utoipa::ToSchema;

pub(crate) use book::{OrderBook, OrderError};

use crate::history::{Entry, EntryKind};
use crate::view::OrderInForce;

/// What somebody orders.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Order {
    Pause {
        until: Timestamp,
    },
    Resume,
    Override {
        pool: String,
        shape: Shape,
        workers: u32,
        until: Timestamp,
    },
    Release {
        pool: String,
    },
    Drain {
        intent: String,
        pool: String,
    },
}

/// Who orders, and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct By {
    pub(crate) user: String,
    /// How they were known: `open`, `loopback`, `token`, `proxy`, `kubernetes`.
    pub(crate) known_by: &'static str,
    /// Their address.
    pub(crate) from: String,
    pub(crate) reason: String,
}

/// An order, given or refused, as it stands in the audit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub(crate) struct OrderView {
    pub(crate) id: u64,
    pub(crate) at: Timestamp,
    /// `pause`, `resume`, `override`, `release` or `drain`.
    pub(crate) kind: String,
    pub(crate) by: String,
    pub(crate) known_by: String,
    /// The address that it came from.
    pub(crate) from: String,
    pub(crate) accepted: bool,
    /// The code of the problem that it was refused with.
    pub(crate) refusal: Option<String>,
    pub(crate) policy: String,
    pub(crate) pool: Option<String>,
    /// `fixed` or `floor`.
    pub(crate) shape: Option<String>,
    pub(crate) workers: Option<u32>,
    pub(crate) intent: Option<String>,
    pub(crate) reason: String,
    pub(crate) until: Option<Timestamp>,
}

// === impl Order ===

impl Order {
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Pause { .. } => "pause",
            Self::Resume => "resume",
            Self::Override { .. } => "override",
            Self::Release { .. } => "release",
            Self::Drain { .. } => "drain",
        }
    }

    /// As it stands in the audit.
    pub(crate) fn view(
        &self,
        id: u64,
        at: Timestamp,
        policy: &str,
        by: &By,
        refusal: Option<&str>,
    ) -> OrderView {
        let mut view = OrderView {
            id,
            at,
            kind: self.kind().to_owned(),
            by: by.user.clone(),
            known_by: by.known_by.to_owned(),
            from: by.from.clone(),
            accepted: refusal.is_none(),
            refusal: refusal.map(str::to_owned),
            policy: policy.to_owned(),
            pool: None,
            shape: None,
            workers: None,
            intent: None,
            reason: by.reason.clone(),
            until: None,
        };
        match self {
            Self::Pause { until } => view.until = Some(*until),
            Self::Resume => {}
            Self::Override {
                pool,
                shape,
                workers,
                until,
            } => {
                view.pool = Some(pool.clone());
                view.shape = Some(shape_name(*shape).to_owned());
                view.workers = Some(*workers);
                view.until = Some(*until);
            }
            Self::Release { pool } => view.pool = Some(pool.clone()),
            Self::Drain { intent, pool } => {
                view.intent = Some(intent.clone());
                view.pool = Some(pool.clone());
            }
        }
        view
    }

    /// What holds once it was given.
    ///
    /// # Errors
    /// When there is nothing that it could end.
    fn applied(&self, to: &Orders, given: Given, now: Timestamp) -> Result<Orders, OrderError> {
        let mut orders = to.clone();
        match self {
            Self::Pause { until } => {
                orders.pause = Some(Pause {
                    given,
                    until: *until,
                });
            }
            Self::Resume => {
                let pause = orders.pause.take();
                pause
                    .filter(|pause| now < pause.until)
                    .ok_or(OrderError::NotPaused)?;
            }
            Self::Override {
                pool,
                shape,
                workers,
                until,
            } => {
                let order = Override {
                    given,
                    until: *until,
                    shape: *shape,
                    workers: *workers,
                };
                orders.overrides.insert(pool.clone(), order);
            }
            Self::Release { pool } => {
                let order = orders.overrides.remove(pool);
                order
                    .filter(|order| now < order.until)
                    .ok_or(OrderError::NotOverridden)?;
            }
            Self::Drain { intent, .. } => {
                orders.drains.insert(IntentId::from(intent.clone()), given);
            }
        }
        Ok(orders)
    }
}

// === impl OrderView ===

impl OrderView {
    /// As the history keeps it.
    pub(crate) fn entry(&self) -> Entry {
        Entry {
            id: self.id,
            told: 0,
            policy: self.policy.clone(),
            at_ms: self.at.as_millisecond(),
            kind: EntryKind::Order,
            launches: 0,
            drains: 0,
            is_trouble: !self.accepted,
            codes: vec![self.kind.clone()],
            verbs: Vec::new(),
            pools: self.pool.iter().cloned().collect(),
            intents: Vec::new(),
            data: serde_json::to_value(self).unwrap_or_default(),
        }
    }

    /// What of it holds from now on.
    pub(crate) fn in_force(&self) -> OrderInForce {
        OrderInForce {
            id: self.id,
            kind: self.kind.clone(),
            pool: self.pool.clone(),
            shape: self.shape.clone(),
            workers: self.workers,
            intent: self.intent.clone(),
            by: self.by.clone(),
            reason: self.reason.clone(),
            at: self.at,
            until: self.until,
        }
    }

    /// In one sentence, as it stands beside decisions.
    pub(crate) fn sentence(&self) -> String {
        let what = match (self.kind.as_str(), &self.pool, &self.intent) {
            ("override", Some(pool), _) => {
                let shape = match self.shape.as_deref() {
                    Some("floor") => "at least",
                    _ => "exactly",
                };
                format!("{shape} {} × {pool}", self.workers.unwrap_or(0))
            }
            ("release", Some(pool), _) => format!("no more override of {pool}"),
            ("drain", _, Some(intent)) => format!("that {intent} goes"),
            ("pause", _, _) => "a pause".to_owned(),
            ("resume", _, _) => "to go on".to_owned(),
            (other, _, _) => other.to_owned(),
        };
        let verb = if self.accepted {
            "ordered"
        } else {
            "was refused"
        };
        format!("{} {verb} {what}: {}", self.by, self.reason)
    }
}

pub(crate) fn shape_name(shape: Shape) -> &'static str {
    match shape {
        Shape::Fixed => "fixed",
        Shape::Floor => "floor",
    }
}

/// A pause, an override or a drain that holds, as it is shown.
pub(crate) fn in_force(
    kind: &str,
    given: &Given,
    (pool, intent): (Option<&str>, Option<&str>),
    until: Option<Timestamp>,
    size: Option<(Shape, u32)>,
) -> OrderInForce {
    OrderInForce {
        id: given.id,
        kind: kind.to_owned(),
        pool: pool.map(str::to_owned),
        shape: size.map(|(shape, _)| shape_name(shape).to_owned()),
        workers: size.map(|(_, workers)| workers),
        intent: intent.map(str::to_owned),
        by: given.by.clone(),
        reason: given.reason.clone(),
        at: given.at,
        until,
    }
}
