//! One machine: what it was asked to be, and the times at which it changes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use super::{Offer, Refusal, milliseconds};

/// A machine. Its phase follows from its times.
#[derive(Debug, Clone)]
pub struct Machine {
    /// In the order of launches.
    pub number: u64,
    /// The cloud's id for it.
    pub id: String,
    /// Its name there.
    pub name: String,
    /// What of what the market has.
    pub offer: Offer,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// As text.
    pub user_data: String,
    /// The request, to be shown again.
    pub asked: Value,
    /// Its launch token.
    pub token: Option<String>,
    /// What goes with it.
    pub parts: Vec<Part>,
    /// Dollars.
    pub price_per_hour: Decimal,
    /// When it was accepted.
    pub launched_at: Timestamp,
    /// When lists begin to show it.
    pub visible_from: Timestamp,
    /// When it runs; never, for one that is stuck or fails.
    pub runs_at: Option<Timestamp>,
    /// How and when it fails.
    pub fails: Option<Failure>,
    /// When the cloud ends it by itself.
    pub dies_at: Option<Timestamp>,
    /// Since when it is stopped.
    pub stopped_at: Option<Timestamp>,
    /// Its end.
    pub ending: Option<Ending>,
    /// That it is taken back.
    pub notice: Option<Notice>,
    /// Whether a shutdown from inside ends it and not only stops it.
    pub ends_on_shutdown: bool,
}

/// What is made with a machine and costs on its own if it stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// The cloud's id for it.
    pub id: String,
    /// What it is.
    pub kind: PartKind,
    /// Whether it goes when the machine goes.
    pub goes_with_machine: bool,
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartKind {
    /// A network interface.
    Nic,
    /// A disk or volume.
    Disk,
}

/// A launch that comes to nothing later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub refusal: Refusal,
}

/// An end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ending {
    /// When it was ordered.
    pub asked_at: Timestamp,
    /// When it is gone; never, for one that is stuck.
    pub gone_at: Option<Timestamp>,
    /// Whose doing it is.
    pub why: Why,
}

/// Whose doing an end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The API was asked to.
    Ordered,
    /// The cloud took it back.
    Interrupted,
    /// It turned itself off.
    Itself,
    /// It had lived as long as it might.
    Expired,
    /// It never came to be.
    Failed,
}

/// A notice of interruption.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// When it was given.
    pub given_at: Timestamp,
    /// When the machine is taken.
    pub takes_at: Timestamp,
}

/// What a machine is doing; each cloud has its own words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Accepted, does not run yet.
    Starting,
    /// Runs.
    Running,
    /// Turned off, still there.
    Stopped,
    /// Came to nothing, still there (Azure).
    Failed,
    /// On its way out.
    Ending,
    /// Is no more.
    Gone,
}

// === impl Phase ===

impl Phase {
    /// Whether it counts against capacity and quota.
    #[must_use]
    pub fn takes_a_place(self) -> bool {
        matches!(
            self,
            Self::Starting | Self::Running | Self::Stopped | Self::Ending
        )
    }
}

// === impl Machine ===

impl Machine {
    /// What it is doing at `now`.
    #[must_use]
    pub fn phase(&self, now: Timestamp) -> Phase {
        if let Some(ending) = &self.ending {
            let is_gone = ending.gone_at.is_some_and(|gone_at| gone_at <= now);
            return if is_gone { Phase::Gone } else { Phase::Ending };
        }
        if self.fails.as_ref().is_some_and(|fails| fails.at <= now) {
            Phase::Failed
        } else if self.stopped_at.is_some_and(|at| at <= now) {
            Phase::Stopped
        } else if self.runs_at.is_some_and(|at| at <= now) {
            Phase::Running
        } else {
            Phase::Starting
        }
    }

    /// Brings about what was due by `now`.
    pub(super) fn settle(&mut self, now: Timestamp, end_ms: u64, stays_failed: bool) {
        if self.ending.is_some() {
            return;
        }
        let failed = self
            .fails
            .as_ref()
            .filter(|_| !stays_failed)
            .map(|fails| (fails.at, 0, Why::Failed));
        let taken = self
            .notice
            .as_ref()
            .map(|notice| (notice.takes_at, end_ms, Why::Interrupted));
        let died = self.dies_at.map(|at| (at, end_ms, Why::Expired));
        let due = [failed, taken, died].into_iter().flatten();
        if let Some((at, takes_ms, why)) = due.filter(|(at, ..)| *at <= now).min_by_key(|due| due.0)
        {
            self.ending = Some(Ending {
                asked_at: at,
                gone_at: Some(at + milliseconds(takes_ms)),
                why,
            });
        }
    }

    /// Whether a list shows it, and for how long after it is gone.
    pub(super) fn is_listed(&self, now: Timestamp, shown_ms: u64) -> bool {
        let ending = self.ending.as_ref();
        let is_forgotten = ending
            .and_then(|ending| ending.gone_at)
            .is_some_and(|gone_at| gone_at + milliseconds(shown_ms) <= now);
        self.visible_from <= now && !is_forgotten
    }

    /// Parts that exist although the machine does not.
    pub fn orphaned_parts(&self, now: Timestamp) -> impl Iterator<Item = &Part> {
        let is_gone = self.phase(now) == Phase::Gone;
        self.parts
            .iter()
            .filter(move |part| is_gone && !part.goes_with_machine)
    }

    /// Parts that exist.
    pub fn living_parts(&self, now: Timestamp) -> impl Iterator<Item = &Part> {
        let is_gone = self.phase(now) == Phase::Gone;
        self.parts
            .iter()
            .filter(move |part| !is_gone || !part.goes_with_machine)
    }
}
