//! Floors and limits at certain times, as written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A time that comes again and again, and what holds meanwhile.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScheduledWindow {
    /// `[a-z0-9-]`, at most 40 characters, no two alike.
    pub name: Option<String>,
    /// When it begins: minute, hour, day of the month, month, day of the week, as `0 8 * * MON-FRI`.
    pub cron: Option<String>,
    /// How long it lasts: `4h`, at most a week.
    #[schemars(regex(pattern = r"^\s*(\d+(\.\d+)?\s*(ms|s|m|h|d)\s*)+$"))]
    pub lasts: Option<String>,
    /// Whose clock that is: `Europe/Berlin`; `UTC` if not given.
    pub time_zone: Option<String>,
    /// Of the base in Kubernetes.
    pub base: Option<ScheduledBase>,
    /// Of what is bought.
    pub burst: Option<ScheduledBurst>,
}

/// What holds for the base meanwhile.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScheduledBase {
    /// At least so many workers, whatever waits.
    pub min: Option<u32>,
}

/// What holds for bought machines meanwhile.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ScheduledBurst {
    /// At least so many workers, whatever waits: the cheapest that can be had within caps and budgets.
    pub min: Option<u32>,
    /// At most so many; those that run when it begins are given back when they are not needed.
    pub max: Option<u32>,
}
