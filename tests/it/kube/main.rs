//! The controller on a real Kubernetes control plane and a real Apache Kafka, with the chart's own rights.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod definitions;
mod leaving;
mod plugin;
mod rights;
mod stories;
mod world;
