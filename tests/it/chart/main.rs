//! The Helm chart, its alerts and its dashboards, with the real Helm and the real promtool.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod alerts;
mod helm;
mod metrics;
mod objects;
mod programs;
mod readme;
mod server;
mod values;
